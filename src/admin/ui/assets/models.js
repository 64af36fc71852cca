// Names for models, what they stand for, and what models cost.

import { all, call, get, maybe, name } from "./api.js";
import { button, confirmed, dialog, h, notice, table, tag } from "./dom.js";
import { activeField, edit, jsonField, nameField, textField } from "./editor.js";
import { absent, json, rows, source } from "./shown.js";

const ROOT = "/llm/models";
const TYPES = ["chat", "completion", "embedding", "rerank", "moderation", "image", "audio", "other"];
const FIELDS = [
  nameField,
  { id: "model_type", label: "Type", options: TYPES, read: (body) => body.model_type, write: (body, text) => { body.model_type = text; } },
  textField("strategy", "Strategy (failover, weighted, round_robin, least_latency, least_busy, cheapest)"),
  jsonField("targets", 'Targets, as JSON: [{"provider": "openai", "model": "gpt-4o-mini"}]'),
  jsonField("fallback", "Fallback, as JSON"), activeField,
];

export async function show(place, signal) {
  const list = h("div", {}), prices = h("div", {}), rates = h("div", {});
  const refresh = async () => {
    const [models, costs, exchange] = await Promise.all([maybe(all(ROOT)), maybe(get("/prices?limit=1000")), maybe(get("/exchange-rates"))]);
    if (signal.aborted) return;
    list.replaceChildren(models.error ? absent("models", models.error) : modelTable(models.value, refresh));
    prices.replaceChildren(costs.error ? absent("prices", costs.error) : priceTable(costs.value));
    rates.replaceChildren(exchange.error ? absent("exchange rates", exchange.error) : rows("Exchange rates", entries(exchange.value), "None is known."));
  };
  place.append(
    h("div", { class: "bar" }, button("New model", () => edit("New model", ROOT, null, FIELDS, refresh), { class: "primary" }), button("Refresh", refresh)),
    list, h("h2", {}, "Prices"), prices, h("h2", {}, "Exchange rates"), rates);
  await refresh();
}

function modelTable(models, refresh) {
  const targets = (model) => (model.config?.targets ?? []).map((target) => `${target.provider}/${target.model}`).join(", ") || "–";
  const isOwn = (model) => model.status?.source !== "file";
  const remove = async (model) => {
    if (!(await confirmed(`Delete ${model.name}?`, "Requests for it are refused from then on.", "Delete"))) return;
    await call("DELETE", `${ROOT}/${name(model.name)}`);
    notice(`${model.name} was deleted.`);
    await refresh();
  };
  return table("Models", [
    ["Name", (model) => model.name],
    ["Type", (model) => model.model_type],
    ["Strategy", (model) => model.config?.strategy ?? "failover"],
    ["Targets", targets],
    ["Active", (model) => tag(model.is_active ? "active" : "off", model.is_active ? "good" : "warn")],
    ["Declared", source],
    ["", (model) => h("div", { class: "bar" },
      button("Details", () => dialog(model.name, json(model, model.name)), { "aria-label": `Details of ${model.name}` }),
      isOwn(model) && button("Edit", () => edit(`Edit ${model.name}`, ROOT, model, FIELDS, refresh), { "aria-label": `Edit ${model.name}` }),
      isOwn(model) && button("Delete", () => remove(model), { class: "danger", "aria-label": `Delete ${model.name}` }))],
  ], models, "There is no name for a model; `provider/model` works too.");
}

/** Whatever form a list has. */
export function entries(told) {
  const list = told.data ?? told.rates ?? told.prices ?? told;
  if (Array.isArray(list)) return list;
  return Object.entries(list).map(([key, value]) => ({ name: key, ...(typeof value === "object" && value ? value : { value }) }));
}

function priceTable(told) {
  const found = entries(told);
  const shown = h("div", {});
  const draw = (wanted) => {
    const fits = found.filter((price) => JSON.stringify(price).toLowerCase().includes(wanted.toLowerCase()));
    shown.replaceChildren(rows(`Prices (${fits.length} of ${found.length}, the first 100 are shown)`, fits.slice(0, 100), "No price fits."));
  };
  const input = h("input", { type: "search", "aria-label": "Filter prices", placeholder: "Filter", oninput: () => draw(input.value) });
  draw("");
  return h("div", {}, input, shown);
}
