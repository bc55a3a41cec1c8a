/* Windows drawn to scale: a whole side with all of them, and the far corner pixel by pixel, with
   the last ones over the edge. The server says where the first stands and how many there are. */
"use strict";

Explorer.windows = (() => {
  const { make } = Explorer;
  const NARROW = window.matchMedia("(max-width: 40rem)");
  const LANE = 9;

  /* What to draw: `side` has outputs, first, before, after, last and over, as the server tells. */
  function plan({ input, kernel, stride, side }) {
    const all = Array.from({ length: side.outputs }, (_, index) => {
      const from = side.first + index * stride;
      return [from, from + kernel];
    });
    const far = Math.max(input, side.last[1]);
    return { input, all, far, near: Math.min(0, side.first), edge: side.last[1] - side.over,
      over: side.over };
  }

  /* A side of the picture and every window along it, in lanes below one another. */
  function strip(question, label) {
    const { input, all, far, near, over } = plan(question);
    const width = NARROW.matches ? 460 : 1000;
    const scale = width / (far - near);
    const x = (pixel) => Math.round((pixel - near) * scale * 100) / 100;
    const lanes = Math.min(8, Math.max(1, Math.ceil(question.kernel / question.stride)));
    const top = 40;
    const height = top + lanes * LANE;
    const band = (name, from, to) => (to > from ? make(`svg:rect.${name}`, {
      x: x(from), y: 22, width: x(to) - x(from), height: 12 }) : null);
    const edge = (pixel) => make("svg:line.edge", { x1: x(pixel), x2: x(pixel), y1: 18,
      y2: height });
    return make("svg:svg.strip", { viewBox: `-2 0 ${width + 4} ${height + 2}`, width: width + 4,
      height: height + 2, role: "img", "aria-label": label },
    band("pixels", 0, input), band("beyond", near, 0), band("beyond", input, far),
    all.map(([from, to], index) => make("svg:rect.window", {
      class: over > 0 && index === all.length - 1 ? "over" : "", x: x(from),
      y: top + (index % lanes) * LANE, width: Math.max(0.8, x(to) - x(from) - 0.8),
      height: LANE - 3, rx: 1 })),
    edge(0), edge(input),
    make("svg:text.tick", { x: x(0), y: 13 }, "0"),
    make("svg:text.tick", { x: x(input), y: 13, "text-anchor": "end" }, `${input} pixels`));
  }

  /* The far lower corner, pixel by pixel: the last three windows of the last row. */
  function corner(question, label) {
    const { input, all, far, edge, over } = plan(question);
    const last = all.slice(-3);
    const start = Math.min(last[0][0], input - 1) - 1;
    const cells = Math.max(far, edge) + 1 - start;
    const cell = Math.max(3, Math.min(18, Math.floor(340 / cells)));
    const side = cells * cell;
    const at = (pixel) => (pixel - start) * cell;
    const inside = Math.max(0, at(input));
    const [above, below] = last[last.length - 1];
    return make("svg:svg.corner", { viewBox: `-1 -1 ${side + 2} ${side + 2}`, width: side + 2,
      height: side + 2, role: "img", "aria-label": label },
    make("svg:rect.beyond", { x: 0, y: 0, width: side, height: side }),
    make("svg:rect.pixels", { x: 0, y: 0, width: inside, height: inside }),
    make("svg:path.grid", { d: grid(cells, cell) }),
    last.map(([from, to], index) => make("svg:rect.window", {
      class: `${index === last.length - 1 ? "last" : ""} ${over > 0 && index === last.length - 1
        ? "over" : ""}`,
      x: at(from), y: at(above), width: (to - from) * cell, height: (below - above) * cell })),
    make("svg:path.edge", { d: `M${inside} 0V${inside}H0` }));
  }

  function grid(cells, cell) {
    const length = cells * cell;
    return Array.from({ length: cells + 1 }, (_, index) =>
      `M${index * cell} 0V${length}M0 ${index * cell}H${length}`).join("");
  }

  /* Both with what they show in words; an empty text where there are no windows. */
  function figure(question, words) {
    if (!question.side.outputs || !question.side.last) return "";
    return make("figure.windows", {},
      make("div.whole", {}, strip(question, `All windows along one side: ${words}`)),
      make("div.far", {}, corner(question, `The far corner, pixel by pixel: ${words}`),
        question.beside),
      make("figcaption", {}, "Above, one side of the picture and every window on it; below, the ",
        "far corner, pixel by pixel, with the last three windows of the last row. ",
        make("b", {}, words)));
  }

  return { figure, strip, corner };
})();
