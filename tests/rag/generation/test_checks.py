"""Checks of generated sentences, by sentences that were altered by program from the seed article."""

from collections import Counter
from pathlib import Path

import pytest

from eval.sets.altered_sentences import ALTERED, TRUE, altered_sentences
from index.types import Span
from rag.generation.checks import SUPPORTED, UNVERIFIABLE, check_sentence
from rag.shared.types import Citation

SEEDS = Path(__file__).parents[3] / "seeds"


def cited(text: str, document: str = "d") -> Citation:
    return Citation(document, "", text, Span(0, len(text)), "")


def test_true_sentences_pass_and_altered_ones_do_not() -> None:
    article = (SEEDS / "us-ukraine-minerals-deal.txt").read_text(encoding="utf-8")
    texts = [(str(at), article[at : at + 900]) for at in range(0, len(article), 900)]
    passed, total = Counter[str](), Counter[str]()
    for altered in altered_sentences(texts, 50, seed=3):
        total[altered.kind] += 1
        passed[altered.kind] += check_sentence(altered.text, altered.cited).verdict == SUPPORTED
    assert sum(passed[kind] for kind in ALTERED) <= 0.05 * sum(total[kind] for kind in ALTERED)
    assert sum(passed[kind] for kind in TRUE) >= 0.9 * sum(total[kind] for kind in TRUE) > 0


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("Revenue was 1200 dollars.", "Revenue was 1,200 dollars."),
        ("Five people came.", "5 people came to it."),
        ("It fell by 3 percent.", "It fell by 3% in a year."),
        ("Berg's report was signed in Feb.", "The report of Berg was signed in February."),
        ("She did not sign.", "She didn’t sign the paper."),
    ],
)
def test_other_forms_of_the_same_are_the_same(text: str, source: str) -> None:
    assert check_sentence(text, [cited(source)]).verdict == SUPPORTED


def test_facts_of_two_documents_are_not_one() -> None:
    sources = [cited("Berg sold 40 boats in Oslo.", "a"), cited("Lund sold 70 boats in Rome.", "b")]
    assert check_sentence("Berg sold 70 boats.", sources).verdict != SUPPORTED
    assert check_sentence("Berg sold 40 boats.", sources).verdict == SUPPORTED


def test_a_wrong_quotation_is_found() -> None:
    source = [cited('He said: "We will sign the deal tomorrow."')]
    assert check_sentence('He said "we will sign the deal".', source).verdict == SUPPORTED
    assert check_sentence('He said "tomorrow we will deal".', source).verdict != SUPPORTED


def test_a_negation_that_one_clause_has_lost_is_found_beside_one_that_stayed() -> None:
    source = [cited("I couldn't pull it off, but I just couldn't take myself seriously.")]
    assert check_sentence("I couldn't pull it off and I could take myself seriously.", source).verdict != SUPPORTED
    assert check_sentence("I couldn't pull it off and couldn't take myself seriously.", source).verdict == SUPPORTED


def test_what_is_said_over_and_over_says_nothing() -> None:
    source = [cited("He trained the ducks of a circus to march as animals.")]
    assert check_sentence(f"The ducks march {'as circus animals ' * 20}.", source).reason == "it repeats itself"
    assert check_sentence("The ducks march.", source).verdict == SUPPORTED


def test_what_cites_nothing_cannot_be_verified() -> None:
    assert check_sentence("It rained.", []).verdict == UNVERIFIABLE


def test_a_model_of_entailment_has_the_last_word() -> None:
    source = [cited("Berg sold 40 boats in Oslo.")]
    assert check_sentence("Berg sold 40 boats.", source, lambda premise, hypothesis: 0.1).verdict != SUPPORTED
    assert check_sentence("Berg sold 40 boats.", source, lambda premise, hypothesis: 0.9).support == 0.9
