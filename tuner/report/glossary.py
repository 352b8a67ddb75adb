"""What the words of the page mean, in the words of the map (ARCHITECTURE.md, Vocabulary): shown where a word is pointed at."""

GLOSSARY = {
    "rung": "an epoch at which the rule decides",
    "median": "always over the replicates of a trial, at one epoch",
    "replicate": "one seed of a trial",
    "replicate-epoch": "one epoch of one replicate, the unit of training",
    "ok": "the replicates of a trial that are alive",
    "cutoff": "what the median of a trial must reach at a rung to go on",
}
