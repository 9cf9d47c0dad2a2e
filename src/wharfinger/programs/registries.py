"""``wharfinger registries``: the registries of a store, listed and changed."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Final, cast

from wharfinger import (
    Credential,
    CredentialKind,
    InvalidCredential,
    InvalidEnvironment,
    MalformedInput,
    Orchestration,
    Secret,
    WharfingerError,
)
from wharfinger.programs._store_options import add_store_options, open_chosen, told
from wharfinger.programs._terminal import complain, show, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wharfinger import CredentialStore, Registry
    from wharfinger.stores import Event, SQLStore

__all__ = ["main"]

_DONE: Final = 0
_REFUSED: Final = 1
_MALFORMED: Final = 2

_HELP: Final = """\
A password is never an argument: it is asked for on a terminal, and else read from standard input,
all of it but the newline at its end.

  $ wharfinger registries keygen wharfinger.key
  $ export WHARFINGER_STORE=sqlite:///registries.db
  $ wharfinger registries add quay.io --username ci --environment staging --key-file wharfinger.key

Exit status: 0 it is done, 1 the store refused it or can't be used, 2 the command line, a name, an
address, a credential or a key file is malformed.
"""

_ACTIONS: Final = {
    "add": "add a registry: from now on it is the one in force for its address",
    "list": "list the registries of an environment, in the order they were added",
    "activate": "let a registry be pulled from again",
    "deactivate": "let nothing be pulled from a registry",
    "update": "replace the credential of a registry",
    "remove": "remove a registry and destroy its secret",
    "create": "create an environment",
    "destroy": "destroy an environment, its registries and their secrets",
    "events": "list what was changed, of all environments unless one is named",
    "keygen": "make a key file",
}

# What needs nothing to be there; a slip in a URL makes no store for the others.
_MAKING: Final = ("add", "create")


def main(argv: Sequence[str]) -> int:
    """List or change the registries of a store.

    Args:
        argv: The arguments after the command.

    Returns:
        0 when it is done, 1 when the store refuses it or can't be used, 2 when something given is
        malformed.

    Raises:
        SystemExit: When the arguments are malformed, with code 2; or help is asked for.
    """
    options = _options(argv)
    try:
        if options.action == "keygen":
            return _keygen(options)
        store = open_chosen(
            options.store,
            options.key_file,
            unsealed=options.unsealed,
            create=options.action in _MAKING,
        )
        return _run(store, options)
    except (MalformedInput, InvalidCredential, InvalidEnvironment) as error:
        complaint, status = told(error), _MALFORMED
    except WharfingerError as error:
        complaint, status = told(error), _REFUSED
    except (OSError, ValueError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        complaint, status = told(error), _MALFORMED
    complain(f"error: {complaint}")
    return status


class _Parser(argparse.ArgumentParser):
    """One that never repeats what it does not know: it may be a secret."""

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str], namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse, and refuse what is left over without its values.

        Args:
            args: The arguments.
            namespace: Where the options go.

        Returns:
            The options, and nothing left over.
        """
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            option = unknown[0].partition("=")[0]
            known = option.startswith("--")
            self.error(f"no option {option[:80]!a}" if known else "there is an argument too many")
        return parsed, []


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(
        prog="wharfinger registries",
        description="List and change the registries of a store.",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for argument in argv:
        name = argument.casefold().lstrip("-").replace("_", "-")
        if argument.startswith("-") and name.startswith("pass") and name != "password-stdin":
            parser.error(
                "a password is no argument, others can see those; leave it out to be asked for it, "
                "or give it on standard input with --password-stdin"
            )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, help_line in _ACTIONS.items():
        action = actions.add_parser(
            name, help=help_line, description=f"{help_line.capitalize()}.", allow_abbrev=False
        )
        _add_arguments(name, action)
    options = parser.parse_args(argv)
    if options.action not in {"keygen", "events"} and options.environment is None:
        parser.error("an environment is wanted: --environment NAME")
    return options


def _add_arguments(name: str, action: argparse.ArgumentParser) -> None:
    add = action.add_argument
    if name == "keygen":
        add("file", metavar="FILE", help="the file to make; it must not be there yet")
        return
    if name == "add":
        add("address", metavar="ADDRESS", help="the registry's address, host[:port]")
    if name in {"activate", "deactivate", "update", "remove"}:
        add("id", metavar="ID", help="the registry's id, or the number at its end")
    if name in {"add", "update"}:
        add("--username", metavar="NAME", required=True, help="the credential's username")
        add("--email", metavar="ADDRESS", help="the credential's e-mail address")
        add(
            "--kind",
            choices=[*map(str, CredentialKind)],
            default=str(CredentialKind.PASSWORD),
            help="what the secret is (default: %(default)s)",
        )
        add("--password-stdin", action="store_true", help="read the secret from standard input")
    if name == "create":
        add(
            "--orchestration",
            choices=[*map(str, Orchestration)],
            default=str(Orchestration.CATTLE),
            help="what launches its containers (default: %(default)s)",
        )
    if name == "events":
        add("--after", metavar="N", type=int, default=0, help="only those after this one")
    if name in {"list", "events"}:
        add("--json", action="store_true", help="JSON Lines: one object per line")
    else:
        add("--actor", metavar="NAME", help="who does this, for the event log")
    add_store_options(action)


def _run(store: CredentialStore, options: argparse.Namespace) -> int:
    name: str = options.environment
    if getattr(options, "actor", None) and hasattr(store, "acting_as"):
        store = store.acting_as(options.actor)
    if options.action == "list":
        _list(store, name, as_json=options.json)
    elif options.action == "events":
        return _events(store, options)
    elif options.action == "create":
        store.create(name, Orchestration(options.orchestration))
        show(f"{name} is created")
    elif options.action == "destroy":
        store.destroy(name)
        show(f"{name} is destroyed")
    elif options.action == "add":
        added = store.add(name, options.address, _credential(options), added_by=options.actor)
        show(f"{added.id} is added: {_described(added)}")
    else:
        _change(store, name, options)
    return _DONE


def _change(store: CredentialStore, name: str, options: argparse.Namespace) -> None:
    registry_id = f"{name}/{options.id}" if options.id.isdecimal() else options.id
    if options.action == "remove":
        store.remove(name, registry_id)
        show(f"{registry_id} is removed")
        return
    if options.action == "update":
        changed = store.update(name, registry_id, _credential(options))
        show(f"{changed.id} is updated: {_described(changed)}")
        return
    setting: Callable[[str, str], Registry] = getattr(store, options.action)
    changed = setting(name, registry_id)
    show(f"{changed.id} is {changed.state}: {_described(changed)}")


def _described(registry: Registry) -> str:
    return f"{registry.address} as {registry.username}"


def _list(store: CredentialStore, name: str, *, as_json: bool) -> None:
    environment = store.environment(name)
    overridden = set(environment.overridden())
    if as_json:
        for registry in environment.registries:
            fields = {
                "id": registry.id,
                "address": str(registry.address),
                "username": registry.username,
                "state": registry.state.value,
                "overridden": registry in overridden,
                "added_by": registry.added_by,
            }
            show(json.dumps(fields))
        return
    rows = [
        [
            registry.id,
            str(registry.address),
            registry.username,
            f"{registry.state}{', overridden' if registry in overridden else ''}",
            registry.added_by or "",
        ]
        for registry in environment.registries
    ]
    show(table(["ID", "ADDRESS", "USERNAME", "STATE", "ADDED BY"], rows))


def _events(store: CredentialStore, options: argparse.Namespace) -> int:
    if not hasattr(store, "events"):
        complain("error: this store keeps no event log")
        return _REFUSED
    logging = cast("SQLStore", store)
    rows: list[list[str]] = []
    after = options.after
    while events := logging.events(options.environment, after=after):
        after = events[-1].sequence
        if options.json:
            for event in events:
                show(json.dumps(_event(event)))
        else:
            rows += [
                ["" if value is None else str(value) for value in _event(event).values()]
                for event in events
            ]
    if not options.json:
        show(table(["EVENT", "AT", "ACTOR", "ACTION", "ENVIRONMENT", "REGISTRY", "ADDRESS"], rows))
    return _DONE


def _event(event: Event) -> dict[str, object]:
    return {
        "sequence": event.sequence,
        "at": event.at.isoformat(timespec="milliseconds"),
        "actor": event.actor,
        "action": event.action,
        "environment": event.environment,
        "registry": event.registry,
        "address": None if event.address is None else str(event.address),
    }


def _keygen(options: argparse.Namespace) -> int:
    from wharfinger.stores import SealingKeys

    keys = SealingKeys.generate()
    keys.to_file(options.file)
    show(f"{options.file} has key {keys.ids[0]}; without it no secret opens, so keep a copy")
    return _DONE


def _credential(options: argparse.Namespace) -> Credential:
    kind = CredentialKind(options.kind)
    return Credential(options.username, _secret(options), options.email, kind)


def _secret(options: argparse.Namespace) -> Secret:
    """Ask for the secret, or read it; no variable keeps its text."""
    if sys.stdin is None:
        raise OSError("standard input is closed, and the password is read from there")
    if sys.stdin.isatty() and not options.password_stdin:
        from getpass import getpass

        return Secret(getpass(f"Password for {options.username}: "))
    try:
        return Secret(_without_newline(sys.stdin.buffer.read()).decode("utf-8"))
    except UnicodeDecodeError:
        pass  # the error has the text
    raise ValueError("the password on standard input is not UTF-8")


def _without_newline(text: bytes) -> bytes:
    return text.removesuffix(b"\n").removesuffix(b"\r")
