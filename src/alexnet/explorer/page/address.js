/* Addresses: every view and every state worth sharing stands after the # of the page's address,
   as in #/network/paper/conv1 or #/why?input=227. */
"use strict";

Explorer.address = (() => {
  /* "#/why?input=227" as {view: "why", parts: [], query: {input: "227"}}. */
  function read(hash) {
    const [path, query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
    const [view = "", ...parts] = path.split("/").filter(Boolean).map(plain);
    return { view, parts, query: Object.fromEntries(new URLSearchParams(query)) };
  }

  function plain(part) {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  }

  /* The other way about. Values that are null or empty are left out. */
  function write(view, parts = [], query = {}) {
    const path = [view, ...parts].map((part) => encodeURIComponent(part)).join("/");
    const kept = Object.entries(query).filter(([, value]) => value !== null && value !== undefined
      && value !== "");
    const rest = new URLSearchParams(kept).toString();
    return `#/${path}${rest ? `?${rest}` : ""}`;
  }

  /* Goes there. Moves of one kind in a row, as a slider's, leave one entry to go back over. */
  function go(hash, kind = null) {
    if (hash === location.hash) return;
    if (kind !== null && history.state === kind) history.replaceState(kind, "", hash);
    else history.pushState(kind, "", hash);
    window.dispatchEvent(new Event("addresschange"));
  }

  return { read, write, go };
})();
