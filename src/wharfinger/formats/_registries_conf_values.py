"""What a ``registries.conf`` is read into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from wharfinger.formats.document import Parsed

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Mirror", "RegistriesConf", "RegistryTable"]


@attrs.frozen
class Mirror:
    """One ``[[registry.mirror]]`` table.

    Args:
        location: Where it is.
        insecure: Whether its certificate is not checked, and plain HTTP will do.
        pull_from_mirror: What is pulled from it: ``all``, ``digest-only`` or ``tag-only``.
    """

    location: str
    insecure: bool = False
    pull_from_mirror: str = "all"


@attrs.frozen
class RegistryTable:
    """One ``[[registry]]`` table.

    Args:
        prefix: Which references it is about: those that equal it, and those that continue it after
            a ``/``, ``:`` or ``@``; ``*.corp`` is about every host below ``corp``.
        location: What stands in place of the prefix when they are pulled; empty for the same.
        insecure: Whether its certificate is not checked, and plain HTTP will do.
        blocked: Whether they are refused.
        mirror_by_digest_only: Whether mirrors serve references with a digest only.
        mirrors: Where they are looked for first, in this order.
        place: Where the table stands, tables counted from 0.
    """

    prefix: str
    location: str
    insecure: bool = False
    blocked: bool = False
    mirror_by_digest_only: bool = False
    mirrors: tuple[Mirror, ...] = ()
    place: str = ""


@attrs.frozen
class RegistriesConf(Parsed[RegistryTable]):
    """What a ``registries.conf`` says.

    Args:
        entries: Its ``[[registry]]`` tables, in their order.
        diagnostics: What is wrong or surprising in it.
        unqualified_search_registries: The hosts that short names are looked for at, in this order;
            None where the file does not say, which in a drop-in file is not the same as none.
        short_name_mode: ``enforcing``, ``permissive`` or ``disabled``; None where it does not say.
        credential_helpers: Where credentials come from, in this order; None where it does not say.
        aliases: Short names, each with where it leads; the empty text erases the alias that an
            earlier file has.
    """

    unqualified_search_registries: tuple[str, ...] | None = None
    short_name_mode: str | None = None
    credential_helpers: tuple[str, ...] | None = None
    aliases: Mapping[str, str] = attrs.field(factory=dict, hash=False)
