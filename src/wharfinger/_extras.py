"""Packages that are installed by name only, and the error where one is not there."""

from __future__ import annotations

from typing import Final

from wharfinger.core.errors import WharfingerError

__all__ = ["MissingExtra", "missing_extra"]

# Imported package -> the extra that brings it.
_EXTRAS: Final = {
    "alembic": "sql",
    "boto3": "ecr",
    "botocore": "ecr",
    "cryptography": "sealed",
    "google": "google",
    "psycopg": "postgres",
    "ruamel": "yaml",
    "sqlalchemy": "sql",
    "stamina": "sql",
}


class MissingExtra(WharfingerError, ImportError):
    """A package is needed that is not installed; the message has the command that installs it."""


def missing_extra(wanted: str, error: ImportError, extra: str | None = None) -> MissingExtra | None:
    """Make the error for a package that is not installed.

    Args:
        wanted: What needs it.
        error: What importing it raised.
        extra: The extra that brings the package there, where several do.

    Returns:
        The error, with the command that installs the package; None where no extra brings it.

    Example:
        >>> print(missing_extra("SQLStore", ModuleNotFoundError(name="sqlalchemy.orm")))
        SQLStore needs sqlalchemy: pip install 'wharfinger[sql]'
    """
    package = (error.name or "").partition(".")[0]
    if package not in _EXTRAS:
        return None
    extra = extra or _EXTRAS[package]
    return MissingExtra(f"{wanted} needs {package}: pip install 'wharfinger[{extra}]'")
