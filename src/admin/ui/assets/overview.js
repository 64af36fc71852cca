// What the sidecar is doing now: counted from its metrics page every two seconds.

import { chart } from "./chart.js";
import { failure, h, number, table } from "./dom.js";
import { by, quantile, read, sum } from "./metrics.js";

const PAUSE = 2000;
const KEPT = 150;

export async function show(place, signal) {
  const values = {};
  const card = (id, title) => {
    values[id] = h("dd", { id: `card-${id}` }, "–");
    return h("div", { class: "card" }, h("dt", {}, title), values[id]);
  };
  const cards = h("dl", { class: "cards" },
    card("requests", "Requests"), card("active", "Under way"), card("tokens", "Tokens"), card("cost", "Cost"),
    card("ttft", "First token, median"), card("errors", "Errors"), card("sync", "Configuration"));
  const seconds = (value) => `${number(value, 2)} s`;
  const charts = {
    requests: chart("Requests per second", ["requests", "errors"], (value) => number(value, 2)),
    tokens: chart("Tokens per second", ["tokens"], (value) => number(value, 1)),
    ttft: chart("Time to first token", ["median", "95 %"], seconds),
    active: chart("Requests under way", ["requests"], (value) => number(value)),
  };
  let paused = false;
  const pause = h("button", { type: "button", "aria-pressed": "false", onclick: () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Go on" : "Pause";
  } }, "Pause");
  const lists = h("div", {});
  place.append(cards, h("div", { class: "bar" }, pause), h("div", { class: "charts" }, Object.values(charts).map((one) => one.figure)), lists);
  signal.addEventListener("abort", () => Object.values(charts).forEach((one) => one.end()));

  const history = [];
  let last = null;
  const step = async () => {
    const now = Date.now() / 1000;
    const page = await read();
    if (signal.aborted) return;
    const requests = sum(page, "llm_requests_total");
    const tokens = sum(page, "llm_tokens_total", (labels) => labels.type === "input" || labels.type === "output" || labels.type === "prompt" || labels.type === "completion");
    const errors = sum(page, "llm_errors_total");
    const active = sum(page, "llm_active_requests");
    values.requests.textContent = number(requests);
    values.active.textContent = number(active);
    values.tokens.textContent = number(tokens || sum(page, "llm_tokens_total"));
    const costs = by(page, "llm_cost_total", "currency");
    values.cost.textContent = costs.length ? costs.map(([currency, amount]) => `${number(amount, 4)} ${currency}`).join(", ") : "–";
    const median = quantile(page, null, "llm_time_to_first_token_seconds", 0.5);
    values.ttft.textContent = median === null ? "–" : seconds(median);
    values.errors.textContent = number(errors);
    values.sync.textContent = sum(page, "llm_config_in_sync") === 1 ? "in sync" : "not in sync";
    values.sync.className = sum(page, "llm_config_in_sync") === 1 ? "good" : "bad";
    if (last) {
      const span = Math.max(now - last.now, 0.001);
      const rate = (current, before) => Math.max(current - before, 0) / span;
      history.push([now, rate(requests, last.requests), rate(errors, last.errors), rate(tokens, last.tokens), active,
        quantile(page, last.page, "llm_time_to_first_token_seconds", 0.5), quantile(page, last.page, "llm_time_to_first_token_seconds", 0.95)]);
      if (history.length > KEPT) history.shift();
      const column = (index) => history.map((entry) => entry[index]);
      charts.requests.draw(column(0), column(1), column(2));
      charts.tokens.draw(column(0), column(3));
      charts.ttft.draw(column(0), column(5), column(6));
      charts.active.draw(column(0), column(4));
    }
    last = { now, page, requests, tokens, errors };
    lists.replaceChildren(
      h("h2", {}, "Requests by provider"),
      table("Requests answered since the start", [["Provider", (row) => row[0] || "none"], ["Requests", (row) => number(row[1]), true]], by(page, "llm_requests_total", "provider"), "No request has come yet."),
      h("h2", {}, "Errors by code"),
      table("Errors told to clients since the start", [["Code", (row) => row[0]], ["Errors", (row) => number(row[1]), true]], by(page, "llm_errors_total", "code"), "There was none."));
  };
  await step();
  let failed = null;
  const timer = setInterval(async () => {
    if (paused || document.hidden) return;
    try {
      await step();
      failed?.remove();
      failed = null;
    } catch (error) {
      if (!failed && !signal.aborted) place.prepend((failed = failure(error)));
    }
  }, PAUSE);
  signal.addEventListener("abort", () => clearInterval(timer));
}
