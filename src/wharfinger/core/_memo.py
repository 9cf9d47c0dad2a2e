"""What is remembered: parsing is pure, so that remembering it changes no answer (R24)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import TypeVar

    _T = TypeVar("_T")

__all__ = ["remember"]

# Bounded in entries and in text, so that no tenant can fill the memory.
_ENTRIES: Final = 4096
_LONGEST: Final = 255


def remember(memo: dict[str, _T], text: str, value: _T, longest: int = _LONGEST) -> None:
    """Keep what a text was read as; a full memo is emptied first, a long text is not kept.

    Args:
        memo: Where it is kept.
        text: The text.
        value: What it was read as.
        longest: How many characters a text may have to be kept.

    Example:
        >>> memo = {}
        >>> remember(memo, "quay.io", 1)
        >>> remember(memo, "q" * 256, 2)
        >>> memo
        {'quay.io': 1}
    """
    if len(text) <= longest:
        if len(memo) >= _ENTRIES:
            memo.clear()
        memo[text] = value
