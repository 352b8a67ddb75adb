// Several searches beside each other: what each found, what it cost to get there, and the configurations that two of them share.

const compared = JSON.parse(byId("content").textContent);
const axis = el("select", { id: "cost-axis", onchange: () => drawSteps() },
  el("option", { value: "0" }, "replicate-epochs"), el("option", { value: "1" }, `hours (${[...new Set(compared.searches.map((one) => one.unit))].join(", ")})`));
const stepsFigure = chart("Best median against what it cost", "", 400);
const bandsFigure = chart("Winners and their seeds", "", 110 + 56 * compared.searches.length);

function start() {
  const side = compared.mode === "max" ? "larger" : "smaller";
  byId("objective").textContent = `${compared.metric} (${side} is better); every number is a median over seeds`;
  byId("comparison").append(
    el("section", {}, el("h2", {}, "Winners"), winners().node),
    bandsFigure,
    el("div", { class: "tools" }, el("label", { for: "cost-axis" }, "Cost in", axis)), stepsFigure,
    el("section", {}, el("h2", {}, "Cost to reach"), el("p", { class: "dim" },
      "What a whole search had spent when a median of it was first that good, at any epoch of any trial."), reaching().node),
    ...compared.pairs.map(shared));
  byId("all").href = withToken("/");
  byId("theme").addEventListener("click", () => {
    colours(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    state.set({ theme: document.documentElement.dataset.theme });
  });
  const preferred = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  bandsFigure.plot.told.textContent = `Median ${compared.metric} of each winner, with a bar from its smallest to its largest seed, `
    + "where it was compared; squares: the same trial on fresh seeds, where it was confirmed; crosses: the baseline.";
  draw(bandsFigure, bandsChart);
  drawSteps();
  colours(["dark", "light"].find((theme) => theme === state.get("theme")) || preferred);
}

function drawSteps() {
  const hours = axis.value === "1";
  stepsFigure.plot.told.textContent = `The best median so far against all ${hours ? "hours of processors" : "replicate-epochs"} that the search had spent, to its end. `
    + "The figures of the winners stand in the table below.";
  draw(stepsFigure, () => stepsChart(Number(axis.value)));
}

function trialAt(search, trial) {
  return trial === null ? MISSING : el("a", { href: `${withToken(`/search/${encodeURIComponent(search)}/`)}#trial=${trial}` }, String(trial));
}

function filledTable(name, columns, rows) {
  const table = new Table(name, columns, { filter: false });
  table.update(rows);
  return table;
}

// Its best trial; all unknown where no trial is valid.
function best(search) {
  return search.winner ?? { trial: null, median: null, low: null, high: null, epoch: null, baseline: null };
}

function winners() {
  return filledTable("winners", [
    { name: "search", kind: "text", value: (row) => row.name, show: (row) => el("a", { href: withToken(`/search/${encodeURIComponent(row.name)}/`) }, row.name) },
    { name: "family", kind: "text", value: (row) => `${row.family} ${row.space}` },
    { name: "trials", kind: "number", value: (row) => row.trials },
    { name: "winner", kind: "number", title: "Its best trial at the highest rung", value: (row) => best(row).trial, show: (row) => trialAt(row.name, best(row).trial) },
    { name: "epoch", kind: "number", value: (row) => best(row).epoch },
    { name: "median", kind: "number", value: (row) => best(row).median, show: (row) => metric(best(row).median) },
    { name: "[min, max]", kind: "number", value: (row) => best(row).low, show: (row) => spread(best(row).low, best(row).high) },
    { name: "fresh seeds", title: "Median of the winner where it was confirmed", kind: "number", value: (row) => row.fresh_seeds?.median ?? null, show: ({ fresh_seeds: fresh }) => (fresh === null ? MISSING : `${metric(fresh.median)} ${spread(fresh.low, fresh.high)}`) },
    { name: "baseline", title: "The baseline's median at the winner's epoch", kind: "number", value: (row) => best(row).baseline, show: (row) => metric(best(row).baseline) },
    { name: "replicate-epochs", kind: "number", value: (row) => row.replicate_epochs },
    { name: "cost", kind: "number", value: (row) => row.hours, show: (row) => `${hours(row.hours)} ${row.unit}` },
  ], compared.searches);
}

function reaching() {
  return filledTable("levels", [
    { name: compared.metric, kind: "number", value: (row) => row.median, show: (row) => metric(row.median) },
    { name: "the best of", kind: "text", value: (row) => row.of },
    ...compared.searches.map((search, at) => ({
      name: search.name, kind: "number", value: (row) => row.costs[at]?.replicate_epochs ?? null,
      show: (row) => (row.costs[at] ? `${row.costs[at].replicate_epochs} replicate-epochs, ${hours(row.costs[at].hours)} ${search.unit}` : "never"),
    })),
  ], compared.to_reach);
}

function shared(pair, number) {
  const title = el("h2", {}, `Configurations that ${pair.a} and ${pair.b} have in common`);
  if (pair.nothing) return el("section", {}, title, el("p", {}, pair.nothing));
  const said = [
    `${pair.rows.length} in common, ${pair.only_a} only in ${pair.a}, ${pair.only_b} only in ${pair.b}; medians at the last epoch that both recorded.`,
    pair.median_difference === null ? "" : `${pair.b} is better in ${pair.better}; the median difference is ${pair.median_difference.toFixed(4)}.`,
    pair.paired ? "* separated by the paired seeds (sign test), each pair by itself." : "The seeds are not the same, so nothing is said of single configurations.",
    pair.same_data ? "" : "The data differ: their fingerprints are not the same.",
  ].filter(Boolean).join(" ");
  const side = (letter, name) => [
    { name: `trial ${name}`, kind: "number", value: (row) => row[letter].trial, show: (row) => trialAt(name, row[letter].trial) },
    { name: `median ${name}`, kind: "number", value: (row) => row[letter].median, show: (row) => metric(row[letter].median) },
    { name: `[min, max] ${name}`, kind: "number", value: (row) => row[letter].low, show: (row) => spread(row[letter].low, row[letter].high) },
  ];
  return el("section", {}, title, el("p", { class: "dim" }, said), filledTable(`shared-${number}`, [
    { name: "epoch", kind: "number", value: (row) => row.epoch }, ...side("a", pair.a), ...side("b", pair.b),
    { name: "difference", kind: "number", value: (row) => row.difference, show: (row) => (row.difference === null ? MISSING : `${row.difference > 0 ? "+" : ""}${row.difference.toFixed(4)}${row.separated ? "*" : ""}`) },
    ...pair.knobs.map((name, at) => ({ name, kind: "text", style: "knob", value: (row) => row.knobs[at] })),
  ], pair.rows).node);
}

function stepsChart(byHours) {
  const tones = series();
  const cost = byHours ? "hours" : "replicate_epochs";
  const data = compared.searches.map((search, i) => {
    const steps = search.steps;
    return {
      type: "scatter", mode: "lines+markers", name: search.name, line: { shape: "hv", width: 2.2, color: tones[i % tones.length] },
      marker: { size: steps.map(() => 6).concat(0) }, x: [...steps.map((step) => step[cost]), search[cost]],
      y: [...steps.map((step) => step.median), steps.length ? steps.at(-1).median : null],
      customdata: [...steps.map((step) => `trial ${step.trial} at epoch ${step.epoch}`), "its end"],
      hovertemplate: `${"%{customdata}"}: %{y:.4f} after %{x:.4g}<extra></extra>`,
    };
  });
  return { data, layout: { xaxis: { title: { text: byHours ? "hours of processors" : "replicate-epochs" }, rangemode: "tozero" }, yaxis: { title: { text: compared.metric } } } };
}

function bandsChart() {
  const rows = [...compared.searches].reverse().filter((row) => best(row).median !== null);
  const names = rows.map((row) => row.name);
  // `of` says {median, low, high} of a search; without extremes it is a mark alone.
  const bar = (name, of, symbol, tone, shift) => {
    const there = rows.map((row, at) => ({ at: at + shift, name: row.name, ...of(row) })).filter(({ median }) => median !== null && median !== undefined);
    return {
      type: "scatter", mode: "markers", name, x: there.map(({ median }) => median), y: there.map(({ at }) => at), marker: { symbol, size: 10, color: tone },
      customdata: there.map((one) => one.name), hovertemplate: `%{customdata}, ${name}: %{x:.4f}<extra></extra>`,
      ...(there.some(({ low }) => low !== undefined) ? { error_x: {
        type: "data", symmetric: false, thickness: 1.4, array: there.map(({ median, high }) => high - median), arrayminus: there.map(({ median, low }) => median - low),
      } } : {}),
    };
  };
  return {
    data: [
      bar("winner", best, "circle", colour("accent"), 0.12), bar("fresh seeds", (row) => row.fresh_seeds, "square", colour("good"), -0.12),
      bar("baseline", (row) => ({ median: best(row).baseline }), "x", colour("base"), 0),
    ],
    layout: {
      xaxis: { title: { text: compared.metric } }, yaxis: { tickvals: names.map((_, at) => at), ticktext: names, range: [-0.6, rows.length - 0.4], zeroline: false },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, margin: { l: 90, r: 16, t: 44, b: 44 },
    },
  };
}

function colours(theme) {
  document.documentElement.dataset.theme = theme;
  byId("theme").textContent = theme === "dark" ? "Light" : "Dark";
  byId("theme").setAttribute("aria-label", `${theme === "dark" ? "light" : "dark"} colours`);
  repaintAll();
}

start();
