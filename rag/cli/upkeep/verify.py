"""``rag verify``: the whole store, or the citations of a saved answer."""

import json as jsonlib
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from rag.cli.output import FAILED, JsonOption, StoreOption, open_service, print_json
from rag.cli.progress import progress
from rag.shared.errors import BadInput


def verify(
    answer: Annotated[
        str | None,
        typer.Argument(
            metavar="[ANSWER.json]", help="An answer saved with --json; - reads it from stdin.", show_default=False
        ),
    ] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Check the whole store, or every citation in a saved answer. Exit code 1 when something does not hold.

    What was mended when the store was opened is listed and counts as sound.

    Example: rag ask "who met in Munich?" --json | rag verify -
    """
    holds = _verify_answer(answer, store, json) if answer is not None else _verify_store(store, json)
    if not holds:
        raise typer.Exit(FAILED)


def _verify_answer(answer: str, store: str | None, json: bool) -> bool:
    from rag.shared.serialization import check_json, citation_from_json

    cited = [citation_from_json(value) for value in _citations(_read(answer))]
    with open_service(store) as service:
        checks = service.check_citations(cited)
    if json:
        print_json([check_json(check) for check in checks])
    else:
        for citation, check in zip(cited, checks, strict=True):
            place = f" to {check.span.start}-{check.span.end}" if check.span else ""
            typer.echo(f"{check.status}{place}: {citation.document_title} {citation.span.start}-{citation.span.end}")
        if not checks:
            typer.echo("the answer has no citations")
    return all(check.status == "valid" for check in checks)


def _read(answer: str) -> object:
    try:
        return jsonlib.loads(sys.stdin.read() if answer == "-" else Path(answer).read_bytes())
    except OSError as error:
        raise BadInput(f"{answer} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(
            f"{'stdin' if answer == '-' else answer} is not JSON: save an answer with rag ask --json"
        ) from error


def _citations(value: object) -> list[object]:
    """The citations of an answer's passages and generated sentences, or those of a body as POST /v1/verify takes it."""
    if isinstance(value, Mapping) and isinstance(value.get("citations"), list):
        return list(value["citations"])
    if not isinstance(value, Mapping) or not isinstance(value.get("passages"), list):
        raise BadInput("this is not an answer: it has no 'passages'; save one with rag ask --json")
    cited = [passage.get("citation") if isinstance(passage, Mapping) else None for passage in value["passages"]]
    answer = value.get("answer")
    sentences = answer.get("sentences") if isinstance(answer, Mapping) else None
    for sentence in sentences if isinstance(sentences, list) else ():
        cited += sentence.get("citations", ()) if isinstance(sentence, Mapping) else (None,)
    return cited


def _verify_store(store: str | None, json: bool) -> bool:
    with open_service(store) as service:
        documents, passages = service.counts()
        with progress("checking", "passages") as show:
            findings = service.store.verify(show)
    wrong = sum(not finding.mended for finding in findings)
    if json:
        print_json({"documents": documents, "passages": passages, "findings": list(map(asdict, findings))})
        return not wrong
    for finding in findings:
        typer.echo(f"{finding.kind} in {finding.where}: {finding.detail}; {finding.remedy}")
    typer.echo(f"{documents} documents, {passages} passages: " + (f"{wrong} findings" if wrong else "all is well"))
    return not wrong
