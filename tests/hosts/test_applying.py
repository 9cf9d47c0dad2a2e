"""Applied whole or not at all, undone to the byte, whatever the host is like."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hosts.documents import NEW, TWO, existing
from tests.hosts.trees import ADDED_TO, CA, JOURNAL, REPLACED, WAYS, fill, planned, tree
from wharfinger import RegistryAddress
from wharfinger.formats import DocumentError
from wharfinger.hosts import (
    FileError,
    HostChanged,
    HostConflict,
    Receipt,
    ReceiptNotFound,
    Runtime,
    apply,
    files,
    plan,
    receipts,
    undo,
)

INSECURE: Final = (Runtime.DOCKER, True)
# Where there is one, a disk that costs nothing: what is tested is no disk.
MEMORY: Final = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
HOSTS: Final = existing(*ADDED_TO, *REPLACED)


@contextmanager
def host(present: dict[str, str]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        fill(Path(folder), present)
        yield Path(folder)


def applied(root: Path, *arguments: Any) -> Receipt | None:  # noqa: ANN401  # those of planned
    """Apply a plan, or None where the host's files are in the way, and then nothing is changed."""
    before = tree(root)
    try:
        return apply(planned(*arguments), root)
    except HostConflict:
        assert tree(root) == before
        return None


@given(HOSTS, NEW, st.sampled_from(WAYS))
def test_undo_leaves_every_byte(
    present: dict[str, str], address: RegistryAddress, way: tuple[Runtime, bool]
) -> None:
    """R23: plan, apply, undo: every file, mode and folder is as it was."""
    with host(present) as root:
        before = tree(root)
        receipt = applied(root, address, way)
        if receipt is not None:
            after = tree(root, journal=False)
            assert bool(receipt.changes) == (after != before)
            undo(receipt)
        assert tree(root) == before


@given(HOSTS, NEW, st.sampled_from(WAYS))
def test_twice_is_once(
    present: dict[str, str], address: RegistryAddress, way: tuple[Runtime, bool]
) -> None:
    """R23: applying again changes nothing and gives the receipt again."""
    with host(present) as root:
        first = applied(root, address, way)
        after = tree(root)
        assert applied(root, address, way) == first
        assert tree(root) == after


@given(HOSTS, TWO, st.sampled_from(WAYS), st.sampled_from(WAYS))
def test_two_commute(
    present: dict[str, str],
    two: list[RegistryAddress],
    way: tuple[Runtime, bool],
    other: tuple[Runtime, bool],
) -> None:
    """R23: two addresses' plans leave the same files in either order."""
    if {way, other} == {INSECURE, (Runtime.DOCKER_OPTS, True)}:
        other = way  # dockerd takes the one or the other
    ends = []
    for order in (slice(None), slice(None, None, -1)):
        with host(present) as root:
            before = tree(root)
            both = [*zip(two, (way, other), strict=True)][order]
            made = [applied(root, *each) for each in both]
            ends.append(tree(root, journal=False))
            for receipt in reversed(made):
                if receipt:
                    undo(receipt)
            assert tree(root) == before
    assert ends[0] == ends[1]


@pytest.mark.parametrize("way", WAYS)
def test_files_made(way: tuple[Runtime, bool], tmp_path: Path) -> None:
    """R23: without any file there, each is what the plan says, for everybody to read."""
    made = planned("registry.corp:5000", way)
    receipt = apply(made, tmp_path)
    for step in made.steps:
        path = tmp_path / step.path[1:]
        assert path.read_text() == step.result(None)
        assert path.stat().st_mode & 0o777 == 0o644
    assert [change.path for change in receipt.changes] == [step.path for step in made.steps]
    assert receipt.commands == tuple(command.line for command in made.commands)
    assert (tmp_path / JOURNAL).stat().st_mode & 0o777 == 0o700


def test_modes_and_owners_are_kept(tmp_path: Path) -> None:
    fill(tmp_path, {"/etc/docker/daemon.json": "{}"})
    path = tmp_path / "etc/docker/daemon.json"
    path.chmod(0o640)
    owner = (12345, 23456) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    os.chown(path, *owner)
    receipt = apply(planned("m:5", INSECURE), tmp_path)

    def kept() -> tuple[int, int, int]:
        found = path.stat()
        return found.st_mode & 0o7777, found.st_uid, found.st_gid

    assert kept() == (0o640, *owner)
    undo(receipt)
    assert kept() == (0o640, *owner)


def test_backups_are_for_root_alone(tmp_path: Path) -> None:
    """What a file was is kept where nobody else reads it, and in no receipt."""
    secret = json.dumps({"log-opts": {"splunk-token": "XK7canaryXK7"}})
    fill(tmp_path, {"/etc/docker/daemon.json": secret})
    receipt = apply(planned("m:5", INSECURE), tmp_path)
    kept = [path for path in (tmp_path / JOURNAL).rglob("*") if path.is_file()]
    assert any(path.read_text() == secret for path in kept)
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in kept)
    assert "XK7canaryXK7" not in repr(receipt) + receipt.to_json()


def test_undo_refuses_what_was_changed_since(tmp_path: Path) -> None:
    """A file that somebody wrote to since is left as it is, and so are the others."""
    receipt = apply(planned("m:5", (Runtime.CONTAINERD, False)), tmp_path)
    path = tmp_path / "etc/containerd/certs.d/m:5/hosts.toml"
    path.write_text(path.read_text() + "# ours\n")
    before = tree(tmp_path)
    with pytest.raises(HostChanged, match=r"hosts\.toml: it was changed since"):
        undo(receipt)
    assert tree(tmp_path) == before
    path.write_text(path.read_text().removesuffix("# ours\n"))
    undo(receipt)
    assert not tree(tmp_path)


@pytest.mark.parametrize("way", [INSECURE, (Runtime.CONTAINERD, True)])
def test_undo_in_order(way: tuple[Runtime, bool], tmp_path: Path) -> None:
    """What a later one changed or relies on is not taken from under it."""
    first = apply(planned("a:1", way), tmp_path)
    second = apply(planned("b:2", way), tmp_path)
    assert receipts(tmp_path) == (first, second)
    before = tree(tmp_path)
    with pytest.raises(
        HostChanged, match=r"receipt 2 \(trust b:2 in .*\) needs it; undo that first"
    ):
        undo(first)
    assert tree(tmp_path) == before
    undo(second)
    undo(first)
    assert not tree(tmp_path)


def test_undo_twice(tmp_path: Path) -> None:
    receipt = apply(planned("m:5", INSECURE), tmp_path)
    undo(receipt)
    with pytest.raises(ReceiptNotFound):
        undo(receipt)
    assert not tree(tmp_path)
    other = apply(planned("n:5", INSECURE), tmp_path)
    with pytest.raises(ReceiptNotFound):
        undo(receipt)  # it has the same number
    undo(other)
    undo(attrs.evolve(receipt, number=0))  # which says that nothing was done


def test_receipts_are_text(tmp_path: Path) -> None:
    """A receipt that was written down undoes what it is about."""
    before = tree(tmp_path)
    receipt = Receipt.from_json(apply(planned("m:5", INSECURE), tmp_path).to_json())
    assert receipts(tmp_path) == (receipt,)
    undo(receipt)
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("number",), -1),
        (("root",), 1),
        (("plan",), "x"),
        (("more",), 1),
        (("title",), None),
        (("folders",), ["/etc/../.."]),
        (("folders",), "/etc"),
        (("changes",), [1]),
        (("changes", 0, "path"), "/etc/../../x"),
        (("changes", 0, "path"), "etc/x"),
        (("changes", 0, "after"), None),
        (("changes", 0, "owner"), ["root", "root"]),
        (("changes", 0, "owner"), [0]),
    ],
)
def test_what_is_no_receipt(path: tuple[str | int, ...], value: object, tmp_path: Path) -> None:
    """R20: what is no receipt is not undone, a way out of the root least of all."""
    fields = json.loads(apply(planned("m:5", INSECURE), tmp_path).to_json())
    assert Receipt.from_json(json.dumps(fields)).number == 1
    inner: Any = fields
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    with pytest.raises(DocumentError, match="this is no receipt"):
        Receipt.from_json(json.dumps(fields))


def link(root: Path) -> None:
    (root / "etc/docker").mkdir(parents=True)
    (root / "etc/docker/daemon.json").symlink_to("/dev/null")


def linked_folder(root: Path) -> None:
    (root / "elsewhere").mkdir()
    (root / "etc").mkdir()
    (root / "etc/docker").symlink_to(root / "elsewhere")


def dangling(root: Path) -> None:
    (root / "etc").symlink_to("nowhere")


def folder(root: Path) -> None:
    (root / "etc/docker/daemon.json").mkdir(parents=True)


def file_for_a_folder(root: Path) -> None:
    fill(root, {"/etc/docker": "a file"})


def pipe(root: Path) -> None:
    (root / "etc/docker").mkdir(parents=True)
    os.mkfifo(root / "etc/docker/daemon.json")


def garbage(root: Path) -> None:
    fill(root, {"/etc/docker/daemon.json": "garbage"})


def binary(root: Path) -> None:
    (root / "etc/docker").mkdir(parents=True)
    (root / "etc/docker/daemon.json").write_bytes(b"\xff\x00")


def comment(root: Path) -> None:
    fill(root, {"/etc/docker/daemon.json": "// XK7canaryXK7\n{}"})


def huge(root: Path) -> None:
    fill(root, {"/etc/docker/daemon.json": " " * (5 << 20) + "{}"})


def flag(root: Path) -> None:
    fill(root, {"/etc/default/docker": "\nDOCKER_OPTS='--insecure-registry=x:1'\n"})


def linked_journal(root: Path) -> None:
    (root / "elsewhere").mkdir()
    (root / "var/lib").mkdir(parents=True)
    (root / "var/lib/wharfinger").symlink_to(root / "elsewhere")


def file_for_the_journal(root: Path) -> None:
    fill(root, {"/var/lib/wharfinger/hosts": "a file"})


@pytest.mark.parametrize(
    ("prepare", "error", "says"),
    [
        (link, FileError, r"daemon\.json: it is a symbolic link"),
        (linked_folder, FileError, r"/etc/docker: it is a symbolic link"),
        (dangling, FileError, r"/etc: it is a symbolic link"),
        (folder, FileError, r"daemon\.json: it is no regular file"),
        (file_for_a_folder, FileError, r"/etc/docker: it is no folder"),
        (pipe, FileError, r"daemon\.json: it is no regular file"),
        (garbage, HostConflict, r"daemon\.json: line 1, column 1: it is not valid JSON"),
        (binary, HostConflict, r"daemon\.json: it is not UTF-8"),
        (comment, HostConflict, r"daemon\.json: line 1, column 1: it is not valid JSON"),
        (huge, FileError, r"daemon\.json: it has more than 4 MiB"),
        (flag, HostConflict, r"default/docker: --insecure-registry stands in it"),
        (linked_journal, FileError, r"/var/lib/wharfinger: it is a symbolic link"),
        (file_for_the_journal, FileError, r"/wharfinger/hosts: it is no folder"),
    ],
)
def test_what_is_in_the_way(
    prepare: Callable[[Path], None], error: type[FileError], says: str, tmp_path: Path
) -> None:
    """R23: whatever is in the way: a typed error that names it, and nothing is changed."""
    prepare(tmp_path)
    before = tree(tmp_path)
    with pytest.raises(error, match=says) as caught:
        apply(planned("m:5", INSECURE), tmp_path)
    assert tree(tmp_path) == before
    assert "XK7canaryXK7" not in "".join(traceback.format_exception(caught.value))
    assert type(caught.value) is error


def test_roots_that_are_none(tmp_path: Path) -> None:
    fill(tmp_path, {"/file": ""})
    for path in ("nowhere", "file"):
        with pytest.raises(FileError, match="it is no folder; give the root of a system"):
            apply(planned("m:5", INSECURE), tmp_path / path)
    assert receipts(tmp_path) == ()


@pytest.mark.parametrize(
    ("files_there", "way"),
    [
        ({"/etc/docker/daemon.json": '{"insecure-registries": []}'}, (Runtime.DOCKER_OPTS, True)),
        (
            {"/etc/containers/registries.conf": '[[registry]]\nprefix = "m:5"\nblocked = true\n'},
            (Runtime.CONTAINERS, True),
        ),
        (
            {"/etc/containers/registries.conf.d/x.conf": "[[registry]]\n\tlocation='m:5'"},
            (Runtime.CONTAINERS, True),
        ),
        (
            {"/etc/containers/registries.conf": '[[registry]]\n"Location" = "m:5"\n'},
            (Runtime.CONTAINERS, True),
        ),
        (
            {"/etc/containers/registries.conf": 'registry = [{x = 1, location = """m:5"""}]\n'},
            (Runtime.CONTAINERS, True),
        ),
        ({"/etc/default/docker": 'A="#" B="--insecure-registry x"\n'}, INSECURE),
        ({"/etc/default/docker": 'A="\n--insecure-registry x"\n'}, INSECURE),
        ({"/etc/containerd/certs.d/m_5_/hosts.toml": "#\n"}, (Runtime.CONTAINERD, True)),
        ({"/etc/containerd/certs.d/m_5_/x.crt": "another\n"}, (Runtime.CONTAINERD, False)),
        (
            {"/etc/containerd/certs.d/m:5/hosts.toml": 'server = "https://mirror"'},
            (Runtime.CONTAINERD, False),
        ),
    ],
)
def test_contradictions(
    files_there: dict[str, str], way: tuple[Runtime, bool], tmp_path: Path
) -> None:
    """R23: what other files say of the registry is not overruled behind their backs."""
    fill(tmp_path, files_there)
    before = tree(tmp_path)
    with pytest.raises(HostConflict) as caught:
        apply(planned("m:5", way), tmp_path)
    assert caught.value.path == str(tmp_path / min(files_there)[1:])
    assert tree(tmp_path) == before


def test_what_does_not_contradict(tmp_path: Path) -> None:
    """Comments, other addresses, other folders and backups are no contradiction."""
    fill(
        tmp_path,
        {
            "/etc/default/docker": '# DOCKER_OPTS="--insecure-registry=m:5"\n',
            "/etc/containers/registries.conf": '#location = "m:5"\nlocation = "m:50"\n',
            "/etc/containers/registries.conf.d/x.conf.bak": 'location = "m:5"',
            "/etc/containers/registries.conf.d/y.conf": '# \x0clocation = "m:5"\n',
        },
    )
    assert apply(planned("m:5", INSECURE), tmp_path).number == 1
    assert apply(planned("m:5", (Runtime.CONTAINERS, True)), tmp_path).number == 2


def test_what_is_so_already_is_no_receipt(tmp_path: Path) -> None:
    """Who finds it done by others has nothing to undo."""
    fill(tmp_path, {"/etc/docker/daemon.json": '{"insecure-registries": ["m:5"]}'})
    before = tree(tmp_path)
    receipt = apply(planned("m:5", INSECURE), tmp_path)
    assert (receipt.number, receipt.changes, receipt.commands) == (0, (), ())
    undo(receipt)
    assert tree(tmp_path) == before


def test_again_on_another_day(tmp_path: Path) -> None:
    """R23: a plan with other remarks is the same plan, and gives its receipt again."""
    made = planned("m:5", (Runtime.DOCKER, False))
    other = plan("m:5", runtime="docker", ca=CA)
    assert made.remarks != other.remarks
    assert apply(made, tmp_path) == apply(other, tmp_path)


def test_again_after_somebody_took_it_out(tmp_path: Path) -> None:
    """A plan whose effect is gone is applied anew, and both can't be mixed up."""
    first = apply(planned("m:5", INSECURE), tmp_path)
    fill(tmp_path, {"/etc/docker/daemon.json": "{}"})
    second = apply(planned("m:5", INSECURE), tmp_path)
    assert (first.number, second.number) == (1, 2)
    undo(second)
    assert (tmp_path / "etc/docker/daemon.json").read_text() == "{}"


@pytest.mark.parametrize("nth", range(8))
def test_a_disk_that_fails(nth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R23: whichever write fails, what was written before it is taken back."""
    fill(tmp_path, FULL)
    before = tree(tmp_path)
    left = [nth]
    real = files.write

    def failing(path: Path, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        left[0] -= 1
        if left[0] == -1:
            raise FileError(str(path), os.strerror(errno.ENOSPC))
        real(path, *args, **kwargs)

    monkeypatch.setattr(files, "write", failing)
    # Two backups, the receipt, and five files.
    with pytest.raises(FileError, match="No space left"):
        apply(planned("quay.io", (Runtime.CONTAINERD, False)), tmp_path)
    assert tree(tmp_path) == before


FULL: Final = {
    "/etc/containerd/config.toml": "version = 2\n",
    "/etc/containerd/certs.d/quay.io/ca.crt": "another\n",
}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere; see the next test")
def test_rights_that_are_missing(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(FileError, match="permission denied"):
        apply(planned("m:5", INSECURE), tmp_path)
    tmp_path.chmod(0o700)
    assert not tree(tmp_path)


def _as_somebody(root: str, told: Any) -> None:  # noqa: ANN401  # a connection
    os.setgid(65534)
    os.setuid(65534)
    try:
        apply(planned("m:5", INSECURE), root)
    except FileError as error:
        told.send(str(error))
    told.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_somebody_elses_root() -> None:
    """R23: who may not write is told so, and nothing is changed."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        fill(Path(folder), {"/etc/docker/daemon.json": "{}"})
        before = tree(Path(folder))
        here, there = multiprocessing.Pipe(duplex=False)
        context = multiprocessing.get_context("fork")
        process = context.Process(target=_as_somebody, args=(folder, there))
        process.start()
        there.close()
        said = here.recv()
        process.join()
        assert "permission denied" in said
        assert said.startswith(folder)
        assert tree(Path(folder)) == before


def _apply_many(root: str, names: list[str]) -> None:
    for name in names:
        apply(planned(name, INSECURE), root)


def test_many_at_once(tmp_path: Path) -> None:
    """Processes that apply at once wait for each other, and nothing is lost."""
    names = [f"h{n}.corp:5000" for n in range(24)]
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=_apply_many, args=(str(tmp_path), names[start::4]))
        for start in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    listed = json.loads((tmp_path / "etc/docker/daemon.json").read_text())["insecure-registries"]
    assert listed == sorted(names)
    for receipt in reversed(receipts(tmp_path)):
        undo(receipt)
    assert not tree(tmp_path, journal=False)
