"""The objects that are pull secrets, and what they hold."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Final, NamedTuple

from wharfinger.core.diagnose import Diagnostic
from wharfinger.formats import _json_text
from wharfinger.formats._json_text import without_bom
from wharfinger.formats._tree import Node, listed, overrides, repetitions
from wharfinger.formats.document import DocumentError, place

if TYPE_CHECKING:
    from collections.abc import Iterator

    _Path = tuple[str | int, ...]

__all__ = ["TYPES", "PullSecret", "pull_secrets", "remark"]

_DATA_KEYS: Final = {
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/dockercfg": ".dockercfg",
}
TYPES: Final = {data_key: name for name, data_key in _DATA_KEYS.items()}
"""The type of Secret by the key of its data."""


class PullSecret(NamedTuple):
    """One pull secret.

    Args:
        data_key: The key of its data.
        node: The value of that key.
        path: Where that stands.
        plain: Whether it is a text, not base64 of one.
    """

    data_key: str
    node: Node
    path: _Path
    plain: bool

    def payload(self) -> str:
        """Return the text it holds.

        Returns:
            The text.

        Raises:
            DocumentError: When it is none, or no base64 of one.
        """
        text = self.node.value
        if not isinstance(text, str):
            raise DocumentError(
                place(*self.path), f"a text is wanted, and this is {self.node.kind}"
            )
        if self.plain:
            return text
        problem = "it is no base64"
        try:
            # Go's decoder passes over new lines.
            raw = b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
            problem = "it is no text in UTF-8"
            return raw.decode()
        except ValueError:
            pass
        raise DocumentError(place(*self.path), problem)

    def document(self) -> dict[str, object]:
        """Return the JSON object it holds.

        Returns:
            The object.

        Raises:
            DocumentError: When it holds none.
        """
        text = self.payload()
        if without_bom(text) != text:
            raise DocumentError(place(*self.path), "Kubernetes takes no byte order mark")
        try:
            return _json_text.load(text)
        except DocumentError as error:
            where, problem = error.place, error.problem
        inside = f" ({where} of what it holds)" if where else ""
        raise DocumentError(place(*self.path), problem + inside)


def pull_secrets(documents: list[Node]) -> Iterator[PullSecret | Diagnostic]:
    """Find the pull secrets of documents, in Lists and among other objects too.

    Args:
        documents: The documents.

    Yields:
        Each pull secret that holds something, and a remark on what is none and looks like one.
    """
    for number, document in enumerate(documents):
        path: _Path = ("documents", number) if len(documents) > 1 else ()
        yield from _in_object(document, path, "")


def _in_object(node: Node, path: _Path, kind: str) -> Iterator[PullSecret | Diagnostic]:
    kind = node.text("kind") or kind
    items, kind_of_item = listed(node, kind)
    for number, item in enumerate(items):
        yield from _in_object(item, (*path, "items", number), kind_of_item)
    if kind == "Secret":
        yield from _in_secret(node, path)


def _in_secret(node: Node, path: _Path) -> Iterator[PullSecret | Diagnostic]:
    for holder in ((), ("data",), ("stringData",)):
        held = node.get(*holder)
        if held is not None:
            yield from repetitions(held, *path, *holder)
            yield from overrides(held, *path, *holder)
    data_key = _DATA_KEYS.get(node.text("type"))
    for candidate in TYPES if data_key is None else [data_key]:
        for member in ("stringData", "data"):
            found = node.get(member, candidate)
            where = (*path, member, candidate)
            if found is None:
                continue
            if data_key is not None:
                yield PullSecret(data_key, found, where, plain=member == "stringData")
                return
            yield remark(
                "secret-type",
                where,
                "the kubelet does not look into a Secret of this type",
                f"give it the type {TYPES[candidate]}",
            )
    if data_key is not None:
        yield remark(
            "data-missing",
            (*path, "data", data_key),
            "it is missing, so the Secret holds no credential",
            "render the Secret",
        )


def remark(code: str, path: _Path, message: str, repair: str) -> Diagnostic:
    """Make a remark on a place.

    Args:
        code: Its code.
        path: The place.
        message: The remark.
        repair: What to do about it.

    Returns:
        The remark.
    """
    return Diagnostic(code, "R20", message, repair, place(*path))
