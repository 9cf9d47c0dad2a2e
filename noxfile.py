"""What is run, with which packages, on which Pythons.

Plain ``nox`` runs all default tests. ``nox -l`` lists the rest.
"""

import os
import shutil
import subprocess
from pathlib import Path

import nox

nox.needs_version = ">=2026.10"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["core", "typing", "tests"]

PROJECT = nox.project.load_toml("pyproject.toml")
EXAMPLES = sorted(Path("examples").glob("*.py"))

# What runs with the two dependencies and the group `core` alone.
CORE_TESTS = [
    "tests/core",
    "tests/testing",
    "tests/programs",
    "tests/examples",
    "tests/hosts/test_files.py",
    "--ignore=tests/programs/test_render.py",  # its documents need extras
]

# What needs the extras of the stores, for types and tests alike.
STORES = [Path("src/wharfinger/stores"), Path("tests/stores"), Path("tests/stores_long")]

# What needs clients, registries and engines from Debian.
INTEGRATION = Path("tests/integration")


def find_python(version: str) -> str | None:
    """Return the first CPython of that version that runs.

    Every candidate is asked, because pyenv puts shims on the PATH that fail, and keeps the
    interpreters behind them elsewhere.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    folders = [*os.get_exec_path(), *map(str, pyenv.glob("versions/*/bin"))]
    question = "import sys; print(sys.implementation.name, '%d.%d' % sys.version_info[:2])"
    for folder in folders:
        if candidate := shutil.which(f"python{version}", path=folder):
            answer = subprocess.run(
                [candidate, "-c", question], capture_output=True, check=False, text=True
            )
            if answer.stdout.strip() == f"cpython {version}":
                return candidate
    return None


PYTHONS = {version: find_python(version) for version in ("3.11", "3.12", "3.13", "3.14", "3.15")}
FOUND = {version: path for version, path in PYTHONS.items() if path}
MISSING = [version for version in PYTHONS if version not in FOUND]


def group(name: str) -> list[str]:
    """Return the requirements of a dependency group."""
    return list(nox.project.dependency_groups(PROJECT, name))


@nox.session
@nox.parametrize(
    "python",
    [nox.param(path, id=version) for version, path in FOUND.items()]
    or [nox.param(None, id="none")],
)
def core(session: nox.Session) -> None:
    """Test with five packages alone, on every CPython found."""
    if MISSING:
        session.warn(f"not found, so not run: CPython {', '.join(MISSING)}")
    if not FOUND:
        session.error("no CPython to test on")
    session.install(".", *group("core"))
    # Few examples on every Python; the session `tests` draws many on one.
    session.env["WHARFINGER_HYPOTHESIS"] = "fast"
    session.run("pytest", *(session.posargs or CORE_TESTS))


@nox.session
def typing(session: nox.Session) -> None:
    """Check types with the same five packages."""
    session.install(".", *group("core"))
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Run every test, the doctests, the core's coverage and the import contracts."""
    session.install("-e", ".[yaml,trust,ecr,google]", *group("test"))
    # Measuring takes twice the time, and all of the core's tests are in its own folders.
    measured = ["tests/core", "tests/testing"]
    session.run("coverage", "run", "-m", "pytest", *measured)
    session.run("coverage", "report", "--include=src/wharfinger/core/*", "--fail-under=100")
    session.run("pytest", "-n", "auto", *(f"--ignore={folder}" for folder in measured))
    session.run("pytest", "--doctest-modules", "src", "--ignore=src/wharfinger/stores")
    session.run("lint-imports")


@nox.session(default=False)
def stores(session: nox.Session) -> None:
    """Check the stores on SQLite and PostgreSQL, with their extras installed."""
    session.install(".[sql,postgres,sealed]", *group("stores"))
    # Named one by one, for what is found in a folder is excluded.
    files = [str(path) for room in STORES for path in sorted(room.rglob("*.py"))]
    session.run("mypy", *files, "tests/benchmarks/stores.py")
    session.run("pytest", *(session.posargs or ["tests/stores"]))
    # Alembic alone imports its environment.
    alembic = "--ignore=src/wharfinger/stores/migrations/env.py"
    session.run("pytest", "--doctest-modules", "src/wharfinger/stores", alembic)


@nox.session(default=False)
def integration(session: nox.Session) -> None:
    """Let real clients pull from real registries. What Debian brings is named where it lacks."""
    session.install(".[sql,sealed,yaml,trust]", *group("integration"))
    session.run("mypy", *(str(path) for path in sorted(INTEGRATION.rglob("*.py"))))
    session.run("pytest", *(session.posargs or [str(INTEGRATION)]))


@nox.session(default=False)
def pyright(session: nox.Session) -> None:
    """Check that the public types of the installed package are complete."""
    session.install(".[sql,postgres,sealed,yaml]", *group("pyright"))
    session.run("pyright", "--verifytypes", "wharfinger", "--ignoreexternal")


@nox.session(default=False)
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Build the documentation into docs/_build/html and run its doctests."""
    session.install(".[sql,sealed,yaml,ecr,google]", *group("docs"))
    for builder in ("html", "doctest"):
        session.run("sphinx-build", "-nWE", "-b", builder, "docs", f"docs/_build/{builder}")


@nox.session(default=False)
def examples(session: nox.Session) -> None:
    """Run every example as its reader would."""
    session.install(".")
    for example in EXAMPLES:
        session.run("python", str(example))


@nox.session(default=False, reuse_venv=False)
def import_cost(session: nox.Session) -> None:
    """Measure what ``import wharfinger`` costs in a fresh environment."""
    session.install(".")
    session.run("python", "tests/import_cost.py")


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure beside the peers and write the performance page; `-- --small` checks in a minute."""
    session.install(".", *group("bench"))
    options = session.posargs or ["--write", "docs/performance.md"]
    session.run("python", "-m", "tests.benchmarks.peers", *options)
    functions = ["--benchmark-disable"] if "--small" in options else []
    session.run("pytest", "tests/benchmarks", *functions)


@nox.session(default=False)
def bench_stores(session: nox.Session) -> None:
    """Measure the stores beside SQLAlchemy and the drivers; `-- --small` checks in a minute."""
    session.install(".[sql,postgres,sealed]", *group("stores"))
    options = session.posargs or ["--write", "docs/performance-stores.md"]
    session.run("python", "-m", "tests.benchmarks.stores", *options)


@nox.session(default=False)
def stores_long(session: nox.Session) -> None:
    """Kill 500 writers and race 8, on SQLite and PostgreSQL; `-- --small` takes a minute or two."""
    session.install(".[sql,postgres,sealed]", *group("stores"))
    for program in ("kills", "race"):
        session.run("python", "-m", f"tests.stores_long.{program}", *session.posargs)


@nox.session(default=False)
def sources_long(session: nox.Session) -> None:
    """Let an updater work for twenty months of simulated time; `-- --small` for three."""
    session.install(".[ecr,google]", *group("core"))
    for program in ("tests.sources_long.month", "tests.benchmarks.updater"):
        session.run("python", "-m", program, *session.posargs)


@nox.session(default=False, python=FOUND.get("3.11"))
def fuzz(session: nox.Session) -> None:
    """Fuzz the core for 30 seconds, or as many as are given; `-- 600 --write` makes the corpus."""
    session.install(".", *group("fuzz"))
    session.run("python", "-m", "tests.fuzz.fuzz_reference", *session.posargs)


@nox.session(default=False)
def mutation(session: nox.Session) -> None:
    """Mutate the core and count what the tests kill; `-- --small` mutates the decision alone."""
    session.install(".", *group("mutation"))
    fast = {"WHARFINGER_HYPOTHESIS": "fast"}
    session.run("python", "-m", "tests.mutation.report", *session.posargs, env=fast)


@nox.session(default=False, venv_backend="none")
def long(session: nox.Session) -> None:
    """Run what takes long: whole benchmarks, kills, ten minutes of fuzzing, every mutant."""
    session.notify("bench")
    session.notify("bench_stores")
    session.notify("stores_long")
    session.notify("sources_long")
    session.notify("fuzz", ["600"])
    session.notify("mutation")
