// What was used and what it cost: grouped, charted, and as CSV.

import { get, maybe } from "./api.js";
import { chart } from "./chart.js";
import { button, download, failure, field, h, number } from "./dom.js";
import { by, read } from "./metrics.js";
import { absent, rows } from "./shown.js";

const GROUPS = ["provider", "model", "client", "day"];

export async function show(place, signal) {
  const group = h("select", { name: "group" }, GROUPS.map((name) => h("option", { value: name }, name)));
  const day = (back) => new Date(Date.now() - back * 86400000).toISOString().slice(0, 10);
  const from = h("input", { type: "date", name: "from", value: day(29) });
  const to = h("input", { type: "date", name: "to", value: day(0) });
  const shown = h("div", {});
  let found = [];
  let charts = [];
  const end = () => charts.splice(0).forEach((one) => one.end());
  signal.addEventListener("abort", end);
  const refresh = async () => {
    const query = new URLSearchParams({ group_by: group.value, from: from.value, to: to.value });
    const told = await maybe(get(`/llm/usage?${query}`));
    if (signal.aborted) return;
    end();
    if (told.error?.code === "no_store") return sinceStart(shown);
    if (told.error) return shown.replaceChildren(absent("usage", told.error));
    found = told.value.data.map((row) => columns(row, group.value));
    shown.replaceChildren(rows(`Usage by ${group.value}`, found, "Nothing was used in this time."));
    if (found.length) draw(shown, found, group.value, charts);
  };
  const form = h("form", { class: "row" }, field("Group by", group), field("From", from), field("To", to),
    h("button", { type: "submit", class: "primary" }, "Show"), button("CSV", () => download("usage.csv", "text/csv", csv(found))));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await refresh().catch((error) => shown.replaceChildren(failure(error)));
  });
  group.addEventListener("change", () => refresh().catch((error) => shown.replaceChildren(failure(error))));
  place.append(form, shown);
  await refresh();
}

/** What is shown of a row, in this order. */
function columns(row, group) {
  const { requests, failed, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost, currency, cost_unknown } = row;
  const own = row[group] || "none";
  return { [group]: own, requests, failed, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost, currency, cost_unknown };
}

/** By day a line over time, else a bar for each group. */
function draw(shown, found, group, charts) {
  const numeric = (name) => found.some((row) => Number(row[name]) > 0);
  const measures = ["requests", "cost", "prompt_tokens", "completion_tokens"].filter(numeric);
  const place = h("div", { class: "charts" });
  shown.prepend(place);
  for (const measure of measures) {
    const title = `${measure.replaceAll("_", " ")} by ${group}`;
    if (group === "day") {
      const one = chart(title, [measure.replaceAll("_", " ")], (value) => number(value, 4));
      place.append(one.figure);
      one.draw(found.map((row) => Date.parse(row.day) / 1000), found.map((row) => Number(row[measure])));
      charts.push(one);
    } else {
      place.append(bars(title, found.map((row) => [String(row[group] ?? "none"), Number(row[measure]) || 0])));
    }
  }
}

/** Bars, the largest first. A meter says its value without colour or shape. */
function bars(title, pairs) {
  const sorted = pairs.sort((one, other) => other[1] - one[1]).slice(0, 12);
  const most = Math.max(...sorted.map((pair) => pair[1]), 1e-9);
  return h("figure", {}, h("figcaption", {}, title), sorted.map(([label, value]) =>
    field(`${label}: ${number(value, 4)}`, h("meter", { min: "0", max: String(most), value: String(value), "aria-label": `${label}: ${number(value, 4)}` }))));
}

/** Without records of usage, what the metrics have counted since the start. */
async function sinceStart(shown) {
  const page = await read();
  const list = (title, name, label) => rows(title, by(page, name, label).map(([key, value]) => ({ [label]: key || "none", count: value })), "Nothing was used yet.");
  shown.replaceChildren(
    h("p", { class: "faint" }, "This sidecar keeps no records of usage. This is what it has counted since its start."),
    list("Requests by provider", "llm_requests_total", "provider"), list("Requests by model", "llm_requests_total", "model"),
    list("Tokens by type", "llm_tokens_total", "type"), list("Cost by currency", "llm_cost_total", "currency"));
}

/** A cell that a spreadsheet would take for a formula is made a text. */
function csv(found) {
  const names = [...new Set(found.flatMap((row) => Object.keys(row)))];
  const cell = (value) => {
    let text = value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [names.map(cell).join(","), ...found.map((row) => names.map((name) => cell(row[name])).join(","))].join("\r\n") + "\r\n";
}
