"""Uploads of a queue: what is put into it, and how they are taken in."""

import logging
from typing import Any

from index.errors import StoreError
from index.types import Metadata, Outcome, Upload
from rag.intake.intake import Intake
from rag.parsing.archives.members import is_archive
from rag.shared.errors import ModelDamaged, ModelUnavailable, RagError
from rag.shared.serialization import Json, change_json
from rag.shared.validation import composed

logger = logging.getLogger(__name__)


def upload_of_file(name: str, content: bytes, *, collection: str, metadata: Metadata) -> Upload:
    """A file that was handed over, to be taken in later."""
    name = composed(name)
    return Upload(collection, name, {"kind": "file", "metadata": dict(metadata)}, content)


def upload_of_text(*, title: str | None, text: str, source: str | None, metadata: Metadata, collection: str) -> Upload:
    """A text that was handed over, to be taken in later."""
    described = {"kind": "text", "title": title, "source": source, "metadata": dict(metadata)}
    return Upload(collection, source or text, described, text.encode())


def take_in(intake: Intake, upload: Upload) -> Outcome:
    """Take in an upload; what is wrong with it is in the outcome. Raises StoreError when the store does not take it now."""
    described = upload.described
    try:
        if described["kind"] == "text":
            change = intake.add_text(
                title=described["title"],
                text=upload.content.decode(),
                source=described["source"],
                metadata=described["metadata"],
                collection=upload.collection,
            )
            return Outcome((change_json(change),))
        return _take_in_file(intake, upload, described["metadata"])
    except (StoreError, ModelUnavailable, ModelDamaged):
        raise
    except RagError as error:
        return Outcome(failed=(_failed(_name(upload), str(error)),))
    except Exception as error:
        logger.error("unexpected error with %s", _name(upload), exc_info=error)
        return Outcome(failed=(_failed(_name(upload), "something went wrong here; the error is in the worker's log"),))


def _take_in_file(intake: Intake, upload: Upload, metadata: Metadata) -> Outcome:
    place: dict[str, Any] = {"collection": upload.collection, "metadata": metadata}
    if not is_archive(upload.content):
        return Outcome((change_json(intake.add_file(upload.key, upload.content, **place)),))
    changes, bad = intake.add_upload(upload.key, upload.content, **place)
    failed = [_failed(failure.path, failure.reason) for failure in bad]
    if not changes and not failed:
        failed = [_failed(upload.key, "The archive is empty.")]
    return Outcome([change_json(change) for change in changes], failed)


def _name(upload: Upload) -> str:
    return str(upload.described.get("title") or upload.key)[:200]


def _failed(name: str, reason: str) -> Json:
    return {"name": name, "reason": reason}
