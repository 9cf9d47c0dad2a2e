"""``wharfinger explain``: images in, answers out, whatever is typed."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wharfinger import Environment, Orchestration, Registry, RegistryState, Settings, resolve
from wharfinger.__main__ import main
from wharfinger.programs._registries_file import parse, read
from wharfinger.programs._toml_file import TomlFileError

Capture = pytest.CaptureFixture[str]

STAGING = """\
environment = "staging"
orchestration = "kubernetes"

[[registries]]
address = "Quay.io:443"
username = "old"

[[registries]]
address = "quay.io"
username = "ci"
added_by = "alice"

[[registries]]
address = "ghcr.io"
username = "bot"
state = "inactive"
"""


@pytest.fixture
def staging(tmp_path: Path) -> str:
    path = tmp_path / "staging.toml"
    path.write_text(STAGING, encoding="utf-8")
    return str(path)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    """Standard input, to be filled."""
    content = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(content))
    return content


def fill(typed: io.BytesIO, content: bytes) -> None:
    typed.write(content)
    typed.seek(0)


def numbered(cases: Iterable[tuple[str, ...]]) -> list[Any]:
    """Name each case by its number and its place, not by the whole file."""
    return [pytest.param(*case, id=f"{number}-{case[1]}") for number, case in enumerate(cases)]


def explain(*argv: str) -> int:
    return main(["explain", *argv])


def test_one_image(capsys: Capture) -> None:
    """An answer is what ``Resolution.explain`` says of it."""
    assert explain("ubuntu") == 0
    printed = capsys.readouterr()
    assert printed.out == resolve("ubuntu", Environment("local")).explain() + "\n"
    assert not printed.err


def test_two_images_have_a_blank_line_between(capsys: Capture) -> None:
    """Between answers, and only there, is a blank line."""
    assert explain("ubuntu", "Bad/Name", "quay.io/acme/api") == 2
    environment = Environment("local")
    answers = [resolve(image, environment).explain() for image in ("ubuntu", "quay.io/acme/api")]
    assert capsys.readouterr().out == "\n\n".join(answers) + "\n"


@pytest.mark.parametrize(
    ("argv", "status"),
    [
        (["quay.io/a/b", "docker.io/a/b"], 0),
        (["quay.io/a/b", "ghcr.io/a/b"], 1),
        (["ghcr.io/a/b", "quay.io/a/b"], 1),
        (["ghcr.io/a/b", "quay.io/a/b:"], 2),
        (["quay.io/a/b:", "ghcr.io/a/b"], 2),
        ([""], 2),
        (["--", "-", "quay.io/a"], 0),
        (["quay.io/a", "--json", "docker.io/b"], 0),
        (["--json", "quay.io/a", "--whitelist=quay.io", "ghcr.io/b"], 1),
    ],
)
def test_status(
    argv: list[str], status: int, staging: str, typed: io.BytesIO, capsys: Capture
) -> None:
    """0 is all allowed, 1 some denied, 2 some malformed; the worst of them wins."""
    fill(typed, b"quay.io/x\n")
    assert explain("--registries", staging, *argv) == status
    assert "Traceback" not in capsys.readouterr().err


def test_settings(capsys: Capture) -> None:
    """R11, R14: the options are the admin's settings."""
    argv = ["--default-registry", "harbor.corp/hub", "--official-namespace", "library"]
    assert explain(*argv, "--whitelist", "harbor.corp", "--json", "redis", "quay.io/a") == 1
    settings = Settings(
        default_registry="harbor.corp/hub", official_namespace="library", whitelist="harbor.corp"
    )
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    environment = Environment("local")
    assert answers == [
        resolve(image, environment, settings).as_dict() for image in ("redis", "quay.io/a")
    ]


@pytest.mark.parametrize(
    ("argv", "blank"), [(["--whitelist", ""], True), (["--whitelist", " , "], True), ([], False)]
)
def test_blank_whitelist(argv: list[str], blank: bool, capsys: Capture) -> None:  # noqa: FBT001
    """R14: a blank whitelist restricts nothing, as on the page, and R12: lint remarks on it."""
    assert explain(*argv, "quay.io/a") == 0
    assert ("note: whitelist-blank" in capsys.readouterr().err) == blank


def test_lint_comes_last(capfd: pytest.CaptureFixture[str]) -> None:
    """R12: the remarks on the settings follow the answers, on standard error."""
    argv = ["--default-registry", "harbor.corp", "--whitelist", "quay.io", "redis"]
    assert explain(*argv) == 1
    printed = capfd.readouterr()
    notes = printed.err.splitlines()
    assert [note.split()[:2] for note in notes] == [
        ["note:", "default-registry-not-added"],
        ["note:", "default-registry-not-whitelisted"],
    ]
    assert "note" not in printed.out


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["--on-host"], "already-on-host"),
        (["--on-host", "--host-images", "trust"], "already-on-host"),
        (["--on-host", "--host-images", "verify"], "not-whitelisted"),
        (["--host-images", "trust"], "not-whitelisted"),
    ],
)
def test_on_host(argv: list[str], reason: str, capsys: Capture) -> None:
    """R16: an image on the host runs without a check, or with all of them."""
    explain(*argv, "--json", "--whitelist", "quay.io", "redis")
    assert json.loads(capsys.readouterr().out)["reason"] == reason


def test_json_error(capsys: Capture) -> None:
    """R20: in JSON Lines a malformed image has its object too, in its place."""
    assert explain("--json", "https://ci:canary@quay.io/a", "redis") == 2
    printed = capsys.readouterr()
    first, second = map(json.loads, printed.out.splitlines())
    assert first == {
        "error": {
            "text": "https://***@quay.io/a",
            "span": [0, 8],
            "rule": "scheme",
            "message": "an image reference has no scheme",
            "repair": "quay.io/a",
        }
    }
    assert second["reference"] == "redis"
    assert "canary" not in printed.out + printed.err


def test_human_error(capsys: Capture) -> None:
    """R20: a malformed image is told on standard error, with a caret and the repair."""
    assert explain("quay.io/a:") == 2
    printed = capsys.readouterr()
    assert not printed.out
    assert printed.err == (
        "error: invalid image reference: nothing follows the ':'\n"
        "  quay.io/a:\n"
        "           ^\n"
        "  write quay.io/a\n"
    )


def test_standard_input(typed: io.BytesIO, capsys: Capture) -> None:
    """Images come one a line, CRLF and a BOM or not; blank lines and comments are skipped."""
    fill(typed, b"\xef\xbb\xbfubuntu\r\n\r\n  # a comment\r\n#another\n\tquay.io/a:1  \nredis")
    assert explain("--json", "first", "-", "last") == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["reference"] for answer in answers] == [
        "first",
        "ubuntu",
        "quay.io/a:1",
        "redis",
        "last",
    ]


def test_standard_input_says_the_line(typed: io.BytesIO, capsys: Capture) -> None:
    """R20: of a malformed image on standard input the line is told, in the file's own count."""
    fill(typed, b"# names\n\nubuntu\nUbuntu\n\xff\xfe\nquay.io/a b\n\x00\x1b[31m\n")
    assert explain("-") == 2
    errors = capsys.readouterr().err
    heads = [line.split(": ")[:2] for line in errors.splitlines() if line.startswith("error")]
    assert heads == [["error", f"line {number}"] for number in (4, 5, 6, 7)]
    assert errors.isascii()
    assert "\x1b" not in errors


def test_standard_input_without_an_image(typed: io.BytesIO, capsys: Capture) -> None:
    """No image is no denial, but it is remarked on."""
    fill(typed, b"# nothing\n\n")
    assert explain("-") == 0
    assert capsys.readouterr() == ("", "note: there was no image\n")


def test_standard_input_is_streamed() -> None:
    """An answer is there before the next image is."""
    with subprocess.Popen(
        [sys.executable, "-m", "wharfinger", "explain", "--json", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for name in (b"ubuntu", b"quay.io/a"):
            process.stdin.write(name + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["reference"] == name.decode()
        process.stdin.close()
        assert process.wait(60) == 0


@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    """R20: whatever stands on standard input, every line gets its one answer."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        status = explain("--json", "-")
    lines = [line.strip(b" \t\r\n") for line in content.split(b"\n")]
    lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
    wanted = [line for line in lines if line and not line.startswith(b"#")]
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert len(answers) == len(wanted)
    assert status == (2 if any("error" in answer for answer in answers) else 0)


def test_username_beyond_the_encoding(tmp_path: Path) -> None:
    """A username that standard output cannot encode is escaped."""
    path = tmp_path / "umlaut.toml"
    path.write_text(STAGING.replace('"ci"', '"jürgen"'), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "wharfinger", "explain", "--registries", str(path), "quay.io/a"],
        check=True,
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )
    assert rb"quay.io as j\xfcrgen" in ran.stdout


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        ([], "an image is wanted, or '-' to read them from standard input"),
        (["--json"], "an image is wanted, or '-' to read them from standard input"),
        (["--registrie=canary", "a"], "no option '--registrie'; the nearest is --registries"),
        (["--default_registry", "a"], "no option '--default_registry'; the nearest is"),
        (["-x", "a"], "no option '-x'"),
        (["a", "--whitelist"], "argument --whitelist: expected one argument"),
        (["a", "--host-images", "maybe"], "argument --host-images: invalid choice"),
    ],
)
def test_usage(argv: list[str], problem: str, capsys: Capture) -> None:
    """A malformed command line ends with usage on standard error."""
    assert explain(*argv) == 2
    printed = capsys.readouterr()
    assert not printed.out
    assert printed.err.startswith("usage: wharfinger explain")
    assert problem in printed.err
    assert "canary" not in printed.err


def test_help(capsys: Capture) -> None:
    """Help tells the statuses, and shows a registries file that can be read."""
    assert explain("--help") == 0
    text = capsys.readouterr().out
    assert "Exit status: 0" in text
    shown = text[text.index("  environment = ") :].replace("\n  ", "\n")
    environment = parse(shown)
    assert environment.name == "staging"
    assert [str(registry.address) for registry in environment.registries] == ["quay.io"]


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (["--whitelist", "quay.io, acme/team"], "registry.whitelist, entry 2"),
        (["--default-registry", "myhost"], "write myhost:443"),
        (["--default-registry", "https://ci:canary@harbor.corp"], "registry.default"),
        (["--official-namespace", "Library"], "official_namespace"),
    ],
)
def test_malformed_settings(argv: list[str], problem: str, capsys: Capture) -> None:
    """R11, R14: a malformed setting is refused before an image is looked at."""
    assert explain(*argv, "redis") == 2
    printed = capsys.readouterr()
    assert not printed.out
    assert printed.err.startswith("error: ")
    assert problem in printed.err
    assert "canary" not in printed.err


def test_registries_file(staging: str) -> None:
    """R5: the registries are added in the order of the file."""
    assert read(staging) == Environment(
        "staging",
        Orchestration.KUBERNETES,
        [
            Registry(environment="staging", sequence=1, address="quay.io", username="old"),
            Registry(
                environment="staging",
                sequence=2,
                address="quay.io",
                username="ci",
                added_by="alice",
            ),
            Registry(
                environment="staging",
                sequence=3,
                address="ghcr.io",
                username="bot",
                state=RegistryState.INACTIVE,
            ),
        ],
    )


def test_registries_file_answers(staging: str, capsys: Capture) -> None:
    """R6, R7: the newest registry of an address answers, and an inactive one denies."""
    images = ["quay.io/a", "ghcr.io/b", "redis"]
    assert explain("--registries", staging, "--json", *images) == 1
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(answer["reason"], (answer["registry"] or {}).get("id")) for answer in answers] == [
        ("credential", "staging/2"),
        ("registry-inactive", "staging/3"),
        ("anonymous", None),
    ]


def test_registries_file_needs_no_registries() -> None:
    """An environment may have no registry, and is Cattle if it does not say."""
    assert parse('environment = "ci"') == Environment("ci")
    assert parse('environment = "ci"\nregistries = []') == Environment("ci")


def test_registries_file_with_a_bom(tmp_path: Path) -> None:
    """What a Windows editor saves is read too."""
    path = tmp_path / "bom.toml"
    path.write_bytes(b"\xef\xbb\xbf" + STAGING.replace("\n", "\r\n").encode())
    assert read(str(path)) == parse(STAGING)


ONE = 'environment = "ci"\n[[registries]]\naddress = "quay.io"\nusername = "ci"\n'
MALFORMED = [
    ("", "environment", "it is missing"),
    ("environment = 5", "environment", "a string is wanted, and this is an integer"),
    ('environment = ""', "environment", "an environment's name is not empty"),
    ('environment = "a\\tb"', "environment", "an environment's name is printable"),
    ("environment = 2026-01-01", "environment", "a string is wanted, and this is a date or a time"),
    ('environment = "ci"\norchestration = "swarm"', "orchestration", "'cattle' or 'kubernetes'"),
    ('environment = "ci"\norchestration = true', "orchestration", "this is a boolean"),
    ('enviroment = "ci"', "enviroment", "the nearest is 'environment'"),
    ('Environment = "ci"', "Environment", "the nearest is 'environment'"),
    ('environment = "ci"\nxyzzy = 1', "xyzzy", "known are environment, orchestration, registries"),
    ('environment = "ci"\n"a.b\\u001b" = 1', r"'a.b\x1b'", "no such key"),
    ('environment = "ci"\nregistries = "x"', "registries", "this is a string"),
    ('environment = "ci"\n[registries]\naddress = "x"', "registries", "this is a table"),
    ('environment = "ci"\nregistries = [1.5]', "registries[1]", "this is a float"),
    ('environment = "ci"\n[[registries]]', "registries[1].address", "it is missing"),
    (ONE + '[[registries]]\naddress = "x.io"', "registries[2].username", "it is missing"),
    (ONE + 'sate = "active"', "registries[1].sate", "the nearest is 'state'"),
    (ONE + 'state = "Active"', "registries[1].state", "it is 'active' or 'inactive'"),
    (ONE + "state = []", "registries[1].state", "this is an array"),
    (ONE + "added_by = 1", "registries[1].added_by", "a string is wanted"),
    (ONE.replace("quay.io", "https://quay.io"), "registries[1].address", "write quay.io"),
    (ONE.replace('"quay.io"', "5000"), "registries[1].address", "this is an integer"),
    (ONE.replace('name = "ci"', 'name = ""'), "registries[1].username", "it is empty"),
    (ONE.replace('name = "ci"', 'name = "a:b"'), "registries[1].username", "it has a ':'"),
    (ONE.replace('name = "ci"', "name = {}"), "registries[1].username", "this is a table"),
    ('environment = "ci"\nregistries = [', "line 2", "it is not valid TOML"),
    ('environment = "ci"\noops\n', "line 2, column 5", "it is not valid TOML"),
    ('environment = "ci"\nenvironment = "ci"\n', "line 2, column 19", "it is not valid TOML"),
    ("x = " + "[" * 100_000, "", "a nesting too deep"),
    ("x = " + "9" * 5000, "", "a number is too long"),
    ("\n" + "a." * 9 + "a = 1", "line 2", "a key has too many parts"),
    ("x = '''\n" + "a." * 9 + "a'''\n", "x", "no such key"),
]


@pytest.mark.parametrize(("text", "place", "problem"), numbered(MALFORMED))
def test_malformed_registries_file(text: str, place: str, problem: str) -> None:
    """R20: one typed error names the file, the place in it, and what is wrong."""
    with pytest.raises(TomlFileError) as caught:
        parse(text, "team.toml")
    error = caught.value
    assert (error.source, error.place) == ("team.toml", place)
    assert problem in error.problem
    assert str(error).startswith(f"team.toml: {place}: " if place else "team.toml: it")
    assert isinstance(error, ValueError)


def test_malformed_registries_file_is_a_usage_error(tmp_path: Path, capsys: Capture) -> None:
    """A malformed file ends with status 2, before an image is looked at."""
    path = tmp_path / "team.toml"
    path.write_text(ONE + "sate = 1", encoding="utf-8")
    assert explain("--registries", str(path), "redis") == 2
    assert capsys.readouterr() == (
        "",
        f"error: {path}: registries[1].sate: no such key; the nearest is 'state'\n",
    )


@pytest.mark.parametrize("name", ["missing.toml", ".", "with\0null", "bytes.toml"])
def test_unreadable_registries_file(name: str, tmp_path: Path, capsys: Capture) -> None:
    """A file that is missing, no file, or no text ends with status 2."""
    (tmp_path / "bytes.toml").write_bytes(b'environment = "ci"\n# \xff canary\n')
    path = f"{tmp_path}/{name}"
    assert explain("--registries", path, "redis") == 2
    printed = capsys.readouterr()
    assert not printed.out
    assert printed.err.startswith("error: ")
    assert "canary" not in printed.err
    assert ("line 2: it is not UTF-8" in printed.err) == (name == "bytes.toml")


SECRETS = ["password", "Password", "secret", "token", "auth", "identitytoken", "identity_token"]
SECRETS += ["registry-token", "api_key", "passphrase", "pwd", "credential", "_json_key"]
LEAKS = [
    *((f'{ONE}{key} = "canary"', f"registries[1].{key}") for key in SECRETS),
    *((f'{key} = "canary"\n{ONE}', key) for key in SECRETS),
    (f'{ONE}[registries.auth]\npassword = "canary"', "registries[1].auth"),
    (f'{ONE}xyzzy = "canary"', "registries[1].xyzzy"),
    (f'{ONE}password = "canary', "line 5"),
    (f"{ONE}password = canary", "line 5, column 12"),
    (f'{ONE}password = "canary"\npassword = "canary"', "line 6"),
    (f'{ONE}"canary" "canary"', "line 5, column 10"),
    (f'{ONE}state = "canary"', "registries[1].state"),
    (ONE.replace("quay.io", "https://ci:canary@quay.io"), "registries[1].address"),
    (ONE.replace('name = "ci"', 'name = "ci:canary"'), "registries[1].username"),
    (ONE.replace('name = "ci"', 'name = ["ci", "canary"]'), "registries[1].username"),
    ('environment = ["canary"]', "environment"),
    ('environment = "ci"\nregistries = ["canary"]', "registries[1]"),
]


@pytest.mark.parametrize(("text", "place"), numbered(LEAKS))
def test_no_secret_is_told(text: str, place: str, tmp_path: Path, capsys: Capture) -> None:
    """R9: a secret in the file is refused by the name of its key, and shown nowhere."""
    path = tmp_path / "team.toml"
    path.write_text(text, encoding="utf-8")
    assert explain("--registries", str(path), "redis") == 2
    printed = capsys.readouterr()
    assert not printed.out
    assert printed.err.startswith(f"error: {path}: {place}")
    assert "canary" not in printed.err


@pytest.mark.parametrize(("text", "place"), numbered(LEAKS))
def test_no_secret_is_kept(text: str, place: str, tmp_path: Path) -> None:
    """R9: neither the error, nor its context, nor the frames it passed hold a secret."""
    path = tmp_path / "team.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TomlFileError) as caught:
        read(str(path))
    error = caught.value
    assert error.place.startswith(place)
    assert error.__cause__ is None
    assert error.__context__ is None
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = ("_registries_file.py", "_toml_file.py")
    frames = [frame for frame in told.stack if frame.filename.endswith(ours)]
    assert frames
    assert not [frame for frame in frames if "canary" in str(frame.locals)]


@given(
    st.text(st.characters(exclude_categories=()))
    | st.text('environmt="[]\n#\\')
    | st.binary().map(lambda content: content.decode("latin-1"))
)
@example("\ud800 = [")
def test_any_registries_file(text: str) -> None:
    """R20: any text is an environment or the one typed error."""
    with contextlib.suppress(TomlFileError):
        assert isinstance(parse(text), Environment)
