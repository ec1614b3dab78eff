"""``rag add``: files, folders, addresses of the web and what is piped in, taken into the store."""

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag.cli.documents.options import FieldsOption, MetaOption, OcrOption, PasswordOption, metadata_of, parse_options
from rag.cli.output import (
    FAILED,
    CollectionOption,
    JsonOption,
    StoreOption,
    message,
    note_rebuilt,
    print_json,
    store_path,
)
from rag.cli.progress import progress
from rag.shared.errors import BadInput, ContentTooLarge
from rag.shared.printable import visible_line

if TYPE_CHECKING:
    from index.backend import Place
    from rag.intake.reading import Planned
    from rag.service import Service
    from rag.shared.config import Config
    from rag.shared.types import IngestProgress, IngestReport

_STDIN = "-"


def add(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Files, folders with all below them, quoted patterns ('notes/**/*.md'), addresses of the web (https://...), "
            "or - for what is piped in.",
            show_default=False,
        ),
    ],
    collection: CollectionOption = "default",
    meta: MetaOption = None,
    title: Annotated[
        str | None, typer.Option("--title", metavar="T", help="Name of what is piped in: the same again replaces it.")
    ] = None,
    sync: Annotated[
        bool, typer.Option("--sync", help="Also remove documents of these paths whose file is gone or ignored by now.")
    ] = False,
    fields: FieldsOption = None,
    ocr: OcrOption = False,
    password_file: PasswordOption = None,
    allow_private: Annotated[
        bool,
        typer.Option(
            "--allow-private-addresses", help="Fetch also from addresses that are not public, such as this machine's."
        ),
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="Folder or name of a sentence-transformers model, for a new store.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done with each file.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but what failed.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="A line for each document, on stderr.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Take in files and folders; unchanged files are skipped, changed ones replaced.

    What .gitignore and .footnoteignore leave out of a folder is not read, nor are its pictures without --ocr. Files in archives are
    documents of their own.

    Example: rag add notes/ report.md --meta year=2025
    """
    if quiet:
        logging.getLogger("rag").setLevel(logging.WARNING)  # not what takes time, such as a model that is converted
    piped = _STDIN in paths
    if piped and (len(paths) > 1 or sync or dry_run):
        raise BadInput("- is what is piped in, and stands alone: without other paths, --sync and --dry-run")
    if title is not None and not piped:
        raise BadInput("--title names what is piped in: rag add - --title T; files have titles of their own")
    from dataclasses import replace

    from rag.intake.web import is_address
    from rag.model.engine import load_numpy
    from rag.shared.config import Config

    load_numpy()
    files = _expanded([path for path in paths if path != _STDIN and not is_address(path)])
    urls = [path for path in paths if is_address(path)]
    options = parse_options(fields, ocr, password_file)
    how: dict[str, Any] = {"collection": collection, "metadata": metadata_of(meta), "options": options}
    more: dict[str, Any] = {**how, "sync": sync, "urls": urls}
    config = Config.from_environment()
    config = config if model is None else replace(config, model=model)
    service = _opened(
        store_path(store), config, create=not dry_run and (piped or bool(urls) or any(map(os.path.exists, files)))
    )
    try:
        if dry_run:
            from rag.intake.reading import plan_anew

            _show_plan(plan_anew(files, urls, options) if service is None else service.intake.plan(files, **more), json)
            return
        if piped:
            assert service is not None  # as it was created
            report = _add_piped(service, title, how, config.max_file_bytes)
        else:
            more["allow_private"] = allow_private
            report = _add_all(service, files, more, quiet=quiet, verbose=verbose)
    finally:
        if service is not None:
            service.close()
    if json:
        from rag.shared.serialization import report_json

        print_json(report_json(report))
    else:
        print_report(report, quiet=quiet)
    if report.failed:
        raise typer.Exit(FAILED)


def _expanded(paths: Sequence[str]) -> list[Path]:
    """The paths, a pattern that names no file replaced by the files that it matches. Raises BadInput where those are none."""
    from glob import glob, has_magic

    files: list[Path] = []
    for path in paths:
        if not has_magic(path) or os.path.lexists(path):
            files.append(Path(path))
        elif matches := sorted(glob(path, recursive=True)):
            files += map(Path, matches)
        else:
            raise BadInput(f"no file matches {path!r}")
    return files


def _opened(place: "Place", config: "Config", *, create: bool) -> "Service | None":
    """The service of the store; None where there is none and none is to be made: a mistyped path leaves no trace."""
    from index.errors import StoreMissing
    from rag.service import Service

    try:
        service = Service.open(place, config)
    except StoreMissing:
        return Service.create(place, config) if create else None
    note_rebuilt(service)
    return service


def _add_all(
    service: "Service | None", files: Sequence[Path], how: Mapping[str, Any], *, quiet: bool, verbose: bool
) -> "IngestReport":
    """Take in files and addresses; when it ends early, say how many documents are in."""
    from index.errors import StoreError
    from rag.intake.folders import find_files
    from rag.shared.types import IngestReport

    if service is None:
        return IngestReport(0, 0, 0, 0, tuple(find_files(files)[1]), 0, 0.0)
    began = False
    try:
        with progress("adding", "documents", quiet=quiet) as show:

            def advance(state: "IngestProgress") -> None:
                nonlocal began
                began = True
                if verbose and state.path:
                    message(f"{state.outcome} {visible_line(state.path)}")
                show(state.documents, state.n_documents, f"{state.passages} passages")

            return service.intake.add_paths(files, **how, progress=advance)
    except BaseException:
        if began:
            with suppress(StoreError):
                message(
                    f"{service.counts()[0]} documents are in the store and stay; the same command takes in the rest"
                )
        raise


def _add_piped(service: "Service", title: str | None, how: Mapping[str, Any], max_bytes: int) -> "IngestReport":
    """Take in what is piped in: text under its title or else its first line, other files by the name that the title is."""
    import time

    from rag.parsing.formats import is_plain_text
    from rag.shared.types import Failure, IngestReport

    started = time.perf_counter()
    content = sys.stdin.buffer.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ContentTooLarge(f"what is piped in is larger than {max_bytes // 2**20} MiB")
    if not content.strip():
        raise BadInput("nothing was piped in: rag add PATH takes files")
    if is_plain_text(title or "", content):
        text = content.decode("utf-8-sig")
        change = service.intake.add_text(
            title=title, text=text, source=title, metadata=how["metadata"], collection=how["collection"]
        )
        changes, failed = [change], list[Failure]()
    elif title is None:
        raise BadInput("what is piped in is no plain text: name the file that it is, as --title report.pdf")
    else:
        changes, failed = service.intake.add_upload(title, content, **how)
    outcomes = [change.outcome for change in changes]
    return IngestReport(
        outcomes.count("added"),
        outcomes.count("updated"),
        outcomes.count("skipped"),
        0,
        tuple(failed),
        sum(change.document.n_passages for change in changes if change.outcome != "skipped"),
        time.perf_counter() - started,
        notes=service.intake.notes(changes),
    )


def _show_plan(planned: "list[Planned]", json: bool) -> None:
    if json:
        print_json({"dry_run": True, "files": [file._asdict() for file in planned]})
        return
    from collections import Counter

    for file in planned:
        typer.echo(f"{file.action} {visible_line(file.path)}" + (f": {file.reason}" if file.reason else ""))
    counts = Counter(file.action for file in planned)
    typer.echo(", ".join(f"{count} to {action}" for action, count in counts.items()) or "nothing to add")


def print_report(report: "IngestReport", *, quiet: bool = False) -> None:
    """What failed and what is worth a note on stderr, the counts on stdout."""
    for failure in report.failed:
        message(f"{failure.path}: {failure.reason}")
    if quiet:
        return
    for note in report.notes:
        message(f"note: {note}")
    counts = {
        "added": report.added,
        "updated": report.updated,
        "unchanged": report.skipped,
        "deleted": report.deleted,
        "failed": len(report.failed),
    }
    shown = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing to add"
    typer.echo(f"{shown}; {report.passages} passages in {report.seconds:.1f} s")
