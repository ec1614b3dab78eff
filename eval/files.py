"""Files that a command writes: refused before the work when they could not be written after it, and written whole or not at all."""

import json
import os
from pathlib import Path

from rag.shared.errors import BadInput


def check_writable(option: str, path: Path) -> None:
    """Raises BadInput, which names the option, when no file can be written there."""
    try:
        if path.exists() and not path.is_file():  # a folder; or a device, in whose place a file would come
            raise FileNotFoundError
        beside = _beside(path)
        beside.touch()
        beside.unlink()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BadInput(f"{option} {path}: name a file in a folder that exists") from error
    except OSError as error:
        raise _cannot_be_written(option, path, error) from error


def write_json(option: str, path: Path, value: object) -> None:
    """Write the value as one line of JSON.  Raises BadInput."""
    write_text(option, path, json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(option: str, path: Path, text: str) -> None:
    """Write the file whole or leave what was there.  Raises BadInput."""
    beside = _beside(path)
    try:
        try:
            beside.write_text(text, encoding="utf-8")
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot_be_written(option, path, error) from error


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")


def _cannot_be_written(option: str, path: Path, error: OSError) -> BadInput:
    return BadInput(f"{option} {path} cannot be written: {error.strerror or error}")
