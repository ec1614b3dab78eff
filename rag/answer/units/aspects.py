"""What a question asks for beside its topic: what is counted, the periods it is limited to, the things that it compares."""

import re
from collections.abc import Iterator

from index.local.views.lexical import analyze, analyze_word
from rag.language.amounts import amounts_in
from rag.language.asked import Kind, cached_by_question, kind_asked
from rag.language.days import told_otherwise
from rag.language.patterns import lazy_pattern
from rag.retrieval.question import function_terms

# Words between a number and what it counts, and characters in which those are looked for.
_WORDS_BETWEEN = 2
_NEAR = 60
_NUMBERED = lazy_pattern(r"([^\W\d_]+) ?[(:=] ?\d")
_COUNTED = lazy_pattern(r"\b(?:how many|wie viele|combien de|cuánt[oa]s) ((?:[\w.'’-]+ ?){1,5})", re.IGNORECASE)
_PERIOD = lazy_pattern(
    r"(?<![\d.,$€£¥-])(?:1[5-9]|20)\d\d(?![\d%-])|\b(?:January|February|March|April|June|July|August|September|October|"
    r"November|December)\b|\b(?:first|second|third|fourth) quarter\b|\bQ[1-4]\b"
)
_YEAR_NAMED = lazy_pattern(r"(?<![\w.,$€£¥/-])(?:FY ?)?((?:1[5-9]|20)\d\d)(?![\d%]|[.,]\d)")
# Words that tell one of several like statements from the others, though searches pass them over.
_QUALIFIER = lazy_pattern(
    r"\b(?:all|only|every|each|both|(?:first|last)(?! names?\b)|latest|"
    r"oldest|newest|most|least|without|before|after|except|multiple|several)\b",
    re.IGNORECASE,
)
_NEGATION = lazy_pattern(
    r"\b(?:no|not|never|none|nor|neither|cannot|without|except|nicht|kein\w*|ohne|pas|jamais|aucun\w*|sans|nunca|sin|senza|niet|"
    r"geen)\b|n['’]t\b",
    re.IGNORECASE,
)
# Sets one thing against another, or says that it is bad.
_DENIES_NOTHING = lazy_pattern(
    r"\b(?:(?:and|or|if) not|no (?:good|use|matter))\b|\bthat .*\b(?:does|do|did|is|are|has|have|can)(?: not|n['’]t)\W*$",
    re.IGNORECASE,
)
# Asks for the last day of something, and tells it.
_ASKS_FOR_DEADLINE = lazy_pattern(
    r"\b(?:deadlines?|due|(?:by|until) when|latest|expir(?:e|es|y)|(?:bis|spätestens) wann|frist|date limite|plazo|fecha límite|"
    r"scadenza|prazo)\b",
    re.IGNORECASE,
)
_TELLS_DEADLINE = lazy_pattern(
    r"\b(?:by|until|before|(?:no|not) later than|due|deadline|expires?|closes?|bis|spätestens|avant le|jusqu'au|hasta|antes del|"
    r"entro|até)\b[^.;\n]{0,25}\d",
    re.IGNORECASE,
)
# Asks who signed, and is a line that signs.
_ASKS_WHO_SIGNED = lazy_pattern(
    r"\b(?:who|which|whose|wer|qui|quién|chi)\b.*\b(?:sign(?:s|ed|atur\w+)|unterschrieb\w*|unterzeichnet\w*|signée?|firmó|firmato)\b",
    re.IGNORECASE,
)
_SIGNS = lazy_pattern(r"^\W*(?:by|signed|signature|name):|/s/|\bsigned by\b", re.IGNORECASE | re.MULTILINE)
# Leads elsewhere and says nothing, but to a question for that. Words that are a link in Markdown say what they are.
_LEADS_ELSEWHERE = lazy_pattern(
    r"\bclick (?:here|below)\b|\bno longer wish to receive\b|"
    r"^\W*(?:(?:read|learn|see|find out) more|(?:un)?subscribe|sign up|log ?in|view (?:this|it|online|in))\b",
    re.IGNORECASE,
)
_LINK = lazy_pattern(r"(?<!\]\()<?\b(?:https?://|www\.)[^\s>)]+[>)]*", re.IGNORECASE)
_ASKS_FOR_LINK = lazy_pattern(
    r"\b(?:links?|urls?|web\w*|sites?|pages?|online|click|(?:un)?subscri\w+|opt|sign up|log ?in|downloads?|where|more|"
    r"mails?|e-mails?|receive)\b",
    re.IGNORECASE,
)
_FEWEST_LETTERS_BESIDE_LINK = 10
# By what a form or a list calls the thing asked for.
_LABELS = {
    Kind.PLACE: "location|address|venue|place|where|site|ort|adresse|lieu|lugar|dirección|luogo|indirizzo",
    Kind.TIME: "time|hours|uhrzeit|heures?|hora|ora",
    Kind.DURATION: "duration|length|time|runtime|term|period|dauer|durée|duración|durata",
}
_LABELLED = {
    kind: lazy_pattern(
        rf"^[^\w\n]*(?:[\w-]+[ /]){{0,2}}(?:{labels})(?:[ /][\w-]+){{0,2}} ?:\s*\w", re.IGNORECASE | re.MULTILINE
    )
    for kind, labels in _LABELS.items()
}
_WORD = r"[\w.'’+/-]+"
_SIDE = (
    rf"(?<![\w.'’+/-])({_WORD}(?: {_WORD}){{0,3}}?)"  # begins a word: no question takes time that grows with its square
)
# What each of the patterns below needs, which together take 7 ms to compile.
_MAY_COMPARE = lazy_pattern(
    r"compare|differ|versus| vs|between| or | and (?:in|for|on|with) |\bfrom .* to ", re.IGNORECASE
)
_COMPARED = tuple(
    lazy_pattern(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:between|compare) (?:the )?{_SIDE} (?:and|with|to|against) (?:the )?{_SIDE}(?:[?,.]|$| (?:in|on|for|of)\b)",
        rf"\b(?:does|do|did|is|are|was|were) (?:the )?{_SIDE} (?:compare|differ)\w* (?:with|to|from|against) (?:the )?{_SIDE}"
        r"(?:[?,.]|$| (?:in|on|for)\b)",
        rf"\b(?:do|does|did) (?:the )?{_SIDE} and (?:the )?{_SIDE} (?:differ|compare)",
        rf"{_SIDE} (?:versus|vs\.?) {_SIDE}(?:[?,.]|$)",
        rf", {_SIDE} or {_SIDE}\?",
        rf"\b(?:in|for|on|with) {_SIDE} and (?:in|for|on|with) {_SIDE}(?:[?,.]|$| (?:in|on|for)\b)",
        r"\bfrom (.{1,40}?) to (.{1,40}?)\?",
        rf"^\W*(?:is|are|was|were|did|does|do|has|have|had) (?:the )?{_SIDE} or (?:the )?{_SIDE} "
        r"(?:\w+er|more|less|better|worse|first|ahead)\b",
    )
)


def counted_terms(question: str) -> frozenset[str]:
    """The terms of what a question wants counted ("how many registered voters"), none of one that counts nothing."""
    match = _COUNTED.search(question)
    if match is None:
        return frozenset()
    terms: list[str] = []
    for word in match[1].split():
        analyzed = analyze_word(word)
        if terms and any(term in function_terms() for term in analyzed):
            break
        terms += [term for term in analyzed if term not in function_terms()]
    return frozenset(terms)


def counts(text: str, question: str, terms: frozenset[str]) -> bool:
    """Whether a text has a number in front of one of the terms, or right behind it: "tackles (118)"."""
    if not terms:
        return False
    if any(not terms.isdisjoint(analyze_word(match[1])) for match in _NUMBERED.finditer(text)):
        return True
    return any(
        not terms.isdisjoint(analyze_word(word))
        for following in amounts_in(text, question)
        for word in following[:_NEAR].split()[: _WORDS_BETWEEN + 1]
    )


def missing_periods(question: str, text: str) -> int:
    """How many years, months and quarters of a question a text does not name."""
    told = _with_dates(question, text).casefold()
    return sum(period.casefold() not in told for period in {match.group() for match in _PERIOD.finditer(question)})


def tells_another_year(question: str, told: str, text: str) -> bool:
    """Whether a question names a year, what is told with a text does not, and the text names another."""
    asked = set(_YEAR_NAMED.findall(question))
    if not asked or asked & set(_YEAR_NAMED.findall(_with_dates(question, told))):
        return False
    return bool(_YEAR_NAMED.search(text))


def _with_dates(question: str, text: str) -> str:
    """A text with the dates of a question that it tells in other words."""
    return "\n".join((text, *told_otherwise(question, text)))


def lacks_negation(question: str, text: str) -> bool:
    """Whether a question denies something, and a text denies nothing: what is so tells little of what is not."""
    return bool(_NEGATION.search(_DENIES_NOTHING.sub(" ", question))) and not _NEGATION.search(text)


def has_qualifier(question: str, text: str) -> bool:
    """Whether a text has a word of the question such as "all", "only" or "without"."""
    asked = _qualifiers(question)
    return bool(asked) and not asked.isdisjoint(map(_qualifier, _QUALIFIER.findall(text)))


@cached_by_question
def _qualifiers(question: str) -> frozenset[str]:
    return frozenset(map(_qualifier, _QUALIFIER.findall(question)))


def _qualifier(word: str) -> str:
    """What a qualifier says; with a capital it may be a part of a name."""
    return "all" if word in ("every", "each") else word.casefold()


def tells_deadline(question: str, text: str) -> bool:
    """Whether a question asks for the last day of something, and a text tells it: "no later than 3 May"."""
    return _asks_for_deadline(question) and bool(_TELLS_DEADLINE.search(text))


@cached_by_question
def _asks_for_deadline(question: str) -> bool:
    return bool(_ASKS_FOR_DEADLINE.search(question))


def tells_signatory(question: str, text: str) -> bool:
    """Whether a question asks who signed, and a text signs: "By: /s/ Ann Lee"."""
    return _asks_who_signed(question) and bool(_SIGNS.search(text))


@cached_by_question
def _asks_who_signed(question: str) -> bool:
    return bool(_ASKS_WHO_SIGNED.search(question))


def leads_elsewhere(question: str, text: str) -> bool:
    """Whether a text is hardly more than a link, or asks its reader to click, and a question does not ask for that."""
    if _asks_for_link(question):
        return False
    beside = _LINK.sub("", text)
    if beside != text and sum(map(str.isalpha, beside)) < _FEWEST_LETTERS_BESIDE_LINK:
        return True
    return bool(_LEADS_ELSEWHERE.search(text))


@cached_by_question
def _asks_for_link(question: str) -> bool:
    return kind_asked(question) is Kind.STEPS or bool(_ASKS_FOR_LINK.search(question))


def is_labelled(kind: Kind, text: str) -> bool:
    """Whether a line of a text is called by the kind of thing that is asked for: "Location: Town Hall"."""
    return kind in _LABELLED and bool(_LABELLED[kind].search(text))


def compared_terms(question: str) -> tuple[frozenset[str], frozenset[str]] | None:
    """The terms by which the two things that a question compares differ; None of one that compares nothing."""
    for pattern in _COMPARED if _MAY_COMPARE.search(question) else ():
        for match in pattern.finditer(question):
            first, second = (frozenset(_telling(side)) for side in match.groups())
            if first - second and second - first:
                return first - second, second - first
    return None


def _telling(text: str) -> Iterator[str]:
    return (term for term in analyze(text) if term not in function_terms())
