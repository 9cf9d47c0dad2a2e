"""What all documents share: what is read from one, what is remarked on, and where."""

from __future__ import annotations

import re
from functools import wraps
from typing import TYPE_CHECKING, Final, Generic, ParamSpec, TypeVar

import attrs
from typing_extensions import override

from wharfinger.core._faults import redact
from wharfinger.core.errors import WharfingerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wharfinger.core.diagnose import Diagnostic

__all__ = ["DocumentError", "Parsed", "forgetful", "has_user_information", "place"]

_Entry = TypeVar("_Entry", covariant=True)  # noqa: PLC0105  # its name is nobody's business
_P = ParamSpec("_P")
_T = TypeVar("_T")
_BARE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*+")
_LONGEST: Final = 80
_SCHEME: Final = len("https://")
# Full-width and small forms of "@" are user information to whoever typed them.
_SIGNS: Final = "@\N{FULLWIDTH COMMERCIAL AT}\N{SMALL COMMERCIAL AT}"


class DocumentError(WharfingerError, ValueError):
    """A document that cannot be read at all, or written as it would have to be (R20).

    What is wrong with one entry of many is a diagnostic, and hides no other entry.

    Args:
        place: Where: a path such as ``auths["quay.io"].auth``, members of a list counted from 0,
            or a line; empty where it is the whole document.
        problem: What is wrong, as a clause for people. It never quotes the document.

    Attributes:
        place: As given.
        problem: As given.

    Example:
        >>> print(DocumentError("auths", "an object is wanted, and this is an array"))
        auths: an object is wanted, and this is an array
    """

    place: str
    problem: str

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(place, problem)
        self.place = place
        self.problem = problem

    @override
    def __str__(self) -> str:
        return f"{self.place}: {self.problem}" if self.place else self.problem


@attrs.frozen
class Parsed(Generic[_Entry]):
    """What was read from a document.

    Args:
        entries: What it says, in its order.
        diagnostics: What is wrong or surprising in it, each with its place; never a secret.
    """

    entries: tuple[_Entry, ...]
    diagnostics: tuple[Diagnostic, ...] = ()


def place(*parts: str | int) -> str:
    """Write a path into a document.

    Args:
        parts: Names of members and positions in lists, counted from 0, outermost first.

    Returns:
        The path. A name that is no plain word is quoted, cut after 80 characters, and shown without
        user information.

    Example:
        >>> place("auths", "quay.io", "auth"), place("items", 0, "kind")
        ('auths["quay.io"].auth', 'items[0].kind')
        >>> place("auths", "https://ci:hunter2@quay.io")
        'auths["https://***@quay.io"]'
    """
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif _BARE.fullmatch(part) and len(part) <= _LONGEST:
            path += f".{part}" if path else part
        else:
            path += f'["{_shown(part)}"]'
    return path


def forgetful(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Let no error take along what a function was given: a document may hold secrets.

    Args:
        function: What reads or writes a document.

    Returns:
        The same function; an error of this library, or about a type, leaves it without the frames
        it came from.
    """

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return function(*args, **kwargs)
        except (WharfingerError, TypeError) as error:
            refused = error.with_traceback(None)
        del args, kwargs
        refused.__context__ = refused.__cause__ = None
        raise refused

    return call


def has_user_information(name: str) -> bool:
    """Say whether a name may hold a user name or a password.

    Args:
        name: A name from a document, such as a key that ought to be a registry's address.

    Returns:
        True iff there is an ``@`` in it.
    """
    return any(sign in name for sign in _SIGNS)


def _shown(name: str) -> str:
    last = max(map(name.rfind, _SIGNS))
    # What stands before the last sign is hidden, so little of it is enough.
    short = name if last <= _SCHEME else name[:_SCHEME] + name[last:]
    safe = redact(short, digests=False, words=False)
    cut = safe if len(safe) <= _LONGEST else f"{safe[: _LONGEST - 3]}..."
    return "".join(map(_escaped, cut))


def _escaped(character: str) -> str:
    if character in {'"', "\\"}:
        return f"\\{character}"
    if " " <= character <= "~":
        return character
    return character.encode("unicode_escape").decode()
