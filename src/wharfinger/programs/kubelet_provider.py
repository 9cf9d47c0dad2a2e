"""``wharfinger kubelet-provider``: a store as the kubelet's credential provider.

The kubelet runs it for an image that it is about to pull, with a ``CredentialProviderRequest`` on
standard input, and reads a ``CredentialProviderResponse`` from standard output
(``credentialprovider.kubelet.k8s.io/v1``). It can't forbid a pull: where it
fails, the kubelet writes a line to its log, and pulls with what it has from elsewhere, or with no
credential.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wharfinger import (
    CredentialKind,
    Settings,
    SettingsStore,
    resolve,
)
from wharfinger.core._grammar import HUB_NAMES
from wharfinger.core.address import HTTPS
from wharfinger.formats._json_text import kind, load
from wharfinger.formats.document import DocumentError, forgetful, place
from wharfinger.programs._store_options import (
    ENVIRONMENT_VARIABLE,
    KEY_FILE_VARIABLE,
    STORE_VARIABLE,
    UNSEALED_VARIABLE,
    add_store_options,
    chosen_environment,
    chosen_url,
    open_chosen,
    told,
)
from wharfinger.programs._terminal import complain, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wharfinger import CredentialStore, Environment, RegistryAddress

__all__ = ["main"]

_DONE: Final = 0
_REFUSED: Final = 1

_API: Final = "credentialprovider.kubelet.k8s.io/v1"
_CONFIG_API: Final = "kubelet.config.k8s.io/v1"
_REQUEST: Final = "CredentialProviderRequest"
_MOST: Final = 1 << 20  # bytes of a request; its service account token has some 1,500

_HELP: Final = """\
  # Once for each node; JSON is YAML, and the kubelet reads either:
  $ wharfinger kubelet-provider --config --store URL --environment NAME --key-file FILE > p.yaml
  $ kubelet --image-credential-provider-config=p.yaml --image-credential-provider-bin-dir=DIR …

DIR has the program `wharfinger` in it, or a link to it.

Exit status: 0 the credential is printed, or that none is needed; 1 the image may not be pulled, its
registry has a token, which a kubelet can't use, or the store or the request can't be read; 2 the
command line is malformed.
"""


def main(argv: Sequence[str]) -> int:
    """Answer a kubelet, or write its configuration.

    Args:
        argv: The arguments after the command.

    Returns:
        0 when it is answered, else 1; what is wrong goes to standard error.

    Raises:
        SystemExit: When the arguments are malformed, with code 2; or help is asked for.
    """
    options = _options(argv)
    try:
        name = chosen_environment(options.environment)
        request = "" if options.config else _input()
        store = open_chosen(options.store, options.key_file, unsealed=options.unsealed)
        answer = (
            _config(store, name, options) if options.config else _response(store, name, request)
        )
    except Exception as error:  # noqa: BLE001  # a store may be another's, and a log keeps it
        complain(f"error: {told(error)}")
        return _REFUSED
    show(answer)
    return _DONE


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="wharfinger kubelet-provider",
        description="Answer a kubelet that asks for the credential of an image.",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config",
        action="store_true",
        help="print the kubelet's CredentialProviderConfig for the registries that are there",
    )
    add_store_options(parser)
    return parser.parse_args(argv)


def _input() -> str:
    if sys.stdin is None:
        raise OSError("standard input is closed, and the request is read from there")
    given = sys.stdin.buffer.read(_MOST + 1)
    if len(given) > _MOST:
        raise DocumentError("", f"a request has at most {_MOST} bytes, and this one has more")
    try:
        return given.decode()
    except UnicodeDecodeError:
        pass  # the error has the text, and it a token
    raise DocumentError("", "it is not UTF-8")


@forgetful
def _image(text: str) -> str:
    """The image that a request asks about; what it says besides has only to be well-formed."""
    request = load(text)
    version = _text(request, "apiVersion")
    if version != _API:
        raise DocumentError("apiVersion", f"this version is not known; known is {_API}")
    if _text(request, "kind") != _REQUEST:
        raise DocumentError("kind", f"a {_REQUEST} is wanted")
    if request.get("serviceAccountToken") is not None:
        _text(request, "serviceAccountToken")
    annotations = request.get("serviceAccountAnnotations")
    if annotations is None:
        annotations = {}
    if not isinstance(annotations, dict):
        problem = f"an object is wanted, and this is {kind(annotations)}"
        raise DocumentError("serviceAccountAnnotations", problem)
    for name in annotations:
        _text(annotations, name, "serviceAccountAnnotations")
    return _text(request, "image")


def _text(members: dict[str, Any], name: str, *path: str) -> str:
    if name not in members:
        raise DocumentError(place(*path, name), "it is missing")
    value = members[name]
    if not isinstance(value, str):
        problem = f"a string is wanted, and this is {kind(value)}"
        raise DocumentError(place(*path, name), problem)
    return value


def _response(store: CredentialStore, name: str, request: str) -> str:
    """The answer for one image: the credential that the store's own settings lead to (R6, R15)."""
    image = _image(request)
    environment = store.environment(name)
    settings = store.settings() if isinstance(store, SettingsStore) else Settings()
    answer = resolve(image, environment, settings).require()
    credential = store.credential(name, answer)
    auth = None
    if credential is not None:
        if credential.kind is not CredentialKind.PASSWORD:
            msg = f"{answer.address} has a {credential.kind}, and a kubelet takes a password alone"
            raise ValueError(msg)
        # The host as the kubelet wrote it, for it compares texts; no other host matches (R19).
        pattern = answer.reference.registry or str(answer.address)
        auth = {pattern: {"username": credential.username, "password": credential.secret.reveal()}}
    return json.dumps(
        {
            "apiVersion": _API,
            "kind": "CredentialProviderResponse",
            # Kept for no other image and no other pull: deactivating is then at once.
            "cacheKeyType": "Image",
            "cacheDuration": "0s",
            "auth": auth,
        }
    )


def _config(store: CredentialStore, name: str, options: argparse.Namespace) -> str:
    """The kubelet's configuration: for the images of which registries it runs this program, how."""
    images = _patterns(store.environment(name))
    if not images:
        raise ValueError(f"environment {name!a} has no registry, so there is nothing to ask it for")
    variables = {STORE_VARIABLE: chosen_url(options.store), ENVIRONMENT_VARIABLE: name}
    # SQLAlchemy takes all between a colon and the next @ for a password, slashes too.
    if re.search(r"//[^:/]*:[^@]*@|passw", variables[STORE_VARIABLE], re.IGNORECASE):
        raise ValueError(
            "the store's URL has a password in it, which would stand in the configuration; "
            "take it out, and give the kubelet PGPASSFILE"
        )
    if re.match(r"sqlite[^:]*:///(?!/|file:/)", variables[STORE_VARIABLE]):
        complain("note: the store's path is not absolute, and a kubelet's folder is not yours")
    key_file = options.key_file or os.environ.get(KEY_FILE_VARIABLE)
    if options.unsealed or os.environ.get(UNSEALED_VARIABLE) == "1":
        variables[UNSEALED_VARIABLE] = "1"
    elif key_file:
        variables[KEY_FILE_VARIABLE] = str(Path(key_file).absolute())
    else:
        complain(f"note: the keys are not written here; add {KEY_FILE_VARIABLE} with their file")
    provider = {
        "name": "wharfinger",
        "matchImages": images,
        "defaultCacheDuration": "0s",
        "apiVersion": _API,
        "args": ["kubelet-provider"],
        "env": [{"name": key, "value": value} for key, value in variables.items()],
    }
    config = {
        "apiVersion": _CONFIG_API,
        "kind": "CredentialProviderConfig",
        "providers": [provider],
    }
    return json.dumps(config, indent=2)


def _patterns(environment: Environment) -> list[str]:
    """What a kubelet matches the images of an environment's registries by, inactive ones too."""
    addresses = sorted({registry.address for registry in environment.registries})
    return [pattern for address in addresses for pattern in _spellings(address)]


def _spellings(address: RegistryAddress) -> list[str]:
    """The address as it is written with and without the port that needs none (R3)."""
    # The kubelet compares hosts as they are written, so Docker Hub's names are all told (R2).
    names = HUB_NAMES if address.is_docker_hub else (str(address),)
    if address.port != HTTPS:
        return [*names]
    return [*names, *(f"{name}:{HTTPS}" for name in names if not name.endswith(f":{HTTPS}"))]
