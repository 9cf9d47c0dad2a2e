"""``credHelpers``: the programs that clients ask instead of reading ``auths``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wharfinger.core.diagnose import Diagnostic
from wharfinger.formats._auth_keys import read_key
from wharfinger.formats._json_text import kind, named
from wharfinger.formats.document import place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wharfinger.core.address import RegistryAddress
    from wharfinger.formats._auths import AuthEntry

__all__ = ["hidden", "malformed", "read_helpers"]


def read_helpers(
    document: Mapping[str, object],
    client: str,
    wanted: Callable[[RegistryAddress], str],
    remarks: list[Diagnostic],
) -> dict[str, str]:
    """Read ``credHelpers``.

    Args:
        document: The document.
        client: The client that the document is for.
        wanted: Makes the key that it looks up for a registry.
        remarks: What is wrong is added to these.

    Returns:
        The helpers that the client could ask, by key; empty where one is switched off.
    """
    path = named(document, "credHelpers")
    value = document.get(path)
    if value is None:
        return {}
    if not isinstance(value, dict):
        remarks.append(malformed("an object", value, path))
        return {}
    helpers: dict[str, str] = {}
    for name, helper in value.items():
        where = place(path, name)
        read = read_key(name, where)
        if isinstance(read, Diagnostic):
            remarks.append(read)
        elif not isinstance(helper, str | None):
            remarks.append(malformed("a string", helper, path, name))
        elif name != wanted(read[0]):
            remarks.append(
                Diagnostic(
                    "key-not-looked-up",
                    "R3",
                    f"{client} never finds it by this key",
                    f"write {wanted(read[0])!r}",
                    where,
                )
            )
        else:
            helpers[name] = helper or ""
    return helpers


def hidden(entry: AuthEntry, client: str, where: str) -> Iterator[Diagnostic]:
    """Remark on a credential that a client does not look at, because it asks a helper.

    Args:
        entry: The entry.
        client: The client.
        where: The place of the helper's name.

    Yields:
        The remark, if the entry has a credential.
    """
    if entry.credential is not None:
        yield Diagnostic(
            "hidden-by-helper",
            "R18",
            f"{client} asks the credential helper of {where}, and takes no notice of this",
            "log in again, so that the helper has it, or remove the helper",
            entry.place,
        )


def malformed(wanted: str, value: object, *path: str) -> Diagnostic:
    """Remark on a member of a wrong type.

    Args:
        wanted: What it ought to be.
        value: What it is.
        path: The names of the members that lead to it.

    Returns:
        The remark.
    """
    return Diagnostic(
        "member-malformed",
        "R20",
        f"{wanted} is wanted, and this is {kind(value)}; docker then reads no entry at all",
        "correct it or remove it",
        place(*path),
    )
