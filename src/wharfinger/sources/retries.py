"""A source that tries again at once what may be over in a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from wharfinger._extras import MissingExtra
from wharfinger.sources.source import CredentialSource, Issued, SourceError, is_source

if TYPE_CHECKING:
    from wharfinger.core.address import RegistryAddress

__all__ = ["retrying"]

_ATTEMPTS: Final = 3
_SECONDS: Final = 20.0


def retrying(source: CredentialSource) -> CredentialSource:
    """Make a source try again, by stamina: three times in 20 seconds, and only what is passing.

    An :class:`~wharfinger.sources.Updater` asks a source once and then again a minute later; this
    is for what is over sooner.

    Args:
        source: The source.

    Returns:
        The same source, whose ``issue`` tries again after an error that says it is passing.

    Raises:
        MissingExtra: When stamina is not installed.
        TypeError: When it is no source.
    """
    try:
        import stamina  # noqa: F401  # better missed now than in a night
    except ImportError:
        # Several extras bring it, and each brings more than is wanted for any source.
        raise MissingExtra("retrying needs stamina: pip install stamina") from None
    if not is_source(source):
        raise TypeError(
            "a source has the methods token and issue, and this has not: "
            f"{source.__name__ if isinstance(source, type) else type(source).__name__}"
        )
    return _Retrying(source)


@attrs.frozen(eq=False, repr=False)
class _Retrying:
    _source: CredentialSource

    def token(self, address: RegistryAddress) -> str | None:
        return self._source.token(address)

    def issue(self, address: RegistryAddress) -> Issued:
        import stamina

        for attempt in stamina.retry_context(on=_is_passing, attempts=_ATTEMPTS, timeout=_SECONDS):
            with attempt:
                return self._source.issue(address)
        raise AssertionError  # the last attempt returns or raises


def _is_passing(error: Exception) -> bool:
    return isinstance(error, SourceError) and error.passing
