"""The command ``rag doctor``: what of the set-up is in order, and what to do about the rest."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from rag.cli.output import FAILED, JsonOption, StoreOption, print_json, store_path
from rag.cli.upkeep.snapshot import size_in_words
from rag.shared.errors import RagError

if TYPE_CHECKING:
    from api.settings import Settings
    from index.types import JsonScalar
    from rag.shared.config import Config, Place

_LIBRARIES = ("faiss-cpu", "openvino", "tantivy", "apsw", "fastapi", "pypdfium2")
_LEAST_FREE = 1 << 30  # bytes: below, a snapshot or a reindexing of a usual store may not fit
_PATIENCE_S = 3  # for what answers over a network


class Check(NamedTuple):
    """One thing that was looked at. ok: whether it is in order.  detail: what was seen.  advice: what to do where it is not."""

    name: str
    ok: bool
    detail: str
    advice: str = ""


def doctor(store: StoreOption = None, json: JsonOption = False) -> None:
    """Look at the set-up, the model, the store, the disk and the ports: a line each, and what to do. Exit code 1 if one is amiss.

    Example: rag doctor --json
    """
    checks = list(_checks(store))
    sound = all(check.ok for check in checks)
    if json:
        print_json({"ok": sound, "checks": [check._asdict() for check in checks]})
    else:
        for check in checks:
            typer.echo(f"{'ok  ' if check.ok else 'MEND'}  {check.name}: {check.detail}")
            if check.advice:
                typer.echo(f"      {check.advice}")
    if not sound:
        raise typer.Exit(FAILED)


def _checks(store: str | None) -> Iterator[Check]:
    from api.settings import Settings
    from rag.shared.config import Config

    yield _versions()
    try:
        config, settings = Config.from_environment(), Settings.read()
    except RagError as error:
        yield Check("settings", False, str(error), "mend it there; rag config shows all settings")
        config, settings = Config(), Settings()
    else:
        yield _settings()
    yield _sandbox()
    place = store_path(store)
    for look in (
        lambda: _model(config, place),
        lambda: _store(config, place),
        lambda: _disk("cache", config.cache),
        lambda: _disk("disk", place),
        lambda: _port(settings),
        lambda: _keys(settings),
        _recognition,
        lambda: _model_server(config),
        lambda: _verifier(config),
    ):
        if (check := _seen(look)) is not None:
            yield check


def _seen(look: Callable[[], Check | None]) -> Check | None:
    """What a look gives; an error that nobody thought of is a finding too, and hides none of the others."""
    try:
        return look()
    except Exception as error:
        return Check("doctor", False, f"{type(error).__name__}: {error}", "report it with this line")


def _versions() -> Check:
    from importlib.metadata import PackageNotFoundError, version

    shown, missing = [f"Python {sys.version.split()[0]}"], []
    for name in _LIBRARIES:
        try:
            shown.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check("versions", False, f"missing: {', '.join(missing)}", "install Footnote again")
    return Check("versions", True, ", ".join(shown))


def _settings() -> Check:
    from rag.shared.config import NAMES
    from rag.shared.setting_sources import Sources

    sources = Sources.of(os.environ)
    if line := sources.unknown_variables(NAMES):
        return Check("settings", False, line, "unset it or correct its name")
    n_set = sum(name.startswith("RAG_") for name in os.environ)
    return Check("settings", True, f"file {sources.path or 'none'}, {n_set} variables in the environment")


def _sandbox() -> Check:
    from rag.parsing.sandbox.confinement import measures
    from rag.parsing.sandbox.pool import Sandbox

    sandbox = Sandbox()
    try:
        sandbox.parse("doctor.md", b"# All is well")
    except RagError as error:
        return Check(
            "sandbox", False, f"only plain text can be read: {error}", "docs/security.md says what has to be allowed"
        )
    finally:
        sandbox.close()
    if measured := measures():
        return Check("sandbox", True, f"processes that parse files are confined by {', '.join(measured)}")
    detail = "processes that parse files are bounded by limits alone: this system offers no more"
    return Check("sandbox", True, detail, "docs/security.md says what that means")


def _model(config: "Config", place: "Place") -> Check:
    from rag.model.cache import find_model, fingerprint_of, read_converted
    from rag.model.embedding import Embedder
    from rag.model.loading import is_remote, kept_settings
    from rag.shared.errors import ModelUnavailable

    kept = kept_settings(place)
    if is_remote(name := config.model or kept.get("model")):
        return _remote_model(str(name), kept if is_remote(kept.get("model")) else {}, config)
    try:
        fingerprint = fingerprint_of(find_model(config.model))
    except RagError as error:
        return Check("model", False, str(error), "give another with RAG_MODEL, or install Footnote again")
    try:
        info, folder = read_converted(fingerprint, config)
        embedder = Embedder(
            info, folder, precision=config.precision, threads=1, device=config.device
        )  # refuses one that computes wrongly
    except ModelUnavailable:
        name = config.model or "the default model"
        return Check("model", True, f"{name} is there; the first rag add converts it for this machine")
    except RagError as error:
        return Check("model", False, str(error), "delete the folder that it names: it is made again")
    return Check("model", True, f"{info.name} computes as it should, in {embedder.precision}")


def _remote_model(name: str, kept: "Mapping[str, JsonScalar]", config: "Config") -> Check:
    from rag.model.loading import load_embedder

    try:
        embedder = load_embedder(
            name, kept or None, replace(config, model_seconds=min(config.model_seconds, _PATIENCE_S))
        )
    except RagError as error:
        return Check("model", False, str(error), "no document can be added and no question answered meanwhile")
    if kept and embedder.info.fingerprint != kept["model_fingerprint"]:
        advice = "bring back the one that the store was built with, or rag reindex"
        return Check("model", False, f"{name} is another model than the store's, or has other prompts", advice)
    return Check("model", True, f"{name} answers, with vectors of {embedder.dim} components")


def _store(config: "Config", place: "Place") -> Check:
    from index.errors import StoreError, StoreMissing
    from rag.service import Service
    from rag.shared.config import is_database, without_password

    where = without_password(place)
    try:
        with Service.open(place, config) as service:
            documents, passages = service.counts()
            failures = len(service.failures())
            rebuilt = service.store.rebuilt
    except StoreMissing as error:
        if not is_database(place) and Path(place).exists() and not (Path(place).is_dir() and not os.listdir(place)):
            return Check("store", False, str(error), "choose another place with --store or RAG_STORE")
        return Check("store", True, f"none at {where} yet: rag add PATH makes it")
    except (StoreError, RagError) as error:
        return Check("store", False, str(error), "rag verify says more where it can be opened")
    detail = f"{where}: {documents} documents, {passages} passages"
    if rebuilt:
        return Check("store", False, f"{detail}; search files were missing or damaged", "rag repair makes them again")
    return Check("store", True, detail, "rag list --failed names files that could not be taken in" if failures else "")


def _disk(name: str, place: "Place") -> Check | None:
    from rag.shared.config import is_database

    if is_database(place):
        return None
    folder = Path(place).absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    detail = f"{size_in_words(free)} free at {place}"
    if not os.access(folder, os.W_OK):
        return Check(name, True, f"{detail}, which may only be read")
    if free < _LEAST_FREE:
        return Check(name, False, detail, f"free some space: {size_in_words(_LEAST_FREE)} should be left")
    return Check(name, True, detail)


def _port(settings: "Settings") -> Check:
    from urllib.request import urlopen

    from api.server import server

    where = f"{settings.host} port {settings.port}"
    try:
        server.bind(settings.host, settings.port).close()
    except server.CannotListen as error:
        try:
            with urlopen(f"http://{settings.host}:{settings.port}/livez", timeout=_PATIENCE_S) as reply:
                if reply.status == 200:
                    return Check("port", True, f"{where}: a service answers there")
        except (OSError, ValueError):
            pass
        return Check("port", False, str(error), "rag serve --port N takes another")
    return Check("port", True, f"{where} is free for rag serve")


def _keys(settings: "Settings") -> Check:
    from api.admission.keys import KeyRing, read_keys
    from api.settings import is_loopback

    required = KeyRing(settings.api_key, settings.keys_file).required
    if settings.oidc_issuer is not None:
        return Check("keys", True, f"tokens of {settings.oidc_issuer} are asked for")
    if not required and not is_loopback(settings.host):
        return Check(
            "keys",
            False,
            f"{settings.host} can be reached from other machines, and there is no key",
            "rag key add NAME",
        )
    n_keys = len(read_keys(settings.keys_file)) if settings.keys_file is not None else 0
    return Check("keys", True, f"{n_keys} in {settings.keys_file}" if required else "none needed on this machine alone")


def _recognition() -> Check:
    from rag.parsing.pdf.recognition.ocr import engine

    if (name := engine()) is None:
        return Check("ocr", True, "nothing that recognises text is installed: --ocr cannot be used, all else can")
    return Check("ocr", True, f"{name}: --ocr reads scans and pictures")


def _model_server(config: "Config") -> Check | None:
    """Whether the server that generates answers can be reached, where one is named."""
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    if (address := config.llm_url) is None:
        return None
    headers = {"Authorization": f"Bearer {config.llm_key}"} if config.llm_key else {}
    advice = "start it, or correct RAG_LLM_URL (the address before /models, such as http://127.0.0.1:11434/v1)"
    try:
        with urlopen(Request(f"{address.rstrip('/')}/models", headers=headers), timeout=_PATIENCE_S):
            return Check("model server", True, f"{address} answers")
    except HTTPError as error:
        return Check("model server", False, f"{address}/models: {error.code} {error.reason}", advice)
    except (OSError, ValueError) as error:
        return Check("model server", False, f"{address} cannot be reached: {error}", advice)


def _verifier(config: "Config") -> Check | None:
    """Whether what checks generated answers can be loaded, where one is named."""
    from rag.model.cross_encoders import EntailmentModel

    if config.verifier is None:
        return None
    try:
        EntailmentModel(config.verifier)
    except RagError as error:
        return Check("verifier", False, str(error), "no answer is generated meanwhile, and rag serve does not start")
    return Check("verifier", True, f"{config.verifier} is loaded")
