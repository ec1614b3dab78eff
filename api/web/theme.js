// Not a module, so that it runs before the first paint: a remembered theme must not flash the other one.
(() => {
  try {
    const remembered = JSON.parse(localStorage.getItem("footnote.theme"));
    if (remembered === "light" || remembered === "dark") document.documentElement.dataset.theme = remembered;
  } catch {
    // Storage is switched off or holds something else: the system's theme holds.
  }
})();
