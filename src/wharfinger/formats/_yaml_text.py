"""YAML and JSON as trees that know where in the text they stand.

ruamel.yaml scans and parses; the tree is built here, from its events: no object is ever made of a
tag, and neither depth nor aliases cost more than the text is long (R20).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wharfinger._extras import missing_extra
from wharfinger.formats import _json_text
from wharfinger.formats.document import DocumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ruamel.yaml import YAML

    _Event = Any  # ruamel.yaml's

__all__ = ["Node", "documents", "edited", "rewritten"]

_DEEPEST: Final = 100  # Kubernetes' own schemas are at 30
_LONGEST_TAG: Final = 1000
_SPARE: Final = 1000  # nodes that aliases may add to a document of any length
_CORE: Final = "tag:yaml.org,2002:"
# What stands for a scalar that is no text: nobody reads more of it than its kind.
_STAND_INS: Final[dict[str, Any]] = {
    f"{_CORE}bool": False,
    f"{_CORE}float": 0.0,
    f"{_CORE}int": 0,
    f"{_CORE}null": None,
}
# They say how compose files are merged.
_PASSED_OVER: Final = frozenset({"!override", "!reset"})
_TAGS: Final = _PASSED_OVER | {*_STAND_INS, f"{_CORE}str", f"{_CORE}seq", f"{_CORE}map", "!"}
# A text that is the same with and without quotes.
_BARE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@=+\[\]-]*+")
_JSON_TOKEN: Final = re.compile(r'[ \t\r\n]*+("(?:[^"\\]++|\\.)*+"|[{}\[\]:,]|[^\s{}\[\]:,"]++)')


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
        repeated: Keys that stand more than once, with the lines of the last two; the last counts.
    """

    __slots__ = ("end", "line", "merged", "repeated", "size", "start", "value")

    def __init__(self, value: object, start: int, line: int) -> None:
        self.value: Any = value
        self.start = self.end = start
        self.line = line
        self.repeated: dict[str, tuple[int, int]] = {}
        self.merged: list[Node] = []  # what merge keys name
        self.size = 1  # how many nodes it is, aliases written out

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


class _Builder:
    """Builds the trees of a text from its events."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.documents: list[Node] = []
        self.anchors: dict[str, Node] = {}
        self.open: list[Node] = []
        self.keys: list[_Key | None] = []  # of each open node, the key that waits for its value
        self.budget = len(text) + _SPARE

    def enter(self, node: Node, anchor: str | None = None) -> None:
        """A mapping or a sequence begins."""
        if len(self.open) == _DEEPEST:
            raise DocumentError(_line(node.line), f"it is nested more than {_DEEPEST} deep")
        self.open.append(node)
        self.keys.append(None)
        if anchor:
            self.anchors[anchor] = node

    def leave(self) -> None:
        """The innermost mapping or sequence ends."""
        node = self.open.pop()
        self.keys.pop()
        for source in node.merged:
            for name, value in source.value.items():
                node.value.setdefault(name, value)
        self.add(node)

    def scalar(
        self, node: Node, end: int, anchor: str | None = None, *, bare: bool = False
    ) -> None:
        """A scalar stands here; bare is one without quotes and tag."""
        node.end = end
        if anchor:
            self.anchors[anchor] = node
        self.add(node, bare=bare)

    def alias(self, anchor: str, line: int) -> None:
        """An alias stands here."""
        node = self.anchors.get(anchor)
        if node is None:
            raise DocumentError(_line(line), "its alias names no anchor")
        if node in self.open:
            raise DocumentError(_line(line), "its alias stands inside what it names")
        self.budget -= node.size
        if self.budget < 0:
            raise DocumentError(_line(line), "its aliases, written out, are longer than it is")
        self.add(node, line=line)

    def add(self, node: Node, *, line: int = 0, bare: bool = False) -> None:
        if not self.open:
            self.documents.append(node)
            return
        parent = self.open[-1]
        parent.size += node.size
        if isinstance(parent.value, list):
            parent.value.append(node)
            return
        key = self.keys[-1]
        if key is None:
            self.keys[-1] = self.key(node, line or node.line, bare=bare)
            return
        self.keys[-1] = None
        if key.merges:
            parent.merged += _sources(node, key.line)
            return
        if key.name in parent.value:
            first = parent.repeated.get(key.name, (0, 0))[1] or parent.value[key.name].line
            parent.repeated[key.name] = (first, key.line)
        parent.value[key.name] = node

    def key(self, node: Node, line: int, *, bare: bool) -> _Key:
        if isinstance(node.value, str):
            return _Key(node.value, line, bare and node.value == "<<")
        if isinstance(node.value, dict | list):
            problem = f"a key is a text, and this is {node.kind}"
            raise DocumentError(_line(line), problem + _template(self.text))
        return _Key(self.text[node.start : node.end], line, merges=False)


def documents(text: str) -> list[Node]:
    """Read all documents of a text.

    Args:
        text: YAML, or one JSON object, which needs no package; no byte order mark.

    Returns:
        The documents, those that are empty too.

    Raises:
        DocumentError: When it is neither, is nested too deep, has a tag that is not YAML's own, or
            aliases that make it longer than it is.
        MissingExtra: When it is YAML, and ruamel.yaml is not installed.
    """
    builder = _Builder(text)
    if text.lstrip()[:1] != "{":
        _read_yaml(text, builder)
        return builder.documents
    refused: DocumentError | None = None
    try:
        _json_text.load(text)
    except DocumentError as error:
        refused = error
    if refused is None:
        _read_json(text, builder)
        return builder.documents
    try:
        _read_yaml(text, builder)
    except (DocumentError, ImportError):
        problem = refused.problem + _template(text)
        raise DocumentError(refused.place, problem) from None
    return builder.documents


def rewritten(text: str, node: Node, value: str) -> tuple[int, int, str] | None:
    """Say how to replace a scalar by another text, quotes and all else as they are.

    Args:
        text: The text.
        node: A scalar in it.
        value: What it shall say: an image reference or base64.

    Returns:
        Where to put what; None where it is written in a way that can't be replaced alone.
    """
    raw = text[node.start : node.end]
    body = node.value.rstrip()
    at = raw.rfind(body) if body else -1
    quoted = raw[:1] in {'"', "'", "|", ">"}
    if at >= 0 and (quoted or _BARE.fullmatch(value)):
        return node.start + at, node.start + at + len(body), value
    if raw[:1] in {"&", "!"}:
        return None
    blanks = raw[len(raw.rstrip()) :]
    return node.start, node.end, json.dumps(value) + blanks


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


def _sources(node: Node, line: int) -> list[Node]:
    """The mappings that a merge key names, the one that wins first."""
    found = node.value if isinstance(node.value, list) else [node]
    for source in found:
        if not isinstance(source.value, dict):
            raise DocumentError(
                _line(line), f"a merge key takes a mapping, and this is {source.kind}"
            )
    return list(found)


def _read_json(text: str, builder: _Builder) -> None:
    """Build the tree of a text that the json module has read."""
    line = 1
    at = 0
    for found in _JSON_TOKEN.finditer(text):
        start = found.start(1)
        line += text.count("\n", at, start)
        at = start
        match found[1]:
            case "{":
                builder.enter(Node({}, start, line))
            case "[":
                builder.enter(Node([], start, line))
            case "}" | "]":
                builder.leave()
            case ":" | ",":
                pass
            case scalar:
                builder.scalar(Node(_json_scalar(scalar), start, line), found.end())


def _json_scalar(written: str) -> object:
    if written[0] == '"':
        return json.loads(written)
    return {"t": True, "f": False, "n": None}.get(written[0], 0)


def _read_yaml(text: str, builder: _Builder) -> None:
    try:
        from ruamel.yaml.error import YAMLError
        from ruamel.yaml.nodes import ScalarNode
    except ImportError as error:
        missing = missing_extra("a document in YAML", error)
        if missing is None:
            raise
        raise missing from None

    yaml = _parser()

    def resolved(value: str) -> str:
        return str(yaml.resolver.resolve(ScalarNode, value, (True, False)))

    where: str | None = None
    try:
        for event in yaml.parse(text):
            _feed(builder, event, resolved)
    except DocumentError:
        raise
    except YAMLError as error:  # it holds the document
        where = _mark(error, text)
    except (OverflowError, ValueError):  # an escape or a version that is too large
        where = ""
    if where is not None:
        raise DocumentError(where, f"it is not valid YAML{_template(text)}")


def _feed(builder: _Builder, event: _Event, resolved: Callable[[str], str]) -> None:
    """Build on with one event of ruamel.yaml."""
    name = type(event).__name__
    start, line = event.start_mark.index, event.start_mark.line + 1
    anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
    if tag is not None and tag not in _TAGS:
        raise DocumentError(_line(line), "it has a tag, which only programs understand")
    match name:
        case "DocumentStartEvent":
            builder.anchors.clear()
        case "MappingStartEvent":
            builder.enter(Node({}, start, line), anchor)
        case "SequenceStartEvent":
            builder.enter(Node([], start, line), anchor)
        case "MappingEndEvent" | "SequenceEndEvent":
            builder.leave()
        case "AliasEvent":
            builder.alias(str(anchor), line)
        case "ScalarEvent":
            bare = event.implicit[0] and tag != "!"
            if bare or tag in _PASSED_OVER:
                tag = resolved(event.value)
            node = Node(_STAND_INS.get(str(tag), event.value), start, line)
            builder.scalar(node, event.end_mark.index, anchor, bare=bare)


def _parser() -> YAML:
    """A parser that stops at a tag so long that decoding it would take too long."""
    from ruamel.yaml import YAML
    from ruamel.yaml.scanner import Scanner

    def scanner(loader: YAML) -> Scanner:
        made = Scanner(loader=loader)
        scan_tag = made.scan_tag

        def scan_short_tag() -> _Event:
            token = scan_tag()
            if len(token.value[1]) > _LONGEST_TAG:
                line = token.start_mark.line + 1
                raise DocumentError(_line(line), f"a tag has more than {_LONGEST_TAG} characters")
            return token

        vars(made)["scan_tag"] = scan_short_tag
        return made

    yaml = YAML(typ="safe", pure=True)
    yaml.Scanner = scanner
    return yaml


def _mark(error: Exception, text: str) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        return f"line {mark.line + 1}, column {mark.column + 1}"
    position = getattr(error, "position", 0)
    return _line(text.count("\n", 0, position) + 1)


def _line(line: int) -> str:
    return f"line {line}"


def _template(text: str) -> str:
    if "{{" not in text:
        return ""
    return "; it looks like a template: give what 'helm template' or the like makes of it"
