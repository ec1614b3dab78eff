"""Imports go one way: api -> rag -> index and eval -> rag."""

import ast
import importlib
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.medium

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "index": {"index"},
    "rag": {"rag", "index"},
    "api": {"api", "rag", "index"},
    "eval": {"eval", "rag", "index"},
}
# One engine, one module: whatever imports these is the only place to change when the engine does.
ENGINES = {
    "faiss": {"index/local/views/vectors.py"},
    "tantivy": {"index/local/views/lexical.py"},
    "sentence_transformers": {"rag/model/cross_encoders.py", "rag/model/reference.py"},
    "langchain_text_splitters": {"rag/intake/chunking.py"},
    "openvino": {"rag/model/engine.py", "rag/parsing/pdf/recognition/rapid.py"},
    "olefile": {"rag/parsing/mail/msg.py"},
    "openpyxl": {"rag/parsing/office/xlsx.py"},
    "procrastinate": {"index/postgres/queue.py"},
    "psycopg": {
        f"index/postgres/{name}.py"
        for name in ("connection", "errors", "queue", "schema", "upkeep/reindex", "upkeep/snapshot")
    },
    "pymilvus": {"index/postgres/milvus.py"},
    "pypdfium2": {
        "rag/parsing/pdf/objects/entries.py",
        "rag/parsing/pdf/objects/page.py",
        "rag/parsing/pdf/objects/rulings.py",
        "rag/parsing/pdf/parse.py",
        "rag/viewing/pictures.py",
    },
    "rapidocr": {"rag/parsing/pdf/recognition/rapid.py"},
    "selectolax": {"rag/parsing/web/boilerplate.py", "rag/parsing/web/html.py"},
}
# What each room of a store in a directory uses of the others, at load or later. Nothing below uses anything above it.
ROOMS: dict[str, set[str]] = {
    "system": set(),
    "database": {"system"},
    "originals": {"system", "database"},
    "views": {"system", "database"},
    "checkpoint": {"system", "database", "views"},
    "opening": {"system", "database", "originals", "views", "checkpoint"},
    "reader": {"database", "views"},
    "checks": {"system", "database", "originals", "views", "checkpoint", "opening"},
    "store": {"system", "database", "originals", "views", "checkpoint", "opening", "reader", "checks"},
    "upkeep": {"system", "database", "originals", "views", "checkpoint", "opening", "reader", "checks", "store"},
}
LOCAL = ROOT / "index" / "local"
# It drives other systems, in an environment of its own, and imports nothing of this project.
FOREIGN = ROOT / "eval" / "bench" / "peers" / "worker.py"
MODULES = [path for package in ALLOWED for path in sorted((ROOT / package).rglob("*.py")) if path != FOREIGN]


@cache
def nodes(path: Path) -> list[ast.AST]:
    """All nodes of a module's syntax tree."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@cache
def imported(path: Path) -> set[str]:
    """Top-level names that a module imports, wherever in it."""
    names = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
        elif isinstance(node, ast.ImportFrom):
            names.add("relative")
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_imports_only_folders_below_its_own(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    assert imported(path) & {*ALLOWED, "relative"} <= ALLOWED[package]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_of_the_store_uses_only_rooms_below_it(room: str) -> None:
    """The rooms stand in the order in which one is built on another, so that there is no circle."""
    assert ROOMS[room] <= set(list(ROOMS)[: list(ROOMS).index(room)])
    modules = [LOCAL / f"{room}.py"] if (LOCAL / f"{room}.py").exists() else sorted((LOCAL / room).glob("*.py"))
    used = {
        node.module.split(".")[2]
        for path in modules
        for node in nodes(path)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("index.local.")
        if node.module is not None
    }
    assert used - {room} <= ROOMS[room]


def test_every_room_of_the_store_is_in_the_table() -> None:
    rooms = {path.stem for path in LOCAL.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - {"__init__"} == ROOMS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_is_imported_in_its_own_module_only(engine: str) -> None:
    users = {path.relative_to(ROOT).as_posix() for path in MODULES if engine in imported(path)}
    assert users == ENGINES[engine]


# Makes stores of a million passages without running a model, and measures the index itself.
BELOW_THE_SERVICE = {"eval/bench/scale.py"}


def test_api_and_eval_use_of_the_index_only_its_values_and_errors() -> None:
    for path in MODULES:
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(("api/", "eval/")) and name not in BELOW_THE_SERVICE:
            for node in nodes(path):
                if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "index":
                    assert node.module in ("index.types", "index.errors", "index.process", "index.temporary"), path


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_the_packages_of_this_repository_are_the_ones_loaded(package: str) -> None:
    assert Path(str(importlib.import_module(package).__file__)).parent == ROOT / package
