"""Credential helpers, asked as real programs that do well, badly or worse."""

from __future__ import annotations

import json
import logging
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.secrecy import MARK, assert_error_silent, assert_silent
from wharfinger import (
    Credential,
    CredentialKind,
    InvalidAddress,
    MemoryStore,
    RegistryAddress,
    Secret,
)
from wharfinger.core.diagnose import Diagnostic
from wharfinger.formats.document import place
from wharfinger.sources import (
    CredentialSource,
    HelperEntry,
    HelperSource,
    Imported,
    Issued,
    SourceError,
)
from wharfinger.sources.helper import _listed

QUAY = RegistryAddress.parse("quay.io")
HUB = RegistryAddress.DOCKER_HUB
NOT_FOUND = "credentials not found in native keychain"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

Program = Callable[..., Path]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Make a helper of Python; `given` is its input and `action` its argument."""

    def make(body: str, name: str = "docker-credential-fake") -> Path:
        path = tmp_path / name
        path.write_text(
            f"#!{sys.executable} -I\n"
            "import json, os, signal, subprocess, sys, time\n"
            f"action, mark, folder = sys.argv[1], {MARK!r}, {str(tmp_path)!r}\n"
            f"{body}\n"
        )
        path.chmod(0o700)
        return path

    return make


def answering(answer: object) -> str:
    return f"print({json.dumps(json.dumps(answer))})"


def entry(server: str = "quay.io", username: str = "ci", secret: str = MARK) -> dict[str, str]:
    return {"ServerURL": server, "Username": username, "Secret": secret}


def refused(source: HelperSource, address: RegistryAddress = QUAY) -> SourceError:
    """The error of a helper, which tells nothing of what the helper says."""
    with pytest.raises(SourceError) as caught:
        source.issue(address)
    assert_error_silent(caught.value)
    assert "docker-credential-" in str(caught.value)
    return caught.value


# What does well.


def test_it_is_a_source(program: Program) -> None:
    source = HelperSource(program(answering(entry())), ["quay.io", HUB])
    assert isinstance(source, CredentialSource)
    assert source.token(QUAY) == "docker-credential-fake quay.io"
    assert source.token(HUB) == "docker-credential-fake docker.io"
    assert source.token(RegistryAddress.parse("quay.io:5000")) is None
    with pytest.raises(SourceError, match="no registry that this source serves"):
        source.issue(RegistryAddress.parse("ghcr.io"))


def test_its_answer_is_a_credential(program: Program) -> None:
    source = HelperSource(program(answering(entry())), ["quay.io"])
    assert source.issue(QUAY) == Issued(Credential("ci", Secret(MARK)), None)


def test_an_identity_token_is_kept_as_such(program: Program) -> None:
    source = HelperSource(program(answering(entry(username="<token>"))), ["quay.io"])
    expected = Credential("<token>", Secret(MARK), kind=CredentialKind.IDENTITY_TOKEN)
    assert source.issue(QUAY).credential == expected


def test_its_end_is_known_where_a_lifetime_is(program: Program) -> None:
    """R21: a helper says none."""
    source = HelperSource(
        program(answering(entry())),
        ["quay.io"],
        lifetime=timedelta(hours=6),
        clock=NOON.astimezone,
    )
    end = source.issue(QUAY).expires_at
    assert end == NOON + timedelta(hours=6)
    assert end.utcoffset() == timedelta()


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        (HUB, "https://index.docker.io/v1/"),
        (QUAY, "quay.io"),
        (RegistryAddress.parse("Registry.Corp:5000"), "registry.corp:5000"),
        (RegistryAddress.parse("[2001:db8::1]"), "[2001:db8::1]"),
    ],
)
def test_it_is_asked_as_docker_asks(
    program: Program, tmp_path: Path, address: RegistryAddress, asked: str
) -> None:
    body = (
        "given = sys.stdin.read()\n"
        "open(f'{folder}/asked', 'w').write(f'{action} {given}')\n"
        "print(json.dumps({'ServerURL': given, 'Username': 'ci', 'Secret': mark}))"
    )
    HelperSource(program(body), [address]).issue(address)
    assert (tmp_path / "asked").read_text() == f"get {asked}"


def test_it_sees_a_clean_environment(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R19: none of this process's secrets, and a PATH that was said."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", MARK)
    monkeypatch.setenv("LD_PRELOAD_NOT", MARK)
    monkeypatch.setenv("AWS_PROFILE", "audit")
    monkeypatch.setenv("HOME", str(tmp_path))
    body = "json.dump([dict(os.environ), os.getcwd()], open(f'{folder}/seen', 'w'))\n" + answering(
        entry()
    )
    folders = f"{tmp_path}:/usr/bin:/bin"
    path = program(body)
    HelperSource(path, ["quay.io"], path=folders, variables=["AWS_PROFILE"]).issue(QUAY)
    variables, folder = json.loads((tmp_path / "seen").read_text())
    assert variables.pop("LC_CTYPE", "C.UTF-8") == "C.UTF-8"  # Python's own
    assert (variables["PATH"], variables["AWS_PROFILE"]) == (folders, "audit")
    assert variables["HOME"] == str(tmp_path)
    assert MARK not in str(variables)
    assert folder == "/"


def test_a_name_is_looked_up_in_the_folders_that_were_said(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(answering(entry()))
    found = HelperSource("fake", ["quay.io"], path=f"/nowhere:{tmp_path}")
    assert found.issue(QUAY).credential.username == "ci"
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert "was not found" in str(refused(HelperSource("fake", ["quay.io"])))


# What is refused before anything is run.


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Pass",
        "../pass",
        "./docker-credential-pass",
        "pass;id",
        "pass ",
        "pass\n",
        "p\0",
        "docker-credential-pass",
        "/bin/docker-credential-\n",
    ],
)
def test_a_helper_is_an_absolute_path_or_a_plain_name(name: str) -> None:
    with pytest.raises(ValueError, match="helper"):
        HelperSource(name)


@pytest.mark.parametrize("path", ["", ".", "bin", "/bin:", "/bin::/usr/bin", "/bin:bin"])
def test_folders_are_absolute(path: str) -> None:
    with pytest.raises(ValueError, match="absolute folders"):
        HelperSource("pass", path=path)


def test_one_address_is_a_list_of_one() -> None:
    """Else each of its letters would be the name of a registry."""
    for options in ({"addresses": "localhost"}, {"variables": "AWS_PROFILE"}, {"variables": b"A"}):
        with pytest.raises(TypeError, match="not one text"):
            HelperSource("pass", **options)


def test_a_variable_s_name_is_a_text() -> None:
    with pytest.raises(TypeError, match="a variable's name is a str, not int"):
        HelperSource("pass", variables=[1])  # type: ignore[list-item]  # what is tested


@pytest.mark.parametrize(
    "seconds", [0, -1, math.nan, math.inf, -math.inf, 1e10, 10**400, math.nextafter(86400, 1e10)]
)
def test_a_timeout_is_above_zero_and_a_day_at_most(seconds: float) -> None:
    """R20: what no clock counts to is refused at once, not at every call."""
    with pytest.raises(ValueError, match="timeout is above zero, and a day at most"):
        HelperSource("pass", timeout=seconds)


@pytest.mark.parametrize(
    "life", [timedelta(), timedelta(-1), timedelta.max, timedelta(days=366, microseconds=1)]
)
def test_a_lifetime_is_above_zero_and_a_year_at_most(life: timedelta) -> None:
    """R20: an end that no calendar has is refused at once, not at every call."""
    with pytest.raises(ValueError, match="lifetime is above zero, and 366 days at most"):
        HelperSource("pass", lifetime=life)


def test_the_longest_times_are_taken(program: Program) -> None:
    longest = timedelta(days=366)
    source = HelperSource(
        program(answering(entry())),
        ["quay.io"],
        timeout=86400,
        lifetime=longest,
        clock=lambda: NOON,
    )
    assert source.issue(QUAY).expires_at == NOON + longest


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"timeout": "10"}, "timeout is a number of seconds, not str"),
        ({"timeout": None}, "timeout is a number of seconds, not NoneType"),
        ({"lifetime": 3600}, "lifetime is a timedelta, not int"),
    ],
)
def test_times_are_times(options: dict[str, Any], told: str) -> None:
    with pytest.raises(TypeError, match=told):
        HelperSource("pass", **options)


@pytest.mark.parametrize(
    "server", ["qu\nay.io", "qu\ray.io", "quay.io ", "", "ci@quay.io", "quay%2eio", "quay\\.io"]
)
def test_what_would_name_another_server_is_no_address(server: str) -> None:
    """R4, R19: `qu<LF>ay.io` was answered with quay.io's secret by a real helper."""
    with pytest.raises(InvalidAddress):
        HelperSource("pass", [server])


@pytest.mark.parametrize(
    ("program", "addresses"),
    [
        ("pass", [f"u:{MARK}@quay.io"]),
        ("pass", f"u:{MARK}@quay.io"),
        ("pass", f"u:{MARK}@quay.io".encode()),
        ("pass", [f"u:{MARK}@quay.io".encode()]),
        (f"https://u:{MARK}@quay.io", []),
    ],
    ids=["listed", "a text", "bytes", "listed bytes", "the program"],
)
def test_user_information_shows_nowhere(program: str, addresses: object) -> None:
    """R9: neither in the message nor in a frame of the traceback."""
    with pytest.raises((ValueError, TypeError)) as caught:
        HelperSource(program, addresses)  # type: ignore[arg-type]  # what is tested
    assert_error_silent(caught.value)


def test_what_is_not_executable_is_told(program: Program, tmp_path: Path) -> None:
    path = program(answering(entry()))
    path.chmod(0o600)
    if os.geteuid() == 0:
        assert not os.access(path, os.X_OK)  # root needs one such bit, too
    assert "is not executable" in str(refused(HelperSource(path, ["quay.io"])))
    assert "was not found" in str(
        refused(HelperSource(tmp_path / "docker-credential-gone", ["quay.io"]))
    )


def test_what_can_t_be_started_is_told(program: Program) -> None:
    path = program("")
    path.write_text("#!/nowhere/python\n")
    error = refused(HelperSource(path, ["quay.io"]))
    assert str(error) == ("docker-credential-fake could not be started: No such file or directory")


# Answers that are none.


@pytest.mark.parametrize(
    "body",
    [
        f"print({NOT_FOUND!r}); sys.exit(1)",
        f"sys.stdout.write({NOT_FOUND!r}); sys.exit(1)",
        answering(entry("", "", "")),
        answering(entry(username="", secret="")),
        answering({}),
    ],
)
def test_not_found_has_both_its_shapes(program: Program, body: str) -> None:
    """A failure with a text on standard output; or a success without a credential."""
    error = refused(HelperSource(program(body), ["quay.io"]))
    assert str(error).startswith("docker-credential-fake has no credential for quay.io")
    assert not error.passing


@pytest.mark.parametrize("server", ["", "quay.io", "https://Quay.io:443/v1/", "http://quay.io/v2/"])
def test_an_answer_for_the_same_server_is_taken(program: Program, server: str) -> None:
    """R3: in whatever spelling; and one that names none, as gcloud's."""
    source = HelperSource(program(answering(entry(server))), ["quay.io"])
    assert source.issue(QUAY).credential.username == "ci"


def test_docker_hub_is_one_server(program: Program) -> None:
    """R2: under whichever of its names."""
    source = HelperSource(program(answering(entry("registry-1.docker.io"))), [HUB])
    assert source.issue(HUB).credential.username == "ci"


@pytest.mark.parametrize(
    "server",
    [
        "ghcr.io",
        "quay.io:5000",
        "quay.io.evil.test",
        "quay.io/acme",
        "https://quay.io/acme/api",
        "qu\nay.io",
        "quay.io\n",
        f"{MARK}@quay.io",
        "ftp://quay.io",
        "?",
    ],
)
def test_an_answer_for_another_server_is_refused(program: Program, server: str) -> None:
    """R19: nobody compares it, and so a helper's mistake becomes a leak."""
    error = refused(HelperSource(program(answering(entry(server))), ["quay.io"]))
    assert str(error) == (
        "docker-credential-fake gave no answer for quay.io that can be used: "
        "it names another server"
    )


UNUSABLE = {
    "nothing": "",
    "garbage": "print(mark)",
    "half": 'print(\'{"Username": "\' + mark)',
    "list": "print(json.dumps([mark]))",
    "UTF-8": "sys.stdout.buffer.write(b'{\"Secret\": \"\\xff' + mark.encode() + b'\"}')",
    "deep": "print('[' * 100000 + mark)",
    "deeper": "print('{\"Secret\":' * 100000 + mark)",
    "number": "print('{\"Username\": ' + '1' * 100000 + '}')",
    "types": "print(json.dumps({'ServerURL': 'quay.io', 'Username': 'ci', 'Secret': [mark]}))",
    "null": "print(json.dumps({'ServerURL': None, 'Username': 'ci', 'Secret': mark}))",
    "no username": answering(entry(username="")),
    "no secret": answering(entry(username="c\x1bi")),
    "empty secret": answering(entry(secret="")),
    "no Unicode": answering(entry(secret=f"{MARK}\ud800")),
    "_json_key": answering(entry(username="_json_key")),
}


@pytest.mark.parametrize("body", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_an_answer_that_can_t_be_used_is_not_shown(
    program: Program, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    """R20: a typed error, and nothing of the answer in it."""
    with caplog.at_level(logging.DEBUG):
        error = refused(HelperSource(program(body), ["quay.io"]))
    assert "gave no answer for quay.io that can be used" in str(error)
    assert MARK not in caplog.text


@pytest.mark.parametrize(
    ("body", "how"),
    [
        ("print(mark); print(mark, file=sys.stderr); sys.exit(3)", "ended with 3"),
        ("print(mark, 'not found'); sys.exit(1)", "ended with 1"),
        (f"print({NOT_FOUND!r}, mark); sys.exit(1)", "ended with 1"),
        (f"print({NOT_FOUND!r}); sys.exit(2)", "ended with 2"),
        ("print(mark, flush=True); os.kill(os.getpid(), signal.SIGKILL)", "ended by signal 9"),
        ("print(mark, flush=True); os.kill(os.getpid(), signal.SIGTERM)", "ended by signal 15"),
        (answering(entry()) + "\nsys.stdout.flush(); sys.exit(4)", "ended with 4"),
        ("raise ValueError(mark)", "ended with 1"),
    ],
)
def test_a_failure_is_told_and_what_it_said_is_not(
    program: Program, body: str, how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """R9: neither its standard output nor its standard error."""
    error = refused(HelperSource(program(body), ["quay.io"]))
    assert how in str(error)
    assert not error.passing
    assert MARK not in "".join(capfd.readouterr())


# What goes on for too long, or says too much.


def gone(pid: int) -> bool:
    """Whether a process has come to its end: it may be waiting to be noticed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def until_gone(pid: int) -> None:
    end = time.monotonic() + 30
    while not gone(pid):
        assert time.monotonic() < end, f"{pid} runs"
        time.sleep(0.01)


def noted(tmp_path: Path) -> int:
    return int((tmp_path / "pid").read_text())


NOTE = "open(f'{folder}/pid', 'w').write(str(os.getpid()))\n"
HANGS = {
    "sleeps": NOTE + "time.sleep(600)",
    "ignores signals": NOTE + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)",
    "closes its output": NOTE + "os.close(1)\ntime.sleep(600)",
    "drips": NOTE + "while True: print(mark, flush=True); time.sleep(0.01)",
}


@pytest.mark.parametrize("body", HANGS.values(), ids=HANGS.keys())
def test_one_that_hangs_is_killed(program: Program, tmp_path: Path, body: str) -> None:
    error = refused(HelperSource(program(body), ["quay.io"], timeout=2))
    assert "took longer than 2 s" in str(error)
    assert error.passing
    until_gone(noted(tmp_path))


def test_what_it_has_started_is_killed_with_it(program: Program, tmp_path: Path) -> None:
    """A grandchild that holds the output keeps it from its end: both go."""
    body = (
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "open(f'{folder}/pid', 'w').write(str(child.pid))\n" + answering(entry())
    )
    error = refused(HelperSource(program(body), ["quay.io"], timeout=3))
    assert "left something running that holds its output" in str(error)
    until_gone(noted(tmp_path))


def test_one_that_has_left_the_group_holds_nothing_up(program: Program, tmp_path: Path) -> None:
    body = (
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
        " start_new_session=True)\n"
        "open(f'{folder}/pid', 'w').write(str(child.pid))\n" + answering(entry())
    )
    error = refused(HelperSource(program(body), ["quay.io"], timeout=3))
    assert error.passing
    os.kill(noted(tmp_path), 9)


def test_a_daemon_that_holds_nothing_is_left_alone(program: Program, tmp_path: Path) -> None:
    """`pass` leaves an agent running."""
    body = (
        "null = subprocess.DEVNULL\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
        " stdin=null, stdout=null, stderr=null)\n"
        "open(f'{folder}/pid', 'w').write(str(child.pid))\n" + answering(entry())
    )
    source = HelperSource(program(body), ["quay.io"])
    assert source.issue(QUAY).credential.username == "ci"
    assert not gone(noted(tmp_path))
    os.kill(noted(tmp_path), 9)


def test_one_that_floods_is_stopped(program: Program, tmp_path: Path) -> None:
    """R20: standard output is bounded, and standard error is not read at all."""
    body = NOTE + "while True: sys.stdout.write(mark * 1000); sys.stderr.write(mark * 1000)"
    error = refused(HelperSource(program(body), ["quay.io"], timeout=60))
    assert "said more than 1048576 bytes" in str(error)
    until_gone(noted(tmp_path))


def test_the_bound_is_exact(program: Program) -> None:
    """A megabyte is an answer; one byte more is none."""
    text = "answer = json.dumps({'Username': 'ci', 'Secret': mark})\n"
    fill = "sys.stdout.write(answer + ' ' * ((1 << 20) - len(answer)) + {!r})"
    exact = HelperSource(program(text + fill.format("")), ["quay.io"], timeout=60)
    assert exact.issue(QUAY).credential.username == "ci"
    over = HelperSource(program(text + fill.format(" ")), ["quay.io"], timeout=60)
    assert "said more than" in str(refused(over))


def test_one_that_does_not_listen_may_answer(program: Program) -> None:
    source = HelperSource(program("os.close(0)\n" + answering(entry())), ["quay.io"])
    for _ in range(5):
        assert source.issue(QUAY).credential.username == "ci"


def test_one_that_has_ended_before_it_was_asked_may_have_answered(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody reads what is written to it then."""

    class Late(subprocess.Popen[bytes]):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)  # type: ignore[call-overload]  # as they were given
            until_gone(self.pid)

    monkeypatch.setattr(subprocess, "Popen", Late)
    source = HelperSource(program(answering(entry())), ["quay.io"], timeout=60)
    assert source.issue(QUAY).credential.username == "ci"


def test_nothing_is_left_open(program: Program, tmp_path: Path) -> None:
    """Neither after an answer nor after a failure."""
    good = HelperSource(program(answering(entry())), ["quay.io"])
    bad = HelperSource(program("sys.exit(1)", "docker-credential-bad"), ["quay.io"])
    good.issue(QUAY)
    before = {*Path("/proc/self/fd").iterdir()}
    for _ in range(3):
        good.issue(QUAY)
        refused(bad)
        refused(HelperSource(tmp_path / "docker-credential-gone", ["quay.io"]))
    assert {*Path("/proc/self/fd").iterdir()} == before


# Importing.

LIST = {
    "https://index.docker.io/v1/": "hub",
    "quay.io": "ci",
    "https://Quay.io/v1/": "old",
    "ghcr.io/acme": "part",
    "https://index.docker.io/v1/access-token": "desktop",
    "qu\nay.io": "newline",
    f"https://{MARK}@r.corp": "userinfo",
    "https://github.com": "git",
    "ftp://files.corp": "other",
    "registry:5000": "r",
    "a b": "blank",
}
LISTING = (
    f"listed = {LIST!r}\n"
    "given = sys.stdin.read()\n"
    "open(f'{folder}/asked', 'a').write(action + ' ' + given + '\\0')\n"
    "if action == 'list': print(json.dumps(listed))\n"
    "elif given == 'registry:5000': print('credentials not found in native keychain');"
    " sys.exit(1)\n"
    "else: print(json.dumps({'ServerURL': given, 'Username': listed[given],"
    " 'Secret': mark + given}))"
)


def test_what_is_listed_is_read_one_by_one(program: Program) -> None:
    """R20: an entry that can't be a registry hides no other, and is told with its place."""
    parsed = HelperSource(program(LISTING)).entries()
    assert [(item.server, item.username) for item in parsed.entries] == [
        ("https://index.docker.io/v1/", "hub"),
        ("quay.io", "ci"),
        ("https://github.com", "git"),
        ("registry:5000", "r"),
    ]
    assert parsed.entries[0] == HelperEntry("https://index.docker.io/v1/", HUB, "hub")
    assert [(remark.code, remark.place) for remark in parsed.diagnostics] == [
        ("server-repeated", place("https://Quay.io/v1/")),
        ("server-part", place("ghcr.io/acme")),
        ("desktop-leftover", place("https://index.docker.io/v1/access-token")),
        ("server-refused", place("qu\nay.io")),
        ("server-refused", place("https://***@r.corp")),
        ("server-other", place("ftp://files.corp")),
        ("server-refused", place("a b")),
    ]
    assert_silent(parsed)


def test_of_two_names_docker_s_is_taken(program: Program) -> None:
    """R3: whichever is listed first; both are in the remark."""
    body = answering({"https://quay.io/v1/": "old", "quay.io": "ci"})
    parsed = HelperSource(program(body)).entries()
    assert [item.server for item in parsed.entries] == ["quay.io"]
    [remark] = parsed.diagnostics
    assert remark.place == place("quay.io")
    assert f"{place('https://quay.io/v1/')} is not used" in remark.message


def test_all_are_imported_into_a_store(program: Program, tmp_path: Path) -> None:
    """R19: what is refused is not even asked for."""
    imported = HelperSource(program(LISTING)).import_all()
    store = MemoryStore()
    for address, credential in imported.credentials.items():
        store.add("staging", address, credential)
    held = store.credentials("staging")
    assert {str(address): held[address].secret.reveal() for address in held} == {
        "docker.io": f"{MARK}https://index.docker.io/v1/",
        "quay.io": f"{MARK}quay.io",
        "github.com": f"{MARK}https://github.com",
    }
    asked = (tmp_path / "asked").read_text().split("\0")
    assert asked == [
        "list ",
        "get https://index.docker.io/v1/",
        "get quay.io",
        "get https://github.com",
        "get registry:5000",
        "",
    ]
    assert imported.diagnostics[-1].code == "not-given"
    assert imported.diagnostics[-1].place == place("registry:5000")
    assert isinstance(imported, Imported)
    assert_silent(imported)


def test_an_import_from_one_that_hangs_is_none(program: Program) -> None:
    """Rather than one call's time for each of many entries."""
    body = f"print(json.dumps({LIST!r})) if action == 'list' else time.sleep(600)"
    with pytest.raises(SourceError) as caught:
        HelperSource(program(body), timeout=2).import_all()
    assert caught.value.passing
    assert_error_silent(caught.value)


@pytest.mark.parametrize("body", ["print(mark)", "print(mark); sys.exit(1)", "print([mark])"])
def test_a_listing_that_is_none_is_told(program: Program, body: str) -> None:
    with pytest.raises(SourceError) as caught:
        HelperSource(program(body)).entries()
    assert_error_silent(caught.value)


def test_a_listed_username_that_is_no_text_is_told(program: Program) -> None:
    parsed = HelperSource(program(answering({"quay.io": [MARK], "ghcr.io": "ci"}))).entries()
    assert [item.server for item in parsed.entries] == ["ghcr.io"]
    assert [remark.code for remark in parsed.diagnostics] == ["username-malformed"]
    assert_silent(parsed)


SERVERS = st.one_of(
    st.text(max_size=30),
    st.from_regex(r"(https?://)?[a-z.]{1,9}(:[0-9]{1,6})?(/v[12]/)?[\n\r\t @%\\]?", fullmatch=True),
)


@given(SERVERS)
def test_a_server_that_is_asked_for_has_no_character_to_spare(server: str) -> None:
    """R19, R20: whatever a helper lists, what it is asked for is printable ASCII, and few of it."""
    found = _listed(server, place(server))
    if isinstance(found, Diagnostic):
        return
    assert server.isascii()
    assert server.isprintable()
    assert not {*" %@\\\x7f"} & {*server}
    assert found.host in server.lower() or found.is_docker_hub or found.is_ip


def test_a_server_s_name_has_its_length() -> None:
    """A pipe takes it whole, so that no helper can hold up whoever writes."""
    remark = _listed("a." * 1100, "")
    assert isinstance(remark, Diagnostic)
    assert remark.code == "server-refused"
