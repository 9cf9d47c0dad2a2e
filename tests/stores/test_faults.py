"""What fails around a store is told as what to do about it, and loses nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Final

import pytest
import sqlalchemy as sa

from tests.stores.conftest import fill, papers
from wharfinger import Credential, EnvironmentNotFound, Secret, resolve
from wharfinger.stores import (
    SealingKeys,
    SQLStore,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreNotFound,
    StoreNotWritable,
    StoreUnavailable,
    events,
    schema,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.stores.conftest import PostgreSQL

IMAGE: Final = "quay.io/acme/api"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wharfinger.stores.database.BUSY_SECONDS", 0.2)
    monkeypatch.setattr("wharfinger.stores.database.RETRY_SECONDS", 1.0)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB, which needs the right to mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True)  # noqa: S607
    yield folder
    subprocess.run(["umount", folder], check=True)  # noqa: S607


def remount(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)  # noqa: S607


def secret_of(store: SQLStore) -> str:
    credential = store.credential("ci", resolve(IMAGE, store.environment("ci")))
    assert credential is not None
    return credential.secret.reveal()


def test_a_full_disk(disk: Path, keys: SealingKeys) -> None:
    """What was acknowledged is there, the one that did not fit is not, and room mends it."""
    url = f"sqlite:///{disk / 'registries.db'}"
    store = SQLStore.open(url, seal=keys)
    added = 0

    def fill_it() -> None:
        nonlocal added
        while True:
            store.add("ci", "quay.io", Credential("u", Secret("x" * 20_000)))
            added += 1

    with pytest.raises(StoreFull, match="no room left") as caught:
        fill_it()
    assert caught.value.__context__ is None
    assert added > 5
    assert len(store.environment("ci").registries) == added
    assert secret_of(store) == "x" * 20_000
    with suppress(StoreFull):  # what is small may fit
        store.deactivate("ci", "ci/1")
    remount(disk, "size=8m")
    assert store.add("ci", "quay.io", papers("u")).sequence == added + 1
    store.close()
    store = SQLStore.open(url, seal=keys)
    assert [r.sequence for r in store.environment("ci").registries] == list(range(1, added + 2))
    assert secret_of(store) == "secret of u"
    store.close()


def test_no_room_for_a_new_store(disk: Path, keys: SealingKeys) -> None:
    with suppress(OSError):
        (disk / "ballast").write_bytes(bytes(2_000_000))
    with pytest.raises(StoreFull):
        SQLStore.open(f"sqlite:///{disk / 'registries.db'}", seal=keys)


@pytest.fixture
def small(postgresql: PostgreSQL) -> Iterator[tuple[str, Path]]:
    """An empty database of a server that keeps its tables on a disk of 1 MB, and the disk."""
    data = Path(postgresql.server.pgdata)
    owner = data.stat()
    disk = data.with_name("small")
    disk.mkdir()
    options = f"size=1m,mode=700,uid={owner.st_uid},gid={owner.st_gid}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk], check=True)  # noqa: S607
    try:
        postgresql.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
        url = postgresql.new()
        yield f"{url}+-cdefault_tablespace%3Dsmall", disk
        postgresql.execute(f"DROP SCHEMA {url.rpartition('%3D')[2]} CASCADE")
        postgresql.execute("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)  # noqa: S607


def test_a_full_disk_of_the_server(small: tuple[str, Path], keys: SealingKeys) -> None:
    """The same on PostgreSQL, whose tables compress: every secret is noise."""
    url, disk = small
    store = SQLStore.open(url, seal=keys)
    added = 0

    def fill_it() -> None:
        nonlocal added
        while True:
            store.add("ci", "quay.io", Credential("u", Secret(token_hex(8_000))))
            added += 1

    with pytest.raises(StoreFull, match="no room left") as caught:
        fill_it()
    assert caught.value.__context__ is None
    assert added > 5
    assert len(store.environment("ci").registries) == added
    assert len(secret_of(store)) == 16_000
    remount(disk, "size=8m")
    assert store.add("ci", "quay.io", papers("u")).sequence == added + 1
    store.close()


def test_a_read_only_folder(disk: Path, keys: SealingKeys) -> None:
    """On a disk that can't be written to a store says so, and has changed nothing."""
    url = f"sqlite:///{disk / 'registries.db'}"
    store = SQLStore.open(url, seal=keys)
    fill(store)
    store.close()
    remount(disk, "ro")
    for place in (url, f"sqlite:///{disk / 'new.db'}"):
        with pytest.raises(StoreNotWritable) as caught:
            SQLStore.open(place, seal=keys)
        assert isinstance(caught.value, PermissionError)
    with pytest.raises(StoreNotWritable):
        store.add("ci", "quay.io", papers("u"))
    remount(disk, "rw")
    assert store.environment("ci").additions == 3
    assert secret_of(store) == "secret of new"
    store.close()


def test_a_read_only_file(tmp_path: Path, keys: SealingKeys) -> None:
    path = tmp_path / "registries.db"
    store = SQLStore.open(f"sqlite:///{path}", seal=keys)
    fill(store)
    reading = SQLStore.open(f"sqlite:///file:{path}?mode=ro&uri=true", seal=keys)
    assert secret_of(reading) == "secret of new"
    with pytest.raises(StoreNotWritable, match="may not be written to"):
        reading.add("ci", "quay.io", papers("u"))
    assert store.environment("ci") == reading.environment("ci")
    reading.close()
    store.close()


def test_a_folder_that_is_not_there(tmp_path: Path, keys: SealingKeys) -> None:
    """A slip in a path is told at once, and nothing is made."""
    began = time.monotonic()
    with pytest.raises(StoreNotWritable, match="look at its folder"):
        SQLStore.open(f"sqlite:///{tmp_path}/nowhere/registries.db", seal=keys)
    assert time.monotonic() - began < 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_goes_and_comes_back(tmp_path: Path, keys: SealingKeys) -> None:
    """Gone, a file is named and not made anew; back, the same store goes on."""
    path = tmp_path / "registries.db"
    store = SQLStore.open(f"sqlite:///{path}", seal=keys)
    fill(store)
    environment = store.environment("ci")
    answer = resolve(IMAGE, environment)
    store.close()
    path.rename(tmp_path / "away.db")
    calls: tuple[Callable[[], object], ...] = (
        lambda: store.environment("ci"),
        lambda: store.credential("ci", answer),
        lambda: store.add("ci", "quay.io", papers("u")),
    )
    for call in calls:
        with pytest.raises(StoreNotFound, match=f"no file {path}") as caught:
            call()
        assert caught.value.__context__ is None
    assert [found.name for found in tmp_path.iterdir()] == ["away.db"]
    (tmp_path / "away.db").rename(path)
    assert store.environment("ci") is environment
    assert secret_of(store) == "secret of new"
    assert store.add("ci", "quay.io", papers("u")).sequence == 4
    store.close()


@pytest.mark.parametrize("idle", [True, False])
def test_a_file_that_is_replaced(tmp_path: Path, keys: SealingKeys, *, idle: bool) -> None:
    """What an open store writes, it writes to the file that is there, and not to the one before."""
    path = tmp_path / "registries.db"
    store = SQLStore.open(f"sqlite:///{path}", seal=keys)
    fill(store)
    answer = resolve(IMAGE, store.environment("ci"))
    if idle:
        store.close()
    for part in tmp_path.glob("registries.db*"):
        part.rename(tmp_path / part.name.replace("registries", "away"))
    for call in (lambda: store.environment("ci"), lambda: store.credential("ci", answer)):
        with pytest.raises(StoreNotFound, match=f"no file {path}") as caught:
            call()
        assert caught.value.__context__ is None
    new = SQLStore.open(f"sqlite:///{path}", seal=keys)
    new.create("cd")
    assert store.environments() == ("cd",)
    with pytest.raises(EnvironmentNotFound):
        store.credential("ci", answer)
    store.add("cd", "quay.io", papers("u"))
    assert new.environment("cd").additions == 1
    for opened in (store, new):
        opened.close()


@pytest.mark.parametrize("content", [b"SQLite format 4\0" * 500, b"\xff" * 5000, b"hello" * 200])
def test_a_garbage_file(tmp_path: Path, keys: SealingKeys, content: bytes) -> None:
    """What is no database is named so, and is not touched."""
    path = tmp_path / "registries.db"
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt, match="bring back a copy") as caught:
        SQLStore.open(f"sqlite:///{path}", seal=keys)
    assert caught.value.__context__ is None
    assert path.read_bytes() == content


def everything(store: SQLStore) -> None:
    for name in store.environments():
        store.environment(name)
        store.credentials(name)
    store.events()
    store.add("ci", "quay.io", papers("u"))


@pytest.mark.parametrize("part", [0.02, 0.2, 0.5, 0.9])
def test_a_truncated_file(
    tmp_path: Path, keys: SealingKeys, opened: Callable[[str], SQLStore], part: float
) -> None:
    """Part of a file is named as damaged, when it is opened or when it is read."""
    path = tmp_path / "registries.db"
    store = SQLStore.open(f"sqlite:///{path}", seal=keys)
    for number in range(50):
        store.add("ci", "quay.io", Credential("u", Secret(f"{number}" * 500)))
    store.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(StoreCorrupt, match="bring back a copy"):
        everything(opened(f"sqlite:///{path}"))
    path.write_bytes(whole)
    for beside in tmp_path.glob("registries.db-*"):
        beside.unlink()
    everything(opened(f"sqlite:///{path}"))


LOCK: Final = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_lock_that_stays(tmp_path: Path, keys: SealingKeys) -> None:
    """Locked by another process, a store waits, gives up in time, still reads, and goes on."""
    path = tmp_path / "registries.db"
    store = SQLStore.open(f"sqlite:///{path}", seal=keys)
    fill(store)
    with subprocess.Popen(
        [sys.executable, "-c", LOCK, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="stayed locked") as caught:
            store.add("ci", "quay.io", papers("u"))
        assert time.monotonic() - began < 10
        assert caught.value.uncertain is False
        assert secret_of(store) == "secret of new"
        other.communicate()
    assert store.add("ci", "quay.io", papers("u")).sequence == 4
    store.close()


def test_a_lock_of_postgresql_that_stays(postgresql: PostgreSQL, keys: SealingKeys) -> None:
    """The same where a row, the event log or the whole store is locked and stays so."""
    url = postgresql.new()
    store = SQLStore.open(url, seal=keys)
    fill(store)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    locks = {
        "SELECT FROM wharfinger_environments WHERE name = 'ci' FOR UPDATE": ["add", "reading"],
        f"SELECT pg_advisory_xact_lock({events._LOCK})": ["add", "reading"],
        f"SELECT pg_advisory_xact_lock({schema._LOCK})": ["open"],
        "LOCK TABLE wharfinger_environments": ["read"],
    }
    calls: dict[str, Callable[[], object]] = {
        "add": lambda: store.add("ci", "quay.io", papers("u")),
        "open": lambda: SQLStore.open(url, seal=keys),
        "read": lambda: store.environment("ci"),
    }
    for statement, concerned in locks.items():
        with engine.begin() as other:
            other.exec_driver_sql(statement)
            for name in concerned:
                if name == "reading":
                    assert secret_of(store) == "secret of new"
                    continue
                with pytest.raises(StoreUnavailable, match="stayed locked") as caught:
                    calls[name]()
                assert caught.value.uncertain is False
                assert caught.value.__context__ is None
    assert store.add("ci", "quay.io", papers("u")).sequence == 4
    store.close()


def test_a_database_that_goes_and_comes_back(postgresql: PostgreSQL, keys: SealingKeys) -> None:
    """Gone, a database is waited for and then told; back, the same store goes on."""
    url = postgresql.new()
    store = SQLStore.open(url, seal=keys)
    fill(store)
    environment = store.environment("ci")
    answer = resolve(IMAGE, environment)
    postgresql.stop()
    try:
        calls: tuple[Callable[[], object], ...] = (
            lambda: store.environment("ci"),
            lambda: store.credential("ci", answer),
            lambda: store.add("ci", "quay.io", papers("u")),
            lambda: SQLStore.open(url, seal=keys),
        )
        for call in calls:
            began = time.monotonic()
            with pytest.raises(StoreUnavailable, match="can't be reached") as caught:
                call()
            assert time.monotonic() - began < 15
            assert caught.value.__context__ is None
    finally:
        postgresql.start()
    assert store.environment("ci") is environment
    assert secret_of(store) == "secret of new"
    assert store.add("ci", "quay.io", papers("u")).sequence == 4
    store.close()


def test_a_restart_is_not_noticed(postgresql: PostgreSQL, keys: SealingKeys) -> None:
    """Connections that a restart has broken are made again, and the caller sees nothing of it."""
    store = SQLStore.open(postgresql.new(), seal=keys)
    fill(store)
    for operation in (
        lambda: store.environment("ci"),
        lambda: secret_of(store),
        lambda: store.add("ci", "quay.io", papers("u")),
    ):
        postgresql.stop()
        postgresql.start()
        operation()
    assert store.environment("ci").additions == 4
    store.close()


def test_a_role_that_may_only_read(postgresql: PostgreSQL, keys: SealingKeys) -> None:
    url = postgresql.new()
    store = SQLStore.open(url, seal=keys)
    fill(store)
    readonly = url.replace("options=-c", "options=-cdefault_transaction_read_only%3Don+-c")
    reading = SQLStore.open(readonly, seal=keys)
    assert secret_of(reading) == "secret of new"
    with pytest.raises(StoreNotWritable):
        reading.add("ci", "quay.io", papers("u"))
    assert store.environment("ci").additions == 3
    reading.close()
    store.close()


def test_a_refused_connection(postgresql: PostgreSQL, keys: SealingKeys) -> None:
    """What no waiting mends is told at once."""
    url = postgresql.new().replace("/postgres?", "/nowhere?")
    began = time.monotonic()
    with pytest.raises(StoreError, match="refused the connection; look at its name"):
        SQLStore.open(url, seal=keys)
    assert time.monotonic() - began < 1.5
