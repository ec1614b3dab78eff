"""What stands in a Word document and is none of its text: prompts of controls that nothing was filled into, tables of contents."""

import re
from collections.abc import Iterable, Mapping
from xml.etree.ElementTree import Element

from rag.parsing.archives.container import Archive
from rag.parsing.office.docx.styles import Style
from rag.parsing.office.ooxml import is_on, value_of
from rag.parsing.shared.xml import attribute, below, child, local, parse_xml

_CONTENTS = "Table of Contents"
_CONTENTS_FIELD = re.compile(r"\s*TOC\b", re.I)
_PROMPT_ID, _PROMPT_STYLE = "PlaceholderText", "placeholder text"  # the name is the same in all languages
# Prompts as Word and its templates word them, for a file that does not hold the one of a control.
_PROMPT = re.compile(r"\[.*\]|(?:click|tap|choose|select|enter|type) (?:or|here|to|an?|the|your|any)\b.*", re.I)


def read_prompts(archive: Archive, glossary: str | None) -> dict[str, str]:
    """Name -> text of the parts of a glossary, among which are the prompts of controls."""
    parts = below(parse_xml(archive.read(glossary)) if glossary is not None else None, "docPart")
    return {value_of(child(part, "docPartPr"), "name") or "": _text(part) for part in parts}


def empty_omissions(root: Element, prompts: Mapping[str, str], styles: Mapping[str, Style]) -> None:
    """Take the letters out of what is none of the text. The paragraphs stay, as they count in lists."""
    for control in below(root, "sdt"):
        about = child(control, "sdtPr")
        prompt = prompts.get(value_of(child(about, "placeholder"), "docPart") or "")
        is_contents = any(attribute(inner, "val") == _CONTENTS for inner in below(about, "docPartGallery"))
        if is_contents or is_on(child(about, "showingPlcHdr")) and _is_unfilled(control, prompt, styles):
            _empty(below(control, "t"))
    _empty_contents(root)


def _is_unfilled(control: Element, prompt: str | None, styles: Mapping[str, Style]) -> bool:
    """Whether a control that is marked as not filled in shows its prompt: programs fill controls in and leave the mark."""
    text = _text(control)
    if prompt is not None:
        return text == prompt
    runs = filter(_text, below(control, "r"))
    names = (value_of(child(run, "rPr"), "rStyle") or "" for run in runs)
    return _PROMPT.fullmatch(text) is not None or all(
        name == _PROMPT_ID or name in styles and styles[name].name == _PROMPT_STYLE for name in names
    )


def _empty_contents(root: Element) -> None:
    """Empty what the fields show that are tables of contents. One without an end shows nothing that can be told from the text."""
    fields: list[str] = []  # the instructions of those that are open, the outermost first
    shown: list[Element] = []
    for element in root.iter():
        tag = local(element.tag)
        if tag == "fldChar" and attribute(element, "fldCharType") == "begin":
            fields.append("")
        elif tag == "fldChar" and attribute(element, "fldCharType") == "end" and fields:
            if _CONTENTS_FIELD.match(fields.pop()) and not any(map(_CONTENTS_FIELD.match, fields)):
                _empty(shown)
                shown = []
        elif tag == "fldSimple" and _CONTENTS_FIELD.match(attribute(element, "instr") or ""):
            _empty(below(element, "t"))
        elif tag == "instrText" and fields:
            fields[-1] += element.text or ""
        elif tag == "t" and any(map(_CONTENTS_FIELD.match, fields)):
            shown.append(element)


def _text(element: Element) -> str:
    return " ".join("".join(text.text or "" for text in below(element, "t")).split())


def _empty(texts: Iterable[Element]) -> None:
    for text in texts:
        text.text = ""
