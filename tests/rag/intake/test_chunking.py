"""Passages of whole sentences with exact positions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.types import Span
from rag.intake.chunking import Chunk, chunk
from rag.language.sentences import split_sentences
from rag.shared.types import Block, PageBreak, Section
from tests.counted import Counted

pytestmark = pytest.mark.medium


def plain(text: str, size: int = 60, overlap: int = 1) -> list[Chunk]:
    return chunk(text, [Section(0, 0, len(text), ())], size=size, overlap=overlap)


def quotes(text: str, spans: tuple[Span, ...]) -> list[str]:
    return [text[start:end] for start, end in spans]


def test_whole_sentences_are_packed_up_to_the_size() -> None:
    text = "One is here. Two is here. Three is here. Four is here."
    assert [text[slice(*passage.span)] for passage in plain(text, size=28, overlap=0)] == [
        "One is here. Two is here.",
        "Three is here. Four is here.",
    ]


def test_a_passage_repeats_the_last_sentence_of_the_one_before() -> None:
    text = "One is here. Two is here. Three is here. Four is here."
    passages = plain(text, size=28, overlap=1)
    assert [quotes(text, passage.sentences) for passage in passages] == [
        ["One is here.", "Two is here."],
        ["Two is here.", "Three is here."],
        ["Three is here.", "Four is here."],
    ]


def test_an_overlap_that_does_not_fit_is_left_out() -> None:
    text = "A sentence that is fairly long for this. Another sentence that is long as well."
    assert [len(passage.sentences) for passage in plain(text, size=45)] == [1, 1]


def test_a_sentence_longer_than_a_passage_is_cut_at_blanks() -> None:
    text = "word " * 200
    passages = plain(text, size=50, overlap=0)
    assert all(end - start <= 50 for start, end in (passage.span for passage in passages))
    assert " ".join(text[slice(*passage.span)] for passage in passages) == text.strip()


def test_a_very_long_block_is_cut_stretch_by_stretch_and_nothing_of_it_is_lost() -> None:
    text = "letter " * 30_000 + "x" * 210_000
    passages = plain(text, size=600, overlap=0)
    assert all(end - start <= 600 for start, end in (passage.span for passage in passages))
    assert "".join(text[slice(*passage.span)] for passage in passages).replace(" ", "") == text.replace(" ", "")
    words = " ".join(text[slice(*passage.span)] for passage in passages).split(" ")
    assert words[:30_000] == ["letter"] * 30_000


@pytest.mark.parametrize("text", ["x" * 1000, "漢字" * 500, "\u200d" * 300])
def test_text_without_blanks_is_cut_anyway(text: str) -> None:
    passages = plain(text, size=50, overlap=0)
    assert "".join(text[slice(*passage.span)] for passage in passages) == text


def test_passages_do_not_cross_sections_and_headings_are_no_sentences() -> None:
    text = "# First\n\nAlpha is one.\n\n# Second\n\nBeta is two.\n"
    first = text.index("# Second")
    sections = [Section(0, 8, first, ("First",)), Section(first, first + 9, len(text), ("Second",))]
    passages = chunk(text, sections, size=600, overlap=1)
    assert [(passage.section, quotes(text, passage.sentences)) for passage in passages] == [
        (("First",), ["Alpha is one."]),
        (("Second",), ["Beta is two."]),
    ]
    assert text[slice(*passages[1].span)] == "# Second\n\nBeta is two."


def test_a_heading_with_nothing_under_it_is_kept() -> None:
    text = "# Alone\n"
    [passage] = chunk(text, [Section(0, 8, 8, ("Alone",))], size=600, overlap=1)
    assert text[slice(*passage.span)] == "# Alone"


def test_nothing_comes_of_empty_text() -> None:
    assert plain("") == [] and plain(" \n\n ") == []


@settings(max_examples=200)
@given(
    st.text(alphabet=st.sampled_from(list("ab .!?\n\t\"')”。漢🙂-1A#")), max_size=400),
    st.integers(5, 80),
    st.integers(0, 3),
)
def test_passages_cover_the_text_in_order_and_reproduce_their_sentences(text: str, size: int, overlap: int) -> None:
    passages = plain(text, size, overlap)
    covered: set[int] = set()
    starts = []
    for passage in passages:
        starts.append(passage.span.start)
        assert passage.span.start == passage.sentences[0].start and passage.span.end == passage.sentences[-1].end
        for start, end in passage.sentences:
            assert text[start:end] == text[start:end].strip() != ""
            covered.update(range(start, end))
        assert len(passage.sentences) == 1 or passage.span.end - passage.span.start <= size
    assert starts == sorted(starts)
    assert all(text[place].isspace() for place in set(range(len(text))) - covered)


def test_blocks_are_not_joined_and_whole_ones_not_cut() -> None:
    text = "One is\nhere. Two.\n\nx = 1. Y = 2.\nz"
    blocks = [Block(0, 17), Block(19, len(text), whole=True)]
    [passage] = chunk(text, [Section(0, 0, len(text), ())], size=600, overlap=0, blocks=blocks)
    assert quotes(text, passage.sentences)[-1] == "x = 1. Y = 2.\nz"


def test_a_passage_stays_on_its_page_and_a_sentence_belongs_to_the_page_it_starts_on() -> None:
    text = "One is here. Two goes over to the next page. Three is there. Four too."
    pages = [PageBreak(0, 4), PageBreak(text.index("to the next"), 5, "v")]
    passages = chunk(text, [Section(0, 0, len(text), ())], size=600, overlap=1, pages=pages)
    assert [(text[slice(*passage.span)], passage.page) for passage in passages] == [
        ("One is here. Two goes over to the next page.", 4),
        ("Three is there. Four too.", 5),
    ]


def test_what_a_section_adds_goes_with_its_passages() -> None:
    text = "Name\tMetres\nArnes\t48\nVik\t112"
    section = Section(0, 11, len(text), ("Bridges",), "Name, Metres")
    blocks = [Block(12, 20, True), Block(21, len(text), True)]
    passages = chunk(text, [section], size=10, overlap=0, blocks=blocks)
    assert [(text[slice(*passage.span)], passage.context) for passage in passages] == [
        ("Name\tMetres\nArnes\t48", "Name, Metres"),
        ("Vik\t112", "Name, Metres"),
    ]


@pytest.mark.parametrize(
    "text",
    ["a" * 450_000, "ab," * 150_000, "." * 450_000, "One is here. " * 35_000, "a line\n" * 65_000, "漢字" * 225_000],
    ids=["letters", "commas", "full stops", "sentences", "lines", "no blanks"],
)
def test_long_texts_are_cut_no_further_than_the_check_allows(text: str) -> None:
    with pytest.raises(InterruptedError):
        chunk(text, [Section(0, 0, len(text), ())], size=600, overlap=1, check=Counted(4))


@pytest.mark.parametrize("text", ["a" * 450_000, "One is here. " * 35_000], ids=["letters", "sentences"])
def test_the_check_is_asked_while_pieces_and_sentences_are_still_looked_for(text: str) -> None:
    """Each ask is within 100,000 characters of the one before, in either pass over the text."""
    check = Counted()
    split_sentences(text, check=check)
    assert check.n >= 4, "while sentences are looked for"
    check, blocks = Counted(), [Block(0, len(text), whole=True)]
    chunk(text, [Section(0, 0, len(text), ())], size=600, overlap=1, blocks=blocks, check=check)
    assert check.n >= 4, "while a long piece is cut"
