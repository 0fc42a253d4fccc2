// Asking the node: everything the page knows comes through here.

const ROOT = new URL("..", document.baseURI).href.replace(/\/$/, "");

export class Refused extends Error {
  constructor(status, text) {
    super(text.trim() || `The node answered ${status}`);
    this.status = status;
  }
}

export function address(path, args = {}) {
  const url = new URL(path.startsWith("http") ? path : ROOT + path);
  for (const [name, value] of Object.entries(args)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  }
  return url.href;
}

// An answer, or in words that there is none: what a browser says of that is its own.
export async function fetched(url, options) {
  try {
    return await fetch(url, options);
  } catch {
    throw new Error(`The node does not answer: what is shown is out of date`);
  }
}

// JSON where the node sends JSON, else the text.
export async function ask(path, args = {}, options = {}) {
  const answer = await fetched(address(path, args), options);
  const text = await answer.text();
  if (!answer.ok) throw new Refused(answer.status, problemOf(answer, text));
  const isJson = (answer.headers.get("content-type") || "").includes("json");
  return isJson ? JSON.parse(text) : text;
}

function problemOf(answer, text) {
  if (!(answer.headers.get("content-type") || "").includes("json")) return text;
  try {
    return JSON.parse(text).detail || text;
  } catch {
    return text;
  }
}

// A list whose pages are followed until so many things were read.
export async function all(path, args = {}, most = 5000) {
  const found = [];
  let next = address(path, { limit: Math.min(most, 500), ...args });
  while (next && found.length < most) {
    const answer = await fetched(next);
    if (!answer.ok) throw new Refused(answer.status, await answer.text());
    found.push(...(await answer.json()));
    next = ((answer.headers.get("link") || "").match(/<([^>]*)>;\s*rel="next"/) || [])[1];
  }
  return found;
}

export function send(method, path, body) {
  const content = body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  return ask(path, {}, { method, ...content });
}

// The part of an href behind the API's root: /tasks/<uuid>/runs/<uuid>.
export function pathOf(href) {
  const at = href.indexOf("/tasks/");
  return at < 0 ? href : href.slice(at);
}
