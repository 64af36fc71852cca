// What was done through the admin API, by whom, the latest first.

import { ask, get, maybe } from "./api.js";
import { button, dialog, download, h, table, time } from "./dom.js";
import { absent, json } from "./shown.js";

export async function show(place, signal) {
  const list = h("div", {});
  let entries = [];
  let before = null;
  const more = button("Older ones", () => load());
  const load = async () => {
    const told = await maybe(get(`/audit?limit=50${before ? `&before=${before}` : ""}`));
    if (signal.aborted) return;
    if (told.error) return list.replaceChildren(absent("an audit trail", told.error));
    entries = entries.concat(told.value.data ?? []);
    before = told.value.next_before;
    more.hidden = !before;
    list.replaceChildren(entryTable(entries));
  };
  const refresh = () => {
    [entries, before] = [[], null];
    return load();
  };
  place.append(h("div", { class: "bar" }, button("Refresh", refresh), button("Export as JSON lines", async () => {
    const response = await ask("GET", "/api/v1/audit?format=jsonl");
    download("audit.jsonl", "application/x-ndjson", await response.text());
  })), list, h("div", { class: "bar" }, more));
  more.hidden = true;
  await load();
}

function parsed(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return text;
  }
}

function entryTable(entries) {
  const details = (entry) => dialog(`Entry ${entry.seq}`, h("h3", {}, "Before"), json(parsed(entry.before), "Before"), h("h3", {}, "After"),
    json(parsed(entry.after), "After"), h("p", { class: "faint" }, `Hash ${entry.hash}`));
  return table("Audit trail", [
    ["No.", (entry) => entry.seq], ["When", (entry) => time(entry.at)], ["Who", (entry) => entry.actor], ["From", (entry) => entry.address],
    ["What", (entry) => entry.action], ["To what", (entry) => entry.target], ["Request", (entry) => h("code", {}, entry.request_id)],
    ["", (entry) => button("Details", () => details(entry), { "aria-label": `Details of entry ${entry.seq}` })],
  ], entries, "Nothing was done yet.");
}
