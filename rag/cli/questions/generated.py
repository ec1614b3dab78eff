"""A generated answer as it reads in a terminal: each sentence once it is checked, then the passages that it cites."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rag.cli.output import message
from rag.cli.questions.printing import print_answer, print_passages
from rag.generation.answering import answer_events, passage_of
from rag.shared.printable import visible
from rag.shared.serialization import Json, answer_json, citation_from_json

if TYPE_CHECKING:
    from rich.console import Console

    from rag.service import Service
    from rag.shared.types import Answer


def generated_json(service: "Service", question: str, answer: "Answer") -> Json:
    """The whole answer, generated from the passages of an extractive one.  Raises BadInput where no language model is set."""
    *_, (_, whole) = answer_events(answer_json(answer), question, service.language_model, service.entailment)
    return whole


def print_generated(service: "Service", question: str, answer: "Answer", out: "Console") -> None:
    """Print it sentence by sentence. The extractive answer is printed where nothing was generated."""
    from rich.text import Text

    whole: Mapping[str, Any] = {}
    passages = [passage.citation for passage in answer.passages]
    for event, value in answer_events(answer_json(answer), question, service.language_model, service.entailment):
        if event == "sentence":
            citations: Any = value["citations"]
            cited = dict.fromkeys(passage_of(citation_from_json(citation), passages) for citation in citations)
            numbers = "".join(f"[{number + 1}]" for number in cited)
            out.print(Text.assemble((visible(str(value["text"])), "bold"), f" {numbers}"))
        whole = value
    for note in whole["notes"]:
        message(str(note))
    text = whole["answer"]
    if text is None and whole["abstain_reason"] == "model_abstained":
        out.print(Text("The language model finds no answer in the passages. The nearest:", style="bold"))
        print_passages(answer, out)
        return
    if text is None or not text.get("generated"):
        print_answer(answer, out)
        return
    dropped = f", {text['dropped']} left out as not borne out" if text["dropped"] else ""
    out.print(Text(f"(written by {text['model']} from these passages{dropped})", style="dim"))
    print_passages(answer, out)
