// The knobs: which mattered, all of them together, and each one against the objective; always at one epoch.

const knobs = {
  id: "knobs", label: "Knobs",

  build(panel) {
    this.select = el("select", { id: "knob-rung", onchange: () => this.redraw() });
    this.tools = el("div", { class: "tools" }, el("label", { for: "knob-rung" }, "Objective at", this.select));
    this.nothing = el("p", { class: "notice" }, "There is nothing to compare yet: no knob varies, or no trial has reached a rung.");
    this.ordered = []; // names of the axes, as the reader wants them
    this.brushed = new Map(); // name of an axis -> [low, high], shares of its length
    this.importance = chart("Importance", "", 300);
    this.parallel = chart("Parallel coordinates", "A line a trial, from grey to orange by the rank of its objective at this epoch. Drag along an axis to "
      + "keep a range of it, its name to move it. The filter of the leaderboard holds here as well and fades the others; `none` is where trials stand that do not have the knob.", 400);
    this.search = el("input", {
      type: "search", id: "parallel-filter", spellcheck: "false", placeholder: "lr<0.01 mode=mix",
      oninput: () => leaderboard.table.ask(this.search.value),
    });
    this.moved = el("select", { id: "parallel-axis" });
    this.clear = el("button", { type: "button", onclick: () => this.brush(null) }, "Clear the ranges");
    this.scroll = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "parallel coordinates" }, this.parallel.plot);
    this.parallel.insertBefore(this.scroll, this.parallel.lastElementChild);
    this.parallel.insertBefore(el("div", { class: "tools" }, el("label", { for: "parallel-filter" }, "Keep", this.search),
      el("label", { for: "parallel-axis" }, "Axis", this.moved),
      el("button", { type: "button", "aria-label": "move the axis to the left", onclick: () => this.move(this.moved.value, -1) }, "←"),
      el("button", { type: "button", "aria-label": "move the axis to the right", onclick: () => this.move(this.moved.value, 1) }, "→"), this.clear), this.scroll);
    handle(this.parallel.plot, this);
    this.together = el("figure", { id: "together", "aria-label": "The two most important knobs together" });
    leaderboard.table.asked = () => {
      state.set({ filter: leaderboard.table.query });
      this.filtered();
    };
    this.grid = el("div", { class: "grid" });
    panel.append(this.nothing, this.tools, this.importance, this.together, this.parallel, this.grid);
  },

  update(content) {
    this.content = content;
    const { rungs, axes, first } = content.knobs;
    const empty = !rungs.length || !axes.length;
    this.nothing.hidden = !empty;
    for (const part of [this.tools, this.importance, this.together, this.parallel, this.grid]) part.hidden = empty;
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
    const explained = Boolean(measured) && measured.r2 > 0;
    this.importance.plot.hidden = !explained;
    this.importance.querySelector("details").hidden = !explained;
    this.together.hidden = !explained || !measured.together;
    if (!this.together.hidden) {
      fill(this.together, el("figcaption", {}, el("h2", {}, "The two most important knobs together"), el("p", {}, togetherNote(measured.together))),
        togetherTable(measured.together));
    }
    if (explained) {
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
    const names = this.content.knobs.axes.map((axis) => axis.name);
    this.ordered = [...this.ordered.filter((name) => names.includes(name)), ...names.filter((name) => !this.ordered.includes(name))];
    const asked = this.moved.value;
    fill(this.moved, this.ordered.map((name) => el("option", { value: name, selected: name === asked }, name)));
    this.clear.hidden = !this.brushed.size;
    draw(this.parallel, () => parallelChart(this.content, rung, chosen, this.ordered, this.brushed));
  },

  move(name, step) {
    const from = this.ordered.indexOf(name);
    const to = Math.min(this.ordered.length - 1, Math.max(0, from + step));
    this.ordered.splice(from, 1);
    this.ordered.splice(to, 0, name);
    this.filtered();
  },

  // Keep a range of an axis; without a range all of it, without a name all of all.
  brush(name, range = null) {
    if (name === null) this.brushed.clear();
    else if (range === null) this.brushed.delete(name);
    else this.brushed.set(name, range);
    this.filtered();
  },
};

function unmeasured({ importance }) {
  if (!importance.length) return "It needs at least ten trials that differ at a rung, and two knobs that were searched.";
  return `It was measured at epoch ${importance.map(({ epoch }) => epoch).join(" and ")}.`;
}

function importanceNote({ trials, r2 }) {
  const trust = r2 > 0 ? `The forest explains ${percent(r2)} of the variance of trials it has not seen.`
    : "";
  if (r2 <= 0) return `A random forest over ${trials} trials explains nothing of trials it has not seen at this epoch, so no importance is shown.`;
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

function togetherNote({ share }) {
  return "What the forest predicts with both knobs set as the cell says, as the mean over the trials (partial dependence). "
    + `${percent(share)} of the variance over the cells is what neither knob does alone (Friedman's H²): `
    + (share > 0.1 ? "the best value of one depends on the other." : "each can be chosen by itself.");
}

// A heat map as a table: its numbers are there for everybody.
function togetherTable({ names, values, means }) {
  const [across, down] = values.map((side) => side.map((value) => (value === null ? "none" : knobText(value))));
  const all = means.flat();
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const cell = (mean) => {
    const share = Math.round((100 * (mean - low)) / (high - low || 1));
    return el("td", { style: `background: color-mix(in srgb, var(--accent) ${0.4 * share}%, var(--sheet)); color: var(--ink)` }, metric(mean));
  };
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "predictions over both knobs" }, el("table", { class: "heat" },
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, `${names[1]} \\ ${names[0]}`), across.map((text) => el("th", { scope: "col" }, text)))),
    el("tbody", {}, means.map((row, at) => el("tr", {}, el("th", { scope: "row" }, down[at]), row.map(cell))))));
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
  return { data, layout: { xaxis: scatterTicks(content, rung, axis, place), yaxis: { title: { text: content.objective.metric } }, margin: { l: 52, r: 8, t: 4, b: 32 } } };
}

// Every category by its name and how many trials have it; numbers at few round places that have room.
function scatterTicks(content, rung, axis, place) {
  if (place) {
    const count = (text) => axis.values.filter((value, i) => value === text && rung.medians[i] !== null).length;
    return {
      tickvals: place.ticks.filter((_, i) => place.texts[i] !== "none"), range: [-0.6, place.range[1] + 0.6], zeroline: false,
      tickmode: "array", tickangle: -35, ticklabeloverflow: "allow", automargin: true,
      ticktext: place.texts.filter((text) => text !== "none").map((text) => `${shortened(text)} (${count(text)})`),
    };
  }
  const distinct = [...new Set(axis.values.filter((value) => value !== null))];
  if (distinct.length <= 6) return { type: axis.log ? "log" : "linear", tickvals: distinct, ticktext: distinct.map(knobText) };
  return axis.log ? { type: "log", dtick: 1 } : { type: "linear", nticks: 5 };
}
