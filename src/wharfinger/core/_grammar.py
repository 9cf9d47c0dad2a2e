"""The grammar of image references, production by production, as `distribution/reference` has it.

::

    reference = [ host "/" ] path [ ":" tag ] [ "@" digest ]
    host      = ( name / "[" ipv6 "]" ) [ ":" port ]
    name      = label *( ( "." / 1*"-" ) label )            label = 1*( letter / digit )
    path      = word *( ( "/" / "." / "_" / "__" / 1*"-" ) word )   word = 1*( a-z / digit )
    tag       = ( letter / digit / "_" ) 0*127( letter / digit / "_" / "." / "-" )
    digest    = "sha256:" 64hex / "sha384:" 96hex / "sha512:" 128hex      hex = digit / a-f

Everything is ASCII. Every quantifier is possessive, so that no input costs more than linear time
(R20): where a production can't go on, it never tries to give back what it has taken.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "DIGEST_TEXT",
    "HEX_DIGITS",
    "HOST_NAME",
    "HUB",
    "HUB_NAMES",
    "LIBRARY",
    "MAX_PATH",
    "PATH",
    "REMOTE",
    "TAG_TEXT",
    "is_image_id",
    "is_registry",
]

LABEL: Final = r"[A-Za-z0-9]++"
NAME: Final = rf"{LABEL}(?:(?:\.|-++){LABEL})*+"
WORD: Final = r"[a-z0-9]++"
PATH_TEXT: Final = rf"{WORD}(?:(?:[/.]|__?+|-++){WORD})*+"
TAG_TEXT: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}+"
DIGEST_TEXT: Final = r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}|sha384:[0-9a-f]{96}"

HOST_NAME: Final = re.compile(NAME)
PATH: Final = re.compile(PATH_TEXT)
REMOTE: Final = re.compile(rf"({PATH_TEXT})(?::({TAG_TEXT}))?+(?:@({DIGEST_TEXT}))?+")
"""What follows the host: ``path [ ":" tag ] [ "@" digest ]``."""

HEX_DIGITS: Final = {"sha256": 64, "sha384": 96, "sha512": 128}
"""The digest algorithms, and how many hexadecimal digits each has."""

HUB: Final = "docker.io"
"""Docker Hub's canonical host."""

HUB_NAMES: Final = (HUB, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com")
"""All of Docker Hub's names (R2)."""

LIBRARY: Final = "library/"
"""What Docker Hub's one-word names stand below."""

MAX_PATH: Final = 255
"""The length a path may have, ``library/`` included; the host is not counted."""


_IMAGE_ID_LENGTH: Final = 64
_HEX: Final = frozenset("0123456789abcdef")


def is_image_id(text: str) -> bool:
    """Say whether a text is an image id, which no reference is.

    Args:
        text: What was typed.

    Returns:
        True iff it is 64 hexadecimal digits in lower case.
    """
    return len(text) == _IMAGE_ID_LENGTH and _HEX.issuperset(text)


def is_registry(piece: str) -> bool:
    """Say whether a first path component names a registry (R1).

    Args:
        piece: What stands before the first ``/``.

    Returns:
        True iff it contains ``.`` or ``:``, is ``localhost``, or has an upper-case letter.
    """
    return "." in piece or ":" in piece or piece == "localhost" or piece != piece.lower()
