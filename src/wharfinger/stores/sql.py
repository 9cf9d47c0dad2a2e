"""A credential store in a SQL database: SQLite at once, PostgreSQL for many machines."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NoReturn

import attrs
import sqlalchemy as sa

from wharfinger.core.address import RegistryAddress
from wharfinger.core.credential import Credential, check_credential
from wharfinger.core.environment import Environment, Orchestration, snapshot
from wharfinger.core.errors import EnvironmentExists, EnvironmentNotFound, InvalidAddress
from wharfinger.core.registry import Registry, RegistryState, check_name
from wharfinger.core.resolver import Resolution
from wharfinger.core.settings import Settings
from wharfinger.core.store import deliverable, entitled
from wharfinger.stores import credentials, events, records, schema, settings_row
from wharfinger.stores.database import HOW_TO_MAKE, Database
from wharfinger.stores.errors import StoreError, StoreNotFound
from wharfinger.stores.events import Event
from wharfinger.stores.records import Found, Loaded
from wharfinger.stores.unsealed import Seal, check_seal
from wharfinger.stores.urls import parse_url

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SQLStore"]

_E: Final = schema.environments.c
_R: Final = schema.registries.c


@attrs.define(eq=False, repr=False)
class SQLStore:
    """Keeps credentials and settings in a SQL database. Made by :meth:`open`.

    It implements :class:`wharfinger.CredentialStore` and :class:`wharfinger.SettingsStore`. Threads
    may share it; processes open their own, on the same URL.
    """

    _database: Database
    _seal: Seal
    _actor: str | None = None
    _known: dict[str, Loaded] = attrs.Factory(dict)
    _lock: Lock = attrs.Factory(Lock)

    @classmethod
    def open(cls, url: str, *, seal: Seal, create: bool = True) -> SQLStore:
        """Open the store at a database URL; older tables are migrated.

        A SQLite file that is gone later is not made anew: what needs it raises StoreNotFound.

        Args:
            url: A SQLAlchemy URL: ``sqlite:///registries.db`` or ``postgresql+psycopg://…``.
            seal: The keys that secrets are sealed with, or :data:`wharfinger.stores.UNSEALED`.
            create: Whether tables are made where there are none, and a file for SQLite; if not,
                such a database is left as it is.

        Returns:
            The store.

        Raises:
            StoreNotFound: When there is no store, and none is to be made.
            StoreError: When it can't be opened; the class says what to do.
            TypeError: When ``seal`` is something else.
            WrongKey: When its secrets are sealed with other keys than these.
        """
        check_seal(seal)
        target = parse_url(url)
        del url  # it may hold a password, which must not stay in this frame
        if isinstance(target, str):
            raise StoreError(target)
        database = Database.connect(target)
        try:
            if not create:
                _find_store(database)
            database.write(lambda connection: _prepare(connection, seal))
            database.keep()
        except BaseException:
            database.close()
            raise
        return cls(database, seal)

    def close(self) -> None:
        """Close every connection; the store opens new ones if it is used again."""
        self._database.close()

    def acting_as(self, actor: str) -> SQLStore:
        """Return the same store for somebody whose name is to stand in the event log.

        Args:
            actor: The name.

        Returns:
            A store on the same connections.

        Raises:
            TypeError: When the name is no str.
        """
        if not isinstance(actor, str):
            msg = f"an actor is a str, not {type(actor).__name__}"
            raise TypeError(msg)
        return SQLStore(self._database, self._seal, actor, self._known, self._lock)

    def create(
        self, environment: str, orchestration: Orchestration = Orchestration.CATTLE
    ) -> Environment:
        """Create an environment. See :meth:`wharfinger.CredentialStore.create`."""
        made = Environment(environment, orchestration)

        def work(connection: sa.Connection) -> None:
            if not records.create(connection, environment, made.orchestration):
                raise EnvironmentExists(environment)
            events.append(connection, "created", environment, actor=self._actor)

        self._database.write(work)
        return made

    def destroy(self, environment: str) -> None:
        """Destroy an environment. See :meth:`wharfinger.CredentialStore.destroy`."""

        def work(connection: sa.Connection) -> None:
            row = records.touch(connection, environment)
            connection.execute(sa.delete(schema.registries).where(_R.environment_id == row))
            connection.execute(sa.delete(schema.environments).where(_E.id == row))
            events.append(connection, "destroyed", environment, actor=self._actor)

        self._database.write(work)

    def environments(self) -> tuple[str, ...]:
        """Return all names. See :meth:`wharfinger.CredentialStore.environments`."""
        return tuple(sorted(self._database.read(lambda c: c.scalars(sa.select(_E.name)).all())))

    def environment(self, name: str) -> Environment:
        """Return an environment. See :meth:`wharfinger.CredentialStore.environment`.

        Of an environment that has not changed, its version alone is read.
        """
        known = self._known.get(records.known_name(name))
        if known is not None:
            now = self._database.read(lambda c: records.version(c, name))
            if now is not None and known.is_at(*now):
                return known.environment
        try:
            loaded = self._database.read_consistently(lambda c: records.load(c, name))
        except EnvironmentNotFound:
            self._known.pop(name, None)
            raise
        with self._lock:  # of two that loaded it at once, both get the same object
            known = self._known.get(name)
            if known is None or not known.is_at(loaded.row, loaded.version):
                known = self._known[name] = loaded
            return known.environment

    def add(
        self,
        environment: str,
        address: RegistryAddress | str,
        credential: Credential,
        *,
        added_by: str | None = None,
    ) -> Registry:
        """Add a registry. See :meth:`wharfinger.CredentialStore.add`."""
        try:
            check_credential(credential)
        except TypeError:
            del credential  # somebody's password, perhaps
            raise
        environment = check_name(environment)
        try:
            where = _address(address)
        except InvalidAddress as error:
            address = error.text  # user information must not stay in this frame
            raise
        actor = self._actor if added_by is None else added_by

        def work(connection: sa.Connection) -> Registry:
            while (counted := records.count_addition(connection, environment)) is None:
                if records.create(connection, environment, Orchestration.CATTLE):
                    events.append(connection, "created", environment, actor=actor)
            row, sequence = counted
            registry = Registry(
                environment=environment,
                sequence=sequence,
                address=where,
                username=credential.username,
                added_by=added_by,
            )
            credentials.insert(connection, row, registry, self._seal, credential)
            events.append(connection, "added", environment, registry, actor)
            return registry

        return self._database.write(work)

    def update(self, environment: str, registry_id: str, credential: Credential) -> Registry:
        """Replace a credential. See :meth:`wharfinger.CredentialStore.update`."""
        try:
            check_credential(credential)
        except TypeError:
            del credential  # somebody's password, perhaps
            raise

        def change(registry: Registry) -> tuple[Registry, dict[str, Any]]:
            changed = replace(registry, username=credential.username)
            return changed, credentials.columns_of(self._seal, changed, credential)

        return self._change(environment, registry_id, "updated", change)

    def activate(self, environment: str, registry_id: str) -> Registry:
        """Activate a registry. See :meth:`wharfinger.CredentialStore.activate`."""
        return self._set_state(environment, registry_id, "activated", RegistryState.ACTIVE)

    def deactivate(self, environment: str, registry_id: str) -> Registry:
        """Deactivate a registry. See :meth:`wharfinger.CredentialStore.deactivate`."""
        return self._set_state(environment, registry_id, "deactivated", RegistryState.INACTIVE)

    def remove(self, environment: str, registry_id: str) -> None:
        """Remove a registry. See :meth:`wharfinger.CredentialStore.remove`."""

        def work(connection: sa.Connection) -> None:
            row = records.touch(connection, environment)
            registry = records.find(connection, row, environment, registry_id)
            connection.execute(sa.delete(schema.registries).where(*records.is_row(row, registry)))
            events.append(connection, "removed", environment, registry, self._actor)

        self._database.write(work)

    def credential(self, environment: str, answer: Resolution) -> Credential | None:
        """Return a secret. See :meth:`wharfinger.CredentialStore.credential`.

        It is one statement: the environment's row, with the registry that the answer names and the
        one in force for its address.
        """
        if not isinstance(answer, Resolution):
            msg = f"a credential is asked for with a Resolution, not {type(answer).__name__}"
            raise TypeError(msg)
        claimed = "" if answer.registry is None else answer.registry.id
        values = {
            "name": records.known_name(environment),
            "address": str(answer.address),
            "claimed": records.known_sequence(environment, claimed),
        }
        rows = [
            Found._make((*row[:-1], schema.unseen(row[-1])))
            for row in self._database.select(credentials.ASKED_FOR, values)
        ]
        if not rows:
            raise self._database.read(lambda c: records.environment_not_found(c, environment))
        found = {
            row.sequence: (records.registry_of(environment, row), row)
            for row in rows
            if row.sequence is not None
        }
        partial = snapshot(
            environment,
            Orchestration.CATTLE,
            tuple(registry for registry, _ in found.values()),
            records.additions_of(environment, rows[0].additions),
        )
        registry = entitled(partial, answer)
        if registry is None:
            return None
        return credentials.opened(self._seal, *found[registry.sequence])

    def credentials(
        self, environment: str, settings: Settings | None = None
    ) -> dict[RegistryAddress, Credential]:
        """Return secrets. See :meth:`wharfinger.CredentialStore.credentials`."""

        def work(connection: sa.Connection) -> dict[RegistryAddress, Credential]:
            loaded = records.load(connection, environment)
            wanted = {r.sequence: r for r in deliverable(loaded.environment, settings)}
            return {
                wanted[row.sequence].address: credentials.opened(
                    self._seal, wanted[row.sequence], row
                )
                for row in credentials.rows_of(connection, loaded.row, list(wanted))
            }

        return self._database.read_consistently(work)

    def settings(self) -> Settings:
        """Return the settings. See :meth:`wharfinger.SettingsStore.settings`."""
        return self._database.read(settings_row.load)

    def save_settings(self, settings: Settings) -> None:
        """Replace the settings. See :meth:`wharfinger.SettingsStore.save_settings`."""
        if not isinstance(settings, Settings):
            msg = f"settings are a Settings, not {type(settings).__name__}"
            raise TypeError(msg)

        def work(connection: sa.Connection) -> None:
            settings_row.save(connection, settings)
            events.append(connection, "settings-saved", actor=self._actor)

        self._database.write(work)

    def events(
        self, environment: str | None = None, *, after: int = 0, limit: int = 1000
    ) -> list[Event]:
        """Read the event log, the oldest first.

        Args:
            environment: Of which environment, also one that was destroyed; None for all.
            after: The sequence to begin after, 0 for the start.
            limit: How many at most.

        Returns:
            The events.

        Raises:
            TypeError: When ``after`` or ``limit`` is no whole number, or the name no str.
            ValueError: When one is below 0.
        """
        first, most = _counted("after", after, least=0), _counted("limit", limit, least=0)
        if environment is not None and records.known_name(environment) != environment:
            return []
        return self._database.read(lambda c: events.read(c, environment, first, most))

    def reseal(self, *, batch: int = 500) -> int:
        """Seal every secret with the first of the store's keys, also those not sealed so far.

        Each batch is one transaction. Interrupted, it goes on where it stopped when called again;
        a store in use stays in use.

        Args:
            batch: How many secrets to a transaction.

        Returns:
            How many secrets were sealed anew.

        Raises:
            KeyNotFound: When a secret was sealed with a key that the store was not opened with.
            SecretTampered: When a secret does not belong where it stands.
            TypeError: When ``batch`` is no whole number.
            ValueError: When it is below 1: nothing would be sealed, and it would seem done.
        """
        total, most = 0, _counted("batch", batch, least=1)

        def work(connection: sa.Connection) -> int:
            count = credentials.reseal(connection, self._seal, most)
            if count:
                events.append(connection, "resealed", actor=self._actor)
            return count

        while count := self._database.write(work):
            total += count
        return total

    def _set_state(
        self, environment: str, registry_id: str, action: str, state: RegistryState
    ) -> Registry:
        def change(registry: Registry) -> tuple[Registry, dict[str, Any]]:
            if registry.state is state:
                return registry, {}
            return replace(registry, state=state), {"state": state.value}

        return self._change(environment, registry_id, action, change)

    def _change(
        self,
        environment: str,
        registry_id: str,
        action: str,
        change: Callable[[Registry], tuple[Registry, dict[str, Any]]],
    ) -> Registry:
        """Change a registry's row, count it and log it; without columns to change, do nothing."""

        def work(connection: sa.Connection) -> Registry:
            row = records.lock(connection, environment)
            before = records.find(connection, row, environment, registry_id)
            registry, columns = change(before)
            if columns:
                records.touch(connection, environment)
                connection.execute(
                    sa.update(schema.registries)
                    .where(*records.is_row(row, registry))
                    .values(columns)
                )
                events.append(connection, action, environment, registry, self._actor)
            return registry

        return self._database.write(work)

    def __repr__(self) -> str:
        return f"<SQLStore {self._database}>"

    def __reduce__(self) -> NoReturn:
        msg = "a store is not pickled; open it by its URL"
        raise TypeError(msg)


def _counted(name: str, number: int, *, least: int) -> int:
    """Check a number; one that no database counts to is the highest one that it does."""
    if type(number) is not int:
        msg = f"{name} is a whole number, not {type(number).__name__}"
        raise TypeError(msg)
    if number < least:
        msg = f"{name} is {least} or more"
        raise ValueError(msg)
    return min(number, records.MAX_NUMBER)


def _address(address: RegistryAddress | str) -> RegistryAddress:
    if isinstance(address, RegistryAddress):
        return address
    try:
        return RegistryAddress.parse(address)
    except InvalidAddress as error:
        address = error.text
        raise


def _find_store(database: Database) -> None:
    """Refuse a database in which there is no store, before anything is done to it."""
    if database.look(schema.revision) is None:
        raise StoreNotFound(f"there is no store in {database}; {HOW_TO_MAKE}")


def _prepare(connection: sa.Connection, seal: Seal) -> None:
    """Migrate and check in one transaction, which no other process has at the same time."""
    schema.migrate(connection)
    credentials.check_keys(connection, seal)
