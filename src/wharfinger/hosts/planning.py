"""Planning that a host trusts a registry (R23)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

import attrs

from wharfinger.core.address import RegistryAddress
from wharfinger.formats.document import forgetful
from wharfinger.hosts.distributions import Distribution
from wharfinger.hosts.errors import TrustRefused
from wharfinger.hosts.runtimes import by_ca, whoever
from wharfinger.hosts.trustplan import Runtime, TrustPlan

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["plan"]

_Choice = TypeVar("_Choice", bound=StrEnum)


@forgetful
def plan(
    address: RegistryAddress | str,
    *,
    runtime: Runtime | str,
    insecure: bool = False,
    ca: str | bytes | None = None,
    distribution: Distribution | str = Distribution.DEBIAN,
    now: datetime | None = None,
) -> TrustPlan:
    """Plan what a host's files have to say so that it trusts a registry (R23).

    A pure function: nothing is read, not even the clock, and nothing is written. Without *now* the
    dates of a CA are in a remark, and nobody has looked whether it is valid.

    Args:
        address: The registry's address.
        runtime: What is to trust it.
        insecure: Whether any certificate is taken, and plain HTTP.
        ca: Certificates to trust the registry by, in PEM: what the file says, not its name. One of
            *insecure* and *ca* is wanted.
        distribution: For the runtime ``system``: whose way of keeping CAs it is.
        now: The time at which a CA has to be valid, with a time zone; nothing else looks at it.

    Returns:
        The plan.

    Raises:
        InvalidAddress: When the address is none.
        TrustRefused: When a host can't be told so: Docker Hub, an insecure ``system``, or a runtime
            or distribution that is none.
        CertificateRefused: When the CA is nothing to trust the registry by.
        MissingExtra: When a CA is given and ``cryptography`` is not installed.
        TypeError: When *insecure* is no bool, *ca* no text or bytes, or *now* no datetime with a
            time zone.

    Example:
        >>> plan("registry.corp:5000", runtime="docker", insecure=True)
        <TrustPlan registry.corp:5000 for docker: /etc/docker/daemon.json>
    """
    where = address if isinstance(address, RegistryAddress) else RegistryAddress.parse(address)
    to, whose = _chosen(Runtime, runtime), _chosen(Distribution, distribution)
    if not isinstance(insecure, bool):
        raise TypeError(f"insecure is a bool, not {type(insecure).__name__}")
    if insecure == (ca is not None):
        raise TrustRefused(
            "insecure-or-ca",
            "a registry is trusted by a CA or whoever it is, and not by both or neither",
            "give a CA, or say insecure",
        )
    if where.is_docker_hub and to is not Runtime.SYSTEM:
        raise TrustRefused(
            "docker-hub",
            "Docker Hub has a certificate that every host trusts; who shows another is not it",
            "where a proxy breaks its TLS open, trust the proxy's CA with the runtime system",
        )
    if ca is None:
        return whoever(where, to)
    from wharfinger.hosts.certificates import examine

    pem, remarks = examine(ca, where, now, single=to is Runtime.SYSTEM)
    made = by_ca(where, to, pem, whose)
    return attrs.evolve(made, remarks=(*remarks, *made.remarks))


def _chosen(choices: type[_Choice], choice: str) -> _Choice:
    found = next((each for each in choices if each == choice), None)
    if found is None:
        kind = choices.__name__.lower()
        raise TrustRefused(f"no-{kind}", f"{choice!r} is no {kind}", f"take {', '.join(choices)}")
    return found
