"""Numbers and dates of a sheet as their format shows them, where that tells more: unit, currency, decimals, leading zeros."""

import datetime
import re

_TOKEN = re.compile(
    r'"([^"]*)"|\\(.)|\[\$([^\]-]*)(?:-[^\]]*)?\]|(\[[^\]]*\])|[_*].|([0#?][0#?,.]*|\.[0#?]+)|(General)|([eE][+-])|(.)',
    re.S,
)
_COLOUR = re.compile(r"\[(?:black|blue|cyan|green|magenta|red|white|yellow|color ?\d+)\]", re.I)
_UNSHOWN = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|[_*].')
_MOST_DECIMALS = 15


def number(value: float, number_format: str) -> str:
    """A number with what the format sets around it, its decimals and leading zeros; in full where the format is of no such kind.

    Thousands are not set apart, as the sign for that is each reader's own, and a negative number has a minus.
    """
    plain = f"{value:.15g}" if isinstance(value, float) else str(value)
    if not number_format or number_format == "General":
        return plain
    before, digits, after, percent = "", "", "", False
    for found in _TOKEN.finditer(_first_section(number_format)):
        quoted, escaped, currency, bracket, pattern, general, exponent, other = found.groups()
        if general or exponent or bracket and not _COLOUR.fullmatch(bracket) or other in ("/", "@"):
            return plain
        if pattern and digits:
            return plain
        digits = digits or pattern or ""
        literal = next((one for one in (quoted, escaped, currency, other) if one is not None), "")
        percent = percent or other == "%"
        if digits:
            after += literal
        else:
            before += literal
    if not digits:
        return plain
    scaled = abs(value) * (100 if percent else 1) / 1000 ** (len(digits) - len(digits.rstrip(",")))
    whole, _, decimals = digits.partition(".")
    fixed, most = decimals.count("0"), min(sum(decimals.count(one) for one in "0#?"), _MOST_DECIMALS)
    shown = f"{scaled:.{most}f}"
    if most > fixed:
        kept = shown.rstrip("0")
        shown = kept + "0" * max(fixed - len(kept.partition(".")[2]), 0)
        shown = shown.rstrip(".")
    shown = shown.zfill(whole.count("0") + len(shown) - len(shown.partition(".")[0]))
    sign = "-" if value < 0 and shown.strip("0.") else ""
    return " ".join(f"{sign}{before.strip('()+-')}{shown}{after.strip('()')}".split())


def date(value: datetime.date, number_format: str) -> str:
    """A date in ISO 8601, without the day where the format shows none; with the time of day where it has one."""
    if isinstance(value, datetime.datetime):
        if value.time() != datetime.time():
            return value.isoformat(" ", "seconds" if value.second else "minutes")
        value = value.date()
    shown = _UNSHOWN.sub("", number_format).lower()
    if "y" in shown and "d" not in shown:
        return value.isoformat()[: 7 if "m" in shown else 4]
    return value.isoformat()


def _first_section(number_format: str) -> str:
    position = 0
    for found in _TOKEN.finditer(number_format):
        if found[0] == ";":
            return number_format[:position]
        position = found.end()
    return number_format
