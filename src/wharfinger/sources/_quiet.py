"""Keeping logs and errors from telling what was sent, received or given."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from wharfinger.core.errors import WharfingerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import ParamSpec

    _P = ParamSpec("_P")

__all__ = ["discreet", "quiet"]

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


def discreet(make: Callable[_P, None]) -> Callable[_P, None]:
    """Let no error of an ``__init__`` take along what it was given: a key in the wrong place.

    It does for what a source is made of what ``forgetful`` does for documents, whose errors are
    none of the plain ``ValueError`` that wrong arguments are.
    """

    @wraps(make)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            return make(*args, **kwargs)
        except (WharfingerError, TypeError, ValueError) as error:
            refused = error.with_traceback(None)
        del args, kwargs
        refused.__context__ = refused.__cause__ = None
        raise refused

    return call
