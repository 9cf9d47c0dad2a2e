"""Looking for a planted secret."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

MARK: Final = "XK7canaryXK7"


def assert_silent(error: BaseException) -> None:
    """A planted text is in no error, in none it came from, and in no frame of the library's."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        found = waiting.pop()
        if found is None or found in seen:
            continue
        seen.append(found)
        waiting += [found.__cause__, found.__context__]
        told = f"{found!r} {found} {found.args!r} {found.__dict__!r}"
        assert MARK not in told
        for name, value in locals_of(found.__traceback__):
            assert MARK not in shown(value), name
    assert MARK not in "".join(traceback.format_exception(error))


def locals_of(trace: TracebackType | None) -> Iterator[tuple[str, object]]:
    """The locals of the library's frames, and of whatever it called."""
    inside = False
    for frame, _ in traceback.walk_tb(trace):
        inside = inside or "/wharfinger/" in frame.f_code.co_filename
        if inside:
            yield from frame.f_locals.items()


def shown(value: object) -> str:
    try:
        return repr(value)
    except AttributeError:  # half made
        return ""
