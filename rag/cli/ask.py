"""``rag ask``: an answer that reads well in a terminal."""

from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.output import CollectionOption, JsonOption, StoreOption, console, errors, open_service, print_json
from rag.errors import BadInput
from rag.printable import visible, visible_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from rag.types import Answer, RankedPassage

_MAX_K = 100
_REASONS = {
    "no_documents": "There are no documents to search. Add some: rag add PATH",
    "no_match": "No document matches the filter.",
    "low_confidence": "The documents do not seem to answer this. The nearest passages:",
    "risk_too_high": "An answer would be riskier than you accept. The nearest passages:",
}


def ask(
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help="What you want to know, in words.", show_default=False)
    ],
    k: Annotated[int, typer.Option("-k", "--top-k", help=f"Passages to list, 1 to {_MAX_K}.")] = 5,
    collection: CollectionOption = "default",
    filters: Annotated[
        list[str],
        typer.Option(
            "--filter",
            metavar="K=V",
            help='Only documents with this metadata; may be repeated. Also "K>=V" and K=FROM..TO for numbers and dates.',
        ),
    ] = [],  # noqa: B006
    explain: Annotated[bool, typer.Option("--explain", help="Show why each passage ranks where it does.")] = False,
    max_risk: Annotated[
        float | None,
        typer.Option(
            "--max-risk",
            metavar="R",
            help="Answer only when the probability of being wrong is at most R, as 0.1 for one in ten.",
            show_default=False,
        ),
    ] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Answer a question from the documents, with citations; or say that they do not answer it.

    Example: rag ask "why did Zelensky refuse to sign?"
    """
    with errors():
        if not 1 <= k <= _MAX_K:
            raise BadInput(f"-k {k}: list 1 to {_MAX_K} passages")
        if max_risk is not None and not 0 <= max_risk <= 1:
            raise BadInput(f"--max-risk {max_risk:g}: give a probability from 0 to 1, as 0.1 for one in ten")
        with open_service(store, to_ask=True) as service:
            from rag.filters import parse_filters
            from rag.types import Query

            out = None if json else console()  # imported here, while the model is loaded
            answer = service.ask(Query(question, k, collection, parse_filters(filters), explain, max_risk))
        if out is None:
            from rag.serialization import answer_json

            print_json(answer_json(answer))
        else:
            _print_answer(answer, out)


def _percent(share: float) -> str:
    """Nothing is certain: what would round to all or nothing is told as more or less."""
    if share > 0.99:
        return ">99%"
    return "<1%" if 0 < share < 0.01 else f"{share:.0%}"


def _print_answer(answer: "Answer", out: "Console") -> None:
    from rich.padding import Padding
    from rich.text import Text

    if answer.corrected_question is not None:
        out.print(Text(f"Read as: {visible_line(answer.corrected_question)}", style="italic"))
    sure = f"{_percent(answer.confidence)} sure" + ("" if answer.calibrated else ", not calibrated")
    if answer.answer is not None:
        places = "".join(f"[{number + 1}]" for number in answer.answer.citations)
        out.print(Text.assemble((visible(answer.answer.text), "bold"), f" {places}"))
        out.print(Text(f"({sure})", style="dim"))
    else:
        out.print(Text(_REASONS[answer.abstain_reason or "low_confidence"], style="bold"))
        if answer.passages:
            out.print(Text(f"({sure})", style="dim"))
    for passage in answer.passages:
        out.print()
        out.print(_heading(passage))
        for line in _marked(passage).split("\n"):
            out.print(Padding(line, (0, 0, 0, 4)) if out.is_terminal else Text("    ") + line)
        for place in passage.also_in:
            out.print(
                Text(
                    f"    also in {visible_line(place.source or place.title)}:{place.span.start}-{place.span.end}",
                    style="dim",
                )
            )
        if passage.explain is not None:
            signals = (
                f"{name} -" if signal.score is None else f"{name} #{signal.rank} ({signal.score:.3f})"
                for name, signal in passage.explain.items()
            )
            out.print(Text("    why: " + ", ".join(signals), style="dim"))


def _heading(passage: "RankedPassage") -> "Text":
    from rich.text import Text

    span = passage.citation.span
    place = f"{visible_line(passage.document.source or passage.document.title)}:{span.start}-{span.end}"
    section = visible_line(" > ".join(passage.section))
    return Text.assemble(
        (f"[{passage.rank}] ", "bold cyan"), (place, "cyan"), (f"  {section}" if section else "", "dim")
    )


def _marked(passage: "RankedPassage") -> "Text":
    """The passage on one paragraph, the sentences that answer set off."""
    from rich.text import Text

    text = Text()
    done = begin = passage.citation.span.start
    for span in passage.highlights:
        text.append(visible(passage.text[done - begin : span.start - begin]))
        text.append(visible(passage.text[span.start - begin : span.end - begin]), "bold yellow")
        done = span.end
    text.append(visible(passage.text[done - begin :]))
    return text
