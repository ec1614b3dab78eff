/** Quotations to take elsewhere: with marks, as Markdown, as a plain citation, as BibTeX. */

import { element, hashOf } from "../base/text.js";

const FORMS = { Quote: asQuote, Markdown: asMarkdown, Citation: asCitation, BibTeX: asBibTeX };

/** A quotation as it is copied. source: as of a passage's `document`. */
export function quotation(text, source, citation, page = null, section = []) {
  return { text, source, start: citation.start_char_index, end: citation.end_char_index, sha256: citation.document_sha256, page, section };
}

/** A button that opens a choice of forms. quotations: one or more.  of: what is copied, for those who do not see where it stands. */
export function copyMenu(quotations, of) {
  const said = element("span", { role: "status", class: "hint" });
  const place = element("textarea", { readonly: true, hidden: true, rows: 5, "aria-label": "To copy by hand" });
  const buttons = Object.entries(FORMS).map(([name, write]) =>
    element("button", { type: "button", class: "quiet", onclick: () => copy(quotations.map(write).join("\n\n"), name, said, place) }, name),
  );
  return element(
    "details",
    { class: "copy" },
    element("summary", { "aria-label": `Copy as… ${of}` }, "Copy as…"),
    element("div", {}, ...buttons, said, place),
  );
}

async function copy(text, name, said, place) {
  place.hidden = true;
  try {
    await navigator.clipboard.writeText(text);
    said.textContent = `${name} copied.`;
  } catch {
    // Not a secure context, or not allowed.
    said.textContent = "Copy it from here:";
    place.value = text;
    place.hidden = false;
    place.select();
  }
}

const linkTo = ({ source, start, end }) => new URL(hashOf(source.id, start, end), location.href.split("#")[0]).href;
const pageOf = ({ page }) => (page === null ? "" : `p. ${page}`);
const listed = (value) => [value ?? []].flat().map(String).filter(Boolean);
const titleOf = ({ source }) => source.title || source.source || source.id;
const yearOf = ({ source }) => /\b\d{4}\b/.exec(listed(source.metadata.date)[0] ?? listed(source.metadata.year)[0] ?? "")?.[0] ?? "";
const oneLine = (text) => text.replace(/\s+/g, " ").trim();

function asQuote(quoted) {
  const about = [titleOf(quoted), yearOf(quoted), pageOf(quoted)].filter(Boolean).join(", ");
  return `“${quoted.text.trim()}” (${about})`;
}

function asMarkdown(quoted) {
  const lines = quoted.text.trim().split("\n").map((line) => `> ${line}`.trimEnd());
  const title = oneLine(titleOf(quoted)).replace(/[\\[\]*_`<>]/g, "\\$&");
  return [...lines, ">", `> — [${title}](${linkTo(quoted)})${quoted.page === null ? "" : `, ${pageOf(quoted)}`}`].join("\n");
}

function asCitation(quoted) {
  const { source } = quoted;
  const authors = listed(source.metadata.author).join(", ");
  const year = yearOf(quoted);
  const head = [authors, year && `(${year})`].filter(Boolean).join(" ");
  const place = [source.source !== titleOf(quoted) && source.source, quoted.section.join(" › "), pageOf(quoted)].filter(Boolean).join(", ");
  const parts = [head, titleOf(quoted), place, listed(source.metadata.url)[0]].filter(Boolean).map((part) => oneLine(part).replace(/\.$/, ""));
  return `${parts.join(". ")}. ${linkTo(quoted)}`;
}

const TEX = { "\\": "\\textbackslash{}", "{": "\\{", "}": "\\}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}" };
const tex = (text) => oneLine(text).replace(/[\\{}~^]|[$&%#_]/g, (sign) => TEX[sign] ?? `\\${sign}`);
const braced = (address) => address.replace(/[{}\\\s]/g, (sign) => encodeURIComponent(sign));

function asBibTeX(quoted) {
  const { source } = quoted;
  const authors = listed(source.metadata.author);
  const word = (text) => text.normalize("NFD").replace(/[^A-Za-z0-9 ]/g, "").trim();
  const name = word(authors[0] ?? "").split(" ").at(-1) || word(titleOf(quoted)).split(" ")[0] || "document";
  const fields = {
    author: authors.map(tex).join(" and "),
    title: `{${tex(titleOf(quoted))}}`,
    year: yearOf(quoted),
    url: braced(listed(source.metadata.url)[0] ?? linkTo(quoted)),
    note: [pageOf(quoted), `characters ${quoted.start}--${quoted.end}`, `text SHA-256 ${quoted.sha256}`].filter(Boolean).join(", "),
  };
  const lines = Object.entries(fields).flatMap(([field, value]) => (value ? [`  ${field} = {${value}}`] : []));
  return `@misc{${name}${yearOf(quoted)}-${source.id.slice(0, 6)},\n${lines.join(",\n")}\n}`;
}
