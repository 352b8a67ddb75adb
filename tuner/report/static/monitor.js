// What happens in a search right now, asked of the server while the reader looks: trials, nodes, events, a log that follows.

const NARROW = { filter: false };
const FOLLOWING = 2; // seconds between two looks at a log
const KEPT = 200000; // characters of a log that are kept in the page

const monitor = {
  id: "live", label: "Live",
  present: (content) => Boolean(live && live.monitor) && (content.state !== "finished" || isShown("live")),

  build(panel) {
    this.panel = panel;
    this.skew = live ? Date.now() - 1000 * live.now : 0; // of this machine's clock against the server's
    this.shown = null;
    this.told = el("p", { role: "status" });
    this.tiles = el("dl", { class: "tiles" });
    this.training = new Table("training", TRAINING, { ...NARROW, trial: (row) => row.trial });
    this.trainingTitle = el("h2", {}, "Training now");
    this.nodes = new Table("nodes", NODES, NARROW);
    this.nodesTold = el("p", { class: "dim" });
    this.events = new Table("events", EVENTS, { trial: (row) => row.trial });
    this.trial = el("select", { id: "log-trial", onchange: () => this.follow() });
    this.following = el("input", { id: "log-follow", type: "checkbox", checked: true });
    this.log = el("pre", { id: "log", class: "log", tabindex: "0", role: "region", "aria-label": "log of the trial" });
    panel.append(this.told, this.tiles,
      el("section", {}, this.trainingTitle, this.training.node),
      el("section", {}, el("h2", {}, "Nodes"), this.nodesTold, this.nodes.node),
      el("section", {}, el("h2", {}, "What happened"), el("p", { class: "dim" }, "The last hundred events beside epochs, the newest first."), this.events.node),
      el("section", {}, el("h2", {}, "Log"), el("div", { class: "tools" },
        el("label", { for: "log-trial" }, "of trial", this.trial), el("label", { for: "log-follow" }, this.following, "follow")), this.log));
    if (live) {
      setTimeout(() => this.look(), 0);
      setInterval(() => this.read(), 1000 * FOLLOWING);
      setInterval(() => this.tick(), 1000);
    }
  },

  update() {},

  now() {
    return (Date.now() - this.skew) / 1000;
  },

  isOpen() {
    return !this.panel.hidden && !document.hidden;
  },

  async look() {
    let seconds = 2;
    if (this.isOpen()) {
      try {
        const known = this.shown ? this.shown.version : "";
        const answer = await fetch(live.monitor, { cache: "no-store", headers: { "If-None-Match": known } });
        if (answer.status === 200) this.show(await answer.json());
        else if (answer.status !== 304) throw new Error(await answer.text());
        seconds = Number(answer.headers.get("X-Look-Again")) || seconds;
        if (this.failed) this.say();
        this.failed = false;
      } catch (error) {
        this.failed = true;
        this.told.textContent = `The server does not answer (${error.message}); trying again. What is below is what it said last.`;
      }
    } else if (!this.shown) seconds = 0.3;
    setTimeout(() => this.look(), 1000 * seconds);
  },

  show(shown) {
    this.shown = shown;
    this.say();
    this.trainingTitle.textContent = shown.live ? "Training now" : "Training as it was left";
    this.training.update(shown.training);
    this.nodes.node.hidden = shown.nodes === null;
    this.nodes.update(shown.nodes ? shown.nodes.nodes : []);
    this.nodesTold.textContent = shown.nodes === null
      ? `No account of the nodes was kept${shown.driver ? `; the driver runs on ${shown.driver.host}` : ""}.`
      : "As Ray counts them, and how each was loaded, by whatever runs there, when a trial on it last reported.";
    this.events.update(shown.events);
    this.offer(shown.logs);
    this.tick();
  },

  say() {
    const { live: runs, state, resume } = this.shown;
    this.told.textContent = runs ? "" : state === "not started" ? "No session has begun yet."
      : `This search does not run: here is how it was left.${resume ? ` It goes on with \`${resume}\`.` : ""}`;
  },

  // What depends on the time of day.
  tick() {
    if (!this.shown || !this.isOpen()) return;
    const { counts, planned, left, driver, leader, live: runs, training } = this.shown;
    const ended = ["completed", "stopped", "diverged", "failed"].reduce((sum, status) => sum + counts[status], 0);
    const tile = ([name, label, value, under]) => el("div", { class: "card tile", id: `live-${name}` }, el("dt", {}, label), el("dd", { class: "value" }, value), el("dd", { class: "under" }, under));
    const passed = left && this.now() - left.at;
    const since = driver && Math.max(0, this.now() - driver.heard);
    const tiles = [
      ["training", runs ? "Training" : "Were training", String(training.length), `${counts.waiting} waiting at a rung, ${counts.pending} not begun`],
      ["ended", "Ended", `${ended} of ${planned}`, `${counts.completed} completed, ${counts.stopped} stopped, ${counts.diverged + counts.failed} failed or diverged`],
      ["left", left ? "Time left, about" : "Time left", left ? duration(Math.max(0, left.seconds - passed)) : MISSING, left ? left.basis : runs ? "known once an epoch of this session has ended" : "it does not run"],
      ["driver", "Driver", driver ? `${duration(since)} ago` : MISSING, driver ? `last sign of life of process ${driver.pid} on ${driver.host}` : "no session has begun"],
    ];
    if (leader) tiles.splice(2, 0, ["leader", `Trial ${leader.trial} leads`, metric(leader.median), `${spread(leader.low, leader.high)} over the seeds at epoch ${leader.epoch}`]);
    fill(this.tiles, tiles.map(tile));
    for (const time of this.panel.querySelectorAll("time[data-at]")) time.textContent = ago(Number(time.dataset.at));
  },

  // The trials whose log can be followed; the chosen one stays.
  offer(trials) {
    const chosen = this.trial.value;
    fill(this.trial, trials.map((trial) => el("option", { value: String(trial) }, String(trial))));
    if (trials.map(String).includes(chosen)) this.trial.value = chosen;
    if (this.trial.value !== this.followed) this.follow();
  },

  follow() {
    this.followed = this.trial.value;
    this.next = null;
    this.log.textContent = "";
    this.read();
  },

  async read() {
    if (!this.followed || !this.isOpen() || this.reading || (!this.following.checked && this.next !== null)) return;
    this.reading = true;
    const trial = this.followed;
    try {
      const answer = await fetch(`log/${trial}${this.next === null ? "" : `?from=${this.next}`}`, { cache: "no-store" });
      const said = answer.ok ? await answer.json() : { text: `${await answer.text()}\n`, next: this.next, size: 0 };
      if (trial !== this.followed) return;
      if (said.size === null) this.log.textContent = "There is no log yet.";
      else if (said.text) {
        const first = this.next === null || said.next < this.next || this.log.textContent === "There is no log yet.";
        this.log.textContent = ((first ? "" : this.log.textContent) + said.text).slice(-KEPT);
        if (this.following.checked) this.log.scrollTop = this.log.scrollHeight;
      }
      this.next = said.size === null ? null : said.next;
    } catch {
      return; // the page says already that the server does not answer
    } finally {
      this.reading = false;
      if (trial !== this.followed) this.read();
    }
  },
};

const TRAINING = [
  { name: "trial", kind: "number", value: (row) => row.trial, show: (row) => [trialLink(row.trial), row.baseline ? el("span", { class: "mark base" }, "base") : null].filter(Boolean) },
  { name: "epoch", kind: "number", title: "The last epoch that ended, of the full budget", value: (row) => row.epoch, show: (row) => `${row.epoch}/${monitor.shown.budget}${row.late === null ? "" : ` late ${row.late}/${row.epoch}`}` },
  { name: "seeds", kind: "number", title: "Seeds alive, of those that train", value: (row) => row.ok, show: (row) => (row.ok === null ? String(row.seeds) : `${row.ok}/${row.seeds}`) },
  { name: "median", kind: "number", value: (row) => row.median, show: (row) => metric(row.median) },
  { name: "[min, max]", kind: "number", value: (row) => row.low, show: (row) => spread(row.low, row.high) },
  { name: "next rung", kind: "number", title: "Where it is compared next", value: (row) => row.next },
  { name: "s/epoch", kind: "number", title: "Seconds of its last epoch", value: (row) => row.seconds, show: (row) => (row.seconds === null ? MISSING : Number(row.seconds.toPrecision(3))) },
  { name: "last heard", kind: "number", title: "Since its last epoch, or since it began", value: (row) => row.since, show: (row) => since(row.since) },
];

const NODES = [
  { name: "node", kind: "text", value: (row) => row.host, show: (row) => (row.alive ? row.host : `${row.host} (gone)`) },
  { name: "trials", kind: "text", title: "Trials that train there", value: (row) => trainingOn(row).join(", ") || null },
  { name: "CPUs", kind: "number", value: (row) => row.cpus },
  { name: "CPU busy", kind: "number", value: (row) => row.load && row.load.busy, show: (row) => share(row.load && row.load.busy) },
  { name: "memory", kind: "number", value: (row) => row.load && row.load.used, show: (row) => ofMemory(row.load) },
  { name: "GPUs", kind: "number", value: (row) => row.gpus },
  {
    name: "GPU busy, memory", kind: "text", style: "long", value: (row) => cards(row).join("; ") || null,
    show: (row) => (cards(row).length ? cards(row).map((card) => el("div", {}, card)) : MISSING),
  },
  { name: "seen", kind: "number", value: (row) => row.load && row.load.time, show: (row) => (row.load ? since(row.load.time) : MISSING) },
];

const EVENTS = [
  { name: "when", kind: "number", value: (row) => row.time, show: (row) => since(row.time), hint: (row) => moment(1000 * row.time) },
  { name: "kind", kind: "text", value: (row) => row.kind },
  { name: "trial", kind: "number", value: (row) => row.trial, text: (row) => row.trial, show: (row) => (row.trial === null ? MISSING : trialLink(row.trial)) },
  { name: "event", kind: "text", style: "long", value: (row) => row.text },
];

// Whether a tab is open: one that is stays, also when there is no reason any more to offer it.
function isShown(id) {
  const panel = byId(id);
  return panel !== null && !panel.hidden;
}

function trainingOn(node) {
  const training = new Set(monitor.shown.training.map((row) => row.trial));
  return node.trials.filter((trial) => training.has(trial));
}

function cards(node) {
  return node.load ? node.load.gpus.map((gpu) => `${gpu.name}: ${share(gpu.busy)}, ${ofMemory(gpu)}`) : [];
}

function share(value) {
  return value === null || value === undefined ? MISSING : percent(value);
}

function ofMemory(load) {
  if (!load || load.used === null || load.memory === null) return MISSING;
  const giga = (bytes) => (bytes / 2 ** 30).toFixed(1);
  return `${giga(load.used)} of ${giga(load.memory)} GiB`;
}

// A time that stays right by itself (see `tick`).
function since(at) {
  return at === null ? MISSING : el("time", { "data-at": at, datetime: new Date(1000 * at).toISOString() }, ago(at));
}

function ago(at) {
  return `${duration(Math.max(0, monitor.now() - at))} ago`;
}
