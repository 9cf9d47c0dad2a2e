"""What must hold of any text, for the fuzz target and for the test that replays its corpus.

An input is one text. ``U+001E`` cuts it into the fields of :class:`Question`, of which most inputs
have the first alone: an image reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tests.core.recogniser import Parts, is_host, recognise
from wharfinger import (
    DefaultRegistry,
    Environment,
    HostImages,
    ImageReference,
    InvalidAddress,
    InvalidCredential,
    InvalidEnvironment,
    InvalidReference,
    InvalidSettings,
    MalformedInput,
    Reason,
    RegistryAddress,
    Resolution,
    Settings,
    Whitelist,
    lint,
    resolve,
)

if TYPE_CHECKING:
    from collections.abc import Callable

SEPARATOR: Final = "\x1e"

# The rules of InvalidReference.
REFERENCE_RULES: Final = frozenset(
    {
        "character",
        "dangling-separator",
        "digest",
        "digest-algorithm",
        "digest-length",
        "empty",
        "host",
        "image-id",
        "ipv6",
        "ipv6-brackets",
        "path",
        "path-length",
        "port",
        "scheme",
        "tag",
        "trailing-dot",
        "uppercase",
        "userinfo",
        "zone-id",
    }
)
ADDRESS_RULES: Final = frozenset(
    {
        "character",
        "empty",
        "host",
        "ipv6",
        "ipv6-brackets",
        "path",
        "port",
        "scheme",
        "trailing-dot",
        "userinfo",
        "zone-id",
    }
)
SETTING_RULES: Final = ADDRESS_RULES | {
    "dangling-separator",
    "path-length",
    "registry",
    "tag",
    "uppercase",
    "wildcard",
}

_MAX_PATH: Final = 255
_EMPTY: Final = Environment("ci")
_ELSEWHERE: Final = Settings(
    default_registry="elsewhere.example:5000/proxy",
    whitelist="*.example",
    official_namespace="library",
)


class Question(NamedTuple):
    """What an input consists of; a field that is not there is empty."""

    reference: str
    default_registry: str = ""
    whitelist: str = ""
    registries: str = ""  # separated by commas; one that starts with "!" is inactive
    namespace: str = ""
    options: str = ""  # "h": on the host; "v": verify images on the host; "l": whitelist as a list
    environment: str = ""
    username: str = ""

    @classmethod
    def read(cls, text: str) -> Question:
        """Cut a text into fields; the last takes what is left."""
        return cls(*text.split(SEPARATOR, len(cls._fields) - 1))


def check(text: str) -> frozenset[str]:
    """Check an input, and say which rules and reasons it reaches."""
    question = Question.read(text)
    reached = {*check_reference(question.reference)}
    for each in {question.reference.partition("/")[0], *question[:4]}:
        reached |= check_address(each)
    reached |= check_question(question)
    return frozenset(reached)


def check_reference(text: str) -> set[str]:
    """Parser and recogniser agree; what is read has its forms, what is refused is explained."""
    wanted = recognise(text)
    try:
        reference = ImageReference.parse(text)
    except InvalidReference as error:
        _check_error(error, REFERENCE_RULES, ImageReference.parse)
        refused = error.rule
    else:
        parts = _parts(reference)
        assert (str(reference), parts) == (text, wanted), (
            f"{text!r} is read as {parts}, and is {wanted}"
        )
        _check_forms(reference, parts)
        return {"reference:valid"}
    assert wanted is None, f"refused: {text!r}"
    assert refused != "path-length" or len(text) + len("library/") > _MAX_PATH, repr(text)
    return {f"reference:{refused}"}


def _check_forms(reference: ImageReference, parts: Parts) -> None:
    """A reference's text, qualified form and familiar text."""
    text = str(reference)
    assert ImageReference.parse(text) == reference
    made = ImageReference.from_parts(
        parts.repository, registry=parts.registry, tag=parts.tag, digest=parts.digest
    )
    assert made == reference

    qualified = reference.qualified()
    assert qualified.qualified() == qualified
    assert ImageReference.parse(str(qualified)) == qualified
    assert _parts(ImageReference.parse(str(qualified))) == _parts(qualified)
    assert (qualified.tag, qualified.digest) == (parts.tag, parts.digest)
    familiar = reference.familiar()
    assert ImageReference.parse(familiar).qualified() == qualified
    assert ImageReference.parse(familiar).familiar() == familiar
    assert len(familiar) <= len(str(qualified))


def check_address(text: str) -> set[str]:
    """An address is what a recogniser calls a host; its canonical form is its own."""
    try:
        address = RegistryAddress.parse(text)
    except InvalidAddress as error:
        _check_error(error, ADDRESS_RULES, RegistryAddress.parse)
        reached = f"address:{error.rule}"
    else:
        _check_canonical(address)
        reached = "address:valid"
    assert is_host(text) == (reached == "address:valid"), repr(text)
    return {reached}


def _check_canonical(address: RegistryAddress) -> None:
    """An address is that of its own text, also before a path."""
    assert RegistryAddress.parse(str(address)) == address
    assert RegistryAddress(address.host, address.port) == address
    assert ImageReference.parse(f"{address}/x").registry == str(address)


def check_question(question: Question) -> set[str]:
    """Settings, environments and decisions raise their own errors alone, and obey the rules."""
    reached: set[str] = set()
    settings = _settings(question, reached)
    environment = _environment(question, reached)
    on_host = "h" in question.options
    try:
        answer = resolve(question.reference, environment, settings, on_host=on_host)
    except InvalidReference as error:
        _check_error(error, REFERENCE_RULES, ImageReference.parse)
        reached.add(f"reference:{error.rule}")
        return reached
    reached.add(f"reason:{answer.reason}")
    assert answer == resolve(answer.reference, environment, settings, on_host=on_host)
    assert answer.reason is _reason(answer, environment, settings, on_host=on_host)
    assert answer.explain().startswith(f"{answer.reference}: ")
    assert answer.as_dict()["allowed"] is answer.allowed
    assert ImageReference.parse(str(answer.image)) == answer.image == settings.locate(answer.image)
    for other in (Settings(), settings, _ELSEWHERE):
        stored = resolve(answer.image, environment, other)
        assert (stored.image, stored.address) == (answer.image, answer.address)
    lint(environment, settings)
    return reached


def _check_error(
    error: MalformedInput, rules: frozenset[str], parse: Callable[[str], object]
) -> None:
    """The fault is inside the text, the message can be shown, and the repair is one."""
    start, end = error.span
    assert 0 <= start <= end <= len(error.text), repr(error)
    assert error.rule in rules, repr(error)
    lines = str(error).splitlines()
    assert len(lines) == (3 if error.repair is None else 4), str(error)
    assert all(line.isascii() and line.isprintable() for line in lines), str(error)
    assert all(len(line) <= 340 for line in lines[1:]), str(error)
    if error.repair is not None:
        parse(error.repair)


def _parts(reference: ImageReference) -> Parts:
    return Parts(reference.registry, reference.repository, reference.tag, reference.digest)


def _settings(question: Question, reached: set[str]) -> Settings:
    """The settings a question asks under: of each what is well-formed, else nothing."""
    default = DefaultRegistry()
    try:
        default = DefaultRegistry.parse(question.default_registry)
    except InvalidSettings as error:
        _check_error(error, SETTING_RULES, DefaultRegistry.parse)
        reached.add(f"setting:{error.rule}")
    else:
        assert DefaultRegistry.parse(str(default)) == default

    whitelist = Whitelist()
    entries = question.whitelist.split(",") if "l" in question.options else question.whitelist
    try:
        whitelist = Whitelist(entries)
    except InvalidSettings as error:
        _check_error(error, SETTING_RULES, Whitelist)
        reached.add(f"setting:{error.rule}")
    else:
        assert Whitelist(whitelist.entries or None).entries == whitelist.entries

    policy = HostImages.VERIFY if "v" in question.options else HostImages.TRUST
    made = Settings(default_registry=default, whitelist=whitelist, host_images=policy)
    try:
        return Settings(
            default_registry=default,
            whitelist=whitelist,
            official_namespace=question.namespace,
            host_images=policy,
        )
    except InvalidSettings as error:
        _check_error(error, SETTING_RULES, lambda text: Settings(official_namespace=text))
        reached.add(f"setting:{error.rule}")
    return made


def _environment(question: Question, reached: set[str]) -> Environment:
    """The environment that asks: of what is added, what is well-formed."""
    environment = _EMPTY
    try:
        environment = Environment(question.environment or "ci")
    except InvalidEnvironment:
        reached.add("environment:invalid")
    for text in question.registries.split(",")[:8]:
        try:
            environment = environment.added(
                text.removeprefix("!"), username=question.username or "bot"
            )
        except InvalidAddress as error:
            _check_error(error, ADDRESS_RULES, RegistryAddress.parse)
            continue
        except InvalidCredential as error:
            reached.add(f"credential:{error.part}")
            break
        if text.startswith("!"):
            environment = environment.deactivated(environment.registries[-1].id)
    return environment


def _reason(
    answer: Resolution, environment: Environment, settings: Settings, *, on_host: bool
) -> Reason:
    """The reason by the rules: R16, R14, R6 and R7, R10."""
    if on_host and settings.host_images is HostImages.TRUST:
        return Reason.ALREADY_ON_HOST
    if settings.whitelist.entries and not any(
        _matches(entry, answer) for entry in settings.whitelist.entries
    ):
        return Reason.NOT_WHITELISTED
    added = [r for r in environment.registries if str(r.address) == str(answer.address)]
    if not added:
        return Reason.ANONYMOUS
    return Reason.CREDENTIAL if added[-1].is_active else Reason.REGISTRY_INACTIVE


def _matches(entry: str, answer: Resolution) -> bool:
    """Whether a whitelist entry matches, label by label and segment by segment (R14)."""
    registry, _, path = entry.partition("/")
    wanted = path.split("/") if path else []
    if answer.image.repository.split("/")[: len(wanted)] != wanted:
        return False
    if not registry.startswith("*."):
        return registry == str(answer.address)
    host, _, port = registry.removeprefix("*.").partition(":")
    labels, given = host.split("."), answer.address.host.split(".")
    return (
        not answer.address.is_docker_hub
        and not answer.address.is_ip
        and len(given) > len(labels)
        and given[-len(labels) :] == labels
        and answer.address.port == int(port or 443)
    )
