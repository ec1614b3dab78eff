"""``rag ask``: one question, from the arguments or a pipe, or a conversation in a terminal."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.output import CollectionOption, JsonOption, StoreOption, console, open_service, print_json
from rag.shared.errors import BadInput

if TYPE_CHECKING:
    from rag.shared.types import Answer, Turn

_MAX_K = 100
_STDIN = "-"
_MAX_PIPED = 100_000  # characters: enough to say of a question that is too long how long it is


def ask(
    question: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="QUESTION...",
            help="What you want to know, in words; - reads it from a pipe. Without one a terminal gets a conversation.",
            show_default=False,
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", "--top-k", help=f"Passages to list, 1 to {_MAX_K}.")] = 5,
    collection: CollectionOption = "default",
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            metavar="K=V",
            help='Only documents with this metadata; may be repeated. Also "K>=V" and K=FROM..TO for numbers and dates.',
            show_default=False,
        ),
    ] = None,
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
    generate: Annotated[
        bool,
        typer.Option(
            "--generate", help="Let a language model (RAG_LLM_URL) write the answer; each sentence is checked."
        ),
    ] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Answer a question from the documents, with citations; or say that they do not answer it.

    Example: rag ask "why did Zelensky refuse to sign?"
    """
    if not 1 <= k <= _MAX_K:
        raise BadInput(f"-k {k}: list 1 to {_MAX_K} passages")
    if max_risk is not None and not 0 <= max_risk <= 1:
        raise BadInput(f"--max-risk {max_risk:g}: give a probability from 0 to 1, as 0.1 for one in ten")
    talks = not question and not json and sys.stdin.isatty() and sys.stdout.isatty()
    text = "" if talks else _question(question or [])
    with open_service(store, to_ask=True) as service:
        from rag.cli.questions.printing import print_answer
        from rag.shared.types import Query
        from rag.shared.validation import parse_filters

        if generate:
            from rag.cli.questions.generated import generated_json, print_generated

            service.language_model  # noqa: B018  # says now that there is none, not after the search
        where = parse_filters(filters or [])

        def answer_to(text: str, turns: "Sequence[Turn]" = ()) -> "Answer":
            query = Query(text, k, collection, where, explain, max_risk, history=tuple(turns))
            if generate:
                from rag.generation.answering import stand_alone

                query = stand_alone(query, service.language_model)
            return service.ask(query)

        def show(asked: str, answer: "Answer") -> None:
            if generate:
                print_generated(service, asked, answer, out)
            else:
                print_answer(answer, out)

        if json:
            from rag.shared.serialization import answer_json

            answer = answer_to(text)
            print_json(generated_json(service, text, answer) if generate else answer_json(answer))
            return
        out = console()  # imported here, while the model is loaded
        if talks:
            from rag.cli.questions.conversation import converse

            documents, _ = service.counts(collection)
            converse(answer_to, show, f"{documents} documents to ask.")
        else:
            show(text, answer_to(text))


def _question(words: Sequence[str]) -> str:
    """The question that words on the command line make, or what is piped in.  Raises BadInput where there is neither."""
    if words and list(words) != [_STDIN]:
        return " ".join(words)
    piped = "" if sys.stdin.isatty() else sys.stdin.read(_MAX_PIPED).strip()
    if not piped:
        raise BadInput('no question: rag ask "QUESTION", or - for one that is piped in')
    return piped
