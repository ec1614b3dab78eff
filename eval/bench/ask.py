"""How long does an answer take over HTTP, alone and under load?

Timed: ``POST /v1/ask`` with five passages on a running ``rag serve``, from sending to the last byte, each client on one connection
that stays open, its next question sent as soon as the last is answered. Every question is asked once only, so that no answer comes
from the cache; the last case asks one question again and again. The clients run on the same cores as the server. Beside it what no
answer of this model and engine can pass: their pass over one question (the times), and over many that wait (questions a second).
Left out: making the store, starting the server, and the first questions of each case.
"""

import time
from collections.abc import Iterator, Sequence
from itertools import islice, repeat
from pathlib import Path

from eval.bench.commands import serving
from eval.bench.corpus import distinct
from eval.bench.load import Request, Wire
from eval.bench.results import Figure, Row, percentiles
from rag.model.embedding import word_spans
from rag.service import Service

_K = 5
_WARM_UP = 20  # questions of each case
_N_ALONE = 300  # questions that the model alone is measured with
_MOST_PER_S = 2000  # questions that are ready for each second


def rows(store: Path, questions: Sequence[str], clients: Sequence[int], seconds: float) -> Iterator[Row]:
    """One row per number of clients, each of ``seconds``; then one client with one question repeated."""
    fresh = distinct(questions)
    yield _model_alone(store, list(islice(fresh, _WARM_UP + _N_ALONE)))
    with serving(store) as server:
        about: dict[str, Figure] = {
            "documents": server.documents,
            "passages": server.passages,
            "k": _K,
            "start_s": server.start_s,
        }
        wire = Wire(server.url)
        cases = [(f"{n} client" + "s" * (n > 1), fresh, n) for n in clients]
        for case, asked, n_clients in [*cases, ("the same question", repeat(questions[0]), 1)]:
            wire.answers(_requests(wire, islice(asked, max(_WARM_UP, n_clients))), n_clients, seconds)
            milliseconds, elapsed = wire.answers(
                _requests(wire, islice(asked, int(_MOST_PER_S * seconds))), n_clients, seconds
            )
            figures = {"questions": len(milliseconds), **percentiles(milliseconds)}
            yield Row("ask", case, {**about, **figures, "questions_per_s": round(len(milliseconds) / elapsed, 1)})


def _model_alone(store: Path, questions: Sequence[str]) -> Row:
    with Service.open(store) as service:
        embedder = service.embedder
        milliseconds = []
        for question in questions:
            started = time.perf_counter()
            embedder.embed_question(question, word_spans(question)).result()
            milliseconds.append((time.perf_counter() - started) * 1000)
        started = time.perf_counter()
        for waiting in [embedder.embed_question(question, word_spans(question)) for question in questions]:
            waiting.result()
        together = len(questions) / (time.perf_counter() - started)
    figures = {**percentiles(milliseconds[_WARM_UP:]), "questions_per_s": round(together, 1)}
    return Row("ask", "the model alone", {"questions": len(milliseconds) - _WARM_UP, **figures})


def _requests(wire: Wire, questions: Iterator[str]) -> list[Request]:
    """The questions as requests, made before any is sent."""
    return [wire.request("/v1/ask", {"question": question, "top_k": _K}) for question in questions]
