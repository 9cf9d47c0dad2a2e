"""The decision: reasons in their order, the trace, and the answer as a value."""

from __future__ import annotations

import copy
import dataclasses
import html
import inspect
import itertools
import json
import pickle
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharfinger import (
    Environment,
    HostImages,
    ImageReference,
    InvalidReference,
    MemoryStore,
    PullDenied,
    Reason,
    RegistryAddress,
    RegistryState,
    Resolution,
    Settings,
    StaleResolution,
    Step,
    Verdict,
    WharfingerError,
    resolve,
)
from wharfinger.testing import strategies as wf

EMPTY = Environment("ci")
QUAY = Environment("ci").added("quay.io", username="old").added("Quay.io:443", username="bot")
IMAGE = "quay.io/acme/api:1.2"
KEYS = [
    "environment",
    "reference",
    "image",
    "address",
    "allowed",
    "verdict",
    "reason",
    "registry",
    "trace",
]


def rules(answer: Resolution) -> list[tuple[str, str]]:
    return [(step.rule, step.outcome) for step in answer.trace]


# --- where it is pulled from -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "named"),
    [
        ("ubuntu", False),
        ("acme/api", False),
        ("acme-corp/api", False),
        ("localhosts/api", False),
        ("ubuntu:5000", False),
        ("quay.io/api", True),
        ("a.b/api", True),
        ("registry:5000/api", True),
        ("localhost/api", True),
        ("Registry/api", True),
        ("[::1]/api", True),
    ],
)
def test_what_names_a_registry(reference: str, named: object) -> None:
    """R1: a dot, a colon, `localhost` or an upper-case letter makes a registry."""
    answer = resolve(reference, EMPTY, Settings(default_registry="registry.corp:5000"))
    assert (str(answer.address) != "registry.corp:5000") is named
    assert answer.trace[0].rule == "R1"
    assert (answer.trace[0].outcome == "named") is named


def test_docker_hub_is_one_registry() -> None:
    """R2: a registry added under one of Docker Hub's names is in force under all of them."""
    names = ["docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"]
    for added, asked in itertools.product(names, ["", *(f"{name}/" for name in names)]):
        environment = EMPTY.added(f"{added.upper()}:443", username="bot")
        answer = resolve(f"{asked}ubuntu", environment)
        assert (answer.reason, answer.registry) == (Reason.CREDENTIAL, environment.registries[0])
        assert str(answer.image) == "docker.io/library/ubuntu"
        assert answer.address == RegistryAddress.DOCKER_HUB
    assert resolve("docker.io:5000/x", EMPTY.added("docker.io", username="b")).registry is None


def test_most_recently_added_is_in_force() -> None:
    """R6: of all registries of an address the most recently added one is in force."""
    answer = resolve(IMAGE, QUAY)
    assert answer.registry is QUAY.registries[1]
    assert (answer.reason, answer.allowed) == (Reason.CREDENTIAL, True)
    older = QUAY.removed("ci/2")
    assert resolve(IMAGE, older).registry == older.registries[0]
    assert resolve(IMAGE, QUAY.deactivated("ci/1").activated("ci/1")).registry == answer.registry
    assert resolve(IMAGE, QUAY.updated("ci/1", username="new")).registry == answer.registry


def test_an_inactive_registry_denies() -> None:
    """R7: where the registry in force is inactive, an older active one is not used instead."""
    answer = resolve(IMAGE, QUAY.deactivated("ci/2"))
    assert (answer.reason, answer.allowed) == (Reason.REGISTRY_INACTIVE, False)
    assert answer.registry is not None
    assert (answer.registry.id, answer.registry.state) == ("ci/2", RegistryState.INACTIVE)
    assert rules(answer)[-2:] == [("R6", "in-force"), ("R7", "inactive")]
    assert resolve(IMAGE, QUAY.deactivated("ci/1")).reason is Reason.CREDENTIAL
    assert resolve("ghcr.io/acme/api", QUAY.deactivated("ci/2")).allowed


def test_what_nobody_added_is_anonymous() -> None:
    """R10: an address that nobody added is pulled from without a credential."""
    answer = resolve("quay.io:5000/acme/api", QUAY)
    assert (answer.reason, answer.allowed, answer.registry) == (Reason.ANONYMOUS, True, None)
    denied = resolve("quay.io:5000/acme/api", QUAY, Settings(whitelist="quay.io"))
    assert (denied.reason, denied.allowed) == (Reason.NOT_WHITELISTED, False)


def test_canonical_image_is_what_to_store() -> None:
    """R13: a stored image keeps its registry under another default; what was typed moves."""
    before = resolve("acme/api:1", EMPTY, Settings(default_registry="harbor.corp/proxy"))
    assert str(before.image) == "harbor.corp/proxy/acme/api:1"
    other = Settings(default_registry="registry.corp:5000", official_namespace="library")
    stored = resolve(before.image, EMPTY, other)
    assert (stored.image, stored.address) == (before.image, before.address)
    moved = resolve(before.reference, EMPTY, other)
    assert str(moved.image) == "registry.corp:5000/acme/api:1"
    assert str(resolve("QUAY.io:443/api", EMPTY).reference) == "QUAY.io:443/api"


def test_too_long_for_the_default_registry() -> None:
    """R13: a path that gets longer than 255 at the default registry is malformed input."""
    with pytest.raises(InvalidReference, match=r"the default registry harbor\.corp/proxy "):
        resolve("acme/" + "a" * 245, EMPTY, Settings(default_registry="harbor.corp/proxy"))


def test_malformed_reference_is_no_answer() -> None:
    """R20: malformed input raises, whatever the settings say."""
    with pytest.raises(InvalidReference) as caught:
        resolve("https://quay.io/acme/api", EMPTY, on_host=True)
    assert (caught.value.rule, caught.value.repair) == ("scheme", "quay.io/acme/api")


# --- the order of reasons --------------------------------------------------------------------

REGISTRY_STATES = {
    "none": EMPTY,
    "active": EMPTY.added("quay.io", username="bot"),
    "inactive": EMPTY.added("quay.io", username="bot").deactivated("ci/1"),
    "active-over-inactive": QUAY.deactivated("ci/1"),
    "inactive-over-active": QUAY.deactivated("ci/2"),
}
WHITELISTS = {
    "none": None,
    "blank": " , ",
    "match": "ghcr.io, quay.io/acme",
    "no-match": "ghcr.io, quay.io/other",
}


def expected(on_host: object, policy: HostImages, whitelist: str, state: str) -> Reason:
    if on_host and policy is HostImages.TRUST:
        return Reason.ALREADY_ON_HOST
    if whitelist == "no-match":
        return Reason.NOT_WHITELISTED
    if state in {"inactive", "inactive-over-active"}:
        return Reason.REGISTRY_INACTIVE
    return Reason.ANONYMOUS if state == "none" else Reason.CREDENTIAL


@pytest.mark.parametrize(
    ("on_host", "policy", "whitelist", "state"),
    list(itertools.product([False, True], HostImages, WHITELISTS, REGISTRY_STATES)),
)
def test_order_of_reasons(policy: HostImages, whitelist: str, state: str, *, on_host: bool) -> None:
    """R15, R16: the first reason that applies, and no rule after it is looked at."""
    environment = REGISTRY_STATES[state]
    settings = Settings(whitelist=WHITELISTS[whitelist], host_images=policy)
    answer = resolve(IMAGE, environment, settings, on_host=on_host)
    reason = expected(on_host, policy, whitelist, state)
    assert answer.reason is reason
    assert answer.allowed is (reason not in {Reason.NOT_WHITELISTED, Reason.REGISTRY_INACTIVE})
    assert bool(answer) is answer.allowed
    assert answer.verdict is (Verdict.ALLOWED if answer.allowed else Verdict.DENIED)

    looked_at = [("R1", "named"), ("R13", "canonical")]
    if on_host:
        looked_at += [("R16", "trusted" if policy is HostImages.TRUST else "verified")]
    if reason is not Reason.ALREADY_ON_HOST:
        word = {"match": "match", "no-match": "no-match"}.get(whitelist, "unrestricted")
        looked_at += [("R14", word)]
    if reason in {Reason.ALREADY_ON_HOST, Reason.NOT_WHITELISTED}:
        assert answer.registry is None
    elif state == "none":
        assert answer.registry is None
        looked_at += [("R6", "none"), ("R10", "anonymous")]
    else:
        assert answer.registry is environment.registries[-1]
        active = reason is Reason.CREDENTIAL
        looked_at += [("R6", "in-force"), ("R7", "active" if active else "inactive")]
    assert rules(answer) == looked_at


class Untouchable(Environment):
    """An environment whose registries must not be looked at."""

    __slots__ = ()

    def in_force(self, address: RegistryAddress | str) -> None:
        """Fail."""
        raise AssertionError(address)


@pytest.mark.parametrize(
    ("settings", "on_host"),
    [(Settings(), True), (Settings(whitelist="ghcr.io"), False)],
    ids=["already-on-host", "not-whitelisted"],
)
def test_no_registry_is_looked_for(settings: Settings, *, on_host: bool) -> None:
    """R15: for the first two reasons the environment's registries are not consulted."""
    answer = resolve(IMAGE, Untouchable("ci"), settings, on_host=on_host)
    assert answer.registry is None
    assert {"R6", "R7", "R10"}.isdisjoint(rule for rule, _ in rules(answer))
    assert "not looked for" in answer.explain()
    with pytest.raises(AssertionError, match=r"quay\.io"):
        resolve(IMAGE, Untouchable("ci"))


def test_trusted_without_a_look_at_the_whitelist() -> None:
    """R16: what is on the host runs without any check under the page's policy."""
    settings = Settings(whitelist="ghcr.io")
    environment = QUAY.deactivated("ci/2")
    assert not resolve(IMAGE, environment, settings)
    answer = resolve(IMAGE, environment, settings, on_host=True)
    assert (answer.reason, answer.allowed) == (Reason.ALREADY_ON_HOST, True)
    strict = dataclasses.replace(settings, host_images=HostImages.VERIFY)
    assert resolve(IMAGE, environment, strict, on_host=True).reason is Reason.NOT_WHITELISTED


def test_on_host_is_about_the_canonical_image() -> None:
    """R16: what is looked for on the host is `settings.locate(reference)`, the answer's image."""
    settings = Settings(default_registry="harbor.corp/proxy", official_namespace="library")
    host = {settings.locate("ubuntu:24.04")}
    assert [str(image) for image in host] == ["harbor.corp/proxy/library/ubuntu:24.04"]
    for reference, there in [
        ("ubuntu:24.04", True),
        ("Harbor.Corp:443/proxy/library/ubuntu:24.04", True),
        ("docker.io/ubuntu:24.04", False),
        ("ubuntu:22.04", False),
    ]:
        on_host = settings.locate(reference) in host
        answer = resolve(reference, EMPTY, settings, on_host=on_host)
        assert on_host is there
        assert (answer.reason is Reason.ALREADY_ON_HOST) is there
        assert answer.image == settings.locate(reference)


def test_the_whitelist_sees_the_canonical_image() -> None:
    """R15: the whitelist is checked on the image after default, namespace and `library/`."""
    settings = Settings(default_registry="harbor.corp/proxy", whitelist="harbor.corp/proxy")
    assert resolve("ubuntu", EMPTY, settings).allowed
    assert not resolve("harbor.corp/ubuntu", EMPTY, settings).allowed
    assert not resolve("docker.io/ubuntu", EMPTY, settings).allowed
    assert resolve("ubuntu", EMPTY, Settings(whitelist="docker.io/library")).allowed


def test_an_environment_sees_its_own_registries() -> None:
    """R17: a registry of one environment is nothing to another."""
    other = Environment("production")
    assert resolve(IMAGE, QUAY).reason is Reason.CREDENTIAL
    answer = resolve(IMAGE, other)
    assert (answer.environment, answer.reason) == ("production", Reason.ANONYMOUS)
    assert answer.registry is None


@given(
    environment=wf.environments(),
    settings=wf.settings(),
    reference=wf.references(),
    on_host=st.booleans(),
)
def test_reasons_by_the_rules(
    environment: Environment, settings: Settings, reference: str, *, on_host: bool
) -> None:
    """R6, R7, R10, R15, R16: the answer is that of the rules, written down once more."""
    image = settings.locate(reference)
    address = RegistryAddress.parse(image.registry or "")
    added = [r for r in environment.registries if r.address == address]
    answer = resolve(reference, environment, settings, on_host=on_host)
    assert (answer.image, answer.address) == (image, address)
    assert answer.reference == ImageReference.parse(reference)
    assert answer.environment == environment.name
    if on_host and settings.host_images is HostImages.TRUST:
        reason, registry = Reason.ALREADY_ON_HOST, None
    elif not settings.whitelist.permits(address, image.repository):
        reason, registry = Reason.NOT_WHITELISTED, None
    elif not added:
        reason, registry = Reason.ANONYMOUS, None
    else:
        registry = max(added, key=lambda r: r.sequence)
        active = registry.state is RegistryState.ACTIVE
        reason = Reason.CREDENTIAL if active else Reason.REGISTRY_INACTIVE
    assert (answer.reason, answer.registry) == (reason, registry)
    outcomes = dict(rules(answer))
    assert list(outcomes)[:1] == ["R1"]
    assert ("R11" in outcomes) == (answer.reference.registry is None)
    assert ("R16" in outcomes) == on_host


# --- the trace -------------------------------------------------------------------------------


def test_trace_out_of_the_box() -> None:
    """R1, R11: the trace of a bare name tells of Docker Hub, and of no whitelist."""
    answer = resolve("ubuntu", EMPTY)
    assert [str(step) for step in answer.trace] == [
        "R1 default: the reference names no registry, so the default registry is used",
        "R11 docker-hub: the default registry is Docker Hub",
        "R13 canonical: docker.io/library/ubuntu",
        "R14 unrestricted: there is no whitelist",
        "R6 none: no registry is added for docker.io",
        "R10 anonymous: it is pulled without a credential",
    ]
    assert answer.trace is answer.trace


@pytest.mark.parametrize(
    ("default", "outcome"),
    [
        ("docker.io", "docker-hub"),
        ("docker.io/acme", "moved"),
        ("registry.corp", "moved"),
        ("registry.corp/acme", "moved"),
    ],
)
def test_trace_of_the_default_registry(default: str, outcome: str) -> None:
    """R11: the trace says where the default registry has moved the reference."""
    answer = resolve("ubuntu", EMPTY, Settings(default_registry=default))
    step = answer.trace[1]
    assert (step.rule, step.outcome) == ("R11", outcome)
    assert outcome != "moved" or step.detail.endswith(default)


def test_trace_names_entry_registry_and_username() -> None:
    """R6, R14: the trace names the entry that matched, the registry in force and its username."""
    settings = Settings(whitelist="QUAY.io:443/acme, quay.io")
    details = {step.rule: step.detail for step in resolve(IMAGE, QUAY, settings).trace}
    assert "quay.io/acme" in details["R14"]
    assert details["R6"].startswith("ci/2 ")
    assert details["R7"].endswith(" bot")


# --- what an answer can do -------------------------------------------------------------------

ANSWERS = {
    "credential": resolve(IMAGE, QUAY),
    "anonymous": resolve("ubuntu:24.04", EMPTY),
    "already-on-host": resolve(IMAGE, QUAY, on_host=True),
    "not-whitelisted": resolve(IMAGE, QUAY, Settings(whitelist="ghcr.io")),
    "registry-inactive": resolve(IMAGE, QUAY.deactivated("ci/2")),
}
every_answer = pytest.mark.parametrize("answer", list(ANSWERS.values()), ids=list(ANSWERS))


def test_reasons_and_verdicts_are_words() -> None:
    """R15: the reasons are the contract's words, listed in the order they are looked at."""
    assert [*Reason] == [
        "already-on-host",
        "not-whitelisted",
        "registry-inactive",
        "credential",
        "anonymous",
    ]
    assert [*Verdict] == ["allowed", "denied"]
    assert [repr(r) for r in (Reason.NOT_WHITELISTED, Verdict.DENIED)] == [
        "Reason.NOT_WHITELISTED",
        "Verdict.DENIED",
    ]
    assert {answer.reason for answer in ANSWERS.values()} == {*Reason}


def test_explain() -> None:
    """R15: the explanation tells people the verdict, the reason, the facts and the trace."""
    settings = Settings(whitelist="quay.io")
    assert resolve("QUAY.io/acme/api:1.2", QUAY.deactivated("ci/2"), settings).explain() == (
        "QUAY.io/acme/api:1.2: denied (registry-inactive)\n"
        "  environment  ci\n"
        "  image        quay.io/acme/api:1.2\n"
        "  registry     ci/2 (inactive), quay.io as bot\n"
        "  R1   named      the reference names a registry, quay.io\n"
        "  R13  canonical  quay.io/acme/api:1.2\n"
        "  R14  match      whitelist entry quay.io matches\n"
        "  R6   in-force   ci/2 is the most recently added for quay.io\n"
        "  R7   inactive   no older registry is used instead"
    )


@every_answer
def test_explain_says_it_all(answer: Resolution) -> None:
    text = answer.explain()
    assert text.splitlines()[0] == f"{answer.reference}: {answer.verdict} ({answer.reason})"
    assert str(answer.image) in text
    assert len(text.splitlines()) == 4 + len(answer.trace)
    for step in answer.trace:
        assert step.detail in text
    assert not any(line != line.rstrip() for line in text.splitlines())


@every_answer
def test_as_dict(answer: Resolution) -> None:
    """R15: the answer as plain data has stable keys and survives JSON."""
    data = answer.as_dict()
    assert list(data) == KEYS
    assert json.loads(json.dumps(data)) == data
    assert data == {
        "environment": answer.environment,
        "reference": str(answer.reference),
        "image": str(answer.image),
        "address": str(answer.address),
        "allowed": answer.allowed,
        "verdict": str(answer.verdict),
        "reason": str(answer.reason),
        "registry": answer.registry
        and {
            "id": answer.registry.id,
            "address": str(answer.registry.address),
            "username": answer.registry.username,
            "state": str(answer.registry.state),
        },
        "trace": [dataclasses.asdict(step) for step in answer.trace],
    }
    assert type(data["reason"]) is str
    assert type(data["verdict"]) is str


def test_as_dict_word_for_word() -> None:
    data = resolve(IMAGE, QUAY.deactivated("ci/2")).as_dict()
    assert data["registry"] == {
        "id": "ci/2",
        "address": "quay.io",
        "username": "bot",
        "state": "inactive",
    }
    trace: Any = data["trace"]
    assert trace[0] == {
        "rule": "R1",
        "outcome": "named",
        "detail": "the reference names a registry, quay.io",
    }


@every_answer
def test_require(answer: Resolution) -> None:
    """R15: requiring an allowed answer returns itself, and a denied one raises."""
    if answer.allowed:
        assert answer.require() is answer
        return
    with pytest.raises(PullDenied) as caught:
        answer.require()
    assert caught.value.answer is answer
    assert isinstance(caught.value, WharfingerError)


def test_denials_say_what_to_do() -> None:
    """R7, R14: a denial's text says what was denied, where, why, and who can change it."""
    assert str(PullDenied(ANSWERS["not-whitelisted"])) == (
        "quay.io/acme/api:1.2 in 'ci': not-whitelisted; "
        "an admin can add quay.io to registry.whitelist"
    )
    assert str(PullDenied(ANSWERS["registry-inactive"])) == (
        "quay.io/acme/api:1.2 in 'ci': registry-inactive; activate registry ci/2"
    )


@every_answer
def test_repr_is_one_line(answer: Resolution) -> None:
    text = repr(answer)
    assert text.startswith(f"<Resolution {answer.image} in 'ci': {answer.verdict}, {answer.reason}")
    assert text.endswith(">")
    assert len(text.splitlines()) == 1
    assert ("ci/2" in text) == (answer.registry is not None)


def test_repr_html_is_an_escaped_table() -> None:
    """R15: in a notebook the answer is a table in which nothing of it is markup."""
    name = "<b>ci</b>&\"'"
    environment = Environment(name).added("quay.io", username="<script>alert(1)</script>")
    answer = resolve(IMAGE, environment)
    table = answer._repr_html_()
    assert table.startswith("<table>")
    assert table.endswith("</table>")
    assert "<b>" not in table
    assert "<script>" not in table
    assert html.escape(name) in table
    assert html.escape("<script>alert(1)</script>") in table
    assert table.count("<tr>") == table.count("</tr>") == 3 + len(answer.trace)
    assert table.count("<td>") == 3 * table.count("<tr>")
    assert "credential" in table


# --- values ----------------------------------------------------------------------------------


def test_answers_are_equal_by_value() -> None:
    """R24: the same question has the same answer, and every part of it counts."""
    answer = resolve(IMAGE, QUAY)
    assert answer == resolve(IMAGE, QUAY)
    assert hash(answer) == hash(resolve(IMAGE, QUAY))
    assert len({*ANSWERS.values(), *ANSWERS.values()}) == len(ANSWERS)
    assert answer != object()
    different = [
        resolve("quay.io:443/acme/api:1.2", QUAY),
        resolve(IMAGE, Environment("other", registries=())),
        resolve(IMAGE, QUAY.removed("ci/2")),
        resolve(IMAGE, QUAY.updated("ci/2", username="x")),
        resolve(IMAGE, QUAY, Settings(whitelist="quay.io")),
        resolve(IMAGE, QUAY, Settings(host_images=HostImages.VERIFY), on_host=True),
        resolve(IMAGE, QUAY, on_host=True),
    ]
    assert all(answer != other for other in different)


@every_answer
def test_answers_can_be_pickled_and_copied(answer: Resolution) -> None:
    """R24: an answer survives pickle and copies, its trace too."""
    twins = [pickle.loads(pickle.dumps(answer, p)) for p in range(6)]  # noqa: S301  # our own
    for twin in [*twins, copy.copy(answer), copy.deepcopy(answer)]:
        assert twin == answer
        assert hash(twin) == hash(answer)
        assert twin.as_dict() == answer.as_dict()
        assert repr(twin) == repr(answer)
        assert twin.explain() == answer.explain()


def test_answers_are_immutable() -> None:
    answer: Any = resolve(IMAGE, QUAY)
    members = [name for name, _ in inspect.getmembers(Resolution, inspect.isdatadescriptor)]
    public = [name for name in members if not name.startswith("_")]
    assert {"allowed", "verdict", "reason", "registry", "trace"} < set(public)
    for name in [*public, "anything"]:
        with pytest.raises(AttributeError):
            setattr(answer, name, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        answer.trace[0].rule = "R2"
    assert answer == resolve(IMAGE, QUAY)


def test_answers_can_be_replaced() -> None:
    answer = resolve(IMAGE, QUAY)
    denied = answer.__replace__(reason=Reason.NOT_WHITELISTED, registry=None)
    assert (denied.allowed, denied.registry, denied.trace) == (False, None, answer.trace)
    assert answer.__replace__() == answer
    assert answer.__replace__(trace=()).explain().splitlines() == answer.explain().splitlines()[:4]
    replace: Any = answer.__replace__
    with pytest.raises(TypeError):
        replace(verdict=Verdict.DENIED)
    if sys.version_info >= (3, 13):
        assert vars(copy)["replace"](answer, environment="b").environment == "b"


def test_an_answer_made_by_hand() -> None:
    """R15: an answer's verdict is derived from its reason, however it was made."""
    answer = resolve(IMAGE, QUAY)
    reason: Any = "registry-inactive"
    made = Resolution(
        environment="ci",
        reference=answer.reference,
        image=answer.image,
        address=answer.address,
        reason=reason,
        registry=answer.registry,
    )
    assert (made.reason, made.verdict, made.trace) == (
        Reason.REGISTRY_INACTIVE,
        Verdict.DENIED,
        (),
    )
    with pytest.raises(ValueError, match="nope"):
        answer.__replace__(reason="nope")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["not-whitelisted", "registry-inactive"])
def test_denials_can_be_pickled(name: str) -> None:
    denied = PullDenied(ANSWERS[name])
    twin = pickle.loads(pickle.dumps(denied))  # noqa: S301  # our own
    assert (type(twin), twin.answer, str(twin)) == (PullDenied, denied.answer, str(denied))


def test_stale_answers_can_be_pickled() -> None:
    """R19: a stale answer's error says what changed and what to do, and survives pickle."""
    stale = StaleResolution(resolve(IMAGE, QUAY), "registry ci/2 was removed")
    assert str(stale) == ("quay.io/acme/api:1.2 in 'ci': registry ci/2 was removed; resolve again")
    twin = pickle.loads(pickle.dumps(stale))  # noqa: S301  # our own
    assert (type(twin), twin.answer, twin.change) == (StaleResolution, stale.answer, stale.change)
    assert str(twin) == str(stale)


def test_steps_are_values() -> None:
    step = Step("R14", "match", "whitelist entry quay.io matches")
    assert step == dataclasses.replace(step)
    assert hash(step) == hash(dataclasses.replace(step))
    assert step != dataclasses.replace(step, rule="R6")
    assert eval(repr(step), {"Step": Step}) == step  # noqa: S307  # pasted back
    assert pickle.loads(pickle.dumps(step)) == step  # noqa: S301  # our own


# --- arguments of another type ---------------------------------------------------------------


def test_many_and_long_references() -> None:
    """R24: what was asked for before, however much and however long, is nothing to an answer."""
    expected_answer = resolve(IMAGE, QUAY)
    long = "quay.io/" + "/".join(["a" * 50] * 5) + ":" + "t" * 128 + "@sha512:" + "0" * 128
    assert len(long) > 512
    for reference in (long, long):
        assert str(resolve(reference, QUAY).image) == long
    for number in range(5000):
        assert resolve(f"acme/api:{number}", EMPTY).image.tag == str(number)
    assert resolve(IMAGE, QUAY) == expected_answer
    assert str(resolve("acme/api:7", EMPTY).image) == "docker.io/acme/api:7"


@pytest.mark.parametrize(
    "arguments",
    [
        (IMAGE, MemoryStore()),
        (IMAGE, "ci"),
        (IMAGE, None),
        (IMAGE, EMPTY, {"registry.default": "quay.io"}),
        (IMAGE, EMPTY, None),
        (IMAGE, EMPTY, "quay.io"),
        (None, EMPTY),
        (b"quay.io/acme/api", EMPTY),
        (IMAGE, EMPTY, Settings(), True),
        (IMAGE,),
    ],
    ids=[
        "store",
        "name",
        "no-environment",
        "dict",
        "no-settings",
        "text",
        "no-image",
        "bytes",
        "positional-on-host",
        "nothing",
    ],
)
def test_arguments_of_another_type(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        resolve(*arguments)


def test_a_store_is_told_from_its_environment() -> None:
    """R17: resolving asks for one environment, and says how to get it from a store."""
    store: Any = MemoryStore()
    with pytest.raises(
        TypeError, match=r"store\.environment\(name\).*not MemoryStore and Settings"
    ):
        resolve(IMAGE, store)


def test_a_parsed_reference_is_as_good_as_its_text() -> None:
    """R24: text and reference have one answer."""
    assert resolve(ImageReference.parse(IMAGE), QUAY) == resolve(IMAGE, QUAY)
