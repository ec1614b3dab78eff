"""Numpy as Footnote loads it: in the calling thread only, and with its help or without."""

import os
import subprocess
import sys

import pytest

from rag.shared.config import Config

THREADS = """
import os
from rag.model.engine import load_numpy
load_numpy()
import numpy as np
a = np.ones((1000, 1000), dtype=np.float32)
a @ a
print(len(os.listdir("/proc/self/task")), os.environ.get("OPENBLAS_NUM_THREADS"))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads in /proc")
@pytest.mark.parametrize(("given", "threads"), [(None, 1), ("2", min(2, Config().threads))])
def test_a_product_runs_in_one_thread_unless_the_environment_says_otherwise(given: str | None, threads: int) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    if given is not None:
        environment["OPENBLAS_NUM_THREADS"] = given
    ended = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, check=True, env=environment)
    assert ended.stdout.split() == [str(threads), str(given)]


@pytest.mark.parametrize("helps", [True, False])
def test_help_on_numpy_is_left_out_where_nobody_asks_for_it(helps: bool) -> None:
    program = (
        f"from rag.model.engine import load_numpy; load_numpy(helps={helps}); import numpy; print(numpy.array.__doc__)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (ended.stdout.strip() != "None") is helps


def test_the_engine_waits_for_no_operations_which_can_be_had_all_the_same() -> None:
    program = """
import sys
from rag.model.engine import load_openvino, load_operations
openvino = load_openvino()
print([module for module in sys.modules if "opset" in module], hasattr(openvino, "opset13"))
print(load_operations() is openvino.opset13, load_operations().parameter.__name__)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == ["[] False", "True parameter"]
