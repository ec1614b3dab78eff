/**
 * Text of documents in the page: as text nodes only, and at the right characters.
 * Positions of the service count code points; JavaScript counts UTF-16 units, two for an emoji or a sign of an old script.
 */

/** A new element; strings among the children become text, nulls nothing, `on...` attributes listeners. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** A failure in words, with a button where trying again may help. */
export function failure(words, again = null) {
  return element("p", { class: "notice bad" }, words, again && element("button", { type: "button", class: "quiet", onclick: again }, "Try again"));
}

/** UTF-16 offsets of ascending code point positions; positions past the end become the end. */
export function utf16Offsets(text, positions) {
  let point = 0;
  let unit = 0;
  return positions.map((position) => {
    while (point < position && unit < text.length) {
      unit += text.codePointAt(unit) > 0xffff ? 2 : 1;
      point += 1;
    }
    return unit;
  });
}

/** `text` from code point `start` to `end`. */
export function slice(text, start, end) {
  return text.slice(...utf16Offsets(text, [start, end]));
}

/** `text` with marks. base: position of its first character in the document.  spans: `[start, end]` in the document. */
export function marked(text, base, spans, attributes = {}) {
  const merged = [];
  for (const [start, end] of spans.map(([a, b]) => [Math.max(0, a - base), b - base]).sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else if (end > start) merged.push([start, end]);
  }
  const cuts = utf16Offsets(text, merged.flat());
  const shown = document.createDocumentFragment();
  let done = 0;
  for (let cut = 0; cut < cuts.length; cut += 2) {
    const [start, end] = [cuts[cut], cuts[cut + 1]];
    if (start === end) continue;
    if (start > done) shown.append(text.slice(done, start));
    shown.append(element("mark", attributes, text.slice(start, end)));
    done = end;
  }
  if (done < text.length || !shown.hasChildNodes()) shown.append(text.slice(done));
  return shown;
}

/** Link to a document, at a span where one is given: the address that can be shared. */
export function hashOf(id, start = null, end = null) {
  return `#doc=${encodeURIComponent(id)}` + (start === null ? "" : `&span=${start}:${end}`);
}

/** Link to a question: the address from which it is asked again. */
export function hashOfQuestion({ question, collection, where, only = null }) {
  const parts = new URLSearchParams({ q: question });
  if (only) parts.set("only", only.id ?? only);
  if (collection !== "default") parts.set("in", collection);
  if (where) parts.set("where", where);
  return `#${parts}`;
}

/** "1 passage", "2 passages". */
export function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}
