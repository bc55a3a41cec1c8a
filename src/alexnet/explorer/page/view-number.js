/* A number, and the readings that yield it; below, every number that the paper prints. */
"use strict";

Explorer.views.number = {
  title: "Number",

  async mount(root, about) {
    const { make, fill, refill, ask, address, verdicts } = Explorer;
    const text = make("input", { type: "text", id: "number", size: 16, autocomplete: "off",
      spellcheck: "false", inputmode: "text" });
    const of = make("select", { id: "number-of" }, about.networks.map((one) =>
      make("option", { value: one.name }, one.name)), [...Explorer.opened].map(([id, one]) =>
      make("option", { value: id }, one.name)));
    const found = make("div.found.stacked.labelled", { "aria-live": "polite" });
    const printed = make("section.stacked", { "aria-label": "What the paper prints" });
    refill(printed, make("p.quiet", {}, "Holding the paper’s claims against the network …"));
    fill(root, make("h1", {}, "Where does a number come from?"),
      make("form.row.asking", { role: "search", onsubmit: (event) => {
        event.preventDefault();
        go(text.value, of.value);
      } }, make("label", { for: "number" }, "Number "), text, make("label", { for: "number-of" },
        "in "), of, make("button", {}, "Explain"),
      Explorer.exported ? null : make("span.small.quiet", {}, "also “650,000” or “60 million”")),
      found, printed);

    /* As the server's addresses have it: no commas within numbers, no blanks around, small. */
    const clean = (words) => words.replace(/(\d),(?=\d)/g, "$1").trim().toLowerCase();

    function go(words, network) {
      if (clean(words)) address.go(address.write("number", [clean(words)], { network:
        network === "paper" ? null : network }));
    }

    function readings(answer) {
      const { number } = answer;
      const rows = answer.readings.map((one) => [one.rank, one.cost,
        make("b", {}, one.sentence),
        one.layer && one.layer !== "total" ? make("a", { href: address.write("network",
          [answer.network, one.layer]) }, one.layer) : one.layer || ""]);
      return [make("p.lead", {}, answer.sentence), make("p.small.quiet", {},
        `${number.text} is understood as ${number.understood}.`),
      rows.length ? Explorer.scroller("Readings", Explorer.table(answer.costs, [
        { text: "rank", right: true }, { text: "cost", right: true }, "reading", "layer"], rows))
        : null,
      answer.further ? make("p.small.quiet", {}, `${answer.further} dearer readings are left out.`)
        : null];
    }

    async function drawPrinted() {
      const told = await ask.get("api/claims/paper", { keep: true });
      const counts = Object.entries(told.verdicts).map(([verdict, count]) => make("li", {},
        verdicts.badge(verdict), ` ${count}`));
      refill(printed, make("h2", {}, "What the paper prints, held against the network"),
        make("ul.counts", { "aria-label": told.sentence }, counts),
        Explorer.scroller("Claims of the paper", Explorer.table({ unseen: "Claims of the paper" },
          ["place", "the paper says", "verdict", "what is counted"], told.claims.map((claim) => [
            make("span", { id: `claim-${claim.id}` }, `${claim.id} · ${claim.place}`),
            linked(claim), verdicts.badge(claim.verdict), claim.sentence]))));
    }

    /* The claim's words, its longer numbers leading to their readings. */
    function linked(claim) {
      const long = /(?<![\d.,])(\d{1,3}(?:,\d{3})+|\d+ million)(?!\d)/;
      const link = (piece) => make("a", { href: address.write("number", [clean(piece)]) }, piece);
      return claim.says.split(long).map((piece, index) => (index % 2 ? link(piece) : piece));
    }

    drawPrinted().catch((refusal) => refill(printed, Explorer.complaint(refusal)));
    return {
      async update({ parts, query }, current) {
        of.value = query.network || "paper";
        text.value = parts[0] || "";
        if (!parts[0]) {
          const offered = (Explorer.exported && Explorer.exported.numbers.paper) || ["253440",
            "290400", "650,000", "60 million"];
          refill(found, make("p", {}, "For instance ", offered.slice(0, 8).map((one, index) => [
            index ? ", " : "", make("a", { href: address.write("number", [clean(one)]) },
              Explorer.number(/^\d+$/.test(one) ? Number(one) : one))]), "."));
          return;
        }
        refill(found, make("p.quiet", {}, "Looking for readings …"));
        try {
          const answer = await ask.get(ask.api("api/number", { network: of.value,
            text: parts[0] }));
          if (current()) refill(found, readings(answer));
        } catch (refusal) {
          if (current()) refill(found, Explorer.complaint(refusal));
        }
      },
    };
  },
};
