"""``registries.conf``, version 2: where podman, skopeo, buildah and CRI-O pull from.

``containers-registries.conf(5)`` describes it. The how-to says what it cannot express.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wharfinger.formats._containers import check_types, plan
from wharfinger.formats._json_text import without_bom
from wharfinger.formats._registries_conf_edits import OURS, body, merged
from wharfinger.formats._registries_conf_reader import read
from wharfinger.formats._registries_conf_values import Mirror, RegistriesConf, RegistryTable
from wharfinger.formats._toml_text import load
from wharfinger.formats.document import forgetful

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wharfinger.core.diagnose import Diagnostic
    from wharfinger.core.environment import Environment
    from wharfinger.core.settings import Settings
    from wharfinger.formats._containers import Plan

__all__ = ["Mirror", "RegistriesConf", "RegistryTable", "limits", "merge", "parse", "render"]

_HEADER: Final = re.compile(rf"(?:{OURS}: [^\n]*+\n)++")


@forgetful
def parse(text: str) -> RegistriesConf:
    """Read a ``registries.conf``, or a file of ``registries.conf.d``.

    Args:
        text: The document.

    Returns:
        What it says. A table, a search registry or an alias that containers would refuse, or that
        cannot be understood, is left out and told in a diagnostic.

    Raises:
        DocumentError: When it is not valid TOML; ``place`` is the line (R20).

    Example:
        >>> from wharfinger.formats import registries_conf
        >>> conf = registries_conf.parse('''
        ... unqualified-search-registries = ["registry.corp:5000"]
        ...
        ... [[registry]]
        ... location = "quay.io"
        ... blocked = true
        ... ''')
        >>> conf.unqualified_search_registries, conf.entries[0].prefix, conf.entries[0].blocked
        (('registry.corp:5000',), 'quay.io', True)
    """
    return read(text)


@forgetful
def render(
    settings: Settings,
    environment: Environment | None = None,
    *,
    short_names: Iterable[str] = (),
) -> str:
    """Write a ``registries.conf`` by which the default registry holds (R11), and blocks (R7, R14).

    What the document cannot say is told by :func:`limits`, and by its own first lines.

    Args:
        settings: The admin's settings.
        environment: Whose registries that are in force and inactive are blocked; None for nobody's.
        short_names: Names without registry, tag and digest that are written out as aliases, each
            with its canonical image. An alias of another file is thereby overridden.

    Returns:
        The document. It is the same for equal arguments.

    Raises:
        DocumentError: When a short name has a registry, a tag or a digest.
        InvalidReference: When a short name is malformed.

    Example:
        >>> from wharfinger import Environment, Settings
        >>> from wharfinger.formats.registries_conf import render
        >>> env = Environment("ci").added("quay.io", username="bot").deactivated("ci/1")
        >>> print(render(Settings(default_registry="registry.corp:5000"), env), end="")
        # wharfinger: the environment 'ci'
        # wharfinger: R11: a short name is pulled from registry.corp:5000
        # wharfinger: R7: blocked are quay.io
        # wharfinger: R11: podman takes a short name for any image on the host whose name ends \
alike, and skopeo takes it for Docker Hub's
        # wharfinger: R3: a host in capital letters, or a port with zeros before it, passes a block
        # wharfinger: R7: quay.io: blocked on every port that has no table of its own
        unqualified-search-registries = ["registry.corp:5000"]
        short-name-mode = "enforcing"
        <BLANKLINE>
        [[registry]]  # wharfinger: R7
        prefix = "quay.io"
        location = "quay.io"
        blocked = true
    """
    check_types(settings, environment)
    wanted = plan(settings, environment, short_names)
    return _header(settings, environment, wanted) + body(wanted)


@forgetful
def merge(
    text: str,
    settings: Settings,
    environment: Environment | None = None,
    *,
    short_names: Iterable[str] = (),
) -> str:
    r"""Bring a ``registries.conf`` in line with settings; what they do not decide stays as it is.

    Decided are the search registry, the tables that :func:`render` writes, whether a table about a
    blocked host is blocked, and where the aliases lead that are there. What is set is marked by a
    comment, and a block so marked is taken back when nothing asks for it any longer. A block
    without the mark is somebody else's and stays.

    Args:
        text: The document.
        settings: The admin's settings.
        environment: As for :func:`render`.
        short_names: As for :func:`render`.

    Returns:
        The changed document, to the byte the same where nothing changes.

    Raises:
        DocumentError: When it is not valid TOML, in version 1 of the format, or cannot be brought
            in line; ``place`` is where.
        InvalidReference: When a short name is malformed.

    Example:
        >>> from wharfinger import Environment, Settings
        >>> from wharfinger.formats.registries_conf import merge
        >>> text = '[[registry]]\nlocation = "quay.io"  # ours\n'
        >>> env = Environment("ci").added("quay.io", username="bot").deactivated("ci/1")
        >>> blocked = merge(text, Settings(), env)
        >>> print(blocked, end="")
        unqualified-search-registries = ["docker.io"]
        <BLANKLINE>
        [[registry]]
        location = "quay.io"  # ours
        blocked = true  # wharfinger: R7
        >>> merge(blocked, Settings(), env.activated("ci/1")).endswith(text)
        True
    """
    check_types(settings, environment)
    wanted = plan(settings, environment, short_names)
    header = _header(settings, environment, wanted)
    bom = text[: len(text) - len(without_bom(text))]
    old = _HEADER.match(text, len(bom))
    rest = text[old.end() if old else len(bom) :]
    if not rest.strip():
        return bom + header + body(wanted)
    if old:
        load(text)  # so that an error's line is one of the whole document
        header = header.replace("\n", "\r\n" if old[0].endswith("\r\n") else "\n")
    return bom + (header if old else "") + merged(rest, wanted, settings)


def limits(settings: Settings, environment: Environment | None = None) -> tuple[Diagnostic, ...]:
    """Tell what a ``registries.conf`` cannot say of settings.

    Args:
        settings: The admin's settings.
        environment: As for :func:`render`.

    Returns:
        Diagnostics with the codes ``short-names-by-client``, ``short-names-refused``,
        ``default-registry-renamed``, ``whitelist-elsewhere``, ``block-by-spelling`` and
        ``block-of-every-port``.

    Example:
        >>> from wharfinger import Settings
        >>> from wharfinger.formats.registries_conf import limits
        >>> [limit.code for limit in limits(Settings(default_registry="harbor.corp/proxy"))]
        ['short-names-by-client', 'default-registry-renamed']
    """
    check_types(settings, environment)
    return plan(settings, environment).limits


def _header(settings: Settings, environment: Environment | None, wanted: Plan) -> str:
    whose = "no environment" if environment is None else f"the environment {environment.name!a}"
    lines = [whose]
    if wanted.search:
        lines.append(f"R11: a short name is pulled from {settings.default_registry}")
    for why in sorted({rule.why for rule in wanted.rules if rule.blocked}):
        blocked = [rule.prefix for rule in wanted.rules if rule.blocked and rule.why == why]
        lines.append(f"{why}: blocked are {', '.join(blocked)}")
    lines += [f"{limit.rule}: {limit.message}" for limit in wanted.limits]
    return "".join(f"{OURS}: {line}\n" for line in lines)
