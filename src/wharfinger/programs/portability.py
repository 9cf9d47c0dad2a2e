"""``wharfinger portability``: where clients of one document pick different credentials."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wharfinger import ImageReference, InvalidReference
from wharfinger.formats import DocumentError
from wharfinger.formats.portability import report
from wharfinger.programs._terminal import complain, line, show

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_NONE: Final = 0
_DIVERGENT: Final = 1
_MALFORMED: Final = 2

_EPILOG: Final = """\
FILE is a config.json, an auth.json, or what .dockerconfigjson in a Kubernetes Secret holds. It is
read, and nothing else is: no helper is run, no registry is asked, no secret is printed.

Exit status: 0 all clients pick the same credentials, 1 they do not for some image, 2 the file, an
image or the command line is malformed; the other images are answered all the same.
"""


def main(argv: Sequence[str]) -> int:
    """Say for which images clients that read a document pick different credentials.

    Args:
        argv: The arguments after the command.

    Returns:
        0 when there is no such image, 1 when there is one, 2 when the file or an image is
        malformed.

    Raises:
        SystemExit: When the arguments are malformed, with code 2; or help is asked for.

    Example:
        >>> main(["no-such-file.json", "ubuntu"])
        2
    """
    parser = argparse.ArgumentParser(
        prog="wharfinger portability",
        description="Say where docker, podman, the kubelet, docker-py and this library pick "
        "different credentials, and why.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="the document")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="an image")
    parser.add_argument("--json", action="store_true", help="JSON Lines: one object per divergence")
    options = parser.parse_intermixed_args(argv)

    text = _content(options.file)
    if text is None:
        return _MALFORMED
    status, images = _read(options.images, as_json=options.json)
    try:
        found = report(text, images)
    except DocumentError as error:
        complain(f"error: {options.file}: {error}")
        return _MALFORMED
    for divergence in found.entries:
        status = max(status, _DIVERGENT)
        if options.json:
            show(json.dumps(divergence.as_dict()))
        else:
            show("\n".join(map(line, str(divergence).split("\n"))))
    for remark in found.diagnostics:
        complain(f"note: {line(str(remark))}")
    return status


def _content(path: str) -> str | None:
    """The text of the document; None where it can't be read, which is told."""
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        problem = "it is not UTF-8"
    except OSError as error:
        problem = error.strerror or type(error).__name__
    except ValueError:
        problem = "this is no path"
    complain(f"error: {path}: {problem}")
    return None


def _read(texts: Sequence[str], *, as_json: bool) -> tuple[int, list[ImageReference]]:
    """The images that are some, and the status so far."""
    status, images = _NONE, []
    for text in texts:
        try:
            images.append(ImageReference.parse(text))
        except InvalidReference as error:
            status = _MALFORMED
            if as_json:
                show(json.dumps({"error": {"text": error.text, "message": error.problem}}))
            else:
                complain(f"error: {error}")
    return status, images
