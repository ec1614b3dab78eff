"""What every command says of itself, and the page that is made of it."""

from pathlib import Path

import pytest

from rag.cli.reference import commands, reference

ROOT = Path(__file__).parents[3]
COMMANDS = dict(commands())
# Groups of commands, and the one whose stdout is a protocol.
WITHOUT_JSON = ("rag", "rag key", "rag mcp")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_and_json(name: str) -> None:
    text = " ".join(COMMANDS[name].split())
    assert "Example: rag" in text and "-h, --help" in text
    assert name in WITHOUT_JSON or "--json" in text


def test_the_page_of_commands_is_what_they_say_now() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert page == reference(), "run: make docs"
