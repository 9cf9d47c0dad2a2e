"""Writing a file: whole or not at all, for its owner alone, and one writer after the other.

A new file is written under another name in the same folder, brought to the disk and then renamed,
so that whoever reads meets the old text or the new one, also after ``kill -9`` and a power cut. The
folder is locked meanwhile (``flock``): a temporary file that is found under the lock belongs to
nobody alive, and is removed.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import contextmanager, suppress
from functools import wraps
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from typing_extensions import override

from wharfinger.core.errors import WharfingerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["PRIVATE", "FileError", "remove", "tidy", "told", "update", "write"]

_P = ParamSpec("_P")
_T = TypeVar("_T")

PRIVATE: Final = 0o600
_SUFFIX: Final = ".wharfinger"
_PATIENCE: Final = 30.0  # seconds, for another writer
_PAUSE: Final = 0.01
# What Windows has not is 0; there `_opened` refuses before it is used.
_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK
_HINTS: Final = {
    errno.EACCES: "; mend the rights of the file and its folder, or run as their owner",
    errno.EPERM: "; mend the rights of the file and its folder, or run as their owner",
    errno.EROFS: "; choose a folder that can be written to",
    errno.ENOENT: "; make the folder first",
    errno.ENOTDIR: "; a part of the path is no folder",
    errno.ENOSPC: "; make room on the disk",
    errno.EDQUOT: "; make room on the disk",
    errno.ENAMETOOLONG: "; choose a shorter name",
}


class FileError(WharfingerError):
    """A file that can't be read or written. Nothing was changed, and nothing is left behind.

    Args:
        path: The file.
        problem: What is wrong and what to do, as a clause for people. It never quotes the text.

    Attributes:
        path: As given.
        problem: As given.

    Example:
        >>> print(FileError("/etc/hosts.d", "it is a folder; name a file in it"))
        /etc/hosts.d: it is a folder; name a file in it
    """

    path: str
    problem: str

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    @override
    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


def write(
    path: str | os.PathLike[str],
    content: str | bytes,
    *,
    mode: int = PRIVATE,
    owner: tuple[int, int] | None = None,
) -> None:
    """Write a file, whole or not at all.

    The file gets the mode that is asked for and belongs to who writes it, whatever was there
    before: a secret must not take over rights that were given for something else. What is there is
    replaced if it is a regular file; a symbolic link is refused rather than followed or replaced,
    and where one leads to the folder, its contents are the same folder's.

    Args:
        path: The file; its folder must be there.
        content: What to write; text in UTF-8.
        mode: Its permissions, never more than these from its first byte on.
        owner: The ids of the user and the group that it belongs to, if not to who writes it.

    Raises:
        FileError: When it can't be written; what was there is untouched.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> write(f"{folder}/config.json", "{}")
        >>> oct(os.stat(f"{folder}/config.json").st_mode & 0o777)
        '0o600'
    """
    where = os.fspath(path)
    data = _encoded(content)
    del content  # it may hold secrets, which must not stay in this frame
    problem = "it is to hold what is no Unicode text" if data is None else None
    if data is not None:
        try:
            with _opened(where) as (folder, name):
                _look(folder, name)
                _replace(folder, name, data, mode, owner)
        except _Fault as fault:
            problem = str(fault)
    data = None
    if problem is not None:
        raise FileError(where, problem)


def update(
    path: str | os.PathLike[str], change: Callable[[str], str], *, mode: int = PRIVATE
) -> None:
    r"""Read a file, change its text and write it back, while no other update comes between.

    That holds between all that use this function or :func:`write` on the folder; a program that
    knows nothing of the lock can still write in between. The file is written as :func:`write` does
    it, and left alone where neither its text nor its mode would change.

    Args:
        path: The file; one that is not there is empty text.
        change: Makes the new text of the old one. It must not write into the same folder, which is
            locked. What it raises is passed on, and nothing is changed.
        mode: The permissions of the file.

    Raises:
        FileError: When it can't be read or written; what was there is untouched.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp(), "lines")
        >>> update(path, lambda text: text + "one\n")
        >>> update(path, lambda text: text + "two\n")
        >>> path.read_text()
        'one\ntwo\n'
    """
    where = os.fspath(path)
    before: bytes | None = None
    after: bytes | None = None
    text: str | None = None
    problem = None
    try:
        with _opened(where) as (folder, name):
            found = _look(folder, name)
            before = b"" if found is None else _content(folder, name)
            text = _decoded(before)
            after = None if text is None else _encoded(change(text))
            if text is None:
                problem = "it is not UTF-8, so its text can't be changed"
            elif after is None:
                problem = "it is to hold what is no Unicode text"
            elif found is None or after != before or stat.S_IMODE(found.st_mode) != mode:
                _replace(folder, name, after, mode)
    except _Fault as fault:
        problem = str(fault)
    finally:
        del before, after, text  # they may hold secrets
    if problem is not None:
        raise FileError(where, problem)


def remove(path: str | os.PathLike[str]) -> None:
    """Remove a file, and what a killed writer left beside it.

    Args:
        path: The file; it is no error if it is not there.

    Raises:
        FileError: When it can't be removed, or is no regular file.

    Example:
        >>> import tempfile
        >>> path = f"{tempfile.mkdtemp()}/config.json"
        >>> write(path, "{}")
        >>> remove(path)
        >>> os.path.exists(path)
        False
    """
    where = os.fspath(path)
    problem = None
    try:
        with _opened(where) as (folder, name):
            found = _look(folder, name)
            _unlink(folder, f".{name}{_SUFFIX}", *([name] if found else []))
    except _Fault as fault:
        problem = str(fault)
    if problem is not None:
        raise FileError(where, problem)


def tidy(path: str | os.PathLike[str]) -> None:
    """Remove what a killed writer left beside a file, and leave the file itself.

    Args:
        path: The file; its folder must be there.

    Raises:
        FileError: When it can't be removed.
    """
    where = os.fspath(path)
    problem = None
    try:
        with _opened(where) as (folder, name):
            _unlink(folder, f".{name}{_SUFFIX}")
    except _Fault as fault:
        problem = str(fault)
    if problem is not None:
        raise FileError(where, problem)


def told(error: OSError) -> str:
    """Say what the system says no to, and what to do about it.

    Args:
        error: What it raised.

    Returns:
        A clause for people, which names no file.

    Example:
        >>> told(OSError(errno.EROFS, "Read-only file system"))
        'read-only file system; choose a folder that can be written to'
    """
    reason = error.strerror or type(error).__name__
    return f"{reason[:1].lower()}{reason[1:]}{_HINTS.get(error.errno or 0, '')}"


class _Fault(Exception):
    """What is wrong with the file, in words."""


def _faulty(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Tell in words what the system says no to."""

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return function(*args, **kwargs)
        except OSError as error:
            problem = told(error)
        raise _Fault(problem)

    return call


def _encoded(content: str | bytes) -> bytes | None:
    """The bytes of a text; None where it has none in UTF-8."""
    if isinstance(content, bytes):
        return content
    try:
        return content.encode()
    except UnicodeEncodeError:
        return None


def _decoded(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


@contextmanager
def _opened(path: str) -> Iterator[tuple[int, str]]:
    """Open and lock the folder of a file; what is done then is done in this folder and no other."""
    if os.rename not in os.supports_dir_fd:
        raise _Fault("this system can't write files in a folder that it holds open")
    parent, name = os.path.split(path)
    if name in {"", ".", ".."} or "\0" in path:
        raise _Fault("it names no file")
    import fcntl  # Windows has none

    folder = _faulty(os.open)(parent or ".", _FOLDER)
    try:
        _lock(folder)
        yield folder, name
    finally:
        with suppress(OSError):
            fcntl.flock(folder, fcntl.LOCK_UN)  # a forked process may hold the folder open, too
        os.close(folder)


def _lock(folder: int) -> None:
    import fcntl

    end = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                msg = "another process has kept its folder locked for too long; see who holds it"
                raise _Fault(msg) from None
            time.sleep(_PAUSE)
        except OSError as error:
            msg = f"its folder can't be locked ({error.strerror}); use one on a local disk"
            raise _Fault(msg) from None
        else:
            return


@_faulty
def _look(folder: int, name: str) -> os.stat_result | None:
    """What is there; None where nothing is."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(found.st_mode):
        raise _Fault("it is a symbolic link, and is not followed; name the file it leads to")
    if stat.S_ISDIR(found.st_mode):
        raise _Fault("it is a folder; name a file in it")
    if not stat.S_ISREG(found.st_mode):
        raise _Fault("it is no regular file; name another one")
    return found


@_faulty
def _content(folder: int, name: str) -> bytes:
    file = os.open(name, os.O_RDONLY | _NO_LINK, dir_fd=folder)
    with os.fdopen(file, "rb") as stream:
        return stream.read()


@_faulty
def _unlink(folder: int, *names: str) -> None:
    found = [name for name in names if _is_there(folder, name)]
    for name in found:
        os.unlink(name, dir_fd=folder)
    if found:
        os.fsync(folder)


def _is_there(folder: int, name: str) -> bool:
    """To remove what is not there is an error all the same where nothing can be written."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return False
        raise
    return True


@_faulty
def _replace(
    folder: int, name: str, data: bytes, mode: int, owner: tuple[int, int] | None = None
) -> None:
    """Put a new file in the place of what is there; the folder is locked."""
    temporary = f".{name}{_SUFFIX}"
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=folder)  # of one that was killed
    file = os.open(temporary, _NEW, PRIVATE & mode, dir_fd=folder)
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(data)
            stream.flush()
            if owner is not None:
                os.fchown(file, *owner)
            os.fchmod(file, mode)
            os.fsync(file)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    os.fsync(folder)
