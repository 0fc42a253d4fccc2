// Tasks: search, look into, cancel, repeat.

import { html, useState } from "./preact.js";
import { address, all, ask, fetched, pathOf, send } from "./api.js";
import { ago, time, whyOf } from "./format.js";
import { Choice, Empty, Field, State, Table, Waiting, useAsked, useNow } from "./parts.js";
import { go, link } from "./places.js";

const NEWS = 30;
const PAGE = 50;
const SHOWN = 50;
const AHEAD = 10;
const READ = 120;
const LOOKS = 20;

export function Tasks({ args }) {
  return args.of ? html`<${One} uuid=${args.of} />` : html`<${Search} args=${args} />`;
}

async function find(args) {
  const filters = { test: args.test, tool: args.tool, enabled: args.enabled, reference: args.reference };
  const answer = await fetched(address("/tasks", { expanded: "true", detail: "true", limit: PAGE, cursor: args.cursor, ...filters }));
  if (!answer.ok) throw new Error(await answer.text());
  const next = ((answer.headers.get("link") || "").match(/[?&]cursor=([^&>]*)/) || [])[1];
  return { tasks: await answer.json(), next: next && decodeURIComponent(next) };
}

function Search({ args }) {
  const tests = useAsked(() => all("/tests", { expanded: "true" }), []);
  const found = useAsked(() => find(args), [JSON.stringify(args)], 0, (event) => event.type === "task");
  useNow(NEWS, true);
  const change = (more) => go("tasks", { ...args, cursor: undefined, ...more });
  const names = (tests.value || []).map((test) => (typeof test === "string" ? test.split("/").pop() : test.name));
  return html`<h2>Tasks</h2>
    <form class="bar" onSubmit=${(event) => event.preventDefault()}>
      <${Choice} label="Test" value=${args.test || ""} options=${[["", "every test"], ...names]} onChange=${(test) => change({ test })} />
      <${Choice} label="State" value=${args.enabled || ""} options=${[["", "all"], ["yes", "enabled"], ["no", "cancelled or over"]]} onChange=${(enabled) => change({ enabled })} />
      <${Field} label="Reference holds"><input value=${args.reference || ""} placeholder='{"label": "mesh"}' onChange=${(event) => change({ reference: event.target.value })} /><//>
    </form>
    <${Waiting} of=${found}>${({ tasks, next }) => html`
      ${tasks.length ? html`<${Table} caption="Tasks" isNamed head=${["Test", "Spec", "Tool", "Added", "Runs", "Repeat", "State"]} rows=${tasks.map(row)} />` : html`<${Empty}>No task is like that here.<//>`}
      ${next && html`<p><a href=${link("tasks", { ...args, cursor: next })}>More</a></p>`}`}<//>`;
}

function row(task) {
  const uuid = task.href.split("/").pop();
  const spec = task.test.spec;
  const ends = [spec.source || spec.host, spec.dest || spec.url || spec.query].filter((end) => typeof end === "string").join(" → ");
  return [
    html`<a href=${link("tasks", { of: uuid })}>${task.test.type}</a>`,
    ends,
    task.tool,
    html`<span class="when" title=${time(task.detail.added)}>${ago(task.detail.added)}</span>`,
    `${task.detail.runs} placed`,
    task.schedule.repeat || task.schedule["repeat-cron"] || "once",
    task.detail.enabled ? "enabled" : "over",
  ];
}

async function look(uuid) {
  const now = Date.now();
  const [task, runs] = await Promise.all([ask(`/tasks/${uuid}`, { detail: "true" }), around(uuid, now)]);
  const hasBegun = (run) => startOf(run) <= now;
  return { task, past: runs.filter(hasBegun).reverse().slice(0, SHOWN), next: runs.filter((run) => !hasBegun(run)).slice(0, AHEAD) };
}

const startOf = (run) => new Date(run["start-time"]).getTime();

// The latest runs before an instant and the next behind it, the first first. Lists begin with the first run, so of
// many it is looked for where the latest begin: where they would if all came as the first ones did, else between.
async function around(uuid, now) {
  const from = (start) => ask(`/tasks/${uuid}/runs`, { expanded: "true", limit: READ, start });
  const reachesNow = (runs) => runs.length < READ || startOf(runs.at(-1)) > now;
  let found = await from(undefined);
  if (reachesNow(found)) return found;
  const apart = (startOf(found.at(-1)) - startOf(found[0])) / (READ - 1);
  let [early, late, guess] = [startOf(found.at(-1)), now, now - SHOWN * apart];
  for (let looks = 0; looks < LOOKS; looks++) {
    const since = Math.max(early, guess);
    const some = await from(new Date(since).toISOString());
    if (reachesNow(some)) {
      found = some;
      if (some.filter((run) => startOf(run) <= now).length >= SHOWN / 2) break;
      late = since;
    } else early = since;
    guess = (early + late) / 2;
  }
  return found;
}

function One({ uuid }) {
  const [said, say] = useState("");
  const found = useAsked(() => look(uuid), [uuid, said], 5000, (event) => event.task === uuid);
  const cancel = async () => {
    try {
      await send("DELETE", `/tasks/${uuid}`);
      say("The task is cancelled.");
    } catch (error) {
      say(error.message);
    }
  };
  return html`<h2>Task</h2><${Waiting} of=${found}>${({ task, past, next }) => html`
    <p><strong>${task.test.type}</strong> with ${task.tool}, ${task.detail.enabled ? "enabled" : "over"}, added ${time(task.detail.added)}; ${task.detail["runs-started"]} of ${task.detail.runs} placed runs have begun</p>
    <p><code>pscheduler task ${task.test.type} ${task.detail.cli.join(" ")}</code></p>
    ${task.detail["next-planning-reason"] && html`<p class="warning">${task.detail["next-planning-reason"]}; looked at again ${ago(task.detail["next-planning"])}</p>`}
    <p class="bar">
      ${task.detail.enabled && html`<button class="danger" onClick=${cancel}>Cancel the task</button>`}
      <a class="button" href=${link("measure", { again: uuid })}>Measure the same again</a>
      <span role="status">${said}</span>
    </p>
    <${Runs} caption="Runs, the latest first" runs=${past} />
    ${next.length > 0 && html`<${Runs} caption="Next" runs=${next} />`}
    <details><summary>The whole task</summary><pre tabindex="0">${JSON.stringify(task, null, 2)}</pre></details>`}<//>`;
}

function Runs({ caption, runs }) {
  return html`<${Table} caption=${caption} head=${["Start", "State", "Why"]} rows=${runs.map((run) => [
    html`<a class="when" href=${link("run", { of: pathOf(run.href) })}>${time(run["start-time"])}</a>`,
    html`<${State} name=${run.state} />`,
    whyOf(run),
  ])} />`;
}
