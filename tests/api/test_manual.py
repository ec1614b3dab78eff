"""The manuals name every setting and every metric there is, and no others."""

import re
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from api.app import create_app
from api.errors import ALL_KINDS
from api.settings import Settings
from rag.shared.config import NAMES

ROOT = Path(__file__).parents[2]
OPERATE = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
SECURITY = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def test_every_setting_of_the_service_is_in_the_table() -> None:
    table = [line.split("|")[1] for line in OPERATE.splitlines() if line.startswith("| `")]
    named = set(re.findall(r"`([a-z_]+)`", "".join(table)))
    assert {*NAMES, *Settings.names()} <= named


def test_every_metric_is_in_the_table_and_no_other(fake: Any) -> None:
    with TestClient(create_app(fake, Settings())) as client:
        exported = set(re.findall(r"^# TYPE (\S+)", client.get("/metrics").text, re.MULTILINE))
    rows = "\n".join(line.split("|")[1] for line in OPERATE.splitlines() if re.match(r"\| `(footnote|process)_", line))
    named = {f"footnote_store{name}" if name.startswith("_") else name for name in re.findall(r"`([a-z_]+)`", rows)}
    assert named == exported - {"footnote_info"}


def test_every_kind_of_problem_that_is_named_exists() -> None:
    named = set(re.findall(r"/problems/([a-z-]+)", OPERATE + SECURITY))
    assert named and named <= {kind.slug for kind in ALL_KINDS}
