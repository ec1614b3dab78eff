"""Every signal on cases small enough to compute by hand."""

import math
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from index.candidates import Candidates, WordSigns
from index.types import Floats, TermStatistics
from rag.retrieval import signals
from rag.retrieval.signals import (
    QuestionTerms,
    bm25,
    compute_signals,
    late_interaction,
    late_without_words,
    question_terms,
)

# A passage as its context and its sentences, each a text of terms; sentence vectors follow the sentences.
PassageTerms = tuple[str, Sequence[str]]
EAST = np.array([1, 0], dtype=np.float32)
NORTH = np.array([0, 1], dtype=np.float32)


def hashed(term: str) -> int:
    return zlib.crc32(term.encode())


def candidates_of(passages: Sequence[PassageTerms], sentence_vectors: Sequence[Floats] = ()) -> Candidates:
    segments = [segment.split() for context, sentences in passages for segment in (context, *sentences)]
    own = iter(sentence_vectors)
    vectors = [vector for _, sentences in passages for vector in (EAST, *(next(own, NORTH) for _ in sentences))]
    return Candidates(
        ids=np.arange(len(passages), dtype=np.int64),
        vectors=np.stack(vectors).astype(np.float16),
        sentence_counts=np.array([len(sentences) for _, sentences in passages], dtype=np.int64),
        terms=np.array([hashed(term) for segment in segments for term in segment], dtype=np.uint32),
        term_counts=np.array([len(segment) for segment in segments], dtype=np.int64),
    )


def terms_of(question: str, weights: Sequence[float] | None = None) -> QuestionTerms:
    terms = tuple(dict.fromkeys(question.split()))
    values = np.array(weights if weights is not None else [1.0] * len(terms), dtype=np.float32)
    return QuestionTerms(
        terms,
        np.array([hashed(term) for term in terms], dtype=np.uint32),
        values,
        values,
        np.zeros(len(terms), dtype=bool),
    )


def statistics(n_passages: int = 10, mean_length: float = 4.0, df: Mapping[str, int] | None = None) -> TermStatistics:
    return TermStatistics(n_passages, mean_length, df or {})


def test_idf_is_lucenes_once_the_prior_is_counted_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "PRIOR_PASSAGES", 0)
    asked = question_terms(["rare", "common"], {"rare": 1, "common": 2}, statistics(10, df={"rare": 1, "common": 9}))
    assert asked.idf == pytest.approx([math.log(1 + 9.5 / 1.5), math.log(1 + 1.5 / 9.5)])


def test_the_prior_keeps_a_term_of_every_passage_of_one_article_from_counting_nothing() -> None:
    article = question_terms(["zelenski", "absent"], {"zelenski": 1, "absent": 2}, statistics(14, df={"zelenski": 14}))
    assert article.idf[0] > 0.4 * article.idf[1]


def test_terms_are_distinct_in_the_questions_order_and_function_words_weigh_less() -> None:
    terms = ["who", "sign", "who", "deal"]
    asked = question_terms(terms, {term: hashed(term) for term in terms}, statistics(), frozenset(["who"]))
    assert asked.terms == ("who", "sign", "deal")
    assert asked.weights == pytest.approx(asked.idf * [signals.FUNCTION_WORD_SHARE, 1, 1])
    assert asked.unknown.all()


def test_bm25_of_one_term_by_hand() -> None:
    tf = np.array([[2.0], [0.0]], dtype=np.float32)
    scores = bm25(tf, np.array([8.0, 4.0], dtype=np.float32), 4.0, np.array([3.0], dtype=np.float32))
    # 3 * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 8 / 4))
    assert scores == pytest.approx([13.2 / 4.1, 0.0])


def test_bm25_signal_is_a_share_of_what_can_be_attained() -> None:
    candidates = candidates_of([("", ["deal " * 1000])])
    assert compute_signals(EAST, terms_of("deal"), statistics(mean_length=1000), candidates).bm25 == pytest.approx(
        [1.0], abs=0.01
    )


def test_context_counts_as_words_of_the_passage_but_not_of_its_sentences() -> None:
    computed = compute_signals(
        EAST, terms_of("normandi locat", [3.0, 1.0]), statistics(), candidates_of([("normandi", ["locat in franc"])])
    )
    assert computed.coverage == pytest.approx([1.0])
    assert computed.sentence_coverage == pytest.approx([1.0])
    assert computed.bm25[0] > 0


def test_coverage_is_the_weighted_share_of_terms_present() -> None:
    candidates = candidates_of([("", ["a b", "c"]), ("", ["x"])])
    computed = compute_signals(EAST, terms_of("a b c d", [1.0, 2.0, 3.0, 4.0]), statistics(), candidates)
    assert computed.coverage == pytest.approx([0.6, 0.0])
    assert computed.sentence_coverage == pytest.approx([0.3, 0.3, 0.0])
    assert list(computed.owner) == [0, 0, 1]


def test_cosines_of_passages_and_sentences() -> None:
    half = np.array([0.625, 0.75], dtype=np.float32)  # exact in half precision
    computed = compute_signals(NORTH, terms_of("q"), statistics(), candidates_of([("", ["a", "b"])], [EAST, half]))
    assert computed.dense == pytest.approx([0.0])
    assert computed.sentence_cosine == pytest.approx([0.0, 0.75])
    assert computed.sentence == pytest.approx([0.75])


def test_evidence_is_the_soft_maximum_over_sentences() -> None:
    computed = compute_signals(
        NORTH, terms_of("a b"), statistics(), candidates_of([("", ["a x", "y"]), ("", ["y"])], [NORTH, EAST, NORTH])
    )
    soft = signals.EVIDENCE_SOFTNESS
    # Sentences: 1 + 0.5 * 0.5 and 0; alone, the maximum is the value itself.
    assert computed.evidence == pytest.approx([soft * math.log(math.exp(1.25 / soft) + 1), 1.0])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (["seven year war"], 1.0),
        (["seven x year war"], 1.0),  # at a distance of two
        (["seven x x x year war"], 0.5),  # too far: only "year war"
        (["war year seven"], 0.0),  # the other way round
        (["seven", "year war"], 1.0),  # across sentences of one passage
        (["seven year war seven year war"], 1.0),  # each pair once
    ],
)
def test_phrase_is_the_weighted_share_of_neighbouring_pairs(body: list[str], expected: float) -> None:
    computed = compute_signals(EAST, terms_of("seven year war"), statistics(), candidates_of([("", body)]))
    assert computed.phrase == pytest.approx([expected * 2 / 3])  # two pairs of mean weight 1, in a total of 3


def test_phrase_does_not_reach_from_the_context_or_from_one_passage_into_the_next() -> None:
    candidates = candidates_of([("seven", ["year"]), ("", ["seven"]), ("", ["year"])])
    assert compute_signals(EAST, terms_of("seven year"), statistics(), candidates).phrase == pytest.approx([0, 0, 0])


def test_terms_with_the_same_low_bits_are_told_apart() -> None:
    candidates = candidates_of([("", ["a"])])
    other = QuestionTerms(
        ("b",),
        np.array([hashed("a") ^ 0x10000], dtype=np.uint32),
        np.ones(1, dtype=np.float32),
        np.ones(1, dtype=np.float32),
        np.zeros(1, dtype=bool),
    )
    assert compute_signals(EAST, other, statistics(), candidates).coverage == pytest.approx([0.0])


@pytest.mark.parametrize("question", ["", "q r"])
def test_nothing_found_or_asked_gives_empty_or_zero_signals(question: str) -> None:
    empty = Candidates(
        ids=np.empty(0, dtype=np.int64),
        vectors=np.empty((0, 2), dtype=np.float16),
        sentence_counts=np.empty(0, dtype=np.int64),
        terms=np.empty(0, dtype=np.uint32),
        term_counts=np.empty(0, dtype=np.int64),
    )
    assert len(compute_signals(EAST, terms_of(question), statistics(0, 0.0), empty).dense) == 0
    computed = compute_signals(EAST, terms_of(question), statistics(), candidates_of([("", ["a b"])]))
    assert [computed.bm25[0], computed.coverage[0], computed.phrase[0]] == [0, 0, 0]


def test_a_passage_without_sentences_has_its_own_cosine_for_theirs() -> None:
    candidates = candidates_of([("a", []), ("", ["a"])], [NORTH])
    computed = compute_signals(EAST, terms_of("a"), statistics(), candidates)
    assert computed.sentence == pytest.approx([1.0, 0.0])
    assert computed.evidence[0] == pytest.approx(1.0)
    assert list(computed.owner) == [1]


# --- late interaction


def signs_of(vectors: Sequence[Sequence[float]], word_counts: Sequence[int]) -> WordSigns:
    packed = np.packbits(np.array(vectors, dtype=np.float32) > 0, axis=1)
    counts = np.array(word_counts, dtype=np.int64)
    return WordSigns(np.zeros(1, dtype=np.int64), packed, counts, np.array([len(counts)], dtype=np.int64))


def test_late_interaction_takes_each_question_words_best_word_in_the_sentence() -> None:
    # dim 4: the signs of a word of the passage stand for a vector of length 2.
    question = np.array([[1, 0, 0, 0], [0, 0, 0.6, -0.8]], dtype=np.float32)
    words = signs_of([[1, 1, 1, 1], [-1, 1, 1, -1], [-1, -1, -1, 1]], [2, 1])
    late = late_interaction(question, np.ones(2, dtype=np.float32), words)
    # First sentence: 1/2 and (0.6 + 0.8)/2; second: -1/2 and -(0.6 + 0.8)/2.
    assert late == pytest.approx([(0.5 + 0.7) / 2, (-0.5 - 0.7) / 2])


def test_late_interaction_weighs_question_words_by_their_shares() -> None:
    question = np.array([[1, 0, 0, 0], [0, 1, 0, 0]], dtype=np.float32)
    late = late_interaction(question, np.array([1.0, 0.5], dtype=np.float32), signs_of([[1, -1, 1, 1]], [1]))
    assert late == pytest.approx([(0.5 - 0.25) / 1.5])


def test_a_sentence_or_a_question_without_words_has_no_late_interaction() -> None:
    word = np.array([[1, 0, 0, 0]], dtype=np.float32)
    words = signs_of([[1, 1, 1, 1], [-1, 1, 1, 1]], [1, 0, 1, 0])
    assert late_interaction(word, np.ones(1, dtype=np.float32), words) == pytest.approx([0.5, 0, -0.5, 0])
    assert late_interaction(word[:0], np.empty(0, dtype=np.float32), words) == pytest.approx([0, 0, 0, 0])
    assert not late_interaction(word, np.zeros(1, dtype=np.float32), words).any()


def test_late_interaction_in_pieces_equals_the_plain_product() -> None:
    generator = np.random.default_rng(0)
    question = generator.standard_normal((11, 384)).astype(np.float32)
    vectors = generator.standard_normal((500, 384))
    expected = (np.sign(vectors) @ question.T / math.sqrt(384)).max(axis=0).mean()
    late = late_interaction(question, np.ones(11, dtype=np.float32), signs_of(vectors.tolist(), [500]))
    assert late == pytest.approx([expected], rel=1e-4)


def test_without_vectors_of_words_nearness_and_shared_terms_stand_for_late_interaction() -> None:
    cosine, coverage = np.array([0.2, 0.2, 0.6], np.float32), np.array([0.0, 0.5, 0.5], np.float32)
    late = late_without_words(cosine, coverage)
    assert np.all(np.diff(late) > 0) and late == pytest.approx([0.202, 0.307, 0.471])
