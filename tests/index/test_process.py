"""Processes of this project."""

import subprocess
import sys

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="a promise on Linux alone")
def test_what_forbids_inspection_is_undumpable() -> None:
    code = (
        "import ctypes\nfrom index.process import forbid_inspection\nstate = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)\n"
        "print(state())\nforbid_inspection()\nprint(state())"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["1", "0"]
