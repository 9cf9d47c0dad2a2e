"""A plan's script, run by a shell below a scratch root, does what applying the plan does."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hosts.authority import NOW, Wanted
from tests.hosts.documents import NEW, existing
from tests.hosts.test_merges import SHELL
from tests.hosts.trees import ADDED_TO, REPLACED, WAYS, fill, planned, tree
from wharfinger import RegistryAddress
from wharfinger.hosts import HostConflict, Runtime, apply, plan

SHELLS: Final = [shell for shell in ("sh", "bash", "dash") if shutil.which(shell)]


def run(script: str, root: Path, shell: str = "sh") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [shell],
        check=False,
        capture_output=True,
        encoding="utf-8",
        env={"PATH": os.environ["PATH"], "WHARFINGER_ROOT": str(root)},
        input=script,
    )


def says(root: Path) -> dict[str, object]:
    """What the files of a root say: bytes, but for JSON and options the meaning of them."""
    found: dict[str, object] = {}
    for name, (mode, content) in tree(root, journal=False).items():
        if name.endswith(".before"):
            continue
        text: object = content
        if name.endswith("daemon.json"):
            text = json.loads(content.decode("utf-8-sig") or "{}")
        elif name.endswith("default/docker"):
            text = sorted(re.sub(r"[\"'\s]+", " ", content.decode()).split())
        found[name] = (mode, text)
    return found


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("address", ["registry.corp:5000", "quay.io", "[2001:db8::1]:5000"])
def test_without_files(shell: str, way: tuple[Runtime, bool], address: str, tmp_path: Path) -> None:
    """R23: the script makes the files that applying makes, and making them twice is once."""
    made = planned(address, way)
    (tmp_path / "applied").mkdir()
    (tmp_path / "run").mkdir()
    apply(made, tmp_path / "applied")
    for _ in range(2):
        ran = run(str(made), tmp_path / "run", shell)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert says(tmp_path / "run") == says(tmp_path / "applied")
    assert not [*(tmp_path / "run").rglob("*.before")]


@settings(max_examples=40)
@given(existing(*ADDED_TO, *REPLACED), NEW, st.sampled_from(WAYS))
def test_with_files(
    present: dict[str, str], address: RegistryAddress, way: tuple[Runtime, bool]
) -> None:
    """R23: the script does what applying does, or stops and has changed nothing."""
    made = planned(address, way)
    with tempfile.TemporaryDirectory() as folder:
        one, other = Path(folder, "applied"), Path(folder, "run")
        for root in (one, other):
            root.mkdir()
            fill(root, present)
        before = tree(other)
        ran = run(str(made), other)
        try:
            apply(made, one)
        except HostConflict:
            assert ran.returncode != 0
        if ran.returncode != 0:
            assert ran.stderr.strip()
            assert tree(other) == before
        else:
            assert says(other) == says(one)
            for path in other.rglob("*.before"):
                name = f"/{path.relative_to(other)}".removesuffix(".before")
                assert path.read_bytes() == present[name].encode()


@pytest.mark.parametrize("present", ['{"debug": true}', '{\n "insecure-registries": ["a", "z"]\n}'])
def test_daemon_json_is_added_to(present: str, tmp_path: Path) -> None:
    """R23: what stands in daemon.json stays in it, and a copy beside it."""
    fill(tmp_path, {"/etc/docker/daemon.json": present})
    path = tmp_path / "etc/docker/daemon.json"
    path.chmod(0o640)
    ran = run(str(planned("m:5", (Runtime.DOCKER, True))), tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    found = json.loads(path.read_text())
    there = json.loads(present)
    assert found == there | {
        "insecure-registries": sorted([*there.get("insecure-registries", []), "m:5"])
    }
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.with_name("daemon.json.before").read_text() == present


@pytest.mark.parametrize("way", [(Runtime.DOCKER, True), (Runtime.CONTAINERD, False)])
def test_garbage_and_links_stop_it(way: tuple[Runtime, bool], tmp_path: Path) -> None:
    made = planned("m:5", way)
    last = made.steps[-1].path
    fill(tmp_path, {last: "garbage"})
    before = tree(tmp_path)
    assert run(str(made), tmp_path).returncode != 0
    assert tree(tmp_path) == before
    (tmp_path / last[1:]).unlink()
    (tmp_path / last[1:]).symlink_to("/dev/null")
    before = tree(tmp_path)
    ran = run(str(made), tmp_path)
    assert ran.returncode != 0
    assert "is a symbolic link" in ran.stderr
    assert tree(tmp_path) == before


@given(NEW, st.sampled_from(WAYS))
@settings(max_examples=20)
def test_pasting(address: RegistryAddress, way: tuple[Runtime, bool]) -> None:
    """It stands in parentheses, so that pasting it ends no shell and sets nothing in it."""
    made = planned(address, way)
    with tempfile.TemporaryDirectory() as folder:
        ran = run(f"{made}\nset | grep -E '^(root|new)=' || echo still here\n", Path(folder))
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "still here\n", "")


def test_commands_run_on_the_host_itself_alone(tmp_path: Path) -> None:
    """Below another root no command is run; they stand at the end, each with its reason."""
    made = planned("m:5", (Runtime.DOCKER, True))
    lines = str(made).splitlines()
    assert lines[-4:] == [
        'if [ -n "$root" ]; then exit; fi',
        "# dockerd reads the list again",
        "systemctl reload docker",
        ")",
    ]
    called = tmp_path / "called"
    fake = tmp_path / "bin/systemctl"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\necho $* >{called}\n")
    fake.chmod(0o755)
    path = f"{fake.parent}:{os.environ['PATH']}"
    (tmp_path / "root").mkdir()
    subprocess.run(
        ["/bin/sh"],
        check=True,
        encoding="utf-8",
        input=str(made),
        env={"PATH": path, "WHARFINGER_ROOT": str(tmp_path / "root")},
    )
    assert not called.exists()


def linked_folder(root: Path, elsewhere: Path) -> None:
    (root / "etc").mkdir()
    (root / "etc/docker").symlink_to(elsewhere)


def linked_backup(root: Path, elsewhere: Path) -> None:
    fill(root, {"/etc/docker/daemon.json": "{}", "/etc/docker/certs.d/quay.io/ca.crt": "x"})
    for name in ("daemon.json", "certs.d/quay.io/ca.crt"):
        (root / f"etc/docker/{name}.before").symlink_to(elsewhere / "made")


def second_is_a_folder(root: Path, _elsewhere: Path) -> None:
    (root / "etc/docker/certs.d/quay.io:443/ca.crt").mkdir(parents=True)


def file_for_a_second_folder(root: Path, _elsewhere: Path) -> None:
    fill(root, {"/etc/docker/certs.d/quay.io:443": "a file"})


def pipe(root: Path, _elsewhere: Path) -> None:
    (root / "etc/docker/certs.d/quay.io:443").mkdir(parents=True)
    os.mkfifo(root / "etc/docker/certs.d/quay.io:443/ca.crt")


@pytest.mark.parametrize(
    "prepare",
    [linked_folder, linked_backup, second_is_a_folder, file_for_a_second_folder, pipe],
)
def test_what_is_in_the_way(prepare: Callable[[Path, Path], None], tmp_path: Path) -> None:
    """R23: nothing is written before all that is in the way of any file was found."""
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    prepare(root, elsewhere)
    before = tree(tmp_path)
    ran = run(str(planned("quay.io", (Runtime.DOCKER, False))), root)
    assert ran.returncode == 1
    assert re.search(r"is (a symbolic link|no regular file|no folder)\n$", ran.stderr)
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "present",
    [
        '{"insecure-registries": ""}',
        '{"insecure-registries": {}}',
        '{"insecure-registries": false}',
        '{"insecure-registries": ["a", null]}',
        '{"insecure-registries": ["a"], "insecure-registries": ["b"]}',
        '{"debug": NaN}',
        '{"debug": 1e400}',
        "[]",
        "// a comment\n{}",
    ],
)
def test_json_that_is_not_added_to(present: str, tmp_path: Path) -> None:
    """R23: what applying would refuse is never written over."""
    fill(tmp_path, {"/etc/docker/daemon.json": present})
    before = tree(tmp_path)
    ran = run(str(planned("m:5", (Runtime.DOCKER, True))), tmp_path)
    assert ran.returncode == 1
    assert ran.stderr
    assert tree(tmp_path) == before


@pytest.mark.parametrize("text", SHELL)
def test_options_that_are_not_plain(text: str, tmp_path: Path) -> None:
    """R23: a script adds to no file of options that applying refuses."""
    fill(tmp_path, {"/etc/default/docker": text})
    before = tree(tmp_path)
    ran = run(str(planned("m:5", (Runtime.DOCKER_OPTS, True))), tmp_path)
    if ran.returncode:
        assert "add to it by hand" in ran.stderr
        assert tree(tmp_path) == before
    else:
        assert SHELL[text]


def test_a_comment_about_config_path(tmp_path: Path) -> None:
    """R23: a config_path in a comment is none."""
    text = '#config_path = "/etc/containerd/certs.d"\n'
    fill(tmp_path, {"/etc/containerd/config.toml": text})
    before = tree(tmp_path)
    assert run(str(planned("m:5", (Runtime.CONTAINERD, True))), tmp_path).returncode == 1
    assert tree(tmp_path) == before


def test_no_old_anchor_is_kept_among_the_anchors(tmp_path: Path) -> None:
    """R23: programs trust whatever is in that folder, so a replaced CA must not stay there."""
    for name in ("one", "two"):
        made = plan(
            "m:5", runtime="system", ca=Wanted(name=name).pem, now=NOW, distribution="fedora"
        )
        assert run(str(made), tmp_path).returncode == 0
    [path] = (tmp_path / "etc/pki/ca-trust/source/anchors").iterdir()
    assert path.read_text() == made.steps[0].result(None)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("address", ["my-host.corp:5000", "[2001:db8::1]:5000", "a.b"])
def test_tables_for_the_address_are_found(address: str, shell: str, tmp_path: Path) -> None:
    """R23: applying and the script find them alike, and complain of nothing else."""
    made = planned(address, (Runtime.CONTAINERS, True))
    for written in (f'location = "{address}"', f"[[registry]]\r\n  'PREFIX'='{address}'\r\n"):
        fill(tmp_path, {"/etc/containers/registries.conf": written})
        ran = run(str(made), tmp_path, shell)
        assert ran.stderr.count("\n") == 1
        assert "it has a table of its own" in ran.stderr
        with pytest.raises(HostConflict, match="it has a table of its own"):
            apply(made, tmp_path)
    other = address.replace(".", "x").replace("[2", "[3")
    fill(tmp_path, {"/etc/containers/registries.conf": f'location = "{other}"\n'})
    ran = run(str(made), tmp_path, shell)
    assert (ran.returncode, ran.stderr) == (0, "")
