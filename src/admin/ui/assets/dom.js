// Elements, tables, dialogs and notices. Text is always text: nothing here makes markup of it.

/** An element. Attributes: `class`, `on…` listeners, properties by their name in `prop`, anything else as it is; `null` and `false` are left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function button(text, onclick, attributes = {}) {
  const element = h("button", { type: "button", ...attributes }, text);
  element.addEventListener("click", async () => {
    element.disabled = true;
    try {
      await onclick();
    } catch (error) {
      notice(String(error.message ?? error));
    } finally {
      element.disabled = false;
    }
  });
  return element;
}

export function tag(text, kind = "") {
  return h("span", { class: `tag ${kind}` }, text);
}

export function field(label, input) {
  return h("label", {}, h("span", {}, label), input);
}

/** A table. `columns`: [heading, cell of a row, is a number]. The first cell of a row is its heading. */
export function table(caption, columns, rows, nothing = "There is nothing yet.") {
  if (!rows.length) return h("p", { class: "empty" }, nothing);
  const cell = (column, row, index) => {
    const content = column[1](row);
    const attributes = { class: column[2] ? "number" : null, scope: index === 0 ? "row" : null };
    return h(index === 0 ? "th" : "td", attributes, content ?? "–");
  };
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {},
      h("caption", {}, caption),
      h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col", class: column[2] ? "number" : null }, column[0])))),
      h("tbody", {}, rows.map((row) => h("tr", {}, columns.map((column, index) => cell(column, row, index)))))));
}

export function notice(text) {
  const element = h("p", {}, text);
  document.getElementById("notices").append(element);
  setTimeout(() => element.remove(), 8000);
}

export function failure(error) {
  return h("p", { class: "error", role: "alert" }, error.message ?? String(error));
}

let dialogs = 0;

/** A dialog. It closes on Escape, and the focus goes back to where it was. */
export function dialog(title, ...content) {
  const id = `dialog-${(dialogs += 1)}`;
  const element = h("dialog", { "aria-labelledby": id }, h("h2", { id }, title), ...content);
  const before = document.activeElement;
  element.addEventListener("close", () => {
    element.remove();
    before?.focus?.();
  });
  document.body.append(element);
  element.showModal();
  return element;
}

/** Asks before something that cannot be taken back. */
export function confirmed(title, text, yes) {
  return new Promise((resolve) => {
    let answer = false;
    const element = dialog(title, h("p", {}, text), h("div", { class: "bar" },
      button(yes, () => { answer = true; element.close(); }, { class: "danger" }),
      button("Cancel", () => element.close())));
    element.addEventListener("close", () => resolve(answer));
  });
}

export function time(milliseconds) {
  return milliseconds ? new Date(milliseconds).toLocaleString() : "–";
}

export function number(value, digits = 0) {
  return Number.isFinite(value) ? value.toLocaleString(undefined, { maximumFractionDigits: digits }) : "–";
}

export function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = h("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
