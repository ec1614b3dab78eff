"""Indexed corpora: built once, never half. Runs the real default model."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from eval.sets import corpora
from eval.sets.corpora import open_folder, open_path
from rag.service import Service
from rag.shared.config import Config
from rag.shared.errors import BadInput
from rag.shared.types import IngestProgress

pytestmark = pytest.mark.model
WriteLines = Callable[[str, Sequence[object]], Path]
CORPUS = [
    {"_id": "d1", "title": "Cats", "text": "Cats purr when they are happy."},
    {"_id": "d2", "title": "", "text": "Dogs bark at strangers."},
]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Settings with a corpus cache of the test's own beside the converted model, which takes seconds to make."""
    cache = tmp_path / "cache"
    cache.mkdir()
    models = Config.from_environment().cache / "models"
    models.mkdir(parents=True, exist_ok=True)
    (cache / "models").symlink_to(models)
    return Config(cache=cache)


@pytest.fixture
def notices() -> list[str]:
    return []


def kept(config: Config) -> list[str]:
    return sorted(path.name for path in (config.cache / "corpora").iterdir())


@pytest.mark.slow
def test_a_corpus_is_indexed_once(tmp_path: Path, write_lines: WriteLines, config: Config, notices: list[str]) -> None:
    write_lines("corpus.jsonl", CORPUS)
    told: list[IngestProgress] = []
    with open_folder(tmp_path, config, notices.append, told.append) as service:
        assert [(document.source, document.title) for document in service.documents()] == [("d1", "Cats"), ("d2", "")]
        assert service.text(service.documents()[1].id) == CORPUS[1]["text"]
    assert told
    told.clear()
    with open_folder(tmp_path, config, notices.append, told.append) as service:
        assert service.counts()[0] == 2
    assert not told and not notices and len(kept(config)) == 1


@pytest.mark.slow
def test_other_content_or_settings_make_another_store(
    tmp_path: Path, write_lines: WriteLines, config: Config, notices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lines("corpus.jsonl", CORPUS)
    open_folder(tmp_path, config, notices.append).close()
    other = Config(cache=config.cache, passage_characters=300)
    open_folder(tmp_path, other, notices.append).close()
    assert len(kept(config)) == 2
    write_lines("corpus.jsonl", CORPUS[:1])
    with open_folder(tmp_path, config, notices.append) as service:
        assert service.counts()[0] == 1
    assert len(kept(config)) == 3
    monkeypatch.setattr(corpora, "_code_digest", lambda: "newer code")
    open_folder(tmp_path, config, notices.append).close()
    assert len(kept(config)) == 4


@pytest.mark.slow
def test_a_build_that_fails_leaves_nothing(
    tmp_path: Path, write_lines: WriteLines, config: Config, notices: list[str]
) -> None:
    write_lines("corpus.jsonl", CORPUS)

    def stop(progress: IngestProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_folder(tmp_path, config, notices.append, stop)
    assert kept(config) == []
    with open_folder(tmp_path, config, notices.append) as service:
        assert service.counts()[0] == 2


@pytest.mark.slow
def test_a_damaged_store_is_made_again_and_said_so(
    tmp_path: Path, write_lines: WriteLines, config: Config, notices: list[str]
) -> None:
    write_lines("corpus.jsonl", CORPUS)
    open_folder(tmp_path, config, notices.append).close()
    (name,) = kept(config)
    for path in (config.cache / "corpora" / name / "store").iterdir():
        if path.is_file():
            path.write_bytes(b"not what it was")
    with open_folder(tmp_path, config, notices.append) as service:
        assert service.counts()[0] == 2
    assert len(notices) == 1 and "is made again" in notices[0]


@pytest.mark.slow
def test_files_are_taken_in_as_add_does_and_bad_ones_named_each_time(
    tmp_path: Path, config: Config, notices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "pets"
    folder.mkdir()
    (folder / "cats.txt").write_text("Cats purr when they are happy.", encoding="utf-8")
    (folder / "noise.bin").write_bytes(bytes(range(256)))
    for _ in range(2):
        with open_path(Path("pets"), config, notices.append) as service:
            assert [document.source for document in service.documents()] == ["pets/cats.txt"]
    assert len(notices) == 2 and notices[0] == notices[1] and "noise.bin" in notices[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nowhere", "empty", "noise.bin"])
def test_nothing_to_read_is_bad_input(tmp_path: Path, config: Config, notices: list[str], name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)))
    with pytest.raises(BadInput):
        open_path(tmp_path / name, config, notices.append)
    assert not (config.cache / "corpora").exists() or kept(config) == []


@pytest.mark.slow
def test_the_faster_of_two_builders_wins(
    tmp_path: Path, write_lines: WriteLines, config: Config, notices: list[str]
) -> None:
    write_lines("corpus.jsonl", CORPUS)
    inner: list[Service] = []

    def other_process(progress: IngestProgress) -> None:
        if not inner:
            inner.append(open_folder(tmp_path, config, notices.append))

    with open_folder(tmp_path, config, notices.append, other_process) as service:
        assert service.counts()[0] == inner[0].counts()[0] == 2
    inner[0].close()
    assert len(kept(config)) == 1


def test_the_code_digest_covers_what_ingestion_imports() -> None:
    root = Path(corpora.__file__).parents[2]
    reached, pending = set[Path](), [root / name for name in corpora._INGESTION]
    while pending:
        path = pending.pop()
        if path not in reached:
            reached.add(path)
            pending += corpora._imported(path)
    names = {path.relative_to(root).as_posix() for path in reached}
    assert {
        "rag/intake/prepare.py",
        "rag/intake/chunking.py",
        "rag/model/embedding.py",
        "rag/parsing/formats.py",
        "index/local/store.py",
    } <= names
    assert "rag/answer/compose.py" not in names and "rag/retrieval/retrieve.py" not in names
    assert json.loads(json.dumps(corpora._code_digest())) == corpora._code_digest()
