"""``auths``: credentials by registry, as config.json, auth.json and Kubernetes Secrets hold them.

What docker does with an entry was read in its command line's ``cli/config``, what podman does in
containers/image's ``pkg/docker/config``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import attrs

from wharfinger.core.address import RegistryAddress
from wharfinger.core.diagnose import Diagnostic
from wharfinger.formats import _json_text
from wharfinger.formats._auth_entry import MEMBERS, EntryReader, wire
from wharfinger.formats._auth_keys import checked, host_of, is_url, key, read_key
from wharfinger.formats._json_text import Inside, kind
from wharfinger.formats.document import DocumentError, place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from wharfinger.core.credential import Credential

__all__ = [
    "DOCKER",
    "AuthEntry",
    "Lookup",
    "byte_order_mark",
    "counting",
    "key",
    "load",
    "merge_auths",
    "read_auths",
    "read_key",
    "repetitions",
    "wire",
    "wire_auths",
]

_NEVER: Final = 2  # a rank
_LINES: Final = 5  # that a remark tells


@attrs.frozen
class AuthEntry:
    """One entry of ``auths`` that can be used.

    Args:
        key: Its key, as written.
        place: Where it stands in the document.
        address: The registry its key names (R3).
        path: The namespace or repository below the registry that its key names; empty for all of
            the registry.
        credential: The credential; None where the entry is empty, which says that a credential
            helper holds it.
    """

    key: str
    place: str
    address: RegistryAddress
    path: str
    credential: Credential | None


class Lookup(NamedTuple):
    """How a client finds an entry.

    Args:
        client: Its name.
        wanted: The key that it looks for.
        also: Whether it finds the entry where that key is missing.
        path: The namespace or repository that it limits the entry to; empty for none.
    """

    client: str
    wanted: Callable[[AuthEntry], str]
    also: Callable[[AuthEntry], bool]
    path: Callable[[AuthEntry], str]

    def rank(self, entry: AuthEntry) -> int:
        """Say how good a match an entry is.

        Args:
            entry: The entry.

        Returns:
            0 for the very key that is looked for, 1 where that is missing, 2 for never.
        """
        return 0 if entry.key == self.wanted(entry) else 1 if self.also(entry) else 2


def _docker_finds(entry: AuthEntry) -> bool:
    # Where the very key is missing, docker compares it with the host of every other. The Hub's key
    # is no host, and of a URL without a port docker takes the brackets away (IPv6).
    host = host_of(entry.key)
    return host == key(entry.address) and not (is_url(entry.key) and host.endswith("]"))


DOCKER: Final = Lookup("docker", lambda entry: key(entry.address), _docker_finds, lambda _: "")


def read_auths(
    auths: object, *path: str | int, lookup: Lookup = DOCKER
) -> tuple[list[AuthEntry], list[Diagnostic]]:
    """Read ``auths``, entry by entry.

    Args:
        auths: The object; None is an empty one.
        path: The names of the members that lead to it.
        lookup: How the client that the document is for finds an entry.

    Returns:
        The entries that can be used, in their order, and a remark on each that can't, or that will
        surprise. Entries of one registry are all there: the remark says which one the client takes,
        and :func:`counting` picks it.

    Raises:
        DocumentError: When it is no object.
    """
    entries: list[AuthEntry] = []
    diagnostics: list[Diagnostic] = []
    for name, members in _object(auths, *path).items():
        where = place(*path, name)
        read = read_key(name, where)
        if isinstance(read, Diagnostic):
            diagnostics.append(read)
            continue
        reader = EntryReader(where)
        if reader.read(members):
            entries.append(AuthEntry(name, where, *read, reader.credential))
        diagnostics += reader.diagnostics
    diagnostics += _overlaps(entries, lookup)
    return entries, diagnostics


def _object(value: object, *path: str | int) -> dict[str, object]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise DocumentError(place(*path), f"an object is wanted, and this is {kind(value)}")
    return value


def counting(
    entries: Iterable[AuthEntry], lookup: Lookup = DOCKER
) -> dict[RegistryAddress, Credential]:
    """Pick the entry of each registry that counts.

    Args:
        entries: Entries of one document.
        lookup: How the client that the document is for finds an entry.

    Returns:
        The credential of each registry. An entry for a namespace is no entry for its registry
        (R19), and where an empty one counts there is none.
    """
    best: dict[RegistryAddress, AuthEntry] = {}
    for entry in entries:
        if entry.path:
            continue
        other = best.get(entry.address)
        if other is None or lookup.rank(entry) <= lookup.rank(other):
            best[entry.address] = entry
    return {
        address: entry.credential for address, entry in best.items() if entry.credential is not None
    }


def _overlaps(entries: list[AuthEntry], lookup: Lookup) -> Iterator[Diagnostic]:
    """Remark on entries of which a client takes another, finds none, or takes one too far."""
    groups: dict[tuple[RegistryAddress, str], list[AuthEntry]] = {}
    for entry in entries:
        groups.setdefault((entry.address, lookup.path(entry)), []).append(entry)
    for (address, path), group in groups.items():
        ranks = [lookup.rank(entry) for entry in group]
        best = min(ranks)
        chosen = group[len(ranks) - 1 - ranks[::-1].index(best)]
        if best == _NEVER:
            says = f"{lookup.client} finds neither"
        elif best and ranks.count(best) > 1:
            says = f"{lookup.client} takes any of them, in no fixed order"
        else:
            says = f"{lookup.client} takes that one"
        for entry in group:
            if entry is not chosen:
                yield Diagnostic(
                    "key-repeated",
                    "R3",
                    f"it names the same registry as {chosen.place}; {says}",
                    "keep one of them",
                    entry.place,
                )
            elif best == _NEVER:
                yield Diagnostic(
                    "key-not-looked-up",
                    "R3",
                    f"{lookup.client} never finds it by this key",
                    f"write {lookup.wanted(entry)!r}",
                    entry.place,
                )
            if entry.path != path:
                yield Diagnostic(
                    "key-namespaced",
                    "R19",
                    f"it is for one namespace, and {lookup.client} takes it for all of {address}",
                    "name the registry alone, if it is for all of it",
                    entry.place,
                )


def repetitions(text: str, *path: str, after: int = 0) -> list[Diagnostic]:
    """Remark on members of one name.

    Args:
        text: An object that was read, without a byte order mark.
        path: The names of the members that lead to it.
        after: How many lines stand before it.

    Returns:
        The remarks, with the lines that the members stand in.
    """
    return [
        _repetition([after + line for line in lines], "the last one counts", *path, name)
        for name, lines in _json_text.repeated(text).items()
    ]


def _repetition(lines: list[int], counts: str, *path: str) -> Diagnostic:
    told = f"{', '.join(map(str, lines[:_LINES]))}{', …' if len(lines) > _LINES else ''}"
    return Diagnostic(
        "name-repeated",
        "R20",
        f"it stands there {len(lines)} times, in the lines {told}; {counts}",
        "keep one of them",
        place(*path),
    )


def load(text: str, known: Iterable[str]) -> tuple[dict[str, object], list[Diagnostic]]:
    """Read a document as docker and podman do: names in any case, repeated objects as one.

    Args:
        text: The document.
        known: The names of the members that are looked at and into.

    Returns:
        The document, and remarks on a byte order mark and on what is repeated in it.

    Raises:
        DocumentError: When it is not valid JSON, or no object.

    Example:
        >>> load('{"auths": {"quay.io": {}}, "Auths": {"ghcr.io": {}}}', ["auths"])[0]["auths"]
        {'quay.io': {}, 'ghcr.io': {}}
    """
    marked, text = text, _json_text.without_bom(text)
    document: dict[str, object] = _json_text.load(text)
    names = {name.casefold(): _json_text.named(document, name) for name in known}
    lines: dict[str, list[int]] = {name: [] for name in names.values()}
    found: dict[str, object] = {}
    inner: list[Diagnostic] = []
    line, seen = 1, 0
    for member in _json_text.members(text):
        line += text.count("\n", seen, member.start)
        seen = member.start
        name = names.get(member.name.casefold())
        if name is None:
            continue
        lines[name].append(line)
        before = found.get(name)
        if isinstance(member.value, dict):
            after = line - 1 + text.count("\n", member.start, member.value_start)
            inner += repetitions(text[member.value_start : member.end], name, after=after)
        if isinstance(before, dict) and isinstance(member.value, dict):
            before |= member.value
        elif member.value is not None or isinstance(before, dict):  # null empties an object only
            found[name] = member.value
    outer = [
        _repetition(
            where,
            "docker and podman put them together"
            if isinstance(found.get(name), dict)
            else "the last one counts",
            name,
        )
        for name, where in lines.items()
        if len(where) > 1
    ]
    return document | found, [*byte_order_mark(marked), *outer, *inner]


def byte_order_mark(text: str) -> list[Diagnostic]:
    """Remark on a byte order mark, at which docker and podman stop.

    Args:
        text: A document.

    Returns:
        The remark, if there is one.
    """
    if _json_text.without_bom(text) == text:
        return []
    message = "it starts with a byte order mark; docker and podman then read no entry at all"
    return [Diagnostic("byte-order-mark", "R20", message, "save it without")]


def wire_auths(
    credentials: Mapping[RegistryAddress, Credential],
    wanted: Callable[[RegistryAddress], str] = key,
) -> dict[str, dict[str, str]]:
    """Write ``auths``.

    Args:
        credentials: The credentials by registry.
        wanted: Makes the key of a registry.

    Returns:
        The entries, in the order of the addresses.

    Raises:
        DocumentError: When an entry could not say a credential.
    """
    return {
        wanted(address): wire(credentials[address], "auths", wanted(address))
        for address in sorted(map(checked, credentials))
    }


def merge_auths(
    text: str,
    credentials: Mapping[RegistryAddress, Credential],
    remove: Iterable[RegistryAddress],
    wanted: Callable[[RegistryAddress], str] = key,
) -> str:
    """Set and remove the entries of registries, and leave every other byte as it is.

    Args:
        text: A document with ``auths``; blank text is an empty one.
        credentials: The entries to be set.
        remove: The registries to be removed.
        wanted: Makes the key of a registry.

    Returns:
        The changed document. Of a registry that is set or removed every other spelling goes; its
        namespaces stay.

    Raises:
        DocumentError: When the document can't be read, or an entry could not say a credential.
    """
    touched = {*map(checked, credentials), *map(checked, remove)}
    plain = _json_text.without_bom(text)
    document = load(text, ["auths"])[0] if plain.strip() else {}
    target = _json_text.named(document, "auths")
    _object(document.get(target), target)  # refuses what is none
    there: dict[str, object] = {}
    written: dict[str, object] = {}  # of these what is written to
    # Go puts repeated objects together, and reads their name in any case.
    objects: dict[str, Inside] = {target: Inside()}
    for member in _json_text.members(plain) if document else ():
        if member.name.casefold() == "auths" and isinstance(member.value, dict):
            there |= member.value
            objects[member.name] = Inside()
            if member.name == target:
                written = member.value
    for name in there:
        read = read_key(name, "")
        if not isinstance(read, Diagnostic) and read[0] in touched and not read[1]:
            for changes in objects.values():
                changes[name] = None
    for name, members in wire_auths(credentials, wanted).items():
        before = written.get(name)
        objects[target][name] = Inside(dict.fromkeys(_stale(before, members)) | members)
    if document:
        _json_text.object_at(plain, target)  # refuses what is no object
    return _json_text.change(text, objects)


def _stale(before: object, members: dict[str, str]) -> Iterator[str]:
    """The members that say another credential, or say it where it does not belong."""
    if isinstance(before, dict):
        reader = EntryReader("")
        same = reader.read(before | members) and not reader.diagnostics
        for name in before:
            known = name.casefold() in MEMBERS
            if known and name not in members and not (same and name in {"username", "password"}):
                yield name
