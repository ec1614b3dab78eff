/** The page: which view the address asks for, the theme, the keys that work everywhere. */

import { key, onKeyWanted } from "./base/api.js";
import * as ask from "./asking/ask.js";
import { choose } from "./base/collections.js";
import { askForKey } from "./base/dialogs.js";
import { learnCollections, reload } from "./documents/list.js";
import * as reader from "./reader/reader.js";
import { lasting } from "./base/storage.js";
import "./documents/unanswered.js";
import "./documents/upload.js";

const byId = (id) => document.getElementById(id);
const root = document.documentElement;

// Views

let view = null; // "ask" or "documents"; a document opens over either

/** `{ id, span }` of a hash such as `#doc=ID&span=A:B`, or null. */
function placeOf(hash) {
  const parts = new URLSearchParams(hash.slice(1));
  const id = parts.get("doc");
  if (!id) return null;
  const span = /^(\d{1,15}):(\d{1,15})$/.exec(parts.get("span") ?? "");
  return { id, span: span && [Number(span[1]), Number(span[2])] };
}

/** `{ question, collection, where, only }` of a hash such as `#q=WORDS&in=COLLECTION&where=FILTER&only=DOCUMENT`, or null. */
function questionOf(hash) {
  const parts = new URLSearchParams(hash.slice(1));
  const question = parts.get("q")?.trim();
  return question ? { question, collection: parts.get("in") || "default", where: parts.get("where") ?? "", only: parts.get("only") } : null;
}

function route() {
  const place = placeOf(location.hash);
  if (place) {
    if (view === null) show("ask");
    reader.open(place.id, place.span);
    return;
  }
  reader.close();
  show(location.hash === "#documents" ? "documents" : "ask");
  if (view === "ask") {
    const question = questionOf(location.hash);
    if (question) ask.open(question, history.state);
    else ask.reset();
  }
  nameTab();
}

function nameTab() {
  const name = view === "documents" ? "Documents" : ask.shown().title;
  document.title = name ? `${name} · Footnote` : "Footnote";
}

function show(name) {
  if (view === name) return;
  const first = view === null;
  view = name;
  for (const one of ["ask", "documents"]) {
    byId(`${one}-view`).hidden = one !== name;
    if (one === name) byId(`nav-${one}`).setAttribute("aria-current", "page");
    else byId(`nav-${one}`).removeAttribute("aria-current");
  }
  if (name === "documents") {
    reload();
    byId("documents-view").querySelector("h1").focus();
  } else {
    ask.forgetEmptiness();
    if (!first || !placeOf(location.hash)) ask.focusQuestion();
  }
}

reader.onClose(() => {
  if (!placeOf(location.hash)) return;
  // A step forward rather than back: before it there may be another document, or another site.
  const { hash, state } = view === "documents" ? { hash: "#documents", state: null } : ask.shown();
  history.pushState(state, "", location.pathname + location.search + hash);
  nameTab();
});
reader.onAsk((source) => {
  choose(source.collection);
  ask.askOnly(source);
  location.hash = ask.shown().hash; // closes the document
  if (view !== "ask") show("ask");
});
addEventListener("hashchange", route);

// Theme

const systemDark = matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches;
}

function showTheme() {
  byId("theme").setAttribute("aria-pressed", String(isDark()));
}

byId("theme").addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  lasting.set("theme", root.dataset.theme);
  showTheme();
});
systemDark.addEventListener("change", showTheme);
showTheme();

// The key

onKeyWanted(async (refusal) => {
  const given = await askForKey(refusal);
  byId("forget-key").hidden = given === null;
  return given;
});
byId("forget-key").addEventListener("click", () => {
  key.set(null);
  location.reload();
});
byId("forget-key").hidden = key.get() === null;

// Keys

addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.target.closest?.("input, textarea, select, dialog")) return;
  event.preventDefault();
  if (view === "ask") ask.focusQuestion();
  else location.hash = ask.shown().hash;
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address is for documents
  byId("main").focus();
});

ask.learnFeatures();
route();
if (view !== "documents") learnCollections().catch(() => {}); // asked again, with its error in words, by whatever is done next
