"""Subtitles and transcripts."""

import pytest

from rag.parsing.formats import is_plain_text, parse
from tests.rag.parsing.conftest import PathOf, Read

SRT = """1
00:00:01,000 --> 00:00:04,000
Welcome to the tour
of the harbour.

2
00:00:04,500 --> 00:00:08,000
<i>The crane was built in 1901</i>
{\\an8}by Ole Dahl.

3
01:02:09,000 --> 01:02:12,000
It lifts 40 tons.
"""
VTT = """WEBVTT - Tour

NOTE made by hand

intro
00:01.000 --> 00:04.000 align:start
<v Ida>Welcome to the <c.loud>tour</c> of the harbour.</v>

00:04.500 --> 00:06.000
<v Ole>The crane was built in 1901.

00:06.100 --> 00:08.000
<v Ole>It lifts 40 tons.
"""


@pytest.mark.parametrize("name", ["tour.srt", "tour.txt"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_what_is_said_is_running_text_under_its_time(name: str, line_end: str, read: Read, path_of: PathOf) -> None:
    content = SRT.replace("\n", line_end).encode()
    assert not is_plain_text(name, content)
    parsed = read(name, content)
    assert parsed.text == (
        "Welcome to the tour of the harbour. The crane was built in 1901 by Ole Dahl.\n\nIt lifts 40 tons."
    )
    assert path_of(parsed, "Welcome") == ("0:00:01",) and path_of(parsed, "40 tons") == ("1:02:09",)


def test_another_speaker_begins_a_paragraph_that_is_found_by_the_name(read: Read) -> None:
    parsed = read("tour.vtt", VTT.encode())
    assert parsed.text == "Welcome to the tour of the harbour.\n\nThe crane was built in 1901. It lifts 40 tons."
    assert [(section.path, section.context) for section in parsed.sections] == [
        (("0:00:01",), "Ida"),
        (("0:00:04",), "Ole"),
    ]


def test_lines_that_are_shown_again_while_the_next_comes_are_said_once() -> None:
    source = (
        "WEBVTT\n\n00:00.000 --> 00:02.000\nthe crane\n\n00:02.000 --> 00:03.000\nthe crane\nwas built<00:02.500><c> in</c>"
        " 1901\n\n00:03.000 --> 00:04.000\nthe crane\nwas built in 1901\n"
    )
    assert parse("a.vtt", source.encode()).text == "the crane was built in 1901"


def test_a_long_talk_is_cut_at_the_ends_of_sentences() -> None:
    cues = "".join(
        f"{number}\n00:{number:02}:00,000 --> 00:{number:02}:59,000\nThe harbour has seen {number} ships of the line pass by.\n\n"
        for number in range(1, 50)
    )
    parsed = parse("a.srt", cues.encode())
    paragraphs = parsed.text.split("\n\n")
    assert len(paragraphs) == len(parsed.sections) > 3 and all(len(one) < 650 for one in paragraphs)
    assert parsed.sections[1].path == ("0:12:00",) and paragraphs[1].startswith("The harbour has seen 12 ships")


def test_text_that_speaks_of_times_stays_text() -> None:
    source = "1\nThe train leaves at 00:00:01,000 --> platform 4.\n"
    assert parse("a.txt", source.encode()).text == source
