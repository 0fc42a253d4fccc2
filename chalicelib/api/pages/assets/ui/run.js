// One run: its result as a person wants it, its states with reasons, its deliveries.

import { html } from "./preact.js";
import { address, ask } from "./api.js";
import { digits, seconds, shown, time, whyOf } from "./format.js";
import { Empty, State, Table, Waiting, useAsked } from "./parts.js";
import { link } from "./places.js";

async function look(path) {
  if (!path) return null;
  const run = await ask(path);
  const task = await ask(run["task-href"], { detail: "true" });
  const over = run["result-merged"] !== null && run["result-merged"] !== undefined;
  const text = over ? await ask(`${path}/result`, { format: "text/plain" }).catch((error) => error.message) : "";
  return { run, task, text };
}

export function Run({ args }) {
  const path = args.of || "";
  const found = useAsked(() => look(path), [path], 5000, (event) => event.type === "run" && path.endsWith(event.run));
  if (!path) return html`<h2>Run</h2><${Empty}>The address names no run. <a href=${link("overview")}>The latest runs</a>.<//>`;
  return html`<h2>Run</h2><${Waiting} of=${found}>${(known) => html`<${Whole} ...${known} path=${path} />`}<//>`;
}

function Whole({ run, task, text, path }) {
  const result = run["result-merged"];
  const spec = task.test.spec;
  const hasFailed = result ? result.succeeded === false : run.state === "failed";
  return html`
    <p><${State} name=${run.state} /> <strong>${task.test.type}</strong> with ${task.tool}${", "}
      ${run.participants.map((name) => name || "this host").join(" and ")}${typeof spec.dest === "string" && !run.participants.includes(spec.dest) ? ` → ${spec.dest}` : ""}</p>
    <section aria-labelledby="when"><h3 id="when">In time</h3><${Timeline} run=${run} /></section>
    ${run.reason && html`<p class="warning"><strong>${run.reason.code}</strong>: ${run.reason.message}
      ${run.reason["blocking-run"] && html` (run ${run.reason["blocking-run"]} was in the way)`}</p>`}
    ${run.errors && html`<details><summary>Errors</summary><pre tabindex="0">${run.errors}</pre></details>`}
    <section aria-labelledby="result"><h3 id="result">Result</h3>
      ${hasFailed && html`<p class="error">The measurement failed: ${whyOf(run) || "no reason was given"}</p>`}
      ${result ? html`<${Picture} type=${task.test.type} result=${result} /><pre class="result" tabindex="0" role="region" aria-label="Result as text">${text}</pre>` : html`<${Empty}>There is no result${["pending", "on-deck", "running", "cleanup"].includes(run.state) ? " yet" : ""}.<//>`}
      ${result && html`<p><a href=${address(`${path}/result`)}>as JSON</a></p>`}
    </section>
    <${Deliveries} list=${run.archivings || []} />
    <section><h3>The task</h3>
      <p><code>pscheduler task ${task.test.type} ${(task.detail || { cli: [] }).cli.join(" ")}</code></p>
      <details><summary>Its test</summary><pre tabindex="0">${JSON.stringify(spec, null, 2)}</pre></details>
      <p><a href=${link("tasks", { of: task.href.split("/").pop() })}>All runs of this task</a></p>
    </section>
    <${Diagnostics} run=${run} />`;
}

function Timeline({ run }) {
  const rows = [
    ["added", time(run.added)],
    ["planned", `${time(run["start-time"])} to ${time(run["end-time"])}, ${seconds(run.duration) ?? run.duration} s`],
    [run["state-display"], run.reason ? run.reason.message : ""],
  ];
  return html`<ol class="timeline">${rows.map(([name, text]) => html`<li><strong>${name}</strong> ${text}</li>`)}</ol>`;
}

function Deliveries({ list }) {
  if (!list.length) return null;
  const said = (one) => {
    const last = one.diags[one.diags.length - 1];
    if (!last) return "waits for its first attempt";
    return typeof last.stdout === "object" && last.stdout ? last.stdout.error || "delivered" : last.stderr || "";
  };
  return html`<section><h3>Deliveries</h3><${Table} caption="Where the result goes" head=${["Archiver", "State", "Last attempt", "Says"]}
    rows=${list.map((one) => [one.archiver.name, one.archived ? "delivered" : one.completed ? "given up" : "waiting", time(one.last_attempt), said(one)])} /></section>`;
}

function Diagnostics({ run }) {
  const results = run["result-merged"] ? [run["result-merged"]] : run["result-full"] || [];
  const said = results.map((each) => each && each.diags).filter(Boolean);
  if (!said.length) return null;
  return html`<details><summary>Diagnostics</summary><pre tabindex="0">${said.join("\n")}</pre></details>`;
}

function Picture({ type, result }) {
  if (type === "throughput" && (result.intervals || []).length > 1) {
    const bars = result.intervals.map((one) => [`${digits(one.summary.start)} to ${digits(one.summary.end)} s`, one.summary["throughput-bits"] || 0]);
    return html`<${Bars} title="Throughput of the intervals" bars=${bars} metric="throughput.bps" />`;
  }
  if (result["histogram-latency"] && Object.keys(result["histogram-latency"]).length) {
    const bars = Object.entries(result["histogram-latency"]).map(([label, count]) => [Number(label), count]).sort(([one], [other]) => one - other);
    return html`<${Bars} title="Packets by their delay" bars=${bars.map(([delay, count]) => [`${digits(delay)} ms`, count])} metric="packets.count" />`;
  }
  if (result.roundtrips && result.roundtrips.length > 1) {
    return html`<${Bars} title="Round trips" bars=${result.roundtrips.map((trip, index) => [String(trip.seq || index + 1), trip.rtt ? (seconds(trip.rtt) || 0) * 1000 : 0])} metric="rtt.mean" />`;
  }
  if (result.paths && result.paths.length) return html`<${Route} path=${result.paths[0]} />`;
  return null;
}

function Route({ path }) {
  return html`<ol class="route">${path.map((hop) => html`<li>${hop.hostname || hop.ip || "no answer"}${hop.hostname && hop.ip ? html` <small>${hop.ip}</small>` : ""} ${hop.rtt ? html`<em>${shown("rtt", (seconds(hop.rtt) || 0) * 1000)}</em>` : ""}</li>`)}</ol>`;
}

function Bars({ title, bars, metric }) {
  const most = Math.max(...bars.map(([, value]) => value), 1e-9);
  const width = 100 / bars.length;
  return html`<figure class="bars" role="img" aria-label=${`${title}: ${bars.slice(0, 20).map(([label, value]) => `${label} ${shown(metric, value)}`).join(", ")}`}>
    <figcaption>${title}, up to ${shown(metric, most)}</figcaption>
    <svg viewBox="0 0 100 30" preserveAspectRatio="none">${bars.map(([label, value], index) => html`<rect x=${index * width + width * 0.1} y=${30 - (30 * value) / most} width=${width * 0.8} height=${(30 * value) / most}><title>${label}: ${shown(metric, value)}</title></rect>`)}</svg>
    <div class="ends"><span>${bars[0][0]}</span><span>${bars[bars.length - 1][0]}</span></div>
  </figure>`;
}
