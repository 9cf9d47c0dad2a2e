"""The credential helper's protocol, spoken with a store in memory."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharfinger import (
    Credential,
    CredentialKind,
    MemoryStore,
    RegistryAddress,
    Secret,
    Settings,
    __version__,
)
from wharfinger.__main__ import main
from wharfinger.core.store import deliverable
from wharfinger.programs import docker_credential
from wharfinger.testing import strategies

Ask = Callable[..., tuple[int, str]]

CANARY = "XK7canaryXK7"
NOT_FOUND = (1, "credentials not found in native keychain")
HUB = "https://index.docker.io/v1/"
VARIABLES = {"WHARFINGER_STORE": "memory:", "WHARFINGER_ENVIRONMENT": "ci"}


@pytest.fixture
def store() -> MemoryStore:
    """A store with the environment `ci`, and a decoy in another one."""
    made = MemoryStore()
    made.create("ci")
    made.add("other", "decoy.example", Credential("decoy", Secret("decoy")))
    return made


@pytest.fixture
def ask(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Ask:
    """Asks the helper, as it is run by a client, for one thing."""
    monkeypatch.setattr(docker_credential, "open_chosen", lambda *_, **__: store)
    monkeypatch.setenv("WHARFINGER_ENVIRONMENT", "ci")

    def ask(action: str, given: str | bytes | dict[str, Any] = "") -> tuple[int, str]:
        text = json.dumps(given) if isinstance(given, dict) else given
        content = text if isinstance(text, bytes) else text.encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        monkeypatch.setattr(sys, "argv", ["docker-credential-wharfinger", action])
        status = docker_credential.run()
        printed = capsys.readouterr()
        assert not printed.err
        assert printed.out.count("\n") <= 1
        return status, printed.out.removesuffix("\n")

    return ask


def log_in(ask: Ask, server: str, username: str = "ci", secret: str = CANARY) -> None:
    given = {"ServerURL": server, "Username": username, "Secret": secret}
    assert ask("store", given) == (0, "")


def got(ask: Ask, server: str) -> tuple[str, str]:
    """The username and the secret for a server, which the answer repeats as it was given."""
    status, text = ask("get", server)
    assert status == 0, text
    answer = json.loads(text)
    assert list(answer) == ["ServerURL", "Username", "Secret"]
    assert answer["ServerURL"] == server.strip()
    return answer["Username"], answer["Secret"]


def test_round(ask: Ask) -> None:
    """What is stored is got and listed, and is gone once it is erased."""
    assert ask("get", "quay.io") == NOT_FOUND
    log_in(ask, "quay.io")
    assert got(ask, "quay.io") == ("ci", CANARY)
    assert ask("list") == (0, '{"quay.io": "ci"}')
    assert ask("erase", "quay.io") == (0, "")
    assert ask("get", "quay.io") == NOT_FOUND
    assert ask("list") == (0, "{}")
    log_in(ask, "quay.io", "again")
    assert got(ask, "quay.io") == ("again", CANARY)


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("quay.io", ["https://quay.io", "http://quay.io/", "QUAY.io:443", "quay.io/v2/"]),
        ("https://quay.io/v1/", ["quay.io", "HTTPS://quay.io:443/v1", "quay.io\n", "quay.io\r\n"]),
        ("host:5000", ["host:5000", "https://HOST:05000/v2"]),
        ("registry:443", ["registry", "https://registry"]),
        ("[2001:db8:0::1]:5000", ["https://[2001:DB8::1]:5000"]),
        (HUB, ["docker.io", "index.docker.io", "https://registry-1.docker.io", "docker.io:443"]),
        ("docker.io", [HUB, "https://index.docker.io/v1", "registry.hub.docker.com"]),
    ],
)
def test_spellings(stored: str, asked: list[str], ask: Ask) -> None:
    """R2, R3: every spelling of a registry's address is the same registry."""
    log_in(ask, stored)
    for server in [stored, *asked]:
        assert got(ask, server) == ("ci", CANARY)
    for other in ["decoy.example", "ghcr.io", "host", "quay.io:5000", "quay.io.example"]:
        assert ask("get", other) == NOT_FOUND


def test_list_has_dockers_keys(ask: Ask) -> None:
    """`list` has the keys that docker would have written."""
    for server in ["docker.io", "https://Quay.IO/v1/", "localhost:5000"]:
        log_in(ask, server)
    assert json.loads(ask("list")[1]) == dict.fromkeys([HUB, "quay.io", "localhost:5000"], "ci")


@pytest.mark.parametrize(
    "server",
    [
        *["qu\nay.io", "quay.io\nghcr.io", "quay.io\r", "\nquay.io", "quay.io\n\n", "quay.io\0"],
        *["quay.io ", " quay.io", "qu ay.io", "quay.io\t", "\x7fquay.io", "quay.io\x1b[2J"],
        *["quay%2eio", "quay.io%00", "quay.io\\v1", "ci@quay.io", f"https://ci:{CANARY}@quay.io"],
        *["https://", "https:///v1/", "/", ":5000", "://quay.io", "ftp://quay.io", "quay.io."],
        *["quäy.io", "quay.io?a", "quay.io#a", "https://https://quay.io", "quay.io:0", "a:b:c"],
        *["quay.io/a\nghcr.io", "quay.io/v1/\x1b", "quay.io/a b", "quay.io/%2e", "quay.io/a\\b"],
        *["::1", "-oProxyCommand=x", "..", "quay..io", " ", "quay.io:99999", "*.io"],
    ],
)
@pytest.mark.parametrize("action", ["get", "erase", "store"])
def test_malformed_servers(action: str, server: str, ask: Ask, store: MemoryStore) -> None:
    """R4, R19: a server that is none is refused before anything is looked up, and not repeated."""
    log_in(ask, "quay.io")
    log_in(ask, "ghcr.io")
    before = store.environment("ci")

    looked_up: list[object] = []
    with pytest.MonkeyPatch.context() as patched:
        for method in ("environment", "credential", "credentials", "settings"):
            patched.setattr(MemoryStore, method, lambda *given: looked_up.append(given))
        stored = {"ServerURL": server, "Username": "u", "Secret": "s"}
        status, text = ask(action, stored if action == "store" else server)
    assert (status, looked_up) == (1, [])
    assert text
    assert not text.startswith(": ")
    assert text != NOT_FOUND[1]
    assert CANARY not in text
    assert store.environment("ci") is before


@pytest.mark.parametrize(
    "part", [f"{HUB}access-token", f"{HUB}refresh-token", "quay.io/acme", "https://quay.io/v1/acme"]
)
def test_parts_of_a_registry(part: str, ask: Ask, store: MemoryStore) -> None:
    """R19: a key for a part of a registry is another key: docker's own tokens are no credential."""
    log_in(ask, HUB)
    log_in(ask, "quay.io")
    before = store.environment("ci")
    assert ask("get", part) == NOT_FOUND
    assert ask("erase", part) == (0, "")
    status, text = ask("store", {"ServerURL": part, "Username": "u", "Secret": CANARY})
    assert (status, CANARY in text) == (1, False)
    assert text.startswith(part)
    assert store.environment("ci") is before


def test_identity_tokens(ask: Ask, store: MemoryStore) -> None:
    """The username `<token>` says that the secret is an identity token, both ways."""
    log_in(ask, "quay.io", "<token>")
    store.add(
        "ci", "ghcr.io", Credential("bot", Secret(CANARY), kind=CredentialKind.IDENTITY_TOKEN)
    )
    assert got(ask, "quay.io") == got(ask, "ghcr.io") == ("<token>", CANARY)
    assert json.loads(ask("list")[1]) == {"quay.io": "<token>", "ghcr.io": "<token>"}
    kinds = {papers.kind for papers in store.credentials("ci").values()}
    assert kinds == {CredentialKind.IDENTITY_TOKEN}
    log_in(ask, "quay.io", "ci")
    assert got(ask, "quay.io") == ("ci", CANARY)


def test_registry_tokens(ask: Ask, store: MemoryStore) -> None:
    """A registry token can't be told, and is not taken for anything else."""
    token = Credential("ci", Secret(CANARY), kind=CredentialKind.REGISTRY_TOKEN)
    store.add("ci", "quay.io", token)
    assert ask("get", "quay.io") == (
        *(1, "ci/1 has a registry token, which no credential helper can tell"),
    )
    assert ask("list") == (0, "{}")


def test_repeated_logins(ask: Ask, store: MemoryStore) -> None:
    """R5, R9: logging in again updates the registry in force, whoever it is, and adds no other."""
    for username in ["ci", "ci", "bot"]:
        log_in(ask, "quay.io", username)
    assert [(r.id, r.username) for r in store.environment("ci").registries] == [("ci/1", "bot")]
    store.add("ci", "quay.io", Credential("newer", Secret("newer")))
    log_in(ask, "quay.io")
    assert [r.username for r in store.environment("ci").registries] == ["bot", "ci"]


def test_logging_out_brings_nothing_older_back(ask: Ask, store: MemoryStore) -> None:
    """R8: docker erases three spellings at once; no older registry comes into force by that."""
    for username in ["one", "two", "three", "four"]:
        store.add("ci", "quay.io", Credential(username, Secret(username)))
    for server in ["quay.io", "http://quay.io", "https://quay.io"]:
        assert ask("erase", server) == (0, "")
    assert ask("get", "quay.io") == NOT_FOUND
    states = [str(registry.state) for registry in store.environment("ci").registries]
    assert states == ["active", "active", "active", "inactive"]


def test_inactive_registry_hides_older_ones(ask: Ask, store: MemoryStore) -> None:
    """R6, R7: while the registry in force is inactive nothing is found, not even an older one."""
    store.add("ci", "quay.io", Credential("old", Secret("old")))
    newer = store.add("ci", "quay.io", Credential("new", Secret("new")))
    assert got(ask, "quay.io") == ("new", "new")
    store.deactivate("ci", newer.id)
    assert ask("get", "quay.io") == NOT_FOUND
    store.activate("ci", newer.id)
    assert got(ask, "quay.io") == ("new", "new")
    store.remove("ci", newer.id)
    assert got(ask, "quay.io") == ("old", "old")


def test_whitelist(ask: Ask, store: MemoryStore) -> None:
    """R18: no credential is told for an address that no whitelist entry could match."""
    for server in ["quay.io", "ghcr.io", "docker.io"]:
        log_in(ask, server)
    store.save_settings(Settings(whitelist="ghcr.io/acme, *.corp"))
    assert ask("get", "quay.io") == NOT_FOUND
    assert ask("get", HUB) == NOT_FOUND
    assert got(ask, "ghcr.io") == ("ci", CANARY)
    assert ask("list") == (0, '{"ghcr.io": "ci"}')


@given(st.data())
def test_get_and_list_are_what_is_delivered(data: st.DataObject) -> None:
    """R18: the helper tells exactly what Kubernetes would be given."""
    environment = data.draw(strategies.environments())
    store = MemoryStore()
    name = environment.name
    store.create(name)
    for number, registry in enumerate(environment.registries, start=1):
        added = store.add(name, registry.address, Credential("ci", Secret(str(number))))
        if not registry.is_active:
            store.deactivate(name, added.id)
    added_to = store.environment(name)
    entry = strategies.whitelist_entries(st.sampled_from([r.address for r in added_to.registries]))
    settings = Settings(whitelist=data.draw(st.none() | entry) if added_to.registries else None)
    store.save_settings(settings)
    wanted = {r.address: str(r.sequence) for r in deliverable(added_to, settings)}
    assert set(json.loads(docker_credential._list(store, name, ""))) == {
        HUB if address.is_docker_hub else str(address) for address in wanted
    }
    for address in {r.address for r in added_to.registries} | {RegistryAddress.DOCKER_HUB}:
        server = data.draw(strategies.spellings(address))
        if address in wanted:
            answer = json.loads(docker_credential._get(store, name, server))
            assert (answer["ServerURL"], answer["Secret"]) == (server, wanted[address])
        else:
            with pytest.raises(docker_credential._Refusal, match=NOT_FOUND[1]):
                docker_credential._get(store, name, server)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"ServerURL": "", "Username": "ci", "Secret": CANARY}, "no credentials server URL"),
        ({"Username": "ci", "Secret": CANARY}, "no credentials server URL"),
        ({"ServerURL": "quay.io", "Username": "", "Secret": CANARY}, "no credentials username"),
        ({"ServerURL": "quay.io", "Secret": CANARY}, "no credentials username"),
        ({"ServerURL": "quay.io", "Username": "ci", "Secret": ""}, "secret: it is empty"),
        ({"ServerURL": "quay.io", "Username": "ci"}, "secret: it is empty"),
        (
            {"ServerURL": "quay.io", "Username": "ci", "Secret": [CANARY]},
            "ServerURL, Username and Secret are strings",
        ),
        (
            {"ServerURL": "quay.io", "Username": f"a:{CANARY}", "Secret": CANARY},
            "username: it has a ':', where a registry would cut it",
        ),
        (
            {"ServerURL": "quay.io", "Username": "_json_key", "Secret": CANARY},
            "secret: '_json_key' takes the whole text of a service account's key file",
        ),
        (f'{{"Secret": "{CANARY}"', "line 1, column 26: it is not valid JSON"),
        (f'["{CANARY}"]', "an object is wanted, and this is an array"),
        ("", "line 1, column 1: it is not valid JSON"),
        (CANARY.encode() + b"\xff", "standard input is not UTF-8"),
        (CANARY * 100_000, "there is more than 1048576 bytes on standard input"),
        ('{"Secret":' * 90_000, "it is not JSON that can be read: "),
    ],
)
def test_refused_logins(
    given: str | bytes | dict[str, Any], text: str, ask: Ask, store: MemoryStore
) -> None:
    """R9, R20, R22: what can't be kept is refused in the protocol's words, or in ours."""
    before = store.environment("ci")
    status, told = ask("store", given)
    assert (status, told[: len(text)]) == (1, text)
    assert CANARY not in told
    assert store.environment("ci") is before


@pytest.mark.parametrize("action", ["get", "erase"])
def test_no_server(action: str, ask: Ask) -> None:
    assert ask(action, "") == ask(action, "\n") == (1, "no credentials server URL")


def test_a_secret_that_changes_meanwhile(ask: Ask, store: MemoryStore) -> None:
    """What fails between two looks is told as what it is, never as not found."""
    log_in(ask, "quay.io")
    credential = MemoryStore.credential

    def overtaken(self: MemoryStore, environment: str, answer: Any) -> Credential | None:  # noqa: ANN401  # a Resolution
        store.add("ci", "quay.io", Credential("newer", Secret("newer")))
        return credential(self, environment, answer)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(MemoryStore, "credential", overtaken)
        status, text = ask("get", "quay.io")
    assert (status, "overridden by ci/2" in text) == (1, True)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (RuntimeError(CANARY), "the store failed: RuntimeError"),
        (KeyError(CANARY), "the store failed: KeyError"),
        (PermissionError(13, "Permission denied", "/keys"), "/keys: Permission denied"),
    ],
)
@pytest.mark.parametrize("action", ["get", "erase", "list"])
def test_stores_that_fail(action: str, fault: Exception, text: str, ask: Ask) -> None:
    """A store that fails never looks like one without a credential, and tells no secret."""

    def fails(*_: object) -> None:
        raise fault

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(MemoryStore, "environment", fails)
        patched.setattr(MemoryStore, "credentials", fails)
        assert ask(action, "quay.io") == (1, text)


def test_unknown_environment(ask: Ask, monkeypatch: pytest.MonkeyPatch, store: MemoryStore) -> None:
    """R17: a misspelt environment is not taken for an empty one, and not made."""
    monkeypatch.setenv("WHARFINGER_ENVIRONMENT", "othr")
    wanted = (1, "no environment 'othr'; the nearest is 'other'")
    stored = {"ServerURL": "decoy.example", "Username": "ci", "Secret": "s"}
    assert ask("get", "decoy.example") == ask("erase", "decoy.example") == wanted
    assert ask("list") == ask("store", stored) == wanted
    assert store.environments() == ("ci", "other")


def test_usage(ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is no action gets the usage, and versions are told without a store."""
    usage = "usage: docker-credential-wharfinger get|store|erase|list|version"
    assert ask("--help") == ask("-h") == (0, usage)
    assert ask("") == ask("Get") == ask("add") == (1, usage)
    version = f"docker-credential-wharfinger (wharfinger) {__version__}"
    assert ask("version") == ask("--version") == ask("-v") == (0, version)
    for argv in ([], ["get", "list"]):
        assert docker_credential.main(argv) == 1
        assert capsys.readouterr().out == f"{usage}\n"
    assert main(["docker-credential", "version"]) == 0
    assert capsys.readouterr().out == f"{version}\n"


def test_closed_streams(monkeypatch: pytest.MonkeyPatch, ask: Ask) -> None:
    """A client that goes away is no reason to fail loudly."""

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(docker_credential, "show", interrupted)
    assert ask("version") == (130, "")

    def broken(_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(docker_credential, "show", broken)
    assert ask("version") == (1, "")
    monkeypatch.setattr(sys, "stdout", None)
    assert docker_credential.run() == 1


def run(*argv: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the helper as a process of its own."""
    program = "import sys; from wharfinger.programs.docker_credential import run; sys.exit(run())"
    clean = {name: v for name, v in os.environ.items() if not name.startswith("WHARFINGER_")}
    return subprocess.run(
        [sys.executable, "-c", program, *argv],
        capture_output=True,
        check=False,
        env=clean | variables,
        input=stdin,
        text=True,
    )


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({}, "which store? give its URL with --store, or in WHARFINGER_STORE\n"),
        (
            {"WHARFINGER_STORE": "memory:"},
            "with which keys? give --key-file FILE, WHARFINGER_KEY_FILE or --unsealed\n",
        ),
        (
            {"WHARFINGER_STORE": "memory:", "WHARFINGER_UNSEALED": "0"},
            "with which keys? give --key-file FILE, WHARFINGER_KEY_FILE or --unsealed\n",
        ),
        (
            {
                "WHARFINGER_STORE": "memory:",
                "WHARFINGER_UNSEALED": "1",
                "WHARFINGER_KEY_FILE": "/none",
            },
            "with which keys? WHARFINGER_KEY_FILE and WHARFINGER_UNSEALED are set; leave one\n",
        ),
        (
            {"WHARFINGER_STORE": "memory:", "WHARFINGER_UNSEALED": "1"},
            "which environment? give its name with --environment, or in WHARFINGER_ENVIRONMENT\n",
        ),
        (VARIABLES | {"WHARFINGER_UNSEALED": "1"}, "no environment 'ci'\n"),
    ],
)
def test_variables(variables: dict[str, str], text: str) -> None:
    """What is not said in the environment's variables is asked for, on standard output."""
    done = run("get", stdin="quay.io", **variables)
    assert (done.returncode, done.stdout, done.stderr) == (1, text, "")


def test_a_process_without_input() -> None:
    """`list` and `version` read nothing, and a closed standard input is told."""
    unsealed = VARIABLES | {"WHARFINGER_UNSEALED": "1"}
    assert run("version").stdout == f"docker-credential-wharfinger (wharfinger) {__version__}\n"
    assert run("list", **unsealed).stdout == "no environment 'ci'\n"
    program = "import sys; sys.stdin = None\n"
    program += "from wharfinger.programs.docker_credential import run; sys.exit(run())"
    done = subprocess.run(
        [sys.executable, "-c", program, "get"], capture_output=True, check=False, text=True
    )
    assert (done.returncode, done.stdout) == (1, "standard input is closed\n")


def test_a_busy_store_is_no_news() -> None:
    """A client shows standard error to people, for whom a repeated try is only a strange name."""
    program = """
import logging
from wharfinger.programs._store_options import open_chosen
open_chosen("memory:", None, unsealed=True)
logging.getLogger("stamina").warning("stamina.retry_scheduled")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_imports() -> None:
    """It is started for every pull, so `version` and a refusal load neither attrs nor argparse."""
    program = """
import sys
from wharfinger.programs.docker_credential import main
main(["version"])
main(["get", "x"])
print(sorted({"argparse", "attrs", "asyncio", "sqlalchemy", "hypothesis"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.splitlines()[-1] == b"[]"
