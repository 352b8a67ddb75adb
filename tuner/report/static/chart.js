// Charts: drawn by plotly when they come into sight, in the colours of the page.

// plotly.js lies compressed in the page and is unpacked once; the page's policy lets this very script run and no other.
let unpacking = null;
let onPaper = false; // while the page is printed

function plotly() {
  unpacking ||= (async () => {
    const packed = Uint8Array.from(atob(byId("plotly").textContent), (character) => character.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    document.head.append(el("script", {}, await new Response(stream).text()));
  })();
  return unpacking;
}

const waiting = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) paint(entry.target);
}, { rootMargin: "120px" });

// A figure with its title and what it claims; `make` is called for {data, layout} whenever it has to be drawn anew.
function chart(title, note, height = 380) {
  const plot = el("div", { class: "plot", style: `height:${height}px` });
  plot.told = el("p", {}, note);
  const values = el("details", { class: "values" }, el("summary", {}, `Values of ${title}`));
  values.addEventListener("toggle", () => tabulate(values, plot));
  const figure = el("figure", { "aria-label": title }, el("figcaption", {}, el("h2", {}, title), plot.told), plot, values);
  figure.plot = plot;
  return figure;
}

const TABLED = 400; // lines of a chart's table

// The chart in words, for who cannot see it: a row a point.
function tabulate(values, plot) {
  values.querySelector("div")?.remove();
  if (!values.open || !plot.make) return;
  const { data, layout = {} } = plot.make();
  const points = data.filter((trace) => !trace.fill).flatMap((trace) => (trace.type === "heatmap"
    ? trace.y.flatMap((y, row) => trace.x.map((x, column) => [trace.name ?? "", x, y, trace.z[row][column]]))
    : [...trace.x.keys()].filter((i) => trace.x[i] !== null && trace.y[i] !== null).map((i) => [trace.name ?? "", trace.x[i], trace.y[i]])));
  const heads = ["series", layout.xaxis?.title?.text ?? "x", layout.yaxis?.title?.text ?? "y", "value"].slice(0, Math.max(3, points[0]?.length ?? 0));
  values.append(el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": values.textContent },
    el("table", {}, el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, points.slice(0, TABLED).map((point) => el("tr", {}, point.map((value) => el("td", {}, knobText(value))))))),
    points.length > TABLED ? el("p", {}, `The first ${TABLED} of ${points.length} points.`) : null));
}

function draw(figure, make) {
  figure.plot.setAttribute("role", "img");
  figure.plot.setAttribute("aria-label", `${figure.getAttribute("aria-label")}. ${figure.plot.told.textContent} The values are in the table below.`);
  figure.plot.make = make;
  figure.plot.stale = true;
  waiting.unobserve(figure.plot);
  waiting.observe(figure.plot);
}

async function paint(plot) {
  try {
    await plotly();
  } catch {
    plot.textContent = "This browser is too old to unpack the charts; the values are below.";
    return;
  }
  paintNow(plot);
  if (onPaper) paintAll();
}

// For what must be drawn before the next line runs, once plotly is there.
function paintNow(plot) {
  if (!plot.stale) return;
  plot.stale = false;
  const { data, layout = {} } = plot.make();
  const paper = !onPaper ? {} : { width: plot.clientWidth, height: plot.clientHeight };
  Plotly.react(plot, literal(data), { ...themed(literal(layout), plot), ...paper }, { responsive: !paper.width, displayModeBar: false });
  plot.drawn?.();
}

// At once: paper does not wait for a chart to come into sight.
function paintAll() {
  if (!window.Plotly) return;
  for (const plot of document.querySelectorAll(".plot")) if (plot.make && !plot.hidden) paintNow(plot);
}

function repaintAll() {
  for (const plot of document.querySelectorAll(".plot")) {
    if (!plot.make) continue;
    plot.stale = true;
    waiting.unobserve(plot);
    waiting.observe(plot);
  }
}

function resizeIn(panel) {
  for (const plot of panel.querySelectorAll(".plot.js-plotly-plot")) Plotly.Plots.resize(plot);
}

// plotly reads some markup in its labels, so text is escaped; templates are ours, and only they hold markup.
function literal(value, key = "") {
  if (typeof value === "string") {
    return key.endsWith("template") ? value : value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  }
  if (Array.isArray(value)) return value.length && typeof value[0] === "number" ? value : value.map((one) => literal(one, key));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, literal(one, name)]));
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function series() {
  return colour("series").split(" ");
}

function faded(hex, alpha) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return `rgba(${red},${green},${blue},${alpha})`;
}

function blend(from, to, share) {
  const parts = [1, 3, 5].map((at) => {
    const [start, end] = [parseInt(from.slice(at, at + 2), 16), parseInt(to.slice(at, at + 2), 16)];
    return Math.round(start + share * (end - start)).toString(16).padStart(2, "0");
  });
  return `#${parts.join("")}`;
}

function scale() {
  return [[0, colour("low")], [1, colour("high")]];
}

function themed(layout, plot) {
  const axis = { gridcolor: colour("line"), zerolinecolor: colour("line"), linecolor: colour("faint"), automargin: true, exponentformat: "e" };
  const narrow = plot.clientWidth < 560;
  const themedLayout = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", colorway: series(), autosize: true, dragmode: narrow ? false : "zoom",
    font: { color: colour("ink"), size: 12.5, family: getComputedStyle(document.body).fontFamily },
    margin: { l: 56, r: 16, t: 12, b: 44 }, hovermode: "closest",
    hoverlabel: { bgcolor: colour("sheet"), bordercolor: colour("faint"), font: { color: colour("ink") } },
    legend: narrow ? { orientation: "h", y: 1.08, yanchor: "bottom", x: 0 } : { x: 1.01, y: 1 },
    ...layout,
  };
  themedLayout.xaxis = { ...axis, ...layout.xaxis };
  themedLayout.yaxis = { ...axis, ...layout.yaxis };
  return themedLayout;
}
