// Ways to the page of a trial: every row that names one has a link, and a click anywhere on the row follows it.

// To another state of the page, as a step that "back" undoes.
function go(changes) {
  state.set(changes, { push: true });
  restore();
}

function trialLink(trial, text = String(trial)) {
  return stateLink({ tab: "trial", trial }, text, `#trial=${trial}`);
}

// A real link, so that it can be opened in another tab; followed here it keeps the rest of the address.
function stateLink(changes, text, address) {
  return el("a", {
    href: address,
    onclick: (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      go(changes);
    },
  }, text);
}

// What a click on a row does, for tables whose rows belong to a trial: nothing where the click meant something else.
function openTrial(event, trial) {
  if (trial === null || trial === undefined || event.target.closest("a, button, input, label") || String(getSelection())) return;
  go({ tab: "trial", trial });
}

// The numbers of trials that a key of the address names, `12` or `3,12`.
function asked(key) {
  return [...new Set(state.get(key).split(",").filter((word) => /^\d{1,9}$/.test(word)).map(Number))];
}

function rowOf(content, trial) {
  return content.trials.rows.find((row) => row.trial === trial);
}

function named(row) {
  return `trial ${row.trial}${row.baseline ? " (baseline)" : ""}${row.best ? " (best)" : ""}`;
}
