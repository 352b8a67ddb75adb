// What a word means, by `tuner/report/glossary.py`: shown where the word is pointed at.

function meaning(word) {
  return GLOSSARY[word.toLowerCase()] ?? null;
}

function term(word, shown = word) {
  return el("abbr", { title: meaning(word) }, shown);
}
