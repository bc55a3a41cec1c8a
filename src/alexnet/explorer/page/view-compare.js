/* Networks side by side in a table, with what differs marked; and what each difference does. */
"use strict";

Explorer.views.compare = {
  title: "Side by side",
  under: "network",

  async mount(root, about) {
    const { make, fill, refill, renew, ask, address } = Explorer;
    const picks = make("div.switches");
    const tables = make("div");
    fill(root, make("h1", {}, "Side by side"),
      make("p.lead", {}, "The others are held against the first network; what differs is marked."),
      picks, tables);

    function drawPicks(names) {
      const titles = Explorer.networkTitles(about);
      const all = [...new Set([...about.compare, ...about.networks.map((one) => one.name)])];
      renew(picks, make("fieldset.choice", {}, make("legend", {}, "Networks"),
        make("div.choices", {}, all.map((name) => make("label", {}, make("input", {
          type: "checkbox", value: name, checked: names.includes(name),
          onchange: (event) => toggle(names, name, event.target.checked),
        }), make("span", {}, titles[name] || name))))));
    }

    function toggle(names, name, on) {
      const next = on ? [...names, name] : names.filter((one) => one !== name);
      address.go(address.write("compare", [], { networks: next.join() }));
    }

    function cell({ text, differs, layer }, network, linked) {
      const words = layer && linked
        ? make("a", { href: address.write("network", [network, layer]) }, text) : text;
      return differs ? make("span.marked", {}, words, make("span.sign", { title: "differs" }, " ≠"))
        : make("span", {}, words);
    }

    function section(told, names) {
      return [make("h2", {}, told.title.replace(/^./, (letter) => letter.toUpperCase())),
        Explorer.scroller(told.title, Explorer.table(
        { unseen: told.title }, ["what", ...names], told.rows.map((row, at) => [row.aspect,
          ...row.cells.map((one, index) => cell(one, names[index], at === 0))])))];
    }

    return {
      async update({ query }, current) {
        const names = (query.networks || about.compare.join()).split(",").filter(Boolean);
        drawPicks(names);
        try {
          const told = await ask.get(ask.api("api/compare", { networks: names.join() }),
            { keep: true });
          if (!current()) return;
          refill(tables, told.sections.map((one) => section(one, names)),
            make("h2", {}, "What each difference does"),
            make("ul", {}, told.differences.map((one) => make("li", {}, make("a", {
              href: address.write("network", [names[0]], { beside: one.second }) },
            `${names[0]} and ${one.second}`), ` — ${one.count} differences`))));
        } catch (refusal) {
          if (current()) refill(tables, Explorer.complaint(refusal));
        }
      },
    };
  },
};

/* Differences of two networks, each with what it does. */
Explorer.differenceRows = function differenceRows({ first, second }, differences) {
  const { make } = Explorer;
  const label = `What differs between ${first} and ${second}, and what it does`;
  return make("div.stacked.labelled", {}, Explorer.scroller(label, Explorer.table({ unseen: label },
    ["where", "what", first, second, "effect"], differences.map((one) => [
      one.place, one.aspect, one.first, make("span.marked", {}, one.second), one.effect]))));
};

/* All of them, and the counts that differ. */
Explorer.differenceTables = function differenceTables(difference) {
  const { make, number } = Explorer;
  const { first, second, differences, counts } = difference;
  const right = (text) => ({ text, right: true });
  const signed = (value) => (value > 0 ? "+" : "") + number(value).replace("-", "−");
  return [
    make("h2", {}, `${first} and ${second}: what differs`),
    counts.length ? Explorer.scroller("Counts that differ", Explorer.table(
      { unseen: "Counts that differ" },
      ["where", "count", right(first), right(second), right("change")], counts.map((one) => [
        one.place, one.quantity.replace("_", "-"), one.first, one.second,
        make("span", {}, signed(one.change))]))) : make("p", {}, "No count differs."),
    make("h3", {}, "Every difference"), Explorer.differenceRows(difference, differences)];
};
