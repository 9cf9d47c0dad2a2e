"""What a plan consists of, as values."""

from __future__ import annotations

import re
from typing import Final

import attrs

from wharfinger.hosts.merges import Document, merge

__all__ = ["Command", "Condition", "Merge", "Step", "Write"]

_BLANK: Final = "[:blank:]"


@attrs.frozen
class Write:
    """A file of the plan's own.

    Args:
        path: Its absolute path.
        content: All it says.
        why: What it is for.
    """

    path: str
    content: str
    why: str

    def result(self, text: str | None) -> str:
        """Say what the file will be.

        Args:
            text: What it is; None where it is not there.

        Returns:
            Its contents.
        """
        del text
        return self.content


@attrs.frozen
class Merge:
    r"""An addition to a file that others write, too.

    Args:
        path: Its absolute path.
        document: What kind of document it is.
        adds: What it has to say, in the words of a plan; all it says where it is not there.
        why: What it is for.

    Example:
        >>> adds = '{\n\t"insecure-registries": [\n\t\t"registry.corp:5000"\n\t]\n}\n'
        >>> step = Merge("/etc/docker/daemon.json", Document.DAEMON_JSON, adds, "to pull from it")
        >>> step.result('{"debug": true}\n')
        '{"debug": true, "insecure-registries": ["registry.corp:5000"]}\n'
    """

    path: str
    document: Document
    adds: str
    why: str

    def result(self, text: str | None) -> str:
        """Say what the file will be.

        Args:
            text: What it is; None where it is not there.

        Returns:
            Its contents.

        Raises:
            DocumentError: When it can't be added to.
        """
        return self.adds if text is None else merge(self.document, text, self.adds)


Step = Write | Merge


@attrs.frozen
class Condition:
    """What must not stand in other files, or the plan would contradict them.

    Args:
        paths: The files, the last part of which may have a ``*``.
        pattern: What no line of them may match in any case, an extended regular expression.
        problem: What it would mean, and what to do, as a clause for people.
    """

    paths: tuple[str, ...]
    pattern: str
    problem: str

    def met_by(self, text: str) -> bool:
        """Say whether a file is as it has to be.

        Args:
            text: What it says.

        Returns:
            Whether no line of it matches.
        """
        pattern = re.compile(self.pattern.replace(_BLANK, " \t"), re.ASCII | re.IGNORECASE)
        lines = text.removesuffix("\n").split("\n") if text else []
        return not any(map(pattern.search, lines))


@attrs.frozen
class Command:
    """A command to run afterwards.

    Args:
        line: As a shell takes it.
        why: What it is for.
        after: The files that, once changed, make it necessary; none where any does.
    """

    line: str
    why: str
    after: tuple[str, ...] = ()
