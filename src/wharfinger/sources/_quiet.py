"""Keeping other libraries' logs from telling what they send and receive."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["quiet"]

_IS_QUIET: Final = ContextVar("_IS_QUIET", default=False)
_LIBRARIES: Final = ("boto3", "botocore", "google", "requests", "urllib3")


class _Silence(logging.Filter):
    @override
    def filter(self, record: logging.LogRecord) -> bool:
        return not _IS_QUIET.get()


_SILENCE: Final = _Silence()


@contextmanager
def quiet() -> Iterator[None]:
    """Let the libraries that speak to clouds log nothing, in this thread and until it ends.

    At level DEBUG botocore logs whole answers, tokens included. What is wrong is told by the error
    that is raised.
    """
    for name in [*logging.root.manager.loggerDict]:
        if name.partition(".")[0] in _LIBRARIES:
            logging.getLogger(name).addFilter(_SILENCE)
    token = _IS_QUIET.set(True)
    try:
        yield
    finally:
        _IS_QUIET.reset(token)
