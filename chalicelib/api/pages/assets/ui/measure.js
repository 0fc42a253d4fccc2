// Measure now: a form made from the test's schema, what it amounts to, progress, and the result.

import { html, useEffect, useState } from "./preact.js";
import { ask, pathOf, send } from "./api.js";
import { Choice, Field, State, Waiting, Written, useAsked, useSettled } from "./parts.js";
import { go, link } from "./places.js";

const OVER = ["finished", "failed", "overdue", "missed", "nonstart", "preempted", "canceled"];

export function Measure({ args }) {
  const tests = useAsked(async () => (await ask("/tests", { expanded: "true" })).map((test) => test.name || test.split("/").pop()), []);
  const again = useAsked(() => (args.again ? ask(`/tasks/${args.again}`) : Promise.resolve(null)), [args.again]);
  return html`<h2>Measure now</h2><${Waiting} of=${tests}>${(names) => html`<${Waiting} of=${again}>${(task) => {
    if (args.again && !task) return html`<p class="loading">Loading ...</p>`;
    const test = task ? task.test.type : names.includes(args.test) ? args.test : "rtt";
    return html`
      <div class="bar"><${Choice} label="Test" value=${test} options=${names} onChange=${(next) => go("measure", { test: next })} /></div>
      <${Form} key=${test + (args.again || "")} test=${test} task=${task} />`;
  }}<//>`}<//>`;
}

// Members that have a simple form; the others can be written as JSON.
function kindOf(schema) {
  if (schema.enum) return "enum";
  if (Array.isArray(schema.type)) return null;
  if (schema.type === "boolean" || schema.type === "integer" || schema.type === "number" || schema.type === "string") return schema.type;
  const options = schema.anyOf || schema.oneOf || [];
  return options.length && options.every((each) => each.type === "string" || each.format) ? "string" : null;
}

function Form({ test, task }) {
  const schemas = useAsked(async () => (await ask(`/tests/${test}/schema`)).spec, [test]);
  return html`<${Waiting} of=${schemas}>${(versions) => {
    const newest = Object.keys(versions).map(Number).sort((one, other) => other - one)[0];
    return html`<${Filled} test=${test} task=${task} schema=${versions[newest]} version=${newest} />`;
  }}<//>`;
}

function Filled({ test, task, schema, version }) {
  const [values, setValues] = useState(task ? task.test.spec : {});
  const [repeat, setRepeat] = useState("");
  const [progress, setProgress] = useState(null);
  const members = Object.entries(schema.properties || {}).filter(([name]) => name !== "schema");
  const required = schema.required || [];
  const ordered = members.sort(([one], [other]) => required.includes(other) - required.includes(one));
  const spec = { ...(version > 1 ? { schema: version } : {}), ...values };
  const whole = { schema: 1, test: { type: test, spec }, schedule: repeat ? { repeat } : {} };
  const change = (name, value) => {
    setValues(({ [name]: gone, ...kept }) => (value === "" || value === undefined ? kept : { ...kept, [name]: value }));
  };
  const begin = async (event) => {
    event.preventDefault();
    setProgress({ text: "Posting the task ..." });
    try {
      const href = await send("POST", "/tasks", whole);
      setProgress({ task: pathOf(href) });
    } catch (error) {
      setProgress({ error: error.message });
    }
  };
  return html`<form onSubmit=${begin} class="measure">
      <div class="fields">
        ${ordered.map(([name, member]) => html`<${Member} name=${name} member=${member} value=${values[name]} required=${required.includes(name)} onChange=${(value) => change(name, value)} />`)}
        <${Field} label="repeat" hint="a duration such as PT5M; once where empty"><${Written} text=${repeat} onText=${setRepeat} /><//>
      </div>
      <p class="bar"><button type="submit" class="primary">Measure</button></p>
    </form>
    <${CommandLine} test=${test} spec=${spec} />
    <details><summary>As JSON</summary><pre tabindex="0">${JSON.stringify(whole, null, 2)}</pre></details>
    <div aria-live="polite">${progress && html`<${Progress} ...${progress} />`}</div>`;
}

function Member({ name, member, value, required, onChange }) {
  const kind = kindOf(member);
  const label = required ? `${name} (required)` : name;
  const hint = member.description || "";
  if (kind === "boolean") {
    return html`<${Field} label=${label} hint=${hint}><select onChange=${(event) => onChange({ "": undefined, true: true, false: false }[event.target.value])}>
      ${[["", "–"], ["true", "yes"], ["false", "no"]].map(([each, text]) => html`<option value=${each} selected=${String(value ?? "") === each}>${text}</option>`)}</select><//>`;
  }
  if (kind === "enum") {
    return html`<${Field} label=${label} hint=${hint}><select onChange=${(event) => onChange(member.enum.find((each) => String(each) === event.target.value))}>
      <option value="">–</option>${member.enum.map((each) => html`<option value=${String(each)} selected=${each === value}>${String(each)}</option>`)}</select><//>`;
  }
  const isNumber = kind === "integer" || kind === "number";
  const read = (text) => {
    if (text === "") return undefined;
    if (isNumber) return Number(text);
    if (kind === "string") return text;
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  };
  const text = value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  return html`<${Field} label=${label} hint=${hint}><${Written} type=${name.startsWith("_") ? "password" : isNumber ? "number" : "text"} step="any" required=${required} text=${text} onText=${(written) => onChange(read(written))} /><//>`;
}

function CommandLine({ test, spec }) {
  const written = useSettled(JSON.stringify(spec), 400);
  const found = useAsked(() => ask(`/tests/${test}/spec/is-valid`, { spec: written }), [written]);
  const isAsked = !found.loading && written === JSON.stringify(spec);
  const words = Object.entries(spec).filter(([name]) => name !== "schema").map(([name, value]) => (value === true ? `--${name.replace(/^_/, "")}` : `--${name.replace(/^_/, "")} ${typeof value === "object" ? JSON.stringify(value) : value}`));
  return html`<p><code>pscheduler task ${test} ${words.join(" ")}</code></p>
    ${isAsked && found.value && found.value.valid === false && html`<p class="hint">${found.value.error}</p>`}`;
}

function Progress({ text, error, task }) {
  if (error) return html`<p class="error" role="alert">${error}</p>`;
  if (!task) return html`<p>${text}</p>`;
  return html`<${Following} task=${task} />`;
}

function Following({ task }) {
  const [run, setRun] = useState(null);
  const [trouble, setTrouble] = useState("");
  useEffect(() => {
    let gone = false;
    const follow = async () => {
      while (!gone) {
        try {
          const found = await ask(`${task}/runs/first`, { wait: 5, "wait-merged": "true" });
          if (!gone) setRun(found);
          if (OVER.includes(found.state)) return;
          if (["pending", "on-deck"].includes(found.state)) await new Promise((done) => setTimeout(done, 500));
        } catch (error) {
          if (!gone) setTrouble(error.message);
          await new Promise((done) => setTimeout(done, 2000));
        }
      }
    };
    follow();
    return () => {
      gone = true;
    };
  }, [task]);
  if (!run) return html`<p>${trouble || "The task is posted; its first run is being placed ..."}</p>`;
  const path = pathOf(run.href);
  return html`<section><h3>Run <${State} name=${run.state} /></h3>
    <p>${run.state === "pending" ? `It starts at ${new Date(run["start-time"]).toLocaleTimeString()}.` : ""} <a href=${link("run", { of: path })}>All about this run</a></p>
    ${OVER.includes(run.state) && html`<${Result} path=${path} run=${run} />`}</section>`;
}

function Result({ path, run }) {
  const found = useAsked(() => ask(`${path}/result`, { format: "text/plain" }), [path]);
  if (run.reason) return html`<p class="warning">${run.reason.message}</p>`;
  return html`<${Waiting} of=${found}>${(text) => html`<pre class="result" tabindex="0" role="region" aria-label="Result as text">${text}</pre>`}<//>`;
}
