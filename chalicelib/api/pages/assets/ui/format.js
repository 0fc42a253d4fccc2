// Values, times and states as people read them.

const SCALES = {
  "bit/s": [[1e9, "Gb/s"], [1e6, "Mb/s"], [1e3, "kb/s"], [1, "b/s"]],
  bytes: [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]],
};

// What the numbers of a metric are in, by its name.
export function unitOf(metric) {
  if (metric.endsWith("bps")) return "bit/s";
  if (metric.endsWith("ratio")) return "%";
  if (metric.endsWith("days-left")) return "days";
  if (metric === "path.mtu" || metric.endsWith(".bytes")) return "bytes";
  if (metric.startsWith("packets.") || /(hops|retransmits|records|status|open|scanned|stations|refused)$/.test(metric)) return "";
  if (/(verified|authenticated|found|there|intact|up|network|gateway|succeeded)$/.test(metric)) return "flag";
  if (metric.startsWith("s3.")) return "s";
  if (metric === "wifi.signal") return "dBm";
  if (metric.startsWith("snmp.1") || metric.startsWith("snmp.2")) return "";
  return "ms";
}

export function shown(metric, value, written = digits) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value;
  const unit = unitOf(metric);
  if (unit === "%") return `${written(value * 100)} %`;
  if (unit === "flag") return value ? "yes" : "no";
  for (const [size, name] of SCALES[unit] || []) {
    if (Math.abs(value) >= size) return `${written(value / size)} ${name}`;
  }
  const [, least] = (SCALES[unit] || [[0, unit]]).at(-1);
  return least ? `${written(value)} ${least}` : digits(value);
}

// A number for a table of many: three digits that count, whichever they are, so that all are as exact; nothing and
// all of a hundred are whole.
export function even(value) {
  if (value === 0 || value === 100 || !Number.isFinite(value) || Math.abs(value) >= 999.5) return digits(Math.round(value));
  return Math.abs(value) < 1e-3 ? value.toExponential(2) : value.toPrecision(3);
}

export function digits(value) {
  if (!Number.isFinite(value)) return "–";
  if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3)) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}

export function time(value) {
  if (!value) return "–";
  const moment = typeof value === "number" ? new Date(value * 1000) : new Date(value);
  return moment.toLocaleString([], { dateStyle: "short", timeStyle: "medium" });
}

export function ago(value, now = Date.now()) {
  if (!value) return "–";
  const seconds = (now - new Date(value).getTime()) / 1000;
  const ahead = seconds < 0;
  const size = Math.abs(seconds);
  const [count, unit] =
    size < 90 ? [Math.round(size), "s"] : size < 5400 ? [Math.round(size / 60), "min"] : size < 129600 ? [Math.round(size / 3600), "h"] : [Math.round(size / 86400), "d"];
  return ahead ? `in ${count} ${unit}` : `${count} ${unit} ago`;
}

// An ISO 8601 duration in seconds.
export function seconds(duration) {
  const found = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?$/.exec(duration || "");
  if (!found) return null;
  const [, weeks, days, hours, minutes, rest] = found.map((part) => Number(part || 0));
  return ((weeks * 7 + days) * 24 + hours) * 3600 + minutes * 60 + rest;
}

export const GOOD = ["finished", "ok"];
export const BAD = ["failed", "overdue", "missed", "nonstart", "preempted", "critical", "no-data"];

export function kindOf(state) {
  if (GOOD.includes(state)) return "good";
  if (BAD.includes(state)) return "bad";
  if (state === "warning") return "warn";
  return ["running", "cleanup"].includes(state) ? "now" : "wait";
}

// Why a run came to nothing: what the node says of it, else what the participants say that failed.
export function whyOf(run) {
  if (run.reason) return run.reason.message;
  const said = failures(run).map(([name, error]) => (run.participants.length > 1 ? `${name || "this host"}: ${error}` : error));
  return said.join("; ") || (BAD.includes(run.state) && run.errors) || "";
}

// A failed run has no merged result, as a rule, but one of each participant.
function failures(run) {
  const merged = run["result-merged"];
  if (merged) return merged.succeeded === false && merged.error ? [["all", merged.error]] : [];
  if (run.state !== "failed") return [];
  const all = run["result-full"] || [run.result];
  return all.map((each, index) => [run.participants[index], each && each.error]).filter(([, error]) => error);
}

export function pathName(series) {
  return series.destination ? `${series.source} → ${series.destination}` : series.source;
}
