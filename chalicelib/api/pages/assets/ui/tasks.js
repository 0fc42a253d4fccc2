// Tasks: search, look into, cancel, repeat.

import { html, useState } from "./preact.js";
import { address, all, ask, pathOf, send } from "./api.js";
import { ago, time } from "./format.js";
import { Choice, Empty, Field, State, Table, Waiting, useAsked } from "./parts.js";
import { go, link } from "./places.js";

const PAGE = 50;

export function Tasks({ args }) {
  return args.of ? html`<${One} uuid=${args.of} />` : html`<${Search} args=${args} />`;
}

async function find(args) {
  const filters = { test: args.test, tool: args.tool, enabled: args.enabled, reference: args.reference };
  const answer = await fetch(address("/tasks", { expanded: "true", detail: "true", limit: PAGE, cursor: args.cursor, ...filters }));
  if (!answer.ok) throw new Error(await answer.text());
  const next = ((answer.headers.get("link") || "").match(/[?&]cursor=([^&>]*)/) || [])[1];
  return { tasks: await answer.json(), next: next && decodeURIComponent(next) };
}

function Search({ args }) {
  const tests = useAsked(() => all("/tests", { expanded: "true" }), []);
  const found = useAsked(() => find(args), [JSON.stringify(args)], 0, (event) => event.type === "task");
  const change = (more) => go("tasks", { ...args, cursor: undefined, ...more });
  const names = (tests.value || []).map((test) => (typeof test === "string" ? test.split("/").pop() : test.name));
  return html`<h2>Tasks</h2>
    <form class="bar" onSubmit=${(event) => event.preventDefault()}>
      <${Choice} label="Test" value=${args.test || ""} options=${[["", "every test"], ...names]} onChange=${(test) => change({ test })} />
      <${Choice} label="State" value=${args.enabled || ""} options=${[["", "all"], ["yes", "enabled"], ["no", "cancelled or over"]]} onChange=${(enabled) => change({ enabled })} />
      <${Field} label="Reference holds"><input value=${args.reference || ""} placeholder='{"label": "mesh"}' onChange=${(event) => change({ reference: event.target.value })} /><//>
    </form>
    <${Waiting} of=${found}>${({ tasks, next }) => html`
      ${tasks.length ? html`<${Table} caption="Tasks" head=${["Test", "Spec", "Tool", "Added", "Runs", "Repeat", "State"]} rows=${tasks.map(row)} />` : html`<${Empty}>No task is like that here.<//>`}
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
    html`<span title=${time(task.detail.added)}>${ago(task.detail.added)}</span>`,
    `${task.detail["runs-started"]} of ${task.detail.runs}`,
    task.schedule.repeat || task.schedule["repeat-cron"] || "once",
    task.detail.enabled ? "enabled" : "over",
  ];
}

async function look(uuid) {
  const [task, runs] = await Promise.all([
    ask(`/tasks/${uuid}`, { detail: "true" }),
    ask(`/tasks/${uuid}/runs`, { expanded: "true", limit: 200 }),
  ]);
  return { task, runs };
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
  return html`<h2>Task</h2><${Waiting} of=${found}>${({ task, runs }) => html`
    <p><strong>${task.test.type}</strong> with ${task.tool}, ${task.detail.enabled ? "enabled" : "over"}, added ${time(task.detail.added)}</p>
    <p><code>pscheduler task ${task.test.type} ${task.detail.cli.join(" ")}</code></p>
    ${task.detail["next-planning-reason"] && html`<p class="warning">${task.detail["next-planning-reason"]}; looked at again ${ago(task.detail["next-planning"])}</p>`}
    <p class="bar">
      ${task.detail.enabled && html`<button class="danger" onClick=${cancel}>Cancel the task</button>`}
      <a class="button" href=${link("measure", { again: uuid })}>Measure the same again</a>
      <span role="status">${said}</span>
    </p>
    <${Table} caption="Runs, the latest last" head=${["Start", "State", "Reason"]} rows=${runs.map((run) => [
      html`<a href=${link("run", { of: pathOf(run.href) })}>${time(run["start-time"])}</a>`,
      html`<${State} name=${run.state} />`,
      run.reason ? run.reason.message : "",
    ])} />
    <details><summary>The whole task</summary><pre tabindex="0">${JSON.stringify(task, null, 2)}</pre></details>`}<//>`;
}
