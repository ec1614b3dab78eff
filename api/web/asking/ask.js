/** Questions: the box, what is asked with it, and what comes back. */

import { Problem, events, request } from "../base/api.js";
import { choose, collection, onCollection } from "../base/collections.js";
import { lasting } from "../base/storage.js";
import { count, element, failure, hashOfQuestion } from "../base/text.js";
import { remember } from "../reader/reader.js";
import { answerCard, growingCard, spoken } from "./answer.js";
import * as conversation from "./conversation.js";
import { enable, judging } from "./judging.js";
import { passagesSection } from "./passages.js";
import * as recent from "./recent.js";

const MAX_QUESTION = 2000; // code points
const SLOW_MS = 500;

const byId = (id) => document.getElementById(id);
const box = byId("question");
const results = byId("results");
const actions = { only: askOnly, fail: (error) => byId("ask-error").replaceChildren(failure(wordsOf(error))) };
let running = new AbortController();
let asked = null; // { question, collection, where, only, link } of what is on show; link: the question as a link asks it
let answered = null; // the answer to it, once it is there
let only = null; // { id, title } of the document that alone is asked
let canGenerate = false;
let learned = Promise.resolve(); // what the service can do

/** Puts the cursor into the question box. */
export function focusQuestion() {
  box.focus();
  box.select();
}

/** The question on show: as a hash, as a name for the tab, and what is kept with its address. */
export function shown() {
  if (asked === null) return { hash: "", title: "", state: null };
  const state = { question: asked.question, only: asked.only, turns: conversation.kept() };
  return { hash: hashOfQuestion({ ...asked, question: asked.link }), title: asked.question, state };
}

/** Asks what a link says, unless that is on show. state: what was kept with the address, if anything was. */
export function open(wanted, state) {
  if (hashOfQuestion(wanted) === shown().hash) return void history.replaceState(shown().state, "");
  choose(wanted.collection);
  byId("where").value = wanted.where;
  if (wanted.where) byId("ask").querySelector(".options").open = true;
  putOnly(state?.only ?? (wanted.only ? { id: wanted.only, title: wanted.only } : null));
  conversation.put(state?.turns ?? []);
  box.value = state?.question ?? wanted.question;
  ask(box.value);
}

/** Begins anew, with nothing on show. */
export function reset() {
  if (asked === null) return;
  box.value = "";
  clear();
}

/** Takes back that there is nothing to ask: by now there may be. */
export function forgetEmptiness() {
  if (results.querySelector(".empty")) clear();
}

/** Asks one document alone from now on. source: `{ id, title }`. */
export function askOnly(source) {
  putOnly({ id: source.id, title: source.title || source.source || source.id });
  focusQuestion();
}

/** Learns what the service can do; questions wait for it. */
export function learnFeatures() {
  learned = learn().catch(() => {}); // without it the page shows less
}

async function learn() {
  const features = await request("v1/features");
  canGenerate = features.generate;
  enable(features.feedback);
  byId("with-ocr").closest("label").hidden = !features.ocr;
  byId("unanswered").hidden = !features.unanswered;
  byId("generate").closest("label").hidden = !canGenerate;
}

function clear() {
  running.abort();
  conversation.put([]);
  putAsked(null);
  results.replaceChildren();
  byId("ask-error").replaceChildren();
  byId("announce").textContent = "";
  byId("start").hidden = false;
}

function putAsked(what) {
  asked = what;
  answered = null;
  byId("nav-ask").href = shown().hash || "#";
  byId("new-conversation").hidden = asked === null;
}

function putOnly(source) {
  only = source;
  byId("only").hidden = only === null;
  byId("only").querySelector("b").textContent = only?.title ?? "";
}

async function ask(question) {
  putAsked({ question, link: question, collection: collection(), where: byId("where").value.trim(), only });
  // The newest question wins: whatever an older one still brings is dropped.
  running.abort();
  const mine = (running = new AbortController());
  results.setAttribute("aria-busy", "true");
  byId("ask-error").replaceChildren();
  byId("announce").textContent = "Searching…";
  const slow = setTimeout(() => (byId("searching").hidden = mine !== running), SLOW_MS);
  try {
    await learned;
    const json = requestOf(question);
    const answer = json.mode === "generate" ? await written(json, mine) : await request("v1/ask", { method: "POST", json, signal: mine.signal });
    if (mine !== running) return;
    recent.keep(question);
    show(answer, json);
    keepAddress(answer);
  } catch (error) {
    if (mine !== running || error.name === "AbortError") return;
    results.replaceChildren();
    byId("announce").textContent = "";
    byId("ask-error").replaceChildren(failure(wordsOf(error), error.passes ? () => ask(question) : null));
  } finally {
    clearTimeout(slow);
    if (mine === running) {
      results.setAttribute("aria-busy", "false");
      byId("searching").hidden = true;
    }
  }
}

function requestOf(question) {
  const length = [...question].length;
  if (length > MAX_QUESTION) throw new Problem(413, `The question has ${count(length, "character")}; at most ${MAX_QUESTION.toLocaleString("en")} are read: shorten it.`);
  const json = { question, top_k: Number(byId("top-k").value), collection: collection(), filter: filterOf(byId("where").value) };
  if (only !== null) json.documents = [only.id];
  if (conversation.kept().length) json.history = conversation.history();
  if (canGenerate && byId("generate").checked) json.mode = "generate";
  return json;
}

/** A link to a follow-up asks it in full; whoever comes back to it here finds the conversation too. */
function keepAddress(answer) {
  if (conversation.kept().length && answer.asked_as) asked.link = answer.asked_as;
  byId("nav-ask").href = shown().hash;
  if (location.hash.startsWith("#q=")) history.replaceState(shown().state, "", shown().hash);
}

/** The answer that a language model writes, sentence by sentence as it comes. */
async function written(json, mine) {
  const { card, add } = growingCard();
  let passages = [];
  let whole = null;
  const take = (name, value) => {
    if (mine !== running) return;
    if (name === "search") {
      passages = value.passages;
      remember(passages.map((passage) => passage.citation));
      byId("start").hidden = true;
      results.replaceChildren(card, ...(passages.length ? [passagesSection(passages, "Passages", json, actions)] : []));
      results.setAttribute("aria-busy", "false");
    } else if (name === "sentence") add(value, passages);
    else if (name === "done") whole = value;
  };
  await events("v1/ask", { json, signal: mine.signal, take });
  if (whole === null) throw new Problem(0, "The answer broke off before its end.");
  return whole;
}

function wordsOf(error) {
  if (error instanceof Problem) return error.message;
  throw error;
}

/** `key=value, key=other` as the service takes it: a key given twice may have either value. */
function filterOf(words) {
  const wanted = {};
  for (const pair of words.split(",").filter((part) => part.trim())) {
    const cut = pair.indexOf("=");
    if (cut < 1) throw new Problem(400, `“${pair.trim()}” is no filter: write key=value, several with commas between.`);
    if ("<>".includes(pair[cut - 1]) || /^\s*[\d-]*\.\.[\d-]*\s*$/.test(pair.slice(cut + 1))) {
      throw new Problem(400, `“${pair.trim()}”: here a filter is key=value; ranges are for rag ask and the HTTP interface.`);
    }
    const [name, value] = [pair.slice(0, cut).trim(), pair.slice(cut + 1).trim()];
    (wanted[name] ??= []).push(value);
  }
  return wanted;
}

function show(answer, json) {
  answered = answer;
  byId("start").hidden = true;
  remember(answer.passages.map((passage) => passage.citation));
  results.replaceChildren(...hintsOf(answer), answerCard(answer));
  if (answer.passages.length) {
    // What a model made of a follow-up is asked as it is, and no rule completes it again.
    const { history: _, ...alone } = { ...json, question: answer.asked_as ?? json.question };
    const again = json.mode === "generate" ? alone : json;
    results.append(passagesSection(answer.passages, answer.answered ? "Passages" : "Nearest passages", again, actions));
  }
  const judged = judging(answer, json, actions.fail);
  results.classList.remove("judging");
  if (judged !== null && answer.abstain_reason !== "no_documents") results.querySelector(".answer").append(judged);
  byId("announce").textContent = spoken(answer);
}

function hintsOf({ question, corrected_question: corrected, asked_as: as, notes = [] }) {
  const read = corrected ?? (as === question ? null : as);
  const lines = [...(read ? [`Read as: ${read}`] : []), ...notes];
  return lines.map((line) => element("p", { class: "hint", dir: "auto" }, line));
}

/** Arrow keys go from the box into the passages, along them and back. */
function move(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const links = [...results.querySelectorAll(".passage a.open")];
  const inBox = event.target === box;
  if (!links.length || (!inBox && event.target.matches("input, select, textarea"))) return;
  const within = event.target.closest?.(".passage");
  const at = within ? links.indexOf(within.querySelector("a.open")) : -1;
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
  if (next === undefined || (at < 0 && event.key !== "ArrowDown")) return;
  if (inBox && box.selectionEnd < box.value.length) return; // the caret has a way to go yet
  event.preventDefault();
  if (next < 0) return focusQuestion();
  const link = links[Math.min(next, links.length - 1)];
  link.focus({ preventScroll: true });
  link.closest(".passage").scrollIntoView({ block: "nearest" });
}

// The form

function submit(question) {
  box.value = question;
  byId("ask").requestSubmit();
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const question = box.value.trim();
  if (!question) return void box.focus();
  // Asked again it is no follow-up.
  if (answered !== null && question !== asked.question) {
    conversation.add(answered);
    byId("ask").scrollIntoView({ block: "start" });
  }
  ask(question);
  // As a place of its own in the history: back goes to the question before.
  if (location.hash !== shown().hash) history.pushState(shown().state, "", shown().hash);
  document.title = `${question} · Footnote`;
});
box.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("ask").requestSubmit();
  box.select(); // what is typed next is the next question
});
byId("ask-view").addEventListener("keydown", move);
byId("new-conversation").addEventListener("click", () => {
  reset();
  if (location.hash.startsWith("#q=")) history.pushState(null, "", location.pathname + location.search);
  document.title = "Footnote";
  focusQuestion();
});
byId("not-only").addEventListener("click", () => {
  putOnly(null);
  focusQuestion();
});
recent.onAgain((question) => {
  clear();
  submit(question);
});
byId("clear-recent").addEventListener("click", () => {
  recent.keep(null);
  box.focus();
});
byId("stop-asking").addEventListener("click", () => {
  running.abort();
  byId("announce").textContent = "";
  focusQuestion();
});
byId("generate").checked = lasting.get("generate") === true;
byId("generate").addEventListener("change", () => lasting.set("generate", byId("generate").checked || null));
onCollection(() => {
  // The answer on show is one of another collection.
  putOnly(null);
  clear();
  if (location.hash.startsWith("#q=")) history.pushState(null, "", location.pathname + location.search);
});
