// Two to four trials side by side: the knobs that differ first, the curves together, and what the paired seeds can say.

const MOST = 4; // trials beside each other

const side = {
  id: "trials", label: "Side by side",
  present: () => state.get("trials") !== "",
  title: () => `Trials ${asked("trials").slice(0, MOST).join(", ")}`,

  build(panel) {
    this.missing = el("p", { class: "notice" });
    this.select = el("select", { id: "side-metric", onchange: () => this.curve() });
    this.figure = chart("Curves together", "", 380);
    this.heads = new Table("side-results", [], { filter: false });
    this.knobs = new Table("side-knobs", [], { filter: false, rowClass: (row) => (row.differs ? "differs" : "") });
    this.seeds = new Table("side-seeds", [], { filter: false });
    this.tests = el("ul", { id: "side-tests" });
    this.note = el("p", { class: "dim" });
    this.seedTitle = el("h2", { id: "side-seeds-title" });
    this.known = el("div", {}, el("section", {}, el("h2", {}, "Results"), this.heads.node),
      el("section", {}, el("h2", {}, "Configurations, what differs first"), this.knobs.node),
      el("div", { class: "tools" }, el("label", { for: "side-metric" }, "Metric", this.select)), this.figure,
      el("section", {}, this.seedTitle, this.note, this.seeds.node, this.tests));
    panel.append(this.missing, this.known);
  },

  update(content) {
    const wanted = asked("trials");
    const rows = wanted.map((trial) => rowOf(content, trial)).filter(Boolean).slice(0, MOST);
    const unknown = wanted.filter((trial) => !rowOf(content, trial));
    const said = [
      unknown.length ? `There is no trial ${unknown.join(", ")} here.` : "",
      wanted.length - unknown.length > MOST ? `The first ${MOST} are shown.` : "",
      rows.length < 2 ? "Two to four trials stand side by side: name them as #trials=3,12, or pick them on the leaderboard." : "",
    ].filter(Boolean).join(" ");
    this.missing.hidden = !said;
    this.missing.textContent = said;
    this.known.hidden = rows.length < 2;
    if (rows.length < 2) return;
    this.content = content;
    this.rows = rows;
    this.heads.update(rows, trialColumns(content).filter(({ name, style = "" }) => name !== "curve" && !style.startsWith("knob")));
    this.knobs.update(sortedKnobs(content, rows), [
      { name: "knob", kind: "text", value: ({ name }) => name },
      ...rows.map((row) => valueColumn(row.trial, named(row))),
    ]);
    const chosen = this.select.value;
    fill(this.select, content.curves.map(({ metric: name }) => el("option", { value: name, selected: name === chosen }, name)));
    this.curve();
    this.bySeed(content, rows);
  },

  bySeed(content, rows) {
    const epoch = sharedEpoch(content, rows);
    this.seeds.node.hidden = epoch === null;
    this.seedTitle.textContent = epoch === null ? "Seed by seed" : `Seed by seed at epoch ${epoch}`;
    this.note.textContent = epoch === null ? "These trials have recorded no epoch in common."
      : `${content.objective.metric} at the last epoch that all of them were compared at. The same seeds train every trial, so a row is a pair. `
      + "Each pair of trials is judged by itself: nothing is corrected for how many were looked at.";
    fill(this.tests);
    if (epoch === null) return;
    const values = rows.map((row) => seedsAt(content, row.trial, epoch));
    const width = Math.max(...values.map((of) => of.length));
    const best = (found) => found.reduce((a, b) => (beats(content, b, a) ? b : a), null);
    this.seeds.update(Array.from({ length: width }, (_, seed) => ({ seed, found: values.map((of) => of[seed] ?? null) })), [
      { name: "seed", kind: "number", value: ({ seed }) => seed },
      ...rows.map((row, at) => ({ name: named(row), kind: "number", value: ({ found }) => found[at], show: ({ found }) => metric(found[at]) })),
      { name: "wins", kind: "text", value: ({ found }) => found.map((one, at) => (one !== null && one === best(found) ? String(rows[at].trial) : null)).filter(Boolean).join(", ") },
    ]);
    const pairs = rows.flatMap((a, i) => rows.slice(i + 1).map((b, j) => [a, values[i], b, values[i + 1 + j]]));
    fill(this.tests, pairs.map(([a, ours, b, theirs]) => el("li", {}, told(content, a, ours, b, theirs))));
  },

  curve() {
    const shown = this.content.curves.find(({ metric: name }) => name === this.select.value);
    this.figure.hidden = !shown;
    if (!shown) return;
    this.figure.plot.told.textContent = `Median ${shown.metric} with a band from the smallest to the largest seed. Dotted lines are the rungs.`;
    draw(this.figure, () => {
      const colours = series();
      const data = this.rows.flatMap((row, at) => {
        const curve = shown.trials[row.trial];
        return curve ? [bandOf(curve, colours[at], named(row)), { ...medianOf(curve, row, colours[at], row.baseline ? "dash" : "solid"), legendgroup: named(row) }] : [];
      });
      return { data, layout: { ...rungLines(this.content), margin: { l: 56, r: 16, t: 28, b: 44 }, yaxis: { title: { text: shown.metric } } } };
    });
  },
};

// The last epoch at which all of them can be compared: the lowest of their rungs, else the last one that all have recorded.
function sharedEpoch(content, rows) {
  const pages = rows.map((row) => content.pages.trials[row.trial]);
  if (pages.some((page) => !page)) return null;
  const most = Math.min(...rows.map((row) => row.rung ?? row.epoch));
  return pages[0].epochs.filter((epoch) => epoch <= most && pages.every((page) => page.epochs.includes(epoch))).at(-1) ?? null;
}

function seedsAt(content, trial, epoch) {
  const page = content.pages.trials[trial];
  return page.seeds[page.epochs.indexOf(epoch)];
}

// Whether a value is better than another; a failed seed loses against any value and draws with another failed one.
function beats(content, value, other) {
  if (value === null || other === null) return value !== null && other === null;
  return content.objective.mode === "max" ? value > other : value < other;
}

function told(content, a, ours, b, theirs) {
  const both = Math.min(ours.length, theirs.length); // seeds by rung: another trial may have fewer of them there
  const pairs = Array.from({ length: both }, (_, seed) => [ours[seed], theirs[seed]]);
  const won = pairs.filter(([one, other]) => beats(content, one, other)).length;
  const lost = pairs.filter(([one, other]) => beats(content, other, one)).length;
  const { level, p: table } = content.pages.significance;
  const p = table[won][lost];
  const verdict = p <= level ? "separated by the paired seeds" : "not separated by the paired seeds";
  return `Trial ${a.trial} against trial ${b.trial}: better on ${won} of ${both} seeds, worse on ${lost} (sign test, two-sided p = ${Number(p.toPrecision(4))}): ${verdict}.`;
}
