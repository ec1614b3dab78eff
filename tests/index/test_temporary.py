"""Temporary folders: removed with the process that made them, however that ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from index.temporary import PassingFolder

pytestmark = pytest.mark.medium


def test_a_folder_goes_with_its_process_also_when_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    make = (
        "from index.temporary import PassingFolder\nfolder = PassingFolder('test')\n"
        "(folder.path / 'file').touch()\nprint(folder.path, flush=True)\ninput()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", make], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        other = Path(process.stdout.readline().strip())
        own = PassingFolder("test")
        assert other.parent == own.path.parent == tmp_path and other.exists()
        process.kill()
    PassingFolder("test").close()
    assert not other.exists() and own.path.exists()
    own.close()
    assert not own.path.exists()
