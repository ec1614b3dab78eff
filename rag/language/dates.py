"""Dates and times of day as texts write them: patterns of the languages whose words are stemmed."""

import re

from rag.language.asked import UNITS_OF_TIME, by_first_letter
from rag.language.patterns import lazy_pattern

MONTHS = (
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
SHORT_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec"
WEEKDAYS = "(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
YEAR = lazy_pattern(r"(?<![\d.,$€£¥])(?:1[5-9]|20)\d\d(?![\d%]|[.,]\d)")
DATE = lazy_pattern(
    rf"(?<![\w.,$€£¥/–-])(?:FY)?(?:1\d|20)\d\d(?:s\b|(?![\d%]|[.,]\d| ?[-–] ?\d+ ?[-–] ?\d))|"
    r"(?<![\d./-])\d{1,4}(?:\.\d{1,2}\.|/\d{1,2}/|-\d{1,2}-)\d{2,4}(?![\d./-]\d)|"
    rf"\b\d{{1,2}}[-./](?:{SHORT_MONTHS})[-./]\d{{2,4}}\b|\b\d{{1,4}} BCE?\b|"
    rf"\b\d+ (?:million |billion )?(?:{UNITS_OF_TIME}) ago\b|"
    rf"\b(?:{by_first_letter(MONTHS)})\b|\b\d{{1,2}} (?:{SHORT_MONTHS})\b|\b(?:{SHORT_MONTHS})\.? \d{{1,2}}\b|\b{WEEKDAYS}\b|"
    r"\b(?:\d{1,2}(?:st|nd|rd|th)|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|\w+teenth|twentieth)"
    r"[- ]centur(?:y|ies)\b|\b(?:dynast(?:y|ies)|middle ages|antiquity|(?:stone|bronze|iron|ice) age)\b|\d{1,4} ?年|\d{1,2} ?月",
    re.IGNORECASE,
)
CLOCK = lazy_pattern(
    r"\b\d{1,2}[:.h]\d\d(?!\d)|\b\d{1,2}(?::\d\d)? ?(?:a\.?m\b|p\.?m\b|uhr\b|o'clock|heures?\b|h\b)|"
    r"\b(?:noon|midnight|midday|dawn|dusk|sunset|sunrise)\b|"
    r"\bat (?:\d{1,2}|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)(?=[.,;!?)]|$| (?:in the|on|every|each|and)\b)",
    re.IGNORECASE,
)
