"""The default model, converted."""

from pathlib import Path

import pytest

from rag.model.cache import ModelInfo, converted_model
from rag.shared.config import Config


@pytest.fixture(scope="session")
def model() -> tuple[ModelInfo, Path]:
    """What the engine must know of it, and its folder."""
    return converted_model(None, None, Config.from_environment())
