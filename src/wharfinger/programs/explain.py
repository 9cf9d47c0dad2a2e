"""``wharfinger explain``: where images are pulled from, whether they may be, and why."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Final, TypeVar

import attrs

from wharfinger import (
    Environment,
    HostImages,
    InvalidReference,
    InvalidSettings,
    Resolution,
    Settings,
    SettingsStore,
    WharfingerError,
    lint,
    resolve,
)
from wharfinger.core.errors import nearest
from wharfinger.programs._registries_file import read
from wharfinger.programs._store_options import (
    add_store_options,
    open_chosen,
    told,
)
from wharfinger.programs._terminal import complain, show
from wharfinger.programs._toml_file import TomlFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["main"]

_T = TypeVar("_T")
_U = TypeVar("_U")

_ALLOWED: Final = 0
_DENIED: Final = 1
_MALFORMED: Final = 2

_FORMATS: Final = """\
Exit status: 0 every image is allowed, 1 some image is denied, 2 an image, a setting, the
registries file or the command line is malformed; the other images are answered all the same.

With --environment it is an environment of a store, with the store's settings where no option says
otherwise; no secret is read.

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
        environment, saved = _known(options)
        settings = _settings(options, saved)
    except (InvalidSettings, TomlFileError) as error:
        complain(f"error: {error}")
        return _MALFORMED
    except (WharfingerError, OSError, ValueError) as error:
        complain(f"error: {told(error)}")
        return _MALFORMED
    status = _answer_all(options, environment, settings)
    for remark in lint(environment, settings):
        complain(f"note: {remark}")
    return status


def _known(options: _Options) -> tuple[Environment, Settings]:
    """The environment and the settings of a store, or of a file and out of the box."""
    if options.environment is None:
        environment = (
            Environment("local") if options.registries is None else read(options.registries)
        )
        return environment, Settings()
    store = open_chosen(options.store, options.key_file, unsealed=options.unsealed)
    saved = store.settings() if isinstance(store, SettingsStore) else Settings()
    return store.environment(options.environment), saved


def _settings(options: _Options, saved: Settings) -> Settings:
    """The settings, those of the options before those that were saved."""

    def chosen(option: _T | None, otherwise: _U) -> _T | _U:
        return otherwise if option is None else option

    # Whitelists of no entry are given as text: an iterable of none is refused.
    whitelist = saved.whitelist if saved.whitelist.entries or saved.whitelist.blank else None
    return Settings(
        default_registry=chosen(options.default_registry, saved.default_registry),
        whitelist=chosen(options.whitelist, whitelist),
        official_namespace=chosen(options.official_namespace, saved.official_namespace),
        host_images=HostImages(chosen(options.host_images, saved.host_images)),
    )


@attrs.frozen(kw_only=True)
class _Options:
    images: tuple[str, ...]
    default_registry: str | None
    whitelist: str | None
    official_namespace: str | None
    registries: str | None
    on_host: bool
    host_images: str | None
    store: str | None
    environment: str | None
    key_file: str | None
    unsealed: bool
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
        help="what is checked of images on the host (out of the box: trust, nothing)",
    )
    add("--json", action="store_true", help="JSON Lines: one object per image")
    add_store_options(parser)

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
    if parsed.environment is not None and parsed.registries is not None:
        parser.error("--registries and --environment both name an environment; leave one out")
    if parsed.environment is None and (parsed.store or parsed.key_file or parsed.unsealed):
        parser.error("which environment of the store? --environment NAME")
    return _Options(**(vars(parsed) | {"images": images}))


def _answer_all(options: _Options, environment: Environment, settings: Settings) -> int:
    status, answered = _ALLOWED, False
    for text, place in _images(options.images):
        try:
            answer = resolve(text, environment, settings, on_host=options.on_host)
        except InvalidReference as error:
            status = _MALFORMED
            if options.json:
                show(json.dumps({"error": _error_dict(error)}))
            else:
                complain(f"error: {place}{error}")
            continue
        if not answer.allowed:
            status = max(status, _DENIED)
        show(_told(answer, options, first=not answered))
        answered = True
    if not answered and status == _ALLOWED:
        complain("note: there was no image")
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
