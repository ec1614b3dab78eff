"""The text of a structured document as it grows, with the positions of its sections, blocks and pages."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from index.types import JsonScalar, Span
from rag.parsing.structure.kinds import is_entry, is_references
from rag.parsing.structure.lists import blocks_of_lists, lead_in
from rag.parsing.structure.tables import Table
from rag.shared.errors import ContentTooLarge
from rag.shared.types import CODE, ITEM, MARGIN, PROSE, REFERENCE, ROW, Block, PageBreak, ParsedText, Section, TableRow

MAX_CHARACTERS = 50_000_000
# A table row up to this long is one piece; a longer one is its cells, each of which has sentences.
ROW_CHARACTERS = 600
_MAX_FIELDS = 300
_SHORT_FIELD = 100
_SHORT_ITEM = 60  # characters of an item that is the heading of those below it
_MAX_TITLE = 120  # characters of a line above a table that says what it is of
_SENTENCE_END = re.compile(r"[.!?:;,。：…][\"'”’»)\]]*$")
_MAX_OPEN = 20  # numbered items that one may stand below
_LEFT_OUT = re.compile("[\u00ad\u200b\ufeff\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff\ud800-\udfff]")
# Begins of captions that are no table's.
_FIGURE = re.compile(r"(?:fig|abb|bild|illustr|рис)", re.I)
_BLANKS = re.compile(r"\s+")

Values = dict[str, JsonScalar | list[JsonScalar]]


def require_length(n_characters: int) -> None:
    """Raises ContentTooLarge for a text that is too long to be taken in."""
    if n_characters > MAX_CHARACTERS:
        raise ContentTooLarge(f"more than {MAX_CHARACTERS // 10**6} million characters of text: split the file")


def plain(text: str) -> str:
    """The text on one line: runs of white space as one blank; without soft hyphens, zero-width spaces and control characters."""
    return _BLANKS.sub(" ", _LEFT_OUT.sub("", text)).strip()


def verbatim(text: str) -> str:
    """The text with its lines and indents, without trailing blanks and control characters."""
    text = _LEFT_OUT.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")


def _line(cells: Sequence[str]) -> str:
    """A row of a table on one line."""
    return "\t".join(map(plain, cells)).strip()


def _short_fields(lines: Iterable[str]) -> str:
    """What tells a record from others, so that all of its passages are found by it."""
    taken: list[str] = []
    length = 0
    for line in lines:
        if len(line) <= _SHORT_FIELD and length + len(line) <= _MAX_FIELDS:
            taken.append(line)
            length += len(line)
    return "\n".join(taken)


def _row(cells: Sequence[str], start: int, names: Sequence[str]) -> TableRow:
    """Where the cells of a row stand that ``_line`` writes at ``start``. names: of the columns, as many or fewer."""
    texts = [plain(cell) for cell in cells]
    first = next((at for at, text in enumerate(texts) if text), 0)  # the empty ones before it leave no trace
    end = start + len(_line(cells))
    spans = []
    for at, text in enumerate(texts):
        spans.append(Span(start, start + len(text)))
        start = min(start + len(text) + (at >= first), end)
    return TableRow((*names[: len(texts)], *[""] * (len(texts) - len(names))), tuple(spans))


def _moved(block: Block, offset: int) -> Block:
    """A block in a text before which so many characters were put."""
    row = block.row
    if row is not None:
        row = row._replace(cells=tuple(Span(start + offset, end + offset) for start, end in row.cells))
    return block._replace(start=block.start + offset, end=block.end + offset, row=row)


class Item(NamedTuple):
    """Where an item stands. list_id: of its list, "" where only its place on the page says that.  level: from 0."""

    list_id: str
    level: int


class TextBuilder:
    """Takes headings, paragraphs, tables and pages in reading order; ``build`` gives the parsed text.

    Blocks are set apart by a blank line, or by a line break alone where a block is ``tight`` (list items, table rows).
    What stands in a list, and code, has the lead-in above it as context, and an item the short items that it stands below.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.n_characters = 0  # of the text so far
        self._blocks: list[Block] = []
        self._pages: list[PageBreak] = []
        self._sections: list[Section] = []
        self._path: list[tuple[int, str]] = []  # level and heading
        self._opened = 0
        self._heading_end = 0
        self._body = False  # whether the open section has text below its heading
        self.first_heading = ""  # none so far
        self._context = ""
        self._lead = ""
        self._items: list[tuple[Item, str]] = []  # those that what follows may stand below, with what they say of it
        self._is_apart = False  # whether a paragraph, of which ``_lead`` is, came after them
        self._caption = ""

    def add_caption(self, text: str) -> None:
        """Add a caption: of the table that follows at once, else a paragraph, which stands where its figure does."""
        self._flush_caption()
        text = plain(text)
        if _FIGURE.match(text):
            self.add_block(text)
        else:
            self._caption = text

    def add_heading(self, text: str, level: int) -> None:
        """Open a section. level: 1 is the highest; the path keeps the headings above it."""
        self._flush_caption()
        text = plain(text)
        if not text:
            return
        start = self._append(text, tight=False)
        self._close(start)
        self._path = [entry for entry in self._path if entry[0] < level]
        self._path.append((level, text))
        self.first_heading = self.first_heading or text
        self._heading_end = self.n_characters

    def open_section(self, path: Sequence[str], context: str = "") -> None:
        """Open a section that has no heading line of its own in the text, under the given path from the top."""
        self._flush_caption()
        self._close(self.n_characters)
        self._path = [*enumerate(path, 1)]
        self._context = context

    def add_block(
        self,
        text: str,
        *,
        whole: bool = False,
        tight: bool = False,
        listed: bool | None = None,
        item: Item | None = None,
        number: str = "",
        kind: str = "",
    ) -> None:
        """Add a paragraph or list item; with ``whole``, lines as they are and never cut into sentences (code).

        listed: whether it stands in a list, by default where it is tight.  item: its place, where that is known.
        number: its whole number, with which it is searched where its text has a part of that.
        kind: by default told from the other arguments, and from the heading above, which may be that of a bibliography.
        """
        text = verbatim(text) if whole else plain(text)
        if text:
            self._flush_caption()
            listed = tight if listed is None else listed
            start = self._append(text, tight=tight)
            if item is not None:
                self._leave_items(item)
            leads = [self._lead] if self._is_apart else [lead for _, lead in self._items]
            context = leads if listed or whole else []
            if number and not text.startswith(number):
                context.append(number)
            if not kind or kind == ITEM:
                in_references = any(is_references(heading) for _, heading in self._path) and is_entry(text)
                kind = REFERENCE if in_references else CODE if whole else ITEM if listed else PROSE
            self._blocks.append(Block(start, self.n_characters, whole, "\n".join(filter(None, context)), kind))
            self._body = True
            if item is not None:
                lead = lead_in(text) or (text if len(text) <= _SHORT_ITEM else "")
                self._items = [*self._items[1 - _MAX_OPEN :], (item, lead)]
            elif not listed and kind != MARGIN:
                self._lead, self._is_apart = "" if whole else lead_in(text), True

    def add_lines(self, text: str, kind: str = PROSE) -> None:
        """Add text with its own lines and blank lines, in which sentences are found as in a plain text file, or of one kind."""
        text = verbatim(text)
        if text:
            self._flush_caption()
            start = self._append(text, tight=False)
            blocks = kind == PROSE and blocks_of_lists(text) or [Block(0, len(text), kind=kind)]
            self._blocks += [_moved(block, start) for block in blocks]
            self._body = True

    def add_table(self, table: Table, caption: str = "") -> None:
        """Add a table of a running text: a section of its own, a line a row with tabs between cells, its header as context."""
        names = [plain(name) for name in table.names]
        caption = plain(caption) or self._caption
        self._caption = ""
        title = "" if caption else self._title_above()
        above = (caption or title or self._lead.rstrip(":："), plain(table.about), ", ".join(filter(None, names)))
        context = ". ".join(dict.fromkeys(filter(None, above)))
        stays = any(map(str.isdecimal, title))  # what may be asked for stays a block
        if title:
            self._close(self._blocks[-1].start)
            if not stays:
                self._blocks.pop()
                self._heading_end = self.n_characters
        elif self._body:
            self._close(self.n_characters)
        for line in (caption, *(_line(cells) for cells in table.header)):
            if line:
                self._append(line, tight=stays or self._heading_end > self._opened)
                self._heading_end = self._opened if stays else self.n_characters
        self._context = context
        for number, (cells, group) in enumerate(table.rows):
            if not (line := _line(cells)):
                continue
            heads = names if len(cells) > 1 else ()  # a cell over the whole width is no column's
            if len(cells) == 1 and all(len(row.cells) == 1 for row in table.rows[number + 1 : number + 2]):
                # Text between rows, which names none of them.
                self._blocks.append(Block(self._append(line, tight=True), self.n_characters, False, "", PROSE))
            elif len(line) <= ROW_CHARACTERS:
                start = self._append(line, tight=True)
                self._blocks.append(Block(start, self.n_characters, True, group, ROW, _row(cells, start, heads)))
            else:
                for at, cell in enumerate(cells):
                    if plain(cell):
                        start = self._append(plain(cell), tight=True)
                        row = _row([cell], start, heads[at : at + 1])
                        self._blocks.append(Block(start, self.n_characters, False, group, ROW, row))
        self._close(self.n_characters)

    def add_record(self, fields: Iterable[tuple[str, str]], path: Sequence[str], context: str = "") -> None:
        """Add a row of a table or a record as a passage of its own: a line a field that has a value, ``name: value``.

        context: what stands over it, as a unit, a period or the name of a group.
        """
        named = [(plain(name), plain(value)) for name, value in fields]
        named = [(name, value) for name, value in named if value]
        lines = [f"{name}: {value}" if name else value for name, value in named]
        if not lines:
            return
        self.open_section(path)
        if len(lines) == 1 and not named[0][0]:
            self._blocks.append(Block(self._append(lines[0], tight=False), self.n_characters, True, context))
        elif sum(map(len, lines)) + len(lines) <= ROW_CHARACTERS:
            end = start = self._append("\n".join(lines), tight=False)
            cells = []
            for line, (_, value) in zip(lines, named, strict=True):
                end += len(line)
                cells.append(Span(end - len(value), end))
                end += 1
            row = TableRow(tuple(name for name, _ in named), tuple(cells))
            self._blocks.append(Block(start, self.n_characters, True, context, ROW, row))
        else:
            self._context = _short_fields(lines)
            for line, (name, value) in zip(lines, named, strict=True):
                start = self._append(line, tight=line is not lines[0])
                row = TableRow((name,), (Span(self.n_characters - len(value), self.n_characters),))
                self._blocks.append(Block(start, self.n_characters, False, context, ROW, row))
        self._body = True

    def add_document(self, parsed: ParsedText, path: Sequence[str]) -> None:
        """Add a whole parsed text, such as an attachment, its sections under ``path``."""
        if not parsed.text.strip():
            return
        self.open_section(path)
        opened = self._opened
        offset = self._append(parsed.text, tight=False)
        blocks = parsed.blocks or (Block(0, len(parsed.text)),)
        self._blocks += [_moved(block, offset) for block in blocks]
        for section in parsed.sections:
            start, heading_end, end = section.start + offset, section.heading_end + offset, section.end + offset
            start = opened if start == offset else start  # with the blank line before it
            self._sections.append(Section(start, heading_end, end, (*path, *section.path), section.context))
        self._opened = self._heading_end = self.n_characters
        self._body = False

    def add_page(self, number: int, label: str = "") -> None:
        """The text that follows stands on this page."""
        start = self.n_characters  # before the blank line, so that whatever separates the next block does not matter
        if self._pages and self._pages[-1].start == start:
            self._pages.pop()  # a page without text
        self._pages.append(PageBreak(start, number, label))

    def add_page_inside(self, start: int, number: int, label: str = "") -> None:
        """A page starts at a position inside the block that was added last."""
        self._pages.append(PageBreak(start, number, label))

    def build(self, *, title: str, metadata: Values) -> ParsedText:
        """The parsed text. title: the document's own, or else its first heading, or else what the caller falls back to."""
        self._flush_caption()
        self._close(self.n_characters)
        text = "".join(self._parts)
        sections = tuple(self._sections) or (Section(0, 0, 0, ()),)
        pages = tuple(page for page in self._pages if page.start < len(text) or page.number == 1)
        return ParsedText(text, title, sections, tuple(self._blocks), pages, metadata)

    def _title_above(self) -> str:
        """The short line that was added last, which is no sentence and so says what the table below it is of."""
        if not self._blocks or not self._body or self._blocks[-1].end != self.n_characters:
            return ""
        last, text = self._blocks[-1], self._parts[-1]
        is_line = last.kind == PROSE and not last.whole and len(text) == last.end - last.start <= _MAX_TITLE
        return text if is_line and not _SENTENCE_END.search(text) and not _FIGURE.match(text) else ""

    def _flush_caption(self) -> None:
        caption, self._caption = self._caption, ""
        if caption:
            self.add_block(caption)

    def _leave_items(self, item: Item) -> None:
        """Forget the items that an item does not stand below; one of a list not met here stands below all.

        After a paragraph a list goes on where it is named, and the paragraph announces what is not above its next item.
        """
        if self._is_apart:
            self._items = [entry for entry in self._items if entry[0].list_id == item.list_id != ""]
        same = (opened.list_id == item.list_id and opened.level >= item.level for opened, _ in self._items)
        self._items = self._items[: next((at for at, is_left in enumerate(same) if is_left), None)]
        if self._is_apart:
            self._items.append((Item(item.list_id, item.level - 1), self._lead))
            self._lead, self._is_apart = "", False

    def _append(self, text: str, *, tight: bool) -> int:
        """Add text after the separator that belongs before it; returns where it starts."""
        if self._parts:
            separator = "\n" if tight else "\n\n"
            self._parts.append(separator)
            self.n_characters += len(separator)
        start = self.n_characters
        self._parts.append(text)
        self.n_characters += len(text)
        require_length(self.n_characters)
        return start

    def _close(self, end: int) -> None:
        """End the open section where the next one starts."""
        if end > self._opened:
            path = tuple(heading for _, heading in self._path)
            self._sections.append(Section(self._opened, max(self._heading_end, self._opened), end, path, self._context))
        self._opened = self._heading_end = end
        self._body = False
        self._context = self._lead = ""
        self._items.clear()
