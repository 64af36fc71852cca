// Whether the configuration is in sync, what is in effect, what the files would change, and the log's level.

import { call, get, maybe } from "./api.js";
import { button, h, notice, table, tag } from "./dom.js";
import { absent, difference, json, short } from "./shown.js";

const LEVELS = ["error", "warn", "info", "debug", "trace"];

export async function show(place, signal) {
  const state = h("div", {}), diff = h("div", { id: "diff", "aria-live": "polite" }), effective = h("div", {}), level = h("div", {});
  const refresh = async () => {
    const [status, config, log] = await Promise.all([maybe(get("/config/status")), maybe(get("/config")), maybe(get("/logs/level"))]);
    if (signal.aborted) return;
    state.replaceChildren(status.error ? absent("its status", status.error) : statusTable(status.value));
    effective.replaceChildren(config.error ? absent("its effective configuration", config.error) : json(config.value.config ?? config.value, "The configuration in effect"));
    level.replaceChildren(log.error ? absent("its log's level", log.error) : levelForm(log.value, refresh));
  };
  const compare = async () => {
    const told = await maybe(call("POST", "/config/validate", {}));
    if (told.error) return diff.replaceChildren(absent("a comparison", told.error));
    const { valid, errors, warnings } = told.value;
    diff.replaceChildren(h("p", {}, tag(valid ? "valid" : "not valid", valid ? "good" : "bad")),
      ...(errors ?? []).map((error) => h("pre", { tabindex: "0", "aria-label": "An error" }, error)),
      ...(warnings ?? []).map((warning) => h("p", { class: "warn" }, warning)), difference(told.value.diff));
  };
  const reload = async () => {
    // What is not valid is told with 422 and shown by the status.
    const told = await maybe(call("POST", "/config/reload", {}));
    notice(told.error ? `Not taken over: ${told.error.message}` : "The configuration was loaded anew.");
    await refresh();
  };
  place.append(h("div", { class: "bar" }, button("Load anew", reload, { class: "primary" }), button("Compare with the files", compare), button("Refresh", refresh)),
    state, h("h2", {}, "Differences to the files"), diff, h("h2", {}, "In effect"), effective, h("h2", {}, "Level of the log"), level);
  diff.append(h("p", { class: "faint" }, "Not compared yet."));
  await refresh();
}

function statusTable(status) {
  const found = Object.entries(status).filter(([key]) => key !== "in_sync").map(([key, value]) => ({ key, value }));
  const shown = (row) => (/(at|reload|success|failure)$/.test(row.key) && typeof row.value === "number" ? new Date(row.value * 1000).toLocaleString() : short(row.value));
  return h("div", {}, h("p", {}, tag(status.in_sync ? "in sync with its files" : "not in sync with its files", status.in_sync ? "good" : "bad")),
    table("Status", [["Fact", (row) => row.key.replaceAll("_", " ")], ["Value", shown]], found));
}

function levelForm(told, refresh) {
  const select = h("select", { "aria-label": "Level", id: "level" }, LEVELS.map((name) => h("option", { value: name, selected: name === told.level }, name)));
  return h("div", { class: "bar" }, h("div", {}, select), button("Set", async () => {
    await call("PUT", "/logs/level", { level: select.value });
    notice(`The level is ${select.value} now.`);
    await refresh();
  }), h("span", { class: "faint" }, `now: ${told.level ?? "?"}`));
}
