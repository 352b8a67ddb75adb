// All searches of a storage: a table that is filtered, sorted and picked from; what the reader chose stays in the address.

const live = JSON.parse(byId("live").textContent);
let content = JSON.parse(byId("content").textContent);
const picked = new Set(state.get("pick").split(",").filter(Boolean).map(decodeURIComponent));
const skew = Date.now() - 1000 * live.now; // of this machine's clock against the server's

const COLUMNS = [
  { name: "pick", title: "Picked to be compared", kind: "text", text: () => "", value: (row) => (picked.has(row.name) ? 0 : 1), show: pick },
  {
    name: "search", title: "Its name, its tags, its note", kind: "text", style: "about", value: (row) => row.name,
    show: (row) => [el("a", { href: withToken(`/search/${encodeURIComponent(row.name)}/`) }, row.name), tagsOf(row), under(row)].filter(Boolean),
    text: (row) => [row.name, ...row.tags.map((tag) => `#${tag}`), row.problem ?? row.note].join(" "),
  },
  { name: "state", kind: "text", value: (row) => row.state, show: (row) => el("span", { class: `badge ${row.state.replace(" ", "-")}` }, row.state), text: (row) => row.state },
  { name: "space", title: "Family and search space", kind: "text", value: (row) => (row.family === null ? null : `${row.family}/${row.space}`) },
  { name: "trials", title: "Trials that have ended, of all", kind: "number", value: (row) => row.trials, show: (row) => (row.trials === null ? MISSING : `${row.ended}/${row.trials}`) },
  {
    name: "median", title: "Median of the best trial over its seeds, at its highest rung", kind: "number", value: (row) => row.median,
    show: (row) => metric(row.median), hint: (row) => (row.best === null ? null : `trial ${row.best}, ${row.metric} (${row.mode}) at epoch ${row.epoch}`),
  },
  { name: "[min, max]", title: "Its smallest and largest seed", kind: "number", value: (row) => row.low, show: (row) => spread(row.low, row.high) },
  {
    name: "distance", title: "That median minus the baseline's at the same epoch", kind: "number", value: (row) => row.distance,
    show: (row) => (row.distance === null ? MISSING : `${row.distance >= 0 ? "+" : ""}${row.distance.toFixed(4)}`),
  },
  { name: "confirmed", title: "Whether its best trials were confirmed on fresh seeds", kind: "text", value: (row) => (row.confirmed ? "yes" : "no") },
  {
    name: "age", title: "Since it was launched", kind: "number", value: (row) => ageOf(row), show: (row) => (row.created === null ? MISSING : duration(ageOf(row)).split(" ").slice(0, 2).join(" ")),
    hint: (row) => (row.created === null ? null : moment(1000 * row.created)),
  },
  { name: "cost", title: "Hours of the processors that its trials held", kind: "number", value: (row) => row.spent, show: (row) => (row.spent === null ? MISSING : `${hours(row.spent)} ${row.unit.replace("ours", "")}`) },
];
const table = new Table("searches", COLUMNS, { rowClass: (row) => (row.state === "unreadable" ? "invalid" : "") });
const choosers = ["state", "family"].map((name) => chooser(name));
const lacking = el("p", { class: "wrong", role: "status" });
const comparison = el("a", { id: "compare", class: "button" });
const none = el("button", { type: "button", id: "unpick", onclick: () => change(() => picked.clear()) }, "Pick none");

function start() {
  table.search.placeholder = "text, or distance>0.01, state=running";
  table.tools.append(...choosers.map((one) => one.label), comparison, none, lacking);
  byId("searches").append(el("section", {}, table.node, el("p", { class: "dim" },
    "Pick two or more to compare them. The median is that of the best trial over its seeds at the highest rung it reached.")));
  if (state.get("sort")) table.sort = { name: state.get("sort"), direction: Number(state.get("direction")) || 1 };
  table.query = table.search.value = state.get("filter");
  for (const one of choosers) one.kept = state.get(one.name);
  const render = table.render.bind(table);
  table.render = () => {
    render();
    remember();
  };
  byId("theme").addEventListener("click", () => {
    colours(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    state.set({ theme: document.documentElement.dataset.theme });
  });
  const preferred = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  colours(["dark", "light"].find((theme) => theme === state.get("theme")) || preferred);
  show();
  setTimeout(renew, 1000 * live.seconds);
}

function show() {
  const rows = content.searches;
  const counted = {};
  for (const row of rows) counted[row.state] = (counted[row.state] || 0) + 1;
  const parts = Object.entries(counted).map(([state, count]) => `${count} ${state}`).join(", ");
  byId("told").textContent = rows.length ? `${rows.length} ${rows.length === 1 ? "search" : "searches"}: ${parts}.`
    : "There is no search here yet; start one with: tuner launch blur";
  lacking.textContent = choosers.map((one) => one.offer(rows)).join(" ").trim();
  const there = new Set(rows.map((row) => row.name));
  for (const name of picked) if (!there.has(name)) picked.delete(name);
  update();
}

// The table of those that the choosers leave; the part of the page that has the focus keeps it.
function update() {
  const focused = document.activeElement && document.activeElement.id;
  table.update(content.searches.filter((row) => choosers.every((one) => !one.select.value || row[one.name] === one.select.value)));
  const names = [...picked].map(encodeURIComponent).join(",");
  comparison.textContent = `Compare ${picked.size} searches`;
  comparison.hidden = picked.size < 2;
  comparison.href = withToken(`/compare?names=${names}`);
  none.hidden = picked.size === 0;
  if (focused && focused !== document.activeElement.id && byId(focused)) byId(focused).focus();
}

function change(act) {
  act();
  update();
}

function pick(row) {
  return el("input", {
    type: "checkbox", id: `pick-${row.name}`, "aria-label": `compare ${row.name}`, checked: picked.has(row.name), disabled: row.state === "unreadable",
    onchange: (event) => change(() => (event.target.checked ? picked.add(row.name) : picked.delete(row.name))),
  });
}

// Tags that ask for those that have them, too.
function tagsOf(row) {
  return row.tags.length ? el("div", { class: "tags" }, row.tags.map((tag) => el("button", {
    type: "button", class: "chip", "aria-label": `only those tagged ${tag}`, onclick: () => table.ask(`#${tag}`),
  }, `#${tag}`))) : null;
}

// Its note; of one that cannot be read why not.
function under(row) {
  const text = row.problem ?? row.note;
  return text ? el("div", { class: "note" }, text) : null;
}

// A list of the values that a column has, of which one may be chosen.
function chooser(name) {
  const select = el("select", { id: `only-${name}`, onchange: () => change(() => { lacking.textContent = ""; }) });
  const label = el("label", { for: `only-${name}` }, name[0].toUpperCase() + name.slice(1), select);
  return {
    name, select, label, kept: "",
    // A sentence where what was chosen is no longer, or never was, among them.
    offer(rows) {
      const chosen = select.value || this.kept;
      this.kept = "";
      const values = [...new Set(rows.map((row) => row[name]).filter(Boolean))].sort();
      fill(select, el("option", { value: "" }, "all"), values.map((value) => el("option", { value }, value)));
      select.value = values.includes(chosen) ? chosen : "";
      return chosen === select.value || !rows.length ? "" : `No search here has the ${name} "${chosen}", so all are shown; there is ${values.join(", ")}.`;
    },
  };
}

function ageOf(row) {
  return row.created === null ? null : Math.max(0, (Date.now() - skew) / 1000 - row.created);
}

// What was chosen, in the address: so that going back, or a link, shows the same.
function remember() {
  const { sort } = table;
  state.set({
    filter: table.query, sort: sort && sort.name, direction: sort && sort.direction < 0 ? "-1" : "",
    pick: [...picked].map(encodeURIComponent).join(","), ...Object.fromEntries(choosers.map((one) => [one.name, one.select.value])),
  });
}

function colours(theme) {
  document.documentElement.dataset.theme = theme;
  byId("theme").textContent = theme === "dark" ? "Light" : "Dark";
  byId("theme").setAttribute("aria-label", `${theme === "dark" ? "light" : "dark"} colours`);
}

async function renew() {
  let seconds = live.seconds;
  try {
    const answer = await fetch(live.data, { cache: "no-store", headers: { "If-None-Match": content.version } });
    if (answer.status === 200) {
      content = await answer.json();
      show();
    } else if (answer.status !== 304) throw new Error(await answer.text());
    seconds = Number(answer.headers.get("X-Look-Again")) || seconds;
    byId("renewal").textContent = "";
  } catch (error) {
    byId("renewal").textContent = `The server does not answer (${error.message}); trying again.`;
  }
  setTimeout(renew, 1000 * seconds);
}

start();
