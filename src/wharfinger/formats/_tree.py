"""A document as a tree that knows where in the text it stands, whatever its syntax.

Neither depth nor aliases cost more than the text is long (R20).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wharfinger.core.diagnose import Diagnostic
from wharfinger.formats import _json_text
from wharfinger.formats.document import DocumentError, place

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Builder",
    "Node",
    "edited",
    "in_line",
    "listed",
    "overrides",
    "repetitions",
    "rewritten",
    "template_hint",
]

_DEEPEST: Final = 100  # Kubernetes' own schemas are at 30
_SPARE: Final = 1000  # nodes that aliases may add to a document of any length
_LONGEST_KIND: Final = 63  # a DNS label, as the API server has it
_MERGE: Final = "<<"
# What may stand before a scalar: an anchor and a tag, and what parts them.
_PROPERTIES: Final = re.compile(r"(?:[&!]\S*+(?:\s++(?:#[^\n]*+)?+)*+)*+")
# A text that is the same with and without quotes.
_BARE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@=+\[\]-]*+")


class Node:
    """A mapping, a sequence or a scalar of a document.

    Args:
        value: A dict of nodes by key, a list of nodes, a str; or a stand-in for a scalar of
            another type, of which only the type says something.
        start: Where it begins in the text.
        line: The line it begins in, counted from 1.

    Attributes:
        value: As given.
        start: As given.
        end: Where it ends; of a scalar only.
        line: As given.
        repeated: Of a mapping, the keys that stand more than once, with the lines of the last two;
            the last counts. None for none.
        overridden: Of a mapping, the keys before a merge key that brings them too, with the lines
            of both. YAML has it that they count, kubectl takes what is merged. None for none.
        size: How many nodes it is, aliases written out.
        height: How deep it is nested, aliases written out.
    """

    __slots__ = ("end", "height", "line", "overridden", "repeated", "size", "start", "value")

    def __init__(self, value: object, start: int, line: int) -> None:
        self.value: Any = value
        self.start = self.end = start
        self.line = line
        self.repeated: dict[str, tuple[int, int]] | None = None
        self.overridden: dict[str, tuple[int, int]] | None = None
        self.size = 1
        self.height = 0

    @property
    def kind(self) -> str:
        """What it is, in words, and nothing of what it holds."""
        return _json_text.kind(self.value)

    def get(self, *names: str) -> Node | None:
        """Look a member up, or a member of a member.

        Args:
            names: The keys that lead to it.

        Returns:
            The node; None where there is none or ``null``.
        """
        node: Node | None = self
        for name in names:
            if node is None or not isinstance(node.value, dict):
                return None
            node = node.value.get(name)
        return None if node is None or node.value is None else node

    def text(self, *names: str) -> str:
        """Look a text up.

        Args:
            names: The keys that lead to it.

        Returns:
            The text; empty where there is none.
        """
        node = self.get(*names)
        return node.value if node is not None and isinstance(node.value, str) else ""


class _Key(NamedTuple):
    name: str
    line: int
    merges: bool


class _Open:
    """A mapping or a sequence that has not ended."""

    __slots__ = ("key", "lines", "node", "sources")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.key: _Key | None = None  # waits for its value
        self.lines: dict[str, int] = {}  # where each key stands
        self.sources: list[Node] = []  # what merge keys name


class Builder:
    """Builds the trees of a text, told what stands in it from start to end.

    Args:
        text: The text.

    Attributes:
        documents: What was built.
    """

    def __init__(self, text: str) -> None:
        self.documents: list[Node] = []
        self._text = text
        self._anchors: dict[str, Node] = {}
        self._open: list[_Open] = []
        self._budget = len(text) + _SPARE

    def begin(self) -> None:
        """A document begins: anchors are its own."""
        self._anchors.clear()

    def enter(self, node: Node, anchor: str | None = None) -> None:
        """A mapping or a sequence begins.

        Args:
            node: It, empty.
            anchor: Its anchor, or None.

        Raises:
            DocumentError: When it is nested too deep.
        """
        self._check_depth(1, node.line)
        self._open.append(_Open(node))
        if anchor:
            self._anchors[anchor] = node

    def leave(self) -> None:
        """The innermost mapping or sequence ends."""
        ended = self._open.pop()
        members = ended.node.value
        for source in ended.sources:
            for name, value in source.value.items():
                members.setdefault(name, value)
        self._add(ended.node, ended.node.line)

    def scalar(
        self, node: Node, end: int, anchor: str | None = None, *, bare: bool = False
    ) -> None:
        """A scalar stands here.

        Args:
            node: It.
            end: Where it ends.
            anchor: Its anchor, or None.
            bare: Whether it has neither quotes nor a tag, so that it may be a merge key.
        """
        node.end = end
        if anchor:
            self._anchors[anchor] = node
        self._add(node, node.line, bare=bare)

    def alias(self, anchor: str, line: int) -> None:
        """An alias stands here.

        Args:
            anchor: What it names.
            line: Where it stands.

        Raises:
            DocumentError: When it names nothing, or what it stands in; when the document would be
                too deep or too long with it written out.
        """
        node = self._anchors.get(anchor)
        if node is None:
            raise DocumentError(in_line(line), "its alias names no anchor")
        if any(each.node is node for each in self._open):
            raise DocumentError(in_line(line), "its alias stands inside what it names")
        self._check_depth(node.height, line)
        self._budget -= node.size
        if self._budget < 0:
            raise DocumentError(in_line(line), "its aliases, written out, are longer than it is")
        self._add(node, line)

    def _check_depth(self, more: int, line: int) -> None:
        if len(self._open) + more > _DEEPEST:
            raise DocumentError(in_line(line), f"it is nested more than {_DEEPEST} deep")

    def _add(self, node: Node, line: int, *, bare: bool = False) -> None:
        if not self._open:
            self.documents.append(node)
            return
        around = self._open[-1]
        parent = around.node
        parent.size += node.size
        if around.key is None or not around.key.merges:
            parent.height = max(parent.height, node.height + 1)
        if isinstance(parent.value, list):
            parent.value.append(node)
            return
        key = around.key
        if key is None:
            around.key = self._key(node, line, bare=bare)
            return
        around.key = None
        if key.name in around.lines:
            parent.repeated = parent.repeated or {}
            parent.repeated[key.name] = around.lines[key.name], key.line
        around.lines[key.name] = key.line
        if not key.merges:
            parent.value[key.name] = node
            return
        for source in _sources(node, key.line):
            around.sources.append(source)
            parent.height = max(parent.height, source.height)
            for name in source.value:
                if name in around.lines:
                    parent.overridden = parent.overridden or {}
                    parent.overridden[name] = around.lines[name], key.line

    def _key(self, node: Node, line: int, *, bare: bool) -> _Key:
        if isinstance(node.value, str):
            return _Key(node.value, line, bare and node.value == _MERGE)
        if isinstance(node.value, dict | list):
            raise DocumentError(
                in_line(line),
                f"a key is a text, and this is {node.kind}{template_hint(self._text)}",
            )
        return _Key(self._text[node.start : node.end], line, merges=False)


def rewritten(text: str, node: Node, value: str) -> tuple[int, int, str] | None:
    """Say how to replace a scalar by another text, quotes and all else as they are.

    Args:
        text: The text.
        node: A scalar in it.
        value: What it shall say, in ASCII.

    Returns:
        Where to put what; None where it is written in a way that can't be replaced alone.
    """
    start = _PROPERTIES.match(text, node.start, node.end).end()  # type: ignore[union-attr]
    raw = text[start : node.end]
    body = node.value.rstrip()
    at = raw.rfind(body) if body else -1
    if at >= 0 and _BARE.fullmatch(value):
        return start + at, start + at + len(body), value
    if raw[:1] in {"|", ">"} and "#" in raw.partition("\n")[0]:
        return None  # the comment would go
    blanks = raw[len(raw.rstrip()) :]
    return start, node.end, json.dumps(value) + blanks


def edited(text: str, edits: Iterable[tuple[int, int, str]]) -> str:
    """Put texts in the place of others.

    Args:
        text: The text.
        edits: Start, end and the new text; none overlaps another.

    Returns:
        The text with all of them made.
    """
    pieces: list[str] = []
    done = 0
    for start, end, new in sorted(edits):
        pieces += text[done:start], new
        done = end
    return "".join((*pieces, text[done:]))


def in_line(line: int) -> str:
    """Write a place that is a line.

    Args:
        line: The line, counted from 1.

    Returns:
        The place.
    """
    return f"line {line}"


def repetitions(node: Node, *path: str | int) -> list[Diagnostic]:
    """Remark on the keys of a mapping that stand more than once.

    Args:
        node: The mapping, or anything else.
        path: Where it stands.

    Returns:
        The remarks.
    """
    return [
        Diagnostic(
            "name-repeated",
            "R20",
            f"it stands in line {first} and in line {last}, and the last one was read",
            "keep one of them",
            place(*path, name),
        )
        for name, (first, last) in (node.repeated or {}).items()
    ]


def overrides(node: Node, *path: str | int) -> list[Diagnostic]:
    """Remark on the keys of a mapping that kubectl reads as what is merged over them.

    Args:
        node: The mapping, or anything else.
        path: Where it stands.

    Returns:
        The remarks.
    """
    return [
        Diagnostic(
            "merge-key-late",
            "R20",
            f"it stands in line {own}, and was read there; kubectl takes what the merge key in "
            f"line {merged} brings",
            "put the merge key first",
            place(*path, name),
        )
        for name, (own, merged) in (node.overridden or {}).items()
    ]


def listed(node: Node, kind: str) -> tuple[list[Node], str]:
    """Look into a List.

    Args:
        node: An object.
        kind: Its kind.

    Returns:
        Its items, and the kind of those that leave it out. None of an object that is no List.
    """
    items = node.get("items")
    if len(kind) > _LONGEST_KIND or not kind.endswith("List") or items is None:
        return [], ""
    return (items.value if isinstance(items.value, list) else []), kind.removesuffix("List")


def template_hint(text: str) -> str:
    """Say what a text that can't be read may be.

    Args:
        text: The text.

    Returns:
        What to add to the problem; empty where it does not look like a template.
    """
    if "{{" not in text:
        return ""
    return "; it looks like a template: give what 'helm template' or the like makes of it"


def _sources(node: Node, line: int) -> list[Node]:
    """The mappings that a merge key names, the one that wins first."""
    found = node.value if isinstance(node.value, list) else [node]
    for source in found:
        if not isinstance(source.value, dict):
            raise DocumentError(
                in_line(line), f"a merge key takes a mapping, and this is {source.kind}"
            )
    return list(found)
