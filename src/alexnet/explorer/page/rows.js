/* The rows of the network being built: one for each layer, with its numbers and its fields. */
"use strict";

/* `getState` gives {description, account}; change(description, {rebuilt}) hears of every change. */
Explorer.layerRows = function layerRows(box, about, getState, change) {
  const { make, refill, renew, fields, edited } = Explorer;
  const kinds = new Map(about.kinds.map((kind) => [kind.kind, kind]));
  let rows = [];

  function draw() {
    const open = new Set(rows.filter((row) => row.element.open).map((row) => row.name));
    const { layers } = getState().description;
    rows = layers.map((layer, index) => row(layer, index));
    const heads = ["layer", "kind", "shape", "neurons", "parameters"];
    refill(box, make("div.layer-head", { "aria-hidden": "true" }, heads.map((word) =>
      make("span", {}, word))), rows.map((one) => one.element));
    for (const one of rows) if (open.has(one.name)) one.element.open = true;
    if (getState().account) numbers(getState().account);
  }

  function row(layer, index) {
    const kind = kinds.get(layer.kind) || { word: layer.kind, fields: [] };
    const cells = { kind: make("span.kind", {}, kind.word), shape: make("span.shape"),
      neurons: make("span.right"), parameters: make("span.right") };
    const trouble = make("div.trouble");
    const body = make("div.body");
    const name = make("span.name", {}, layer.name);
    const element = make("details.layer", { "data-layer": layer.name, ontoggle: () => {
      if (element.open && !body.childElementCount) drawBody();
    } }, make("summary", {}, name, cells.kind, cells.shape, cells.neurons,
      cells.parameters), trouble, body);
    const made = { element, cells, trouble, name: layer.name, kind, drawBody, troubled: null };

    function drawBody() {
      const now = getState().description.layers[index];
      renew(body, make("fieldset", { disabled: Boolean(Explorer.exported) },
        make("div.fields", {}, nameField(index, now), kind.fields
          .filter((field) => field.name !== "name" && field.name !== "kind")
          .map((field) => fields.draw(field, now[field.name], [field.name],
            (path, value, reshaped) => {
              edit(index, path, value);
              if (reshaped) drawBody();
            }))),
        actions(index)));
      fields.mark(body, made.troubled);
    }
    return made;
  }

  function nameField(index, layer) {
    const id = `name-${index}`;
    return make("div.field", {}, make("label", { for: id }, "name"), make("input", { id,
      type: "text", value: layer.name, onchange: (event) => change(edited.renamed(
        getState().description, index, event.target.value), { rebuilt: true }) }));
  }

  function actions(index) {
    const button = (words, action, disabled = false) => make("button", { type: "button", disabled,
      onclick: () => {
        change(action(getState().description), { rebuilt: true });
        focus(index);
      } }, words);
    const kind = make("select", { "aria-label": "kind of the new layer" },
      about.kinds.map((one) => make("option", { value: one.kind, selected: one.kind === "conv" },
        one.word)));
    const { layers } = getState().description;
    return make("div.row.actions", {},
      button("Earlier", (network) => edited.moved(network, index, -1), index === 0),
      button("Later", (network) => edited.moved(network, index, 1), index === layers.length - 1),
      button("Take out", (network) => edited.takenOut(network, index)),
      make("span.row", {}, button("Add behind it:", (network) => edited.added(network, index,
        kinds.get(kind.value).example)), kind));
  }

  function focus(index) {
    const next = rows[Math.min(index, rows.length - 1)];
    if (next) next.element.querySelector("summary").focus();
  }

  /* A field of a layer, and of its twins where these change together. */
  function edit(index, path, value) {
    const { description, account } = getState();
    const layer = description.layers[index];
    const together = document.getElementById("build-twins").checked && path[0] !== "reads"
      && path[0] !== "tower";
    const stage = together && account && (account.layers.find((one) => one.name === layer.name)
      || {}).stage;
    const twins = description.layers.map((one, at) => at).filter((at) => at !== index && stage
      && account.layers.some((one) => one.name === description.layers[at].name
        && one.stage === stage));
    let next = description;
    for (const at of [index, ...twins]) {
      next = edited.replaced(next, at, fields.changed(next.layers[at], path, value));
    }
    change(next);
    for (const at of twins) if (rows[at].element.open) rows[at].drawBody();
  }

  function numbers(account) {
    const { number } = Explorer;
    for (const one of rows) {
      const found = account.layers.find((layer) => layer.name === one.name);
      if (found) one.cells.kind.textContent = found.word;
      one.cells.shape.textContent = found ? found.shape_text : "";
      one.cells.neurons.textContent = found && found.neurons ? number(found.neurons) : "";
      one.cells.parameters.textContent = found && found.parameters ? number(found.parameters) : "";
    }
  }

  /* New numbers, or errors, each at its layer: {layer, index, field, error}. */
  function tell(account, errors) {
    if (account) numbers(account);
    box.classList.toggle("stale", !account);
    rows.forEach((one, index) => {
      const own = errors.filter((error) => error.index === index);
      one.element.classList.toggle("wrong", own.length > 0);
      refill(one.trouble, own.map((error) => Explorer.complaint({ sentence: error.error })));
      one.troubled = own.length ? own[0].field : null;
      fields.mark(one.element, one.troubled);
      if (own.length) one.element.open = true;
    });
  }

  function open(index) {
    const one = rows[index];
    if (!one) return;
    one.element.open = true;
    one.element.querySelector("summary").focus();
    one.element.scrollIntoView({ block: "center" });
  }

  function openStage(stage) {
    const { account } = getState();
    open(rows.findIndex((one) => account.layers.some((layer) => layer.name === one.name
      && layer.stage === stage)));
  }

  return { draw, tell, open, openStage };
};
