"""Measure wharfinger beside its peers, all in one process, and check what must hold.

Run it as ``nox -s bench``, or as ``python -m tests.benchmarks.peers`` where the peers are
installed. It exits with 1 if a bound is missed.
"""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import version
from typing import Final

from tests.benchmarks.measuring import Bound, Section
from tests.benchmarks.reporting import ATTEMPTS, arguments, report, run
from tests.benchmarks.size import Linear, Memory
from tests.benchmarks.speed import Speed

PEERS: Final = ("docker", "oras", "docker-image-py")


def sections(*, small: bool) -> list[Section]:
    """The parts, in the order they are run."""
    if small:
        return [Speed(60, 100_000), Linear(16 << 10, 3, 3), Memory()]
    return [Speed(400, 1_000_000), Linear(64 << 10, 4, 5), Memory()]


def setup() -> str:
    """Say what the figures depend on."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    peers = ", ".join(f"{name} {version(name)}" for name in PEERS)
    return f"Measured with {python} on {os.cpu_count()} cores, beside {peers}."


def main() -> int:
    """Measure, print, write; 1 if a bound is missed."""
    chosen = arguments(__doc__)
    bounds: list[Bound] = []
    blocks = {"setup": setup()}
    for section in sections(small=chosen.small):
        bounds += run(section, ATTEMPTS[chosen.small])
        blocks |= section.tables()
    return report(bounds, blocks, chosen)


if __name__ == "__main__":
    sys.exit(main())
