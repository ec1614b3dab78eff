/** The conversation so far: what a follow-up may leave out, and what is shown above the question. */

import { element, slice } from "../base/text.js";
import { piecesOf, shownPieces } from "./answer.js";

const MOST = 10; // turns that are kept
const MAX_ANSWER = 2000; // characters of an answer that a follow-up is asked with

const place = document.getElementById("turns");
let turns = [];

/** What a question is asked with, oldest first. */
export function history() {
  return turns.map(({ question, answer }) => ({ question, answer: slice(answer, 0, MAX_ANSWER) }));
}

/** The turns, as they can be kept with an address and given to `put` again. */
export function kept() {
  return turns;
}

/** Puts these turns in place of those there are. */
export function put(others) {
  turns = Array.isArray(others) ? others : [];
  show();
}

/** Adds an answer that has been given. */
export function add(answer) {
  const pieces = answer.answered ? piecesOf(answer) : [];
  turns = [...turns, { question: answer.question, answer: answer.answered ? answer.answer.text : "", pieces }].slice(-MOST);
  show();
}

function show() {
  place.hidden = turns.length === 0;
  place.replaceChildren(
    ...turns.map(({ question, pieces }) =>
      element(
        "li",
        {},
        element("p", { class: "asked", dir: "auto" }, question),
        element("p", { dir: "auto" }, ...(pieces.length ? shownPieces(pieces) : ["These documents do not say."])),
      ),
    ),
  );
}
