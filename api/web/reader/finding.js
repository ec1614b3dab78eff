/** Words found in the text of a document, marked without touching it (CSS Custom Highlight API), gone to one after another. */

import { count } from "../base/text.js";

const MOST = 2000;
const NAME = "found";

const body = document.getElementById("reader-text");
const scroller = document.getElementById("reader-scroll");
let sought = "";
let ranges = [];
let at = -1;

/** Goes to the first place, or to the next one of the same words; what is to be said of it. */
export function find(words) {
  if (words !== sought) {
    sought = words;
    ranges = words ? places(words) : [];
    at = -1;
    globalThis.CSS?.highlights?.set(NAME, new Highlight(...ranges));
  }
  if (!words) return "";
  if (!ranges.length) return `“${words}” is not in the text that is shown.`;
  at = (at + 1) % ranges.length;
  const box = ranges[at].getBoundingClientRect();
  scroller.scrollTop += box.top - scroller.getBoundingClientRect().top - scroller.clientHeight / 2;
  return `“${words}”: ${at + 1} of ${count(ranges.length, "place")}`;
}

/** Forgets what was looked for. */
export function clear() {
  find("");
}

function places(words) {
  const pattern = new RegExp(words.trim().split(/\s+/).map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("\\s+"), "giu");
  const nodes = [];
  const walker = document.createTreeWalker(body, NodeFilter.SHOW_TEXT);
  let length = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    nodes.push({ node, start: length });
    length += node.length;
  }
  const found = [];
  let number = 0;
  for (const match of body.textContent.matchAll(pattern)) {
    if (!match[0] || found.length === MOST) break;
    const range = new Range();
    for (const [set, place] of [["setStart", match.index], ["setEnd", match.index + match[0].length]]) {
      while (number + 1 < nodes.length && nodes[number + 1].start < place + (set === "setStart" ? 1 : 0)) number += 1;
      range[set](nodes[number].node, place - nodes[number].start);
    }
    found.push(range);
  }
  return found;
}
