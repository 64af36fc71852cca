// Providers: health, breakers, limits and what can be done to them.

import { all, call, get, maybe, name } from "./api.js";
import { button, confirmed, dialog, h, notice, number, table, tag } from "./dom.js";
import { activeField, edit, jsonField, nameField, textField } from "./editor.js";
import { absent, json, rows, short, source } from "./shown.js";

const ROOT = "/llm/providers";
const STATES = { closed: "good", half_open: "warn", open: "bad" };
const FIELDS = [
  nameField,
  { id: "provider_type", label: "Vendor (openai, anthropic, azure, …)", required: true, read: (body) => body.provider_type, write: (body, text) => { body.provider_type = text; } },
  { ...textField("api_key", "API key (write-only; as it is shown, it stays as it is)"), type: "password" },
  textField("base_url", "Base URL"), textField("organization", "Organization"),
  { id: "models", label: "Models, comma-separated (empty: learnt from the vendor)", read: (body) => body.config?.models?.join(", "),
    write: (body, text) => { if (text) body.config.models = text.split(",").map((one) => one.trim()).filter(Boolean); else delete body.config.models; } },
  jsonField("limit", "Limits, as JSON"), activeField,
];

export async function show(place, signal) {
  const list = h("div", {}), breakers = h("div", {}), limits = h("div", {});
  const refresh = async () => {
    const [providers, states, bounds] = await Promise.all([maybe(all(ROOT)), maybe(get("/breakers")), maybe(get("/limits"))]);
    if (signal.aborted) return;
    const open = states.value?.breakers ?? [];
    list.replaceChildren(providers.error ? absent("providers", providers.error) : providerTable(providers.value, open, refresh));
    breakers.replaceChildren(states.error ? absent("breakers", states.error) : breakerTable(open, refresh));
    limits.replaceChildren(bounds.error ? absent("limits", bounds.error) : limitTable(bounds.value.upstreams));
  };
  place.append(
    h("div", { class: "bar" },
      button("New provider", () => edit("New provider", ROOT, null, FIELDS, refresh), { class: "primary", id: "new-provider" }),
      button("Refresh", refresh)),
    list, h("h2", {}, "Breakers"), breakers, h("h2", {}, "Limits"), limits);
  await refresh();
}

function providerTable(providers, breakers, refresh) {
  const health = (provider) => {
    const own = breakers.filter((breaker) => breaker.provider === provider.name);
    const worst = ["open", "half_open", "closed"].find((state) => own.some((breaker) => breaker.state === state));
    return worst ? tag(worst.replace("_", "-"), STATES[worst]) : tag("not used yet");
  };
  const isOwn = (provider) => provider.status?.source !== "file";
  return table("Providers", [
    ["Name", (provider) => provider.name],
    ["Vendor", (provider) => provider.provider_type],
    ["Active", (provider) => tag(provider.is_active ? "active" : "off", provider.is_active ? "good" : "warn")],
    ["Breaker", health],
    ["Last test", (provider) => tested(provider)],
    ["Declared", source],
    ["", (provider) => h("div", { class: "bar" },
      button("Test", () => test(provider, refresh), { "aria-label": `Test ${provider.name}` }),
      button("Sync models", () => sync(provider, refresh), { "aria-label": `Sync models of ${provider.name}` }),
      button("Details", () => dialog(provider.name, json(provider, provider.name)), { "aria-label": `Details of ${provider.name}` }),
      isOwn(provider) && button("Edit", () => edit(`Edit ${provider.name}`, ROOT, provider, FIELDS, refresh), { "aria-label": `Edit ${provider.name}` }),
      isOwn(provider) && button("Delete", () => remove(provider, refresh), { class: "danger", "aria-label": `Delete ${provider.name}` }))],
  ], providers, "There is no provider.");
}

function tested(provider) {
  const test = provider.status?.test ?? provider.status?.last_test;
  if (!test) return "never";
  const good = test.passed ?? test.ok ?? test.healthy;
  return good === undefined ? short(test.at) : tag(good ? "passed" : "failed", good ? "good" : "bad");
}

/** Whatever a test or a sync has found: its parts as a table, the rest as it is. */
function found(title, told) {
  const parts = told.capabilities ?? told.checks ?? told.results ?? told.models;
  let shown = null;
  if (Array.isArray(parts)) shown = rows(title, parts.map((part) => (typeof part === "object" ? part : { name: part })));
  else if (parts) shown = rows(title, Object.entries(parts).map(([capability, value]) => ({ capability, ...(typeof value === "object" && value ? value : { result: value }) })));
  const more = h("details", {}, h("summary", {}, "Everything that was told"), json(told, title));
  const element = dialog(title, shown ?? "", more, h("div", { class: "bar" }, button("Close", () => element.close())));
}

async function test(provider, refresh) {
  const told = await call("POST", `${ROOT}/${name(provider.name)}/test`, {});
  await refresh();
  found(`Test of ${provider.name}`, told);
}

async function sync(provider, refresh) {
  const told = await call("POST", `${ROOT}/${name(provider.name)}/sync-models`, {});
  await refresh();
  found(`Models of ${provider.name}`, told);
}

async function remove(provider, refresh) {
  if (!(await confirmed(`Delete ${provider.name}?`, "Requests for it are refused from then on.", "Delete"))) return;
  await call("DELETE", `${ROOT}/${name(provider.name)}`);
  notice(`${provider.name} was deleted.`);
  await refresh();
}

function breakerTable(breakers, refresh) {
  const act = (breaker, what, more = "") => async () => {
    const query = `provider=${name(breaker.provider)}&model=${name(breaker.model)}&credential=${breaker.credential}${more}`;
    await call("POST", `/breakers/${what}?${query}`);
    await refresh();
  };
  const label = (breaker) => `${breaker.provider}/${breaker.model}`;
  return table("Breakers that have seen a request", [
    ["Provider", (breaker) => breaker.provider],
    ["Model", (breaker) => breaker.model],
    ["Credential", (breaker) => breaker.credential, true],
    ["State", (breaker) => tag(breaker.state.replace("_", "-"), STATES[breaker.state] ?? "")],
    ["Asks again in", (breaker) => (breaker.retry_after_ms ? `${number(breaker.retry_after_ms / 1000, 1)} s` : "–"), true],
    ["Trips", (breaker) => number(Object.values(breaker.trips ?? {}).reduce((total, count) => total + count, 0)), true],
    ["", (breaker) => h("div", { class: "bar" },
      button("Force open", act(breaker, "force-open", "&seconds=60"), { class: "danger", "aria-label": `Force open the breaker of ${label(breaker)}` }),
      button("Reset", act(breaker, "reset"), { "aria-label": `Reset the breaker of ${label(breaker)}` }))],
  ], breakers, "No breaker has seen a request yet.");
}

function limitTable(limits) {
  const rates = (list) => list?.map((rate) => `${number(rate.remaining)} of ${number(rate.limit)}`).join(", ") || "–";
  return table("Limits of upstreams, as they are now", [
    ["Provider", (limit) => limit.provider],
    ["Model", (limit) => limit.model ?? "all"],
    ["Requests left", (limit) => rates(limit.requests)],
    ["Tokens left", (limit) => rates(limit.tokens)],
    ["At once (adaptive limit)", (limit) => number(limit.concurrency ?? NaN), true],
    ["Under way", (limit) => number(limit.in_flight ?? NaN), true],
    ["Waiting", (limit) => number(limit.queue_depth ?? NaN), true],
  ], limits, "No provider has a limit, or none was asked yet.");
}
