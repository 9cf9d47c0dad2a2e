"""The addresses of Amazon's registries, in every partition: whole addresses, and nobody else's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from wharfinger.core.address import RegistryAddress

__all__ = ["ECRHost", "read_host"]

_HTTPS: Final = 443
_LONGEST_LABEL: Final = 63  # RFC 1035, section 2.3.4
# A domain of registries -> what names of its partition's regions begin with; none where they begin
# as they like, but not as those of another partition. Endpoints of other partitions are no places
# for a token to go, so a region must be where its domain is.
_DOMAINS: Final = {
    "amazonaws.com": "",  # the commercial partition, and us-gov-
    "on.aws": "",
    "amazonaws.com.cn": "cn-",
    "on.amazonwebservices.com.cn": "cn-",
    "amazonaws.eu": "eusc-",
    "c2s.ic.gov": "us-iso-",
    "sc2s.sgov.gov": "us-isob-",
    "cloud.adc-e.uk": "eu-isoe-",
    "csp.hci.ic.gov": "us-isof-",
}
_ELSEWHERE: Final = tuple({prefix for prefix in _DOMAINS.values() if prefix})
_PRIVATE: Final = re.compile(
    r"(?P<account>[0-9]{12})\.dkr[.-]ecr(?P<fips>-fips)?"
    r"\.(?P<region>[a-z]++(?:-[a-z0-9]++)++)\.(?P<domain>[a-z0-9.-]++)"
)
_PUBLIC: Final = frozenset({"public.ecr.aws", "ecr-public.aws.com"})
# The only region whose API makes tokens for it (Amazon ECR Public user guide, "Registry
# authentication").
_PUBLIC_REGION: Final = "us-east-1"


@attrs.frozen
class ECRHost:
    """What the address of one of Amazon's registries says.

    Args:
        account: The account's twelve digits; empty for the public registry.
        region: The region whose API makes the token.
        fips: Whether it is an endpoint validated by FIPS 140.
    """

    account: str
    region: str
    fips: bool = False

    @property
    def is_public(self) -> bool:
        """Whether it is the public registry."""
        return not self.account


def read_host(address: RegistryAddress) -> ECRHost | None:
    """Read the address of one of Amazon's registries.

    Args:
        address: A registry's address, matched whole (R3).

    Returns:
        What it says; None where it is not Amazon's.

    Example:
        >>> from wharfinger import RegistryAddress
        >>> read_host(RegistryAddress.parse("123456789012.dkr.ecr.eu-west-1.amazonaws.com"))
        ECRHost(account='123456789012', region='eu-west-1', fips=False)
        >>> read_host(RegistryAddress.parse("1.dkr.ecr.eu-west-1.amazonaws.com.evil.test"))
    """
    if address.port != _HTTPS:
        return None
    if address.host in _PUBLIC:
        return ECRHost("", _PUBLIC_REGION)
    found = _PRIVATE.fullmatch(address.host)
    if found is None:
        return None
    region, prefix = found["region"], _DOMAINS.get(found["domain"])
    if prefix is None or len(region) > _LONGEST_LABEL:
        return None
    belongs = region.startswith(prefix) if prefix else not region.startswith(_ELSEWHERE)
    return ECRHost(found["account"], region, found["fips"] is not None) if belongs else None
