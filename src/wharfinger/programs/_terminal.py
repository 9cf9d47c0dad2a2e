"""What commands print, and how."""

from __future__ import annotations

import sys

__all__ = ["complain", "line", "show", "table"]


def show(text: str) -> None:
    """Print at once, for whoever reads along; a username may have what the encoding has not.

    Args:
        text: The text.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def complain(text: str) -> None:
    """Print to standard error.

    Args:
        text: The text.
    """
    if sys.stderr is not None:  # else it would be printed among the answers
        print(text, file=sys.stderr)


def line(text: str) -> str:
    r"""Write a text so that it takes one line, and moves no cursor.

    Args:
        text: The text.

    Returns:
        It, with escapes for what does not print.

    Example:
        >>> print(line("Zoë\n\x1b[31m"))
        Zoë\n\x1b[31m
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def table(header: list[str], rows: list[list[str]]) -> str:
    """Align rows under a header.

    Args:
        header: The columns' titles.
        rows: The cells.

    Returns:
        The lines, without blanks at their ends.

    Example:
        >>> print(table(["ID", "ADDRESS"], [["ci/1", "quay.io"], ["ci/10", "ghcr.io"]]))
        ID     ADDRESS
        ci/1   quay.io
        ci/10  ghcr.io
    """
    cells = [header, *([line(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )
