// The curves of one trial and of several, and what the folder of a trial holds that no file of ours has.

function trialChart(content, row, page, shown, whole) {
  const data = [];
  const own = shown.trials[row.trial];
  const tone = colour("accent");
  if (whole) {
    const colours = series();
    const width = Math.max(0, ...page.seeds.map((values) => values.length));
    for (let seed = 0; seed < width; seed += 1) {
      data.push({
        type: "scatter", mode: page.epochs.length > 1 ? "lines" : "markers", name: `seed ${seed}`, x: page.epochs, y: page.seeds.map((values) => values[seed] ?? null),
        line: { width: 1.2, color: colours[(seed + 1) % colours.length] }, opacity: 0.8, hovertemplate: `seed ${seed}, epoch %{x}: %{y:.4f}<extra></extra>`,
      });
    }
  } else data.push(bandOf(own, tone, `trial ${row.trial}`));
  for (const other of content.trials.rows.filter((one) => one !== row && (one.best || one.baseline))) {
    const curve = shown.trials[other.trial];
    if (curve) data.push(medianOf(curve, other, other.baseline ? colour("base") : colour("good"), "dash"));
  }
  data.push(medianOf(own, row, tone, "solid"));
  return { data, layout: { ...rungLines(content), margin: { l: 56, r: 16, t: 28, b: 44 }, yaxis: { title: { text: shown.metric } } } };
}

function medianOf(curve, row, tone, dash) {
  return {
    type: "scatter", mode: curve.epochs.length > 40 ? "lines" : "lines+markers", name: `${named(row)}, median`, x: curve.epochs, y: curve.medians,
    marker: { size: 5 }, line: { width: 2.4, color: tone, dash }, customdata: curve.epochs.map((_, i) => spread(curve.lows[i], curve.highs[i])),
    hovertemplate: `trial ${row.trial}, epoch %{x}: %{y:.4f} %{customdata}<extra></extra>`,
  };
}

function bandOf(curve, tone, group) {
  const there = curve.epochs.map((_, i) => i).filter((i) => curve.lows[i] !== null && curve.highs[i] !== null);
  const backwards = [...there].reverse();
  return {
    type: "scatter", mode: "lines", fill: "toself", fillcolor: faded(tone, 0.14), line: { width: 0 }, hoverinfo: "skip",
    x: [...there, ...backwards].map((i) => curve.epochs[i]), showlegend: false, legendgroup: group,
    y: [...there.map((i) => curve.highs[i]), ...backwards.map((i) => curve.lows[i])],
  };
}

function rungLines(content) {
  return {
    xaxis: { title: { text: "epoch" }, range: [0, content.budget * 1.02] },
    shapes: content.rungs.map((rung) => ({
      type: "line", x0: rung, x1: rung, yref: "paper", y0: 0, y1: 1, line: { width: 1, dash: "dot", color: colour("faint") },
    })),
    annotations: apart(content.rungs, content.budget / 14).map((rung) => ({
      x: rung, yref: "paper", y: 1, yanchor: "bottom", text: `rung ${rung}`, showarrow: false, font: { size: 11, color: colour("dim") },
    })),
  };
}

// What the file does not hold: it says where that is, a live page asks its server.
function trialFiles(section, content, trial) {
  if (section.trial === trial && section.renewed === content.version && live) return;
  section.trial = trial;
  section.renewed = content.version;
  const folder = `${content.pages.place}/trials/${String(trial).padStart(5, "0")}`;
  const where = [el("h2", {}, "Log and checkpoints"), el("p", {}, `They lie in ${folder}`)];
  if (!live || !live.trial) {
    fill(section, where);
    return;
  }
  const shown = fill(section, where, el("p", { class: "dim", role: "status" }, "Asking the server for them ..."));
  fetch(`${live.trial}?trial=${trial}`, { cache: "no-store" }).then(async (answer) => {
    const told = answer.ok ? await answer.json() : { error: await answer.text() };
    if (shown.trial !== trial) return;
    fill(shown, where, told.error ? el("p", { class: "notice" }, told.error) : [
      told.checkpoints.length
        ? el("ul", { class: "files" }, told.checkpoints.map((file) => el("li", {}, [file.name, file.bytes === null ? "" : `, ${(file.bytes / 1e6).toFixed(2)} MB`, file.time === null ? "" : `, ${moment(1000 * file.time)}`])))
        : el("p", {}, "There is no checkpoint: a trial that was stopped or diverged needs none any more."),
      told.log.length ? [el("p", { class: "dim" }, "End of the log"), el("pre", { class: "log", tabindex: "0", role: "region", "aria-label": "log" }, told.log.join("\n"))] : el("p", {}, "It has no log."),
    ]);
  }).catch((error) => fill(shown, where, el("p", { class: "notice" }, `The server does not answer (${error.message}).`)));
}
