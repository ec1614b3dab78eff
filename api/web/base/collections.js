/** The current collection: the one that is asked, listed and uploaded to. */

import { askForName } from "./dialogs.js";
import { lasting } from "./storage.js";
import { element } from "./text.js";

const OTHER = "\0other";
const picker = document.getElementById("collection");
const known = new Set(["default"]);
const listeners = [];
let onlyKnown = false;
let isRemembered = true; // nobody has chosen one since the page was opened
let current = lasting.get("collection");
if (typeof current !== "string" || !current) current = "default";
known.add(current);

/** Name of the current collection. */
export function collection() {
  return current;
}

/** Calls back whenever another collection is chosen. */
export function onCollection(listener) {
  listeners.push(listener);
}

/** Adds these collections to the choice. limited: the key opens these only, so that any other choice leads nowhere. */
export function learn(names, limited = false) {
  if (limited) known.clear();
  for (const name of names) known.add(name);
  if (!isRemembered) known.add(current); // that it is closed is said of what is asked
  onlyKnown ||= limited;
  if (onlyKnown && names.length && !known.has(current)) choose(names[0]);
  else show();
}

function show() {
  const names = [...known].sort((a, b) => a.localeCompare(b));
  picker.replaceChildren(
    ...names.map((name) => element("option", { value: name }, name)),
    onlyKnown ? "" : element("option", { value: OTHER }, "Other or new…"),
  );
  picker.value = current;
}

/** Makes this collection the current one. */
export function choose(name) {
  isRemembered = false;
  if (name === current) return;
  known.add(name);
  current = name;
  lasting.set("collection", name === "default" ? null : name);
  show();
  for (const listener of listeners) listener();
}

picker.addEventListener("change", async () => {
  const chosen = picker.value;
  picker.value = current;
  const name = chosen === OTHER ? await askForName() : chosen;
  if (name !== null) choose(name);
});

show();
