"""``wharfinger update``, on a store in memory or in a file, with a helper program as its source."""

from __future__ import annotations

import json
import logging
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from wharfinger import Credential, MemoryStore, RegistryAddress, Secret
from wharfinger.programs import _update_config, update
from wharfinger.programs._toml_file import TomlFileError

Run = Callable[..., tuple[int, str, str]]

CANARY = "XK7canaryXK7"
HELPER = f"""#!/bin/sh
read server
if [ -e "$0.broken" ]; then echo "{CANARY}"; exit 1; fi
echo '{{"ServerURL": "'$server'", "Username": "bot", "Secret": "{CANARY}"}}'
"""
SOURCES = """
[[sources]]
kind = "helper"
program = "{program}"
addresses = ["quay.io"]
"""


@pytest.fixture
def helper(tmp_path: Path) -> Path:
    path = tmp_path / "docker-credential-test"
    path.write_text(HELPER)
    path.chmod(0o700)
    return path


@pytest.fixture
def config(tmp_path: Path, helper: Path) -> Path:
    path = tmp_path / "wharfinger.toml"
    status = f'status_file = "{tmp_path / "status.json"}"\n'
    path.write_text(f'store = "memory:"\nunsealed = true\n{status}{SOURCES.format(program=helper)}')
    return path


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    made = MemoryStore()
    made.add("staging", "quay.io", Credential("bot", Secret("none yet")))
    monkeypatch.setattr(update, "open_chosen", lambda *_, **__: made)
    return made


@pytest.fixture
def run(config: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*argv: str) -> tuple[int, str, str]:
        status = update.main(["--config", str(config), *argv])
        printed = capsys.readouterr()
        assert CANARY not in printed.out + printed.err
        return status, printed.out, printed.err

    return run


def secret(store: MemoryStore) -> str:
    (credential,) = store.credentials("staging").values()
    return credential.secret.reveal()


def status_of(config: Path) -> dict[str, Any]:
    text = (config.parent / "status.json").read_text()
    assert CANARY not in text
    told: dict[str, Any] = json.loads(text)
    return told


def test_once_renews_what_is_due(run: Run, store: MemoryStore, config: Path) -> None:
    """R21: and tells it in the status file and in the log, a JSON object a line."""
    status, out, err = run("--once")
    assert (status, out, secret(store)) == (0, "", CANARY)
    lines = [json.loads(line) for line in err.splitlines()]
    assert [(line["level"], line["event"]) for line in lines] == [
        ("info", "renewed"),
        ("info", "stored"),
    ]
    assert lines[1]["registries"] == 1
    told = status_of(config)
    assert told["healthy"] is True
    assert told["tokens"][0]["registries"] == ["staging/1"]
    assert run("--check") == (0, "healthy\n", "")


def test_once_is_1_where_a_credential_is_not_renewed(
    run: Run, store: MemoryStore, config: Path, helper: Path
) -> None:
    Path(f"{helper}.broken").touch()
    status, _, err = run("--once")
    assert (status, secret(store)) == (1, "none yet")
    assert json.loads(err.splitlines()[-1])["event"] == "not renewed"
    told = status_of(config)
    assert (told["healthy"], told["tokens"][0]["healthy"]) == (False, False)
    assert told["tokens"][0]["error"]
    status, out, _ = run("--check")
    file = config.parent / "status.json"
    assert (status, out) == (1, f"unhealthy: 1 of 1 tokens; {file} says why\n")


@pytest.mark.usefixtures("store")
def test_a_status_that_is_old_is_unhealthy(run: Run, config: Path) -> None:
    """R21: the file of an updater that is dead says nothing good."""
    run("--once")
    told = status_of(config)
    told["good_until"] = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    (config.parent / "status.json").write_text(json.dumps(told))
    status, out, _ = run("--check")
    assert status == 1
    assert out.startswith("unhealthy: nothing is known since ")


@pytest.mark.usefixtures("store")
def test_healthy_is_true_and_nothing_like_it(run: Run, config: Path) -> None:
    run("--once")
    told = status_of(config)
    for healthy in ("no", 1, None):
        told["healthy"] = healthy
        (config.parent / "status.json").write_text(json.dumps(told))
        assert run("--check")[0] == 1


@pytest.mark.usefixtures("store")
def test_a_log_is_the_program_s_own_while_it_runs(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    log = logging.getLogger("wharfinger.sources")
    before = (log.level, log.propagate, [*log.handlers])
    _, _, err = run("--once")
    assert err
    assert not caplog.records  # nobody else tells it a second time
    assert (log.level, log.propagate, log.handlers) == before


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"good_until": 7}', "[" * 100_000])
def test_a_status_file_that_is_none_is_unhealthy(run: Run, config: Path, text: str) -> None:
    file = config.parent / "status.json"
    file.write_text(text)
    status, out, err = run("--check")
    assert (status, err) == (1, "")
    assert out == f"unhealthy: {file} is no status; run `wharfinger update`, which writes one\n"


@pytest.mark.usefixtures("store")
def test_an_environment_that_is_missing_is_told(run: Run, config: Path) -> None:
    config.write_text(f'environments = ["staging", "stagign"]\n{config.read_text()}')
    assert run("--once")[0] == 1
    status, out, _ = run("--check")
    file = config.parent / "status.json"
    assert (status, out) == (1, f"unhealthy: environments missing: 1; {file} says why\n")


def test_a_store_that_cannot_be_looked_at_is_told(
    run: Run, store: MemoryStore, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def environments() -> tuple[str, ...]:
        raise ConnectionError(CANARY)

    monkeypatch.setattr(store, "environments", environments)
    assert run("--once")[0] == 1
    status, out, _ = run("--check")
    file = config.parent / "status.json"
    assert (status, out) == (1, f"unhealthy: the store can't be looked at; {file} says why\n")


def test_no_status_file_is_an_error(run: Run) -> None:
    status, out, err = run("--check")
    assert (status, out) == (1, "")
    assert err.endswith("status.json: No such file or directory\n")


def test_the_status_file_can_be_read_by_others(run: Run, store: MemoryStore, config: Path) -> None:
    assert secret(store) == "none yet"
    run("--once")
    assert stat.S_IMODE((config.parent / "status.json").stat().st_mode) == 0o644


@pytest.mark.usefixtures("store")
def test_an_updater_goes_on_where_its_status_can_not_be_written(run: Run, config: Path) -> None:
    config.write_text(config.read_text().replace("status.json", "no/such/folder/status.json"))
    status, _, err = run("--once")
    assert status == 0
    assert json.loads(err.splitlines()[-1])["event"] == "status not written"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_a_signal_ends_it_cleanly(config: Path, number: signal.Signals) -> None:
    """R21: a process of its own, on a store in memory that has no registry."""
    call = f"update.main(['--config', {str(config)!r}])"
    program = f"from wharfinger.programs import update\nraise SystemExit({call})"
    config.write_text(f'environments = ["staging"]\n{config.read_text()}')
    with subprocess.Popen(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, env={**os.environ}
    ) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        file = config.parent / "status.json"
        end = time.monotonic() + 30
        while not file.exists():
            assert time.monotonic() < end, "it tells no status"
            time.sleep(0.01)
        file.unlink()  # its last status comes when it ends
        process.send_signal(number)
        rest = process.stderr.read()
        assert (process.wait(30), rest) == (0, "")
    assert json.loads(first)["event"] == "environments are missing"
    assert status_of(config)["missing"] == ["staging"]


def until_not_caught(pid: int, number: signal.Signals) -> None:
    """Wait until a process has taken its handler of a signal away."""
    end = time.monotonic() + 30
    while True:
        told = Path(f"/proc/{pid}/status").read_text().partition("SigCgt:")[2].split()[0]
        if not int(told, 16) >> (number - 1) & 1:
            return
        assert time.monotonic() < end, "it is caught still"
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_a_second_signal_ends_it_at_once(
    tmp_path: Path, config: Path, helper: Path, number: signal.Signals
) -> None:
    """While a source hangs, which a clean end waits for."""
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    helper.write_text(f"#!/bin/sh\necho $$ > {begun}\nexec sleep 600\n")
    program = (
        "from wharfinger import Credential, MemoryStore, Secret\n"
        "from wharfinger.programs import update\n"
        "store = MemoryStore()\n"
        "store.add('staging', 'quay.io', Credential('bot', Secret('none yet')))\n"
        "update.open_chosen = lambda *_, **__: store\n"
        f"raise SystemExit(update.main(['--config', {str(config)!r}]))"
    )
    with subprocess.Popen([sys.executable, "-c", program], env={**os.environ}) as process:
        hanging = int(begun.read_text())
        try:
            process.send_signal(number)
            until_not_caught(process.pid, number)
            process.send_signal(number)
            assert process.wait(30) == -number
        finally:
            os.kill(hanging, signal.SIGKILL)


SOURCE = '[[sources]]\nkind = "google"\n'


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("", "sources", "it is missing"),
        ("sources = []", "sources", "an array of [[sources]] tables is wanted"),
        ("sources = [1]", "sources[1]", "a table is wanted"),
        ('[[sources]]\nkind = "vault"', "sources[1].kind", "it is 'ecr' or 'google' or 'helper'"),
        ("[[sources]]\nkind = 1", "sources[1].kind", "it is 'ecr'"),
        (
            f"{SOURCE}key-file = 'x'",
            "sources[1].key-file",
            "no such key; the nearest is 'key_file'",
        ),
        (f"{SOURCE}key = '{CANARY}'", "sources[1].key", "no such key"),
        (f"password = '{CANARY}'\n{SOURCE}", "password", "a secret has no place in this file"),
        (f"{SOURCE}key_file = 1", "sources[1].key_file", "a string is wanted"),
        (f"environments = []\n{SOURCE}", "environments", "it is empty"),
        (f"environments = 'ci'\n{SOURCE}", "environments", "an array of strings is wanted"),
        (f"environments = ['ci', 1]\n{SOURCE}", "environments[2]", "a string is wanted"),
        (f"look_every = 0\n{SOURCE}", "look_every", "it is above zero"),
        (f"look_every = nan\n{SOURCE}", "look_every", "it is above zero"),
        (f"look_every = true\n{SOURCE}", "look_every", "a number of seconds is wanted"),
        (f"assumed_life = 1e99\n{SOURCE}", "assumed_life", "it is above zero and at most a year"),
        (f"unsealed = 1\n{SOURCE}", "unsealed", "a boolean is wanted"),
        ('[[sources]]\nkind = "helper"\nprogram = "x"', "sources[1].addresses", "it is missing"),
        (
            '[[sources]]\nkind = "ecr"\nidentities.123456789012 = "x"',
            "sources[1].identities.123456789012",
            "a table is wanted",
        ),
        (
            '[[sources]]\nkind = "ecr"\nidentities.123456789012.rôle = "x"',
            "line",
            "it is not valid TOML",
        ),
        ("a = [", "line 1", "it is not valid TOML"),
    ],
)
def test_a_file_that_says_what_it_must_not(text: str, place: str, problem: str) -> None:
    with pytest.raises(TomlFileError) as caught:
        _update_config.parse(text)
    assert caught.value.place.startswith(place)
    assert caught.value.problem.startswith(problem)
    assert CANARY not in str(caught.value)


def test_a_file_that_says_all_it_can() -> None:
    config = _update_config.parse("""
        store = "sqlite:///registries.db"
        key_file = "wharfinger.key"
        environments = ["staging", "production"]
        status_file = "status.json"
        look_every = 30
        assumed_life = 7200.5

        [[sources]]
        kind = "ecr"
        profile = "ci"
        others = false
        [sources.identities.123456789012]
        role = "arn:aws:iam::123456789012:role/pull"

        [[sources]]
        kind = "google"
        key_file = "pull.json"

        [[sources]]
        kind = "helper"
        program = "pass"
        addresses = ["quay.io", "docker.io"]
        variables = ["PASSWORD_STORE_DIR"]
        lifetime = 600
    """)
    assert config.environments == ("staging", "production")
    assert config.look_every == timedelta(seconds=30)
    assert config.assumed_life == timedelta(seconds=7200.5)
    assert [type(source).__name__ for source in config.sources] == ["_ECR", "_Google", "_Helper"]


ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
ELSEWHERE = "210987654321.dkr.ecr.eu-west-1.amazonaws.com"


def test_what_is_said_of_sources_is_what_they_are() -> None:
    config = _update_config.parse("""
        [[sources]]
        kind = "ecr"
        profile = "ci"
        role = "arn:aws:iam::{account}:role/pull"
        [sources.identities.123456789012]
        profile = "audit"

        [[sources]]
        kind = "ecr"
        others = false
        identities.123456789012 = {}

        [[sources]]
        kind = "google"
        key_file = "pull.json"

        [[sources]]
        kind = "helper"
        program = "pass"
        addresses = ["quay.io"]
    """)
    everything, one, google, helper = config.made("wharfinger.toml")
    ours, other = RegistryAddress.parse(ECR), RegistryAddress.parse(ELSEWHERE)
    assert everything.token(ours) == "ecr 123456789012 eu-west-1 as audit"
    assert everything.token(other) == (
        "ecr 210987654321 eu-west-1 as ci arn:aws:iam::210987654321:role/pull"
    )
    assert (one.token(ours), one.token(other)) == ("ecr 123456789012 eu-west-1", None)
    assert google.token(RegistryAddress.parse("gcr.io")) == "google pull.json"
    assert helper.token(RegistryAddress.parse("quay.io")) == "docker-credential-pass quay.io"


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("lifetime", "life"), [("", 7200), ("lifetime = 21600", 21600)], ids=["assumed", "known"]
)
def test_times_are_what_the_file_says(run: Run, config: Path, lifetime: str, life: int) -> None:
    config.write_text(f"look_every = 600\nassumed_life = 7200\n{config.read_text()}{lifetime}\n")
    run("--once")
    told = status_of(config)
    at = datetime.fromisoformat(told["at"])
    assert datetime.fromisoformat(told["good_until"]) - at == timedelta(minutes=30)
    [token] = told["tokens"]
    assert token["assumed"] == (not lifetime)
    rest = (datetime.fromisoformat(token["next_attempt"]) - at).total_seconds()
    assert 0.85 * life < rest < 0.9 * life


def test_a_helper_gets_the_variables_that_the_file_names(
    run: Run, store: MemoryStore, config: Path, helper: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHARF", "ours")
    helper.write_text(HELPER.replace('"bot"', "\"'$WHARF'\""))
    config.write_text(f'{config.read_text()}variables = ["WHARF"]\n')
    assert run("--once")[0] == 0
    [credential] = store.credentials("staging").values()
    assert credential.username == "ours"


@pytest.mark.usefixtures("store")
def test_an_endpoint_that_is_no_url_is_told_by_its_place(run: Run, config: Path) -> None:
    config.write_text('unsealed = true\n[[sources]]\nkind = "ecr"\nendpoint_url = "localhost"\n')
    status, _, err = run("--once")
    assert (status, err) == (
        1,
        f"error: {config}: sources[1]: an endpoint is a URL: https://host, or http://host\n",
    )


def test_a_source_that_is_refused_is_told_by_its_place(run: Run, config: Path) -> None:
    text = config.read_text()
    for bad in ("./relative", "a name"):
        start = text.index("program = ")
        config.write_text(f'{text[:start]}program = "{bad}"\naddresses = ["quay.io"]\n')
        status, _, err = run("--once")
        assert status == 1
        assert f"{config}: sources[1]: a helper is an absolute path" in err
    config.write_text(text.replace('"quay.io"', f'"https://ci:{CANARY}@quay.io"'))
    status, _, err = run("--once")
    assert status == 1
    assert f"{config}: sources[1]: https://***@quay.io" in err
    assert err.endswith("; write quay.io\n")


def test_help_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        update.main(["--help"])
    assert stop.value.code == 0
    assert "Exit status: 0" in capsys.readouterr().out
