"""What a command imports before it does anything: nothing that only other commands need."""

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from rag.cli.main import plugged_in

pytestmark = pytest.mark.medium

PARSERS = {
    "rag.parsing.pdf.parse",
    "rag.parsing.web.html",
    "rag.parsing.office.docx.parse",
    "rag.parsing.archives.members",
    "markdown_it",
    "yaml",
    "olefile",
}
OTHERS = {"rag.intake.web", "pathspec", "torch", "transformers", "sentence_transformers", "langchain_text_splitters"}


def imported_by(code: str) -> set[str]:
    """All modules that are there after this code, in a process of its own."""
    shown = "import sys; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", f"{code}; {shown}"], capture_output=True, text=True, check=True)
    return set(ended.stdout.split())


def test_a_question_waits_for_no_parser() -> None:
    modules = imported_by("import rag.service, rag.cli.questions.ask, rag.answer.ask, rag.model.cross_encoders")
    assert "rag.answer.ask" in modules and modules & (PARSERS | OTHERS) == set()


def test_what_finds_a_model_imports_nothing_large() -> None:
    modules = imported_by("import rag.model.loading")
    assert "rag.model.cache" in modules and modules & {"numpy", "openvino", "tokenizers", "importlib.metadata"} == set()


def test_json_is_written_without_the_shapes_that_describe_it() -> None:
    modules = imported_by("import rag.shared.serialization")
    assert modules & {"typing_extensions", "rag.shared.shapes", "rag.shared.types"} == set()


@pytest.mark.parametrize("command", ["ask", "list", "add"])
def test_a_command_of_its_own_loads_no_other(command: str) -> None:
    modules = imported_by(f"from rag.cli.main import build; build({command!r})")
    assert (
        modules
        & {"importlib.metadata", "rag.cli.documents.watch", "api.cli.serve", "eval.cli.evaluate", "numpy", "pydantic"}
        == set()
    )


@pytest.mark.parametrize("wanted", ["", "serve", "--help", "asj"])
def test_the_help_and_plugged_in_commands_have_all_of_them(wanted: str) -> None:
    modules = imported_by(f"from rag.cli.main import build; build({wanted!r})")
    assert {"rag.cli.documents.watch", "api.cli.serve", "eval.cli.evaluate"} <= modules
    large = {"numpy", "pydantic", "fastapi", "faiss", "openvino", "torch", "rich.console", "importlib.metadata"}
    assert modules & {"rag.service", "api.admission.keys", *large} == set()


def test_what_a_command_imports_is_not_looked_through_for_garbage() -> None:
    program = (
        "import gc, sys\nfrom rag.cli.start import main\nlooks = []\nsys.argv = ['rag', 'help', 'ask']\n"
        "gc.callbacks.append(lambda phase, facts: looks.append(phase))\n"
        "try:\n    main()\nfinally:\n    print(looks, 'typer' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[] True"


def test_plugged_in_commands_are_those_that_were_declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = {entry.name: entry.value for entry in entry_points(group="footnote.commands")}
    assert "serve" in declared
    assert plugged_in() == declared
    # What an earlier version left, which declared none, is passed over.
    other = tmp_path / "footnote_rag-0.0.1.dist-info"
    other.mkdir()
    (other / "entry_points.txt").write_text("[console_scripts]\nrag = rag.cli.main:main\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "gone"), str(tmp_path), *sys.path])
    assert plugged_in() == declared
    (other / "entry_points.txt").write_text(
        "[other]\nx = y:z\n\n[footnote.commands]\n\none = a.b:c\n two=d:e \n[last]\nx = y:z\n"
    )
    assert plugged_in() == {"one": "a.b:c", "two": "d:e"}


@pytest.mark.slow
def test_a_list_waits_for_no_search_files(seeded: Callable[..., Any]) -> None:
    modules = imported_by("import rag.cli.main as m; m.build('list')(['list'], standalone_mode=False)")
    assert "index.local.database.listing" in modules
    assert modules & {"numpy", "faiss", "tantivy", "rag.service", "importlib.resources", "zipfile"} == set()


@pytest.mark.slow
def test_an_answer_waits_for_nothing_that_it_does_not_use(seeded: Callable[..., Any]) -> None:
    question = (
        "import rag.cli.main as m; m.build('ask')(['ask', 'why did Zelensky refuse to sign?'], standalone_mode=False)"
    )
    modules = imported_by(question)
    assert {"numpy", "faiss", "openvino", "rich.console"} <= modules
    assert modules & {"numpy.ma", "importlib.metadata", "email", "pydantic", "torch"} == set()
