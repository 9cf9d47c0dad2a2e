"""The changes that bring a ``policy.json`` in line with what a whitelist permits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from wharfinger.core.address import read_address
from wharfinger.formats._containers import spellings
from wharfinger.formats._json_text import change, load, without_bom
from wharfinger.formats._policy_json_reader import ACCEPTS, REJECTS, read
from wharfinger.formats.document import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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


def merged(text: str, decided: dict[str, bool] | None) -> str:
    """Bring a document in line.

    Args:
        text: The document.
        decided: The scopes of registries that are decided, and whether they are accepted, all
            others being rejected; None where nothing is.

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
    docker: dict[str, _Required] = document.get("transports", {}).get("docker", {})
    default = _opened(old) if decided is None else _rejecting(old)
    if default != document.get("default"):
        text = change(text, {"default": default})
    changes = {
        scope: required
        for scope, required in _changes(docker, old, decided)
        if required != docker.get(scope)
    }
    if changes:
        text = change(text, changes, "transports", "docker")
    if decided is None or _rejects(old):
        return text
    # The default was about these as well.
    for transport in LOCAL:
        if "" not in document.get("transports", {}).get(transport, {}):
            text = change(text, {"": _signed(old) or [ACCEPT]}, "transports", transport)
    return text


_HARMLESS: Final = frozenset({"default-missing", "never-matches", "official-image", "upper-case"})


def _changes(
    docker: dict[str, _Required], default: _Required, decided: dict[str, bool] | None
) -> Iterator[tuple[str, _Required | None]]:
    """Every scope with what it requires now; None for one that goes."""
    for scope, required in docker.items():
        accepted = decided is None or lookup(decided, scope)
        if accepted and decided is not None and scope in decided:
            yield scope, _signed(required) or [ACCEPT]
        elif accepted:
            yield scope, _signed(required) or required
        else:
            yield scope, _rejecting(required) if _signed(required) or _rejects(required) else None
    for scope, accepted in (decided or {}).items():
        if scope not in docker:
            signed = next(filter(None, _signatures(docker, default, scope)), None)
            yield scope, (signed or [ACCEPT]) if accepted else [REJECT]


def _signatures(
    docker: dict[str, _Required], default: _Required, scope: str
) -> Iterator[_Required]:
    """The signatures that are wanted for a scope so far, under any spelling of its host."""
    host, slash, path = scope.partition("/")
    address = read_address(host)
    for spelling in [host, *(spellings(address) if address else ())]:
        found = lookup(docker, f"{spelling}{slash}{path}")
        yield _signed(docker.get("", default) if found is None else found)


def _signed(required: _Required) -> _Required:
    """The requirements without rejections, where there is one for a signature; else none."""
    kept = [item for item in required if item != REJECT]
    return kept if any(item != ACCEPT for item in kept) else []


def _opened(required: _Required) -> _Required:
    return _signed(required) or [ACCEPT]


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
