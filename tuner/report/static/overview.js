// The first screen: what won, by how much, whether that is more than seed noise, what it cost, and what to do next.

const overview = {
  id: "overview", label: "Overview",

  build(panel) {
    this.card = byId("verdict"); // it stands in the page before any script runs
    this.tiles = el("dl", { class: "tiles" });
    this.seeds = chart("Seed by seed", "", 300);
    this.confirmed = el("section", { id: "confirmed" });
    this.next = el("section", { id: "next" });
    this.changed = el("section", { id: "changed" });
    this.columns = el("div", { class: "columns" }, el("div", {}, this.seeds, this.confirmed), el("div", {}, this.next, this.changed));
    panel.append(this.card, this.tiles, this.columns);
  },

  update(content) {
    const { verdict } = content;
    fill(this.card, el("h2", { class: "headline", id: "headline" }, verdict.headline),
      verdict.evidence.map((sentence) => el("p", { class: "evidence" }, sentence)),
      verdict.winner && el("p", {}, trialLink(verdict.winner.trial, `All of trial ${verdict.winner.trial}`)));
    fill(this.tiles, tiles(content).map(([label, value, under]) => el("div", { class: "card tile" },
      el("dt", {}, label), el("dd", { class: "value" }, value), el("dd", { class: "under" }, under))));
    this.columns.hidden = verdict.winner === null;
    if (verdict.winner === null) return;
    fill(this.confirmed, verdict.confirmation.length ? confirmedTable(verdict.confirmation) : []);
    fill(this.next, el("h2", {}, "Next"), verdict.commands.map(({ label, command }) => [el("p", { class: "dim" }, label), copied(command)]));
    this.changed.hidden = verdict.winner.baseline;
    fill(this.changed, el("h2", {}, `What the ${called(verdict.winner)} does otherwise`), el("p", { class: "dim" }, "Its value, and the baseline's."),
      el("dl", { class: "facts" }, verdict.changed.map((knob) => [el("dt", {}, knob.name),
        el("dd", {}, `${knob.value}  (${knob.baseline})`)])));
    this.seeds.plot.told.textContent = `${content.objective.metric} at epoch ${verdict.winner.epoch}: a dot a seed, a bar at the median. `
      + "The same seeds train every trial, so the dots of one colour are paired.";
    this.seeds.plot.style.height = `${110 + 34 * verdict.seeds.length}px`;
    draw(this.seeds, () => seedChart(content));
  },
};

function confirmedTable(rows) {
  const heads = ["trial", "picked by", "on fresh seeds", "[min, max]", "change"];
  const change = (value) => (value === null ? "-" : `${value > 0 ? "+" : ""}${value.toFixed(4)}`);
  const cells = (row) => [row.baseline ? `${row.trial} base` : String(row.trial), metric(row.selection), metric(row.fresh),
    spread(row.low, row.high), change(row.change)];
  return [el("h2", {}, "Confirmed on fresh seeds"),
    el("p", { class: "dim" }, "The median a trial was picked by at the full budget, and that of seeds that took no part in picking."),
    el("table", {}, el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, cells(row).map((cell) => el("td", {}, cell))))))];
}

function tiles(content) {
  const { verdict, stopping, cost, trials } = content;
  const winner = verdict.winner;
  const stopped = stopping.rungs.reduce((sum, rung) => sum + rung.stopped, 0);
  const shown = [];
  if (winner) {
    shown.push([`${winner.leads ? "Leader" : "Winner"}'s median ${content.objective.metric}`, metric(winner.median),
      `${spread(winner.low, winner.high)} over the seeds`]);
    if (trials.test_metric) shown.push(["On the test set", metric(winner.test), `median of the ${called(winner)} at the full budget`]);
  }
  shown.push(["Stopped early", `${stopped} of ${trials.rows.length}`, stopping.cuts ? `${stopping.noisy} of ${stopping.cuts} cuts within the seed noise` : "no rung cut a trial"]);
  const share = stopping.full_replicate_epochs ? 1 - stopping.replicate_epochs / stopping.full_replicate_epochs : 0;
  shown.push([stopping.saved === null ? "Not trained so far" : "Epochs saved", percent(stopping.saved ?? share),
    `${stopping.replicate_epochs} of ${stopping.full_replicate_epochs} replicate-epochs trained`]);
  shown.push(["Cost", [hours(cost.spent), el("span", { class: "unit" }, ` ${cost.unit}`)],
    `${hours(cost.saved)} saved by early stopping; ${duration(cost.wall_seconds)} by the clock`]);
  return shown;
}

// A trial wins when the search is over and it has reached the full budget; until then it leads.
function called(winner) {
  return winner.leads ? "leader" : "winner";
}

function copied(command) {
  const button = el("button", {
    type: "button",
    onclick: async () => {
      try {
        await navigator.clipboard.writeText(command);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "Selected";
      }
    },
  }, "Copy");
  const code = el("code", {}, command);
  return el("div", { class: "command" }, code, button);
}

function seedChart({ verdict, objective, replicates }) {
  const rows = [...verdict.seeds].reverse();
  const names = rows.map((row) => `trial ${row.trial}${row.baseline ? " base" : ""}${row.tied ? " ~" : ""}`);
  const data = [];
  for (let seed = 0; seed < replicates; seed += 1) {
    data.push({
      type: "scatter", mode: "markers", name: `seed ${seed}`, x: rows.map((row) => row.values[seed]),
      // Spread a little, so that equal values do not hide each other.
      y: rows.map((_, at) => at + 0.09 * (seed - (replicates - 1) / 2)), customdata: names,
      marker: { size: 10, opacity: 0.9 }, hovertemplate: `%{customdata}, seed ${seed}: %{x:.4f}<extra></extra>`,
    });
  }
  data.push({
    type: "scatter", mode: "markers", name: "median", x: rows.map((row) => row.median), y: rows.map((_, at) => at), customdata: names,
    marker: { symbol: "line-ns-open", size: 26, line: { width: 2.5, color: colour("ink") }, color: colour("ink") },
    hovertemplate: "%{customdata}, median %{x:.4f}<extra></extra>",
  });
  return {
    data,
    layout: {
      xaxis: { title: { text: objective.metric } },
      yaxis: { tickvals: rows.map((_, at) => at), ticktext: names, range: [-0.6, rows.length - 0.4], zeroline: false },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, margin: { l: 90, r: 16, t: 44, b: 44 },
    },
  };
}
