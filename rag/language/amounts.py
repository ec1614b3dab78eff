"""Amounts as texts write them: numbers that count or measure something, and those of the sort that a question asks for."""

import re
from collections.abc import Iterable, Sequence

from rag.language.asked import UNITS_OF_TIME, Kind, by_first_letter, cached_by_question, kind_asked
from rag.language.dates import CLOCK, MONTHS, SHORT_MONTHS, YEAR
from rag.language.patterns import lazy_pattern

_DIGIT = lazy_pattern(r"\d")
_NUMBER = lazy_pattern(r"\d[\d.,:/-]*\d|\d")
NUMBER_WORDS = by_first_letter(
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|"
    "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundreds?|thousands?|millions?|billions?|dozens?|twice|half|quarter|third|"
    "zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf|hundert|tausend|deux|trois|quatre|cinq|sept|huit|neuf|dix|"
    "cent|mille|"
    "dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|cien|mil|one|single|none|no|zero|never|once"
)
# Numbers that count nothing: references, places in a document, identifiers, links.
_COUNTS_NOTHING = lazy_pattern(
    r"\[[\d,\s–-]+\]|https?://\S+|\b(?:table|figure|fig\.|section|sec\.|chapter|pages?|pp?\.|article|art\.|clause|step|"
    r"volume|vol\.|exhibit|schedule|annex|form|"
    r"version|appendix|item|paragraph|rule|regulation|directive|ordinance|resolution|act|law|règlement|résolution|loi|décret|"
    r"demande|verordnung|gesetz|no\.|nr\.|n°)\s*\d[\w.()–-]*|§+\s*[\d.]+|\b[A-Za-z]+[-–_]?\d[\w–-]*|\b\d+(?:[-–]\d+){2,}\b|\b\dd\b|"
    r"(?<=[^\W\d] )\(\d\)(?= )|"
    r"^\s*\(?\d{1,3}[.)]\s|(?<=\s)\d{1,2}\.\s(?=(?-i:[A-Z]))",
    re.IGNORECASE,
)
_AMOUNT = lazy_pattern(rf"\d[\d.,]*|\b(?:{NUMBER_WORDS})\b|[二三四五六七八九十百千万亿两]", re.IGNORECASE)
# A number of things may be told by these; a price, a rate or a size is not.
_HARDLY_AMOUNTS = lazy_pattern(r"\b(?:one|single|none|no|never|once)\b", re.IGNORECASE)
_SPAN_OF_TIME = (
    rf"\b(?i:(?:\d+(?:[.,]\d+)?|{NUMBER_WORDS})(?:-? (?:and|or|to) (?:\d+|{NUMBER_WORDS}))?[ -](?:{UNITS_OF_TIME}))\b"
)
_COUNTS = lazy_pattern(
    r"\b(?:how (?:many|often)|wie (?:viele|oft)|combien (?:de|y a)|cuánt[oa]s|quant[ie])\b|\bcombien d['’]",
    re.IGNORECASE,
)
# Asks for an amount of money, and tells it: by a currency, or a number such as 12.50.
_ASKS_FOR_MONEY = lazy_pattern(
    r"^(?!.*\b(?:how (?:many|long)|percent\w*|proportion|wie viele|combien de|cuánt[oa]s)\b).*"
    r"\b(?:costs?|prices?|priced|salary|wages?|penalty|rents?|fees?|paid|pay|charged?|earns?|spen[dt]|"
    r"(?:sub|grand )total|bill(?:ed)?|invoiced|amount due|balance|VAT|revenues?|turnover|income|earnings|profits?|"
    r"money|donat\w+|"
    r"kostet?|kosten|preis|(?:be|ge)?zahl(?:en|t|te)|beitrag|gebühr(?:en)?|coûte\w*|prix|pa(?:yer|ie|yé)|cuestan?|precio|pag(?:ar|a|o)|"
    r"costan?|prezzo|pagare|pagato)\b",
    re.IGNORECASE | re.DOTALL,
)
# Such amounts are also told as a share of something.
_MAY_BE_SHARE = lazy_pattern(r"\b(?:penalty|rents?|fees?|charged?|VAT|tax)\b", re.IGNORECASE)
_CURRENCY = "[$€£¥₩₹₽₺₪]"
_CODE = (
    "USD|EUR|GBP|CHF|JPY|CNY|RMB|AUD|CAD|NZD|SEK|NOK|DKK|ISK|PLN|CZK|HUF|RON|BGN|UAH|RUB|TRY|INR|PKR|IDR|MYR|SGD|HKD|THB|PHP|VND|"
    "KRW|BRL|MXN|ARS|CLP|COP|PEN|ZAR|NGN|KES|EGP|ILS|AED|SAR|QAR|KWD"
)
_MONEY = lazy_pattern(
    rf"{_CURRENCY} ?\d|\d ?{_CURRENCY}|\d ?(?:{_CODE})\b|\b(?:{_CODE}) ?\d|"
    r"(?<![\w.,–-])\d{1,3}(?:[.,]\d{2,3})+(?![\w–-]| ?%| [a-z])|"
    r"\d (?:per|an?|each)\b|(?i:\b(?:costs?|prices?|fees?|rent|salary|wages?|paid|pays?|worth|charged?):? (?:is |of |was |at )?\d|"
    r"\b(?:R[sp]|kr|zł|Kč|Ft|dollars?|euros?|pounds?|pence|cents?|francs?|franken|marks?|yen|yuan|won|rupees?|rupiah|ringgit|"
    r"baht|dongs?|pesos?|reais|real|rands?|lira|dirhams?|dinars?|riyals?|shekels?|ro?ubles?|hryvnia|crowns?|kron(?:a|e|en|er|or)|"
    r"koruny?|zloty|forints?|shillings?|guineas?|guilders?|florins?|ducats?|millions?|billions?|free)\b)",
)
# Asks for a part of a whole, and tells it.
_ASKS_FOR_SHARE = lazy_pattern(
    r"\b(?:percent\w*|per cent|proportion|(?:interest|tax|VAT|growth|inflation|unemployment|error|success|turnout) rate|prozent\w*|"
    r"pourcentage|porcentaje|percentuale)\b",
    re.IGNORECASE,
)
_SHARE = lazy_pattern(
    rf"\d ?(?:%|‰)|\b(?:percent|per cent|pct|prozent|pour cent|por ciento|per cento|half|thirds?|quarters?|fifths?|tenths?|none|"
    r"all|basis points)\b|(?<![\d.,$€£])0[.,]\d|"
    rf"\b(?:\d+|{NUMBER_WORDS}) (?:in|of|out of) (?:every |the )?(?:\d+|{NUMBER_WORDS})\b",
    re.IGNORECASE,
)
_MEASURES = "lbs?|kg|g|mg|oz|ft|in|mi|m|cm|mm|km|L|l|ml|gal|mph|km/h|hp|kW|kWh|W|V|Ah|MB|GB|TB|°[CF]?"
# What counts no things: money, shares, times of day, spans of time, measures.
_NO_COUNT = lazy_pattern(
    rf"\d+(?:[.,]\d+| \d{{3}})* ?(?:(?i:{UNITS_OF_TIME})|{_MEASURES})(?![\w/])|{_CURRENCY} ?\d[\d.,]*|\b(?:{_CODE}) ?\d[\d.,]*|"
    rf"\d[\d.,]* ?(?:{_CURRENCY}|%|(?i:percent|per cent)\b)|(?i:{CLOCK.pattern})|"
    f"{_SPAN_OF_TIME}",
)
_MONTH = by_first_letter(f"{MONTHS}|{SHORT_MONTHS}")
# What is no amount of anything: days of a month, dates, places in an order, telephone numbers, houses of a street.
_NO_AMOUNT = lazy_pattern(
    rf"\b(?i:{_MONTH})\b\.? \d{{1,2}}(?:st|nd|rd|th)?\b|"
    rf"\b\d{{1,2}}(?:st|nd|rd|th|\.)? (?i:of )?(?i:{_MONTH})\b|"
    r"\b\d+(?:st|nd|rd|th)\b|\b(?i:first|second|third|fourth|last|this|each) (?i:quarters?|half|part(?:y|ies)|person)\b|"
    r"(?<![\w.])\d{1,4}(?:\.\d{1,2}\.|/\d{1,2}/|-\d{1,2}-)\d{2,4}\b|\(\d{2,4}\)[ -]?\d[\d -]{4,}|\+\d[\d ()-]{6,}|"
    r"\b(?:\d+/)?\d{1,5} (?:[A-Z][\w.'’-]* ){1,4}(?:St|Street|Ave|Avenue|Road|Rd|Blvd|Boulevard|Lane|Ln|Drive|Dr|Court|"
    r"Ct|Square|Sq)\b|\b\d{1,5}, ?(?:rue|avenue|boulevard|chemin|place|allée|route|impasse|quai)\b|"
    r"\b[A-Z]{2} \d{5}\b|^\W*\d{1,3} (?=[A-Z][a-z])"
)


def holds_amount(text: str, question: str, *, is_row: bool) -> bool:
    """Whether a text has an amount such as a question asks for.  is_row: of a table, whose head has the unit of its numbers."""
    return _is_of_sort(text, question, is_row) and bool(amounts_in(text, question))


def _is_of_sort(text: str, question: str, is_row: bool) -> bool:
    """Whether a text tells money or a share where a question asks for that, or a row a number without a unit."""
    if is_row and _asks_for_money(question) and _DIGIT.search(_NO_COUNT.sub(" ", text)):
        return True
    if _asks_for_share(question):
        return is_row or bool(_SHARE.search(text))
    if _asks_for_money(question):
        return bool(_MONEY.search(text) or _MAY_BE_SHARE.search(question) and _SHARE.search(text))
    return True


@cached_by_question
def amounts_in(text: str, question: str) -> Sequence[str]:
    """What follows each number of a text that may be an amount: none of a date, a reference, or what the question says itself.

    For a question how many there are, none of money, of a share or of a time either.
    """
    told = YEAR.sub(" ", _COUNTS_NOTHING.sub(" ", _NO_AMOUNT.sub(" ", without(numbers_in(question), text))))
    if (no_amount := _no_amount_to(question)) is not None:
        told = no_amount.sub(" ", told)
    return [told[match.end() :] for match in _AMOUNT.finditer(told)]


@cached_by_question
def _no_amount_to(question: str) -> re.Pattern[str] | None:
    if not _COUNTS.search(question):
        return _HARDLY_AMOUNTS
    is_of_money = _asks_for_money(question) or _asks_for_share(question) or _MONEY.search(question)
    return None if is_of_money or kind_asked(question) is Kind.DURATION else _NO_COUNT


@cached_by_question
def _asks_for_money(question: str) -> bool:
    return bool(_ASKS_FOR_MONEY.search(question))


@cached_by_question
def _asks_for_share(question: str) -> bool:
    return bool(_ASKS_FOR_SHARE.search(question))


@cached_by_question
def numbers_in(question: str) -> Sequence[str]:
    """The numbers of a question, the longest first."""
    return longest_first(_NUMBER.findall(question))


def longest_first(parts: Iterable[str]) -> Sequence[str]:
    """Each part once, the longest first, so that none is taken out of another."""
    return sorted(set(parts), key=len, reverse=True)


def without(parts: Sequence[str], text: str) -> str:
    """A text without what the question says already. parts: the longest first."""
    for part in parts:
        if part in text:
            text = re.sub(rf"(?<![\w.,]){re.escape(part)}(?!\w|[.,]\d)", " ", text)
    return text
