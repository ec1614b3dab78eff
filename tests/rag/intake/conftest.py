"""A folder to take in."""

from pathlib import Path

import pytest

from rag.service import Service


@pytest.fixture
def folder(service: Service) -> Path:
    """An empty folder in that of the service, which is the current one."""
    made = Path("docs")
    made.mkdir()
    return made
