"""The programs that clients run, as processes of their own on a sealed store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wharfinger import Credential, Secret, Settings
from wharfinger.formats import docker_config
from wharfinger.stores import SealingKeys, SQLStore

Run = Callable[..., subprocess.CompletedProcess[str]]

CANARY = "XK7canaryXK7"
HELPER = "import sys; from wharfinger.programs.docker_credential import run; sys.exit(run())"
NOT_FOUND = "credentials not found in native keychain\n"


@pytest.fixture
def store(tmp_path: Path, sqlite_url: str) -> SQLStore:
    """A sealed store with an empty environment, and its keys beside it."""
    keys = SealingKeys.generate()
    keys.to_file(tmp_path / "wharfinger.key")
    made = SQLStore.open(sqlite_url, seal=keys)
    made.create("ci")
    return made


@pytest.fixture
def run(store: SQLStore, tmp_path: Path, sqlite_url: str) -> Run:
    """Runs a command as a client does; what it was given is never among its arguments."""
    del store
    clean = {name: v for name, v in os.environ.items() if not name.startswith("WHARFINGER_")}
    always = {
        "WHARFINGER_STORE": sqlite_url,
        "WHARFINGER_ENVIRONMENT": "ci",
        "WHARFINGER_KEY_FILE": str(tmp_path / "wharfinger.key"),
    }

    def run(command: list[str], given: str = "", **other: str) -> subprocess.CompletedProcess[str]:
        process = subprocess.Popen(
            [sys.executable, *command],
            env=clean | always | other,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        arguments = Path(f"/proc/{process.pid}/cmdline")
        if arguments.exists():
            assert CANARY not in arguments.read_text()
        out, err = process.communicate(given, timeout=60)
        assert CANARY not in err
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    return run


def helper(run: Run, action: str, given: str = "", **other: str) -> tuple[int, str]:
    done = run(["-c", HELPER, action], given, **other)
    assert not done.stderr
    return done.returncode, done.stdout


def test_docker_credential(run: Run, store: SQLStore, tmp_path: Path) -> None:
    """A login, a pull, a logout: the secret is on the output of `get`, and nowhere else."""
    login = json.dumps({"ServerURL": "quay.io", "Username": "ci", "Secret": CANARY})
    assert helper(run, "get", "quay.io") == (1, NOT_FOUND)
    assert helper(run, "store", login) == (0, "")
    status, out = helper(run, "get", "https://quay.io")
    wanted = {"ServerURL": "https://quay.io", "Username": "ci", "Secret": CANARY}
    assert (status, json.loads(out)) == (0, wanted)
    assert helper(run, "list") == (0, '{"quay.io": "ci"}\n')
    assert helper(run, "get", "ghcr.io") == (1, NOT_FOUND)
    assert [event.action for event in store.events("ci")] == ["created", "added"]
    for spelling in ["quay.io", "http://quay.io", "https://quay.io"]:
        assert helper(run, "erase", spelling) == (0, "")
    assert helper(run, "get", "quay.io") == (1, NOT_FOUND)
    assert helper(run, "store", login) == (0, "")
    assert helper(run, "get", "quay.io")[0] == 0
    assert [registry.id for registry in store.environment("ci").registries] == ["ci/1"]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 2
    assert not [path for path in files if CANARY.encode() in path.read_bytes()]


@pytest.mark.parametrize("action", ["get", "list", "store", "erase"])
def test_docker_credential_without_its_store(
    action: str, run: Run, store: SQLStore, tmp_path: Path
) -> None:
    """A store, a key or an environment that is not there is never told as `not found`."""
    store.add("ci", "quay.io", Credential("ci", Secret(CANARY)))
    login = json.dumps({"ServerURL": "quay.io", "Username": "ci", "Secret": CANARY})
    given = login if action == "store" else "quay.io"
    other_key = tmp_path / "other.key"
    SealingKeys.generate().to_file(other_key)
    faults = [
        ({"WHARFINGER_STORE": f"sqlite:///{tmp_path}/none.db"}, "none.db"),
        ({"WHARFINGER_STORE": "mysql://root:hunter2@db/x"}, "mysql"),
        ({"WHARFINGER_KEY_FILE": str(tmp_path / "none.key")}, "No such file"),
        ({"WHARFINGER_KEY_FILE": str(other_key)}, "the secrets are sealed with"),
        ({"WHARFINGER_ENVIRONMENT": "cj"}, "'cj'"),
        ({"WHARFINGER_STORE": ""}, "which store?"),
    ]
    for variables, text in faults if action == "get" else faults[:1]:
        status, out = helper(run, action, given, **variables)
        assert (status, out.count("\n")) == (1, 1)
        assert text in out
        assert out != NOT_FOUND
        assert CANARY not in out
        assert "hunter2" not in out
    assert not (tmp_path / "none.db").exists()


def test_kubelet_provider(run: Run, store: SQLStore) -> None:
    """One image, with the store's own settings; denied, it has no answer but a failure."""
    store.add("ci", "quay.io", Credential("ci", Secret(CANARY)))
    request = {
        "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
        "kind": "CredentialProviderRequest",
        "image": "quay.io/acme/api",
    }
    command = ["-m", "wharfinger", "kubelet-provider"]
    done = run(command, json.dumps(request))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["auth"] == {"quay.io": {"username": "ci", "password": CANARY}}
    config = json.loads(run([*command, "--config"]).stdout)
    assert config["providers"][0]["matchImages"] == ["quay.io", "quay.io:443"]
    store.save_settings(Settings(whitelist="ghcr.io"))
    done = run(command, json.dumps(request))
    assert (done.returncode, done.stdout) == (1, "")
    assert "not-whitelisted" in done.stderr


def test_render(run: Run, store: SQLStore, tmp_path: Path) -> None:
    """A file is made of a store, and a second process changes it."""
    store.add("ci", "quay.io", Credential("ci", Secret(CANARY)))
    file = tmp_path / "config.json"
    command = ["-m", "wharfinger", "render", "docker-config"]
    assert run([*command, "--output", str(file)]).returncode == 0
    (entry,) = docker_config.parse(file.read_text()).entries
    assert entry.credential == Credential("ci", Secret(CANARY))
    store.deactivate("ci", "ci/1")
    assert run([*command, "--merge-into", str(file)]).returncode == 0
    assert docker_config.parse(file.read_text()).entries == ()


def test_options_before_variables(run: Run, store: SQLStore, tmp_path: Path) -> None:
    """What an option says counts, whatever the variables say; without one, a variable does."""
    store.add("ci", "quay.io", Credential("ci", Secret(CANARY)))
    key_file = str(tmp_path / "wharfinger.key")
    listing = ["-m", "wharfinger", "registries", "list", "--environment", "ci", "--json"]
    contradicting = {"WHARFINGER_KEY_FILE": "/none", "WHARFINGER_UNSEALED": "1"}
    assert run([*listing, "--key-file", key_file], **contradicting).returncode == 0
    assert "leave one" in run(listing, **contradicting).stderr
    assert run(listing).returncode == 0
    keys = {"WHARFINGER_KEY_FILE": "", "WHARFINGER_SEALING_KEYS": Path(key_file).read_text()}
    assert run(listing, **keys).returncode == 0
    done = run([*listing, "--store", "memory:"])
    assert (done.returncode, done.stderr) == (1, "error: no environment 'ci'\n")
