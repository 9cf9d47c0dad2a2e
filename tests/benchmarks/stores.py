"""Measure the SQL store beside SQLAlchemy and the drivers, and check what must hold.

Run it as ``nox -s bench_stores``, or as ``python -m tests.benchmarks.stores`` where SQLAlchemy and
the drivers are installed. It exits with 1 if a bound is missed.
"""

from __future__ import annotations

import gc
import os
import platform
import random
import sqlite3
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from itertools import islice
from time import perf_counter_ns, thread_time_ns
from typing import Any, Final

import attrs
import sqlalchemy as sa

from tests.benchmarks.measuring import (
    Bound,
    Candidate,
    Samples,
    Section,
    Work,
    elapsed,
    interleave,
    table,
)
from tests.benchmarks.reporting import ATTEMPTS, arguments, report, run
from tests.stores_long.databases import NAMES, Databases, databases
from wharfinger import Credential, Registry, Resolution, Secret, resolve
from wharfinger.stores import SealingKeys, SQLStore, credentials, records, schema
from wharfinger.stores.database import Database

SEAL: Final = SealingKeys.from_bytes(bytes(range(32)))
READS: Final = 10
ADDS: Final = 10
FILL_CHUNK: Final = 10_000
FEW: Final = 100
OFTENER: Final = 4
TITLES: Final = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
DRIVERS: Final = {"sqlite": "sqlite3", "postgresql": "psycopg"}
# What SQLite needs is this process's; what PostgreSQL needs, another one's.
CLOCKS: Final = {"sqlite": thread_time_ns, "postgresql": perf_counter_ns}
READ_BOUNDS: Final = {"SQLite": ("SQLAlchemy Core", 1.5), "PostgreSQL": ("psycopg", 3.0)}


def fill(store: SQLStore, name: str, count: int) -> None:
    """Put registries for so many addresses into a new environment, with no event each."""
    store.create(name)
    rows = _rows(store, name, count)
    while chunk := [*islice(rows, FILL_CHUNK)]:
        store._database.write(partial(_insert, chunk))
    counted = sa.update(schema.environments).where(schema.environments.c.name == name)
    store._database.write(lambda c: c.execute(counted.values(additions=count, version=count)))


def _insert(rows: list[dict[str, Any]], connection: sa.Connection) -> None:
    connection.execute(sa.insert(schema.registries), rows)


def _rows(store: SQLStore, name: str, count: int) -> Iterator[dict[str, Any]]:
    query = sa.select(schema.environments.c.id).where(schema.environments.c.name == name)
    row = store._database.read(lambda c: c.scalar(query))
    for sequence in range(1, count + 1):
        address = f"registry-{sequence}.corp"
        registry = Registry(environment=name, sequence=sequence, address=address, username="ci")
        yield {
            "environment_id": row,
            "sequence": sequence,
            "address": address,
            "state": "active",
            "added_by": None,
            **credentials.columns_of(
                SEAL, registry, Credential("ci", Secret(f"secret-{sequence}"))
            ),
        }


class Reading:
    """Reading a credential, and an environment that has not changed.

    Args:
        kind: Where.
        rounds: How many rounds a measurement has.
        registries: How many the environment has.
    """

    def __init__(self, kind: Databases, rounds: int, registries: int) -> None:
        self._title = TITLES[kind.name]
        self._driver = DRIVERS[kind.name]
        self._rounds = rounds
        self._clock = CLOCKS[kind.name]
        self._samples: dict[str, Samples] = {}
        url = kind.new()
        self._store = SQLStore.open(url, seal=SEAL)
        fill(self._store, "bench", registries)
        self._statements = statements(url)
        self._candidates = [
            Candidate(name, partial(self._shuffled, read), READS)
            for name, read in self._readers(url).items()
        ]

    def measure(self) -> None:
        interleave(self._candidates, self._rounds, self._samples, self._clock)

    def _readers(self, url: str) -> dict[str, Callable[[Resolution], object]]:
        """Every way to read, given what to read."""
        core = sa.create_engine(url)
        driver = core.connect().connection.dbapi_connection
        assert driver is not None
        if isinstance(driver, sqlite3.Connection):
            driver.isolation_level = None
        else:
            driver.autocommit = True
        compiled = {
            query: query.compile(core, compile_kwargs={"render_postcompile": True})
            for query in (credentials.ASKED_FOR, records._VERSION)
        }

        def by_core(query: sa.Select[Any], answer: Resolution) -> object:
            with core.connect() as connection:
                return connection.execute(query, values(answer)).all()

        def by_driver(query: sa.Select[Any], answer: Resolution) -> object:
            given = values(answer)
            parameters: Any = given
            if compiled[query].positiontup:
                parameters = [given[name] for name in compiled[query].positiontup or ()]
            return driver.execute(str(compiled[query]), parameters).fetchall()

        store = self._store
        return {
            "store.credential()": lambda answer: store.credential("bench", answer),
            "the same SELECT, SQLAlchemy Core": partial(by_core, credentials.ASKED_FOR),
            f"the same SELECT, {self._driver}": partial(by_driver, credentials.ASKED_FOR),
            "store.environment(), unchanged": lambda _: store.environment("bench"),
            "the version alone, SQLAlchemy Core": partial(by_core, records._VERSION),
            f"the version alone, {self._driver}": partial(by_driver, records._VERSION),
        }

    def _shuffled(self, read: Callable[[Resolution], object]) -> Work:
        """Answers about registries all over the environment, others in every round."""
        environment = self._store.environment("bench")
        some = random.sample(environment.registries, READS)
        answers = [resolve(f"{registry.address}/acme/api", environment) for registry in some]

        def work() -> None:
            for answer in answers:
                read(answer)

        return work

    def bounds(self) -> list[Bound]:
        beside, limit = READ_BOUNDS[self._title]
        return [
            Bound(
                f"{self._title}: reading a credential, as multiple of the SELECT by {beside}",
                limit,
                self._ns("store.credential()") / self._ns(f"the same SELECT, {beside}"),
            ),
            Bound(
                f"{self._title}: statements of environment(), nothing changed", 1, self._statements
            ),
        ]

    def tables(self) -> dict[str, str]:
        rows = []
        for name in self._samples:
            selected = (
                "version alone" if "version" in name or "unchanged" in name else "same SELECT"
            )
            units = [self._ns(f"the {selected}, {by}") for by in ("SQLAlchemy Core", self._driver)]
            rows.append(
                [name, microseconds(self._ns(name)), microseconds(self._samples[name].median)]
                + [f"{self._ns(name) / unit:.2f}" for unit in units]
            )
        header = ["read", "min, µs", "median, µs", "min / Core's", f"min / {self._driver}'s"]
        return {f"reading {self._title}": table(header, rows)}

    def _ns(self, name: str) -> float:
        return self._samples[name].minimum


def values(answer: Resolution) -> dict[str, object]:
    """The parameters that the store itself gives its SELECT for an answer."""
    assert answer.registry is not None
    claimed = answer.registry.sequence
    return {"name": "bench", "address": str(answer.address), "claimed": claimed}


def statements(url: str) -> int:
    """How many statements an environment costs that has not changed."""
    store = SQLStore.open(url, seal=SEAL)
    store.environment("bench")
    seen: set[object] = set()

    def see(*event: object) -> None:
        seen.add(event[4])  # its context: an engine made from another one tells of it twice

    for field in attrs.fields(Database):
        engine = getattr(store._database, field.name)
        if isinstance(engine, sa.Engine):
            sa.event.listen(engine, "before_cursor_execute", see)
    store.environment("bench")
    store.close()
    return len(seen)


class Adding:
    """Adding to an environment that has few registries, and to one that has many.

    Args:
        kind: Where; each environment has a database of its own.
        rounds: How many rounds a measurement has.
        many: How many registries the larger one has.
    """

    def __init__(self, kind: Databases, rounds: int, many: int) -> None:
        self._title = TITLES[kind.name]
        self._clock = CLOCKS[kind.name]
        self._rounds = rounds
        self._sizes = (FEW, many)
        self._samples: dict[str, Samples] = {}
        self._candidates = []
        for size in self._sizes:
            store = SQLStore.open(kind.new(), seal=SEAL)
            fill(store, "bench", size)
            adds = partial(self._adds, store, [])
            self._candidates.append(Candidate(name_of(size), adds, ADDS))

    @staticmethod
    def _adds(store: SQLStore, added: list[Registry]) -> Work:
        """Additions; those of the round before are removed, so that none grows."""
        while added:
            store.remove("bench", added.pop().id)
        credential = Credential("added", Secret("secret"))
        addresses = [f"added-{random.getrandbits(64):x}.corp" for _ in range(ADDS)]

        def work() -> None:
            added.extend(store.add("bench", address, credential) for address in addresses)

        return work

    def measure(self) -> None:
        interleave(self._candidates, self._rounds, self._samples, self._clock)

    def bounds(self) -> list[Bound]:
        few, many = (self._samples[name_of(size)].minimum for size in self._sizes)
        name = f"{self._title}: adding at {self._sizes[1]:,} registries, as multiple of at {FEW}"
        return [Bound(name, 1.2, many / few)]

    def tables(self) -> dict[str, str]:
        rows = [
            [name, microseconds(taken.minimum), microseconds(taken.median)]
            for name, taken in self._samples.items()
        ]
        return {f"adding {self._title}": table(["add", "min, µs", "median, µs"], rows)}


def name_of(size: int) -> str:
    return f"at {size:,} registries"


class Loading:
    """Loading a large environment into a snapshot, by a store that does not know it yet.

    Each is loaded twice a round: while the collector of cyclic garbage is at work, and while it
    rests, as in the other parts. The bound is on the second, which is the store's own doing.

    Args:
        kind: Where.
        rounds: How often the larger one is loaded; the smaller one, which costs little, oftener.
        size: How many registries the larger environment has; the smaller one has a tenth.
    """

    def __init__(self, kind: Databases, rounds: int, size: int) -> None:
        self._title = TITLES[kind.name]
        self._rounds = rounds
        self._url = kind.new()
        self._sizes = (size // 10, size)
        self._samples = {size: Samples() for size in self._sizes}
        self._collected = {size: Samples() for size in self._sizes}
        store = SQLStore.open(self._url, seal=SEAL)
        for count in self._sizes:
            fill(store, f"bench-{count}", count)
        store.close()

    def measure(self) -> None:
        for _ in range(self._rounds):
            for size in (*[self._sizes[0]] * OFTENER, self._sizes[1]):
                self._collected[size].taken.append(self._load(size))
                gc.disable()
                try:
                    self._samples[size].taken.append(self._load(size))
                finally:
                    gc.enable()

    def _load(self, size: int) -> int:
        store = SQLStore.open(self._url, seal=SEAL)
        gc.collect()
        taken = elapsed(partial(store.environment, f"bench-{size}"), perf_counter_ns)
        store.close()
        return taken

    def bounds(self) -> list[Bound]:
        small, large = (self._samples[size].minimum for size in self._sizes)
        sizes = f"{self._sizes[1]:,} registries, as multiple of {self._sizes[0]:,}"
        return [Bound(f"{self._title}: loading {sizes}", 13, large / small, aim=10)]

    def tables(self) -> dict[str, str]:
        rows = [
            [
                f"{size:,} registries",
                f"{taken.minimum / 1e9:.2f}",
                f"{taken.minimum / size / 1e3:.2f}",
                f"{self._collected[size].minimum / 1e9:.2f}",
            ]
            for size, taken in self._samples.items()
        ]
        header = ["load", "min, s", "µs per registry", "min with the collector at work, s"]
        return {f"loading {self._title}": table(header, rows)}


def microseconds(nanoseconds: float) -> str:
    return f"{nanoseconds / 1000:,.1f}"


def sections(kind: Databases, *, small: bool) -> Iterator[Section]:
    """The parts, each made when its turn comes."""
    large = kind.name == "sqlite"
    yield Reading(kind, 300 if small else 2_000, 1_000)
    yield Adding(kind, 15 if small else 60, 10_000 if small else 100_000)
    yield Loading(kind, 2 if small else 3, (50_000 if small else 1_000_000) // (1 if large else 10))


def setup() -> str:
    """Say what the figures depend on."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    packages = ", ".join(f"{name} {version(name)}" for name in ("SQLAlchemy", "psycopg"))
    return (
        f"Measured with {python} on {os.cpu_count()} cores, with {packages} and SQLite "
        f"{sqlite3.sqlite_version}."
    )


def main() -> int:
    """Measure, print, write; 1 if a bound is missed."""
    chosen = arguments(__doc__)
    bounds: list[Bound] = []
    blocks = {"setup": setup()}
    for name in NAMES:
        with databases(name) as kind:
            for section in sections(kind, small=chosen.small):
                kept = run(section, ATTEMPTS[chosen.small])
                print(*kept, sep="\n", flush=True)
                bounds += kept
                blocks |= section.tables()
    return report(bounds, blocks, chosen)


if __name__ == "__main__":
    sys.exit(main())
