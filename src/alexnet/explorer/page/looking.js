/* What Look draws with: the picture as the network is shown it, sheets of maps, and the field of
   the unit under the cursor. */
"use strict";

/* `shown`: {side, channels, image}. Boxes are laid over it in its own pixels. */
Explorer.shownPicture = function shownPicture({ side, image }) {
  const { make, refill } = Explorer;
  const boxes = make("svg:g");
  const gradient = make("svg:image", { width: side, height: side, class: "gradient" });
  const element = make("svg:svg.shown", { viewBox: `0 0 ${side} ${side}`, width: 336, height: 336,
    role: "img", "aria-label": "The picture as the network is shown it" },
  make("svg:image", { href: image, width: side, height: side }), gradient, boxes);

  function box(kind, { top, left, bottom, right }) {
    return make(`svg:rect.sight.${kind}`, { x: left, y: top, width: right + 1 - left,
      height: bottom + 1 - top });
  }

  /* Draws a unit's field: all of it that lies inside, and what the gradient measured. */
  function mark(field) {
    refill(boxes, box("seen", field.seen), field.measured ? box("measured", field.measured) : null);
    if (field.measured) gradient.setAttribute("href", field.measured.image);
    else gradient.removeAttribute("href");
  }

  return { element, mark };
};

/* Asks for the field of one unit at a time, the latest last, and tells of it. */
Explorer.unitReader = function unitReader(shown, ask) {
  const { make, refill, later } = Explorer;
  const element = make("p.small.unit", { "aria-live": "polite" },
    "Point at a map, or step over it with the arrow keys, to see what a unit sees.");
  let latest = 0;

  const read = later(60, async (row, column) => {
    latest += 1;
    const mine = latest;
    try {
      const field = await ask(row, column);
      if (mine !== latest) return;
      if (shown) shown.mark(field);
      refill(element, `Row ${field.row}, column ${field.column}: a field of `,
        make("b", {}, field.theoretical.size), ` pixels, ${field.theoretical.sentence}; ${
          field.sentence}.`);
    } catch (refusal) {
      if (mine === latest) refill(element, refusal.sentence || String(refusal));
    }
  });

  return { element, read };
};

/* The maps of one tower, in rows; the unit under the cursor, or the one that arrows lead to. */
Explorer.mapSheet = function mapSheet(tower, layer, unit) {
  const { make } = Explorer;
  const [rows, columns] = tower.side;
  const lines = Math.ceil(tower.shown / tower.columns);
  const width = tower.columns * (columns + tower.padding) - tower.padding;
  const height = lines * (rows + tower.padding) - tower.padding;
  const which = tower.tower === null || tower.tower === undefined ? "" : `tower ${tower.tower}: `;
  const words = `${which}${tower.shown} of ${tower.count} maps of ${layer}`;
  const image = make("img", { src: tower.image, alt: words, width, height });
  const cursor = make("span.cursor", { hidden: true, "aria-hidden": "true" });
  const frame = make("div.sheet", { tabindex: 0, role: "application", "aria-label":
    `${words}; arrow keys choose a unit` }, image, cursor);
  let [row, column, map] = [Math.floor(rows / 2), Math.floor(columns / 2), 0];

  function point() {
    const scale = image.clientWidth / width;
    cursor.hidden = false;
    const style = { left: ((map % tower.columns) * (columns + tower.padding) + column) * scale,
      top: (Math.floor(map / tower.columns) * (rows + tower.padding) + row) * scale,
      width: Math.max(4, scale), height: Math.max(4, scale) };
    for (const [name, value] of Object.entries(style)) cursor.style[name] = `${value}px`;
    unit.read(row, column);
  }

  frame.addEventListener("pointermove", (event) => {
    const bounds = image.getBoundingClientRect();
    const across = ((event.clientX - bounds.left) / bounds.width) * width;
    const down = ((event.clientY - bounds.top) / bounds.height) * height;
    const at = [Math.floor(across / (columns + tower.padding)),
      Math.floor(down / (rows + tower.padding))];
    map = at[1] * tower.columns + at[0];
    column = Math.min(columns - 1, Math.floor(across - at[0] * (columns + tower.padding)));
    row = Math.min(rows - 1, Math.floor(down - at[1] * (rows + tower.padding)));
    if (map >= 0 && map < tower.shown && row >= 0 && column >= 0) point();
  });
  frame.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[
      event.key];
    if (!step) return;
    event.preventDefault();
    row = Math.max(0, Math.min(rows - 1, row + step[0]));
    column = Math.max(0, Math.min(columns - 1, column + step[1]));
    point();
  });
  return make("figure", {}, frame, make("figcaption", {}, words, "; values from ",
    `${Number(tower.least.toPrecision(3))} to ${Number(tower.greatest.toPrecision(3))}`));
};
