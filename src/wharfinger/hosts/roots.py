"""A system's root, and looking at what is below it."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

import attrs

from wharfinger.hosts import files
from wharfinger.hosts.errors import FileError

__all__ = ["Root"]

_LARGEST: Final = 4 << 20  # bytes, of a file that is added to


@attrs.frozen
class Root:
    """A system's root. No link below it is followed: it may lead out of it.

    Args:
        path: Where it is.
    """

    path: str

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Root:
        """Find a root.

        Args:
            path: Where it is.

        Returns:
            The root, at its real path.

        Raises:
            FileError: When it is no folder.
        """
        where = os.fspath(path)
        problem = "it is no folder; give the root of a system"
        try:
            real = os.path.realpath(where)
            # An empty path would be the current folder, which nobody meant.
            if where and stat.S_ISDIR(Path(real).stat().st_mode):
                return cls(real)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            pass
        except OSError as error:
            problem = files.told(error)
        raise FileError(where or "''", problem)

    def __truediv__(self, path: str) -> Path:
        return Path(self.path, path[1:])

    def missing(self, path: str) -> list[str]:
        """Say which folders a file needs.

        Args:
            path: The file, below the root.

        Returns:
            Those that are not there, outermost first.

        Raises:
            FileError: When a link or a file is in their place.
        """
        parts = path.split("/")[1:-1]
        folders = [f"/{'/'.join(parts[: depth + 1])}" for depth in range(len(parts))]
        for position, folder in enumerate(folders):
            found = self.look(folder)
            if found is None:
                return folders[position:]
            if stat.S_ISLNK(found.st_mode):
                raise FileError(str(self / folder), "it is a symbolic link, and is not followed")
            if not stat.S_ISDIR(found.st_mode):
                raise FileError(str(self / folder), "it is no folder, and one is wanted there")
        return []

    def look(self, path: str) -> os.stat_result | None:
        """Say what is there; None where nothing is.

        Args:
            path: The file, below the root.

        Returns:
            What the system knows about it.

        Raises:
            FileError: When it can't be looked at.
        """
        try:
            return (self / path).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return None  # nothing has such a name; who writes there is told
            problem = files.told(error)
        raise FileError(str(self / path), problem)

    def read(self, path: str) -> tuple[bytes, os.stat_result] | None:
        """Read a file.

        Args:
            path: The file, below the root.

        Returns:
            Its contents, and what the system knows about it; None where it is not there.

        Raises:
            FileError: When it is no regular file, too large, or can't be read.
        """
        if self.missing(path):
            return None
        found = self.look(path)
        if found is None:
            return None
        if stat.S_ISLNK(found.st_mode):
            raise FileError(str(self / path), "it is a symbolic link, and is not followed")
        if not stat.S_ISREG(found.st_mode):
            raise FileError(str(self / path), "it is no regular file, and one is wanted there")
        if found.st_size > _LARGEST:
            raise FileError(str(self / path), "it has more than 4 MiB, and is nothing to add to")
        try:
            return (self / path).read_bytes(), found
        except OSError as error:
            problem = files.told(error)
        raise FileError(str(self / path), problem)

    def make(self, folder: str, mode: int = 0o755) -> None:
        """Make a folder; it is no error if it is there.

        Args:
            folder: Its path below the root.
            mode: Its permissions.

        Raises:
            FileError: When it can't be made.
        """
        try:
            (self / folder).mkdir(mode)
            (self / folder).chmod(mode)  # whatever the umask says
        except FileExistsError:
            return
        except OSError as error:
            problem = files.told(error)
        else:
            return
        raise FileError(str(self / folder), problem)

    def drop(self, folder: str) -> None:
        """Remove a folder that is empty, and leave any other.

        Args:
            folder: Its path below the root.
        """
        with suppress(OSError):
            (self / folder).rmdir()
