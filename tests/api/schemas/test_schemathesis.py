"""A real server under schemathesis: every phase, no unexpected 5xx, nothing that the OpenAPI description does not say.

Some 4,000 requests; with `--long` 100,000. The requests are the same in every run: hypothesis draws them without chance.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
CONFIG = Path(__file__).with_name("schemathesis.toml")
HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
KEY = "k3y-of-the-test"
REQUESTS = re.compile(r'footnote_requests_total\{.*status="(\d+)"\} (\d+)')
pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(not SCHEMATHESIS.exists(), reason="schemathesis is not installed: make test installs it"),
]


def failing(parts: Mapping[str, Sequence[str]], url: str, folder: Path) -> list[str]:
    """Runs of schemathesis side by side, by name with their options; those that found something. Logs: NAME.log in the folder."""
    with ExitStack() as stack:
        runs = []
        for name, options in parts.items():
            command = [
                str(SCHEMATHESIS),
                f"--config-file={CONFIG}",
                "run",
                f"{url}/openapi.json",
                f"--header=Authorization: Bearer {KEY}",
                "--workers=1",
                "--no-color",
                *options,
            ]
            (folder / name).mkdir()  # it keeps what it found in the directory where it runs
            log = stack.enter_context((folder / f"{name}.log").open("w+"))
            environment = os.environ | {"COLUMNS": "120", "SCHEMATHESIS_HOOKS": str(HOOKS)}
            run = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder / name, env=environment)
            stack.callback(run.wait)
            stack.callback(run.kill)
            runs.append((name, run))
        return [name for name, run in runs if run.wait()]


@pytest.mark.slow
def test_what_the_service_answers_is_what_it_says_it_does(
    serve: Callable[..., Any], connect: Callable[..., Any], tmp_path: Path, long: bool
) -> None:
    n_requests, examples = (100_000, 12_000) if long else (3_000, 340)
    # Deadlines that a stall of the machine does not reach: what is still a 5xx is the service's own.
    _, told = serve(RAG_API_KEY=KEY, RAG_DEADLINE="120", RAG_UPLOAD_DEADLINE="120")
    # Side by side, because making requests up takes several times as long as answering them.
    # Sequences by themselves: beside others that add the same text again a deleted document may well be there.
    fuzzed = {
        "bodies": ("--phases=fuzzing", "--include-method=POST", f"--max-examples={examples}"),
        "paths": ("--phases=fuzzing", "--exclude-method=POST", f"--max-examples={examples}"),
    }
    sequences = {"sequences": ("--phases=examples,coverage,stateful", f"--max-examples={examples // 10}")}
    failed = [name for parts in (fuzzed, sequences) for name in failing(parts, told["url"], tmp_path)]
    for path in sorted(tmp_path.glob("*/server-errors.jsonl")):
        print(path.read_text())
    if failed:
        print(told["log"].read_text()[-4000:])
        pytest.fail("".join((tmp_path / f"{name}.log").read_text()[-8000:] for name in failed))
    with connect(told) as client:
        metrics = client.get("/metrics", headers={"X-API-Key": KEY}).text
    answered: Counter[int] = Counter()
    for status, count in REQUESTS.findall(metrics):
        answered[int(status)] += int(count)
    print(answered.total(), "requests", dict(answered))
    assert {status: count for status, count in answered.items() if status >= 500} == {}
    assert answered.total() >= n_requests, answered
    # It got somewhere: not everything was turned away at the door.
    assert answered[200] + answered[201] > n_requests / 5, answered
