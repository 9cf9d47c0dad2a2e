"""A month of an updater, twenty times over: 200 addresses, faults and changes by a seed.

Run it as ``nox -s sources_long``, or as ``python -m tests.sources_long.month``, with ``--small``
for three runs. It prints a line per run, and exits with 1 if a credential lapsed that need not
have, or a source was asked too often.
"""

from __future__ import annotations

import random
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from time import process_time
from typing import Final

import attrs

from tests.sources.simulation import (
    DAY,
    ENVIRONMENTS,
    HOUR,
    MINUTE,
    SECONDS,
    Kind,
    Life,
    Window,
    World,
    add,
    clock,
    simulate,
    violations,
)
from wharfinger import MemoryStore

ADDRESSES: Final = 200
DAYS: Final = 30
TOKENS: Final = 60
RUNS: Final = 20
FEW: Final = 3
FAULTS: Final = 60
# Every tenth run has no faults, so that its calls can be counted.
FAULTLESS: Final = 10
LONGEST: Final = 240
EDITS: Final = 0.01  # a look
ASSUMED: Final = {Life.UNKNOWN: HOUR}


@attrs.define(eq=False)
class People:
    """They add registries again, deactivate them and activate them."""

    draw: random.Random
    made: int = 0

    def __call__(self, world: World) -> None:
        if self.draw.random() > EDITS:
            return
        self.made += 1
        name = self.draw.choice(ENVIRONMENTS)
        store = world.store
        registry = self.draw.choice(MemoryStore.environment(store, name).registries)
        number = int(registry.address.host.removeprefix("registry-").removesuffix(".corp"))
        match self.draw.randrange(3):
            case 0:
                add(world, name, number)
            case 1:
                store.deactivate(name, registry.id)
            case _:
                store.activate(name, registry.id)


def run(seed: int) -> Iterator[str]:
    """One month; what is wrong with it."""
    draw = random.Random(seed)  # noqa: S311
    lives = [draw.choice([*Life]) for _ in range(TOKENS)]
    faultless = seed % FAULTLESS == 0
    windows = [
        Window(
            draw.choice([*Kind]),
            draw.randrange(int(DAYS * DAY / MINUTE)) * MINUTE,
            draw.randint(1, LONGEST) * MINUTE,
            draw.choice([None, 0, 1]),
        )
        for _ in range(0 if faultless else FAULTS)
    ]
    people = People(draw)
    started = process_time()
    world = simulate(lives, ADDRESSES, windows, DAYS * DAY, None if faultless else people)
    wrong = [*violations(world, faultless=faultless)]
    calls = sum(each.what == "made" for some in world.attempts.values() for each in some)
    fewest = sum(DAYS * DAY / ASSUMED.get(life, SECONDS[life]) for life in lives)
    told = ", no faults" if faultless else f", {len(windows)} faults, {people.made} changes"
    print(
        f"seed {seed}{told}: {len(world.down)} restarts, {calls:,} calls ({calls / fewest:.2f} of "
        f"the fewest), {len(world.lapses)} lapses in {lapsed(world)}, {len(wrong)} violations, "
        f"{process_time() - started:.1f} s",
        flush=True,
    )
    yield from (f"seed {seed}: {line}" for line in wrong)


def lapsed(world: World) -> str:
    return clock(sum(repaired - end for _, _, end, repaired in world.lapses))


def main() -> int:
    """Run all; 1 if anything is wrong."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help=f"{FEW} runs, not {RUNS}")
    parser.add_argument("--seed", type=int, help="this run alone")
    options = parser.parse_args()
    seeds = [*range(FEW if options.small else RUNS)]
    wrong = [line for seed in seeds if options.seed in {None, seed} for line in run(seed)]
    if options.seed is not None and options.seed not in seeds:
        wrong = [*run(options.seed)]
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
