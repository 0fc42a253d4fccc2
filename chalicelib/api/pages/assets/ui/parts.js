// Pieces that several views are made of.

import { html, useEffect, useState } from "./preact.js";
import { kindOf } from "./format.js";

// What a promise came to: {value, error, loading}; asked again every so many milliseconds, if any.
export function useAsked(make, keys, every = 0) {
  const [found, setFound] = useState({ loading: true });
  useEffect(() => {
    let gone = false;
    let timer;
    const look = async () => {
      try {
        const value = await make();
        if (!gone) setFound((before) => (isSame(before, value) ? before : { value }));
      } catch (error) {
        if (!gone) setFound((before) => ({ value: before.value, error }));
      }
      if (!gone && every) timer = setTimeout(look, document.hidden ? every * 5 : every);
    };
    setFound((before) => ({ value: before.value, loading: true }));
    look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, keys);
  return found;
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

export function Waiting({ of, children }) {
  if (of.error && of.value === undefined) return html`<p class="error" role="alert">${of.error.message}</p>`;
  if (of.value === undefined) return html`<p class="loading">Loading ...</p>`;
  return html`${of.error && html`<p class="error" role="alert">${of.error.message}</p>`}${children(of.value)}`;
}

export function State({ name }) {
  return html`<span class=${`state ${kindOf(name)}`}>${name}</span>`;
}

export function Field({ label, children, hint }) {
  return html`<label class="field"><span>${label}</span>${children}${hint && html`<small>${hint}</small>`}</label>`;
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

// A table whose cells are text or what html`` gives.
export function Table({ caption, head, rows }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${caption}><table>
    <caption>${caption}</caption>
    <thead><tr>${head.map((cell) => html`<th scope="col">${cell}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}
