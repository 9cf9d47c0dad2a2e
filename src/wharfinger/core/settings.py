"""Settings: what an admin decides for everyone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from wharfinger.core import _grammar
from wharfinger.core.address import RegistryAddress, known_address
from wharfinger.core.errors import (
    InvalidReference,
    InvalidSettings,
    member,
    nearest,
    plain,
)
from wharfinger.core.reference import ImageReference, moved
from wharfinger.core.whitelist import Whitelist, is_path, read_location

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypedDict

    class _Fields(TypedDict, total=False):
        default_registry: DefaultRegistry | RegistryAddress | str | None
        whitelist: Whitelist | str | Iterable[str] | None
        official_namespace: str | None
        host_images: HostImages


__all__ = ["DefaultRegistry", "HostImages", "Settings"]

_PAGE_NAMES: Final = {
    "registry.default": "default_registry",
    "registry.whitelist": "whitelist",
}


class HostImages(StrEnum):
    """What is checked of an image that is on the host already (R16)."""

    TRUST = "trust"
    """Nothing, as having been pulled once is permission to run. The page's policy."""
    VERIFY = "verify"
    """All that is checked of an image still to be pulled."""

    def __repr__(self) -> str:
        return f"HostImages.{self.name}"


@dataclass(frozen=True, slots=True, init=False, repr=False)
class DefaultRegistry:
    """Where references that name no registry are pulled from (R1, R11).

    Args:
        address: The registry's address.
        prefix: A path put before every such repository, or None.

    Raises:
        InvalidSettings: When the prefix is no path.

    Example:
        >>> DefaultRegistry()
        DefaultRegistry.parse('docker.io')
        >>> DefaultRegistry.parse("harbor.corp/hub-proxy").prefix
        'hub-proxy'
    """

    address: RegistryAddress
    prefix: str | None

    def __init__(
        self, address: RegistryAddress = RegistryAddress.DOCKER_HUB, prefix: str | None = None
    ) -> None:
        if not isinstance(address, RegistryAddress) or not isinstance(prefix, str | None):
            given = f"{type(address).__name__} and {type(prefix).__name__}"
            del address, prefix  # they may hold user information
            msg = f"it takes a RegistryAddress and a str, not {given}; parse() takes text"
            raise TypeError(msg)
        if prefix is not None and not is_path(prefix):
            error = _error(f"{address}/{prefix}", "registry.default")
            prefix = error.text
            raise error
        object.__setattr__(self, "address", address)
        object.__setattr__(self, "prefix", plain(prefix))

    @classmethod
    def parse(cls, text: str) -> DefaultRegistry:
        """Read the setting as the page has it, an address with or without a path.

        Blank is Docker Hub.

        Args:
            text: The setting's text.

        Returns:
            The default registry.

        Raises:
            InvalidSettings: When the text is no address with an optional path, or its first piece
                is one R1 would not read as a registry; the error says what to write instead.

        Example:
            >>> DefaultRegistry.parse("  ").address.is_docker_hub
            True
            >>> DefaultRegistry.parse("Registry.Corp:5000")
            DefaultRegistry.parse('registry.corp:5000')
        """
        exact = plain(text)
        if exact is None:
            given = type(text).__name__
            del text  # it may hold user information
            msg = f"a default registry is a str, not {given}"
            raise TypeError(msg)
        trimmed = exact.strip()
        location = read_location(trimmed) if trimmed else (RegistryAddress.DOCKER_HUB, None)
        if location is None:
            error = _error(trimmed, "registry.default")
            text = exact = trimmed = error.text  # user information must not stay in this frame
            raise error
        return cls(*location)

    def __str__(self) -> str:
        return str(self.address) if self.prefix is None else f"{self.address}/{self.prefix}"

    def __repr__(self) -> str:
        return f"DefaultRegistry.parse({str(self)!r})"


@dataclass(frozen=True, slots=True, init=False)
class Settings:
    """What an admin decides for everyone: the default registry, and which registries may be used.

    Args:
        default_registry: Where references that name no registry are pulled from; text is read as
            :meth:`DefaultRegistry.parse` does, None is Docker Hub (R11).
        whitelist: Which registries may be pulled from; text or an iterable is read as
            :class:`Whitelist` does, None is every registry (R14).
        official_namespace: A path put before one-word names that named no registry, where the
            default registry is not Docker Hub: ``library`` for a mirror that keeps Docker Hub's
            official images there. None for none (R11).
        host_images: What is checked of images that are on the host (R16).

    Raises:
        InvalidSettings: When a setting is malformed; the error names it, and of a whitelist the
            position of the entry.

    Example:
        >>> settings = Settings(default_registry="registry.corp:5000", whitelist="quay.io")
        >>> settings.default_registry, settings.whitelist
        (DefaultRegistry.parse('registry.corp:5000'), Whitelist('quay.io'))
    """

    default_registry: DefaultRegistry
    whitelist: Whitelist
    official_namespace: str | None
    host_images: HostImages

    def __init__(
        self,
        *,
        default_registry: DefaultRegistry | RegistryAddress | str | None = None,
        whitelist: Whitelist | str | Iterable[str] | None = None,
        official_namespace: str | None = None,
        host_images: HostImages = HostImages.TRUST,
    ) -> None:
        policy = member(HostImages, host_images)
        if policy is None:
            given, known = str(host_images), ", ".join(HostImages)
            default_registry = whitelist = official_namespace = None
            raise InvalidSettings(
                given, (0, len(given)), "unknown", f"it is one of {known}", None, "host_images"
            )
        try:
            namespace = _namespace(official_namespace)
            default = _default_registry(default_registry)
            allowed = whitelist if isinstance(whitelist, Whitelist) else Whitelist(whitelist)
        except (InvalidSettings, TypeError):
            # What was refused may hold user information, which must not stay in this frame.
            default_registry = whitelist = official_namespace = None
            raise
        object.__setattr__(self, "default_registry", default)
        object.__setattr__(self, "whitelist", allowed)
        object.__setattr__(self, "official_namespace", namespace)
        object.__setattr__(self, "host_images", policy)

    @classmethod
    def from_mapping(cls, values: Mapping[str, str | None]) -> Settings:
        """Read settings under the page's names.

        Args:
            values: ``registry.default`` and ``registry.whitelist``, each absent, None or text.
                Names that do not start with ``registry.`` are not this library's and are left
                alone.

        Returns:
            The settings.

        Raises:
            InvalidSettings: When one is malformed, or another ``registry.`` name is there.

        Example:
            >>> Settings.from_mapping({"registry.default": "registry.corp:5000"}).whitelist
            Whitelist(None)
        """
        fields: _Fields = {}
        for name in map(str, values):
            if name.casefold().startswith("registry.") and name not in _PAGE_NAMES:
                values = {}  # user information must not stay in this frame
                raise InvalidSettings(
                    name,
                    (len("registry."), len(name)),
                    "unknown",
                    f"the settings are {' and '.join(_PAGE_NAMES)}",
                    nearest(name.casefold(), _PAGE_NAMES),
                    name,
                )
        fields["default_registry"] = values.get("registry.default")
        fields["whitelist"] = values.get("registry.whitelist")
        try:
            return cls(**fields)
        except (InvalidSettings, TypeError):
            values, fields = {}, {}
            raise

    def locate(self, image: ImageReference | str) -> ImageReference:
        """Return the canonical image: where it is pulled from under these settings (R13).

        A reference that names no registry moves to the default registry, every address is
        written in its canonical form, and Docker Hub's one-word names get their ``library/``; tag
        and digest stay as they are. The canonical image is what to store, and what to look for on
        the host.

        Args:
            image: The reference as typed.

        Returns:
            The canonical image; located again, under any settings, it stays the same.

        Raises:
            InvalidReference: When the text is no reference, or the default registry makes its path
                longer than 255 characters.

        Example:
            >>> str(Settings(default_registry="harbor.corp/hub-proxy").locate("acme/api:1.2"))
            'harbor.corp/hub-proxy/acme/api:1.2'
            >>> str(Settings().locate("Registry-1.Docker.io:443/ubuntu"))
            'docker.io/library/ubuntu'
        """
        if not isinstance(image, ImageReference):
            try:
                image = ImageReference.parse(image)
            except InvalidReference as error:
                image = error.text  # user information must not stay in this frame
                raise
        return canonical(self, image)[0]


def canonical(
    settings: Settings, reference: ImageReference
) -> tuple[ImageReference, RegistryAddress]:
    """Move a reference to where it is pulled from (R11, R13).

    Args:
        settings: The settings.
        reference: The reference as typed.

    Returns:
        The canonical image and its address.

    Raises:
        InvalidReference: When the path gets longer than 255 characters.
    """
    path, prefix = reference._repository, ""
    if reference._registry is not None:
        address = known_address(reference._registry)
    else:
        default = settings.default_registry
        address = default.address
        if settings.official_namespace and not address._is_docker_hub and "/" not in path:
            prefix = f"{settings.official_namespace}/"
        if default.prefix is not None:
            prefix = f"{default.prefix}/{prefix}"
    if address._is_docker_hub and not prefix and "/" not in path:
        prefix = _grammar.LIBRARY
    if len(prefix) + len(path) > _grammar.MAX_PATH:
        raise _too_long(settings, reference, address, len(prefix) + len(path))
    return moved(reference, address._text, prefix), address


def _default_registry(given: DefaultRegistry | RegistryAddress | str | None) -> DefaultRegistry:
    if isinstance(given, DefaultRegistry):
        return given
    if isinstance(given, RegistryAddress):
        return DefaultRegistry(given)
    try:
        return DefaultRegistry.parse("" if given is None else given)
    except (InvalidSettings, TypeError):
        given = None
        raise


def _namespace(given: str | None) -> str | None:
    if given is None:
        return None
    exact = plain(given)
    if exact is None:
        kind = type(given).__name__
        del given  # it may hold user information
        msg = f"official_namespace is a str, not {kind}"
        raise TypeError(msg)
    namespace = exact.strip()
    if namespace and not is_path(namespace):
        error = _error(namespace, "official_namespace")
        given = exact = namespace = error.text
        raise error
    return namespace or None


def _too_long(
    settings: Settings, reference: ImageReference, address: RegistryAddress, length: int
) -> InvalidReference:
    start = 0 if reference.registry is None else len(reference.registry) + 1
    whose = settings.default_registry if reference.registry is None else address
    return InvalidReference(
        str(reference),
        (start, start + len(reference.repository)),
        "path-length",
        f"at {'the default registry ' if reference.registry is None else ''}{whose} the repository "
        f"has {length} characters, and {_grammar.MAX_PATH} are the most",
    )


def _error(text: str, setting: str) -> InvalidSettings:
    from wharfinger.core._faults import setting_error  # only errors need it

    def valid(repair: str) -> bool:
        if setting == "registry.default":
            return read_location(repair) is not None
        return is_path(repair)

    return setting_error(text, setting, None, valid)
