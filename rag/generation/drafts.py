"""What a model has replied so far, as sentences with the numbers that they cite. Tolerant: small models err in form."""

import re
from typing import Any, NamedTuple

from pydantic_core import from_json

_CITED = re.compile(r"\[\s*(S\d+(?:\s*[,;]\s*S\d+)*)\s*\]")
_NUMBER = re.compile(r"S\d+")
_FENCE = re.compile(r"^\s*```(?:json)?|```\s*$")


class Draft(NamedTuple):
    """A sentence as the model wrote it, and the ids of evidence that it cites, as it wrote them."""

    text: str
    evidence: tuple[str, ...]


class Reply(NamedTuple):
    """answerable: False where the model says that what it was given does not answer the question."""

    answerable: bool
    drafts: tuple[Draft, ...]


def read_reply(reply: str, *, is_whole: bool) -> Reply:
    """The sentences that are complete in a reply, of which more may come unless it ``is_whole``.

    JSON as asked for; else lines of text that cite in square brackets.
    """
    value = _json(reply)
    if isinstance(value, dict) and isinstance(value.get("sentences"), list):
        # The last one may still grow, unless its bracket is closed.
        is_closed = is_whole or reply.rstrip().removesuffix(",").endswith("}")
        items = value["sentences"] if is_closed else value["sentences"][:-1]
        drafts = tuple(draft for item in items if (draft := _draft(item)) is not None)
        return Reply(value.get("answerable", bool(value["sentences"]) or not is_whole) is not False, drafts)
    if isinstance(value, dict) and "answerable" in value:
        return Reply(value["answerable"] is not False, ())
    return Reply(True, _lines(reply) if is_whole else ())


def _json(reply: str) -> Any:
    start = _FENCE.sub("", reply).find("{")
    try:
        return from_json(_FENCE.sub("", reply)[start:], allow_partial="trailing-strings") if start >= 0 else None
    except ValueError:
        return None


def _draft(item: Any) -> Draft | None:
    if not isinstance(item, dict) or not isinstance(item.get("text"), str):
        return None
    cited = item.get("evidence")
    ids = [str(number).strip("[] ") for number in cited] if isinstance(cited, list) else []
    ids += _NUMBER.findall(" ".join(_CITED.findall(item["text"])))
    text = _CITED.sub("", item["text"]).strip()
    return Draft(" ".join(text.split()), tuple(dict.fromkeys(ids))) if text else None


def _lines(reply: str) -> tuple[Draft, ...]:
    """Sentences of plain text: each ends with what it cites."""
    drafts, begin = [], 0
    for match in re.finditer(rf"(?:{_CITED.pattern}\s*)+[.!?]?", reply):
        text = " ".join(_CITED.sub("", reply[begin : match.start()]).split()).lstrip("-*• ")
        ids = _NUMBER.findall(match[0])
        if text and ids:
            drafts.append(Draft(text, tuple(dict.fromkeys(ids))))
        begin = match.end()
    return tuple(drafts)
