/* Why 55? One window, slid along a side, and what each tradition counts. */
"use strict";

Explorer.views.why = {
  title: "Why 55?",

  async mount(root, about) {
    const { make, fill, refill, renew, choice, table, ask, address, windows, whose } = Explorer;
    const { start, limits } = about.window;
    const words = { input: "picture", kernel: "window", stride: "stride", padding: "padding",
      filters: "filters" };
    const question = make("p.lead");
    const answers = make("ul.answers", { "aria-label": "Answers" });
    const aloud = make("p.unseen", { "aria-live": "polite" });
    const problem = make("div");
    const picture = make("div.picture");
    const rules = make("div.rules");
    const traditions = make("div");
    const sliders = {};
    let asked = null;

    /* In an export a slider steps over the values that it carries answers to. */
    function slider(name) {
      const values = Explorer.exported && Explorer.exported.windows
        ? Explorer.exported.windows[name] : null;
      const [least, most] = values ? [0, values.length - 1] : limits[name];
      const shown = make("output", { for: `why-${name}` });
      const input = make("input", { type: "range", id: `why-${name}`, min: least, max: most,
        step: 1, oninput: moved });
      sliders[name] = {
        get: () => (values ? values[Number(input.value)] : Number(input.value)),
        set: (value) => {
          input.value = values ? Math.max(0, values.indexOf(value)) : value;
          const unit = name === "filters" ? "" : " px";
          shown.value = `${value}${unit}`;
          input.setAttribute("aria-valuetext", `${value}${unit && " pixels"}`);
        },
      };
      return make("div.slider", {}, make("label", { for: `why-${name}` }, words[name]), shown,
        input);
    }

    const names = Object.keys(words);
    const controls = make("form.controls", { "aria-label": "The window", onsubmit: (event) =>
      event.preventDefault() }, names.map(slider), rules);
    const story = make("section.story", { "aria-label": "The story of 253,440" });
    fill(root, make("h1", {}, "Why 55?"),
      question, answers, aloud,
      make("div.columns.narrow-first", {}, controls, make("div", {}, problem, picture)),
      make("h2", {}, "Every tradition’s answer"), traditions, story);

    function asking() {
      return Object.fromEntries(names.map((name) => [name, sliders[name].get()]));
    }

    let chosen = { rule: "cuda-convnet", operation: "conv" };
    function here(changes = {}) {
      return address.write("why", [], { ...asking(), ...chosen, ...changes });
    }
    function moved() {
      for (const name of names) sliders[name].set(sliders[name].get());
      address.go(here(), "sliders");
    }

    function drawRules() {
      const operations = [["conv", "convolution"], ["pool", "pooling"]];
      refill(rules,
        choice("Size rule", "why-rule", about.rules.map(({ rule, sentence }) =>
          ({ value: rule, text: rule, title: sentence })), chosen.rule, (rule) =>
          address.go(here({ rule }))),
        choice("Operation", "why-operation", operations.map(([value, text]) => ({ value, text })),
          chosen.operation, (operation) => address.go(here({ operation }))));
    }
    drawRules();

    /* The answers that there are, each with who gives it; the chosen rule's is marked. */
    function drawAnswers(answer, own) {
      const padding = answer.padding
        ? `, with ${answer.padding} pixels of padding at either end` : "";
      refill(question, "A window of ", make("b", {}, answer.kernel),
        " pixels moves along a side of ", make("b", {}, answer.input),
        ` in steps of ${answer.stride}${padding}. How many places does it take? `,
        "That depends on what is done at the far edge:");
      refill(answers, answer.answers.map(({ outputs }) => {
        const who = answer.traditions.filter((one) => one.outputs === outputs);
        const first = who.includes(own) ? own : who[0];
        return make("li", { class: who.includes(own) ? "chosen" : "" },
          make("span.value", {}, outputs), make("span.small", {}, make("b", {}, whose(who)),
            `: ${first.edge || "every pixel is read"}.`));
      }));
      aloud.textContent = own.refused || `${own.outputs} windows: ${own.title}`;
    }

    /* The numbers behind the drawing. */
    function sums(answer, own) {
      const pair = (what, value, sentence) => make("div", {}, make("dt", {}, what),
        make("dd", {}, make("b", {}, value), " ", make("span.quiet", {}, sentence)));
      const [from, to] = own.last;
      return make("dl.sums", {},
        pair("the picture", `${answer.input} pixels`, "numbered from 0"),
        pair("first window", `from ${own.first}`,
          own.before ? `${own.before} of padding read` : ""),
        pair("last window", `${from} to ${to}`, "its end not included"),
        pair("over the edge", own.over, own.over ? "pixels, read as zeros or left out" : ""),
        pair("never read", own.unused, own.unused ? "pixels at the far edge" : ""),
        pair("windows", own.outputs, own.sentence),
        pair("neurons", Explorer.number(own.neurons.value), own.neurons.sentence));
    }

    function drawAnswer(answer) {
      const own = answer.traditions.find((one) => one.rule === chosen.rule
        && one.operation === chosen.operation);
      drawAnswers(answer, own);
      refill(problem, own.refused ? Explorer.complaint({ sentence: own.refused }) : null);
      refill(picture, own.refused ? null : [
        make("p.formula.big", {}, make("b", {}, own.outputs), ` = ${own.sentence}`,
          make("span.quiet.small", {}, own.title)),
        windows.figure({ beside: sums(answer, own), input: answer.input, kernel: answer.kernel,
          stride: answer.stride, side: own },
        own.edge ? `Here ${own.edge}.` : "Here every pixel is read.")]);
      const rows = answer.traditions.map((one) => [
        make("a", { href: here({ rule: one.rule, operation: one.operation }) }, one.title),
        one.refused ? "–" : make("b", {}, one.outputs),
        one.refused ? one.refused : make("span.formula", {}, one.sentence),
        one.refused ? "" : one.edge,
        one.neurons ? make("span", { title: one.neurons.sentence },
          Explorer.number(one.neurons.value)) : ""]);
      renew(traditions, Explorer.scroller("Every tradition’s answer", table(answer.sentence,
        ["tradition", { text: "windows", right: true }, "how it comes about", "at the edge",
          { text: "neurons", right: true }], rows, (index) => ({
          class: answer.traditions[index] === own ? "chosen" : "" }))));
    }

    Explorer.story(story);
    return {
      async update({ query }, current) {
        const wanted = Object.fromEntries(names.map((name) =>
          [name, query[name] === undefined ? start[name] : Number(query[name])]));
        chosen = { rule: query.rule || "cuda-convnet", operation: query.operation || "conv" };
        for (const name of names) sliders[name].set(wanted[name]);
        for (const input of rules.querySelectorAll("input")) {
          input.checked = input.value === chosen.rule || input.value === chosen.operation;
        }
        if (asked) asked.abort();
        asked = new AbortController();
        try {
          const answer = await ask.get(ask.api("api/window", wanted), { signal: asked.signal });
          if (current()) drawAnswer(answer);
        } catch (refusal) {
          if (refusal.name !== "AbortError" && current()) {
            refill(problem, Explorer.complaint(refusal));
            refill(picture);
          }
        }
      },
    };
  },
};

/* Who they are, in few words: a tradition that answers alike for both operations is named once. */
Explorer.whose = function whose(traditions) {
  const both = (one) => traditions.filter((other) => other.rule === one.rule).length > 1;
  const names = traditions.map((one) =>
    (both(one) ? one.title.split(": ")[0] : one.title.replace(": ", " ")));
  return [...new Set(names)].join(" · ");
};
