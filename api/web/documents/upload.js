/** Uploads: one file a request, one after another, so that each has its own progress and its own result. */

import { Problem, upload } from "../base/api.js";
import { collection, onCollection } from "../base/collections.js";
import { reload } from "./list.js";
import { chosen, dropped } from "./files.js";
import { count, element } from "../base/text.js";

const TRIES = 4;
const MOST_REASONS = 10;
const OUTCOMES = { added: "Added", updated: "Updated", skipped: "Already there, unchanged" };
const WORDS = { added: "added", updated: "updated", skipped: "unchanged", failed: "failed", stopped: "stopped" };
const SAME_NAME = "Another file of this upload has the same name and folder.";

const byId = (id) => document.getElementById(id);
const list = byId("upload-list");
const queue = [];
let again = []; // what did not go in and may at another try
let totals = {};
let nHidden = 0;
let working = false;
let stopping = new AbortController();

/** Puts files into the current collection. found: as `files.js` gives them. */
async function add(found) {
  byId("uploads").hidden = false;
  nHidden += found.nHidden;
  const names = new Set();
  for (const { file, folder } of found.files) {
    const item = itemOf(file, folder, collection());
    list.append(item.row);
    // One by one the second would silently replace the first: the service keeps documents by name.
    if (names.has(item.name)) finish(item, { failed: 1 }, SAME_NAME);
    else queue.push(item);
    names.add(item.name);
  }
  if (!working) await work();
}

function itemOf(file, folder, into) {
  const name = folder ? `${folder}/${file.name}` : file.name;
  const bar = element("progress", { max: 1, value: 0, "aria-label": `Sending ${name}` });
  const state = element("span", { class: "state" }, "Waiting");
  const row = element("li", {}, element("span", { class: "name", dir: "auto" }, name), state, bar);
  return { file, folder, name, into, how: howToRead(), bar, state, row };
}

function howToRead() {
  return { ocr: byId("with-ocr").checked, password: byId("file-password").value };
}

async function work() {
  working = true;
  stopping = new AbortController();
  showButtons();
  while (queue.length) {
    byId("upload-summary").textContent = `${count(queue.length, "file")} to go`;
    await send(queue.shift());
  }
  working = false;
  const left = nHidden ? ` ${count(nHidden, "hidden file")} left out.` : "";
  const done = `${Object.keys(totals).length ? `Done: ${inWords(totals)}.` : "There was no file to add."}${left}`;
  totals = {};
  nHidden = 0;
  list.prepend(...list.querySelectorAll(".failed, .stopped"));
  list.scrollTop = 0;
  await reload();
  if (working) return;
  showButtons();
  byId("upload-summary").textContent = done;
}

function showButtons() {
  byId("stop-uploads").hidden = !working;
  byId("clear-uploads").hidden = working;
  byId("retry-uploads").hidden = working || again.length === 0;
}

/** "2 added, 1 failed" */
function inWords(counts) {
  return Object.keys(WORDS).flatMap((outcome) => (counts[outcome] ? [`${counts[outcome]} ${WORDS[outcome]}`] : [])).join(", ");
}

async function send(item) {
  const { file, folder, into, how, bar, state, row } = item;
  const progress = (share) => {
    bar.value = share;
    state.textContent = share < 1 ? `Sending, ${Math.round(share * 100)}%` : "Reading and indexing…";
    if (share === 1) bar.removeAttribute("value");
  };
  list.scrollTop = row.offsetTop - list.clientHeight / 2;
  for (let attempt = 1; ; attempt += 1) {
    try {
      state.textContent = "Sending";
      return taken(item, await upload(file, folder, into, { ...how, progress, signal: stopping.signal }));
    } catch (error) {
      if (error.name === "AbortError") return stop(item);
      if (!(error instanceof Problem)) throw error;
      if (error.retryAfter === null || attempt === TRIES) {
        // With another password, or with pictures read, a file may go in that did not.
        if (error.passes || error.status === 422) again.push(item);
        return finish(item, { failed: 1 }, ...(error.failed.length ? error.failed.map(({ reason }) => reason) : [error.message]));
      }
      state.textContent = `The service is busy: waiting ${count(error.retryAfter, "second")}`;
      await pause(error.retryAfter);
    }
  }
}

function pause(seconds) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    stopping.signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

/** Shows what became of a file: one document, or the many of an archive. */
function taken(item, { documents, failed, notes }) {
  const counts = {};
  for (const { outcome } of documents) counts[outcome] = (counts[outcome] ?? 0) + 1;
  const bad = failed.map(({ name, reason }) => `${name}: ${reason}`);
  if (bad.length) counts.failed = bad.length;
  const first = documents.length === 1 && !bad.length ? OUTCOMES[documents[0].outcome] : inWords(counts);
  finish(item, counts, first, ...bad, ...notes);
}

function stop(item) {
  again.push(item);
  finish(item, { stopped: 1 }, "Stopped");
}

/** counts: documents by what became of them.  lines: that in words. */
function finish({ bar, state, row }, counts, ...lines) {
  for (const [outcome, n] of Object.entries(counts)) totals[outcome] = (totals[outcome] ?? 0) + n;
  bar.remove();
  row.className = counts.failed ? "failed" : Object.keys(counts)[0];
  if (lines.length > MOST_REASONS + 1) lines.splice(MOST_REASONS, Infinity, `and ${lines.length - MOST_REASONS} more`);
  state.textContent = (Object.keys(counts).join() === "failed" ? "Failed: " : "") + lines.join("\n");
}

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
let depth = 0;

function veil(on) {
  byId("drop-veil").classList.toggle("on", on);
  byId("drop-veil").querySelector("b").textContent = collection();
}

// Each element the pointer passes tells of entering and leaving.
addEventListener("dragenter", (event) => hasFiles(event) && veil((depth += 1) > 0));
addEventListener("dragleave", (event) => hasFiles(event) && veil((depth = Math.max(0, depth - 1)) > 0));
addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
addEventListener("drop", async (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  veil((depth = 0) > 0);
  location.hash = "#documents";
  try {
    await add(await dropped(event.dataTransfer));
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    byId("documents-error").replaceChildren(element("p", { class: "notice bad" }, `What was dropped cannot be read: ${error.message}`));
  }
});
for (const field of [byId("files"), byId("folder")]) {
  field.addEventListener("change", async () => {
    const found = chosen(field);
    field.value = ""; // so that the same file can be chosen again
    await add(found);
  });
}
byId("how-to-read").addEventListener("submit", (event) => event.preventDefault());
byId("stop-uploads").addEventListener("click", () => {
  queue.splice(0).forEach(stop);
  stopping.abort();
});
byId("retry-uploads").addEventListener("click", async () => {
  for (const item of again) {
    item.how = howToRead();
    item.row.className = "";
    item.state.textContent = "Waiting";
    item.bar.value = 0;
    item.row.append(item.bar);
  }
  queue.push(...again);
  again = [];
  await work();
});
byId("clear-uploads").addEventListener("click", () => {
  again = [];
  list.replaceChildren();
  byId("uploads").hidden = true;
  byId("files").focus();
});
addEventListener("beforeunload", (event) => working && event.preventDefault()); // what waits would be lost

function showTarget() {
  byId("target").textContent = collection();
}
onCollection(showTarget);
showTarget();
