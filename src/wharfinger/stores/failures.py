"""What the errors of SQLAlchemy and the drivers mean, in words that have no parameter in them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import exc

from wharfinger.stores.errors import (
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreNotWritable,
    StoreUnavailable,
)

__all__ = ["Again", "told"]


class Again(Exception):
    """Something that may be over in a moment.

    Args:
        error: The error to raise if it is not.

    Attributes:
        error: As given.
    """

    error: StoreError

    def __init__(self, error: StoreError) -> None:
        super().__init__()
        self.error = error


def told(error: Exception, *, committing: bool) -> StoreError | Again:
    """Tell what an error means. Its text is never passed on.

    Args:
        error: What SQLAlchemy or a driver raised.
        committing: Whether a change was being committed.

    Returns:
        The error to raise, or to try again.
    """
    if isinstance(error, exc.DBAPIError):
        name = getattr(error.orig, "sqlite_errorname", None)
        if name is not None:
            return _told_by_sqlite(name)
        return _told_by_postgresql(error, committing=committing)
    if isinstance(error, exc.TimeoutError):
        return Again(StoreUnavailable("every connection to the database is in use; try again"))
    if isinstance(error, exc.SQLAlchemyError):
        return StoreError(f"the database could not be used ({type(error).__name__})")
    return StoreError(_UNKEEPABLE)


_UNKEEPABLE: Final = (
    "a text with a NUL or half a character in it, or a number of too many digits, is none that "
    "the database can keep; nothing was changed"
)
_LOCKED: Final = "the database stayed locked; try again, or look who holds it"
_FULL: Final = "there is no room left on the database's disk; make some; nothing was changed"
_READONLY: Final = (
    "the database may not be written to; mend the rights of the file, its folder or the role; "
    "nothing was changed"
)
_CONTRADICTION: Final = (
    "rows of the database contradict each other; nothing was changed; bring back a copy"
)
_DAMAGED: Final = "the file is no database, or a damaged one; bring back a copy"

# The first two words of SQLite's name for an error -> what it means.
_SQLITE: Final[dict[str, tuple[type[StoreError], str]]] = {
    "SQLITE_BUSY": (StoreUnavailable, _LOCKED),
    "SQLITE_CANTOPEN": (
        StoreNotWritable,
        "the file can't be opened or made; look at its folder and its rights",
    ),
    "SQLITE_CONSTRAINT": (StoreCorrupt, _CONTRADICTION),
    "SQLITE_CORRUPT": (StoreCorrupt, _DAMAGED),
    "SQLITE_FULL": (StoreFull, _FULL),
    "SQLITE_IOERR": (
        StoreUnavailable,
        "the disk failed to read or write the database; look at its health",
    ),
    "SQLITE_LOCKED": (StoreUnavailable, _LOCKED),
    "SQLITE_NOTADB": (StoreCorrupt, _DAMAGED),
    "SQLITE_PERM": (StoreNotWritable, _READONLY),
    "SQLITE_PROTOCOL": (StoreUnavailable, _LOCKED),
    "SQLITE_READONLY": (StoreNotWritable, _READONLY),
    "SQLITE_TOOBIG": (StoreError, _UNKEEPABLE),
}


def _told_by_sqlite(name: str) -> StoreError | Again:
    if name in {"SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_WRITE"}:  # how a full disk shows in WAL
        return StoreFull(_FULL)
    if name == "SQLITE_IOERR_SHORT_READ":
        return StoreCorrupt(_DAMAGED)
    unknown = StoreError, f"the database refused a statement ({name})"
    kind, message = _SQLITE.get("_".join(name.split("_")[:2]), unknown)
    error = kind(message)
    return Again(error) if message is _LOCKED else error


# SQLSTATE, or its class -> what it means.
_POSTGRESQL: Final[dict[str, tuple[type[StoreError], str]]] = {
    "22": (StoreError, _UNKEEPABLE),
    "23": (StoreCorrupt, _CONTRADICTION),
    "25006": (StoreNotWritable, _READONLY),
    "40001": (StoreUnavailable, _LOCKED),
    "40P01": (StoreUnavailable, _LOCKED),
    "42501": (StoreNotWritable, _READONLY),
    "53100": (StoreFull, _FULL),
    "55P03": (StoreUnavailable, _LOCKED),
    "XX001": (StoreCorrupt, _DAMAGED),
    "XX002": (StoreCorrupt, _DAMAGED),
}
_REFUSALS: Final = ("authentication failed", "does not exist", "no password supplied", "pg_hba")


def _told_by_postgresql(error: exc.DBAPIError, *, committing: bool) -> StoreError | Again:
    state = getattr(error.orig, "sqlstate", None) or ""
    meaning = _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2])
    if meaning is not None:
        told = meaning[0](meaning[1])
        return Again(told) if meaning[1] is _LOCKED else told
    if error.connection_invalidated or isinstance(error, exc.OperationalError):
        return _told_without_connection(error, state, committing=committing)
    if isinstance(error, exc.DataError):
        return StoreError(_UNKEEPABLE)
    if error.statement is None and isinstance(error, exc.ProgrammingError):
        return StoreError("the driver refuses an option behind the '?' of the database URL")
    return StoreError(f"the database refused a statement ({type(error).__name__} {state})")


def _told_without_connection(
    error: exc.DBAPIError, state: str, *, committing: bool
) -> StoreError | Again:
    if committing:
        return StoreUnavailable(
            "the connection was lost while a change was being committed; look whether it was",
            uncertain=True,
        )
    # The server says in words alone why it lets nobody in.
    if not state and any(refusal in str(error.orig) for refusal in _REFUSALS):
        return StoreUnavailable(
            "the database refused the connection; look at its name, the user and the password"
        )
    return Again(
        StoreUnavailable("the database can't be reached; look whether it runs, and at the URL")
    )
