"""What does a question cost at each door, against ``/v1/ask``?

Timed: from sending a request to the last byte of its reply, by one client on one connection that stays open; and answers a second
with eight. All doors are asked in turn in one run, each time in another order, five passages a question. No question is asked
twice, so that no answer comes from the cache. The clients run on the same cores as the server.
Left out: what the official clients do with a reply.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from eval.bench.commands import serving
from eval.bench.corpus import distinct
from eval.bench.load import Request, Wire
from eval.bench.results import Row, percentiles

_K = 5
_WARM_UP = 20  # rounds
_CLIENTS = 8
_MOST_PER_S = 1000  # questions that are ready for each second
_MOST_S = 3600  # for the rounds
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
    return {"knowledge_id": "default", "query": question, "retrieval_setting": {"top_k": _K, "score_threshold": 0.0}}


# Door -> address, body, and what stands in a reply that was an answer.
DOORS: dict[str, tuple[str, Callable[[str], Body], bytes]] = {
    "/v1/ask": ("/v1/ask", lambda question: {"question": question, "top_k": _K}, b'"answered"'),
    "anthropic": ("/v1/ask?format=anthropic", lambda question: {"question": question, "top_k": _K}, b'"search_result"'),
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
    random = Random(0)
    in_turn = [door for _ in range(_WARM_UP + rounds) for door in random.sample(list(DOORS), len(DOORS))]
    with serving(store) as server:
        wire = Wire(server.url)
        durations, _ = wire.answers([_request(wire, door, next(fresh)) for door in in_turn], 1, _MOST_S)
        milliseconds: dict[str, list[float]] = {door: [] for door in DOORS}
        for door, duration in zip(in_turn, durations, strict=True):
            milliseconds[door].append(duration)
        per_s: dict[str, float] = {}
        for door in DOORS:
            asked = [_request(wire, door, question) for question in islice(fresh, int(_MOST_PER_S * seconds))]
            answered, elapsed = wire.answers(asked, _CLIENTS, seconds)
            per_s[door] = len(answered) / elapsed
        base = median(milliseconds["/v1/ask"][_WARM_UP:])
        for door, taken in milliseconds.items():
            figures = {
                "passages": server.passages,
                "k": _K,
                "questions": rounds,
                **percentiles(taken[_WARM_UP:]),
                "times_v1_ask": round(median(taken[_WARM_UP:]) / base, 2),
                f"per_s_{_CLIENTS}_clients": round(per_s[door], 1),
                "share_of_v1_ask": round(per_s[door] / per_s["/v1/ask"], 2),
            }
            yield Row("doors", door, figures)


def _request(wire: Wire, door: str, question: str) -> Request:
    path, body_of, mark = DOORS[door]
    headers = _MCP_HEADERS if door.startswith("mcp") else None
    return wire.request(path, body_of(question), headers=headers, mark=mark)
