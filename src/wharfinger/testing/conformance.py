"""What every credential store must do, as tests that a store's author runs.

Subclass :class:`StoreConformance` in a test module, say how an empty store is opened, and run
``pytest``. The package needs ``pytest`` and ``hypothesis``.

Example::

    class TestShelf(StoreConformance):
        def open_store(self) -> ShelfStore:
            return ShelfStore()
"""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, ClassVar, cast

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test

from wharfinger.core.address import RegistryAddress
from wharfinger.core.credential import Credential, CredentialKind, Secret
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
)
from wharfinger.core.registry import Registry, RegistryState
from wharfinger.core.resolver import Reason, Resolution, resolve
from wharfinger.core.settings import HostImages, Settings
from wharfinger.core.store import CredentialStore, SettingsStore
from wharfinger.testing._examples import (
    BAD_ADDRESSES,
    BAD_CREDENTIALS,
    BAD_NAMES,
    FORGERIES,
    GHCR,
    IMAGE,
    MARK,
    NO_CREDENTIALS,
    NO_SETTINGS,
    QUAY,
    UNKNOWN,
    UNKNOWN_IDS,
    asked,
    everything,
    fill,
    given,
    papers,
    refused,
    revealed,
)
from wharfinger.testing.machine import StoreMachine, close

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["StoreConformance"]


class StoreConformance:
    """Holds a store to the protocols, example by example and by any sequence of changes.

    Attributes:
        machine_settings: How many sequences of changes are tried, and how long they are.
    """

    machine_settings: ClassVar[hypothesis_settings] = hypothesis_settings(
        deadline=None, stateful_step_count=25
    )

    # What a subclass says of its store

    def open_store(self) -> CredentialStore:
        """Open a new, empty store; it is called several times in one test.

        Returns:
            The store.
        """
        raise NotImplementedError

    def reopen(self, store: CredentialStore) -> CredentialStore | None:  # noqa: ARG002  # a hook
        """Open the data of a store through a second handle; override it for a store that lasts.

        Args:
            store: A store that :meth:`open_store` returned; it is still open.

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

    @pytest.fixture
    def store(self) -> Iterator[CredentialStore]:
        """An empty store, closed after the test."""
        store = self.open_store()
        yield store
        self.close_store(store)

    @pytest.fixture
    def filled(self, store: CredentialStore) -> CredentialStore:
        """The same store, with three environments."""
        fill(store)
        return store

    # Any sequence of changes

    def test_any_sequence_of_changes(self) -> None:
        """R5 to R9, R17 to R19: store, pure environment and model agree after any changes."""
        suite = self

        class Machine(StoreMachine):
            def open_store(self) -> CredentialStore:
                return suite.open_store()

            def reopen(self, store: CredentialStore) -> CredentialStore | None:
                return suite.reopen(store)

            def close_store(self, store: CredentialStore) -> None:
                suite.close_store(store)

            def same(self, found: object, expected: Credential) -> bool:
                return suite.same(found, expected)

        run_state_machine_as_test(Machine, settings=self.machine_settings)

    # Environments

    def test_it_is_a_credential_store(self, store: CredentialStore) -> None:
        """It has every method of the protocol, and begins empty."""
        assert isinstance(store, CredentialStore)
        assert store.environments() == ()

    @pytest.mark.parametrize("orchestration", Orchestration)
    def test_create(self, store: CredentialStore, orchestration: Orchestration) -> None:
        """A created environment is empty and has the orchestration it was given."""
        assert store.create("staging", orchestration) == Environment("staging", orchestration)
        assert store.environment("staging") == Environment("staging", orchestration)
        assert store.create("other").orchestration is Orchestration.CATTLE
        assert store.environments() == ("other", "staging")

    def test_create_what_is_there(self, filled: CredentialStore) -> None:
        """An environment is created once, and a second time is refused."""
        before = everything(filled)
        with refused(EnvironmentExists) as caught:
            filled.create("ci", Orchestration.KUBERNETES)
        assert caught.value.name == "ci"
        assert everything(filled) == before

    def test_create_refuses(self, filled: CredentialStore) -> None:
        """A malformed name or an unknown orchestration makes no environment."""
        before = everything(filled)
        for name in BAD_NAMES:
            with refused(InvalidEnvironment):
                filled.create(name)
            with refused(InvalidEnvironment):
                filled.add(name, "quay.io", papers("u"))
        with pytest.raises(ValueError, match="swarm"):
            filled.create("new", cast("Orchestration", "swarm"))
        assert everything(filled) == before

    def test_names_of_every_script(self, store: CredentialStore) -> None:
        """Names are kept as they are: none is folded, trimmed, normalised or read as a pattern."""
        names = ("ci", "CI", "c%", "c_", "é", "e\u0301", "日本", "🚢", "a/b", "'; --", "x" * 255)
        for name in names:
            store.add(name, "quay.io", papers("u"))
        assert store.environments() == tuple(sorted(names))
        for name in names:
            assert store.environment(name) == Environment(name).added("quay.io", username="u")

    def test_destroy(self, filled: CredentialStore) -> None:
        """R5, R8: a destroyed environment is gone, and one of its name starts anew."""
        filled.environment("ci")
        filled.destroy("ci")
        assert filled.environments() == ("cd", "k8s")
        with refused(EnvironmentNotFound):
            filled.environment("ci")
        assert filled.add("ci", "quay.io", papers("again")).id == "ci/1"
        assert filled.environment("ci") == Environment("ci").added("quay.io", username="again")
        assert given(filled) == "secret of again"

    def test_unknown_environments(self, filled: CredentialStore) -> None:
        """An unknown environment is refused by every call alike, whatever its name."""
        before = everything(filled)
        answer = resolve(IMAGE, Environment("x"))
        calls: tuple[Callable[[str], object], ...] = (
            filled.environment,
            filled.destroy,
            filled.credentials,
            lambda name: filled.update(name, "ci/1", papers("u")),
            lambda name: filled.activate(name, "ci/1"),
            lambda name: filled.deactivate(name, "ci/1"),
            lambda name: filled.remove(name, "ci/1"),
            lambda name: filled.credential(name, answer),
        )
        for name in UNKNOWN:
            for call in calls:
                with refused(EnvironmentNotFound) as caught:
                    call(name)
                assert caught.value.name == name
        assert everything(filled) == before

    def test_the_nearest_environment_is_named(self, filled: CredentialStore) -> None:
        """A name with a slip of the pen is told the name that was probably meant."""
        with refused(EnvironmentNotFound) as caught:
            filled.environment("cii")
        assert caught.value.nearest == "ci"

    def test_the_same_until_something_changes(self, filled: CredentialStore) -> None:
        """R24: reading, and repeating what is so already, hands out the same object."""
        environment = filled.environment("ci")
        filled.activate("ci", "ci/1")
        filled.credentials("ci")
        filled.credential("ci", resolve(IMAGE, environment))
        filled.add("cd", "ghcr.io", papers("u"))
        with refused(RegistryNotFound):
            filled.remove("ci", "ci/9")
        assert filled.environment("ci") is environment

    @pytest.mark.parametrize("change", ["add", "update", "deactivate", "remove"])
    def test_a_change_makes_a_new_environment(self, filled: CredentialStore, change: str) -> None:
        """R24: an environment that was handed out never changes; after a change is another."""
        changes: dict[str, Callable[[], object]] = {
            "add": lambda: filled.add("ci", "quay.io", papers("u")),
            "update": lambda: filled.update("ci", "ci/1", papers("u")),
            "deactivate": lambda: filled.deactivate("ci", "ci/1"),
            "remove": lambda: filled.remove("ci", "ci/1"),
        }
        environment = filled.environment("ci")
        kept = pickle.loads(pickle.dumps(environment))  # noqa: S301  # made here
        changes[change]()
        assert environment == kept
        assert filled.environment("ci") != environment
        assert filled.environment("ci") is filled.environment("ci")

    # Registries

    def test_add(self, store: CredentialStore) -> None:
        """R3, R5, R6: an added registry is returned, is active, and is in force."""
        registry = store.add("ci", "QUAY.io:443", papers("bot"), added_by="alice")
        assert registry == Registry(
            environment="ci", sequence=1, address="quay.io", username="bot", added_by="alice"
        )
        second = store.add("ci", QUAY, papers("new"))
        assert (second.id, second.added_by) == ("ci/2", None)
        assert store.environment("ci").registries == (registry, second)
        assert store.environment("ci").in_force("quay.io") == second

    def test_add_leaves_the_orchestration(self, filled: CredentialStore) -> None:
        """R18: adding leaves the orchestration of an environment as it is."""
        filled.add("k8s", "quay.io", papers("u"))
        assert filled.environment("k8s").orchestration is Orchestration.KUBERNETES

    def test_numbers_are_never_used_again(self, filled: CredentialStore) -> None:
        """R5: the count of additions survives removal, even of all registries."""
        for registry in filled.environment("ci").registries:
            filled.remove("ci", registry.id)
        assert filled.environment("ci") == Environment("ci", additions=3)
        assert filled.add("ci", "quay.io", papers("u")).id == "ci/4"

    @pytest.mark.parametrize("environment", ["ci", "new"])
    def test_refused_changes_change_nothing(
        self, filled: CredentialStore, environment: str
    ) -> None:
        """R4, R9, R22: what is refused changes nothing, creates nothing and takes no number."""
        before = everything(filled)
        for address in BAD_ADDRESSES:
            with refused(InvalidAddress):
                filled.add(environment, address, papers("u"))
        for bad in BAD_CREDENTIALS:
            with refused(InvalidCredential):
                filled.add(environment, "quay.io", bad)
            with refused(InvalidCredential):
                filled.update("ci", "ci/3", bad)
        for none in NO_CREDENTIALS:
            with refused(TypeError):
                filled.add(environment, "quay.io", cast("Credential", none))
            with refused(TypeError):
                filled.update("ci", "ci/3", cast("Credential", none))
        assert everything(filled) == before
        assert filled.environments() == ("cd", "ci", "k8s")
        assert filled.add("ci", "quay.io", papers("u")).sequence == 4

    def test_unknown_registries(self, filled: CredentialStore) -> None:
        """R6, R17: an unknown id is refused by every call alike, another environment's included."""
        before = everything(filled)
        calls: tuple[Callable[[str], object], ...] = (
            lambda registry_id: filled.update("ci", registry_id, papers("u")),
            lambda registry_id: filled.activate("ci", registry_id),
            lambda registry_id: filled.deactivate("ci", registry_id),
            lambda registry_id: filled.remove("ci", registry_id),
        )
        for registry_id in UNKNOWN_IDS:
            for call in calls:
                with refused(RegistryNotFound) as caught:
                    call(registry_id)
                assert (caught.value.registry, caught.value.environment) == (registry_id, "ci")
        assert everything(filled) == before

    def test_update(self, filled: CredentialStore) -> None:
        """R9: an update replaces the whole credential; address, place, state and adder stay."""
        filled.deactivate("ci", "ci/1")
        assert filled.update("ci", "ci/1", papers("robot")) == Registry(
            environment="ci",
            sequence=1,
            address=QUAY,
            username="robot",
            state=RegistryState.INACTIVE,
            added_by="alice",
        )
        assert [r.id for r in filled.environment("ci").registries] == ["ci/1", "ci/2", "ci/3"]
        filled.update("ci", "ci/3", papers("newer"))
        assert given(filled) == "secret of newer"
        filled.remove("ci", "ci/3")
        filled.activate("ci", "ci/1")
        assert given(filled) == "secret of robot"

    def test_activate_and_deactivate(self, filled: CredentialStore) -> None:
        """R7, R9: deactivating keeps the secret for activating, and repeating is no error."""
        before = filled.environment("ci")
        for _ in range(2):
            assert filled.deactivate("ci", "ci/3").state is RegistryState.INACTIVE
            assert filled.environment("ci").registry("ci/3").state is RegistryState.INACTIVE
        for _ in range(2):
            assert filled.activate("ci", "ci/3").state is RegistryState.ACTIVE
        assert filled.environment("ci") == before
        assert given(filled) == "secret of new"

    def test_activating_leaves_the_order(self, filled: CredentialStore) -> None:
        """R6: what is activated again is where it was, and not in force by that."""
        before = filled.environment("ci")
        filled.deactivate("ci", "ci/1")
        filled.activate("ci", "ci/1")
        assert filled.environment("ci") == before
        assert given(filled) == "secret of new"

    def test_remove(self, filled: CredentialStore) -> None:
        """R8: after a removal the next most recent registry and its secret are in force."""
        filled.remove("ci", "ci/3")
        assert given(filled) == "secret of old"
        with refused(RegistryNotFound):
            filled.activate("ci", "ci/3")
        filled.remove("ci", "ci/1")
        assert given(filled) is None

    def test_environments_do_not_see_each_other(self, filled: CredentialStore) -> None:
        """R17: no change in one environment shows in another."""
        other = filled.environment("cd")
        filled.deactivate("ci", "ci/3")
        filled.remove("ci", "ci/2")
        filled.destroy("ci")
        assert filled.environment("cd") is other
        assert given(filled, "cd") == "secret of d"
        assert filled.credentials("k8s") == {}

    def test_names_with_slashes_keep_apart(self, store: CredentialStore) -> None:
        """R17: ids of an environment whose name ends like an id are its own."""
        store.add("team", "quay.io", papers("outer"))
        store.add("team/1", "quay.io", papers("inner"))
        for environment, registry_id in (("team", "team/1/1"), ("team/1", "team/1")):
            with refused(RegistryNotFound):
                store.remove(environment, registry_id)
        store.remove("team", "team/1")
        assert given(store, "team/1") == "secret of inner"

    # Secrets

    @pytest.mark.parametrize("kind", CredentialKind)
    def test_a_credential_comes_back_whole(
        self, store: CredentialStore, kind: CredentialKind
    ) -> None:
        """R9: username, secret, e-mail and kind come back as they were given."""
        secrets = ("hunter2", " a b ", "\n", "é日本🚢", "x" * 20_000, "'; --", "%s{}\\")
        for text in secrets:
            for email in (None, "ci@acme.example"):
                credential = Credential("u@$%", Secret(text), email, kind)
                registry = store.add("ci", "quay.io", credential)
                found = store.credential("ci", asked(store))
                assert self.same(found, credential)
                assert self.same(store.credentials("ci")[QUAY], credential)
                store.update("ci", registry.id, credential)
                assert self.same(store.credential("ci", asked(store)), credential)

    def test_google_keys(self, store: CredentialStore) -> None:
        """R22: a whole key file is taken, at adding and at updating."""
        key = {"type": "service_account", "private_key": "k", "client_email": "e"}
        credential = Credential("_json_key", Secret(json.dumps(key)))
        registry = store.add("ci", "gcr.io", credential)
        assert store.update("ci", registry.id, credential).username == "_json_key"

    def test_a_store_shows_no_secret(self, filled: CredentialStore) -> None:
        """R9: a store in a log or a notebook tells nobody what it keeps."""
        everything(filled)
        assert MARK not in f"{filled} {filled!r}"

    def test_the_credential_in_force(self, filled: CredentialStore) -> None:
        """R6, R17: the secret is that of the registry in force in the environment that asked."""
        assert given(filled) == "secret of new"
        assert given(filled, image="QUAY.io:443/a@sha256:" + "0" * 64) == "secret of new"
        assert given(filled, image="ghcr.io/acme/api") == "secret of hub"
        assert given(filled, "cd") == "secret of d"

    @pytest.mark.parametrize("image", ["ubuntu", "quay.io:5000/a", "sub.quay.io/a", "xquay.io/a"])
    def test_an_anonymous_answer(self, filled: CredentialStore, image: str) -> None:
        """R10, R19: an address nobody added has no credential; added since, it must be resolved."""
        answer = asked(filled, image)
        assert answer.reason is Reason.ANONYMOUS
        assert filled.credential("ci", answer) is None
        added = filled.add("ci", answer.address, papers("u"))
        with refused(StaleResolution):
            filled.credential("ci", answer)
        filled.remove("ci", added.id)
        assert filled.credential("ci", answer) is None

    def test_an_image_on_the_host(self, filled: CredentialStore) -> None:
        """R16: an image that is on the host needs no credential, whatever changed since."""
        answer = resolve(IMAGE, filled.environment("ci"), on_host=True)
        assert filled.credential("ci", answer) is None
        filled.deactivate("ci", "ci/3")
        assert filled.credential("ci", answer) is None

    def test_a_denied_answer(self, filled: CredentialStore) -> None:
        """R7, R15: a denied answer raises itself, from whatever rule the denial came."""
        filled.deactivate("ci", "ci/3")
        unlisted = resolve(IMAGE, filled.environment("ci"), Settings(whitelist="ghcr.io"))
        for answer in (asked(filled), unlisted):
            with refused(PullDenied) as caught:
                filled.credential("ci", answer)
            assert caught.value.answer is answer

    def test_what_is_no_answer(self, filled: CredentialStore) -> None:
        """R15: a credential is given for an answer, and for nothing else."""
        for answer in (None, "quay.io/acme/api", True, Environment("ci"), QUAY):
            with refused(TypeError):
                filled.credential("ci", cast("Resolution", answer))

    def test_an_old_answer_that_holds(self, filled: CredentialStore) -> None:
        """R5, R9: an answer from before other changes gets the credential of now."""
        answer = asked(filled)
        filled.remove("ci", "ci/1")
        filled.deactivate("ci", "ci/2")
        filled.add("ci", "docker.io", papers("u"))
        assert revealed(filled.credential("ci", answer)) == "secret of new"
        filled.update("ci", "ci/3", papers("newer"))
        assert revealed(filled.credential("ci", answer)) == "secret of newer"

    def test_a_stale_answer(self, filled: CredentialStore) -> None:
        """R6, R7, R8: an answer that no longer holds gets no secret, neither old nor new."""
        answer = asked(filled)
        filled.deactivate("ci", "ci/3")
        with refused(StaleResolution):
            filled.credential("ci", answer)
        filled.activate("ci", "ci/3")
        added = filled.add("ci", "QUAY.io:443", papers("u"))
        with refused(StaleResolution):
            filled.credential("ci", answer)
        filled.deactivate("ci", added.id)
        with refused(StaleResolution):
            filled.credential("ci", answer)
        filled.remove("ci", added.id)
        assert revealed(filled.credential("ci", answer)) == "secret of new"
        filled.remove("ci", "ci/3")
        with refused(StaleResolution):
            filled.credential("ci", answer)
        filled.remove("ci", "ci/1")
        with refused(StaleResolution) as caught:
            filled.credential("ci", answer)
        assert caught.value.answer is answer

    def test_destroyed_since(self, filled: CredentialStore) -> None:
        """R5, R17: an answer of a destroyed environment finds neither it nor its successor."""
        answer = asked(filled)
        filled.destroy("ci")
        with refused(EnvironmentNotFound):
            filled.credential("ci", answer)
        filled.add("ci", "quay.io", papers("u"))
        with refused(RegistryNotFound):
            filled.credential("ci", answer)

    def test_forged_answers(self, filled: CredentialStore) -> None:
        """R19: an answer whose parts do not belong together gets no secret and no leave."""
        answer = asked(filled)
        for forge in FORGERIES.values():
            with refused(RegistryNotFound) as caught:
                filled.credential("ci", forge(answer))
            assert caught.value.environment == "ci"

    @pytest.mark.parametrize("image", [IMAGE, "ubuntu", "ghcr.io/acme/api"])
    def test_another_environments_answer(self, filled: CredentialStore, image: str) -> None:
        """R17: an answer for one environment gets nothing from another."""
        for on_host in (False, True):
            answer = resolve(image, filled.environment("ci"), on_host=on_host)
            with refused(RegistryNotFound):
                filled.credential("cd", answer)

    def test_answers_that_call_themselves_something_else(self, filled: CredentialStore) -> None:
        """R6, R7, R10: no answer becomes anonymous, allowed or older by saying so."""
        honest = asked(filled)
        older = honest.__replace__(registry=filled.environment("ci").registry("ci/1"))
        anonymous = honest.__replace__(reason=Reason.ANONYMOUS, registry=None)
        for forged in (older, anonymous):
            with refused(StaleResolution):
                filled.credential("ci", forged)
        told = Registry(
            environment="ci",
            sequence=3,
            address=QUAY,
            username="root",
            state=RegistryState.INACTIVE,
        )
        credential = filled.credential("ci", honest.__replace__(registry=told))
        assert credential is not None
        assert credential.username == "new"
        filled.deactivate("ci", "ci/3")
        with refused(StaleResolution):
            filled.credential("ci", asked(filled).__replace__(reason=Reason.CREDENTIAL))

    # All at once, for Kubernetes

    @pytest.mark.parametrize(
        ("whitelist", "delivered"),
        [
            (None, {QUAY, GHCR}),
            ("", {QUAY, GHCR}),
            ("quay.io/acme, docker.io", {QUAY}),
            ("quay.io:5000", set[RegistryAddress]()),
            ("*.quay.io", set[RegistryAddress]()),
            ("*.io", {QUAY, GHCR}),
        ],
    )
    def test_credentials(
        self, filled: CredentialStore, whitelist: str | None, delivered: set[RegistryAddress]
    ) -> None:
        """R14, R18: one per address, in force and active, and what the whitelist could match."""
        found = filled.credentials("ci", Settings(whitelist=whitelist))
        assert found.keys() == delivered
        assert {revealed(c) for c in found.values()} <= {"secret of new", "secret of hub"}
        found.clear()
        assert filled.credentials("ci").keys() == {QUAY, GHCR}
        filled.deactivate("ci", "ci/3")
        assert filled.credentials("ci").keys() == {GHCR}
        filled.remove("ci", "ci/3")
        assert revealed(filled.credentials("ci")[QUAY]) == "secret of old"

    def test_credentials_for_what_is_no_settings(self, filled: CredentialStore) -> None:
        """R18: a delivery is limited by settings; what is none limits nothing, and is refused."""
        for settings in NO_SETTINGS:
            with refused(TypeError):
                filled.credentials("ci", cast("Settings", settings))

    # Settings

    @pytest.fixture
    def settings_store(self, store: CredentialStore) -> SettingsStore:
        """The same store, when it keeps settings."""
        if not isinstance(store, SettingsStore):
            pytest.skip("the store keeps no settings")
        return store

    def test_settings_out_of_the_box(self, settings_store: SettingsStore) -> None:
        """Until some are saved, the settings are those out of the box."""
        assert settings_store.settings() == Settings()

    def test_settings_are_kept(self, settings_store: SettingsStore) -> None:
        """Saved settings replace those before, in every field."""
        for settings in (
            Settings(whitelist="quay.io, *.corp/acme"),
            Settings(whitelist=" , "),
            Settings(default_registry="harbor.corp:5000/hub", official_namespace="library"),
            Settings(host_images=HostImages.VERIFY),
            Settings(),
        ):
            settings_store.save_settings(settings)
            assert settings_store.settings() == settings

    def test_what_is_no_settings(self, settings_store: SettingsStore) -> None:
        """Anything but settings is refused, and those before stay."""
        settings_store.save_settings(Settings(whitelist="quay.io"))
        for settings in (None, *NO_SETTINGS):
            with refused(TypeError):
                settings_store.save_settings(cast("Settings", settings))
        assert settings_store.settings() == Settings(whitelist="quay.io")

    def test_saved_settings_are_not_applied_unasked(self, filled: CredentialStore) -> None:
        """R18: settings limit a delivery when they are given, and not by being saved."""
        if isinstance(filled, SettingsStore):
            filled.save_settings(Settings(whitelist="ghcr.io"))
        assert filled.credentials("ci").keys() == {QUAY, GHCR}

    # Stores that last, and stores beside each other

    def test_two_stores_share_nothing(self, filled: CredentialStore) -> None:
        """What is in one store is not in another."""
        if isinstance(filled, SettingsStore):
            filled.save_settings(Settings(whitelist="quay.io"))
        before = everything(filled)
        other = self.open_store()
        assert everything(filled) == before
        assert other.environments() == ()
        if isinstance(other, SettingsStore):
            assert other.settings() == Settings()
        self.close_store(other)

    def test_another_handle(self, filled: CredentialStore) -> None:
        """What one handle changed, another sees, secrets and settings included."""
        other = self.reopen(filled)
        if other is None:
            pytest.skip("the store has one handle")
        assert everything(other) == everything(filled)
        answer = asked(filled)
        other.add("ci", "quay.io", papers("newest"))
        with refused(StaleResolution):
            filled.credential("ci", answer)
        assert given(filled) == "secret of newest"
        filled.deactivate("ci", "ci/4")
        assert not asked(other)
        filled.destroy("cd")
        filled.add("cd", "ghcr.io", papers("u"))
        if isinstance(other, SettingsStore):
            other.save_settings(Settings(whitelist="quay.io"))
        assert everything(other) == everything(filled)
        self.close_store(other)
