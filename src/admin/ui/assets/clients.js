// Clients of the data listener: their keys, limits and budgets.

import { all, call, get, maybe, name } from "./api.js";
import { button, confirmed, dialog, h, notice, number, table, tag, time } from "./dom.js";
import { activeField, edit, jsonField, nameField } from "./editor.js";
import { absent, short, source } from "./shown.js";

const ROOT = "/clients";
const FIELDS = [
  nameField,
  { id: "models", label: "Models it may use, comma-separated (empty: all)", read: (body) => body.config?.models?.join(", "),
    write: (body, text) => { if (text) body.config.models = text.split(",").map((one) => one.trim()).filter(Boolean); else delete body.config.models; } },
  jsonField("limit", 'Limits, as JSON: {"requests": {"rate": "600/min"}}'),
  jsonField("budget", 'Budget, as JSON: {"amount": 50, "currency": "USD", "per": "day"}'), activeField,
];

export async function show(place, signal) {
  const list = h("div", {}), limits = h("div", {});
  const refresh = async () => {
    const [clients, bounds] = await Promise.all([maybe(all(ROOT)), maybe(get("/limits"))]);
    if (signal.aborted) return;
    list.replaceChildren(clients.error ? absent("clients", clients.error) : clientTable(clients.value, refresh));
    limits.replaceChildren(bounds.error ? absent("limits", bounds.error) : limitTable(bounds.value.clients));
  };
  const created = async (told) => {
    if (told.key) keyShown(told.name, told.key);
    await refresh();
  };
  place.append(
    h("div", { class: "bar" }, button("New client", () => edit("New client", ROOT, null, FIELDS, created), { class: "primary" }), button("Refresh", refresh)),
    list, h("h2", {}, "Limits"), limits);
  await refresh();
}

/** A key is shown this once. */
function keyShown(client, key) {
  const element = dialog(`Key of ${client}`, h("p", {}, "It is shown this once and kept nowhere: copy it now."),
    h("pre", { tabindex: "0", "aria-label": "The key" }, key),
    h("div", { class: "bar" }, button("Copy", async () => { await navigator.clipboard.writeText(key); notice("Copied."); }), button("Close", () => element.close())));
}

function clientTable(clients, refresh) {
  const isOwn = (client) => client.status?.source !== "file";
  const issue = (client) => async () => {
    const told = await call("POST", `${ROOT}/${name(client.name)}/keys`, {});
    await refresh();
    keyShown(client.name, told.key);
  };
  const revoke = (client, key) => async () => {
    if (!(await confirmed(`Revoke the key ${key.id}?`, "It is refused from the next request on.", "Revoke"))) return;
    await call("DELETE", `${ROOT}/${name(client.name)}/keys/${name(key.id)}`);
    notice(`The key ${key.id} was revoked.`);
    await refresh();
  };
  const remove = (client) => async () => {
    if (!(await confirmed(`Delete ${client.name}?`, "All of its keys are refused from then on.", "Delete"))) return;
    await call("DELETE", `${ROOT}/${name(client.name)}`);
    await refresh();
  };
  const keys = (client) => {
    const known = client.status?.keys ?? [];
    if (!known.length) return isOwn(client) ? "none" : "in the file";
    return h("div", {}, known.map((key) => h("div", { class: "bar" }, h("code", {}, key.id), h("span", { class: "faint" }, time(key.created_at)),
      button("Revoke", revoke(client, key), { class: "danger", "aria-label": `Revoke the key ${key.id} of ${client.name}` }))));
  };
  return table("Clients", [
    ["Name", (client) => client.name],
    ["Models", (client) => client.config?.models?.join(", ") || "all"],
    ["Budget", (client) => short(client.status?.budget ?? client.config?.budget)],
    ["Active", (client) => tag(client.is_active ? "active" : "off", client.is_active ? "good" : "warn")],
    ["Keys", keys],
    ["Declared", source],
    ["", (client) => isOwn(client) && h("div", { class: "bar" },
      button("Issue a key", issue(client), { "aria-label": `Issue a key for ${client.name}` }),
      button("Edit", () => edit(`Edit ${client.name}`, ROOT, client, FIELDS, refresh), { "aria-label": `Edit ${client.name}` }),
      button("Delete", remove(client), { class: "danger", "aria-label": `Delete ${client.name}` }))],
  ], clients, "There is no client: whoever reaches the listener may call.");
}

function limitTable(limits) {
  const rates = (list) => list?.map((rate) => `${number(rate.remaining)} of ${number(rate.limit)}`).join(", ") || "–";
  return table("Limits of clients, as they are now", [
    ["Client", (limit) => limit.client], ["Requests left", (limit) => rates(limit.requests)], ["Tokens left", (limit) => rates(limit.tokens)],
    ["At once", (limit) => number(limit.concurrency ?? NaN), true], ["Under way", (limit) => number(limit.in_flight ?? NaN), true],
  ], limits, "No client has a limit.");
}
