"""``.dockercfg``: what docker had before ``config.json``. Read only; nobody should write one."""

from __future__ import annotations

from wharfinger.core.address import RegistryAddress
from wharfinger.formats import _json_text
from wharfinger.formats._auths import AuthEntry, key, read_auths, repetitions
from wharfinger.formats.document import DocumentError, Parsed, forgetful

__all__ = ["parse"]


@forgetful
def parse(text: str) -> Parsed[AuthEntry]:
    r"""Read a ``.dockercfg``: entries as ``auths`` has them, or the still older two lines.

    Args:
        text: The document: an object of entries, or lines such as ``auth = …`` and ``email = …``,
            which are for Docker Hub.

    Returns:
        Its entries.

    Raises:
        DocumentError: When it is neither.

    Example:
        >>> from wharfinger.formats import dockercfg
        >>> read = dockercfg.parse('{"https://quay.io/v1/": {"auth": "Y2k6aHVudGVyMg=="}}')
        >>> read.entries[0].address
        RegistryAddress.parse('quay.io')
        >>> read = dockercfg.parse("auth = Y2k6aHVudGVyMg==\nemail = ci@acme.example")
        >>> read.entries[0].credential.email
        'ci@acme.example'
    """
    plain = _json_text.without_bom(text)
    if plain.lstrip().startswith("{"):
        document = _json_text.load(plain)
        entries, found = read_auths(document)
        return Parsed(tuple(entries), (*repetitions(plain), *found))
    members: dict[str, str] = {}
    for number, line in enumerate(plain.splitlines(), start=1):
        name, equals, value = line.partition("=")
        if name.strip() not in {"auth", "email"} or not equals:
            raise DocumentError(f"line {number}", "auth = … or email = … is wanted, or an object")
        members[name.strip()] = value.strip()
    if "auth" not in members:
        raise DocumentError("", "an object is wanted, or a line auth = …")
    entries, found = read_auths({key(RegistryAddress.DOCKER_HUB): members})
    return Parsed(tuple(entries), tuple(found))
