/** Uploads: one file a request, one after another, so that each has its own progress and its own result. */

import { Problem, upload } from "./api.js";
import { collection, onCollection } from "./collections.js";
import { reload } from "./documents.js";
import { count, element } from "./text.js";

const TRIES = 4;
const OUTCOMES = { added: "Added", updated: "Updated", skipped: "Already there, unchanged" };
const SAME_NAME = "Another file of this upload has the same name (folders do not count).";

const byId = (id) => document.getElementById(id);
const queue = [];
let totals = {};
let working = false;
let stopping = new AbortController();

/** Puts files into the current collection. */
export async function add(files) {
  if (!files.length) return;
  const names = new Set();
  byId("uploads").hidden = false;
  for (const file of files) {
    const item = itemOf(file, collection());
    byId("upload-list").append(item.row);
    // One by one the second would silently replace the first: the service keeps documents by name.
    if (names.has(file.name)) finish(item, "failed", SAME_NAME);
    else queue.push(item);
    names.add(file.name);
  }
  if (!working) await work();
}

function itemOf(file, into) {
  const bar = element("progress", { max: 1, value: 0, "aria-label": `Sending ${file.name}` });
  const state = element("span", { class: "state" }, "Waiting");
  const row = element("li", {}, element("span", { class: "name", dir: "auto" }, file.name), state, bar);
  return { file, into, bar, state, row };
}

async function work() {
  working = true;
  stopping = new AbortController();
  byId("stop-uploads").hidden = false;
  byId("clear-uploads").hidden = true;
  while (queue.length) {
    byId("upload-summary").textContent = `${count(queue.length, "file")} to go`;
    await send(queue.shift());
  }
  working = false;
  byId("stop-uploads").hidden = true;
  byId("clear-uploads").hidden = false;
  const done = `Done: ${summary()}.`;
  totals = {};
  await reload();
  if (!working) byId("upload-summary").textContent = done;
}

function summary() {
  const words = { added: "added", updated: "updated", skipped: "unchanged", failed: "failed", stopped: "stopped" };
  return Object.entries(words).flatMap(([outcome, word]) => (totals[outcome] ? [`${totals[outcome]} ${word}`] : [])).join(", ");
}

async function send(item) {
  const { file, into, bar, state } = item;
  const progress = (share) => {
    bar.value = share;
    state.textContent = share < 1 ? `Sending, ${Math.round(share * 100)}%` : "Reading and indexing…";
    if (share === 1) bar.removeAttribute("value");
  };
  for (let attempt = 1; ; attempt += 1) {
    try {
      state.textContent = "Sending";
      const { documents } = await upload(file, into, { progress, signal: stopping.signal });
      return finish(item, documents[0].outcome, OUTCOMES[documents[0].outcome]);
    } catch (error) {
      if (error.name === "AbortError") return finish(item, "stopped", "Stopped");
      if (!(error instanceof Problem)) throw error;
      if (error.retryAfter === null || attempt === TRIES) return finish(item, "failed", error.failed[0]?.reason ?? error.message);
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

function finish({ bar, state, row }, outcome, words) {
  totals[outcome] = (totals[outcome] ?? 0) + 1;
  bar.remove();
  row.className = outcome;
  state.textContent = outcome === "failed" ? `Failed: ${words}` : words;
}

// Where files come from

/** All files of a drop, those in folders too. */
async function filesOf(transfer) {
  // The list is emptied when the event is over: everything is taken from it before the first wait.
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const taken = items.map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  return (await Promise.all(taken.map(filesIn))).flat();
}

async function filesIn(entry) {
  if (entry === null) return [];
  if (entry instanceof File) return [entry];
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    found.push(...(await Promise.all(some.map(filesIn))).flat());
  }
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
    await add(await filesOf(event.dataTransfer));
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    byId("documents-error").replaceChildren(element("p", { class: "notice bad" }, `What was dropped cannot be read: ${error.message}`));
  }
});
byId("files").addEventListener("change", async () => {
  const files = [...byId("files").files];
  byId("files").value = ""; // so that the same file can be chosen again
  await add(files);
});
byId("stop-uploads").addEventListener("click", () => {
  for (const item of queue.splice(0)) finish(item, "stopped", "Stopped");
  stopping.abort();
});
byId("clear-uploads").addEventListener("click", () => {
  byId("upload-list").replaceChildren();
  byId("uploads").hidden = true;
  byId("files").focus();
});

function showTarget() {
  byId("target").textContent = collection();
}
onCollection(showTarget);
showTarget();
