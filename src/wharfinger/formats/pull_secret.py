"""Kubernetes Secrets that hold the credentials of image pulls, and who is to use them.

How the kubelet finds an entry was read in its ``pkg/credentialprovider``.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections import Counter
from typing import TYPE_CHECKING, Final, Literal

from typing_extensions import override

from wharfinger.core.credential import CredentialKind
from wharfinger.core.diagnose import Diagnostic
from wharfinger.formats import _json_text
from wharfinger.formats._auth_keys import host_of
from wharfinger.formats._auths import AuthEntry, Lookup, key, read_auths, wire_auths
from wharfinger.formats._json_text import without_bom
from wharfinger.formats._secret_objects import TYPES, PullSecret, pull_secrets, remark
from wharfinger.formats._tree import edited, rewritten
from wharfinger.formats._yaml_text import documents
from wharfinger.formats.document import DocumentError, Parsed, forgetful, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wharfinger.core.address import RegistryAddress
    from wharfinger.core.credential import Credential

    _Path = tuple[str | int, ...]

__all__ = ["merge", "parse", "patch", "render"]

_LARGEST: Final = 1024 * 1024  # of all data of a Secret, as the API server has it
_LABEL: Final = re.compile("[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_LONGEST_LABEL: Final = 63
_LONGEST_NAME: Final = 253
_TEMPLATE: Final = ("spec", "template", "spec")
# Where the names of pull secrets stand.
_HOLDERS: Final = {
    "CronJob": ("spec", "jobTemplate", *_TEMPLATE),
    "DaemonSet": _TEMPLATE,
    "Deployment": _TEMPLATE,
    "Job": _TEMPLATE,
    "Pod": ("spec",),
    "PodTemplate": ("template", "spec"),
    "ReplicaSet": _TEMPLATE,
    "ReplicationController": _TEMPLATE,
    "ServiceAccount": (),
    "StatefulSet": _TEMPLATE,
}


@forgetful
def render(
    credentials: Mapping[RegistryAddress, Credential],
    *,
    name: str,
    namespace: str | None = None,
    legacy: bool = False,
    syntax: Literal["yaml", "json"] = "yaml",
) -> str:
    """Write the Secret of an environment: one entry a registry (R18).

    It says what ``kubectl create secret docker-registry`` would, and needs no package.

    Args:
        credentials: What ``store.credentials(environment, settings)`` returns.
        name: The Secret's name, an RFC 1123 subdomain.
        namespace: The namespace it belongs to, an RFC 1123 label; None leaves it to whoever
            applies it.
        legacy: Whether to write the older type, ``kubernetes.io/dockercfg``.
        syntax: ``yaml`` or ``json``.

    Returns:
        The document.

    Raises:
        DocumentError: When a name is none; when a credential is an identity or a registry token,
            which the kubelet does not understand; when the Secret would be larger than 1 MiB.

    Example:
        >>> from wharfinger import Credential, RegistryAddress, Secret
        >>> quay = {RegistryAddress.parse("quay.io"): Credential("ci", Secret("hunter2"))}
        >>> print(render(quay, name="regcred", namespace="staging"))  # doctest: +ELLIPSIS
        apiVersion: v1
        kind: Secret
        metadata:
          name: "regcred"
          namespace: "staging"
        type: kubernetes.io/dockerconfigjson
        data:
          .dockerconfigjson: eyJhdXRocyI6eyJxdWF5LmlvIjp7InVzZXJuYW1lIjoiY2kiLCJwYXNzd29yZCI6...
        <BLANKLINE>
    """
    if syntax not in {"yaml", "json"}:
        raise DocumentError("syntax", "it is yaml or json")
    metadata = {"name": _name(name, "metadata.name")}
    if namespace is not None:
        metadata["namespace"] = _name(namespace, "metadata.namespace", label=True)
    data_key = ".dockercfg" if legacy else ".dockerconfigjson"
    auths = _auths(credentials)
    payload = json.dumps(auths if legacy else {"auths": auths}, separators=(",", ":"))
    _check_size(payload, data_key)
    data = b64encode(payload.encode()).decode()
    if syntax == "json":
        document = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "type": TYPES[data_key],
            "data": {data_key: data},
        }
        return json.dumps(document, indent=2) + "\n"
    lines = ["apiVersion: v1", "kind: Secret", "metadata:"]
    # A name may read as a number.
    lines += [f'  {member}: "{value}"' for member, value in metadata.items()]
    lines += [f"type: {TYPES[data_key]}", "data:", f"  {data_key}: {data}", ""]
    return "\n".join(lines)


@forgetful
def parse(text: str) -> Parsed[AuthEntry]:
    """Read the pull secrets of a document, of both types.

    JSON needs no package; YAML needs the extra ``yaml``.

    Args:
        text: Any number of Secrets, in Lists and among other objects too.

    Returns:
        The entries that can be used, and a remark on each that can't, or that the kubelet would not
        find or not understand. ``auths`` is read in any case, as Go does. Where a Secret has the
        same key in ``stringData`` and ``data``, the first counts.

    Raises:
        DocumentError: When it is neither YAML nor JSON.
        MissingExtra: When it is YAML, and ruamel.yaml is not installed.

    Example:
        >>> read = parse('''
        ... {"kind": "Secret", "type": "kubernetes.io/dockercfg",
        ...  "data": {".dockercfg": "eyJxdWF5LmlvIjp7ImF1dGgiOiJZMms2YUhWdWRHVnlNZz09In19"}}''')
        >>> read.entries[0].place
        'data[".dockercfg"]["quay.io"]'
        >>> read.entries[0].credential
        Credential(username='ci', secret=Secret('***'), email=None, kind=CredentialKind.PASSWORD)
    """
    entries: list[AuthEntry] = []
    remarks: list[Diagnostic] = []
    for found in pull_secrets(documents(without_bom(text))):
        if isinstance(found, Diagnostic):
            remarks.append(found)
            continue
        read, about = _read(found)
        entries += read
        remarks += about
    return Parsed(tuple(entries), tuple(remarks))


@forgetful
def merge(text: str, credentials: Mapping[RegistryAddress, Credential]) -> str:
    """Give an existing Secret the credentials of an environment, exactly these (R18).

    Name, labels, comments, other data and other objects stay as they are, to the byte. An alias is
    changed where its anchor stands.

    Args:
        text: A document with one pull secret, of either type.
        credentials: What ``store.credentials(environment, settings)`` returns.

    Returns:
        The changed document; the same one where the Secret says just this already.

    Raises:
        DocumentError: When there is not exactly one pull secret, it can't be read, or
            :func:`render` would refuse the credentials.
        MissingExtra: When it is YAML, and ruamel.yaml is not installed.

    Example:
        >>> from wharfinger import Credential, RegistryAddress, Secret
        >>> quay = {RegistryAddress.parse("quay.io"): Credential("ci", Secret("hunter2"))}
        >>> mine = render(quay, name="regcred", syntax="json")
        >>> merge(mine, quay) == mine, "hunter2" in merge(mine, {})
        (True, False)
    """
    plain = without_bom(text)
    found = [each for each in pull_secrets(documents(plain)) if not isinstance(each, Diagnostic)]
    if len(found) != 1:
        raise DocumentError("", f"one pull secret with data is wanted, and there are {len(found)}")
    secret = found[0]
    document = secret.document()
    auths = _auths(credentials)
    if secret.data_key == ".dockercfg":
        same = document == auths
        payload = json.dumps(auths, separators=(",", ":"))
    else:
        payload = secret.payload()
        spellings = [member.name for member in _auths_members(payload)]
        same = document.get("auths") == auths and len(spellings) == 1
        payload = _json_text.change(payload, dict.fromkeys(spellings) | {"auths": auths})
    if same:
        return text
    if not payload.isascii():
        payload = json.dumps(json.loads(payload))  # YAML's escapes are not all JSON's
    _check_size(payload, secret.data_key)
    value = payload if secret.plain else b64encode(payload.encode()).decode()
    edit = rewritten(plain, secret.node, value)
    if edit is None:
        raise DocumentError(place(*secret.path), "it can't be replaced as it is written")
    return text[: len(text) - len(plain)] + edited(plain, [edit])


@forgetful
def patch(names: Iterable[str], *, kind: str = "ServiceAccount") -> str:
    """Write the patch that lets pods use pull secrets, for ``kubectl patch --patch``.

    It is a strategic merge patch: in a pod spec it adds the names to those that are there; in a
    service account, whose list is not merged, it replaces them.

    Args:
        names: The names of the Secrets.
        kind: The kind of what is patched: ``ServiceAccount``, or one that has a pod spec.

    Returns:
        The patch, in JSON.

    Raises:
        DocumentError: When a name is none, none is given, or the kind has no pull secrets.

    Example:
        >>> patch(["regcred"])
        '{"imagePullSecrets": [{"name": "regcred"}]}'
        >>> patch(["regcred"], kind="Pod")
        '{"spec": {"imagePullSecrets": [{"name": "regcred"}]}}'
    """
    if isinstance(names, str):
        msg = "the names of Secrets are an iterable of str, not a str"
        raise TypeError(msg)
    if kind not in _HOLDERS:
        raise DocumentError("kind", f"it is one of {', '.join(_HOLDERS)}")
    listed = [
        {"name": _name(name, place("imagePullSecrets", number, "name"))}
        for number, name in enumerate(names)
    ]
    if not listed:
        raise DocumentError("imagePullSecrets", "no Secret is named")
    document: dict[str, object] = {"imagePullSecrets": listed}
    for member in reversed(_HOLDERS[kind]):
        document = {member: document}
    return json.dumps(document)


def _read(secret: PullSecret) -> tuple[list[AuthEntry], list[Diagnostic]]:
    """The entries of one Secret; what is wrong with it must not hide another."""
    path = secret.path
    try:
        auths: dict[str, object] | None = secret.document()
        text = secret.payload()
        starts = [0]
        if secret.data_key == ".dockerconfigjson":
            path = (*path, "auths")
            auths, starts = _merged(text, path)
        entries, remarks = read_auths(auths, *path, lookup=_KUBELET)
    except DocumentError as error:
        message, where = error.problem, error.place
        return [], [Diagnostic("data-malformed", "R20", message, "render the Secret again", where)]
    if auths is None:
        remarks.append(
            remark("auths-missing", path, "it is missing", "put the entries below auths")
        )
    remarks += _repetitions(text, starts, path)
    remarks += [
        Diagnostic(
            "kubelet-takes-no-token",
            "R18",
            "it is a token, and the kubelet sends a username and a password alone",
            "add the registry with a password",
            entry.place,
        )
        for entry in entries
        if entry.credential is not None and entry.credential.kind is not CredentialKind.PASSWORD
    ]
    return entries, remarks


def _merged(text: str, path: _Path) -> tuple[dict[str, object] | None, list[int]]:
    """All that is called ``auths``, as Go reads it, and where it begins."""
    auths: dict[str, object] = {}
    starts = []
    for member in _auths_members(text):
        if isinstance(member.value, dict):
            auths |= member.value
            starts.append(member.value_start)
        elif member.value is not None:
            read_auths(member.value, *path)  # refuses it
    return (auths if starts else None), starts


def _repetitions(text: str, starts: list[int], path: _Path) -> Iterator[Diagnostic]:
    repair = "keep one of them"
    if len(starts) > 1:
        message = "it stands more than once, in any case, and the kubelet puts them together"
        yield remark("name-repeated", path, message, repair)
    message = "it stands more than once, and the last one was read"
    for start in starts:
        names = Counter(member.name for member in _json_text.members(text, start))
        for name, times in names.items():
            if times > 1:
                yield remark("name-repeated", (*path, name), message, repair)


def _auths_members(text: str) -> list[_json_text.Member]:
    return [each for each in _json_text.members(text) if each.name.casefold() == "auths"]


class _Kubelet(Lookup):
    """How the kubelet finds an entry for canonical images: it tries all that match."""

    __slots__ = ()

    @override
    def rank(self, entry: AuthEntry) -> int:
        return 1 if self.also(entry) else 2


def _finds(entry: AuthEntry) -> bool:
    host = host_of(entry.key)
    if entry.address.is_docker_hub:
        return host == "docker.io" or (host == "index.docker.io" and not entry.path)
    # It takes the brackets of an IPv6 address without a port for a pattern.
    return host == str(entry.address) and not host.endswith("]")


def _wanted(entry: AuthEntry) -> str:
    return f"{entry.address}/{entry.path}" if entry.path else key(entry.address)


_KUBELET: Final = _Kubelet("the kubelet", _wanted, _finds, lambda entry: entry.path)


def _auths(credentials: Mapping[RegistryAddress, Credential]) -> dict[str, dict[str, str]]:
    """The entries, with the members that kubectl writes."""
    auths = wire_auths(credentials)
    for address, credential in credentials.items():
        if credential.kind is not CredentialKind.PASSWORD:
            problem = (
                f"the kubelet does not understand a credential of the kind {credential.kind}; add "
                f"{address} with a username and a password"
            )
            raise DocumentError(place("auths", key(address)), problem)
    for address, credential in credentials.items():
        name = key(address)
        auths[name] = {
            "username": credential.username,
            "password": credential.secret.reveal(),
            **auths[name],
        }
    return auths


def _check_size(payload: str, data_key: str) -> None:
    if len(payload) > _LARGEST:  # it is ASCII
        problem = f"it would have {len(payload)} bytes, and a Secret holds {_LARGEST} at most"
        raise DocumentError(place("data", data_key), problem)


def _name(name: str, where: str, *, label: bool = False) -> str:
    """Refuse what Kubernetes does not take for a name."""
    if not isinstance(name, str):
        msg = f"a name is a str, not {type(name).__name__}"
        raise TypeError(msg)
    longest = _LONGEST_LABEL if label else _LONGEST_NAME
    words = [name] if label else name.split(".")
    if len(name) > longest or not all(map(_LABEL.fullmatch, words)):
        also = "" if label else ", in parts joined by dots"
        problem = f"a name is a-z, 0-9 and inner hyphens{also}, {longest} characters at most"
        raise DocumentError(where, problem)
    return name
