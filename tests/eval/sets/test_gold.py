"""Gold sets: what is read, what is refused and how it is said."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from eval.sets.gold import Place, read_corpus, read_folder, sample
from eval.sets.gold_rows import GoldError
from eval.sets.quotes import QuotedQuestion, locate, read_jsonl

ROOT = Path(__file__).parents[3]
SEED = ROOT / "seeds" / "us-ukraine-minerals-deal.txt"
WriteLines = Callable[[str, Sequence[object]], Path]

CORPUS = [
    {"_id": "d1", "title": "Cats", "text": "Cats sleep. Cats purr."},
    {"_id": "d2", "title": "Dogs", "text": "Dogs bark."},
]
PURR = {"_id": "q1", "text": "who purrs?", "answers": [{"text": "Cats purr", "start": 12, "doc_id": "d1"}]}
BARK = {"_id": "q2", "text": "who barks?"}
FISH = {"_id": "q3", "text": "who swims?", "answerable": False}


@pytest.fixture
def folder(tmp_path: Path, write_lines: WriteLines) -> Path:
    write_lines("corpus.jsonl", CORPUS)
    write_lines("queries.jsonl", [PURR, BARK, FISH])
    write_lines("qrels.tsv", ["query-id\tcorpus-id\tscore", "q1\td1\t1", "q2\td2\t2", "q2\td1\t0"])
    return tmp_path


# --- the BEIR layout


def test_a_folder_is_read_with_spans_and_qrels(folder: Path) -> None:
    purr, bark, fish = read_folder(folder).questions
    assert purr.answerable and purr.places == (Place("d1", 12, 21),) and purr.answers == ("Cats purr",)
    assert bark.relevance == {"d2": 2, "d1": 0} and bark.relevant == {"d2"} and not bark.places
    assert not fish.answerable and not fish.relevant


def test_qrels_are_found_in_a_folder_of_theirs_and_need_no_header(folder: Path, write_lines: WriteLines) -> None:
    (folder / "qrels.tsv").unlink()
    write_lines("qrels/test.tsv", ["q1\td1\t1", "q2\td2\t1"])
    assert [question.relevant for question in read_folder(folder).questions] == [{"d1"}, {"d2"}, frozenset()]


def test_a_folder_without_qrels_keeps_the_questions_with_answers(folder: Path) -> None:
    (folder / "qrels.tsv").unlink()
    gold = read_folder(folder)
    assert [question.id for question in gold.questions] == ["q1", "q3"]
    assert gold.notes == ("1 questions without any judgement are left out",)


def test_judged_documents_that_are_not_in_the_corpus_are_counted(folder: Path, write_lines: WriteLines) -> None:
    write_lines("qrels.tsv", ["q1\td1\t1", "q2\tlost\t1"])
    gold = read_folder(folder)
    assert gold.questions[1].relevant == {"lost"}
    assert gold.notes == ("1 judged documents are not in the corpus and can never be found",)


def test_positions_count_line_ends_as_they_are_stored(folder: Path, write_lines: WriteLines) -> None:
    write_lines("corpus.jsonl", [{"_id": "d1", "title": "", "text": "One.\r\nTwo\r\nlines."}])
    answer = {"text": "Two\r\nlines", "start": 6, "doc_id": "d1"}
    write_lines("queries.jsonl", [PURR | {"answers": [answer]}])
    (question,) = read_folder(folder).questions
    assert question.places == (Place("d1", 5, 14),)
    assert "One.\nTwo\nlines."[5:14] == "Two\nlines"


def test_scores_may_be_whole_numbers_with_a_point(folder: Path, write_lines: WriteLines) -> None:
    write_lines("qrels.tsv", ["q1\td1\t1.0", "q2\td2\t2.00", "q2\td1\t0.0"])
    assert [question.relevance for question in read_folder(folder).questions] == [{"d1": 1}, {"d2": 2, "d1": 0}, {}]


def test_numbers_are_taken_as_ids(folder: Path, write_lines: WriteLines) -> None:
    write_lines("corpus.jsonl", [{"_id": 7, "text": "Seven."}])
    write_lines("queries.jsonl", [{"_id": 1, "text": "which?"}])
    write_lines("qrels.tsv", ["1\t7\t1"])
    assert read_folder(folder).questions[0].relevant == {"7"}


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("queries.jsonl", ["{"], "queries.jsonl:1: not JSON"),
        ("queries.jsonl", ["[" * 100_000], "queries.jsonl:1: not JSON"),
        ("queries.jsonl", [PURR, "[]"], "queries.jsonl:2: a JSON object is expected, not list"),
        ("queries.jsonl", [PURR, {"_id": "q9"}], "queries.jsonl:2: 'text' must be a text"),
        ("queries.jsonl", [PURR, {"_id": "q9", "text": " "}], "queries.jsonl:2: 'text' must be a text"),
        ("queries.jsonl", [PURR, "", PURR], "queries.jsonl:3: 'q1' is already on line 1"),
        ("queries.jsonl", [PURR | {"answerable": "yes"}], "queries.jsonl:1: answerable must be true or false"),
        ("queries.jsonl", [PURR | {"answerable": False}], "'q1' has answers but is not answerable"),
        ("queries.jsonl", [PURR | {"answers": "Cats"}], "queries.jsonl:1: answers must be a list"),
        ("queries.jsonl", [PURR | {"answers": ["Cats"]}], "queries.jsonl:1: an answer must be an object"),
        (
            "queries.jsonl",
            [PURR | {"answers": [{"text": "Cats", "start": "0", "doc_id": "d1"}]}],
            "queries.jsonl:1: an answer needs a text, a start from 0 and a doc_id",
        ),
        (
            "queries.jsonl",
            [BARK, PURR | {"answers": [{"text": "Cats purr", "start": 11, "doc_id": "d1"}]}],
            "queries.jsonl:2: an answer does not stand at its start in its document (1 questions: 'q1')",
        ),
        (
            "queries.jsonl",
            [PURR | {"answers": [{"text": "Cats purr", "start": 12, "doc_id": "d3"}]}],
            "queries.jsonl:1: an answer does not stand at its start",
        ),
        ("queries.jsonl", [], "queries.jsonl: no question has answers or relevant documents"),
        ("corpus.jsonl", [*CORPUS, CORPUS[0]], "corpus.jsonl:3: 'd1' is already on line 1"),
        ("corpus.jsonl", [*CORPUS, {"_id": "d3"}], "corpus.jsonl:3: title and text of document 'd3'"),
        ("corpus.jsonl", [], "corpus.jsonl: no documents"),
        ("qrels.tsv", ["q1 d1 1"], "qrels.tsv:1: 1 columns"),
        ("qrels.tsv", ["q1\td1\t1", "q2\td2\tgood"], "qrels.tsv:2: score 'good' is not a whole number"),
        ("qrels.tsv", ["q1\td1\t0.5"], "qrels.tsv:1: score '0.5' is not a whole number"),
        ("qrels.tsv", ["q1\td1\t1", "q2\td2\tinf"], "qrels.tsv:2: score 'inf' is not a whole number"),
        ("qrels.tsv", ["q1\td1\t-1"], "qrels.tsv:1: score -1 is negative"),
        ("qrels.tsv", ["q1\td1\t1", "q1\td1\t2"], "qrels.tsv:2: 'q1' and 'd1' were given another score before"),
    ],
)
def test_a_broken_folder_is_refused_with_file_and_line(
    folder: Path, write_lines: WriteLines, name: str, rows: Sequence[object], message: str
) -> None:
    write_lines(name, rows)
    with pytest.raises(GoldError) as refused:
        read_folder(folder)
    assert message in str(refused.value)


@pytest.mark.parametrize("name", ["queries.jsonl", "corpus.jsonl"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(GoldError, match=f"{name} cannot be read: No such file"):
        read_folder(folder)


def test_a_file_that_is_not_utf8_is_named(folder: Path) -> None:
    (folder / "corpus.jsonl").write_bytes(b'{"_id": "d1", "text": "caf\xe9"}\n')
    with pytest.raises(GoldError, match=r"corpus\.jsonl is not UTF-8"):
        list(read_corpus(folder / "corpus.jsonl"))


# --- our own JSONL


def quoted(quote: str, document: str | None = None) -> QuotedQuestion:
    return QuotedQuestion("q1", "who?", True, (quote,), document, 4)


def test_a_quote_is_found_wherever_it_stands() -> None:
    documents = [("a.txt", "Cats purr. Cats purr."), ("b.txt", "All Cats purr.")]
    (question,) = locate(Path("gold.jsonl"), [quoted("Cats purr")], documents).questions
    assert question.places == (Place("a.txt", 0, 9), Place("a.txt", 11, 20), Place("b.txt", 4, 13))


@pytest.mark.parametrize("document", ["b.txt", "pets/b.txt", "/home/pets/b.txt", "./pets/b.txt"])
def test_a_document_is_named_by_its_source_or_the_end_of_it(document: str) -> None:
    documents = [("/home/pets/a.txt", "Cats purr."), ("/home/pets/b.txt", "Cats purr."), ("/home/bb.txt", "Cats purr.")]
    (question,) = locate(Path("gold.jsonl"), [quoted("Cats purr", document)], documents).questions
    assert question.places == (Place("/home/pets/b.txt", 0, 9),)


@pytest.mark.parametrize(
    ("document", "sources", "expected"),
    [
        ("seeds/x.txt", ["x.txt", "y.txt"], ["x.txt"]),  # asked from within the folder
        ("a/seeds/x.txt", ["seeds/x.txt", "x.txt"], ["seeds/x.txt"]),  # the nearest name is meant
        ("seeds/x.txt", ["x.txt", "/a/seeds/x.txt", "/b/seeds/x.txt"], ["/a/seeds/x.txt", "/b/seeds/x.txt"]),
        ("/a/x.txt", ["./x.txt", "b/a/x.txt"], ["./x.txt"]),  # nothing comes before the root
        ("seeds\\x.txt", ["x.txt"], ["x.txt"]),
    ],
)
def test_a_source_may_be_the_end_of_the_document_s_path(document: str, sources: list[str], expected: list[str]) -> None:
    documents = [(source, "Cats purr.") for source in sources]
    (question,) = locate(Path("gold.jsonl"), [quoted("Cats purr", document)], documents).questions
    assert [place.document for place in question.places] == expected


def test_only_whole_names_of_a_path_count() -> None:
    for document, source in (("seeds/x.txt", "ds/x.txt"), ("x.txt", "xx.txt"), ("xx.txt", "x.txt")):
        with pytest.raises(GoldError, match="stands nowhere"):
            locate(Path("gold.jsonl"), [quoted("Cats purr", document)], [(source, "Cats purr.")])


@pytest.mark.parametrize("quote", ["Cats  purr", "cats purr", "“Cats purr”"])
def test_a_quote_that_is_not_verbatim_names_line_and_question(quote: str) -> None:
    with pytest.raises(GoldError, match=r"gold\.jsonl:4: the quote .* of question 'q1' stands nowhere"):
        locate(Path("gold.jsonl"), [quoted(quote)], [("a.txt", "Cats purr.")])


def test_a_quote_of_another_document_than_named_is_refused() -> None:
    with pytest.raises(GoldError, match=r"stands nowhere in 'b\.txt'"):
        locate(Path("gold.jsonl"), [quoted("Cats purr", "b.txt")], [("a.txt", "Cats purr.")])


GOOD = {"id": "q1", "question": "who?", "answerable": True, "quotes": ["Cats"]}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no questions"),
        ([GOOD, GOOD], ":2: 'q1' is already on line 1"),
        ([GOOD | {"question": ""}], ":1: 'question' must be a text"),
        ([GOOD | {"id": None}], ":1: 'id' must be a text"),
        ([GOOD | {"quotes": "Cats"}], ":1: quotes must be a list"),
        ([GOOD | {"quotes": [""]}], ":1: quotes must be a list"),
        ([GOOD | {"quotes": []}], ":1: question 'q1' is answerable but has no quotes"),
        ([GOOD | {"answerable": False}], ":1: question 'q1' is not answerable but has quotes"),
        ([GOOD | {"document": 3}], ":1: document must be the source"),
    ],
)
def test_a_broken_file_of_quotes_is_refused_with_its_line(
    write_lines: WriteLines, rows: Sequence[object], message: str
) -> None:
    path = write_lines("gold.jsonl", rows)
    with pytest.raises(GoldError) as refused:
        read_jsonl(path)
    assert message in str(refused.value) and "gold.jsonl" in str(refused.value)


def test_answerable_follows_from_the_quotes_when_it_is_left_out(write_lines: WriteLines) -> None:
    path = write_lines("gold.jsonl", [{"id": 1, "question": "a?", "quotes": ["x"]}, {"id": 2, "question": "b?"}])
    assert [question.answerable for question in read_jsonl(path)] == [True, False]


def test_a_file_with_windows_line_ends_a_byte_order_mark_and_blank_lines_is_read(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    rows = [json.dumps({"id": n, "question": "q?", "quotes": ["Cats\r\npurr"]}) for n in range(2)]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n\r\n".join(rows).encode() + b"\r\n")
    gold = locate(path, read_jsonl(path), [("a.txt", "All Cats\npurr.")])
    assert [question.id for question in gold.questions] == ["0", "1"]
    assert all(question.places == (Place("a.txt", 4, 13),) for question in gold.questions)


def test_a_quote_given_twice_counts_once() -> None:
    quoted_twice = QuotedQuestion("q1", "who?", True, ("Cats", "Cats", "purr"), None, 1)
    (question,) = locate(Path("gold.jsonl"), [quoted_twice], [("a.txt", "Cats purr.")]).questions
    assert question.answers == ("Cats", "purr") and question.places == (Place("a.txt", 0, 4), Place("a.txt", 5, 9))


def test_quotes_that_are_not_found_may_be_let_pass() -> None:
    (question,) = locate(Path("g.jsonl"), [quoted("gone")], [("a.txt", "Cats.")], required=False).questions
    assert question.places == () and question.answers == ("gone",)


def test_a_sample_keeps_the_order_and_depends_on_the_seed() -> None:
    questions = tuple(QuotedQuestion(str(n), "?", False, (), None, n) for n in range(100))
    drawn = sample(questions, 10, 1)
    assert len(drawn) == 10 and list(drawn) == sorted(drawn, key=lambda question: question.line)
    assert drawn == sample(questions, 10, 1) != sample(questions, 10, 2)
    assert sample(questions, None, 1) == sample(questions, 100, 1) == questions


# --- the gold set of the seeds


def seed_rows() -> list[dict[str, object]]:
    return [json.loads(line) for line in (ROOT / "eval" / "data" / "seeds.jsonl").read_text("utf-8").splitlines()]


def test_every_quote_of_the_seed_questions_stands_once_in_the_article() -> None:
    text = SEED.read_text(encoding="utf-8")
    questions = read_jsonl(ROOT / "eval" / "data" / "seeds.jsonl")
    wrong = [(q.id, quote) for q in questions for quote in q.quotes if text.count(quote) != 1]
    assert not wrong
    assert len(locate(SEED, questions, [("seeds/us-ukraine-minerals-deal.txt", text)]).questions) == len(questions)


def test_the_seed_questions_are_many_and_a_part_is_not_answered() -> None:
    rows = seed_rows()
    assert len(rows) >= 60 and len({row["question"] for row in rows}) == len(rows)
    assert sum(not row["answerable"] for row in rows) >= 15
    assert rows[0]["question"] == "why did Zelensky refuse to sign?"
