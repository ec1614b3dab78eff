"""The commands ``rag key add``, ``list`` and ``revoke``. They work on the key file alone: no store and no server is needed."""

from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.output import JsonOption, errors, message, print_json

if TYPE_CHECKING:
    from api.admission.keys import Key

key = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the key is called in lists and logs.")]


@key.callback()
def keys() -> None:
    """Keys for the HTTP service; kept as hashes in $RAG_KEYS, else beside the user's settings.

    Example: rag key add laptop --scope read
    """


@key.command("add")
@errors()
def add(
    name: Name,
    scope: Annotated[
        str, typer.Option(metavar="read|write", help="read: ask, verify, list. write: add and delete as well.")
    ] = "read",
    collection: Annotated[
        list[str] | None,
        typer.Option("--collection", metavar="C", help="A collection that it opens, repeatable; all when left out."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Make a key and print it, once: only its hash is kept. A running service takes it within a second.

    Example: rag key add laptop --scope write --collection minutes
    """
    from api.admission import keys as keyring

    if scope not in keyring.SCOPES:
        raise typer.BadParameter(f"{scope!r}: use read or write", param_hint="--scope")
    path = keyring.path_from()
    made, secret = keyring.add_key(path, name, scope, collection or ())
    if json:
        print_json({**_public(made), "key": secret})
    else:
        typer.echo(secret)
        message(f"this is the key {name!r} ({scope}, {_opened(made)}); it is shown only now. Its hash is in {path}")


@key.command("list")
@errors()
def list_keys(json: JsonOption = False) -> None:
    """List the keys, never their secrets.

    Example: rag key list --json
    """
    from api.admission import keys as keyring

    path = keyring.path_from()
    keys = keyring.read_keys(path)
    if json:
        print_json([_public(each) for each in keys])
        return
    for each in keys:
        typer.echo(f"{each.name}\t{each.scope}\t{each.added_at}\t{_opened(each)}")
    if not keys:
        message(f"no keys in {path}: `rag key add NAME` makes one")


@key.command("revoke")
@errors()
def revoke(name: Name, json: JsonOption = False) -> None:
    """Revoke a key; running services refuse it within a second.

    Example: rag key revoke laptop
    """
    from api.admission import keys as keyring

    path = keyring.path_from()
    gone = keyring.revoke_key(path, name)
    if json:
        print_json({"name": gone.name, "scope": gone.scope, "revoked": True})
    else:
        message(f"the key {gone.name!r} is revoked")


def _public(each: "Key") -> dict[str, object]:
    return {
        "name": each.name,
        "scope": each.scope,
        "added_at": each.added_at,
        "collections": list(each.collections) or None,
    }


def _opened(each: "Key") -> str:
    return f"only {', '.join(each.collections)}" if each.collections else "all collections"
