// Lines over time, drawn by uPlot: several charts share one time axis.

import { html, useEffect, useRef } from "./preact.js";
import { shown } from "./format.js";

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

// columns: {time: [seconds], name: [numbers]}; band: [lower, upper] names to be filled between.
// unsure: whether none of it can be believed, which is drawn faint and dashed, and said.
export function Chart({ title, metric, columns, names, band, start, end, onZoom, sync, unsure }) {
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
        { stroke: colour("--text"), grid: { stroke: colour("--grid") }, size: 80, values: (chart, marks) => marks.map((mark) => shown(metric, mark)) },
      ],
      cursor: { sync: { key: sync }, drag: { x: true, y: false } },
      hooks: {
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
  }, [columns, start, end, document.documentElement.dataset.theme]);
  const summary = `${title}${unsure ? ", not reliable" : ""}: ${columns.time.length} values between ${new Date(start * 1000).toLocaleString()} and ${new Date(end * 1000).toLocaleString()}`;
  return html`<figure class="chart" role="img" aria-label=${summary}><div ref=${place}></div></figure>`;
}

// From zero on, where nothing is below it; what is always zero lies at the bottom.
function spread(metric, least, most) {
  if (least === null || most === null) return [0, 1];
  const low = Math.min(0, least);
  const top = Math.max(most, low + (metric.endsWith("ratio") ? 0.01 : 0));
  return top > low ? [low, low + (top - low) * 1.08] : [low, low + 1];
}
