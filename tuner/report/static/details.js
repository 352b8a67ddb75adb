// The family's own panel, published figures, failures, and the manifest.

const family = {
  id: "family", label: "Family",
  present: (content) => content.panel !== null,
  title: (content) => content.panel.title,

  build(panel) {
    this.panel = panel;
  },

  update(content) {
    const { figures } = content.panel;
    if (this.panel.childElementCount !== figures.length) {
      fill(this.panel, figures.map((figure) => chart(figure.title, "", 420)));
    }
    figures.forEach((figure, at) => {
      const node = this.panel.children[at];
      node.plot.told.textContent = figure.note;
      node.plot.hidden = !figure.data.length;
      if (figure.data.length) draw(node, () => ({ data: figure.data.map(shaded), layout: { ...figure.layout, showlegend: figure.data.length > 1 } }));
    });
  },
};

function shaded(trace) {
  return trace.type === "heatmap" ? { ...trace, colorscale: scale() } : trace;
}

const published = {
  id: "published", label: "Published",
  present: (content) => content.published.length > 0,
  count: (content) => content.published.length,

  build(panel) {
    this.protocol = el("p");
    this.figure = chart("Ours beside the published figures", "", 360);
    this.table = new Table("published", PUBLISHED_COLUMNS, { trial: (row) => row.trial });
    panel.append(el("section", {}, this.protocol, this.table.node), this.figure);
  },

  update(content) {
    const { budget, replicates } = content;
    this.protocol.textContent = `${content.lines[0]}; ours after ${budget} epochs with ${replicates} replicates, each figure read by the rule it was published by.`;
    this.table.update(content.published);
    const compared = content.published.filter((row) => row.median !== null);
    this.figure.hidden = !compared.length;
    this.figure.plot.told.textContent = "On the line ours equals the published figure; whiskers are the extremes of the replicates.";
    if (compared.length) draw(this.figure, () => publishedChart(compared));
  },
};

const PUBLISHED_COLUMNS = [
  { name: "configuration", kind: "text", style: "long", value: (row) => row.configuration },
  { name: "metric", kind: "text", value: (row) => row.metric },
  { name: "published", kind: "number", value: (row) => row.published, show: (row) => metric(row.published) },
  { name: "ours", kind: "number", title: "Median over the replicates", value: (row) => row.median, show: (row) => metric(row.median) },
  { name: "[min, max]", kind: "number", value: (row) => row.low, show: (row) => spread(row.low, row.high) },
  { name: "difference", kind: "number", title: "Ours less published", value: (row) => row.difference, show: (row) => metric(row.difference) },
  { name: "epoch", kind: "number", value: (row) => row.epoch },
  { name: "read at", kind: "text", value: (row) => row.rule },
  { name: "trial", kind: "number", value: (row) => row.trial, text: (row) => row.trial, show: (row) => (row.trial === null ? MISSING : trialLink(row.trial)) },
  { name: "source", kind: "text", style: "long", value: (row) => row.source },
];

function publishedChart(rows) {
  const names = [...new Set(rows.map((row) => row.metric))];
  const all = rows.flatMap((row) => [row.published, row.low, row.high]);
  const ends = [Math.min(...all), Math.max(...all)];
  const data = names.map((name) => {
    const own = rows.filter((row) => row.metric === name);
    return {
      type: "scatter", mode: "markers", name, x: own.map((row) => row.published), y: own.map((row) => row.median), marker: { size: 9 },
      error_y: { type: "data", symmetric: false, array: own.map((row) => row.high - row.median), arrayminus: own.map((row) => row.median - row.low), thickness: 1 },
      customdata: own.map((row) => row.configuration), hovertemplate: "%{customdata}<br>published %{x:.4f}, ours %{y:.4f}<extra></extra>",
    };
  });
  data.unshift({ type: "scatter", mode: "lines", name: "equal", x: ends, y: ends, hoverinfo: "skip", line: { color: colour("faint"), dash: "dot" } });
  return { data, layout: { xaxis: { title: { text: "published" } }, yaxis: { title: { text: "ours" } } } };
}

const failures = {
  id: "failures", label: "Failures",
  count: (content) => content.failures.length,

  build(panel) {
    this.table = new Table("failures", [
      { name: "trial", kind: "number", value: (row) => row.trial, text: (row) => row.trial, show: (row) => trialLink(row.trial) },
      { name: "replicate", kind: "number", value: (row) => row.replicate },
      { name: "epoch", kind: "number", value: (row) => row.epoch },
      { name: "kind", kind: "text", value: (row) => row.kind },
      { name: "first error line", kind: "text", style: "long", value: (row) => row.message },
    ], { trial: (row) => row.trial });
    this.none = el("p", {}, "Nothing failed: no replicate was lost and no worker died.");
    this.section = el("section", {}, this.table.node);
    panel.append(this.none, this.section);
  },

  update(content) {
    this.none.hidden = content.failures.length > 0;
    this.section.hidden = content.failures.length === 0;
    this.table.update(content.failures);
  },
};

const manifest = {
  id: "manifest", label: "Manifest",

  build(panel) {
    this.sessions = new Table("sessions", [
      { name: "started", kind: "text", value: (row) => moment(1000 * row.started) },
      { name: "lasted", kind: "number", value: (row) => row.seconds, show: (row) => duration(row.seconds) },
      { name: "epochs", kind: "number", value: (row) => row.epochs },
      { name: "host", kind: "text", value: (row) => row.host },
      { name: "outcome", kind: "text", value: (row) => row.outcome },
    ], { filter: false });
    this.text = el("pre");
    panel.append(el("section", {}, el("h2", {}, "Sessions"), this.sessions.node), el("section", {}, el("h2", {}, "What was launched"), this.text));
  },

  update(content) {
    this.sessions.update(content.sessions);
    this.text.textContent = content.manifest;
  },
};
