"""``wharfinger registries``, and ``explain`` of a store."""

from __future__ import annotations

import getpass
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wharfinger import RegistryState, Settings
from wharfinger.__main__ import main
from wharfinger.stores import UNSEALED, SealingKeys, SQLStore

Capture = pytest.CaptureFixture[str]
Run = Callable[..., int]

CANARY = "XK7canaryXK7"


class Typed(io.TextIOWrapper):
    """Standard input."""


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = tmp_path / "wharfinger.key"
    SealingKeys.generate().to_file(path)
    return str(path)


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Puts something into standard input."""

    def type_in(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", Typed(io.BytesIO(content)))

    type_in(f"{CANARY}\n".encode())
    return type_in


@pytest.fixture
def run(
    sqlite_url: str,
    key_file: str,
    monkeypatch: pytest.MonkeyPatch,
    type_in: Callable[[bytes], None],
) -> Run:
    """Runs an action on a sealed store, a canary on standard input."""
    monkeypatch.setenv("WHARFINGER_STORE", sqlite_url)
    monkeypatch.delenv("WHARFINGER_SEALING_KEYS", raising=False)

    def run(action: str, *argv: str, environment: str = "staging") -> int:
        type_in(f"{CANARY}\n".encode())
        named = ["--environment", environment] if environment else []
        return main(["registries", action, *argv, *named, "--key-file", key_file])

    return run


@pytest.fixture
def filled(run: Run, capsys: Capture) -> Run:
    """The same, with three registries."""
    for address, username, actor in [
        ("quay.io", "old", "alice"),
        ("quay.io", "ci", "bob"),
        ("ghcr.io", "bot", "alice"),
    ]:
        assert run("add", address, "--username", username, "--actor", actor) == 0
    capsys.readouterr()
    return run


def secret_of(url: str, key_file: str, registry: str) -> str:
    """Every secret in force is asked for, and one returned."""
    store = SQLStore.open(url, seal=SealingKeys.from_file(key_file))
    found = {str(address): papers for address, papers in store.credentials("staging").items()}
    store.close()
    return found[registry].secret.reveal()


def test_list(filled: Run, capsys: Capture) -> None:
    """R6: the table shows which registries are overridden."""
    assert filled("deactivate", "1") == 0
    capsys.readouterr()
    assert filled("list") == 0
    assert capsys.readouterr().out.splitlines() == [
        "ID         ADDRESS  USERNAME  STATE                 ADDED BY",
        "staging/1  quay.io  old       inactive, overridden  alice",
        "staging/2  quay.io  ci        active                bob",
        "staging/3  ghcr.io  bot       active                alice",
    ]


def test_list_as_json(filled: Run, capsys: Capture) -> None:
    """R6: the same as an object for each registry."""
    assert filled("list", "--json") == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert printed[0] == {
        "id": "staging/1",
        "address": "quay.io",
        "username": "old",
        "state": "active",
        "overridden": True,
        "added_by": "alice",
    }
    assert [fields["overridden"] for fields in printed] == [True, False, False]


def test_round(filled: Run, sqlite_url: str, key_file: str, capsys: Capture) -> None:
    """R6-R9: every action does what the store's method of that name does."""
    assert filled("deactivate", "staging/3") == 0
    assert filled("update", "2", "--username", "new", "--email", "ci@acme.example") == 0
    assert filled("remove", "1") == 0
    assert capsys.readouterr().out.splitlines() == [
        "staging/3 is inactive: ghcr.io as bot",
        "staging/2 is updated: quay.io as new",
        "staging/1 is removed",
    ]
    store = SQLStore.open(sqlite_url, seal=SealingKeys.from_file(key_file))
    second, third = store.environment("staging").registries
    assert (second.username, third.state) == ("new", RegistryState.INACTIVE)
    assert filled("activate", "3") == 0
    assert store.environment("staging").registries[1].is_active
    assert secret_of(sqlite_url, key_file, "quay.io") == CANARY
    assert filled("destroy") == 0
    assert filled("create", "--orchestration", "kubernetes") == 0
    assert store.environment("staging").orchestration == "kubernetes"
    store.close()


def test_events(filled: Run, capsys: Capture) -> None:
    """Changes are told with who made them, of one environment or of all."""
    assert filled("create", environment="other") == 0
    assert filled("remove", "1", "--actor", "carol") == 0
    capsys.readouterr()
    assert filled("events") == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == [
        *["EVENT", "AT", "ACTOR", "ACTION", "ENVIRONMENT", "REGISTRY", "ADDRESS"]
    ]
    assert [row.split()[-1] for row in rows] == [
        *["staging", "quay.io", "quay.io", "ghcr.io", "quay.io"]
    ]
    assert filled("events", "--json", "--after", "4", environment="") == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(event["action"], event["environment"]) for event in printed] == [
        ("created", "other"),
        ("removed", "staging"),
    ]
    assert (printed[1]["actor"], printed[1]["registry"]) == ("carol", "staging/1")


def test_password_is_asked_for_on_a_terminal(
    run: Run, sqlite_url: str, key_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal the password is asked for, unless it is to be read."""
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "typed"

    monkeypatch.setattr(getpass, "getpass", ask)
    monkeypatch.setattr(Typed, "isatty", lambda _: True)
    assert run("add", "quay.io", "--username", "ci") == 0
    assert asked == ["Password for ci: "]
    assert secret_of(sqlite_url, key_file, "quay.io") == "typed"
    assert run("add", "quay.io", "--username", "ci", "--password-stdin") == 0
    assert secret_of(sqlite_url, key_file, "quay.io") == CANARY
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("content", "secret"),
    [(b"a b", "a b"), (b" x \r\n", " x "), (b"{\n}\n", "{\n}"), ("é\n".encode(), "é")],
)
def test_password_from_standard_input(
    content: bytes,
    secret: str,
    type_in: Callable[[bytes], None],
    sqlite_url: str,
    key_file: str,
) -> None:
    """All of standard input is the secret but one newline: Google's key files have many lines."""
    type_in(content)
    options = ["--store", sqlite_url, "--environment", "staging", "--key-file", key_file]
    assert main(["registries", "add", "quay.io", "--username", "ci", *options]) == 0
    assert secret_of(sqlite_url, key_file, "quay.io") == secret


@pytest.mark.parametrize(
    "argument",
    [
        f"--password={CANARY}",
        f"--Password={CANARY}",
        f"--pass={CANARY}",
        f"--password-stdin={CANARY}",
        f"--password_stdin={CANARY}",
        f"--secret={CANARY}",
        f"-p{CANARY}",
        CANARY,
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_secrets_as_arguments(argument: str, *, first: bool, run: Run, capsys: Capture) -> None:
    """What is no option is refused and never repeated, wherever it stands."""
    rest = ["quay.io", "--username", "ci"]
    assert run("add", *([argument, *rest] if first else [*rest, argument])) == 2
    printed = capsys.readouterr()
    assert CANARY not in printed.out + printed.err
    if "pass" in argument.lower():
        assert "a password is no argument" in printed.err


@pytest.mark.parametrize("argument", ["--password", "-p", "--token"])
def test_secrets_behind_arguments(argument: str, run: Run, capsys: Capture) -> None:
    """The same where the secret is an argument of its own."""
    assert run("add", argument, CANARY, "quay.io", "--username", "ci") == 2
    printed = capsys.readouterr()
    assert CANARY not in printed.out + printed.err


@pytest.mark.parametrize(
    ("argv", "status", "complaint"),
    [
        (["add", "https://quay.io", "--username", "ci"], 2, "https://quay.io: an address has no"),
        (["add", "quay.io", "--username", ""], 2, "username: it is empty"),
        (["remove", "9"], 1, "staging/9"),
        (["activate", "nonsense"], 1, "nonsense"),
        (["list", "--environment", "stagign"], 1, "staging"),
        (["create"], 1, "staging"),
        (["create", "--environment", " x"], 2, "without blanks around it"),
        (["events", "--after", "-1", "--environment", "staging"], 2, "after is 0 or more"),
        (["list", "--store", "mysql://root:hunter2@db/x"], 1, "mysql"),
        (["list", "--store", "sqlite:///"], 1, "MemoryStore()"),
        (
            ["list", "--store", "sqlite:////no/such/folder/a.db"],
            1,
            "there is no file /no/such/folder/a",
        ),
        (["keygen", "/"], 2, "/: "),
    ],
)
def test_refusals(
    argv: list[str], status: int, complaint: str, filled: Run, capsys: Capture
) -> None:
    """A refusal is one line, and its status tells whose fault it is."""
    action, *rest = argv
    if action == "keygen":
        assert main(["registries", *argv]) == status
    elif "--environment" in rest:
        assert filled(action, *rest, environment="") == status
    else:
        assert filled(action, *rest) == status
    printed = capsys.readouterr()
    assert not printed.out
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert complaint in printed.err
    assert "hunter2" not in printed.err


@pytest.mark.parametrize(
    "argv",
    [
        ["list"],
        ["events"],
        ["activate", "1"],
        ["deactivate", "1"],
        ["update", "1", "--username", "ci"],
        ["remove", "1"],
        ["destroy"],
    ],
)
def test_a_slip_makes_no_store(argv: list[str], run: Run, tmp_path: Path, capsys: Capture) -> None:
    """Where there is no store, the file is named and not made, but by `add` and `create`."""
    path = tmp_path / "registires.db"
    assert run(*argv, "--store", f"sqlite:///{path}") == 1
    complaint = capsys.readouterr().err
    assert complaint.startswith(f"error: there is no file {path}; ")
    assert "wharfinger registries create" in complaint
    assert not path.exists()


@pytest.mark.parametrize("argv", [["add", "quay.io", "--username", "ci"], ["create"]])
def test_what_makes_a_store(argv: list[str], run: Run, sqlite_url: str) -> None:
    """These two make it, and then the others find it."""
    assert run(*argv) == 0
    assert run("list") == 0
    assert Path(sqlite_url.removeprefix("sqlite:///")).exists()


def test_explain_makes_no_store(tmp_path: Path, key_file: str, capsys: Capture) -> None:
    """Nor does `explain`, which says so and answers nothing."""
    path = tmp_path / "registires.db"
    options = ["--store", f"sqlite:///{path}", "--environment", "ci", "--key-file", key_file]
    assert main(["explain", *options, "redis"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"error: there is no file {path}; ")
    assert not path.exists()


def test_keys(
    filled: Run, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Keys come from a file or a variable, and without one nothing is opened."""
    listing = ["registries", "list", "--environment", "staging", "--store", sqlite_url]
    assert main(listing) == 2
    assert "with which keys?" in capsys.readouterr().err
    key_file = tmp_path / "wharfinger.key"
    monkeypatch.setenv("WHARFINGER_SEALING_KEYS", key_file.read_text())
    assert main(listing) == 0
    assert main(["registries", "keygen", str(tmp_path / "other.key")]) == 0
    capsys.readouterr()
    assert main([*listing, "--key-file", str(tmp_path / "other.key")]) == 1
    assert "the secrets are sealed with" in capsys.readouterr().err
    key_file.chmod(0o644)
    assert main([*listing, "--key-file", str(key_file)]) == 1
    assert "chmod 600" in capsys.readouterr().err
    assert main(["registries", "keygen", str(key_file)]) == 2
    assert filled("list") == 1


def test_no_store(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """A store must be named."""
    monkeypatch.delenv("WHARFINGER_STORE", raising=False)
    assert main(["registries", "list", "--environment", "staging", "--unsealed"]) == 2
    assert "WHARFINGER_STORE" in capsys.readouterr().err
    assert main(["registries", "list", "--store", "memory:", "--unsealed"]) == 2
    assert main(["registries", "events", "--store", "memory:", "--unsealed"]) == 1


def test_what_is_printed_takes_one_line(run: Run, capsys: Capture) -> None:
    """Nothing that was stored moves a terminal's cursor."""
    assert run("add", "quay.io", "--username", "ci", "--actor", "\x1b[2J\nroot") == 0
    capsys.readouterr()
    assert run("list") == 0
    assert capsys.readouterr().out.splitlines()[1].endswith(r"\x1b[2J\nroot")


def test_explain_store(filled: Run, sqlite_url: str, key_file: str, capsys: Capture) -> None:
    """The store's environment and its settings are used, unless options say otherwise."""
    store = SQLStore.open(sqlite_url, seal=SealingKeys.from_file(key_file))
    store.save_settings(Settings(whitelist="quay.io", default_registry="quay.io"))
    store.close()
    options = ["--environment", "staging", "--key-file", key_file, "--json"]
    assert main(["explain", *options, "--store", sqlite_url, "acme/api"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["image"], answer["registry"]["id"]) == ("quay.io/acme/api", "staging/2")
    assert main(["explain", *options, "ghcr.io/acme/api"]) == 1
    assert main(["explain", *options, "--whitelist", "ghcr.io", "ghcr.io/acme/api"]) == 0
    printed = capsys.readouterr()
    assert CANARY not in printed.out + printed.err
    assert main(["explain", "--environment", "stagign", "--key-file", key_file, "redis"]) == 2
    printed = capsys.readouterr()
    assert "staging" in printed.err
    assert filled("list") == 0


@pytest.mark.parametrize(
    "argv",
    [
        ["--store", "memory:", "redis"],
        ["--unsealed", "redis"],
        ["--registries", "a.toml", "--environment", "ci", "redis"],
    ],
)
def test_explain_half_a_store(argv: list[str]) -> None:
    """A store without an environment, or two environments, are refused."""
    assert main(["explain", *argv]) == 2


def test_canary(tmp_path: Path, sqlite_url: str, key_file: str) -> None:
    """The password of a process is in no file, no output and not among its arguments."""
    command = [sys.executable, "-m", "wharfinger", "registries", "add", "quay.io"]
    command += ["--username", "ci", "--environment", "staging", "--store", sqlite_url]
    process = subprocess.Popen(
        [*command, "--key-file", key_file, "--password-stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    arguments = Path(f"/proc/{process.pid}/cmdline")
    if arguments.exists():
        assert CANARY not in arguments.read_text()
    out, err = process.communicate(CANARY, timeout=60)
    assert (out, err) == ("staging/1 is added: quay.io as ci\n", "")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 2
    assert not [path for path in files if CANARY.encode() in path.read_bytes()]


def test_unsealed(sqlite_url: str, type_in: Callable[[bytes], None]) -> None:
    """A store without keys is one that is opened so on purpose."""
    type_in(b"hunter2\n")
    options = ["--store", sqlite_url, "--environment", "ci", "--unsealed"]
    assert main(["registries", "add", "quay.io", "--username", "ci", *options]) == 0
    store = SQLStore.open(sqlite_url, seal=UNSEALED)
    assert [papers.secret.reveal() for papers in store.credentials("ci").values()] == ["hunter2"]
    store.close()
