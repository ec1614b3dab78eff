"""Where a converted model is kept, by whom it may be read, and what a conversion that was stopped leaves: nothing."""

import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest

from rag.model.cache import converted_model, read_converted
from rag.shared.config import Config
from tests.reliability import mounts

pytestmark = pytest.mark.medium


@pytest.fixture(autouse=True)
def conversion(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of a conversion, which takes ten seconds, files of the names that it makes."""

    def convert(source: Path, destination: Path) -> dict[str, object]:
        for name in ("model.xml", "model.bin", "model-int8.xml", "model-int8.bin", "tokenizer.json"):
            (destination / name).write_text(name)
        names = {"pooling": "mean", "query_prompt": "", "passage_prompt": "", "probe": (1.0,)}
        return {**names, "dim": 1, "window_tokens": 256, "pad_id": 0}

    monkeypatch.setattr("rag.model.conversion.convert", convert)


def modes(*paths: Path) -> set[str]:
    return {f"{path.stat().st_mode & 0o777:o}" for path in paths}


def test_a_new_cache_is_for_its_owner_alone(tmp_path: Path) -> None:
    cache = tmp_path / "home" / "cache"
    cache.parent.mkdir()
    umask = os.umask(0o022)
    try:
        _, folder = converted_model(None, None, replace(Config(), cache=cache))
    finally:
        os.umask(umask)
    assert modes(cache, *cache.rglob("*")) == {"700", "600"} and folder.is_dir()


def test_a_cache_that_others_may_read_goes_on_so(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models").chmod(0o755)
    _, folder = converted_model(None, None, replace(Config(), cache=tmp_path))
    assert modes(folder, *folder.iterdir()) == {"755", "644"}


def test_what_a_killed_conversion_left_is_removed_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / "models" / ".converting-1234"
    left.mkdir(parents=True)
    (left / "model.bin").write_text("half")
    converted_model(None, None, replace(Config(), cache=tmp_path))
    assert not left.exists()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of someone whose temporary files are elsewhere."""
    (tmp_path / "home").mkdir()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / ".cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    return tmp_path / "home"


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was told to whoever is not curious."""
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


def test_in_a_read_only_home_a_temporary_folder_serves_as_cache(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = Config.from_environment({})
    with mounts.read_only(home):
        info, folder = converted_model(None, None, config)
        assert folder.is_relative_to(home.parent / "tmp") and modes(folder) == {"700"}
        assert warnings(caplog) == [
            f"{home}/.cache/footnote cannot be written to: {folder.parents[1]} serves as cache (or set RAG_CACHE)"
        ]
        assert converted_model(None, info.fingerprint, config) == (info, folder)
        assert read_converted(info.fingerprint, config) == (info, folder)


def test_a_temporary_folder_of_somebody_else_is_not_believed(home: Path) -> None:
    (home.parent / "tmp" / f"footnote-{os.getuid()}").mkdir()
    (home.parent / "tmp" / f"footnote-{os.getuid()}").chmod(0o777)
    from rag.shared.errors import ModelUnavailable

    with mounts.read_only(home), pytest.raises(ModelUnavailable, match="set RAG_CACHE"):
        converted_model(None, None, Config.from_environment({}))


def test_a_model_in_a_read_only_cache_is_used_where_it_lies(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = Config.from_environment({})
    info, folder = converted_model(None, None, config)
    with mounts.read_only(home):
        assert converted_model(None, info.fingerprint, config) == (info, folder) and warnings(caplog) == []
