"""Keys, names and limits of one running service: from the environment, else the settings file, else as they stand here."""

import ipaddress
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from api.admission.keys import path_from
from rag.config import usable_cores
from rag.errors import BadInput
from rag.settings_file import SERVE, SettingsFile, read_settings_file, refuse_unknown

MEBIBYTE = 1024 * 1024
_MOST_WORKERS = 4  # unless more are asked for
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:.]+\]?")


def _threads() -> int:
    # Encoding has one slot per core; the rest of a request waits for disk or for its turn.
    return max(4, 2 * usable_cores())


def _workers() -> int:
    # One for each core, each with a model of its own in memory; where there is one core, none gains from another process.
    cores = usable_cores()
    return min(cores, _MOST_WORKERS) if cores > 1 else 0


def _hosts(names: object) -> object:
    """Host names from a list, or from a text with commas or blanks between them."""
    found = tuple(re.split(r"[\s,]+", names.strip(" \t\n,"))) if isinstance(names, str) else names
    for name in found if isinstance(found, list | tuple) else ():
        if name and not (isinstance(name, str) and _HOST.fullmatch(name)):
            raise ValueError(f"give host names without scheme and port, separated by commas ({name!r} is none)")
    return tuple(name for name in found if name) if isinstance(found, list | tuple) else found


def _stripped(key: object) -> object:
    return key.strip() or None if isinstance(key, str) else key


def _nothing_for_zero(rate: object) -> object:
    return None if rate in (0, 0.0, "0", "") else rate


class Settings(BaseSettings):
    """What one service allows. A field's alias is its name in the settings file, and with ``RAG_`` before it in the environment.

    Made directly, it holds what it is given and defaults: only ``read`` looks at the environment and the file.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        allow_inf_nan=False,
        env_prefix="RAG_",
        env_prefix_target="all",
        env_ignore_empty=True,
    )

    host: str = Field(
        default="127.0.0.1", min_length=1, description="address to listen on; one that others reach needs a key"
    )
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    log_format: Literal["text", "json"] = Field(default="text", description="how to log to stderr: text or json")
    keys_file: Path | None = Field(default=None, validation_alias="keys", description="the key file")
    api_key: Annotated[str | None, BeforeValidator(_stripped)] = Field(
        default=None, repr=False, description="one more key, for writing"
    )
    extra_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_hosts)] = Field(
        default=(),
        validation_alias="allowed_hosts",
        description="further names that the service answers to, separated by commas",
    )
    threads: int = Field(
        default_factory=_threads,
        validation_alias="concurrency",
        ge=1,
        le=1024,
        description="requests worked on at once",
    )
    workers: int = Field(
        default_factory=_workers,
        ge=0,
        le=256,
        description="processes that answer questions; 0 answers in the service's own",
    )
    queue: int = Field(
        default=64,
        ge=0,
        le=10_000,
        description="questions, and reads, that may wait beyond those; a quarter of it for uploads",
    )
    deadline_s: float = Field(
        default=30,
        validation_alias="deadline",
        ge=0.1,
        le=86_400,
        description="seconds that a question or a read may take, body included",
    )
    upload_deadline_s: float = Field(
        default=600,
        validation_alias="upload_deadline",
        ge=0.1,
        le=86_400,
        description="seconds that an upload or a deletion may take, body included",
    )
    rate: Annotated[float | None, BeforeValidator(_nothing_for_zero)] = Field(
        default=None, gt=0, le=1_000_000, description="requests a second of each key; 0 does not count"
    )
    burst_size: int | None = Field(
        default=None,
        validation_alias="burst",
        ge=1,
        le=1_000_000,
        description="requests of each key at once after a pause; else twice the rate",
    )
    linger_s: float = Field(
        default=0,
        validation_alias="stop_delay",
        ge=0,
        le=600,
        description="seconds that a stopping service goes on taking requests, for balancers that look at /readyz",
    )
    drain_s: float = Field(
        default=30,
        validation_alias="drain",
        ge=0,
        le=3600,
        description="seconds that a stopping service waits for work that has begun and that nobody waits for any more",
    )
    max_upload_bytes: int = Field(default=64 * MEBIBYTE, ge=1, description="body of an upload")
    max_json_bytes: int = Field(default=2 * MEBIBYTE, ge=1, description="body of any other request")
    max_files: int = Field(default=100, ge=1, le=10_000, description="files in one upload")
    metrics: bool = Field(default=True, description="whether GET /metrics is there")
    tracing: bool = Field(default=False, description="whether to send OpenTelemetry traces (needs footnote-rag[otel])")
    # The host and address that are listened on, to whose names alone the service answers (see ``api.admission.hosts``); None
    # answers to every name, for an application inside another. Known only to whoever listens.
    bound: tuple[str, ...] | None = Field(default=None, exclude=True)

    @property
    def burst(self) -> int:
        """Requests of each key at once after a pause."""
        return self.burst_size or max(1, math.ceil(2 * (self.rate or 0)))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is given: see the class."""
        return (init_settings,)

    @classmethod
    def read(cls, file: SettingsFile | None = None) -> Self:
        """The settings of this process.  Raises BadInput for a value that cannot be used, and for one that is no setting."""
        return cls.read_with_sources(file)[0]

    @classmethod
    def read_with_sources(cls, file: SettingsFile | None = None) -> tuple[Self, Mapping[str, str]]:
        """The settings, and for those that someone set, by alias, where."""
        file = read_settings_file(os.environ) if file is None else file
        refuse_unknown(file, file.serve, cls.names(), SERVE)
        environment = {name: value for name, value in EnvSettingsSource(cls)().items() if not _is_blank(value)}
        values: dict[str, Any] = {**file.serve, **environment}
        sources = {
            name: f"environment (RAG_{name.upper()})" if name in environment else f"file ({file.path})"
            for name in values
        }
        values["keys"] = path_from(os.environ, file)
        try:
            return cls(**values), sources
        except ValidationError as error:
            raise BadInput(_reason(error, values, sources)) from error

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """What the settings are called outside of this program."""
        return tuple(
            str(field.validation_alias or name) for name, field in cls.model_fields.items() if not field.exclude
        )


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and not value.strip()


def _reason(error: ValidationError, values: Mapping[str, Any], sources: Mapping[str, str]) -> str:
    """The first thing that is wrong, where it was set and what would do."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0])
    kind, _, place = sources.get(name, "").partition(" ")
    given = "" if name == "api_key" else f"={values.get(name)!r}"
    where = f"RAG_{name.upper()}{given}" if kind == "environment" else f"{name}{given} {place}"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``. Names other than localhost count as reachable from elsewhere."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
