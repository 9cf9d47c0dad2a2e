"""YAML and JSON, read into one kind of tree.

ruamel.yaml scans and parses YAML; the tree is built from its events, so that nothing is ever made
of a tag.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from wharfinger._extras import missing_extra
from wharfinger.formats import _json_text
from wharfinger.formats._tree import Builder, Node, in_line, template_hint
from wharfinger.formats.document import DocumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ruamel.yaml import YAML

    _Event = Any  # ruamel.yaml's

__all__ = ["documents"]

_LONGEST_TAG: Final = 1000
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
_JSON_TOKEN: Final = re.compile(r'[ \t\r\n]*+("(?:[^"\\]++|\\.)*+"|[{}\[\]:,]|[^\s{}\[\]:,"]++)')


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
    builder = Builder(text)
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
        _read_yaml(text, builder)  # which may be in braces, too
    except ImportError:
        raise refused from None
    return builder.documents


def _read_json(text: str, builder: Builder) -> None:
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


def _read_yaml(text: str, builder: Builder) -> None:
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
    # Escapes that are too large, and versions that ruamel.yaml does not know.
    except (AssertionError, LookupError, OverflowError, ValueError):
        where = ""
    if where is not None:
        raise DocumentError(where, f"it is not valid YAML{template_hint(text)}")


def _feed(builder: Builder, event: _Event, resolved: Callable[[str], str]) -> None:
    """Build on with one event of ruamel.yaml."""
    name = type(event).__name__
    start, line = event.start_mark.index, event.start_mark.line + 1
    anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
    if tag is not None and tag not in _TAGS:
        raise DocumentError(in_line(line), "it has a tag, which only programs understand")
    match name:
        case "DocumentStartEvent":
            builder.begin()
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
                raise DocumentError(in_line(line), f"a tag has more than {_LONGEST_TAG} characters")
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
    return in_line(text.count("\n", 0, position) + 1)
