/** The text of a document as what it is: headings, lists, tables and code, each character of it in order and as text nodes only. */

import { element, marked } from "../base/text.js";

const HIGHEST = 3; // the view's own heading is an h2
const WRAPPED = 50; // characters from which on the lines of a paragraph are taken as broken by their width alone
const DEEPEST = 6; // levels of a list that are told apart
const OWN_MARK = /^\s*(?:[^\p{L}\p{N}\s]|\d|\p{L}{1,4}[.)]\s)/u; // of an item whose text has a number or a bullet
const NAMED = /[\p{L}\p{N}]/u; // else it is a bar of Markdown

/**
 * What is shown for a part of a document. part: as the service gives it.  spans: `[start, end]` that are marked, the first of
 * them under the id "cited".
 */
export function laidOut(part, spans) {
  const cut = cutter(part.text, part.start);
  const inside = (start, end) => (start < end ? marked(cut(start, end), start, spans, {}) : "");
  const shown = document.createDocumentFragment();
  let list = null;
  let at = part.start;
  for (const block of part.blocks) {
    const between = cut(at, block.start);
    at = block.end;
    if (block.kind === "item" && list !== null) list.append(between);
    else shown.append(between);
    if (block.kind !== "item") list = null;
    else if (list === null) shown.append((list = element("ul", {})));
    if (block.kind === "table") shown.append(table(block, cut, inside));
    else (list ?? shown).append(whole(block, cut(block.start, block.end), inside));
  }
  shown.append(cut(at, part.end));
  const [first] = shown.querySelectorAll("mark");
  if (first) Object.assign(first, { id: "cited", tabIndex: -1 });
  return shown;
}

/** Gives the text between two code points of the document. base: the position of the text in it. */
function cutter(text, base) {
  const units = [];
  for (const point of text) units.push(point.length);
  if (units.length === text.length) return (start, end) => text.slice(start - base, end - base);
  const places = [0];
  for (const length of units) places.push(places.at(-1) + length);
  return (start, end) => text.slice(places[start - base], places[end - base]);
}

function whole({ kind, level, start, end }, text, inside) {
  const attributes = { "data-start": start, dir: "auto" };
  if (kind === "heading") {
    const named = start + /^(#+\s+)?/.exec(text)[0].length; // of Markdown
    return element(`h${Math.min(6, HIGHEST + level - 1)}`, attributes, named > start ? element("span", { class: "mark" }, inside(start, named)) : null, inside(named, end));
  }
  if (kind === "code") return element("pre", { "data-start": start }, element("code", {}, inside(start, end)));
  const isWrapped = text.split("\n").slice(0, -1).every((line) => line.length >= WRAPPED);
  const classes = [kind, isWrapped && "wrapped", kind === "item" && OWN_MARK.test(text) && "numbered", level && `deep-${Math.min(DEEPEST, level)}`];
  return element(kind === "item" ? "li" : "p", { ...attributes, class: classes.filter(Boolean).join(" ") }, inside(start, end));
}

function table({ start, end, rows }, cut, inside) {
  const width = rows.reduce((most, { cells }) => Math.max(most, cells.at(-1).column + cells.at(-1).columns), 1);
  const made = element("table", {});
  const parts = { true: element("thead", {}), false: element("tbody", {}) };
  let at = start;
  for (const { head, cells } of rows) {
    const row = element("tr", {});
    let column = 0;
    const fill = (until) => {
      for (; column < until; column += 1) row.append(element("td"));
    };
    parts[head].append(cut(at, cells[0].start), row);
    at = cells[0].start;
    for (const cell of cells) {
      row.append(cut(at, cell.start));
      fill(cell.column);
      const soft = (from, to) => (from < to ? element("span", { class: NAMED.test(cut(from, to)) ? "name" : "mark" }, inside(from, to)) : "");
      row.append(
        element(
          head ? "th" : "td",
          { dir: "auto", colspan: cell.columns > 1 ? cell.columns : null, scope: head ? (cell.columns > 1 ? "colgroup" : "col") : null },
          soft(cell.start, cell.value_start),
          inside(cell.value_start, cell.value_end),
          soft(cell.value_end, cell.end),
        ),
      );
      column = cell.column + cell.columns;
      at = cell.end;
    }
    fill(width);
  }
  for (const part of [parts.true, parts.false]) if (part.hasChildNodes()) made.append(part);
  return element("div", { class: "table", "data-start": start, tabindex: "0", role: "group", "aria-label": "Table" }, made);
}
