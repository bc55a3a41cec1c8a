/* Makes elements of HTML and SVG, and writes numbers the way the page writes them. */
"use strict";

const Explorer = { views: {}, answers: {} };

/* make("p.lead", {id: "x", onclick: f}, "text", other, …): "svg:rect.pixel" makes one of SVG.
   Attributes that are null or false are left out; true stands for an empty one. */
Explorer.make = function make(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.replace("svg:", "").split(".");
  const element = what.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "class") element.setAttribute("class", [...classes, value].join(" ").trim());
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  Explorer.fill(element, ...children);
  return element;
};

Explorer.fill = function fill(element, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
};

/* Puts new children in the place of all old ones. */
Explorer.refill = function refill(element, ...children) {
  element.replaceChildren();
  return Explorer.fill(element, ...children);
};

/* The same for what may hold the keyboard's focus: it goes to the control that is alike. */
Explorer.renew = function renew(element, ...children) {
  const held = element.contains(document.activeElement) ? document.activeElement : null;
  const key = (one) => [one.tagName, one.dataset.path || one.id, one.name,
    ["radio", "checkbox"].includes(one.type) ? one.value : "", one.getAttribute("href"),
    one.tagName === "BUTTON" ? one.textContent : ""].join("|");
  Explorer.refill(element, ...children);
  if (!held) return element;
  const alike = [...element.querySelectorAll("a, button, input, select")]
    .find((one) => key(one) === key(held));
  if (alike) alike.focus({ preventScroll: true });
  return element;
};

/* 253440 as 253,440; words as they are. */
Explorer.number = function number(value) {
  return typeof value === "number" ? value.toLocaleString("en-US") : value;
};

/* A table from heads and rows; a cell is a node, a number (set to the right) or words. The first
   cell of a row is its head. `attributes` of a row come from `of(row index)`; a caption that a
   heading already says is told to readers of screens alone: {unseen: "…"}. */
Explorer.table = function table(caption, heads, rows, of = () => ({})) {
  const { make } = Explorer;
  const cell = (value, index, head) => {
    const right = typeof value === "number" || (heads[index] && heads[index].right);
    return make(head ? "th" : "td", {
      class: right ? "right" : "",
      scope: head,
      "data-head": head ? null : heads[index].text || heads[index],
    }, Explorer.number(value));
  };
  return make("table", {},
    caption.unseen ? make("caption", {}, make("span.unseen", {}, caption.unseen))
      : make("caption.quiet", {}, caption),
    make("thead", {}, make("tr", {}, heads.map((head, index) =>
      cell(typeof head === "string" ? head : head.text, index, "col")))),
    make("tbody", {}, rows.map((row, number) => make("tr", of(number), row.map((value, index) =>
      cell(value, index, index === 0 ? "row" : null))))));
};

/* What stands around something that is wider than the screen: it scrolls, with keys too. */
Explorer.scroller = function scroller(label, ...children) {
  return Explorer.make("div.scroller", { role: "group", "aria-label": label, tabindex: 0 },
    ...children);
};

/* One choice out of several, as a row of radio buttons. `choices`: [{value, text, title}]. */
Explorer.choice = function choice(legend, name, choices, chosen, onchange) {
  const { make } = Explorer;
  return make("fieldset.choice", {}, make("legend", {}, legend), make("div.choices", {},
    choices.map(({ value, text, title }) => make("label", { title }, make("input", {
      type: "radio", name, value, checked: value === chosen, onchange: () => onchange(value),
    }), make("span", {}, text)))));
};

/* A sentence with its `commands` set as such. */
Explorer.spoken = function spoken(sentence) {
  return sentence.split("`").map((piece, index) => (index % 2
    ? Explorer.make("code", {}, piece) : piece));
};

/* A sentence about what went wrong, told to readers of screens too; more calmly where an export
   merely does not carry the answer. */
Explorer.complaint = function complaint(refusal) {
  const { make, spoken } = Explorer;
  return make(refusal.carried ? "p.needs" : "p.complaint", { role: "alert" },
    spoken(refusal.sentence || String(refusal)),
    refusal.advice ? make("span.advice", {}, " ", spoken(refusal.advice)) : null);
};

Explorer.later = function later(milliseconds, action) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...given), milliseconds);
  };
};
