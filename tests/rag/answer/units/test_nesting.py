"""What an item of a list stands below."""

from index.types import Span
from rag.answer.units.nesting import stands_below
from rag.shared.types import ITEM, Unit

LEASE = """4.1 The tenant pays for:
  (a) water;
  (b) cleaning:
    (i) of windows;
    (ii) of stairs.

4.2 The owner pays for:
\t(a) the tiles. It is old.
All else is shared."""


def test_an_item_stands_below_what_is_indented_less_and_lists_or_announces() -> None:
    texts = [piece for line in LEASE.split("\n") for piece in line.strip().replace(". I", ".|I").split("|") if piece]
    starts = [100 + LEASE.index(text) for text in texts]
    units = [Unit(Span(start, start + len(text))) for start, text in zip(starts, texts, strict=True)]
    tenant, owner = "4.1 The tenant pays for:", "4.2 The owner pays for:"
    cleaning = f"{tenant}\n(b) cleaning:"
    below = stands_below(units, texts, LEASE, 100)
    assert below == ["", tenant, tenant, cleaning, cleaning, "", owner, owner, ""]


def test_the_line_above_a_list_of_a_file_is_what_its_items_stand_below() -> None:
    texts = ["- water", "- wood"]
    units = [Unit(Span(0, 7), ITEM, "Bring:"), Unit(Span(8, 14), ITEM, "Bring:")]
    assert stands_below(units, texts, "\n".join(texts), 0) == ["Bring:", "Bring:"]
