"""Whether a text says what a thing is, or only tells something of it: "X is a", "X means", "X: ", "long form (X)"."""

import re

from rag.language.asked import Kind, cached_by_question, kind_asked
from rag.language.names import written_out
from rag.language.patterns import lazy_pattern

_ARTICLE = r"(?:an?|the|any|each|eine?n?|der|die|das|une?|les?|la|una?|el|los|las)"
_NAMED = r"(?:the |this )?(?:term|word|phrase|acronym|abbreviation|expression)s? "
_TERM = rf"(?:{_ARTICLE} )?(?:{_NAMED})?[\"'“‘„«]?([\w.+#/&-][\w .+#/&’'-]*?)[\"'”’“»]?"
_ASKED = lazy_pattern(
    rf"\bwhat do(?:es)? {_TERM} (?:mean|stand for|refer to)\b|"
    rf"^\W*(?:what(?:['’]s| is| are| was| were)|was (?:ist|sind|bedeutet|heißt)|qu['’]est-ce qu(?:e |['’])|"
    rf"que signifie|qué (?:es|son|significa)|define|explain) ?(?:meant by |the (?:meaning|definition) of )?{_TERM}"
    r"(?:,? (?:in|under|within|here|according to|as used|im|dans|en)\b.*)?[\s?.!]*$",
    re.IGNORECASE,
)
_LONGEST_TERM = 5  # words
_OPENS = rf"^[^\w\n]*(?:\(?[a-z\d]{{1,4}}(?:\.\d+)*[.)]+ ?\W*)?(?:{_ARTICLE} )?\W*"
_SAYS = (
    r"(?:means?|refers? to|denotes?|stands? for|describes?|designates?|shall mean|(?:shall )?(?:has|have) the meaning|"
    r"(?:is|are) (?:defined|understood)|bedeutet|bezeichnet|désigne|signifie|significa|"
    rf"(?:is|was|are|were|ist|sind|est|sont|es|son) (?:{_ARTICLE}|one of|what|where|when|how)\b|"
    r"(?:are|were) (?:[\w-]+ ){0,3}[\w-]+s (?:that|which|who|used|of|for|to|with|from|in)\b)"
)


def defines(question: str, text: str) -> bool:
    """Whether a text defines what a question asks the meaning of; False of a question that asks for none."""
    asked = _asked(question)
    return asked is not None and bool(asked[1].search(text) or asked[0] in text and written_out(asked[0], text))


@cached_by_question
def _asked(question: str) -> tuple[str, re.Pattern[str]] | None:
    """What a question asks the meaning of, and a pattern of texts that define it."""
    match = _ASKED.search(question) if kind_asked(question) is Kind.DEFINITION else None
    term = next(filter(None, match.groups()), "") if match else ""
    if not term or len(term.split()) > _LONGEST_TERM:
        return None
    name = rf"[\"'“‘„«*_`]*{_in_any_number(term)}[\"'”’“»*_`]*(?: \([^)\n]{{1,40}}\))?"
    return term, re.compile(
        rf"{_OPENS}{name}(?:,? {_SAYS}|\s?[:=–—]\s|\s-\s)|[\"“„«]{_in_any_number(term)}[\"”“»] {_SAYS}|"
        rf"\([^()\n]{{0,30}}[\"“„«]{_in_any_number(term)}[\"”“»]\)",
        re.IGNORECASE | re.MULTILINE,
    )


def _in_any_number(term: str) -> str:
    """A pattern for a term in singular and plural."""
    stem, ending = term, "(?:e?s)?"
    if term.endswith("ies"):
        stem, ending = term[:-3], "(?:y|ies)"
    elif term.endswith("y"):
        stem, ending = term[:-1], "(?:y|ies)"
    elif term.endswith("s") and not term.endswith("ss") and not term.isupper():
        stem, ending = term[:-1], "(?:e?s)?"
    return rf"{re.escape(stem)}{ending}"
