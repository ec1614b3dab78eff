"""What charts and diagrams (SmartArt) of office documents say: the numbers that are drawn, as a table, and the texts."""

import datetime
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from rag.parsing.archives.container import Archive
from rag.parsing.office import number_format
from rag.parsing.shared.xml import attribute, child, local, parse_xml
from rag.parsing.structure.builder import TextBuilder, plain
from rag.parsing.structure.tables import Cell, lay_out

_MAX_POINTS, _MAX_SERIES = 2000, 100
_EPOCH = datetime.datetime(1899, 12, 30)
_DATE = re.compile(r"[yd]", re.I)
_NO_TEXT = ("pres", "parTrans", "sibTrans", "doc")


def add_figures(builder: TextBuilder, element: Element, archive: Archive, related: dict[str, tuple[str, str]]) -> None:
    """Add the charts and diagrams that a drawing shows. related: as ``office.relations`` of the part that the drawing is in."""
    for inner in element.iter():
        tag = local(inner.tag)
        if tag == "chart":
            if (place := _place(inner, "id", related)) in archive:
                _add_chart(builder, parse_xml(archive.read(place)))
        elif tag == "relIds" and (place := _place(inner, "dm", related)) in archive:
            _add_diagram(builder, parse_xml(archive.read(place)))


def _place(element: Element, name: str, related: dict[str, tuple[str, str]]) -> str:
    return related.get(attribute(element, name) or "", ("", ""))[1]


def _add_chart(builder: TextBuilder, root: Element) -> None:
    """A row for each category, a column for each series; the chart's title as caption."""
    title = next((_text(found) for found in root.iter() if local(found.tag) == "title"), "")
    names: list[str] = []
    rows: dict[int, dict[int, str]] = {}
    categories: dict[int, str] = {}
    for series in root.iter():
        if local(series.tag) != "ser" or len(names) >= _MAX_SERIES:
            continue
        parts = {local(part.tag): part for part in series}
        names.append(_text(parts["tx"]) if "tx" in parts else "")
        for at, text in _points(parts.get("cat", parts.get("xVal"))):
            categories.setdefault(at, text)
        for at, text in _points(parts.get("val", parts.get("yVal"))):
            rows.setdefault(at, {})[len(names)] = text
    if not rows:
        if title:
            builder.add_block(title)
        return
    lines = [["", *names]] if any(names) else []
    for at in sorted(rows):
        lines.append([categories.get(at, ""), *(rows[at].get(number, "") for number in range(1, len(names) + 1))])
    builder.add_table(lay_out([[*map(Cell, line)] for line in lines], len(lines) - len(rows)), title)


def _points(element: Element | None) -> Iterator[tuple[int, str]]:
    """The values that a series was last drawn with, by their number."""
    if element is None:
        return
    shape = next((found.text or "" for found in element.iter() if local(found.tag) == "formatCode"), "")
    # Of categories in several levels the innermost is first.
    level = next((found for found in element.iter() if local(found.tag) == "lvl"), element)
    for count, point in enumerate(found for found in level.iter() if local(found.tag) == "pt"):
        at = point.get("idx") or ""
        value = child(point, "v")
        if count < _MAX_POINTS and at.isdecimal() and len(at) < 7 and value is not None:
            yield int(at), _shown(plain(value.text or ""), shape)


def _shown(value: str, shape: str) -> str:
    try:
        amount = float(value)
        if shape not in ("", "General") and _DATE.search(re.sub(r'"[^"]*"|\[[^\]]*\]|\\.', "", shape)):
            return number_format.date(_EPOCH + datetime.timedelta(days=amount), shape)
        return number_format.number(amount, shape)
    except (ValueError, OverflowError):
        return value


def _text(element: Element) -> str:
    """The text of a title or of a series' name, written there or taken from a sheet."""
    said = [found.text or "" for found in element.iter() if local(found.tag) in ("t", "v")]
    return plain("".join(said))


def _add_diagram(builder: TextBuilder, root: Element) -> None:
    number = 0
    for point in root.iter():
        if local(point.tag) == "pt" and point.get("type") not in _NO_TEXT:
            for paragraph in point.iter():
                if local(paragraph.tag) == "p" and (text := _text(paragraph)):
                    builder.add_block(text, tight=number > 0)
                    number += 1
