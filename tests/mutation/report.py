"""Mutate the core, and say of each module how many of its mutants the tests have killed.

``python -m tests.mutation.report`` runs mutmut on every module of ``[tool.mutmut]``; ``--small`` on
the decision alone; ``--last`` tells of the last run again. The mutants nothing has killed are
shown, and fewer than 90 % killed are a failure.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

MUTANTS: Final = Path("mutants")
CHILDREN: Final = 2
LEAST: Final = 90.0
SMALL: Final = ("wharfinger.core.resolver.x_resolve*", "wharfinger.core.settings.x_canonical*")

# How the tests of a mutant have ended, as mutmut writes it down.
SURVIVED: Final = 0
UNTESTED: Final = 33
KILLED: Final = {
    1: "a test failed",
    2: "the tests could not be imported",
    3: "pytest failed",
    -24: "it took too long",
    24: "it took too long",
    152: "it took too long",
}


def main() -> int:
    """Mutate, run the tests of every mutant, and report.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(description=main.__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--small", action="store_true", help="mutate the decision alone")
    which.add_argument("--last", action="store_true", help="tell of the last run again")
    parser.add_argument("--no-diffs", action="store_true", help="only name the survivors")
    arguments = parser.parse_args()
    began = time.monotonic()
    if not arguments.last:
        shutil.rmtree(MUTANTS, ignore_errors=True)
        MUTANTS.mkdir()
        mutmut = Path(sys.executable).with_name("mutmut")
        command = [str(mutmut), "run", f"--max-children={CHILDREN}"]
        if arguments.small:
            command += SMALL
        log = MUTANTS / "mutmut.log"
        with log.open("w") as output:
            ended = subprocess.run(command, check=False, stdout=output, stderr=subprocess.STDOUT)
        if ended.returncode:
            print(log.read_text("utf-8").replace("\r", "\n")[-8000:])
            return ended.returncode
    return report(diffs=not arguments.no_diffs, seconds=time.monotonic() - began)


def report(*, diffs: bool, seconds: float) -> int:
    """Print a table of the modules, and the survivors."""
    survivors: list[str] = []
    total: Counter[str] = Counter()
    print(f"{'module':<36} {'mutants':>7} {'killed':>7} {'survived':>8} {'percent':>8}")
    for path in sorted(MUTANTS.rglob("*.meta")):
        codes: dict[str, int | None] = json.loads(path.read_text("utf-8"))["exit_code_by_key"]
        run = {name: code for name, code in codes.items() if code is not None}
        alive = [name for name, code in run.items() if code not in KILLED]
        if run:
            row("wharfinger.core." + path.name.partition(".")[0], len(run), len(alive))
        survivors += alive
        total["mutants"] += len(run)
    row("all", total["mutants"], len(survivors))
    if seconds >= 1:
        print(f"took {seconds:.0f} s")
    for name in survivors:
        print(f"\n{name}\n{difference(name)}" if diffs else name)
    return int(percent(total["mutants"], len(survivors)) < LEAST)


def row(module: str, mutants: int, alive: int) -> None:
    """Print one line of the table."""
    share = percent(mutants, alive)
    print(f"{module:<36} {mutants:>7} {mutants - alive:>7} {alive:>8} {share:>7.1f}%")


def percent(mutants: int, alive: int) -> float:
    """How many of a hundred were killed; of none, none."""
    return 100 * (mutants - alive) / mutants if mutants else 0.0


def difference(name: str) -> str:
    """What a mutant changes."""
    from mutmut.mutation.diff_apply import find_mutant, get_diff_for_mutant

    lines = get_diff_for_mutant(name, path=find_mutant(name).path).splitlines()
    return "\n".join(line for line in lines if line[:1] in "+-@" and line[:3] not in {"+++", "---"})


if __name__ == "__main__":
    sys.exit(main())
