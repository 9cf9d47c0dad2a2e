"""What a ``registries.conf`` says, read entry by entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wharfinger.core._grammar import is_registry
from wharfinger.core.address import read_address
from wharfinger.core.diagnose import Diagnostic
from wharfinger.core.errors import nearest
from wharfinger.core.reference import read_reference
from wharfinger.formats._host_remarks import surprise
from wharfinger.formats._registries_conf_values import Mirror, RegistriesConf, RegistryTable
from wharfinger.formats._toml_text import kind, load
from wharfinger.formats.document import place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["read"]


_ROOT: Final = (
    "unqualified-search-registries",
    "credential-helpers",
    "short-name-mode",
    "additional-layer-store-auth-helper",
    "registry",
    "aliases",
    "registries",
)
# Of these, what people write under a table by mistake.
_ROOT_ONLY: Final = frozenset(_ROOT) - {"registry", "registries"}
_TABLE: Final = ("prefix", "location", "insecure", "blocked", "mirror-by-digest-only", "mirror")
_MIRROR: Final = ("location", "insecure", "pull-from-mirror")
_MODES: Final = ("enforcing", "permissive", "disabled")
_PULLS: Final = ("all", "digest-only", "tag-only")
_MOST_NEAREST: Final = 100  # it takes its time (R20)
_VERSION_1: Final = ("search", "insecure", "block")


def read(text: str) -> RegistriesConf:
    """Read a document.

    Args:
        text: The document.

    Returns:
        What it says.

    Raises:
        DocumentError: When it is not valid TOML.
    """
    return _Reader(load(text), marked=text.startswith("\ufeff")).read()


class _Reader:
    """One reading; it gathers remarks."""

    def __init__(self, document: dict[str, Any], *, marked: bool) -> None:
        self.document = document
        self.remarks: list[Diagnostic] = []
        self.strangers = 0
        if marked:
            self.remark(
                "byte-order-mark",
                "containers refuse a file that starts with a byte order mark",
                "save it without",
            )

    def read(self) -> RegistriesConf:
        root = self.table((), self.document, _ROOT)
        search = self.texts(root, "unqualified-search-registries", self.search_registry)
        mode = self.word(("short-name-mode",), root.get("short-name-mode"), _MODES)
        helpers = self.texts(root, "credential-helpers", lambda _path, _text: True)
        entries = [
            entry
            for position, value in enumerate(self.array(("registry",), root.get("registry")))
            if (entry := self.registry(position, value))
        ]
        self.compare(entries)
        self.version_1(root)
        aliases = {
            name: value
            for name, value in self.table(("aliases",), root.get("aliases", {}), None).items()
            if self.alias(name, value)
        }
        return RegistriesConf(tuple(entries), tuple(self.remarks), search, mode, helpers, aliases)

    def remark(
        self, code: str, message: str, repair: str, *path: str | int, rule: str = "R20"
    ) -> None:
        self.remarks.append(Diagnostic(code, rule, message, repair, place(*path)))

    def wrong_type(self, wanted: str, value: object, *path: str | int) -> None:
        message = f"{wanted} is wanted, and this is {kind(value)}; containers refuse the file"
        self.remark("wrong-type", message, f"write {wanted}", *path)

    def table(
        self, path: tuple[str | int, ...], value: object, known: tuple[str, ...] | None
    ) -> dict[str, Any]:
        """A table under the names of its keys as they are known."""
        if not isinstance(value, dict):
            self.wrong_type("a table", value, *path)
            return {}
        if known is None:
            return value
        found: dict[str, Any] = {}
        for key, item in value.items():
            name = key.casefold()  # as Go does it, the long s and the sign of the kelvin too
            if name not in known:
                self.unknown(path, key, known)
                continue
            if key != name:
                self.remark(
                    "key-case",
                    "containers read it, in whatever case it is written, and others do not",
                    f"write {name}",
                    *path,
                    key,
                )
            if name not in found or key == name:
                found[name] = item
        return found

    def unknown(self, path: tuple[str | int, ...], key: str, known: tuple[str, ...]) -> None:
        if path and key.casefold() in _ROOT_ONLY:
            header = "[[registry]]" if known is _TABLE else "[[registry.mirror]]"
            self.remark(
                "key-under-table",
                f"it belongs to the {header} above it, as TOML has it, and says nothing there",
                "move it above the first table",
                *path,
                key,
            )
            return
        self.strangers += 1
        near = nearest(key.casefold(), known) if self.strangers <= _MOST_NEAREST else None
        told = f"; the nearest is {near}" if near else ""
        repair = f"write {near}" if near else "take it out"
        self.remark("unknown-key", f"containers pass it over{told}", repair, *path, key)

    def array(self, path: tuple[str | int, ...], value: object) -> list[Any]:
        if isinstance(value, list):
            return value
        if value is not None:
            self.wrong_type("an array of tables", value, *path)
        return []

    def texts(
        self,
        root: dict[str, Any],
        key: str,
        check: Callable[[tuple[str | int, ...], str], bool],
    ) -> tuple[str, ...] | None:
        if key not in root:
            return None
        value = root[key]
        if not isinstance(value, list):
            self.wrong_type("an array of strings", value, key)
            return None
        found = []
        for position, item in enumerate(value):
            if not isinstance(item, str):
                self.wrong_type("a string", item, key, position)
            elif check((key, position), item):
                found.append(item)
        return tuple(found)

    def word(
        self, path: tuple[str | int, ...], value: object, words: tuple[str, ...]
    ) -> str | None:
        if value is None or value == "" or (isinstance(value, str) and value in words):
            return value or None
        if isinstance(value, str):
            told = f"it is one of {', '.join(words)}; containers refuse the file"
            near = nearest(value, words)
            self.remark("unknown-word", told, f"write {near or words[0]}", *path)
        else:
            self.wrong_type("a string", value, *path)
        return None

    def flag(self, path: tuple[str | int, ...], table: dict[str, Any], key: str) -> bool:
        value = table.get(key, False)
        if not isinstance(value, bool):
            self.wrong_type("a boolean", value, *path, key)
        return value is True

    def search_registry(self, path: tuple[str | int, ...], text: str) -> bool:
        host = text.rstrip("/")
        if "/" in host or host.startswith("[") or read_address(host) is None:
            self.remark(
                "search-registry",
                "it is no host[:port]; containers refuse the file",
                "write a registry's address, without scheme and path",
                *path,
                rule="R4",
            )
            return False
        return True

    def registry(self, position: int, value: object) -> RegistryTable | None:
        path = ("registry", position)
        table = self.table(path, value, _TABLE)
        location = self.location(path, table, "location")
        prefix = self.location(path, table, "prefix")
        if location is None or prefix is None or not isinstance(value, dict):
            return None
        if not location and not prefix.startswith("*."):
            self.no_location(path)
            return None
        where = place(*path, "prefix" if prefix else "location")
        if not prefix.startswith("*.") and (remark := surprise(prefix or location, where)):
            self.remarks.append(remark)
        by_digest = self.flag(path, table, "mirror-by-digest-only")
        return RegistryTable(
            prefix or location,
            location,
            self.flag(path, table, "insecure"),
            self.flag(path, table, "blocked"),
            by_digest,
            tuple(self.mirrors(path, table, by_digest=by_digest)),
            place(*path),
        )

    def mirrors(
        self, path: tuple[str | int, ...], table: dict[str, Any], *, by_digest: bool
    ) -> Iterator[Mirror]:
        for position, value in enumerate(self.array((*path, "mirror"), table.get("mirror"))):
            here = (*path, "mirror", position)
            mirror = self.table(here, value, _MIRROR)
            location = self.location(here, mirror, "location")
            if location == "" and isinstance(value, dict):
                self.no_location(here)
            if not location:
                continue
            pull = self.word((*here, "pull-from-mirror"), mirror.get("pull-from-mirror"), _PULLS)
            if pull and by_digest:
                self.remark(
                    "mirror-restricted-twice",
                    "its registry has mirror-by-digest-only; containers refuse the file",
                    "keep one of the two",
                    *here,
                    "pull-from-mirror",
                )
            yield Mirror(location, self.flag(here, mirror, "insecure"), pull or "all")

    def location(self, path: tuple[str | int, ...], table: dict[str, Any], key: str) -> str | None:
        """A prefix or a location; empty where it is not there, None where it is malformed."""
        value = table.get(key, "")
        if not isinstance(value, str):
            self.wrong_type("a string", value, *path, key)
            return None
        text = value.rstrip("/")
        if key == "prefix" and "*" in text:
            return self.wildcard(path, text)
        if not text:
            return text
        reference = read_reference(text)
        is_host = is_registry(text) and read_address(text) is not None
        if not is_host and (reference is None or reference.registry is None):
            self.remark(
                "location",
                "it is no host[:port] with an optional path",
                "write the address first, without scheme and user information",
                *path,
                key,
                rule="R4",
            )
            return None
        return text

    def no_location(self, path: tuple[str | int, ...]) -> None:
        message = "it has no location; containers refuse the file"
        self.remark("location-missing", message, "write one", *path)

    def wildcard(self, path: tuple[str | int, ...], text: str) -> str | None:
        host = text.removeprefix("*.")
        if text.startswith("*.") and not set("/:@*") & set(host) and read_address(host):
            return text
        self.remark(
            "wildcard",
            "a wildcard is *. before a host without port and path; containers refuse the file, or "
            "match nothing",
            "write a prefix for each registry",
            *path,
            "prefix",
        )
        return None

    def compare(self, entries: list[RegistryTable]) -> None:
        """Tables with one prefix, and tables that disagree on one location."""
        prefixes: dict[str, str] = {}
        locations: dict[str, RegistryTable] = {}
        for entry in entries:
            first = prefixes.setdefault(entry.prefix, entry.place)
            if first != entry.place:
                self.remarks.append(
                    Diagnostic(
                        "repeated-prefix",
                        "R20",
                        f"{first} has the same prefix, and of these the first counts",
                        "keep one of them",
                        entry.place,
                    )
                )
            other = locations.setdefault(entry.location or entry.prefix, entry)
            if (other.blocked, other.insecure) != (entry.blocked, entry.insecure):
                self.remarks.append(
                    Diagnostic(
                        "conflicting-location",
                        "R20",
                        f"{other.place} has the same location and is not alike blocked and "
                        "insecure; containers refuse the file",
                        "let them agree",
                        entry.place,
                    )
                )

    def version_1(self, root: dict[str, Any]) -> None:
        if "registries" not in root:
            return
        self.table(("registries",), root["registries"], _VERSION_1)
        mixed = len(root) > 1
        told = "; beside version 2, containers refuse the file" if mixed else ""
        self.remark(
            "version-1",
            f"this is version 1 of the format, which is not read here{told}",
            "write unqualified-search-registries and [[registry]] tables",
            "registries",
        )

    def alias(self, name: str, value: object) -> bool:
        path = ("aliases", name)
        if not isinstance(value, str):
            self.wrong_type("a string", value, *path)
            return False
        short = read_reference(name)
        if short is None or short.registry or short.tag or short.digest:
            self.remark(
                "alias-name",
                "it is no repository without registry, tag and digest; containers refuse the file",
                "write a short name",
                *path,
            )
            return False
        image = read_reference(value)
        if value and (image is None or not image.registry or image.tag or image.digest):
            self.remark(
                "alias-value",
                "it leads to no repository with a registry, without tag and digest; containers "
                "refuse the file",
                "write the registry out",
                *path,
            )
            return False
        return True
