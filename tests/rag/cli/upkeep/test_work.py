"""`rag work` says which stores it works for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_a_store_in_a_directory_has_no_queue(run_rag: Callable[..., Any], tmp_path: Path) -> None:
    ran = run_rag("work", "--store", tmp_path / "store")
    assert ran.code == 2 and "--store postgresql://..." in ran.err
    assert not (tmp_path / "store").exists()


def test_a_database_that_is_not_there_is_one_line(run_rag: Callable[..., Any]) -> None:
    ran = run_rag("work", "--store", "postgresql://localhost:1/none")
    assert ran.code == 1 and "cannot be reached" in ran.err
