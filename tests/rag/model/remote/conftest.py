"""A stub of a server of models, which is asked again at once."""

from collections.abc import Iterator

import pytest

from tests.embedding_stub import EmbeddingStub, serve_embeddings


@pytest.fixture
def stub(short_pauses: None) -> Iterator[EmbeddingStub]:
    with serve_embeddings() as running:
        yield running
