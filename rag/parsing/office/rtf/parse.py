"""RTF: paragraphs, headings by their outline level or style, tables by rows. Left out: headers, footers, pictures, hidden text.

The numbers of headings, clauses and list items are those that the program wrote along for others that cannot count.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from rag.parsing.office.lists.numbering import written_label
from rag.parsing.office.rtf.tables import Rows
from rag.parsing.structure.builder import Item, TextBuilder, Values, plain
from rag.parsing.structure.metadata import collect
from rag.parsing.structure.tables import joined_down, lay_out
from rag.shared.errors import ContentTooLarge, UnreadableContent
from rag.shared.types import ParsedText

_TOKEN = re.compile(
    rb"\\([A-Za-z]{1,32})(-?\d{1,10})? ?|\\'([0-9A-Fa-f]{2})|\\([^A-Za-z])|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.S
)
_MAX_DEPTH = 500
_MOST_BLANKS = 16  # at the beginning of a group
_LEFT_OUT = frozenset(
    "colortbl pict object header headerl headerr headerf footer footerl footerr footerf fldinst themedata "
    "colorschememapping datastore latentstyles listtable listoverridetable revtbl rsidtbl generator xmlnstbl pgptbl "
    "filetbl annotation atnid atnauthor atntime atndate atnref bkmkstart bkmkend nonshppict shppict "
    "mmathPr wgrffmtfilter template operator company xe tc txe sp shprslt".split()
)
_INFO = ("title", "author", "subject", "keywords")
# Where the text goes of groups that begin with these words.
_TARGETS = {word: word for word in ("fonttbl", "info", "footnote", "creatim", "listtext")} | {
    "stylesheet": "style", "revtim": None, "shptxt": "footnote", "pntext": "listtext"
}  # fmt: skip
_CHARACTERS = {
    "tab": "\t",
    "line": "\n",
    "lquote": "\u2018",
    "rquote": "\u2019",
    "ldblquote": "\u201c",
    "rdblquote": "\u201d",
    "bullet": "\u2022",
    "endash": "\u2013",
    "emdash": "\u2014",
    "enspace": " ",
    "emspace": " ",
}
_SYMBOLS = {"\\": "\\", "{": "{", "}": "}", "~": " ", "_": "\u2011"}
_CHARSETS = {
    0: 1252,
    77: 10000,
    128: 932,
    129: 949,
    134: 936,
    136: 950,
    161: 1253,
    162: 1254,
    163: 1258,
    177: 1255,
    178: 1256,
}
_CHARSETS |= {186: 1257, 204: 1251, 222: 874, 238: 1250}
_STYLE = re.compile(r"heading (\d)$", re.I)
_CAPTION = "caption"


@dataclass(frozen=True, slots=True)
class _State:
    """What holds until its group ends. target: where text goes, "" for the document, None for nowhere."""

    target: str | None = ""
    skip: int = 1  # characters after a Unicode one that stand for it in old programs
    hidden: bool = False
    font: int = 0


def parse_rtf(content: bytes, name: str) -> ParsedText:
    """Text with heading path, title and what the info group says."""
    return _Reader().read(content, name)


class _Reader:
    """Takes the tokens of a file in order."""

    def __init__(self) -> None:
        self._builder = TextBuilder()
        self._state = _State()
        self._stack: list[_State] = []
        self._text: list[str] = []
        self._asides: list[str] = []
        self._said: dict[str, list[str]] = {}
        self._pending = bytearray()  # of a character that takes several bytes
        self._skipping = 0
        self._high = ""
        self._level: int | None = None
        self._list, self._list_level = "", 0  # that the paragraph is in, "" for none
        self._in_table = False
        self._rows = Rows()
        self._styles: dict[int, int] = {}  # number of a style -> heading level
        self._style = 0
        self._captions: set[int] = set()  # numbers of the styles of captions, and of those based on them
        self._fonts: dict[int, str] = {}
        self._default = "cp1252"
        self._starred = False
        self._date: list[int] = []

    def read(self, content: bytes, name: str) -> ParsedText:
        position, end = 0, len(content)
        begun = 0  # where the innermost group begins
        while position < end:
            token = _TOKEN.match(content, position)
            if token is None:
                position += 1
                continue
            position = token.end()
            word, number, byte, symbol, brace, run = token.groups()
            if byte is not None:
                self._byte(int(byte, 16))
                continue
            self._flush_bytes()
            if word is not None:
                value = int(number) if number is not None else None
                if word == b"bin":
                    position += max(0, value or 0)
                else:
                    self._word(word.decode("ascii"), value)
            elif brace == b"{":
                self._stack.append(self._state)
                self._skipping = 0
                begun = position
                if len(self._stack) > _MAX_DEPTH:
                    raise ContentTooLarge(f"its groups nest more than {_MAX_DEPTH} levels deep")
            elif brace == b"}":
                if self._stack:
                    self._close_group()
            elif symbol == b"*":
                # Further on in a group, as some programs write it, it marks nothing that may be left out.
                self._starred = token.start() - begun <= _MOST_BLANKS and not content[begun : token.start()].strip()
            elif symbol is not None:
                self._symbol(symbol.decode("latin-1"))
            elif run is not None:
                for_skip = min(self._skipping, len(run))
                self._skipping -= for_skip
                self._add(self._decoded(run[for_skip:]))
        self._flush_bytes()
        self._paragraph()
        self._table()
        if self._stack and (position > end or not content.rstrip(b"\x00\r\n \t").endswith(b"}")):
            raise UnreadableContent("the RTF file is cut off: save or download it again")
        title, metadata = self._about()
        return self._builder.build(title=title or self._builder.first_heading or name, metadata=metadata)

    def _close_group(self) -> None:
        closed, self._state = self._state, self._stack.pop()
        if closed.target == "footnote" and self._state.target != "footnote":
            self._asides.append("".join(self._said.pop("footnote", [])))
        if closed.target == "listtext" and self._state.target != "listtext":
            label = written_label("".join(self._said.pop("listtext", [])))
            self._add(f"{label} " if label else "")
        if closed.target == "style":
            name = "".join(self._said.pop("style", [])).strip(" ;")
            if found := _STYLE.match(name):
                self._styles[self._style] = int(found[1])
            if name.lower() == _CAPTION:
                self._captions.add(self._style)
        self._starred = False
        self._skipping = 0

    def _word(self, word: str, value: int | None) -> None:
        starred, self._starred = self._starred, False
        if word == "u" and value is not None:
            self._unicode(value % 65536)
            return
        if self._skipping and word in _CHARACTERS:
            self._skipping -= 1
            return
        if word in _CHARACTERS:
            self._add(_CHARACTERS[word])
        elif action := _ACTIONS.get(word):
            action(self, value)
        elif word in _LEFT_OUT or starred and word != "shpinst":
            self._state = replace(self._state, target=None)
        elif self._state.target is not None and (word in _TARGETS or word in _INFO and self._state.target == "info"):
            self._state = replace(self._state, target=_TARGETS.get(word, word))

    def _symbol(self, symbol: str) -> None:
        if symbol in "\r\n":
            self._paragraph()
        else:
            self._add(_SYMBOLS.get(symbol, ""))

    def _unicode(self, code: int) -> None:
        letter = chr(code)
        if "\ud800" <= letter <= "\udbff":
            self._high = letter
        else:
            pair = (self._high + letter).encode("utf-16-le", "surrogatepass")
            self._high = ""
            self._add(pair.decode("utf-16-le", "ignore"))
        self._skipping = self._state.skip

    def _byte(self, value: int) -> None:
        if self._skipping:
            self._skipping -= 1
        else:
            self._pending.append(value)

    def _flush_bytes(self) -> None:
        if self._pending:
            self._add(self._decoded(bytes(self._pending)))
            self._pending.clear()

    def _decoded(self, run: bytes) -> str:
        try:
            return run.decode(self._fonts.get(self._state.font, self._default), "replace")
        except LookupError:
            return run.decode("cp1252", "replace")

    def _add(self, text: str) -> None:
        target = self._state.target
        if target is None or self._state.hidden:
            return
        if target:
            self._said.setdefault(target, []).append(text)
        else:
            self._text.append(text)

    def _paragraph(self, _: int | None = None) -> None:
        if self._state.target:  # a paragraph of a footnote
            self._add(" ")
            return
        if self._state.target is None:
            return
        text = plain("".join(self._text))
        self._text.clear()
        if self._in_table:
            self._text += [f"{text} "] if text else []  # kept until the cell ends
            return
        self._table()
        if text and self._level is not None:
            self._builder.add_heading(text, self._level)
        elif text and self._style in self._captions:
            self._builder.add_caption(text)
        else:
            item = Item(self._list, self._list_level) if self._list else None
            self._builder.add_block(text, tight=item is not None, item=item)
        self._notes()

    def _cell(self, _: int | None = None) -> None:
        if self._state.target == "":
            self._rows.add_cell(plain("".join(self._text)))
            self._text.clear()

    def _row(self, _: int | None = None) -> None:
        if self._state.target == "":
            self._rows.end_row()

    def _table(self) -> None:
        self._row()
        if rows := self._rows.take():
            self._builder.add_table(lay_out(joined_down(rows)))
            self._notes()

    def _notes(self) -> None:
        for note in self._asides:
            self._builder.add_block(note)
        self._asides.clear()

    def _plain_paragraph(self, _: int | None) -> None:
        if self._state.target == "":
            self._level, self._list, self._list_level, self._in_table, self._style = None, "", 0, False, 0

    def _set_style(self, value: int | None) -> None:
        self._style = value or 0
        if self._state.target == "":
            self._level = self._styles.get(self._style)

    def _set_base(self, value: int | None) -> None:
        if self._state.target == "style" and value in self._captions:
            self._captions.add(self._style)

    def _set_level(self, value: int | None) -> None:
        if self._state.target == "" and value is not None and 0 <= value < 9:
            self._level = value + 1

    def _set_font(self, value: int | None) -> None:
        self._state = replace(self._state, font=value or 0)

    def _set_charset(self, value: int | None) -> None:
        if self._state.target == "fonttbl" and value in _CHARSETS:
            codepage = _CHARSETS[value]
            self._fonts[self._state.font] = "mac_roman" if codepage == 10000 else f"cp{codepage}"

    def _set_codepage(self, value: int | None) -> None:
        self._default = f"cp{value}" if value != 65001 else "utf-8"

    def _set_skip(self, value: int | None) -> None:
        self._state = replace(self._state, skip=min(max(value if value is not None else 1, 0), 8))

    def _set_hidden(self, value: int | None) -> None:
        self._state = replace(self._state, hidden=value != 0)

    def _set_list(self, value: int | None) -> None:
        self._list = str(value or 0)

    def _set_list_level(self, value: int | None) -> None:
        self._list_level = value or 0

    def _set_table(self, _: int | None) -> None:
        if self._state.target == "":
            if not self._in_table and self._text:
                self._paragraph()
            self._in_table = True

    def _set_date(self, value: int | None) -> None:
        if self._state.target == "creatim" and value is not None:
            self._date.append(value)

    def _about(self) -> tuple[str, Values]:
        said = {key: plain("".join(parts)) for key, parts in self._said.items()}
        date = "{:04}-{:02}-{:02}".format(*self._date[:3]) if len(self._date) >= 3 else ""
        metadata = collect(
            author=said.get("author"),
            date=date,
            description=said.get("subject"),
            keywords=[word for word in re.split("[,;]", said.get("keywords", "")) if word.strip()],
        )
        return said.get("title", ""), metadata


_ACTIONS: dict[str, Callable[[_Reader, int | None], None]] = {
    "par": _Reader._paragraph,
    "sect": _Reader._paragraph,
    "page": _Reader._paragraph,
    "pard": _Reader._plain_paragraph,
    "cell": _Reader._cell,
    "nestcell": _Reader._cell,
    "row": _Reader._row,
    "intbl": _Reader._set_table,
    "trowd": lambda reader, _: reader._rows.begin_definition(),
    "cellx": lambda reader, value: reader._rows.add_edge(value or 0),
    "clmrg": lambda reader, _: reader._rows.add_flag("clmrg"),
    "clvmgf": lambda reader, _: reader._rows.add_flag("clvmgf"),
    "clvmrg": lambda reader, _: reader._rows.add_flag("clvmrg"),
    "s": _Reader._set_style,
    "sbasedon": _Reader._set_base,
    "outlinelevel": _Reader._set_level,
    "f": _Reader._set_font,
    "fcharset": _Reader._set_charset,
    "ansicpg": _Reader._set_codepage,
    "uc": _Reader._set_skip,
    "v": _Reader._set_hidden,
    "deleted": _Reader._set_hidden,
    "ls": _Reader._set_list,
    "ilvl": _Reader._set_list_level,
    "yr": _Reader._set_date,
    "mo": _Reader._set_date,
    "dy": _Reader._set_date,
}
