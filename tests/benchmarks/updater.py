"""Measure an updater of ten thousand addresses: memory, CPU, and how often it wakes.

Run it as ``nox -s sources_long``, or as ``python -m tests.benchmarks.updater``, with ``--small``
for a thousand addresses. It exits with 1 if a bound is missed.
"""

from __future__ import annotations

import logging
import sys
import tracemalloc
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from time import process_time
from typing import Final

import attrs

from wharfinger import Credential, MemoryStore, RegistryAddress, Secret
from wharfinger.sources import Issued, Updater

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
LIFE: Final = timedelta(hours=12)
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
TOKEN: Final = 2500  # characters, as Amazon's have
ADDRESSES: Final = 10_000
FEW: Final = 1_000
# What must hold on any machine.
MEMORY: Final = 8_000  # bytes an address, of which TOKEN is the token
EARLIEST: Final = 0.86 * LIFE
AWAKE: Final = 0.01  # of a day, at work on all addresses


@attrs.define(eq=False)
class Source:
    """A token for each address."""

    now: datetime = START
    calls: int = 0
    text: str = "x" * TOKEN

    def token(self, address: RegistryAddress) -> str | None:
        return f"token of {address}"

    def issue(self, address: RegistryAddress) -> Issued:
        assert address.host.startswith("r")
        self.calls += 1
        secret = Secret(f"{self.calls:08}{self.text}")
        return Issued(Credential("bot", secret), self.now + LIFE)


@attrs.define(eq=False)
class World:
    """A store in memory, one environment of so many addresses, and the updater's time."""

    addresses: int
    store: MemoryStore = attrs.Factory(MemoryStore)
    source: Source = attrs.Factory(Source)
    wakes: int = 0

    def __attrs_post_init__(self) -> None:
        for number in range(self.addresses):
            self.store.add("bench", f"r{number}.corp", Credential("bot", Secret("none yet")))

    def updater(self, look_every: timedelta = MINUTE) -> Updater:
        return Updater(
            self.store,
            ["bench"],
            [self.source],
            look_every=look_every,
            clock=lambda: self.source.now,
        )

    def go(self, updater: Updater, until: datetime) -> float:
        """Go on until then, and return the seconds of CPU."""
        began = process_time()
        while self.source.now < until:
            self.source.now = updater.run_due(self.source.now)
            self.wakes += 1
        return process_time() - began


def main() -> int:
    """Measure and print; 1 if a bound is missed."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help=f"{FEW:,} addresses")
    addresses = FEW if parser.parse_args().small else ADDRESSES
    logging.getLogger("wharfinger.sources").setLevel(logging.CRITICAL)

    world = World(addresses)
    tracemalloc.start()
    updater = world.updater()
    updater.run_due(START)
    taken = tracemalloc.get_traced_memory()[0] / addresses
    tracemalloc.stop()

    world = World(addresses)
    updater = world.updater()
    first = world.go(updater, START + MINUTE)
    # Nothing is due for hours: what wakes it is the look, once a minute.
    world.wakes = 0
    idle = world.go(updater, START + 8 * 60 * MINUTE)
    idle_wakes = world.wakes
    day = world.go(updater, START + DAY)
    began = process_time()
    status = updater.status()
    told = process_time() - began
    assert status.healthy

    # An application that tells of changes itself has the store looked at once a day.
    world = World(addresses)
    updater = world.updater(DAY)
    world.go(updater, START + MINUTE)
    told_wakes, asleep = world.wakes - 1, world.source.now - START

    print(f"{addresses:,} addresses, each with a token of its own of {TOKEN:,} characters:")
    print(f"memory: {taken:,.0f} bytes an address, {taken * addresses / 1e6:.1f} MB in all")
    print(f"the first run, which renews all: {first:.2f} s of CPU")
    print(f"idle: {idle_wakes} wakes in 8 hours, {idle * 1e6 / idle_wakes:,.0f} µs of CPU each")
    print(f"idle, with a look a day: {told_wakes} wakes in the first {asleep / HOUR:.1f} hours")
    print(f"the 16 hours after, in which all are renewed: {day:.2f} s of CPU")
    print(f"a status: {told * 1e3:.0f} ms; {world.source.calls:,} calls in a day")

    missed = []
    if taken > MEMORY:
        missed.append(f"memory: {taken:,.0f} bytes an address, more than {MEMORY:,}")
    if idle_wakes > 8 * 60:
        missed.append(f"idle: {idle_wakes} wakes, more than one a look")
    if told_wakes or asleep < EARLIEST:
        missed.append("idle, with a look a day: it wakes when no token is due")
    if first + idle + day > AWAKE * DAY.total_seconds():
        missed.append(f"CPU: more than {AWAKE:.0%} of a core")
    for line in missed:
        print(line, file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
