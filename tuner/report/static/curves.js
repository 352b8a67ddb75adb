// Learning curves: a band over the replicates for the trials that matter, the others as thin lines, the rungs drawn.

const BANDS = 6; // trials that are highlighted when the reader has picked none

const curves = {
  id: "curves", label: "Curves",

  build(panel) {
    this.select = el("select", { id: "curve-metric", onchange: () => this.redraw() });
    this.figure = chart("Learning curves", "", 520);
    this.rule = el("p", { class: "dim" });
    this.nothing = el("p", { class: "notice" }, "No trial has reported an epoch yet.");
    const asked = (key, values) => el("select", { id: `curve-${key}`, onchange: (event) => {
      state.set({ [key]: event.target.value === values[0] ? "" : event.target.value });
      this.redraw();
    } }, values.map((value) => el("option", {}, value)));
    this.by = asked("by", ["epochs", "seconds"]);
    this.axis = asked("axis", ["linear", "log"]);
    this.others = asked("others", ["shown", "hidden"]);
    panel.append(this.nothing, el("div", { class: "tools" }, el("label", { for: "curve-metric" }, "Metric", this.select),
      el("label", { for: "curve-by" }, "By", this.by), el("label", { for: "curve-axis" }, "Axis", this.axis),
      el("label", { for: "curve-others" }, "Other trials", this.others)), this.figure, this.rule);
    this.figure.plot.drawn = () => follow(this.figure.plot);
  },

  // What of it stands in the address.
  restore() {
    for (const key of ["by", "axis", "others"]) {
      const asked = state.get(key);
      this[key].value = [...this[key].options].some((option) => option.value === asked) ? asked : this[key].options[0].value;
    }
    this.update(current);
  },

  update(content) {
    this.content = content;
    const chosen = this.select.value;
    fill(this.select, content.curves.map(({ metric: name }) => el("option", { value: name, selected: name === chosen }, name)));
    this.nothing.hidden = content.curves.length > 0;
    this.figure.hidden = content.curves.length === 0;
    this.redraw();
  },

  redraw() {
    const shown = this.content.curves.find(({ metric: name }) => name === this.select.value);
    if (!shown) return;
    const bright = highlighted(this.content, shown);
    const picked = pinned.size ? "the trials picked on the leaderboard" : `the best ${BANDS} and the baseline (pick others on the leaderboard)`;
    this.figure.plot.told.textContent = `Median ${shown.metric} with a band from the smallest to the largest replicate, for ${picked}; `
      + "all others as thin lines. A cross is where a trial was stopped; dotted lines are the rungs." + (innerWidth < 600 ? "" : " Drag sideways to look closer (the other axis follows), double-click to go back.");
    this.rule.textContent = shown.stride === 1 ? "Every recorded epoch is drawn."
      : `Thinned for size: of each trial the first and the last epoch, the rungs and every ${shown.stride}th epoch are drawn.`;
    draw(this.figure, () => curveChart(this.content, shown, bright, { by: this.by.value, axis: this.axis.value, others: this.others.value }));
  },
};

function highlighted(content, shown) {
  const ranked = content.trials.rows.filter((row) => shown.trials[row.trial]);
  if (pinned.size) return ranked.filter((row) => pinned.has(row.trial)).slice(0, 24);
  return ranked.filter((row, at) => at < BANDS || row.baseline);
}

function curveChart(content, shown, bright, asked) {
  const timed = asked.by === "seconds";
  const where = (trial) => (timed ? shown.seconds[trial] ?? shown.trials[trial].epochs.map(() => null) : shown.trials[trial].epochs);
  const data = [];
  const colours = series();
  const ends = { x: [], y: [], customdata: [] };
  const rest = { x: [], y: [] };
  const special = new Set(bright.map((row) => row.trial));
  for (const row of content.trials.rows) {
    const curve = shown.trials[row.trial];
    if (!curve) continue;
    const spots = where(row.trial);
    if (!special.has(row.trial)) {
      if (asked.others === "hidden") continue;
      rest.x.push(...spots, null);
      rest.y.push(...curve.medians, null);
    }
    if (row.status === "stopped") {
      ends.x.push(spots.at(-1));
      ends.y.push(curve.medians.at(-1));
      ends.customdata.push(`trial ${row.trial}: ${row.reason}`);
    }
  }
  if (rest.x.length) {
    data.push({ type: "scatter", mode: "lines", name: "others", ...rest, line: { width: 1, color: faded(colour("dim"), 0.35) }, hoverinfo: "skip" });
  }
  bright.forEach((row, at) => {
    const curve = shown.trials[row.trial];
    const spots = where(row.trial);
    const tone = row.baseline ? colour("base") : colours[at % colours.length];
    const name = `trial ${row.trial}${row.baseline ? " (baseline)" : ""}`;
    const there = curve.epochs.map((_, i) => i).filter((i) => curve.lows[i] !== null && curve.highs[i] !== null);
    const backwards = [...there].reverse();
    data.push({
      type: "scatter", mode: "lines", fill: "toself", fillcolor: faded(tone, 0.14), line: { width: 0 }, hoverinfo: "skip",
      x: [...there, ...backwards].map((i) => spots[i]), showlegend: false, legendgroup: name,
      y: [...there.map((i) => curve.highs[i]), ...backwards.map((i) => curve.lows[i])],
    });
    data.push({
      type: "scatter", mode: curve.epochs.length > 40 ? "lines" : "lines+markers", name, legendgroup: name,
      x: spots, y: curve.medians, marker: { size: 5 }, line: { width: 2, color: tone, dash: row.baseline ? "dash" : "solid" },
      customdata: curve.epochs.map((epoch, i) => [epoch, spread(curve.lows[i], curve.highs[i])]),
      hovertemplate: `trial ${row.trial}, epoch %{customdata[0]}: %{y:.4f} %{customdata[1]}<extra></extra>`,
    });
  });
  if (ends.x.length) {
    data.push({
      type: "scatter", mode: "markers", name: "stopped here", ...ends, hovertemplate: "%{customdata}<extra></extra>",
      marker: { symbol: "x", size: 7, color: faded(colour("bad"), 0.75) },
    });
  }
  const rungs = (timed ? [] : content.rungs).map((rung) => ({
    type: "line", x0: rung, x1: rung, yref: "paper", y0: 0, y1: 1, line: { width: 1, dash: "dot", color: colour("faint") },
  }));
  const named = apart(timed ? [] : content.rungs, content.budget / 14).map((rung) => ({
    x: rung, yref: "paper", y: 1, yanchor: "bottom", text: `rung ${rung}`, showarrow: false, font: { size: 11, color: colour("dim") },
  }));
  return {
    data,
    layout: {
      shapes: rungs, annotations: named, margin: { l: 56, r: 16, t: 28, b: 44 },
      xaxis: timed ? { title: { text: "seconds of training" }, rangemode: "tozero" } : { title: { text: "epoch" }, range: [0, content.budget * 1.02] },
      yaxis: { title: { text: shown.metric }, type: asked.axis },
    },
  };
}

// Looking closer along x alone, the y axis follows: it holds what is shown there, hidden curves left out.
function follow(plot) {
  plot.removeAllListeners?.("plotly_relayout");
  plot.on("plotly_relayout", (change) => {
    const from = change["xaxis.range[0]"];
    if (from === undefined || change["yaxis.range[0]"] !== undefined) return;
    const range = heights(plot.data, Number(from), Number(change["xaxis.range[1]"]), plot.layout.yaxis.type === "log");
    if (range) Plotly.relayout(plot, { "yaxis.range[0]": range[0], "yaxis.range[1]": range[1] });
  });
}

function heights(data, left, right, log) {
  const seen = data.filter((trace) => trace.visible !== "legendonly").flatMap((trace) => trace.y.filter((y, i) => (
    y !== null && trace.x[i] !== null && trace.x[i] >= left && trace.x[i] <= right && (!log || y > 0))));
  if (!seen.length) return null;
  const [low, high] = [Math.min, Math.max].map((pick) => seen.reduce((a, b) => pick(a, b))).map((y) => (log ? Math.log10(y) : y));
  const room = (high - low || Math.abs(high) || 1) * 0.05;
  return [low - room, high + room];
}

// The rungs that have room for their names, from the last one down.
function apart(rungs, gap) {
  const kept = [];
  for (const rung of [...rungs].reverse()) if (!kept.length || kept.at(-1) - rung >= gap) kept.push(rung);
  return kept;
}
