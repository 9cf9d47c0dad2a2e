"""TOML as text: where its tables and keys stand, so that some can change and the rest stays.

The standard library does the syntax. What is here finds positions in a text that it has read; the
writers of ``tomlkit`` put ``[[tables]]`` that stand apart together, and drop the comment above a
table that follows a removed one.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wharfinger.formats._json_text import without_bom
from wharfinger.formats.document import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Edit", "Key", "Table", "edited", "kind", "load", "tables"]

_KINDS: Final = {
    bool: "a boolean",
    int: "an integer",
    float: "a float",
    str: "a string",
    list: "an array",
    dict: "a table",
}
# Strings and comments. One without its end goes to the end of the text, or of its line: the text is
# no TOML then, and looking for the end again and again would take quadratic time (R20).
_LINE_STRING: Final = r"""(?:"(?:[^"\\\n]|\\.)*+"?|'[^'\n]*+'?)"""
_OPAQUE: Final = (
    r"""(?:"{3}(?:[^"\\]|\\[\s\S]|"{1,2}(?!"))*+(?:"{3,5})?|'{3}(?:[^']|'{1,2}(?!'))*+(?:'{3,5})?"""
    rf"""|{_LINE_STRING}|\#[^\n]*+)"""
)
_PART: Final = rf"(?:[A-Za-z0-9_-]++|{_LINE_STRING})[ \t]*+"
# The start of a line, table or value, and a key of more parts than any key of these files has.
_DEEP: Final = re.compile(
    rf"(?P<deep>(?:^|[\[{{,])[ \t]*+(?:{_PART}\.[ \t]*+){{8}})|{_OPAQUE}", re.MULTILINE
)
_BLANK: Final = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_SPACE: Final = re.compile(r"[ \t]*+")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]++")
_HEADER: Final = re.compile(rf"\[\[?[ \t]*+(?:{_PART}\.?[ \t]*+)++\]\]?")
_NAME: Final = re.compile(rf"(?:{_PART}\.?[ \t]*+)++")
# What a value consists of; its end is a newline outside brackets.
_PIECE: Final = re.compile(rf"""{_OPAQUE}|[\[{{]|[\]}}]|\n|[^"'\#\[\]{{}}\n]++""")


class Key(NamedTuple):
    """A key with its value.

    Args:
        start: Where its line begins.
        value_start: Where its value begins.
        value_end: Where its value ends.
        end: Where the next line begins.
    """

    start: int
    value_start: int
    value_end: int
    end: int


class Table(NamedTuple):
    """A table with a header, or what stands before the first one.

    Args:
        name: The parts of its name; none of what stands before the first header.
        start: Where the line of its header begins.
        header_end: Where its header ends, and a comment may follow.
        body: Where the line after its header begins.
        keys: Its keys of one part, and where they stand.
        last: Where the line after its last key begins.
    """

    name: tuple[str, ...]
    start: int
    header_end: int
    body: int
    keys: dict[str, Key]
    last: int


class Edit(NamedTuple):
    """A change of a text.

    Args:
        start: Where what is replaced begins.
        end: Where it ends.
        text: What comes in its place.
    """

    start: int
    end: int
    text: str


def kind(value: object) -> str:
    """Say what a TOML value is, and nothing of what it holds.

    Args:
        value: The value.

    Returns:
        A phrase such as ``"an array"``.
    """
    return _KINDS.get(type(value), "a date or a time")


def load(text: str) -> dict[str, Any]:
    """Read a TOML document.

    Args:
        text: The document; a byte order mark is passed over.

    Returns:
        What it says.

    Raises:
        DocumentError: When it is not valid TOML, with the line and the column, or cannot be read in
            linear time (R20).

    Example:
        >>> load("[aliases]")
        {'aliases': {}}
    """
    text = without_bom(text)
    for piece in _DEEP.finditer(text):
        if piece["deep"]:  # tomllib's time is quadratic in the parts of a key (R20)
            line = text.count("\n", 0, piece.start()) + 1
            raise DocumentError(f"line {line}", "a key has too many parts")
    where = ""
    problem = "it is not TOML that can be read: a number is too long, or a nesting too deep"
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # Of its message only the place is taken: the rest may quote the document.
        found = re.search(r"\(at (line \d+, column \d+)\)$", str(error))
        where = found[1] if found else f"line {text.count(chr(10)) + 1}"
        problem = "it is not valid TOML"
    except (ValueError, RecursionError):
        pass
    raise DocumentError(where, problem)


def tables(text: str) -> list[Table]:
    r"""Find the tables of a document, in their order.

    Args:
        text: A document that :func:`load` has read.

    Returns:
        What stands before the first header, and then every table with one.

    Example:
        >>> [(table.name, [*table.keys]) for table in tables("a = 1\n[b]\nc = '''\n[d]'''\n")]
        [((), ['a']), (('b',), ['c'])]
    """
    start = len(text) - len(without_bom(text))
    found = [Table((), start, start, start, {}, start)]
    at = _BLANK.match(text, start).end()  # type: ignore[union-attr]  # it matches nothing, too
    while at < len(text):
        line = text.rfind("\n", 0, at) + 1
        if header := _HEADER.match(text, at):
            body = _line_end(text, header.end())
            name = _parts(header[0].strip("[]"))
            found.append(Table(name, max(line, start), header.end(), body, {}, body))
            at = body
        else:
            name_end = _NAME.match(text, at).end()  # type: ignore[union-attr]  # it was read
            name = _parts(text[at:name_end])
            value_start = _SPACE.match(text, name_end + 1).end()  # type: ignore[union-attr]
            value_end, end = _value(text, value_start)
            if len(name) == 1:
                found[-1].keys[name[0]] = Key(max(line, start), value_start, value_end, end)
            found[-1] = found[-1]._replace(last=end)
            at = end
        at = _BLANK.match(text, at).end()  # type: ignore[union-attr]
    return found


def edited(text: str, edits: Iterable[Edit]) -> str:
    """Change a text.

    Args:
        text: The text.
        edits: The changes, none of which overlaps another one; of insertions at one place, in this
            order.

    Returns:
        The changed text.

    Example:
        >>> edited("abc", [Edit(2, 3, "C"), Edit(0, 0, ">")])
        '>abC'
    """
    pieces: list[str] = []
    at = 0
    for start, end, new in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        pieces += text[at:start], new
        at = end
    return "".join([*pieces, text[at:]])


def _parts(name: str) -> tuple[str, ...]:
    """The parts of a name as it is written."""
    name = name.strip(" \t")
    if _BARE.fullmatch(name):
        return (name,)
    parts = []
    level: Any = tomllib.loads(f"{name} = 0")
    while level:
        [(part, level)] = level.items()
        parts.append(part)
    return tuple(parts)


def _value(text: str, at: int) -> tuple[int, int]:
    """Where a value ends, and where the next line begins."""
    depth, value_end = 0, at
    while at < len(text):
        piece = _PIECE.match(text, at)
        assert piece is not None  # noqa: S101  # every character is of some piece
        at = piece.end()
        first = piece[0][0]
        if first == "\n" and not depth:
            break
        if first in "[{":
            depth += 1
        elif first in "]}":
            depth -= 1
        if first not in "#\n" and (shown := piece[0].rstrip(" \t\r")):
            value_end = piece.start() + len(shown)
    return value_end, at


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1
