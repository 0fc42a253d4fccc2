// Addresses within the page.

// Another place; what is undefined, null or empty is left out.
export function link(view, args = {}) {
  const kept = Object.entries(args).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const query = new URLSearchParams(kept).toString();
  return `#/${view}${query ? `?${query}` : ""}`;
}

export function go(view, args, replacing = false) {
  const target = link(view, args);
  if (replacing) history.replaceState(null, "", target);
  else history.pushState(null, "", target);
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}
