"""A small model of what containers/image 5.23 does with registries.conf and policy.json.

It is written after that library's own sources, and shares nothing with what it tests: the
documents are read with :mod:`tomllib` and :mod:`json`.
"""

from __future__ import annotations

import json
import tomllib
from typing import Any, NamedTuple

from wharfinger import ImageReference


class Pull(NamedTuple):
    """What a client does about a reference it accepts."""

    allowed: bool
    source: str
    """What it asks the registry for; without meaning where it is blocked."""


def pull(conf: str, policy: str, text: str) -> Pull | None:
    """What `podman pull` does; None where it refuses the reference before it looks further."""
    document = tomllib.loads(conf)
    named = _resolve_short_name(document, text)
    if named is None:
        return None
    named = _without_tag_beside_digest(named)
    rule = _find_registry(document, named)
    if rule is not None and rule.get("blocked", False):
        return Pull(allowed=False, source=named)
    source = named
    if rule is not None and rule.get("location"):
        source = rule["location"] + named[len(rule["prefix"]) :]
    return Pull(allowed=_accepted(json.loads(policy), named), source=source)


def _resolve_short_name(document: dict[str, Any], text: str) -> str | None:
    head, slash, rest = text.partition("/")
    if slash and ("." in head or ":" in head or head == "localhost"):
        return None if head.startswith("[") else _normalized(head, rest)
    if slash and head != head.lower():
        return None
    reference = ImageReference.parse(text)
    alias = document.get("aliases", {}).get(reference.repository)
    suffix = text[len(reference.repository) :]
    if alias:
        return f"{alias}{suffix}"
    search = document["unqualified-search-registries"]
    assert len(search) <= 1
    return _normalized(search[0], text) if search else None


def _normalized(domain: str, remote: str) -> str:
    domain = "docker.io" if domain == "index.docker.io" else domain
    if domain == "docker.io" and "/" not in remote:
        remote = f"library/{remote}"
    return f"{domain}/{remote}"


def _without_tag_beside_digest(named: str) -> str:
    name, at, digest = named.partition("@")
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}{at}{digest}" if at else named


def _find_registry(document: dict[str, Any], named: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = None
    tables = [{"prefix": table["location"]} | table for table in document.get("registry", [])]
    for table in sorted(tables, key=lambda table: table["prefix"]):
        if _matches(named, table["prefix"]) and (
            found is None or len(table["prefix"]) > len(found["prefix"])
        ):
            found = table
    return found


def _matches(named: str, prefix: str) -> bool:
    if prefix.startswith("*."):
        index = named.find(prefix[1:])
        if index < 0 or "/" in named[:index]:
            return False
        end = index + len(prefix) - 1
    else:
        if not named.startswith(prefix):
            return False
        end = len(prefix)
    return end == len(named) or named[end] in ":/@"


def _accepted(policy: dict[str, Any], named: str) -> bool:
    scopes = policy.get("transports", {}).get("docker", {})
    for scope in _scopes(named):
        if scope in scopes:
            required = scopes[scope]
            break
    else:
        required = policy["default"]
    assert required
    return all(item == {"type": "insecureAcceptAnything"} for item in required)


def _scopes(named: str) -> list[str]:
    name, at, _ = named.partition("@")
    if not at:
        head, _, last = named.rpartition("/")
        name, colon, _ = last.partition(":")
        name = f"{head}/{name}"
        named = named if colon else f"{named}:latest"
    scopes = [named, name]
    while "/" in name:
        name = name.rpartition("/")[0]
        scopes.append(name)
    name = name.partition(":")[0]
    while "." in name:
        name = name.partition(".")[2]
        scopes.append(f"*.{name}")
    return [*scopes, ""]
