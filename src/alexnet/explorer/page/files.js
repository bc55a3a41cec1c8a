/* Files in and out: a place to drop or choose them, and one that is saved. */
"use strict";

Explorer.files = (() => {
  const { make } = Explorer;

  /* A place for files; onfiles(list). It can be pressed, dropped on and pasted into. */
  function dropping(words, accept, onfiles, { many = false } = {}) {
    const input = make("input", { type: "file", accept, multiple: many, class: "unseen",
      tabindex: -1, "aria-hidden": "true", onchange: () => {
        if (input.files.length) onfiles([...input.files]);
        input.value = "";
      } });
    const button = make("button", { type: "button", onclick: () => input.click() }, words.button);
    const zone = make("div.drop", {}, make("p", {}, words.drop), button, input);
    zone.addEventListener("dragover", (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation();
      zone.classList.remove("over");
      if (event.dataTransfer.files.length) onfiles([...event.dataTransfer.files]);
    });
    return zone;
  }

  /* What is dropped beside a place for it goes to the view that is shown, not to the browser. */
  function anywhere(ondrop) {
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer.files.length) ondrop([...event.dataTransfer.files]);
    });
  }

  /* Saves a response's file under the name that it came with. */
  async function save(response, fallback) {
    const told = /filename="?([^";]+)"?/.exec(response.headers.get("Content-Disposition") || "");
    const link = make("a", { href: URL.createObjectURL(await response.blob()),
      download: told ? told[1] : fallback });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  /* One file as it is, several as one form. */
  function body(files) {
    if (files.length === 1) return files[0];
    const form = new FormData();
    for (const file of files) form.append("file", file, file.name);
    return form;
  }

  return { dropping, anywhere, save, body };
})();
