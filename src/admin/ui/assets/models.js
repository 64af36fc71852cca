// Names for models, what they stand for, and what models cost.

import { all, call, maybe, name } from "./api.js";
import { button, confirmed, dialog, h, notice, table, tag } from "./dom.js";
import { activeField, edit, jsonField, nameField, textField } from "./editor.js";
import * as prices from "./prices.js";
import { absent, json, source } from "./shown.js";

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
  const list = h("div", {});
  const refresh = async () => {
    const models = await maybe(all(ROOT));
    if (signal.aborted) return;
    list.replaceChildren(models.error ? absent("models", models.error) : modelTable(models.value, refresh));
  };
  place.append(
    h("div", { class: "bar" }, button("New model", () => edit("New model", ROOT, null, FIELDS, refresh), { class: "primary" }), button("Refresh", refresh)),
    list);
  await Promise.all([refresh(), prices.draw(place, signal)]);
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
