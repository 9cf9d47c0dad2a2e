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
from wharfinger.stores import records, schema
from wharfinger.stores.database import Database, parse_url
from wharfinger.stores.errors import StoreError, WrongKey
from wharfinger.stores.records import Event, Found, Loaded
from wharfinger.stores.unsealed import UNSEALED, Seal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["SQLStore"]

_E: Final = schema.environments.c
_R: Final = schema.registries.c
_CHUNK: Final = 500
_latest: Final = schema.registries.alias()


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
    def open(cls, url: str, *, seal: Seal) -> SQLStore:
        """Open the store at a database URL; its tables are made or migrated where needed.

        Args:
            url: A SQLAlchemy URL: ``sqlite:///registries.db`` or ``postgresql+psycopg://…``.
            seal: The keys that secrets are sealed with, or :data:`wharfinger.stores.UNSEALED`.

        Returns:
            The store.

        Raises:
            StoreError: When it can't be opened; the class says what to do.
            TypeError: When ``seal`` is something else.
            WrongKey: When its secrets are sealed with other keys than these.
        """
        if not isinstance(seal, Seal):
            msg = f"seal is SealingKeys or UNSEALED, not {type(seal).__name__}"
            raise TypeError(msg)
        parsed, problem = parse_url(url)
        del url  # it may hold a password, which must not stay in this frame
        if problem is not None:
            raise StoreError(problem)
        database = Database.connect(parsed)
        try:
            database.write(lambda connection: _prepare(connection, seal))
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
        """
        return SQLStore(self._database, self._seal, actor, self._known, self._lock)

    def create(
        self, environment: str, orchestration: Orchestration = Orchestration.CATTLE
    ) -> Environment:
        """Create an environment. See :meth:`wharfinger.CredentialStore.create`."""
        made = Environment(environment, orchestration)

        def work(connection: sa.Connection) -> None:
            if not records.create(connection, environment, made.orchestration):
                raise EnvironmentExists(environment)
            records.log(connection, "created", environment, actor=self._actor)

        self._database.write(work)
        return made

    def destroy(self, environment: str) -> None:
        """Destroy an environment. See :meth:`wharfinger.CredentialStore.destroy`."""

        def work(connection: sa.Connection) -> None:
            row = records.touch(connection, environment)
            connection.execute(sa.delete(schema.registries).where(_R.environment_id == row))
            connection.execute(sa.delete(schema.environments).where(_E.id == row))
            records.log(connection, "destroyed", environment, actor=self._actor)

        self._database.write(work)

    def environments(self) -> tuple[str, ...]:
        """Return all names. See :meth:`wharfinger.CredentialStore.environments`."""
        return tuple(sorted(self._database.read(lambda c: c.scalars(sa.select(_E.name)).all())))

    def environment(self, name: str) -> Environment:
        """Return an environment. See :meth:`wharfinger.CredentialStore.environment`.

        Of an environment that has not changed, its version alone is read.
        """
        known = self._known.get(name)
        if known is not None:
            now = self._database.read(lambda c: c.execute(_VERSION, {"name": name}).one_or_none())
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
                    records.log(connection, "created", environment, actor=actor)
            row, sequence = counted
            registry = Registry(
                environment=environment,
                sequence=sequence,
                address=where,
                username=credential.username,
                added_by=added_by,
            )
            columns = records.sealed(self._seal, registry, credential)
            connection.execute(
                sa.insert(schema.registries).values(
                    environment_id=row,
                    sequence=sequence,
                    address=str(where),
                    state=registry.state.value,
                    added_by=added_by,
                    **columns,
                )
            )
            records.log(connection, "added", environment, registry, actor)
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
            return changed, records.sealed(self._seal, changed, credential)

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
            connection.execute(sa.delete(schema.registries).where(*_is(row, registry)))
            records.log(connection, "removed", environment, registry, self._actor)

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
        rows = [Found(*row) for row in self._database.select(_CREDENTIAL, values)]
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
            rows[0].additions,
        )
        registry = entitled(partial, answer)
        if registry is None:
            return None
        return records.credential_of(self._seal, *found[registry.sequence])

    def credentials(
        self, environment: str, settings: Settings | None = None
    ) -> dict[RegistryAddress, Credential]:
        """Return secrets. See :meth:`wharfinger.CredentialStore.credentials`."""

        def work(connection: sa.Connection) -> dict[RegistryAddress, Credential]:
            loaded = records.load(connection, environment)
            wanted = {r.sequence: r for r in deliverable(loaded.environment, settings)}
            return {
                wanted[row.sequence].address: records.credential_of(
                    self._seal, wanted[row.sequence], row
                )
                for row in _secrets(connection, loaded.row, list(wanted))
            }

        return self._database.read_consistently(work)

    def settings(self) -> Settings:
        """Return the settings. See :meth:`wharfinger.SettingsStore.settings`."""
        return self._database.read(records.load_settings)

    def save_settings(self, settings: Settings) -> None:
        """Replace the settings. See :meth:`wharfinger.SettingsStore.save_settings`."""
        if not isinstance(settings, Settings):
            msg = f"settings are a Settings, not {type(settings).__name__}"
            raise TypeError(msg)

        def work(connection: sa.Connection) -> None:
            records.save_settings(connection, settings)
            records.log(connection, "settings-saved", actor=self._actor)

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
        """
        return self._database.read(lambda c: records.events(c, environment, after, limit))

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
        """
        total = 0
        while count := self._database.write(lambda connection: self._reseal(connection, batch)):
            total += count
        return total

    def _reseal(self, connection: sa.Connection, batch: int) -> int:
        current = next(iter(self._seal.ids), "")
        rows = connection.execute(
            sa.select(schema.registries, _E.name)
            .join(schema.environments)
            .where(_R.key_id != current)
            .order_by(_R.environment_id, _R.sequence)
            .limit(batch)
            .with_for_update(of=schema.registries)
        ).all()
        for row in rows:
            registry = records.registry_of(row.name, row)
            opener = self._seal if row.key_id else UNSEALED
            credential = records.credential_of(opener, registry, row)
            columns = records.sealed(self._seal, registry, credential)
            connection.execute(
                sa.update(schema.registries)
                .where(*_is(row.environment_id, registry))
                .values(columns)
            )
        if rows:
            records.log(connection, "resealed", actor=self._actor)
        return len(rows)

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
                    sa.update(schema.registries).where(*_is(row, registry)).values(columns)
                )
                records.log(connection, action, environment, registry, self._actor)
            return registry

        return self._database.write(work)

    def __repr__(self) -> str:
        return f"<SQLStore {self._database}>"

    def __reduce__(self) -> NoReturn:
        msg = "a store is not pickled; open it by its URL"
        raise TypeError(msg)


def _address(address: RegistryAddress | str) -> RegistryAddress:
    if isinstance(address, RegistryAddress):
        return address
    try:
        return RegistryAddress.parse(address)
    except InvalidAddress as error:
        address = error.text
        raise


_VERSION: Final = sa.select(_E.id, _E.version).where(_E.name == sa.bindparam("name"))
_CREDENTIAL: Final = (
    sa.select(_E.additions, *(_R[name] for name in Found._fields[1:]))
    .select_from(
        schema.environments.outerjoin(
            schema.registries,
            sa.and_(
                _R.environment_id == _E.id,
                sa.or_(
                    _R.sequence == sa.bindparam("claimed"),
                    _R.sequence
                    == sa.select(sa.func.max(_latest.c.sequence))
                    .where(
                        _latest.c.environment_id == _E.id,
                        _latest.c.address == sa.bindparam("address"),
                    )
                    .scalar_subquery(),
                ),
            ),
        )
    )
    .where(_E.name == sa.bindparam("name"))
    .order_by(_R.sequence)
)


def _is(row: int, registry: Registry) -> tuple[sa.ColumnElement[bool], ...]:
    return _R.environment_id == row, _R.sequence == registry.sequence


def _secrets(
    connection: sa.Connection, row: int, sequences: list[int]
) -> Iterator[sa.Row[*tuple[Any, ...]]]:
    for start in range(0, len(sequences), _CHUNK):
        some = sequences[start : start + _CHUNK]
        yield from connection.execute(
            sa.select(_R.sequence, _R.email, _R.kind, _R.secret).where(
                _R.environment_id == row, _R.sequence.in_(some)
            )
        )


def _prepare(connection: sa.Connection, seal: Seal) -> None:
    """Migrate and check in one transaction, which no other process has at the same time."""
    schema.migrate(connection)
    _check_keys(connection, seal)


def _check_keys(connection: sa.Connection, seal: Seal) -> None:
    """Refuse keys that can't be the store's, before one secret is sealed with them."""
    table = schema.keys
    used = set(connection.scalars(sa.select(table.c.key_id)))
    if used and not used & set(seal.ids):
        given = ", ".join(seal.ids) or "none"
        msg = f"the secrets are sealed with {', '.join(sorted(used))}, and {given} is given"
        raise WrongKey(msg)
    current = next(iter(seal.ids), None)
    if current is not None and current not in used:
        connection.execute(sa.insert(table).values(key_id=current))
