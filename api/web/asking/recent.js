/** The questions that were asked last on this machine. */

import { lasting } from "../base/storage.js";
import { element } from "../base/text.js";

const MOST = 8;
const byId = (id) => document.getElementById(id);
let again = () => {};

/** Sets what happens with a question that is chosen. */
export function onAgain(listener) {
  again = listener;
}

function kept() {
  const questions = lasting.get("recent");
  return Array.isArray(questions) ? questions.filter((question) => typeof question === "string") : [];
}

/** Puts a question first; null forgets all. */
export function keep(question) {
  lasting.set("recent", question === null ? null : [question, ...kept().filter((other) => other !== question)].slice(0, MOST));
  show();
}

function show() {
  const questions = kept();
  byId("recent").hidden = questions.length === 0;
  byId("recent").querySelector("ul").replaceChildren(
    ...questions.map((question) =>
      element("li", {}, element("button", { type: "button", class: "quiet", dir: "auto", onclick: () => again(question) }, question)),
    ),
  );
}

show();
