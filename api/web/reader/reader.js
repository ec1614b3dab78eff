/** The document view: its pages or its text with one span marked. What is open is in the address, so that it can be shared. */

import { Problem, file, pathOf, request } from "../base/api.js";
import { restoreCaret } from "../base/dialogs.js";
import { count, element, hashOf, slice } from "../base/text.js";
import * as finding from "./finding.js";
import * as pages from "./pages.js";
import { laidOut } from "./structure.js";

// A text up to WHOLE code points is shown at once; of a longer one a part on each side of the span, and more on request.
const WHOLE = 200_000;
const AROUND = 40_000;

const byId = (id) => document.getElementById(id);
const dialog = byId("reader");
const scroller = byId("reader-scroll");
const body = byId("reader-text");
let cited = [];
let running = new AbortController();
let opened = null; // { id, title, collection, span, sha256, start, end, characters }
let onClosed = () => {};
let onAsked = () => {};

/** The citations of the answer on show: with them the view can tell that a document has changed since. */
export function remember(citations) {
  cited = citations;
}

/** Sets what happens once the person has closed the view. */
export function onClose(listener) {
  onClosed = listener;
}

/** Sets what happens with a document, `{ id, title, collection }`, that alone is to be asked. */
export function onAsk(listener) {
  onAsked = listener;
}

/** Opens a document. span: `[start, end)` in code points, or null. */
export async function open(id, span) {
  running.abort();
  const mine = (running = new AbortController());
  opened = null;
  say("Opening…");
  body.replaceChildren();
  byId("reader-title").textContent = "Document";
  byId("reader-about").textContent = "";
  byId("earlier").hidden = byId("later").hidden = true;
  byId("reader-views").hidden = byId("save-original").hidden = byId("outline").hidden = true;
  byId("reader-find").value = "";
  finding.clear();
  showAs("text");
  if (!dialog.open) dialog.showModal();
  try {
    const found = await request(pathOf(id), { signal: mine.signal });
    const [from, to] = windowOf(found.characters, span);
    const part = await textOf(id, from, to, mine.signal);
    if (mine !== running) return;
    opened = { id, span, title: found.title || id, collection: found.collection, sha256: part.sha256, start: from, end: to, characters: found.characters };
    byId("reader-title").textContent = opened.title;
    document.title = `${opened.title} · Footnote`;
    byId("reader-about").textContent = aboutOf(found);
    show(part);
    showOutline(part.outline);
    say(spanWords());
    goToSpan();
    const isSame = await checkCitation(mine);
    await offerPages(mine, isSame);
  } catch (error) {
    if (mine !== running || error.name === "AbortError") return;
    if (!(error instanceof Problem)) throw error;
    say(error.status === 404 ? "This document is not in the store: it was deleted, or the link is of another store." : error.message, true);
    if (error.passes) byId("reader-status").append(" ", element("button", { type: "button", class: "quiet", onclick: () => open(id, span) }, "Try again"));
    byId("close-reader").focus();
  }
}

/** Closes the view without telling anyone. */
export function close() {
  running.abort();
  opened = null;
  if (dialog.open) dialog.close();
}

function textOf(id, start, end, signal) {
  return request(`${pathOf(id)}/structure?start=${start}&end=${end}`, { signal });
}

function windowOf(characters, span) {
  if (characters <= WHOLE) return [0, characters];
  const [start, end] = isWithin(span, characters) ? span : [0, 0];
  return [Math.max(0, start - AROUND), Math.min(characters, end + AROUND)];
}

function isWithin(span, characters) {
  return span !== null && span[0] < span[1] && span[1] <= characters;
}

function aboutOf({ source, title, collection, characters, passages, added_at: added }) {
  const day = new Date(added).toLocaleDateString("en", { dateStyle: "medium" });
  return [source !== title ? source : null, `collection ${collection}`, count(characters, "character"), count(passages, "passage"), `added ${day}`]
    .filter(Boolean)
    .join(" · ");
}

function say(words, bad = false) {
  byId("reader-status").textContent = words;
  byId("reader-status").classList.toggle("bad", bad);
}

function spanWords() {
  const { span, characters } = opened;
  if (span === null) return "";
  if (!isWithin(span, characters)) return `The link points at characters ${span[0]} to ${span[1]}; the document has ${characters}.`;
  return `Marked: characters ${span[0]} to ${span[1]}`;
}

function show(part) {
  body.replaceChildren(laidOut(part, markedSpans()));
  showEnds();
}

/** The headings of the document, each a way to its place. */
function showOutline(headings) {
  byId("outline").hidden = headings.length === 0;
  byId("outline").open = false;
  const entry = ({ title, level, start, page }) => {
    const go = element("button", { type: "button", class: `quiet deep-${Math.min(6, level)}`, dir: "auto", onclick: () => goTo(start, page) }, title);
    return element("li", {}, go, page === null ? null : element("span", { class: "hint" }, `p. ${page}`));
  };
  byId("outline").querySelector("ol").replaceChildren(...headings.map(entry));
}

/** Shows a place of the text: its page, or its block, which is fetched where the part that is shown does not hold it. */
async function goTo(start, page) {
  byId("outline").open = false;
  if (!byId("reader-pages").hidden && page !== null) return void pages.goTo(page);
  if (start < opened.start || start >= opened.end) {
    const [from, to] = [Math.max(0, start - AROUND), Math.min(opened.characters, start + AROUND)];
    const part = await partOf(from, to);
    if (part === null) return;
    Object.assign(opened, { start: from, end: to });
    finding.clear();
    show(part);
  }
  const block = [...body.querySelectorAll("[data-start]")].findLast((shown) => Number(shown.dataset.start) <= start);
  (block ?? body).scrollIntoView({ block: "start" });
  scroller.focus({ preventScroll: true });
}

function markedSpans() {
  return isWithin(opened.span, opened.characters) ? [opened.span] : [];
}

function showEnds() {
  byId("earlier").hidden = opened.start === 0;
  byId("later").hidden = opened.end === opened.characters;
}

function goToSpan() {
  const mark = byId("cited");
  if (!mark) {
    scroller.scrollTop = 0;
    scroller.focus();
    return;
  }
  mark.focus({ preventScroll: true });
  const last = [...body.querySelectorAll("mark")].at(-1);
  const fits = last.getBoundingClientRect().bottom - mark.getBoundingClientRect().top < scroller.clientHeight * 0.8;
  mark.scrollIntoView({ block: fits ? "center" : "start" });
}

/** Shows the pages where there are pictures of them. isSame: whether what is marked is what was cited. */
async function offerPages(mine, isSame) {
  const { id, characters } = opened;
  const span = isWithin(opened.span, characters) ? opened.span : null;
  const info = await pages.infoOf(id, span === null ? null : span[0], mine.signal);
  if (mine !== running) return;
  byId("save-original").hidden = !info.original;
  if (!info.pictures || !isSame || (opened.span !== null && span === null)) return;
  byId("reader-views").hidden = false;
  showAs("pages");
  byId("reader-pages").focus({ preventScroll: true });
  await pages.begin(id, span, info);
}

/** as: "pages" or "text". */
function showAs(as) {
  byId("reader-pages").hidden = byId("page-tools").hidden = as !== "pages";
  scroller.hidden = as !== "text";
  for (const name of ["pages", "text"]) byId(`as-${name}`).setAttribute("aria-pressed", String(as === name));
  if (as === "text") byId("reader-views").hidden || goToSpan();
}

async function save() {
  const { id, title } = opened;
  try {
    const { blob, headers } = await file(`${pathOf(id)}/original`);
    const named = /filename\*=UTF-8''(\S+)/.exec(headers.get("Content-Disposition") ?? "");
    const link = element("a", { href: URL.createObjectURL(blob), download: named ? decodeURIComponent(named[1]) : title });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    say(error.message, true);
  }
}

async function findWords() {
  const words = byId("reader-find").value.trim();
  if (opened === null) return;
  try {
    if (byId("reader-pages").hidden) say(finding.find(words) || spanWords());
    else await pages.find(words);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    say(error.message, true);
  }
}

/**
 * Says so when the marked text is no longer what the answer cited, and where that is now.
 * Gives whether it still is, as far as is known.
 */
async function checkCitation(mine) {
  const citation = citationFor(opened.id, opened.span);
  if (citation === null || citation.document_sha256 === opened.sha256) return true;
  const json = { citations: [citation] };
  const { results } = await request("v1/verify", { method: "POST", json, signal: mine.signal });
  if (mine !== running) return false;
  const [{ status, start_char_index: start, end_char_index: end }] = results;
  if (status === "valid") return true;
  say("The document has changed since the answer: what is marked is not what was cited.", true);
  if (status === "moved") {
    byId("reader-status").append(" ", element("a", { href: hashOf(opened.id, start, end) }, "Go to where it stands now"));
  }
  return false;
}

/** The citation of this span in the answer on show, cut to the span where it is a part of one. */
function citationFor(id, span) {
  if (span === null) return null;
  const [start, end] = span;
  const whole = cited.find((one) => one.document_id === id && one.start_char_index <= start && end <= one.end_char_index);
  if (!whole) return null;
  const base = whole.start_char_index;
  return { ...whole, cited_text: slice(whole.cited_text, start - base, end - base), start_char_index: start, end_char_index: end };
}

async function extend(towards) {
  const button = byId(towards);
  if (button.getAttribute("aria-busy") === "true") return; // its part is on the way
  button.setAttribute("aria-busy", "true");
  const { start, end, characters } = opened;
  const [from, to] = towards === "earlier" ? [Math.max(0, start - AROUND), start] : [end, Math.min(characters, end + AROUND)];
  try {
    const part = await partOf(from, to);
    if (part === null) return;
    if (towards === "earlier") {
      const before = scroller.scrollHeight;
      body.prepend(laidOut(part, []));
      opened.start = from;
      scroller.scrollTop += scroller.scrollHeight - before;
    } else {
      body.append(laidOut(part, []));
      opened.end = to;
    }
    showEnds();
    say(`Shown: characters ${opened.start} to ${opened.end} of ${characters}`);
  } finally {
    button.setAttribute("aria-busy", "false");
  }
}

/** Another part of the document on show; null where that is another by now, or could not be had, which is said. */
async function partOf(from, to) {
  const mine = running;
  try {
    const part = await textOf(opened.id, from, to, mine.signal);
    if (mine !== running || opened === null) return null;
    if (part.sha256 === opened.sha256) return part;
    open(opened.id, opened.span);
  } catch (error) {
    if (mine !== running || error.name === "AbortError") return null;
    if (!(error instanceof Problem)) throw error;
    say(error.message, true);
  }
  return null;
}

async function copyLink() {
  try {
    await navigator.clipboard.writeText(location.href);
    say("The link is copied.");
  } catch {
    // Not a secure context, or not allowed: the address bar has it.
    say(`Copy it from here: ${location.href}`);
  }
}

pages.onSay(say);
byId("as-pages").addEventListener("click", () => showAs("pages"));
byId("as-text").addEventListener("click", () => showAs("text"));
byId("save-original").addEventListener("click", save);
byId("reader-find").addEventListener("keydown", (event) => event.key === "Enter" && !event.isComposing && findWords());
byId("reader-find").addEventListener("search", () => byId("reader-find").value || findWords()); // emptied
byId("earlier").addEventListener("click", () => extend("earlier"));
byId("later").addEventListener("click", () => extend("later"));
byId("ask-this").addEventListener("click", () => opened !== null && onAsked(opened));
byId("copy-link").addEventListener("click", copyLink);
byId("close-reader").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
dialog.addEventListener("close", () => {
  if (dialog.open) return; // opened again in the meantime
  running.abort();
  opened = null;
  pages.end();
  restoreCaret();
  onClosed();
});
