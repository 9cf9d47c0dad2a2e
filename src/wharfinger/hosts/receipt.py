"""What was done to a host, as a value that can be written down."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

import attrs
from attrs.validators import deep_iterable, ge, instance_of, le, matches_re, optional

from wharfinger.formats.document import DocumentError, forgetful

__all__ = ["Change", "Receipt", "digest"]

_SHA256: Final = r"[0-9a-f]{64}"
# Below the root, and without a way out of it.
_PATH: Final = r"(?:/(?!\.{1,2}(?:/|$))[^/\x00-\x1f\ud800-\udfff]+)+"
_MOST: Final = 0xFFFF_FFFF  # of a user's or a group's id


def digest(content: bytes) -> str:
    """Tell contents by a short text.

    Args:
        content: A file's contents.

    Returns:
        Their SHA-256 in hexadecimal.
    """
    return hashlib.sha256(content).hexdigest()


def _texts() -> Any:  # noqa: ANN401  # attrs has no public name for a validator's type
    return deep_iterable(matches_re(_PATH), instance_of(tuple))


@attrs.frozen
class Change:
    """One file that was changed.

    Args:
        path: Its path below the root, which it starts with a slash.
        before: The digest of what it was; None where it was not there.
        after: The digest of what it became.
        mode: Its permissions.
        owner: The ids of the user and the group it belonged to; None where it was not there.
    """

    path: str = attrs.field(validator=matches_re(_PATH))
    before: str | None = attrs.field(validator=optional(matches_re(_SHA256)))
    after: str = attrs.field(validator=matches_re(_SHA256))
    mode: int = attrs.field(validator=[instance_of(int), ge(0), le(0o7777)])
    owner: tuple[int, int] | None = None

    def __attrs_post_init__(self) -> None:
        if self.owner is not None:
            user, group = self.owner
            if not all(isinstance(one, int) and 0 <= one < _MOST for one in (user, group)):
                raise ValueError("an owner is the ids of a user and a group")


@attrs.frozen
class Receipt:
    """What was done, and what :func:`wharfinger.hosts.undo` needs to undo it.

    What the files were is kept on the host, for they may hold secrets; a receipt has none.

    Args:
        number: Which of those of this host it is, counted from 1; 0 where nothing was changed.
        root: The root it was done below.
        title: What was done, for people.
        plan: The digest of the plan without its remarks.
        changes: The files that were changed.
        relies: The files that were as they had to be.
        folders: The folders that were made, outermost first.
        commands: What to run now, and after it was undone.

    Example:
        >>> receipt = Receipt(0, "/", "trust registry.corp:5000 in docker", "0" * 64)
        >>> Receipt.from_json(receipt.to_json()) == receipt
        True
    """

    number: int = attrs.field(validator=[instance_of(int), ge(0)])
    root: str = attrs.field(validator=instance_of(str))
    title: str = attrs.field(validator=instance_of(str))
    plan: str = attrs.field(validator=matches_re(_SHA256))
    changes: tuple[Change, ...] = ()
    relies: tuple[str, ...] = attrs.field(default=(), validator=_texts())
    folders: tuple[str, ...] = attrs.field(default=(), validator=_texts())
    commands: tuple[str, ...] = attrs.field(
        default=(), validator=deep_iterable(instance_of(str), instance_of(tuple))
    )

    def to_json(self) -> str:
        """Write it down.

        Returns:
            A JSON document.
        """
        return json.dumps(attrs.asdict(self), indent=2) + "\n"

    @classmethod
    @forgetful
    def from_json(cls, text: str) -> Receipt:
        """Read what :meth:`to_json` wrote.

        Args:
            text: A JSON document.

        Returns:
            The receipt.

        Raises:
            DocumentError: When it is no receipt.
        """
        from wharfinger.formats._json_text import load

        found = load(text)
        try:
            changes = tuple(
                Change(**(change | {"owner": change["owner"] and tuple(change["owner"])}))
                for change in found.pop("changes")
            )
            lists = {name: tuple(value) for name, value in found.items() if isinstance(value, list)}
            return cls(changes=changes, **(found | lists))
        except (TypeError, ValueError, LookupError):
            pass
        raise DocumentError("", "this is no receipt")
