// What a word means, from the page's glossary: shown where the word is pointed at.

function meaning(word) {
  return current.glossary[word.toLowerCase()] ?? null;
}

function term(word, shown = word) {
  return el("abbr", { title: meaning(word) }, shown);
}
