/** The passages below an answer: where each is from, why it is here, and what can be done with it. */

import { request } from "../base/api.js";
import { element, hashOf, marked } from "../base/text.js";
import { copyMenu, quotation } from "./copying.js";

const SIGNALS = {
  dense: "Meaning of the whole passage",
  sentence: "Meaning of its best sentence",
  lexical: "Words it shares with the question",
  reranker: "Read together with the question",
};

/**
 * The passages as a list with its title. asked: the request that they answer.
 * actions: `only(document)` asks that document alone, `fail(error)` tells of an error.
 */
export function passagesSection(passages, title, asked, actions) {
  return element(
    "section",
    { class: "passages", "aria-labelledby": "passages-title" },
    element("h2", { id: "passages-title" }, title),
    element("ol", { id: "passages" }, ...passages.map((passage) => passageItem(passage, asked, actions))),
  );
}

function passageItem(passage, asked, actions) {
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
        "div",
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
            onclick: (event) => toggleWhy(event.currentTarget, why, asked, actions.fail),
          },
          "Why here?",
        ),
        element("button", { type: "button", class: "quiet", "aria-label": `Ask only this document: ${source.title}`, onclick: () => actions.only(source) }, "Ask only this document"),
        copyMenu([quotation(passage.text, source, citation, passage.page, passage.section)], `passage ${rank}`),
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

async function toggleWhy(button, why, asked, fail) {
  const open = why.hidden;
  why.hidden = !open;
  button.setAttribute("aria-expanded", String(open));
  if (!open || why.hasChildNodes()) return;
  why.textContent = "Asking…";
  try {
    const answer = await request("v1/ask", { method: "POST", json: { ...asked, mode: "extract", explain: true } });
    const place = why.closest(".passage").dataset.place;
    const same = answer.passages.find(
      ({ citation }) => `${citation.document_id} ${citation.start_char_index}:${citation.end_char_index}` === place,
    );
    why.replaceChildren(same?.explain ? explanation(same) : "The documents have changed since: ask again.");
  } catch (error) {
    why.replaceChildren();
    why.hidden = true;
    button.setAttribute("aria-expanded", "false");
    fail(error);
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
