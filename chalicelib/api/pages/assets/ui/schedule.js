// The schedule: lanes by class, zoomable, with what collides and what is free.

import { html } from "./preact.js";
import { ask } from "./api.js";
import { kindOf, time } from "./format.js";
import { Choice, Empty, State, Table, Waiting, useAsked } from "./parts.js";
import { go } from "./places.js";
import { runLink } from "./overview.js";

const SPANS = [["900", "15 minutes"], ["3600", "1 hour"], ["21600", "6 hours"], ["86400", "1 day"]];
const LANES = ["exclusive", "normal", "background", "background-multi"];
const ROW = 14;

async function look(start, end) {
  const bounds = { start: new Date(start * 1000).toISOString(), end: new Date(end * 1000).toISOString() };
  const [runs, free] = await Promise.all([ask("/schedule", bounds), ask("/schedule/availability", bounds).catch(() => null)]);
  return { runs, free };
}

export function Schedule({ args }) {
  const width = Number(args.span || 3600);
  const middle = args.at ? Number(args.at) : Math.floor(Date.now() / 60000) * 60;
  const start = middle - width / 4;
  const end = start + width;
  const found = useAsked(() => look(start, end), [start, end], 15000, (event) => event.type === "run");
  const move = (at, span = width) => go("schedule", { at: Math.round(at), span: Math.round(span) });
  return html`<h2>Schedule</h2>
    <div class="bar">
      <${Choice} label="Time shown" value=${String(width)} options=${SPANS.some(([size]) => Number(size) === width) ? SPANS : [...SPANS, [String(width), `${Math.round(width / 60)} minutes`]]} onChange=${(span) => move(middle, Number(span))} />
      <button onClick=${() => move(middle - width / 2)}>← earlier</button>
      <button onClick=${() => go("schedule", { span: width })}>now</button>
      <button onClick=${() => move(middle + width / 2)}>later →</button>
      <button onClick=${() => move(middle, Math.max(60, width / 2))}>zoom in</button>
      <button onClick=${() => move(middle, Math.min(172800, width * 2))}>zoom out</button>
    </div>
    <p class="hint">${time(start)} to ${time(end)}</p>
    <${Waiting} of=${found}>${(known) => html`<${Lanes} ...${known} start=${start} end=${end} />`}<//>`;
}

// Rows in which no two runs overlap, the fewest that do.
export function stacked(runs) {
  const ends = [];
  return runs.map((run) => {
    const from = new Date(run["start-time"]).getTime();
    let row = ends.findIndex((end) => end <= from);
    if (row < 0) row = ends.push(0) - 1;
    ends[row] = new Date(run["end-time"]).getTime();
    return [run, row];
  });
}

// Five instants from the left to the right, with the day where there is more than one.
function ticks(start, end) {
  const form = end - start > 86400 ? { weekday: "short", hour: "2-digit", minute: "2-digit" } : { hour: "2-digit", minute: "2-digit" };
  return [0, 1, 2, 3, 4].map((each) => new Date((start + ((end - start) * each) / 4) * 1000).toLocaleString([], form));
}

function Lanes({ runs, free, start, end }) {
  const laneOf = (run) => (run.state === "nonstart" ? "non-starting" : run.state === "preempted" ? "preempted" : (run.test || {})["scheduling-class"] || "background");
  const names = [...LANES, ...["non-starting", "preempted"].filter((name) => runs.some((run) => laneOf(run) === name))];
  const now = Date.now() / 1000;
  const share = (at) => (100 * (at - start)) / (end - start);
  const openings = free && (free.free || free);
  return html`
    ${Array.isArray(openings) && html`<p>${openings.length} stretches are free of exclusive tests.</p>`}
    <div class="lanes" role="group" aria-label="Runs in time">
      ${names.map((name) => {
        const rows = stacked(runs.filter((run) => laneOf(run) === name));
        const height = Math.max(1, ...rows.map(([, row]) => row + 1)) * ROW;
        return html`<div class="lane"><div class="name">${name} <small>${rows.length}</small></div>
          <svg viewBox=${`0 0 100 ${height}`} preserveAspectRatio="none" height=${height} aria-hidden="true">
            ${now > start && now < end && html`<line class="now" x1=${share(now)} x2=${share(now)} y1="0" y2=${height} />`}
            ${rows.map(([run, row]) => {
              const from = share(new Date(run["start-time"]).getTime() / 1000);
              const to = share(new Date(run["end-time"]).getTime() / 1000);
              return html`<a href=${runLink(run)} tabindex="-1"><rect class=${kindOf(run.state)} x=${from} y=${row * ROW + 1} width=${Math.max(to - from, 0.25)} height=${ROW - 3}><title>${run.task.test.type}, ${run.state}, ${time(run["start-time"])}</title></rect></a>`;
            })}
          </svg></div>`;
      })}
      <div class="lane axis" aria-hidden="true"><div></div><div class="ticks">${ticks(start, end).map((text) => html`<span>${text}</span>`)}</div></div>
    </div>
    <p class="legend states"><i class="good"></i>finished <i class="bad"></i>failed, late or not started <i class="now"></i>running <i class="wait"></i>planned <i class="line"></i>now</p>
    ${runs.length ? html`<details open=${runs.length <= 30}><summary>${runs.length} runs as a list</summary><${Table} caption="Runs" head=${["Start", "Test", "Class", "State", "Reason"]}
      rows=${runs.slice(0, 500).map((run) => [html`<a href=${runLink(run)}>${time(run["start-time"])}</a>`, run.task.test.type, laneOf(run), html`<${State} name=${run.state} />`, run.reason ? run.reason.message : ""])} /></details>` : html`<${Empty}>Nothing runs in this time.<//>`}`;
}
