/* Lines over a common axis, with ticks at round numbers. */
"use strict";

Explorer.plot = (() => {
  const { make } = Explorer;
  const HEIGHT = 260;
  const NARROW = window.matchMedia("(max-width: 40rem)");
  const [LEFT, RIGHT, TOP, BOTTOM] = [52, 18, 12, 34];

  /* Round numbers between two, about `count` of them. */
  function ticks(least, most, count) {
    const rough = (most - least) / count || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
    const found = [];
    for (let at = Math.ceil(least / step - 1e-9); at * step <= most + step * 1e-9; at += 1) {
      found.push(Number((at * step).toPrecision(12)));
    }
    return found;
  }

  /* lines: [{title, points: [[x, y], …]}]; x and y: what the axes are called. */
  function draw({ title, x, y, lines, from = null }) {
    const all = lines.flatMap((line) => line.points);
    if (!all.length) return make("p.quiet", {}, `${title}: nothing recorded yet.`);
    const width = NARROW.matches ? 360 : 600;
    const span = (values) => [Math.min(...values), Math.max(...values)];
    const [x0, x1] = widened(span(all.map(([a]) => a)));
    const [y0, y1] = widened(span([...all.map(([, b]) => b), ...(from === null ? [] : [from])]));
    const right = (a) => LEFT + ((a - x0) / (x1 - x0)) * (width - LEFT - RIGHT);
    const up = (b) => HEIGHT - BOTTOM - ((b - y0) / (y1 - y0)) * (HEIGHT - TOP - BOTTOM);
    const round = (value) => Math.round(value * 10) / 10;
    const drawing = make("svg:svg.plot", { viewBox: `0 0 ${width} ${HEIGHT}`, width,
      height: HEIGHT, role: "img", "aria-label": `${title}: ${lines.map((line) => line.title)
        .join(", ")} by ${x}` },
    ticks(y0, y1, 5).map((at) => make("svg:g", {},
      make("svg:line.ruled", { x1: LEFT, x2: width - RIGHT, y1: round(up(at)), y2: round(up(at)) }),
      make("svg:text.tick", { x: LEFT - 6, y: round(up(at)) + 4, "text-anchor": "end" }, at))),
    ticks(x0, x1, 6).map((at) => make("svg:text.tick", { x: round(right(at)), y: HEIGHT - 16,
      "text-anchor": "middle" }, at)),
    make("svg:text.tick", { x: width - RIGHT, y: HEIGHT - 2, "text-anchor": "end" }, x),
    lines.map((line, index) => [
      make(`svg:polyline.line-${index}`, { points: line.points.map(([a, b]) =>
        `${round(right(a))},${round(up(b))}`).join(" ") }),
      line.points.length === 1 ? make(`svg:circle.line-${index}`, { r: 3,
        cx: round(right(line.points[0][0])), cy: round(up(line.points[0][1])) }) : null]));
    return make("figure.curves", {}, make("h3", {}, `${title} `, make("span.quiet.small", {}, y)),
      drawing, make("figcaption.legend", {}, lines.map((line, index) => make("span", {},
        make("span", { class: `key line-${index}`, "aria-hidden": "true" }), line.title,
        line.points.length ? make("b", {}, ` ${short(line.points[line.points.length - 1][1])}`)
          : null))));
  }

  const widened = ([least, most]) => (least === most ? [least - 0.5, most + 0.5] : [least, most]);
  const short = (value) => Number(value.toPrecision(4));

  return { draw };
})();
