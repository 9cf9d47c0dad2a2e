"""How a benchmark is run and told: its options, its parts, its bounds and its page."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Final

from tests.benchmarks.measuring import Bound, Section, table

# Not every round is quiet, least of all in a small run: a missed bound is measured again before it
# counts.
ATTEMPTS: Final = {False: 2, True: 4}
# Even so a small run on a busy machine is off by this much; it is there to see a collapse.
SLACK: Final = {False: 1.0, True: 1.25}


def run(section: Section, attempts: int) -> list[Bound]:
    """Measure a part, and again while it misses a bound and attempts are left."""
    for _ in range(attempts):
        section.measure()
        if all(bound.kept for bound in section.bounds()):
            break
    return section.bounds()


def rewrite(page: Path, blocks: dict[str, str]) -> None:
    """Put the tables between their markers in a page."""
    text = page.read_text("utf-8")
    for name, block in blocks.items():
        begin, end = f"<!-- bench: {name} -->", "<!-- bench: end -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            msg = f"{page} has no place for {name}"
            raise ValueError(msg)
        text = f"{before}{begin}\n\n{block}\n\n{end}{after}"
    page.write_text(text, "utf-8")


def arguments(description: str | None, given: list[str] | None = None) -> Namespace:
    """Read the command line."""
    parser = ArgumentParser(description=description)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--write", type=Path, metavar="PAGE", help="rewrite the tables in a page")
    choice.add_argument("--small", action="store_true", help="fewer rounds, under a minute")
    return parser.parse_args(given)


def report(bounds: list[Bound], blocks: dict[str, str], chosen: Namespace) -> int:
    """Print what was measured, perhaps into a page too; 1 if a bound is missed."""
    blocks |= {
        "bounds": table(
            ["what must hold", "bound", "measured", "verdict"], [bound.cells for bound in bounds]
        )
    }
    for block in blocks.values():
        print(f"\n{block}")
    print()
    for bound in bounds:
        print(bound)
    if chosen.write:
        rewrite(chosen.write, blocks)
    return 0 if all(bound.within(SLACK[chosen.small]) for bound in bounds) else 1
