"""What Rancher 1.x's API says of registries, their credentials and the settings: the wire alone.

Read in rancher/cattle v0.183.83, which rancher/server v1.6.30 ships.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NoReturn

import attrs

from wharfinger.core.address import RegistryAddress
from wharfinger.core.credential import Secret
from wharfinger.core.diagnose import Diagnostic
from wharfinger.core.errors import InvalidAddress
from wharfinger.formats._json_text import kind, without_bom
from wharfinger.formats.document import DocumentError, place

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Answers", "WireCredential", "WireRegistry", "read"]

_REGISTRIES: Final = "registries"
_CREDENTIALS: Final = "registryCredentials"
_SETTINGS: Final = "settings"

# Rancher's names are read in any case: its URLs have registrycredentials.
_SLOTS: Final = {name.casefold(): name for name in (_REGISTRIES, _CREDENTIALS, _SETTINGS)}
_RESOURCES: Final = {
    "registry": _REGISTRIES,
    "registrycredential": _CREDENTIALS,
    "setting": _SETTINGS,
    "activesetting": _SETTINGS,
}
_SPACE: Final = re.compile(r"[ \t\r\n]*+")
# 1sp5, 1c7: a version, a type and a number, which is the row's.
_ID: Final = re.compile(r"(?:[0-9]{1,4}[a-z]{1,8})?([0-9]{1,18})", re.ASCII)
_TWICE: Final = "two of its members have one name, and one would hide the other; leave one out"
_NO_EMAIL: Final = "not-really@required.anymore"  # what Rancher's own UI wrote where none was given

# cattle's DefaultProcessesParser; a state in passing is read as the one it leads to.
_ACTIVE: Final = frozenset({"active", "updating-active", "activating", "registering", "requested"})
_INACTIVE: Final = frozenset({"inactive", "updating-inactive", "deactivating"})
_REMOVED: Final = frozenset({"removing", "removed", "purging", "purged"})


@attrs.frozen
class WireRegistry:
    """One ``registry`` that was not removed.

    Args:
        place: Where it stands.
        id: Rancher's id.
        number: The number in it, by which Rancher orders.
        address: Its address.
        literal: Its address as Rancher compared it; None where no image could match that.
        active: Whether it is active.
    """

    place: str
    id: str
    number: int
    address: RegistryAddress
    literal: str | None
    active: bool


@attrs.frozen
class WireCredential:
    """One ``registryCredential`` that was not removed.

    Args:
        place: Where it stands.
        id: Rancher's id.
        number: The number in it, by which Rancher orders.
        registry_id: Rancher's id of its registry.
        username: Its ``publicValue``; empty where there is none.
        secret: Its ``secretValue``; None where the API kept it back.
        email: Its e-mail address.
        active: Whether it is active.
    """

    place: str
    id: str
    number: int
    registry_id: str
    username: str
    secret: Secret | None
    email: str | None
    active: bool


@attrs.define(eq=False, repr=False)
class Answers:
    """All that was read, by Rancher's ids.

    Args:
        registries: The registries.
        credentials: The credentials.
        removed: The ids of registries that were removed, or can't be read.
        settings: The settings by name, each with its place.
        diagnostics: What is wrong with single entries.
    """

    registries: dict[str, WireRegistry] = attrs.field(factory=dict)
    credentials: dict[str, WireCredential] = attrs.field(factory=dict)
    removed: set[str] = attrs.field(factory=set)
    settings: dict[str, tuple[str, str]] = attrs.field(factory=dict)
    diagnostics: list[Diagnostic] = attrs.field(factory=list)
    _seen: set[str] = attrs.field(factory=set)
    _accounts: set[str] = attrs.field(factory=set)

    def document(self, document: object, *path: str | int) -> None:
        """Read one document of a stream: an answer of the API, or answers by name."""
        if not isinstance(document, dict):
            raise DocumentError(place(*path), f"an object is wanted, and this is {kind(document)}")
        _check_members(document, *path)
        word = _word(document, "type")
        if word == "collection":
            slot = _RESOURCES.get(_word(document, "resourceType"))
        else:
            slot = _RESOURCES.get(word)
        if slot or word in {"collection", "error"}:
            self._collection(slot, document, *path)
            return
        for name, value in document.items():
            slot = _SLOTS.get(name.casefold())
            if slot and value is not None:
                self._collection(slot, value, *path, name)

    def check(self) -> None:
        """Refuse what is not one environment's registries and credentials."""
        for wanted in (_REGISTRIES, _CREDENTIALS):
            if wanted not in self._seen:
                raise DocumentError(wanted, "they are missing")
        if len(self._accounts) > 1:
            found = ", ".join(sorted(self._accounts)[:8])
            raise DocumentError(
                "",
                f"it holds registries of several environments, {found}, and no environment sees "
                "another's (R17): export them one by one",
            )

    def _collection(self, slot: str | None, value: object, *path: str | int) -> None:
        if isinstance(value, dict):
            _check_members(value, *path)
            _check_answer(value, *path)
            if slot is None:
                self._remark("not-read", "it is no collection of registries", "leave it out", *path)
                return
            self._look_for_more(value, *path)
            data = value.get("data")
            if isinstance(data, list | dict):
                path, value = (*path, "data"), data
                _check_members(value, *path)
            elif _word(value, "type") == "collection":
                raise DocumentError(place(*path, "data"), _wanted("an array", data))
            elif _RESOURCES.get(_word(value, "type")) == slot:
                value = [value]
        self._seen.add(str(slot))
        if slot == _SETTINGS and isinstance(value, dict):
            for name, text in value.items():
                self._setting({"name": name, "value": text}, *path, name)
        elif isinstance(value, list):
            self._items(slot, value, *path)
        else:
            raise DocumentError(place(*path), _wanted("a collection or an array", value))

    def _items(self, slot: str | None, items: list[Any], *path: str | int) -> None:
        readers = {_REGISTRIES: self._registry, _CREDENTIALS: self._credential}
        reader = readers.get(str(slot), self._setting)
        for position, item in enumerate(items):
            where = (*path, position)
            if not isinstance(item, dict):
                self._malformed(_wanted("an object", item), *where)
            elif isinstance(item, _Repeating) and slot != _SETTINGS:
                self._malformed(_TWICE, *where)
            else:
                reader(item, *where)

    def _look_for_more(self, value: dict[str, Any], *path: str | int) -> None:
        pages = value.get("pagination")
        if isinstance(pages, dict) and (pages.get("next") or pages.get("partial") is True):
            self._remark(
                "export-partial",
                "Rancher's API answered with one page of several, so newer ones may be missing",
                "ask again with a higher ?limit=",
                *path,
                "pagination",
            )

    def _registry(self, item: dict[str, Any], *path: str | int) -> None:
        found = self._id(item, self.registries, *path)
        if found is None:
            return
        registry_id, number = found
        address = None
        if not _is_removed(item):
            address = self._address(item.get("serverAddress"), *path, "serverAddress")
        if address is None:
            self.removed.add(registry_id)
            return
        self._account(item)
        self.registries[registry_id] = WireRegistry(
            place(*path), registry_id, number, *address, active=self._active(item, *path)
        )

    def _credential(self, item: dict[str, Any], *path: str | int) -> None:
        found = self._id(item, self.credentials, *path)
        if found is None or _is_removed(item):
            return
        registry_id = item.get("registryId")
        if not isinstance(registry_id, str):
            self._malformed(_wanted("a string", registry_id), *path, "registryId")
            return
        texts: dict[str, str] = {}
        for name in ("publicValue", "secretValue", "email"):
            value = item.get(name)
            if isinstance(value, str):
                texts[name] = value
            elif value is not None:
                self._malformed(_wanted("a string", value), *path, name)
                if name != "email":
                    return
        self._account(item)
        credential_id, number = found
        email = texts.get("email")
        self.credentials[credential_id] = WireCredential(
            place(*path),
            credential_id,
            number,
            registry_id,
            texts.get("publicValue", ""),
            Secret(texts["secretValue"]) if "secretValue" in texts else None,
            email if email != _NO_EMAIL else None,
            active=self._active(item, *path),
        )

    def _setting(self, item: dict[str, Any], *path: str | int) -> None:
        """Keep one of the two settings; all others are somebody else's."""
        _check_members(item, *path)
        names = [item.get("name"), item.get("id")]
        name = next((name for name in names if name and isinstance(name, str)), "")
        value = item.get("value")
        value = item.get("activeValue") if value is None else value
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            value = ",".join(value)  # as Rancher shows what it has split already
        if name not in {"registry.default", "registry.whitelist"} or value is None:
            return
        if not isinstance(value, str):
            # A whitelist that can't be read must not read as none.
            raise DocumentError(place(*path), _wanted("a string", value))
        known, where = self.settings.setdefault(name, (value, place(*path)))
        if known != value:
            # The wrong one of two whitelists would open what was closed.
            raise DocumentError(place(*path), f"{name} has another value at {where}; leave one")

    def _id(
        self, item: dict[str, Any], known: dict[str, Any], *path: str | int
    ) -> tuple[str, int] | None:
        text = item.get("id")
        found = _ID.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            self._malformed("an id such as 1sp5 is wanted", *path, "id")
            return None
        if found[0] in known or found[0] in self.removed:
            self._remark(
                "id-repeated",
                f"{found[0]} stands in the export before, and is read there",
                "leave one of them out",
                *path,
            )
            return None
        return found[0], int(found[1])

    def _address(self, text: object, *path: str | int) -> tuple[RegistryAddress, str | None] | None:
        if not isinstance(text, str):
            self._malformed(_wanted("a string", text), *path)
            return None
        try:
            return RegistryAddress.parse(text), text
        except InvalidAddress as error:
            problem, repair = error.problem, error.repair
        if repair is None:
            self._remark("address-malformed", problem, "write host[:port]", *path, rule="R4")
            return None
        self._remark(
            "address-repaired",
            f"{problem}, and Rancher used it for no image",
            f"it is read as {repair}; take it out if that is not meant",
            *path,
            rule="R4",
        )
        return RegistryAddress.parse(repair), None

    def _active(self, item: dict[str, Any], *path: str | int) -> bool:
        state = item.get("state")
        if state not in _ACTIVE | _INACTIVE if isinstance(state, str) else True:
            self._remark(
                "state-unknown",
                "its state is none that Rancher 1.x has, so it is read as inactive",
                "write active or inactive",
                *path,
                "state",
                rule="R7",
            )
            return False
        return state in _ACTIVE

    def _account(self, item: dict[str, Any]) -> None:
        account = item.get("accountId")
        if isinstance(account, str) and _ID.fullmatch(account):
            self._accounts.add(account)

    def _malformed(self, problem: str, *path: str | int) -> None:
        self._remark("entry-malformed", problem, "export it again", *path)

    def _remark(
        self, code: str, message: str, repair: str, *path: str | int, rule: str = "R20"
    ) -> None:
        self.diagnostics.append(Diagnostic(code, rule, message, repair, place(*path)))


def read(text: str) -> Answers:
    """Read an export: one document that has the answers by name, or the answers one after another.

    Args:
        text: The document.

    Returns:
        What it says.

    Raises:
        DocumentError: When it is not valid JSON, or says nothing that can be used.
    """
    answers = Answers()
    documents = list(_documents(without_bom(text)))
    for position, document in enumerate(documents):
        answers.document(document, *([position] if len(documents) > 1 else []))
    answers.check()
    return answers


def _documents(text: str) -> Iterator[object]:
    at = _skip(text, 0)
    where, problem = "", ""
    while at < len(text) and not problem:
        try:
            value, at = _DECODER.raw_decode(text, at)
        except json.JSONDecodeError as error:  # it holds the document
            where, problem = f"line {error.lineno}, column {error.colno}", "it is not valid JSON"
        except (ValueError, RecursionError):
            problem = "it is not JSON that can be read: a number is too long, or a nesting too deep"
        else:
            yield value
            at = _skip(text, at)
    if problem:
        raise DocumentError(where, problem)


def _skip(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing, too


class _Repeating(dict[str, Any]):
    """An object that has members of one name, of which the last is kept."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    return made if len(made) == len(pairs) else _Repeating(made)


def _refuse(_constant: str) -> NoReturn:
    raise ValueError  # RFC 8259 has no NaN and no Infinity


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse)


def _word(value: dict[str, Any], name: str) -> str:
    """A member that is a word, in lower case; empty where it is none."""
    word = value.get(name)
    return word.casefold() if isinstance(word, str) else ""


def _check_members(value: object, *path: str | int) -> None:
    """Refuse what would hide a whole list, or a setting, behind another of its name."""
    if isinstance(value, _Repeating):
        raise DocumentError(place(*path), _TWICE)


def _check_answer(value: dict[str, Any], *path: str | int) -> None:
    """Refuse what Rancher answers to those it does not know."""
    if _word(value, "type") == "error":
        status = value.get("status")
        told = f", status {status}" if status in range(400, 600) else ""
        raise DocumentError(place(*path), f"it is an error of Rancher's API{told}")


def _is_removed(item: dict[str, Any]) -> bool:
    return item.get("removed") is not None or item.get("state") in tuple(_REMOVED)


def _wanted(wanted: str, value: object) -> str:
    return f"{wanted} is wanted, and this is {kind(value)}"
