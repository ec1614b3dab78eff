/** The list of documents: a page at a time, filtered, deleted from. */

import { Problem, pathOf, request } from "../base/api.js";
import { collection, learn, onCollection } from "../base/collections.js";
import { confirmed } from "../base/dialogs.js";
import { count, element, failure, hashOf } from "../base/text.js";

const PAGE = 50;
// With a filter, pages are read until as many fit as a page shows.
const FILTERED_PAGE = 500;

const byId = (id) => document.getElementById(id);
const list = byId("document-list");
const filter = byId("filter");
let running = new AbortController();
let documents = [];
let cursor = null;
let wanted = PAGE;
const selected = new Map(); // documents by id
let totals = new Map(); // documents by collection, as far as they are known

/** Reads the list anew, and how long it is. */
export async function reload() {
  running.abort();
  running = new AbortController();
  documents = [];
  cursor = null;
  wanted = PAGE;
  selected.clear();
  showSelection();
  await Promise.all([read(), learnCollections().then(showStatus, () => {})]); // the list tells what goes wrong with both
}

/** Learns which collections there are, and tells a newcomer when there are none. */
export async function learnCollections() {
  const { collections, limited } = await request("v1/collections");
  learn(collections.map(({ name }) => name), limited);
  totals = new Map(collections.map(({ name, documents: some }) => [name, some]));
  const total = [...totals.values()].reduce((sum, some) => sum + some, 0);
  const link = (words) => element("a", { href: "#documents" }, words);
  if (total === 0) byId("start").replaceChildren("There are no documents yet. ", link("Add some"), " and ask about them.");
  else {
    const place = collections.length > 1 ? ` in ${collections.length} collections` : "";
    byId("start").replaceChildren(
      "Answers are sentences from your ", link(count(total, "document")), `${place}. The number behind each opens the place where it stands.`,
    );
  }
}

/** Reads on until `wanted` documents fit the filter or there are no more. */
async function read() {
  const mine = running;
  byId("documents-error").replaceChildren();
  try {
    while (documents.length === 0 || (cursor !== null && (byId("order").value || fitting().length < wanted))) {
      const query = new URLSearchParams({ limit: needsAll() ? FILTERED_PAGE : PAGE });
      if (cursor !== null) query.set("cursor", cursor);
      if (!byId("all-collections").checked) query.set("collection", collection());
      const page = await request(`v1/documents?${query}`, { signal: mine.signal });
      if (mine !== running) return;
      documents.push(...page.documents);
      cursor = page.next_cursor;
      learn(page.documents.map((one) => one.collection));
      if (cursor === null) break;
    }
    show();
  } catch (error) {
    if (mine !== running || error.name === "AbortError") return;
    fail(error);
  }
}

function fail(error) {
  if (!(error instanceof Problem)) throw error;
  byId("documents-error").replaceChildren(failure(error.message, error.passes ? reload : null));
}

const ORDERS = {
  newest: (a, b) => b.added_at.localeCompare(a.added_at),
  title: (a, b) => titleOf(a).localeCompare(titleOf(b)),
  size: (a, b) => b.characters - a.characters,
};
const titleOf = (one) => one.title || one.source || one.id;
const kindOf = ({ source }) => /\.([A-Za-z0-9]{1,8})$/.exec(source ?? "")?.[1].toLowerCase() ?? "other";
const languageOf = ({ metadata }) => String([metadata.language ?? ""].flat()[0] || "unknown");

/** Whether what is shown depends on documents that were not read yet. */
function needsAll() {
  return words().length > 0 || ["of-kind", "of-language", "added-since", "order"].some((id) => byId(id).value);
}

const words = () => filter.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);

/** The documents read so far that hold every word of the filter. */
function fitting() {
  if (!needsAll()) return documents;
  const sought = words();
  const [kind, language, since, order] = ["of-kind", "of-language", "added-since", "order"].map((id) => byId(id).value);
  const found = documents.filter((one) => {
    if ((kind && kindOf(one) !== kind) || (language && languageOf(one) !== language)) return false;
    if (since && new Date(one.added_at) < new Date(`${since}T00:00`)) return false;
    const held = `${one.title}\n${one.source ?? ""}\n${metadataWords(one).join("\n")}`.toLocaleLowerCase();
    return sought.every((word) => held.includes(word));
  });
  return order ? found.sort(ORDERS[order]) : found;
}

/** Offers the kinds and languages of the documents that were read. */
function offer(id, values) {
  const picker = byId(id);
  const chosen = picker.value;
  const names = [...new Set([...values, chosen])].filter(Boolean).sort();
  picker.replaceChildren(element("option", { value: "" }, "any"), ...names.map((name) => element("option", { value: name }, name)));
  picker.value = chosen;
}

function metadataWords({ metadata }) {
  return Object.entries(metadata).map(([name, value]) => `${name}=${[value].flat().join(", ")}`);
}

function show() {
  const found = fitting();
  const shown = found.slice(0, wanted);
  offer("of-kind", documents.map(kindOf));
  offer("of-language", documents.map(languageOf));
  list.replaceChildren(...shown.map(row));
  byId("more").hidden = found.length === shown.length && cursor === null;
  showStatus();
}

function showStatus() {
  byId("documents-status").textContent = statusOf(list.children.length, !byId("more").hidden);
}

function statusOf(shown, more) {
  const where = byId("all-collections").checked ? "" : ` in the collection ${collection()}`;
  if (needsAll()) return shown === 0 ? `No document${where} fits the filter.` : `${count(shown, "document")} of ${documents.length}${more ? " read so far" : ""}`;
  if (shown === 0) return `No documents${where} yet.`;
  if (!more) return `${count(shown, "document")}${where}`;
  const total = byId("all-collections").checked ? [...totals.values()].reduce((sum, some) => sum + some, 0) : totals.get(collection());
  return total > shown ? `The first ${shown} of ${count(total, "document")}${where}` : `The first ${count(shown, "document")}${where}`;
}

function row(one) {
  const title = titleOf(one);
  const about = [
    one.source !== one.title ? one.source : null,
    byId("all-collections").checked ? `collection ${one.collection}` : null,
    count(one.characters, "character"),
    count(one.passages, "passage"),
    new Date(one.added_at).toLocaleDateString("en", { dateStyle: "medium" }),
    ...metadataWords(one),
  ].filter(Boolean);
  return element(
    "li",
    { "data-id": one.id },
    element("input", { type: "checkbox", "aria-label": `Select ${title}`, checked: selected.has(one.id), onchange: (event) => select(one, event.target.checked) }),
    element(
      "div",
      {},
      element("a", { href: hashOf(one.id), class: "open", dir: "auto", title }, title),
      element("p", { class: "about", dir: "auto" }, about.join(" · ")),
    ),
    element(
      "button",
      { type: "button", class: "quiet danger", "aria-label": `Delete ${title}`, onclick: () => remove(one, title) },
      "Delete",
    ),
  );
}

function select(one, on) {
  if (on) selected.set(one.id, one);
  else selected.delete(one.id);
  showSelection();
}

function showSelection() {
  byId("selection").hidden = selected.size === 0;
  byId("n-selected").textContent = `${count(selected.size, "document")} selected`;
}

async function removeSelected() {
  const some = [...selected.values()];
  const text = "Their passages can then no longer be found here. Files that they came from stay where they are.";
  if (!(await confirmed(`Delete ${count(some.length, "document")}?`, text))) return;
  let done = 0;
  for (const one of some) {
    byId("documents-status").textContent = `Deleting: ${done} of ${some.length}`;
    try {
      await request(pathOf(one.id), { method: "DELETE" });
    } catch (error) {
      if (error.status !== 404) {
        await reload();
        return fail(error);
      }
    }
    selected.delete(one.id);
    done += 1;
  }
  showSelection();
  await reload();
  byId("documents-status").textContent = `Deleted ${count(done, "document")}. ${byId("documents-status").textContent}`;
  filter.focus();
}

async function remove(one, title) {
  const text = `Its ${count(one.passages, "passage")} can then no longer be found here. The file it came from stays where it is.`;
  if (!(await confirmed(`Delete “${title}”?`, text))) return;
  try {
    await request(pathOf(one.id), { method: "DELETE" });
  } catch (error) {
    // Someone else deleted it first: it is gone all the same.
    if (error.status !== 404) return fail(error);
  }
  const place = [...list.children].findIndex((item) => item.dataset.id === one.id);
  documents = documents.filter((other) => other.id !== one.id);
  select(one, false);
  totals.set(one.collection, totals.get(one.collection) - 1);
  if (documents.length === 0) await read();
  else show();
  byId("documents-status").textContent = `Deleted “${title}”. ${byId("documents-status").textContent}`;
  const next = list.children[Math.min(place, list.children.length - 1)];
  (next?.querySelector("button") ?? byId("filter")).focus();
}

function readAgain() {
  wanted = PAGE;
  running.abort();
  running = new AbortController();
  read();
}

filter.addEventListener("input", readAgain);
for (const id of ["of-kind", "of-language", "added-since", "order"]) byId(id).addEventListener("change", readAgain);
byId("delete-selected").addEventListener("click", removeSelected);
byId("select-none").addEventListener("click", () => {
  selected.clear();
  showSelection();
  show();
});
byId("all-collections").addEventListener("change", reload);
byId("more").addEventListener("click", async () => {
  const first = list.children.length;
  wanted += PAGE;
  await read();
  list.children[first]?.querySelector("a").focus();
});
onCollection(() => byId("documents-view").hidden || reload()); // else it is read when it is shown
