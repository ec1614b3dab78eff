"""A real server under schemathesis: every phase, no unexpected 5xx, nothing that the OpenAPI description does not say.

5,000 requests; with `--long` 100,000. The requests are the same in every run: hypothesis draws them without chance.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
CONFIG = Path(__file__).with_name("schemathesis.toml")
KEY = "k3y-of-the-test"
REQUESTS = re.compile(r'footnote_requests_total\{.*status="(\d+)"\} (\d+)')
pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(not SCHEMATHESIS.exists(), reason="schemathesis is not installed: make test installs it"),
]


def test_what_the_service_answers_is_what_it_says_it_does(
    serve: Callable[..., Any], connect: Callable[..., Any], tmp_path: Path, long: bool
) -> None:
    n_requests, examples = (100_000, 14_000) if long else (5_000, 560)
    _, told = serve(RAG_API_KEY=KEY)
    command = [
        str(SCHEMATHESIS),
        f"--config-file={CONFIG}",
        "run",
        f"{told['url']}/openapi.json",
        f"--header=Authorization: Bearer {KEY}",
        "--phases=examples,coverage,fuzzing,stateful",
        "--workers=1",
        f"--max-examples={examples}",
        "--no-color",
    ]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"COLUMNS": "120"})
    if run.returncode:
        pytest.fail(run.stdout[-8000:] + run.stderr[-2000:])
    with connect(told) as client:
        metrics = client.get("/metrics", headers={"X-API-Key": KEY}).text
    answered: Counter[int] = Counter()
    for status, count in REQUESTS.findall(metrics):
        answered[int(status)] += int(count)
    assert {status: count for status, count in answered.items() if status >= 500} == {}
    assert answered.total() >= n_requests, answered
    # It got somewhere: not everything was turned away at the door.
    assert answered[200] + answered[201] > n_requests / 5, answered
