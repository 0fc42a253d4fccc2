// The page: where one is stands behind the # in the address, so that a link keeps the view.

import { html, render, useEffect, useState } from "./preact.js";
import { ask } from "./api.js";
import { useAsked } from "./parts.js";
import { link } from "./places.js";
import { Alerts } from "./alerts.js";
import { Overview } from "./overview.js";
import { Grid } from "./grid.js";
import { Path } from "./path.js";
import { Run } from "./run.js";
import { Tasks } from "./tasks.js";
import { Measure } from "./measure.js";
import { Schedule } from "./schedule.js";

const VIEWS = {
  overview: ["Overview", Overview],
  grid: ["Grid", Grid],
  path: ["Paths", Path],
  alerts: ["Alerts", Alerts],
  tasks: ["Tasks", Tasks],
  measure: ["Measure now", Measure],
  schedule: ["Schedule", Schedule],
  run: [null, Run],
};

function place() {
  const [view, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { view: view in VIEWS ? view : "overview", args: Object.fromEntries(new URLSearchParams(query || "")) };
}

function useTheme() {
  const [theme, setTheme] = useState(localStorage.getItem("theme") || "system");
  useEffect(() => {
    localStorage.setItem("theme", theme);
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  return [theme, setTheme];
}

function App() {
  const [where, setWhere] = useState(place());
  const [theme, setTheme] = useTheme();
  const host = useAsked(() => ask("/hostname"), []);
  useEffect(() => {
    const moved = () => setWhere(place());
    window.addEventListener("hashchange", moved);
    window.addEventListener("popstate", moved);
    return () => {
      window.removeEventListener("hashchange", moved);
      window.removeEventListener("popstate", moved);
    };
  }, []);
  const [title, View] = VIEWS[where.view];
  const name = host.value || "";
  useEffect(() => {
    document.title = `${title || "Run"} – ${name || "pScheduler"}`;
  }, [where.view, name]);
  return html`
    <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); document.getElementById("main").focus(); }}>Skip to the content</a>
    <header>
      <h1><a href=${link("overview")}>pScheduler</a> <small>${name}</small></h1>
      <nav aria-label="Views">${Object.entries(VIEWS).filter(([, [text]]) => text).map(
        ([view, [text]]) => html`<a href=${link(view)} aria-current=${view === where.view ? "page" : undefined}>${text}</a>`,
      )}<a href="../docs">API</a></nav>
      <label class="theme">Colours <select onChange=${(event) => setTheme(event.target.value)}>
        ${["system", "light", "dark"].map((each) => html`<option value=${each} selected=${each === theme}>${each}</option>`)}
      </select></label>
    </header>
    <main id="main" tabindex="-1"><${View} key=${where.view} args=${where.args} /></main>
    <footer>Times are those of ${Intl.DateTimeFormat().resolvedOptions().timeZone}, as this browser is set.</footer>`;
}

const root = document.getElementById("app");
root.textContent = "";
render(html`<${App} />`, root);
