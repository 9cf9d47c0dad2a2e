"""Adding to a document that is there: text in and text out, every other byte as it is.

Each takes the document, and what it has to say as a document of its own, which is what the file
becomes where none is. Adding what is there already changes nothing, and what two of them add comes
out the same in either order.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from wharfinger.formats import _toml_text
from wharfinger.formats._json_text import change, kind, load, members, repeated, without_bom
from wharfinger.formats._toml_text import Edit
from wharfinger.formats.document import DocumentError, forgetful, place

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CERTS_D", "INSECURE", "OPTION", "Document", "merge"]

INSECURE: Final = "insecure-registries"
OPTION: Final = "--insecure-registry"
CERTS_D: Final = "/etc/containerd/certs.d"


class Document(StrEnum):
    """A kind of document that is added to."""

    DAEMON_JSON = "daemon.json"
    DOCKER_DEFAULTS = "docker defaults"
    HOSTS_TOML = "hosts.toml"
    CONTAINERD_CONFIG = "containerd config.toml"


@forgetful
def merge(document: Document, text: str, adds: str) -> str:
    r"""Add to a document.

    Args:
        document: Its kind.
        text: What it says.
        adds: What it has to say.

    Returns:
        The document with what was missing in it.

    Raises:
        DocumentError: When it can't be read, says the contrary, or has a form that can't be added
            to; with the line or the member, and never with what stands there.

    Example:
        >>> there = '{"debug": true, "insecure-registries": ["a.corp:5000", "z.corp"]}'
        >>> merge(Document.DAEMON_JSON, there, '{"insecure-registries": ["m.corp"]}')
        '{"debug": true, "insecure-registries": ["a.corp:5000", "m.corp", "z.corp"]}'
        >>> adds = 'DOCKER_OPTS="--insecure-registry=m.corp"'
        >>> merge(Document.DOCKER_DEFAULTS, 'DOCKER_OPTS="--dns 10.0.0.1"\n', adds)
        'DOCKER_OPTS="--dns 10.0.0.1 --insecure-registry=m.corp"\n'
    """
    return _MERGES[document](text, adds)


def _daemon_json(text: str, adds: str) -> str:
    for address in load(adds)[INSECURE]:
        text = _listed(text, address)
    return text


def _listed(text: str, address: str) -> str:
    """Put an address into the list before the first one that sorts behind it."""
    body = without_bom(text)
    value = load(body).get(INSECURE) if body.strip() else None
    if body.strip() and (lines := repeated(body).get(INSECURE)):
        where = " and ".join(map(str, lines))
        raise DocumentError(INSECURE, f"it is there twice, in lines {where}; leave one of them out")
    if value is None or value == []:
        return change(text, {INSECURE: [address]})
    if not isinstance(value, list):
        raise DocumentError(place(INSECURE), f"an array is wanted, and this is {kind(value)}")
    for position, item in enumerate(value):
        if not isinstance(item, str):
            raise DocumentError(
                place(INSECURE, position), f"a string is wanted, and this is {kind(item)}"
            )
    if address in value:
        return text
    start = next(m.value_start for m in members(body) if m.name == INSECURE)
    at = next((n for n, item in enumerate(value) if item > address), len(value))
    return text[: len(text) - len(body)] + _inserted(body, start, at, json.dumps(address))


def _inserted(text: str, start: int, at: int, item: str) -> str:
    """Insert into an array of one string or more. What stands between items stays what it is."""
    leads: list[str] = []
    items: list[str] = []
    end = start
    while True:
        first = _SPACE.match(text, end + 1).end()  # type: ignore[union-attr]  # it matches nothing, too
        leads.append(text[end + 1 : first])
        _, last = _STRING.raw_decode(text, first)
        end = _SPACE.match(text, last).end()  # type: ignore[union-attr]
        items.append(text[first:end])
        if text[end] == "]":
            break
    closing = items[-1][len(items[-1].rstrip(_BLANKS)) :]
    items[-1] = items[-1].removesuffix(closing) if closing else items[-1]
    between = leads[1] if len(leads) > 1 else leads[0] if "\n" in leads[0] else " "
    leads.insert(max(at, 1), between)
    items.insert(at, item)
    body = ",".join(lead + each for lead, each in zip(leads, items, strict=True))
    return f"{text[: start + 1]}{body}{closing}{text[end:]}"


_BLANKS: Final = " \t\r\n"
_SPACE: Final = re.compile(f"[{_BLANKS}]*+")
_STRING: Final = json.JSONDecoder()

# Lines end as they do for a shell. The whole line of an assignment; what else than these forms a
# shell makes of it, nobody guesses.
_LINE: Final = re.compile(r"[^\n]*\n|[^\n]+")
_ASSIGNED: Final = re.compile(r"[ \t]*(?:export[ \t]+)?DOCKER_OPTS\+?=")
_ASSIGNMENT: Final = re.compile(
    r"""(?P<head>[ \t]*(?:export[ \t]+)?DOCKER_OPTS=)
    (?: "(?P<double>(?:[^"\\`]|\\.)*+)" | '(?P<single>[^']*+)' | (?P<bare>[\w./:=,@%+-]*+) )
    (?P<tail>[ \t]*(?:[ \t]\#.*)?\r?\n?)""",
    re.VERBOSE,
)
# What may set it in another way than by a line of its own.
_SET_OTHERWISE: Final = re.compile(
    r"""(?![ \t]*(?:\#|export[ \t]+DOCKER_OPTS[ \t]*\r?$))
    (?: [ \t]*(?:\.|source|eval)[ \t] | .*(?<![\w$])(?<!\$\{)DOCKER_OPTS(?!\w)
    | .*\$\{DOCKER_OPTS:?= )""",
    re.VERBOSE,
)
# What a line that follows may be inside of.
_OPENS: Final = re.compile(
    r"""(?![ \t]*\#)
    (?: [ \t]*(?:(?:if|then|elif|else|case|for|while|until|function)\b|[{(]|\w+[ \t]*\([ \t]*\))
    | .*<< )""",
    re.VERBOSE,
)
_CONTINUES: Final = re.compile(r"(?![ \t]*\#).*(?<!\\)(?:\\\\)*\\\n?$")


def _docker_defaults(text: str, adds: str) -> str:
    wanted = _options(adds)
    lines = _LINE.findall(text)
    assigned = [number for number, line in enumerate(lines) if _ASSIGNED.match(line)]
    number = assigned[-1] if assigned else -1
    _sure(lines, number, wanted)
    if not assigned:
        return text + _newline(text) + adds
    found = _ASSIGNMENT.fullmatch(lines[number])
    if found is None:
        raise DocumentError(
            f"line {number + 1}",
            f"this assignment can't be added to; add {' '.join(wanted)} to its options by hand",
        )
    quote = "'" if found["single"] is not None else '"'
    value = next(
        found[name] or "" for name in ("double", "single", "bare") if found[name] is not None
    )
    added = value
    for option in wanted:
        added = _with_option(added, option)
    if added == value:
        return text
    lines[number] = f"{found['head']}{quote}{added}{quote}{found['tail']}"
    return "".join(lines)


def _sure(lines: list[str], last: int, wanted: list[str]) -> None:
    """Refuse a file in which the last assignment may not be what counts."""
    unsure = [n for n, line in enumerate(lines) if n > last and _SET_OTHERWISE.match(line)]
    unsure += [n for n, line in enumerate(lines[:last]) if last >= 0 and _OPENS.match(line)]
    before = last - 1 if last >= 0 else len(lines) - 1
    if before >= 0 and _CONTINUES.match(lines[before]):
        unsure.append(before)
    if unsure:
        raise DocumentError(
            f"line {min(unsure) + 1}",
            "with this line in it nobody can tell what DOCKER_OPTS is in the end; add "
            f"{' '.join(wanted)} to it by hand",
        )


def _options(adds: str) -> list[str]:
    return adds.partition('"')[2].partition('"')[0].split()


def _with_option(value: str, option: str) -> str:
    words = list(re.finditer(r"\S++", value))
    texts = [word.group() for word in words]
    apart = option.split("=")  # an option and its value may be two words
    if option in texts or apart in (texts[n : n + 2] for n in range(len(texts))):
        return value
    for word in words:
        if word.group().startswith(f"{OPTION}=") and word.group() > option:
            return f"{value[: word.start()]}{option} {value[word.start() :]}"
    return f"{value}{'' if not value or value[-1] in _BLANKS else ' '}{option}"


def _hosts_toml(text: str, adds: str) -> str:
    """Put missing keys behind those of the document itself, and missing tables behind all."""
    there, wanted = _toml_text.load(text), _toml_text.load(adds)
    keys, _, tables = adds.partition("\n\n")
    lines = [
        f"{line}\n" for line in keys.splitlines() if _lacks(there, wanted, line.split(" ", 1)[0])
    ]
    edits = []
    if lines:
        at = _toml_text.tables(text)[0].last
        edits.append(Edit(at, at, _newline(text[:at]) + "".join(lines)))
    if any(_lacks(there, wanted, "host", url) for url in wanted.get("host", {})):
        edits.append(Edit(len(text), len(text), f"{_newline(text)}\n{tables}"))
    hosts = {**there.get("host", {}), **wanted.get("host", {})}
    says = {**wanted, **there, **({"host": hosts} if hosts else {})}
    return _checked(_toml_text.edited(text, edits), says)


def _lacks(there: dict[str, Any], wanted: dict[str, Any], *path: str) -> bool:
    """Whether a value is missing; another one in its place is a contradiction."""
    for depth, name in enumerate(path):
        if not isinstance(there, dict):
            raise DocumentError(
                place(*path[:depth]), f"a table is wanted, and this is {_toml_text.kind(there)}"
            )
        if name not in there:
            return True
        there, wanted = there[name], wanted[name]
    if there == wanted or (isinstance(there, list) and wanted in there):
        return False
    raise DocumentError(
        place(*path), "it has another value than this registry needs; change it by hand"
    )


# Of which version of the format which plugin pulls images.
_PLUGINS: Final = {2: "io.containerd.grpc.v1.cri", 3: "io.containerd.cri.v1.images"}


def _containerd_config(text: str, adds: str) -> str:
    there = _toml_text.load(text)
    if not there:
        return text + _newline(text) + adds
    version = there.get("version", 1)
    plugin = _PLUGINS.get(version) if isinstance(version, int) else None
    if plugin is None:
        raise DocumentError(
            "version",
            "only versions 2 and 3 of the format are known; see containerd config migrate",
        )
    path = ("plugins", plugin, "registry")
    found = _table(there, path)
    folders = found.get("config_path") or ""
    if not isinstance(folders, str) or (folders and CERTS_D not in folders.split(":")):
        raise DocumentError(
            place(*path, "config_path"), f"it leads elsewhere; add {CERTS_D} to it by hand"
        )
    if folders:
        return text
    if found.get("mirrors") or found.get("configs"):
        raise DocumentError(
            place(*path),
            "with its mirrors and configs containerd takes no config_path; move them into "
            f"hosts.toml files below {CERTS_D} first",
        )
    plugins = there.get("plugins", {})
    registry = {**found, "config_path": CERTS_D}
    says = {
        **there,
        "plugins": {**plugins, plugin: {**plugins.get(plugin, {}), "registry": registry}},
    }
    return _checked(_toml_text.edited(text, [_config_path(text, path)]), says)


def _config_path(text: str, path: tuple[str, ...]) -> Edit:
    for table in _toml_text.tables(text):
        if table.name == path:
            if key := table.keys.get("config_path"):
                return Edit(key.value_start, key.value_end, f'"{CERTS_D}"')
            indent = text[table.start : table.header_end].partition("[")[0]
            setting = f'{indent}  config_path = "{CERTS_D}"\n'
            return Edit(table.body, table.body, _newline(text[: table.body]) + setting)
    setting = f'\n[plugins."{path[1]}".registry]\nconfig_path = "{CERTS_D}"\n'
    return Edit(len(text), len(text), _newline(text) + setting)


def _table(there: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for depth, name in enumerate(path, start=1):
        there = there.get(name, {})
        if not isinstance(there, dict):
            raise DocumentError(
                place(*path[:depth]), f"a table is wanted, and this is {_toml_text.kind(there)}"
            )
    return there


def _checked(text: str, says: dict[str, Any]) -> str:
    """Return a changed document, if it says what it is to say."""
    found = None
    with suppress(DocumentError):
        found = _toml_text.load(text)
    if found != says:
        raise DocumentError("", "it has a form that can't be added to; change it by hand")
    return text


def _newline(text: str) -> str:
    """What a text that ends in the middle of a line lacks."""
    return "" if not text or text.endswith(("\n", "\ufeff")) else "\n"


_MERGES: Final[dict[Document, Callable[[str, str], str]]] = {
    Document.DAEMON_JSON: _daemon_json,
    Document.DOCKER_DEFAULTS: _docker_defaults,
    Document.HOSTS_TOML: _hosts_toml,
    Document.CONTAINERD_CONFIG: _containerd_config,
}
