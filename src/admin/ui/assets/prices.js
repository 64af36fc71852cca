// What models cost, and the exchange rates between currencies.

import { all, call, maybe, name } from "./api.js";
import { button, confirmed, h, notice, table } from "./dom.js";
import { activeField, edit, jsonField, nameField, textField } from "./editor.js";
import { absent, source } from "./shown.js";

const PRICES = "/llm/prices";
const RATES = "/llm/exchange-rates";
const MOST = 100;
const PRICE_FIELDS = [
  { ...nameField, label: "Name (provider/model)" },
  textField("currency", "Currency (three letters)"),
  textField("input", "Input, per million tokens", { required: true }), textField("output", "Output, per million tokens", { required: true }),
  textField("cache_read", "Read from the cache, per million tokens"), textField("cache_write", "Written to the cache, per million tokens"),
  jsonField("tiers", 'Classes of service, as JSON: {"batch": {"input": "1"}}'), activeField,
];
const RATE_FIELDS = [{ ...nameField, label: "Name (USD-CNY, or USD-CNY@2026-01-31)" }, textField("rate", "Rate", { required: true }), activeField];

/** Both lists, with what makes and changes them. */
export async function draw(place, signal) {
  const prices = h("div", {}), rates = h("div", {});
  const refresh = async () => {
    const [costs, exchange] = await Promise.all([maybe(all(PRICES)), maybe(all(RATES))]);
    if (signal.aborted) return;
    prices.replaceChildren(costs.error ? absent("prices", costs.error) : priceTable(costs.value, refresh));
    rates.replaceChildren(exchange.error ? absent("exchange rates", exchange.error) : rateTable(exchange.value, refresh));
  };
  place.append(
    h("h2", {}, "Prices"), h("div", { class: "bar" }, button("New price", () => edit("New price", PRICES, null, PRICE_FIELDS, refresh))), prices,
    h("h2", {}, "Exchange rates"), h("div", { class: "bar" }, button("New rate", () => edit("New rate", RATES, null, RATE_FIELDS, refresh))), rates);
  await refresh();
}

function priceTable(found, refresh) {
  const shown = h("div", {});
  const draw = (wanted) => {
    const fits = found.filter((price) => price.name.toLowerCase().includes(wanted.toLowerCase()));
    const of = (key) => (price) => price.config?.[key] ?? "–";
    shown.replaceChildren(table(`Prices of a million tokens (${fits.length} of ${found.length}, at most ${MOST} are shown)`, [
      ["Model", (price) => price.name], ["Input", of("input"), true], ["Output", of("output"), true], ["Cache read", of("cache_read"), true],
      ["Currency", of("currency")], ["Source", source], actions(PRICES, PRICE_FIELDS, refresh),
    ], fits.slice(0, MOST), "No price fits."));
  };
  const input = h("input", { type: "search", "aria-label": "Filter prices", placeholder: "Filter", oninput: () => draw(input.value) });
  draw("");
  return h("div", {}, input, shown);
}

function rateTable(found, refresh) {
  return table("Exchange rates", [
    ["Currencies", (rate) => rate.name], ["Rate", (rate) => rate.config?.rate ?? "–", true], ["Source", source],
    actions(RATES, RATE_FIELDS, refresh),
  ], found, "None is known.");
}

/** Only what was made here can be changed here. */
function actions(root, fields, refresh) {
  const remove = async (one) => {
    if (!(await confirmed(`Delete ${one.name}?`, "It is no longer in force from the next request on.", "Delete"))) return;
    await call("DELETE", `${root}/${name(one.name)}`);
    notice(`${one.name} was deleted.`);
    await refresh();
  };
  return ["", (one) => one.status?.source === "store" && h("div", { class: "bar" },
    button("Edit", () => edit(`Edit ${one.name}`, root, one, fields, refresh), { "aria-label": `Edit ${one.name}` }),
    button("Delete", () => remove(one), { class: "danger", "aria-label": `Delete ${one.name}` }))];
}
