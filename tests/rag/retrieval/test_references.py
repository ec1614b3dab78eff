"""Questions that refer to a part of a document by its number."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import docx
import pytest
from docx.oxml import parse_xml as element
from docx.oxml.ns import nsdecls

from rag.parsing.formats import parse
from rag.retrieval.references import Named, asks_for_part, find_references, named_sentences
from rag.service import Service
from rag.shared.types import Query

pytestmark = pytest.mark.medium

W = nsdecls("w")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What does clause 7.3 say?", [("7", "3")]),
        ("What does 7.3(b) exclude?", [("7", "3", "b")]),
        ("clauses 7.3 (c)(ii) and section 2", [("7", "3", "c", "ii"), ("2",)]),
        ("What is in Article 12?", [("12",)]),
        ("Was steht in § 4?", [("4",)]),
        ("What changed in 2.0.1?", [("2", "0", "1")]),
        ("Who was born in 1996?", []),
        ("Why did it cost $7.30, or 12.5%?", []),
        ("Did sections grow by 40 percent?", []),
        ("Is the particle 5 nm wide?", []),
    ],
)
def test_numbers_of_parts_are_told_in_questions(question: str, expected: list[tuple[str, ...]]) -> None:
    assert find_references(question) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What does clause 7.3 say?", True),
        ("clause 7.3(b)", True),
        ("What is the text of section 4 of the agreement?", True),
        ("What does clause 7.3 say about penguins?", False),
        ("What does the contract say?", False),
    ],
)
def test_a_question_asks_for_a_part_itself_or_for_something_in_it(question: str, expected: bool) -> None:
    assert asks_for_part(question) == expected


CLAUSES = [
    "7.2 Liability is limited.",
    "7.3 The seller is not liable for:",
    "(a) ice;",
    "(b) delay caused by:",
    "(i) strikes;",
    "(ii) storms;",
    "(c) rust.",
    "It may be liable for other things.",
    "7.4 Claims expire.",
]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("7.3", [1, 2, 3, 4, 5, 6, 7]),
        ("7 3 b", [3, 4, 5]),
        ("7 3 b ii", [5]),
        ("7 3 c", [6, 7]),
        ("7 4", [8]),
        ("7", range(9)),
        ("3", []),
    ],
)
def test_a_part_goes_on_until_the_next_one(place: str, expected: Sequence[int]) -> None:
    wanted = tuple(place.replace(".", " ").split())
    named = named_sentences([wanted], CLAUSES, (), "")
    assert [part.sentence for part in named] == [*expected]
    assert [part.sentence for part in named if part.opens] == [*expected][: len(wanted) > 1]


def test_a_passage_that_begins_inside_a_part_says_so_in_its_context() -> None:
    context = "Supply agreement. 7. Liability. 7.3(b). 7.3 The seller is not liable for:"
    assert named_sentences([("7", "3", "c")], CLAUSES[3:], (), context) == [Named(3, True), Named(4, False)]


@pytest.mark.parametrize(
    ("section", "is_in"),
    [
        ("4. Price", True),
        ("Article 4 Price", True),
        ("Chapter 4: Price", True),
        ("4,000 planks", False),
        ("44 Price", False),
    ],
)
def test_what_stands_under_a_numbered_heading_is_that_part(section: str, is_in: bool) -> None:
    assert bool(named_sentences([("4",)], ["The price is 240."], ("Agreement", section), "")) == is_in


@pytest.mark.parametrize("text", ["Article 34 TFEU says so.", "Clause 34 survives.", "34 people came.", "It is in 34."])
def test_a_number_in_running_text_opens_no_part(text: str) -> None:
    assert named_sentences([("34",)], [text], (), "") == []


def contract() -> bytes:
    """A contract whose numbers are Word's: headings "1.", clauses "1.1", items "(a)"."""
    document = docx.Document()
    levels = "".join(
        f'<w:lvl w:ilvl="{at}"><w:start w:val="1"/><w:numFmt w:val="{kind}"/>{style}<w:lvlText w:val="{text}"/></w:lvl>'
        for at, kind, style, text in (
            (0, "decimal", '<w:pStyle w:val="Heading1"/>', "%1."),
            (1, "decimal", "", "%1.%2"),
            (2, "lowerLetter", "", "(%3)"),
        )
    )
    numbering = document.part.numbering_part.element
    numbering.insert(0, element(f'<w:abstractNum {W} w:abstractNumId="90">{levels}</w:abstractNum>'))
    numbering.append(element(f'<w:num {W} w:numId="90"><w:abstractNumId w:val="90"/></w:num>'))
    properties = document.styles["Heading 1"].element.get_or_add_pPr()
    properties.append(element(f'<w:numPr {W}><w:numId w:val="90"/></w:numPr>'))
    document.add_heading("Supply agreement", 0)
    for heading, clauses in (
        ("Delivery", ["1The goods go to the yard at Vik.", "1Delivery takes place within 15 days of an order."]),
        ("Price", ["1The price is 240 euros a plank.", "1It rises once a year by no more than inflation."]),
        ("Quality", ["1The planks must be free from rot.", "1The buyer inspects them within five days."]),
        (
            "Liability",
            [
                "1Nothing limits liability for personal injury.",
                "1Subject to clause 4.1 the liability of each party is limited to 500,000 euros.",
                "1The supplier is not liable for:",
                "2loss of profit;",
                "2damage caused by wet storage;",
                "2ice on the fjord.",
            ],
        ),
        ("Termination", ["1Either party may terminate if the other is insolvent.", "1Clause 4 survives termination."]),
    ):
        document.add_heading(heading, 1)
        for clause in clauses:
            paragraph = document.add_paragraph(clause[1:])._p.get_or_add_pPr()
            paragraph.append(element(f'<w:numPr {W}><w:ilvl w:val="{clause[0]}"/><w:numId w:val="90"/></w:numPr>'))
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def test_a_number_that_belongs_to_the_topic_leads_to_no_list_of_another_document(
    service: Service, tmp_path: Path
) -> None:
    handbook = tmp_path / "handbook.md"
    handbook.write_text("# Handbook\n\nThe United States Trustee appoints the standing trustees of chapter 13 cases.")
    minutes = tmp_path / "minutes.md"
    minutes.write_text("".join(f"{n}. Member {n} spoke of the weather and of the harbour.\n\n" for n in range(1, 15)))
    service.intake.add_paths([handbook, minutes])
    answer = service.ask(Query("Who appoints the chapter 13 standing trustees?"))
    assert answer.passages[0].document.title == "Handbook"


def test_a_part_that_is_not_there_is_not_made_sure_of(service: Service, tmp_path: Path) -> None:
    (tmp_path / "contract.docx").write_bytes(contract())
    service.intake.add_paths([tmp_path / "contract.docx"])
    stored, missing = (service.ask(Query(f"What is said in section {number}?")) for number in ("3.1", "3.9"))
    assert stored.confidence >= 0.8 > missing.confidence


@pytest.mark.slow
@pytest.mark.parametrize(
    ("question", "answer", "section"),
    [
        ("What does clause 1.2 say?", "1.2 Delivery takes place within 15 days of an order.", "1. Delivery"),
        ("What is said in section 3.1?", "3.1 The planks must be free from rot.", "3. Quality"),
        ("What does clause 4.3 say?", "4.3 The supplier is not liable for:", "4. Liability"),
        ("What is excluded by 4.3(b)?", "(b) damage caused by wet storage;", "4. Liability"),
        ("What does clause 5.2 say?", "5.2 Clause 4 survives termination.", "5. Termination"),
    ],
)
def test_a_clause_is_found_by_the_number_that_word_shows(
    service: Service, tmp_path: Path, question: str, answer: str, section: str
) -> None:
    (tmp_path / "contract.docx").write_bytes(contract())
    service.intake.add_paths([tmp_path / "contract.docx"])
    asked = service.ask(Query(question))
    assert asked.answer is not None and asked.answer.text.startswith(answer)
    assert asked.passages[0].section == ("Supply agreement", section)
    assert all(upper.score >= lower.score for upper, lower in zip(asked.passages, asked.passages[1:], strict=False))
    first = asked.passages[0]
    start = first.citation.span.start
    assert {first.text[mark.start - start : mark.end - start] for mark in first.highlights} == {*asked.answer.sentences}


def test_a_record_of_a_file_is_no_chapter() -> None:
    parsed = parse("talks.json", json.dumps({"talks": [{"keeper": "Otter"}] * 14}).encode())
    assert len(parsed.sections) == 14
    for wanted in (find_references("Who keeps chapter 13?"), find_references("Who keeps item 13?")):
        assert not any(named_sentences(wanted, ["keeper: Otter"], section.path, "") for section in parsed.sections)
