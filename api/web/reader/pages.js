/** The pages of a document as pictures, with what is cited marked on them; turned over, enlarged, searched and saved. */

import { file, pathOf, request } from "../base/api.js";
import { count } from "../base/text.js";

const WIDEST = 2400; // pixels that the service draws
const LARGE = 2; // times as wide

const byId = (id) => document.getElementById(id);
const picture = byId("page-picture");
const frame = byId("reader-pages");
let view = null; // { id, span, pages, page, find, found, large, signal }
let running = new AbortController();
let say = () => {};

/** Sets who says what happens here. */
export function onSay(listener) {
  say = listener;
}

/** What there is to see of a document: `{ original, pictures, pages, page }`. */
export function infoOf(id, start, signal) {
  return request(`${pathOf(id)}/pages${start === null ? "" : `?start=${start}`}`, { signal });
}

/** Shows the page on which the span stands, else the first. span: `[start, end)` in the document's text, or null. */
export async function begin(id, span, { pages, page }) {
  view = { id, span, pages, page: page ?? 1, find: "", found: null, large: false };
  byId("page-count").textContent = `of ${pages}`;
  byId("page-number").max = String(pages);
  const marks = await turnTo(view.page);
  // A passage that begins on one page may be cited from the next.
  if (marks === 0 && span !== null && view.page < pages && (await turnTo(view.page + 1)) === 0) await turnTo(view.page - 1);
}

/** Lets go of the picture. */
export function end() {
  running.abort();
  view = null;
  put(null);
}

/** How many stretches of the span are marked on the page; null where it was not shown. */
async function turnTo(page) {
  running.abort();
  const mine = (running = new AbortController());
  const { id, span, find, large } = view;
  view.page = page;
  showPlace();
  const width = Math.min(WIDEST, Math.round(Math.max(300, frame.clientWidth) * devicePixelRatio * (large ? LARGE : 1)));
  const query = new URLSearchParams({ width });
  if (span !== null) for (const [name, place] of [["start", span[0]], ["end", span[1]]]) query.set(name, place);
  if (find) query.set("find", find);
  frame.setAttribute("aria-busy", "true");
  try {
    const { blob, headers } = await file(`${pathOf(id)}/pages/${page}.png?${query}`, { signal: mine.signal });
    if (mine !== running) return null;
    put(blob);
    const marks = Number(headers.get("Footnote-Marks"));
    picture.alt = `Page ${page} of ${view.pages}${marks ? ", with the cited text marked" : ""}. Its words are in the text view.`;
    say(`Page ${page} of ${view.pages}${span === null ? "" : marks ? ", marked" : ": what is cited is not marked here"}${hitsHere()}`);
    await picture.decode().catch(() => {});
    if (mine !== running) return null;
    frame.scrollTop = marks ? Number(headers.get("Footnote-Marked-At")) * picture.clientHeight - frame.clientHeight / 3 : 0;
    return marks;
  } catch (error) {
    if (mine !== running || error.name === "AbortError") return null;
    put(null);
    say(error.message, true);
    return null;
  } finally {
    if (mine === running) frame.setAttribute("aria-busy", "false");
  }
}

function put(blob) {
  if (picture.src) URL.revokeObjectURL(picture.src);
  picture.hidden = blob === null;
  if (blob === null) picture.removeAttribute("src");
  else picture.src = URL.createObjectURL(blob);
}

function showPlace() {
  byId("page-number").value = String(view.page);
  byId("page-before").disabled = view.page <= 1;
  byId("page-after").disabled = view.page >= view.pages;
}

function turnBy(step) {
  if (view === null) return;
  const page = Math.min(view.pages, Math.max(1, view.page + step));
  if (page !== view.page) turnTo(page);
}

function hitsHere() {
  if (view.found === null) return "";
  const total = view.found.reduce((sum, one) => sum + one.count, 0);
  const here = view.found.find((one) => one.page === view.page)?.count ?? 0;
  return `. “${view.find}”: ${total === 0 ? "not found" : `${here} here, ${total} on ${count(view.found.length, "page")}`}`;
}

/** Shows a page of the outline. */
export function goTo(page) {
  turnTo(Math.min(view.pages, page));
}

/** Looks for words: the first page that has them from here on, or the next one when they were looked for before. */
export async function find(words) {
  if (words !== view.find) {
    view.find = words;
    view.found = words ? (await request(`${pathOf(view.id)}/pages?${new URLSearchParams({ find: words })}`)).found : null;
    const first = view.found?.find((one) => one.page >= view.page) ?? view.found?.[0];
    return void turnTo(first?.page ?? view.page);
  }
  if (!view.found?.length) return;
  turnTo((view.found.find((one) => one.page > view.page) ?? view.found[0]).page);
}

byId("page-before").addEventListener("click", () => turnBy(-1));
byId("page-after").addEventListener("click", () => turnBy(1));
byId("page-number").addEventListener("change", () => {
  const wanted = Number(byId("page-number").value);
  if (view === null) return;
  if (Number.isInteger(wanted) && wanted >= 1 && wanted <= view.pages) turnTo(wanted);
  else {
    showPlace();
    say(`There are the pages 1 to ${view.pages}.`, true);
  }
});
byId("page-large").addEventListener("click", () => {
  view.large = !view.large;
  byId("page-large").setAttribute("aria-pressed", String(view.large));
  frame.classList.toggle("large", view.large);
  turnTo(view.page);
});
frame.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const step = { ArrowLeft: -1, PageUp: -1, ArrowRight: 1, PageDown: 1 }[event.key];
  if (step === undefined || (view?.large && event.key.startsWith("Arrow"))) return; // what is wide is scrolled
  event.preventDefault();
  turnBy(step);
});
