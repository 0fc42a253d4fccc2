// Alert rules and maintenance windows: what there is, and a form to make, change and remove them.

import { html, useEffect, useRef, useState } from "./preact.js";
import { address, all, ask, send } from "./api.js";
import { Choice, Empty, Field, Waiting, Written, useAsked } from "./parts.js";
import { go, link } from "./places.js";

const KINDS = {
  rule: { path: "/alert-rules", title: "alert rule", form: RuleFields, fresh: () => ({ metric: "loss.ratio", critical: { above: 0.05 } }) },
  window: { path: "/maintenance-windows", title: "maintenance window", form: WindowFields, fresh: () => ({ start: soon(), duration: "PT1H" }) },
};
const SERIES = { test: "such as rtt", source: "such as ams.example.org", destination: "such as *.example.org", tool: "such as ping", label: "such as Mesh of eight" };

// The next full hour.
const soon = () => new Date(Math.ceil(Date.now() / 3600000) * 3600000).toISOString().replace(/\.\d+/, "");

export function Rules() {
  const rules = useAsked(() => ask(KINDS.rule.path), [], 60000);
  const windows = useAsked(() => ask(KINDS.window.path), [], 60000);
  return html`<section aria-labelledby="rules"><h3 id="rules">Rules</h3><${Listed} kind="rule" of=${rules} none="No rule says yet what is bad." /></section>
    <section aria-labelledby="windows"><h3 id="windows">Maintenance windows</h3><${Listed} kind="window" of=${windows} none="There is none: whatever the rules say is told at once." /></section>`;
}

function Listed({ kind, of, none }) {
  if (of.error && of.value === undefined) return html`<p class="hint">${of.error.message}</p>`;
  return html`<${Waiting} of=${of}>${(found) => html`
    ${Object.keys(found).length ? Object.entries(found).map(([name, document]) => html`<details><summary>${name}${document.description ? `: ${document.description}` : ""}</summary>
      <pre tabindex="0">${JSON.stringify(document, null, 2)}</pre><p><a class="button" href=${link("alerts", { edit: kind, name })}>Change or remove ${name}</a></p></details>`) : html`<${Empty}>${none}<//>`}
    <p><a class="button" href=${link("alerts", { edit: kind })}>New ${KINDS[kind].title}</a></p>`}<//>`;
}

// The form at #/alerts?edit=rule&name=loss; without a name, of a new one.
export function Editor({ kind, name }) {
  const { path, title, fresh } = KINDS[kind];
  const found = useAsked(() => (name ? ask(`${path}/${encodeURIComponent(name)}`) : Promise.resolve(fresh())), [kind, name]);
  return html`<p><a href=${link("alerts")}>All alerts and rules</a></p><h2>${name ? `Change ${title} ${name}` : `New ${title}`}</h2>
    <${Waiting} of=${found}>${(document) => html`<${Form} key=${kind + name} kind=${kind} given=${name || ""} document=${document} />`}<//>`;
}

function Form({ kind, given, document }) {
  const { path, title, form: Members } = KINDS[kind];
  const [name, setName] = useState(given);
  const [values, setValues] = useState(document);
  const [trouble, setTrouble] = useState(null);
  const [removing, setRemoving] = useState(false);
  const form = useRef(null);
  const target = `${path}/${encodeURIComponent(name.trim() || "NAME")}`;
  const attempt = async (event, method, body) => {
    event.preventDefault();
    setTrouble(null);
    try {
      await send(method, target, body);
      go("alerts");
    } catch (error) {
      setTrouble(located(error.message));
    }
  };
  useEffect(() => {
    const faulty = trouble && form.current.querySelector("[aria-invalid]");
    if (faulty) faulty.focus();
  }, [trouble]);
  const edit = { values, set: (at, value) => setValues((before) => changed(before, at, value)), trouble };
  const known = shownAt(trouble, values);
  return html`<form class="measure" ref=${form} onSubmit=${(event) => attempt(event, "PUT", values)}>
      <div class="fields"><${Field} label="name (required)" hint="lower-case letters, digits and hyphens"><${Written} text=${name} onText=${setName} required readonly=${Boolean(given)} /><//>
        <${Text} edit=${edit} at=${["description"]} hint="what it is for, as people are told" /></div>
      <${Members} edit=${edit} />
      ${trouble && !known && html`<p class="error" role="alert">${trouble.pointer ? `${trouble.pointer}: ` : ""}${trouble.text}</p>`}
      <p class="bar"><button type="submit" class="primary">Keep</button> <a class="button" href=${link("alerts")}>Leave it</a>
        ${given && !removing && html`<button type="button" class="danger" onClick=${() => setRemoving(true)}>Remove</button>`}
        ${removing && html`<span>Remove ${title} ${given}${kind === "rule" ? " with its alerts" : ""}?</span> <button type="button" class="danger" onClick=${(event) => attempt(event, "DELETE")}>Yes, remove it</button> <button type="button" onClick=${() => setRemoving(false)}>No</button>`}</p>
    </form>
    ${hidesSomething(values) && html`<p class="warning">What is private is not shown, and null here: write it anew before this is kept.</p>`}
    <details><summary>As JSON</summary><pre tabindex="0">${JSON.stringify(values, null, 2)}</pre></details>
    <p><code>${curl(target, values)}</code></p>`;
}

function RuleFields({ edit }) {
  const names = useAsked(metrics, []);
  return html`
    <fieldset><legend>Which series</legend><p class="hint">An asterisk stands for any characters; what is empty is not looked at.</p>
      <div class="fields">${Object.entries(SERIES).map(([member, hint]) => html`<${Text} edit=${edit} at=${["series", member]} hint=${hint} />`)}</div></fieldset>
    <fieldset><legend>What is bad</legend><div class="fields">
      <${Text} edit=${edit} at=${["metric"]} required list="metrics" hint="which number of a result, such as loss.ratio" />
      <datalist id="metrics">${(names.value || []).map((each) => html`<option value=${each} />`)}</datalist>
      ${["warning", "critical"].map((level) => html`<${Condition} edit=${edit} level=${level} />`)}
      <${Choose} edit=${edit} at=${["without-value"]} options=${[["", "is bad, too (usual)"], ["bad", "is bad, too"], ["ignored", "is ignored"]]} label="a result without the number" />
      <${Text} edit=${edit} at=${["no-data"]} hint="say so where nothing came for this long, such as PT1H" /></div></fieldset>
    <fieldset><legend>How often</legend><div class="fields">
      <${Count} edit=${edit} at=${["results", "at-least"]} label="at least so many results" hint="are bad; all of them where empty" />
      <${Count} edit=${edit} at=${["results", "of"]} label="of the last" hint="1 where empty" />
      <${Count} edit=${edit} at=${["recover"]} label="good ones until it is well again" hint="as many as have to be bad where empty" /></div></fieldset>
    <fieldset><legend>Who is told</legend><${Json} edit=${edit} at=${["notify"]} hint='archives as tasks have them, such as [{"archiver": "syslog", "data": {"ident": "paths"}}]; nobody where empty' /></fieldset>`;
}

function WindowFields({ edit }) {
  return html`
    <fieldset><legend>When</legend><div class="fields">
      <${Text} edit=${edit} at=${["start"]} required hint="with its zone: Z is UTC" /><${Text} edit=${edit} at=${["duration"]} required hint="such as PT1H" />
      <${Text} edit=${edit} at=${["repeat"]} hint="such as P1D; once where empty" /><${Text} edit=${edit} at=${["until"]} hint="none begins then or later" /></div></fieldset>
    <fieldset><legend>Which alerts</legend><p class="hint">All where nothing is said. An asterisk stands for any characters.</p>
      <div class="fields"><${Words} edit=${edit} at=${["rules"]} hint="names of rules, separated by commas" />
      ${Object.entries(SERIES).map(([member, hint]) => html`<${Text} edit=${edit} at=${["series", member]} hint=${hint} />`)}</div></fieldset>`;
}

// The numbers that the series here have, to choose from.
async function metrics() {
  const found = await all("/series", { last: "true" }, 500);
  return [...new Set(found.flatMap((each) => Object.keys((each.last || {}).values || {})))].sort();
}

function Condition({ edit, level }) {
  const document = edit.values[level];
  const kind = document ? ["above", "below", "changed"].find((each) => each in document) || "" : "";
  const choose = (next) => edit.set([level], next === "" ? undefined : next === "changed" ? { changed: true } : { [next]: document && (document.above ?? document.below) });
  return html`<div class="level"><${Field} label=${level} error=${faultAt(edit, [level])}><${Choice} label=${level} value=${kind} options=${[["", "–"], ["above", "above"], ["below", "below"], ["changed", "other than before"]]} onChange=${choose} /><//>
    ${(kind === "above" || kind === "below") && html`<${Amount} edit=${edit} at=${[level, kind]} label=${`${level} ${kind}`} required />
      <${Amount} edit=${edit} at=${[level, "clear"]} label=${`${level} until`} hint=${`no longer bad only ${kind === "above" ? "at or below" : "at or above"} this; the bound where empty`} />`}</div>`;
}

// Fields of one member; ``at`` is where it is in the document.
function Input({ edit, at, label, hint, read, shown = (value) => value ?? "", ...more }) {
  const error = faultAt(edit, at);
  const id = `error-${at.join("-")}`;
  return html`<${Field} label=${`${label || at[at.length - 1]}${more.required ? " (required)" : ""}`} hint=${hint} error=${error} errorId=${id}>
    <${Written} text=${shown(valueAt(edit.values, at))} onText=${(text) => edit.set(at, read(text))} aria-invalid=${error ? "true" : undefined} aria-describedby=${error ? id : undefined} ...${more} /><//>`;
}

const Text = (given) => html`<${Input} ...${given} read=${(text) => text.trim() || undefined} />`;
const Amount = (given) => html`<${Input} ...${given} type="number" step="any" read=${numberOf} />`;
const Count = (given) => html`<${Input} ...${given} type="number" min="1" step="1" read=${numberOf} />`;
const Words = (given) => html`<${Input} ...${given} shown=${(value) => (value || []).join(", ")} read=${wordsOf} />`;
const Json = (given) => html`<${Input} ...${given} as="textarea" rows="4" shown=${(value) => (value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value))} read=${jsonOf} />`;

function Choose({ edit, at, label, options }) {
  return html`<${Field} label=${label} error=${faultAt(edit, at)}><${Choice} label=${label} value=${valueAt(edit.values, at) || ""} options=${options} onChange=${(value) => edit.set(at, value || undefined)} /><//>`;
}

const numberOf = (text) => (text === "" ? undefined : Number(text));

function wordsOf(text) {
  const found = text.split(",").map((each) => each.trim()).filter(Boolean);
  return found.length ? found : undefined;
}

function jsonOf(text) {
  if (!text.trim()) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const valueAt = (values, at) => at.reduce((found, member) => (found || {})[member], values);

// A document with another value at a place; what is left empty by that is no member.
function changed(values, [member, ...others], value) {
  const inner = others.length ? changed(values[member] || {}, others, value) : value;
  const { [member]: gone, ...kept } = values;
  const isNothing = inner === undefined || (others.length && !Object.keys(inner).length);
  return isNothing ? kept : member in values ? { ...values, [member]: inner } : { ...kept, [member]: inner };
}

// What the node says is wrong, and of which member: "/critical/clear: must be ...".
function located(message) {
  const [, pointer, text] = message.match(/^(\/[^:\s]*): ([^]*)$/) || [null, "", message];
  return { pointer, text };
}

// The fault of a field: of its member, or of something in it.
function faultAt({ trouble, values }, at) {
  if (!trouble || !isAt(trouble.pointer, at, values)) return "";
  return trouble.pointer === `/${at.join("/")}` ? trouble.text : `${trouble.pointer}: ${trouble.text}`;
}

function isAt(pointer, at, values) {
  const place = `/${at.join("/")}`;
  const holdsFields = place === "/warning" || place === "/critical" ? isBounded(values[at[0]], pointer.slice(place.length)) : false;
  return pointer === place || (pointer.startsWith(`${place}/`) && !holdsFields);
}

// Whether a level has a field of its own for what is wrong in it.
const isBounded = (level, rest) => Boolean(level) && ["/above", "/below", "/clear"].includes(rest) && ("above" in level || "below" in level);

function shownAt(trouble, values) {
  const fields = ["description", "metric", "warning", "critical", "without-value", "no-data", "recover", "notify", "start", "duration", "repeat", "until", "rules"];
  const inside = [...Object.keys(SERIES).map((member) => ["series", member]), ["results", "at-least"], ["results", "of"], ...["warning", "critical"].flatMap((level) => ["above", "below", "clear"].map((each) => [level, each]))];
  return Boolean(trouble) && [...fields.map((each) => [each]), ...inside].some((at) => isAt(trouble.pointer, at, values));
}

function hidesSomething(value) {
  if (value === null || typeof value !== "object") return false;
  return Object.entries(value).some(([name, inner]) => (name.startsWith("_") && inner === null) || hidesSomething(inner));
}

function curl(target, values) {
  const quoted = JSON.stringify(values).replaceAll("'", "'\\''");
  return `curl -X PUT -H 'Content-Type: application/json' -d '${quoted}' '${address(target)}'`;
}
