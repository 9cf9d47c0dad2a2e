"""The store of ``docs/howto/own-store.md`` passes the suite, as the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from wharfinger import Credential, Secret
from wharfinger.stores import StoreError
from wharfinger.testing.conformance import StoreConformance

if TYPE_CHECKING:
    from wharfinger import CredentialStore

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "own-store.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def run_page() -> dict[str, Any]:
    """Run the page's code as one module."""
    names: dict[str, Any] = {"__name__": "own_store"}
    exec(compile("\n".join(BLOCKS[:2]), str(PAGE), "exec"), names)  # noqa: S102
    return names


NAMES = run_page()


class TestPage(StoreConformance):
    """The page's store, opened as the page's own test opens it."""

    @pytest.fixture(autouse=True)
    def _in_a_folder(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        numbers = iter(range(1_000_000))

        def mkdtemp() -> str:
            folder = tmp_path / str(next(numbers))
            folder.mkdir()
            return str(folder)

        monkeypatch.setitem(NAMES, "mkdtemp", mkdtemp)
        monkeypatch.setattr("os.fsync", lambda _: None)

    def open_store(self) -> CredentialStore:
        store: CredentialStore = NAMES["TestJsonStore"]().open_store()
        return store


def test_it_lasts(tmp_path: Path) -> None:
    """What was written is there when the file is opened again."""
    path = tmp_path / "registries.json"
    first = NAMES["JsonStore"](path)
    for name in ("old", "new"):
        first.add("ci", "quay.io", Credential(name, Secret(name), email="a@b.example"))
    first.remove("ci", "ci/2")
    second = NAMES["JsonStore"](path)
    assert second.environment("ci") == first.environment("ci")
    assert second.credentials("ci") == first.credentials("ci")
    assert second.add("ci", "quay.io", Credential("c", Secret("c"))).id == "ci/3"


def test_by_url(tmp_path: Path) -> None:
    """Its opener takes UNSEALED alone."""
    names = run_page()
    exec(compile(BLOCKS[2], str(PAGE), "exec"), names)  # noqa: S102
    url = f"json://{tmp_path / 'registries.json'}"
    assert names["open_json"](url, seal=names["UNSEALED"]).environments() == ()
    with pytest.raises(StoreError, match="UNSEALED"):
        names["open_json"](url, seal=None)
