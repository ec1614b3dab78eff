"""Subtitles and transcripts (SubRip, WebVTT): what is said, as running text under the time at which it is said."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from rag.parsing.structure.builder import TextBuilder, plain
from rag.shared.types import ParsedText

_TIME = r"(?:(\d{1,3}):)?(\d\d):(\d\d)[.,](\d{1,3})"
_CUE = re.compile(rf"[ \t]*{_TIME}[ \t]*-->[ \t]*{_TIME}[^\n]*")
_START = re.compile(r"\s*(?:WEBVTT[^\n]*\n|\d+[ \t]*\n[ \t]*(?:\d{1,3}:)?\d\d:\d\d[.,]\d{1,3}[ \t]*-->)")
_SPEAKER = re.compile(r"<v(?:\.[^ >]*)?\s+([^>]{1,100})>")
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]{0,200}>|<\d[\d:.]{0,20}>|\{\\[^{}\n]{0,100}\}")
_PAUSE_S = 4.0
_LONG = 500  # characters after which a paragraph ends with the next sentence
_LONGEST = 1000
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)\]]*$")


class _Cue(NamedTuple):
    """Text that is shown from one time to another, in seconds."""

    start: float
    end: float
    speaker: str
    text: str


def is_subtitles(beginning: str) -> bool:
    """Whether a text begins as subtitles do."""
    return _START.match(beginning) is not None and _CUE.search(beginning) is not None


def parse_subtitles(text: str, name: str) -> ParsedText:
    """Paragraphs of what is said, each under the time of its first words ("0:12:05"); a pause or another speaker begins one."""
    builder = TextBuilder()
    said: list[_Cue] = []
    for cue in _cues(text):
        if said and _is_apart(said, cue):
            _add(builder, said)
            said = []
        said.append(cue)
    if said:
        _add(builder, said)
    return builder.build(title=name, metadata={})


def _is_apart(said: list[_Cue], cue: _Cue) -> bool:
    length = sum(len(one.text) for one in said)
    return (
        cue.start - said[-1].end > _PAUSE_S
        or bool(cue.speaker)
        and cue.speaker != said[0].speaker
        or length > _LONGEST
        or length > _LONG
        and _SENTENCE_END.search(said[-1].text) is not None
    )


def _add(builder: TextBuilder, said: list[_Cue]) -> None:
    seconds = int(said[0].start)
    time = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    builder.open_section((time,), said[0].speaker)
    builder.add_block(" ".join(one.text for one in said))


def _cues(text: str) -> Iterator[_Cue]:
    lines = text.split("\n")
    last = ""
    at = 0
    while at < len(lines):
        found = _CUE.match(lines[at])
        at += 1
        if found is None:
            continue
        shown = []
        while at < len(lines) and lines[at].strip() and not _CUE.match(lines[at]):
            shown.append(lines[at])
            at += 1
        if at < len(lines) and _CUE.match(lines[at]) and shown and shown[-1].strip().isdecimal():
            shown.pop()  # the number of the next one, without a blank line before it
        source = "\n".join(shown)
        speaker = _SPEAKER.search(source)
        said = plain(_TAG.sub("", source))
        # Captions made by machine say each line again while the next comes.
        said, last = said.removeprefix(last).lstrip(), said
        if said:
            yield _Cue(_seconds(found, 1), _seconds(found, 5), plain(speaker[1]) if speaker else "", said)


def _seconds(found: re.Match[str], first: int) -> float:
    hours, minutes, seconds, fraction = found.group(first, first + 1, first + 2, first + 3)
    return 3600 * int(hours or 0) + 60 * int(minutes) + int(seconds) + float(f"0.{fraction}")
