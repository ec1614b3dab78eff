"""Whether a text holds a thing of the kind that is asked for: a number, a date, a name that the question does not have "
"itself."""

import re
from collections.abc import Iterable, Sequence

from rag.language.asked import UNITS_OF_TIME, Kind, kind_asked, once_a_question
from rag.language.languages import common_words
from rag.language.names import names_in

# Told by their names.
NAMED = frozenset((Kind.PERSON, Kind.ORGANISATION, Kind.PLACE))
# A text without such a thing is not the whole answer. Reasons, steps and definitions are only likelier in some words.
STRICT = NAMED | {Kind.NUMBER, Kind.CODE, Kind.EMAIL, Kind.DURATION, Kind.DATE, Kind.TIME}

_MONTHS = (
    "january|february|march|april|june|july|august|september|october|november|december|januar|februar|märz|juni|juli|oktober|"
    "dezember|janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre|enero|febrero|marzo|"
    "abril|mayo|"
    "junio|julio|agosto|septiembre|octubre|noviembre|diciembre|gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre|"
    "novembre|dicembre|janeiro|fevereiro|março|maio|junho|julho|setembro|outubro|novembro|dezembro|januari|februari|maart|mei|"
    "augustus|januar|februar|marts|juni|juli|desember|tammikuu\\w*|helmikuu\\w*|maaliskuu\\w*|huhtikuu\\w*|toukokuu\\w*|kesäkuu\\w*|"
    "heinäkuu\\w*|elokuu\\w*|syyskuu\\w*|lokakuu\\w*|marraskuu\\w*|joulukuu\\w*|január|február|március|április|június|július|"
    "augusztus|szeptember|október|ianuarie|februarie|martie|aprilie|iunie|iulie|septembrie|octombrie|noiembrie|decembrie|"
    "января|февраля|марта|апреля|мая|июня|июля|августа|сентября|октября|ноября|декабря|ocak|şubat|nisan|mayıs|haziran|temmuz|"
    "ağustos|eylül|ekim|kasım|aralık|ιανουαρίου|φεβρουαρίου|μαρτίου|απριλίου|μαΐου|ιουνίου|ιουλίου|αυγούστου|σεπτεμβρίου|"
    "οκτωβρίου|νοεμβρίου|δεκεμβρίου"
)
_SHORT_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec"
_WEEKDAYS = "(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
_NUMBER_WORDS = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|"
    "(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundreds?|thousands?|millions?|billions?|dozens?|twice|half|quarter|third|"
    "zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf|hundert|tausend|deux|trois|quatre|cinq|sept|huit|neuf|dix|"
    "cent|mille|"
    "dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|cien|mil|one|single|none|no|zero|never|once"
)
# Numbers that count nothing: references, places in a document, identifiers, links.
_COUNTS_NOTHING = re.compile(
    r"\[[\d,\s–-]+\]|https?://\S+|\b(?:table|figure|fig\.|section|sec\.|chapter|pages?|pp?\.|article|art\.|clause|step|"
    r"volume|vol\.|"
    r"version|appendix|item|paragraph|rule)\s*\d[\w.()–-]*|§+\s*[\d.]+|\b[A-Za-z]+[-–_]?\d[\w–-]*|\b\d+(?:[-–]\d+){2,}\b|\b\dd\b|"
    r"^\s*\(?\d{1,3}[.)]\s",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?<![\d.,$€£¥])(?:1[5-9]|20)\d\d(?![\d%]|[.,]\d)")
_AMOUNT = re.compile(rf"\d[\d.,]*|\b(?:{_NUMBER_WORDS})\b|[二三四五六七八九十百千万亿两]", re.IGNORECASE)
# A number of things may be told by these; a price, a rate or a size is not.
_HARDLY_AMOUNTS = re.compile(r"\b(?:one|single|none|no|never|once)\b", re.IGNORECASE)
_COUNTS = re.compile(r"\b(?:how (?:many|often)|wie (?:viele|oft)|combien|cuánt[oa]s|quant[ie])\b", re.IGNORECASE)
_DATE = re.compile(
    rf"(?<![\d.,$€£¥/–-])(?:1\d|20)\d\d(?:s\b|(?![\d%]|[.,]\d| ?[-–] ?\d+ ?[-–] ?\d))|"
    r"(?<![\d./-])\d{1,4}(?:\.\d{1,2}\.|/\d{1,2}/|-\d{1,2}-)\d{2,4}(?![\d./-]\d)|"
    rf"\b\d{{1,2}}[-./](?:{_SHORT_MONTHS})[-./]\d{{2,4}}\b|\b\d{{1,4}} BCE?\b|"
    rf"\b\d+ (?:million |billion )?(?:{UNITS_OF_TIME}) ago\b|"
    rf"\b(?:{_MONTHS})\b|\b\d{{1,2}} (?:{_SHORT_MONTHS})\b|\b(?:{_SHORT_MONTHS})\.? \d{{1,2}}\b|\b{_WEEKDAYS}\b|"
    r"\b(?:\d{1,2}(?:st|nd|rd|th)|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|\w+teenth|twentieth)"
    r"[- ]centur(?:y|ies)\b|\b(?:dynast(?:y|ies)|middle ages|antiquity|(?:stone|bronze|iron|ice) age)\b|\d{1,4} ?年|\d{1,2} ?月",
    re.IGNORECASE,
)
_OCCASION = re.compile(
    r"\b(?:after|before|until|once|as soon as|during|upon|within|when|while|since|at the (?:end|beginning|time)|annually|"
    r"daily|weekly|"
    r"monthly|every|each|today|tomorrow|yesterday|summer|winter|spring|autumn|"
    rf"\d+ (?:{UNITS_OF_TIME}) (?:later|ago))\b",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"\d[\d.,:/-]*\d|\d")
_ASKS_FOR_PHONE = re.compile(r"phone|\bfax\b|\bmobile\b|téléphone|teléfono", re.IGNORECASE)
_PHONE_NUMBER = re.compile(r"\d(?:[ ()./-]{0,2}\d){5}")
_CLOCK = re.compile(
    r"\b\d{1,2}[:.h]\d\d(?!\d)|\b\d{1,2}(?::\d\d)? ?(?:a\.?m\b|p\.?m\b|uhr\b|o'clock|heures?\b|h\b)|"
    r"\b(?:noon|midnight|midday|dawn|dusk|sunset|sunrise)\b|"
    r"\bat (?:\d{1,2}|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)(?=[.,;!?)]|$| (?:in the|on|every|each|and)\b)",
    re.IGNORECASE,
)
_LASTS = re.compile(
    rf"(?:(?<![\d.,])\d[\d.,]*+|\b(?:{_NUMBER_WORDS}|an?|few|several|many)\b)\)?[\s-]*(?:[a-z]+ )?"
    rf"(?:{UNITS_OF_TIME}|mins?|hrs?|secs?|ms|h|s)\b|"
    r"\b(?:until|indefinite\w*|permanent\w*|forever|lifetime|century|decade|from .{3,40} (?:to|until))\b|\d{4} ?[–-] ?\d{2,4}|"
    r"\bsince\b.{1,60}\d{4}|\bborn\b.{1,60}\d{4}|"
    r"\b(?:in|within|for|over|takes?) (?:only |just |mere |a matter of )*"
    r"(?:seconds|minutes|hours|days|weeks|months|years|decades|centuries)\b|"
    r"[\d一二三四五六七八九十]+ ?[年月天日]",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"\b(?:because|due to|owing to|since|so that|in order to|to (?:avoid|prevent|ensure|reduce|allow|protect|keep|make|"
    r"help|give)|"
    r"therefore|thus|hence|reasons?|caused?|causes|as a result|leads? to|result(?:s|ed)? (?:in|from)|thanks to|weil|denn|"
    r"damit|deshalb|"
    r"parce que|car|porque|perché)\b",
    re.IGNORECASE,
)
_STEPS = re.compile(
    r"`[^`\n]+`|^[ \t]*+(?:\$|>|#) ?\S|\s--?[a-z][\w-]+|^[ \t]*+(?:[-*•]|\(?\d{1,2}[.)])?[ \t]*+(?:to\b.{3,80},|use|run|"
    r"set|add|open|click|select|press|install|create|pass|enter|choose|go|type|call|submit|send|remove|delete|make|turn|put|take|write)\b|"
    r"\b(?:you|users?|one) (?:can|may|must|should|need|have to)\b|\bby \w+ing\b|\bcan be \w+ed\b",
    re.IGNORECASE | re.MULTILINE,
)
_DEFINES = re.compile(
    r"\b(?:is|are|was|were|means?|refers? to|denotes?|describes?|stands for|defined as|called|known as|consists? of|ist|"
    r"sind|bedeutet|"
    r"est|sont|désigne|es|son)\b",
    re.IGNORECASE,
)
# Asks for the name of a thing, and tells it.
_CALLED = re.compile(
    r"\b(?:called|named|known as)\W*$|"
    r"^\W*(?:comment s['’]appel|wie (?:hei(?:ß|ss)|nennt man)|cómo se llama|come si chiama|hoe heet)",
    re.IGNORECASE,
)
_CALLS = re.compile(
    r"\b(?:called|named|known as|termed|name (?:is|was|for|of)|appelée?s?|nommée?s?|genannt|hei(?:ß|ss)t|namens|llamad[oa]s?|"
    r"chiamat[oaie]|genaamd|heet)\b",
    re.IGNORECASE,
)
# Asks for an amount of money, and tells it: by a currency, or a number such as 12.50.
_ASKS_FOR_MONEY = re.compile(
    r"^(?!.*\b(?:how (?:many|long)|percent\w*|proportion|wie viele|combien de|cuánt[oa]s)\b).*"
    r"\b(?:costs?|prices?|priced|salary|wages?|penalty|rents?|fees?|paid|pay|charged?|earns?|spen[dt]|kostet?|kosten|preis|coûte\w*|"
    r"prix|cuestan?|precio|costan?|prezzo)\b",
    re.IGNORECASE | re.DOTALL,
)
_CURRENCY = "[$€£¥₩₹₽₺₪%]"
_MONEY = re.compile(
    rf"{_CURRENCY} ?\d|\d ?{_CURRENCY}|\d ?[A-Z]{{3}}\b|\b[A-Z]{{3}} ?\d|(?<![\w.,–-])\d{{1,3}}(?:[.,]\d{{2,3}})+(?![\w–-]| [a-z])|"
    r"\d (?:per|an?|each)\b|(?i:\b(?:costs?|prices?|fees?|rent|salary|wages?|paid|pays?|worth|charged?):? (?:is |of |was |at )?\d|"
    r"\b(?:R[sp]|kr|zł|Kč|Ft|dollars?|euros?|pounds?|pence|cents?|francs?|franken|marks?|yen|yuan|won|rupees?|rupiah|ringgit|"
    r"baht|dongs?|pesos?|reais|real|rands?|lira|dirhams?|dinars?|riyals?|shekels?|ro?ubles?|hryvnia|crowns?|kron(?:a|e|en|er|or)|"
    r"koruny?|zloty|forints?|shillings?|guineas?|guilders?|florins?|ducats?|millions?|billions?|free|percent)\b)",
)
_WORD = re.compile(r"[^\W_][\w'’&-]*")
_ADDRESS = re.compile(r"<?\bhttps?://\S+")
_UNCASED = re.compile(r"[\u0590-\u08ff\u0900-\u1cff\u2e80-\u9fff\uac00-\ud7ff]")
_NO_NAMES = frozenset("i monday tuesday wednesday thursday friday saturday sunday".split()) | frozenset(
    _MONTHS.split("|")
)
_POINTS_BACK = re.compile(
    r"(?<!\W)\W*+(?:this|that|these|those|it|they|he|she|there|such|here|its|their|his|her|then|thus|however|instead|"
    r"for example)\b",
    re.I,
)
_SENTENCE_END = re.compile(r"[.!?:]['\"”’)\]\d]*\s+$")


def holds(kind: Kind, text: str, question: str, *, is_row: bool = False) -> bool:
    """Whether a text holds a thing of this kind that the question does not say itself. True for a kind that no text can lack.

    is_row: whether it is a row of a table, whose head has the unit of its numbers.
    """
    if kind is Kind.NUMBER:
        told = is_row or not _asks_for_money(question) or bool(_MONEY.search(text))
        return told and bool(amounts_in(text, question))
    if kind is Kind.CODE:
        code = _PHONE_NUMBER if _ASKS_FOR_PHONE.search(question) else _DIGIT
        return bool(code.search(_DATE.sub(" ", _without(_numbers(question), text))))
    if kind is Kind.EMAIL:
        return bool(re.search(r"[\w.+-]+@[\w-]+\.\w", text))
    if kind is Kind.DURATION:
        return bool(_LASTS.search(text)) or is_row and bool(amounts_in(text, question))
    if kind is Kind.DATE:
        return (
            bool(_DATE.search(_without(_dates(question), text)))
            or bool(_OCCASION.search(_without(_names(question), text)) or _CLOCK.search(text))
            and not _happened(question)
        )
    if kind is Kind.TIME:
        return bool(_CLOCK.search(text))
    if kind in NAMED:
        return has_new_name(text, question)
    if kind is Kind.REASON:
        return bool(_REASON.search(text))
    if kind is Kind.STEPS:
        return bool(_STEPS.search(text))
    if kind is Kind.DEFINITION:
        return bool((_CALLS if asks_for_name(question) else _DEFINES).search(text))
    return True


@once_a_question
def amounts_in(text: str, question: str) -> Sequence[str]:
    """What follows each number of a text that may be an amount: none of a year, a reference, or what the question says itself."""
    told = _YEAR.sub(" ", _COUNTS_NOTHING.sub(" ", _without(_numbers(question), text)))
    if not _COUNTS.search(question):
        told = _HARDLY_AMOUNTS.sub(" ", told)
    return [told[match.end() :] for match in _AMOUNT.finditer(told)]


@once_a_question
def asks_for_name(question: str) -> bool:
    """Whether a question asks what something is called."""
    return kind_asked(question) is Kind.DEFINITION and bool(_CALLED.search(question))


def points_back(text: str) -> bool:
    """Whether a text begins with a word that takes its meaning from the sentence before."""
    return bool(_POINTS_BACK.match(text))


def has_new_name(text: str, question: str) -> bool:
    """Whether a text has a name, told by its capital letter, that the question does not have; True of a script without them."""
    if _UNCASED.search(text):
        return True
    text = _ADDRESS.sub(" ", text)
    asked = _words(question)
    common = common_words("en")
    for word in _WORD.finditer(text):
        written = word.group()
        if not written[0].isupper() or written.casefold() in asked or written.casefold() in _NO_NAMES:
            continue
        before = text[: word.start()]
        opens = not before.strip(" \t\n\"'“‘([*-•|") or bool(_SENTENCE_END.search(before))
        if not opens or written.casefold() not in common and _capital_follows(text, word.end()):
            return True
    return False


def _capital_follows(text: str, end: int) -> bool:
    following = re.match(r"[ .]{1,2}([^\W\d_])", text[end : end + 3])
    return bool(following and following[1].isupper())


@once_a_question
def _asks_for_money(question: str) -> bool:
    return bool(_ASKS_FOR_MONEY.search(question))


@once_a_question
def _happened(question: str) -> bool:
    """Whether a question asks when something was or will be, which only a date tells."""
    return bool(
        re.search(
            r"\b(?:did|was|were|had)\b|\b(?:takes? place|held|scheduled|date|year|day|month|century|deadline)\b",
            question,
            re.IGNORECASE,
        )
    )


@once_a_question
def _words(question: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in _WORD.findall(question))


@once_a_question
def _numbers(question: str) -> Sequence[str]:
    return _longest_first(_NUMBER.findall(question))


@once_a_question
def _names(question: str) -> Sequence[str]:
    return _longest_first(question[slice(*span)] for span in names_in(question))


@once_a_question
def _dates(question: str) -> Sequence[str]:
    return _longest_first([*_numbers(question), *(match.group() for match in _DATE.finditer(question))])


def _longest_first(parts: Iterable[str]) -> Sequence[str]:
    return sorted(set(parts), key=len, reverse=True)


def _without(parts: Sequence[str], text: str) -> str:
    """A text without what the question says already. parts: the longest first."""
    for part in parts:
        if part in text:
            text = re.sub(rf"(?<![\w.,]){re.escape(part)}(?!\w|[.,]\d)", " ", text)
    return text
