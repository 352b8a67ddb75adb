// Parallel coordinates: a line a trial through upright axes, whose ranges can be kept and whose order can be changed.

const SHADES = 8; // colours of the lines, each for as many trials

// Round numbers between two places: about five of them.
function round(low, high) {
  const step = [1, 2, 5, 10].map((one) => one * 10 ** Math.floor(Math.log10((high - low) / 5))).find((one) => (high - low) / one <= 6);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

// Powers of ten between two of their exponents, with the ones between where there are few.
function decades(low, high) {
  const marks = [];
  for (let power = Math.floor(low); power <= high; power += 1) for (const one of high - low < 2 ? [1, 2, 5] : [1]) marks.push(Number(`${one}e${power}`));
  const step = Math.ceil(marks.length / 8);
  return marks.filter((mark, i) => Math.log10(mark) >= low - 1e-9 && Math.log10(mark) <= high + 1e-9 && i % step === 0);
}

// Where the values of a knob stand on an axis: {at(value), ticks, texts, range}; trials without the knob below the rest.
function placing(axis) {
  const there = axis.values.filter((value) => value !== null);
  const absent = there.length < axis.values.length;
  let at;
  let marks;
  if (axis.numeric) {
    at = axis.log ? (value) => Math.log10(value) : (value) => value;
    const distinct = [...new Set(there)].sort((a, b) => a - b);
    const [low, high] = [at(distinct[0]), at(distinct.at(-1))];
    marks = distinct.length <= 8 ? distinct : axis.log ? decades(low, high) : round(low, high);
  } else {
    const order = [...new Set(there)].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    at = (value) => order.indexOf(value);
    marks = order;
  }
  const places = marks.map(at);
  const ends = [Math.min(...there.map(at)), Math.max(...there.map(at))];
  const [low, high] = [Math.min(...places, ends[0]), Math.max(...places, ends[1])];
  const step = (high - low || 1) * (axis.numeric ? 0.15 : 1 / Math.max(1, places.length - 1));
  const bottom = low - step;
  return {
    at: (value) => (value === null ? bottom : at(value)),
    ticks: absent ? [bottom, ...places] : places,
    texts: absent ? ["none", ...marks.map(knobText)] : marks.map(knobText),
    range: low === high && !absent ? [low - 0.5, high + 0.5] : [absent ? bottom : Math.min(low, ends[0]), Math.max(high, ends[1])],
  };
}

// Lines between upright axes, drawn as ordinary lines: plotly's own kind needs WebGL, which many machines lack.
function parallelChart(content, rung, chosen, ordered, brushed) {
  const kept = rung.medians.map((_, i) => i).filter((i) => rung.medians[i] !== null);
  const objective = { name: content.objective.metric, numeric: true, log: false, values: rung.medians };
  const axes = [...ordered.map((name) => content.knobs.axes.find((axis) => axis.name === name)), objective];
  const places = axes.map((axis) => placing({ ...axis, values: kept.map((i) => axis.values[i]) }));
  const share = (at, value) => (places[at].at(value) - places[at].range[0]) / (places[at].range[1] - places[at].range[0] || 1);
  const better = content.objective.mode === "max" ? 1 : -1;
  const ranked = [...kept].sort((a, b) => better * (rung.medians[a] - rung.medians[b]));
  const inside = (i) => axes.every((axis, at) => {
    const [low, high] = brushed.get(axis.name) ?? [-Infinity, Infinity];
    const place = share(at, axis.values[i]);
    return place >= low && place <= high;
  });
  const lit = new Set(ranked.filter((i) => chosen.has(content.knobs.trials[i]) && inside(i)));
  const bright = ranked.filter((i) => lit.has(i));
  const line = (members, name, style) => ({
    type: "scatter", mode: "lines", name, showlegend: false, line: style,
    x: members.flatMap(() => [...axes.keys(), null]), y: members.flatMap((i) => [...axes.map((axis, at) => share(at, axis.values[i])), null]),
    customdata: members.flatMap((i) => [...axes.map((axis) => `trial ${content.knobs.trials[i]}: ${axis.name} ${knobText(axis.values[i])}`), null]),
    hovertemplate: "%{customdata}<extra></extra>",
  });
  const groups = Math.min(SHADES, bright.length);
  const data = [line(ranked.filter((i) => !lit.has(i)), "others", { width: 1, color: faded(colour("dim"), 0.12) })];
  for (let group = 0; group < groups; group += 1) {
    const members = bright.slice(Math.floor((group * bright.length) / groups), Math.floor(((group + 1) * bright.length) / groups));
    data.push(line(members, `group ${group}`, { width: 1 + (1.5 * group) / groups, color: blend(colour("low"), series()[1], (group + 1) / groups) }));
  }
  const ticks = places.flatMap((place, at) => place.ticks.map((tick, i) => ({
    x: at, y: (tick - place.range[0]) / (place.range[1] - place.range[0] || 1), text: shortened(place.texts[i]), showarrow: false, xanchor: "left", xshift: 3,
    font: { size: 11, color: colour("ink") }, bgcolor: faded(colour("sheet"), 0.75), borderpad: 1,
  })));
  const titles = axes.map((axis, at) => ({
    x: at, y: 1.04, yanchor: "bottom", text: shortened(axis.name), showarrow: false, font: { size: 12.5, color: at === axes.length - 1 ? colour("accent") : colour("ink") },
  }));
  const upright = axes.map((_, at) => ({ type: "line", x0: at, x1: at, y0: 0, y1: 1, line: { width: 1.5, color: colour("faint") } }));
  const ranges = axes.flatMap((axis, at) => (brushed.has(axis.name) ? [{
    type: "rect", x0: at - 0.05, x1: at + 0.05, y0: brushed.get(axis.name)[0], y1: brushed.get(axis.name)[1],
    line: { width: 1, color: colour("accent") }, fillcolor: faded(colour("accent"), 0.25),
  }] : []));
  return {
    data,
    layout: {
      annotations: [...ticks, ...titles], shapes: [...upright, ...ranges], margin: { l: 30, r: 70, t: 40, b: 16 }, dragmode: false,
      xaxis: { visible: false, range: [-0.1, axes.length - 0.9] }, yaxis: { visible: false, range: [-0.05, 1.12] },
    },
  };
}

function shortened(text) {
  return text.length > 14 ? `${text.slice(0, 13)}…` : text;
}


// Dragging along an axis keeps a range of it, a click there gives it up; dragging its name moves it.
function handle(plot, owner) {
  let from = null;
  const at = (event) => {
    const { xaxis, yaxis } = plot._fullLayout;
    const box = plot.getBoundingClientRect();
    return [xaxis.p2c(event.clientX - box.left - xaxis._offset), yaxis.p2c(event.clientY - box.top - yaxis._offset)];
  };
  plot.addEventListener("pointerdown", (event) => {
    if (!plot._fullLayout || event.button) return;
    const [x, y] = at(event);
    const index = Math.round(x);
    if (Math.abs(x - index) > 0.2 || index < 0 || index > owner.ordered.length) return;
    from = { index, y, name: owner.ordered[index] ?? owner.content.objective.metric };
    plot.setPointerCapture(event.pointerId);
    event.preventDefault();
  }, true);
  plot.addEventListener("pointerup", (event) => {
    if (!from) return;
    const [x, y] = at(event);
    const { index, y: begun, name } = from;
    from = null;
    if (begun > 1.03) {
      if (index < owner.ordered.length) owner.move(name, Math.round(x) - index);
    } else {
      owner.brush(name, Math.abs(y - begun) < 0.02 ? null : [Math.min(y, begun), Math.max(y, begun)]);
    }
  }, true);
}
