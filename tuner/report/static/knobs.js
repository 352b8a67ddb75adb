// The knobs: which mattered, all of them together, and each one against the objective; always at one epoch.

const SHADES = 8; // colours of the parallel coordinates, each for as many trials

const knobs = {
  id: "knobs", label: "Knobs",

  build(panel) {
    this.select = el("select", { id: "knob-rung", onchange: () => this.redraw() });
    this.tools = el("div", { class: "tools" }, el("label", { for: "knob-rung" }, "Objective at", this.select));
    this.nothing = el("p", { class: "notice" }, "There is nothing to compare yet: no knob varies, or no trial has reached a rung.");
    this.importance = chart("Importance", "", 300);
    this.parallel = chart("Parallel coordinates", "A line a trial, from grey to orange by the rank of its objective at this epoch. The filter of the "
      + "leaderboard holds here as well and fades the others; `none` is where trials stand that do not have the knob.", 400);
    this.search = el("input", {
      type: "search", id: "parallel-filter", spellcheck: "false", placeholder: "lr<0.01 mode=mix",
      oninput: () => leaderboard.table.ask(this.search.value),
    });
    this.scroll = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "parallel coordinates" }, this.parallel.plot);
    this.parallel.append(el("div", { class: "tools" }, el("label", { for: "parallel-filter" }, "Keep", this.search)), this.scroll);
    leaderboard.table.asked = () => this.filtered();
    this.grid = el("div", { class: "grid" });
    panel.append(this.nothing, this.tools, this.importance, this.parallel, this.grid);
  },

  update(content) {
    this.content = content;
    const { rungs, axes, first } = content.knobs;
    const empty = !rungs.length || !axes.length;
    this.nothing.hidden = !empty;
    for (const part of [this.tools, this.importance, this.parallel, this.grid]) part.hidden = empty;
    if (empty) return;
    const chosen = this.select.value === "" ? String(rungs[first].epoch) : this.select.value;
    fill(this.select, rungs.map((rung) => el("option", { value: rung.epoch, selected: String(rung.epoch) === chosen },
      `epoch ${rung.epoch} (${rung.medians.filter((median) => median !== null).length} trials)`)));
    this.redraw();
  },

  redraw() {
    const { content } = this;
    const rung = content.knobs.rungs.find(({ epoch }) => String(epoch) === this.select.value);
    const measured = content.importance.find(({ epoch }) => epoch === rung.epoch);
    this.importance.plot.told.textContent = measured ? importanceNote(measured)
      : unmeasured(content);
    this.importance.plot.hidden = !measured;
    if (measured) {
      this.importance.plot.style.height = `${90 + 30 * measured.knobs.length}px`;
      draw(this.importance, () => importanceChart(measured));
    }
    this.parallel.plot.style.minWidth = `${96 * (content.knobs.axes.length + 1)}px`;
    this.filtered();
    if (this.grid.childElementCount !== content.knobs.axes.length) {
      fill(this.grid, content.knobs.axes.map((axis) => chart(axis.name, "", 250)));
    }
    content.knobs.axes.forEach((axis, at) => draw(this.grid.children[at], () => scatterChart(content, rung, axis)));
  },

  filtered() {
    this.search.value = leaderboard.table.query;
    const rung = this.content.knobs.rungs.find(({ epoch }) => String(epoch) === this.select.value);
    if (!rung) return;
    const chosen = new Set(leaderboard.table.selected().map((row) => row.trial));
    draw(this.parallel, () => parallelChart(this.content, rung, chosen));
  },
};

function unmeasured({ importance }) {
  if (!importance.length) return "It needs at least ten trials that differ at a rung, and two knobs that were searched.";
  return `It was measured at epoch ${importance.map(({ epoch }) => epoch).join(" and ")}.`;
}

function importanceNote({ trials, r2 }) {
  const trust = r2 > 0 ? `The forest explains ${percent(r2)} of the variance of trials it has not seen.`
    : "The forest explains nothing of trials it has not seen: these importances mean nothing.";
  return `Permutation importance in a random forest over ${trials} trials: how much of the variance it no longer explains when a knob's `
    + `values are shuffled among trials it has not seen; bars are medians, whiskers the middle 80 % over folds and shufflings. ${trust}`;
}

function importanceChart({ knobs: measured }) {
  const shown = [...measured].reverse();
  return {
    data: [{
      type: "bar", orientation: "h", y: shown.map((knob) => knob.name), x: shown.map((knob) => knob.median), marker: { color: colour("accent") },
      error_x: {
        type: "data", symmetric: false, array: shown.map((knob) => knob.high - knob.median), arrayminus: shown.map((knob) => knob.median - knob.low),
        thickness: 1.2, width: 4, color: colour("dim"),
      },
      customdata: shown.map((knob) => `${metric(knob.median, 3)} [${metric(knob.low, 3)}, ${metric(knob.high, 3)}]`),
      hovertemplate: "%{y}: %{customdata}<extra></extra>",
    }],
    layout: { xaxis: { title: { text: "loss of explained variance" } }, yaxis: { type: "category" }, margin: { l: 120, r: 16, t: 8, b: 44 } },
  };
}

// Where the values of a knob stand on an axis: {at(value), ticks, texts, range}; trials without the knob below the rest.
function placing(axis) {
  const there = axis.values.filter((value) => value !== null);
  const absent = there.length < axis.values.length;
  let at;
  let marks;
  if (axis.numeric) {
    at = axis.log ? (value) => Math.log10(value) : (value) => value;
    const distinct = [...new Set(there)].sort((a, b) => a - b);
    const [low, high] = [at(distinct[0]), at(distinct.at(-1))];
    marks = distinct.length <= 8 ? distinct : [0, 1, 2, 3, 4].map((i) => low + ((high - low) * i) / 4).map((place) => (axis.log ? 10 ** place : place));
  } else {
    const order = [...new Set(there)].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    at = (value) => order.indexOf(value);
    marks = order;
  }
  const places = marks.map(at);
  const [low, high] = [Math.min(...places), Math.max(...places)];
  const step = (high - low || 1) * (axis.numeric ? 0.15 : 1 / Math.max(1, places.length - 1));
  const bottom = low - step;
  return {
    at: (value) => (value === null ? bottom : at(value)),
    ticks: absent ? [bottom, ...places] : places,
    texts: absent ? ["none", ...marks.map(knobText)] : marks.map(knobText),
    range: low === high && !absent ? [low - 0.5, high + 0.5] : [absent ? bottom : low, high],
  };
}

// Lines between upright axes, drawn as ordinary lines: plotly's own kind needs WebGL, which many machines lack.
function parallelChart(content, rung, chosen) {
  const kept = rung.medians.map((_, i) => i).filter((i) => rung.medians[i] !== null);
  const objective = { name: content.objective.metric, numeric: true, log: false, values: rung.medians };
  const axes = [...content.knobs.axes, objective];
  const places = axes.map((axis) => placing({ ...axis, values: kept.map((i) => axis.values[i]) }));
  const share = (at, value) => (places[at].at(value) - places[at].range[0]) / (places[at].range[1] - places[at].range[0] || 1);
  const better = content.objective.mode === "max" ? 1 : -1;
  const ranked = [...kept].sort((a, b) => better * (rung.medians[a] - rung.medians[b]));
  const bright = ranked.filter((i) => chosen.has(content.knobs.trials[i]));
  const line = (members, name, style) => ({
    type: "scatter", mode: "lines", name, showlegend: false, line: style,
    x: members.flatMap(() => [...axes.keys(), null]), y: members.flatMap((i) => [...axes.map((axis, at) => share(at, axis.values[i])), null]),
    customdata: members.flatMap((i) => [...axes.map((axis) => `trial ${content.knobs.trials[i]}: ${axis.name} ${knobText(axis.values[i])}`), null]),
    hovertemplate: "%{customdata}<extra></extra>",
  });
  const groups = Math.min(SHADES, bright.length);
  const data = [line(ranked.filter((i) => !chosen.has(content.knobs.trials[i])), "others", { width: 1, color: faded(colour("dim"), 0.12) })];
  for (let group = 0; group < groups; group += 1) {
    const members = bright.slice(Math.floor((group * bright.length) / groups), Math.floor(((group + 1) * bright.length) / groups));
    data.push(line(members, `group ${group}`, { width: 1 + (1.5 * group) / groups, color: blend(colour("low"), series()[1], (group + 1) / groups) }));
  }
  const ticks = places.flatMap((place, at) => place.ticks.map((tick, i) => ({
    x: at, y: (tick - place.range[0]) / (place.range[1] - place.range[0] || 1), text: shortened(place.texts[i]), showarrow: false, xanchor: "left", xshift: 3,
    font: { size: 11, color: colour("ink") }, bgcolor: faded(colour("sheet"), 0.75), borderpad: 1,
  })));
  const titles = axes.map((axis, at) => ({
    x: at, y: 1.04, yanchor: "bottom", text: shortened(axis.name), showarrow: false, font: { size: 12.5, color: at === axes.length - 1 ? colour("accent") : colour("ink") },
  }));
  const upright = axes.map((_, at) => ({ type: "line", x0: at, x1: at, y0: 0, y1: 1, line: { width: 1.5, color: colour("faint") } }));
  return {
    data,
    layout: {
      annotations: [...ticks, ...titles], shapes: upright, margin: { l: 30, r: 70, t: 40, b: 16 }, dragmode: false,
      xaxis: { visible: false, range: [-0.1, axes.length - 0.9] }, yaxis: { visible: false, range: [-0.05, 1.12] },
    },
  };
}

function shortened(text) {
  return text.length > 14 ? `${text.slice(0, 13)}…` : text;
}

function scatterChart(content, rung, axis) {
  const place = axis.numeric ? null : placing(axis);
  const rows = new Map(content.trials.rows.map((row) => [row.trial, row]));
  const kinds = [
    ["trial", (row) => !row.best && !row.baseline, { color: faded(colour("accent"), 0.6), size: 7 }],
    ["baseline", (row) => row.baseline && !row.best, { color: colour("base"), size: 11, symbol: "diamond" }],
    ["best", (row) => row.best, { color: colour("good"), size: 12, symbol: "star" }],
  ];
  const jitter = (trial) => (((trial * 7919) % 97) / 97 - 0.5) * 0.3;
  const data = kinds.map(([name, belongs, marker]) => {
    const kept = content.knobs.trials.map((_, i) => i)
      .filter((i) => rung.medians[i] !== null && axis.values[i] !== null && belongs(rows.get(content.knobs.trials[i])));
    return {
      type: "scatter", mode: "markers", name, marker, showlegend: false,
      x: kept.map((i) => (place ? place.at(axis.values[i]) + jitter(content.knobs.trials[i]) : axis.values[i])), y: kept.map((i) => rung.medians[i]),
      customdata: kept.map((i) => `trial ${content.knobs.trials[i]}: ${knobText(axis.values[i])}`), hovertemplate: "%{customdata}<br>%{y:.4f}<extra></extra>",
    };
  });
  const ticks = place ? { tickvals: place.ticks, ticktext: place.texts, range: [-0.6, place.range[1] + 0.6], zeroline: false } : { type: axis.log ? "log" : "linear" };
  return { data, layout: { xaxis: ticks, yaxis: { title: { text: content.objective.metric } }, margin: { l: 52, r: 8, t: 4, b: 32 } } };
}
