/** Requests to the service. Every failure is a Problem whose message can be shown as it is. */

import { passing } from "./storage.js";

const JSON_TYPE = { "Content-Type": "application/json" };
const UNREACHABLE = "The service cannot be reached. Is it running?";

/** What the service refused or could not do. status: 0 when it did not answer at all. */
export class Problem extends Error {
  constructor(status, message, { failed = [], retryAfter = null } = {}) {
    super(message);
    this.status = status;
    this.failed = failed;
    this.retryAfter = retryAfter;
  }

  /** Whether the same may succeed later, or with another key. */
  get passes() {
    return [0, 401, 403, 429].includes(this.status) || this.status >= 500;
  }
}

let keyAsked = null;
let askForKey = async () => null;

/** Sets who asks for a key: gets the reason in words, gives the key or null. */
export function onKeyWanted(ask) {
  askForKey = ask;
}

export const key = {
  get: () => passing.get("key"),
  set: (value) => passing.set("key", value),
};

function authorization(value) {
  // A header takes bytes: the key's UTF-8, one character a byte.
  return value ? { Authorization: "Bearer " + String.fromCharCode(...new TextEncoder().encode(value)) } : {};
}

/** Sends with the key, and again with another when the service wants one. send: headers -> `{status, body, retryAfter}`. */
async function sendWithKey(send) {
  for (;;) {
    const used = key.get();
    const reply = await send(authorization(used));
    if (reply.status >= 200 && reply.status < 300) return reply.body;
    if (reply.status !== 401) throw problemOf(reply);
    if (key.get() === used) await wantKey(problemOf(reply), used !== null);
  }
}

/** One dialog, however many requests wait for it. */
async function wantKey(problem, refused) {
  keyAsked ??= askForKey(refused ? problem.message : null).finally(() => (keyAsked = null));
  const given = await keyAsked;
  if (given === null) throw new Problem(401, "This service wants a key.");
  key.set(given);
}

function problemOf({ status, body, retryAfter }) {
  const words = body?.detail || body?.title || `The service answered with status ${status}.`;
  const wait = retryAfter ? ` Try again in ${retryAfter} ${retryAfter === 1 ? "second" : "seconds"}.` : "";
  return new Problem(status, words.replace(/ ?Try again shortly\.$/, "") + wait, { failed: body?.failed ?? [], retryAfter });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function secondsOf(header) {
  return /^\d+$/.test(header ?? "") ? Number(header) : null;
}

/** Where a document is. */
export const pathOf = (id) => `v1/documents/${encodeURIComponent(id)}`;

/** What `read` takes of a path's reply where that is good; of any other its JSON becomes a Problem. */
function fetched(path, { headers: own = {}, ...options }, read) {
  return sendWithKey(async (headers) => {
    try {
      const reply = await fetch(path, { ...options, headers: { ...headers, ...own } });
      const body = reply.ok ? await read(reply) : parsed(await reply.text());
      return { status: reply.status, body, retryAfter: secondsOf(reply.headers.get("Retry-After")) };
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem(0, UNREACHABLE);
    }
  });
}

/** The JSON that a path answers. path: relative, so that the page also works below another address. */
export function request(path, { method = "GET", json, signal } = {}) {
  const content = json === undefined ? {} : { headers: JSON_TYPE, body: JSON.stringify(json) };
  return fetched(path, { method, signal, ...content }, async (reply) => parsed(await reply.text()));
}

/** A file that a path answers, as `{ blob, headers }`. */
export function file(path, { signal } = {}) {
  return fetched(path, { signal }, async (reply) => ({ blob: await reply.blob(), headers: reply.headers }));
}

/** Reads a stream of events; `take` gets the name and the JSON of each as it comes. */
export async function events(path, { json, signal, take }) {
  const asked = { method: "POST", signal, headers: { ...JSON_TYPE, Accept: "text/event-stream" }, body: JSON.stringify(json) };
  const stream = await fetched(path, asked, (reply) => reply.body);
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    let piece;
    try {
      piece = await reader.read();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem(0, "The connection broke in the middle of the answer.");
    }
    if (piece.done) return;
    const blocks = (waiting + piece.value).split("\n\n");
    waiting = blocks.pop();
    for (const block of blocks) {
      const [name, data] = block.split("\n").map((line) => line.slice(line.indexOf(": ") + 2));
      take(name, JSON.parse(data));
    }
  }
}

/** Sends one file; `progress` is told the share sent, 0 to 1. XMLHttpRequest, because fetch does not tell. */
export function upload(file, folder, collection, { ocr, password, progress, signal }) {
  return sendWithKey(
    (headers) =>
      new Promise((resolve, reject) => {
        const form = new FormData();
        form.append("collection", collection);
        if (folder) form.append("folder", folder);
        if (ocr) form.append("ocr", "true");
        if (password) form.append("password", password);
        form.append("file", file, file.name);
        const sending = new XMLHttpRequest();
        sending.open("POST", "v1/documents");
        for (const [name, value] of Object.entries(headers)) sending.setRequestHeader(name, value);
        sending.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
        sending.onload = () =>
          resolve({
            status: sending.status,
            body: parsed(sending.responseText),
            retryAfter: secondsOf(sending.getResponseHeader("Retry-After")),
          });
        sending.onerror = () =>
          reject(new Problem(0, "The connection broke: the service is gone, or the file is larger than it takes."));
        sending.onabort = () => reject(new DOMException("stopped", "AbortError"));
        signal.addEventListener("abort", () => sending.abort(), { once: true });
        if (signal.aborted) reject(new DOMException("stopped", "AbortError"));
        else sending.send(form);
      }),
  );
}
