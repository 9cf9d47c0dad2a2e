"""What a ``policy.json`` says, read scope by scope."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from wharfinger.core.diagnose import Diagnostic
from wharfinger.core.errors import nearest
from wharfinger.formats._host_remarks import surprise
from wharfinger.formats._json_text import kind, load, members, object_at, repeated
from wharfinger.formats.document import DocumentError, Parsed, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wharfinger.formats._json_text import Member

__all__ = ["ACCEPTS", "REJECTS", "Policy", "Scope", "read"]

ACCEPTS: Final = "insecureAcceptAnything"
REJECTS: Final = "reject"
_SIGNATURES: Final = ("signedBy", "signedBaseLayer", "sigstoreSigned")
_TYPES: Final = (ACCEPTS, REJECTS, *_SIGNATURES)
_MEMBERS: Final = ("default", "transports")
_MOST_NEAREST: Final = 100  # it takes its time (R20)


@attrs.frozen
class Scope:
    """One scope of one transport.

    Args:
        transport: Where images come from; ``docker`` is every registry.
        scope: Which images it is about: an image, a repository, a path, a host, ``*.corp``, or the
            empty text for all of the transport.
        requirements: The types of what is required, all of which must hold.
        place: Where it stands.
    """

    transport: str
    scope: str
    requirements: tuple[str, ...]
    place: str = ""

    @property
    def accepts(self) -> bool:
        """Whether it accepts everything. One that wants a signature does not."""
        return bool(self.requirements) and set(self.requirements) == {ACCEPTS}

    @property
    def rejects(self) -> bool:
        """Whether it rejects everything, with a signature or without."""
        return REJECTS in self.requirements


@attrs.frozen
class Policy(Parsed[Scope]):
    """What a ``policy.json`` says.

    Args:
        entries: Its scopes, in their order.
        diagnostics: What is wrong or surprising in it.
        default: The types of what is required where no scope is about an image.
        refused: Whether containers refuse the document as a whole, and pull nothing.
    """

    default: tuple[str, ...] = ()
    refused: bool = False


class _Repeating(dict[str, Any]):
    """An object of whose members some have one name."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Repeating(found)


def _decoded(text: str, member: Member) -> Any:  # noqa: ANN401  # as JSON has it
    """The value of a member, in which objects that repeat a name are known."""
    try:
        return json.loads(text[member.value_start : member.end], object_pairs_hook=_object)
    except RecursionError:  # some calls deeper than load, which had read it
        pass
    raise DocumentError(place(member.name), "its nesting is too deep")


def read(text: str, *, marked: bool) -> Policy:
    """Read a document.

    Args:
        text: The document, without a byte order mark.
        marked: Whether it had one.

    Returns:
        What it says.

    Raises:
        DocumentError: When it is no JSON object.
    """
    return _Reader().read(text, load(text), marked=marked)


class _Reader:
    """One reading; it gathers remarks."""

    def __init__(self) -> None:
        self.remarks: list[Diagnostic] = []
        self.refused = False

    def read(self, text: str, document: dict[str, Any], *, marked: bool) -> Policy:
        if marked:
            self.refuse("byte-order-mark", "it starts with a byte order mark", "save it without")
        self.repeated(repeated(text), ())
        for name in document:
            if name not in _MEMBERS:
                near = nearest(name, _MEMBERS) if len(document) <= _MOST_NEAREST else None
                repair = f"write {near}" if near else "take it out"
                self.refuse("unknown-member", "there is no such member", repair, name)
        default: tuple[str, ...] = ()
        for member in members(text):
            if member.name == "default":
                default = self.requirements(_decoded(text, member), "default")
        if "default" not in document:
            self.refuse("default-missing", "there is no default", "write one", "default")
        entries = []
        transports = document.get("transports", {})
        if isinstance(transports, dict):
            entries = [*self.transports(text)]
        else:
            self.wrong_type("an object", transports, "transports")
        return Policy(tuple(entries), tuple(self.remarks), default, self.refused)

    def transports(self, text: str) -> Iterator[Scope]:
        start = object_at(text, "transports")
        if start is None:
            return
        self.repeated(repeated(text, start), ("transports",))
        line, seen = 0, 0
        for member in members(text, start):
            if not isinstance(member.value, dict):
                self.wrong_type("an object", member.value, "transports", member.name)
                continue
            path = ("transports", member.name)
            # Of the object alone: from the start each time would take quadratic time (R20).
            line += text.count("\n", seen, member.value_start)
            seen = member.value_start
            self.repeated(repeated(text[seen : member.end]), path, after=line)
            for scope, value in _decoded(text, member).items():
                types = self.requirements(value, *path, scope)
                if member.name == "docker":
                    self.surprises((*path, scope), scope)
                yield Scope(member.name, scope, types, place(*path, scope))

    def requirements(self, value: object, *path: str) -> tuple[str, ...]:
        if not isinstance(value, list):
            self.wrong_type("an array", value, *path)
            return ()
        if not value:
            self.refuse("empty", "nothing is required", "write a requirement", *path)
        return tuple(self.requirement(item, *path, position) for position, item in enumerate(value))

    def requirement(self, item: object, *path: str | int) -> str:
        if isinstance(item, _Repeating):
            self.refuse("repeated", "a member of it stands there twice", "keep one", *path)
        word = item.get("type") if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(word, str) or word not in _TYPES:
            self.refuse(
                "requirement",
                "it is no requirement that containers know",
                f"write one whose type is one of {', '.join(_TYPES)}",
                *path,
            )
            return word if isinstance(word, str) else ""
        if word in {ACCEPTS, REJECTS} and len(item) > 1:
            self.refuse(
                "unknown-member", f"{word} has no members but its type", "take it out", *path
            )
        return word

    def surprises(self, path: tuple[str, ...], scope: str) -> None:
        host, _, below = scope.partition("/")
        told = ""
        if host.startswith("*.") and (below or ":" in host):
            told = "a wildcard has no port and no path"
        elif "*" in host.removeprefix("*."):
            told = "a wildcard is *. before a host"
        where = place(*path)
        if told:
            self.remarks.append(Diagnostic("never-matches", "R14", told, "name the hosts", where))
        elif remark := surprise(scope, where):
            self.remarks.append(remark)

    def refuse(self, code: str, message: str, repair: str, *path: str | int) -> None:
        self.refused = True
        told = f"{message}; containers refuse the file"
        self.remarks.append(Diagnostic(code, "R20", told, repair, place(*path)))

    def wrong_type(self, wanted: str, value: object, *path: str) -> None:
        message = f"{wanted} is wanted, and this is {kind(value)}"
        self.refuse("wrong-type", message, f"write {wanted}", *path)

    def repeated(self, found: dict[str, list[int]], path: Iterable[str], *, after: int = 0) -> None:
        for name, lines in found.items():
            told = ", ".join(str(after + line) for line in lines[:10])
            self.refuse("repeated", f"it stands in lines {told}", "keep one", *path, name)
