"""What does a question cost at each door, against ``/v1/ask``?

Timed: from sending a request to the last byte of its reply, by one client on one connection that stays open; and answers a second
with eight. All doors are asked in turn in one run, each time in another order, five passages a question. No question is asked
twice, so that no answer comes from the cache. The clients run on the same cores as the server.
Left out: what the official clients do with a reply.
"""

import http.client
import json
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from statistics import median
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from eval.bench.ask import distinct
from eval.bench.commands import serving
from eval.bench.results import Row, percentiles
from rag.shared.errors import RagError

_K = 5
_WARM_UP = 20  # rounds
_CLIENTS = 8
_MODERN = "2026-07-28"
_META = {
    "io.modelcontextprotocol/protocolVersion": _MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "footnote-bench", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
_MCP_HEADERS = {
    "accept": "application/json, text/event-stream",
    "mcp-protocol-version": _MODERN,
    "mcp-method": "tools/call",
    "mcp-name": "ask",
}
Body = dict[str, Any]


def _mcp(question: str) -> Body:
    call = {"name": "ask", "arguments": {"question": question, "top_k": _K}, "_meta": _META}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}


def _chat(question: str, **more: Any) -> Body:
    messages = [{"role": "user", "content": question}]
    return {"model": "footnote/default", "messages": messages, "top_k": _K, **more}


def _dify(question: str) -> Body:
    return {
        "knowledge_id": "default",
        "query": question,
        "retrieval_setting": {"top_k": _K, "score_threshold": 0.0},
    }


# Door -> address, body, and what stands in a reply that was an answer.
DOORS: dict[str, tuple[str, Callable[[str], Body], bytes]] = {
    "/v1/ask": ("/v1/ask", lambda question: {"question": question, "top_k": _K}, b'"answered"'),
    "anthropic": (
        "/v1/ask?format=anthropic",
        lambda question: {"question": question, "top_k": _K},
        b'"search_result"',
    ),
    "mcp ask": ("/mcp", _mcp, b'"structuredContent"'),
    "openai search": (
        "/openai/v1/vector_stores/default/search",
        lambda question: {"query": question, "max_num_results": _K},
        b'"vector_store.search_results.page"',
    ),
    "openai chat": ("/openai/v1/chat/completions", _chat, b'"chat.completion"'),
    "open webui": ("/openai/v1/chat/completions", lambda question: _chat(question, stream=True), b"[DONE]"),
    "dify": ("/dify/retrieval", _dify, b'"records"'),
}


def rows(store: Path, questions: Sequence[str], rounds: int, seconds: float) -> Iterator[Row]:
    """One row per door. rounds: questions that each is asked by one client.  seconds: for eight clients at each."""
    fresh = distinct(questions)
    with serving(store) as server:
        connection = _connect(server.url)
        try:
            milliseconds = _in_turn(connection, fresh, rounds)
        finally:
            connection.close()
        base = median(milliseconds["/v1/ask"])
        per_s: dict[str, float] = {}
        for door in DOORS:
            per_s[door] = _together(server.url, door, fresh, seconds)
        for door, taken in milliseconds.items():
            yield Row(
                "doors",
                door,
                {
                    "passages": server.passages,
                    "k": _K,
                    "questions": len(taken),
                    **percentiles(taken),
                    "times_v1_ask": round(median(taken) / base, 2),
                    f"per_s_{_CLIENTS}_clients": round(per_s[door], 1),
                    "share_of_v1_ask": round(per_s[door] / per_s["/v1/ask"], 2),
                },
            )


def _in_turn(connection: http.client.HTTPConnection, questions: Iterator[str], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each door's replies."""
    random = Random(0)
    milliseconds: dict[str, list[float]] = {door: [] for door in DOORS}
    for number in range(_WARM_UP + rounds):
        for door in random.sample(list(DOORS), len(DOORS)):
            started = time.perf_counter()
            _ask(connection, door, next(questions))
            if number >= _WARM_UP:
                milliseconds[door].append((time.perf_counter() - started) * 1000)
    return milliseconds


def _together(url: str, door: str, questions: Iterator[str], seconds: float) -> float:
    """Answers a second of eight clients at one door."""
    pending = iter(list(islice(questions, int(1000 * seconds))))
    counts, errors = [0] * _CLIENTS, list[str]()
    started = time.perf_counter()

    def client(number: int) -> None:
        connection = _connect(url)
        try:
            while time.perf_counter() - started < seconds and not errors:
                _ask(connection, door, next(pending))
                counts[number] += 1
        except (OSError, http.client.HTTPException, RagError, StopIteration) as error:
            errors.append(str(error) or repr(error))
        finally:
            connection.close()

    threads = [Thread(target=client, args=(number,)) for number in range(_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise RagError(errors[0])
    return sum(counts) / (time.perf_counter() - started)


def _connect(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(str(urlsplit(url).hostname), urlsplit(url).port, timeout=60)


def _ask(connection: http.client.HTTPConnection, door: str, question: str) -> None:
    """One question.  Raises RagError where the reply is no answer."""
    path, body_of, mark = DOORS[door]
    headers = {"content-type": "application/json", **(_MCP_HEADERS if door.startswith("mcp") else {})}
    connection.request("POST", path, json.dumps(body_of(question)), headers)
    response = connection.getresponse()
    content = response.read()
    if response.status != 200 or mark not in content:
        raise RagError(f"{door} did not answer ({response.status}: {content[:200]!r})")
