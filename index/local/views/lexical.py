"""The lexical view: which passages hold which terms, and how often (tantivy); and the one analyzer of the project.

Terms go in as hashes, the same that are stored beside the vectors: a view is rebuilt without analyzing text again, and holds no
word of it. An index here never holds a removed passage, so that its totals, and with them its scores, are exactly those of its
passages: removing needs a new index, since tantivy keeps postings of deleted documents until it happens to merge them.
"""

import functools
import json
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tantivy

from index.local.system import files
from index.local.views.ids import NO_IDS, NO_SCORES
from index.types import Floats, Ids

# BM25's usual values. Passages are all about one length: between 0.9/0.4 and 1.2/0.75 no set moves by more than 0.003.
K1 = 1.2
B = 0.75

_MAX_TERM_LENGTH = 60  # characters; longer ones are encoded data, not words
_MOST_KNOWN = 50_000  # terms whose frequency is kept: words that nobody wrote are without number
_LOCK = ".tantivy-meta.lock"
_SMALL_HEAP = 15_000_000  # bytes, tantivy's minimum
_LARGE_HEAP = 60_000_000  # 20,000 passages: 1.0 s, against 2.2 s with the small one
# Scripts that put no blanks between words: Han, Kana, Thai, Lao, Myanmar, Khmer. (Korean does use blanks.)
_UNSPACED = (  # compiled when first used
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]+"
)
ENGLISH = "en"
# ISO 639-1 codes of the languages that the engine has a stemmer for, with its names for them.
STEMMERS = {
    "ar": "arabic", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish", "fi": "finnish",
    "fr": "french", "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip


@functools.cache
def _analyzer(language: str) -> tantivy.TextAnalyzer:
    # Marks belong to words: without them Hindi and Thai words fall apart.
    words = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(r"[\p{Alphabetic}\p{M}\p{N}]+"))
    lower, fold = tantivy.Filter.lowercase(), tantivy.Filter.ascii_fold()
    stem = tantivy.Filter.stemmer(STEMMERS.get(language, STEMMERS[ENGLISH]))
    # English knows accents from other languages alone; elsewhere endings are told by them (Portuguese -ções, -ção).
    order = (fold, lower, stem) if language == ENGLISH else (lower, stem, fold)
    for step in order:
        words = words.filter(step)
    return words.build()


def analyze(text: str, language: str = ENGLISH) -> list[str]:
    """The terms of a text, in order, with repetition; used for passages and for questions.

    Words are folded to lower case and plain Latin letters and stemmed; runs of scripts without blanks become pairs of
    neighbouring characters.  language: of STEMMERS; any other is stemmed as English.
    """
    analyzer = _analyzer(language)
    if text.isascii():
        terms = analyzer.analyze(text)
    else:
        words = analyzer.analyze(unicodedata.normalize("NFKC", text))
        terms = [term for word in words for term in ([word] if word.isascii() else _cut(word))]
    return [term for term in terms if len(term) <= _MAX_TERM_LENGTH]


@functools.lru_cache(maxsize=4096)
def analyze_word(word: str, language: str = ENGLISH) -> tuple[str, ...]:
    """The same for a word of a question or beside a number, which comes again and again."""
    return tuple(analyze(word, language))


class LexicalRow(NamedTuple):
    """A passage as this view holds it. terms: uint32 hashes (n,), packed, with repetition."""

    passage: int
    document: int
    collection: str
    terms: bytes


class LexicalIndex:
    """A set of passages that only grows: ``extended`` gives a new value, and the old one goes on seeing what it saw."""

    def __init__(self, index: tantivy.Index, n_passages: int, n_terms: int) -> None:
        self._index = index
        self._searcher = searcher = index.searcher()
        # In how many passages a term's hash is, as far as it was asked for: asking takes 30 us.
        self._frequency: Callable[[int], int] = functools.lru_cache(_MOST_KNOWN)(
            lambda term: searcher.doc_freq("terms", str(term))
        )
        self.n_passages = n_passages
        self.n_terms = n_terms

    @classmethod
    def in_memory(cls, rows: Sequence[LexicalRow] = ()) -> "LexicalIndex":
        """An index of these passages that leaves nothing on disk."""
        empty = cls(tantivy.Index(_SCHEMA), 0, 0)
        return empty.extended(rows) if rows else empty

    @classmethod
    def create(cls, path: Path, rows: Iterable[LexicalRow]) -> "LexicalIndex":
        """A new index of these passages in an existing, empty directory."""
        with _file_errors():
            index = tantivy.Index(_SCHEMA, path=str(path))
            index.config_reader("manual")  # as below; a lock file would appear where all is just being removed
        return cls(index, 0, 0).extended(rows, _LARGE_HEAP)

    @classmethod
    def open(cls, path: Path, n_passages: int, n_terms: int) -> "LexicalIndex":
        """The index in a directory, to be searched, with the totals that were noted when it was written."""
        with _lockable(path) as directory:
            return cls._opened(directory, n_passages, n_terms)

    @classmethod
    def append(cls, path: Path, n_passages: int, n_terms: int, rows: Iterable[LexicalRow]) -> "LexicalIndex":
        """The index in a directory, with these totals, and there with more passages."""
        return cls._opened(path, n_passages, n_terms).extended(rows)

    @classmethod
    def _opened(cls, path: Path, n_passages: int, n_terms: int) -> "LexicalIndex":
        with _file_errors():
            index = tantivy.Index.open(str(path))
            index.config_reader("manual")  # otherwise a thread watches the directory for commits
            return cls(index, n_passages, n_terms)

    def extended(self, rows: Iterable[LexicalRow], heap: int = _SMALL_HEAP) -> "LexicalIndex":
        """This index with more passages. Only the newest value of an index may be extended, by one thread at a time."""
        n_passages, n_terms = self.n_passages, self.n_terms
        with _file_errors():
            writer = self._index.writer(heap, 1)
            for row in rows:
                terms = np.frombuffer(row.terms, dtype="<u4").tolist()
                document = tantivy.Document()
                document.add_integer("id", row.passage)
                document.add_integer("document", row.document)
                document.add_text("collection", row.collection)
                document.add_text("terms", " ".join(map(str, terms)))
                writer.add_document(document)
                n_passages += 1
                n_terms += len(terms)
            writer.commit()
            writer.wait_merging_threads()
            self._index.reload()
        return LexicalIndex(self._index, n_passages, n_terms)

    def search(
        self, idf: Mapping[int, float], limit: int, collection: str | None, documents: Sequence[int] | None
    ) -> tuple[Floats, Ids]:
        """Passages by BM25 with the given idf per term hash, but with this index's mean length and lengths rounded down.

        collection, documents: only passages of these, or None for all.
        Returns float32 and int64, both (at most limit,), best first.
        """
        terms = []
        for term, weight in idf.items():
            if n := self._frequency(term):
                query = tantivy.Query.term_query(_SCHEMA, "terms", str(term), index_option="freq")
                own_idf = float(np.log1p((self.n_passages - n + 0.5) / (n + 0.5)))
                terms.append((tantivy.Occur.Should, tantivy.Query.boost_query(query, weight / own_idf)))
        if not terms or limit < 1:
            return NO_SCORES, NO_IDS
        scope = []
        if collection is not None:
            scope.append(tantivy.Query.term_query(_SCHEMA, "collection", collection, index_option="basic"))
        if documents is not None:
            scope.append(tantivy.Query.term_set_query(_SCHEMA, "document", documents))
        query = tantivy.Query.boolean_query(terms)
        if scope:
            filters = [(tantivy.Occur.Must, tantivy.Query.const_score_query(part, 0.0)) for part in scope]
            query = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), *filters])
        hits = self._searcher.search(query, limit, count=False).hits
        ids = self._searcher.fast_field_values("id", [address for _, address in hits])
        return np.array([score for score, _ in hits], dtype=np.float32), np.array(ids, dtype=np.int64)

    def doc_freq(self, terms: Sequence[int]) -> Ids:
        """In how many passages each of these term hashes is: int64 (n,)."""
        return np.array([self._frequency(term) for term in terms], dtype=np.int64)

    def ids(self, among: Sequence[int] | None = None) -> Ids:
        """Passage ids that are really in the postings, ascending, as often as they are there: int64 (n,)."""
        if among is None:
            query = tantivy.Query.all_query()
        else:
            query = tantivy.Query.term_set_query(_SCHEMA, "id", list(among))
        hits = self._searcher.search(query, max(self._searcher.num_docs, 1), count=False).hits
        ids = self._searcher.fast_field_values("id", [address for _, address in hits])
        return np.sort(np.array(ids, dtype=np.int64))


def segment_files(path: Path) -> list[Path]:
    """The files in an index's directory that never change once written."""
    segments = json.loads((path / "meta.json").read_bytes())["segments"]
    names = {segment["segment_id"].replace("-", "") for segment in segments}
    return [file for file in sorted(path.iterdir()) if file.name.split(".")[0] in names]


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("id", indexed=True, fast=True)
    builder.add_integer_field("document", indexed=True)
    builder.add_text_field("collection", tokenizer_name="raw", index_option="basic")
    # "whitespace" and "raw" are known to every index; tokenizers of our own would have to be registered at each open.
    builder.add_text_field("terms", tokenizer_name="whitespace", index_option="freq")
    return builder.build()


_SCHEMA = _schema()


def _cut(word: str) -> Iterator[str]:
    """A word in pieces: pairs of neighbouring characters where its script has no blanks."""
    end = 0
    for run in re.finditer(_UNSPACED, word):
        if run.start() > end:
            yield word[end : run.start()]
        characters = run.group()
        yield from (characters[i : i + 2] for i in range(max(len(characters) - 1, 1)))
        end = run.end()
    if end < len(word):
        yield word[end:]


@contextmanager
def _lockable(path: Path) -> Iterator[Path]:
    """An index's directory, or one of links to its files where that does not do.

    tantivy makes a lock file beside what it opens, which not everybody may, and waits for ever where a pipe has its name.
    """
    if files.writable(path) and not files.not_a_file(path / _LOCK):
        with suppress(OSError):
            os.close(files.system.open(path / _LOCK, os.O_RDWR | os.O_CREAT))
            files.let_read([path / _LOCK], path)  # tantivy's own would be there for all to read
        yield path
        return
    links = Path(tempfile.mkdtemp(prefix="footnote-"))
    try:
        for file in path.iterdir():
            if file.suffix != ".lock":
                (links / file.name).symlink_to(file.absolute())
        yield links
    finally:
        # A thread that tantivy starts with every index may make its lock once more, just now.
        while links.exists():
            shutil.rmtree(links, ignore_errors=True)


@contextmanager
def _file_errors() -> Iterator[None]:
    """Turns what tantivy says of a failed system call, a ValueError with the number in its text, into an OSError."""
    try:
        yield
    except ValueError as error:
        if number := re.search(r"\(os error (\d+)\)", str(error)):
            raise OSError(int(number[1]), str(error)) from error
        raise
