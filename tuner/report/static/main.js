// The page as a whole: tabs, colours, and in a live report the renewal of the content under the reader's hands.

const views = [overview, monitor, act, leaderboard, curves, stopping, knobs, family, published, failures, manifest, trialPage, side];
const live = JSON.parse(byId("live").textContent);
let current = JSON.parse(byId("content").textContent);

function start() {
  for (const view of views) {
    view.tab = el("button", {
      type: "button", role: "tab", id: `tab-${view.id}`, "aria-controls": view.id, onclick: () => open(view), onkeydown: (event) => step(event, view),
    });
    view.panel = el("div", { role: "tabpanel", id: view.id, "aria-labelledby": `tab-${view.id}`, tabindex: "0", hidden: true });
    byId("tabs").append(view.tab);
    byId("panels").append(view.panel);
    view.build(view.panel);
  }
  byId("theme").addEventListener("click", () => {
    colours(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    state.set({ theme: document.documentElement.dataset.theme });
  });
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address is for what the reader chose
    byId("panels").focus();
  });
  show(current);
  restore();
  state.follow(restore);
  byId("all").hidden = !live;
  if (live) byId("all").href = withToken("/");
  if (live) renew();
  setTimeout(plotly); // so that it is there for a page that is printed at once
}

// The page as the address says: at first, and after "back".
function restore() {
  const preferred = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  colours(["dark", "light"].find((theme) => theme === state.get("theme")) || preferred);
  for (const view of views) view.restore?.();
  for (const view of [trialPage, side]) refresh(view, current); // which trials they show, the address says
  const tab = state.get("tab") || (state.get("trial") ? "trial" : state.get("trials") ? "trials" : "");
  open(views.find((view) => view.id === tab && !view.tab.hidden) || overview);
}

function show(content) {
  current = content;
  byId("state").textContent = content.state;
  byId("state").className = `badge ${content.state.replace(" ", "-")}`;
  byId("protocol").textContent = content.lines[0];
  byId("about").textContent = content.lines.slice(1).join("\n");
  byId("written").textContent = `Written ${moment(content.written)} from the experiment's records.`;
  byId("tensorboard").hidden = !(live && live.tensorboard);
  if (live && live.tensorboard) byId("tensorboard").href = live.tensorboard;
  for (const view of views) refresh(view, content);
}

function refresh(view, content) {
  view.tab.hidden = view.present ? !view.present(content) : false;
  view.panel.classList.toggle("absent", view.tab.hidden);
  if (view.tab.hidden) return;
  view.panel.dataset.title = view.title ? view.title(content) : view.label;
  const count = view.count ? view.count(content) : null;
  fill(view.tab, view.title ? view.title(content) : view.label, count === null ? null : el("span", { class: "count" }, ` ${count}`));
  view.update(content);
}

function open(view) {
  for (const other of views) {
    const chosen = other === view;
    other.tab.setAttribute("aria-selected", String(chosen));
    other.tab.tabIndex = chosen ? 0 : -1;
    other.panel.hidden = !chosen;
  }
  state.set({ tab: view.id });
  view.tab.scrollIntoView({ block: "nearest", inline: "nearest" });
  resizeIn(view.panel);
}

function step(event, view) {
  const shown = views.filter((one) => !one.tab.hidden);
  const at = shown.indexOf(view);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: shown.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  const next = shown[(to + shown.length) % shown.length];
  open(next);
  next.tab.focus();
}

function colours(theme) {
  document.documentElement.dataset.theme = theme;
  byId("theme").textContent = theme === "dark" ? "Light" : "Dark";
  byId("theme").setAttribute("aria-label", `${theme === "dark" ? "light" : "dark"} colours`);
  repaintAll();
}

async function renew() {
  let seconds = live.seconds;
  try {
    const answer = await fetch(live.data, { cache: "no-store", headers: { "If-None-Match": current.version || "" } });
    if (answer.status === 200) show(await answer.json());
    else if (answer.status !== 304) throw new Error(await answer.text());
    seconds = Number(answer.headers.get("X-Look-Again")) || seconds;
    byId("renewal").textContent = current.state === "running" ? `Looks again every ${Math.round(seconds)} s.` : "";
  } catch (error) {
    byId("renewal").textContent = `The server does not answer (${error.message}); trying again.`;
  }
  setTimeout(renew, 1000 * seconds);
}

start();
