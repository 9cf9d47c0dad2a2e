"""Refused texts: where the fault is, what to type instead, and nothing of a password."""

from __future__ import annotations

import pickle
import traceback
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wharfinger import (
    Credential,
    DefaultRegistry,
    Environment,
    EnvironmentExists,
    EnvironmentNotFound,
    ImageReference,
    InvalidAddress,
    InvalidCredential,
    InvalidEnvironment,
    InvalidReference,
    InvalidSettings,
    MalformedInput,
    MemoryStore,
    PullDenied,
    Registry,
    RegistryAddress,
    RegistryNotFound,
    Secret,
    Settings,
    StaleResolution,
    WharfingerError,
    Whitelist,
    resolve,
)
from wharfinger.core import reference as reference_module
from wharfinger.core.errors import nearest
from wharfinger.testing import strategies as own

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOST_RULES: Final = frozenset({"host", "ipv6", "ipv6-brackets", "port", "trailing-dot"})
ADDRESS_RULES: Final = HOST_RULES | {"character", "empty", "path", "scheme", "userinfo", "zone-id"}
REFERENCE_RULES: Final = ADDRESS_RULES | {
    "dangling-separator",
    "digest",
    "digest-algorithm",
    "digest-length",
    "image-id",
    "path-length",
    "tag",
    "uppercase",
}
SETTING_RULES: Final = ADDRESS_RULES | {
    "dangling-separator",
    "path-length",
    "registry",
    "tag",
    "uppercase",
    "wildcard",
}
READERS: Final[dict[type[MalformedInput], Callable[[str], object]]] = {
    InvalidReference: ImageReference.parse,
    InvalidAddress: RegistryAddress.parse,
}


def _refusal(read: Callable[[str], object], text: str) -> MalformedInput:
    with pytest.raises(MalformedInput) as caught:
        read(text)
    return caught.value


def _outcome(read: Callable[[str], object], text: str) -> MalformedInput | None:
    try:
        read(text)
    except MalformedInput as error:
        return error
    return None


def _escaped(text: str) -> str:
    return "".join(c if " " <= c <= "~" else ascii(c)[1:-1] for c in text)


def _check(error: MalformedInput) -> None:
    """Check all that holds of every refusal of a text."""
    start, end = error.span
    assert 0 <= start <= end <= len(error.text)
    title, quoted, caret, *repair = str(error).split("\n")
    assert all(" " <= c <= "~" for c in title + quoted + caret + "".join(repair))
    assert len(title) <= 300
    assert quoted[:2] == caret[:2] == "  "
    quoted, caret = quoted[2:], caret[2:]
    assert len(quoted) <= 80
    assert set(caret.strip()) == {"^"}
    left = caret.index("^")
    before, fault, after = map(
        _escaped, (error.text[:start], error.text[start:end], error.text[end:])
    )
    if not fault:
        assert len(caret) == left + 1
    marked = quoted[left : len(caret)] if fault else ""
    right = quoted[left + len(marked) :]
    shown_left = quoted[:left]
    if len(before + fault + after) <= 80:
        assert (shown_left, marked, right) == (before, fault, after)
    assert shown_left == before or (
        shown_left.startswith("...") and before.endswith(shown_left[3:])
    )
    assert marked == fault or (marked.endswith("...") and fault.startswith(marked[:-3]))
    assert right == after or (right.endswith("...") and after.startswith(right[:-3]))
    assert (error.repair is not None) == (len(repair) == 1)
    if error.repair is not None:
        assert repair[0].startswith("  write ")
        assert len(repair[0]) <= 400
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # its own bytes
    assert type(again) is type(error)
    assert again.args == error.args
    assert str(again) == str(error)


def _check_refusal(
    read: Callable[[str], object], text: str, rules: frozenset[str]
) -> MalformedInput | None:
    """Check that a text is read, or refused as it should be."""
    error = _outcome(read, text)
    if error is not None:
        _check(error)
        assert error.rule in rules
        if error.repair is not None:
            read(error.repair)
            assert error.repair != text
    return error


@pytest.mark.parametrize(
    ("text", "rule", "fault", "repair"),
    [
        ("", "empty", "", None),
        ("https://quay.io/a", "scheme", "https://", "quay.io/a"),
        ("https://Quay.io/A:1", "scheme", "https://", "Quay.io/a:1"),
        ("docker://quay.io/acme/api", "scheme", "docker://", "quay.io/acme/api"),
        # Of a URL, and before a slash, a host alone must not turn into a repository.
        ("https://quay.io", "scheme", "https://", None),
        ("docker://ubuntu", "scheme", "docker://", None),
        ("quay.io/", "dangling-separator", "/", None),
        ("quay.io:5000/", "dangling-separator", "/", None),
        ("localhost/", "dangling-separator", "/", None),
        ("[::1]/", "dangling-separator", "/", None),
        ("//quay.io/a", "path", "/", "quay.io/a"),
        ("Ubuntu", "uppercase", "U", "ubuntu"),
        ("uBUNtu:24.04", "uppercase", "BUN", "ubuntu:24.04"),
        ("acme/API", "uppercase", "API", "acme/api"),
        ("quay.io/Acme/api:V1", "uppercase", "A", "quay.io/acme/api:V1"),
        ("QUAY.IO/Acme", "uppercase", "A", "QUAY.IO/acme"),
        ("quay.io/a:", "dangling-separator", ":", "quay.io/a"),
        ("quay.io/a@", "dangling-separator", "@", "quay.io/a"),
        ("quay.io/a/", "dangling-separator", "/", "quay.io/a"),
        ("ubuntu:24.04@", "userinfo", "***@", None),
        ("a" * 64, "image-id", "a" * 64, None),
        ("a@sha256:abc", "digest-length", "abc", None),
        ("a@sha256:", "dangling-separator", ":", None),
        ("a@sha512:" + "a" * 64, "digest-length", "a" * 64, None),
        ("a@sha256:" + "a" * 65, "digest-length", "a" * 65, None),
        ("a@sha256:" + "AB" * 32, "digest", "A", "a@sha256:" + "ab" * 32),
        ("a@SHA256:" + "ab" * 32, "digest-algorithm", "SHA256", "a@sha256:" + "ab" * 32),
        ("a@sha256:" + "g" * 64, "digest", "g", None),
        ("a@md5:" + "a" * 32, "digest-algorithm", "md5", None),
        ("a@abc", "digest", "abc", None),
        ("quay.io/a:1@sha256:12", "digest-length", "12", None),
        # Non-ASCII look-alikes.
        ("\u0430lpine", "character", "\u0430", None),
        ("ubuntu:\u217catest", "character", "\u217c", None),
        ("quay\uff0eio/a", "character", "\uff0e", None),
        ("quay.io\u2215a", "character", "\u2215", None),
        ("a\ud800b", "character", "\ud800", None),
        (f"a{chr(0xDCE9)}b", "character", chr(0xDCE9), None),
        # Blanks and control characters.
        ("ubuntu ", "character", " ", "ubuntu"),
        ("\tubuntu", "character", "\t", "ubuntu"),
        ("ubuntu\n", "character", "\n", "ubuntu"),
        ("my image", "character", " ", None),
        ("ubuntu\x1b[31m", "character", "\x1b", None),
        ("ubuntu\x00", "character", "\x00", None),
        ("ubuntu\x85", "character", "\x85", "ubuntu"),
        ("a?b", "character", "?", None),
        ("a*", "character", "*", None),
        # Tags.
        ("ubuntu:-x", "tag", "-", None),
        ("ubuntu:.", "tag", ".", None),
        ("ubuntu:a:b", "tag", ":", None),
        ("ubuntu:" + "x" * 130, "tag", "xx", None),
        # Hosts.
        ("quay..io/a", "host", ".", None),
        ("foo_bar.com/a", "host", "_", None),
        ("-quay.io/a", "host", "-quay.io", None),
        ("quay.io./a", "trailing-dot", ".", "quay.io/a"),
        ("quay.io.:5000/a", "trailing-dot", ".", "quay.io:5000/a"),
        ("quay.io:0/a", "port", "0", None),
        ("quay.io:65536/a", "port", "65536", None),
        ("quay.io:x/a", "port", "x", None),
        ("ubuntu:a/b", "port", "a", None),
        ("::1/a", "ipv6-brackets", "::1", "[::1]/a"),
        ("[::g]/a", "ipv6", "[::g]", None),
        ("[::1/a", "ipv6", None, None),
        ("[fe80::1%eth0]/a", "zone-id", "%", "[fe80::1]/a"),
        # Repositories.
        ("a//b", "path", "/", None),
        ("/a", "path", "/", None),
        ("a/_b", "path", "/", None),
        ("a___b", "path", "_", None),
        ("a..b", "path", ".", None),
        ("-a", "path", "-", None),
        ("a-", "path", "-", None),
        ("quay.io/a/b-", "path", "-", None),
        ("quay.io/:1", "path", "", None),
        ("Acme/bar_", "path", "_", None),
        ("a" * 256, "path-length", "a" * 256, None),
        ("a" * 248 + ":1", "path-length", "a" * 248, None),
        ("docker.io/" + "a" * 248, "path-length", "a" * 248, None),
        ("quay.io/" + "a" * 256, "path-length", "a" * 256, None),
        # Userinfo.
        ("ci:hunter2@quay.io/a", "userinfo", "***@", "quay.io/a"),
        ("ci@quay.io/a", "userinfo", "***@", "quay.io/a"),
        ("https://ci:hunter2@quay.io/a", "scheme", "https://", "quay.io/a"),
        ("ci:hunter2@quay.io/a@sha256:12", "userinfo", "***@", None),
        ("ci:hunter2@ubuntu", "userinfo", "***@", None),
    ],
)
def test_what_is_no_reference_is_refused(
    text: str, rule: str, fault: str | None, repair: str | None
) -> None:
    """R20: a refusal names the rule, points at the fault and says what to type instead."""
    error = _refusal(ImageReference.parse, text)
    assert isinstance(error, InvalidReference)
    assert error.rule == rule
    assert fault is None or error.text[slice(*error.span)] == fault
    assert error.repair == repair
    _check(error)
    assert repair is None or str(ImageReference.parse(repair)) == repair


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "quay.io/acme/api:",
            """invalid image reference: nothing follows the ':'
  quay.io/acme/api:
                  ^
  write quay.io/acme/api""",
        ),
        (
            "ubuntu\x1b[31m",
            """invalid image reference: an image reference has no control characters, \
and this is U+001B
  ubuntu\\x1b[31m
        ^^^^""",
        ),
        (
            "\u0430lpine",
            """invalid image reference: an image reference is ASCII, and this is U+0430 \
CYRILLIC SMALL LETTER A
  \\u0430lpine
  ^^^^^^""",
        ),
        (
            "",
            """invalid image reference: the image reference is empty
  \n  ^""",
        ),
        (
            "https://ci:hunter2@quay.io/Acme",
            """invalid image reference: an image reference has no scheme
  https://***@quay.io/Acme
  ^^^^^^^^
  write quay.io/acme""",
        ),
        (
            "acme/" + "a" * 100 + "!" + "b" * 100,
            f"""invalid image reference: an image reference has no '!'
  ...{"a" * 22}!{"b" * 12}...
  {" " * 25}^""",
        ),
        (
            "a" * 100 + "\u00e9" + "b" * 3,
            f"""invalid image reference: an image reference is ASCII, and this is U+00E9 \
LATIN SMALL LETTER E WITH ACUTE
  ...{"a" * 22}\\xe9bbb
  {" " * 25}^^^^""",
        ),
    ],
    ids=["dangling", "control", "look-alike", "empty", "userinfo", "long", "long-look-alike"],
)
def test_the_message_marks_the_fault(text: str, message: str) -> None:
    """R20: the message shows the text, escaped, with carets exactly under the fault."""
    assert str(_refusal(ImageReference.parse, text)) == message


def test_the_message_of_an_address() -> None:
    """R4: the message of a refused address has the same shape."""
    wanted = """invalid registry address: an address has no scheme
  https://quay.io
  ^^^^^^^^
  write quay.io"""
    assert str(_refusal(RegistryAddress.parse, "https://quay.io")) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "a" * 300,
        "a" * 79 + "!",
        "a" * 80 + "!",
        "!" + "a" * 80,
        "a" * 40 + "!" + "a" * 40,
        "https://" + "\U0001f600" * 15 + "a" * 135,
        "https://" + "\n" * 15 + "a" * 45,
        "a" * 198 + "\U0001f600" * 22 + "://x@y.z",
        "a" * 100 + "\U0001f600" * 30,
        "\U0001f600" * 30,
        "\x1b" * 20 + "a",
        "a" * 76 + "\x1b",
        "a" * 77 + "\x1b",
        "quay.io/" + "A" * 200,
        "quay.io:" + "9" * 1000 + "/a",
        "ubuntu:" + "x" * 1000,
        "https://" + "A" * 500 + ".io/a",
    ],
)
@pytest.mark.parametrize("read", READERS.values(), ids=["reference", "address"])
def test_a_message_quotes_at_most_80_characters(read: Callable[[str], object], text: str) -> None:
    """R20: a message quotes at most 80 characters, escapes included, and marks the right ones."""
    _check_refusal(read, text, REFERENCE_RULES)


def test_the_repair_of_a_long_text_is_whole_where_it_is_not_shown_whole() -> None:
    """R20: the message clips a long repair, the attribute does not."""
    text = "https://" + "a" * 500 + ".io/b"
    error = _refusal(ImageReference.parse, text)
    assert error.repair == text.removeprefix("https://")
    assert "a" * 400 not in str(error)
    assert str(error).endswith("...")


@pytest.mark.parametrize("kind", READERS)
def test_a_refusal_is_a_value_error(kind: type[MalformedInput]) -> None:
    """R20: a refusal is a ValueError, and one of the library's errors."""
    error = _refusal(READERS[kind], "quay io")
    assert type(error) is kind
    assert isinstance(error, ValueError)
    assert isinstance(error, WharfingerError)
    assert error.text == "quay io"
    assert error.span == (4, 5)
    assert error.problem in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None


def test_malformed_input_of_a_third_party() -> None:
    """R20: the base class can be raised by other rooms, and says what it is."""
    error = MalformedInput("a b", (1, 2), "character", "no blanks", "ab")
    assert str(error) == "malformed input: no blanks\n  a b\n   ^\n  write ab"
    _check(error)


# Settings, whose texts hold addresses.


@pytest.mark.parametrize(
    ("text", "rule", "fault", "repair"),
    [
        ("https://quay.io", "scheme", "https://", "quay.io"),
        ("ci:hunter2@quay.io", "userinfo", "***@", "quay.io"),
        ("quay .io", "character", " ", None),
        ("myhost", "registry", "myhost", "myhost:443"),
        ("myhost/a", "registry", "myhost", "myhost:443/a"),
        ("quay.io/", "dangling-separator", "/", "quay.io"),
        ("quay.io/a:1", "tag", ":1", "quay.io/a"),
        ("quay.io/a@sha256:12", "tag", "@sha256:12", "quay.io/a"),
        ("quay.io/Acme", "uppercase", "A", "quay.io/acme"),
        ("quay.io//a", "path", "", None),
        ("quay.io/a..b", "path", ".", None),
        ("quay.io:0/a", "port", "0", None),
        ("quay..io", "host", ".", None),
        ("quay.io/" + "a" * 256, "path-length", "a" * 256, None),
    ],
)
def test_what_is_no_default_registry_is_refused(
    text: str, rule: str, fault: str, repair: str | None
) -> None:
    """R11: a refused default registry is explained as an address is, its path too."""
    error = _refusal(DefaultRegistry.parse, text)
    assert isinstance(error, InvalidSettings)
    assert (error.setting, error.entry) == ("registry.default", None)
    assert error.rule == rule
    assert error.text[slice(*error.span)].startswith(fault)
    assert error.repair == repair
    assert str(error).startswith("invalid setting registry.default: ")
    _check(error)


@pytest.mark.parametrize(
    ("entry", "rule", "repair"),
    [
        ("acme/team", "registry", "docker.io/acme/team"),
        ("quay", "registry", "quay:443"),
        ("quay.io/*", "wildcard", "quay.io"),
        ("*.*.corp", "wildcard", None),
        ("*", "wildcard", None),
        ("*.[::1]", "ipv6", None),
        ("*.quay..io", "host", None),
        ("*.corp:0", "port", None),
        ("*.corp/A", "uppercase", None),
        ("*.corp/", "dangling-separator", None),
        ("*.corp/a:1", "tag", None),
        ("*.co rp", "character", None),
        ("*.", "host", None),
        ("*./a", "host", None),
        ("https://quay.io", "scheme", "quay.io"),
        ("ci:hunter2@quay.io", "userinfo", "quay.io"),
        ("ci:hunter2@quay.io/acme", "userinfo", "quay.io/acme"),
    ],
)
def test_what_is_no_whitelist_entry_is_refused(entry: str, rule: str, repair: str | None) -> None:
    """R14: a refused entry is named by its position, with the repair where there is one."""
    error = _refusal(Whitelist, f"docker.io,,{entry}")
    assert isinstance(error, InvalidSettings)
    assert (error.setting, error.entry) == ("registry.whitelist", 3)
    assert error.rule == rule
    if repair is not None:
        assert error.repair == repair
    if error.repair is not None:
        Whitelist(error.repair)
    assert str(error).startswith("invalid setting registry.whitelist, entry 3: ")
    _check(error)


@pytest.mark.parametrize(
    ("text", "rule", "repair"),
    [
        ("Library", "uppercase", "library"),
        ("a:1", "tag", None),
        ("a/", "dangling-separator", "a"),
        ("a..b", "path", None),
        ("a b", "character", None),
        ("https://a", "scheme", "a"),
    ],
)
def test_what_is_no_namespace_is_refused(text: str, rule: str, repair: str | None) -> None:
    """R11: a refused namespace is explained as a path is."""
    error = _refusal(lambda given: Settings(official_namespace=given), text)
    assert isinstance(error, InvalidSettings)
    assert error.setting == "official_namespace"
    assert (error.rule, error.repair) == (rule, repair)
    _check(error)


def test_an_unknown_setting_is_escaped_and_clipped() -> None:
    """R20: the name of an unknown setting is shown as any hostile text is."""
    for name in ("registry.whitelst", "registry.\x1b[2J", "registry." + "x" * 1000):
        error = _refusal(lambda given: Settings.from_mapping({given: "quay.io"}), name)
        assert error.rule == "unknown"
        _check(error)


# What no refusal ever shows.

USERINFO: Final = (
    "robot:hunter2@",
    "hunter2@",
    ":hunter2@",
    "robot:hunter2/x@",
    "robot:x/hunter2@",
    "robot:443/hunter2@",
    "hunter2.robot/x@",
    "hunter2:443/@",
    "robot:hunter2@robot@",
    "robot:robot@hunter2@",
    "robot:hunter2@@",
    "robot:hunter2:x@",
    "robot:hunter2://x@",
    "robot:x://hunter2@",
    "robot:hunter2?x@",
    "robot:443?hunter2@",
    "robot:443#hunter2@",
    "robot:hunter2 x@",
    "robot:hunter2\nx@",
    "robot:443%hunter2@",
    "robot:hunter2%40x@",
    "robot:h\u00fcnter2hunter2@",
    "robot:hunter2\uff20",
    "robot:hunter2\ufe6b",
    "robot:443%\uff20",
    "robot:hunter2\uff20x@",
    "robot:hunter2@sha256:x@",
    "robot:sha256:hunter2@",
    "robot:hunter2]@",
    "robot:[hunter2@",
    "[::1]:443/hunter2@",
    "robot:hunter2\\@",
    "robot:HUNTER2@",
    "robot:***@hunter2@",
)
HOSTS: Final = (
    "quay.io",
    "localhost",
    "shop.corp:5000",
    "shared:5000",
    "registry:5000",
    "[::1]:443",
)
SCHEMES: Final = ("", "https://", "//", "docker://")


def _store_add(text: str) -> object:
    return MemoryStore().add("ci", text, Credential("bot", Secret("s3cret")))


ADDRESS_TAKERS: Final[dict[str, Callable[[str], object]]] = {
    "RegistryAddress.parse": RegistryAddress.parse,
    "RegistryAddress": RegistryAddress,
    "Registry": lambda text: Registry(environment="ci", sequence=1, address=text, username="bot"),
    "Environment.added": lambda text: Environment("ci").added(text, username="bot"),
    "Environment.in_force": lambda text: Environment("ci").in_force(text),
    "MemoryStore.add": _store_add,
    "DefaultRegistry.parse": DefaultRegistry.parse,
    "Settings(default)": lambda text: Settings(default_registry=text),
    "Settings(whitelist)": lambda text: Settings(whitelist=text),
    "Settings(whitelist=[])": lambda text: Settings(whitelist=[text]),
    "Settings(namespace)": lambda text: Settings(official_namespace=text),
    "from_mapping(default)": lambda text: Settings.from_mapping({"registry.default": text}),
    "from_mapping(whitelist)": lambda text: Settings.from_mapping({"registry.whitelist": text}),
    "Whitelist": Whitelist,
    "Whitelist([])": lambda text: Whitelist([text]),
    "Whitelist.__replace__": lambda text: Whitelist("quay.io").__replace__(entries=text),
    "from_parts(registry)": lambda text: ImageReference.from_parts("api", registry=text, tag="1"),
    "__replace__(registry)": lambda text: ImageReference.parse("api").__replace__(registry=text),
}
REFERENCE_TAKERS: Final[dict[str, Callable[[str], object]]] = {
    "ImageReference.parse": ImageReference.parse,
    "from_parts(repository)": lambda text: ImageReference.from_parts(text, tag="1"),
    "__replace__(repository)": lambda text: ImageReference.parse("a").__replace__(repository=text),
    "Settings.locate": lambda text: Settings().locate(text),
    "resolve": lambda text: resolve(text, Environment("ci")),
}


def _shown(value: object) -> str:
    try:
        return f"{value!r}"
    except AttributeError:  # half made
        return ""


def _everything(error: BaseException) -> Iterator[tuple[str, str]]:
    """Where a password might stand: the error, its chain, and the frames it came through."""
    yield "message", str(error)
    yield "repr", repr(error)
    yield "args", repr(error.args)
    yield "attributes", repr(vars(error))
    yield "pickle", repr(pickle.dumps(error))
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__", "")).startswith("wharfinger"):
            for name, value in frame.f_locals.items():
                yield f"local {name} of {frame.f_code.co_qualname}", _shown(value)
    for other in (error.__cause__, error.__context__):
        if other is not None:
            yield from _everything(other)


def _leaks(read: Callable[[str], object], text: str) -> list[str]:
    """The places where the refusal of a text shows its user information."""
    error = _refusal(read, text)
    secrets = ("hunter2", "robot")
    return [
        f"{text!r}: {place}"
        for place, shown in _everything(error)
        if any(secret in shown.lower() for secret in secrets)
    ]


@pytest.mark.parametrize("taker", ADDRESS_TAKERS)
def test_userinfo_of_an_address_is_nowhere(taker: str) -> None:
    """R20: userinfo in a refused address is in no text, message, repair, chain or local."""
    texts = [f"{s}{user}{host}" for s in SCHEMES for user in USERINFO for host in HOSTS[::2]]
    texts += [f"{text}/acme" for text in texts[::7]]
    assert [leak for text in texts for leak in _leaks(ADDRESS_TAKERS[taker], text)] == []


@pytest.mark.parametrize("taker", REFERENCE_TAKERS)
def test_userinfo_of_a_reference_is_nowhere(taker: str) -> None:
    """R20: userinfo in a refused reference is in no text, message, repair, chain or local."""
    ends = ("/acme/api:1.2", "/Acme/api", "/a@sha256:12")
    texts = [f"{s}{user}{host}" for s in SCHEMES for user in USERINFO for host in HOSTS]
    texts = [text + ends[n % 3] for n, text in enumerate(texts[::2])]
    assert [leak for text in texts for leak in _leaks(REFERENCE_TAKERS[taker], text)] == []


def test_a_look_alike_of_the_at_sign_hides_userinfo_too() -> None:
    """R20: the refusal of userinfo before a full-width @ speaks of userinfo, not of its stars."""
    for sign in "\uff20\ufe6b":
        for read in (*READERS.values(), DefaultRegistry.parse, Whitelist):
            error = _refusal(read, f"ci:hunter2{sign}quay.io")
            assert error.rule == "userinfo"
            assert error.text[slice(*error.span)] == f"***{sign}"


@pytest.mark.parametrize("text", ["https://robot:hun,hunter2@quay.io", "robot:hunter2,x@quay.io"])
def test_userinfo_with_a_comma_is_nowhere(text: str) -> None:
    """R14, R20: a comma in a password does not put half of it into a whitelist's refusal."""
    assert _leaks(Whitelist, text) == []
    assert _leaks(RegistryAddress.parse, text) == []
    assert _leaks(ImageReference.parse, f"{text}/a") == []


def test_a_first_component_that_is_refused_is_not_remembered() -> None:
    """R20: what was refused stays in no memory of the library."""
    reference_module._PIECES.clear()
    for text in ("hunter2@localhost/a", "hunter2@registry/a", "robot:hunter2@quay.io/a"):
        _refusal(ImageReference.parse, text)
    assert not [piece for piece in reference_module._PIECES if "hunter2" in piece]


def test_a_digest_is_no_userinfo() -> None:
    """R20: what stands before a digest is shown, for it is the image."""
    for text in (
        "ubuntu:24.04@sha256:12",
        "quay.io/a@md5:12",
        "https://quay.io/a@sha256:12",
        "a@b",
    ):
        assert _refusal(ImageReference.parse, text).text == text


# Any text at all.


@st.composite
def _mutated(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """A valid text with a few characters put in, taken out or exchanged."""
    text = draw(texts)
    odd = st.sampled_from([*"aA0.:/@-_[]%*#?! \n\x00\x1b", "\u0430", "\uff20", "://", "@sha256:"])
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(text)))
        taken = draw(st.integers(0, 2))
        text = text[:place] + draw(st.just("") | odd) + text[place + taken :]
    return text


HOSTILE: Final = st.text(
    st.sampled_from("aAf0.:/@-_[]%*# \n\x1b\u00e9\u0430\uff20\U0001f600"), max_size=120
)
ANY_REFERENCE: Final = st.text() | HOSTILE | _mutated(own.references())
ANY_ADDRESS: Final = st.text() | HOSTILE | _mutated(own.addresses().map(str))
ANY_ENTRY: Final = st.text() | HOSTILE | _mutated(own.whitelist_entries())


@given(ANY_REFERENCE)
@example("quay.io/")
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    """R20: any text is read, or refused with a place in it and a repair that is read."""
    error = _check_refusal(ImageReference.parse, text, REFERENCE_RULES)
    assert error is None or type(error) is InvalidReference
    head, slash, _ = text.partition("/")
    if error is not None and error.repair is not None and slash and "." in head:
        assert ImageReference.parse(error.repair).registry is not None


@given(ANY_ADDRESS)
def test_any_text_is_an_address_or_refused(text: str) -> None:
    """R4, R20: any text is read, or refused with a place in it and a repair that is read."""
    error = _check_refusal(RegistryAddress.parse, text, ADDRESS_RULES)
    assert error is None or type(error) is InvalidAddress


@given(ANY_ENTRY)
@example("*.")
def test_any_text_is_a_setting_or_refused(text: str) -> None:
    """R11, R14, R20: whatever a setting's text, it is read, or refused with a place in it."""
    readers: tuple[Callable[[str], object], ...] = (
        DefaultRegistry.parse,
        lambda given: Whitelist([given, "quay.io"]),
        lambda given: Settings(official_namespace=given),
    )
    for read in readers:
        error = _check_refusal(read, text, SETTING_RULES)
        assert error is None or type(error) is InvalidSettings


@given(
    st.text(st.sampled_from("ab2.:/@#?% \n\uff20"), max_size=12),
    st.sampled_from(SCHEMES),
    st.sampled_from(HOSTS),
)
def test_any_password_is_nowhere(password: str, scheme: str, host: str) -> None:
    """R20: whatever characters surround it, no part of a password is shown."""
    text = f"{scheme}robot:{password}hunter2{password}@{host}"
    assert _leaks(RegistryAddress.parse, text) == []
    assert _leaks(ImageReference.parse, f"{text}/acme/api:1.2") == []


SIZE: Final = 1_000_000
SHAPES: Final = (
    *("a", "A", "0", ".", ":", "/", "@", "-", "_", "[", "]", "%", "*", " ", "\n", "\u00e9"),
    *("a/", "a.", "a-", "a__", "a:", "://", "***@", "@sha256:", "::", ":@/", "[::1]", "a@b/"),
)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_million_characters_are_refused(shape: str) -> None:
    """R20: no shape of text is too much, however often it is repeated."""
    error = _refusal(ImageReference.parse, shape * (SIZE // len(shape)))
    assert len(str(error)) < 1000
    text = shape * (SIZE // 100 // len(shape))
    for before, after in (("", ""), ("quay.io/", "!"), ("https://", "@quay.io")):
        whole = f"{before}{text}{after}"
        for read in (ImageReference.parse, RegistryAddress.parse, DefaultRegistry.parse):
            if (refusal := _outcome(read, whole)) is not None:
                assert 0 <= refusal.span[0] <= refusal.span[1] <= len(refusal.text)
                assert len(str(refusal)) < 1000


# The other errors.


def test_errors_that_name_the_nearest() -> None:
    """R6: what is not found is a LookupError that names the nearest name, if one is near."""
    missing = EnvironmentNotFound("stagin", "staging")
    assert str(missing) == "no environment 'stagin'; the nearest is 'staging'"
    assert str(EnvironmentNotFound("x")) == "no environment 'x'"
    unknown = RegistryNotFound("ci/2", "ci", "ci/1")
    assert str(unknown) == "no registry 'ci/2' in environment 'ci'; the nearest is 'ci/1'"
    assert str(RegistryNotFound("ci/2", "ci")) == "no registry 'ci/2' in environment 'ci'"
    assert isinstance(missing, LookupError)
    assert isinstance(unknown, LookupError)
    assert str(EnvironmentExists("ci")) == "environment 'ci' is there already"


def test_names_in_errors_are_escaped_and_clipped() -> None:
    """R20: an error quotes a hostile name escaped, and only its beginning."""
    name = "\x1b[2J" + "x" * 10_000
    for error in (
        EnvironmentNotFound(name, name),
        RegistryNotFound(name, name, name),
        EnvironmentExists(name),
    ):
        assert "\x1b" not in str(error)
        assert "\\x1b[2Jxxx" in str(error)
        assert len(str(error)) < 400


def test_the_nearest_name() -> None:
    """R20: of many and long names the nearest is found among the first thousand."""
    assert nearest("stagin", ["production", "staging"]) == "staging"
    assert nearest("stagin", []) is None
    assert nearest("stagin", ["zzz"]) is None
    assert nearest("ci/2", (f"ci/{n}" for n in range(1, 1_000_000))) == "ci/2"
    assert nearest("x" * SIZE, ["x" * SIZE]) == "x" * SIZE


def test_errors_about_an_answer() -> None:
    """R14, R7: a denial and a stale answer say what to do next."""
    env = Environment("ci").added("quay.io", username="bot").deactivated("ci/1")
    inactive = resolve("quay.io/a", env)
    assert str(PullDenied(inactive)).endswith("registry-inactive; activate registry ci/1")
    unlisted = resolve("ghcr.io/a", env, Settings(whitelist="quay.io"))
    assert str(PullDenied(unlisted)).endswith("an admin can add ghcr.io to registry.whitelist")
    stale = StaleResolution(inactive, "registry ci/1 was removed")
    assert str(stale) == "quay.io/a in 'ci': registry ci/1 was removed; resolve again"


@pytest.mark.parametrize(
    "error",
    [
        EnvironmentNotFound("stagin", "staging"),
        RegistryNotFound("ci/2", "ci", "ci/1"),
        EnvironmentExists("ci"),
        InvalidCredential("username", "it is empty"),
        InvalidEnvironment("an environment's name is not empty"),
        InvalidSettings("a", (0, 1), "registry", "no", None, "registry.whitelist", 2),
        PullDenied(resolve("quay.io/a", Environment("ci"), Settings(whitelist="ghcr.io"))),
        StaleResolution(resolve("quay.io/a", Environment("ci")), "it changed"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_error_survives_pickling(error: WharfingerError) -> None:
    """R20: an error raised in another process says the same here."""
    back = pickle.loads(pickle.dumps(error))  # noqa: S301  # its own bytes
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert repr(vars(back)) == repr(vars(error))
