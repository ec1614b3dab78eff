"""Benchmarks: what they keep and show; and that the quick ones run."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eval.bench import corpus, doors, results, scale
from eval.bench.commands import peak_mb, serving
from eval.bench.peers.running import _rank
from eval.bench.results import Row
from eval.sets.gold import Place, Question
from rag.service import Service
from rag.shared.config import Config
from rag.shared.errors import BadInput, RagError

RAG = [sys.executable, "-c", "from rag.cli.main import main; main()"]


def test_percentiles_are_durations_that_occurred() -> None:
    assert results.percentiles([float(n) for n in range(1, 101)]) == {"p50_ms": 50.0, "p95_ms": 95.0, "p99_ms": 99.0}
    assert results.percentiles([7.0]) == {"p50_ms": 7.0, "p95_ms": 7.0, "p99_ms": 7.0}


def test_a_saved_row_reads_back_and_says_what_it_was_measured_on(tmp_path: Path) -> None:
    row = Row("ask", "1 client", {"p50_ms": 4.2, "k": 5, "corpus": "seeds"})
    line = results.line_of(row)
    assert {"machine", "versions", "commit"} <= json.loads(line).keys()
    (tmp_path / "rows.jsonl").write_text(line + "\n\n" + line + "\n", encoding="utf-8")
    assert results.read_rows(tmp_path / "rows.jsonl") == [row, row]


def test_a_file_of_something_else_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("[1, 2]\n", encoding="utf-8")
    with pytest.raises(BadInput, match="rows.jsonl:1"):
        results.read_rows(tmp_path / "rows.jsonl")


def test_a_table_has_a_column_per_case_and_blanks_where_a_case_lacks_a_figure() -> None:
    [embed, ask] = results.tables(
        [Row("embed", "a", {"n": 1, "x_s": 0.5}), Row("embed", "b", {"n": 2000}), Row("ask", "a", {"failed": "no"})]
    )
    assert embed == ("embed", ["a", "b"], [["n", "1", "2,000"], ["x s", "0.5", ""]])
    assert ask == ("ask", ["a"], [["failed", "no"]])


def test_a_hit_of_any_system_is_in_the_right_document_and_holds_a_whole_answer() -> None:
    question = Question("q", "where?", True, answers=("in France",), places=(Place("d1", 5, 14),))
    assert _rank(question, [("d2", "It is in France."), ("d1", "in Franc"), ("d1", "Is in France.")]) == 3
    assert _rank(question, [("d1", "in Spain")]) is None


def test_documents_made_of_the_seeds_are_the_same_each_time() -> None:
    assert corpus.read(None) == corpus.read(None)


def test_written_files_hold_every_document_as_often_as_asked(tmp_path: Path) -> None:
    documents = corpus.read(None).documents[:3]
    n_bytes = corpus.write_files(documents, tmp_path / "files", times=2)
    files = sorted((tmp_path / "files").iterdir())
    assert len(files) == 6 and sum(file.stat().st_size for file in files) == n_bytes


def test_the_memory_of_a_process_is_not_that_of_the_one_that_started_it() -> None:
    here = peak_mb()
    held = bytearray(300_000_000)
    held[::4096] = bytes(len(held[::4096]))  # every page is there
    child = subprocess.run(
        [sys.executable, "-c", "from eval.bench.commands import peak_mb; print(peak_mb())"],
        capture_output=True,
        text=True,
    )
    assert peak_mb() >= here and peak_mb() >= 300 > 2 * int(child.stdout)


@pytest.fixture(scope="module")
def seeds_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store: Path = tmp_path_factory.mktemp("bench") / "store"
    with Service.create(store, Config.from_environment()) as service:
        service.intake.add_paths(corpus.seed_files())
    return store


@pytest.mark.slow
@pytest.mark.model
def test_questions_are_measured_on_a_real_server_and_kept(seeds_store: Path, tmp_path: Path) -> None:
    saved = tmp_path / "results.jsonl"
    options = ["--store", str(seeds_store), "--clients", "2", "--seconds", "0.2", "--json", "--out", str(saved)]
    done = subprocess.run([*RAG, "bench", "ask", *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert [row["case"] for row in shown] == ["the model alone", "2 clients", "the same question"]
    assert all(row["questions"] > 0 and row["p50_ms"] <= row["p99_ms"] for row in shown)
    assert [row.case for row in results.read_rows(saved)] == ["the model alone", "2 clients", "the same question"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["ingest", "--documents", "2", "--no-larger"], "rag add"),
        (["overload", "--seconds", "1"], "rag add"),
        (["start"], "rag add"),
    ],
)
def test_a_command_that_fails_while_it_is_measured_is_told_with_its_reason(
    command: list[str], says: str, run_rag: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_MODEL", "/no/such/model")
    result = run_rag("bench", *command)
    assert (result.code, result.out) == (1, "")
    assert says in result.err and "model '/no/such/model'" in result.err


@pytest.mark.slow
def test_a_server_that_does_not_start_says_why_and_what_to_do(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    with pytest.raises(RagError, match=r"did not start \(.*taken.*\).*rag serve --store"), serving(taken):
        pass


def test_scale_needs_enough_questions_and_closes_what_it_opened_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gold, closed = tmp_path / "gold", list[str]()
    gold.mkdir()
    (gold / "corpus.jsonl").write_text('{"_id": "d", "text": "Cats purr."}\n', encoding="utf-8")
    query = {"text": "who?", "answers": [{"text": "Cats", "start": 0, "doc_id": "d"}]}
    lines = [json.dumps({"_id": str(number), **query}) + "\n" for number in range(30)]
    (gold / "queries.jsonl").write_text("".join(lines), encoding="utf-8")
    with pytest.raises(BadInput, match="30 questions in these gold sets: more than 50"):
        list(scale.rows([gold], [10], Config()))

    @contextmanager
    def opened() -> Iterator[Any]:
        try:
            yield SimpleNamespace(store=None)
        finally:
            closed.append("first")

    pending = iter([opened()])

    def open_folder(*arguments: object) -> AbstractContextManager[Any]:
        if (service := next(pending, None)) is None:
            raise BadInput("damaged")
        return service

    monkeypatch.setattr(scale, "open_folder", open_folder)
    with pytest.raises(BadInput, match="damaged"):
        list(scale.rows([gold, gold], [10], Config()))
    assert closed == ["first"]


def test_a_folder_for_stores_is_made_or_refused_before_any_work(run_rag: Callable[..., Any], tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    gold = tmp_path / "gold"  # none is there: what is wrong with the folder is told first
    refused = run_rag("bench", "scale", gold, "--folder", taken)
    assert (refused.code, refused.err) == (2, f"rag: --folder {taken} cannot be made: File exists\n")
    assert run_rag("bench", "scale", gold, "--folder", tmp_path / "new" / "one").code == 1
    assert (tmp_path / "new" / "one").is_dir()


def test_the_benchmarks_are_listed_with_what_each_asks(run_rag: Callable[..., Any]) -> None:
    shown, bare = run_rag("bench", "--help"), run_rag("bench")
    assert (bare.code, bare.err, bare.out) == (0, "", shown.out)
    assert "Example: rag bench " in shown.out
    listed = run_rag("bench", "--json").json["benchmarks"]
    by_name = {benchmark["name"]: benchmark for benchmark in listed}
    assert {"embed", "checks", "doors", "ingest", "ask", "scale", "start", "overload", "peers", "all"} == set(by_name)
    assert by_name["start"] == {
        "name": "start",
        "asks": "How long commands take from a cold start.",
        "example": "rag bench start",
    }
    misplaced = run_rag("bench", "--json", "start")
    assert misplaced.code == 2 and misplaced.err == "rag: --json: write it behind the command: rag bench start --json\n"


@pytest.mark.slow
def test_a_chart_tells_what_was_drawn_and_where(run_rag: Callable[..., Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    saved, picture = tmp_path / "results.jsonl", tmp_path / "chart.svg"
    rows = [Row("start", "rag --help", {"median_s": 0.1}), Row("embed", "f32", {"passages_per_s": 86.0})]
    saved.write_text("".join(results.line_of(row) + "\n" for row in rows), encoding="utf-8")
    drawn = run_rag("bench", "chart", saved, picture, "--json")
    assert drawn.json == {
        "picture": str(picture),
        "charts": ["embedding, passages/s", "cold start, s (lower is better)"],
    }
    assert picture.read_text(encoding="utf-8").startswith("<?xml")
    lost = run_rag("bench", "chart", saved, tmp_path / "none" / "chart.svg")
    assert lost.code == 2 and "name a file in a folder that exists" in lost.err


@pytest.mark.model
@pytest.mark.slow
def test_every_door_answers_a_benchmarks_questions(seeds_store: Path) -> None:
    rows = list(doors.rows(seeds_store, corpus.QUESTIONS, rounds=1, seconds=0.1))
    assert [row.case for row in rows] == list(doors.DOORS)
    assert all(row.figures["times_v1_ask"] and row.figures["share_of_v1_ask"] for row in rows)
