"""Presentations."""

import pptx
import pytest
from pptx.oxml import parse_xml
from pptx.presentation import Presentation
from pptx.util import Inches

from rag.parsing.formats import parse
from rag.shared.errors import UnreadableContent
from tests.rag.parsing.conftest import PageOf, PathOf, Read
from tests.rag.parsing.containers import rewritten, saved, with_part


def slide(presentation: Presentation, title: str, *points: str) -> object:
    made = presentation.slides.add_slide(presentation.slide_layouts[1 if title else 6])
    if title:
        made.shapes.title.text = title
        made.placeholders[1].text = "\n".join(points)
    return made


def talk() -> Presentation:
    presentation = pptx.Presentation()
    presentation.core_properties.title = "PowerPoint Presentation"
    presentation.core_properties.author = "Kari Vik"
    slide(presentation, "The bridge at Arnes", "Finished in 1784", "Built by Ole Dahl")
    second = slide(presentation, "Damage", "A flood took the second arch")
    second.notes_slide.notes_text_frame.text = "Tell them about the lanterns."  # type: ignore[attr-defined]
    slide(presentation, "Today", "400 people a day")
    return presentation


def test_each_slide_is_a_page_under_its_title(read: Read, path_of: PathOf, page_of: PageOf) -> None:
    parsed = read("talk.pptx", saved(talk()))
    assert parsed.text == (
        "The bridge at Arnes\n\nFinished in 1784\nBuilt by Ole Dahl\n\nDamage\n\nA flood took the second arch\n\n"
        "Tell them about the lanterns.\n\nToday\n\n400 people a day"
    )
    for number, (quote, title) in enumerate(
        [("Built by Ole", "The bridge at Arnes"), ("A flood", "Damage"), ("400 people", "Today")], 1
    ):
        assert (page_of(parsed, quote), path_of(parsed, quote)) == (number, (title,))
    assert page_of(parsed, "about the lanterns") == 2
    assert parsed.title == "The bridge at Arnes" and parsed.metadata["author"] == "Kari Vik"


def test_free_texts_tables_and_groups_are_read(read: Read, path_of: PathOf) -> None:
    presentation = pptx.Presentation()
    made = slide(presentation, "")
    box = made.shapes.add_textbox(Inches(1), Inches(1), Inches(3), Inches(1))  # type: ignore[attr-defined]
    box.text_frame.text = "A free text."
    group = made.shapes.add_group_shape()  # type: ignore[attr-defined]
    group.shapes.add_textbox(0, 0, 10, 10).text_frame.text = "In a group."
    table = made.shapes.add_table(3, 2, 0, 0, Inches(4), Inches(2)).table  # type: ignore[attr-defined]
    for row, cells in enumerate([("Name", "Metres"), ("Arnes", "48"), ("Vik", "112")]):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    parsed = read("t.pptx", saved(presentation))
    assert parsed.text == "A free text.\n\nIn a group.\n\nName\tMetres\nArnes\t48\nVik\t112"
    assert path_of(parsed, "In a group") == ("slide 1",)
    assert [section.context for section in parsed.sections] == ["", "Name, Metres"]


def test_hidden_slides_are_left_out_and_numbers_stay(read: Read, page_of: PageOf) -> None:
    presentation = talk()
    presentation.slides[1]._element.set("show", "0")
    parsed = read("t.pptx", saved(presentation))
    assert "flood" not in parsed.text and page_of(parsed, "400 people") == 3


def test_slides_follow_the_order_of_the_presentation(read: Read) -> None:
    presentation = talk()
    order = presentation.slides._sldIdLst
    order.insert(0, order[2])
    assert read("t.pptx", saved(presentation)).text.startswith("Today")


@pytest.mark.parametrize("n_slides", [0, 1, 60])
def test_any_number_of_slides_is_read(n_slides: int, read: Read, page_of: PageOf) -> None:
    presentation = pptx.Presentation()
    for number in range(n_slides):
        slide(presentation, f"Title {number}.", f"Fact {number}.")
    parsed = read("t.pptx", saved(presentation))
    assert [page_of(parsed, f"Fact {number}.") for number in range(n_slides)] == list(range(1, n_slides + 1))


def test_a_document_type_is_refused() -> None:
    def attack(slide: bytes) -> bytes:
        return b'<!DOCTYPE x [<!ENTITY a "b">]>' + slide[slide.index(b"?>") + 2 :]

    with pytest.raises(UnreadableContent, match="document type"):
        parse("t.pptx", rewritten(saved(talk()), "ppt/slides/slide2.xml", attack))


def test_a_chart_is_read_as_the_numbers_that_it_draws(read: Read) -> None:
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Cm

    show = pptx.Presentation()
    made = show.slides.add_slide(show.slide_layouts[5])
    made.shapes.title.text = "Traffic"
    data = CategoryChartData(number_format="0.0%")  # type: ignore[no-untyped-call]
    data.categories = ["2023", "2024"]
    data.add_series("Ferries", (0.25, 0.5))  # type: ignore[no-untyped-call]
    data.add_series("Freighters", (0.75, None))  # type: ignore[no-untyped-call]
    chart = made.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Cm(1), Cm(4), Cm(15), Cm(8), data).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "Calls of ships"
    parsed = read("a.pptx", saved(show))
    assert parsed.text == "Traffic\nCalls of ships\nFerries\tFreighters\n2023\t25.0%\t75.0%\n2024\t50.0%"
    assert parsed.sections[0].context == "Calls of ships. Ferries, Freighters"


def test_a_diagram_is_read_as_its_texts() -> None:
    show = pptx.Presentation()
    made = show.slides.add_slide(show.slide_layouts[6])
    box = made.shapes.add_table(1, 1, 0, 0, 100, 100)._element
    data = box.find(".//{http://schemas.openxmlformats.org/drawingml/2006/main}graphicData")
    names = "http://schemas.openxmlformats.org/drawingml/2006/diagram"
    related = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    for inner in list(data):
        data.remove(inner)
    data.append(parse_xml(f'<d:relIds xmlns:d="{names}" xmlns:r="{related}" r:dm="rIdX"/>'))
    points = "".join(
        f'<d:pt type="{kind}"><d:t><a:p><a:r><a:t>{text}</a:t></a:r></a:p></d:t></d:pt>'
        for kind, text in (("node", "Announce the ship"), ("pres", "unseen"), ("node", "Pay the fee"))
    )
    drawing = "http://schemas.openxmlformats.org/drawingml/2006/main"
    diagram = f'<d:dataModel xmlns:d="{names}" xmlns:a="{drawing}">{points}</d:dataModel>'
    place = "ppt/diagrams/data1.xml"
    content = with_part(saved(show), "ppt/slides/_rels/slide1.xml.rels", "diagramData", place, diagram)
    assert parse("a.pptx", content).text == "Announce the ship\nPay the fee"
