"""HTML: the main content of a page as text, by the tree that a browser would build (selectolax: lexbor).

Left out is what ``furniture`` tells.
"""

import codecs
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rag.parsing.shared.encoding import as_text, decode
from rag.parsing.structure.builder import Item, TextBuilder, Values, plain
from rag.parsing.structure.metadata import collect
from rag.parsing.structure.tables import MAX_CELL, Cell, Table, lay_out, n_covered
from rag.parsing.web.boilerplate import HEADINGS, UNSEEN, furniture, is_hidden, main_element, measure
from rag.shared.errors import ContentTooLarge
from rag.shared.types import ParsedText

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})|<\?xml[^>]{0,100}?encoding=["']([A-Za-z0-9_.:-]{2,40})""",
    re.I,
)
_BLOCKS = frozenset(
    "address article blockquote body caption center dd details div dl dt fieldset figcaption figure footer form header hgroup hr "
    "html li legend main ol p section summary table tbody td tfoot th thead tr ul".split()
)
_LISTS = frozenset(("ul", "ol", "dl"))
_DATES = (
    "article:published_time date datepublished dc.date dcterms.created dcterms.date citation_publication_date".split()
)
_MAX_TERM = 100
_CELLS = ("td", "th")
_HEAD, _NAMES, _VALUES = "head", "names", "values"  # kinds of rows
_TO_THE_END = 65_534  # what rowspan="0" means, in a table of one part
# Elements that stay open until they are closed. The tree takes time with the square of their depth: 0.2 s at this one.
_NESTING = re.compile(
    r"<(/?)(?:div|section|article|span|ul|ol|dl|blockquote|table|center|font|form|fieldset|details)\b", re.I
)
_MAX_DEPTH = 10_000


def parse_html(content: bytes, name: str) -> ParsedText:
    """Main content, title and metadata of a page."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(_bounded(decode_html(content)))
    builder = TextBuilder()
    if (body := tree.body) is not None:
        sizes = measure(body)
        root = main_element(tree, body, sizes)
        left_out = furniture(root, sizes, links=root.mem_id == body.mem_id)
        _Walk(builder).walk(root, left_out)
    title, metadata = _about(tree)
    if builder.first_heading and builder.first_heading in title:  # "Heading - Name of the site"
        title = builder.first_heading
    return builder.build(title=title or builder.first_heading or name, metadata=metadata)


def add_html(builder: TextBuilder, source: str) -> None:
    """Add all that is shown of a piece of HTML, such as a mail or a chapter."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(_bounded(source))
    if tree.body is not None:
        _Walk(builder).walk(tree.body, set())


def decode_html(content: bytes) -> str:
    """The source, by its mark, as UTF-8, or as the encoding that it declares, or else as any text."""
    declared = _CHARSET.search(content[:4096])
    if declared and not content.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        label = (declared.group(1) or declared.group(2)).decode("ascii").lower()
        if label in ("iso-8859-1", "latin1", "latin-1", "us-ascii", "ascii"):
            label = "cp1252"  # as browsers do
        if not label.startswith(("iso-2022", "hz")) and as_text(content) is not None:
            label = "utf-8"
        try:
            if codecs.lookup(label)._is_text_encoding:
                return content.decode(label, "replace").replace("\r\n", "\n").replace("\r", "\n")
        except LookupError:
            pass
    return decode(content)


def _bounded(source: str) -> str:
    depth = 0
    for tag in _NESTING.finditer(source):
        depth = max(0, depth - 1) if tag[1] else depth + 1
        if depth > _MAX_DEPTH:
            raise ContentTooLarge(f"its HTML nests more than {_MAX_DEPTH} levels deep")
    return source


class _Walk:
    """Takes a tree in document order, collecting running text until a block ends."""

    def __init__(self, builder: TextBuilder) -> None:
        self._builder = builder
        self._text: list[str] = []
        self._tight = False
        self._lists = 0  # that are open
        self._term = ""  # what the next paragraph defines
        self._breaks = 0

    def walk(self, root: "LexborNode", left_out: set[int]) -> None:
        """Add everything below the root that is shown, except the elements left out."""
        stack: list[tuple[LexborNode, bool]] = [(root, False)]
        captions: dict[int, str] = {}  # of tables in figures
        captioned: set[int] = set()
        while stack:
            node, leaving = stack.pop()
            if node.is_text_node:
                text = node.text_content or ""
                if text.strip():
                    self._breaks = 0
                self._text.append(text)
                continue
            tag = node.tag or ""
            if leaving:
                if tag == "dt":
                    self._keep_term()
                else:
                    self.flush(ends_term=tag == "dl")
                self._lists -= tag in _LISTS
                continue
            if (
                not node.is_element_node
                or tag in UNSEEN
                or node.mem_id in left_out
                or node.mem_id in captioned
                or (not left_out and is_hidden(node))
            ):
                continue
            if tag == "br":
                self._line_break()
            elif tag in HEADINGS:
                self.flush(ends_term=True)
                self._builder.add_heading(_text_of(node, left_out), HEADINGS[tag])
            elif tag in ("pre", "listing", "xmp"):
                self.flush(ends_term=True)
                self._builder.add_block(_text_of(node, left_out), whole=True, listed=self._lists > 0)
            elif tag == "table" and (table := _data_table(node, left_out)) is not None:
                self.flush(ends_term=True)
                caption, said = table
                self._builder.add_table(said, caption or captions.get(node.mem_id, ""))
            else:
                if tag in _BLOCKS:
                    self.flush()
                    # The first paragraph of an item is the item.
                    self._tight = tag in ("li", "dd") or tag == "p" and self._tight
                    self._lists += tag in _LISTS
                    stack.append((node, True))
                if tag == "figure" and (found := _captioned(node)) is not None:
                    captions[found[0].mem_id] = _text_of(found[1], left_out)
                    captioned.add(found[1].mem_id)
                stack += [(inner, False) for inner in _last_first(node)]
        self.flush(ends_term=True)

    def _keep_term(self) -> None:
        """Keep the term that has been collected for the paragraph that says what it is; a long one is a paragraph."""
        term = plain("".join(self._text))
        if 0 < len(term) <= _MAX_TERM:
            self._text.clear()
            self._term = ", ".join(filter(None, (self._term, term)))

    def flush(self, *, ends_term: bool = False) -> None:
        """End the block whose text has been collected. ends_term: whether what comes next defines no term."""
        text = plain("".join(self._text))
        self._text.clear()
        self._breaks = 0
        if self._term and (text or ends_term):
            text = f"{self._term.removesuffix(':')}: {text}" if text else self._term
            self._term = ""
        if text:
            # A further paragraph of an item stands below it.
            item = Item("", self._lists if self._tight else self._lists + 1) if self._lists else None
            self._builder.add_block(text, tight=self._tight, listed=self._lists > 0, item=item)
            self._tight = False

    def _line_break(self) -> None:
        self._breaks += 1
        if self._breaks > 1:
            self.flush()
        else:
            self._text.append("\n")


def _captioned(figure: "LexborNode") -> "tuple[LexborNode, LexborNode] | None":
    """The table of data and the caption of a figure, if it has both."""
    table, caption = figure.css_first("table"), figure.css_first("figcaption")
    if table is None or caption is None or _data_table(table, set()) is None:
        return None
    return table, caption


def _text_of(node: "LexborNode", left_out: set[int]) -> str:
    """All text below an element that is shown, line breaks as such."""
    parts: list[str] = []
    stack = _last_first(node)
    while stack:
        found = stack.pop()
        if found.is_text_node:
            parts.append(found.text_content or "")
        elif found.tag == "br":
            parts.append("\n")
        elif found.is_element_node and found.tag not in UNSEEN and found.mem_id not in left_out:
            classes = (found.attributes.get("class") or "").split()
            if found.tag == "a" and {"anchor", "headerlink", "doc-anchor"} & set(classes):
                continue  # the mark beside a heading that links to itself
            if found.tag in _BLOCKS:
                parts.append(" ")
            stack += _last_first(found)
    return "".join(parts)


def _last_first(node: "LexborNode") -> list["LexborNode"]:
    """Children from the last to the first, as a stack wants them."""
    return list(node.iter(include_text=True))[::-1]


def _data_table(table: "LexborNode", left_out: set[int]) -> tuple[str, Table] | None:
    """Caption and content of a table of data; None for one that only lays out the page."""
    if (table.attributes.get("role") or "").lower() in ("presentation", "none"):
        return None
    rows: list[list[Cell]] = []
    kinds: list[str] = []
    for row in _rows(table):
        cells = _cells(row, left_out)
        if cells is None:
            return None
        if cells:
            rows.append(cells)
            kinds.append(_row_kind(row, cells))
    filled = sum(any(cell.text for cell in cells) for cells in rows)
    if filled < 2 or max(map(len, rows)) < 2:
        return None
    caption = next((_text_of(node, left_out) for node in table.iter() if node.tag == "caption"), "")
    first = next((kind for kind in kinds if kind), _VALUES)
    if first != _VALUES:
        return caption, lay_out(rows, next((at for at, kind in enumerate(kinds) if kind not in (first, "")), len(rows)))
    return caption, lay_out(rows, 0 if table.css_first("th") is not None else None)


def _rows(table: "LexborNode") -> "Iterator[LexborNode]":
    """The rows of a table, but not those of tables in it."""
    for node in table.iter():
        if node.tag == "tr":
            yield node
        elif node.tag in ("thead", "tbody", "tfoot"):
            yield from _rows(node)


def _cells(row: "LexborNode", left_out: set[int]) -> list[Cell] | None:
    """The cells of a row; None where one holds more than a cell of data does."""
    cells = []
    for node in row.iter():
        if node.tag not in _CELLS:
            continue
        text = plain(_text_of(node, left_out))
        if len(text) > MAX_CELL or node.css_first("table, h1, h2, h3, h4, pre, ul ul") is not None:
            return None
        cells.append(Cell(text, n_covered((node.attributes.get("colspan") or "").strip()), _n_rows(node)))
    return cells


def _row_kind(row: "LexborNode", cells: Sequence[Cell]) -> str:
    """What a row is of: the head of the table, names alone, or values; "" where it says nothing."""
    if row.parent is not None and row.parent.tag == "thead":
        return _HEAD
    tags = [node.tag for node in row.iter() if node.tag in _CELLS]
    if any(tag == "td" and cell.text for tag, cell in zip(tags, cells, strict=True)):
        return _VALUES
    return _NAMES if "th" in tags else ""


def _n_rows(cell: "LexborNode") -> int:
    value = (cell.attributes.get("rowspan") or "").strip()
    return _TO_THE_END if value == "0" else n_covered(value)


def _about(tree: "LexborHTMLParser") -> tuple[str, Values]:
    """The title and metadata that a page's head states."""
    said: dict[str, str] = {}
    for meta in tree.css("meta"):
        attributes = meta.attributes
        key = attributes.get("name") or attributes.get("property") or attributes.get("itemprop")
        if key and attributes.get("content"):
            said.setdefault(key.lower(), attributes["content"] or "")

    def first(*names: str) -> str:
        return next((said[name] for name in names if said.get(name, "").strip()), "")

    def stated(selector: str, name: str) -> str:
        return next((node.attributes.get(name) or "" for node in tree.css(selector)), "")

    metadata = collect(
        author=first("author", "article:author", "dc.creator", "dcterms.creator", "citation_author"),
        date=first(*_DATES) or stated("time[datetime]", "datetime"),
        language=stated("html", "lang") or stated("html", "xml:lang") or first("language", "og:locale"),
        url=stated("link[rel=canonical]", "href") or first("og:url"),
        description=first("description", "og:description"),
    )
    title = tree.css_first("title")
    return first("og:title") or (plain(title.text()) if title is not None else ""), metadata
