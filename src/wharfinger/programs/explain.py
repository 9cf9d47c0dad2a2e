"""``wharfinger explain``: where images are pulled from, whether they may be, and why."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Final

import attrs

from wharfinger import (
    Environment,
    HostImages,
    InvalidReference,
    InvalidSettings,
    Resolution,
    Settings,
    lint,
    resolve,
)
from wharfinger.core.errors import nearest
from wharfinger.programs._registries_file import RegistriesFileError, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["main"]

_ALLOWED: Final = 0
_DENIED: Final = 1
_MALFORMED: Final = 2

_FORMATS: Final = """\
Exit status: 0 every image is allowed, 1 some image is denied, 2 an image, a setting, the
registries file or the command line is malformed; the other images are answered all the same.

The registries file, without secrets; the most recently added registry of an address is in force:

  environment = "staging"
  orchestration = "kubernetes"    # or "cattle", if left out

  [[registries]]
  address = "quay.io"
  username = "ci"
  state = "inactive"              # or "active", if left out
  added_by = "alice"              # optional
"""


def main(argv: Sequence[str]) -> int:
    """Explain images, given as arguments or on standard input.

    Args:
        argv: The arguments after the command.

    Returns:
        0 when every image is allowed, 1 when one is denied, 2 when an image, a setting or the
        registries file is malformed.

    Raises:
        SystemExit: When the arguments are malformed, with code 2; or help is asked for.

    Example:
        >>> main(["--whitelist", "docker.io", "quay.io/acme/api"])
        quay.io/acme/api: denied (not-whitelisted)
          environment  local
          image        quay.io/acme/api
          registry     not looked for
          R1   named      the reference names a registry, quay.io
          R13  canonical  quay.io/acme/api
          R14  no-match   no whitelist entry matches quay.io
        1
    """
    options = _options(argv)
    try:
        settings = Settings(
            default_registry=options.default_registry,
            whitelist=options.whitelist,
            official_namespace=options.official_namespace,
            host_images=HostImages(options.host_images),
        )
        environment = (
            Environment("local") if options.registries is None else read(options.registries)
        )
    except (InvalidSettings, RegistriesFileError) as error:
        _complain(f"error: {error}")
        return _MALFORMED
    status = _answer_all(options, environment, settings)
    for remark in lint(environment, settings):
        _complain(f"note: {remark}")
    return status


@attrs.frozen(kw_only=True)
class _Options:
    images: tuple[str, ...]
    default_registry: str | None
    whitelist: str | None
    official_namespace: str | None
    registries: str | None
    on_host: bool
    host_images: str
    json: bool


def _options(argv: Sequence[str]) -> _Options:
    parser = argparse.ArgumentParser(
        prog="wharfinger explain",
        description="Say where images are pulled from, whether they may be, and why.",
        epilog=_FORMATS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("images", metavar="IMAGE", nargs="*", help="an image; '-' reads them, one a line")
    add("--default-registry", metavar="ADDRESS", help="where names without a registry are pulled")
    add("--whitelist", metavar="ENTRIES", help="which registries may be used: 'quay.io, *.corp'")
    add("--official-namespace", metavar="PATH", help="goes before one-word names: 'library'")
    add("--registries", metavar="FILE.toml", help="an environment and its registries")
    add("--on-host", action="store_true", help="the images are on the host already")
    add(
        "--host-images",
        choices=[*map(str, HostImages)],
        default=str(HostImages.TRUST),
        help="what is checked of images on the host (default: %(default)s, nothing)",
    )
    add("--json", action="store_true", help="JSON Lines: one object per image")

    # What stands behind "--" is split off here: argparse loses it where options and images mix.
    arguments = list(argv)
    end = arguments.index("--") if "--" in arguments else len(arguments)
    parsed, unknown = parser.parse_known_intermixed_args(arguments[:end])
    if unknown:
        option = unknown[0].partition("=")[0]  # its value may be a secret
        option = option if option.startswith("--") else option[:2]
        near = nearest(option, (f"--{name.replace('_', '-')}" for name in vars(parsed)))
        parser.error(f"no option {option[:80]!a}" + (f"; the nearest is {near}" if near else ""))
    images = (*parsed.images, *arguments[end + 1 :])
    if not images:
        parser.error("an image is wanted, or '-' to read them from standard input")
    return _Options(**(vars(parsed) | {"images": images}))


def _answer_all(options: _Options, environment: Environment, settings: Settings) -> int:
    status, answered = _ALLOWED, False
    for text, place in _images(options.images):
        try:
            answer = resolve(text, environment, settings, on_host=options.on_host)
        except InvalidReference as error:
            status = _MALFORMED
            if options.json:
                _print(json.dumps({"error": _error_dict(error)}))
            else:
                _complain(f"error: {place}{error}")
            continue
        if not answer.allowed:
            status = max(status, _DENIED)
        _print(_told(answer, options, first=not answered))
        answered = True
    if not answered and status == _ALLOWED:
        _complain("note: there was no image")
    return status


def _images(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every image, and its place where it is one a reader needs."""
    for argument in arguments:
        if argument == "-":
            yield from _lines()
        else:
            yield argument, ""


def _lines() -> Iterator[tuple[str, str]]:
    if sys.stdin is None:
        raise OSError("standard input is closed")
    for number, line in enumerate(sys.stdin.buffer, start=1):
        # Bytes that are no UTF-8 become characters that no reference has, and are shown as such.
        text = line.decode("utf-8", "surrogateescape").strip(" \t\r\n")
        if number == 1:
            text = text.removeprefix("\N{BYTE ORDER MARK}")
        if text and not text.startswith("#"):
            yield text, f"line {number}: "


def _told(answer: Resolution, options: _Options, *, first: bool) -> str:
    if options.json:
        return json.dumps(answer.as_dict())
    return answer.explain() if first else f"\n{answer.explain()}"


def _error_dict(error: InvalidReference) -> dict[str, object]:
    return {
        "text": error.text,
        "span": list(error.span),
        "rule": error.rule,
        "message": error.problem,
        "repair": error.repair,
    }


def _print(text: str) -> None:
    """Print at once, for whoever reads along; a username may have what the encoding has not."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def _complain(text: str) -> None:
    if sys.stderr is not None:  # else it would be printed among the answers
        print(text, file=sys.stderr)
