"""The registries and clients of a session, and the table of what they did."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.integration import clients, daemons, registries, table
from tests.integration.clients import Clients
from tests.integration.registries import Registries
from tests.integration.table import Row

ROWS: Final = pytest.StashKey[list[Row]]()
VERSIONS: Final = pytest.StashKey[dict[str, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-table", type=Path, metavar="PAGE", help="rewrite the tables in a page"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ROWS] = []


def pytest_sessionstart() -> None:
    """Nothing is skipped: what is missing fails the session."""
    if os.geteuid() != 0:
        pytest.exit("containerd and dockerd run as root, and this session starts them", 1)
    if absent := clients.missing():
        packages = " ".join(sorted(set(absent.values())))
        pytest.exit(
            f"not installed: {', '.join(absent)}; "
            f"`apt-get install --no-install-recommends {packages}` has them",
            returncode=1,
        )


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder of the session's own; its path is short, for sockets are in it."""
    with tempfile.TemporaryDirectory(prefix="wharf-") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def running_registries(folder: Path) -> Iterator[Registries]:
    place = folder / "registries"
    place.mkdir()
    with registries.running(place) as running:
        yield running


@pytest.fixture(scope="session")
def running_clients(
    folder: Path, running_registries: Registries, pytestconfig: pytest.Config
) -> Iterator[Clients]:
    place = folder / "clients"
    place.mkdir()
    with daemons.running(place, running_registries) as running:
        found = Clients(place, running_registries, running)
        pytestconfig.stash[VERSIONS] = found.versions()
        yield found


@pytest.fixture(scope="session")
def rows(pytestconfig: pytest.Config) -> list[Row]:
    """Where a cell that held is noted."""
    return pytestconfig.stash[ROWS]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    rows, versions = config.stash[ROWS], config.stash.get(VERSIONS, {})
    if not rows:
        return
    blocks = {
        "versions": table.markdown(("program", "version"), list(versions.items())),
        "cells": f"{len(rows)} cells:\n\n{table.cells(rows)}",
    }
    terminalreporter.section("real clients")
    for block in blocks.values():
        terminalreporter.write_line(block)
        terminalreporter.write_line("")
    if page := config.getoption("write_table"):
        if exitstatus or config.getoption("keyword"):
            terminalreporter.write_line(f"not written to {page}: not every cell was run and held")
        else:
            table.rewrite(page, blocks)
