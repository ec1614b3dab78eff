"""The examples work as they stand."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters

from tests.api.conftest import RAG, Server
from tests.api.protocols.conftest import Running

EXAMPLES = Path(__file__).parents[3] / "examples"
ROOT = EXAMPLES.parent
QUESTION = "why did Zelensky refuse to sign?"


def run(running: Running, key: str, command: list[str]) -> str:
    environment = {"PATH": os.environ["PATH"], "FOOTNOTE_URL": running.url, "FOOTNOTE_KEY": key}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def without_ids(text: str) -> str:
    return re.sub(r"[0-9a-f]{16}", "ID", text)


def python(running: Running, key: str, name: str, *arguments: str) -> str:
    return run(running, key, [sys.executable, str(EXAMPLES / name), *arguments])


@pytest.mark.slow
@pytest.mark.model
def test_the_examples_of_clients_print_what_they_find(running: Running) -> None:
    chat = python(running, running.read_key, "openai_chat.py", QUESTION)
    assert "Zelensky" in chat and "<https://docs.example.org/#doc=" in chat
    assert "voles" in python(running, running.write_key, "openai_vector_store.py")
    checked = python(running, running.read_key, "mcp_client.py", QUESTION)
    assert "verify: valid" in checked and "verify: changed" in checked
    # Its transcript in the documentation, but for the tools that need a key for writing, and ids, which depend on paths.
    shown = (ROOT / "docs" / "doors.md").read_text(encoding="utf-8").partition(f'mcp_client.py "{QUESTION}"\n')[2]
    lines = without_ids(shown.partition("```")[0]).splitlines()
    assert set(lines[1:]) <= set(without_ids(checked).splitlines()) and len(lines) == 6
    message = json.loads(python(running, running.read_key, "anthropic_citations.py", QUESTION))
    assert message["content"][0]["type"] == "search_result"
    records = json.loads(run(running, running.read_key, ["sh", str(EXAMPLES / "dify_retrieval.sh")]))["records"]
    assert len(records) == 3


@pytest.mark.slow
@pytest.mark.model
def test_the_client_of_mcp_asks_the_collection_that_is_there(serve: Callable[..., Server], connect: Any) -> None:
    _, told = serve("--workers", "0")
    running = Running(told["url"], "none", "none")
    with pytest.raises(AssertionError, match="no document is there yet"):
        python(running, running.read_key, "mcp_client.py", QUESTION)
    with connect(told) as client:
        text = (ROOT / "seeds" / "us-ukraine-minerals-deal.txt").read_text(encoding="utf-8")
        client.post("/v1/documents", json={"title": "Deal", "text": text, "collection": "news"}).raise_for_status()
    assert "verify: valid" in python(running, running.read_key, "mcp_client.py", QUESTION)


@pytest.mark.slow
@pytest.mark.model
def test_claude_desktop_starts_what_its_configuration_says(tmp_path: Path) -> None:
    store = tmp_path / "store"
    subprocess.run([str(RAG), "add", str(ROOT / "seeds"), "--store", str(store)], check=True, capture_output=True)
    entry = json.loads((EXAMPLES / "claude_desktop_config.json").read_text())["mcpServers"]["footnote"]
    arguments = [str(store) if argument.endswith(".rag") else argument for argument in entry["args"]]
    assert entry["command"] == RAG.name

    async def main() -> None:
        parameters = StdioServerParameters(command=str(RAG), args=arguments, env=entry["env"])
        async with Client(parameters) as client:
            found = (await client.call_tool("search", {"query": QUESTION})).structured_content
            assert found["results"][0]["url"].startswith(entry["env"]["RAG_PUBLIC_URL"])

    anyio.run(main)


def test_the_registry_entry_and_the_skill_are_of_this_distribution() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    entry = json.loads((ROOT / "deploy" / "server.json").read_text(encoding="utf-8"))
    [package] = entry["packages"]
    assert f'name = "{package["identifier"]}"' in project
    assert f'version = "{entry["version"]}"' in project and package["version"] == entry["version"]
    assert len(entry["description"]) <= 100
    skill = (EXAMPLES / "footnote-skill" / "SKILL.md").read_text(encoding="utf-8")
    assert re.match(r"---\nname: footnote\ndescription: .{20,1000}\n---\n", skill)


def test_every_example_is_named_in_the_manual() -> None:
    manual = (ROOT / "docs" / "doors.md").read_text(encoding="utf-8")
    assert all(f"examples/{path.name}" in manual for path in EXAMPLES.iterdir() if not path.name.startswith("."))
