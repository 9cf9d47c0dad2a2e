"""JSON as text: where its members stand, and changing some without touching the rest.

The standard library does the syntax; what is here keeps positions, so that a changed document is
the same to the byte but for what was to be changed.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from wharfinger.formats.document import DocumentError, place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "Inside",
    "Member",
    "change",
    "kind",
    "load",
    "members",
    "named",
    "object_at",
    "repeated",
    "without_bom",
]

_BOM: Final = "\ufeff"
_SPACE: Final = re.compile(r"[ \t\r\n]*+")
_INDENT: Final = "\t"  # docker's own
_UNREADABLE: Final = (
    "it is not JSON that can be read: NaN, Infinity, a number too long, or a nesting too deep"
)
_KINDS: Final = {
    bool: "a boolean",
    dict: "an object",
    float: "a number",
    int: "a number",
    list: "an array",
    str: "a string",
    type(None): "null",
}


class Member(NamedTuple):
    """One member of an object.

    Args:
        name: Its name.
        start: Where its name begins.
        value_start: Where its value begins.
        end: Where it ends.
        value: Its value.
    """

    name: str
    start: int
    value_start: int
    end: int
    value: Any


def kind(value: object) -> str:
    """Say what a JSON value is, and nothing of what it holds.

    Args:
        value: The value.

    Returns:
        A phrase such as ``"an array"``.
    """
    return _KINDS.get(type(value), "something else")


def named(members: Mapping[str, Any], name: str) -> str:
    """Find the member that Go takes for a name: docker and podman read names in any case.

    Args:
        members: An object.
        name: The name, in lower case or not.

    Returns:
        The name itself if the object has it, else the last one that differs in case alone, else
        the name itself.

    Example:
        >>> named({"CredsStore": "pass"}, "credsStore")
        'CredsStore'
    """
    if name in members:
        return name
    wanted = name.lower()
    alike = [other for other in members if len(other) == len(name) and other.lower() == wanted]
    return alike[-1] if alike else name


def without_bom(text: str) -> str:
    """Take a byte order mark away.

    Args:
        text: A document.

    Returns:
        The document, without one.

    Raises:
        TypeError: When it is no str.
    """
    if not isinstance(text, str):
        msg = f"a document is a str, not {type(text).__name__}"
        raise TypeError(msg)
    return text.removeprefix(_BOM)


def load(text: str) -> dict[str, Any]:
    """Read a document that is one object. Of members with one name the last one counts.

    Args:
        text: The document; a byte order mark is passed over.

    Returns:
        The object.

    Raises:
        DocumentError: When it is not valid JSON, with the line and the column, or no object.

    Example:
        >>> load('{"auths": {}}')
        {'auths': {}}
    """
    where, problem = "", ""
    try:
        value = _DECODER.decode(without_bom(text))
    except json.JSONDecodeError as error:  # it holds the document
        where, problem = f"line {error.lineno}, column {error.colno}", "it is not valid JSON"
    except (ValueError, RecursionError):
        problem = _UNREADABLE
    if problem:
        raise DocumentError(where, problem)
    if not isinstance(value, dict):
        raise DocumentError("", f"an object is wanted, and this is {kind(value)}")
    return value


def members(text: str, start: int = 0) -> Iterator[Member]:
    """Go through the members of an object, the repeated ones too.

    Args:
        text: A document that :func:`load` has read, without a byte order mark.
        start: Where the object begins, or the blanks before it.

    Yields:
        Its members, in their order.

    Example:
        >>> [member.name for member in members('{"a": 1, "b": {"c": 2}, "a": 3}')]
        ['a', 'b', 'a']
    """
    at = _skip(text, _skip(text, start) + 1)
    while text[at] == '"':
        name, end = _decoded(text, at)
        value_start = _skip(text, _skip(text, end) + 1)
        value, end = _decoded(text, value_start)
        yield Member(name, at, value_start, end, value)
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def object_at(text: str, *path: str) -> int | None:
    """Find an object inside a document.

    Args:
        text: A document that :func:`load` has read, without a byte order mark.
        path: The names of the members that lead to it.

    Returns:
        Where it begins; None where it is not there, or null, as Go writes an empty map.

    Raises:
        DocumentError: When something else is there.
    """
    start = 0
    for depth, name in enumerate(path, start=1):
        found = None
        for member in members(text, start):
            if member.name == name:
                found = member
        if found is None or found.value is None:
            return None
        if not isinstance(found.value, dict):
            raise DocumentError(
                place(*path[:depth]), f"an object is wanted, and this is {kind(found.value)}"
            )
        start = found.value_start
    return start


def repeated(text: str, start: int = 0) -> dict[str, list[int]]:
    r"""Find the members of an object that have one name.

    Args:
        text: A document that :func:`load` has read, without a byte order mark.
        start: Where the object begins.

    Returns:
        Each repeated name, with the lines that it stands in, counted from 1.

    Example:
        >>> repeated('{"a": 1,\n"a": 2, "b": 3}')
        {'a': [1, 2]}
    """
    lines: dict[str, list[int]] = {}
    line, seen = 1, 0
    for member in members(text, start):
        line += text.count("\n", seen, member.start)
        seen = member.start
        lines.setdefault(member.name, []).append(line)
    return {name: found for name, found in lines.items() if len(found) > 1}


class Inside(dict[str, Any]):
    """A new value of :func:`change` that changes members of the object that is there.

    Its values are as those of :func:`change`. Where no object is there, it is the new value,
    without what is None in it. Of repeated objects, which Go reads as one, the last one gets what
    is new, and all lose what it replaces.
    """


def change(text: str, changes: Mapping[str, Any], *path: str) -> str:
    """Set and remove members of an object, and leave every other byte as it is.

    Args:
        text: The document; blank text is an empty object.
        changes: Names with their new values; None removes a member, and :class:`Inside` changes
            one that is an object.
        path: The names of the members that lead to the object; what is missing, or null, is made.

    Returns:
        The changed document. What is new is laid out as its surroundings are.

    Raises:
        DocumentError: When the document can't be read, or something else than an object stands on
            the path.

    Example:
        >>> print(
        ...     change('{"auths": {"a": {}}, "x": 1}', {"a": None, "b": {"auth": "eA=="}}, "auths")
        ... )
        {"auths": {"b": {"auth": "eA=="}}, "x": 1}
    """
    bom, text = text[: text.startswith(_BOM)], without_bom(text)
    if not text.strip():
        text = "{}\n"
    load(text)
    object_at(text, *path)  # to refuse what is no object
    for name in reversed(path):
        changes = {name: Inside(changes)}
    opening = _skip(text, 0)
    changed, end = _changed(text, opening, changes, 0)
    return bom + text[:opening] + changed + text[end:]


class _Layout(NamedTuple):
    """How the members of an object are laid out."""

    first: str  # before its first member
    later: str  # before every other one
    last: str  # behind its last one
    colon: str  # between a name and its value
    indent: str  # of a value in it; empty where a value takes one line
    margin: str  # a new line, and the blanks that all lines of a value start with

    @classmethod
    def of(cls, text: str, opening: int, depth: int) -> _Layout:
        lead = text[opening : _skip(text, opening)]
        if text[opening + len(lead)] == "}":  # empty, so that the document tells
            opening = _skip(text, 0) + 1
            lead = text[opening : _skip(text, opening)]
            if text[opening + len(lead)] == "}":
                lead = f"\n{_INDENT}"
            newline, _, indent = lead.rpartition("\n")
            lead = f"{newline}\n{indent * (depth + 1)}" if "\n" in lead else ""
        colon = _colon(text, opening)
        if "\n" not in lead:
            return cls(lead, colon[1:], "", colon, "", "")
        newline, _, blanks = lead.rpartition("\n")
        newline = "\r\n" if newline.endswith("\r") else "\n"
        indent = blanks[: max(1, len(blanks) // (depth + 1))] or _INDENT
        last = newline + blanks[: len(blanks) - len(indent)]
        return cls(newline + blanks, newline + blanks, last, colon, indent, newline + blanks)

    def value(self, value: object) -> str:
        if not self.indent:
            return json.dumps(value, separators=(f",{self.later}", self.colon))
        return json.dumps(value, indent=self.indent).replace("\n", self.margin)


def _colon(text: str, opening: int) -> str:
    """The colon of an object's first member, with the blank behind it."""
    at = _skip(text, opening)
    if text[at] != '"':
        return ": "
    colon = _skip(text, _decoded(text, at)[1])
    return ": " if text[colon + 1].isspace() else ":"


class _Kept(NamedTuple):
    """A member that stays, or comes."""

    lead: str  # the blanks before it
    text: str
    trail: str  # the blanks before the comma behind it


def _changed(text: str, start: int, changes: Mapping[str, Any], depth: int) -> tuple[str, int]:
    """A changed object, and where the old one ends."""
    opening = start + 1
    layout = _Layout.of(text, opening, depth)
    found = list(members(text, start))
    last = {member.name: position for position, member in enumerate(found)}
    before, closing, ends = opening, layout.last, _skip(text, opening)
    kept: list[_Kept] = []
    for position, member in enumerate(found):
        lead = text[before : member.start]
        ends = _skip(text, member.end)
        trail = text[member.end : ends]
        before = ends + 1  # behind a comma, or the end
        if position == len(found) - 1:
            trail, closing = "", trail
        new = changes.get(member.name)
        if member.name not in changes:
            kept.append(_Kept(lead, text[member.start : member.end], trail))
        elif isinstance(new, Inside) and isinstance(member.value, dict):
            inner = new if last[member.name] == position else _removals(new)
            value, _ = _changed(text, member.value_start, inner, depth + 1)
            kept.append(_Kept(lead, text[member.start : member.value_start] + value, trail))
        elif last[member.name] == position and new is not None:
            value = text[member.value_start : member.end]
            if not isinstance(new, str) or new != member.value:  # or its escapes stay
                value = layout.value(_without_none(new))
            kept.append(_Kept(lead, text[member.start : member.value_start] + value, trail))
    come = {name: _without_none(new) for name, new in changes.items() if name not in last}
    kept += [
        _Kept(layout.later, f"{json.dumps(name)}{layout.colon}{layout.value(new)}", "")
        for name, new in come.items()
        if new is not None
    ]
    if kept == [] and found == []:
        return text[start : ends + 1], ends + 1
    if kept:
        first = text[opening : found[0].start] if found else layout.first
        kept[0] = kept[0]._replace(lead=first)
        kept[-1] = kept[-1]._replace(trail=closing)
    body = ",".join("".join(member) for member in kept)
    return f"{{{body}}}", ends + 1


def _removals(changes: Inside) -> Inside:
    """The same members, removed."""
    return Inside(
        {name: _removals(new) if isinstance(new, Inside) else None for name, new in changes.items()}
    )


def _without_none(value: object) -> object:
    """What a new value is where nothing is to be changed; None where that is nothing."""
    if not isinstance(value, Inside):
        return value
    inner = {name: _without_none(new) for name, new in value.items()}
    return {name: new for name, new in inner.items() if new is not None} or None


def _decoded(text: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except RecursionError:  # one call deeper than load, which had read it
        pass
    raise DocumentError("", _UNREADABLE)


def _skip(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing, too


def _refuse(_constant: str) -> NoReturn:
    raise ValueError  # RFC 8259 has no NaN and no Infinity


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse)
