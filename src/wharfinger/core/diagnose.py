"""Lint: what an admin would want to be told about an environment under its settings (R12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wharfinger.core._grammar import HUB
from wharfinger.core.address import RegistryAddress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wharfinger.core.environment import Environment
    from wharfinger.core.settings import Settings

__all__ = ["Diagnostic", "lint"]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One remark.

    Args:
        code: Its name, short and stable.
        rule: The number of the rule it follows from.
        message: The remark, for people.
        repair: What to do about it.
        place: Where in a document, ``auths["quay.io"].auth`` for one; empty where there is none.

    Example:
        >>> str(Diagnostic("whitelist-blank", "R12", "the whitelist is blank", "remove it"))
        'whitelist-blank (R12): the whitelist is blank; remove it'
    """

    code: str
    rule: str
    message: str
    repair: str
    place: str = ""

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.code} ({self.rule}): {self.message}; {self.repair}"


def lint(environment: Environment, settings: Settings) -> tuple[Diagnostic, ...]:
    """Remark on settings that will surprise somebody in an environment.

    Args:
        environment: The environment.
        settings: The admin's settings.

    Returns:
        The remarks, none where there is nothing to say. Their codes are
        ``default-registry-not-added``, ``default-registry-inactive``,
        ``default-registry-not-whitelisted``, ``whitelist-blank``, ``whitelist-official-image`` and
        ``whitelist-never-matches``.

    Example:
        >>> from wharfinger import Environment, Settings
        >>> [remark.code for remark in lint(Environment("ci"), Settings(whitelist="quay.io"))]
        ['default-registry-not-whitelisted']
    """
    return (*_default_registry(environment, settings), *_whitelist(settings))


def _default_registry(environment: Environment, settings: Settings) -> Iterator[Diagnostic]:
    default = settings.default_registry
    registry = environment.in_force(default.address)
    # Docker Hub serves most of its images to anyone; another default is mostly private.
    if registry is None and not default.address.is_docker_hub:
        yield Diagnostic(
            "default-registry-not-added",
            "R12",
            f"no registry is added for the default registry {default}, so it is pulled from "
            "without a credential",
            f"add {default.address} to {environment.name} if it needs one",
        )
    if registry is not None and not registry.is_active:
        yield Diagnostic(
            "default-registry-inactive",
            "R12",
            f"the registry in force for the default registry {default} is inactive, so no "
            "reference without a registry is allowed",
            f"activate {registry.id}",
        )
    if not settings.whitelist.could_match(default.address, default.prefix):
        yield Diagnostic(
            "default-registry-not-whitelisted",
            "R12",
            f"no whitelist entry could match the default registry {default}, so no reference "
            "without a registry is allowed",
            f"add {default} to registry.whitelist",
        )


def _whitelist(settings: Settings) -> Iterator[Diagnostic]:
    whitelist = settings.whitelist
    if whitelist.blank:
        yield Diagnostic(
            "whitelist-blank",
            "R12",
            "the whitelist was given as text without an entry, so nothing is restricted",
            "name a registry, or leave the setting out",
        )
    for entry in whitelist.entries:
        registry, slash, path = entry.partition("/")
        if registry == HUB and slash and "/" not in path and path != "library":
            yield Diagnostic(
                "whitelist-official-image",
                "R14",
                f"the whitelist entry {entry} matches the images of the Docker Hub user {path!r}, "
                "not the official image",
                f"write docker.io/library/{path} if that is meant",
            )
        if registry.startswith("*.") and RegistryAddress.parse(registry.removeprefix("*.")).is_ip:
            yield Diagnostic(
                "whitelist-never-matches",
                "R14",
                f"the whitelist entry {entry} never matches: a wildcard matches no IP address",
                "write the addresses out",
            )
