"""A language model behind an OpenAI-compatible server: vLLM, llama.cpp, Ollama, LM Studio and their like."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rag.generation.prompt import Messages
from rag.shared.errors import LanguageModelFailed

MAX_REPLY_CHARACTERS = 32_000
MAX_TOKENS = 1024
_MAX_LINE = 1 << 20
_CONNECT_S = 5.0
_UNKNOWN_FORMAT = (400, 404, 415, 422, 500, 501)


class ChatModel(Protocol):
    """A language model, perhaps with something around it. Members as of ``LanguageModel``."""

    @property
    def url(self) -> str: ...
    @property
    def name(self) -> str: ...
    def stream(
        self, messages: Messages, *, schema: dict[str, Any] | None = None, told: dict[str, Any] | None = None
    ) -> Iterator[str]: ...


class LanguageModel:
    """Thread-safe. It remembers which form of reply its server can be asked for."""

    def __init__(self, url: str, name: str | None = None, key: str | None = None, timeout_s: float = 60.0) -> None:
        """url: with ``/v1``.  name: the model's, None for the first that the server lists.  timeout_s: of a whole reply."""
        self.url, self._name, self._timeout_s = url.rstrip("/"), name, timeout_s
        self._headers = {"authorization": f"Bearer {key}"} if key else {}
        self._format = 0

    @property
    def name(self) -> str:
        """The model's name.  Raises LanguageModelFailed where the server lists none."""
        if self._name is None:
            with self._errors(), self._client() as client:
                response = client.get(f"{self.url}/models")
                response.raise_for_status()
                models = response.json().get("data") or []
            if not models:
                raise LanguageModelFailed(f"{self.url} lists no model: name one with RAG_LLM_MODEL")
            self._name = str(models[0]["id"])
        return self._name

    def stream(
        self, messages: Messages, *, schema: dict[str, Any] | None = None, told: dict[str, Any] | None = None
    ) -> Iterator[str]:
        """The reply in pieces, as they come.  schema: of the JSON that it is to be, None for plain text.

        told: gets ``finish_reason`` and ``usage`` where the server says them.
        Raises LanguageModelFailed when the server cannot be reached, refuses, breaks off, or takes too long.
        """
        body: dict[str, Any] = {
            "model": self.name,
            "messages": messages,
            "temperature": 0,
            "seed": 0,
            "max_tokens": MAX_TOKENS,
            "stream": True,
        }
        deadline = time.monotonic() + self._timeout_s
        strict = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
        while True:
            asked = self._format
            shape = (strict, {"type": "json_object"}, None)[asked] if schema is not None else None
            try:
                yield from self._stream(body | ({"response_format": shape} if shape else {}), deadline, told)
                return
            except _FormatRefused:  # servers refuse what they do not know: the next is less strict
                self._format = max(self._format, asked + 1)

    def _stream(self, body: dict[str, Any], deadline: float, told: dict[str, Any] | None) -> Iterator[str]:
        n_characters = 0
        with (
            self._errors(),
            self._client() as client,
            client.stream("POST", f"{self.url}/chat/completions", json=body) as response,
        ):
            if response.status_code in _UNKNOWN_FORMAT and "response_format" in body:
                raise _FormatRefused
            response.raise_for_status()
            is_done = False
            for line in self._lines(response.iter_text(), deadline):
                if not line.startswith("data:"):
                    continue
                data = line.removeprefix("data:").strip()
                if data == "[DONE]":
                    return
                chunk = json.loads(data)
                choice = (chunk.get("choices") or [{}])[0]
                if told is not None:
                    facts = {"usage": chunk.get("usage"), "finish_reason": choice.get("finish_reason")}
                    told |= {name: value for name, value in facts.items() if value}
                piece = (choice.get("delta") or {}).get("content") or ""
                is_done = is_done or choice.get("finish_reason") is not None
                n_characters += len(piece)
                if n_characters > MAX_REPLY_CHARACTERS:
                    raise LanguageModelFailed("the language model's reply does not end")
                if piece:
                    yield piece
            if not is_done:
                raise LanguageModelFailed("the language model broke off in the middle of its reply")

    def _lines(self, pieces: Iterator[str], deadline: float) -> Iterator[str]:
        """The lines of a reply as they come.  Raises LanguageModelFailed past the deadline, and for a line that does not end."""
        unfinished = ""
        for piece in pieces:
            if time.monotonic() > deadline:
                raise LanguageModelFailed(f"the language model took longer than {self._timeout_s:g} s")
            *lines, unfinished = (unfinished + piece).split("\n")
            if len(unfinished) > _MAX_LINE:
                raise LanguageModelFailed("a line of the language model's reply does not end")
            yield from lines
        yield unfinished

    def _client(self) -> Any:
        import httpx

        return httpx.Client(headers=self._headers, timeout=httpx.Timeout(self._timeout_s, connect=_CONNECT_S))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turns what goes wrong on the way to the server and back into LanguageModelFailed, without the reply's words."""
        import httpx

        try:
            yield
        except httpx.HTTPStatusError as error:
            raise LanguageModelFailed(f"{self.url} replied {error.response.status_code}: see its log") from error
        except httpx.TimeoutException as error:
            raise LanguageModelFailed(f"{self.url} did not reply within {self._timeout_s:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise LanguageModelFailed(f"{self.url} cannot be reached ({reason}): look at RAG_LLM_URL") from error
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            raise LanguageModelFailed(f"{self.url} does not speak as OpenAI's chat completions do") from error


class _FormatRefused(Exception):
    """The server does not take this form of reply."""
