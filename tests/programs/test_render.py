"""``wharfinger render``: documents from a store in memory, printed, written and merged."""

from __future__ import annotations

import base64
import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wharfinger import Credential, CredentialKind, MemoryStore, Secret, Settings
from wharfinger.__main__ import main
from wharfinger.formats import (
    containers_auth,
    docker_config,
    policy_json,
    pull_secret,
    registries_conf,
)
from wharfinger.programs import render

Run = Callable[..., tuple[int, str, str]]

CANARY = "XK7canaryXK7"
CREDENTIALS = ["docker-config", "containers-auth", "pull-secret"]
DOCUMENTS = [*CREDENTIALS, "registries-conf", "policy-json"]


@pytest.fixture
def store() -> MemoryStore:
    """A store with a registry of every kind, and settings that leave one of them out."""
    made = MemoryStore()
    for address, secret in [
        ("quay.io", "overridden"),
        ("docker.io", CANARY),
        ("quay.io", CANARY),
        ("inactive.example", "inactive"),
        ("elsewhere.example", "not whitelisted"),
    ]:
        made.add("ci", address, Credential("ci", Secret(secret)))
    made.deactivate("ci", "ci/4")
    made.add("other", "quay.io", Credential("decoy", Secret("decoy")))
    made.save_settings(Settings(whitelist="quay.io, docker.io, inactive.example"))
    return made


@pytest.fixture
def run(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs the command on the store's environment `ci`."""
    monkeypatch.setattr(render, "open_chosen", lambda *_, **__: store)
    monkeypatch.setenv("WHARFINGER_ENVIRONMENT", "ci")

    def run(*argv: str) -> tuple[int, str, str]:
        status = main(["render", *argv])
        printed = capsys.readouterr()
        assert CANARY not in printed.err
        return status, printed.out, printed.err

    return run


def name(document: str) -> list[str]:
    return ["--name", "regcred", "--namespace", "staging"] if document == "pull-secret" else []


def test_documents(run: Run, store: MemoryStore) -> None:
    """R18: what is printed is what the format makes of what is delivered."""
    environment, settings = store.environment("ci"), store.settings()
    delivered = store.credentials("ci", settings)
    assert [str(address) for address in delivered] == ["docker.io", "quay.io"]
    wanted = {
        "docker-config": docker_config.render(delivered),
        "containers-auth": containers_auth.render(delivered),
        "pull-secret": pull_secret.render(delivered, name="regcred", namespace="staging"),
        "registries-conf": registries_conf.render(settings, environment),
        "policy-json": policy_json.render(settings),
    }
    for document, text in wanted.items():
        status, out, _ = run(document, *name(document))
        assert (status, out) == (0, text)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_output(document: str, run: Run, tmp_path: Path) -> None:
    """A file has what is printed otherwise; secrets are their owner's, settings are everybody's."""
    file = tmp_path / "file"
    file.write_text("old")
    file.chmod(0o666)
    _, printed, notes = run(document, *name(document))
    assert run(document, *name(document), "--output", str(file)) == (0, "", notes)
    assert file.read_text() == printed
    wanted = 0o600 if document in CREDENTIALS else 0o644
    assert stat.S_IMODE(file.stat().st_mode) == wanted
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if d != "pull-secret"])
def test_merge_into_nothing(document: str, run: Run, tmp_path: Path) -> None:
    """A file that is not there becomes one that says the same."""
    file = tmp_path / "file"
    _, printed, _ = run(document)
    assert run(document, "--merge-into", str(file))[0] == 0
    wanted = 0o600 if document in CREDENTIALS else 0o644
    assert stat.S_IMODE(file.stat().st_mode) == wanted
    if document == "registries-conf":
        assert file.read_text() == printed
    else:
        assert json.loads(file.read_text()) == json.loads(printed)


@pytest.mark.parametrize("document", ["docker-config", "containers-auth"])
def test_merge(document: str, run: Run, tmp_path: Path) -> None:
    """R7: what is not to be used goes, what the environment does not know stays."""
    file = tmp_path / "config.json"
    theirs = {"auth": base64.b64encode(b"them:theirs").decode()}
    hosts = ["quay.io", "inactive.example", "elsewhere.example", "theirs.example"]
    file.write_text(json.dumps({"psFormat": "x", "auths": dict.fromkeys(hosts, theirs)}))
    assert run(document, "--merge-into", str(file)) == (0, "", "")
    merged = json.loads(file.read_text())
    hub = "docker.io" if document == "containers-auth" else "https://index.docker.io/v1/"
    ours = {"auth": base64.b64encode(f"ci:{CANARY}".encode()).decode()}
    assert merged == {
        "psFormat": "x",
        "auths": {"quay.io": ours, "theirs.example": theirs, hub: ours},
    }
    before = file.stat()
    assert run(document, "--merge-into", str(file)) == (0, "", "")
    assert file.stat() == before


def test_merge_secret(run: Run, store: MemoryStore, tmp_path: Path) -> None:
    """R18: an existing Secret gets exactly what is delivered, and needs no name."""
    file = tmp_path / "secret.json"
    file.write_text(pull_secret.render({}, name="theirs", syntax="json"))
    assert run("pull-secret", "--merge-into", str(file)) == (0, "", "")
    read = pull_secret.parse(file.read_text())
    found = {entry.address: entry.credential for entry in read.entries}
    assert found == store.credentials("ci", store.settings())
    assert json.loads(file.read_text())["metadata"] == {"name": "theirs"}


@pytest.mark.parametrize("text", [None, "", "\n"])
def test_a_new_secret_is_made(text: str | None, run: Run, tmp_path: Path) -> None:
    """The first merge makes the Secret if it has a name for it; the next ones find it there."""
    file = tmp_path / "secret.yaml"
    if text is not None:
        file.write_text(text)
    assert run("pull-secret", "--merge-into", str(file))[0] == 1
    assert (file.read_text() if file.exists() else None) == text
    _, printed, _ = run("pull-secret", *name("pull-secret"))
    for _ in range(2):
        assert run("pull-secret", *name("pull-secret"), "--merge-into", str(file)) == (0, "", "")
        assert file.read_text() == printed
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_store_that_fails(run: Run) -> None:
    """Another's store may raise anything, which is told in one line without its message."""

    def fails(*_: object) -> None:
        raise RuntimeError(CANARY)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(MemoryStore, "credentials", fails)
        assert run("docker-config") == (1, "", "error: the store failed: RuntimeError\n")


def test_policy_needs_no_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy is the settings' alone; every other document is an environment's."""
    monkeypatch.delenv("WHARFINGER_ENVIRONMENT")
    assert run("policy-json")[0] == 0
    for document in DOCUMENTS[:-1]:
        status, out, err = run(document, *name(document))
        assert (status, out) == (1, "")
        assert "WHARFINGER_ENVIRONMENT" in err
        assert run(document, *name(document), "--environment", "ci")[0] == 0


def test_what_a_document_cannot_say(run: Run, store: MemoryStore) -> None:
    """Where a document says less than the settings, that is remarked on, or it is not written."""
    assert "note: spelling-refused" in run("policy-json")[2]
    assert "note: block-by-spelling" in run("registries-conf")[2]
    store.save_settings(Settings(whitelist="*.corp"))
    status, out, err = run("policy-json")
    assert (status, out) == (1, "")
    assert err.startswith('error: whitelist["*.corp"]: ')
    assert run("policy-json", "--any-port")[0] == 0


def test_refusals(run: Run, store: MemoryStore, tmp_path: Path) -> None:
    """What fails is told with the file, and the file is as it was."""
    file = tmp_path / "config.json"
    file.write_text(f'{{"auths": "{CANARY}"')
    status, _, err = run("docker-config", "--merge-into", str(file))
    assert (status, err.count("\n")) == (1, 1)
    assert err.startswith(f"error: {file}: line 1, column ")
    assert file.read_text() == f'{{"auths": "{CANARY}"'
    status, _, err = run("docker-config", "--output", str(tmp_path))
    assert (status, err) == (1, f"error: {tmp_path}: it is a folder; name a file in it\n")
    link = tmp_path / "link"
    link.symlink_to(file)
    assert "symbolic link" in run("docker-config", "--merge-into", str(link))[2]
    assert run("docker-config", "--environment", "c")[2].startswith("error: no environment 'c'")
    assert run("docker-config", "--environment", "")[2].startswith("error: which environment?")
    token = Credential("ci", Secret(CANARY), kind=CredentialKind.REGISTRY_TOKEN)
    store.add("ci", "quay.io", token)
    status, out, err = run("containers-auth")
    assert (status, out) == (1, "")
    assert "quay.io" in err


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["docker"],
        ["pull-secret"],
        ["docker-config", "--output", "a", "--merge-into", "b"],
        ["docker-config", "--key-file", "a", "--unsealed"],
        ["docker-config", "--name", "a"],
        ["registries-conf", "--namespace", "a"],
        ["registries-conf", "--any-port"],
        ["docker-config", "--output", "-"],
        ["docker-config", "--merge-into", "-"],
    ],
)
def test_malformed_arguments(
    argv: list[str], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is printed or written; an option that would do nothing is one of these."""
    monkeypatch.chdir(tmp_path)
    status, out, _ = run(*argv)
    assert (status, out) == (2, "")
    assert not [*tmp_path.iterdir()]


def test_as_a_process() -> None:
    """A store that can't be opened is told in one line."""
    done = subprocess.run(
        [sys.executable, "-m", "wharfinger", "render", "docker-config", "--store", "memory:"],
        capture_output=True,
        check=False,
        env={"WHARFINGER_UNSEALED": "1", "WHARFINGER_ENVIRONMENT": "ci"},
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "error: no environment 'ci'\n")
