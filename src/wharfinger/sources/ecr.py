"""Tokens for Amazon's registries (R21), in every partition, by many identities at once."""

from __future__ import annotations

import binascii
import logging
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import attrs
from typing_extensions import override

from wharfinger._extras import missing_extra
from wharfinger.core.address import RegistryAddress, read_address
from wharfinger.core.credential import Credential, Secret
from wharfinger.core.errors import InvalidCredential
from wharfinger.formats.document import forgetful
from wharfinger.sources._aws_errors import explained
from wharfinger.sources._ecr_hosts import ECRHost, read_host
from wharfinger.sources._quiet import discreet, quiet
from wharfinger.sources.source import Issued, SourceError

if TYPE_CHECKING:
    from typing import TypeAlias

    # boto3 makes its clients, and their methods, at run time.
    _Boto: TypeAlias = Any

__all__ = ["AWSIdentity", "ECRSource"]

_LOG: Final = logging.getLogger("wharfinger.sources")
_USERNAME: Final = "AWS"
# Amazon ECR user guide, "Private registry authentication".
_LIFE: Final = timedelta(hours=12)
_ACCOUNT: Final = re.compile("[0-9]{12}")
_IN_ROLE: Final = "{account}"
_ROLE: Final = re.compile(
    r"arn:aws[a-z-]*+:iam::(?:[0-9]{12}|\{account\}):role/[A-Za-z0-9+=,.@_/{}-]++"
)
_SESSION_NAME: Final = "wharfinger"
_CONNECT_SECONDS: Final = 5
_READ_SECONDS: Final = 10
_SCHEME: Final = "https://"


@attrs.frozen
class AWSIdentity:
    """By whose right a token is asked for.

    Args:
        profile: A profile of AWS's configuration files; None for the credentials that boto3 finds.
        role: The ARN of a role to assume; ``{account}`` in it is the account that is asked for.

    Raises:
        TypeError: When one of them is no text.
        ValueError: When the role is no ARN of a role, or the profile's name can't be printed.

    Example:
        >>> AWSIdentity(role="arn:aws:iam::{account}:role/pull")
        AWSIdentity(profile=None, role='arn:aws:iam::{account}:role/pull')
    """

    profile: str | None = None
    role: str | None = None

    def __attrs_post_init__(self) -> None:
        for what, given in (("profile", self.profile), ("role", self.role)):
            if given is not None and not isinstance(given, str):
                raise TypeError(f"a {what} is a str, not {type(given).__name__}")
        if self.profile is not None and not (self.profile and self.profile.isprintable()):
            raise ValueError("a profile has a name that can be printed; leave it out for none")
        if self.role is not None and not _ROLE.fullmatch(self.role):
            raise ValueError("a role is its ARN: arn:aws:iam::123456789012:role/name")

    @override
    def __str__(self) -> str:
        """What logs show."""
        return " ".join(filter(None, (self.profile, self.role)))

    def of(self, host: ECRHost) -> AWSIdentity | None:
        """The identity for one registry; None where its role needs an account and there is none."""
        if self.role is None or _IN_ROLE not in self.role:
            return self
        if host.is_public:
            return None
        return attrs.evolve(self, role=self.role.replace(_IN_ROLE, host.account))


class ECRSource:
    """Makes tokens for Amazon's registries, of any account, region and partition (R21).

    Amazon binds a token to the identity that asks and to a region, and says that it opens every
    registry there that the identity may use; naming an account changes nothing about that (ECR API
    reference, ``GetAuthorizationToken``: ``registryIds`` is deprecated). So accounts are not named,
    and who may pull from which is said by the policies of IAM and of the repositories. A token
    here is nevertheless one account's and region's, as the registries are.

    Args:
        identities: By whose right to ask: keys are accounts (``123456789012``) or addresses, of
            which an address counts more.
        default: By whose right to ask for all others; None not to serve them.
        endpoint_url: Where the API is, for ECR and STS alike; None for Amazon's own, or what
            ``AWS_ENDPOINT_URL`` and the like say.
        clock: What says the time, with its time zone.

    Raises:
        MissingExtra: When boto3 is not installed.
        TypeError: When identities are no mapping, or an identity is no :class:`AWSIdentity`.
        ValueError: When a key is neither an account nor the address of one of Amazon's registries,
            or the endpoint is no URL, or has user information.

    Example:
        >>> from wharfinger import RegistryAddress
        >>> source = ECRSource({"210987654321": AWSIdentity(profile="audit")})
        >>> source.token(RegistryAddress.parse("123456789012.dkr.ecr.eu-west-1.amazonaws.com"))
        'ecr 123456789012 eu-west-1'
        >>> source.token(RegistryAddress.parse("210987654321.dkr.ecr.cn-north-1.amazonaws.com.cn"))
        'ecr 210987654321 cn-north-1 as audit'
        >>> source.token(RegistryAddress.parse("public.ecr.aws"))
        'ecr public us-east-1'
        >>> source.token(RegistryAddress.parse("quay.io"))
    """

    @discreet
    def __init__(
        self,
        identities: Mapping[str, AWSIdentity] | None = None,
        *,
        default: AWSIdentity | None = AWSIdentity(),
        endpoint_url: str | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        try:
            import boto3  # noqa: F401  # better missed now than in a night
        except ImportError as error:
            missing = missing_extra("ECRSource", error)
            if missing is None:
                raise
            raise missing from None
        if identities is not None and not isinstance(identities, Mapping):
            raise TypeError(
                "identities are a mapping, {'123456789012': AWSIdentity(…)}, not "
                f"{type(identities).__name__}"
            )
        self._identities = {
            _key(key): _checked(identity) for key, identity in (identities or {}).items()
        }
        self._default = None if default is None else _checked(default)
        self._endpoint_url = None if endpoint_url is None else _endpoint(endpoint_url)
        self._clock = clock
        self._lock = Lock()
        self._sessions: dict[str | None, _Boto] = {}
        self._clients: dict[tuple[object, ...], _Boto] = {}

    def token(self, address: RegistryAddress) -> str | None:
        """Name the token of one of Amazon's registries: its account and region.

        Args:
            address: A registry's address.

        Returns:
            The token's name; None where the registry is not Amazon's, or not one of those to serve.
        """
        host = read_host(address)
        identity = None if host is None else self._identity(address, host)
        return None if host is None or identity is None else _name(host, identity)

    @forgetful
    def issue(self, address: RegistryAddress) -> Issued:
        """Ask Amazon for a token.

        Args:
            address: The address of one of Amazon's registries.

        Returns:
            The username ``AWS`` and the token, and when it ends. An end that is past, or that
            Amazon does not say, is taken for one in 12 hours, and logged; one that is later, for
            the error of a clock.

        Raises:
            SourceError: When there is none. It is passing where Amazon is busy, failing, or not
                to be reached.
        """
        host = read_host(address)
        identity = None if host is None else self._identity(address, host)
        if host is None or identity is None:
            raise SourceError(f"{address} is no registry of Amazon's that this source serves")
        what = f"no ECR token for {address}"
        try:
            with quiet():
                data = self._data(host, identity)
        except Exception as error:  # noqa: BLE001  # each of boto3's is told in our words
            self._forget(identity)
            raise explained(error, what, public=host.is_public) from None
        credential = _credential(data, what)
        if not host.is_public:
            _check_endpoint(data, host, what)
        return Issued(credential, self._end(data, _name(host, identity)))

    def _identity(self, address: RegistryAddress, host: ECRHost) -> AWSIdentity | None:
        """Whose right it is to ask for a registry's token."""
        known = self._identities
        found = known.get(str(address)) or known.get(host.account) or self._default
        return None if found is None else found.of(host)

    def _data(self, host: ECRHost, identity: AWSIdentity) -> Mapping[str, Any]:
        """What Amazon says, or nothing."""
        answer = self._client(host, identity).get_authorization_token()
        data = answer.get("authorizationData")
        if isinstance(data, list):  # the public registry's is no list
            data = data[0] if len(data) == 1 else {}
        return data if isinstance(data, dict) else {}

    def _client(self, host: ECRHost, identity: AWSIdentity) -> _Boto:
        """A client of the API; threads share it."""
        service = "ecr-public" if host.is_public else "ecr"
        # boto3's sessions, and so the making of clients, are not for several threads.
        with self._lock:
            if identity.profile not in self._sessions:
                self._sessions[identity.profile] = _session(profile_name=identity.profile)
            session = self._sessions[identity.profile]
            if identity.role is None:
                return self._kept(session, service, host, identity)
            tokens = self._kept(session, "sts", host, identity)
        assumed = tokens.assume_role(RoleArn=identity.role, RoleSessionName=_SESSION_NAME)
        keys = assumed["Credentials"]
        # Not kept: the role's own credentials end long before another token is wanted.
        own = _session(
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )
        return self._made(own, service, host)

    def _kept(self, session: _Boto, service: str, host: ECRHost, identity: AWSIdentity) -> _Boto:
        key = (service, host.region, host.fips, identity.profile)
        if key not in self._clients:
            self._clients[key] = self._made(session, service, host)
        return self._clients[key]

    def _made(self, session: _Boto, service: str, host: ECRHost) -> _Boto:
        from botocore.config import Config

        fips = {"use_fips_endpoint": True} if host.fips and self._endpoint_url is None else {}
        config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            # An updater tries again, and `retrying` does at once: never both and boto3 as well.
            retries={"mode": "standard", "total_max_attempts": 1},
            **fips,
        )
        return session.client(
            service, region_name=host.region, endpoint_url=self._endpoint_url, config=config
        )

    def _forget(self, identity: AWSIdentity) -> None:
        """After a failure AWS's files are read anew: keys in them may have been rotated."""
        with self._lock:
            self._sessions.pop(identity.profile, None)
            for key in [key for key in self._clients if key[-1] == identity.profile]:
                del self._clients[key]

    def _end(self, data: Mapping[str, Any], name: str) -> datetime:
        """When a token ends: in 12 hours at most."""
        now = self._clock().astimezone(UTC)
        latest = now + _LIFE
        told = data.get("expiresAt")
        if isinstance(told, datetime):
            end = told.replace(tzinfo=UTC) if told.utcoffset() is None else told
            # Only then into UTC: the first and the last day of the calendar may have none there.
            if end > now:
                return min(end, latest).astimezone(UTC)
        fields = {"token": name, "expires_at": latest.isoformat(timespec="seconds")}
        _LOG.warning(
            "its end is past or not told, so 12 hours are assumed", extra={"wharfinger": fields}
        )
        return latest


def _session(**options: str | None) -> _Boto:
    import boto3

    return boto3.Session(**options)


def _checked(identity: object) -> AWSIdentity:
    if not isinstance(identity, AWSIdentity):
        raise TypeError(
            "an identity is AWSIdentity(profile=…) or AWSIdentity(role=…), not "
            f"{type(identity).__name__}"
        )
    return identity


def _endpoint(url: str) -> str:
    if not isinstance(url, str):
        raise TypeError(f"an endpoint is a str, not {type(url).__name__}")
    if not url.startswith(("https://", "http://")):
        raise ValueError("an endpoint is a URL: https://host, or http://host")
    if "@" in url:
        raise ValueError("an endpoint has no user information: AWS credentials are boto3's")
    return url


def _key(key: str) -> str:
    """An account, or the canonical address of one of Amazon's registries."""
    if not isinstance(key, str):
        raise TypeError(
            f"an identity is given for an account or an address as str, not {type(key).__name__}"
        )
    if _ACCOUNT.fullmatch(key):
        return key
    address = read_address(key)
    if address is None or read_host(address) is None:
        raise ValueError("an identity is given for an account's twelve digits, or for an address")
    return str(address)


def _name(host: ECRHost, identity: AWSIdentity) -> str:
    fips = " fips" if host.fips else ""
    whose = f" as {identity}" if str(identity) else ""
    return f"ecr {host.account or 'public'} {host.region}{fips}{whose}"


def _credential(data: Mapping[str, Any], what: str) -> Credential:
    """The credential that an answer holds: ``AWS:`` and a password, in base64."""
    coded = data.get("authorizationToken")
    if not coded:
        raise SourceError(f"{what}: Amazon's answer has none", passing=True)
    try:
        text = b64decode(coded, validate=True).decode("ascii")
    except (binascii.Error, ValueError, TypeError):
        text = ""
    username, colon, password = text.partition(":")
    if username != _USERNAME or not colon or any(c.isspace() for c in password):
        raise SourceError(f"{what}: Amazon's answer holds something else, which is not used")
    credential = Credential(username, Secret(password))
    try:
        return credential.check()
    except InvalidCredential as error:
        raise SourceError(f"{what}: Amazon's answer can't be used: {error}") from None


def _check_endpoint(data: Mapping[str, Any], host: ECRHost, what: str) -> None:
    """Refuse the token of another region (R19).

    The account need not be the one that was asked for: the answer names the identity's own, and the
    token opens the others' registries that it may use.
    """
    endpoint = data.get("proxyEndpoint")
    url = endpoint if isinstance(endpoint, str) else ""
    address = read_address(url.removeprefix(_SCHEME)) if url.startswith(_SCHEME) else None
    found = None if address is None else read_host(address)
    if found is None or found.region != host.region:
        raise SourceError(
            f"{what}: Amazon's answer is for another registry, so it is not used; "
            "check the endpoint URL"
        )
