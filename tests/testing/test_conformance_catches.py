"""The conformance suite notices stores with a fault, and has nothing against those without."""

from __future__ import annotations

import inspect
from itertools import product
from typing import TYPE_CHECKING, ClassVar, Final

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings

from tests.testing import faults_in_answers, faults_in_changes
from tests.testing.faults import Faulty, SharedStore
from wharfinger import MemoryStore, WharfingerError
from wharfinger.testing._examples import fill
from wharfinger.testing.conformance import StoreConformance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wharfinger import CredentialStore

FAULTY: Final = {
    name: made
    for module in (faults_in_changes, faults_in_answers)
    for name, made in vars(module).items()
    if isinstance(made, Faulty)
}
# What a test fails with; anything else is a mistake of the tests in here.
NOTICED: Final = (AssertionError, pytest.fail.Exception, WharfingerError, LookupError)
# Faults that the machine finds early by any sequence of changes; the rest take luck, or what it
# has no rule for.
BY_MACHINE: Final = (
    *("updated_is_most_recent", "updated_is_active", "updated_secret_alone"),
    *("deactivated_is_removed", "removed_with_all_of_its_address", "removed_number_is_free"),
    *("removed_secret_is_kept", "refused_takes_a_number", "refused_creates", "refused_deactivates"),
    *("the_oldest_wins", "inactive_is_given", "anonymous_when_stale", "the_answer_is_trusted"),
    *("inactive_are_delivered", "older_are_delivered", "all_environments_are_delivered"),
    *("snapshots_change", "snapshots_stay", "created_twice", "handles_part"),
)


class Suite(StoreConformance):
    """The suite, as somebody runs it on stores of a class."""

    # The same sequences of changes in each run, as many as it takes, none made simpler.
    machine_settings: ClassVar[hypothesis_settings] = hypothesis_settings(
        deadline=None,
        derandomize=True,
        database=None,
        max_examples=1000,
        stateful_step_count=25,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    def __init__(self, kind: type[MemoryStore]) -> None:
        self.kind = kind

    def open_store(self) -> MemoryStore:
        return self.kind()

    def reopen(self, store: CredentialStore) -> MemoryStore | None:
        return type(store)(store) if isinstance(store, SharedStore) else None


EXAMPLES: Final = {
    name: test
    for name, test in inspect.getmembers(Suite, inspect.isfunction)
    if name.startswith("test_") and name != "test_any_sequence_of_changes"
}


def cases(test: Callable[..., object]) -> Iterator[dict[str, object]]:
    """What a test is parametrized with."""
    choices = []
    for mark in getattr(test, "pytestmark", []):
        names, values = mark.args
        if isinstance(names, str):
            names, values = (names,), [(value,) for value in values]
        choices.append([dict(zip(names, value, strict=True)) for value in values])
    for chosen in product(*choices):
        yield {name: value for each in chosen for name, value in each.items()}


def fixtures(suite: Suite, wanted: set[str]) -> dict[str, object]:
    """What the suite's fixtures make."""
    store = suite.open_store()
    if "filled" in wanted:
        fill(store)
    made = {"store": store, "filled": store, "settings_store": store}
    return {name: made[name] for name in wanted}


def tried(kind: type[MemoryStore]) -> dict[str, str]:
    """What each of the suite's examples comes to for stores of a class, by the test's name."""
    suite, outcomes = Suite(kind), dict.fromkeys(EXAMPLES, "passed")
    for name, test in EXAMPLES.items():
        for arguments in cases(test):
            wanted = inspect.signature(test).parameters.keys() - {"self", *arguments}
            try:
                test(suite, **fixtures(suite, wanted), **arguments)
            except pytest.skip.Exception:
                outcomes[name] = "skipped"
            except NOTICED:
                outcomes[name] = "failed"
    return outcomes


def test_stores_without_a_fault() -> None:
    """The suite passes what is right; a store with one handle skips one test."""
    assert set(tried(SharedStore).values()) == {"passed"}
    once = tried(MemoryStore)
    assert once.pop("test_another_handle") == "skipped"
    assert set(once.values()) == {"passed"}


@pytest.mark.parametrize("name", FAULTY)
def test_a_fault_is_noticed(name: str) -> None:
    """R5 to R9, R17 to R19, R24: each fault fails the example that speaks of its rule."""
    store, noticed_by = FAULTY[name]
    outcomes = tried(store)
    assert outcomes[noticed_by] == "failed"
    # The rest of it works: it has one fault, and is not merely broken.
    assert list(outcomes.values()).count("passed") > len(outcomes) // 2


@pytest.mark.parametrize("name", BY_MACHINE)
def test_a_fault_is_noticed_by_the_machine(name: str) -> None:
    """R5 to R9, R17 to R19, R24: some sequence of changes shows the fault."""
    with pytest.raises(NOTICED):
        Suite(FAULTY[name].store).test_any_sequence_of_changes()


def test_no_sequence_of_changes_shows_a_fault_where_none_is() -> None:
    """A store that is used by two handles in turn passes."""
    suite = Suite(SharedStore)
    suite.machine_settings = hypothesis_settings(Suite.machine_settings, max_examples=50)  # type: ignore[misc]  # of this suite alone
    suite.test_any_sequence_of_changes()
