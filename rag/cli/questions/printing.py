"""An answer as it reads in a terminal: the sentences that answer, then the passages, each below the place where it stands."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from rag.shared.printable import visible, visible_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from index.types import Span
    from rag.shared.types import Answer, AnswerPart, AnswerText, DocumentRef, Occurrence, RankedPassage

_INDENT = 4
_REASONS = {
    "no_documents": "There are no documents to search. Add some: rag add PATH",
    "no_match": "No document matches the filter.",
    "low_confidence": "The documents do not seem to answer this. The nearest passages:",
    "risk_too_high": "An answer would be riskier than you accept. The nearest passages:",
}
_ROW = re.compile(r"row \d+")  # as the parsers of tables name the section of a row


def print_answer(answer: "Answer", out: "Console") -> None:
    """Print an answer, or why there is none, with the passages."""
    from rich.text import Text

    if answer.asked_as is not None:
        out.print(Text(f"Read as: {visible_line(answer.asked_as)}", style="italic"))
    sure = f"({_percent(answer.confidence)} sure" + (")" if answer.calibrated else ", not calibrated)")
    if answer.answer is not None:
        out.print(_answer_text(answer.answer))
        for part in answer.answer.parts:
            if part.cells or part.group:
                _print_row(part, out)
    else:
        out.print(Text(_REASONS[answer.abstain_reason or "low_confidence"], style="bold"))
        for note in answer.notes:
            out.print(Text(visible_line(note[:1].upper() + note[1:]) + "."))
    if answer.answer is not None or answer.passages:
        out.print(Text(sure, style="dim"))
    print_passages(answer, out)


def print_passages(answer: "Answer", out: "Console") -> None:
    """Print the passages of an answer, each below the place where it stands."""
    for passage in answer.passages:
        out.print()
        _print_passage(passage, out)


def _answer_text(answer: "AnswerText") -> "Text":
    """The units that answer, in the order of the document, the likeliest in bold, each stretch followed by its passage's number."""
    from rich.text import Text

    if not answer.parts:
        numbers = "".join(f"[{number + 1}]" for number in answer.citations)
        return Text.assemble((visible(answer.text), "bold"), f" {numbers}")
    text = Text()
    none_is_likelier = not any(part.likeliest for part in answer.parts)
    for number, part in enumerate(answer.parts):
        if number:
            text.append(" " if part.goes_on else " … ")
        text.append(visible(part.text), "bold" if part.likeliest or none_is_likelier else "")
        if number + 1 == len(answer.parts) or answer.parts[number + 1].passage != part.passage:
            text.append(f" [{part.passage + 1}]")
    return text


def _print_row(part: "AnswerPart", out: "Console") -> None:
    """``Year 1890 · Permit: 209 · Handgun: 3,062``, indented below the row that it reads."""
    from rich.padding import Padding
    from rich.text import Text

    pieces = [Text(visible_line(part.group), "dim italic")] if part.group else []
    for name, text in part.cells:
        pieces.append(Text.assemble((f"{visible_line(name)}: " if name else "", "dim"), visible_line(text)))
    told = Text(" · ", "dim").join(pieces)
    out.print(Padding(told, (0, 0, 0, _INDENT)) if out.is_terminal else Text(" " * _INDENT) + told)


def _print_passage(passage: "RankedPassage", out: "Console") -> None:
    from rich.padding import Padding
    from rich.text import Text

    section = passage.section
    where = [f"page {passage.page}"] if passage.page is not None else []
    if section and _ROW.fullmatch(section[-1]):
        where, section = [*where, section[-1]], section[:-1]
    place = passage.document, where, passage.citation.span
    _print_place(out, Text(f"[{passage.rank}] ", "bold cyan"), *place, Text(visible_line(" > ".join(section)), "dim"))
    for line in _marked(passage).split("\n"):
        out.print(Padding(line, (0, 0, 0, _INDENT)) if out.is_terminal else Text(" " * _INDENT) + line)
    for copy in passage.also_in:
        _print_place(out, Text(" " * _INDENT + "also in ", "dim"), copy, [], copy.span, Text())
    if passage.explain is not None:
        signals = (
            f"{name} -" if signal.score is None else f"{name} #{signal.rank} ({signal.score:.3f})"
            for name, signal in passage.explain.items()
        )
        out.print(Text(" " * _INDENT + "why: " + ", ".join(signals), style="dim"))


def _print_place(
    out: "Console",
    label: "Text",
    document: "DocumentRef | Occurrence",
    where: list[str],
    span: "Span",
    section: "Text",
) -> None:
    """``[1] contract.pdf, page 3 (418-707)  Section``; what does not fit the line goes on a next one, whole."""
    from rich.style import Style
    from rich.text import Text

    style = Style(color="cyan", link=_link(document.source))
    name = Text(visible_line(document.source or document.title) + ("," if where else ""), style)
    place = Text(" ".join([*([", ".join(where)] if where else []), f"({span.start}-{span.end})"]), style)
    line = label + name
    for part, blanks in ((place, 1), (section, 2)):
        if part and line.cell_len + blanks + part.cell_len > out.width:
            out.print(line, soft_wrap=True)
            line = Text(" " * _INDENT) + part
        elif part:
            line = line + " " * blanks + part
    out.print(line, soft_wrap=True)


def _link(source: str | None) -> str | None:
    """Where a terminal goes from a citation: an address of the web, or a file that is there."""
    if source is None or source.startswith(("http://", "https://")):
        return source
    try:
        path = Path(source).absolute()
        return path.as_uri() if path.is_file() else None
    except (OSError, ValueError):  # what cannot be a path here
        return None


def _percent(share: float) -> str:
    """Nothing is certain: what would round to all or nothing is told as more or less."""
    if share > 0.99:
        return ">99%"
    return "<1%" if 0 < share < 0.01 else f"{share:.0%}"


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
