// What the reader chose, kept in the address behind the `#` as named keys (`#tab=knobs&filter=lr<0.01`): it survives a
// reload, can be sent to somebody, and needs no server. One key a chooser: tab, theme, filter, pins, columns and such.

const state = {
  // The value of a key as text; "" where the address does not name it. A bare word, as in `#knobs`, names the tab.
  get(name) {
    const text = location.hash.slice(1);
    if (text && !text.includes("=")) return name === "tab" ? decodeURIComponent(text) : "";
    return new URLSearchParams(text).get(name) ?? "";
  },

  // Change some keys, {name: text}, and keep the others; "" removes a key. `push` makes a step that "back" undoes.
  set(changes, { push = false } = {}) {
    const bare = this.get("tab");
    const keys = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
    if (bare) keys.set("tab", bare);
    for (const [name, value] of Object.entries(changes)) {
      if (value === "" || value === null || value === undefined) keys.delete(name);
      else keys.set(name, String(value));
    }
    const address = `#${keys}`;
    if (address !== location.hash) history[push ? "pushState" : "replaceState"](null, "", address);
  },

  // Call back whenever the reader goes back or forth, or follows a link to another state; never after `set`.
  follow(callback) {
    addEventListener("hashchange", callback);
  },
};
