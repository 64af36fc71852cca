// A dialog that creates or changes a provider, a model or a client, shows beforehand what that changes, and names the field that
// is wrong.

import { call, name as escaped, tagged } from "./api.js";
import { button, dialog, failure, field, h, notice } from "./dom.js";
import { difference } from "./shown.js";

/** `fields`: [{id, label, type, options, read, write}] over the thing's body. Calls `saved` with the answer. */
export async function edit(title, root, thing, fields, saved) {
  const isNew = !thing?.name;
  const current = isNew ? { body: thing ?? {}, tag: null } : await tagged(`${root}/${escaped(thing.name)}`);
  const inputs = new Map();
  const out = h("div", { "aria-live": "polite" });
  const parts = fields.map((one) => {
    const value = one.read(current.body) ?? "";
    let input;
    if (one.options) input = h("select", { name: one.id }, one.options.map((option) => h("option", { value: option, selected: option === value }, option)));
    else if (one.type === "checkbox") input = h("input", { type: "checkbox", name: one.id, checked: value !== false });
    else if (one.type === "area") input = h("textarea", { name: one.id, rows: "6", spellcheck: "false", value });
    else input = h("input", { type: one.type ?? "text", name: one.id, value, autocomplete: "off", spellcheck: "false", required: one.required, list: one.list });
    if (one.id === "name" && !isNew) input.readOnly = true;
    inputs.set(one.id, input);
    return one.type === "checkbox" ? h("label", { class: "inline" }, input, h("span", {}, one.label)) : field(one.label, input);
  });
  const body = () => {
    const made = { name: inputs.get("name").value.trim(), config: { ...(current.body.config ?? {}) } };
    for (const one of fields) {
      const input = inputs.get(one.id);
      one.write(made, one.type === "checkbox" ? input.checked : input.value.trim());
    }
    return made;
  };
  const send = (dry) => {
    const query = dry ? "?dry_run=true" : "";
    const made = body();
    if (isNew) return call("POST", `${root}${query}`, made);
    return call("PUT", `${root}/${escaped(thing.name)}${query}`, made, current.tag ? { "if-match": current.tag } : {});
  };
  const tell = async (work) => {
    try {
      out.replaceChildren();
      await work();
    } catch (error) {
      out.replaceChildren(failure(error));
      const wrong = String(error.message).split(":")[0].split(".").pop();
      inputs.get(wrong)?.focus();
    }
  };
  const form = h("form", {}, ...parts, out, h("div", { class: "bar" },
    h("button", { type: "submit", class: "primary" }, isNew ? "Create" : "Save"),
    button("What would change?", () => tell(async () => {
      const told = await send(true);
      out.replaceChildren(difference(told.diff));
    })),
    button("Cancel", () => element.close())));
  const element = dialog(title, form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    tell(async () => {
      const told = await send(false);
      element.close();
      notice(`${told.name ?? inputs.get("name").value} was saved.`);
      await saved(told);
    });
  });
}

/** JSON in a text area, of one key of `config`. */
export function jsonField(id, label) {
  return {
    id, label, type: "area",
    read: (body) => (body.config?.[id] === undefined ? "" : JSON.stringify(body.config[id], null, 1)),
    write: (body, text) => {
      if (!text) return void delete body.config[id];
      try {
        body.config[id] = JSON.parse(text);
      } catch {
        throw new Error(`${id}: this is no JSON`);
      }
    },
  };
}

/** A text of `config`; left out if empty. */
export function textField(id, label, more = {}) {
  return {
    id, label, ...more,
    read: (body) => body.config?.[id],
    write: (body, text) => {
      if (text) body.config[id] = text;
      else delete body.config[id];
    },
  };
}

export const nameField = { id: "name", label: "Name", required: true, read: (body) => body.name, write: () => {} };
export const activeField = {
  id: "is_active", label: "Active", type: "checkbox", read: (body) => body.is_active ?? true,
  write: (body, value) => { body.is_active = value; },
};
