// The page of one trial: all that is known of it, under its own address.

const trialPage = {
  id: "trial", label: "Trial",
  present: () => state.get("trial") !== "",
  title: () => `Trial ${state.get("trial")}`,

  build(panel) {
    this.missing = el("p", { class: "notice" });
    this.head = el("section", { id: "trial-head" });
    this.ways = el("nav", { class: "tools", "aria-label": "Other trials" });
    this.select = el("select", { id: "trial-metric", onchange: () => this.curve() });
    this.figure = chart("Curve of every seed", "", 380);
    this.configuration = new Table("trial-configuration", [], { filter: false, rowClass: (row) => (row.differs ? "differs" : "") });
    this.metrics = new Table("trial-metrics", [], { filter: false });
    this.decisions = new Table("trial-decisions", DECISION_COLUMNS.filter(({ name }) => name !== "trial"), { filter: false });
    this.failures = el("section", { id: "trial-failures" });
    this.commands = el("section", { id: "trial-commands" });
    this.files = el("section", { id: "trial-files" });
    this.epochs = new Table("trial-epochs", []);
    const titled = (title, node) => el("section", {}, el("h2", {}, title), node);
    this.last = el("h2");
    this.decided = titled("Decisions", this.decisions.node);
    this.trained = el("div", {},
      el("div", { class: "tools" }, el("label", { for: "trial-metric" }, "Metric", this.select)), this.figure);
    this.measured = el("section", {}, this.last, this.metrics.node);
    this.byEpoch = titled("Epoch by epoch", this.epochs.node);
    this.known = el("div", {}, this.head, this.trained,
      titled("Configuration", this.configuration.node), this.measured, this.decided, this.failures, this.commands, this.files, this.byEpoch);
    panel.append(this.missing, this.ways, this.known);
  },

  update(content) {
    const [trial] = asked("trial");
    const row = rowOf(content, trial);
    this.missing.hidden = row !== undefined;
    this.known.hidden = this.ways.hidden = row === undefined;
    if (!row) {
      const numbers = content.trials.rows.map((one) => one.trial);
      this.missing.textContent = `There is no trial ${state.get("trial")} here; the trials are ${Math.min(...numbers)} to ${Math.max(...numbers)}.`;
      return;
    }
    this.content = content;
    this.row = row;
    this.page = content.pages.trials[trial];
    fill(this.ways, waysFrom(content, row));
    fill(this.head, trialHead(content, row, this.page));
    this.configuration.update(knobRows(content, row), knobColumns(content, row));
    this.trained.hidden = this.measured.hidden = this.byEpoch.hidden = !this.page;
    if (this.page) this.figures(content);
    this.decisions.update(content.stopping.decisions.filter((decision) => decision.trial === trial));
    this.decided.hidden = this.decisions.rows.length === 0;
    fill(this.failures, trialFailures(content, trial));
    this.failures.hidden = !this.failures.childElementCount;
    fill(this.commands, el("h2", {}, "Commands"), content.pages.commands.map(({ label, command }) => [
      el("p", { class: "dim" }, label), copied(command.replace("{trial}", trial))]));
    trialFiles(this.files, content, trial);
  },

  figures(content) {
    const { page, row } = this;
    this.last.textContent = `At epoch ${row.epoch}${page.how ? `, ${page.how}` : ""}`;
    const rows = content.pages.metrics.map((name, at) => ({ name, values: page.last[at] })).filter(({ values }) => values !== null);
    const width = Math.max(0, ...rows.map(({ values }) => values.length - 1));
    this.metrics.update(rows, [
      { name: "metric", kind: "text", value: ({ name }) => name },
      { name: "median", kind: "number", value: ({ values }) => values[0], show: ({ values }) => metric(values[0]) },
      ...seedColumns(width, ({ values }, seed) => values[seed + 1]),
    ]);
    const chosen = this.select.value;
    fill(this.select, content.curves.filter(({ trials }) => trials[row.trial])
      .map(({ metric: name }) => el("option", { value: name, selected: name === chosen }, name)));
    this.curve();
    this.epochs.update(epochRows(content, row.trial, page), epochColumns(content, page));
  },

  curve() {
    const { content, row, page } = this;
    const shown = content.curves.find(({ metric: name }) => name === this.select.value);
    this.figure.hidden = !shown;
    if (!shown) return;
    const whole = shown.metric === content.objective.metric;
    this.figure.plot.told.textContent = `${shown.metric}: ${whole ? "a thin line a seed, a thick one for the median" : "the median, with a band from the smallest to the largest seed"}; `
      + "dashed the baseline's median and the best trial's. Dotted lines are the rungs. All values stand in the table below.";
    draw(this.figure, () => trialChart(content, row, page, shown, whole));
  },
};

function waysFrom(content, row) {
  const rows = content.trials.rows;
  const at = rows.indexOf(row);
  const beside = rows.filter((one) => one !== row && (one.best || one.baseline));
  const other = el("input", {
    type: "text", inputmode: "numeric", size: "10", id: "beside", placeholder: "3 or 3,12",
    onkeydown: (event) => { if (event.key === "Enter") put(); },
  });
  const put = () => {
    const numbers = other.value.split(/[\s,]+/).filter((word) => /^\d+$/.test(word));
    if (numbers.length) go({ tab: "trials", trials: [row.trial, ...numbers].join(",") });
  };
  return [
    at > 0 ? trialLink(rows[at - 1].trial, `‹ next better: ${rows[at - 1].trial}`) : null,
    at + 1 < rows.length ? trialLink(rows[at + 1].trial, `next worse: ${rows[at + 1].trial} ›`) : null,
    beside.map((one) => besideLink([row.trial, one.trial], `beside ${one.best ? "the best" : "the baseline"} (${one.trial})`)),
    el("label", { for: "beside" }, "beside", other), el("button", { type: "button", onclick: put }, "Show"),
  ];
}

function besideLink(trials, text) {
  return stateLink({ tab: "trials", trials: trials.join(",") }, text, `#trials=${trials.join(",")}`);
}

function trialHead(content, row, page) {
  const facts = [
    [`median ${content.objective.metric}`, row.median === null ? "none" : `${metric(row.median)} ${spread(row.low, row.high)} at ${row.rung ? `rung ${row.rung}` : `epoch ${row.epoch}`}`],
    ["rank", row.rank === null ? "none: no valid result" : `${row.rank} of ${content.trials.rows.length}${row.tied ? ", not separated from the best" : ""}`],
    ["epochs", `${row.epoch ?? 0} of ${content.budget}`],
    ["seeds alive", row.ok === null ? null : `${row.ok}`],
    [`median ${content.trials.test_metric}`, row.test === null ? null : metric(row.test)],
    ["time of its workers", row.seconds === null ? null : duration(row.seconds)],
    ["seeds that joined", page && page.late ? `trained ${page.late} replicate-epochs to catch up` : null],
    ...content.trials.scalars.map((name, at) => [name, row.scalars[at] === null ? null : knobText(row.scalars[at])]),
  ].filter(([, value]) => value !== null);
  return [
    el("h2", { class: "headline" }, `Trial ${row.trial}: ${row.status}`, marks(row)),
    row.reason ? el("p", {}, row.reason) : null,
    el("dl", { class: "facts" }, facts.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
  ];
}

// The knobs of some trials; those that differ come first.
function knobRows(content, row) {
  const rows = [row, ...content.trials.rows.filter((one) => one !== row && (one.baseline || one.best))];
  return sortedKnobs(content, rows);
}

function sortedKnobs(content, rows) {
  const knobs = content.trials.knobs.map((knob, at) => {
    const values = Object.fromEntries(rows.map((one) => [one.trial, one.knobs[at]]));
    const different = new Set(Object.values(values));
    const short = new Set([...different].map(knobText)).size === different.size; // else what differs would look the same
    return { name: knob.name, values, differs: different.size > 1, short };
  }).filter(({ values }) => Object.values(values).some((value) => value !== null));
  return [...knobs.filter((one) => one.differs), ...knobs.filter((one) => !one.differs)];
}

function knobColumns(content, row) {
  const others = content.trials.rows.filter((one) => one !== row && (one.baseline || one.best));
  return [
    { name: "knob", kind: "text", value: ({ name }) => name },
    valueColumn(row.trial, "this trial"),
    ...others.map((one) => valueColumn(one.trial, one.best ? (one.baseline ? "best and baseline" : "best") : "baseline")),
    { name: "differs", kind: "text", value: ({ differs }) => (differs ? "yes" : "") },
  ];
}

function valueColumn(trial, name) {
  return {
    name, kind: "number", title: `Trial ${trial}`, value: ({ values }) => values[trial],
    show: ({ values, short }) => (short || values[trial] === null ? knobText(values[trial]) : String(values[trial])),
    hint: ({ values }) => (values[trial] === null ? "this trial does not have it" : String(values[trial])),
  };
}

function seedColumns(count, value) {
  return Array.from({ length: count }, (_, seed) => ({
    name: `seed ${seed}`, kind: "number", value: (row) => value(row, seed) ?? null, show: (row) => metric(value(row, seed)),
  }));
}

function epochRows(content, trial, page) {
  const others = content.curves.slice(1).map(({ trials }) => trials[trial]);
  const own = content.curves.length ? content.curves[0].trials[trial] : null;
  const at = (curve, epoch, key) => {
    const position = curve ? curve.epochs.indexOf(epoch) : -1;
    return position < 0 ? null : curve[key][position];
  };
  return page.epochs.map((epoch, i) => ({
    epoch, median: at(own, epoch, "medians"), seeds: page.seeds[i], rate: page.rates[i], seconds: page.seconds[i],
    others: others.map((curve) => at(curve, epoch, "medians")),
  }));
}

function epochColumns(content, page) {
  const width = Math.max(0, ...page.seeds.map((values) => values.length));
  return [
    { name: "epoch", kind: "number", value: (row) => row.epoch, show: (row) => `${row.epoch}${content.rungs.includes(row.epoch) ? " rung" : ""}` },
    { name: "median", kind: "number", value: (row) => row.median, show: (row) => metric(row.median) },
    ...seedColumns(width, (row, seed) => row.seeds[seed]),
    ...content.curves.slice(1).map(({ metric: name }, at) => ({ name, kind: "number", value: (row) => row.others[at], show: (row) => metric(row.others[at]) })),
    { name: "lr", kind: "number", value: (row) => row.rate, show: (row) => knobText(row.rate) },
    { name: "seconds", kind: "number", value: (row) => row.seconds },
  ];
}

function trialFailures(content, trial) {
  const failed = content.failures.filter((failure) => failure.trial === trial);
  if (!failed.length) return [];
  const texts = [...new Set(failed.map((failure) => failure.traceback).filter((at) => at !== null))];
  return [
    el("h2", {}, "Failures"),
    el("ul", {}, failed.map((failure) => el("li", {},
      `${failure.replicate === null ? "worker" : `replicate ${failure.replicate}`}${failure.epoch === null ? "" : `, epoch ${failure.epoch}`}, ${failure.kind}: ${failure.message}`))),
    texts.map((at) => el("details", { open: texts.length === 1 }, el("summary", {}, "Traceback"), el("pre", {}, content.tracebacks[at]))),
  ];
}
