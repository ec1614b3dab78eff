/** What answers: sentences of documents, or of a language model with what bears them out; or that there are none. */

import { count, element, hashOf } from "../base/text.js";
import { copyMenu, quotation } from "./copying.js";

export const ABSTENTIONS = {
  no_documents: "There are no documents in this collection yet.",
  no_match: "No document fits the filter.",
  low_confidence: "Passages come near the question, but none is likely enough to hold the answer.",
  risk_too_high: "A passage may hold the answer, but not as surely as the accepted risk requires.",
  model_abstained: "The language model finds no answer in the passages.",
};

/** The answer as a card, or why there is none. */
export function answerCard(answer) {
  if (!answer.answered) return abstentionCard(answer);
  const { generated, extract } = answer.answer;
  return element(
    "section",
    { class: "answer", "aria-labelledby": "answer-title" },
    element("h2", { id: "answer-title", class: "sr" }, "Answer"),
    element("p", { class: "sentences", dir: "auto" }, ...shownPieces(piecesOf(answer))),
    ...rowsOf(answer.answer),
    generated ? writtenBy(answer.answer) : null,
    generated && extract ? inTheirWords(extract, answer.passages) : null,
    confidenceLine(answer, copyMenu(quotationsOf(answer), "the answer")),
  );
}

/** A card that fills as sentences come. */
export function growingCard() {
  const sentences = element("p", { class: "sentences", dir: "auto" });
  const state = element("p", { class: "hint writing" }, "Writing; each sentence is checked before it is shown…");
  const card = element("section", { class: "answer", "aria-label": "Answer", "aria-busy": "true" }, sentences, state);
  return { card, add: (sentence, passages) => sentences.append(...shownPieces([pieceOf(sentence, passages)])) };
}

/**
 * The answer in pieces: `{ before, text, support, beside, places: [{ rank, id, title, start, end }] }`.
 * before: what joins a piece to the one before it.  beside: whether another piece is likelier to be the answer.
 */
export function piecesOf({ answer, passages }) {
  return answer.generated ? answer.sentences.map((sentence) => pieceOf(sentence, passages)) : partsOf(answer, passages);
}

function partsOf({ text, citations, parts = [] }, passages) {
  let done = 0;
  const pieces = [];
  const oneIsLikelier = parts.some(({ likeliest }) => likeliest);
  for (const part of parts) {
    const place = text.indexOf(part.text, done);
    if (place < 0) break;
    pieces.push({ before: text.slice(done, place), text: part.text, beside: oneIsLikelier && !part.likeliest, places: [placeOf(part.citation, passages)] });
    done = place + part.text.length;
  }
  // What the parts do not add up to is shown as it is, with the passages that it is from.
  if (pieces.length === parts.length && done === text.length && parts.length) return pieces;
  return [{ before: "", text, places: citations.map((number) => placeOf(passages[number].citation, passages)) }];
}

/** The rows of tables among the parts: what stands over their group, and each cell under the name of its column. */
function rowsOf({ parts = [] }) {
  return parts.filter(({ cells, group }) => cells || group).map(({ cells = [], group }) =>
    element(
      "div",
      { class: "row", dir: "auto" },
      group ? element("p", { class: "hint" }, group) : null,
      cells.length ? element("dl", { class: "cells" }, ...cells.map(namedCell)) : null,
    ),
  );
}

function namedCell({ name, text }) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, text));
}

function pieceOf({ text, support, citations }, passages) {
  return { before: " ", text, support, places: citations.map((citation) => placeOf(citation, passages)) };
}

function placeOf(citation, passages) {
  const { document_id: id, document_title: title, start_char_index: start, end_char_index: end } = citation;
  return { rank: passageOf(citation, passages)?.rank ?? "•", id, title, start, end };
}

/** The passage that a citation stands in. */
function passageOf({ document_id: id, start_char_index: start }, passages) {
  return passages.find(({ citation }) => citation.document_id === id && citation.start_char_index <= start && start < citation.end_char_index);
}

/** What an answer cites, in its order. */
export function citationsOf({ answer, passages }) {
  const cited = answer.generated ? answer.sentences.flatMap(({ citations }) => citations) : (answer.parts ?? []).map(({ citation }) => citation);
  return cited.length ? cited : answer.citations.map((number) => passages[number].citation);
}

/** Pieces as they are shown. */
export function shownPieces(pieces) {
  return pieces.flatMap(({ before, text, support, beside, places }) => [
    before,
    element("span", { class: beside ? "sentence beside" : "sentence" }, text),
    support === undefined ? null : supportOf(support),
    ...places.map(citationLink),
  ]);
}

function supportOf(support) {
  const words = `What it cites bears this sentence out to ${percent(support)}`;
  return element("span", { class: "support", title: words, role: "img", "aria-label": words }, percent(support));
}

function citationLink({ rank, id, title, start, end }) {
  const label = `Citation ${rank}: ${title}, characters ${start} to ${end}`;
  return element("a", { class: "cite", href: hashOf(id, start, end), "aria-label": label, title }, String(rank));
}

function writtenBy({ model, dropped }) {
  const left = dropped ? ` ${count(dropped, "sentence")} ${dropped === 1 ? "was" : "were"} left out: nothing in the documents bears ${dropped === 1 ? "it" : "them"} out.` : "";
  return element("p", { class: "hint written" }, `Written by ${model}; every sentence is checked against what it cites.${left}`);
}

function inTheirWords(extract, passages) {
  return element(
    "details",
    { class: "extract" },
    element("summary", {}, "In the documents' own words"),
    element("p", { dir: "auto" }, ...shownPieces(partsOf(extract, passages))),
  );
}

function quotationsOf(answer) {
  return citationsOf(answer).map((citation) => {
    const { document: source, page, section } = passageOf(citation, answer.passages) ?? answer.passages[0];
    return quotation(citation.cited_text, source, citation, page, section);
  });
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

function confidenceLine({ confidence, calibrated, timings_ms: timings }, ...more) {
  const bar = element("span", { class: "bar-of", "aria-hidden": "true" });
  bar.style.setProperty("--share", `${100 * confidence}%`);
  return element(
    "div",
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
    ...more,
    element("span", { class: "hint" }, `${Math.max(1, Math.round(timings.total))} ms`),
  );
}

/** The answer as it is read out. */
export function spoken(answer) {
  const sure = `${likelihood(answer.confidence)}, ${percent(answer.confidence)}${answer.calibrated ? "" : ", not calibrated"}`;
  const listed = count(answer.passages.length, "passage");
  if (answer.answered) return `Answer, ${sure}: ${answer.answer.text} ${listed} below.`;
  return `These documents do not say. ${ABSTENTIONS[answer.abstain_reason] ?? ""} ${listed} below.`;
}
