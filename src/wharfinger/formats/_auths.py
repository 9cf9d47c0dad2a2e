"""``auths``: credentials by registry, as config.json, auth.json and Kubernetes Secrets hold them.

What docker does with an entry was read in its command line's ``cli/config``, what podman does in
containers/image's ``pkg/docker/config``.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Final, NamedTuple

import attrs

from wharfinger.core._faults import redact
from wharfinger.core._grammar import PATH
from wharfinger.core.address import RegistryAddress, read_address
from wharfinger.core.credential import Credential, CredentialKind, Secret
from wharfinger.core.diagnose import Diagnostic
from wharfinger.core.errors import InvalidAddress, InvalidCredential
from wharfinger.formats._json_text import kind
from wharfinger.formats.document import DocumentError, place

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

__all__ = [
    "DOCKER",
    "MEMBERS",
    "TOKEN_USERNAME",
    "AuthEntry",
    "Lookup",
    "counting",
    "key",
    "read_auths",
    "read_key",
    "wire",
]

HUB_KEY: Final = "https://index.docker.io/v1/"
TOKEN_USERNAME: Final = "<token>"  # noqa: S105  # docker's word for "no username, the secret is an identity token"
MEMBERS: Final = ("auth", "username", "password", "email", "identitytoken", "registrytoken")
"""The members of an entry that say its credential."""

_SCHEME: Final = re.compile("https?://")
_API: Final = re.compile(r"v[12](?:/|\Z)")
_LEFTOVERS: Final = frozenset({"access-token", "refresh-token"})
_TOKENS: Final = {
    CredentialKind.IDENTITY_TOKEN: "identitytoken",
    CredentialKind.REGISTRY_TOKEN: "registrytoken",
}


@attrs.frozen
class AuthEntry:
    """One entry of ``auths`` that can be used.

    Args:
        key: Its key, as written.
        place: Where it stands in the document.
        address: The registry its key names (R3).
        path: The namespace or repository below the registry that its key names; empty for all of
            the registry.
        credential: The credential; None where the entry is empty, which says that a credential
            helper holds it.
    """

    key: str
    place: str
    address: RegistryAddress
    path: str
    credential: Credential | None


class Lookup(NamedTuple):
    """How a client finds an entry.

    Args:
        client: Its name.
        rank: How it finds an entry: 0 by the very key it looks for, 1 where that is missing, 2
            never.
        scope: What two entries have in common that it takes one of.
        wanted: The key it looks for.
    """

    client: str
    rank: Callable[[AuthEntry], int]
    scope: Callable[[AuthEntry], Hashable]
    wanted: Callable[[AuthEntry], str]


def key(address: RegistryAddress) -> str:
    """Return the key that docker looks up for images of a registry.

    Args:
        address: The registry's address.

    Returns:
        ``https://index.docker.io/v1/`` for Docker Hub, the canonical address for any other.

    Example:
        >>> from wharfinger import RegistryAddress
        >>> key(RegistryAddress.parse("docker.io")), key(RegistryAddress.parse("Quay.io:443"))
        ('https://index.docker.io/v1/', 'quay.io')
    """
    return HUB_KEY if address.is_docker_hub else str(address)


def _docker_rank(entry: AuthEntry) -> int:
    wanted = key(entry.address)
    if entry.key == wanted:
        return 0
    # For a missing key it tries the hosts of all others, in no fixed order, and not for the Hub.
    scheme = _SCHEME.match(entry.key)
    host = entry.key[scheme.end() if scheme else 0 :].partition("/")[0]
    bare_ipv6 = scheme is not None and host.endswith(
        "]"
    )  # the brackets go, and the match with them
    return 1 if host == wanted and not bare_ipv6 else 2


DOCKER: Final = Lookup(
    "docker", _docker_rank, lambda entry: entry.address, lambda entry: key(entry.address)
)


def wire(credential: Credential, *path: str) -> dict[str, str]:
    """Write one entry of ``auths``, as docker writes it.

    Args:
        credential: The credential.
        path: Where the entry will stand, for the error.

    Returns:
        The members of the entry: ``auth``, perhaps ``identitytoken`` or ``registrytoken``, perhaps
        ``email``.

    Raises:
        DocumentError: When the entry could not say the credential.

    Example:
        >>> wire(Credential("ci", Secret("hunter2")))
        {'auth': 'Y2k6aHVudGVyMg=='}
    """
    problem = _unwritable(credential)
    if problem:
        raise DocumentError(place(*path), problem)
    username, secret = credential.username, credential.secret
    token = _TOKENS.get(credential.kind)
    shown = f"{username}:{'' if token else secret.reveal()}"
    members = {"auth": b64encode(shown.encode()).decode()}
    if token:
        members[token] = secret.reveal()
    if credential.email:
        members["email"] = credential.email
    return members


def _unwritable(credential: Credential) -> str:
    try:
        credential.check()
    except InvalidCredential as error:
        return f"the credential is refused: {error}"
    text = credential.secret.reveal()
    if credential.kind is CredentialKind.PASSWORD and text != text.strip("\0"):
        return "a password that starts or ends with NUL is cut by docker and podman"
    return ""


def read_auths(
    auths: object, *path: str | int, lookup: Lookup = DOCKER
) -> tuple[list[AuthEntry], list[Diagnostic]]:
    """Read ``auths``, entry by entry.

    Args:
        auths: The object; None is an empty one.
        path: The names of the members that lead to it.
        lookup: How the client that the document is for finds an entry.

    Returns:
        The entries that can be used, in their order, and a remark on each that can't, or that will
        surprise. Entries of one registry are all there: the remark says which one the client takes,
        and :func:`counting` picks it.

    Raises:
        DocumentError: When it is no object.
    """
    if auths is None:
        return [], []
    if not isinstance(auths, dict):
        raise DocumentError(place(*path), f"an object is wanted, and this is {kind(auths)}")
    entries: list[AuthEntry] = []
    diagnostics: list[Diagnostic] = []
    for name, members in auths.items():
        where = place(*path, name)
        read = read_key(name, where)
        if isinstance(read, Diagnostic):
            diagnostics.append(read)
            continue
        reader = _Reader(where, diagnostics)
        if reader.read(members):
            entries.append(AuthEntry(name, where, *read, reader.credential))
    diagnostics += _overlaps(entries, lookup)
    return entries, diagnostics


def counting(
    entries: Iterable[AuthEntry], lookup: Lookup = DOCKER
) -> dict[RegistryAddress, Credential]:
    """Pick the entry of each registry that counts.

    Args:
        entries: Entries of one document.
        lookup: How the client that the document is for finds an entry.

    Returns:
        The credential of each registry. An entry for a namespace is no entry for its registry
        (R19), and an empty one has none.
    """
    best: dict[RegistryAddress, AuthEntry] = {}
    for entry in entries:
        if entry.credential is None or entry.path:
            continue
        other = best.get(entry.address)
        if other is None or lookup.rank(entry) <= lookup.rank(other):
            best[entry.address] = entry
    return {
        address: entry.credential for address, entry in best.items() if entry.credential is not None
    }


def read_key(name: str, where: str) -> tuple[RegistryAddress, str] | Diagnostic:
    """Read the key of an entry.

    Args:
        name: The key.
        where: The entry's place.

    Returns:
        The registry's address, and the path below it that the key is limited to; or what is wrong.
    """
    if redact(name, digests=False, words=False) != name:
        return Diagnostic(
            "key-user-information",
            "R4",
            "a key holds no user name or password (shown as ***)",
            "name the registry alone, and give the credential inside the entry",
            where,
        )
    scheme = _SCHEME.match(name)
    host, _, rest = name[scheme.end() if scheme else 0 :].partition("/")
    address = read_address(host)
    if address is None:
        return _bad_host(host, where)
    if scheme or rest in {"v1/", "v2/"}:
        rest = _API.sub("", rest, count=1)
    if address.is_docker_hub and rest in _LEFTOVERS:
        return Diagnostic(
            "desktop-leftover",
            "R2",
            "Docker Desktop left this; it is no credential for Docker Hub, though some clients "
            "take it for one",
            f"remove it; Docker Hub's key is {HUB_KEY}",
            where,
        )
    below = rest.removesuffix("/")
    if below and not PATH.fullmatch(below):
        return Diagnostic(
            "key-malformed",
            "R4",
            "what follows the registry is no repository, so no image is below it",
            "name a namespace or a repository, without a tag",
            where,
        )
    return address, below


def _bad_host(host: str, where: str) -> Diagnostic:
    if host.startswith("*."):
        return Diagnostic(
            "key-wildcard",
            "R3",
            "the key has a wildcard, which the kubelet alone understands",
            "write an entry for each registry",
            where,
        )
    try:
        RegistryAddress.parse(host)
    except InvalidAddress as error:
        repair = error.repair
        problem = error.problem
    return Diagnostic(
        "key-malformed",
        "R4",
        f"the key names no registry: {problem}",
        f"write {repair}" if repair else "write host[:port]",
        where,
    )


class _Reader:
    """Reads one entry, and remarks on it."""

    def __init__(self, where: str, diagnostics: list[Diagnostic]) -> None:
        self.where = where
        self.diagnostics = diagnostics
        self.credential: Credential | None = None

    def remark(self, code: str, rule: str, message: str, repair: str, member: str = "") -> None:
        where = f"{self.where}.{member}" if member else self.where
        self.diagnostics.append(Diagnostic(code, rule, message, repair, where))

    def read(self, members: object) -> bool:
        """Read the credential; False where the entry can't be used."""
        if not isinstance(members, dict):
            self.remark(
                "entry-malformed",
                "R20",
                f"an entry is an object, and this is {kind(members)}",
                'write {"auth": "…"}',
            )
            return False
        for name in members:
            if name not in MEMBERS and isinstance(name, str) and name.casefold() in MEMBERS:
                self.remark(
                    "member-misspelt",
                    "R20",
                    "docker reads a member in any case, and others do not",
                    f"write {name.casefold()}",
                    member=place(name),
                )
        texts: dict[str, str] = {}
        for name in MEMBERS:
            value = members.get(name)
            if isinstance(value, str):
                texts[name] = value
            elif value is not None:
                self.remark(
                    "entry-malformed",
                    "R20",
                    f"a string is wanted, and this is {kind(value)}",
                    "write it in quotation marks",
                    member=name,
                )
                if name != "email":  # nobody's credential depends on it
                    return False
        return self._read(texts)

    def _read(self, texts: dict[str, str]) -> bool:
        given = {name: text for name, text in texts.items() if text}
        username, password = given.get("username", ""), Secret(given.get("password", ""))
        if "auth" in given:
            decoded = self._decoded(given["auth"])
            if decoded is None:
                return False
            if (username and username != decoded[0]) or (
                password.reveal() and password != decoded[1]
            ):
                self.remark(
                    "entry-contradicts-itself",
                    "R20",
                    "username and password say something else than auth, which docker, podman and "
                    "the kubelet go by",
                    "remove username and password",
                )
            username, password = decoded
        found = [
            (kind, Secret(given[member]))
            # The order in which docker takes them.
            for kind, member in reversed(_TOKENS.items())
            if member in given
        ]
        if password.reveal():
            found.append((CredentialKind.PASSWORD, password))
        if not found and not username and "auth" not in given:
            return True
        if len(found) > 1:
            self.remark(
                "entry-has-several-secrets",
                "R20",
                "of a registrytoken, an identitytoken and a password docker prefers them in this "
                "order; this reads the first alone",
                "keep one",
            )
        chosen, secret = found[0] if found else (CredentialKind.PASSWORD, password)
        if chosen is not CredentialKind.PASSWORD and not username:
            username = TOKEN_USERNAME
        return self._check(
            Credential(username, secret, given.get("email"), chosen), "auth" in given
        )

    def _check(self, credential: Credential, encoded: bool) -> bool:
        try:
            credential.check()
        except InvalidCredential as error:
            part, problem = error.part, error.problem
        else:
            self.credential = credential
            return True
        member = _TOKENS.get(credential.kind, "auth" if encoded else "password")
        if part == "username":
            member = "auth" if encoded else "username"
        self.remark(
            "credential-refused",
            "R9",
            f"the {part} cannot be used: {problem}",
            "log in again",
            member=member,
        )
        return False

    def _decoded(self, auth: str) -> tuple[str, Secret] | None:
        """The username and the password of a text in base64."""
        auth = auth.replace("\n", "").replace("\r", "")  # as Go's decoder does
        bare = auth.rstrip("=")
        padded = bare + "=" * (-len(bare) % 4)
        if padded != auth:
            self.remark(
                "auth-padding",
                "R20",
                "its base64 is not padded as it should be; the kubelet reads it, docker refuses "
                "the whole document",
                "write it again with its padding",
                member="auth",
            )
        try:
            raw = b64decode(padded, validate=True)
        except (binascii.Error, ValueError):
            raw = None
        if raw is None:
            self.remark(
                "auth-malformed", "R20", "it is no base64", "write base64 of user:password", "auth"
            )
            return None
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
            self.remark(
                "auth-latin-1",
                "R20",
                "its text is not UTF-8, and was read as Latin-1",
                "log in again if the registry wants UTF-8",
                member="auth",
            )
        username, colon, password = text.partition(":")
        if not colon:
            self.remark(
                "auth-malformed",
                "R20",
                "its text has no ':' between a username and a password; docker refuses the whole "
                "document",
                "write base64 of user:password",
                member="auth",
            )
            return None
        return username, Secret(password.strip("\0"))


def _overlaps(entries: list[AuthEntry], lookup: Lookup) -> Iterator[Diagnostic]:
    """Remark on entries of which a client takes another, or which it never finds."""
    groups: dict[Hashable, list[AuthEntry]] = {}
    for entry in entries:
        groups.setdefault(lookup.scope(entry), []).append(entry)
    for group in groups.values():
        ranks = [lookup.rank(entry) for entry in group]
        best = min(ranks)
        chosen = len(ranks) - 1 - ranks[::-1].index(best)
        tied = ranks.count(best) > 1
        for position, entry in enumerate(group):
            if position != chosen:
                yield _overlap(entry, group[chosen], lookup, best, tied=tied)
            elif best > 1:
                yield Diagnostic(
                    "key-not-looked-up",
                    "R3",
                    f"{lookup.client} never finds it by this key",
                    f"write {lookup.wanted(entry)!r}",
                    entry.place,
                )


def _overlap(
    entry: AuthEntry, chosen: AuthEntry, lookup: Lookup, best: int, *, tied: bool
) -> Diagnostic:
    if best == 0 or (best == 1 and not tied):
        says = f"{lookup.client} takes that one"
    elif best == 1:
        says = f"{lookup.client} takes any of them, in no fixed order"
    else:
        says = f"{lookup.client} finds neither"
    return Diagnostic(
        "key-repeated",
        "R3",
        f"it names the same registry as {chosen.place}; {says}",
        "keep one of them",
        entry.place,
    )
