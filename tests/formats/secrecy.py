"""Looking for a planted secret in whatever a format says."""

from __future__ import annotations

import base64
import pprint
import traceback
from typing import Final
from urllib.parse import quote

MARK: Final = "XK7canaryXK7"


def _forms() -> set[str]:
    """The mark as it is, reversed, in hexadecimal, and as base64 has it at any place."""
    coded = MARK.encode()
    shifted = [base64.b64encode(b"\0" * shift + coded).decode()[4:-4] for shift in range(3)]
    return {MARK, MARK[::-1], coded.hex(), quote(MARK, safe=""), *shifted}


FORMS: Final = _forms()


def assert_silent(value: object) -> None:
    """A value shows the mark in no form."""
    for told in (repr(value), str(value), pprint.pformat(value)):
        for form in FORMS:
            assert form not in told


def assert_error_silent(error: BaseException) -> None:
    """An error, what it came from, and the library's frames it went through show no mark."""
    links: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        link = waiting.pop()
        if link is None or link in links:
            continue
        links.append(link)
        waiting += [link.__cause__, link.__context__]
        assert_silent(link)
        assert_silent((link.args, vars(link)))
        for frame, _ in traceback.walk_tb(link.__traceback__):
            if str(frame.f_globals.get("__name__")).startswith("wharfinger"):
                assert_silent(frame.f_locals)
    assert_silent("".join(traceback.format_exception(error)))
