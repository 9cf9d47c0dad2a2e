"""What a plan says as TOML, and the changes that bring a text in line with it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import attrs

from wharfinger.core.address import read_address
from wharfinger.core.errors import InvalidReference
from wharfinger.core.reference import ImageReference
from wharfinger.core.settings import Settings
from wharfinger.formats._containers import PLACEHOLDER, Plan, Rule
from wharfinger.formats._toml_text import Edit, Table, edited, kind, load, tables
from wharfinger.formats.document import DocumentError, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["OURS", "body", "merged"]

OURS: Final = "# wharfinger"
"""How the comments start by which is found again what was set."""

_OUT_OF_THE_BOX: Final = Settings()
_SEARCH: Final = "unqualified-search-registries"
_ROOT_KEYS: Final = frozenset({_SEARCH, "registry", "aliases", "registries"})
_TABLE_KEYS: Final = {"prefix": str, "location": str, "blocked": bool, "insecure": bool}
_MARK: Final = re.compile(rf"[ \t]*+{OURS}: (R[0-9]+)(, was false)?+")
_COMMENT_ABOVE: Final = re.compile(r"(?:#[^\n]*+\n)++[ \t\r]*+\n")


def body(plan: Plan) -> str:
    """Write a document that says what is planned.

    Args:
        plan: The plan.

    Returns:
        The document, without the comment at its top.
    """
    text = f'{_SEARCH} = {_array(plan.search)}\nshort-name-mode = "enforcing"\n'
    text += "".join(f"\n{_written(rule)}" for rule in plan.rules)
    if plan.aliases:
        text += f"\n[aliases]\n{_aliases(plan.aliases)}"
    return text


def merged(text: str, plan: Plan, settings: Settings) -> str:
    """Bring a document in line with a plan.

    Args:
        text: The document.
        plan: The plan.
        settings: The settings it was made from.

    Returns:
        The changed document.

    Raises:
        DocumentError: When it is not valid TOML, or can't be brought in line.
    """
    edits = _edits(text, plan, settings)
    if not edits:
        return text
    changed = edited(text, edits)
    if "\r\n" in text and text.count("\n") == text.count("\r\n"):
        changed = re.sub(r"(?<!\r)\n", "\r\n", changed)
    if _edits(changed, plan, settings):
        raise DocumentError("", "it cannot be brought in line as it is laid out")
    return changed


def _edits(text: str, plan: Plan, settings: Settings) -> list[Edit]:
    document = load(text)
    _check_case((), document, _ROOT_KEYS)
    if document.get("registries"):
        raise DocumentError(
            "registries", "this is version 1 of the format; write version 2, [[registry]] tables"
        )
    found = tables(text)
    tail: list[str] = []
    edits = [
        *_search_edits(text, document, found[0], plan),
        *_registry_edits(text, document, found, plan, tail),
        *_alias_edits(text, document, found, plan, settings, tail),
    ]
    # Behind all else: what is added to the last table may end where the text does.
    return [*edits, _line(text, len(text), "".join(tail))] if tail else edits


def _search_edits(text: str, document: dict[str, Any], root: Table, plan: Plan) -> Iterator[Edit]:
    if document.get(_SEARCH) == [*plan.search]:
        return
    if key := root.keys.get(_SEARCH):
        yield Edit(key.value_start, key.value_end, _array(plan.search))
        return
    at = root.last
    if not root.keys and (comment := _COMMENT_ABOVE.match(text, at)):
        at = comment.end()
    gap = "" if root.keys or text[at : at + 1] in {"", "\n", "\r"} else "\n"
    yield _line(text, at, f"{_SEARCH} = {_array(plan.search)}\n{gap}")


def _registry_edits(
    text: str, document: dict[str, Any], found: list[Table], plan: Plan, tail: list[str]
) -> Iterator[Edit]:
    """Change the tables that are there; new ones go to the tail."""
    entries = document.get("registry", [])
    where = [at for at, table in enumerate(found) if table.name == ("registry",)]
    if not isinstance(entries, list) or len(entries) != len(where) or "registry" in found[0].keys:
        raise DocumentError("registry", "write it as [[registry]] tables")
    _check_tables(entries, plan.rules)
    _check_locations(entries)
    # Tables of this library's are written anew where they differ; the others are somebody's.
    own = {
        position
        for position, at in enumerate(where)
        if _MARK.match(text, found[at].header_end)
        and entries[position].keys() <= _TABLE_KEYS.keys()
    }
    others = [entry for position, entry in enumerate(entries) if position not in own]
    told = {_prefix(entry) for entry in others}
    insecure = _insecure(others)
    wanted = {
        rule.prefix: attrs.evolve(rule, insecure=not insecure.isdisjoint(_parents(rule.location)))
        for rule in plan.rules
        if rule.prefix not in told
    }
    blocked = {read_address(rule.prefix): rule for rule in plan.rules if rule.blocked}
    for position, at in enumerate(where):
        entry, table = entries[position], found[at]
        if position not in own:
            host = _prefix(entry).partition("/")[0]
            yield from _block_edits(text, table, entry, blocked.get(read_address(host)))
        elif (rule := wanted.get(_prefix(entry))) and _says(text, table, entry, rule):
            del wanted[rule.prefix]
        else:
            yield Edit(_before_gap(text, table.start), table.last, "")
    tail += (f"\n{_written(rule)}" for rule in wanted.values())


def _block_edits(
    text: str, table: Table, entry: dict[str, Any], rule: Rule | None
) -> Iterator[Edit]:
    """Block or unblock a table that is somebody's."""
    key = table.keys.get("blocked")
    if rule is not None and not entry.get("blocked"):
        if key is None:
            yield _line(text, table.last, f"blocked = true  {OURS}: {rule.why}\n")
        else:
            yield Edit(key.value_start, key.value_end, f"true  {OURS}: {rule.why}, was false")
    elif rule is None and key is not None and entry.get("blocked"):
        mark = _MARK.match(text, key.value_end)
        if mark and mark[2]:
            yield Edit(key.value_start, mark.end(), "false")
        elif mark or _MARK.match(text, table.header_end):
            yield Edit(key.start, key.end, "")


def _alias_edits(
    text: str,
    document: dict[str, Any],
    found: list[Table],
    plan: Plan,
    settings: Settings,
    tail: list[str],
) -> Iterator[Edit]:
    """Change the aliases that are there, and add to their table; a new one goes to the tail."""
    aliases = document.get("aliases", {})
    if not isinstance(aliases, dict):
        raise DocumentError("aliases", f"a table is wanted, and this is {kind(aliases)}")
    wanted = {
        name: _located(name, settings) for name, value in aliases.items() if value != ""
    } | plan.aliases
    changes = {
        name: value
        for name, value in wanted.items()
        if value is not None and not _leads_to(aliases.get(name), value)
    }
    table = next((table for table in found if table.name == ("aliases",)), None)
    added = {}
    for name, value in changes.items():
        key = None if table is None else table.keys.get(name)
        if key is not None:
            yield Edit(key.value_start, key.value_end, json.dumps(value))
        elif name in aliases or (aliases and table is None):
            raise DocumentError(place("aliases", name), "write it on a line below [aliases]")
        else:
            added[name] = value
    if added and table is not None:
        yield _line(text, table.last, _aliases(added))
    elif added:
        tail.append(f"\n[aliases]\n{_aliases(added)}")


def _located(name: str, settings: Settings) -> str | None:
    """Where an alias leads; the empty text erases it, None leaves it as it is."""
    try:
        reference = ImageReference.parse(name)
        if reference.registry or reference.tag or reference.digest:
            return None
        image = str(settings.locate(reference))
    except InvalidReference:
        return None
    return "" if image.startswith("[") else image  # containers refuse IPv6 in an alias


def _leads_to(value: object, wanted: str) -> bool:
    """Whether an alias leads to an image already, however its registry is spelt."""
    if value == wanted or not isinstance(value, str):
        return value == wanted
    try:
        return str(_OUT_OF_THE_BOX.locate(value)) == wanted
    except InvalidReference:
        return False


def _check_case(path: tuple[str | int, ...], entry: dict[str, Any], names: Iterable[str]) -> None:
    """Containers read keys in any case, and of two spellings of one either."""
    for key in entry:
        # As Go folds it: the long s is an s, and the sign of the kelvin a k.
        if key not in names and (name := key.casefold()) in names:
            raise DocumentError(place(*path, key), f"write it in lower case: {name}")


def _check_tables(entries: list[dict[str, Any]], rules: tuple[Rule, ...]) -> None:
    # Of prefixes of one length the first in the order of bytes wins, and "*" is before letters.
    passed = {rule.prefix[1:]: rule.prefix for rule in rules if rule.blocked}
    standing = {rule.prefix: rule.location for rule in rules if rule.prefix == PLACEHOLDER}
    for position, entry in enumerate(entries):
        where = place("registry", position)
        _check_case(("registry", position), entry, _TABLE_KEYS)
        for key, wanted in _TABLE_KEYS.items():
            if key in entry and not isinstance(entry[key], wanted):
                what = f"{kind(wanted())} is wanted, and this is {kind(entry[key])}"
                raise DocumentError(place("registry", position, key), what)
        prefix = _prefix(entry)
        if prefix.startswith("*.") and prefix[1:] in passed:
            host = passed[prefix[1:]]
            problem = f"containers use this table for {host} as well, which is to be blocked"
            raise DocumentError(where, problem)
        if standing.get(prefix, entry.get("location")) != entry.get("location"):
            raise DocumentError(where, "this host stands for the default registry; take it out")


def _check_locations(entries: list[dict[str, Any]]) -> None:
    """Containers refuse a file whose tables disagree on a location."""
    for key in ("blocked", "insecure"):
        seen: dict[str, bool] = {}
        for position, entry in enumerate(entries):
            location = str(entry.get("location", "")).rstrip("/") or _prefix(entry)
            if seen.setdefault(location, bool(entry.get(key))) != bool(entry.get(key)):
                problem = f"another table has its location and is not alike {key!r}"
                raise DocumentError(place("registry", position), problem)


def _says(text: str, table: Table, entry: dict[str, Any], rule: Rule) -> bool:
    mark = _MARK.match(text, table.header_end)
    return mark is not None and mark[1] == rule.why and entry == _entry(rule)


def _insecure(entries: list[dict[str, Any]]) -> set[str]:
    """The prefixes and locations that need no TLS."""
    places = {_prefix(entry) for entry in entries if entry.get("insecure")}
    return places | {str(e.get("location", "")).rstrip("/") for e in entries if e.get("insecure")}


def _parents(location: str) -> set[str]:
    """A location, and what it is below of."""
    pieces = location.split("/")
    return {"/".join(pieces[:end]) for end in range(1, len(pieces) + 1)}


def _prefix(entry: dict[str, Any]) -> str:
    return str(entry.get("prefix") or entry.get("location", "")).rstrip("/")


def _entry(rule: Rule) -> dict[str, Any]:
    entry: dict[str, Any] = {"prefix": rule.prefix, "location": rule.location}
    entry |= {"insecure": True} if rule.insecure else {}
    return entry | ({"blocked": True} if rule.blocked else {})


def _written(rule: Rule) -> str:
    lines = (f"{key} = {json.dumps(value)}\n" for key, value in _entry(rule).items())
    return f"[[registry]]  {OURS}: {rule.why}\n{''.join(lines)}"


def _aliases(aliases: dict[str, str]) -> str:
    return "".join(f"{json.dumps(name)} = {json.dumps(value)}\n" for name, value in aliases.items())


def _array(texts: tuple[str, ...]) -> str:
    return json.dumps([*texts])


def _line(text: str, at: int, new: str) -> Edit:
    """Insert lines, also after a last line without its end."""
    return Edit(at, at, new if not at or text[at - 1] == "\n" else f"\n{new}")


def _before_gap(text: str, at: int) -> int:
    """Where the blank line before a line begins, if there is one."""
    for gap in ("\r\n", "\n"):
        if text.endswith(f"\n{gap}", 0, at):
            return at - len(gap)
    return at
