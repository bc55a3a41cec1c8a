/* Fields to edit one layer in: numbers, choices, names, and what is made of these. It knows no
   layer; the server says which fields a kind has, and of which type each is. */
"use strict";

Explorer.fields = (() => {
  const { make, fill } = Explorer;
  let count = 0;

  /* field: {name, type, choices, default, required, of, item, variants}; `value` undefined where
     the layer does not say; onchange(path, value, reshaped), where undefined takes the field out
     and `reshaped` says that other fields have to be shown now. */
  function draw(field, value, path, onchange) {
    const told = { ...field, type: field.type || guess(value) };
    const item = told.item || {};
    if (told.type === "list" && (told.of || item.variants)) {
      return list(told, value || [], path, onchange);
    }
    if (told.type === "list" && item.type in NUMBERS) told.type = "numbers";
    if (told.of) return group(told, told.of, value || {}, path, onchange);
    if (told.variants) return variant(told, value, path, onchange);
    return single(told, value, path, onchange);
  }

  function guess(value) {
    if (typeof value === "number") return "number";
    if (typeof value === "boolean") return "yes or no";
    return typeof value === "string" ? "text" : "JSON";
  }

  const NUMBERS = { number: "any", "whole number": 1 };
  const words = (name) => name.replaceAll("_", " ");

  function group(field, members, value, path, onchange) {
    return make("fieldset.group", { "data-path": path.join(".") },
      make("legend", {}, field.title || words(field.name)), members.map((member) =>
        draw(member, value[member.name], [...path, member.name], onchange)));
  }

  function list(field, values, path, onchange) {
    const { name } = field;
    const button = (text, next) => make("button.bare", { type: "button", onclick: () =>
      onchange(path, next, true) }, text);
    return make("div.list", {}, values.map((value, index) => {
      const one = { ...field, type: "", title: words(name) + (values.length > 1
        ? ` ${index + 1}` : "") };
      const inside = [...path, index];
      return field.of ? group(one, field.of, value, inside, onchange)
        : variant({ ...field.item, name: one.title, required: true }, value, inside, onchange);
    }), values.length && !field.length ? make("div", {},
      button(`One more of ${words(name)}`, [...values, values[values.length - 1]]),
      values.length > 1 ? button("One fewer", values.slice(0, -1)) : null) : null);
  }

  function variant(field, value, path, onchange) {
    const kinds = field.variants.map((one) => one.kind);
    const kind = value ? value.kind : "";
    const own = field.variants.find((one) => one.kind === kind);
    const inside = own && own.fields.length > 0;
    const chosen = single({ ...field, name: inside ? "kind" : field.name, choices: kinds,
      type: "text" }, kind || undefined, path, (_, next) => onchange(path, next
      ? started(field.variants.find((one) => one.kind === next)) : undefined, true));
    if (!inside) return chosen;
    return make("fieldset.group", {}, make("legend", {}, words(field.name)), chosen,
      own.fields.map((member) =>
        draw(member, value[member.name], [...path, member.name], onchange)));
  }

  const started = (one) => Object.fromEntries([["kind", one.kind], ...one.fields
    .filter((field) => field.required).map((field) => [field.name, field.example ?? 0])]);

  /* One control with its label. What is empty and may be so is taken out of the layer. */
  function single(field, value, path, onchange) {
    count += 1;
    const id = `field-${count}`;
    const attributes = { id, "data-path": path.join(".") };
    const done = (read) => (event) => {
      try {
        event.target.removeAttribute("aria-invalid");
        onchange(path, read(event.target.value, event.target));
      } catch {
        event.target.setAttribute("aria-invalid", "true");
      }
    };
    return make("div.field", {}, make("label", { for: id }, words(field.name)),
      control(field, value, attributes, done));
  }

  function control(field, value, attributes, done) {
    const given = value === undefined ? "" : value;
    const placeholder = field.default === null || field.default === undefined ? ""
      : shownAs(field.default);
    if (field.choices) {
      const empty = field.required ? null
        : make("option", { value: "" }, placeholder ? `${placeholder} (default)` : "");
      return fill(make("select", { ...attributes, onchange: done((text) =>
        field.choices.find((one) => String(one) === text)) }), empty, field.choices.map((one) =>
        make("option", { value: one, selected: one === value }, one)));
    }
    if (field.type === "yes or no") {
      return make("input", { ...attributes, type: "checkbox", checked: Boolean(
        value === undefined ? field.default : value), onchange: done((_, box) => box.checked) });
    }
    if (field.type === "numbers") {
      return make("input", { ...attributes, type: "text", value: (value || []).join(", "),
        placeholder, oninput: done(numbers) });
    }
    if (field.type in NUMBERS) {
      return make("input", { ...attributes, type: "number", value: given, placeholder,
        step: NUMBERS[field.type], oninput: done((text) =>
          (text === "" ? undefined : Number(text))) });
    }
    if (field.type === "names") {
      return make("input", { ...attributes, type: "text", value: (value || []).join(", "),
        oninput: done((text) => text.split(",").map((one) => one.trim()).filter(Boolean)) });
    }
    if (field.type === "text") {
      return make("input", { ...attributes, type: "text", value: given, placeholder,
        oninput: done((text) => text || undefined) });
    }
    return make("input", { ...attributes, type: "text", placeholder, spellcheck: "false",
      value: value === undefined ? "" : JSON.stringify(value),
      oninput: done((text) => (text.trim() ? JSON.parse(text) : undefined)) });
  }

  /* "3, 224, 224" as three numbers; anything else is thrown back. */
  function numbers(text) {
    const found = text.split(",").filter((one) => one.trim()).map(Number);
    if (found.some(Number.isNaN)) throw new RangeError(text);
    return found;
  }

  const shownAs = (value) => (typeof value !== "object" ? String(value)
    : value.kind || JSON.stringify(value));

  /* Marks the control of a path as wrong, or the group that it stands for; none with null. */
  function mark(element, path) {
    const all = [...element.querySelectorAll("[data-path]")];
    const of = (prefix) => all.filter((one) => one.dataset.path === prefix
      || one.dataset.path.startsWith(`${prefix}.`));
    const exact = path === null ? [] : all.filter((one) => one.dataset.path === path);
    const wrong = exact.length || path === null ? exact : of(path).slice(0, 1);
    for (const one of all) {
      const is = wrong.includes(one);
      if (one.tagName === "FIELDSET") one.classList.toggle("wrong", is);
      else if (is) one.setAttribute("aria-invalid", "true");
      else one.removeAttribute("aria-invalid");
    }
  }

  /* A copy of a layer with one thing in it changed. */
  function changed(value, [first, ...rest], to) {
    const copy = Array.isArray(value) ? [...value] : { ...value };
    if (rest.length) copy[first] = changed(copy[first] ?? {}, rest, to);
    else if (to === undefined) delete copy[first];
    else copy[first] = to;
    return copy;
  }

  return { draw, changed, mark };
})();
