"""Image references: parse, qualify, familiar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from wharfinger.core import _grammar
from wharfinger.core._memo import remember
from wharfinger.core.address import read_address
from wharfinger.core.errors import InvalidReference, plain

if TYPE_CHECKING:
    from typing import Self, TypedDict, Unpack

    class _Parts(TypedDict, total=False):
        registry: str | None
        repository: str
        tag: str | None
        digest: str | None


__all__ = ["ImageReference"]

# The names the canonical grammar itself folds; R2's others are folded by addresses, not here.
_QUALIFIED_HUB: Final = frozenset({_grammar.HUB, "index.docker.io"})
# No shorter path can be too long or an image id.
_SHORTEST_REFUSED: Final = 64


@final
class ImageReference:
    """An image reference, ``[registry/]repository[:tag][@digest]``, as typed after ``docker run``.

    It is a value: made by :meth:`parse`, never changed, equal where the text is equal, ordered by
    its text, and picklable. Reading it applies no default; :meth:`qualified` does.

    Example:
        >>> ref = ImageReference.parse("quay.io/acme/api:1.2")
        >>> ref.registry, ref.repository, ref.tag, ref.digest
        ('quay.io', 'acme/api', '1.2', None)
        >>> ref
        ImageReference.parse('quay.io/acme/api:1.2')
    """

    __slots__ = ("_digest", "_registry", "_repository", "_tag", "_text")

    _text: str
    _registry: str | None
    _repository: str
    _tag: str | None
    _digest: str | None

    def __init__(self) -> None:
        msg = "an ImageReference is made by ImageReference.parse(text)"
        raise TypeError(msg)

    @classmethod
    def parse(cls, text: str) -> ImageReference:
        """Read an image reference. Nothing is added and nothing is dropped (R1).

        Args:
            text: The reference, without blanks around it.

        Returns:
            The reference; ``str()`` of it is the text.

        Raises:
            InvalidReference: When the text is none (R20): its ``span``, ``rule`` and ``repair`` say
                what to mend.
            TypeError: When ``text`` is not a string.

        Example:
            >>> ImageReference.parse("localhost:5000/db").registry
            'localhost:5000'
            >>> ImageReference.parse("acme/api").registry is None
            True
        """
        if type(text) is not str:
            exact = plain(text)
            if exact is None:
                given = type(text).__name__
                del text  # it may hold user information
                msg = f"an image reference is a str, not {given}"
                raise TypeError(msg)
            text = exact
        reference = read_reference(text)
        if reference is None:
            error = _error(text)
            text = error.text  # user information must not stay in this frame
            raise error
        return reference

    @classmethod
    def from_parts(
        cls,
        repository: str,
        *,
        registry: str | None = None,
        tag: str | None = None,
        digest: str | None = None,
    ) -> ImageReference:
        """Put a reference together from parts that are kept apart, as Helm values keep them.

        Args:
            repository: The repository.
            registry: The registry, or None to name none.
            tag: The tag, or None.
            digest: The digest, or None.

        Returns:
            The reference that has exactly these parts.

        Raises:
            InvalidReference: When a part is malformed, or would be read as another part.

        Example:
            >>> str(ImageReference.from_parts("acme/api", registry="quay.io", tag="1.2"))
            'quay.io/acme/api:1.2'
        """
        text = _join(registry, repository, tag, digest)
        try:
            made = cls.parse(text)
        except InvalidReference as error:
            text = repository = error.text
            registry = tag = digest = None
            raise
        wanted = {
            "registry": registry,
            "repository": repository,
            "tag": tag,
            "digest": digest,
        }
        for name, part in wanted.items():
            if getattr(made, name) != part:
                problem = f"as one text, its {name} is read as {getattr(made, name)!r} (R1)"
                raise InvalidReference(text, (0, len(text)), "path", problem)
        return made

    @property
    def registry(self) -> str | None:
        """The registry exactly as written, or None where the text names none (R1)."""
        return self._registry

    @property
    def repository(self) -> str:
        """The repository, without registry, tag and digest."""
        return self._repository

    @property
    def tag(self) -> str | None:
        """The tag, or None."""
        return self._tag

    @property
    def digest(self) -> str | None:
        """The digest, ``algorithm:hex``, or None. A tag beside it is kept."""
        return self._digest

    def qualified(self) -> ImageReference:
        """The normal form of the canonical grammar.

        Docker Hub where no registry is named, ``library/`` before its one-word names, and
        ``index.docker.io`` read as ``docker.io``; every other host keeps its spelling.

        Returns:
            The qualified reference; qualifying it again changes nothing.

        Example:
            >>> str(ImageReference.parse("ubuntu:24.04").qualified())
            'docker.io/library/ubuntu:24.04'
        """
        registry = self._registry or _grammar.HUB
        if registry in _QUALIFIED_HUB:
            registry = _grammar.HUB
        prefix = _grammar.LIBRARY if _implies_library(registry, self._repository) else ""
        return moved(self, registry, prefix)

    def familiar(self) -> str:
        """The shortest text with the same :meth:`qualified` form; to show, never to store.

        Returns:
            The text.

        Example:
            >>> ImageReference.parse("docker.io/library/ubuntu:24.04").familiar()
            'ubuntu:24.04'
            >>> ImageReference.parse("docker.io/localhost/db").familiar()
            'docker.io/localhost/db'
        """
        qualified = self.qualified()
        path = qualified._repository
        name = path.removeprefix(_grammar.LIBRARY)
        paths = [path] if "/" in name else [name, path]
        if qualified._registry == _grammar.HUB:
            for short in paths:
                text = _join(None, short, self._tag, self._digest)
                read = read_reference(text)
                if read is not None and (read._registry, read._repository) == (None, short):
                    return text
        return qualified._text

    def __replace__(self, **changes: Unpack[_Parts]) -> ImageReference:
        parts: _Parts = {
            "registry": self._registry,
            "repository": self._repository,
            "tag": self._tag,
            "digest": self._digest,
        }
        try:
            return ImageReference.from_parts(**(parts | changes))
        except InvalidReference:
            changes, parts = {}, {}  # user information must not stay in this frame
            raise

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"ImageReference.parse({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, ImageReference) else NotImplemented

    def __lt__(self, other: ImageReference) -> bool:
        return self._text < other._text if isinstance(other, ImageReference) else NotImplemented

    def __le__(self, other: ImageReference) -> bool:
        return self._text <= other._text if isinstance(other, ImageReference) else NotImplemented

    def __gt__(self, other: ImageReference) -> bool:
        return self._text > other._text if isinstance(other, ImageReference) else NotImplemented

    def __ge__(self, other: ImageReference) -> bool:
        return self._text >= other._text if isinstance(other, ImageReference) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return ImageReference.parse, (self._text,)


# First path component -> whether R1 reads it as a registry.
_PIECES: Final[dict[str, bool]] = {}

_new: Final = object.__new__
_remote: Final = _grammar.REMOTE.fullmatch


def read_reference(text: str) -> ImageReference | None:
    """Read a reference, or say None where the text is none.

    First path components are remembered, at most 4,096 of at most 255 characters each; references
    are not.

    Args:
        text: What was typed.

    Returns:
        The reference, or None.
    """
    registry = None
    head, slash, remote = text.partition("/")
    if slash:
        named = _PIECES.get(head)
        if named is None and (named := _learn(head)) is None:
            return None
        if named:
            registry = head
    found = _remote(text if registry is None else remote)
    if found is None:
        return None
    reference = _new(ImageReference)
    path, reference._tag, reference._digest = found.groups()
    if len(path) >= _SHORTEST_REFUSED and _is_refused(text, registry, path):
        return None
    reference._text = text
    reference._registry = registry
    reference._repository = path
    return reference


def moved(reference: ImageReference, registry: str, prefix: str) -> ImageReference:
    """Return a reference at another registry, below a prefix; its tag and digest stay.

    Args:
        reference: The reference; returned itself if it is there already.
        registry: A well-formed host that R1 reads as a registry.
        prefix: What to put before the repository, with a ``/`` at its end; or nothing.

    Returns:
        The moved reference. The caller sees to it that its path is not too long.
    """
    written = reference._registry
    if registry == written and not prefix:
        return reference
    text = reference._text
    remote = text if written is None else text[len(written) + 1 :]
    made = _new(ImageReference)
    made._text = f"{registry}/{prefix}{remote}"
    made._registry = registry
    made._repository = prefix + reference._repository
    made._tag = reference._tag
    made._digest = reference._digest
    return made


def _learn(piece: str) -> bool | None:
    """Whether a first component names a registry; None where it is a malformed one."""
    named = _grammar.is_registry(piece)
    if (read_address(piece) if named else _grammar.PATH.fullmatch(piece)) is None:
        return None
    remember(_PIECES, piece, named)
    return named


def _is_refused(text: str, registry: str | None, path: str) -> bool:
    """Whether a long path is too long, or the whole text is an image id."""
    # Docker Hub's one-word names have their 'library/' counted, as the canonical grammar does.
    implied = len(_grammar.LIBRARY) if _implies_library(registry, path) else 0
    too_long = len(path) + implied > _grammar.MAX_PATH
    return too_long or _grammar.is_image_id(text)


def _implies_library(registry: str | None, path: str) -> bool:
    return "/" not in path and (registry is None or registry in _QUALIFIED_HUB)


def _join(registry: str | None, repository: str, tag: str | None, digest: str | None) -> str:
    text = repository if registry is None else f"{registry}/{repository}"
    text = text if tag is None else f"{text}:{tag}"
    return text if digest is None else f"{text}@{digest}"


def _error(text: str) -> InvalidReference:
    from wharfinger.core._faults import reference_error  # only errors need it

    return reference_error(text)
