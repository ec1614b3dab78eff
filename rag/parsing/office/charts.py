"""What charts and diagrams (SmartArt) of office documents say: the numbers that are drawn, as a table, and the texts."""

import datetime
import re
from collections.abc import Iterator
from itertools import islice
from xml.etree.ElementTree import Element

from rag.parsing.archives.container import Archive
from rag.parsing.office import number_format
from rag.parsing.office.ooxml import Related, related_part
from rag.parsing.shared.xml import below, child, local, parse_xml
from rag.parsing.structure.builder import TextBuilder, plain
from rag.parsing.structure.tables import Cell, lay_out

_MAX_POINTS, _MAX_SERIES = 2000, 100
_EPOCH = datetime.datetime(1899, 12, 30)
_DATE = re.compile(r"[yd]", re.I)
_NO_TEXT = ("pres", "parTrans", "sibTrans", "doc")


def add_figures(builder: TextBuilder, element: Element, archive: Archive, related: Related) -> None:
    """Add the charts and diagrams that a drawing shows. related: as ``office.relations`` of the part that the drawing is in."""
    for figure in below(element, "chart", "relIds"):
        add, name = (_add_chart, "id") if local(figure.tag) == "chart" else (_add_diagram, "dm")
        if (place := related_part(figure, related, name)) in archive:
            add(builder, parse_xml(archive.read(place)))


def _add_chart(builder: TextBuilder, root: Element) -> None:
    """A row for each category, a column for each series; the chart's title as caption."""
    title = next(map(_text, below(root, "title")), "")
    names: list[str] = []
    rows: dict[int, dict[int, str]] = {}
    categories: dict[int, str] = {}
    for series in islice(below(root, "ser"), _MAX_SERIES):
        parts = {local(part.tag): part for part in series}
        names.append(_text(parts["tx"]) if "tx" in parts else "")
        for at, text in _points(parts.get("cat", parts.get("xVal"))):
            categories.setdefault(at, text)
        for at, text in _points(parts.get("val", parts.get("yVal"))):
            rows.setdefault(at, {})[len(names)] = text
    if not rows:
        builder.add_block(title)
        return
    lines = [["", *names]] if any(names) else []
    for at in sorted(rows):
        lines.append([categories.get(at, ""), *(rows[at].get(number, "") for number in range(1, len(names) + 1))])
    builder.add_table(lay_out([[*map(Cell, line)] for line in lines], len(lines) - len(rows)), title)


def _points(element: Element | None) -> Iterator[tuple[int, str]]:
    """The values that a series was last drawn with, by their number."""
    shape = next((code.text or "" for code in below(element, "formatCode")), "")
    # Of categories in several levels the innermost is first.
    level = next(below(element, "lvl"), element)
    for point in islice(below(level, "pt"), _MAX_POINTS):
        at = point.get("idx") or ""
        value = child(point, "v")
        if at.isdecimal() and len(at) < 7 and value is not None:
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
    return plain("".join(part.text or "" for part in below(element, "t", "v")))


def _add_diagram(builder: TextBuilder, root: Element) -> None:
    points = (point for point in below(root, "pt") if point.get("type") not in _NO_TEXT)
    texts = filter(None, (_text(paragraph) for point in points for paragraph in below(point, "p")))
    for number, text in enumerate(texts):
        builder.add_block(text, tight=number > 0)
