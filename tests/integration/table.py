"""The table of what was seen."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs


@attrs.frozen
class Row:
    """A cell that held.

    Args:
        document: What was rendered.
        client: Who read it.
        registry: What the registry speaks.
        situation: What was done in the store.
        said: What the library said.
        did: What the client did.
        control: What was done then, and what the client did.
    """

    document: str
    client: str
    registry: str
    situation: str
    said: str
    did: str
    control: str


_HEAD: Final = Row(
    "document", "client", "registries", "situation", "the library says", "the client", "control"
)


def markdown(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Write a table in Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def cells(rows: list[Row]) -> str:
    """Write the table of all cells; those that differ in the registry alone share a line."""
    registries: dict[Row, list[str]] = {}
    for row in rows:
        registries.setdefault(attrs.evolve(row, registry=""), []).append(row.registry)
    lines = [attrs.evolve(row, registry=", ".join(found)) for row, found in registries.items()]
    return markdown(attrs.astuple(_HEAD), [attrs.astuple(line) for line in lines])


def rewrite(page: Path, blocks: dict[str, str]) -> None:
    """Put tables between their markers in a page."""
    text = page.read_text("utf-8")
    for name, block in blocks.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            msg = f"{page} has no place for {name}"
            raise ValueError(msg)
        text = f"{before}{begin}\n\n{block}\n\n{end}{after}"
    page.write_text(text, "utf-8")
