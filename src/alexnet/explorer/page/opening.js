/* Opens files that were dropped or chosen; and where they leave something unsaid, asks for it. */
"use strict";

/* A function to be given files: it reads them, tells in `box` what hinders, or calls
   onopened(answer). */
Explorer.opener = function opener(box, about, onopened) {
  const { make, refill, ask, files, opened, complaint } = Explorer;

  async function open(chosen, hints = {}) {
    refill(box, make("p.quiet", {}, `Reading ${chosen.map((one) => one.name).join(", ")} …`));
    try {
      const answer = await ask.post(ask.api("api/open", { name: chosen[0].name, ...hints }),
        files.body(chosen));
      opened.set(answer.id, answer);
      refill(box);
      await onopened(answer);
    } catch (refusal) {
      refill(box, complaint(refusal), refusal.status === 422 ? unsaid(chosen, hints) : null);
    }
  }

  /* What some files do not say: whose arrays they hold, and how large the picture is. */
  function unsaid(chosen, hints) {
    const network = make("select", { id: "open-network" }, make("option", { value: "" }, "–"),
      about.networks.map((one) => make("option", { value: one.name,
        selected: one.name === hints.network }, one.name)));
    const side = make("input", { type: "number", id: "open-side", min: 1, max: 4096,
      value: hints.side || "" });
    return make("form.row.small.unsaid", { onsubmit: (event) => {
      event.preventDefault();
      open(chosen, { network: network.value || null, side: side.value || null });
    } }, "If the file leaves it open:", make("label", { for: "open-network" }, "arrays of "),
    network, make("label", { for: "open-side" }, "side of the picture "), side,
    make("button", {}, "Open again"));
  }

  return open;
};
