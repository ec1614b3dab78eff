/** Questions and answers. */

import { Problem, request } from "./api.js";
import { choose, collection, onCollection } from "./collections.js";
import { remember } from "./reader.js";
import { lasting } from "./storage.js";
import { count, element, failure, hashOf, hashOfQuestion, marked, slice } from "./text.js";

const MAX_RECENT = 8;
const MAX_QUESTION = 2000; // code points
const SLOW_MS = 500;
const ABSTENTIONS = {
  no_documents: "There are no documents in this collection yet.",
  no_match: "No document fits the filter.",
  low_confidence: "Passages come near the question, but none is likely enough to hold the answer.",
  risk_too_high: "A passage may hold the answer, but not as surely as the accepted risk requires.",
};
const SIGNALS = {
  dense: "Meaning of the whole passage",
  sentence: "Meaning of its best sentence",
  lexical: "Words it shares with the question",
  reranker: "Read together with the question",
};

const byId = (id) => document.getElementById(id);
const box = byId("question");
const results = byId("results");
let running = new AbortController();
let asked = null; // { question, collection, where } of what is on show

/** Puts the cursor into the question box. */
export function focusQuestion() {
  box.focus();
  box.select();
}

/** The question on show, as a hash and as a name for the tab; both empty where there is none. */
export function shown() {
  return asked === null ? { hash: "", title: "" } : { hash: hashOfQuestion(asked), title: asked.question };
}

/** Asks what a link says, unless that is on show. */
export function open(wanted) {
  if (hashOfQuestion(wanted) === shown().hash) return;
  choose(wanted.collection);
  byId("where").value = wanted.where;
  if (wanted.where) byId("ask").querySelector(".options").open = true;
  box.value = wanted.question;
  ask(wanted.question);
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

function clear() {
  running.abort();
  putAsked(null);
  results.replaceChildren();
  byId("ask-error").replaceChildren();
  byId("announce").textContent = "";
  byId("start").hidden = false;
}

function putAsked(what) {
  asked = what;
  byId("nav-ask").href = shown().hash || "#";
}

async function ask(question) {
  putAsked({ question, collection: collection(), where: byId("where").value.trim() });
  // The newest question wins: whatever an older one still brings is dropped.
  running.abort();
  const mine = (running = new AbortController());
  results.setAttribute("aria-busy", "true");
  byId("ask-error").replaceChildren();
  byId("announce").textContent = "Searching…";
  const slow = setTimeout(() => (byId("searching").hidden = mine !== running), SLOW_MS);
  try {
    const length = [...question].length;
    if (length > MAX_QUESTION) throw new Problem(413, `The question has ${count(length, "character")}; at most ${MAX_QUESTION.toLocaleString("en")} are read: shorten it.`);
    const json = { question, top_k: Number(byId("top-k").value), collection: collection(), filter: filterOf(byId("where").value) };
    const answer = await request("v1/ask", { method: "POST", json, signal: mine.signal });
    if (mine !== running) return;
    keepRecent(question);
    show(answer, json);
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

// The answer

function show(answer, asked) {
  byId("start").hidden = true;
  remember(answer.passages.map((passage) => passage.citation));
  const passages = answer.passages.map((passage) => passageItem(passage, asked));
  results.replaceChildren(answer.answered ? answerCard(answer) : abstentionCard(answer));
  if (answer.corrected_question !== null) {
    results.prepend(element("p", { class: "hint", dir: "auto" }, `Read as: ${answer.corrected_question}`));
  }
  if (passages.length) {
    const title = element("h2", { id: "passages-title" }, answer.answered ? "Passages" : "Nearest passages");
    const list = element("ol", { id: "passages" }, ...passages);
    results.append(element("section", { class: "passages", "aria-labelledby": "passages-title" }, title, list));
  }
  byId("announce").textContent = spoken(answer);
}

function answerCard(answer) {
  const sentences = sentencesOf(answer);
  return element(
    "section",
    { class: "answer", "aria-labelledby": "answer-title" },
    element("h2", { id: "answer-title", class: "sr" }, "Answer"),
    element(
      "p",
      { class: "sentences", dir: "auto" },
      ...sentences.map(({ text, passage, start, end }) => [
        element("span", { class: "sentence" }, text),
        citationLink(passage, start, end),
        " ",
      ]),
    ),
    confidenceLine(answer),
  );
}

function citationLink(passage, start, end) {
  const { id, title } = passage.document;
  const label = `Citation ${passage.rank}: ${title}, characters ${start} to ${end}`;
  return element("a", { class: "cite", href: hashOf(id, start, end), "aria-label": label, title }, String(passage.rank));
}

/** The answer's sentences in its order, each with its place; the whole text with its passages where they do not add up to it. */
function sentencesOf({ answer, passages }) {
  const found = [];
  for (const passage of answer.citations.map((number) => passages[number])) {
    const base = passage.citation.start_char_index;
    for (const { start_char_index: start, end_char_index: end } of passage.highlights) {
      const text = slice(passage.text, start - base, end - base);
      found.push({ text, passage, start, end, place: answer.text.indexOf(text) });
    }
  }
  found.sort((a, b) => a.place - b.place);
  const whole = (text) => text.replace(/\s+/g, " ").trim();
  if (whole(found.map(({ text }) => text).join(" ")) === whole(answer.text)) return found;
  return answer.citations.map((number, position) => ({
    text: position === 0 ? answer.text : "",
    passage: passages[number],
    start: passages[number].citation.start_char_index,
    end: passages[number].citation.end_char_index,
  }));
}

function abstentionCard(answer) {
  const empty = answer.abstain_reason === "no_documents";
  return element(
    "section",
    { class: empty ? "answer none empty" : "answer none", "aria-labelledby": "answer-title" },
    element("h2", { id: "answer-title" }, empty ? "There is nothing to ask yet." : "These documents do not say."),
    element("p", {}, ABSTENTIONS[answer.abstain_reason] ?? `Reason: ${answer.abstain_reason}.`),
    empty ? element("p", {}, element("a", { href: "#documents" }, "Add documents")) : confidenceLine(answer),
  );
}

/** Nothing is certain: what would round to all or nothing is told as more or less. */
function percent(share) {
  if (share > 0.99) return ">99%";
  return share > 0 && share < 0.01 ? "<1%" : `${Math.round(share * 100)}%`;
}

function likelihood(share) {
  const steps = [[0.95, "very likely"], [0.75, "likely"], [0.5, "rather likely"], [0.25, "rather unlikely"], [0, "unlikely"]];
  return steps.find(([from]) => share >= from)[1];
}

function confidenceLine({ confidence, calibrated, timings_ms: timings }) {
  const bar = element("span", { class: "bar-of", "aria-hidden": "true" });
  bar.style.setProperty("--share", `${100 * confidence}%`);
  return element(
    "p",
    { class: "confidence" },
    bar,
    element(
      "span",
      { title: "How likely it is that a passage here answers the question" },
      "Confidence: ",
      element("b", {}, `${likelihood(confidence)}, ${percent(confidence)}`),
    ),
    calibrated
      ? null
      : element(
          "span",
          { class: "tag", title: "The number has not been checked against known answers: take it as an order, not as a probability." },
          "not calibrated",
        ),
    element("span", { class: "hint" }, `${Math.max(1, Math.round(timings.total))} ms`),
  );
}

function spoken(answer) {
  const sure = `${likelihood(answer.confidence)}, ${percent(answer.confidence)}${answer.calibrated ? "" : ", not calibrated"}`;
  const listed = count(answer.passages.length, "passage");
  if (answer.answered) return `Answer, ${sure}: ${answer.answer.text} ${listed} below.`;
  return `These documents do not say. ${ABSTENTIONS[answer.abstain_reason] ?? ""} ${listed} below.`;
}

// Passages

function passageItem(passage, asked) {
  const { document: source, citation, rank } = passage;
  const [start, end] = [citation.start_char_index, citation.end_char_index];
  const spans = passage.highlights.map((span) => [span.start_char_index, span.end_char_index]);
  const href = hashOf(source.id, start, end);
  const why = element("div", { class: "why", id: `why-${rank}`, hidden: true });
  const about = [
    passage.section.length ? passage.section.join(" › ") : null,
    passage.page === null ? null : `page ${passage.page}`,
    source.source !== null && source.source !== source.title ? source.source : null,
  ].filter(Boolean);
  return element(
    "li",
    { class: "passage", "data-place": `${source.id} ${start}:${end}` },
    element("span", { class: "number", "aria-hidden": "true" }, String(rank)),
    element(
      "article",
      { "aria-labelledby": `passage-${rank}` },
      element("h3", { id: `passage-${rank}` }, element("a", { class: "open", href, dir: "auto", title: source.title }, source.title || source.id)),
      about.length ? element("p", { class: "about", dir: "auto", title: about.join(" · ") }, about.join(" · ")) : null,
      element(
        "blockquote",
        { dir: "auto", onclick: () => getSelection().isCollapsed && (location.hash = href) },
        marked(passage.text, start, spans),
      ),
      element(
        "p",
        { class: "foot" },
        element("span", {}, `Score ${passage.score.toFixed(2)}`),
        element("span", {}, `Characters ${start}–${end}`),
        element(
          "button",
          {
            type: "button",
            class: "quiet",
            "aria-expanded": "false",
            "aria-controls": why.id,
            "aria-label": `Why here? Passage ${rank}`,
            onclick: (event) => toggleWhy(event.currentTarget, why, asked),
          },
          "Why here?",
        ),
      ),
      why,
      passage.also_in.length
        ? element("p", { class: "about" }, "Also in ", ...passage.also_in.flatMap((place, at) => [at ? ", " : "", otherPlace(place)]))
        : null,
    ),
  );
}

function otherPlace({ id, title, start_char_index: start, end_char_index: end }) {
  return element("a", { href: hashOf(id, start, end), dir: "auto" }, title || id);
}

async function toggleWhy(button, why, asked) {
  const open = why.hidden;
  why.hidden = !open;
  button.setAttribute("aria-expanded", String(open));
  if (!open || why.hasChildNodes()) return;
  why.textContent = "Asking…";
  try {
    const answer = await request("v1/ask", { method: "POST", json: { ...asked, explain: true } });
    const place = why.closest(".passage").dataset.place;
    const same = answer.passages.find(
      ({ citation }) => `${citation.document_id} ${citation.start_char_index}:${citation.end_char_index}` === place,
    );
    why.replaceChildren(same?.explain ? explanation(same) : "The documents have changed since: ask again.");
  } catch (error) {
    why.replaceChildren();
    why.hidden = true;
    button.setAttribute("aria-expanded", "false");
    byId("ask-error").replaceChildren(failure(wordsOf(error)));
  }
}

function explanation(passage) {
  const rows = Object.entries(passage.explain).map(([name, { rank, score }]) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, SIGNALS[name] ?? name),
      element("td", {}, rank === null ? "not found by it" : String(rank)),
      element("td", {}, score === null ? "" : score.toFixed(2)),
    ),
  );
  const heads = ["What was compared", "Place", "Score"].map((head) => element("th", { scope: "col" }, head));
  return element(
    "table",
    {},
    element("caption", {}, `Place among all candidates by each measure. Together they make the score, ${passage.score.toFixed(2)}.`),
    element("thead", {}, element("tr", {}, ...heads)),
    element("tbody", {}, ...rows),
  );
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

// Recent questions

function recent() {
  const kept = lasting.get("recent");
  return Array.isArray(kept) ? kept.filter((question) => typeof question === "string") : [];
}

function keepRecent(question) {
  lasting.set("recent", [question, ...recent().filter((other) => other !== question)].slice(0, MAX_RECENT));
  showRecent();
}

function showRecent() {
  const questions = recent();
  byId("recent").hidden = questions.length === 0;
  byId("recent").querySelector("ul").replaceChildren(
    ...questions.map((question) =>
      element("li", {}, element("button", { type: "button", class: "quiet", dir: "auto", onclick: () => submit(question) }, question)),
    ),
  );
}

function submit(question) {
  box.value = question;
  byId("ask").requestSubmit();
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const question = box.value.trim();
  if (!question) return void box.focus();
  ask(question);
  // As a place of its own in the history: back goes to the question before.
  if (location.hash !== shown().hash) history.pushState(null, "", shown().hash);
  document.title = `${question} · Footnote`;
});
box.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("ask").requestSubmit();
});
byId("ask-view").addEventListener("keydown", move);
byId("clear-recent").addEventListener("click", () => {
  lasting.set("recent", null);
  showRecent();
  box.focus();
});
byId("stop-asking").addEventListener("click", () => {
  running.abort();
  byId("announce").textContent = "";
  focusQuestion();
});
onCollection(() => {
  // The answer on show is one of another collection.
  clear();
  if (location.hash.startsWith("#q=")) history.pushState(null, "", location.pathname + location.search);
});
showRecent();
