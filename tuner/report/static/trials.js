// The leaderboard.

const leaderboard = {
  id: "leaderboard", label: "Leaderboard",

  build(panel) {
    this.table = new Table("leaderboard", [], {
      rowClass: rowClass, trial: (row) => row.trial, tools: true, kept: (row) => pinned.has(row.trial),
    });
    this.table.chose = () => state.set({ hide: [...this.table.hidden].join(",") });
    this.beside = el("p", { class: "dim", id: "beside-picked" });
    this.legend = el("ul", { class: "legend" });
    panel.append(el("section", {}, this.beside, this.table.node, this.legend));
  },

  // What of it stands in the address.
  restore() {
    this.table.hidden = new Set(state.get("hide").split(",").filter(Boolean));
    pinned.clear();
    for (const trial of state.get("pins").split(",").filter(Boolean)) pinned.add(Number(trial));
    this.update(current);
    this.table.ask(state.get("filter"));
  },

  update(content) {
    this.table.update(content.trials.rows, trialColumns(content));
    this.offer();
    fill(this.legend, content.trials.legend.map((line) => el("li", {}, line)));
  },

  // The way to the picked trials side by side, where that many fit.
  offer() {
    const picked = [...pinned].sort((a, b) => a - b);
    fill(this.beside, picked.length < 2 ? "A row opens the page of its trial; pick two to four to see them side by side."
      : picked.length > MOST ? `Side by side go at most ${MOST} trials; ${picked.length} are picked.`
        : besideLink(picked, `Side by side: trials ${picked.join(", ")}`));
  },

  count: (content) => content.trials.rows.length,
};

function rowClass(row) {
  return [row.best ? "best" : row.baseline ? "baseline" : "", row.rank === null ? "invalid" : ""].join(" ").trim();
}

function trialColumns({ trials, objective }) {
  const number = (name, title, value, show, hint) => ({ name, title, kind: "number", value, show, hint });
  const columns = [
    {
      name: "#", title: "Rank: by the highest rung reached, then by the median", kind: "number", style: "rank",
      value: (row) => row.rank,
    },
    {
      name: "trial", kind: "number", style: "trial", value: (row) => row.trial,
      text: (row) => `${row.trial} ${row.baseline ? "base baseline" : ""} ${row.best ? "best" : ""} ${row.tied ? "~ tied" : ""}`,
      show: (row) => [trialLink(row.trial), ...marks(row)],
    },
    {
      name: "curve", title: "Keep this trial in sight here and among the learning curves", kind: "text", screen: true,
      value: (row) => (pinned.has(row.trial) ? 0 : 1), text: () => "", show: (row) => pin(row.trial),
    },
    number("median", `Median ${objective.metric} over the replicates at the highest rung reached`, (row) => row.median,
      (row) => metric(row.median), (row) => row.values.map((value) => metric(value)).join("  ")),
    number("[min, max]", "Smallest and largest replicate; failed ones left out", (row) => row.low, (row) => spread(row.low, row.high)),
    {
      name: "best ahead", kind: "text", value: (row) => row.behind,
      title: "On how many of the paired seeds the best trial is ahead; only where it is on enough of them is it told apart, else there is a ~",
    },
    number("ok", "Replicates alive", (row) => row.ok),
    number("rung", "Highest rung reached", (row) => row.rung),
    number("epoch", "Epochs trained", (row) => row.epoch),
    number("test", "Median on the test set, at the full budget", (row) => row.test, (row) => metric(row.test)),
    ...trials.scalars.map((name, at) => number(name, "A number that the family shows beside the medians", (row) => row.scalars[at],
      (row) => knobText(row.scalars[at] ?? null))),
    number("cost", "Time of its workers", (row) => row.seconds, (row) => duration(row.seconds)),
    { name: "status", kind: "text", value: (row) => row.status, hint: (row) => row.reason },
  ].filter((column) => column.name !== "test" || trials.test_metric);
  trials.knobs.forEach((knob, at) => columns.push({
    name: knob.name, title: knob.varies ? "A knob that was searched" : "The same in every trial",
    kind: knob.numeric ? "number" : "text", style: knob.varies ? "knob" : "knob fixed",
    value: (row) => row.knobs[at], show: (row) => knobText(row.knobs[at]),
    hint: (row) => (row.knobs[at] === null ? "this trial does not have it" : String(row.knobs[at])),
  }));
  return columns;
}

function marks(row) {
  return [
    row.best ? el("span", { class: "mark best" }, "best") : null,
    row.baseline ? el("span", { class: "mark base" }, "base") : null,
    row.tied ? el("span", { class: "mark tie", title: `not separated from the best, which is ahead on ${row.behind ?? "too few"} paired seeds` }, "~") : null,
  ].filter(Boolean);
}

// The trials that the reader picked for the learning curves.
const pinned = new Set();

function pin(trial) {
  return el("input", {
    type: "checkbox", "aria-label": `curve of trial ${trial}`, checked: pinned.has(trial),
    onchange: (event) => {
      if (event.target.checked) pinned.add(trial);
      else pinned.delete(trial);
      state.set({ pins: [...pinned].join(",") });
      leaderboard.table.render();
      byId("leaderboard-table").querySelector(`input[aria-label="curve of trial ${trial}"]`)?.focus();
      leaderboard.offer();
      curves.update(current);
    },
  });
}
