"""What a SQL store keeps besides credentials: events, versions, keys, its place in a database."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event as Flag
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from tests.stores.conftest import fill, papers
from wharfinger import (
    EnvironmentExists,
    EnvironmentNotFound,
    RegistryAddress,
    RegistryNotFound,
    Settings,
    resolve,
)
from wharfinger.stores import (
    UNSEALED,
    Event,
    KeyNotFound,
    SchemaTooNew,
    SealingKeys,
    SecretTampered,
    SQLStore,
    StoreCorrupt,
    StoreError,
    WrongKey,
    credentials,
    schema,
)
from wharfinger.stores.database import Database
from wharfinger.testing import strategies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.stores.conftest import PostgreSQL

QUAY: Final = RegistryAddress.parse("quay.io")
IMAGE: Final = "quay.io/acme/api"


def given_to(store: SQLStore, environment: str = "ci", image: str = IMAGE) -> str | None:
    """The secret that an image is pulled with."""
    credential = store.credential(environment, resolve(image, store.environment(environment)))
    return None if credential is None else credential.secret.reveal()


def told(events: list[Event]) -> list[tuple[str, str, str | None, str | None]]:
    return [(event.action, event.environment, event.registry, event.actor) for event in events]


def execute(url: str, *statements: str) -> list[Any]:
    """Do something to a database past its store, and return what the last statement returned."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            result = connection.exec_driver_sql(statement)
        return list(result.all()) if result.returns_rows else []


@contextmanager
def statements(store: SQLStore) -> Iterator[list[str]]:
    """Every statement that a store makes."""
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_more: object) -> None:
        seen.append(statement)

    engine = store._database._engine
    sa.event.listen(engine, "before_cursor_execute", note)
    yield seen
    sa.event.remove(engine, "before_cursor_execute", note)


# Events


def test_every_change_is_an_event(store: SQLStore) -> None:
    """Every change appends one event, in order, of its environment, with whoever made it."""
    store.create("ci")
    store.add("ci", "Quay.io:443", papers("a"), added_by="alice")
    bob = store.acting_as("bob")
    bob.update("ci", "ci/1", papers("b"))
    bob.deactivate("ci", "ci/1")
    store.activate("ci", "ci/1")
    bob.add("cd", "ghcr.io", papers("c"))
    store.acting_as("carol").remove("ci", "ci/1")
    bob.save_settings(Settings(whitelist="quay.io"))
    bob.destroy("ci")
    everything = store.events()
    assert told(everything) == [
        ("created", "ci", None, None),
        ("added", "ci", "ci/1", "alice"),
        ("updated", "ci", "ci/1", "bob"),
        ("deactivated", "ci", "ci/1", "bob"),
        ("activated", "ci", "ci/1", None),
        ("created", "cd", None, "bob"),
        ("added", "cd", "cd/1", "bob"),
        ("removed", "ci", "ci/1", "carol"),
        ("settings-saved", "", None, "bob"),
        ("destroyed", "ci", None, "bob"),
    ]
    assert {event.address for event in everything} == {None, QUAY, RegistryAddress("ghcr.io")}
    assert store.events("ci") == [event for event in everything if event.environment == "ci"]
    assert store.events("nowhere") == []
    sequences = [event.sequence for event in everything]
    assert sequences == sorted(set(sequences))
    assert "secret of" not in repr(everything)


def test_events_are_in_utc(store: SQLStore) -> None:
    before = datetime.now(UTC)
    store.create("ci")
    (event,) = store.events("ci")
    assert event.at.utcoffset() == timedelta(0)
    assert before <= event.at <= datetime.now(UTC)


def test_events_page_by_page(store: SQLStore) -> None:
    fill(store)
    pages, after = [], 0
    while page := store.events(after=after, limit=2):
        pages += page
        after = page[-1].sequence
    assert pages == store.events()
    assert len(pages) == 6


@pytest.mark.parametrize("number", [None, "1", 1.0, True])
def test_what_is_no_number(store: SQLStore, number: Any) -> None:  # noqa: ANN401
    for call in (
        lambda: store.events(after=number),
        lambda: store.events(limit=number),
        lambda: store.reseal(batch=number),
    ):
        with pytest.raises(TypeError, match="is a whole number, not"):
            call()


@pytest.mark.parametrize("actor", [None, 1, b"alice"])
def test_what_is_no_actor(store: SQLStore, actor: Any) -> None:  # noqa: ANN401
    with pytest.raises(TypeError, match="an actor is a str, not"):
        store.acting_as(actor)


def test_numbers_out_of_reach(store: SQLStore) -> None:
    """No event comes after a number that no database counts to; a batch of none seals nothing."""
    fill(store)
    assert store.events(after=10**30) == []
    assert len(store.events(limit=10**30)) == 6
    assert store.events(limit=0) == []
    for name in ("c\0i", "\ud800", "x" * 1000):
        assert store.events(name) == []
    for call in (
        lambda: store.events(after=-1),
        lambda: store.events(limit=-1),
        lambda: store.reseal(batch=0),
    ):
        with pytest.raises(ValueError, match="or more"):
            call()
    assert store.reseal(batch=10**30) == 0


def test_no_event_comes_late(postgresql: PostgreSQL, opened: Callable[[str], SQLStore]) -> None:
    """Of two transactions at once on PostgreSQL, what the reader has read stays all there was.

    The first one has its event's number and does not commit yet. If the second one could commit,
    its event would be read, and the first one's behind it never.
    """
    url = postgresql.new()
    first, second, reader = opened(url), opened(url), opened(url)
    fill(reader)
    at_commit, go = Flag(), Flag()

    def pause(_connection: sa.Connection) -> None:
        at_commit.set()
        assert go.wait(60)

    sa.event.listen(first._database._writing, "commit", pause)
    pages = reader.events()
    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(first.add, "ci", "quay.io", papers("slow"))
        assert at_commit.wait(60)
        fast = threads.submit(second.add, "cd", "quay.io", papers("fast"))
        while not fast.done() and not _waits(reader):
            pass
        pages += reader.events(after=pages[-1].sequence)
        go.set()
        ids = [slow.result(60).id, fast.result(60).id]
    pages += reader.events(after=pages[-1].sequence)
    assert pages == reader.events()
    assert [event.registry for event in pages[-2:]] == ids == ["ci/4", "cd/2"]


def _waits(store: SQLStore) -> bool:
    """Whether anybody waits for a place in the event log."""
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    return bool(store._database.read(lambda c: c.exec_driver_sql(waiting).scalar()))


def test_what_changes_nothing_is_no_event(store: SQLStore) -> None:
    """Repeating what is so, and what is refused, leaves neither an event nor a new version."""
    fill(store)
    environment, before = store.environment("ci"), store.events()
    store.activate("ci", "ci/1")
    with pytest.raises(EnvironmentExists):
        store.create("ci")
    for call in (store.remove, store.activate, store.deactivate):
        with pytest.raises(RegistryNotFound):
            call("ci", "ci/9")
    with pytest.raises(EnvironmentNotFound):
        store.destroy("nowhere")
    assert store.events() == before
    assert store.environment("ci") is environment


# Snapshots


def test_an_unchanged_environment_costs_one_statement(store: SQLStore) -> None:
    """Of an environment that has not changed, its version alone is read."""
    fill(store)
    environment = store.environment("ci")
    with statements(store) as seen:
        assert store.environment("ci") is environment
    assert len([text for text in seen if "SELECT" in text]) == 1
    assert "wharfinger_registries" not in seen[-1]
    assert store.acting_as("bob").environment("ci") is environment


def test_reading_a_credential_costs_one_statement(
    store: SQLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    answer = resolve(IMAGE, store.environment("ci"))
    straight, honest = [], Database.select

    def select(self: Database, query: Any, values: dict[str, Any]) -> Any:  # noqa: ANN401
        straight.append(query)
        return honest(self, query, values)

    monkeypatch.setattr(Database, "select", select)
    with statements(store) as seen:
        assert store.credential("ci", answer) is not None
    assert (len(straight), seen) == (1, [])


def test_another_environments_change_is_none(store: SQLStore) -> None:
    fill(store)
    environment = store.environment("ci")
    store.add("cd", "quay.io", papers("u"))
    store.save_settings(Settings(whitelist="quay.io"))
    store.reseal()
    assert store.environment("ci") is environment


def test_a_successor_of_the_same_name_is_another(store: SQLStore) -> None:
    """R5: an environment destroyed and made again is never taken for the one before."""
    store.add("ci", "quay.io", papers("before"))
    assert store.environment("ci").registries[0].username == "before"
    store.destroy("ci")
    store.add("ci", "quay.io", papers("after"))
    assert store.environment("ci").registries[0].username == "after"


def test_two_handles_see_each_other(url: str, opened: Callable[[str], SQLStore]) -> None:
    """What one handle commits, the other sees at once, in its snapshots and in its secrets."""
    one, other = opened(url), opened(url)
    fill(one)
    seen = other.environment("ci")
    assert seen == one.environment("ci")
    one.deactivate("ci", "ci/1")
    assert other.environment("ci") != seen
    assert other.environment("ci") == one.environment("ci")
    other.update("ci", "ci/3", papers("newer"))
    assert given_to(one) == "secret of newer"
    assert [e.action for e in one.events("ci")] == [e.action for e in other.events("ci")]


# Keys


def sealed_with(url: str) -> set[str]:
    return {key_id for (key_id,) in execute(url, "SELECT key_id FROM wharfinger_registries")}


def test_wrong_keys(url: str, store: SQLStore, keys: SealingKeys) -> None:
    """A store opens with a key that has sealed something in it, and with no other."""
    fill(store)
    for wrong in (SealingKeys.generate(), UNSEALED):
        with pytest.raises(WrongKey, match=keys.ids[0]):
            SQLStore.open(url, seal=wrong)
    other = SQLStore.open(url, seal=keys.rotated())
    assert given_to(other) == "secret of new"
    other.close()


def test_a_missing_key(url: str, store: SQLStore, keys: SealingKeys) -> None:
    """A secret whose key is not given is not read, the others are."""
    fill(store)
    rotated = keys.rotated()
    both = SQLStore.open(url, seal=rotated)
    both.add("ci", "docker.io", papers("hub"))
    both.close()
    assert given_to(store) == "secret of new"
    for call in (lambda: given_to(store, image="ubuntu"), lambda: store.credentials("ci")):
        with pytest.raises(KeyNotFound, match=rotated.ids[0]) as caught:
            call()
        assert caught.value.key_id == rotated.ids[0]
    assert store.environment("ci").additions == 4


def test_reseal(url: str, store: SQLStore, keys: SealingKeys) -> None:
    """Resealed, every secret opens with the new key alone, and nothing else has changed."""
    fill(store)
    environment = store.environment("ci")
    rotated = keys.rotated()
    both = SQLStore.open(url, seal=rotated)
    assert both.reseal(batch=3) == 4
    assert both.reseal() == 0
    both.close()
    assert sealed_with(url) == {rotated.ids[0]}
    assert store.environment("ci") is environment
    new = SQLStore.open(url, seal=rotated.current())
    assert given_to(new) == "secret of new"
    assert new.environment("ci") == environment
    new.close()
    with pytest.raises(KeyNotFound):
        given_to(store)


def test_reseal_is_interruptible(
    url: str, store: SQLStore, keys: SealingKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted anywhere it leaves whole batches, everything opens, and it goes on from there."""
    for number in range(10):
        store.add("ci", "quay.io", papers(f"u{number}"))
    rotated = keys.rotated()
    both = SQLStore.open(url, seal=rotated)
    counting, honest = itertools.count(1), credentials.columns_of

    def interrupted(*args: Any) -> dict[str, Any]:  # noqa: ANN401  # passed on
        if next(counting) == 6:
            raise KeyboardInterrupt
        return honest(*args)

    monkeypatch.setattr(credentials, "columns_of", interrupted)
    with pytest.raises(KeyboardInterrupt):
        both.reseal(batch=2)
    monkeypatch.undo()
    assert sealed_with(url) == {*keys.ids, rotated.ids[0]}
    assert given_to(both) == given_to(store) == "secret of u9"
    both.add("ci", "quay.io", papers("meanwhile"))  # in use all the while
    store.add("ci", "quay.io", papers("sealed before"))
    assert both.reseal(batch=2) == 7
    assert sealed_with(url) == {rotated.ids[0]}
    alone = SQLStore.open(url, seal=rotated.current())
    for expected in ("sealed before", "meanwhile", *(f"u{n}" for n in range(9, -1, -1))):
        assert given_to(alone) == f"secret of {expected}"
        alone.remove("ci", alone.environment("ci").registries[-1].id)
    alone.close()
    both.close()


def test_sealing_what_was_not(url: str, keys: SealingKeys) -> None:
    """An unsealed store is sealed by resealing it, and until then its secrets do not open."""
    plain = SQLStore.open(url, seal=UNSEALED)
    fill(plain)
    store = SQLStore.open(url, seal=keys)
    with pytest.raises(KeyNotFound, match="reseal the store"):
        given_to(store)
    assert store.reseal() == 4
    assert given_to(store) == "secret of new"
    with pytest.raises(KeyNotFound):
        given_to(plain)
    plain.close()
    store.close()


COPY: Final = (
    "UPDATE wharfinger_registries SET secret = (SELECT r.secret FROM wharfinger_registries r"
)
TAMPERINGS: Final = {
    "another registry": f"{COPY} WHERE r.username = 'old')",
    "another environment": f"{COPY} WHERE r.username = 'other')",
    "another address": f"{COPY} WHERE r.username = 'hub')",
    "another username": "UPDATE wharfinger_registries SET username = 'root'",
    "another kind": "UPDATE wharfinger_registries SET kind = 'registry-token'",
    "another name": "UPDATE wharfinger_environments SET name = 'cx' WHERE name = 'ci'",
}


@pytest.mark.parametrize("statement", TAMPERINGS.values(), ids=list(TAMPERINGS))
def test_rows_that_were_copied(url: str, store: SQLStore, statement: str) -> None:
    """R17, R19: a secret does not open in another row, whoever may write to the database."""
    fill(store)
    execute(url, statement)
    name = "cx" if "'cx'" in statement else "ci"
    answer = resolve(IMAGE, store.environment(name))
    for call in (lambda: store.credential(name, answer), lambda: store.credentials(name)):
        with pytest.raises(SecretTampered, match="altered, or copied from elsewhere"):
            call()


def test_rows_of_nonsense(url: str, store: SQLStore) -> None:
    """A row that no store wrote is named as damaged."""
    fill(store)
    for column, value in (("state", "asleep"), ("address", "https://quay.io"), ("kind", "x")):
        execute(url, f"UPDATE wharfinger_registries SET {column} = '{value}'")  # noqa: S608
        with pytest.raises(StoreCorrupt, match="registry ci/"):
            store.credentials("ci")
        honest = {"state": "active", "address": "quay.io", "kind": "password"}[column]
        execute(url, f"UPDATE wharfinger_registries SET {column} = '{honest}'")  # noqa: S608
    execute(url, "UPDATE wharfinger_environments SET orchestration = 'swarm', version = 7")
    with pytest.raises(StoreCorrupt, match="environment ci"):
        store.environment("ci")
    execute(url, "UPDATE wharfinger_environments SET additions = 2")
    with pytest.raises(StoreCorrupt, match="contradict each other"):
        store.add("ci", "quay.io", papers("u"))
    for value in ("", "{}", "[" * 100_000, '{"default_registry": 1}'):
        store.save_settings(Settings())
        execute(url, f"UPDATE wharfinger_settings SET value = '{value}'")  # noqa: S608
        with pytest.raises(StoreCorrupt, match="the settings"):
            store.settings()
    for column, value in (("at", "yesterday"), ("address", "https://quay.io")):
        execute(url, f"UPDATE wharfinger_events SET {column} = '{value}'")  # noqa: S608
        with pytest.raises(StoreCorrupt, match="event 1 "):
            store.events()


@pytest.mark.parametrize(
    ("column", "error"),
    [
        ("address", StoreCorrupt),
        ("username", StoreCorrupt),
        ("added_by", StoreCorrupt),
        ("secret", SecretTampered),
    ],
)
def test_values_of_another_type(
    sqlite_url: str,
    opened: Callable[[str], SQLStore],
    column: str,
    error: type[StoreError],
) -> None:
    """SQLite keeps bytes and numbers in whatever column they are written to."""
    store = opened(sqlite_url)
    fill(store)
    answer = resolve(IMAGE, store.environment("ci"))
    odd = "'hunter2'" if column == "secret" else "x'ff'"
    execute(sqlite_url, f"UPDATE wharfinger_registries SET {column} = {odd}")  # noqa: S608
    calls: tuple[Callable[[], object], ...] = (
        lambda: store.credential("ci", answer),
        lambda: store.credentials("ci"),
    )
    for call in calls:
        with pytest.raises(error, match="ci/"):
            call()
    execute(sqlite_url, "UPDATE wharfinger_environments SET additions = 'x', version = 7")
    with pytest.raises(StoreCorrupt):
        store.environment("ci")
    with pytest.raises(StoreCorrupt):
        store.credential("ci", answer)


@pytest.mark.parametrize("name", [None, 1, b"ci", ["ci"], {}])
def test_names_of_another_type(store: SQLStore, name: Any) -> None:  # noqa: ANN401
    """What is no str is no environment's name, as in a store in memory."""
    fill(store)
    answer = resolve(IMAGE, store.environment("ci"))
    calls: tuple[Callable[[], object], ...] = (
        lambda: store.environment(name),
        lambda: store.destroy(name),
        lambda: store.remove(name, "ci/1"),
        lambda: store.activate(name, "ci/1"),
        lambda: store.credential(name, answer),
        lambda: store.credentials(name),
    )
    for call in calls:
        with pytest.raises(TypeError, match="an environment's name is a str, not"):
            call()


def test_a_copy_is_brought_back(tmp_path: Path, opened: Callable[[str], SQLStore]) -> None:
    """An older copy brought back is not taken for what it would have become without it."""
    url = f"sqlite:///{tmp_path / 'registries.db'}"
    store, other = opened(url), opened(url)
    store.add("ci", "quay.io", papers("one"))
    for path in ("copy.db", "again.db"):
        execute(url, f"VACUUM INTO '{tmp_path / path}'")
    store.add("ci", "quay.io", papers("two"))
    assert [r.username for r in store.environment("ci").registries] == ["one", "two"]
    other.close()
    for beside in tmp_path.glob("registries.db-*"):
        beside.unlink()
    (tmp_path / "copy.db").rename(tmp_path / "registries.db")
    other.add("ci", "quay.io", papers("three"))
    assert [r.username for r in store.environment("ci").registries] == ["one", "three"]


def test_what_seals_is_asked_for(sqlite_url: str) -> None:
    """There is no way to store secrets in plain text without saying so."""
    with pytest.raises(TypeError):
        SQLStore.open(sqlite_url)  # type: ignore[call-arg]
    for seal in (None, b"x" * 32, "key"):
        with pytest.raises(TypeError, match="SealingKeys or UNSEALED"):
            SQLStore.open(sqlite_url, seal=cast("SealingKeys", seal))


# The schema


def tables(url: str) -> set[str]:
    return set(sa.inspect(sa.create_engine(url, poolclass=sa.NullPool)).get_table_names())


def test_its_tables_are_its_own(url: str, opened: Callable[[str], SQLStore]) -> None:
    """A host application's tables and migrations stay as they are."""
    execute(
        url,
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
        "INSERT INTO alembic_version VALUES ('theirs')",
        "CREATE TABLE settings (mine TEXT)",
    )
    store = opened(url)
    fill(store)
    own = {name for name in tables(url) if not name.startswith("sqlite_")}
    assert own - {"alembic_version", "settings"} == {*schema.metadata.tables, schema.VERSION_TABLE}
    assert all(name.startswith("wharfinger_") for name in own - {"alembic_version", "settings"})
    assert execute(url, "SELECT version_num FROM alembic_version") == [("theirs",)]
    assert execute(url, "SELECT version_num FROM wharfinger_version") == [(schema.REVISIONS[-1],)]


def test_the_migrations_make_the_tables(url: str, opened: Callable[[str], SQLStore]) -> None:
    """The revisions end at the tables that the store uses."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    opened(url)
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        options = {
            "version_table": schema.VERSION_TABLE,
            "compare_type": True,
            "compare_server_default": True,
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, schema.metadata) == []


def test_a_newer_schema(url: str, store: SQLStore, opened: Callable[[str], SQLStore]) -> None:
    """What a newer version has migrated is left alone."""
    fill(store)
    before = tables(url)
    execute(url, "UPDATE wharfinger_version SET version_num = '9999'")
    with pytest.raises(SchemaTooNew, match=r"9999.*upgrade wharfinger"):
        opened(url)
    assert tables(url) == before
    assert execute(url, "SELECT version_num FROM wharfinger_version") == [("9999",)]


def test_opening_again_changes_nothing(url: str, opened: Callable[[str], SQLStore]) -> None:
    fill(opened(url))
    before = opened(url).events()
    assert opened(url).events() == before


# Settings


@hypothesis_settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(settings=strategies.settings())
def test_settings_come_back(store: SQLStore, settings: Settings) -> None:
    store.save_settings(settings)
    assert store.settings() == settings
    assert store.settings().whitelist.blank is settings.whitelist.blank


# Texts


@pytest.mark.parametrize("text", ["\ud800", "a\0b"])
def test_texts_that_can_not_be_kept(store: SQLStore, text: str) -> None:
    """What a database can't keep is refused whole, as the store's own error, or is kept whole."""
    fill(store)
    before = store.environment("ci")
    calls: tuple[Callable[[], object], ...] = (
        lambda: store.add("ci", "quay.io", papers("u"), added_by=text),
        lambda: store.acting_as(text).deactivate("ci", "ci/3"),
    )
    for call in calls:
        try:
            call()
        except StoreError as error:
            assert error.__context__ is None  # noqa: PT017  # one of two ends
            assert store.environment("ci") is before
        else:
            assert store.environment("ci") is not before
            before = store.environment("ci")
