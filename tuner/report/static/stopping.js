// Early stopping: who passed which rung, every decision with its reason, and what it saved.

const stopping = {
  id: "stopping", label: "Early stopping",

  build(panel) {
    this.told = el("section");
    this.funnel = chart("Trials at each rung", "Of the trials that entered a rung: kept, stopped, lost (diverged or failed), waiting.", 320);
    this.cuts = chart("Decisions", "Each trial's median at a rung in the order of arrival, and the cutoff it met. "
      + "Hollow: a cut within the seed noise, where the largest replicate reached the cutoff.", 320);
    this.rungs = new Table("rungs", RUNG_COLUMNS, { filter: false });
    this.decisions = new Table("decisions", DECISION_COLUMNS, { trial: (row) => row.trial });
    panel.append(this.told, el("div", { class: "columns" }, this.cuts, this.funnel),
      el("section", {}, el("h2", {}, "Rungs"), this.rungs.node), el("section", {}, el("h2", {}, "Every decision"), this.decisions.node));
  },

  update(content) {
    const { stopping: shown, cost } = content;
    const stopped = shown.rungs.reduce((sum, rung) => sum + rung.stopped, 0);
    const share = shown.full_replicate_epochs ? 1 - shown.replicate_epochs / shown.full_replicate_epochs : 0;
    const side = content.objective.mode === "max" ? "largest" : "smallest";
    fill(this.told,
      el("p", { id: "spent" }, `${shown.replicate_epochs} `, term("replicate-epoch", "replicate-epochs"), ` were trained, of ${shown.full_replicate_epochs} had the same trials `
        + `run to the full budget: ${percent(share)} ${shown.saved === null ? "not trained so far" : "saved"}.`),
      el("p", {}, `${hours(cost.spent)} ${cost.unit} were spent and ${hours(cost.saved)} saved, of ${hours(cost.full)} for running everything.`),
      el("p", { id: "noisy" }, shown.cuts ? `${shown.noisy} of ${shown.cuts} cuts lay within the seed noise: the ${side} replicate of the trial reached the cutoff, `
        + "so another draw of seeds might have let it pass." : stopped ? "" : "No trial was cut."));
    const waits = shown.rungs.some((rung) => rung.waiting);
    this.rungs.update(shown.rungs, RUNG_COLUMNS.filter((column) => waits || column.name !== "waiting"));
    const bracketed = shown.decisions.some((decision) => decision.bracket !== null);
    this.decisions.update(shown.decisions, DECISION_COLUMNS.filter((column) => bracketed || column.name !== "bracket"));
    draw(this.funnel, () => funnelChart(shown));
    draw(this.cuts, () => cutChart(content));
  },
};

const RUNG_COLUMNS = [
  { name: "rung", kind: "number", value: (row) => row.epoch },
  { name: "entered", kind: "number", value: (row) => row.entered },
  { name: "kept", kind: "number", value: (row) => row.kept },
  { name: "stopped", kind: "number", value: (row) => row.stopped },
  { name: "lost", kind: "number", title: "Diverged or failed there", value: (row) => row.lost },
  { name: "waiting", kind: "number", title: "Until better evidence lets them go on", value: (row) => row.waiting },
  { name: "cutoff", kind: "number", title: "The last cutoff that decided there", value: (row) => row.cutoff, show: (row) => metric(row.cutoff) },
  { name: "within seed noise", kind: "number", title: "Cuts whose cutoff a replicate of the trial reached", value: (row) => row.noisy },
];

const DECISION_COLUMNS = [
  { name: "trial", kind: "number", value: (row) => row.trial, text: (row) => row.trial, show: (row) => trialLink(row.trial) },
  { name: "rung", kind: "number", value: (row) => row.rung },
  { name: "bracket", kind: "text", title: "Compared only within it", value: (row) => row.bracket },
  { name: "median", kind: "number", value: (row) => row.value, show: (row) => metric(row.value) },
  { name: "[min, max]", kind: "number", value: (row) => row.low, show: (row) => spread(row.low, row.high) },
  { name: "cutoff", kind: "number", value: (row) => row.cutoff, show: (row) => metric(row.cutoff) },
  {
    name: "action", kind: "text", value: (row) => row.action, text: (row) => `${row.action}${row.noisy ? " seed noise" : ""}`,
    show: (row) => [row.action, row.noisy ? el("span", { class: "mark noisy" }, "seed noise") : ""],
  },
  { name: "reason", kind: "text", style: "long", value: (row) => row.reason },
];

function funnelChart({ rungs }) {
  const names = rungs.map((rung) => `rung ${rung.epoch}`);
  const part = (key, tone) => ({
    type: "bar", name: key, x: names, y: rungs.map((rung) => rung[key]), marker: { color: colour(tone) },
    hovertemplate: `%{x}: %{y} ${key}<extra></extra>`,
  });
  return {
    data: [part("kept", "good"), part("stopped", "warn"), part("lost", "bad"), ...(rungs.some((rung) => rung.waiting) ? [part("waiting", "faint")] : [])],
    layout: { barmode: "stack", xaxis: { type: "category" }, yaxis: { title: { text: "trials" } }, legend: { orientation: "h", y: 1.02, yanchor: "bottom" } },
  };
}

function cutChart({ stopping: { decisions, rungs }, objective }) {
  const data = [];
  const colours = series();
  rungs.forEach((rung, at) => {
    const there = decisions.filter((decision) => decision.rung === rung.epoch);
    if (!there.length) return;
    const tone = colours[at % colours.length];
    const name = `rung ${rung.epoch}`;
    const order = there.map((_, position) => position + 1);
    data.push({
      type: "scatter", mode: "markers", name, legendgroup: name, x: order, y: there.map((decision) => decision.value),
      customdata: there.map((decision) => `trial ${decision.trial}: ${decision.reason}`), hovertemplate: "%{customdata}<extra></extra>",
      marker: {
        color: tone, size: 8, line: { width: 1.5, color: tone },
        symbol: there.map((decision) => (decision.action === "stop" ? (decision.noisy ? "x-open" : "x") : "circle")),
      },
    });
    data.push({
      type: "scatter", mode: "lines", name: `cutoff of ${name}`, legendgroup: name, showlegend: false, x: order, y: there.map((decision) => decision.cutoff),
      line: { color: tone, width: 1.5, shape: "hv", dash: "dot" }, hovertemplate: "cutoff %{y:.4f}<extra></extra>",
    });
  });
  return {
    data,
    layout: {
      xaxis: { title: { text: "order of arrival at the rung" } }, yaxis: { title: { text: objective.metric } },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom" },
    },
  };
}
