"""What is wrong with a refused text: where, by which rule, and what to type instead (R4, R20).

Nothing here decides whether a text is valid; :mod:`wharfinger.core._grammar` does. It is loaded by
the first error.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from wharfinger.core import _grammar
from wharfinger.core.address import read_address, split_address
from wharfinger.core.errors import InvalidAddress, InvalidReference, InvalidSettings
from wharfinger.core.reference import read_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["address_error", "redact", "reference_error", "setting_error"]


class Fault(NamedTuple):
    """A fault: its place in the text, the rule it breaks, and a clause for people."""

    start: int
    end: int
    rule: str
    problem: str

    def moved(self, by: int) -> Fault:
        """The same fault in a longer text.

        Args:
            by: How many characters stand before.

        Returns:
            The fault with its place moved.
        """
        return self._replace(start=self.start + by, end=self.end + by)


_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}+://")
_TAG: Final = re.compile(_grammar.TAG_TEXT)
_DIGEST: Final = re.compile(_grammar.DIGEST_TEXT)
_LONGEST_TAG: Final = 128
_HIDDEN: Final = re.compile("[*]{3}[@\N{FULLWIDTH COMMERCIAL AT}\N{SMALL COMMERCIAL AT}]")
_ODD: Final = re.compile(r"[^A-Za-z0-9._:/@\[\]-]")


def address_error(text: str) -> InvalidAddress:
    """Explain why a text is no registry address.

    Args:
        text: A text that is none.

    Returns:
        The error to raise; user information is gone from it.
    """
    safe = redact(text, digests=False, words=False)
    fault = address_fault(safe)
    return InvalidAddress(
        safe, (fault.start, fault.end), fault.rule, fault.problem, address_repair(safe)
    )


def address_repair(text: str) -> str | None:
    """The address somebody meant.

    Args:
        text: A text that is no address.

    Returns:
        An address, or None.
    """
    candidate = _without_userinfo(_without_scheme(text.strip()))
    for end in "/?#":
        candidate = candidate.partition(end)[0]
    host, colon, port = candidate.rpartition(":")
    dotless = host.removesuffix(".") + colon + port if colon else candidate.removesuffix(".")
    unzoned = re.sub(r"%[^\]]*+", "", candidate) if candidate.count(":") > 1 else candidate
    brackets = f"[{unzoned}]" if unzoned.count(":") > 1 else candidate
    return _first(
        lambda text: read_address(text) is not None, candidate, dotless, unzoned, brackets
    )


def address_fault(text: str) -> Fault:
    """Find the fault in a text that is no address.

    Args:
        text: The text, already redacted.

    Returns:
        The first fault.
    """
    if not text:
        return Fault(0, 0, "empty", "the address is empty")
    return next(_address_faults(text))


def reference_error(text: str) -> InvalidReference:
    """Explain why a text is no image reference.

    Args:
        text: A text that is none.

    Returns:
        The error to raise; user information is gone from it.
    """
    safe = redact(text)
    fault = next(_reference_faults(safe))
    return InvalidReference(
        safe, (fault.start, fault.end), fault.rule, fault.problem, _reference_repair(text, safe)
    )


def setting_error(
    text: str, setting: str, entry: int | None, valid: Callable[[str], bool]
) -> InvalidSettings:
    """Explain why a text is no default registry, whitelist entry or namespace (R11, R14).

    Args:
        text: A text that is none, without blanks around it.
        setting: The setting's name.
        entry: The position of the whitelist entry, or None.
        valid: Whether another text would be one; decides which repair is offered.

    Returns:
        The error to raise; user information is gone from it.
    """
    safe = redact(text, words=False)
    whitelist = entry is not None
    fault = next(_setting_faults(safe, whitelist=whitelist, rooted=setting != "official_namespace"))
    cleaned = _without_userinfo(_without_scheme(safe)).rstrip("/*").rstrip("/")
    head, slash, path = cleaned.partition("/")
    named = (
        f"{address_repair(head) or head}{slash}{path.partition('@')[0].partition(':')[0].lower()}"
    )
    home = f"{_grammar.HUB}/{named}" if whitelist and slash else f"{head}:443{slash}{path}"
    # Behind user information that was only taken for it, a word is no host.
    guesses = [home, cleaned.lower()] if safe == text else []
    repair = _first(valid, named, *guesses) if head else None
    return InvalidSettings(
        safe, (fault.start, fault.end), fault.rule, fault.problem, repair, setting, entry
    )


def redact(text: str, *, digests: bool = True, words: bool = True) -> str:
    """Replace user information, what stands before an ``@`` that starts no digest, by ``***``.

    When in doubt it hides too much: a refused text is only shown to be corrected.

    Args:
        text: Any text, in the form of a reference, an address or a URL.
        digests: Whether the text may hold a digest.
        words: Whether a word after an ``@`` is taken for a mistyped digest.

    Returns:
        The text without its user information.
    """
    scheme = _WEB.match(text)
    start = scheme.end() if scheme else 0
    path, last = text.find("/", start), text.rfind("/")
    for found in reversed(list(_AT.finditer(text))):
        sign = found.start()
        in_authority = bool(start) and not 0 <= path < sign
        if digests and sign > last and not in_authority and _DIGEST_LIKE.match(text, sign + 1):
            continue
        plain = words and not start and ":" not in text[:sign] and _WORD.fullmatch(text, sign + 1)
        if not plain:
            return f"{text[:start]}***{text[sign:]}"
    return text


# Any other word before "://" may be a user name, and what follows a password.
_WEB: Final = re.compile("https?://", re.IGNORECASE)
# Full-width and small forms of "@" are user information to whoever typed them.
_AT: Final = re.compile("[@\N{FULLWIDTH COMMERCIAL AT}\N{SMALL COMMERCIAL AT}]")
_WORD: Final = re.compile(r"[a-z0-9_-]*", re.ASCII)
_DIGEST_LIKE: Final = re.compile(
    r"(?:sha|md|blake)[0-9][a-z0-9+_-]{0,15}:", re.IGNORECASE | re.ASCII
)


def _first(valid: Callable[[str], bool], *candidates: str) -> str | None:
    return next(filter(valid, candidates), None)


def _without_scheme(text: str) -> str:
    found = _SCHEME.match(text)
    return text[found.end() :] if found else text.removeprefix("//")


def _without_userinfo(text: str) -> str:
    return _HIDDEN.split(text)[-1]


def _general_faults(text: str, what: str) -> Iterator[Fault]:
    """What neither a reference nor an address may hold."""
    if found := _SCHEME.match(text):
        yield Fault(*found.span(), "scheme", f"{what} has no scheme")
    if hidden := _HIDDEN.search(text):
        yield Fault(
            *hidden.span(),
            "userinfo",
            f"{what} holds no user name or password (shown as ***); give them as a Credential",
        )
    if found := _ODD.search(text):
        yield Fault(*found.span(), *_odd_character(text, found.start(), what))


def _odd_character(text: str, place: int, what: str) -> tuple[str, str]:
    character = text[place]
    code = f"U+{ord(character):04X}"
    if character == "%" and text[:place].count(":") > 1:
        return "zone-id", f"{what} has no IPv6 zone id"
    if character == " ":
        return "character", f"{what} has no blanks"
    if character < " " or "\x7f" <= character <= "\x9f":
        return "character", f"{what} has no control characters, and this is {code}"
    if "\udc80" <= character <= "\udcff":
        byte = f"0x{ord(character) - 0xDC00:02X}"
        return "character", f"{what} is ASCII, and this byte, {byte}, is not even UTF-8"
    if character > "~":
        import unicodedata

        name = unicodedata.name(character, "a character without a name")
        return "character", f"{what} is ASCII, and this is {code} {name}"
    return "character", f"{what} has no {character!r}"


def _address_faults(text: str) -> Iterator[Fault]:
    yield from _general_faults(text, "an address")
    if (slash := text.find("/")) >= 0:
        yield Fault(slash, len(text), "path", "an address has no path")
    yield from _host_faults(text)


def _host_faults(text: str) -> Iterator[Fault]:
    """The faults of ``host[:port]``; the last of them has no condition."""
    if "[" not in text and text.count(":") > 1:
        yield Fault(0, len(text), "ipv6-brackets", "an IPv6 address stands in brackets")
    host, colon, port = text.rpartition(":")
    if not colon or "]" in port:
        host = text
    elif split_address(f"localhost:{port}") is None:
        start = len(host) + (1 if port else 0)
        yield Fault(start, len(text), "port", "a port is a number from 1 to 65535")
    if host.startswith("["):
        yield Fault(0, len(host if "]" in host else text), "ipv6", "this is no IPv6 address")
    if host.endswith("."):
        yield Fault(len(host) - 1, len(host), "trailing-dot", "a host does not end in a dot")
    good = found.end() if (found := _grammar.HOST_NAME.match(host)) else 0
    yield Fault(
        good,
        min(len(text), good + 1 if good else max(len(host), 1)),
        "host",
        "a host is labels of letters and digits, joined by single dots or by hyphens",
    )


def _reference_faults(text: str) -> Iterator[Fault]:
    """The faults of a reference; the last of them has no condition."""
    what = "an image reference"
    if not text:
        yield Fault(0, 0, "empty", "the image reference is empty")
    yield from _general_faults(text, what)
    if _grammar.is_image_id(text):
        yield Fault(0, 64, "image-id", "this is an image id; a name or name@sha256:<id> is wanted")
    if text[-1:] in {":", "@", "/"}:
        yield Fault(
            len(text) - 1, len(text), "dangling-separator", f"nothing follows the {text[-1:]!r}"
        )
    head, slash, rest = text.partition("/")
    start = 0
    if slash and _grammar.is_registry(head):
        if read_address(head) is None:
            yield next(_host_faults(head))
        start = len(head) + 1
    else:
        rest = text
    name, at, digest = rest.partition("@")
    path, colon, tag = name.partition(":")
    for fault in _path_faults(path):
        yield fault.moved(start)
    if colon and not _TAG.fullmatch(tag):
        yield _tag_fault(tag).moved(start + len(path) + 1)
    if at and not _DIGEST.fullmatch(digest):
        yield _digest_fault(digest).moved(start + len(name) + 1)
    yield Fault(
        start,
        start + len(path),
        "path-length",
        f"a repository has at most {_grammar.MAX_PATH} characters, 'library/' included",
    )


def _setting_faults(text: str, *, whitelist: bool, rooted: bool) -> Iterator[Fault]:
    """The faults of ``host[:port][/path]``; the last of them has no condition."""
    what = "a whitelist entry" if whitelist else "this setting"
    start = 2 if whitelist and text.startswith("*.") else 0
    hidden = _HIDDEN.search(text)
    if whitelist and not hidden and (star := text.find("*", start)) >= 0:
        yield Fault(star, star + 1, "wildcard", "a wildcard is '*.' before a host, and no other")
    for fault in _general_faults(text[start:], what):
        yield fault.moved(start)
    if text.endswith("/"):
        yield Fault(len(text) - 1, len(text), "dangling-separator", "nothing follows the '/'")
    head, slash, path = text[start:].partition("/")
    if not rooted:
        path, after = text, 0
    else:
        after = start + len(head) + len(slash)
        if not start and not _grammar.is_registry(head):
            yield Fault(
                0,
                len(head),
                "registry",
                f"{what} starts with a registry: a host with a dot or a port, or localhost",
            )
        if split_address(head) is None or (start and head.startswith("[")):
            yield next(_host_faults(head)).moved(start)
    if found := re.search("[:@]", path):
        yield Fault(after + found.start(), len(text), "tag", f"{what} has no tag and no digest")
    for fault in _path_faults(path):
        yield fault.moved(after)
    yield Fault(
        after, len(text), "path-length", f"a path has at most {_grammar.MAX_PATH} characters"
    )


def _path_faults(path: str) -> Iterator[Fault]:
    if not path:
        yield Fault(0, 0, "path", "the repository is missing")
    lower = _grammar.PATH.fullmatch(path.lower())
    if lower and (upper := re.search(r"[A-Z]++", path)):
        yield Fault(*upper.span(), "uppercase", "a repository is in lower case")
    if not lower:
        found = _grammar.PATH.match(path.lower())
        good = found.end() if found else 0
        yield Fault(
            good,
            good + 1,
            "path",
            "a repository is words of a-z and 0-9, joined by '/', '.', '_', '__' or hyphens",
        )


def _tag_fault(tag: str) -> Fault:
    found = _TAG.match(tag)
    good = found.end() if found else 0
    if good == _LONGEST_TAG:
        return Fault(good, len(tag), "tag", "a tag has at most 128 characters")
    allowed = "letters, digits and '_', '.' or '-' after the first"
    return Fault(good, min(good + 1, len(tag)), "tag", f"a tag is {allowed}")


def _digest_fault(digest: str) -> Fault:
    algorithm, colon, digits = digest.partition(":")
    if not colon or "@" in digest:
        return Fault(0, len(digest), "digest", "a digest is algorithm:hexadecimal digits")
    if algorithm not in _grammar.HEX_DIGITS:
        known = ", ".join(_grammar.HEX_DIGITS)
        return Fault(0, len(algorithm), "digest-algorithm", f"a digest is one of {known}")
    start, wanted = len(algorithm) + 1, _grammar.HEX_DIGITS[algorithm]
    if found := re.search(r"[^0-9a-f]", digits):
        place = start + found.start()
        return Fault(place, place + 1, "digest", "a digest has hexadecimal digits in lower case")
    return Fault(
        start,
        len(digest),
        "digest-length",
        f"a {algorithm} digest has {wanted} hexadecimal digits, and this has {len(digits)}",
    )


def _reference_repair(text: str, safe: str) -> str | None:
    """The reference somebody meant, never with user information in it."""
    trimmed = (text if safe == text else safe).strip()
    candidate = _without_userinfo(_without_scheme(trimmed)).rstrip(":@/")
    head, slash, rest = candidate.partition("/")
    named = bool(slash) and _grammar.is_registry(head)
    first, cut, _ = trimmed.partition("/")
    host_alone = bool(cut) and _grammar.is_registry(first)
    if not named and (host_alone or candidate != trimmed.rstrip(":@/")):
        return None  # a host alone would be read as a repository
    host = address_repair(head) if named else None
    if host is not None and not _grammar.is_registry(host):
        host = f"{host}:443"
    start = len(head) + 1 if named else 0
    name, at, digest = candidate[start:].partition("@")
    path, colon, tag = name.partition(":")
    lower = candidate[:start] + path.lower() + colon + tag + at + digest.lower()
    return _first(
        lambda text: read_reference(text) is not None,
        candidate,
        lower,
        f"{host}/{rest}" if host else lower,
    )
