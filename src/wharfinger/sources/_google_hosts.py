"""The addresses of Google's registries: whole addresses, and nobody else's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wharfinger.core.address import RegistryAddress

__all__ = ["is_google"]

_HTTPS: Final = 443
# Those that `gcloud auth configure-docker` writes. Other names below gcr.io are fronts of public
# images, which a token is not for.
_CONTAINER_REGISTRY: Final = frozenset(
    {
        "gcr.io",
        "us.gcr.io",
        "eu.gcr.io",
        "asia.gcr.io",
        "marketplace.gcr.io",
        "staging-k8s.gcr.io",
    }
)
# Behind the name of a region or multi-region; `us-python.pkg.dev` is no registry of images.
_ARTIFACT_REGISTRY: Final = "-docker.pkg.dev"
_LOCATION: Final = re.compile(r"[a-z]++[a-z0-9]*+(?:-[a-z0-9]++)*+")


def is_google(address: RegistryAddress) -> bool:
    """Say whether an address is that of one of Google's registries.

    Args:
        address: A registry's address, matched whole (R3).

    Returns:
        True iff it is one of Container Registry's, or a region's of Artifact Registry.

    Example:
        >>> from wharfinger import RegistryAddress
        >>> hosts = ["eu.gcr.io", "europe-west1-docker.pkg.dev", "eu.gcr.io.evil.test"]
        >>> [is_google(RegistryAddress.parse(host)) for host in hosts]
        [True, True, False]
    """
    if address.port != _HTTPS:
        return False
    if address.host in _CONTAINER_REGISTRY:
        return True
    location = address.host.removesuffix(_ARTIFACT_REGISTRY)
    return location != address.host and _LOCATION.fullmatch(location) is not None
