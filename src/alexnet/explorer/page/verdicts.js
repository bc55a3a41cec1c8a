/* How the paper's claims are shown beside what is counted, each with its verdict. */
"use strict";

Explorer.verdicts = (() => {
  const { make } = Explorer;

  /* Colours help; the words say it. A verdict not named here is about what cannot be counted. */
  const TONES = { exact: "good", "rounds to": "good", recorded: "open", slip: "bad",
    "contradicts another claim": "bad", "differs from the code that ran": "apart" };

  function badge(verdict) {
    return make("span.verdict", { class: TONES[verdict] || "open" }, verdict);
  }

  /* What is counted, once, and how it comes about. */
  function told({ computed, sentence }) {
    const rest = sentence.startsWith(computed) ? sentence.slice(computed.length) : ` ${sentence}`;
    return make("span", {}, make("b", {}, computed), make("span.quiet", {}, rest));
  }

  /* The parts of claims that are about one stage: what, the paper, ours, the verdict. */
  function table(claims, stage) {
    const rows = claims.flatMap((claim) => claim.parts
      .filter((part) => part.stages.includes(stage)).map((part) => [claim, part]));
    const alone = claims.filter((claim) => !rows.some(([other]) => other === claim));
    if (!rows.length && !alone.length) return null;
    return Explorer.scroller(`What the paper says of ${stage}`, Explorer.table(
      `What the paper says of ${stage}, and what is counted`,
      ["paper", "what it says", "ours", "verdict"],
      [...rows.map(([claim, part]) => [
        claim.place, make("span", { title: claim.says }, part.printed, " ",
          make("span.quiet", {}, part.what)),
        told(part), badge(part.verdict)]),
      ...alone.map((claim) => [claim.place, claim.says,
        make("span", {}, claim.sentence), badge(claim.verdict)])]));
  }

  return { badge, table };
})();
