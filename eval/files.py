"""Files that a command writes: refused before the work when they could not be written after it."""

import json
from pathlib import Path

from rag.shared.errors import BadInput
from rag.shared.files import file_beside, replace_file


def check_writable(option: str, path: Path) -> None:
    """Raises BadInput, which names the option, when no file can be written there."""
    try:
        if path.exists() and not path.is_file():  # a folder; or a device, in whose place a file would come
            raise FileNotFoundError
        beside = file_beside(path)
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
    try:
        replace_file(path, text)
    except OSError as error:
        raise _cannot_be_written(option, path, error) from error


def _cannot_be_written(option: str, path: Path, error: OSError) -> BadInput:
    return BadInput(f"{option} {path} cannot be written: {error.strerror or error}")
