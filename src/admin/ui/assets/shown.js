// Parts that several views share: what a server answered in general form, differences, and things that are not there.

import { h, table, tag } from "./dom.js";

/** A value in one line. */
export function short(value) {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return tag(value ? "yes" : "no", value ? "good" : "");
  if (Array.isArray(value) && value.every((item) => typeof item !== "object")) return value.join(", ") || "–";
  return typeof value === "object" ? h("code", {}, JSON.stringify(value)) : String(value);
}

/** A table of whatever the rows hold. */
export function rows(caption, found, nothing) {
  const names = [...new Set(found.flatMap((row) => Object.keys(row)))];
  const columns = names.map((name) => [
    name.replaceAll("_", " "), (row) => short(row[name]), found.some((row) => typeof row[name] === "number")]);
  return table(caption, columns, found, nothing);
}

/** Says why something cannot be shown. */
export function absent(what, error) {
  const reason = error.status === 404 ? `This sidecar does not offer ${what}.` : error.message;
  return h("p", { class: "empty" }, reason);
}

/** What a change does: [{op, path, before, after}]. */
export function difference(changes) {
  if (!changes?.length) return h("p", { class: "faint" }, "Nothing changes.");
  const line = (sign, kind, value) => h("div", { class: kind }, `${sign} ${typeof value === "string" ? value : JSON.stringify(value, null, 1)}`);
  return h("pre", { tabindex: "0", "aria-label": "Differences" }, changes.map((change) => h("div", {},
    h("strong", {}, change.path || "/"),
    change.before !== undefined && change.before !== null ? line("−", "del", change.before) : null,
    change.after !== undefined && change.after !== null ? line("+", "ins", change.after) : null)));
}

export function json(value, label) {
  return h("pre", { tabindex: "0", "aria-label": label }, JSON.stringify(value, null, 2));
}

/** Where something is declared. */
export function source(thing) {
  const status = thing.status ?? {};
  return status.source === "file" ? `file (${status.declared_at ?? "?"})` : (status.source ?? "–");
}
