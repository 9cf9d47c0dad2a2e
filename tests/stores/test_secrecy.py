"""A planted secret is in no file, log, exception, event, pickle or process of a sealed store."""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import sqlalchemy as sa

import wharfinger
from tests.stores.secrecy import MARK, assert_silent
from wharfinger import Credential, Secret, StaleResolution, WharfingerError, resolve
from wharfinger.stores import (
    UNSEALED,
    KeyNotFound,
    SealingKeys,
    SecretTampered,
    SQLStore,
    StoreCorrupt,
    StoreError,
    WrongKey,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.stores.conftest import PostgreSQL

# Long enough for pages of its own, so that it is looked for wherever a database keeps such.
CANARY: Final = f"{MARK}-" * 3
LONG: Final = MARK * 1000


def papers(text: str = CANARY) -> Credential:
    return Credential("ci", Secret(text), email="ci@acme.example")


def use(store: SQLStore) -> None:
    """Everything that is done with secrets."""
    for text in (CANARY, LONG):
        for _ in range(3):
            store.add("ci", "quay.io", papers(text))
        store.update("ci", "ci/1", papers(text))
        store.remove("ci", store.environment("ci").registries[-1].id)
        answer = resolve("quay.io/a", store.environment("ci"))
        assert store.credential("ci", answer) == papers(text)
        assert len(store.credentials("ci")) == 1
    store.reseal()


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_no_file_of_sqlite(tmp_path: Path, keys: SealingKeys) -> None:
    """The secret is in no file: database, write-ahead log, or what else is beside them."""
    store = SQLStore.open(f"sqlite:///{tmp_path / 'registries.db'}", seal=keys)
    use(store)
    assert {"registries.db", "registries.db-wal"} <= {Path(name).name for name in files(tmp_path)}
    for when in ("open", "closed"):
        for name, content in files(tmp_path).items():
            for form in (MARK.encode(), MARK.encode("utf-16-le"), MARK.encode().hex().encode()):
                assert form not in content, (when, name)
        store.close()


def test_no_file_of_postgresql(postgresql: PostgreSQL, keys: SealingKeys) -> None:
    store = SQLStore.open(postgresql.new(), seal=keys)
    use(store)
    postgresql.execute("CHECKPOINT")
    store.close()
    found = files(Path(postgresql.server.pgdata))
    assert any("pg_wal" in name for name in found)
    assert [name for name, content in found.items() if MARK.encode() in content] == []


def test_what_is_removed_from_an_unsealed_file(tmp_path: Path) -> None:
    """R8: even in plain text a secret that was removed is overwritten in a file that is closed."""
    store = SQLStore.open(f"sqlite:///{tmp_path / 'registries.db'}", seal=UNSEALED)
    store.add("ci", "quay.io", papers())
    store.add("ci", "quay.io", papers(LONG))
    store.update("ci", "ci/1", papers("x"))
    store.remove("ci", "ci/2")
    store.close()
    for name, content in files(tmp_path).items():
        assert MARK.encode() not in content, name


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "unsealed"])
def test_no_log(
    url: str, keys: SealingKeys, caplog: pytest.LogCaptureFixture, *, sealed: bool
) -> None:
    """Whatever SQLAlchemy, Alembic and the drivers log, at the finest level, has no secret.

    Nor has it where a store keeps secrets in plain text: SQLAlchemy logs the rows that it reads.
    """
    names = ("sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool", "alembic", "psycopg", "stamina")
    for name in names:
        caplog.set_level(logging.DEBUG, logger=name)
    store = SQLStore.open(url, seal=keys if sealed else UNSEALED)
    use(store)
    store.close()
    sealing = SQLStore.open(url, seal=keys.rotated() if sealed else keys)
    assert sealing.reseal() > 0
    sealing.close()
    assert "INSERT INTO wharfinger_registries" in caplog.text
    assert "Row (" in caplog.text
    assert "<stored secret>" in caplog.text
    assert MARK not in caplog.text


def test_no_statement_that_runs(postgresql: PostgreSQL) -> None:
    """What the server shows of the statements that run has no secret, unsealed ones neither."""
    url = postgresql.new()
    store, other = (SQLStore.open(url, seal=UNSEALED) for _ in range(2))
    shown: list[str] = []

    def look(*_event: object) -> None:
        activity = "SELECT query FROM pg_stat_activity"
        shown.extend(other._database.read(lambda c: c.exec_driver_sql(activity).scalars().all()))

    sa.event.listen(store._database._engine, "after_cursor_execute", look)
    use(store)
    for opened in (store, other):
        opened.close()
    for statement in ("INSERT INTO", "UPDATE"):
        assert any(query.startswith(f"{statement} wharfinger_registries") for query in shown)
    assert MARK not in f"{shown}"


def broken(store: SQLStore, url: str) -> dict[str, Callable[[], object]]:
    """Ways of making a store fail while it holds the secret."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)

    def change(statement: str) -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)

    def copied() -> None:
        change("UPDATE wharfinger_registries SET username = 'other'")
        store.credentials("ci")

    def without_a_table() -> None:
        change("DROP TABLE wharfinger_events")
        store.add("ci", "quay.io", papers())

    def without_a_table_again() -> None:
        store.update("ci", "ci/1", papers())

    def unkeepable() -> None:
        store.add("ci", "quay.io", papers(), added_by="\ud800")

    def unknown() -> None:
        store.update("ci", "ci/9", papers())

    def nowhere() -> None:
        store.update("nowhere", "ci/1", papers())

    return {
        "unkeepable": unkeepable,
        "unknown": unknown,
        "nowhere": nowhere,
        "copied": copied,
        "without a table": without_a_table,
        "without a table again": without_a_table_again,
    }


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "unsealed"])
def test_no_exception(url: str, keys: SealingKeys, sealed: bool) -> None:  # noqa: FBT001
    """No error has a secret in its text, arguments, chain or frames; unsealed neither."""
    store = SQLStore.open(url, seal=keys if sealed else UNSEALED)
    use(store)
    for name, call in broken(store, url).items():
        if name == "copied" and not sealed:
            continue
        with pytest.raises(WharfingerError) as caught:
            call()
        assert_silent(caught.value)
        assert caught.value.__context__ is None, name
        assert MARK not in repr(pickle.loads(pickle.dumps(caught.value)))  # noqa: S301  # made here
        if name == "copied":
            assert isinstance(caught.value, SecretTampered)
        if name.startswith("without"):
            assert isinstance(caught.value, StoreError)
    store.close()


def test_no_error_about_an_unsealed_row(url: str, keys: SealingKeys) -> None:
    """The rows that were read for an answer that no longer holds are in no frame in plain text."""
    store = SQLStore.open(url, seal=UNSEALED)
    use(store)
    answer = resolve("quay.io/a", store.environment("ci"))
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    sealed = SQLStore.open(url, seal=keys)
    with pytest.raises(KeyNotFound) as unsealed:
        sealed.credential("ci", answer)
    assert_silent(unsealed.value)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE wharfinger_registries SET kind = 'x'")
    with pytest.raises(StoreCorrupt) as damaged:
        store.credential("ci", answer)
    assert_silent(damaged.value)
    store.deactivate("ci", answer.registry.id if answer.registry else "")
    with pytest.raises(StaleResolution) as stale:
        store.credential("ci", answer)
    assert_silent(stale.value)
    for opened in (store, sealed):
        opened.close()


def test_no_error_of_keys(url: str, keys: SealingKeys) -> None:
    store = SQLStore.open(url, seal=keys)
    use(store)
    with pytest.raises(WrongKey) as wrong:
        SQLStore.open(url, seal=SealingKeys.generate())
    assert_silent(wrong.value)
    new = SQLStore.open(url, seal=keys.rotated())
    new.add("ci", "quay.io", papers())
    new.close()
    with pytest.raises(KeyNotFound) as missing:
        store.credentials("ci")
    assert_silent(missing.value)
    store.close()


def test_nothing_shown(url: str, keys: SealingKeys) -> None:
    """Neither the events, nor the store's text, nor a pickle of what it hands out has it."""
    store = SQLStore.open(url, seal=keys)
    use(store)
    events = store.events()
    environment = store.environment("ci")
    answer = resolve("quay.io/a", environment)
    for value in (events, store, environment, answer, store.credentials("ci"), store._database):
        assert MARK not in f"{value!r} {value}"
    assert MARK.encode() not in pickle.dumps((events, environment, answer))
    with pytest.raises(TypeError):
        pickle.dumps(store)
    store.close()


# What is kept between two calls: nothing decrypted.


def test_no_secret_is_kept(url: str, keys: SealingKeys) -> None:
    """R9: between two calls no object of the process holds a secret that was read or written."""
    import gc

    store = SQLStore.open(url, seal=keys)
    use(store)
    gc.collect()
    held = [found.reveal() for found in gc.get_objects() if type(found) is Secret]
    assert not any(MARK in text for text in held)
    store.close()


def test_no_process(tmp_path: Path) -> None:
    """A process that uses a secret shows it in neither its arguments nor its environment."""
    code = """if True:
        import sys
        from wharfinger import Credential, Secret
        from wharfinger.stores import SQLStore, SealingKeys
        keys = SealingKeys.generate()
        store = SQLStore.open(sys.argv[1], seal=keys)
        store.add("ci", "quay.io", Credential("u", Secret(sys.stdin.readline().strip())))
        print("added", flush=True)
        sys.stdin.read()
    """
    where = str(Path(wharfinger.__path__[0]).parent)
    with subprocess.Popen(
        [sys.executable, "-c", code, f"sqlite:///{tmp_path / 'registries.db'}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": where},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{CANARY}\n")
        process.stdin.flush()
        assert process.stdout.readline() == "added\n"
        for part in ("cmdline", "environ"):
            shown = Path(f"/proc/{process.pid}/{part}").read_bytes()
            assert shown
            assert MARK.encode() not in shown
        process.communicate()
