/* The network as the paper's Figure 2 draws it: the server says where everything stands, in inches;
   this draws it and lets one choose a layer with the mouse or with the arrow keys. */
"use strict";

Explorer.figure2 = (() => {
  const { make } = Explorer;
  const INCH = 100;

  /* `drawing` is the server's; options: label, chosen (a stage), marked (stages that
     differ, each in "counts" or in "settings"), onchoose(stage). */
  function draw(drawing, options) {
    const [width, height] = [drawing.width * INCH, drawing.height * INCH].map(Math.ceil);
    const boxes = drawing.blocks.map((block) => drawBlock(block));
    const groups = new Map(drawing.blocks.map((block, index) => [block.name, boxes[index]]));
    const picture = make("svg:svg.figure2", {
      viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": options.label,
    });
    picture.style.maxWidth = `${Math.round(width * 1.12)}px`;
    picture.append(...boxes, ...drawing.links.map(drawLink), ...titles(drawing, options.marked));
    for (const [index, block] of drawing.blocks.entries()) {
      boxes[index].addEventListener("click", () => options.onchoose(block.stage));
    }
    rove(boxes, drawing.blocks, options);
    mark(groups, drawing, options);
    return { element: picture, mark: (given) => mark(groups, drawing, given) };
  }

  const round = (value) => Math.round(value * INCH * 10) / 10;
  const points = (corners) => corners.map(([x, y]) => `${round(x)},${round(y)}`).join(" ");

  function drawBlock(block) {
    const tower = block.tower === null ? "none" : block.tower % 2;
    const face = (name) => (block[name].length
      ? make(`svg:polygon.face.${name}`, { points: points(block[name]) }) : null);
    const [left, top, width, height] = block.box.map(round);
    return make(`svg:g.block.tower-${tower}`, {
      role: "button", tabindex: -1, "aria-label": `${block.name}: ${block.text}`,
      "data-layer": block.name, "data-stage": block.stage,
    },
    make("svg:title", {}, `${block.name}: ${block.text}`),
    make("svg:rect.reach", { x: left - 3, y: top - 3, width: width + 6, height: height + 6,
      rx: 3 }),
    ["near", "above", "right"].map(face),
    make("svg:text.shape", { x: round(block.label[0]), y: round(block.label[1]) }, block.text));
  }

  function drawLink(link) {
    const lines = link.window.length ? link.window.map((corner) => [corner, link.to])
      : [[link.from, link.to]];
    return make("svg:g.link", { class: link.crosses ? "crosses" : "", "aria-hidden": "true" },
      link.window.length ? make("svg:polygon", { points: points(link.window) }) : null,
      lines.map(([[x1, y1], [x2, y2]]) => make("svg:line", {
        x1: round(x1), y1: round(y1), x2: round(x2), y2: round(y2) })));
  }

  /* A stage's name above the first of its blocks, and its window below the name. */
  function titles(drawing, marked) {
    const told = new Set();
    const texts = [];
    for (const block of drawing.blocks) {
      if (told.has(block.stage)) continue;
      told.add(block.stage);
      const [x, y] = block.title.map(round);
      const link = drawing.links.find((one) => one.target === block.name);
      const lines = link ? [link.text, ...link.between] : [];
      texts.push(make("svg:g.title", { "aria-hidden": "true" },
        make("svg:text.stage", { x, y: y - 13 * lines.length }, block.stage,
          marked && marked.has(block.stage) ? make("svg:tspan.apart", {}, " ≠") : null),
        lines.map((words, index) => make("svg:text.window", {
          x, y: y - 13 * (lines.length - 1 - index) }, words))));
    }
    return texts;
  }

  /* Shows which stage is chosen and which ones differ. */
  function mark(groups, drawing, { chosen, marked }) {
    for (const block of drawing.blocks) {
      const group = groups.get(block.name);
      const is = block.stage === chosen;
      group.classList.toggle("chosen", is);
      group.classList.toggle("differs", Boolean(marked) && marked.get(block.stage) === "counts");
      group.setAttribute("aria-pressed", is ? "true" : "false");
    }
  }

  /* One block is reached by Tab; from there arrows lead to the others: left and right to the
     columns beside it, up and down to its twin. */
  function rove(boxes, blocks, options) {
    const first = Math.max(0, blocks.findIndex((block) => block.stage === options.chosen));
    if (boxes.length) boxes[first].setAttribute("tabindex", 0);
    boxes.forEach((box, index) => box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        options.onchoose(blocks[index].stage);
        return;
      }
      const next = neighbour(blocks, index, event.key);
      if (next === null) return;
      event.preventDefault();
      for (const other of boxes) other.setAttribute("tabindex", -1);
      boxes[next].setAttribute("tabindex", 0);
      boxes[next].focus();
    }));
  }

  function neighbour(blocks, index, key) {
    if (key === "Home") return 0;
    if (key === "End") return blocks.length - 1;
    const [x, y] = middle(blocks[index]);
    const ahead = {
      ArrowRight: ([a]) => a > x + 0.05, ArrowLeft: ([a]) => a < x - 0.05,
      ArrowUp: ([a, b]) => Math.abs(a - x) < 0.05 && b < y - 0.05,
      ArrowDown: ([a, b]) => Math.abs(a - x) < 0.05 && b > y + 0.05,
    }[key];
    if (!ahead) return null;
    const away = (block) => Math.abs(middle(block)[0] - x) * 100 + Math.abs(middle(block)[1] - y);
    const found = blocks.filter((block) => ahead(middle(block)));
    found.sort((one, other) => away(one) - away(other));
    return found.length ? blocks.indexOf(found[0]) : null;
  }

  const middle = ({ box: [left, top, width, height] }) => [left + width / 2, top + height / 2];

  return { draw };
})();
