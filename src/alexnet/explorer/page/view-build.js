/* A network taken layer by layer and changed, its ledger following, errors at their layer. */
"use strict";

Explorer.views.build = {
  title: "Build",

  async mount(root, about) {
    const { make, fill, refill, ask, address, edited, files, later } = Explorer;
    const starts = make("select", { id: "build-start", onchange: (event) =>
      address.go(address.write("build", [event.target.value])) });
    const twins = make("input", { type: "checkbox", id: "build-twins", checked: true });
    const problem = make("div", { "aria-live": "polite" });
    const notes = make("div");
    const drawing = make("div.drawing");
    const rows = make("div.layers");
    const totals = make("div.totals", { "aria-live": "polite" });
    const exports = make("div.exports");
    const state = { name: null, description: null, account: null, first: null, opened: null,
      packed: null };
    const list = Explorer.layerRows(rows, about, () => state, change);
    const open = Explorer.opener(notes, about, (answer) =>
      address.go(address.write("build", [answer.id])));
    const suffixes = about.formats.read.flatMap((one) => one.suffixes).join();

    fill(root, make("h1", {}, "Build"),
      make("div.row.switches", {}, make("label.small", { for: "build-start" }, "Begin with "),
        starts, make("label.small", { for: "build-twins" }, twins,
          " layers that are twins change together")),
      Explorer.exported ? Explorer.complaint(ask.missing("api/check")) : null,
      notes, drawing, totals, problem,
      make("div.columns.wide-first", {}, make("section", { "aria-label": "Layers" },
        make("h2", {}, "Layers"), rows),
      make("aside", { "aria-label": "Files" }, make("h2", {}, "Open a file"), files.dropping({
        button: "Choose files", drop: "Drop a .cfg, prototxt, ONNX file, checkpoint or JSON here" },
      suffixes, open, { many: true }), make("h2", {}, "Save as"), exports)));

    function drawStarts() {
      const names = [...about.networks.map((one) => one.name), ...Explorer.opened.keys()];
      if (state.name && !names.includes(state.name)) names.push(state.name);
      const titles = Explorer.networkTitles(about);
      refill(starts, names.map((name) => make("option", { value: name,
        selected: name === state.name }, Explorer.opened.has(name) ? titles[name] : name)));
    }

    /* After every change: the rows at once, the numbers as soon as the server has them. */
    function change(description, { rebuilt = false } = {}) {
      state.description = description;
      if (rebuilt) list.draw();
      check();
      remember();
    }

    const remember = later(300, async () => {
      state.packed = await edited.packed(state.description);
      address.go(address.write("build", [state.name], { edited: state.packed }), "edits");
    });

    let asked = null;
    const check = later(120, async () => {
      if (asked) asked.abort();
      asked = new AbortController();
      try {
        const account = await ask.post("api/check", state.description, { signal: asked.signal });
        accept(account);
      } catch (refusal) {
        if (refusal.name !== "AbortError") refuse(refusal);
      }
    });

    function accept(account) {
      account.address = state.name;
      state.account = account;
      refill(problem);
      list.tell(account, []);
      drawAccount();
    }

    function refuse(refusal) {
      const { errors } = refusal;
      list.tell(null, errors);
      const elsewhere = errors.filter((one) => one.index === null || one.index === undefined);
      const placed = [...new Set(errors.filter((one) => !elsewhere.includes(one))
        .map((one) => one.index))];
      const links = placed.map((index, at) => [at ? ", " : "", make("button.bare", {
        type: "button", onclick: () => list.open(index) },
      (state.description.layers[index] || {}).name || `layer ${index + 1}`)]);
      refill(problem, placed.length ? make("p.complaint", {}, "Wrong at ", links, ".") : null,
      elsewhere.map((one) => Explorer.complaint({ sentence: one.error })),
      errors.length ? null : Explorer.complaint(refusal));
      totals.classList.add("stale");
      drawing.classList.add("stale");
    }

    function drawAccount() {
      const { account, first } = state;
      totals.classList.remove("stale");
      drawing.classList.remove("stale");
      const before = first === account ? null : first;
      refill(totals, make("dl", {}, account.total_facts.map((fact) => {
        const old = before && before.total_facts.find((one) => one.what === fact.what);
        const same = !old || old.value === fact.value;
        return make("div", { class: fact.what }, make("dt", {}, fact.what), make("dd", {},
          make("b", { class: same ? "" : "marked" }, fact.value),
          make("span.quiet", {}, same ? "" : `was ${old.value}`)));
      })));
      const label = `Drawing of ${account.name}`;
      refill(drawing, Explorer.scroller(label, Explorer.figure2.draw(account.drawing, { label,
        chosen: null, onchoose: list.openStage }).element));
      drawExports();
    }

    function drawExports() {
      const whole = state.opened && state.opened.has_weights && state.first === state.account;
      refill(exports, make("div.choices", {}, about.formats.write.map((one) => make("button", {
        type: "button", title: one.sentence, disabled: Boolean(Explorer.exported)
          || (one.needs_weights && !whole), onclick: () => save(one, whole),
      }, `${one.format} `, make("span.quiet", {}, one.name)))),
      make("p.small.quiet", {}, whole ? "With its weights." : ["A network without weights; ",
        "formats that hold weights are for checkpoints opened here and not edited."]),
      make("div.notes", { "aria-live": "polite" }));
    }

    async function save({ format }, whole) {
      const told = exports.querySelector(".notes");
      try {
        const what = whole ? { id: state.opened.id } : { network: state.description };
        const response = await ask.post("api/export", { format, ...what }, { whole: true });
        const kept = JSON.parse(response.headers.get("X-Alexnet-Notes") || "[]");
        await files.save(response, `network${format}`);
        refill(told, make("p.small", {}, `Saved as ${format}.`), kept.length ? make("ul.small", {},
          kept.map((one) => make("li", {}, one))) : null);
      } catch (refusal) {
        refill(told, Explorer.complaint(refusal));
      }
    }

    async function begin(name, packed, current) {
      const network = await Explorer.network(name);
      if (!current()) return;
      const opened = Explorer.opened.get(name) || null;
      Object.assign(state, { name, first: network, account: network, opened, packed,
        description: packed ? await edited.unpacked(packed) : network.description });
      drawStarts();
      refill(problem);
      refill(notes, opened ? [make("p.small", {}, `${opened.name}: ${opened.format}. `,
        make("a", { href: address.write("network", [opened.id]) }, "Take it apart"), "; ",
        opened.look ? make("a", { href: address.write("look", [opened.id]) }, "look through it")
          : opened.look_sentence || ""),
      opened.notes.length ? make("ul.small", {}, opened.notes.map((one) => make("li", {}, one)))
        : null] : null);
      list.draw();
      list.tell(network, []);
      drawAccount();
      if (packed) check();
    }

    return {
      drop: open,
      async update({ parts, query }, current) {
        const name = parts[0] || (about.start.network || about.start.opened);
        const packed = query.edited || null;
        if (state.name === name && state.packed === packed) return;
        try {
          await begin(name, packed, current);
        } catch (refusal) {
          state.name = null;
          refill(problem, Explorer.complaint(refusal instanceof Explorer.Refusal ? refusal
            : { sentence: "This address does not hold a network: it may have been cut off." }));
        }
      },
    };
  },
};
