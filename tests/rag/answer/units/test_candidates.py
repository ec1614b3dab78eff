"""Which unit wins: the row of what is asked for, the command under its lead-in, the line that holds the thing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.service import Service
from rag.shared.config import Config
from rag.shared.types import Answer, Query

pytestmark = pytest.mark.model

TABLE = """# Lamps sold

The figures below are of lamps sold in each town, by colour, as told by the shops.

| Town | Red lamps | Blue lamps |
|---|---|---|
| Alden | 118 | 2,204 |
| Alder | 93 | 4,017 |
| Aldin | 12 | 977 |
| Total | 223 | 7,198 |
"""
MANUAL = """# Lampctl

Lamps may be renewed with `lampctl renew`, or made again from nothing with `lampctl make`.

To renew all lamps:

```console
$ lampctl renew --all
```

Renewing lamps keeps their colours, which making lamps does not.
"""
LETTER = """# Fair

We are happy to announce the fair of the lamp makers. There will be music, a market and lamps.

The fair of the lamp makers has a growing number of visitors. Last year the fair of the lamp makers had 320 visitors.
"""


SHEET = """# Data of rods

Colour of the rods.

Those that we sell for ships are as yellow as brass, and for houses as white as the rods of a church.
"""
PLAN = """# Care of the red lamp

The plan is:

- Headlight: clean it with 2 spoons of oil
- Wick: raise it from 10 mm to 20 mm once a day
- Glass: turn it 3 times
"""
ROOMS = """# Rooms of the inn

- Blue room
  - Bed: one double bed
  - Rent: 40 a night
- Green room
  - Bed: two single beds
  - Rent: 35 a night
- Red room
  - Bed: bunk beds
  - Rent: 20 a night
"""
HOOKS = """# Knitctl

Hooks can be added with `knitctl hook add`. Hooks that fail stop the run. To list hooks, run `knitctl hook list`.

Hooks are small programs that knitctl calls before and after each row, such as to count it.
"""
# Half a year of days, of which no two have the same number.
VISITS = "Date,Guests in the garden\n" + "".join(
    f"2031-{month:02}-{day:02},{100 * month + 10 * day}\n" for month in range(5, 11) for day in range(1, 29)
)
FERRIES = """<h1>Ferries of the bay</h1>
<table>
<tr><th>Ferry</th><th>Cars</th><th>Cyclists</th></tr>
<tr><td colspan=3>In summer</td></tr>
<tr><td>Skua</td><td>31</td><td>120</td></tr>
<tr><td colspan=3>In winter</td></tr>
<tr><td>Gannet</td><td>18</td><td>44</td></tr>
</table>
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("documents")
    for name, text in (
        ("table.md", TABLE),
        ("manual.md", MANUAL),
        ("letter.md", LETTER),
        ("sheet.md", SHEET),
        ("plan.md", PLAN),
        ("ferries.html", FERRIES),
        ("visits.csv", VISITS),
        ("hooks.md", HOOKS),
        ("rooms.md", ROOMS),
    ):
        (folder / name).write_text(text)
    with Service.create(tmp_path_factory.mktemp("store") / "store", Config.from_environment()) as service:
        service.intake.add_paths([Path(folder)])
        yield service


def text_of(answer: Answer) -> str:
    assert answer.answer is not None, answer.confidence
    return answer.answer.text


def test_a_table_answers_with_the_row_that_is_asked_for(service: Service) -> None:
    answer = service.ask(Query("How many blue lamps were sold in Alder?"))
    assert "4,017" in text_of(answer) and "2,204" not in text_of(answer) and "977" not in text_of(answer)
    rows = [row for passage in answer.passages for row in passage.rows]
    assert ("Alder", "93", "4,017") in [row.cells for row in rows]


def test_a_row_that_answers_tells_what_its_columns_are_called(service: Service) -> None:
    answer = service.ask(Query("How many blue lamps were sold in Alder?")).answer
    assert answer is not None
    assert answer.parts[0].likeliest
    assert answer.parts[0].cells == (("Town", "Alder"), ("Red lamps", "93"), ("Blue lamps", "4,017"))


def test_a_row_that_answers_tells_what_stands_over_its_group(service: Service) -> None:
    answer = service.ask(Query("How many cyclists does the ferry Gannet take?")).answer
    assert answer is not None
    [part] = [part for part in answer.parts if "44" in part.text]
    assert part.group == "In winter" and part.cells[2] == ("Cyclists", "44")


def test_a_row_that_is_called_by_the_question_answers(service: Service) -> None:
    assert "7,198" in text_of(service.ask(Query("What was the total of blue lamps sold in the towns?")))


def test_a_line_that_only_repeats_the_question_does_not_answer(service: Service) -> None:
    answer = service.ask(Query("What colour do the rods have?")).answer
    assert answer is not None
    assert "yellow" in answer.sentences[0]


def test_steps_are_answered_with_the_command_under_its_lead_in(service: Service) -> None:
    assert "lampctl renew --all" in text_of(service.ask(Query("How do I renew all lamps?")))


def test_a_unit_without_the_number_that_is_asked_for_does_not_win(service: Service) -> None:
    answer = service.ask(Query("How many visitors does the fair of the lamp makers have?")).answer
    assert answer is not None
    assert answer.sentences[0].startswith("Last year")


def test_what_lacks_the_name_that_is_asked_for_is_less_sure(service: Service) -> None:
    there = service.ask(Query("How many blue lamps were sold in Alder?"))
    absent = service.ask(Query("How many blue lamps were sold in Gotham City?"))
    assert absent.confidence < there.confidence - 0.1


def test_the_parts_of_an_answer_are_verbatim_where_they_say(service: Service) -> None:
    answer = service.ask(Query("What will there be at the fair?"))
    assert answer.answer is not None
    for part in answer.answer.parts:
        text = service.text(part.citation.document_id)
        assert text[slice(*part.citation.span)] == part.text == part.citation.cited_text
        assert part.text in answer.passages[part.passage].text


def test_one_item_of_a_list_answers_that_has_the_number(service: Service) -> None:
    answer = text_of(service.ask(Query("To how many mm is the wick raised?")))
    assert "20 mm" in answer and "spoons" not in answer


def test_an_answer_without_the_number_that_is_asked_for_is_not_given(service: Service) -> None:
    assert not service.ask(Query("How much does the fair of the lamp makers cost?")).answered


def test_passages_can_be_passed_over_as_if_they_were_in_no_document(service: Service) -> None:
    evidence = service.inspector.evidence_for(
        "How many visitors did the fair have?", lambda text: "320 visitors" in text
    )
    assert evidence is not None and "320" not in evidence.text


@pytest.mark.parametrize(
    ("asked", "guests"), [("on 7 October 2031", "1070"), ("on June 5th, 2031", "650"), ("am 7. Oktober 2031", "1070")]
)
def test_a_row_of_a_day_answers_a_question_that_writes_the_day_in_words(
    service: Service, asked: str, guests: str
) -> None:
    answer = service.ask(Query(f"How many guests were in the garden {asked}?")).answer
    assert answer is not None
    assert answer.sentences[0].endswith(f": {guests}")


def test_what_a_thing_is_wins_over_what_is_told_of_it_and_stands_alone(service: Service) -> None:
    answer = service.ask(Query("What are hooks in knitctl?")).answer
    assert answer is not None
    assert [sentence[:24] for sentence in answer.sentences] == ["Hooks are small programs"]


def test_an_item_below_the_item_that_is_asked_about_answers_and_is_shown_with_it(service: Service) -> None:
    answer = service.ask(Query("How much is the rent of the green room?")).answer
    assert answer is not None
    [part] = [part for part in answer.parts if part.likeliest]
    assert (part.text, part.group) == ("- Rent: 35 a night", "Green room")
