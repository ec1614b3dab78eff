"""In which language a document is written, and the terms of a question to documents in several.

CLD3 tells the language of prose and will name one for code, logs and tables too. What it says counts only where every sample of
the text agrees and, for the languages whose words are stemmed, the text has their most common words in it; else nothing is said.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from index.local.views.lexical import ENGLISH, STEMMERS, analyze, analyze_word
from index.types import Change, Document, Metadata

if TYPE_CHECKING:
    import gcld3

_SAMPLE_CHARACTERS = 1000
_N_SAMPLES = 3
_FEWEST_LETTERS = 40
_SURE = 0.8
_SURE_UNCHECKED = 0.95
_FEWEST_LETTERS_UNCHECKED = 150
_COMMON_SHARE = 0.1  # of the words; in prose it is 0.2 to 0.5, and less where endings do the work of small words:
_COMMON_SHARES = {"fi": 0.03, "hu": 0.07, "tr": 0.03}
_BLANKS_SHARE = 0.75  # of blanks to words in prose; in code and lists of paths, half of it at most
_WORD = re.compile(r"[^\W\d_]+")
_SAME = {"iw": "he", "nb": "no", "nn": "no", "in": "id"}  # older or narrower codes

# The most common words that say little, in lower case. English has its own list, which ranking was fitted with.
COMMON_WORDS = {
    ENGLISH: "the of and to in a is that it was for on are as with his they at be this from have or by not but what "
    "all were when",
    "da": "og i at det er en den til de af som på med for der ikke et har han var fra men om kan vil hvad hvor hvem "
    "hvornår hvordan",
    "de": "der die das und in den von zu dem mit sich des auf für ist im nicht ein eine als auch es an werden aus "
    "er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber "
    "vor zur bis mehr durch man sein wurde wer was wann wo warum welche welcher welches wurden diese dieser "
    "einer kann",
    "es": "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha este sí "
    "porque esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos son fue qué quién "
    "cuándo dónde cómo cuál cuánto era",
    "fi": "ja on ei se että oli hän joka ovat mutta kun niin myös jos tai kuin sen ole jotka mitä missä kuka "
    "milloin miten mikä vuonna hänen sekä ne jonka",
    "fr": "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se il ce sont avec son "
    "sa ses ou mais comme elle aux été cette ces nous vous ont être était quoi quand où comment pourquoi quel "
    "quelle quels leur leurs à",
    "hu": "a az és hogy nem is egy van de volt ez meg azt csak már mint vagy ha el ki mi mikor hol hogyan miért még "
    "lesz amely",
    "it": "di e il la che in a per un è del una non con si le da i della al dei sono come lo gli nel alla ma più su "
    "o anche ha delle dal questo questa era chi cosa quando dove come perché quale",
    "nl": "de van het een en in is dat op te zijn met voor niet aan er om ook als die bij of door uit naar dan maar "
    "wordt werd over tot hij ze wie wat wanneer waar hoe waarom welke worden heeft",
    "no": "og i det er en som på til av at for med de har den ikke om et var fra men kan han så vil hva hvor hvem "
    "når hvordan eller",
    "pt": "de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem à "
    "seu sua ou ser quando muito há nos já está são quem qual onde pelo pela",
    "ro": "de și în la a cu pe care nu din este un o să pentru mai că ce fi au fost prin sau se al ale sunt cine "
    "când unde cum",
    "ru": "и в не на что он с как это по а но из у за от о для так же к все было его бы был или кто когда где чем "
    "при до во мы вы она они также какие какой который которые ли",
    "sv": "och i att det som en på är av för med till den de inte om ett har han var från men kan ska vad var vem "
    "när hur eller sig",
    "tr": "ve bir bu da de için ile olarak daha çok en gibi kadar olan ne var mi ama sonra kim nasıl nerede zaman "
    "veya her",
}

Frequencies = Callable[[Sequence[str]], Mapping[str, int]]

_lock = Lock()


def detect_language(text: str) -> str | None:
    """ISO 639 code of the language of a text; None where it is not prose, too short, mixed, or not told surely."""
    samples = _samples(text)
    identified = [_identify(sample) for sample in samples]
    probability = min((sure for _, sure in identified), default=0.0)
    if len({language for language, _ in identified}) != 1 or probability < _SURE:
        return None
    language = identified[0][0]
    words = [word.lower() for sample in samples for word in _WORD.findall(sample)]
    n_letters = sum(map(len, words))
    if language in COMMON_WORDS:
        common = common_words(language)
        if sum(word in common for word in words) < _COMMON_SHARES.get(language, _COMMON_SHARE) * len(words):
            return None
    elif probability < _SURE_UNCHECKED or _is_latin(words) and not _is_prose(samples, words):
        return None
    return language if n_letters >= (_FEWEST_LETTERS if _is_latin(words) else _FEWEST_LETTERS // 2) else None


def with_language(text: str, stated: Metadata, added: Metadata) -> tuple[Metadata, str]:
    """A document's metadata with its language, and the language in which its words are stemmed.

    added: by whoever adds it, which counts before all else; stated: by the file itself, which counts where the text does not
    tell: programs write the language of their templates into files.
    """
    metadata = {**stated, **added}
    if (named := added.get("language")) is None:
        named = detect_language(text) or _code(stated.get("language"))
        if named is not None:
            metadata["language"] = named
    language = _code(named)
    return metadata, language if language in STEMMERS else ENGLISH


def may_be_untold(document: Document) -> bool:
    """Whether a document may be from before languages were told: then all were stemmed as English, whatever they say."""
    return document.language == ENGLISH != document.metadata.get("language")


def terms_of_question(question: str, first: str, languages: Sequence[str], frequencies: Frequencies) -> list[str]:
    """The terms of a question to documents in English and these languages: of each word one, that of its own language.

    Where no passage has that, the one of the other languages that most passages have.
    first: the question's language.  frequencies: in how many passages terms are; those in none are left out.
    """
    if not languages:
        return analyze(question)
    order = [first, *(other for other in (ENGLISH, *languages) if other != first)]
    # Blanks cut no term: taken apart at them or not, a question has the same terms.
    forms = [[analyze_word(word, language) for language in order] for word in question.split()]
    known = frequencies([term for variants in forms for variant in variants for term in variant])
    terms: list[str] = []
    for variants in forms:
        counts = [min((known.get(term, 0) for term in variant), default=0) for variant in variants]
        terms += variants[0 if counts[0] else counts.index(max(counts))]
    return terms


def question_language(question: str, languages: Collection[str]) -> str:
    """English or which of these languages a question is in, told by its common words and, where they are none's alone, by CLD3."""
    if not languages:
        return ENGLISH
    words = [word.lower() for word in _WORD.findall(question)]
    counts = {
        language: sum(word in common_words(language) for word in words)
        for language in (ENGLISH, *languages)
        if language in COMMON_WORDS
    }
    best = [language for language, count in counts.items() if count == max(counts.values())]
    if len(best) == 1:
        return best[0]
    detected = _identify(question)[0]
    return detected if detected in (ENGLISH, *languages) else ENGLISH


def is_in_another_language(question: str, languages: Collection[str]) -> bool:
    """Whether a question has at least two more common words of some other language than of any of these."""
    words = {word.lower() for word in _WORD.findall(question)}
    counts = {language: len(words & common_words(language)) for language in COMMON_WORDS}
    among = max((counts.get(language, 0) for language in languages), default=0)
    return any(count > among + 1 for language, count in counts.items() if language not in languages)


@cache
def common_words(language: str) -> frozenset[str]:
    """The most common words of a language, in lower case; none where there is no list of them."""
    return frozenset(COMMON_WORDS.get(language, "").split())


def languages_of(changes: Iterable[Change]) -> Counter[str]:
    """How many of the documents that were added or updated are in which language, as far as it is told."""
    codes = (_code(change.document.metadata.get("language")) for change in changes if change.outcome != "skipped")
    return Counter(code for code in codes if code is not None)


def language_note(counts: Mapping[str, int], model: str) -> str | None:
    """What to say of documents that an English model does not understand. counts: new documents by language."""
    others = {language: n for language, n in sorted(counts.items()) if language != ENGLISH}
    if not others:
        return None
    n = sum(others.values())
    listed = ", ".join(f"{language}: {count}" for language, count in others.items())
    return (
        f"{n} {'document is' if n == 1 else 'documents are'} not in English ({listed}); the model {model} knows English only: "
        "found by words, less by meaning. A multilingual model finds both: `rag reindex --model FOLDER`"
    )


def _samples(text: str) -> list[str]:
    """All of a short text; of a long one its beginning, middle and end, for any of which may be a table or a list of names."""
    if len(text) <= _N_SAMPLES * _SAMPLE_CHARACTERS:
        return [text] if text.strip() else []
    last = len(text) - _SAMPLE_CHARACTERS
    return [text[start : start + _SAMPLE_CHARACTERS] for start in (0, last // 2, last)]


def _identify(text: str) -> tuple[str, float]:
    with _lock:  # its state is not for several threads
        result = _identifier().FindLanguage(text=text)
    code = str(result.language).partition("-")[0]
    if code == "und" or not result.is_reliable and len(text) > _SAMPLE_CHARACTERS:
        return "", 0.0
    return _SAME.get(code, code), float(result.probability)


@cache
def _identifier() -> "gcld3.NNetLanguageIdentifier":
    import gcld3

    return gcld3.NNetLanguageIdentifier(min_num_bytes=0, max_num_bytes=4 * _N_SAMPLES * _SAMPLE_CHARACTERS)


def _code(stated: object) -> str | None:
    """ "de" of "de-DE", "de_DE.UTF-8" or ["de"]; None of what is no code."""
    if isinstance(stated, list):
        stated = stated[0] if stated else None
    match = re.match(r"([A-Za-z]{2,3})(?![A-Za-z])", stated) if isinstance(stated, str) else None
    return _SAME.get(match[1].lower(), match[1].lower()) if match else None


def _is_prose(samples: Sequence[str], words: Sequence[str]) -> bool:
    n_blanks = sum(len(re.findall(r"\s+", sample)) for sample in samples)
    return sum(map(len, words)) >= _FEWEST_LETTERS_UNCHECKED and n_blanks >= _BLANKS_SHARE * len(words)


def _is_latin(words: Sequence[str]) -> bool:
    return sum(word < "\u0250" for word in words) * 2 > len(words)
