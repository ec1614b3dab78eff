"""Words of a question that the documents do not have, replaced by the form in which they do: other spellings, names, slips.

Only words that occur in no passage are touched, so that a question in the documents' own words stays as it is. Code and quotations
never are, and a name only where another transcription of it is there. Forms are made from the word and looked up among the stored
terms: nothing is kept beside the index, and what is found is as fresh as the index.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from index.local.views.lexical import ENGLISH, analyze, analyze_word
from index.types import Span
from rag.language.languages import common_words, is_in_another_language, question_language
from rag.language.names import literals_in
from rag.retrieval.signals import FUNCTION_WORDS

# Shorter words have too many neighbours; so do numbers, whose neighbours mean something else.
_MIN_LENGTH = 4
_MAX_LENGTH = 30
_MIN_FORM = 3
_MOST_WORDS = 20  # respelled or tried in one question: each costs about two milliseconds
_ESTABLISHED = 3  # passages with a word that the model does not know, from which on it is one
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty"
).split()
_TENS = {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90"}
_DIGITS = {word: str(number) for number, word in enumerate(_NUMBERS)} | _TENS
# The model knows words of English only, so that any word of another language may seem to be a slip.
_MIN_FOREIGN_SLIP = 8
_WORDS = {digits: word for word, digits in _DIGITS.items()}

# What British and American English write differently, and what leaves a word the same word in any case.
_SAME_WORD = tuple(
    tuple(pair.split("/"))
    for pair in (
        "our/or ise/ize isi/izi isa/iza yse/yze ysi/yzi tre/ter bre/ber ence/ense ogue/og ll/l ae/e oe/e grey/gray mme/m que/k "
        "plough/plow tyre/tire kerb/curb sceptic/skeptic mould/mold ageing/aging"
    ).split()
)
# What transcriptions of one name into Latin letters differ by.
_SAME_NAME = tuple(
    tuple(pair.split("/"))
    for pair in (
        "y/yy y/yj y/iy y/ij y/i y/ii ie/yi i/ii i/j ia/ya iu/yu ja/ya ju/yu ye/e z/s w/v kh/h kh/ch kh/x zh/j sh/sch ch/tsch "
        "ch/tch ts/tz ts/c ts/z ph/f ou/u u/oo ck/k c/k q/k ks/x ei/ey ai/ay dj/j o/u e/a gh/g ee/i ue/u "
        "bb/b dd/d ff/f gg/g kk/k ll/l mm/m nn/n pp/p rr/r ss/s tt/t"
    ).split()
)


def respell(
    question: str,
    words: Sequence[Span],
    frequencies: Callable[[Sequence[str]], Mapping[str, int]],
    is_word: Callable[[str], bool],
    languages: Sequence[str] = (),
) -> str:
    """The question with words that no passage has written as the passages do; unchanged when there are none.

    words: its words, in order.  frequencies: of analyzed terms, in how many passages they are; those in none are left out.
    is_word: whether the model knows a word, in lower case, as one: then it is no slip, and only read as another spelling.
    languages: of the passages, beside English.
    """
    own = question_language(question, languages)
    languages = (own, *(language for language in (ENGLISH, *languages) if language != own))
    terms = {
        word: [term for language in languages for term in analyze_word(question[slice(*word)], language)]
        for word in words
    }
    known = frequencies([term for analyzed in terms.values() for term in analyzed])
    unknown = [word for word in words if terms[word] and known.keys().isdisjoint(terms[word])]
    if not unknown or is_in_another_language(question, languages):
        return question  # in a language that no document is in every word is unknown, and none a slip
    common = frozenset(FUNCTION_WORDS.split()).union(*map(common_words, languages))
    literal = literals_in(question)
    parts, position = [], 0
    for word in unknown[:_MOST_WORDS]:
        written = question[slice(*word)]
        quoted = any(start <= word.start < end for start, end in literal)
        abbreviated = written.isupper() and not question.isupper()
        if quoted or abbreviated or not _may_differ(written) or written.lower() in common:
            continue
        name = word.start > 0 and written[0].isupper()
        slip = not name and not is_word(written.lower()) and (own == ENGLISH or len(written) >= _MIN_FOREIGN_SLIP)
        # Names are the same in all languages. With the stems of another one a word would be taken for any of its neighbours.
        others = languages[1:] if name else ()
        tiers = _tiers(written.lower(), name, slip, own)
        if form := _best(tiers, frequencies, own, others, is_word):
            parts += [question[position : word.start], form.capitalize() if name else form]
            position = word.end
    return "".join([*parts, question[position:]])


def _may_differ(word: str) -> bool:
    return word in _WORDS or _MIN_LENGTH <= len(word) <= _MAX_LENGTH and word.isalpha() or word.lower() in _DIGITS


def _tiers(word: str, name: bool, slip: bool, language: str) -> Iterator[tuple[Iterable[str], bool]]:
    """Forms of a word, the likelier kinds first, and whether a form of that kind is a guess.

    name: it looks like one, which is only written otherwise, never mistyped; slip: it may be a word mistyped.
    """
    if word in _DIGITS or word in _WORDS:
        yield [_DIGITS.get(word) or _WORDS[word]], False
        return
    if language == ENGLISH and not name:
        yield _exchanged([word], _SAME_WORD), False
    if name or slip:
        once = _exchanged([word], _SAME_NAME)
        yield once, slip
        if slip:
            yield _one_edit(word), True
        yield _exchanged(once, _SAME_NAME), slip


def _exchanged(words: Iterable[str], pairs: Iterable[tuple[str, ...]]) -> set[str]:
    """Words with one of the pairs exchanged, in either direction, at one place."""
    forms = set()
    for word in words:
        for pair in pairs:
            for old, new in (pair, pair[::-1]):
                at = word.find(old)
                while at >= 0:
                    forms.add(word[:at] + new + word[at + len(old) :])
                    at = word.find(old, at + 1)
    return forms


def _one_edit(word: str) -> set[str]:
    """Words at distance one: a letter left out, added, replaced, or two neighbours exchanged."""
    letters = sorted(set(_LETTERS) | set(word))
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    return {
        *(left + right[1:] for left, right in cuts if right),
        *(left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1),
        *(left + letter + right[1:] for left, right in cuts if right for letter in letters),
        *(left + letter + right for left, right in cuts for letter in letters),
    }


def _best(
    tiers: Iterable[tuple[Iterable[str], bool]],
    frequencies: Callable[[Sequence[str]], Mapping[str, int]],
    own: str,
    others: Sequence[str],
    is_word: Callable[[str], bool],
) -> str | None:
    """The form in most passages, of the first kind and language of which there is one; of equals the first in the alphabet.

    own: the language of the question.  others: whose stems are looked up as well, of forms that are their own stem.
    A guess must be a word that the model knows or stand in several passages: damaged text has words that are none.
    """
    for tier, is_guess in tiers:
        forms = sorted(form for form in tier if len(form) >= _MIN_FORM or form.isdigit())
        for language in (own, *others):
            terms = analyze("\n".join(forms), language)
            if len(terms) != len(forms):  # a script of which a word is several terms: its slips are not told here
                continue
            counts = frequencies(list(dict.fromkeys(terms)))
            known = [
                (form, counts[term])
                for form, term in zip(forms, terms, strict=True)
                if term in counts and (language == own or term == form)
            ]
            if is_guess:
                known = [(form, n) for form, n in known if n >= _ESTABLISHED or is_word(form)]
            if known:
                return max(known, key=lambda pair: pair[1])[0]
    return None
