// Alerts: what is not well, since when and why; and the rules that say so.

import { html } from "./preact.js";
import { all } from "./api.js";
import { ago, pathName, time } from "./format.js";
import { Choice, Empty, State, Table, Waiting, useAsked, useNow } from "./parts.js";
import { go, link } from "./places.js";
import { Editor, Rules } from "./rules.js";

const NEWS = 30;
const STATES = ["critical", "warning", "no-data", "ok"];

export const isAlert = (event) => event.type === "alert";

// Those not ok, the worst first, of each the newest first.
export async function active(args = {}) {
  return (await all("/alerts", { active: "true", ...args })).sort(byNeed);
}

function byNeed(one, other) {
  return STATES.indexOf(one.state) - STATES.indexOf(other.state) || other.since.localeCompare(one.since);
}

// How many there are in each state: "2 critical, 1 no-data".
export function counted(alerts) {
  const counts = STATES.map((state) => [alerts.filter((each) => each.state === state).length, state]);
  return counts.filter(([count]) => count).map(([count, state]) => `${count} ${state}`).join(", ");
}

async function look(args) {
  const wanted = { state: args.state, rule: args.rule };
  const found = args.state || args.all ? await all("/alerts", wanted) : await active({ rule: args.rule });
  return found.sort(byNeed);
}

export function Alerts({ args }) {
  if (args.edit === "rule" || args.edit === "window") return html`<${Editor} key=${args.edit + args.name} kind=${args.edit} name=${args.name} />`;
  return html`<${Listed} args=${args} />`;
}

function Listed({ args }) {
  const found = useAsked(() => look(args), [args.state, args.rule, args.all], 10000, isAlert);
  useNow(NEWS, true); // how long ago that is goes on, even where nothing else does
  const choose = (value) => go("alerts", { rule: args.rule, ...(value === "all" ? { all: 1 } : { state: value }) });
  return html`<div><h2>Alerts</h2>
    <div class="bar"><${Choice} label="State" value=${args.state || (args.all ? "all" : "")} options=${[["", "what is not well"], ["all", "all"], ...STATES]} onChange=${choose} />
      ${args.rule && html`<a href=${link("alerts", { state: args.state, all: args.all })}>of every rule</a>`}</div>
    <${Waiting} of=${found}>${(alerts) => html`
      ${alerts.length ? html`<${Table} caption="What the rules say" head=${["State", "Where", "Why", "Since", "Rule", "Maintenance"]} rows=${alerts.map(row)} />` : html`<${Empty}>${args.state || args.all ? "There is none." : "All is well, as far as there are rules."}<//>`}`}<//>
    <div><${Rules} /></div></div>`;
}

function row(alert) {
  return [
    html`<${State} name=${alert.state} />`,
    html`<a href=${pathOf(alert)}>${alert.series.test} ${pathName(alert.series)}</a>${alert.series.label ? html` <small>${alert.series.label}</small>` : ""}`,
    alert.why,
    html`<span class="when" title=${time(alert.since)}>${ago(alert.since)}</span>`,
    html`<a href=${link("alerts", { rule: alert.rule, all: 1 })}>${alert.rule}</a>`,
    alert["maintained-until"] ? `until ${time(alert["maintained-until"])}` : "",
  ];
}

function pathOf(alert) {
  return link("path", { source: alert.series.source, destination: alert.series.destination });
}

// What is not well on a path, above its charts.
export function OnPath({ source, destination }) {
  const found = useAsked(() => active({ source, destination }), [source, destination], 15000, isAlert);
  const alerts = (found.value || []).filter((each) => each.series.destination === (destination || undefined) || !destination);
  return html`<div role="status">${alerts.map((alert) => html`<p class="alert"><${State} name=${alert.state} /> ${alert.series.test}: ${alert.why}, since ${time(alert.since)}${alert["maintained-until"] ? ", under maintenance" : ""}</p>`)}</div>`;
}
