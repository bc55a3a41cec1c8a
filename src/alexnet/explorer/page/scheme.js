/* Light or dark: as the system has it, until the switch says otherwise. */
"use strict";

Explorer.scheme = (() => {
  const KEY = "alexnet-scheme";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  function stored() {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  }

  const now = () => document.documentElement.dataset.scheme || (dark.matches ? "dark" : "light");

  function set(scheme) {
    document.documentElement.dataset.scheme = scheme;
    try {
      localStorage.setItem(KEY, scheme);
    } catch {
      /* a page without storage forgets the choice when it is closed */
    }
  }

  /* Gives the button its work; what it says is where it leads. */
  function serve(button) {
    const tell = () => {
      button.textContent = now() === "dark" ? "Light" : "Dark";
    };
    button.addEventListener("click", () => {
      set(now() === "dark" ? "light" : "dark");
      tell();
    });
    dark.addEventListener("change", tell);
    tell();
  }

  if (stored()) document.documentElement.dataset.scheme = stored();
  return { serve };
})();
