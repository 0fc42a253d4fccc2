// Lines over time, drawn by uPlot: several charts share one time axis.

import { html, useEffect, useRef } from "./preact.js";
import { shown, time } from "./format.js";

// Times under the axis, as uPlot takes them: from what size of steps on, how, and what more where a year, a day or
// a minute begins.
const TIMES = [
  [86400 * 28, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [86400, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
];
const COLOURS = ["--line-1", "--line-2", "--line-3", "--line-4"];

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const APART = 9;
const NONE = [];

// What there is no value for, as marks on the chart: those that would lie on one another are one.
function marked(chart, marks, onMark) {
  const old = chart.over.querySelectorAll(".mark");
  old.forEach((mark) => mark.remove());
  const groups = [];
  for (const mark of marks) {
    const left = Math.round(chart.valToPos(mark.time, "x"));
    if (left < 0 || left > chart.over.clientWidth) continue;
    const last = groups.at(-1);
    if (last && left - last.left < APART) last.those.push(mark);
    else groups.push({ left, those: [mark] });
  }
  for (const { left, those } of groups) {
    const drawn = document.createElement("span");
    const [first, last] = [those[0], those.at(-1)];
    drawn.className = "mark";
    drawn.style.left = `${left}px`;
    drawn.title = those.length > 1 ? `${those.length} times without a result, ${time(first.time)} to ${time(last.time)}` : `${first.state}, ${time(first.time)}`;
    if (last.run) drawn.addEventListener("click", () => onMark(last));
    chart.over.append(drawn);
  }
}

// columns: {time: [seconds], name: [numbers]}; band: [lower, upper] names to be filled between.
// unsure: whether none of it can be believed, which is drawn faint and dashed, and said.
// marks: [{time, state, run}] where a run has no value; who cannot see or point finds them in a list elsewhere.
export function Chart({ title, metric, columns, names, band, start, end, onZoom, sync, unsure, marks = NONE, onMark }) {
  const place = useRef();
  useEffect(() => {
    if (!place.current) return undefined;
    const series = names.map((name, index) => ({
      label: name,
      stroke: colour(unsure ? "--soft" : COLOURS[(names.length - 1 - index) % COLOURS.length]),
      dash: unsure ? [4, 4] : undefined,
      width: 1.5,
      spanGaps: false,
      points: { show: columns.time.length < 120, size: 4 },
      value: (chart, value) => shown(metric, value),
    }));
    const options = {
      width: place.current.clientWidth || 600,
      height: 190,
      title: unsure ? `${title} (not reliable)` : title,
      series: [{ value: (chart, value) => (value ? new Date(value * 1000).toLocaleString() : "–") }, ...series],
      bands: band ? [{ series: band.map((name) => names.indexOf(name) + 1), fill: colour("--band") }] : [],
      scales: { x: { min: start, max: end }, y: { range: (chart, least, most) => spread(metric, least, most) } },
      axes: [
        { stroke: colour("--text"), grid: { stroke: colour("--grid") }, values: TIMES },
        { stroke: colour("--text"), grid: { stroke: colour("--grid") }, size: 80, values: (chart, places) => places.map((place) => (names.length ? shown(metric, place) : "")) },
      ],
      cursor: { sync: { key: sync }, drag: { x: true, y: false } },
      hooks: {
        drawClear: [(chart) => marked(chart, marks, onMark)],
        setSelect: [
          (chart) => {
            if (chart.select.width < 5) return;
            const from = chart.posToVal(chart.select.left, "x");
            const to = chart.posToVal(chart.select.left + chart.select.width, "x");
            onZoom(from, to);
          },
        ],
      },
    };
    const data = [columns.time, ...names.map((name) => columns[name] || columns.time.map(() => null))];
    const chart = new uPlot(options, data, place.current);
    const watch = new ResizeObserver(() => chart.setSize({ width: place.current.clientWidth, height: 190 }));
    watch.observe(place.current);
    return () => {
      watch.disconnect();
      chart.destroy();
    };
  }, [columns, marks, start, end, document.documentElement.dataset.theme]);
  const missing = marks.length ? `, ${marks.length} times none` : "";
  const summary = `${title}${unsure ? ", not reliable" : ""}: ${columns.time.length} values${missing} between ${new Date(start * 1000).toLocaleString()} and ${new Date(end * 1000).toLocaleString()}`;
  return html`<figure class="chart" role="img" aria-label=${summary}><div ref=${place}></div></figure>`;
}

// From zero on, where nothing is below it; what is always zero lies at the bottom.
function spread(metric, least, most) {
  if (least === null || most === null) return [0, 1];
  const low = Math.min(0, least);
  const top = Math.max(most, low + (metric.endsWith("ratio") ? 0.01 : 0));
  return top > low ? [low, low + (top - low) * 1.08] : [low, low + 1];
}
