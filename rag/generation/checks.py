"""Whether a generated sentence is borne out by the sentences that it cites: guards that need no model, cheapest first.

Each guard looks for one way in which models err: numbers, dates and names that are not there, a lost "not", a turned direction,
two sources merged, things that nobody wrote. What is told in other words altogether is not supported: it is left out rather than
believed.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from rag.generation.statements import Statement, folded, read_statement
from rag.shared.types import Citation, NamedCell

SUPPORTED, UNSUPPORTED, UNVERIFIABLE = "supported", "unsupported", "unverifiable"
# Share of the sentence's content words that the cited sentences hold. Fitted on altered sentences of squad2 and xquad.
MIN_COVER = 0.7
_CLAUSE = re.compile(r"[,;:()—–]|\b(?:but|and|because|while|although|though|whereas|which|who|that)\b")
_NEAR = 0.6  # share of a clause's words in the sentence from which the sentence speaks of it
_WHOLE = 0.85  # share of a cited sentence's words from which the sentence tells all of it again
_MOST_REPEATED = 3  # mean count of a word in a sentence: small models fall into saying the same for ever
_MIN_CLAUSE_COVER, _CLAUSE_WORDS = 0.34, 2  # of a clause of the sentence with so many content words

Entailment = Callable[[str, str], float]  # premise, hypothesis -> probability that the one entails the other


class Verdict(NamedTuple):
    """verdict: SUPPORTED, UNSUPPORTED, or UNVERIFIABLE where nothing that exists is cited.  support: 0 to 1.  reason: if not."""

    verdict: str
    support: float
    reason: str = ""


def check_sentence(
    text: str,
    cited: Sequence[Citation],
    entails: Entailment | None = None,
    rows: Sequence[Sequence[NamedCell]] = (),
) -> Verdict:
    """Whether the cited sentences bear a sentence out.

    entails: a model of entailment that has the last word, if there is one.  rows: cells of the table rows that are cited.
    """
    if not cited:
        return Verdict(UNVERIFIABLE, 0.0, "it cites no sentence that was offered")
    sentence = read_statement(text)
    sources = [read_statement(citation.cited_text) for citation in cited]
    if not sentence.words and not sentence.numbers:
        return Verdict(UNVERIFIABLE, 0.0, "it states nothing")
    for guard in (
        _repeated,
        _unknown_number,
        _unknown_name,
        _unknown_unit,
        _miscopied_quote,
        _changed_negation,
        _turned_direction,
    ):
        if reason := guard(sentence, sources):
            return Verdict(UNSUPPORTED, 0.0, reason)
    if reason := _wrong_column(sentence, rows) or _merged(sentence, sources, cited):
        return Verdict(UNSUPPORTED, 0.0, reason)
    known = frozenset().union(*(source.words for source in sources))
    cover = _cover(sentence.words, known)
    if cover < MIN_COVER or any(
        len(clause.words) >= _CLAUSE_WORDS and _cover(clause.words, known) < _MIN_CLAUSE_COVER
        for clause in _clauses(text)
    ):
        return Verdict(UNSUPPORTED, round(cover, 3), "it says more than what it cites")
    if entails is not None:
        support = entails(" ".join(citation.cited_text for citation in cited), text)
        return Verdict(
            SUPPORTED if support >= 0.5 else UNSUPPORTED,
            round(support, 3),
            "" if support >= 0.5 else "it does not follow",
        )
    return Verdict(SUPPORTED, round(cover, 3))


def _repeated(sentence: Statement, sources: Sequence[Statement]) -> str:
    words = re.findall(r"[^\W\d_]+", sentence.text.casefold())
    return "it repeats itself" if len(words) > _MOST_REPEATED * len(set(words)) else ""


def _unknown_number(sentence: Statement, sources: Sequence[Statement]) -> str:
    unknown = sentence.numbers - frozenset().union(*(source.numbers for source in sources))
    return f"the number {min(unknown)} is in no cited sentence" if unknown else ""


def _unknown_name(sentence: Statement, sources: Sequence[Statement]) -> str:
    written = {word for source in sources for word in re.findall(r"[^\W\d_]+", source.text.casefold())}
    written |= frozenset().union(*(source.names for source in sources))
    unknown = {
        name for name in sentence.names if name not in written and not set(re.findall(r"[^\W\d_]+", name)) <= written
    }
    return f"the name {min(unknown)!r} is in no cited sentence" if unknown else ""


def _unknown_unit(sentence: Statement, sources: Sequence[Statement]) -> str:
    unknown = sentence.units - frozenset().union(*(source.units for source in sources))
    return f"the unit {min(unknown)!r} is in no cited sentence" if unknown else ""


def _miscopied_quote(sentence: Statement, sources: Sequence[Statement]) -> str:
    whole = " ".join(folded(source.text) for source in sources)
    wrong = [quote for quote in sentence.quotes if folded(quote) not in whole]
    return f"{wrong[0]!r} is not what the cited sentences say" if wrong else ""


def _changed_negation(sentence: Statement, sources: Sequence[Statement]) -> str:
    if sentence.negations > sum(source.negations for source in sources):
        return "it denies what the cited sentences do not deny"
    for source in sources:
        if source.negations > sentence.negations and _cover(source.words, sentence.words) >= _WHOLE:
            return "it leaves out a negation of the cited sentence"
    # Where the sentence denies something else, only its clauses that deny nothing can have lost a "not".
    affirmed = (
        [clause for clause in _clauses(sentence.text) if not clause.negations] if sentence.negations else [sentence]
    )
    for clause in (clause for source in sources for clause in _clauses(source.text)):
        if clause.negations and len(clause.words) > 1:
            if any(_cover(clause.words, told.words) >= _NEAR for told in affirmed):
                return "it leaves out a negation of the cited sentence"
    return ""


def _turned_direction(sentence: Statement, sources: Sequence[Statement]) -> str:
    ups = frozenset().union(*(source.ups for source in sources))
    downs = frozenset().union(*(source.downs for source in sources))
    if sentence.ups - ups and downs - sentence.downs or sentence.downs - downs and ups - sentence.ups:
        return "it turns a comparison of the cited sentences around"
    return ""


def _wrong_column(sentence: Statement, rows: Sequence[Sequence[NamedCell]]) -> str:
    """A number that the sentence tells under the name of another column of its row, whose own numbers it does not tell."""
    told = sentence.words | sentence.numbers
    for row in rows:
        covers = []  # how much of its column's name the sentence has, and its numbers, of each cell with both
        for name, text in row:
            column, numbers = read_statement(name), read_statement(text).numbers
            if numbers and column.words | column.numbers:
                covers.append((_cover(column.words | column.numbers, told), numbers))
        others = max((cover for cover, numbers in covers if not numbers & sentence.numbers), default=0.0)
        for number in sentence.numbers:
            if max((cover for cover, numbers in covers if number in numbers), default=others) < others:
                return f"the number {number} stands in another column of the cited row"
    return ""


def _merged(sentence: Statement, sources: Sequence[Statement], cited: Sequence[Citation]) -> str:
    """Names and numbers that no single document has together are of different matters."""
    facts = sentence.names | sentence.numbers
    by_document: dict[str, set[str]] = {}
    for source, citation in zip(sources, cited, strict=True):
        words = set(re.findall(r"[^\W\d_]+", source.text.casefold()))
        by_document.setdefault(citation.document_id, set()).update(source.names, source.numbers, words)
    if len(by_document) > 1 and len(facts) > 1 and not any(facts <= known for known in by_document.values()):
        return "it joins what different documents say"
    return ""


def _clauses(text: str) -> list[Statement]:
    return [read_statement(clause) for clause in map(str.strip, _CLAUSE.split(text)) if clause]


def _cover(words: frozenset[str], known: frozenset[str]) -> float:
    return len(words & known) / len(words) if words else 1.0
