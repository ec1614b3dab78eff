"""A question as it is searched: its terms in the languages of the documents, and how much each of them tells."""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from index.backend import Reader
from index.local.database.rows import hash_term
from index.local.views.lexical import ENGLISH, analyze, analyze_word
from index.types import Floats, Span, TermStatistics
from rag.language.languages import common_words, question_language, terms_of_question
from rag.retrieval.signals import FUNCTION_WORD_SHARE_LATE, FUNCTION_WORDS, QuestionTerms, question_terms


class AnalyzedQuestion(NamedTuple):
    """A question analyzed once, for everything that is scored by it.

    words: spans of the text.  terms: as the documents of the collection have them, in order, with repetition.
    shares: float32 (n_words,), how much each word counts in late interaction.  weighted: the distinct terms with their weights.
    """

    text: str
    words: tuple[Span, ...]
    terms: tuple[str, ...]
    language: str
    statistics: TermStatistics
    weighted: QuestionTerms
    shares: Floats


@cache
def function_terms(language: str = ENGLISH) -> frozenset[str]:
    """The terms of a language's words that say little of what is asked."""
    words = FUNCTION_WORDS if language == ENGLISH else " ".join(sorted(common_words(language)))
    return frozenset(analyze(words, language))


def analyze_question(reader: Reader, text: str, words: Sequence[Span], collection: str) -> AnalyzedQuestion:
    """A question to the documents of a collection. words: the spans of its words."""
    languages = reader.languages(collection)
    language = question_language(text, languages)
    terms = terms_of_question(text, language, languages, partial(_frequencies, reader, collection))
    statistics = reader.statistics(collection, terms)
    functional = function_terms(language)
    weighted = question_terms(terms, {term: hash_term(term) for term in terms}, statistics, functional)
    is_functional = [functional.issuperset(analyze_word(text[slice(*word)], language)) for word in words]
    shares = np.where(is_functional, FUNCTION_WORD_SHARE_LATE, 1.0).astype(np.float32)
    return AnalyzedQuestion(text, tuple(words), tuple(terms), language, statistics, weighted, shares)


def _frequencies(reader: Reader, collection: str, terms: Sequence[str]) -> Mapping[str, int]:
    return reader.statistics(collection, terms).df
