// A table that sorts, filters and pages: only the rows of one page are ever in the document.

const PAGE = 50;
const COMPARISONS = {
  "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b, "=": (a, b) => a === b,
};

// columns: {name, title, kind: "number" | "text", value(row), show(row) -> text or nodes, text(row)}. `value` is what
// sorts (null comes last both ways), `text` what the filter searches, default the shown one. `trial(row)`: a click on the
// row opens that trial's page.
class Table {
  static all = [];

  // `tools` has a column chooser and a CSV button; `kept` says of a row whether it stays in sight, whatever the page and the filter.
  constructor(name, columns, { rowClass = () => "", filter = true, sort = null, trial = null, tools = false, kept = () => false } = {}) {
    Table.all.push(this);
    this.name = name;
    this.kept = kept;
    this.hidden = new Set(); // names of columns
    this.size = PAGE;
    this.columns = columns;
    this.rowClass = rowClass;
    this.trial = trial;
    this.rows = [];
    this.sort = sort;
    this.query = "";
    this.page = 0;
    this.asked = () => {}; // called when the filter changed
    this.chose = () => {}; // called when the columns changed
    this.wrong = el("p", { class: "wrong", role: "status" });
    this.chooser = el("details", { class: "chooser" }, el("summary", {}, "Columns"), el("div"));
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
      tools ? [this.chooser, el("button", { type: "button", class: "csv", onclick: () => this.save() }, "CSV")] : null,
      filter ? el("div", { class: "pager" }, this.told, this.back, this.forth) : null,
      filter ? this.wrong : null);
    this.node = el("div", {}, this.tools, el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": name },
      el("table", { id: `${name}-table` }, this.head, this.body)));
  }

  update(rows, columns = this.columns) {
    this.rows = rows;
    this.columns = columns;
    fill(this.chooser.querySelector("div"), columns.map((column) => el("label", {}, el("input", {
      type: "checkbox", checked: !this.hidden.has(column.name),
      onchange: (event) => this.hide(column.name, !event.target.checked),
    }), column.name)));
    this.render();
  }

  hide(name, hidden) {
    if (hidden) this.hidden.add(name);
    else this.hidden.delete(name);
    this.render();
    this.chose();
  }

  shown() {
    return this.columns.filter((column) => !this.hidden.has(column.name));
  }

  // All rows at once, for paper, or page by page.
  whole(all) {
    this.size = all ? Infinity : PAGE;
    this.render();
  }

  // The rows that the filter leaves and the columns in sight, numbers in full.
  csv() {
    const quoted = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
    const columns = this.shown().filter((column) => !column.screen);
    const lines = [columns.map((column) => column.name), ...this.selected().map((row) => columns.map((column) => String((column.csv ?? column.value)(row) ?? "")))];
    return lines.map((line) => line.map(quoted).join(",")).join("\r\n") + "\r\n";
  }

  save() {
    const address = URL.createObjectURL(new Blob([this.csv()], { type: "text/csv" }));
    el("a", { href: address, download: `${document.title.split(" ")[0]}-${this.name}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
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
    this.mistakes = [];
    const terms = this.query.toLowerCase().split(/\s+/).filter(Boolean);
    const conditions = terms.map((term) => this.condition(term));
    const rows = this.rows.filter((row) => conditions.every((holds) => holds(row)));
    if (!rows.length && this.rows.length && !this.mistakes.length) this.mistakes.push(this.nothing(terms, conditions));
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
    const anywhere = (row) => this.columns.some((one) => textOf(one, row).includes(term));
    if (!name) return anywhere;
    if (!column) {
      this.mistakes.push(`No column is called "${name}", so "${term}" is searched as text; the columns: ${this.columns.map((one) => one.name).join(", ")}.`);
      return anywhere;
    }
    const number = Number(wanted);
    if (sign !== "=" && (column.kind === "text" || Number.isNaN(number))) {
      this.mistakes.push(column.kind === "text" ? `"${column.name}" holds text; ask for it with =, as in ${column.name}=${wanted}.` : `"${wanted}" is not a number, so "${term}" holds for no row.`);
    }
    if (sign === "=" && (column.kind === "text" || Number.isNaN(number))) return (row) => textOf(column, row) === wanted;
    return (row) => column.value(row) !== null && COMPARISONS[sign](column.value(row), number);
  }

  // Why no row is left, in a sentence.
  nothing(terms, conditions) {
    const alone = terms.find((_, i) => !this.rows.some(conditions[i]));
    if (alone === undefined) return `No row has all of "${terms.join(" ")}" at once.`;
    const column = this.columns.find((one) => alone.startsWith(`${one.name.toLowerCase()}=`));
    const there = column ? [...new Set(this.rows.map((row) => textOf(column, row)))].sort() : [];
    const some = there.length > 8 ? `${there.slice(0, 8).join(", ")}, ...` : there.join(", ");
    return `No row has "${alone}"${column ? `; there is ${some}` : ""}.`;
  }

  render() {
    const rows = this.selected();
    const columns = this.shown();
    const pages = Math.max(1, Math.ceil(rows.length / this.size));
    this.page = Math.min(Math.max(0, this.page), pages - 1);
    const first = this.size === Infinity ? 0 : this.page * this.size;
    const shown = rows.slice(first, first + this.size);
    const elsewhere = this.rows.filter((row) => this.kept(row) && !shown.includes(row));
    let pins = 0;
    fill(this.head, el("tr", {}, columns.map((column) => this.heading(column))));
    fill(this.body, [...elsewhere, ...shown].map((row) => {
      const kept = this.kept(row) && pins < 8; // more would leave no room for the others
      return el("tr", {
        class: [this.rowClass(row), this.trial ? "opens" : "", kept ? "pinned" : ""].join(" ").trim() || null,
        style: kept ? `--pin: ${pins++}` : null, onclick: this.trial && ((event) => openTrial(event, this.trial(row))),
      }, columns.map((column) => this.cell(column, row)));
    }));
    this.wrong.textContent = this.mistakes.join(" ");
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
        type: "button", "data-column": column.name, title: [column.title, meaning(column.name)].filter(Boolean).join("; ") || null, onclick: () => this.order(column.name),
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
