"""SQLite, sealed and not, and PostgreSQL keep the stores' protocols (R5 to R9, R17 to R22)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, ClassVar

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from wharfinger.core.store import CredentialStore
from wharfinger.stores import UNSEALED, SealingKeys, SQLStore
from wharfinger.testing.conformance import StoreConformance

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stores.conftest import PostgreSQL
    from wharfinger.stores.unsealed import Seal


class SQLConformance(StoreConformance):
    """The same store, wherever its database is."""

    machine_settings: ClassVar[hypothesis_settings] = hypothesis_settings(
        deadline=None,
        max_examples=6,
        stateful_step_count=12,
        suppress_health_check=list(HealthCheck),
    )
    seal: Seal

    @pytest.fixture(autouse=True)
    def _urls(self) -> None:
        self.urls: dict[int, str] = {}

    def new_url(self) -> str:
        raise NotImplementedError

    def open_store(self) -> SQLStore:
        return self.open(self.new_url())

    def open(self, url: str) -> SQLStore:
        store = SQLStore.open(url, seal=self.seal)
        self.urls[id(store)] = url
        return store

    def reopen(self, store: CredentialStore) -> SQLStore:
        return self.open(self.urls[id(store)])


class TestSQLite(SQLConformance):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path, keys: SealingKeys) -> None:
        self.seal = keys
        self.files = (tmp_path / f"{number}.db" for number in itertools.count())

    def new_url(self) -> str:
        return f"sqlite:///{next(self.files)}"


class TestUnsealedSQLite(TestSQLite):
    @pytest.fixture(autouse=True)
    def _without_keys(self, _place: None) -> None:
        self.seal = UNSEALED


class TestPostgreSQL(SQLConformance):
    @pytest.fixture(autouse=True)
    def _place(self, postgresql: PostgreSQL, keys: SealingKeys) -> None:
        self.seal = keys
        self.server = postgresql

    def new_url(self) -> str:
        return self.server.new()
