"""What surprises in a prefix of ``registries.conf`` and in a scope of ``policy.json`` alike."""

from __future__ import annotations

from wharfinger.core.diagnose import Diagnostic

__all__ = ["surprise"]


def surprise(text: str, where: str) -> Diagnostic | None:
    """Remark on a host that is not what somebody may have meant.

    Args:
        text: A prefix or a scope: a host, perhaps with a path, a tag or a digest.
        where: Its place.

    Returns:
        The remark, if there is one.

    Example:
        >>> print(surprise("EVIL.test", "registry[0].location"))
        registry[0].location: upper-case (R3): containers compare hosts as text, so it matches \
this spelling and no other; write it in lower case
    """
    host, _, below = text.partition("/")
    name = below.partition("@")[0].partition(":")[0]
    if host == "index.docker.io":
        return Diagnostic(
            "never-matches",
            "R2",
            "containers read index.docker.io as docker.io before they look",
            "write docker.io",
            where,
        )
    if host != host.lower():
        return Diagnostic(
            "upper-case",
            "R3",
            "containers compare hosts as text, so it matches this spelling and no other",
            "write it in lower case",
            where,
        )
    if host == "docker.io" and below and "/" not in below and name != "library":
        return Diagnostic(
            "official-image",
            "R13",
            "it is about a user of Docker Hub, and not about an official image",
            "write docker.io/library/ before the name if that is meant",
            where,
        )
    return None
