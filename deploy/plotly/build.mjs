// Make tuner/report/static/plotly.js.gz anew: of plotly.js only what the report draws, scatter, bar and heat map.
//
//     make plotly        (needs Node.js and the npm registry; the result is committed, nothing runs it later)
//
// The licences of all packages that end up in the bundle are written beside it.

import { readFileSync, writeFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "../../tuner/report/static");
const bundled = await build({
  stdin: {
    resolveDir: here,
    contents: `
      const Plotly = require("plotly.js/lib/core");
      Plotly.register([require("plotly.js/lib/bar"), require("plotly.js/lib/heatmap")]);
      module.exports = Plotly;`,
  },
  bundle: true, minify: true, write: false, metafile: true, format: "iife", globalName: "Plotly", charset: "utf8",
  define: { global: "window" }, legalComments: "none", loader: { ".css": "empty" }, absWorkingDir: here,
});
const [script] = bundled.outputFiles;
writeFileSync(join(target, "plotly.js.gz"), gzipSync(script.contents, { level: 9 }));

const packages = new Set();
for (const [path, { bytesInOutput }] of Object.entries(Object.values(bundled.metafile.outputs)[0].inputs)) {
  const found = path.match(/^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//);
  if (found && bytesInOutput) packages.add(found[1]);
}
const licences = [...packages].sort().map((folder) => {
  const { name, version, license } = JSON.parse(readFileSync(join(here, folder, "package.json")));
  const file = readdirSync(join(here, folder)).find((one) => /^licen[cs]e/i.test(one));
  const text = file ? readFileSync(join(here, folder, file), "utf8").trim() : "";
  return `${name} ${version}, ${license}\n\n${text}`.trim();
});
writeFileSync(join(target, "plotly.LICENSES.txt"), licences.join(`\n\n${"-".repeat(80)}\n\n`) + "\n");
console.log(`${script.contents.length} bytes of plotly.js from ${packages.size} packages`);
