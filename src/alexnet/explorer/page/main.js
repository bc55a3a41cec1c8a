/* Shows the view that the address names, and again whenever the address changes. */
"use strict";

Explorer.start = async function start() {
  const { address, ask, views, make, refill } = Explorer;
  const main = document.getElementById("main");
  const links = [...document.querySelectorAll(".head nav a")];
  Explorer.scheme.serve(document.getElementById("scheme"));
  let about;
  try {
    about = await ask.get("api/about", { keep: true });
  } catch (refusal) {
    refill(main, Explorer.complaint(refusal));
    return;
  }
  if (about.opened) Explorer.opened.set(about.opened.id, about.opened);
  let turn = 0;
  let showing = { view: null };

  async function show() {
    if (location.hash && !location.hash.startsWith("#/")) return;
    turn += 1;
    const mine = turn;
    const current = () => mine === turn;
    const wanted = address.read(location.hash);
    if (!wanted.view) wanted.view = about.opened ? about.start.view : "why";
    const view = views[wanted.view];
    for (const link of links) {
      const here = address.read(link.hash).view === (view ? view.under || wanted.view : null);
      if (here) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (!view) {
      await leave();
      refill(main, make("h1", {}, "No such view"), make("p", {},
        `There is no view called ${wanted.view}; choose one above.`));
      return;
    }
    document.title = `${view.title} — AlexNet, taken apart`;
    try {
      if (showing.view === view) await showing.shown.update(wanted, current);
      else await change(view, wanted, current);
    } catch (problem) {
      if (!current()) return;
      showing = { view: null };
      refill(main, Explorer.complaint(problem));
      if (!(problem instanceof Explorer.Refusal)) throw problem;
    }
  }

  /* A new view is shown when it has been filled, so that nothing shifts; or soon, if that lasts. */
  async function change(view, wanted, current) {
    const before = showing.view;
    await leave();
    const root = make("div", { class: `view view-${wanted.view}` });
    const shown = await view.mount(root, about);
    if (!current()) return;
    showing = { view, shown };
    const filled = shown.update(wanted, current);
    await Promise.race([filled, new Promise((done) => setTimeout(done, 300))]);
    if (showing.shown !== shown) return;
    main.replaceChildren(root);
    if (before) {
      window.scrollTo(0, 0);
      main.focus({ preventScroll: true });
    }
    await filled;
  }

  async function leave() {
    const { shown } = showing;
    showing = { view: null };
    if (shown && shown.leave) shown.leave();
  }

  Explorer.files.anywhere((files) => showing.shown && showing.shown.drop
    && showing.shown.drop(files));
  window.addEventListener("hashchange", show);
  window.addEventListener("addresschange", show);
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  await show();
  document.documentElement.dataset.ready = "true";
};

Explorer.start();
