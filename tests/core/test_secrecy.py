"""A planted secret is found nowhere: in nothing shown, copied, logged, or left in a frame."""

from __future__ import annotations

import base64
import copy
import dataclasses
import io
import json
import logging
import os
import pickle
import pprint
import string
import subprocess
import sys
import traceback
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote, quote_plus

import pytest

from wharfinger import (
    Credential,
    CredentialKind,
    Environment,
    ImageReference,
    MemoryStore,
    Orchestration,
    Reason,
    Registry,
    RegistryAddress,
    Resolution,
    Secret,
    Settings,
    WharfingerError,
    lint,
    resolve,
)
from wharfinger.core.store import deliverable, entitled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType, TracebackType

MARK: Final = "XK7canaryXK7"
CANARY: Final = f"+/?& é%{MARK}~\\'\"{MARK}"
QUOTED: Final = quote(CANARY, safe="")


def encodings(text: str) -> Iterator[str]:
    """A text as base64, hexadecimal and URLs have it."""
    for codec in ("utf-8", "latin-1", "utf-16-le"):
        coded = text.encode(codec)
        yield coded.hex()
        for shift in range(3):
            # The middle of a base64 text depends on where its first byte stands alone.
            whole = base64.b64encode(b"\0" * shift + coded).decode()
            yield whole[4:-4]
            yield whole[4:-4].translate(str.maketrans("+/", "-_"))
    yield quote(text, safe="")
    yield quote_plus(text)
    yield text[::-1]


FORMS: Final = frozenset({MARK, *encodings(MARK), *encodings(CANARY)})


def assert_silent(told: str) -> None:
    for form in FORMS:
        assert form not in told


def everything_told(value: object) -> str:
    """All that can be made of a value without asking it for its secret."""
    told = [repr(value), str(value), f"{value}", ascii(value)]
    told.append("%s %r" % (value, value))  # noqa: UP031  # one of the ways
    told.append(pprint.pformat(value))
    told.append(string.Template("$value").substitute(value=value))
    if hasattr(value, "__dict__"):
        told.append(pprint.pformat(vars(value)))
    if hasattr(value, "_repr_html_"):
        told.append(value._repr_html_())
    return "\n".join(told)


def told_of_a_local(value: object) -> str:
    """The same of a local, which may be half made: then there is nothing to show."""
    try:
        return everything_told(value)
    except AttributeError as error:
        return str(error)


def credential() -> Credential:
    return Credential("ci", Secret(CANARY), email="ci@acme.example")


def key_file() -> str:
    return json.dumps({"type": "user", "private_key": CANARY, "client_email": "e"})


def filled() -> MemoryStore:
    store = MemoryStore()
    store.create("k8s", Orchestration.KUBERNETES)
    for address in ("quay.io", "ghcr.io", "quay.io"):
        store.add("ci", address, credential(), added_by="alice")
    store.add("ci", "registry.corp:5000", credential())
    store.deactivate("ci", "ci/4")
    store.add("cd", "quay.io", credential())
    return store


def answer(store: MemoryStore, image: str = "quay.io/acme/api") -> Resolution:
    return resolve(image, store.environment("ci"))


def values() -> dict[str, object]:
    """Whatever the library makes of a secret or near one."""
    store = filled()
    environment = store.environment("ci")
    settings = Settings(default_registry="registry.corp:5000", whitelist="registry.corp:5000")
    return {
        "secret": Secret(CANARY),
        "credential": credential(),
        "delivered": store.credential("ci", answer(store)),
        "all delivered": store.credentials("ci"),
        "store": store,
        "environment": environment,
        "registries": environment.registries,
        "answer": answer(store),
        "denied": answer(store, "registry.corp:5000/a"),
        "explained": answer(store).explain(),
        "dictionary": answer(store).as_dict(),
        "trace": answer(store).trace,
        "deliverable": deliverable(environment),
        "entitled": entitled(environment, answer(store)),
        "diagnostics": lint(environment, settings),
    }


VALUES: Final = values()


@pytest.fixture(params=list(VALUES))
def value(request: pytest.FixtureRequest) -> object:
    return VALUES[request.param]


# The tests' own eyes


@pytest.mark.parametrize(
    "leak",
    [
        CANARY,
        repr(CANARY),
        ascii(CANARY),
        json.dumps({"password": CANARY}),
        QUOTED,
        quote_plus(CANARY),
        base64.b64encode(CANARY.encode()).decode(),
        base64.b64encode(f"ci:{CANARY}".encode()).decode(),
        base64.urlsafe_b64encode(f"_:{CANARY}".encode()).decode(),
        base64.b64encode(key_file().encode()).decode(),
        CANARY.encode().hex(),
        str(CANARY.encode()),
    ],
    ids=range(12),
)
def test_a_leak_would_be_seen(leak: str) -> None:
    """The search that all these tests rest on finds the secret in each of its forms."""
    with pytest.raises(AssertionError):
        assert_silent(f"a{leak}b")


# Values


def test_no_value_shows_it(value: object) -> None:
    """R9: repr, str, format, pprint, vars and HTML of no value tell the secret."""
    assert_silent(everything_told(value))


def test_no_copy_shows_it(value: object) -> None:
    """R9: neither a copy nor a deep copy, where there is one, tells the secret."""
    assert_silent(everything_told(copy.copy(value)))
    try:
        copied = copy.deepcopy(value)
    except TypeError as error:
        assert isinstance(value, MemoryStore)
        assert_silent(everything_told(error))
    else:
        assert_silent(everything_told(copied))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_pickle_holds_it(value: object, protocol: int) -> None:
    """R9: what can be pickled holds no secret, and what holds one cannot be pickled."""
    stream = io.BytesIO()
    try:
        pickle.Pickler(stream, protocol).dump(value)
    except TypeError as error:
        assert_silent(everything_told(error))
    assert_silent(stream.getvalue().decode("latin-1"))


def test_no_json_holds_it(value: object) -> None:
    """R9: JSON has no way to write a secret, and its errors do not tell it."""
    for default in (None, str, repr, lambda other: getattr(other, "__dict__", "?")):
        try:
            told = json.dumps(value, default=default)
        except (TypeError, ValueError) as error:
            told = everything_told(error)
        assert_silent(told)


def test_no_log_holds_it(value: object) -> None:
    """R9: a log of any value, at any level and in any format, does not tell the secret."""
    stream = io.StringIO()
    logger = logging.getLogger("tests.secrecy")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s %(args)s %(msg)s"))
    logger.addHandler(handler)
    logger.propagate = False
    try:
        logger.warning("%r %s", value, value)
        logger.warning("%(it)r %(it)s", {"it": value})
        logger.warning(value)
        logger.error("%r", value, exc_info=RuntimeError(value), stack_info=True)
        logger.warning("end of %s", "log")
    finally:
        logger.removeHandler(handler)
    assert_silent(stream.getvalue())
    assert "end of log" in stream.getvalue()


def dataclass_values() -> list[Any]:
    store = filled()
    environment = store.environment("ci")
    environment.in_force("quay.io")
    found: list[object] = [credential(), environment, *environment.registries]
    found += [*answer(store).trace, *lint(environment, Settings())]
    return found


def test_no_dictionary_or_tuple_of_a_dataclass_shows_it() -> None:
    """R9: what ``dataclasses`` makes of a value keeps the secret a secret."""
    for made in dataclass_values():
        for apart in (
            dataclasses.asdict(made),
            dataclasses.astuple(made),
            dataclasses.fields(made),
        ):
            assert_silent(everything_told(apart))


def test_a_secret_taken_apart_is_the_same_secret() -> None:
    """R9: ``asdict`` and ``astuple`` of a credential hold the secret itself, not its text."""
    kept = credential()
    assert dataclasses.asdict(kept)["secret"] is kept.secret
    assert dataclasses.astuple(kept)[1] is kept.secret


def test_a_secret_has_nothing_to_look_into() -> None:
    """R9: neither a secret nor a credential has a ``__dict__``."""
    for slotted in (Secret(CANARY), credential()):
        with pytest.raises(TypeError):
            vars(slotted)


# Failures

# Of each, the name and what fails. None may leave a trace of the secret it was given.
Failure = tuple[str, "Callable[[MemoryStore], object]"]


def plain(text: object = CANARY) -> Credential:
    """What a hurried caller gives for a credential."""
    return cast("Credential", text)


def changed(store: MemoryStore, change: Callable[[], object]) -> Resolution:
    before = answer(store)
    change()
    return before


def elsewhere(store: MemoryStore) -> Resolution:
    image = ImageReference.parse("evil.example/acme/api")
    return answer(store).__replace__(
        image=image, address=RegistryAddress.parse("evil.example"), reason=Reason.CREDENTIAL
    )


def given_to(username: str, secret: str) -> list[Failure]:
    """A credential that is refused, by all three who look at it."""

    def bad() -> Credential:
        return Credential(username, Secret(secret))

    name = f"{username or 'nobody'!a} {secret[:4]!a}"
    return [
        (f"check {name}", lambda _: bad().check()),
        (f"add {name}", lambda store: store.add("ci", "quay.io", bad())),
        (f"update {name}", lambda store: store.update("ci", "ci/1", bad())),
    ]


def user_information(text: str) -> list[Failure]:
    """A text that carries a secret where an address or a reference is wanted."""
    name = text[:12]
    return [
        (f"add to {name}", lambda store: store.add("ci", text, credential())),
        (f"in force {name}", lambda store: store.environment("ci").in_force(text)),
        (f"added {name}", lambda store: store.environment("ci").added(text, username="u")),
        (
            f"registry {name}",
            lambda _: Registry(environment="ci", sequence=1, address=text, username="u"),
        ),
        (f"resolve {name}", lambda store: resolve(f"{text}/a", store.environment("ci"))),
        (f"locate {name}", lambda _: Settings().locate(f"{text}/a")),
        (f"default {name}", lambda _: Settings(default_registry=text)),
        (f"whitelist {name}", lambda _: Settings(whitelist=f"quay.io, {text}")),
        (f"whitelist of {name}", lambda _: Settings(whitelist=["quay.io", text])),
        (f"mapping {name}", lambda _: Settings.from_mapping({"registry.default": text})),
        (f"address {name}", lambda _: RegistryAddress.parse(text)),
        (f"reference {name}", lambda _: ImageReference.parse(f"{text}/a")),
    ]


FAILURES: Final[list[Failure]] = [
    ("bad address", lambda store: store.add("ci", "https://quay.io", credential())),
    ("bad name", lambda store: store.add("", "quay.io", credential())),
    ("plain text", lambda store: store.add("ci", "quay.io", plain())),
    ("plain bytes", lambda store: store.add("ci", "quay.io", plain(CANARY.encode()))),
    ("a pair", lambda store: store.add("ci", "quay.io", plain(("ci", CANARY)))),
    ("a mapping", lambda store: store.add("ci", "quay.io", plain({"password": CANARY}))),
    ("plain text, bad address", lambda store: store.add("ci", "https://quay.io", plain())),
    ("plain text, bad name", lambda store: store.add("", "quay.io", plain())),
    ("plain text, no name", lambda store: store.add(cast("str", None), "quay.io", plain())),
    ("update with plain text", lambda store: store.update("ci", "ci/1", plain())),
    ("update with plain text, unknown id", lambda store: store.update("ci", "ci/9", plain())),
    ("update with plain text, unknown environment", lambda s: s.update("x", "x/1", plain())),
    ("update of an unknown id", lambda store: store.update("ci", "ci/9", credential())),
    ("update of an odd id", lambda store: store.update("ci", cast("str", 9), credential())),
    ("update of an unknown environment", lambda s: s.update("x", "x/1", credential())),
    ("remove of an unknown id", lambda store: store.remove("ci", "ci/9")),
    ("deactivate of an unknown id", lambda store: store.deactivate("ci", "ci/9")),
    ("activate in an unknown environment", lambda store: store.activate("x", "x/1")),
    ("destroy of an unknown environment", lambda store: store.destroy("x")),
    ("create again", lambda store: store.create("ci")),
    ("denied", lambda store: store.credential("ci", answer(store, "registry.corp:5000/a"))),
    ("another environment's", lambda store: store.credential("cd", answer(store))),
    ("an unknown environment's", lambda store: store.credential("x", answer(store))),
    ("forged", lambda store: store.credential("ci", elsewhere(store))),
    (
        "forged registry",
        lambda store: store.credential(
            "ci", answer(store).__replace__(registry=store.environment("ci").registries[1])
        ),
    ),
    (
        "gone",
        lambda s: s.credential("ci", changed(s, lambda: s.remove("ci", "ci/3"))),
    ),
    (
        "inactive",
        lambda s: s.credential("ci", changed(s, lambda: s.deactivate("ci", "ci/3"))),
    ),
    (
        "overridden",
        lambda s: s.credential("ci", changed(s, lambda: s.add("ci", "quay.io", credential()))),
    ),
    ("no answer", lambda store: store.credential("ci", cast("Resolution", credential()))),
    ("credentials of nobody", lambda store: store.credentials("x")),
    ("settings", lambda store: store.save_settings(cast("Settings", credential()))),
    ("resolve", lambda _: resolve("quay.io/a", cast("Environment", credential()))),
    ("secret of bytes", lambda _: Secret(cast("str", CANARY.encode()))),
    ("credential of text", lambda _: Credential("ci", cast("Secret", CANARY))),
    ("credential of bytes", lambda _: Credential("ci", cast("Secret", CANARY.encode()))),
    (
        "unknown kind",
        lambda _: Credential("ci", Secret(CANARY), kind=cast("CredentialKind", "bearer")),
    ),
    ("hash", lambda _: hash(Secret(CANARY))),
    ("hash of a credential", lambda _: hash(credential())),
    ("set", lambda _: setattr(Secret(CANARY), "x", CANARY[:1])),
    ("delete", lambda _: delattr(Secret(CANARY), "_text")),
    ("set on a credential", lambda _: setattr(credential(), "username", "x")),
    ("pickle", lambda _: pickle.dumps(credential())),
    ("pickle of a store", pickle.dumps),
    ("copy of a store", copy.deepcopy),
    ("state", lambda _: Secret(CANARY).__getstate__()),
    ("json", lambda _: json.dumps({"secret": Secret(CANARY)})),
    ("json of a credential", lambda _: json.dumps(credential())),
    ("number format", lambda _: f"{Secret(CANARY):d}"),
    ("number", lambda _: "%d" % cast("int", Secret(CANARY))),  # noqa: UP031  # one of the ways
    ("concatenation", lambda _: "password=" + cast("str", Secret(CANARY))),
    ("join", lambda _: ":".join(["ci", cast("str", Secret(CANARY))])),
    ("order", lambda _: sorted(cast("list[str]", [Secret(CANARY), Secret(CANARY)]))),
    ("length", lambda _: len(cast("str", Secret(CANARY)))),
    ("dictionary", lambda _: dict(cast("Any", credential()))),
    ("missing attribute", lambda _: cast("Any", credential()).password),
    *given_to("", CANARY),
    *given_to("a:b", CANARY),
    *given_to("a\n", CANARY),
    *given_to("\ud800", CANARY),
    *given_to("ci", f"{CANARY}\ud800"),
    *given_to("_json_key", CANARY),
    *given_to("_json_key", key_file()),
    *given_to("_json_key", f"{{{CANARY}"),
    *given_to("_json_key", '{"a":' * 9999 + json.dumps(CANARY)),
    *given_to("_json_key", base64.b64encode(key_file().encode()).decode()),
    *given_to("_json_key_base64", CANARY),
    *given_to("_json_key_base64", key_file()),
    *given_to("_json_key_base64", base64.b64encode(CANARY.encode("latin-1")).decode()),
    *given_to("_json_key_base64", base64.b64encode(key_file().encode()).decode()),
    *given_to("oauth2accesstoken", CANARY),
    *user_information(f"https://ci:{QUOTED}@quay.io"),
    *user_information(f"ci:{QUOTED}@quay.io"),
    *user_information(f"ci:{CANARY}@quay.io"),
]


def failure_of(fail: Callable[[MemoryStore], object]) -> BaseException:
    try:
        fail(filled())
    except Exception as error:  # noqa: BLE001  # whatever it is, it must not tell
        return error
    pytest.fail("it did not fail")


def links(error: BaseException) -> list[BaseException]:
    """An error, its causes and its contexts."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        link = waiting.pop()
        if link is not None and link not in found:
            found.append(link)
            waiting += [link.__cause__, link.__context__]
    return found


def frames(trace: TracebackType | None) -> Iterator[FrameType]:
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


OWN_CODE: Final = {
    method.__code__ for method in vars(Secret).values() if isinstance(method, FunctionType)
}


@pytest.fixture(params=FAILURES, ids=[f"{n} {name}" for n, (name, _) in enumerate(FAILURES)])
def failure(request: pytest.FixtureRequest) -> BaseException:
    return failure_of(cast("Failure", request.param)[1])


def test_no_error_tells_it(failure: BaseException) -> None:
    """R9: text, arguments, attributes and notes of no error tell the secret, nor do its causes."""
    for error in links(failure):
        assert_silent(everything_told(error))
        assert_silent(everything_told(error.args))
        for name in ("object", "doc", "answer", "obj"):
            assert_silent(everything_told(getattr(error, name, None)))


def test_no_frame_holds_it(failure: BaseException) -> None:
    """R9: no local of any of the library's frames, but for a secret's own, holds the secret."""
    for error in links(failure):
        for frame in frames(error.__traceback__):
            name = str(frame.f_globals.get("__name__"))
            if name.startswith("wharfinger") and frame.f_code not in OWN_CODE:
                for held in frame.f_locals.values():
                    assert_silent(told_of_a_local(held))


def test_no_traceback_shows_it(failure: BaseException) -> None:
    """R9: a traceback, causes included, shows the lines that failed and not the secret."""
    assert_silent("".join(traceback.format_exception(failure)))


def test_no_log_of_an_error_holds_it(failure: BaseException) -> None:
    """R9: a log of a failure, with its traceback, does not tell the secret."""
    stream = io.StringIO()
    logger = logging.Logger("tests.secrecy")  # noqa: LOG001  # known to nobody else
    logger.addHandler(logging.StreamHandler(stream))
    logger.error("%s %r", failure, failure, exc_info=failure)
    assert_silent(stream.getvalue())
    assert "Traceback" in stream.getvalue()


def test_no_pickled_error_holds_it(failure: BaseException) -> None:
    """R9: an error that can be pickled holds no secret."""
    if isinstance(failure, WharfingerError):
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            dumped = pickle.dumps(failure, protocol)
            assert_silent(dumped.decode("latin-1"))
            again = pickle.loads(dumped)  # noqa: S301  # made two lines above
            assert str(again) == str(failure)
            assert_silent(everything_told(again))


# Hypothesis

EXAMPLE: Final = """
import os
from hypothesis import Phase, Verbosity, given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from wharfinger import MemoryStore
from wharfinger.testing import strategies

planted = strategies.credentials(secret=strategies.secrets(text=st.just(os.environ["PLANTED"])))
options = settings(
    verbosity=Verbosity.verbose,
    phases=[Phase.generate],
    print_blob=True,
    database=None,
    deadline=None,
    max_examples=5,
    stateful_step_count=3,
)


@options
@given(planted, st.lists(planted, min_size=1), st.data())
def test_fails(credential, credentials, data):
    drawn = data.draw(planted)
    secret = drawn.secret
    store = MemoryStore()
    store.add("ci", "quay.io", credential)
    assert credential == store.credentials("ci"), "it fails"


class Machine(RuleBasedStateMachine):
    @rule(credential=planted)
    def fails(self, credential):
        assert credential.secret == credential.username


TestMachine = Machine.TestCase
TestMachine.settings = options
"""


def test_no_failing_example_shows_it(tmp_path: Path) -> None:
    """R9: what hypothesis prints of a failing test shows credentials, and not their secret."""
    script = tmp_path / "test_example.py"
    script.write_text(EXAMPLE, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-vv", "--showlocals"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(script)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        cwd=tmp_path,
        env={
            **os.environ,
            "PLANTED": CANARY,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "PYTHONIOENCODING": "utf-8",
        },
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 failed" in done.stdout
    assert "test_fails(" in done.stdout
    assert ".fails(credential=Credential(" in done.stdout
    assert "Draw 1: Credential(" in done.stdout
    assert "secret=Secret('***')" in done.stdout
    assert_silent(done.stdout)
    assert_silent(done.stderr)
