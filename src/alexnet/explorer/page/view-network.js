/* A network as Figure 2 draws it, the ledger below, and another network beside it. */
"use strict";

Explorer.views.network = {
  title: "Network",

  async mount(root, about) {
    const { make, fill, refill, renew, address, figure2 } = Explorer;
    const heading = make("h1", {}, "Network");
    const switches = make("div.switches");
    const glance = make("p.glance.small", { "aria-live": "polite" });
    const drawing = make("div.drawing");
    const beside = make("div.beside");
    const panel = make("section.panel", { "aria-label": "The chosen layer" });
    const ledger = make("div.ledger");
    const apart = make("div");
    fill(root, heading, switches, glance, drawing, beside, panel, ledger, apart);
    let shown = { name: null, beside: null, drawn: [] };

    const go = (name, stage, other) => address.go(address.write("network",
      [name, stage].filter(Boolean), { beside: other }));

    function drawSwitches(name, other) {
      const titles = Explorer.networkTitles(about);
      const main = about.compare.map((one) => ({ value: one, text: titles[one] || one }));
      const rest = about.networks.map((one) => one.name).filter((one) =>
        !about.compare.includes(one));
      if (about.opened) rest.unshift(about.opened.id);
      if (![...about.compare, ...rest].includes(name)) rest.unshift(name);
      const options = (chosen) => [...about.compare, ...rest].filter((one) => one !== name)
        .map((one) => make("option", { value: one, selected: one === chosen },
          titles[one] || one));
      renew(switches, Explorer.choice("Network", "network", main, name, (value) =>
        go(value, shown.stage, other === value ? null : other)),
      make("label.small", {}, "Others ", make("select", { id: "others", onchange: (event) =>
        event.target.value && go(event.target.value, null, other) },
      make("option", { value: "" }, "…"), rest.map((one) => make("option", {
        value: one, selected: one === name }, titles[one] || one)))),
      make("label.small", {}, "Beside it ", make("select", { id: "beside", onchange: (event) =>
        put(event.target.value) },
      make("option", { value: "" }, "nothing"), options(other),
      make("option", { value: "*" }, "all, in a table"))));

      function put(value) {
        if (value !== "*") go(name, shown.stage, value || null);
        else address.go(address.write("compare", [], { networks: about.compare.join() }));
      }
    }

    function drawFigure(network, label, marked) {
      const figure = figure2.draw(network.drawing, { label, chosen: shown.stage, marked,
        onchoose: (stage) => go(shown.name, stage, shown.beside) });
      const element = make("figure", {}, Explorer.scroller(label, figure.element),
        make("figcaption", {}, network.caption,
          " Click a layer, or walk from one to the next with the arrow keys."));
      return { element, mark: figure.mark, marked };
    }

    async function drawAll(name, other, current) {
      const [network, second, told] = await Promise.all([
        Explorer.network(name),
        other ? Explorer.network(other) : null,
        other ? Explorer.difference(name, other).catch((refusal) => refusal) : null]);
      if (!current()) return null;
      const difference = told instanceof Explorer.Refusal ? null : told;
      Object.assign(shown, { name, beside: other, network });
      const own = drawFigure(network, `Drawing of ${network.name}`,
        Explorer.stagesApart(difference, name));
      shown.drawn = [own];
      refill(drawing, own.element);
      refill(beside);
      refill(apart);
      if (second) {
        const its = drawFigure(second, `Drawing of ${second.name}`,
          Explorer.stagesApart(difference, other));
        shown.drawn.push(its);
        fill(beside, make("h2", {}, second.name, make("span.quiet.source", {}, second.source)),
          its.element, make("p.small.quiet", {}, make("span.marked", {}, "Orange"),
            ": a layer whose counts differ. ≠: a layer of which only settings differ."));
        fill(apart, difference ? Explorer.differenceTables(difference)
          : Explorer.complaint(told));
      }
      shown.difference = difference;
      refill(ledger, Explorer.ledgerTable(network, shown));
      return network;
    }

    return {
      async update({ parts, query }, current) {
        const name = parts[0] || (about.start.network || about.start.opened);
        const other = query.beside || null;
        shown.stage = parts[1] || null;
        drawSwitches(name, other);
        if (shown.name !== name || shown.beside !== other) {
          refill(panel);
          refill(glance);
          try {
            if (!(await drawAll(name, other, current))) return;
          } catch (refusal) {
            shown.name = null;
            refill(drawing, Explorer.complaint(refusal));
            refill(beside);
            refill(ledger);
            refill(apart);
            return;
          }
        }
        const { network } = shown;
        const stage = shown.stage || Explorer.firstStage(network);
        shown.stage = stage;
        for (const one of shown.drawn) one.mark({ chosen: stage, marked: one.marked });
        for (const row of ledger.querySelectorAll("tr[data-stage]")) {
          row.classList.toggle("chosen", row.dataset.stage === stage);
        }
        refill(glance, Explorer.glance(network, stage));
        refill(heading, `${network.name}`, make("span.quiet.source", {}, network.source));
        refill(panel, Explorer.layerPanel(network, stage, shown.difference));
        Explorer.layerClaims(panel, network, stage, current);
      },
    };
  },
};

/* The account of a catalog network, or of one opened in this session; asked once. */
Explorer.network = async function network(name) {
  const { ask, opened } = Explorer;
  const found = opened.get(name);
  const account = found ? found.network
    : await ask.get(`api/network/${encodeURIComponent(name)}`, { keep: true });
  account.address = name;
  return account;
};
Explorer.opened = new Map();

Explorer.difference = function difference(first, second) {
  const { ask } = Explorer;
  return ask.get(ask.api("api/difference", { first, second }), { keep: true });
};

Explorer.networkTitles = function networkTitles(about) {
  const titles = { paper: "Paper", as_run: "As run", caffe: "Caffe", caffenet: "CaffeNet",
    one_weird_trick: "Torch, one weird trick", soumith: "Torch, soumith", cs231n: "CS231n" };
  for (const [id, one] of Explorer.opened) titles[id] = one.name;
  return titles;
};

/* A stage in one line, above the drawing. */
Explorer.glance = function glance(network, name) {
  const { make } = Explorer;
  const stage = network.stages.find((one) => one.name === name);
  if (!stage) return "";
  const counts = ["neurons", "parameters", "connections", "multiply_adds"];
  return [make("b", {}, stage.name), ` ${stage.word}, ${stage.shape_text}`, counts
    .filter((count) => stage[count]).map((count) => [" · ", make("b", {},
      Explorer.number(stage[count])), ` ${count.replace("_", "-")}`])];
};

/* The stages of one of two networks that differ: by name "counts", or "settings" alone. */
Explorer.stagesApart = function stagesApart(difference, of) {
  const apart = new Map();
  if (!difference) return apart;
  const counted = new Set(difference.counts.map((one) => one.place));
  for (const { stages } of difference.differences) {
    if (!stages[of]) continue;
    const counts = counted.has(stages[difference.first]);
    if (counts || !apart.has(stages[of])) apart.set(stages[of], counts ? "counts" : "settings");
  }
  return apart;
};

/* What is shown before anything is chosen: the first layer that has weights. */
Explorer.firstStage = function firstStage(network) {
  const found = network.stages.find((stage) => stage.parameters > 0) || network.stages[0];
  return found.name;
};

/* One row for each stage, and the totals. */
Explorer.ledgerTable = function ledgerTable(network) {
  const { make, address } = Explorer;
  const counts = ["neurons", "parameters", "connections", "multiply_adds"];
  const heads = ["layer", "kind", "shape", ...counts.map((name) =>
    ({ text: name.replace("_", "-"), right: true }))];
  const cells = (row) => counts.map((name) => (row[name] === 0 ? "" : row[name]));
  const rows = network.stages.map((stage) => [
    make("a", { href: address.write("network", [network.address, stage.name]) }, stage.name),
    stage.word, make("span.formula", {}, stage.shape_text), ...cells(stage)]);
  rows.push(["total", "", "", ...cells(network.total)]);
  const facts = network.total_facts.map((fact) => make("div", {}, make("dt", {}, fact.what),
    make("dd", {}, make("b", {}, fact.value), " ", make("span.quiet", {}, fact.sentence))));
  return [make("h2", {}, "The ledger"),
    Explorer.scroller("The ledger", Explorer.table({ unseen: "The ledger" }, heads, rows,
      (index) => (index < network.stages.length
        ? { "data-stage": network.stages[index].name } : { class: "total" }))),
    make("details.sums-of", {}, make("summary", {}, "How the totals come about"),
      make("dl.sums", {}, facts)),
    network.crossings_sentence ? make("p.small.quiet", {}, network.crossings_sentence) : null];
};
