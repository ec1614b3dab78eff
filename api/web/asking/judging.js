/** What a person says of an answer: that it is right, which passage answers, or that the documents do not say. */

import { request } from "../base/api.js";
import { element } from "../base/text.js";
import { citationsOf } from "./answer.js";

const MOST = 20; // citations that the service takes

let enabled = false;

/** Sets whether the service keeps what is said. */
export function enable(on) {
  enabled = on;
}

/**
 * The buttons below an answer; null where nothing is kept. json: the request that it answers.
 * fail: tells of an error.
 */
export function judging(answer, json, fail) {
  if (!enabled) return null;
  const said = element("span", { role: "status", class: "hint" });
  const cited = answer.answered ? citationsOf(answer).slice(0, MOST) : [];
  const choice = element(
    "span",
    { class: "choice", hidden: true },
    "What is right? ",
    answer.passages.length ? "“This answers” at a passage, or " : null,
    element("button", { type: "button", class: "quiet", onclick: () => keep([], "Kept: the documents do not say.") }, "The documents do not say"),
  );
  async function keep(citations, words) {
    try {
      await request("v1/feedback", { method: "POST", json: { question: answer.asked_as ?? answer.question, collection: json.collection, citations } });
      said.textContent = words;
      choice.hidden = true;
      document.getElementById("results").classList.remove("judging");
    } catch (error) {
      fail(error);
    }
  }
  function deny() {
    said.textContent = "";
    choice.hidden = false;
    document.getElementById("results").classList.add("judging");
  }
  for (const passage of answer.passages) {
    const at = document.getElementById(`passage-${passage.rank}`)?.closest(".passage").querySelector(".foot");
    at?.append(element("button", { type: "button", class: "quiet this-answers", "aria-label": `This answers: passage ${passage.rank}`, onclick: () => keep([passage.citation], `Kept: passage ${passage.rank} answers.`) }, "This answers"));
  }
  const right = answer.answered ? "This answer is right" : "Right, the documents do not say";
  return element(
    "div",
    { class: "judged" },
    element("button", { type: "button", class: "quiet icon", id: "judge-right", "aria-label": right, title: right, onclick: () => keep(cited, "Kept: right.") }, thumb(false)),
    element("button", { type: "button", class: "quiet icon", id: "judge-wrong", "aria-label": "This is wrong", title: "This is wrong", onclick: deny }, thumb(true)),
    said,
    choice,
  );
}

function thumb(down) {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", "M7 10v10H4V10zM7 11l4-8c1.500 0 2.500 1 2.500 2.500V9H19c1.200 0 2 1 1.800 2.200l-1.300 7c-.2 1-1 1.800-2 1.800H7");
  if (down) path.setAttribute("transform", "rotate(180 12 12)");
  drawing.append(path);
  return drawing;
}
