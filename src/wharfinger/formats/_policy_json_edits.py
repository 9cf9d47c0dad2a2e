"""The changes that bring a ``policy.json`` in line with what a whitelist permits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from wharfinger.core.address import RegistryAddress, read_address
from wharfinger.formats._containers import PLACEHOLDER, spellings
from wharfinger.formats._json_text import Inside, change, load, without_bom
from wharfinger.formats._policy_json_reader import ACCEPTS, REJECTS, read
from wharfinger.formats.document import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wharfinger.core.settings import DefaultRegistry

__all__ = ["ACCEPT", "LOCAL", "REJECT", "lookup", "merged"]

ACCEPT: Final = {"type": ACCEPTS}
REJECT: Final = {"type": REJECTS}
LOCAL: Final = (
    "containers-storage",
    "dir",
    "docker-archive",
    "docker-daemon",
    "oci",
    "oci-archive",
    "tarball",
)
"""The transports that reach no registry. ``atomic`` does, and is left to the default."""

_LONGEST: Final = 2048

_Found = TypeVar("_Found")
_Required = list[dict[str, Any]]


def lookup(scopes: Mapping[str, _Found], scope: str) -> _Found | None:
    """Find the scope that is about an image or a scope, as containers do.

    Args:
        scopes: The scopes of the transport ``docker``.
        scope: An image with its tag or its digest, or a scope.

    Returns:
        What the nearest scope has; None where none is about it.
    """
    return next((scopes[name] for name in _wider(scope) if name in scopes), None)


def merged(text: str, decided: dict[str, bool] | None, default_registry: DefaultRegistry) -> str:
    """Bring a document in line.

    Args:
        text: The document.
        decided: The scopes of registries that are decided, and whether they are accepted, all
            others being rejected; None where nothing is.
        default_registry: What the placeholder among them stands for.

    Returns:
        The changed document.

    Raises:
        DocumentError: When it can't be read, or containers refuse it.
    """
    bare = without_bom(text)
    for remark in read(bare, marked=False).diagnostics:
        if remark.code not in _HARMLESS:
            raise DocumentError(remark.place, remark.message)
    document = load(bare)
    old: _Required = document.get("default", [ACCEPT])
    transports: dict[str, dict[str, _Required]] = document.get("transports", {})
    docker = transports.get("docker", {})
    default = (_signed(old) or [ACCEPT]) if decided is None else _rejecting(old)
    scopes = _scopes(docker, old, decided, default_registry)
    if decided is not None or default != old:
        scopes |= {
            name: required
            for name, required in _beside(scopes, default, default_registry).items()
            # Without a whitelist, only what the opened default would let past.
            if decided is not None or not _accepts(lookup(docker, name) or old)
        }
    changes: dict[str, Any] = {
        "docker": _differences(docker, scopes | dict.fromkeys(docker.keys() - scopes.keys()))
    }
    if default != old:  # which was about these as well
        changes |= {name: {"": old} for name in LOCAL if "" not in transports.get(name, {})}
    inner = {name: Inside(scopes) for name, scopes in changes.items() if scopes}
    root = _differences(document, {"default": default})
    return (
        change(text, root | ({"transports": Inside(inner)} if inner else {}))
        if root or inner
        else text
    )


_HARMLESS: Final = frozenset({"default-missing", "never-matches", "official-image", "upper-case"})


def _differences(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if value != there.get(name)}


def _scopes(
    docker: dict[str, _Required],
    default: _Required,
    decided: dict[str, bool] | None,
    default_registry: DefaultRegistry,
) -> dict[str, _Required]:
    """What every scope that stays, or comes, requires now."""
    scopes: dict[str, _Required] = {}
    for scope, required in docker.items():
        if decided is not None and decided.get(scope):
            scopes[scope] = _signed(required) or [ACCEPT]
        elif decided is None or lookup(decided, scope):
            scopes[scope] = _signed(required) or required
        elif _signed(required) or _rejects(required):
            scopes[scope] = _rejecting(required)
    for scope, accepted in (decided or {}).items():
        if scope not in docker:
            found = (lookup(docker, name) or default for name in _alike(scope, default_registry))
            signed = next(filter(None, map(_signed, found)), [ACCEPT])
            scopes[scope] = signed if accepted else [REJECT]
    return scopes


def _beside(
    scopes: dict[str, _Required], default: _Required, default_registry: DefaultRegistry
) -> dict[str, _Required]:
    """What is rejected or signed under one name of a host, for those that would let it past."""
    return {
        name: required
        for scope, required in scopes.items()
        if not _accepts(required)
        for name in _alike(scope, default_registry)
        if name not in scopes and _accepts(lookup(scopes, name) or default)
    }


def _alike(scope: str, default_registry: DefaultRegistry) -> Iterator[str]:
    """The scope, and those that are about the same images under another name of their host."""
    host, slash, path = scope.partition("/")
    prefix = f"{default_registry.prefix}/"
    yield scope
    if host == PLACEHOLDER and default_registry.prefix:
        address: RegistryAddress | None = default_registry.address
        slash, path = "/", f"{prefix}{path}".rstrip("/")
    else:
        address = read_address(host)
    for spelling in spellings(address) if address else ():
        yield f"{spelling}{slash}{path}"
    if (
        default_registry.prefix
        and address == default_registry.address
        and f"{path}/".startswith(prefix)
    ):
        yield f"{PLACEHOLDER}/{path.removeprefix(prefix[:-1]).strip('/')}".rstrip("/")


def _accepts(required: _Required) -> bool:
    return all(item == ACCEPT for item in required)


def _signed(required: _Required) -> _Required:
    """The requirements without rejections, where there is one for a signature; else none."""
    kept = [item for item in required if item != REJECT]
    return kept if any(item != ACCEPT for item in kept) else []


def _rejecting(required: _Required) -> _Required:
    if _rejects(required):
        return required
    return [*_signed(required), REJECT]


def _rejects(required: _Required) -> bool:
    return REJECT in required


def _wider(scope: str) -> Iterator[str]:
    """A scope, and those that are about it, the nearest first."""
    yield scope
    name = scope.partition("@")[0]
    head, slash, last = name.rpartition("/")
    if slash:
        name = f"{head}/{last.partition(':')[0]}"
    while len(scope) <= _LONGEST:  # no image's name is longer, and of more the time adds up (R20)
        yield name
        parent, slash, _ = name.rpartition("/")
        if not slash:
            break
        name = parent
    name = name.removeprefix("*.").partition(":")[0]
    while "." in name:
        name = name.partition(".")[2]
        yield f"*.{name}"
    yield ""
