"""``policy.json``: which images podman, skopeo, buildah and CRI-O accept.

``containers-policy.json(5)`` describes it. It is read strictly: of a file with an unknown or a
repeated member nothing counts, and nothing is pulled. The how-to says what it cannot express.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from wharfinger.core._grammar import HUB_NAMES
from wharfinger.core.address import RegistryAddress
from wharfinger.core.diagnose import Diagnostic
from wharfinger.core.reference import ImageReference
from wharfinger.core.settings import HostImages, Settings
from wharfinger.formats._containers import (
    PLACEHOLDER,
    check_types,
    search_registries,
    spellings,
)
from wharfinger.formats._json_text import without_bom
from wharfinger.formats._policy_json_edits import ACCEPT, LOCAL, REJECT, lookup, merged
from wharfinger.formats._policy_json_reader import Policy, Scope, read
from wharfinger.formats.document import DocumentError, forgetful, place

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Policy", "Scope", "limits", "merge", "parse", "permits", "render"]

_DOCKER: Final = "docker"


@forgetful
def parse(text: str) -> Policy:
    """Read a ``policy.json``.

    Args:
        text: The document.

    Returns:
        What it says; ``refused`` tells that containers refuse it as a whole. Of a requirement for a
        signature only the type is looked at.

    Raises:
        DocumentError: When it is not valid JSON, or no object (R20).

    Example:
        >>> from wharfinger.formats import policy_json
        >>> policy = policy_json.parse('''{
        ...     "default": [{"type": "reject"}],
        ...     "transports": {"docker": {"quay.io": [{"type": "insecureAcceptAnything"}]}}
        ... }''')
        >>> policy.default, policy.entries[0].scope, policy.entries[0].accepts
        (('reject',), 'quay.io', True)
    """
    return read(without_bom(text), marked=text.startswith("\ufeff"))


@forgetful
def permits(policy: Policy, image: ImageReference | str) -> bool:
    """Say whether a policy accepts an image of a registry, without a signature of it.

    Args:
        policy: What :func:`parse` has read.
        image: The image, as it is given to a client; one without a registry is Docker Hub's.

    Returns:
        True iff the scope that is about it, or else the default, accepts anything. What a
        signature is wanted for is not accepted here.

    Raises:
        InvalidReference: When the text is no reference.

    Example:
        >>> from wharfinger import Settings
        >>> from wharfinger.formats.policy_json import parse, permits, render
        >>> policy = parse(render(Settings(whitelist="quay.io/acme")))
        >>> permits(policy, "quay.io/acme/api:1.2"), permits(policy, "quay.io/acmeevil/api")
        (True, False)
    """
    reference = image if isinstance(image, ImageReference) else ImageReference.parse(image)
    qualified = reference.qualified()
    name = f"{qualified.registry}/{qualified.repository}"
    digest = "" if qualified.digest is None else f"@{qualified.digest}"
    scopes = {entry.scope: entry for entry in policy.entries if entry.transport == _DOCKER}
    found = lookup(scopes, name + (digest or f":{qualified.tag or 'latest'}"))
    default = Scope("", "", policy.default)
    return not policy.refused and (found or default).accepts


@forgetful
def render(settings: Settings, *, any_port: bool = False) -> str:
    """Write a ``policy.json`` by which the whitelist holds (R14).

    With a whitelist, images of registries are rejected but for those it permits. What does not come
    from a registry is accepted (``containers-storage``, ``dir``, ``docker-archive``,
    ``docker-daemon``, ``oci``, ``oci-archive``, ``tarball``): the whitelist is about registries,
    and having been pulled once is permission to run (R16). Without a whitelist, everything is
    accepted.

    Args:
        settings: The admin's settings.
        any_port: Whether a wildcard may be written although containers take it for every port.

    Returns:
        The document. It is the same for equal settings.

    Raises:
        DocumentError: When an entry of the whitelist cannot be written without admitting more than
            it says: a wildcard with a path, one that would match Docker Hub, or any without
            ``any_port``. ``place`` is the entry.

    Example:
        >>> from wharfinger import Settings
        >>> from wharfinger.formats.policy_json import render
        >>> print(render(Settings()), end="")
        {
            "default": [
                {
                    "type": "insecureAcceptAnything"
                }
            ]
        }
        >>> render(Settings(whitelist="*.corp"))
        Traceback (most recent call last):
        ...
        wharfinger.formats.document.DocumentError: whitelist["*.corp"]: containers take a wildcard \
for every port; name the registries, or allow it with any_port=True
    """
    check_types(settings)
    scopes = _scopes(settings, any_port=any_port)
    if scopes is None:
        return _written({"default": [ACCEPT]})
    transports = {
        _DOCKER: {scope: [ACCEPT if scopes[scope] else REJECT] for scope in sorted(scopes)},
        **{transport: {"": [ACCEPT]} for transport in LOCAL},
    }
    return _written({"default": [REJECT], "transports": transports})


@forgetful
def merge(text: str, settings: Settings, *, any_port: bool = False) -> str:
    """Bring a ``policy.json`` in line with settings; what they do not decide stays as it is.

    Decided are the default and the scopes of ``docker``. A scope that asks for a signature goes on
    asking for it: where the whitelist does not permit it, a ``reject`` is put beside; where the
    whitelist permits what so far needed a signature by a wider scope or the default, it needs it
    still. Scopes that reject stay, but for those the whitelist names; scopes that accept and are
    not permitted go. Without a whitelist a default that rejects accepts, as R14 has it. What the
    default was for transports that reach no registry stays as it was.

    What is rejected or signed under one name of a host is so under its other names (R3), where they
    would let it past otherwise.

    Args:
        text: The document.
        settings: The admin's settings.
        any_port: As for :func:`render`.

    Returns:
        The changed document, to the byte the same where nothing changes.

    Raises:
        DocumentError: When it is not valid JSON, containers refuse it for its members, or
            :func:`render` would raise it.

    Example:
        >>> from wharfinger import Settings
        >>> from wharfinger.formats.policy_json import merge, parse, permits
        >>> text = '{"default": [{"type": "insecureAcceptAnything"}]}'
        >>> merge(text, Settings()) == text
        True
        >>> permits(parse(merge(text, Settings(whitelist="quay.io"))), "docker.io/library/ubuntu")
        False
    """
    check_types(settings)
    scopes = _scopes(settings, any_port=any_port)
    if not without_bom(text).strip():
        return render(settings, any_port=any_port)
    return merged(text, scopes, settings.default_registry)


def limits(settings: Settings) -> tuple[Diagnostic, ...]:
    """Tell what a ``policy.json`` cannot say of settings, and :func:`render` does not refuse.

    Args:
        settings: The admin's settings.

    Returns:
        Diagnostics with the codes ``spelling-refused``, ``hub-name-refused``,
        ``wildcard-of-every-port``, ``sent-before-checked`` and ``host-images-unchecked``.

    Example:
        >>> from wharfinger import Settings
        >>> from wharfinger.formats.policy_json import limits
        >>> [limit.code for limit in limits(Settings(whitelist="quay.io"))]
        ['spelling-refused', 'sent-before-checked']
    """
    check_types(settings)
    return tuple(_limits(settings))


def _scopes(settings: Settings, *, any_port: bool) -> dict[str, bool] | None:
    """The scopes of registries, and whether they are accepted; None where all are."""
    whitelist = settings.whitelist
    if not whitelist.restricts:
        return None
    scopes: dict[str, bool] = {}
    for entry in whitelist.entries:
        registry, _, path = entry.partition("/")
        address = RegistryAddress.parse(registry.removeprefix("*."))
        if not registry.startswith("*."):
            scopes |= dict.fromkeys(_exact(address, path), True)
        elif not address.is_ip:  # such a wildcard matches nothing (R14)
            _check_wildcard(entry, address, path, whitelist.entries, any_port=any_port)
            scopes[f"*.{address.host}"] = True
    if search_registries(settings) == (PLACEHOLDER,):
        scopes |= _placeholder(settings, scopes)
    return scopes


def _exact(address: RegistryAddress, path: str) -> Iterator[str]:
    # Under its other names, docker.io/acme would be the official image acme, too.
    one_word = address.is_docker_hub and path not in {"", "library"} and "/" not in path
    for host in [str(address)] if one_word else spellings(address):
        yield f"{host}/{path}" if path else host


def _check_wildcard(
    entry: str, address: RegistryAddress, path: str, entries: tuple[str, ...], *, any_port: bool
) -> None:
    problem = ""
    if path:
        problem = "containers know no wildcard with a path; name the registries"
    elif not any_port:
        problem = (
            "containers take a wildcard for every port; name the registries, or allow it with "
            "any_port=True"
        )
    elif str(RegistryAddress.DOCKER_HUB) not in entries and any(
        host.endswith(f".{address.host}") for host in HUB_NAMES
    ):
        problem = "containers take it for Docker Hub as well; name the registries, or add docker.io"
    if problem:
        raise DocumentError(place("whitelist", entry), problem)


def _placeholder(settings: Settings, scopes: dict[str, bool]) -> dict[str, bool]:
    """The scopes of the host that stands for the default registry."""
    default = settings.default_registry
    prefix = str(default.prefix)
    found = {PLACEHOLDER: settings.whitelist.permits(default.address, prefix)}
    if found[PLACEHOLDER]:
        return found
    for entry in settings.whitelist.entries:
        registry, _, path = entry.partition("/")
        if registry == str(default.address) and path.startswith(f"{prefix}/"):
            found[PLACEHOLDER + path.removeprefix(prefix)] = True
    # The default rejects it already, but for a wildcard.
    return found if "*.invalid" in scopes else {s: True for s, ok in found.items() if ok}


def _limits(settings: Settings) -> Iterator[Diagnostic]:
    whitelist = settings.whitelist
    if whitelist.restricts:
        yield Diagnostic(
            "spelling-refused",
            "R3",
            "a host in capital letters, or a port with zeros before it, is refused",
            "hand the clients canonical images",
        )
    hub = [e for e in whitelist.entries if e.startswith("docker.io/") and e.count("/") == 1]
    if any(entry != "docker.io/library" for entry in hub):
        yield Diagnostic(
            "hub-name-refused",
            "R2",
            "what the whitelist permits of one user of Docker Hub is refused under its other names",
            "hand the clients canonical images",
        )
    if any(entry.startswith("*.") for entry in whitelist.entries):
        yield Diagnostic(
            "wildcard-of-every-port",
            "R14",
            "containers take a wildcard for every port",
            "name the registries",
        )
    if whitelist.restricts:
        yield Diagnostic(
            "sent-before-checked",
            "R15",
            "the registry is asked for the manifest before the policy is looked at",
            "write registries.conf from the same settings beside it, which blocks what it can name",
        )
    if settings.host_images is HostImages.VERIFY:
        yield Diagnostic(
            "host-images-unchecked",
            "R16",
            "no policy is looked at for an image that is on the host",
            "resolve before every launch",
        )


def _written(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=4) + "\n"
