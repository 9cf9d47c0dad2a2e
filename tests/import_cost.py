"""Measure the import: `python tests/import_cost.py`, where the wheel is installed.

CPU time, user and system, of a bare interpreter and of one that imports the package; medians of
interleaved rounds. Exits 1 when the ratio is above the limit, or when the import loads what it must
not.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

ROUNDS = 31
LIMIT = 4.2
AIM = 3.2
UNWANTED = ("attrs", "attr", "typing_extensions", "sqlite3", "importlib.metadata", "socket")


def cpu(program: str) -> float:
    """The CPU time of one process, in milliseconds.

    Args:
        program: What it runs.

    Returns:
        User and system time.

    Raises:
        SystemExit: When it fails.
    """
    arguments = [sys.executable, "-I", "-c", program]
    child = os.posix_spawn(sys.executable, arguments, os.environ)
    _, status, usage = os.wait4(child, 0)
    if status:
        sys.exit(f"{arguments} failed")
    return 1000 * (usage.ru_utime + usage.ru_stime)


def unwanted() -> str:
    """What importing loads that it must not, as text.

    Returns:
        The names of the modules, none where all is well.
    """
    program = (
        "import sys; already = set(sys.modules); import wharfinger; "
        f"print(*(n for n in {UNWANTED!r} if n in sys.modules and n not in already))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def main() -> int:
    """Measure, print and judge.

    Returns:
        The exit code.
    """
    bare, imported = [], []
    for _ in range(1 + ROUNDS):
        bare.append(cpu(""))
        imported.append(cpu("import wharfinger"))
    # The first round warms up: files into memory, bytecode onto the disk.
    one, other = statistics.median(bare[1:]), statistics.median(imported[1:])
    ratio = other / one
    print(f"python -I -c ''                   {one:6.2f} ms")
    print(f"python -I -c 'import wharfinger'  {other:6.2f} ms")
    print(f"ratio {ratio:.2f}, at most {LIMIT}, aim {AIM}")
    loaded = unwanted()
    if loaded:
        print(f"loaded, and must not be: {loaded}")
    return int(ratio > LIMIT or bool(loaded))


if __name__ == "__main__":
    sys.exit(main())
