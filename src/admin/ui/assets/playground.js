// A chat through the sidecar, streamed, the way every request goes.

import { ApiError, all, maybe, session } from "./api.js";
import { failure, field, h, number } from "./dom.js";

export async function show(place, signal) {
  const model = h("input", { name: "model", list: "models", required: true, autocomplete: "off", spellcheck: "false" });
  const known = h("datalist", { id: "models" });
  const key = h("input", { type: "password", name: "key", autocomplete: "off", placeholder: "only if there are clients" });
  const system = h("input", { name: "system", autocomplete: "off" });
  const temperature = h("input", { type: "number", name: "temperature", min: "0", max: "2", step: "0.1" });
  const prompt = h("textarea", { name: "prompt", rows: "4", required: true });
  const send = h("button", { type: "submit", class: "primary" }, "Send");
  const stop = h("button", { type: "button", disabled: true }, "Stop");
  const clear = h("button", { type: "button" }, "New conversation");
  const facts = h("p", { class: "faint", role: "status", id: "facts" });
  const talk = h("div", { class: "chat", "aria-label": "Conversation", role: "log" });
  const messages = [];
  let under = null;
  signal.addEventListener("abort", () => under?.abort());
  stop.addEventListener("click", () => under?.abort());
  clear.addEventListener("click", () => {
    messages.length = 0;
    talk.replaceChildren();
    facts.textContent = "";
  });
  const form = h("form", {}, h("div", { class: "row" }, field("Model", model), field("Client key", key), field("Temperature", temperature)), known,
    field("System", system), field("Message", prompt), h("div", { class: "bar" }, send, stop, clear));
  place.append(form, facts, talk);
  maybe(all("/llm/models")).then((models) => known.append(...(models.value ?? []).map((one) => h("option", { value: one.name })))).catch(() => {});
  maybe(all("/llm/providers")).then((providers) => {
    const names = (providers.value ?? []).flatMap((one) => (one.config?.models ?? []).map((name) => `${one.name}/${name}`));
    known.append(...names.map((value) => h("option", { value })));
  }).catch(() => {});
  prompt.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (under) return;
    under = new AbortController();
    [send.disabled, stop.disabled] = [true, false];
    messages.push({ role: "user", content: prompt.value });
    const answer = h("p", { class: "assistant" });
    talk.append(h("p", { class: "user" }, prompt.value), answer);
    prompt.value = "";
    try {
      await stream(body(), answer);
      messages.push({ role: "assistant", content: answer.textContent });
    } catch (error) {
      messages.pop();
      if (error.name === "AbortError") facts.textContent = "Stopped.";
      else talk.append(failure(error));
    } finally {
      under = null;
      [send.disabled, stop.disabled] = [false, true];
    }
  });

  const body = () => ({
    model: model.value.trim(), stream: true, stream_options: { include_usage: true },
    ...(temperature.value === "" ? {} : { temperature: Number(temperature.value) }),
    messages: [...(system.value ? [{ role: "system", content: system.value }] : []), ...messages],
  });

  async function stream(request, answer) {
    const began = performance.now();
    let first = null;
    let usage = null;
    const headers = { "content-type": "application/json", ...(key.value ? { "x-llm-client-key": key.value } : {}) };
    const response = await fetchStream(request, headers);
    const by = [response.headers.get("x-llm-provider"), response.headers.get("x-llm-model")].filter(Boolean).join("/");
    for await (const data of events(response.body)) {
      if (data === "[DONE]") break;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new Error(chunk.error.message);
      const text = chunk.choices?.[0]?.delta?.content;
      if (text) {
        first ??= performance.now();
        answer.append(text);
      }
      usage = chunk.usage ?? usage;
    }
    const tokens = usage ? `, ${number(usage.prompt_tokens)} + ${number(usage.completion_tokens)} tokens` : "";
    const begin = first === null ? "" : `first token after ${number(first - began)} ms, `;
    facts.textContent = `${by ? `${by}: ` : ""}${begin}whole after ${number(performance.now() - began)} ms${tokens}`;
  }

  /** A wrong client's key is the sidecar's 401, not that of the admin API: nobody is logged out by it. */
  async function fetchStream(request, headers) {
    const response = await fetch("/api/v1/playground/chat", {
      method: "POST", credentials: "omit", signal: under.signal, body: JSON.stringify(request),
      headers: { authorization: `Bearer ${session.token}`, ...headers },
    });
    if (!response.ok) throw new ApiError(response.status, await response.json().catch(() => null), response.headers.get("retry-after"));
    return response;
  }
}

/** The data of each event of a stream. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const parts = rest.split(/\r?\n\r?\n/);
    rest = parts.pop();
    for (const part of parts) {
      const data = part.split(/\r?\n/).filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart()).join("\n");
      if (data) yield data;
    }
  }
}
