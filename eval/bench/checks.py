"""How many altered sentences do the checks of generated answers let pass, and how many true ones do they strip?

Corpus: sentences of a gold folder's documents, altered by program (``eval.sets.altered_sentences``), so that what is right is
known. The checks see the sentence and what it cites. Left out: what a real language model writes, whose errors are of other kinds
too.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from eval.bench.results import Row
from eval.sets.altered_sentences import ALTERED, TRUE, altered_sentences
from eval.sets.gold import read_corpus
from rag.generation.checks import SUPPORTED, check_sentence


def rows(gold: Path, n: int, seed: int) -> Iterator[Row]:
    """A row a kind of sentence, then the two shares over all.  n: sentences of each kind.  Raises BadInput."""
    texts = [(document.id, document.text) for document in read_corpus(gold / "corpus.jsonl")]
    passed, total = Counter[str](), Counter[str]()
    for altered in altered_sentences(texts, n, seed):
        total[altered.kind] += 1
        passed[altered.kind] += check_sentence(altered.text, altered.cited).verdict == SUPPORTED
    for kind in total:
        yield Row("checks", kind, {"corpus": gold.name, "sentences": total[kind], "passed": passed[kind]})
    wrong, right = (sum(total[kind] for kind in kinds) for kinds in (ALTERED, TRUE))
    yield Row(
        "checks",
        "all",
        {
            "corpus": gold.name,
            "false_pass": round(sum(passed[kind] for kind in ALTERED) / max(1, wrong), 4),
            "false_strip": round(1 - sum(passed[kind] for kind in TRUE) / max(1, right), 4),
        },
    )
