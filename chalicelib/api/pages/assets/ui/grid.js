// Hosts by hosts for one kind of measurement: each cell the latest value, coloured by its threshold.

import { html } from "./preact.js";
import { all } from "./api.js";
import { ago, even, shown } from "./format.js";
import { Choice, Empty, Waiting, useAsked } from "./parts.js";
import { go, link } from "./places.js";

// Above (or, with "below", below) the first a cell warns, above the second it is critical.
export const THRESHOLDS = {
  "loss.ratio": [0.001, 0.05],
  "rtt.mean": [100, 300],
  "delay.median": [100, 300],
  "throughput.bps": [1e9, 1e8, "below"],
  "http.total": [1000, 5000],
  "dns.time": [200, 1000],
  "tls.days-left": [30, 7, "below"],
};

export function gradeOf(metric, last) {
  if (!last) return "none";
  if (last.state !== "finished") return "bad";
  const value = last.values[metric];
  if (value === undefined) return isLost(last) ? "bad" : "none";
  if ((last.unreliable || []).includes(metric)) return "unsure";
  const [warning, critical, below] = THRESHOLDS[metric] || [Infinity, Infinity];
  const past = (limit) => (below ? value < limit : value > limit);
  return past(critical) ? "bad" : past(warning) ? "warn" : "good";
}

// Whether nothing came back: that is a result, but has no times.
export function isLost(last) {
  return last.values["loss.ratio"] === 1;
}

export function Grid({ args }) {
  const found = useAsked(() => all("/series", { last: "true" }), [], 10000, (event) => event.type === "result");
  return html`<h2>Grid</h2><${Waiting} of=${found}>${(series) => html`<${Cells} series=${series} args=${args} />`}<//>`;
}

// The domain that all hosts are in, with its dot: what need not be said of each. Addresses are in none.
function domainOf(names) {
  const behind = (name) => (/[.][a-z]+$/i.test(name) ? name.slice(name.indexOf(".")) : "");
  const domain = names.length ? behind(names[0]) : "";
  return names.every((name) => behind(name) === domain) ? domain : "";
}

function Cells({ series, args }) {
  const paths = series.filter((each) => each.destination);
  if (!paths.length) return html`<${Empty}>Nothing between two hosts has been measured yet. <a href=${link("measure")}>Measure something</a>.<//>`;
  const tests = [...new Set(paths.map((each) => each.test))].sort();
  const test = tests.includes(args.test) ? args.test : tests[0];
  const labels = [...new Set(paths.map((each) => each.label).filter(Boolean))].sort();
  const chosen = paths.filter((each) => each.test === test && (!args.label || each.label === args.label));
  const metrics = [...new Set(chosen.flatMap((each) => Object.entries((each.last || { values: {} }).values).filter(([, value]) => typeof value === "number").map(([name]) => name)))].sort();
  const metric = metrics.includes(args.metric) ? args.metric : metrics.find((name) => name in THRESHOLDS) || metrics[0] || "";
  const change = (more) => go("grid", { test, label: args.label, metric, ...more });
  const sources = [...new Set(chosen.map((each) => each.source))].sort();
  const targets = [...new Set(chosen.map((each) => each.destination))].sort();
  const domain = domainOf([...sources, ...targets]);
  const short = (name) => name.slice(0, name.length - domain.length);
  return html`
    <div class="bar">
      <${Choice} label="Test" value=${test} options=${tests} onChange=${(next) => go("grid", { test: next })} />
      ${metrics.length > 0 && html`<${Choice} label="Metric" value=${metric} options=${metrics} onChange=${(next) => change({ metric: next })} />`}
      ${labels.length > 0 && html`<${Choice} label="Label" value=${args.label || ""} options=${[["", "every label"], ...labels]} onChange=${(next) => change({ label: next })} />`}
      <span class="legend"><i class="good"></i>fine <i class="warn"></i>warning${bound(metric, 0)} <i class="bad"></i>critical${bound(metric, 1)} or failed <i class="unsure"></i>not reliable <i class="none"></i>no data</span>
    </div>
    <div class="scroll" tabindex="0" role="region" aria-label="Grid"><table class="grid">
      <caption>${test}${metric && `, ${metric}`}: from the rows to the columns${domain ? `, all in ${domain.slice(1)}` : ""}</caption>
      <thead><tr><th scope="col">from \\ to</th>${targets.map((name) => html`<th scope="col" title=${name}>${short(name)}</th>`)}</tr></thead>
      <tbody>${sources.map((from) => html`<tr><th scope="row" title=${from}>${short(from)}</th>${targets.map((to) => html`<${Cell} list=${chosen.filter((each) => each.source === from && each.destination === to)} metric=${metric} />`)}</tr>`)}</tbody>
    </table></div>`;
}

// Beyond what a cell is so, where there is a bound: " below 1 Gb/s".
function bound(metric, place) {
  const limits = THRESHOLDS[metric];
  return limits ? ` ${limits[2] || "above"} ${shown(metric, limits[place])}` : "";
}

function said(metric, last) {
  if (!last) return "–";
  if (last.state !== "finished") return last.state;
  return last.values[metric] === undefined && isLost(last) ? "all lost" : shown(metric, last.values[metric], even);
}

function Cell({ list, metric }) {
  if (!list.length) return html`<td class="absent"><span class="sr">not measured</span></td>`;
  const newest = list.reduce((best, each) => ((each.last || {}).time > ((best.last || {}).time || "") ? each : best), list[0]);
  const grade = gradeOf(metric, newest.last);
  const value = said(metric, newest.last);
  const where = link("path", { source: newest.source, destination: newest.destination, test: newest.test });
  return html`<td class=${grade}><a href=${where} title=${`${newest.source} → ${newest.destination}, ${ago((newest.last || {}).time)}`}>${value}</a></td>`;
}
