"""Every error: typed, with the fault's place and its repair, never with a secret.

Malformed text (R20) raises a :class:`MalformedInput`: what was typed, where the fault is, which
rule of the grammar it breaks, and what to type instead. All other errors say what was looked for
and what to do next. Every error can be pickled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from enum import StrEnum
    from typing import TypeVar

    from wharfinger.core.resolver import Resolution

    _Word = TypeVar("_Word", bound=StrEnum)

__all__ = [
    "EnvironmentExists",
    "EnvironmentNotFound",
    "InvalidAddress",
    "InvalidCredential",
    "InvalidEnvironment",
    "InvalidReference",
    "InvalidSettings",
    "MalformedInput",
    "PullDenied",
    "RegistryNotFound",
    "StaleResolution",
    "WharfingerError",
]


class WharfingerError(Exception):
    """The root of every error this library raises.

    Example:
        >>> issubclass(InvalidReference, WharfingerError)
        True
    """


class MalformedInput(WharfingerError, ValueError):
    """Text that breaks a rule of its grammar (R20).

    Args:
        text: What was typed. User information in it is replaced by ``***`` before it gets here.
        span: Where the fault is: start and end, as indexes into ``text``.
        rule: The rule it breaks, a short stable word such as ``"tag"`` or ``"port"``.
        problem: What is wrong, as a clause for people.
        repair: What to type instead, or None where only the writer can know.

    Attributes:
        text: As given.
        span: As given.
        rule: As given.
        problem: As given.
        repair: As given. A repair is always valid where ``text`` was not.
    """

    text: str
    span: tuple[int, int]
    rule: str
    problem: str
    repair: str | None

    def __init__(
        self,
        text: str,
        span: tuple[int, int],
        rule: str,
        problem: str,
        repair: str | None = None,
    ) -> None:
        super().__init__(text, span, rule, problem, repair)
        self.text = text
        self.span = span
        self.rule = rule
        self.problem = problem
        self.repair = repair

    def _title(self) -> str:
        return "malformed input"

    def __str__(self) -> str:
        quoted, caret = _excerpt(self.text, *self.span)
        lines = [f"{self._title()}: {self.problem}", f"  {quoted}", f"  {caret}"]
        if self.repair is not None:
            lines.append(f"  write {_clipped(self.repair, 320)}")
        return "\n".join(lines)


class InvalidReference(MalformedInput):
    """Text that is not an image reference.

    Example:
        >>> from wharfinger import ImageReference
        >>> ImageReference.parse("quay.io/acme/api:")
        Traceback (most recent call last):
        ...
        wharfinger.core.errors.InvalidReference: invalid image reference: nothing follows the ':'
          quay.io/acme/api:
                          ^
          write quay.io/acme/api
    """

    def _title(self) -> str:
        return "invalid image reference"


class InvalidAddress(MalformedInput):
    """Text that is not a registry address, ``host[:port]`` (R4).

    Example:
        >>> from wharfinger import RegistryAddress
        >>> RegistryAddress.parse("https://quay.io")
        Traceback (most recent call last):
        ...
        wharfinger.core.errors.InvalidAddress: invalid registry address: an address has no scheme
          https://quay.io
          ^^^^^^^^
          write quay.io
    """

    def _title(self) -> str:
        return "invalid registry address"


class InvalidSettings(MalformedInput):
    """A setting whose text is malformed: the default registry, the whitelist, the namespace.

    Args:
        text: The setting's text, or the one whitelist entry at fault.
        span: As for :class:`MalformedInput`.
        rule: As for :class:`MalformedInput`.
        problem: As for :class:`MalformedInput`.
        repair: As for :class:`MalformedInput`.
        setting: The setting's name, the page's where it has one: ``"registry.whitelist"``.
        entry: The position of the whitelist entry at fault, counted from 1; else None.

    Attributes:
        setting: As given.
        entry: As given.

    Example:
        >>> from wharfinger import Settings
        >>> try:
        ...     Settings(whitelist="quay.io, acme/team")
        ... except InvalidSettings as error:
        ...     print(error.setting, error.entry, error.repair)
        registry.whitelist 2 docker.io/acme/team
    """

    setting: str
    entry: int | None

    def __init__(
        self,
        text: str,
        span: tuple[int, int],
        rule: str,
        problem: str,
        repair: str | None,
        setting: str,
        entry: int | None = None,
    ) -> None:
        super().__init__(text, span, rule, problem, repair)
        self.setting = setting
        self.entry = entry

    def __reduce__(self) -> tuple[object, ...]:
        return InvalidSettings, (*self.args, self.setting, self.entry)

    def _title(self) -> str:
        setting = _clipped(_escaped(self.setting[: _QUOTED + 1]), _QUOTED)
        place = setting if self.entry is None else f"{setting}, entry {self.entry}"
        return f"invalid setting {place}"


class InvalidEnvironment(WharfingerError, ValueError):
    """An environment that cannot be: a bad name, or registries that are not its own in order.

    Args:
        problem: What is wrong, as a clause for people.

    Example:
        >>> from wharfinger import Environment
        >>> Environment("")
        Traceback (most recent call last):
        ...
        wharfinger.core.errors.InvalidEnvironment: an environment's name is not empty
    """


class InvalidCredential(WharfingerError, ValueError):
    """A credential that is refused when it is added or edited (R9, R22). Its secret is never told.

    Args:
        part: The offending part: ``"username"``, ``"secret"``, ``"email"`` or ``"kind"``.
        problem: What is wrong, as a clause for people.

    Attributes:
        part: As given.
        problem: As given.

    Example:
        >>> from wharfinger import Credential, Secret
        >>> Credential("", Secret("s3cret")).check()
        Traceback (most recent call last):
        ...
        wharfinger.core.errors.InvalidCredential: username: it is empty
    """

    part: str
    problem: str

    def __init__(self, part: str, problem: str) -> None:
        super().__init__(part, problem)
        self.part = part
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.part}: {self.problem}"


class PullDenied(WharfingerError):
    """The answer is no: the image may not be pulled.

    Args:
        answer: The resolution that denied it.

    Attributes:
        answer: As given; ``answer.reason`` and ``answer.trace`` say why.

    Example:
        >>> from wharfinger import Environment, Settings, resolve
        >>> answer = resolve("ghcr.io/acme/api", Environment("ci"), Settings(whitelist="quay.io"))
        >>> try:
        ...     answer.require()
        ... except PullDenied as error:
        ...     print(error)
        ghcr.io/acme/api in 'ci': not-whitelisted; an admin can add ghcr.io to registry.whitelist
    """

    answer: Resolution

    def __init__(self, answer: Resolution) -> None:
        super().__init__(answer)
        self.answer = answer

    def __str__(self) -> str:
        answer = self.answer
        advice = (
            f"activate registry {answer.registry.id}"
            if answer.registry is not None
            else f"an admin can add {answer.address} to registry.whitelist"
        )
        return f"{answer.image} in {answer.environment!r}: {answer.reason}; {advice}"


class StaleResolution(WharfingerError):
    """The store has changed since the answer was given: resolve again.

    Args:
        answer: The resolution that no longer holds.
        change: What changed, as a clause for people.

    Attributes:
        answer: As given.
        change: As given.

    Example:
        >>> from wharfinger import Credential, MemoryStore, Secret, resolve
        >>> store = MemoryStore()
        >>> registry = store.add("ci", "quay.io", Credential("bot", Secret("s3cret")))
        >>> answer = resolve("quay.io/acme/api", store.environment("ci"))
        >>> store.remove("ci", registry.id)
        >>> try:
        ...     store.credential("ci", answer)
        ... except StaleResolution as error:
        ...     print(error)
        quay.io/acme/api in 'ci': registry ci/1 was removed; resolve again
    """

    answer: Resolution
    change: str

    def __init__(self, answer: Resolution, change: str) -> None:
        super().__init__(answer, change)
        self.answer = answer
        self.change = change

    def __str__(self) -> str:
        answer = self.answer
        return f"{answer.image} in {answer.environment!r}: {self.change}; resolve again"


class RegistryNotFound(WharfingerError, LookupError):
    """No such registry in this environment.

    Args:
        registry: The id that was looked for; empty where an answer names none.
        environment: The name of the environment it was looked for in.
        nearest: The id most like it, if there is one.
        problem: What is wrong where it is not just the id, as a clause for people.

    Attributes:
        registry: As given.
        environment: As given.
        nearest: As given.
        problem: As given.

    Example:
        >>> from wharfinger import Environment
        >>> try:
        ...     Environment("ci").added("quay.io", username="bot").removed("ci/2")
        ... except RegistryNotFound as error:
        ...     print(error)
        no registry 'ci/2' in environment 'ci'; the nearest is 'ci/1'
    """

    registry: str
    environment: str
    nearest: str | None
    problem: str | None

    def __init__(
        self,
        registry: str,
        environment: str,
        nearest: str | None = None,
        problem: str | None = None,
    ) -> None:
        super().__init__(registry, environment, nearest, problem)
        self.registry = registry
        self.environment = environment
        self.nearest = nearest
        self.problem = problem

    def __str__(self) -> str:
        if self.problem is not None:
            return self.problem
        message = f"no registry {_short(self.registry)} in environment {_short(self.environment)}"
        return message + _nearest_clause(self.nearest)


class EnvironmentNotFound(WharfingerError, LookupError):
    """No environment of this name.

    Args:
        name: The name that was looked for.
        nearest: The name most like it, if there is one.

    Attributes:
        name: As given.
        nearest: As given.

    Example:
        >>> from wharfinger import MemoryStore
        >>> store = MemoryStore()
        >>> _ = store.create("staging")
        >>> try:
        ...     store.environment("stagin")
        ... except EnvironmentNotFound as error:
        ...     print(error)
        no environment 'stagin'; the nearest is 'staging'
    """

    name: str
    nearest: str | None

    def __init__(self, name: str, nearest: str | None = None) -> None:
        super().__init__(name, nearest)
        self.name = name
        self.nearest = nearest

    def __str__(self) -> str:
        return f"no environment {_short(self.name)}" + _nearest_clause(self.nearest)


class EnvironmentExists(WharfingerError, ValueError):
    """An environment of this name is there already.

    Args:
        name: The name that was to be created.

    Attributes:
        name: As given.

    Example:
        >>> from wharfinger import MemoryStore
        >>> store = MemoryStore()
        >>> _ = store.create("staging")
        >>> store.create("staging")
        Traceback (most recent call last):
        ...
        wharfinger.core.errors.EnvironmentExists: environment 'staging' is there already
    """

    name: str

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"environment {_short(self.name)} is there already"


def plain(text: object) -> str | None:
    """Return a text of a subclass of str as a str, which hashes and compares as it reads.

    Args:
        text: What was given.

    Returns:
        The text; None where it is none, for the caller to forget it and raise a TypeError.
    """
    return str.__str__(text) if isinstance(text, str) else None


def member(kind: type[_Word], word: str) -> _Word | None:
    """Return the member of an enumeration that a word names.

    Args:
        kind: The enumeration.
        word: The member itself, or its value.

    Returns:
        The member, or None, for the caller to raise an error of its own.
    """
    try:
        return kind(word)
    except ValueError:
        return None


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate most like a name, or None where none is.

    Only the first thousand candidates are weighed, by their first 64 characters, so that an error
    costs little however much there is to compare with (R20).

    Args:
        name: What was looked for.
        candidates: What there is.

    Returns:
        The most similar candidate, or None.
    """
    from difflib import get_close_matches  # an error's errand; not worth every import's time
    from itertools import islice

    by_start = {candidate[:64]: candidate for candidate in islice(candidates, 1000)}
    found = get_close_matches(name[:64], by_start, n=1)
    return by_start[found[0]] if found else None


_QUOTED = 80  # characters of a text that a message quotes
_LEFT, _RIGHT = 25, 15  # how many of them stand around the fault, at most


def _nearest_clause(name: str | None) -> str:
    return "" if name is None else f"; the nearest is {_short(name)}"


def _clipped(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _short(name: str) -> str:
    return ascii(_clipped(name, _QUOTED))


def _escaped(text: str) -> str:
    """Printable ASCII as it is, every other character as its escape."""
    return "".join(
        character if " " <= character <= "~" else character.encode("unicode_escape").decode()
        for character in text
    )


def _excerpt(text: str, start: int, end: int) -> tuple[str, str]:
    """At most 80 characters of a text around its fault, and a line of carets that fall under it."""
    before, fault, after = text[:start], text[start:end], text[end:]
    if len(text) <= _QUOTED and len(whole := _escaped(text)) <= _QUOTED:
        return whole, " " * len(_escaped(before)) + "^" * max(1, len(_escaped(fault)))
    left = _escaped(before[-_LEFT - 1 :])
    left = left if len(left) <= _LEFT else f"...{left[3 - _LEFT :]}"
    right = _escaped(after[: _RIGHT + 1])
    right = right if len(right) <= _RIGHT else f"{right[: _RIGHT - 3]}..."
    room = _QUOTED - len(left) - len(right)
    middle = _escaped(fault[: room + 1])
    middle = middle if len(middle) <= room else f"{middle[: room - 3]}..."
    return left + middle + right, " " * len(left) + "^" * max(1, len(middle))
