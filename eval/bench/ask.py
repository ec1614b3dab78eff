"""How long does an answer take over HTTP, alone and under load?

Timed: ``POST /v1/ask`` with five passages on a running ``rag serve``, from sending to the last byte, each client on one connection
that stays open, its next question sent as soon as the last is answered. Every question is asked once only, so that no answer comes
from the cache; the last case asks one question again and again. The clients run on the same cores as the server. Beside it what no
answer of this model and engine can pass: their pass over one question (the times), and over many that wait (questions a second).
Left out: making the store, starting the server, and the first questions of each case.
"""

import http.client
import json
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from threading import Thread
from urllib.parse import urlsplit

from eval.bench.commands import serving
from eval.bench.results import Figure, Row, percentiles
from rag.model.embedding import word_spans
from rag.service import Service
from rag.shared.errors import RagError

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
        for n_clients in clients:
            yield _measured(f"{n_clients} client" + "s" * (n_clients > 1), server.url, fresh, n_clients, seconds, about)
        again = iter(lambda: questions[0], None)
        yield _measured("the same question", server.url, again, 1, seconds, about)


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


def _measured(
    case: str, url: str, questions: Iterator[str], n_clients: int, seconds: float, about: dict[str, Figure]
) -> Row:
    _load(url, list(islice(questions, max(_WARM_UP, n_clients))), n_clients, seconds)
    asked = list(islice(questions, int(_MOST_PER_S * seconds)))
    started = time.perf_counter()
    milliseconds = _load(url, asked, n_clients, seconds)
    elapsed = time.perf_counter() - started
    figures: dict[str, Figure] = {**percentiles(milliseconds), "questions_per_s": round(len(milliseconds) / elapsed, 1)}
    return Row("ask", case, {**about, "questions": len(milliseconds), **figures})


def _load(url: str, questions: list[str], n_clients: int, seconds: float) -> list[float]:
    """Ask until the questions or the time run out; milliseconds of each answer. Raises RagError when one is refused."""
    pending = iter(questions)
    taken: list[list[float]] = [[] for _ in range(n_clients)]
    errors: list[str] = []
    ends_at = time.perf_counter() + seconds

    def client(durations: list[float]) -> None:
        connection = http.client.HTTPConnection(str(urlsplit(url).hostname), urlsplit(url).port, timeout=60)
        headers = {"content-type": "application/json"}
        try:
            for question in pending:
                body = json.dumps({"question": question, "top_k": _K})
                started = time.perf_counter()
                connection.request("POST", "/v1/ask", body, headers)
                response = connection.getresponse()
                content = response.read()
                durations.append((time.perf_counter() - started) * 1000)
                if response.status != 200:
                    errors.append(f"{response.status}: {content[:200]!r}")
                if errors or time.perf_counter() >= ends_at:
                    return
        except (OSError, http.client.HTTPException) as error:
            errors.append(repr(error))
        finally:
            connection.close()

    threads = [Thread(target=client, args=(durations,)) for durations in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise RagError(
            f"a question was not answered ({errors[0]}): measure with fewer --clients, or see that `rag ask` answers it"
        )
    return [duration for durations in taken for duration in durations]


def distinct(questions: Sequence[str]) -> Iterator[str]:
    """The questions, then each again with a word of another one, for ever, in an order that does not change."""
    random = Random(0)
    yield from questions
    while True:
        for question in questions:
            yield f"{question} {random.choice(random.choice(questions).split())} {random.randrange(10**6)}"
