"""What holds of every answer, whatever the reference, the environment and the settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import wharfinger
from wharfinger import (
    DefaultRegistry,
    Environment,
    HostImages,
    ImageReference,
    RegistryAddress,
    Resolution,
    Settings,
    Whitelist,
    resolve,
)
from wharfinger.testing import strategies as wf

NAMED = wf.references(wf.addresses().flatmap(wf.spellings))
REFERENCES = wf.references() | NAMED
ENVIRONMENTS = wf.environments()
SETTINGS = wf.settings()
ENTRIES = st.lists(wf.whitelist_entries(), min_size=1, max_size=4)
# The registry of a reference often meets an entry's or an added one's when there are few of each.
FEW = st.sampled_from(["docker.io", "quay.io", "a.corp:5000", "b.a.corp:5000", "[::1]:5000"]).map(
    RegistryAddress.parse
)
CLOSE_REFERENCES = wf.references(st.none() | FEW.flatmap(wf.spellings))
CLOSE_ENVIRONMENTS = wf.environments(address=FEW)
CLOSE_ENTRIES = st.lists(
    wf.whitelist_entries(FEW) | st.sampled_from(["*.corp:5000", "*.a.corp:5000", "*.io"]),
    min_size=1,
    max_size=4,
)


def but_the_reference(answer: Resolution) -> dict[str, object]:
    """The answer as data without the reference as typed; the trace is in it."""
    data = answer.as_dict()
    assert data.pop("reference") == str(answer.reference)
    return data


@given(
    reference=REFERENCES,
    one=ENVIRONMENTS,
    other=ENVIRONMENTS,
    before=SETTINGS,
    after=SETTINGS,
    on_host=st.booleans(),
)
def test_a_canonical_image_stays(
    reference: str,
    one: Environment,
    other: Environment,
    before: Settings,
    after: Settings,
    *,
    on_host: bool,
) -> None:
    """R13: a canonical image resolved again, under any settings, keeps image and address."""
    answer = resolve(reference, one, before)
    for stored in (answer.image, str(answer.image)):
        again = resolve(stored, other, after, on_host=on_host)
        assert (again.image, again.address) == (answer.image, answer.address)
        assert again.reference == again.image


@given(
    data=st.data(),
    environment=ENVIRONMENTS,
    settings=SETTINGS,
    rest=wf.references(st.none()),
    on_host=st.booleans(),
)
def test_the_spelling_of_the_registry_is_nothing(
    data: st.DataObject,
    environment: Environment,
    settings: Settings,
    rest: str,
    *,
    on_host: bool,
) -> None:
    """R1, R2, R3: every spelling of a registry that R1 reads as one has the same answer."""
    addresses = [settings.default_registry.address, *(r.address for r in environment.registries)]
    address = data.draw(st.sampled_from(addresses) | wf.addresses())
    one, other = data.draw(wf.spellings(address)), data.draw(wf.spellings(address))
    answers = [
        resolve(f"{registry}/{rest}", environment, settings, on_host=on_host)
        for registry in (one, other, str(address))
    ]
    assert answers[0].address == address
    assert but_the_reference(answers[0]) == but_the_reference(answers[1])
    assert but_the_reference(answers[0]) == but_the_reference(answers[2])
    assert answers[0].trace == answers[1].trace == answers[2].trace


@st.composite
def respelt(draw: st.DrawFn, entries: list[str]) -> str | list[str]:
    """The same whitelist in another order, spacing and case, with blanks and repetitions."""
    more = draw(st.lists(st.sampled_from(entries), max_size=2))
    written = []
    for entry in draw(st.permutations([*entries, *more])):
        registry, slash, path = entry.partition("/")
        registry = draw(st.sampled_from([registry, registry.upper(), registry.title()]))
        blank = st.sampled_from(["", " ", "\t", " \n "])
        written.append(f"{draw(blank)}{registry}{slash}{path}{draw(blank)}")
        written += draw(st.sampled_from([[], [""], [" "]]))
    return ",".join(written) if draw(st.booleans()) else written


@given(st.data(), CLOSE_REFERENCES, CLOSE_ENVIRONMENTS, CLOSE_ENTRIES)
def test_the_spelling_of_the_whitelist_is_nothing(
    data: st.DataObject, reference: str, environment: Environment, entries: list[str]
) -> None:
    """R14: order, spacing and case of the whitelist change nothing, the trace included."""
    one = Settings(whitelist=entries)
    other = Settings(whitelist=data.draw(respelt(entries)))
    assert one == other
    assert resolve(reference, environment, one) == resolve(reference, environment, other)


@given(
    reference=CLOSE_REFERENCES,
    environment=CLOSE_ENVIRONMENTS,
    settings=SETTINGS,
    entries=CLOSE_ENTRIES,
    more=CLOSE_ENTRIES,
    on_host=st.booleans(),
)
def test_more_entries_deny_nothing(
    reference: str,
    environment: Environment,
    settings: Settings,
    entries: list[str],
    more: list[str],
    *,
    on_host: bool,
) -> None:
    """R14, R15: an entry more never denies what was allowed, and one fewer never allows."""

    def answer(whitelist: list[str]) -> Resolution:
        changed = Settings(
            default_registry=settings.default_registry,
            official_namespace=settings.official_namespace,
            host_images=settings.host_images,
            whitelist=whitelist,
        )
        return resolve(reference, environment, changed, on_host=on_host)

    fewer, all_of_them = answer(entries), answer([*entries, *more])
    assert fewer.allowed <= all_of_them.allowed
    assert fewer.image == all_of_them.image
    if fewer.allowed:
        assert (fewer.reason, fewer.registry) == (all_of_them.reason, all_of_them.registry)


@given(
    st.lists(CLOSE_ENVIRONMENTS, min_size=2, max_size=2, unique_by=lambda e: e.name),
    CLOSE_REFERENCES,
    SETTINGS,
)
def test_no_environment_sees_another(
    environments: list[Environment], reference: str, settings: Settings
) -> None:
    """R17: an answer holds a registry of its own environment or none."""
    ids = [registry.id for environment in environments for registry in environment.registries]
    assert len(ids) == len(set(ids))
    for environment in environments:
        answer = resolve(reference, environment, settings)
        assert answer.environment == environment.name
        assert answer.registry is None or answer.registry in environment.registries
        assert answer.registry is None or answer.registry.environment == environment.name
        alone = Environment(environment.name, registries=environment.registries)
        assert answer == resolve(reference, alone, settings)


@given(REFERENCES, CLOSE_ENVIRONMENTS, CLOSE_REFERENCES)
def test_registries_of_other_addresses_are_nothing(
    one: str, environment: Environment, other: str
) -> None:
    """R6, R19: only the registries of the image's own address can be in its answer."""
    for reference in (one, other):
        answer = resolve(reference, environment)
        assert answer.registry is None or answer.registry.address == answer.address
        own = tuple(r for r in environment.registries if r.address == answer.address)
        alone = Environment(environment.name, registries=own)
        assert resolve(reference, alone) == answer


@given(reference=REFERENCES, environment=ENVIRONMENTS, settings=SETTINGS, on_host=st.booleans())
def test_same_arguments_same_answer(
    reference: str, environment: Environment, settings: Settings, *, on_host: bool
) -> None:
    """R24: resolving changes nothing it was given, and says the same again, of equal values too."""
    shown = (repr(environment), repr(settings), hash(environment), hash(settings))
    answer = resolve(reference, environment, settings, on_host=on_host)
    twin = Environment(
        environment.name, environment.orchestration, environment.registries, environment.additions
    )
    same = Settings(
        default_registry=str(settings.default_registry),
        whitelist=settings.whitelist,
        official_namespace=settings.official_namespace,
        host_images=settings.host_images,
    )
    again = resolve(ImageReference.parse(reference), twin, same, on_host=on_host)
    assert again == answer
    assert again.as_dict() == answer.as_dict()
    assert again.explain() == answer.explain()
    assert shown == (repr(environment), repr(settings), hash(environment), hash(settings))


@given(SETTINGS)
def test_settings_round_trip(settings: Settings) -> None:
    """R24: settings are what their repr says."""
    names = {
        "DefaultRegistry": DefaultRegistry,
        "HostImages": HostImages,
        "Settings": Settings,
        "Whitelist": Whitelist,
    }
    pasted = eval(repr(settings), names)  # noqa: S307  # what somebody does who pastes a repr
    assert pasted == settings
    assert repr(pasted) == repr(settings)


PROGRAM = """
import json
from wharfinger import Environment, Settings, lint, resolve
environment = Environment("ci")
for address in ["docker.io", "quay.io", "a.corp:5000", "index.docker.io", "[::1]:5000", "quay.io"]:
    environment = environment.added(address, username="bot")
environment = environment.deactivated("ci/3")
policies = [
    Settings(),
    Settings(whitelist={"quay.io/acme", "*.io", "docker.io/acme", "*.corp", "a.corp:5000"}),
    Settings(default_registry="a.corp:5000/a", whitelist={"quay.io", "A.corp:5000", "*.corp:5000"}),
]
names = [
    "ubuntu", "acme/api:1", "quay.io/acme/api", "Quay.IO:443/x", "ghcr.io/acme/x", "a.b.corp/x",
    "a.corp:5000/x", "[::1]:5000/x", "localhost/x", "registry-1.docker.io/acme/x",
]
for settings in policies:
    for name in names:
        for on_host in (False, True):
            answer = resolve(name, environment, settings, on_host=on_host)
            print(json.dumps(answer.as_dict()), repr(answer), answer.explain())
    print(settings, [str(remark) for remark in lint(environment, settings)])
"""


def test_answers_do_not_depend_on_the_hash_seed() -> None:
    """R24: a process with another hash seed gives the same answers in the same words."""
    printed = set()
    for seed in ("0", "1", "4242"):
        variables = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": str(Path(wharfinger.__file__).parents[1]),
        }
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=variables,
            capture_output=True,
            text=True,
            check=True,
        )
        printed.add(done.stdout)
    (text,) = printed
    answers = [line for line in text.splitlines() if line.startswith("{")]
    assert len(answers) == 60
    reasons = {json.loads(line[: line.index("} <") + 1])["reason"] for line in answers}
    assert len(reasons) == 5
