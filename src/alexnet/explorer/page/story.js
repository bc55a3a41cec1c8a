/* The story of 253,440 in steps, each with what it counts and where to check it. */
"use strict";

Explorer.story = async function story(section) {
  const { make, fill, ask, table } = Explorer;
  const told = await ask.get("api/story", { keep: true });
  const sums = (step) => make("dl.sums", {}, step.arithmetic.map((one) => make("div", {},
    make("dt", {}, one.what), make("dd", {}, make("b", {}, one.value), " ",
      make("span.quiet", {}, one.sentence)))));
  fill(section, make("h2", {}, told.title), make("ol.steps", {}, told.steps.map((step) =>
    make("li", {}, make("div", {}, make("h3", {}, step.title), make("p", {}, step.text),
      make("p.small", {}, step.links.map((link, index) => [index ? " · " : "", make("a", {
        href: Explorer.linked(link) }, link.text)])),
      make("p.small.quiet", {}, step.checks.map((check, index) => [index ? make("br") : "",
        make("code", {}, check)]))), sums(step)))));
};

/* The page's address of a link that the server gives: {view, parameters}. */
Explorer.linked = function linked({ view, parameters }) {
  const { address } = Explorer;
  const { network, stage, text, ...query } = parameters;
  if (view === "network") return address.write("network", [network, stage].filter(Boolean), query);
  if (view === "number") {
    return address.write("number", [text], network === "paper" ? {} : { network });
  }
  return address.write(view, [], parameters);
};
