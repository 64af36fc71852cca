// Login, navigation and theme. Each view is a module with `show(place, signal)`; the signal ends its timers and requests.

import { get, session } from "./api.js";
import { field, failure, h, notice } from "./dom.js";
import * as audit from "./audit.js";
import * as clients from "./clients.js";
import * as config from "./config.js";
import * as models from "./models.js";
import * as overview from "./overview.js";
import * as playground from "./playground.js";
import * as providers from "./providers.js";
import * as usage from "./usage.js";

const VIEWS = [
  ["overview", "Overview", overview], ["providers", "Providers", providers], ["models", "Models and prices", models],
  ["clients", "Clients and budgets", clients], ["usage", "Usage", usage], ["playground", "Playground", playground],
  ["config", "Configuration", config], ["audit", "Audit trail", audit],
];
const place = document.getElementById("view");
const nav = document.getElementById("nav");
const logout = document.getElementById("logout");
let shown = null;

function theme(name) {
  document.documentElement.dataset.theme = name;
  const other = name === "dark" ? "light" : "dark";
  document.getElementById("theme").textContent = other === "dark" ? "Dark theme" : "Light theme";
  window.dispatchEvent(new CustomEvent("themed"));
}

function login(error) {
  shown?.abort();
  nav.hidden = logout.hidden = true;
  document.title = "Log in – llm-sidecar";
  const token = h("input", { type: "password", id: "token", autocomplete: "off", required: true, spellcheck: "false" });
  const form = h("form", { class: "login" }, h("h1", {}, "Log in"), field("Admin token", token),
    error ? failure(error) : null, h("div", { class: "bar" }, h("button", { class: "primary", type: "submit" }, "Log in")),
    h("p", { class: "faint" }, "One of admin.tokens, or a token of the configured identity provider. It is kept in this tab only."));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    session.token = token.value.trim();
    try {
      await get("/config/status");
      start();
    } catch (refused) {
      // A role may lack this one permission and be good for others.
      if (refused.status === 403 && refused.code === "permission_denied") return start();
      session.token = null;
      login(refused);
    }
  });
  place.replaceChildren(form);
  token.focus();
}

function start() {
  logout.hidden = nav.hidden = false;
  nav.replaceChildren(...VIEWS.map(([id, title]) => h("a", { href: `#${id}`, "data-view": id }, title)));
  go();
}

async function go() {
  if (!session.token) return login();
  const id = location.hash.slice(1).split("/")[0];
  const [name, title, view] = VIEWS.find((one) => one[0] === id) ?? VIEWS[0];
  shown?.abort();
  const mine = (shown = new AbortController());
  for (const link of nav.children) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${title} – llm-sidecar`;
  const body = h("div", { "data-view": name, "aria-busy": "true" });
  place.replaceChildren(h("h1", {}, title), body);
  try {
    await view.show(body, mine.signal);
  } catch (error) {
    if (!mine.signal.aborted) body.append(failure(error));
  }
  body.setAttribute("aria-busy", "false");
}

document.getElementById("theme").addEventListener("click", () => {
  const other = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("llm-sidecar-theme", other);
  theme(other);
});
logout.addEventListener("click", () => {
  session.token = null;
  login();
});
window.addEventListener("hashchange", () => {
  if (location.hash === "#view") return;
  if (session.token) {
    go();
    place.focus();
  }
});
window.addEventListener("unauthorized", () => {
  if (!session.token || nav.hidden) return;
  session.token = null;
  login();
  notice("The token is no longer good.");
});
const dark = matchMedia("(prefers-color-scheme: dark)");
const chosen = () => localStorage.getItem("llm-sidecar-theme") ?? (dark.matches ? "dark" : "light");
dark.addEventListener("change", () => theme(chosen()));
theme(chosen());
if (session.token) start();
else login();
