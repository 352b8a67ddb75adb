// A table that sorts, filters and pages: only the rows of one page are ever in the document.

const PAGE = 50;
const COMPARISONS = {
  "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b, "=": (a, b) => a === b,
};

// columns: {name, title, kind: "number" | "text", value(row), show(row) -> text or nodes, text(row)}. `value` is what
// sorts (null comes last both ways), `text` what the filter searches, default the shown one. `trial(row)`: a click on the
// row opens that trial's page.
class Table {
  constructor(name, columns, { rowClass = () => "", filter = true, sort = null, trial = null } = {}) {
    this.name = name;
    this.columns = columns;
    this.rowClass = rowClass;
    this.trial = trial;
    this.rows = [];
    this.sort = sort;
    this.query = "";
    this.page = 0;
    this.asked = () => {}; // called when the filter changed
    this.head = el("thead");
    this.body = el("tbody");
    this.told = el("span", { role: "status" });
    this.back = el("button", { type: "button", "aria-label": "previous page", onclick: () => this.turn(-1) }, "‹");
    this.forth = el("button", { type: "button", "aria-label": "next page", onclick: () => this.turn(1) }, "›");
    this.search = el("input", {
      type: "search", id: `${name}-filter`, spellcheck: "false", placeholder: "text, or lr<0.01, status=stopped",
      oninput: () => this.ask(this.search.value),
    });
    this.tools = el("div", { class: "tools" },
      filter ? el("label", { for: `${name}-filter` }, "Filter", this.search) : null,
      filter ? el("div", { class: "pager" }, this.told, this.back, this.forth) : null);
    this.node = el("div", {}, this.tools, el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": name },
      el("table", { id: `${name}-table` }, this.head, this.body)));
  }

  update(rows, columns = this.columns) {
    this.rows = rows;
    this.columns = columns;
    this.render();
  }

  ask(query) {
    this.query = this.search.value = query;
    this.page = 0;
    this.render();
    this.asked();
  }

  turn(step) {
    this.page += step;
    this.render();
  }

  order(name) {
    const turned = this.sort && this.sort.name === name && this.sort.direction === 1 ? -1 : 1;
    this.sort = { name, direction: turned };
    this.page = 0;
    this.render();
    this.head.querySelector(`[data-column="${CSS.escape(name)}"]`).focus();
  }

  selected() {
    const terms = this.query.toLowerCase().split(/\s+/).filter(Boolean).map((term) => this.condition(term));
    const rows = this.rows.filter((row) => terms.every((holds) => holds(row)));
    const column = this.sort && this.columns.find((one) => one.name === this.sort.name);
    if (!column) return rows;
    const keyed = rows.map((row) => [column.value(row), row]);
    keyed.sort(([a], [b]) => compare(a, b, this.sort.direction));
    return keyed.map(([, row]) => row);
  }

  // `column<number` and `column=text` ask one column, anything else is searched for in all of them.
  condition(term) {
    const [, name, sign, wanted] = term.match(/^([^<>=]+)(<=|>=|<|>|=)(.+)$/) || [];
    const column = this.columns.find((one) => one.name.toLowerCase() === name);
    if (!column) return (row) => this.columns.some((one) => textOf(one, row).includes(term));
    const number = Number(wanted);
    if (sign === "=" && (column.kind === "text" || Number.isNaN(number))) return (row) => textOf(column, row) === wanted;
    return (row) => column.value(row) !== null && COMPARISONS[sign](column.value(row), number);
  }

  render() {
    const rows = this.selected();
    const pages = Math.max(1, Math.ceil(rows.length / PAGE));
    this.page = Math.min(Math.max(0, this.page), pages - 1);
    const first = this.page * PAGE;
    const shown = rows.slice(first, first + PAGE);
    fill(this.head, el("tr", {}, this.columns.map((column) => this.heading(column))));
    fill(this.body, shown.map((row) => el("tr", {
      class: [this.rowClass(row), this.trial ? "opens" : ""].join(" ").trim() || null, onclick: this.trial && ((event) => openTrial(event, this.trial(row))),
    },
      this.columns.map((column) => this.cell(column, row)))));
    const part = pages > 1 ? `${first + 1} to ${first + shown.length} of ${rows.length}` : `${rows.length}`;
    this.told.textContent = rows.length < this.rows.length ? `${part} shown, ${this.rows.length} in all` : `${part} rows`;
    this.back.hidden = this.forth.hidden = pages === 1;
    this.back.disabled = this.page === 0;
    this.forth.disabled = this.page === pages - 1;
  }

  heading(column) {
    const order = this.sort && this.sort.name === column.name ? this.sort.direction : 0;
    const said = order === 0 ? "none" : order === 1 ? "ascending" : "descending";
    return el("th", { scope: "col", class: this.style(column), "aria-sort": said },
      el("button", {
        type: "button", "data-column": column.name, title: column.title, onclick: () => this.order(column.name),
      }, column.name));
  }

  cell(column, row) {
    const shown = column.show ? column.show(row) : column.value(row) ?? MISSING;
    return el("td", { class: this.style(column), title: column.hint ? column.hint(row) : null }, shown);
  }

  style(column) {
    return [column.kind === "text" ? "text" : "", column.style || ""].join(" ").trim() || null;
  }
}

function compare(a, b, direction) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "number" && typeof b === "number") return direction * (a - b);
  return direction * String(a).localeCompare(String(b), "en", { numeric: true });
}

function textOf(column, row) {
  const text = column.text ? column.text(row) : column.show ? column.show(row) : column.value(row);
  return String(text ?? MISSING).toLowerCase();
}
