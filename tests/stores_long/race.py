"""Eight processes add to one address of one environment, while another takes snapshots.

Run it as ``nox -s stores_long``, or as ``python -m tests.stores_long.race``, with ``--small`` for
fewer adds. It prints a line per database, and exits with 1 if something was lost or inconsistent.
"""

from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Final

import attrs

from tests.stores_long.databases import NAMES, Databases, databases
from wharfinger import Credential, Environment, EnvironmentNotFound, Secret
from wharfinger.stores import SealingKeys, SQLStore

PROCESSES: Final = 8
ENVIRONMENT: Final = "fleet"
ADDRESS: Final = "quay.io"


def work(url: str, key_file: str, worker: str, adds: int) -> None:
    """Open the store, wait for the word to start, add, and print every id."""
    store = SQLStore.open(url, seal=SealingKeys.from_file(key_file))
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(adds):
        secret = Secret(f"secret-{worker}-{number}")
        added = store.add(ENVIRONMENT, ADDRESS, Credential(f"{worker}-{number}", secret))
        print(added.id, added.username, flush=True)


@attrs.define
class Snapshots:
    """What is wrong with the snapshots taken so far."""

    store: SQLStore
    taken: int = 0
    distinct: int = 0
    last: Environment = attrs.field(factory=lambda: Environment(ENVIRONMENT))

    def take(self) -> Iterator[str]:
        """Take one, and tell what is wrong with it."""
        try:
            now = self.store.environment(ENVIRONMENT)
        except EnvironmentNotFound:
            if self.last.registries:
                yield "the environment was there and is not any more"
            return
        self.taken += 1
        if now is self.last:
            return
        self.distinct += 1
        sequences = [registry.sequence for registry in now.registries]
        if sequences != [*range(1, now.additions + 1)]:
            yield f"a snapshot of {now.additions} additions has a gap"
        if now.registries[: len(self.last.registries)] != self.last.registries:
            yield f"a snapshot of {now.additions} additions does not continue the one before"
        self.last = now


def race(kind: Databases, adds: int) -> list[str]:
    """Run it on one database and return what is wrong; the line of figures is printed."""
    url = kind.new()
    key_file = kind.folder / "wharfinger.key"
    SealingKeys.generate().to_file(key_file)
    outputs = [kind.folder / f"worker-{number}" for number in range(PROCESSES)]
    # All of them open the store at once: which one makes the tables is a race as well.
    workers = [_start(url, key_file, output, adds) for output in outputs]
    for output, worker in zip(outputs, workers, strict=True):
        while worker.poll() is None and not output.read_text("utf-8"):
            _wait(worker, 0.01)
    started = monotonic()
    for worker in workers:
        if worker.stdin is not None and worker.poll() is None:
            worker.stdin.write("go\n")
            worker.stdin.flush()
    snapshots = Snapshots(SQLStore.open(url, seal=SealingKeys.from_file(key_file)))
    wrong: list[str] = []
    while any(worker.poll() is None for worker in workers):
        wrong += snapshots.take()
        _wait(workers[0], 0.02)
    seconds = monotonic() - started
    wrong += snapshots.take()
    for worker in workers:
        complaints = worker.stderr.read().strip() if worker.stderr is not None else ""
        if worker.returncode or complaints:
            wrong.append(f"a process failed: {complaints.splitlines()[-1:]}")
        worker.communicate()
    wrong += _verdict(snapshots, outputs, PROCESSES * adds)
    snapshots.store.close()
    print(
        f"{kind.name}: {PROCESSES} processes x {adds} adds in {seconds:.1f} s, "
        f"{len(snapshots.last.registries)} registries, {snapshots.taken} snapshots of "
        f"{snapshots.distinct} states, {len(wrong)} violations",
        flush=True,
    )
    return wrong


def _verdict(snapshots: Snapshots, outputs: list[Path], wanted: int) -> Iterator[str]:
    """What is wrong in the end: every id that was handed out is there once, as it was given."""
    final = snapshots.last
    told = [
        line.split() for output in outputs for line in output.read_text("utf-8").split("\n")[1:-1]
    ]
    if len(told) != wanted:
        yield f"{wanted} adds were wanted, and {len(told)} returned"
    for registry_id, times in Counter(registry_id for registry_id, _ in told).items():
        if times > 1:
            yield f"{registry_id} was handed out {times} times"
    kept = {registry.id: registry.username for registry in final.registries}
    if kept != dict(told):
        yield "what is kept is not what was added"
    if [registry.sequence for registry in final.registries] != [*range(1, wanted + 1)]:
        yield f"the sequences are not 1 to {wanted}"
    in_force = final.in_force(ADDRESS)
    if in_force is None or in_force.sequence != wanted:
        yield f"{in_force} is in force"
    yield from _verdict_on_the_rest(snapshots.store, final)


def _verdict_on_the_rest(store: SQLStore, final: Environment) -> Iterator[str]:
    """The same of the events and the secrets."""
    wanted = final.additions
    events = store.events(ENVIRONMENT, limit=2 * wanted + 10)
    if [event.action for event in events] != ["created"] + ["added"] * wanted:
        yield "the event log is not one creation and every addition"
    if [event.registry for event in events[1:]] != [registry.id for registry in final.registries]:
        yield "the event log's order is not that of the sequences"
    secrets = store.credentials(ENVIRONMENT)
    for credential in secrets.values():
        if credential.secret != Secret(f"secret-{credential.username}"):
            yield "the secret in force is another registry's"
    if len(secrets) != 1:
        yield f"{len(secrets)} secrets are in force"


def _start(url: str, key_file: Path, output: Path, adds: int) -> subprocess.Popen[str]:
    arguments = [url, str(key_file), output.name, str(adds)]
    with output.open("wb") as stdout:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.stores_long.race", "--worker", *arguments],
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )


def _wait(process: subprocess.Popen[str], seconds: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


def main() -> int:
    """Run it on both databases; 1 if anything is wrong."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="25 adds a process, not 500")
    parser.add_argument("--only", choices=NAMES, help="on this database")
    parser.add_argument("--worker", nargs=4, help="used by the program itself")
    options = parser.parse_args()
    if options.worker:
        url, key_file, worker, adds = options.worker
        work(url, key_file, worker, int(adds))
        return 0
    wrong = []
    for name in [options.only] if options.only else NAMES:
        with databases(name) as kind:
            wrong += [f"{name}: {line}" for line in race(kind, 25 if options.small else 500)]
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
