/* A picture shown to a trained network: what it says, its maps, what a unit sees, neighbours. */
"use strict";

Explorer.views.look = {
  title: "Look",

  async mount(root, about) {
    const { make, fill, refill, renew, ask, address, files } = Explorer;
    const problem = make("div", { "aria-live": "polite" });
    const said = make("div.said", { "aria-live": "polite" });
    const maps = make("section", { "aria-label": "Feature maps" });
    const near = make("section", { "aria-label": "Neighbours" });
    const controls = make("div.look-controls");
    fill(root, make("h1", {}, "Look"), controls, problem,
      make("div.columns.narrow-first", {}, said, maps), near);
    const state = { id: null, picture: null, layers: [], layer: null };

    const here = (changes) => address.write("look", [state.id], { picture: state.picture,
      layer: state.layer, ...changes });

    function drawControls() {
      const needs = (sentence) => make("p.needs", {}, Explorer.spoken(sentence));
      if (Explorer.exported) {
        refill(controls, needs(ask.missing("api/look").sentence));
        return;
      }
      const accept = "image/*";
      const weights = files.dropping({ button: "Choose a checkpoint",
        drop: "Drop a trained checkpoint here" }, about.formats.read.flatMap((one) =>
        one.suffixes).join(), open, { many: true });
      if (!state.id) {
        refill(controls, needs("Look needs a trained network: name a run or a checkpoint to "
          + "`alexnet explore`, or drop one here."), weights);
        return;
      }
      const opened = Explorer.opened.get(state.id);
      refill(controls, make("p", {}, `Through ${opened ? opened.name : state.id}`, opened
        ? make("span.quiet.small", {}, ` ${opened.format}`) : null),
      make("div.columns", {}, files.dropping({ button: "Choose a picture",
        drop: "Drop a picture here" }, accept, show), weights));
    }

    async function attempt(action) {
      try {
        refill(problem);
        return await action();
      } catch (refusal) {
        if (!(refusal instanceof Explorer.Refusal)) throw refusal;
        refill(problem, Explorer.complaint(refusal));
        return null;
      }
    }

    const open = Explorer.opener(problem, about, (answer) => {
      if (!answer.look) throw new Explorer.Refusal({ sentence: answer.look_sentence });
      address.go(address.write("look", [answer.id]));
    });

    const show = ([picture]) => attempt(async () => {
      const answer = await ask.post("api/picture", picture);
      address.go(here({ picture: answer.picture }));
    });

    const look = (what, parameters) => ask.get(ask.api(
      `api/look/${encodeURIComponent(state.id)}/${what}`, parameters));

    function drawSaid(told) {
      const picture = Explorer.shownPicture(told.shown);
      state.shown = picture;
      const bars = told.classes.map((one) => {
        const bar = make("span.bar", { "aria-hidden": "true" });
        bar.style.width = `${100 * one.probability}%`;
        return make("li", {}, make("span.class", {}, one.name),
          make("span.share", {}, one.text), bar);
      });
      refill(said, picture.element, make("div", {},
        make("ol.bars", { "aria-label": "Likeliest classes" }, bars),
        make("p.small.quiet", {}, told.sentence)));
    }

    async function drawMaps(current) {
      const told = await look("maps", { picture: state.picture, layer: state.layer });
      if (!current()) return;
      const select = make("select", { id: "look-layer", onchange: (event) =>
        address.go(here({ layer: event.target.value })) }, state.layers.map((one) =>
        make("option", { value: one.name, selected: one.name === state.layer }, one.name)));
      const unit = Explorer.unitReader(state.shown, (row, column) => look("field", {
        picture: state.picture, layer: state.layer, row, column }));
      renew(maps, make("h2", {}, "Feature maps"), make("div.row", {},
        make("label.small", { for: "look-layer" }, "Layer"), select,
        make("span.small.quiet", {}, told.sentence)),
      unit.element, make("div.sheets", {}, told.towers.map((tower) =>
        Explorer.mapSheet(tower, state.layer, unit))));
    }

    async function drawNeighbours(current) {
      if (!about.available.neighbours) {
        refill(near);
        return;
      }
      const heading = make("h2", {}, "Nearest pictures");
      try {
        const told = await look("neighbours", { picture: state.picture, k: 6 });
        if (!current()) return;
        refill(near, heading, make("p.small.quiet", {}, told.sentence), make("ul.neighbours", {},
          told.neighbours.map((one) => make("li", {}, make("img", { src: one.image,
            alt: `${one.name}, of class ${one.class}` }), make("span", {}, one.class),
          make("span.quiet", {}, Number(one.distance.toPrecision(4)))))));
      } catch (refusal) {
        if (!current()) return;
        refill(near, heading, make("p.quiet", {}, refusal.sentence));
        if (refusal.status === 503) setTimeout(() => current() && drawNeighbours(current), 2000);
      }
    }

    return {
      drop: (chosen) => (state.id && chosen[0].type.startsWith("image/") ? show : open)(chosen),
      async update({ parts, query }, current) {
        const id = parts[0] || (about.opened && about.opened.look ? about.opened.id : null);
        const fresh = id !== state.id || query.picture !== state.picture;
        if (id !== state.id) state.layers = [];
        Object.assign(state, { id, picture: query.picture || null });
        drawControls();
        if (!state.picture || !id || Explorer.exported) {
          for (const box of [said, maps, near]) refill(box);
          return;
        }
        await attempt(async () => {
          if (!state.layers.length) state.layers = (await look("layers")).layers;
          state.layer = query.layer || state.layers[0].name;
          if (fresh) drawSaid(await look("predictions", { picture: state.picture }));
          if (!current()) return;
          await drawMaps(current);
          if (fresh) await drawNeighbours(current);
        });
      },
    };
  },
};
