"""Files are written whole or not at all, for their owner alone, one writer after the other."""

from __future__ import annotations

import errno
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import pytest

from wharfinger.hosts import FileError, update, write
from wharfinger.hosts import files as module

CANARY = "XK7canaryXK7"
KILLS = int(os.environ.get("WHARFINGER_KILLS", "25"))
PYTHON = [sys.executable, "-c"]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A file with an old text."""
    path = tmp_path / "config.json"
    path.write_text("old")
    path.chmod(0o644)
    return path


@pytest.mark.parametrize(
    ("content", "written"), [("é\r\n", b"\xc3\xa9\r\n"), (b"\xff\0", b"\xff\0"), ("", b"")]
)
def test_new_file(content: str | bytes, written: bytes, tmp_path: Path) -> None:
    """What is written is there to the byte, and nothing else is."""
    path = tmp_path / "config.json"
    write(path, content)
    assert path.read_bytes() == written
    assert mode(path) == 0o600
    assert names(tmp_path) == ["config.json"]


@pytest.mark.parametrize("wanted", [0o600, 0o644, 0o400])
@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_mode(wanted: int, mask: int, there: Path) -> None:
    """The mode is the one asked for: neither that of the old file nor one cut by the umask."""
    before = os.umask(mask)
    try:
        write(there, "new", mode=wanted)
        assert mode(there) == wanted
        update(there, lambda text: text, mode=0o640)
        assert mode(there) == 0o640
    finally:
        os.umask(before)


def test_private_from_the_first_byte(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the whole text is in it, nobody else can open the new file, whatever its mode."""
    seen: list[tuple[int, bytes]] = []
    fchmod = os.fchmod

    def spied(file: int, wanted: int) -> None:
        temporary = there.parent / ".config.json.wharfinger"
        seen.append((mode(temporary), temporary.read_bytes()))
        fchmod(file, wanted)

    monkeypatch.setattr(os, "fchmod", spied)
    before = os.umask(0)
    try:
        write(there, "new", mode=0o644)
    finally:
        os.umask(before)
    assert seen == [(0o600, b"new")]


def test_order_of_what_reaches_the_disk(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text is on the disk before it has its name, and the name before `write` returns."""
    done: list[str] = []
    fsync, rename = os.fsync, os.rename

    def synced(file: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(file).st_mode) else "file")
        fsync(file)

    def renamed(old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        done.append("rename")
        rename(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    monkeypatch.setattr(os, "supports_dir_fd", {renamed})
    write(there, "new")
    assert done == ["file", "rename", "folder"]


def test_a_name_in_the_current_folder(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(there.parent)
    write("config.json", "new")
    assert there.read_text() == "new"


def test_link_out_of_the_folder(there: Path, tmp_path: Path) -> None:
    """A link is neither followed nor replaced, and reading does not follow it either."""
    folder = tmp_path / "folder"
    folder.mkdir()
    link = folder / "config.json"
    link.symlink_to(there)
    with pytest.raises(FileError, match="symbolic link, and is not followed"):
        write(link, CANARY)
    with pytest.raises(FileError, match="symbolic link, and is not followed"):
        update(link, lambda _: CANARY)
    assert there.read_text() == "old"
    assert link.is_symlink()
    assert names(folder) == ["config.json"]


def test_link_planted_for_the_temporary_file(there: Path, tmp_path: Path) -> None:
    """A link where the temporary file goes is removed, not written through."""
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / ".config.json.wharfinger").symlink_to(victim)
    write(there, "new")
    assert (there.read_text(), victim.read_text()) == ("new", "untouched")
    assert names(tmp_path) == ["config.json", "victim"]


def test_folder_that_is_a_link(there: Path, tmp_path: Path) -> None:
    """The folder may be reached through a link, which is the caller's own."""
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    write(link / "config.json", "new")
    assert there.read_text() == "new"


def test_refused_targets(there: Path, tmp_path: Path) -> None:
    """What can't be written is told with its path and what to do, and is left as it was."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    before = names(tmp_path)
    for path, problem in {
        tmp_path / "folder": "it is a folder; name a file in it",
        tmp_path / "fifo": "it is no regular file; name another one",
        tmp_path / "none" / "a": "no such file or directory; make the folder first",
        there / "a": "not a directory; a part of the path is no folder",
        tmp_path / ("a" * 255): "file name too long; choose a shorter name",
    }.items():
        with pytest.raises(FileError) as caught:
            write(path, CANARY)
        assert (caught.value.path, caught.value.problem) == (str(path), problem)
        assert str(caught.value) == f"{path}: {problem}"
        with pytest.raises(FileError) as again:
            update(path, lambda _: CANARY)
        assert str(again.value) == str(caught.value)
    for nameless in ("", f"{tmp_path}/", "..", "a\0b"):
        with pytest.raises(FileError, match="it names no file"):
            write(nameless, "")
    assert names(tmp_path) == before


def test_folder_nobody_may_write_to(tmp_path: Path) -> None:
    """A refusal by the system; root is refused in /proc alone."""
    folder = Path("/proc/self/task") if os.geteuid() == 0 else tmp_path
    if folder == tmp_path:
        folder.chmod(0o500)
    try:
        with pytest.raises(FileError):
            write(folder / "a", CANARY)
    finally:
        tmp_path.chmod(0o700)


def test_full_disk(there: Path) -> None:
    """A write that the system cuts off in the middle leaves the old file, and nothing else."""
    program = f"""
import resource, signal, sys
from wharfinger.hosts import FileError, write
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write({str(there)!r}, "x" * 200_000)
except FileError as error:
    print(error.problem)
"""
    done = subprocess.run([*PYTHON, program], capture_output=True, text=True, check=True)
    assert done.stdout == "file too large\n"
    assert there.read_text() == "old"
    assert names(there.parent) == ["config.json"]


@pytest.mark.parametrize("call", ["write", "fchmod", "fsync", "rename"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_step_that_fails(
    call: str, number: int, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever step fails, the old file stays, and no exception holds the text."""

    def fails(*_args: object, **_options: object) -> None:
        raise OSError(number, os.strerror(number))

    if call == "write":
        monkeypatch.setattr(os, "fdopen", fails)
    else:
        monkeypatch.setattr(os, call, fails)
    monkeypatch.setattr(os, "supports_dir_fd", {os.rename})
    with pytest.raises(FileError) as caught:
        write(there, CANARY)
    assert ("make room" in caught.value.problem) == (number == errno.ENOSPC)
    assert (there.read_text(), mode(there)) == ("old", 0o644)
    assert names(there.parent) == ["config.json"]
    assert_forgotten(caught.value)


def assert_forgotten(error: BaseException) -> None:
    """Neither the error nor a frame it came through holds the canary."""
    assert error.__context__ is None
    assert error.__cause__ is None
    assert CANARY not in repr(error) + "".join(traceback.format_exception(error))
    frames = [f for f, _ in traceback.walk_tb(error.__traceback__)]
    inside = [f for f in frames if "wharfinger" in f.f_globals["__name__"]]
    assert inside
    assert all(CANARY not in repr(value) for f in inside for value in f.f_locals.values())


def test_text_that_is_no_unicode(there: Path) -> None:
    with pytest.raises(FileError, match="no Unicode text") as caught:
        write(there, f"{CANARY}\ud800")
    assert_forgotten(caught.value)
    with pytest.raises(FileError, match="no Unicode text"):
        update(there, lambda _: f"{CANARY}\ud800")
    there.write_bytes(CANARY.encode() + b"\xff")
    with pytest.raises(FileError, match="not UTF-8") as caught:
        update(there, lambda text: text)
    assert_forgotten(caught.value)
    assert there.read_bytes() == CANARY.encode() + b"\xff"


@pytest.mark.parametrize("fault", [ValueError, PermissionError, KeyboardInterrupt])
def test_change_that_fails(fault: type[BaseException], there: Path) -> None:
    """What a change raises is passed on as it is, and nothing is written; the lock is free."""
    there.write_text(CANARY)

    def change(text: str) -> str:
        del text
        raise fault

    with pytest.raises(fault) as caught:
        update(there, change)
    assert_forgotten(caught.value)
    assert there.read_text() == CANARY
    update(there, str.lower)
    assert there.read_text() == CANARY.lower()
    assert names(there.parent) == ["config.json"]


def test_update(there: Path, tmp_path: Path) -> None:
    """A text is changed; a missing file is empty text; newlines and BOM are the text's own."""
    there.write_bytes(b"\xef\xbb\xbfa\r\n")
    update(there, lambda text: text + "b\r\n")
    assert there.read_bytes() == b"\xef\xbb\xbfa\r\nb\r\n"
    update(tmp_path / "new", lambda text: f"[{text}]")
    assert (tmp_path / "new").read_text() == "[]"
    update(tmp_path / "empty", lambda text: text)
    assert (tmp_path / "empty").read_text() == ""


def test_nothing_to_change(there: Path) -> None:
    """A file that would stay the same is left alone, unless others may read it."""
    before = there.stat()
    update(there, lambda text: text, mode=0o644)
    assert there.stat() == before
    update(there, lambda text: text)
    assert mode(there) == 0o600


def test_whoever_reads_meets_a_whole_text(there: Path) -> None:
    """A reader beside a writer sees one text or the other, and always some."""
    texts = {letter * 100_000 for letter in "ab"}
    write(there, "a" * 100_000)
    stop = threading.Event()

    def rewrite() -> None:
        while not stop.is_set():
            for text in texts:
                write(there, text)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        seen = {there.read_text() for _ in range(300)}
    finally:
        stop.set()
        writer.join()
    assert seen <= texts


def test_killed_writers(there: Path) -> None:
    """Killed at any moment, a writer leaves one whole text; the next write removes the rest."""
    program = f"""
from wharfinger.hosts import write
print(flush=True)
number = 0
while True:
    number += 1
    write({str(there)!r}, str(number % 10) * 1_000_000)
"""
    write(there, "0" * 1_000_000)
    chance = random.Random(7)  # noqa: S311  # moments, not secrets
    left = 0
    for _ in range(KILLS):
        process = subprocess.Popen([*PYTHON, program], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.03))
        process.kill()
        assert process.wait() == -signal.SIGKILL
        process.stdout.close()
        text = there.read_text()
        assert text == text[0] * 1_000_000
        assert set(names(there.parent)) <= {"config.json", ".config.json.wharfinger"}
        left += len(names(there.parent)) - 1
    assert left  # else no writer was killed in the middle, and this shows nothing
    write(there, "new")
    assert names(there.parent) == ["config.json"]


def test_updates_from_many_processes(there: Path) -> None:
    """Of 100 updates by 4 processes none is lost."""
    program = f"""
import sys
from wharfinger.hosts import update
for number in range(25):
    update({str(there)!r}, lambda text: f"{{text}}{{sys.argv[1]}}.{{number}}\\n")
"""
    write(there, "")
    processes = [subprocess.Popen([*PYTHON, program, name]) for name in "abcd"]
    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    lines = there.read_text().splitlines()
    assert sorted(lines) == sorted(f"{name}.{number}" for name in "abcd" for number in range(25))
    assert names(there.parent) == ["config.json"]


def test_updates_from_many_threads(there: Path) -> None:
    """The same for threads of one process."""
    write(there, "")

    def work(name: str) -> None:
        for _ in range(10):
            update(there, lambda text: text + name)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(there.read_text()) == sorted("abcd" * 10)


def test_a_lock_that_is_not_given_back(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer does not wait for ever, and a folder that can't be locked is told."""
    import fcntl

    monkeypatch.setattr(module, "_PATIENCE", 0.05)
    held = os.open(there.parent, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(FileError, match="locked for too long"):
        write(there, "new")
    os.close(held)
    write(there, "new")

    def fails(*_args: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", fails)
    with pytest.raises(FileError, match=r"can't be locked \(No locks available\)"):
        write(there, "newer")
    assert there.read_text() == "new"


def test_other_systems(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where folders can't be held open, nothing is written."""
    monkeypatch.setattr(os, "supports_dir_fd", set())
    with pytest.raises(FileError, match="this system"):
        write(there, "new")
    assert there.read_text() == "old"
