// Reads the metrics page (OpenMetrics text) and counts what has come in between two readings.

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*?)\})? (\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** Samples by name: [{labels, value}]. */
export function parse(text) {
  const families = new Map();
  for (const line of text.split("\n")) {
    if (!line || line.startsWith("#")) continue;
    const found = SAMPLE.exec(line);
    if (!found) continue;
    const labels = {};
    for (const [, key, value] of (found[2] ?? "").matchAll(LABEL)) labels[key] = value.replace(/\\(.)/g, "$1");
    if (!families.has(found[1])) families.set(found[1], []);
    families.get(found[1]).push({ labels, value: Number(found[3]) });
  }
  return families;
}

export async function read() {
  const response = await fetch("/metrics", { credentials: "omit", cache: "no-store" });
  if (!response.ok) throw new Error(`the metrics page answered with ${response.status}`);
  return parse(await response.text());
}

export function sum(families, name, fits = () => true) {
  return (families.get(name) ?? []).filter((sample) => fits(sample.labels)).reduce((total, sample) => total + sample.value, 0);
}

/** The sums by the value of one label, the largest first. */
export function by(families, name, label) {
  const sums = new Map();
  for (const { labels, value } of families.get(name) ?? []) sums.set(labels[label] ?? "", (sums.get(labels[label] ?? "") ?? 0) + value);
  return [...sums].sort((one, other) => other[1] - one[1]);
}

/** A quantile of what a histogram has seen since `before`, interpolated within its bucket; null if that is nothing. */
export function quantile(families, before, name, part) {
  const buckets = new Map();
  for (const [page, sign] of [[families, 1], [before, -1]]) {
    for (const { labels, value } of page?.get(`${name}_bucket`) ?? []) {
      const bound = labels.le === "+Inf" ? Infinity : Number(labels.le);
      buckets.set(bound, (buckets.get(bound) ?? 0) + sign * value);
    }
  }
  const sorted = [...buckets].sort((one, other) => one[0] - other[0]);
  const total = sorted.at(-1)?.[1] ?? 0;
  if (total <= 0) return null;
  let [lower, below] = [0, 0];
  for (const [bound, count] of sorted) {
    if (count >= part * total) {
      if (bound === Infinity) return lower;
      return lower + (bound - lower) * ((part * total - below) / Math.max(count - below, 1e-9));
    }
    [lower, below] = [bound, count];
  }
  return lower;
}
