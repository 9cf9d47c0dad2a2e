"""What a Rancher 1.x server did with its registries and settings, and what becomes different.

The page and the server disagreed: of several credentials the server took the oldest active one, it
compared addresses and whitelist entries as text, and to an inactive registry it sent no credential
instead of refusing. Here the page holds, so every difference is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from wharfinger.core.address import RegistryAddress
from wharfinger.core.whitelist import read_location

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wharfinger.core.environment import Environment
    from wharfinger.core.settings import Settings
    from wharfinger.formats._rancher_api import Answers, WireCredential, WireRegistry

__all__ = ["Change", "SettingsBefore", "changes"]

_HUB: Final = "index.docker.io"  # the server's name for Docker Hub, and the only one
_WILDCARD: Final = "*."


@attrs.frozen
class Change:
    """Images that are pulled otherwise than by the Rancher server.

    Args:
        code: What is different, short and stable: ``now-allowed``, ``now-denied``,
            ``credential-replaced``, ``credential-added`` or ``credential-lost``.
        images: What their references start with: ``quay.io``, ``docker.io/acme``, ``*.corp``;
            empty for those that name no registry.
        address: Where they are pulled from now; None for a wildcard.
        before: Rancher's id of the credential it sent; None where it sent none.
        after: Rancher's id of the credential that is sent now; None where none is.
        why: Why it is different, as a clause for people.
    """

    code: str
    images: str
    address: RegistryAddress | None
    before: str | None
    after: str | None
    why: str

    def __str__(self) -> str:
        images = f"images at {self.images}" if self.images else "images without a registry"
        if self.code.startswith("credential-"):
            told = f"{self.before or 'no credential'} before, {self.after or 'none'} now"
            return f"{images}: {told} ({self.code}): {self.why}"
        return f"{images}: {self.code.replace('-', ' ')}: {self.why}"


@attrs.frozen
class SettingsBefore:
    """The settings as the server had them.

    Args:
        default: ``registry.default``, verbatim; empty where there is none.
        whitelist: The entries of ``registry.whitelist``, trimmed, as the server compared them.
        read: Those of them that are entries here, too.
    """

    default: str = ""
    whitelist: tuple[str, ...] = ()
    read: tuple[str, ...] = ()


@attrs.frozen
class _Was:
    """The Rancher server."""

    credentials: Mapping[str, WireCredential]  # by address in lower case
    bare: frozenset[str]  # where the registry that was taken had no active credential
    inactive: frozenset[str]
    whitelist: frozenset[str]

    def sent(self, server: str) -> WireCredential | None:
        """The credential it sent: cattle's DockerImageCredentialLookup, then the agent's rule."""
        found = self.credentials.get(server.lower())
        # An agent that was given no username, or no password, pulled anonymously.
        if found is None or not found.username or (found.secret and not found.secret.reveal()):
            return None
        return found

    def allowed(self, compared: str) -> bool:
        return not self.whitelist or compared in self.whitelist


@attrs.frozen
class _Now:
    environment: Environment
    settings: Settings
    origins: Mapping[str, str]

    def sent(self, address: RegistryAddress) -> tuple[str | None, str | None]:
        """The id of the credential that is sent now, and that of one which is inactive."""
        registry = self.environment.in_force(address)
        if registry is None:
            return None, None
        origin = self.origins[registry.id]
        return (origin, None) if registry.is_active else (None, origin)


def changes(
    answers: Answers,
    before: SettingsBefore,
    environment: Environment,
    settings: Settings,
    origins: Mapping[str, str],
) -> tuple[Change, ...]:
    """Compare the server with what was made of its export.

    Args:
        answers: Its registries and credentials.
        before: Its settings.
        environment: What was made of its registries.
        settings: What was made of its settings.
        origins: Rancher's id of the credential that each of the environment's registries is from,
            by the registry's id.

    Returns:
        What is different: images that name no registry first, then by what references start with.
    """
    was, now = _server(answers, before), _Now(environment, settings, origins)
    found = [_bare(was, now, before.default)]
    found += [_named(was, now, images) for images in sorted(_spellings(answers, before))]
    return tuple(change for change in found if change is not None)


def _server(answers: Answers, before: SettingsBefore) -> _Was:
    oldest: dict[str, WireCredential] = {}
    for credential in sorted(answers.credentials.values(), key=_number):
        if credential.active:
            oldest.setdefault(credential.registry_id, credential)
    chosen: dict[str, WireRegistry] = {}
    inactive = set()
    for registry in sorted(answers.registries.values(), key=_number):
        if registry.literal is None:
            continue
        if registry.active:
            chosen.setdefault(registry.literal.lower(), registry)
        else:
            inactive.add(registry.literal.lower())
    sent = {text: oldest[found.id] for text, found in chosen.items() if found.id in oldest}
    return _Was(
        sent,
        frozenset(chosen.keys() - sent.keys()),
        frozenset(inactive - chosen.keys()),
        frozenset(before.whitelist),
    )


def _number(row: WireCredential | WireRegistry) -> int:
    return row.number


def _server_of(image: str) -> str:
    """The registry of an image: cattle's DockerImage."""
    head, slash, _ = image.partition("/")
    named = slash and ("." in head or ":" in head or head == "localhost")
    return head if named else _HUB


def _spellings(answers: Answers, before: SettingsBefore) -> set[str]:
    """How references may start that somebody had in mind: in a registry, or in the whitelist."""
    found = {"docker.io", _HUB, *before.read}
    for entry in before.read:
        if location := read_location(entry):
            address, path = location
            found.add(f"{address}/{path}" if path else str(address))
    for registry in answers.registries.values():
        found |= {str(registry.address)} | ({registry.literal} if registry.literal else set())
    return {text for text in found if text.startswith(_WILDCARD) or read_location(text)}


def _bare(was: _Was, now: _Now, default_before: str) -> Change | None:
    if default_before.strip():
        server, compared = _server_of(f"{default_before}/x"), default_before
    else:
        server = compared = _HUB
    default = now.settings.default_registry
    return _change(was, now, "", server, compared, default.address, default.prefix or "")


def _named(was: _Was, now: _Now, images: str) -> Change | None:
    if images.startswith(_WILDCARD):
        why = "the server compared entries as text, so that a wildcard matched nothing"
        return Change("now-allowed", images, None, None, None, why)
    head, _, path = images.partition("/")
    server = _server_of(f"{head}/x")
    return _change(was, now, images, server, server, RegistryAddress.parse(head), path)


def _change(
    was: _Was,
    now: _Now,
    images: str,
    server: str,
    compared: str,
    address: RegistryAddress,
    path: str,
) -> Change | None:
    was_allowed = was.allowed(compared)
    sent = was.sent(server) if was_allowed else None
    before = sent.id if sent else None
    permitted = now.settings.whitelist.permits(address, path)
    after, inactive = now.sent(address) if permitted else (None, None)
    is_allowed = permitted and not inactive
    if is_allowed and not was_allowed:
        code = "now-allowed"
        why = f"the server compared whitelist entries as text, and none was {compared!a}"
    elif was_allowed and not permitted:
        code, why = "now-denied", "no whitelist entry that could be read matches them"
    elif was_allowed and inactive:
        instead = f"sent {before}" if before else "pulled anonymously"
        code = "now-denied"
        why = f"the registry in force, from {inactive}, is inactive; the server {instead}"
    elif is_allowed and before != after:
        code, why = _replaced(was, server, before, after)
    else:
        return None
    return Change(code, images, address, before, after, why)


def _replaced(was: _Was, server: str, before: str | None, after: str | None) -> tuple[str, str]:
    if before is None:
        return "credential-added", _unsent(was, server)
    if after is None:
        return "credential-lost", f"{before} could not be read"
    return (
        "credential-replaced",
        f"the server took the oldest active one at {server!a}; now the newest is in force",
    )


def _unsent(was: _Was, server: str) -> str:
    if server.lower() in was.credentials:
        return "the server's oldest active one has no username or no password"
    if server.lower() in was.bare:
        return f"the server took the first active registry at {server!a}, which had no credential"
    if server.lower() in was.inactive:
        return "the server left an inactive registry's credentials alone"
    return f"the server compared addresses as text, and no active one was {server!a}"
