/* Run folders and their curves, followed while they learn. */
"use strict";

Explorer.views.runs = {
  title: "Runs",

  async mount(root) {
    const { make, fill, refill, ask, address, plot } = Explorer;
    const list = make("div.list");
    const curves = make("div.curves-of");
    fill(root, make("h1", {}, "Runs"), list, curves);
    let timer = 0;
    let following = { name: null };

    function caption(folder) {
      return folder ? `Run folders in ${folder}` : "The run that was opened";
    }

    /* A folder does not tell whether somebody still teaches. */
    function state(run) {
      return run.finished ? "finished" : "not finished";
    }

    function stop() {
      clearTimeout(timer);
      following = { name: null };
    }

    async function drawList(chosen, current) {
      const told = await ask.get("api/runs");
      if (!current()) return [];
      if (!told.runs.length) {
        refill(list, make("p.needs", {}, Explorer.spoken(told.sentence)));
        return [];
      }
      refill(list, Explorer.scroller("Runs", Explorer.table(caption(told.folder), ["run",
        "network", "epochs", "precision", "state"], told.runs.map((run) => [
        make("a", { href: address.write("runs", run.name.split("/")) }, run.name),
        run.network || "",
        run.error ? "" : `${run.epochs} of ${run.planned_epochs ?? "?"}`, run.precision || "",
        run.error ? make("span.marked", {}, run.error) : state(run)]),
      (index) => ({ class: told.runs[index].name === chosen ? "chosen" : "" }))));
      return told.runs;
    }

    async function follow(mine) {
      if (following !== mine) return;
      const path = mine.name.split("/").map(encodeURIComponent).join("/");
      try {
        const told = await ask.get(`api/run/${path}?after=${mine.next}`);
        if (following !== mine) return;
        if (told.restarted) mine.rows = [];
        mine.rows.push(...told.rows);
        mine.next = told.next;
        draw(told, mine.rows);
        if (told.more) await follow(mine);
        else if (!told.finished) {
          timer = setTimeout(() => follow(mine), 1000 * told.poll_seconds);
        }
      } catch (refusal) {
        if (following === mine) refill(curves, Explorer.complaint(refusal));
      }
    }

    function draw(told, rows) {
      const groups = [...new Set(told.series.map((one) => one.group))];
      refill(curves, make("h2", {}, told.name, " ", make("span.quiet.small", {},
        [told.network, state(told)].filter(Boolean).join("; "))),
      make("div.columns", {}, groups.map((group) => {
        const series = told.series.filter((one) => one.group === group);
        return plot.draw({ title: group, x: series[0].x, y: series[0].unit, from: 0,
          lines: series.map((one) => ({ title: one.title, points: points(rows, one) })) });
      })));
    }

    /* A row that does not say when it was, as the test's, stands where the rows before it end. */
    function points(rows, { kind, key, x }) {
      let last = 0;
      const found = [];
      for (const row of rows) {
        if (typeof row[x] === "number") last = row[x];
        if (row.kind === kind && typeof row[key] === "number") found.push([last, row[key]]);
      }
      return found;
    }

    return {
      async update({ parts }, current) {
        stop();
        const name = parts.join("/");
        try {
          const runs = await drawList(name, current);
          if (!current()) return;
          const chosen = name || (runs.length === 1 ? runs[0].name : "");
          if (!chosen) {
            refill(curves);
            return;
          }
          following = { name: chosen, next: 0, rows: [] };
          await follow(following);
        } catch (refusal) {
          if (current()) refill(list, Explorer.complaint(refusal));
        }
      },
      leave: stop,
    };
  },
};
