"""Names of a package that are imported when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["attribute"]


def attribute(package: str, homes: Mapping[str, str], name: str) -> object:
    """Import the module that has a package's name, and return what it names.

    Args:
        package: The package's own name.
        homes: Each name with the module that has it, relative to the package.
        name: What was asked for.

    Returns:
        What the module has under the name.

    Raises:
        AttributeError: When the package has no such name.

    Example:
        >>> attribute("wharfinger", {"resolve": "core.resolver"}, "resolve").__name__
        'resolve'
    """
    home = homes.get(name)
    if home is None:
        msg = f"module {package!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{package}.{home}"), name)
