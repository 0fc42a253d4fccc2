// What happens at the node, as it does: one question that waits, for all who want to hear of something.

import { address } from "./api.js";

const WAIT = 25;
const GATHERED = 250;
const AFTER_TROUBLE = 5000;

const listeners = new Set();
let asking = false;
let impossible = false;
let works = false;

// Whether events come: who hears of what happens need not look for it so often.
export function isLive() {
  return works;
}

// Have a function called with each batch of events; what it returns ends that. An event of type "reset" says that
// some were missed.
export function hear(listener) {
  listeners.add(listener);
  if (!asking && !impossible) ask();
  return () => listeners.delete(listener);
}

async function ask() {
  asking = true;
  let since;
  while (listeners.size) {
    try {
      await seen();
      const answer = await fetch(address("/events", { since, wait: since && WAIT }));
      if (answer.status === 501) {
        impossible = true;
        break;
      }
      if (!answer.ok) throw new Error(await answer.text());
      const events = (await answer.text()).split("\n").filter(Boolean).map((line) => JSON.parse(line));
      works = true;
      since = answer.headers.get("cursor");
      for (const listener of [...listeners]) listener(events);
      await pause(GATHERED);
    } catch {
      works = false;
      await pause(AFTER_TROUBLE);
    }
  }
  asking = false;
  works = false;
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// Once somebody looks at the page.
function seen() {
  if (!document.hidden) return undefined;
  return new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}
