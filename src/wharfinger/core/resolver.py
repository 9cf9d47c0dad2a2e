"""The decision: where an image is pulled from, whether it may be, with which registry, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Final, final

from wharfinger.core._memo import remember
from wharfinger.core.environment import Environment
from wharfinger.core.errors import InvalidReference, PullDenied
from wharfinger.core.reference import ImageReference
from wharfinger.core.registry import RegistryState
from wharfinger.core.settings import HostImages, Settings, canonical

if TYPE_CHECKING:
    from typing import Self, TypedDict, Unpack

    from wharfinger.core.address import RegistryAddress
    from wharfinger.core.registry import Registry

    class _Fields(TypedDict, total=False):
        environment: str
        reference: ImageReference
        image: ImageReference
        address: RegistryAddress
        reason: Reason
        registry: Registry | None
        trace: tuple[Step, ...]


__all__ = ["Reason", "Resolution", "Step", "Verdict", "resolve"]


class Verdict(StrEnum):
    """Whether the image may be used."""

    ALLOWED = "allowed"
    DENIED = "denied"

    def __repr__(self) -> str:
        return f"Verdict.{self.name}"


class Reason(StrEnum):
    """Why; in the order in which they are looked at, the first that applies (R15)."""

    ALREADY_ON_HOST = "already-on-host"
    NOT_WHITELISTED = "not-whitelisted"
    REGISTRY_INACTIVE = "registry-inactive"
    CREDENTIAL = "credential"
    ANONYMOUS = "anonymous"

    def __repr__(self) -> str:
        return f"Reason.{self.name}"


_OUT_OF_THE_BOX: Final = Settings()
_new: Final = object.__new__
# On CPython 3.11 to read a member of an enumeration costs a tenth of a decision.
_TRUST: Final = HostImages.TRUST
_ACTIVE: Final = RegistryState.ACTIVE
_ALREADY_ON_HOST: Final = Reason.ALREADY_ON_HOST
_NOT_WHITELISTED: Final = Reason.NOT_WHITELISTED
_REGISTRY_INACTIVE: Final = Reason.REGISTRY_INACTIVE
_CREDENTIAL: Final = Reason.CREDENTIAL
_ANONYMOUS: Final = Reason.ANONYMOUS
_DENIALS: Final = frozenset({Reason.NOT_WHITELISTED, Reason.REGISTRY_INACTIVE})


@dataclass(frozen=True, slots=True)
class Step:
    """One rule that was looked at.

    Args:
        rule: The rule's number, ``"R14"`` for one.
        outcome: What it said, a short stable word.
        detail: The same as a clause for people.

    Example:
        >>> str(Step("R14", "unrestricted", "there is no whitelist"))
        'R14 unrestricted: there is no whitelist'
    """

    rule: str
    outcome: str
    detail: str

    def __str__(self) -> str:
        return f"{self.rule} {self.outcome}: {self.detail}"


@final
class Resolution:
    """The answer to one question, made by :func:`resolve`. It is a value and holds no secret.

    Args:
        environment: The environment's name.
        reference: The reference as typed.
        image: The canonical image (R13).
        address: The registry address of the image.
        reason: Why it is allowed or denied.
        registry: The registry in force for the address, or None.
        trace: The rules that were looked at, in order.

    Example:
        >>> answer = resolve("ubuntu:24.04", Environment("ci"))
        >>> answer
        <Resolution docker.io/library/ubuntu:24.04 in 'ci': allowed, anonymous>
        >>> answer.allowed, answer.reason, str(answer.address)
        (True, Reason.ANONYMOUS, 'docker.io')
    """

    __slots__ = (
        "_address",
        "_environment",
        "_image",
        "_on_host",
        "_reason",
        "_reference",
        "_registry",
        "_settings",
        "_trace",
    )

    _environment: str
    _reference: ImageReference
    _image: ImageReference
    _address: RegistryAddress
    _reason: Reason
    _registry: Registry | None
    _trace: tuple[Step, ...] | None
    # What an untold trace is made of; without meaning once it is told.
    _settings: Settings
    _on_host: bool

    def __init__(
        self,
        *,
        environment: str,
        reference: ImageReference,
        image: ImageReference,
        address: RegistryAddress,
        reason: Reason,
        registry: Registry | None,
        trace: tuple[Step, ...] = (),
    ) -> None:
        self._environment = environment
        self._reference = reference
        self._image = image
        self._address = address
        self._reason = Reason(reason)
        self._registry = registry
        self._trace = tuple(trace)

    @property
    def environment(self) -> str:
        """The name of the environment that asked."""
        return self._environment

    @property
    def reference(self) -> ImageReference:
        """The reference as typed; what to resolve again to move it to another default (R13)."""
        return self._reference

    @property
    def image(self) -> ImageReference:
        """The canonical image (R13); what to store, and what to pull."""
        return self._image

    @property
    def address(self) -> RegistryAddress:
        """The address the image is pulled from."""
        return self._address

    @property
    def reason(self) -> Reason:
        """Why (R15)."""
        return self._reason

    @property
    def registry(self) -> Registry | None:
        """The registry in force for the address; None where none is, or none was looked for."""
        return self._registry

    @property
    def allowed(self) -> bool:
        """Whether the image may be used; ``bool(answer)`` is the same."""
        return self._reason not in _DENIALS

    @property
    def verdict(self) -> Verdict:
        """The reason's verdict."""
        return Verdict.ALLOWED if self.allowed else Verdict.DENIED

    @property
    def trace(self) -> tuple[Step, ...]:
        """Every rule that was looked at, in order. It is built when it is asked for."""
        if self._trace is None:
            self._trace = _trace(self, self._settings, on_host=self._on_host)
        return self._trace

    def require(self) -> Self:
        """Return the answer itself if it allows the image.

        Returns:
            The answer.

        Raises:
            PullDenied: When it does not; the error carries the answer.

        Example:
            >>> resolve("ubuntu", Environment("ci")).require().allowed
            True
        """
        if not self.allowed:
            raise PullDenied(self)
        return self

    def explain(self) -> str:
        """Tell people what was decided and why.

        Returns:
            Several lines of text, without a newline at the end.

        Example:
            >>> print(resolve("ubuntu", Environment("ci")).explain())
            ubuntu: allowed (anonymous)
              environment  ci
              image        docker.io/library/ubuntu
              registry     none added for docker.io
              R1   default       the reference names no registry, so the default registry is used
              R11  docker-hub    the default registry is Docker Hub
              R13  canonical     docker.io/library/ubuntu
              R14  unrestricted  there is no whitelist
              R6   none          no registry is added for docker.io
              R10  anonymous     it is pulled without a credential
        """
        lines = [f"{self._reference}: {self.verdict} ({self._reason})"]
        lines += [f"  {name:<12} {value}" for name, value in self._facts()]
        width = max(len(step.outcome) for step in self.trace) if self.trace else 0
        lines += [f"  {s.rule:<4} {s.outcome:<{width}}  {s.detail}" for s in self.trace]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, object]:
        """Return the answer as plain data, for JSON. Its keys and words are stable.

        Returns:
            ``environment``, ``reference``, ``image``, ``address``, ``verdict``, ``reason`` as text;
            ``allowed`` as bool; ``registry`` as None or a dict of ``id``, ``address``, ``username``
            and ``state``; ``trace`` as a list of dicts of ``rule``, ``outcome`` and ``detail``.

        Example:
            >>> resolve("ubuntu", Environment("ci")).as_dict()["reason"]
            'anonymous'
        """
        registry = self._registry
        return {
            "environment": self._environment,
            "reference": str(self._reference),
            "image": str(self._image),
            "address": str(self._address),
            "allowed": self.allowed,
            "verdict": self.verdict.value,
            "reason": self._reason.value,
            "registry": None
            if registry is None
            else {
                "id": registry.id,
                "address": str(registry.address),
                "username": registry.username,
                "state": registry.state.value,
            },
            "trace": [
                {"rule": step.rule, "outcome": step.outcome, "detail": step.detail}
                for step in self.trace
            ],
        }

    def _facts(self) -> list[tuple[str, str]]:
        registry = self._registry
        if registry is not None:
            told = f"{registry.id} ({registry.state}), {registry.address} as {registry.username}"
        elif self._reason is Reason.ANONYMOUS:
            told = f"none added for {self._address}"
        else:
            told = "not looked for"
        return [("environment", self._environment), ("image", str(self._image)), ("registry", told)]

    def _fields(self) -> _Fields:
        return {
            "environment": self._environment,
            "reference": self._reference,
            "image": self._image,
            "address": self._address,
            "reason": self._reason,
            "registry": self._registry,
            "trace": self.trace,
        }

    def _key(self) -> tuple[object, ...]:
        return (
            self._environment,
            self._reference,
            self._image,
            self._address,
            self._reason,
            self._registry,
        )

    def __bool__(self) -> bool:
        return self.allowed

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Resolution):
            return NotImplemented
        return self._key() == other._key() and self.trace == other.trace

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        why = str(self._reason) if self._registry is None else f"{self._reason} {self._registry.id}"
        return f"<Resolution {self._image} in {self._environment!r}: {self.verdict}, {why}>"

    def _repr_html_(self) -> str:
        from html import escape  # notebooks only

        head = f"{self._reference}: {self.verdict} ({self._reason})"
        rows = [(name, "", value) for name, value in self._facts()]
        rows += [(step.rule, step.outcome, step.detail) for step in self.trace]
        cells = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
        )
        return f"<table><caption>{escape(head)}</caption><tbody>{cells}</tbody></table>"

    def __replace__(self, **changes: Unpack[_Fields]) -> Resolution:
        return Resolution(**(self._fields() | changes))

    def __reduce__(self) -> tuple[object, ...]:
        return partial(Resolution, **self._fields()), ()


def resolve(
    image: ImageReference | str,
    environment: Environment,
    settings: Settings = _OUT_OF_THE_BOX,
    *,
    on_host: bool = False,
) -> Resolution:
    """Decide where an image is pulled from, whether it may be, with which registry, and why.

    It is a pure function (R24): the same arguments give the same answer; it reads no clock, file,
    network or environment variable, and looks at no secret.

    Args:
        image: The image reference, as typed after ``docker run``.
        environment: The environment that asks.
        settings: The admin's settings; out of the box, Docker Hub and no whitelist.
        on_host: Whether the *canonical* image, ``settings.locate(image)``, is on the host already.
            Under ``HostImages.TRUST`` it then runs without any check (R16).

    Returns:
        The answer; a denied one is an answer too.

    Raises:
        InvalidReference: When the text is no reference, or the default registry makes its path
            longer than 255 characters (R13).
        TypeError: When the environment or the settings are something else.

    Example:
        >>> env = Environment("staging").added("quay.io", username="ci")
        >>> answer = resolve("quay.io/acme/api:1.2", env)
        >>> answer.reason, answer.registry.id
        (Reason.CREDENTIAL, 'staging/1')
        >>> resolve("ubuntu", env, Settings(whitelist="quay.io")).reason
        Reason.NOT_WHITELISTED
    """
    if not isinstance(environment, Environment) or not isinstance(settings, Settings):
        given = f"{type(environment).__name__} and {type(settings).__name__}"
        del image, environment, settings  # one of them may hold user information
        msg = f"resolve takes an Environment (store.environment(name)) and Settings, not {given}"
        raise TypeError(msg)
    if isinstance(image, ImageReference):
        reference = image
    elif type(image) is str and (seen := _SEEN.get(image)) is not None:
        reference = seen
    else:
        try:
            reference = ImageReference.parse(image)
        except (InvalidReference, TypeError):
            del image  # user information must not stay in this frame
            raise
        remember(_SEEN, reference._text, reference, _SEEN_LENGTH)
    located, address = canonical(settings, reference)
    registry = None
    if on_host and settings.host_images is _TRUST:
        reason = _ALREADY_ON_HOST
    elif not settings.whitelist.permits(address, located._repository):
        reason = _NOT_WHITELISTED
    else:
        registry = environment.in_force(address)
        if registry is None:
            reason = _ANONYMOUS
        elif registry.state is _ACTIVE:
            reason = _CREDENTIAL
        else:
            reason = _REGISTRY_INACTIVE
    answer = _new(Resolution)
    answer._environment = environment.name
    answer._reference = reference
    answer._image = located
    answer._address = address
    answer._reason = reason
    answer._registry = registry
    answer._trace = None
    answer._settings = settings
    answer._on_host = on_host
    return answer


# Text -> reference: the same images are asked for again and again.
_SEEN: Final[dict[str, ImageReference]] = {}
_SEEN_LENGTH: Final = 512


def _trace(answer: Resolution, settings: Settings, *, on_host: bool) -> tuple[Step, ...]:
    """The rules that were looked at. No detail depends on how the registry was spelt."""
    image, address = answer.image, answer.address
    steps = [*_location(answer, settings), Step("R13", "canonical", str(image))]
    if on_host:
        trusted = settings.host_images is HostImages.TRUST
        steps.append(
            Step("R16", "trusted", "it is on the host, so it runs without any check")
            if trusted
            else Step("R16", "verified", "it is on the host, and every rule applies all the same")
        )
        if trusted:
            return tuple(steps)
    if not settings.whitelist.restricts:
        steps.append(Step("R14", "unrestricted", "there is no whitelist"))
    else:
        entry = settings.whitelist.entry_for(address, image.repository)
        if entry is None:
            steps.append(Step("R14", "no-match", f"no whitelist entry matches {address}"))
            return tuple(steps)
        steps.append(Step("R14", "match", f"whitelist entry {entry} matches"))
    registry = answer.registry
    if registry is None:
        steps.append(Step("R6", "none", f"no registry is added for {address}"))
        steps.append(Step("R10", "anonymous", "it is pulled without a credential"))
        return tuple(steps)
    steps.append(Step("R6", "in-force", f"{registry.id} is the most recently added for {address}"))
    if registry.is_active:
        steps.append(Step("R7", "active", f"it is pulled as {registry.username}"))
    else:
        steps.append(Step("R7", "inactive", "no older registry is used instead"))
    return tuple(steps)


def _location(answer: Resolution, settings: Settings) -> list[Step]:
    if answer.reference.registry is not None:
        return [Step("R1", "named", f"the reference names a registry, {answer.address}")]
    default = settings.default_registry
    named = Step(
        "R1", "default", "the reference names no registry, so the default registry is used"
    )
    if default.address.is_docker_hub and default.prefix is None:
        return [named, Step("R11", "docker-hub", "the default registry is Docker Hub")]
    return [named, Step("R11", "moved", f"the default registry is {default}")]
