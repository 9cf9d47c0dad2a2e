"""Portability: where clients that read one document pick different credentials, and why.

docker, podman, the kubelet and docker-py read the same format by four sets of rules, and this
library by a fifth. For a document and images, the report says what each of them picks.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

import attrs
from typing_extensions import override

from wharfinger.core.credential import CredentialKind
from wharfinger.core.reference import ImageReference
from wharfinger.core.settings import Settings, canonical
from wharfinger.formats import docker_config
from wharfinger.formats._auth_keys import host_of, is_url, key
from wharfinger.formats._clients import (
    NOTHING,
    Client,
    Containers,
    Docker,
    DockerPy,
    Document,
    Entry,
    Found,
    Image,
)
from wharfinger.formats._entry_views import OWN, Views
from wharfinger.formats._json_text import load, without_bom
from wharfinger.formats._kubelet_keyring import Kubelet
from wharfinger.formats.document import DocumentError, Parsed, forgetful

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wharfinger.core.address import RegistryAddress
    from wharfinger.formats.docker_config import DockerConfig

__all__ = ["CODES", "Divergence", "Pick", "Portability", "report"]

_CLIENTS: Final[tuple[type[Client], ...]] = (Docker, Containers, Kubelet, DockerPy)

# The first that applies is told.
_TOLD: Final[dict[str, tuple[str, str]]] = {
    "malformed": (
        "an entry is malformed, for which some clients refuse the whole document",
        "mend it, or take it out",
    ),
    "not-whitelisted": (
        "the whitelist does not allow it, and only this library knows the whitelist",
        "keep it from the others with registries.conf, policy.json or an admission policy",
    ),
    "default-registry": (
        "it names no registry, which for all others is Docker Hub",
        "give them the canonical image",
    ),
    "helper": (
        "the kubelet asks no credential helper, and podman only those of credHelpers",
        "write the credential into auths for those that do not ask",
    ),
    "token-kind": (
        "the entry has a token, which not every client reads",
        "log in with a password, or a robot account",
    ),
    "incomplete": (
        "its auth is missing, badly padded or ends in NUL, or a part of it is empty",
        "write base64 of user:password into auth",
    ),
    "prefix-without-boundary": (
        "the kubelet compares paths as text, so that a key counts for its neighbours",
        "name the registry alone, or the whole repository",
    ),
    "wildcard": ("only the kubelet understands a wildcard", "write an entry for each registry"),
    "host-cut": (
        "docker and docker-py cut a key to its host, and use it for all of the registry",
        "name the registry alone",
    ),
    "hub-name": (
        "clients look Docker Hub up by different names",
        "have one entry for it, with the key https://index.docker.io/v1/, and name it docker.io",
    ),
    "case": (
        "clients compare hosts letter by letter",
        "write the host in lower case, in the key and in the image",
    ),
    "port": (
        "clients take a host with :443 and one without for two",
        "leave :443 out, in the key and in the image",
    ),
    "spelling": (
        "clients compare IPv6 addresses letter by letter",
        "write the address in its canonical form, in the key and in the image",
    ),
    "ipv6": (
        "the kubelet finds no key for an IPv6 address without a port",
        "write the port, in the key and in the image",
    ),
    "scheme": (
        "a key with a scheme or a path is not its host to every client",
        "write the host alone",
    ),
    "namespace": (
        "podman and the kubelet look for a namespace's own key, docker and this library do not",
        "name the registry alone",
    ),
    "several": ("several entries are for it, and clients choose differently", "keep one"),
    "other": ("clients pick differently", "have one entry for it, with its canonical address"),
}

_KINDS: Final = frozenset(map(str, CredentialKind))

CODES: Final = tuple(_TOLD)
"""The codes of divergences; of several that apply, the first is told."""


@attrs.frozen
class Pick:
    """What one client picks for one image.

    Args:
        client: ``docker`` (the command line and the daemon), ``containers`` (podman, skopeo,
            CRI-O), ``kubelet``, ``docker-py`` or ``wharfinger``.
        key: The key of the entry, without user information; None where there is none.
        place: Where the entry stands; empty where there is none.
        helper: The credential helper that is asked; None for none.
        reason: How it is found, as a clause for people.
        also: The keys of more entries that are tried, or might be taken instead; the first seven.
        kind: What it reads in the entry: ``password``, ``identity-token`` or ``registry-token``;
            None for nothing that it can use.
    """

    client: str
    key: str | None
    place: str
    helper: str | None
    reason: str
    also: tuple[str, ...] = ()
    kind: str | None = None

    def __str__(self) -> str:
        what = self.place or "nothing"
        if self.helper:
            what = f"the helper {self.helper}"
        elif self.place and self.kind is None:
            what = f"nothing in {self.place}"
        elif self.kind not in {None, CredentialKind.PASSWORD}:
            what = f"the {self.kind} in {self.place}"
        return f"{self.client}: {what} ({self.reason})"


@attrs.frozen
class Divergence:
    """One image for which clients pick different credentials.

    Args:
        image: The image, as given.
        code: Why, short and stable: one of ``CODES``.
        message: Why, for people.
        repair: What to do about it.
        picks: What each client picks.
    """

    image: str
    code: str
    message: str
    repair: str
    picks: tuple[Pick, ...]

    def as_dict(self) -> dict[str, object]:
        """Return it as plain data, for JSON. Its keys and words are stable.

        Returns:
            ``image``, ``code``, ``message`` and ``repair`` as text; ``picks`` as a list of dicts of
            ``client``, ``key``, ``place``, ``helper``, ``reason``, ``also`` and ``kind``.
        """
        return attrs.asdict(self)

    def __str__(self) -> str:
        head = f"{self.image}: {self.code}: {self.message}; {self.repair}"
        return "\n".join([head, *(f"  {pick}" for pick in self.picks)])


@attrs.frozen
class Portability(Parsed[Divergence]):
    """What a report says.

    Args:
        entries: The images for which clients pick different credentials.
        diagnostics: What is wrong or surprising in the document, whichever image is asked for.
    """

    def as_dict(self) -> dict[str, object]:
        """Return it as plain data, for JSON.

        Returns:
            ``divergences`` and ``diagnostics`` as lists of dicts.
        """
        return {
            "divergences": [divergence.as_dict() for divergence in self.entries],
            "diagnostics": [
                {
                    "place": remark.place,
                    "code": remark.code,
                    "rule": remark.rule,
                    "message": remark.message,
                    "repair": remark.repair,
                }
                for remark in self.diagnostics
            ],
        }

    @override
    def __str__(self) -> str:
        return "\n".join(map(str, (*self.entries, *self.diagnostics)))

    def _repr_html_(self) -> str:
        names = [client.name for client in _CLIENTS] + [OWN]
        head = "".join(f"<th>{escape(name)}</th>" for name in ("image", "why", *names))
        rows = "".join(
            "<tr>"
            + "".join(
                f"<td>{escape(cell)}</td>"
                for cell in (found.image, found.code, *(_cell(pick) for pick in found.picks))
            )
            + "</tr>"
            for found in self.entries
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


@forgetful
def report(
    text: str, images: Iterable[ImageReference | str], settings: Settings | None = None
) -> Portability:
    """Say where clients that read a document pick different credentials for images.

    An image is compared by what its registry is shown, so that two entries with the same credential
    are no divergence. Nothing is asked: not a helper, not a registry.

    Args:
        text: A ``config.json``, an ``auth.json``, or what ``.dockerconfigjson`` in a Kubernetes
            Secret holds.
        images: The images as typed; each is told once.
        settings: The admin's settings, by which this library picks; None is out of the box.

    Returns:
        The report.

    Raises:
        DocumentError: When :func:`wharfinger.formats.docker_config.parse` refuses the document, it
            is a Kubernetes object itself, or more than 100 of its keys have a wildcard.
        InvalidReference: When an image is none.

    Example:
        >>> found = report(
        ...     '{"auths": {"quay.io/acme": {"auth": "Y2k6aHVudGVyMg=="}}}',
        ...     ["quay.io/acme/api", "quay.io/acmecorp/api", "ghcr.io/acme/api"],
        ... )
        >>> for divergence in found.entries:
        ...     print(divergence.image, divergence.code)
        ...     for pick in divergence.picks:
        ...         print(f"  {pick.client:<10}", pick.key)
        quay.io/acme/api host-cut
          docker     quay.io/acme
          containers quay.io/acme
          kubelet    quay.io/acme
          docker-py  quay.io/acme
          wharfinger None
        quay.io/acmecorp/api prefix-without-boundary
          docker     quay.io/acme
          containers None
          kubelet    quay.io/acme
          docker-py  quay.io/acme
          wharfinger None
    """
    config = docker_config.parse(text)
    plain = without_bom(text)
    members = load(plain) if plain.strip() else {}
    if {"apiVersion", "kind"} <= members.keys():
        raise DocumentError("", "it is a Kubernetes object; take what its .dockerconfigjson holds")
    read = {entry.key: entry.credential for entry in config.entries}
    document = Views().document(members, read)
    clients = [client(document) for client in _CLIENTS]
    own = _Own(config, document, settings or Settings())
    found: list[Divergence] = []
    seen: set[ImageReference] = set()
    for given in images:
        reference = given if isinstance(given, ImageReference) else ImageReference.parse(given)
        if reference in seen:
            continue
        seen.add(reference)
        image = _image(reference, own.settings)
        picked = {client.name: client.pick(image) for client in clients}
        for client, where in document.refused.items():
            picked[client] = _refused(where)
        picked[OWN] = own.pick(image, reference)
        if len({one.shown for one in picked.values()}) > 1:
            found.append(_divergence(reference, picked))
    return Portability(tuple(found), config.diagnostics)


class _Own:
    """This library: the registry's address, whatever its spelling, and the settings."""

    def __init__(self, config: DockerConfig, document: Document, settings: Settings) -> None:
        self.settings = settings
        self._config = config
        by_key = {entry.key: entry for entry in document.entries}
        counting = set(map(id, config.credentials().values()))
        self._entries: dict[RegistryAddress, Entry] = {}
        for entry in config.entries:
            if id(entry.credential) in counting:
                self._entries[entry.address] = by_key[entry.key]

    def pick(self, image: Image, reference: ImageReference) -> Found:
        causes = set()
        if reference.registry is None and not image.address.is_docker_hub:
            causes.add("default-registry")
        if not self.settings.whitelist.permits(image.address, image.repository):
            return Found(
                (("not allowed",),),
                frozenset({"not-whitelisted"}),
                f"no whitelist entry matches {image.address}",
            )
        helper = self._config.helper(image.address)
        if helper:
            server = key(image.address)
            reason = f"it is the helper of {image.address}, and is asked for {server}"
            causes |= {"helper", *_spelt(image, host_of(server))}
            return Found((("helper", helper, server),), frozenset(causes), reason, (), helper)
        entry = self._entries.get(image.address)
        if entry is None:
            return Found((), frozenset(causes), f"no key that it reads is {image.address}'s")
        causes |= {*_spelt(image, host_of(entry.key)), *entry.causes}
        if is_url(entry.key) or "/" in entry.key:
            causes.add("scheme")
        shown = entry.shown[OWN]
        shows = () if shown == NOTHING else (shown,)
        return Found(shows, frozenset(causes), f"its key names {image.address}", (entry,))


def _spelt(image: Image, host: str) -> list[str]:
    """Why an image and a key of one address have hosts that others take for two."""
    if image.address.is_docker_hub:
        return ["hub-name"]
    if host == image.host:
        return []
    if host.lower() == image.host.lower():
        return ["case"]
    names = {
        one.lower().partition("]")[0] if "[" in one else one.lower().partition(":")[0]
        for one in (host, image.host)
    }
    return ["port"] if len(names) == 1 else ["spelling"]


def _image(reference: ImageReference, settings: Settings) -> Image:
    located, address = canonical(settings, reference)
    qualified = reference.qualified()
    first, slash, _ = str(reference).partition("/")
    return Image(
        qualified.registry or "",
        qualified.repository,
        first if slash else "",
        address,
        located.repository,
    )


def _refused(where: str) -> Found:
    return Found((), frozenset({"malformed"}), f"it gives up at {where}, whatever it read by then")


def _divergence(reference: ImageReference, picked: dict[str, Found]) -> Divergence:
    causes = {cause for found in picked.values() for cause in found.causes} | {"other"}
    code = next(code for code in _TOLD if code in causes)
    picks = tuple(
        Pick(
            client,
            found.entries[0].told if found.entries else None,
            found.entries[0].place if found.entries else "",
            found.helper or None,
            found.reason,
            tuple(entry.told for entry in found.entries[1:]),
            _kind(client, found),
        )
        for client, found in picked.items()
    )
    return Divergence(str(reference), code, *_TOLD[code], picks)


def _kind(client: str, found: Found) -> str | None:
    """What a client reads in the first entry that it found."""
    shown = found.entries[0].shown[client] if found.entries else NOTHING
    return shown[0] if shown and shown[0] in _KINDS else None


def _cell(pick: Pick) -> str:
    if pick.helper or pick.key is None:
        return f"helper {pick.helper}" if pick.helper else "none"
    return pick.key if pick.kind else f"none in {pick.key}"
