// One path over time: everything measured between two ends, on one time axis.

import { html, useRef, useState } from "./preact.js";
import { all, ask, pathOf } from "./api.js";
import { Chart } from "./chart.js";
import { digits, pathName, shown, time } from "./format.js";
import { Empty, Field, Table, Waiting, useAsked, useNow } from "./parts.js";
import { go, link } from "./places.js";
import { gradeOf } from "./grid.js";
import { OnPath } from "./alerts.js";

const MOST = 300;
const LIVE = 1500;
const BY_POINTS = 2 * 86400;
const SPANS = { "1 hour": 3600, "6 hours": 21600, "1 day": 86400, "1 week": 604800, "30 days": 2592000, "180 days": 15552000 };
const FIRST = ["throughput.bps", "loss.ratio", "rtt.mean", "delay.median", "jitter", "trace.hops", "http.total", "dns.time", "tls.days-left"];
const ORDER = ["throughput", "latency", "latencybg", "rtt", "trace", "mtu"];

// Whether a result is of a path, or of any where none is named.
function isOn(args) {
  return ({ type, series }) => type === "result" && (!args.source || (series.source === args.source && (series.destination || "") === (args.destination || "")));
}

export function Path({ args }) {
  const found = useAsked(() => all("/series", { last: "true", source: args.source, destination: args.destination, label: args.label }), [args.source, args.destination, args.label], 30000, isOn(args));
  return html`<h2>${args.source ? `${args.source} → ${args.destination || ""}` : "Paths"}</h2>
    <${Waiting} of=${found}>${(series) => (args.source ? html`<${Along} series=${series} args=${args} />` : html`<${Listed} series=${series} />`)}<//>`;
}

function Listed({ series }) {
  const [holds, setHolds] = useState("");
  if (!series.length) return html`<${Empty}>Nothing has been measured yet. <a href=${link("measure")}>Measure something</a>.<//>`;
  const text = (each) => [pathName(each), each.test, each.tool, each.label || "", (each.last || {}).state || ""].join(" ").toLowerCase();
  const sorted = [...series].sort((one, other) => text(one).localeCompare(text(other)));
  const found = sorted.filter((each) => holds.toLowerCase().split(" ").every((word) => text(each).includes(word)));
  const rows = found.slice(0, MOST).map((each) => {
    const [name, value] = Object.entries((each.last || { values: {} }).values).find(([metric]) => FIRST.includes(metric)) || ["", undefined];
    return [
      html`<a href=${link("path", { source: each.source, destination: each.destination })}>${pathName(each)}</a>`,
      each.test,
      html`<span class=${`grade ${gradeOf(name, each.last)}`}>${name ? `${name} ${shown(name, value)}` : html`<${Came} last=${each.last} />`}</span>`,
      time((each.last || {}).time),
      each.tool,
      each.label || "",
    ];
  });
  return html`<form class="bar" role="search" onSubmit=${(event) => event.preventDefault()}>
      <${Field} label="Path, test, tool, label or state holds"><input type="search" value=${holds} onInput=${(event) => setHolds(event.target.value)} /><//>
    </form>
    <p class="hint" role="status">${found.length} of ${series.length}${found.length > MOST ? `, the first ${MOST} shown` : ""}</p>
    <${Table} caption="Everything that is measured" head=${["Path", "Test", "Latest", "When", "Tool", "Label"]} rows=${rows} />`;
}

// What a run without a number came to, and where it says why.
function Came({ last }) {
  if (!last) return "–";
  return last.state === "finished" ? last.state : html`<a href=${link("run", { of: pathOf(last.run) })}>${last.state}</a>`;
}

// Without an end it goes to the end of the minute that is, and moves on with it.
function span(args, now) {
  const end = args.end ? Number(args.end) : (Math.floor(now / 60) + 1) * 60;
  return [args.start ? Number(args.start) : end - SPANS["1 day"], end];
}

function Along({ series, args }) {
  const now = useNow(5, !args.end);
  const [start, end] = span(args, now);
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
    <${OnPath} source=${args.source} destination=${args.destination} />
    ${[...series].sort(inOrder).map((each) => html`<${OneSeries} key=${each.id} series=${each} start=${start} end=${end} onZoom=${move} />`)}`;
}

// Loss under throughput under route changes, whatever order they came in.
function inOrder(one, other) {
  const place = ({ test }) => (ORDER.includes(test) ? ORDER.indexOf(test) : ORDER.length);
  return place(one) - place(other) || `${one.test} ${one.tool}`.localeCompare(`${other.test} ${other.tool}`);
}

function isLive(start, end) {
  return end > Date.now() / 1000 && end - start <= BY_POINTS;
}

// What is known while no point came behind the last, which costs next to nothing to ask; else all of it.
async function newer(known, series, start, end) {
  if (known && known.end === end && known.start === start && known.data.latest) {
    const bounds = { start: new Date(known.data.latest * 1000 + 1).toISOString(), end: new Date(end * 1000).toISOString() };
    if (!(await ask(`/series/${series.id}`, bounds)).points.time.length) return known;
  }
  return { start, end, data: await read(series, start, end) };
}

async function read(series, start, end) {
  const bounds = { start: new Date(start * 1000).toISOString(), end: new Date(end * 1000).toISOString() };
  if (end - start <= BY_POINTS) return fromPoints((await ask(`/series/${series.id}`, bounds)).points);
  const step = end - start <= 8 * 86400 ? "PT1H" : end - start <= 60 * 86400 ? "PT6H" : "P1D";
  return fromSteps((await ask(`/series/${series.id}`, { ...bounds, step })).steps);
}

function fromPoints(points) {
  const names = Object.keys(points).filter((name) => !["time", "state", "run", "unreliable"].includes(name));
  const numbers = names.filter((name) => points[name].some((value) => typeof value === "number"));
  const texts = names.filter((name) => points[name].some((value) => typeof value === "string"));
  const failed = points.state.map((state, index) => [state, index]).filter(([state]) => state !== "finished");
  const failures = failed.map(([state, index]) => ({ state, time: points.time[index], run: points.run[index] }));
  const charts = numbers.map((name) => ({ metric: name, names: [name], columns: { time: points.time, [name]: points[name] } }));
  return {
    charts: orFailures(charts, failures, points.time),
    changes: texts.flatMap((name) => changesOf(points, name)),
    failures,
    unreliable: Object.fromEntries((points.unreliable || []).map(([name, ...places]) => [name, places.length])),
    latest: points.time[points.time.length - 1],
    runs: points.time.map((at, index) => ({ time: at, state: points.state[index], run: points.run[index] })),
  };
}

// Where nothing came to a number there is a chart all the same, with what failed.
function orFailures(charts, failures, time) {
  return charts.length || !failures.length ? charts : [{ metric: "no result", names: [], columns: { time } }];
}

function fromSteps(steps) {
  const metrics = [...new Set(steps.flatMap((step) => Object.keys(step.metrics).filter((name) => step.metrics[name].p50 !== undefined)))];
  const at = steps.map((step) => new Date(step.time).getTime() / 1000);
  const column = (metric, part) => steps.map((step) => (step.metrics[metric] || {})[part] ?? null);
  const failures = steps.flatMap((step) => Object.entries(step.runs).filter(([state]) => state !== "finished").map(([state, count]) => ({ state: `${count} ${state}`, time: new Date(step.time).getTime() / 1000 })));
  const charts = metrics.map((metric) => ({ metric, names: ["min", "p95", "p50"], band: ["p95", "min"], columns: { time: at, p50: column(metric, "p50"), p95: column(metric, "p95"), min: column(metric, "min") } }));
  return {
    charts: orFailures(charts, failures, at),
    ...textsOf(steps),
    failures,
    unreliable: unreliableOf(steps),
    runs: [],
  };
}

// Steps say what a text was last: it changed where that is not what it was before, or within the step.
export function textsOf(steps) {
  const known = {};
  const changes = [];
  const texts = [];
  for (const step of steps) {
    for (const [name, found] of Object.entries(step.metrics)) {
      if (typeof found.last !== "string") continue;
      const before = known[name];
      known[name] = found.last;
      if (before !== undefined && before !== found.last) changes.push({ name, time: step.time, before, after: found.last });
      else if (found.changes > 0) texts.push({ name, time: step.time, count: found.changes });
    }
  }
  return { changes, texts };
}

function unreliableOf(steps) {
  const counts = {};
  for (const [name, found] of steps.flatMap((step) => Object.entries(step.metrics))) {
    if (found.unreliable) counts[name] = (counts[name] || 0) + found.unreliable;
  }
  return counts;
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
  const known = useRef();
  const look = async () => (known.current = await newer(known.current, series, start, end));
  const found = useAsked(async () => (await look()).data, [series.id, start, end], isLive(start, end) ? LIVE : 0, isLive(start, end) ? ({ type, series: { id } = {} }) => type === "result" && id === series.id : null);
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
  const toRun = (mark) => go("run", { of: `/tasks/${mark.run}` });
  const draw = (chart) => html`<${Chart} key=${chart.metric} ...${chart} title=${chart.metric} start=${start} end=${end} onZoom=${onZoom} sync="paths" unsure=${data.unreliable[chart.metric] > 0} marks=${data.failures} onMark=${toRun} />`;
  const unsure = Object.entries(data.unreliable);
  return html`
    ${!charts.length && !data.failures.length && !unsure.length && html`<${Empty}>No results in this time.<//>`}
    ${(main.length ? main : rest.slice(0, 2)).map(draw)}
    ${main.length > 0 && rest.length > 0 && html`<details><summary>${rest.length} more</summary>${rest.map(draw)}</details>`}
    ${unsure.length > 0 && html`<p class="warning">Not reliable, for the clocks are off by more than what was measured: ${unsure.map(([name, count]) => `${count} values of ${name}`).join(", ")}.</p>`}
    ${data.changes.map((change) => html`<${Changed} change=${change} />`)}
    ${(data.texts || []).map((each) => html`<p class="change">${time(each.time)}: ${each.name} changed ${each.count} times, and back.</p>`)}
    ${data.failures.length > 0 && html`<details open=${data.failures.length < 6}><summary>${data.failures.length} without a result</summary><ul>${data.failures.slice(-50).map((each) => html`<li>${time(each.time)} ${each.run ? html`<a href=${link("run", { of: `/tasks/${each.run}` })}>${each.state}</a>` : each.state}</li>`)}</ul></details>`}
    ${data.runs.length > 0 && html`<p><a href=${link("run", { of: `/tasks/${data.runs[data.runs.length - 1].run}` })}>The latest run</a>, ${digits(data.runs.length)} in all.</p>`}`;
}

function Changed({ change }) {
  const parts = difference(change.before, change.after);
  return html`<div class="change"><strong>${change.name === "trace.path" ? "Route" : change.name} changed</strong> ${time(change.time)}
    <p class="hops">${parts.head.map((hop) => html`<span>${hop}</span>`)}${parts.gone.map((hop) => html`<del>${hop}</del>`)}${parts.come.map((hop) => html`<ins>${hop}</ins>`)}${parts.tail.map((hop) => html`<span>${hop}</span>`)}</p>
    ${change.run && html`<a href=${link("run", { of: `/tasks/${change.run}` })}>the run</a>`}</div>`;
}
