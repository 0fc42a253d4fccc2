// One path over time: everything measured between two ends, on one time axis.

import { html } from "./preact.js";
import { all, ask } from "./api.js";
import { Chart } from "./chart.js";
import { digits, pathName, shown, time } from "./format.js";
import { Choice, Empty, Table, Waiting, useAsked } from "./parts.js";
import { go, link } from "./places.js";
import { gradeOf } from "./grid.js";

const SPANS = { "1 hour": 3600, "6 hours": 21600, "1 day": 86400, "1 week": 604800, "30 days": 2592000, "180 days": 15552000 };
const FIRST = ["throughput.bps", "loss.ratio", "rtt.mean", "delay.median", "jitter", "trace.hops", "http.total", "dns.time", "tls.days-left"];
const HOUR = 3600;

export function Path({ args }) {
  const found = useAsked(() => all("/series", { last: "true", source: args.source, destination: args.destination, label: args.label }), [args.source, args.destination, args.label]);
  return html`<h2>${args.source ? `${args.source} → ${args.destination || ""}` : "Paths"}</h2>
    <${Waiting} of=${found}>${(series) => (args.source ? html`<${Along} series=${series} args=${args} />` : html`<${Listed} series=${series} />`)}<//>`;
}

function Listed({ series }) {
  if (!series.length) return html`<${Empty}>Nothing has been measured yet. <a href=${link("measure")}>Measure something</a>.<//>`;
  const rows = series.map((each) => {
    const [name, value] = Object.entries((each.last || { values: {} }).values).find(([metric]) => FIRST.includes(metric)) || ["", undefined];
    return [
      html`<a href=${link("path", { source: each.source, destination: each.destination })}>${pathName(each)}</a>`,
      each.test,
      each.tool,
      each.label || "",
      html`<span class=${`grade ${gradeOf(name, each.last)}`}>${name ? `${name} ${shown(name, value)}` : (each.last || {}).state || "–"}</span>`,
      time((each.last || {}).time),
    ];
  });
  return html`<${Table} caption="Everything that is measured" head=${["Path", "Test", "Tool", "Label", "Latest", "When"]} rows=${rows} />`;
}

function span(args) {
  const end = args.end ? Number(args.end) : Math.floor(Date.now() / 60000) * 60;
  return [args.start ? Number(args.start) : end - SPANS["1 day"], end];
}

function Along({ series, args }) {
  const [start, end] = span(args);
  const move = (from, to) => go("path", { ...args, start: Math.round(from), end: Math.round(to) });
  const width = end - start;
  const back = link("path", { source: args.destination, destination: args.source, start: args.start, end: args.end });
  if (!series.length) return html`<${Empty}>Nothing is known of this path. <a href=${link("path")}>All paths</a>.<//>`;
  return html`
    <div class="bar" role="group" aria-label="Time">
      ${Object.entries(SPANS).map(([name, size]) => html`<button aria-pressed=${Math.abs(width - size) < 60} onClick=${() => go("path", { ...args, start: undefined, end: undefined, ...(size === SPANS["1 day"] ? {} : { start: Math.round(Date.now() / 1000) - size, end: Math.round(Date.now() / 1000) }) })}>${name}</button>`)}
      <button onClick=${() => move(start - width / 2, end - width / 2)}>← earlier</button>
      <button onClick=${() => move(start + width / 2, end + width / 2)}>later →</button>
      <button onClick=${() => move(start - width / 2, end + width / 2)}>zoom out</button>
      ${args.destination && html`<a href=${back}>the way back</a>`}
      <a href=${location.href}>link to this view</a>
    </div>
    <p class="hint">${time(start)} to ${time(end)}. Drag across a chart to zoom in.</p>
    ${series.map((each) => html`<${OneSeries} key=${each.id} series=${each} start=${start} end=${end} onZoom=${move} />`)}`;
}

async function read(series, start, end) {
  const bounds = { start: new Date(start * 1000).toISOString(), end: new Date(end * 1000).toISOString() };
  if (end - start <= 2 * 86400) return fromPoints((await ask(`/series/${series.id}`, bounds)).points);
  const step = end - start <= 8 * 86400 ? "PT1H" : end - start <= 60 * 86400 ? "PT6H" : "P1D";
  return fromSteps((await ask(`/series/${series.id}`, { ...bounds, step })).steps);
}

function fromPoints(points) {
  const names = Object.keys(points).filter((name) => !["time", "state", "run", "unreliable"].includes(name));
  const numbers = names.filter((name) => points[name].some((value) => typeof value === "number"));
  const texts = names.filter((name) => points[name].some((value) => typeof value === "string"));
  const failed = points.state.map((state, index) => [state, index]).filter(([state]) => state !== "finished");
  return {
    charts: numbers.map((name) => ({ metric: name, names: [name], columns: { time: points.time, [name]: points[name] } })),
    changes: texts.flatMap((name) => changesOf(points, name)),
    failures: failed.map(([state, index]) => ({ state, time: points.time[index], run: points.run[index] })),
    unreliable: (points.unreliable || []).map(([name, ...places]) => [name, places.length]),
    runs: points.time.map((at, index) => ({ time: at, state: points.state[index], run: points.run[index] })),
  };
}

function fromSteps(steps) {
  const metrics = [...new Set(steps.flatMap((step) => Object.keys(step.metrics).filter((name) => step.metrics[name].p50 !== undefined)))];
  const at = steps.map((step) => new Date(step.time).getTime() / 1000);
  const column = (metric, part) => steps.map((step) => (step.metrics[metric] || {})[part] ?? null);
  const failures = steps.flatMap((step) => Object.entries(step.runs).filter(([state]) => state !== "finished").map(([state, count]) => ({ state: `${count} ${state}`, time: new Date(step.time).getTime() / 1000 })));
  return {
    charts: metrics.map((metric) => ({ metric, names: ["p50", "p95", "min"], band: ["p95", "min"], columns: { time: at, p50: column(metric, "p50"), p95: column(metric, "p95"), min: column(metric, "min") } })),
    changes: [],
    failures,
    unreliable: [],
    runs: [],
    texts: steps.flatMap((step) => Object.entries(step.metrics).filter(([, found]) => found.changes > 0).map(([name, found]) => ({ name, time: step.time, count: found.changes, last: found.last }))),
  };
}

// Where a text, such as the route, became another: what went and what came.
export function changesOf(points, name) {
  const found = [];
  let before = null;
  points[name].forEach((value, index) => {
    if (typeof value !== "string") return;
    if (before !== null && value !== before) found.push({ name, time: points.time[index], before, after: value, run: points.run[index] });
    before = value;
  });
  return found;
}

// Hops side by side: the longest common beginning and end stay, what is between was replaced.
export function difference(before, after) {
  const left = before.split(" ");
  const right = after.split(" ");
  let same = 0;
  while (same < left.length && same < right.length && left[same] === right[same]) same += 1;
  let tail = 0;
  while (tail < left.length - same && tail < right.length - same && left[left.length - 1 - tail] === right[right.length - 1 - tail]) tail += 1;
  return { head: left.slice(0, same), gone: left.slice(same, left.length - tail), come: right.slice(same, right.length - tail), tail: tail ? left.slice(-tail) : [] };
}

function OneSeries({ series, start, end, onZoom }) {
  const found = useAsked(() => read(series, start, end), [series.id, start, end], end > Date.now() / 1000 - 120 ? 10000 : 0);
  return html`<section class="series" aria-label=${`${series.test} with ${series.tool}`}>
    <h3>${series.test} <small>${series.tool}${series.label ? `, ${series.label}` : ""}</small></h3>
    <${Waiting} of=${found}>${(data) => html`<${Drawn} series=${series} data=${data} start=${start} end=${end} onZoom=${onZoom} />`}<//>
  </section>`;
}

function Drawn({ series, data, start, end, onZoom }) {
  const order = (chart) => (FIRST.includes(chart.metric) ? FIRST.indexOf(chart.metric) : 99);
  const charts = [...data.charts].sort((one, other) => order(one) - order(other));
  const main = charts.filter((chart) => order(chart) < 99);
  const rest = charts.filter((chart) => order(chart) === 99);
  const draw = (chart) => html`<${Chart} key=${chart.metric} ...${chart} title=${chart.metric} start=${start} end=${end} onZoom=${onZoom} sync="paths" />`;
  return html`
    ${!charts.length && !data.failures.length && html`<${Empty}>No results in this time.<//>`}
    ${(main.length ? main : rest.slice(0, 2)).map(draw)}
    ${main.length > 0 && rest.length > 0 && html`<details><summary>${rest.length} more</summary>${rest.map(draw)}</details>`}
    ${data.unreliable.map(([name, count]) => html`<p class="warning">${count} values of ${name} are not reliable: the clocks are off by more than what was measured.</p>`)}
    ${data.changes.map((change) => html`<${Changed} change=${change} />`)}
    ${(data.texts || []).map((each) => html`<p class="change">${time(each.time)}: ${each.name} changed ${each.count} times.</p>`)}
    ${data.failures.length > 0 && html`<details open=${data.failures.length < 6}><summary>${data.failures.length} without a result</summary><ul>${data.failures.slice(-50).map((each) => html`<li>${time(each.time)} ${each.run ? html`<a href=${link("run", { of: `/tasks/${each.run}` })}>${each.state}</a>` : each.state}</li>`)}</ul></details>`}
    ${data.runs.length > 0 && html`<p><a href=${link("run", { of: `/tasks/${data.runs[data.runs.length - 1].run}` })}>The latest run</a>, ${digits(data.runs.length)} in all.</p>`}`;
}

function Changed({ change }) {
  const parts = difference(change.before, change.after);
  return html`<div class="change"><strong>Route changed</strong> ${time(change.time)}
    <p class="hops">${parts.head.map((hop) => html`<span>${hop}</span>`)}${parts.gone.map((hop) => html`<del>${hop}</del>`)}${parts.come.map((hop) => html`<ins>${hop}</ins>`)}${parts.tail.map((hop) => html`<span>${hop}</span>`)}</p>
    <a href=${link("run", { of: `/tasks/${change.run}` })}>the run</a></div>`;
}
