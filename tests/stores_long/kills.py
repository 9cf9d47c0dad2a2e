"""A writing process is killed, many times over, and what it was told is done has to be there.

Run it as ``nox -s stores_long``, or as ``python -m tests.stores_long.kills``, with ``--small`` for
fewer kills. It prints a line per database, and exits with 1 if a change was lost or half made.
This proves that changes are atomic. A process that dies takes no disk with it: what a power cut
does depends on the database's settings and the disk.
"""

from __future__ import annotations

import multiprocessing
import random
import signal
import sqlite3
import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import attrs
import sqlalchemy as sa

from tests.stores_long.databases import NAMES, Databases, databases
from tests.stores_long.writing import Change, Model, write
from wharfinger.stores import SealingKeys, SQLStore, credentials, records, schema

KILLS_PER_DATABASE: Final = 50
EARLY: Final = 0.15
LONGEST: Final = 0.25
PATIENCE: Final = 60.0


@attrs.define
class Killing:
    """A database of which the writers are killed."""

    kind: Databases
    key_file: Path
    draw: random.Random
    context: ForkServerContext
    url: str = ""
    model: Model = attrs.field(factory=Model)
    made: Counter[str] = attrs.field(factory=Counter)

    def kill(self, seed: str) -> Iterator[str]:
        """Kill one writer and tell what is wrong afterwards."""
        done, begun = self._killed(seed)
        for change in done:
            self.model = self.model.after(change)
        self.made["acknowledged"] += len(done)
        self.kind.settle()
        if self.kind.name == "sqlite":
            yield from _integrity(self.url)
        store = SQLStore.open(self.url, seal=SealingKeys.from_file(self.key_file))
        try:
            wrong = [*differences(store, self.model)]
            after = self.model if begun is None else self.model.after(begun)
            if wrong and begun is not None and not [*differences(store, after)]:
                self.made["made and not acknowledged"] += 1
                self.model, wrong = after, []
            yield from wrong
        finally:
            store.close()

    def _killed(self, seed: str) -> tuple[list[Change], Change | None]:
        """The changes a writer was told are done, and the one that it had begun when it died."""
        here, there = self.context.Pipe(duplex=False)
        url = self.kind.as_writer(self.url)
        writer = self.context.Process(
            target=write, args=(url, str(self.key_file), self.model, seed, there)
        )
        writer.start()
        there.close()
        if self.draw.random() < EARLY:
            self.made["killed from the start on"] += 1
        elif not here.poll(PATIENCE) or here.recv() is not None:
            writer.kill()
            msg = "the writer did not open the store"
            raise RuntimeError(msg)
        sleep(self.draw.uniform(0, LONGEST))
        writer.kill()
        writer.join()
        if writer.exitcode != -signal.SIGKILL:
            msg = f"the writer was not killed but ended with {writer.exitcode}"
            raise RuntimeError(msg)
        done: list[Change] = []
        begun: Change | None = None
        while True:
            try:
                told = here.recv()
            except EOFError:
                return done, begun
            if told is None:
                continue
            begun = told[1] if told[0] == "begun" else None
            if begun is None:
                done.append(told[1])


def differences(store: SQLStore, model: Model) -> Iterator[str]:
    """What a store holds that a model does not, or the reverse."""
    if store.environments() != tuple(sorted(model.environments)):
        yield f"environments {store.environments()}, not {sorted(model.environments)}"
        return
    for name, environment in model.environments.items():
        found = store.environment(name)
        if found != environment:
            yield f"{name} has {found.registries}, not {environment.registries}"
    read = store._database.read
    events = [
        (event.action, event.environment, event.registry, event.address and str(event.address))
        for event in store.events(limit=1_000_000)
    ]
    if events != [*model.events]:
        yield f"{len(events)} events, ending with {events[-2:]}, not {model.events[-2:]}"
    secrets = dict(read(lambda c: [*_secrets(c, store)]))
    if secrets != model.secrets:
        yield f"the secrets of {sorted(secrets)}, not {sorted(model.secrets)}, or others"


def _secrets(connection: sa.Connection, store: SQLStore) -> Iterator[tuple[str, str]]:
    """Every secret there is, opened; a registry without an environment would be one too many."""
    rows = connection.execute(
        sa.select(schema.registries, schema.environments.c.name).select_from(
            schema.registries.outerjoin(schema.environments)
        )
    )
    for row in rows:
        registry = records.registry_of(row.name or "nowhere", row)
        yield registry.id, credentials.opened(store._seal, registry, row).secret.reveal()


def _integrity(url: str) -> Iterator[str]:
    connection = sqlite3.connect(sa.make_url(url).database or "")
    for pragma in ("integrity_check", "foreign_key_check"):
        found = connection.execute(f"PRAGMA {pragma}").fetchall()
        if found not in ([], [("ok",)]):
            yield f"{pragma}: {found}"
    connection.close()


def run(kind: Databases, kills: int, seed: str) -> list[str]:
    """Kill on one database and return what is wrong; the line of figures is printed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.stores_long.writing", "psycopg"])
    key_file = kind.folder / "wharfinger.key"
    SealingKeys.generate().to_file(key_file)
    draw = random.Random(f"{seed} {kind.name}")  # noqa: S311
    killing = Killing(kind, key_file, draw, context)
    wrong: list[str] = []
    started = monotonic()
    for number in range(kills):
        if number % KILLS_PER_DATABASE == 0:
            killing.url, killing.model = kind.new(), Model()
        found = [*killing.kill(f"{seed} {kind.name} {number}")]
        if found:
            wrong += [f"kill {number}: {line}" for line in found]
            killing.url, killing.model = kind.new(), Model()
    seconds = monotonic() - started
    made = "".join(f", {count} {what}" for what, count in sorted(killing.made.items()))
    print(
        f"{kind.name}: {kills} kills in {seconds:.1f} s{made}, {len(wrong)} violations", flush=True
    )
    return wrong


def main() -> int:
    """Kill on both databases; 1 if anything is wrong."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="25 kills a database, not 500")
    parser.add_argument("--kills", type=int, help="so many kills a database")
    parser.add_argument("--only", choices=NAMES, help="on this database")
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(1 << 32)))
    options = parser.parse_args()
    kills = options.kills or (25 if options.small else 500)
    print(f"seed {options.seed}", flush=True)
    wrong = []
    for name in [options.only] if options.only else NAMES:
        with databases(name) as kind:
            wrong += [f"{name}: {line}" for line in run(kind, kills, options.seed)]
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
