"""What the library says, and what the clients then do: one cell after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import attrs
import pytest

from tests.integration.clients import Clients
from tests.integration.deliveries import DELIVERIES, MERGED, SKOPEO, Delivery, see
from tests.integration.registries import Kind
from tests.integration.situations import (
    BY_IMAGE,
    FURTHER,
    PUBLIC_IMAGE,
    SITUATIONS,
    TOKENS,
    Situation,
    Store,
)
from tests.integration.table import Row
from wharfinger import MemoryStore
from wharfinger.stores import SealingKeys, SQLStore


@attrs.frozen
class Cell:
    """One cell.

    Args:
        delivery: The documents, and the client.
        kind: The registry.
        situation: What is done.
        store: The kind of store.
    """

    delivery: Delivery
    kind: Kind
    situation: Situation
    store: str = "memory"

    def __str__(self) -> str:
        parts = (self.delivery, self.kind, self.situation, self.store)
        return "-".join(map(str, parts)).replace(" ", "_")


CELLS: Final = [
    *(
        Cell(delivery, kind, situation)
        for delivery in DELIVERIES
        for kind in Kind
        for situation in SITUATIONS
    ),
    *(Cell(delivery, Kind.HTTP, situation) for delivery in DELIVERIES for situation in FURTHER),
    *(
        Cell(delivery, kind, situation)
        for delivery in DELIVERIES
        if delivery.by_image
        for kind in (Kind.HTTP, Kind.HUB)
        for situation in BY_IMAGE
    ),
    *(Cell(delivery, Kind.HTTP, situation) for delivery in MERGED for situation in SITUATIONS),
    *(Cell(delivery, Kind.TOKEN, PUBLIC_IMAGE) for delivery in DELIVERIES),
    *(
        Cell(delivery, Kind.TOKEN, situation)
        for delivery in DELIVERIES
        for kind, situation in TOKENS.items()
        if kind in delivery.tokens
    ),
    *(Cell(SKOPEO, Kind.HTTP, situation, "SQL store") for situation in SITUATIONS),
]


@pytest.fixture
def new_store(tmp_path: Path) -> Iterator[Callable[[str], Store]]:
    sql = SQLStore.open(f"sqlite:///{tmp_path / 'registries.db'}", seal=SealingKeys.generate())

    def new(kind: str) -> Store:
        return sql if kind == "SQL store" else MemoryStore()

    yield new
    sql.close()


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_cell(
    cell: Cell,
    new_store: Callable[[str], Store],
    running_clients: Clients,
    rows: list[Row],
) -> None:
    """R6, R7, R8, R10, R14, R17, R18, R19: what the library says, the client does."""
    place = running_clients.registries.places[cell.kind]
    store = new_store(cell.store)
    row = see(running_clients, cell.delivery, place, cell.situation, store)
    if cell.store != "memory":
        row = attrs.evolve(row, situation=f"{row.situation} ({cell.store})")
    rows.append(row)
