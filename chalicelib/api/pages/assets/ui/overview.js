// Is the node well; what ran today, runs now and comes next; what did not start, and why.

import { html } from "./preact.js";
import { ask, pathOf } from "./api.js";
import { ago, time, whyOf } from "./format.js";
import { Empty, State, Table, Waiting, useAsked } from "./parts.js";
import { link } from "./places.js";
import { active, counted } from "./alerts.js";

const COUNTED = ["finished", "failed", "overdue", "missed", "nonstart", "preempted"];
const DAY = "-P1D";

const LATEST = 15;
const MOST_WHYS = 500;
const SILENT = 180;
let hidden = false;

// The nodes whose tools are at agents; none where they are not for who looks, which is asked once.
async function agents() {
  if (hidden) return [];
  try {
    return (await ask("/nodes", { limit: 500 })).filter((node) => node["tools-at"] === "agent");
  } catch (error) {
    hidden = error.status === 403;
    return [];
  }
}

async function look() {
  const [alerts, nodes, status, monitor, clock, pause] = await Promise.all([
    active(),
    agents(),
    ask("/status"),
    ask("/monitor", { window: 15 }),
    ask("/clock"),
    ask("/stat/control/pause"),
  ]);
  await learn(latest(monitor));
  return { alerts, nodes, status, monitor, clock, pause };
}

function latest(monitor) {
  return monitor.filter((run) => run.ppf === -1).reverse().slice(0, LATEST);
}

// Why runs failed, by their hrefs; each is asked once.
const whys = new Map();

async function learn(runs) {
  if (whys.size > MOST_WHYS) whys.clear();
  const unknown = runs.filter((run) => run.state === "failed" && !whys.has(run.href));
  await Promise.all(unknown.map(async (run) => whys.set(run.href, await ask(pathOf(run.href)).then(whyOf, () => ""))));
}

// Counting a day takes a second where there were a hundred thousand runs: it is done by itself, and seldom.
async function count() {
  const counts = await Promise.all(COUNTED.map((state) => ask(`/stat/runs/${state}`, { start: DAY, end: "+PT0S" })));
  return COUNTED.map((state, index) => [state, Number(counts[index])]);
}

const isNews = (event) => event.type === "run" || event.type === "alert";

export function Overview() {
  const found = useAsked(look, [], 5000, isNews);
  const counts = useAsked(count, [], 60000);
  return html`<h2>Overview</h2><${Waiting} of=${found}>${(known) => html`
    <${Health} ...${known} />
    <${Agents} nodes=${known.nodes} />
    <section aria-labelledby="today"><h3 id="today">Runs of the last 24 hours</h3>
      <${Waiting} of=${counts}>${(found) => html`<ul class="tiles">${found.map(([state, number]) => html`<li class=${number ? undefined : "zero"}><${State} name=${state} /><strong>${number}</strong></li>`)}</ul>`}<//>
    </section>
    <${Runs} title="Running now" runs=${known.monitor.filter((run) => run.ppf === 0 && run.state !== "nonstart")} none="Nothing runs at the moment." />
    <${Runs} title="Next" runs=${known.monitor.filter((run) => run.ppf === 1 && run.state !== "nonstart").slice(0, 10)} none="Nothing is planned." />
    <${NonStarts} runs=${known.monitor.filter((run) => run.reason)} listed=${known.monitor} />
    <${Runs} title="Latest" runs=${latest(known.monitor)} none="Nothing has run yet." />
  `}<//>`;
}

function Health({ alerts, status, clock, pause }) {
  const late = Object.entries(status.services).filter(([, service]) => service.overdue);
  const waiting = Object.entries(status.queues || {}).map(([name, queue]) => `${name} ${queue.waiting + queue.delayed}`);
  const signs = [
    ["Clocks and queues", late.length ? `late: ${late.map(([name]) => name).join(", ")}` : "work", !late.length],
    ["Clock", clock.synchronized ? `synchronized${clock.offset === undefined ? "" : `, ${(clock.offset * 1000).toFixed(2)} ms off`}` : "not synchronized", clock.synchronized],
    ["Limits", status.limits.ok ? "in force" : status.limits.error || "broken", status.limits.ok],
    ["Measuring", pause.is_paused ? "paused" : "goes on", !pause.is_paused],
    ["Waiting messages", waiting.join(", ") || "none", true],
    ["Last finished", ago(status.runs["last-finished"]), true],
    ["Alerts", html`<a href=${link("alerts")}>${counted(alerts) || "none"}</a>`, !alerts.length],
  ];
  return html`<section aria-labelledby="health"><h3 id="health">The node</h3><dl class="signs">
    ${signs.map(([name, text, fine]) => html`<div class=${fine ? "" : "bad"}><dt>${name}</dt><dd>${text}</dd></div>`)}
  </dl></section>`;
}

function isSilent(agent) {
  return !agent["last-contact"] || Date.now() / 1000 - new Date(agent["last-contact"]).getTime() / 1000 > SILENT;
}

function Agents({ nodes }) {
  if (!nodes.length) return null;
  const heard = (node) => (node.suspended ? "suspended" : node.joined ? ago(node.agent["last-contact"]) : "has not joined");
  return html`<section><h3>Agents</h3><${Table} caption="Agents by node" head=${["Node", "Heard of", "Version", "Tools", "Runs held", "Results waiting"]}
    rows=${nodes.map((node) => [
      node.hostname,
      html`<span class=${isSilent(node.agent) && !node.suspended ? "error" : ""}>${heard(node)}</span>`,
      `${node.agent.version || "–"}${node.agent.outdated ? ", outdated" : ""}`,
      node.agent.tools ? String(node.agent.tools.length) : "–",
      String(node.agent["runs-held"]),
      String(node.agent["results-waiting"]),
    ])} /></section>`;
}

export function runLink(run) {
  return link("run", { of: pathOf(run.href) });
}

function what(run) {
  const spec = run.task.test.spec;
  const ends = [spec.source || spec["source-node"] || spec.host, spec.dest || spec.url || spec.query].filter((end) => typeof end === "string");
  return `${run.task.test.type} ${ends.join(" → ")}`;
}

const why = (run) => (run.reason ? run.reason.message : whys.get(run.href) || "");

function Runs({ title, runs, none }) {
  if (!runs.length) return html`<section><h3>${title}</h3><${Empty}>${none}<//></section>`;
  return html`<section><h3>${title}</h3><${Table} caption=${title} isNamed head=${["Start", "What", "Tool", "State"]}
    rows=${runs.map((run) => [
      html`<span class="when" title=${time(run["start-time"])}>${ago(run["start-time"])}</span>`,
      html`<a href=${runLink(run)}>${what(run)}</a>${why(run) && html` <small class="why">${why(run)}</small>`}`,
      run.task.tool,
      html`<${State} name=${run.state} />`,
    ])} /></section>`;
}

// The run in the way of another, by name where it is one of those that are listed.
function Blocking({ uuid, listed }) {
  const found = uuid && listed.find((run) => run.href.endsWith(`/${uuid}`));
  return found ? html`<a href=${runLink(found)}>${what(found)}</a>` : uuid || "–";
}

function NonStarts({ runs, listed }) {
  if (!runs.length) return null;
  const groups = new Map();
  for (const run of runs) groups.set(run.reason.code, [...(groups.get(run.reason.code) || []), run]);
  return html`<section><h3>Did not start, or did not end</h3><${Table} caption="Grouped by reason" head=${["Reason", "Runs", "The latest says", "In its way"]}
    rows=${[...groups].map(([code, list]) => {
      const latest = list[list.length - 1];
      return [code, String(list.length), html`<a href=${runLink(latest)}>${latest.reason.message}</a>`, html`<${Blocking} uuid=${latest.reason["blocking-run"]} listed=${listed} />`];
    })} /></section>`;
}
