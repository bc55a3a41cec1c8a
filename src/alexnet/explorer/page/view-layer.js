/* What is told of one stage of a network: its shape, its windows to scale, every number with the
   way it comes about, and what the paper says. */
"use strict";

Explorer.layerPanel = function layerPanel(network, name, difference = null) {
  const { make, windows, address } = Explorer;
  const stage = network.stages.find((one) => one.name === name)
    || network.stages.find((one) => one.layers.includes(name));
  if (!stage) {
    return make("p.complaint", { role: "alert" }, `${network.name} has no layer called ${name}; `,
      "choose one in the drawing or the table.");
  }
  const layers = network.layers.filter((layer) => stage.layers.includes(layer.name));
  const [layer] = layers;

  function facts() {
    const label = `${stage.name} in numbers`;
    return Explorer.scroller(label, Explorer.table({ unseen: label },
      ["what", "value", "how it comes about"], stage.facts.map((fact) => [
        fact.what, make("span.value", {}, fact.value),
        make("span.why", {}, fact.sentence)])));
  }

  /* One drawing for each input that the layer reads through windows of its own. */
  function looks() {
    const seen = new Set();
    return layer.windows.filter((window) => {
      const key = [window.input, window.kernel, window.stride, window.padding].join();
      return !seen.has(key) && seen.add(key);
    }).map((window) => [
      windows.figure({ input: window.input[0], kernel: window.kernel, stride: window.stride,
        side: window.rows }, `${window.edge || window.rows.sentence}.`),
      make("p.small", {}, make("a", { href: `#/why?${window.why}&rule=${encodeURIComponent(
        window.rule)}&operation=${window.operation}` }, "Change this window"),
      ` — rule ${window.rule}`),
    ]);
  }

  /* What the network beside it does otherwise at this layer. */
  function against() {
    if (!difference) return null;
    const own = difference.differences.filter((one) => one.stages[difference.first] === stage.name);
    return make("div", {}, make("h3", {}, `${stage.name} beside ${difference.second}`),
      own.length ? Explorer.differenceRows(difference, own)
        : make("p.small.quiet", {}, "Nothing differs at this layer."));
  }

  const reads = [...new Set(layers.flatMap((one) => one.reads))];
  return make("div", {},
    make("h2", { id: "layer" }, stage.name, " ", make("span.quiet.shape", {},
      `${stage.word}, ${stage.shape_text}`)),
    make("p.quiet.small", {}, layers.length > 1 ? `${layers.map((one) => one.name).join(" and ")}; `
      : "", reads.length ? "reads " : "", reads.map((one, index) => [index ? ", " : "", make("a", {
      href: address.write("network", [network.address, stageOf(network, one)]) }, one)]),
    layer.source ? `; ${layer.source}` : ""),
    make("div.columns", {}, make("div.facts", {}, facts()),
      make("div", {}, layer.windows.length ? looks() : null)),
    against(),
    make("div.claims.stacked", { "aria-live": "polite" }));

  function stageOf(whole, layerName) {
    const found = whole.layers.find((one) => one.name === layerName);
    return found ? found.stage : layerName;
  }
};

/* What the paper says of the stage, held against this network, as soon as it has been audited. */
Explorer.layerClaims = async function layerClaims(panel, network, stage, current) {
  const { make, refill, ask, verdicts } = Explorer;
  const box = panel.querySelector(".claims");
  if (!box) return;
  try {
    const told = await ask.get(`api/claims/${encodeURIComponent(network.address)}`, { keep: true });
    if (!current()) return;
    const ids = told.stages[stage] || [];
    const claims = ids.map((id) => told.claims.find((claim) => claim.id === id));
    refill(box, claims.length ? verdicts.table(claims, stage)
      : make("p.small.quiet", {}, `The paper prints no number of ${stage} alone. `,
        make("a", { href: "#/number" }, told.sentence), "."));
  } catch (refusal) {
    if (current()) refill(box, make("p.small.quiet", {}, refusal.sentence || String(refusal)));
  }
};
