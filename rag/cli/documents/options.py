"""The options of the commands that take documents in or pick some of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.shared.errors import BadInput
from rag.shared.printable import as_utf8, is_utf8

if TYPE_CHECKING:
    from index.types import JsonScalar
    from rag.shared.types import ParseOptions

CollectionFilter = Annotated[
    str | None, typer.Option("--collection", metavar="C", help="Only this collection.", show_default=False)
]
MetaOption = Annotated[
    list[str] | None,
    typer.Option("--meta", metavar="K=V", help="Metadata for these documents; may be repeated.", show_default=False),
]
FieldsOption = Annotated[
    str | None,
    typer.Option(
        "--fields",
        metavar="F,F",
        help="Of JSON records take only these fields (title,author.name).",
        show_default=False,
    ),
]
OcrOption = Annotated[
    bool, typer.Option("--ocr", help="Recognise the text of scans and pictures (with the extra ocr, or tesseract).")
]
PasswordOption = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        metavar="FILE",
        help="A file whose lines are passwords that protected PDF and office files may have.",
        show_default=False,
    ),
]


def metadata_of(meta: Sequence[str] | None) -> "dict[str, JsonScalar | list[JsonScalar]]":
    """Metadata from ``--meta``: a key that is there more than once has a list."""
    values: dict[str, list[str]] = {}
    for option in meta or ():
        key, separator, value = option.partition("=")
        if not separator or not key:
            raise BadInput(f"--meta {option!r}: write it as KEY=VALUE")
        if not is_utf8(option):
            raise BadInput(f"--meta {as_utf8(option)}: it is not UTF-8")
        values.setdefault(key, []).append(value)
    return {key: texts[0] if len(texts) == 1 else [*texts] for key, texts in values.items()}


def parse_options(fields: str | None, ocr: bool, password_file: Path | None) -> "ParseOptions":
    """How files are read, from the options of a command."""
    from rag.shared.types import ParseOptions

    names = tuple(name.strip() for name in (fields or "").split(",") if name.strip())
    if fields is not None and not names:
        raise BadInput("--fields: name at least one, such as title,body")
    if ocr:
        from rag.parsing.pdf.recognition.ocr import require_engine

        require_engine()
    return ParseOptions(names, ocr, _passwords(password_file))


def _passwords(path: Path | None) -> tuple[str, ...]:
    """The lines of a file of passwords; blank ones are none.  Raises BadInput for a file that cannot be read or holds none."""
    if path is None:
        return ()
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"--password-file {path} cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}"
        ) from error
    if not (passwords := tuple(filter(None, lines))):
        raise BadInput(f"--password-file {path} holds no password: write one a line")
    return passwords
