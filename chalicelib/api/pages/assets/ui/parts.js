// Pieces that several views are made of.

import { html, useEffect, useState } from "./preact.js";
import { kindOf } from "./format.js";
import { hear, isLive } from "./live.js";

const SELDOM = 30000;
const MOST_OFTEN = 500;
const LONG_WORD = 20;

// What a promise came to: {value, error, loading}; asked again every so many milliseconds, if any. Where an event
// that is wanted happens it is asked again at once, and otherwise seldom.
export function useAsked(make, keys, every = 0, isWanted = null) {
  const [found, setFound] = useState({ loading: true });
  useEffect(() => {
    let gone = false;
    let timer;
    let looking = false;
    let again = false;
    let ended = 0;
    let took = 0;
    const look = async () => {
      clearTimeout(timer);
      looking = true;
      again = false;
      const begun = Date.now();
      try {
        const value = await make();
        if (!gone) setFound((before) => (isSame(before, value) ? before : { value }));
      } catch (error) {
        if (!gone) setFound((before) => ({ value: before.value, error }));
      }
      ended = Date.now();
      took = ended - begun;
      looking = false;
      if (gone) return;
      if (again) soon();
      else if (every) timer = setTimeout(look, pauseOf(every, isWanted));
    };
    // No more often than the node is fit for.
    const soon = () => {
      clearTimeout(timer);
      timer = setTimeout(look, Math.max(0, ended + Math.max(MOST_OFTEN, 3 * took) - Date.now()));
    };
    const heard = (events) => {
      if (!events.some((event) => event.type === "reset" || isWanted(event))) return;
      if (looking) again = true;
      else soon();
    };
    setFound((before) => ({ value: before.value, loading: true }));
    look();
    const stop = isWanted ? hear(heard) : () => {};
    return () => {
      gone = true;
      clearTimeout(timer);
      stop();
    };
  }, keys);
  return found;
}

function pauseOf(every, isWanted) {
  if (isWanted && isLive()) return Math.max(every, SELDOM);
  return document.hidden ? every * 5 : every;
}

// Whether an answer says what is shown already: then nothing is drawn anew, least of all under somebody's hand.
function isSame(before, value) {
  return !before.loading && !before.error && (before.value === value || JSON.stringify(before.value) === JSON.stringify(value));
}

// The present in seconds, anew every so many of them while it is wanted.
export function useNow(every, wanted) {
  const [now, setNow] = useState(Date.now() / 1000);
  useEffect(() => {
    if (!wanted) return undefined;
    const timer = setInterval(() => setNow(Date.now() / 1000), every * 1000);
    return () => clearInterval(timer);
  }, [every, wanted]);
  return now;
}

// A value once it has stayed as it is for so many milliseconds.
export function useSettled(value, milliseconds) {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

export function Waiting({ of, children }) {
  if (of.error && of.value === undefined) return html`<p class="error" role="alert">${of.error.message}</p>`;
  if (of.value === undefined) return html`<p class="loading">Loading ...</p>`;
  return html`${of.error && html`<p class="error" role="alert">${of.error.message}</p>`}${children(of.value)}`;
}

export function State({ name }) {
  return html`<span class=${`state ${kindOf(name)}`}>${name}</span>`;
}

export function Field({ label, children, hint, error, errorId }) {
  return html`<label class="field"><span>${label}</span>${children}${hint && html`<small>${hint}</small>`}${error && html`<small class="error" role="alert" id=${errorId}>${error}</small>`}</label>`;
}

// What is written into is as it was written until it is left: nothing drawn meanwhile takes a letter away.
export function Written({ as = "input", text, onText, ...more }) {
  const [draft, setDraft] = useState(null);
  const write = (event) => {
    setDraft(event.target.value);
    onText(event.target.value);
  };
  return html`<${as} value=${draft ?? text} autocomplete="off" onInput=${write} onBlur=${() => setDraft(null)} ...${more} />`;
}

export function Choice({ value, onChange, options, label }) {
  const listed = options.map((each) => (Array.isArray(each) ? each : [each, each]));
  return html`<select aria-label=${label} onChange=${(event) => onChange(event.target.value)}>
    ${listed.map(([name, text]) => html`<option value=${name} selected=${name === value}>${text}</option>`)}
  </select>`;
}

export function Empty({ children }) {
  return html`<p class="empty">${children}</p>`;
}

// A table whose cells are text or what html`` gives; ``isNamed`` where a heading says already what it is.
export function Table({ caption, head, rows, isNamed = false }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${caption}><table>
    <caption class=${isNamed ? "sr" : undefined}>${caption}</caption>
    <thead><tr>${head.map((cell) => html`<th scope="col">${cell}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr>${row.map((cell) => html`<td class=${hasLongWord(cell) ? "long" : undefined}>${cell}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}

// Whether something in a cell has to be broken, or it would push the other columns out of sight.
function hasLongWord(cell) {
  return textOf(cell).split(/\s+/).some((word) => word.length > LONG_WORD);
}

function textOf(cell) {
  if (Array.isArray(cell)) return cell.map(textOf).join("");
  if (cell && cell.props) return textOf(cell.props.children);
  return typeof cell === "string" ? cell : "";
}
