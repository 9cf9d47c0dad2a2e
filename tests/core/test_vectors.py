"""The reference vectors: what the canonical grammar says of 3,542 inputs."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from itertools import product
from pathlib import Path
from typing import Final

from wharfinger import ImageReference, InvalidReference

HUB: Final = "docker.io"
LIBRARY: Final = "library/"


@dataclass(frozen=True)
class Vector:
    """One input and what the canonical grammar makes of it."""

    text: str
    ok: bool
    domain: str | None
    path: str
    tag: str | None
    digest: str | None
    familiar: str

    @property
    def registry(self) -> str | None:
        return HUB if self.domain == "index.docker.io" else self.domain

    @property
    def qualified(self) -> str:
        tag = "" if self.tag is None else f":{self.tag}"
        digest = "" if self.digest is None else f"@{self.digest}"
        return f"{self.registry}/{self.path}{tag}{digest}"


def _read() -> list[Vector]:
    lines = (Path(__file__).parent / "data" / "references.jsonl").read_text("utf-8").splitlines()
    return [
        Vector(
            text=fields["in"],
            ok=fields["ok"],
            domain=fields.get("domain"),
            path=fields.get("path", ""),
            tag=fields.get("tag"),
            digest=fields.get("digest"),
            familiar=fields.get("familiar", ""),
        )
        for fields in map(json.loads, lines)
    ]


VECTORS: Final = _read()


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def _refusal(vector: Vector) -> str | None:
    """Why an input the canonical grammar takes is wanted refused, or None."""
    if vector.domain is None:
        return "no domain"
    found = re.fullmatch(r"(.*?)(?::([0-9]+))?", vector.domain)
    assert found is not None
    host, port = found.groups()
    if port is not None and not 1 <= int(port) <= 65535:
        return "port"
    if host.startswith("[") and not _is_ipv6(host[1:-1]):
        return "ipv6"
    return None


def _is_misread(vector: Vector) -> bool:
    """Whether the vector's familiar text would be read as something else."""
    if vector.registry != HUB:
        return False
    head, slash, _ = vector.familiar.partition("/")
    if re.fullmatch(r"[0-9a-f]{64}", vector.familiar):
        return True  # an image id
    names_a_registry = bool(slash) and (
        head == "localhost" or re.search("[.:A-Z]", head) is not None
    )
    return names_a_registry and head != HUB


def _parse(text: str) -> ImageReference | None:
    try:
        return ImageReference.parse(text)
    except InvalidReference:
        return None


def test_there_are_3542_vectors() -> None:
    """The file holds every vector, valid and invalid ones."""
    assert len(VECTORS) == 3542
    assert {vector.ok for vector in VECTORS} == {True, False}


def test_what_the_canonical_grammar_refuses_is_refused() -> None:
    """R1: no input is taken that the canonical grammar refuses."""
    taken = [v.text for v in VECTORS if not v.ok and _parse(v.text) is not None]
    assert taken == []


def test_what_the_canonical_grammar_takes_is_taken() -> None:
    """R1: of the inputs the canonical grammar takes, exactly the wanted deviations are refused."""
    refused = {v.text for v in VECTORS if v.ok and _parse(v.text) is None}
    wanted = {v.text: why for v in VECTORS if v.ok and (why := _refusal(v)) is not None}
    assert refused == set(wanted)
    assert Counter(wanted.values()) == {"no domain": 9, "ipv6": 3}


def test_the_parts_are_those_of_the_canonical_grammar() -> None:
    """R1: the qualified form of every input taken has the canonical grammar's four parts."""
    for vector in VECTORS:
        reference = _parse(vector.text)
        if reference is None:
            continue
        q = reference.qualified()
        parts = (q.registry, q.repository, q.tag, q.digest)
        assert parts == (vector.registry, vector.path, vector.tag, vector.digest), vector.text
        assert str(q) == vector.qualified


def test_the_familiar_text_is_that_of_the_canonical_grammar() -> None:
    """R1: the familiar text differs only where the canonical grammar's would be misread."""
    taken = [(v, r) for v in VECTORS if (r := _parse(v.text)) is not None]
    different = {v.text for v, r in taken if r.familiar() != v.familiar}
    assert different == {v.text for v, _ in taken if _is_misread(v)}
    assert len(different) == 3


def test_a_misread_familiar_text_is_replaced_by_the_shortest_that_is_not() -> None:
    """R1: where the canonical familiar text would be misread, the shortest that is not is given."""
    for vector in filter(_is_misread, VECTORS):
        reference = ImageReference.parse(vector.text)
        misread = _parse(vector.familiar)
        assert misread is None or str(misread.qualified()) != vector.qualified
        rest = vector.qualified.removeprefix(f"{HUB}/")
        candidates = {
            start + end
            for start, end in product(("", f"{HUB}/"), (rest, rest.removeprefix(LIBRARY)))
        }
        fits = [
            text
            for text in candidates
            if (read := _parse(text)) is not None and str(read.qualified()) == vector.qualified
        ]
        assert reference.familiar() == min(fits, key=len)
