"""``wharfinger render``: the documents of other programs, written from a store."""

from __future__ import annotations

import argparse
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Final

import attrs

from wharfinger import Settings, SettingsStore
from wharfinger.formats import DocumentError
from wharfinger.programs._store_options import (
    add_store_options,
    chosen_environment,
    open_chosen,
    told,
)
from wharfinger.programs._terminal import complain, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wharfinger import CredentialStore, Diagnostic

__all__ = ["main"]

_DONE: Final = 0
_REFUSED: Final = 1

_PRIVATE: Final = 0o600
_PUBLIC: Final = 0o644  # podman's users read these, and no secret is in them

_DOCUMENTS: Final = {
    "docker-config": "docker's config.json",
    "containers-auth": "the auth.json of podman, skopeo and CRI-O",
    "pull-secret": "a Kubernetes Secret, of type kubernetes.io/dockerconfigjson",
    "registries-conf": "the registries.conf of podman, skopeo and CRI-O",
    "policy-json": "the policy.json of podman, skopeo and CRI-O",
}

_HELP: Final = f"""\
Documents:

{chr(10).join(f"  {name:<16}  {text}" for name, text in _DOCUMENTS.items())}

The first three hold the credentials of the environment's registries that are in force and active,
where the whitelist could match their addresses; the last two hold what the settings say. Without
--output or --merge-into a document is printed, with its secrets. A file is replaced whole or not at
all; one with secrets is its owner's alone to read.

Exit status: 0 it is done, 1 the document can't be written so, or the store or a file can't be used,
2 the command line is malformed.
"""


def main(argv: Sequence[str]) -> int:
    """Print a document, or write it into a file.

    Args:
        argv: The arguments after the command.

    Returns:
        0 when it is done, else 1; what is wrong goes to standard error.

    Raises:
        SystemExit: When the arguments are malformed, with code 2; or help is asked for.
    """
    options = _options(argv)
    try:
        store = open_chosen(options.store, options.key_file, unsealed=options.unsealed)
        document = _document(store, options)
        _deliver(document, options)
    except DocumentError as error:
        where = "" if options.merge_into is None else f"{options.merge_into}: "
        complain(f"error: {where}{told(error)}")
        return _REFUSED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001  # a store may be another's
        complain(f"error: {told(error)}")
        return _REFUSED
    for limit in document.limits:
        complain(f"note: {limit}")
    return _DONE


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="wharfinger render",
        description="Write a document of another program from a store.",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("document", metavar="DOCUMENT", choices=[*_DOCUMENTS], help="one of those below")
    file = parser.add_mutually_exclusive_group()
    file.add_argument("--output", metavar="FILE", help="write this file")
    file.add_argument(
        "--merge-into", metavar="FILE", help="change in this file what the store decides"
    )
    add("--name", metavar="NAME", help="the name of a new pull-secret; one that is there keeps its")
    add("--namespace", metavar="NAME", help="its namespace")
    add("--any-port", action="store_true", help="policy-json: let wildcards match every port")
    add_store_options(parser)
    options = parser.parse_args(argv)
    if options.document == "pull-secret" and not options.name and options.merge_into is None:
        parser.error("a name is wanted for the Secret: --name NAME")
    if options.document != "pull-secret" and (options.name or options.namespace):
        parser.error("--name and --namespace are a pull-secret's")
    if options.document != "policy-json" and options.any_port:
        parser.error("--any-port is for policy-json")
    if "-" in {options.output, options.merge_into}:
        parser.error("a document is printed where no file is named; a file of this name is ./-")
    return options


@attrs.frozen
class _Document:
    """How a document is made, with what permissions, and what it can't say."""

    render: Callable[[], str]
    merge: Callable[[str], str]
    mode: int = _PRIVATE
    limits: Iterable[Diagnostic] = ()


def _document(store: CredentialStore, options: argparse.Namespace) -> _Document:
    settings = store.settings() if isinstance(store, SettingsStore) else Settings()
    name: str = options.document
    module = import_module(f"wharfinger.formats.{name.replace('-', '_')}")
    if name == "policy-json":
        return _Document(
            lambda: module.render(settings, any_port=options.any_port),
            lambda text: module.merge(text, settings, any_port=options.any_port),
            _PUBLIC,
            module.limits(settings),
        )
    environment = store.environment(chosen_environment(options.environment))
    if name == "registries-conf":
        return _Document(
            lambda: module.render(settings, environment),
            lambda text: module.merge(text, settings, environment),
            _PUBLIC,
            module.limits(settings, environment),
        )
    credentials = store.credentials(environment.name, settings)
    if name == "pull-secret":
        return _Document(
            new := partial(
                module.render, credentials, name=options.name, namespace=options.namespace
            ),
            lambda text: (
                module.merge(text, credentials) if text.strip() or not options.name else new()
            ),
        )
    # What is not to be used is taken out of a file; an address the environment has not stays.
    known = {registry.address for registry in environment.registries}
    return _Document(
        lambda: module.render(credentials),
        lambda text: module.merge(text, credentials, remove=known - credentials.keys()),
    )


def _deliver(document: _Document, options: argparse.Namespace) -> None:
    from wharfinger.hosts import update, write

    if options.merge_into is not None:
        update(options.merge_into, document.merge, mode=document.mode)
    elif options.output is not None:
        write(options.output, document.render(), mode=document.mode)
    else:
        show(document.render().removesuffix("\n"))
