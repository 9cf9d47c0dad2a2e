"""Any sequence of changes: a store, the pure environment and a model agree (R5 to R19).

The machine behind :class:`wharfinger.testing.conformance.StoreConformance`. ``pytest`` is not
needed, ``hypothesis`` is.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from wharfinger.core.address import RegistryAddress
from wharfinger.core.credential import Credential, Secret
from wharfinger.core.environment import Environment, Orchestration
from wharfinger.core.errors import (
    EnvironmentExists,
    EnvironmentNotFound,
    InvalidAddress,
    InvalidCredential,
    InvalidEnvironment,
    PullDenied,
    RegistryNotFound,
    StaleResolution,
    WharfingerError,
)
from wharfinger.core.registry import Registry
from wharfinger.core.resolver import Reason, Resolution, resolve
from wharfinger.core.settings import Settings
from wharfinger.testing import strategies

if TYPE_CHECKING:
    from collections.abc import Callable

    from wharfinger.core.store import CredentialStore

__all__ = ["StoreMachine", "close"]

# Names and addresses that look alike, so that any comparison by a part of them shows.
_NAMES: Final = ("team", "team/1", "staging")
_ADDRESSES: Final = tuple(
    map(
        RegistryAddress.parse, ("docker.io", "quay.io", "quay.io:5000", "sub.quay.io", "[::1]:5000")
    )
)
_BAD_NAMES: Final = ("", " team", "te\nam", "x" * 256, "\0", "\ud800")
_BAD_ADDRESSES: Final = ("", "https://quay.io", "quay.io/acme", "quay.io:0", "::1", "u:p@quay.io")
_BAD_CREDENTIALS: Final = (
    Credential("", Secret("s")),
    Credential("u:v", Secret("s")),
    Credential("u", Secret("")),
    Credential("u", Secret("\ud800")),
    Credential("u", Secret("s"), "\ud800"),
    Credential("_json_key", Secret("key.json")),
    Credential("oauth2accesstoken", Secret("a b")),
)
# Of these addresses, those that some entry of a whitelist could match.
_COULD_MATCH: Final = {
    "": {"docker.io", "quay.io", "quay.io:5000", "sub.quay.io", "[::1]:5000"},
    "quay.io": {"quay.io"},
    "*.quay.io": {"sub.quay.io"},
    "docker.io/acme, quay.io:5000/a": {"docker.io", "quay.io:5000"},
}
_ODD_IDS: Final = (
    "",
    "team",
    "team/0",
    "team/01",
    "team/99",
    "team/1/1",
    "/1",
    "staging/1",
    "1",
    "team/" + "9" * 19,
)

# How many old answers are asked for again after each step.
_KEPT: Final = 16

_names = st.sampled_from(_NAMES)
_numbers = st.sampled_from([1, 2, 2, 1, 3, 4, 5])
_addresses = st.sampled_from(_ADDRESSES)
_spellings = _addresses.flatmap(strategies.spellings)
_credentials = strategies.credentials()
_adders = st.sampled_from([None, "alice"])


@dataclass
class _Row:
    """What the model knows of one registry."""

    address: RegistryAddress
    credential: Credential
    active: bool = True


@dataclass
class _Tenant:
    """What the model knows of one environment: every number ever given out, None where removed."""

    orchestration: Orchestration
    rows: list[_Row | None] = field(default_factory=list)

    def in_force(self, address: RegistryAddress) -> int | None:
        found = None
        for number, row in enumerate(self.rows, 1):
            if row is not None and row.address == address:
                found = number
        return found

    def row(self, number: int) -> _Row | None:
        return self.rows[number - 1] if number <= len(self.rows) else None


# What asking for a credential comes to: an error's type, or a credential, or None.
_Outcome = type[WharfingerError] | Credential | None


def _outcome(call: Callable[[], object]) -> object:
    """What a call comes to: what it returns, or the type of the error it raises."""
    try:
        return call()
    except WharfingerError as error:
        return type(error)


def close(store: object) -> None:
    """Close a store by its ``close()``, if it has one.

    Args:
        store: The store.
    """
    ending = getattr(store, "close", None)
    if ending is not None:
        ending()


class StoreMachine(RuleBasedStateMachine):
    """R5, R6, R7, R8, R9, R17, R18, R19: after any changes store, pure twin and model agree.

    Subclass it, say how a store is opened, and hand its ``TestCase`` to the test runner.

    Example:
        >>> from wharfinger import MemoryStore
        >>> class MemoryMachine(StoreMachine):
        ...     def open_store(self):
        ...         return MemoryStore()
        >>> TestMemory = MemoryMachine.TestCase
    """

    def __init__(self) -> None:
        super().__init__()
        self.store: CredentialStore = self.open_store()
        self._other: CredentialStore | None = None
        self.twins: dict[str, Environment] = {}
        self.model: dict[str, _Tenant] = {}
        self.answers: list[Resolution] = []
        self.handed_out: list[tuple[Environment, Environment]] = []

    def open_store(self) -> CredentialStore:
        """Open a new, empty store.

        Returns:
            The store.
        """
        raise NotImplementedError

    def reopen(self, store: CredentialStore) -> CredentialStore | None:  # noqa: ARG002  # a hook
        """Open the data of a store through a second handle, which is then used by turns.

        Args:
            store: The store.

        Returns:
            The second handle; None, as here, for a store that can't have two.
        """
        return None

    def close_store(self, store: CredentialStore) -> None:
        """Close a store that is used no more; here, by its ``close()`` if it has one.

        Args:
            store: The store.
        """
        close(store)

    def same(self, found: object, expected: Credential) -> bool:
        """Say whether a credential that was handed out is the one that was stored.

        Args:
            found: What was handed out.
            expected: What was stored.

        Returns:
            Whether they are equal.
        """
        return found == expected

    def teardown(self) -> None:
        """Close the store."""
        for store in (self.store, self._other):
            if store is not None:
                self.close_store(store)

    @initialize()
    def with_something(self) -> None:
        for name in _NAMES[:2]:
            for number in range(2):
                self.do_add(name, str(_ADDRESSES[1]), Credential(f"{name}{number}", Secret(name)))
            for image in ("quay.io/acme/api", "docker.io/library/ubuntu"):
                self.answers.append(resolve(image, self.store.environment(name)))

    # Changes

    def do_add(
        self, name: str, address: str, credential: Credential, added_by: str | None = None
    ) -> None:
        registry = self.store.add(name, address, credential, added_by=added_by)
        twin = self.twins.get(name) or Environment(name)
        self.twins[name] = twin.added(address, username=credential.username, added_by=added_by)
        tenant = self.model.setdefault(name, _Tenant(Orchestration.CATTLE))
        tenant.rows.append(_Row(RegistryAddress.parse(address), credential))
        assert registry == self.twins[name].registries[-1]
        assert registry.id == f"{name}/{len(tenant.rows)}"

    @rule(name=_names, orchestration=st.sampled_from(Orchestration))
    def create(self, name: str, orchestration: Orchestration) -> None:
        made = _outcome(lambda: self.store.create(name, orchestration))
        if name in self.model:
            assert made is EnvironmentExists
        else:
            self.model[name] = _Tenant(orchestration)
            self.twins[name] = Environment(name, orchestration)
            assert made == self.twins[name]

    @rule(name=_names)
    def destroy(self, name: str) -> None:
        done = _outcome(lambda: self.store.destroy(name))
        if name in self.model:
            assert done is None
            del self.model[name], self.twins[name]
        else:
            assert done is EnvironmentNotFound

    @rule(name=_names, address=_spellings, credential=_credentials, added_by=_adders)
    def add(self, name: str, address: str, credential: Credential, added_by: str | None) -> None:
        self.do_add(name, address, credential, added_by)

    def do_change(
        self,
        name: str,
        number: int,
        in_store: Callable[[str], Registry | None],
        in_twin: Callable[[str], Environment],
    ) -> _Row | None:
        """Change one registry in the store and in its twin, if the model has it."""
        registry_id = f"{name}/{number}"
        changed = _outcome(lambda: in_store(registry_id))
        if name not in self.model:
            assert changed is EnvironmentNotFound
            return None
        twin = _outcome(lambda: in_twin(registry_id))
        row = self.model[name].row(number)
        if row is None:
            assert changed is twin is RegistryNotFound
            return None
        assert isinstance(twin, Environment)
        assert changed is None or changed == twin.registry(registry_id)
        self.twins[name] = twin
        return row

    @rule(name=_names, number=_numbers, states=st.lists(st.booleans(), min_size=1, max_size=3))
    def change_state(self, name: str, number: int, states: list[bool]) -> None:
        for active in states:
            self.do_change_state(name, number, active=active)
            self.every_old_answer_is_as_the_model_says()
            self.the_store_equals_its_twins()
            self.deliver(name, "")

    def do_change_state(self, name: str, number: int, *, active: bool) -> None:
        row = self.do_change(
            name,
            number,
            lambda i: (self.store.activate if active else self.store.deactivate)(name, i),
            lambda i: self.twins[name].activated(i) if active else self.twins[name].deactivated(i),
        )
        if row is not None:
            row.active = active

    @rule(name=_names, number=_numbers, credential=_credentials, active=st.booleans())
    def update(self, name: str, number: int, credential: Credential, active: bool) -> None:  # noqa: FBT001  # drawn
        self.do_change_state(name, number, active=active)
        row = self.do_change(
            name,
            number,
            lambda i: self.store.update(name, i, credential),
            lambda i: self.twins[name].updated(i, username=credential.username),
        )
        if row is not None:
            row.credential = credential

    @rule(name=_names, number=_numbers)
    def remove(self, name: str, number: int) -> None:
        row = self.do_change(
            name,
            number,
            partial(self.store.remove, name),
            lambda i: self.twins[name].removed(i),  # noqa: PLW0108  # there may be no twin
        )
        if row is not None:
            self.model[name].rows[number - 1] = None

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def remove_the_one_in_force(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.model)))
        number = self.model[name].in_force(data.draw(_addresses))
        if number is not None:
            self.remove(name, number)

    @rule()
    def use_the_other_handle(self) -> None:
        """A store opened twice is one store: each handle sees what the other changed."""
        other = self.reopen(self.store) if self._other is None else self._other
        if other is not None:
            self.store, self._other = other, self.store

    # What is refused; the invariants see that nothing has changed

    @rule(name=_names, bad=st.sampled_from(_BAD_ADDRESSES), credential=_credentials)
    def add_a_bad_address(self, name: str, bad: str, credential: Credential) -> None:
        twin = self.twins.get(name) or Environment(name)
        assert _outcome(lambda: self.store.add(name, bad, credential)) is InvalidAddress
        assert _outcome(lambda: twin.added(bad, username=credential.username)) is InvalidAddress

    @rule(name=_names, address=_spellings, bad=st.sampled_from(_BAD_CREDENTIALS), number=_numbers)
    def give_a_bad_credential(self, name: str, address: str, bad: Credential, number: int) -> None:
        assert _outcome(lambda: self.store.add(name, address, bad)) is InvalidCredential
        if (row := self.model.get(name)) is not None and row.row(number) is not None:
            registry_id = f"{name}/{number}"
            assert _outcome(lambda: self.store.update(name, registry_id, bad)) is InvalidCredential

    @rule(bad=st.sampled_from(_BAD_NAMES), address=_spellings, credential=_credentials)
    def give_a_bad_name(self, bad: str, address: str, credential: Credential) -> None:
        assert _outcome(lambda: self.store.create(bad)) is InvalidEnvironment
        assert _outcome(lambda: self.store.add(bad, address, credential)) is InvalidEnvironment
        assert _outcome(lambda: Environment(bad)) is InvalidEnvironment
        assert _outcome(lambda: self.store.destroy(bad)) is EnvironmentNotFound
        assert _outcome(lambda: self.store.environment(bad)) is EnvironmentNotFound

    @rule(name=_names, odd=st.sampled_from(_ODD_IDS), credential=_credentials)
    def name_an_odd_id(self, name: str, odd: str, credential: Credential) -> None:
        tenant = self.model.get(name)
        if tenant is not None and any(
            row is not None and odd == f"{name}/{number}"
            for number, row in enumerate(tenant.rows, 1)
        ):
            return
        expected = EnvironmentNotFound if tenant is None else RegistryNotFound
        for call in (self.store.activate, self.store.deactivate, self.store.remove):
            assert _outcome(lambda call=call: call(name, odd)) is expected  # type: ignore[misc]  # bound early
        assert _outcome(lambda: self.store.update(name, odd, credential)) is expected
        if tenant is not None:
            twin = self.twins[name]
            for change in (twin.activated, twin.deactivated, twin.removed, twin.registry):
                assert _outcome(lambda change=change: change(odd)) is expected  # type: ignore[misc]  # bound early

    # Answers

    def expected(self, name: str, answer: Resolution) -> _Outcome:  # noqa: PLR0911  # a line a case
        """What the model says asking for a credential comes to."""
        tenant = self.model.get(name)
        if tenant is None:
            return EnvironmentNotFound
        if answer.reason in {Reason.NOT_WHITELISTED, Reason.REGISTRY_INACTIVE}:
            return PullDenied
        if answer.environment != name or answer.image.registry != str(answer.address):
            return RegistryNotFound
        if answer.reason is Reason.ALREADY_ON_HOST:
            return None
        current = tenant.in_force(answer.address)
        if answer.reason is Reason.ANONYMOUS:
            return None if current is None else StaleResolution
        asked = answer.registry
        if (
            asked is None
            or asked.environment != name
            or not 1 <= asked.sequence <= len(tenant.rows)
        ):
            return RegistryNotFound
        row = tenant.row(asked.sequence)
        if row is None:
            return StaleResolution
        if row.address != answer.address:
            return RegistryNotFound
        return row.credential if current == asked.sequence and row.active else StaleResolution

    def check(self, name: str, answer: Resolution) -> None:
        expected = self.expected(name, answer)
        found = _outcome(lambda: self.store.credential(name, answer))
        if isinstance(expected, Credential):
            assert self.same(found, expected), (name, answer)
        else:
            assert found is expected, (name, answer)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), on_host=st.booleans())
    def ask(self, data: st.DataObject, on_host: bool) -> None:  # noqa: FBT001  # drawn
        name = data.draw(st.sampled_from(sorted(self.model)))
        whitelist = data.draw(st.sampled_from([None, None, "quay.io", "*.quay.io, [::1]:5000"]))
        for address in _ADDRESSES:
            image = f"{data.draw(strategies.spellings(address))}/acme/api"
            answer = resolve(
                image,
                self.store.environment(name),
                Settings(whitelist=whitelist),
                on_host=on_host and address is _ADDRESSES[1],
            )
            number = self.model[name].in_force(address)
            if answer.reason in {Reason.ALREADY_ON_HOST, Reason.NOT_WHITELISTED}:
                assert answer.registry is None
            elif number is None:
                assert (answer.reason, answer.registry) == (Reason.ANONYMOUS, None)
            else:
                row = self.model[name].row(number)
                assert row is not None
                assert answer.registry == self.twins[name].registry(f"{name}/{number}")
                assert answer.allowed is row.active
            self.check(name, answer)
            self.answers.append(answer)

    @invariant()
    def every_old_answer_is_as_the_model_says(self) -> None:
        for answer in self.answers[-_KEPT:]:
            for name in _NAMES:
                self.check(name, answer)

    @precondition(lambda self: self.answers)
    @rule(
        data=st.data(),
        name=_names,
        number=st.integers(1, 7) | st.sampled_from([2**63 - 1, 10**18]),
        address=_addresses,
    )
    def forge(self, data: st.DataObject, name: str, number: int, address: RegistryAddress) -> None:
        honest = data.draw(st.sampled_from(self.answers))
        stranger = Registry(environment=name, sequence=number, address=address, username="u")
        other = resolve(f"{address}/acme/api", Environment(name))
        for answer in (
            honest.__replace__(registry=stranger),
            honest.__replace__(registry=None),
            honest.__replace__(address=address),
            honest.__replace__(image=other.image),
            honest.__replace__(image=other.image, address=address),
            honest.__replace__(environment=name),
            honest.__replace__(reason=Reason.CREDENTIAL),
            honest.__replace__(reason=Reason.ANONYMOUS),
            other.__replace__(reason=Reason.CREDENTIAL, registry=honest.registry),
        ):
            self.check(name, answer)
            self.check(honest.environment, answer)

    @rule(name=_names, whitelist=st.sampled_from(sorted(_COULD_MATCH)))
    def deliver(self, name: str, whitelist: str) -> None:
        settings = Settings(whitelist=whitelist)
        tenant = self.model.get(name)
        if tenant is None:
            assert _outcome(lambda: self.store.credentials(name)) is EnvironmentNotFound
            return
        expected = {
            row.address: row.credential
            for number, row in enumerate(tenant.rows, 1)
            if row is not None and row.active and tenant.in_force(row.address) == number
        }
        assert self.store.credentials(name) == expected
        limited = self.store.credentials(name, settings)
        assert limited == {
            address: credential
            for address, credential in expected.items()
            if str(address) in _COULD_MATCH[whitelist]
        }

    # What always holds

    @invariant()
    def the_same_names(self) -> None:
        assert self.store.environments() == tuple(sorted(self.model)) == tuple(sorted(self.twins))

    @invariant()
    def what_was_handed_out_stays(self) -> None:
        assert all(environment == twin for environment, twin in self.handed_out)
        self.handed_out = [
            (self.store.environment(name), twin) for name, twin in self.twins.items()
        ]

    @invariant()
    def the_store_equals_its_twins(self) -> None:
        for name, twin in self.twins.items():
            environment = self.store.environment(name)
            assert environment is self.store.environment(name)
            assert environment == twin
            assert hash(environment) == hash(twin)
            assert pickle.loads(pickle.dumps(environment)) == twin  # noqa: S301  # made here

    @invariant()
    def the_registry_in_force_equals_the_model(self) -> None:
        for name, tenant in self.model.items():
            environment = self.store.environment(name)
            assert environment.orchestration is tenant.orchestration
            assert environment.additions == len(tenant.rows)
            for address in _ADDRESSES:
                number = tenant.in_force(address)
                for asked in (environment, self.twins[name]):
                    found = asked.in_force(address)
                    assert (None if found is None else found.sequence) == number

    @invariant()
    def no_registry_is_anothers(self) -> None:
        for name, tenant in self.model.items():
            kept = [
                (number, row.address, row.credential.username, row.active)
                for number, row in enumerate(tenant.rows, 1)
                if row is not None
            ]
            found = self.store.environment(name).registries
            assert {registry.environment for registry in found} <= {name}
            assert [(r.sequence, r.address, r.username, r.is_active) for r in found] == kept
