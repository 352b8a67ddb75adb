// Buttons that run a command on the server: there only where the dashboard was started with --act and the address has its token.

const act = {
  id: "act", label: "Act",
  present: () => Boolean(live && live.act),

  build(panel) {
    this.buttons = el("section", { id: "act-buttons" });
    this.problem = el("p", { class: "notice", role: "alert", hidden: true });
    this.runs = el("div", { id: "act-runs", "aria-live": "polite" });
    this.numbers = {};
    this.panel = panel;
    panel.append(this.problem, this.buttons, this.runs);
    if (this.present()) this.look();
  },

  update() {},

  async look() {
    const open = !this.panel.hidden && !document.hidden;
    const running = open && await this.ask({});
    setTimeout(() => this.look(), !open ? 200 : running ? 1000 : 2000);
  },

  // Ask the server, and show what it says; whether a command runs.
  async ask(options) {
    try {
      const answer = await fetch(withToken(live.act), { cache: "no-store", ...options });
      if (!answer.ok) throw new Error(await answer.text());
      const said = await answer.json();
      if (options.method) this.problem.hidden = true;
      this.show(said);
      return said.runs.some((run) => run.code === null);
    } catch (error) {
      if (options.method) {
        this.problem.hidden = false;
        this.problem.textContent = error.message;
      }
      return false;
    }
  },

  show(said) {
    const text = JSON.stringify(said.actions);
    if (text !== this.shown) fill(this.buttons, el("h2", {}, "What this page can do"), said.actions.map((action) => this.button(action)));
    this.shown = text;
    fill(this.runs, said.runs.map((run) => el("section", {},
      el("h2", {}, run.code === null ? "Under way" : run.code === 0 ? "Done" : `Ended with code ${run.code}`),
      el("div", { class: "command" }, el("code", {}, run.command)),
      run.output ? el("pre", { class: "log", tabindex: "0", role: "region", "aria-label": `output of ${run.command}` }, run.output) : null)));
  },

  button(action) {
    const code = el("code");
    const number = action.number === null ? null : el("input", {
      type: "number", min: "1", id: `act-${action.name}-number`, value: this.numbers[action.name] ?? action.number, oninput: () => tell(),
    });
    const tell = () => {
      if (number) this.numbers[action.name] = number.value;
      code.textContent = number ? action.command.replace("{number}", String(action.base + (Number(number.value) || 0))) : action.command;
    };
    tell();
    const run = el("button", {
      type: "button", id: `act-${action.name}`, disabled: action.refused !== null,
      onclick: () => this.ask({
        method: "POST", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ action: action.name, number: number ? Number(number.value) : null }),
      }),
    }, action.label);
    const unit = { confirm: "trials, on fresh seeds", extend: "trials" }[action.name];
    return el("div", { class: "act" },
      el("div", { class: "tools" }, run, number ? el("label", { for: number.id }, number, unit) : null),
      action.refused === null ? el("div", { class: "command" }, code) : el("p", { class: "dim" }, action.refused));
  },
};
