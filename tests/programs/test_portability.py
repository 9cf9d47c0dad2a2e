"""``wharfinger portability``: a document and images in, divergences out."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Final

import pytest

from wharfinger.formats.portability import report
from wharfinger.programs.portability import main

if TYPE_CHECKING:
    from pathlib import Path

Capture = pytest.CaptureFixture[str]

CANARY: Final = "XK7canaryXK7"
AUTH: Final = base64.b64encode(f"ci:{CANARY}".encode()).decode()
TEXT: Final = json.dumps({"auths": {"quay.io/acme": {"auth": AUTH}, "ghcr.io": {"auth": AUTH}}})


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.json"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("argv", "status"),
    [
        (["ghcr.io/acme/api"], 0),
        (["quay.io/acme/api"], 1),
        (["ghcr.io/acme/api", "quay.io/acme/api"], 1),
        (["ghcr.io/acme/api", "Bad/Name"], 2),
        (["Bad/Name", "quay.io/acme/api"], 2),
        (["--json", "quay.io/acme/api"], 1),
        (["quay.io/acme/api", "--json", "Bad/Name"], 2),
        ([""], 2),
    ],
)
def test_status(argv: list[str], status: int, config: str, capsys: Capture) -> None:
    """0 is no divergence, 1 some, 2 something malformed; no secret is printed."""
    assert main([config, *argv]) == status
    printed = capsys.readouterr()
    for form in (CANARY, AUTH, "Traceback"):
        assert form not in printed.out + printed.err


def test_what_is_printed(config: str, capsys: Capture) -> None:
    """A divergence is what the report says of it."""
    main([config, "ghcr.io/a", "quay.io/acme/api", "quay.io/acmecorp/api"])
    found = report(TEXT, ["quay.io/acme/api", "quay.io/acmecorp/api"])
    assert capsys.readouterr().out == "".join(f"{divergence}\n" for divergence in found.entries)


def test_json(config: str, capsys: Capture) -> None:
    """One object a line: divergences, and images that are none."""
    main([config, "--json", "https://ci:pw@quay.io/x", "quay.io/acme/api"])
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {
        "error": {"text": "https://***@quay.io/x", "message": "an image reference has no scheme"}
    }
    assert second == report(TEXT, ["quay.io/acme/api"]).entries[0].as_dict() | {
        "picks": second["picks"]
    }
    assert [pick["client"] for pick in second["picks"]] == [
        "docker",
        "containers",
        "kubelet",
        "docker-py",
        "wharfinger",
    ]


def test_remarks_go_to_standard_error(tmp_path: Path, capsys: Capture) -> None:
    """What is wrong in the document is noted, without a control character."""
    path = tmp_path / "auth.json"
    text = json.dumps({"auths": {"a\x1b[2J..b": {}, "quay.io": 7}})
    path.write_text(f"\ufeff{text}", encoding="utf-8")
    assert main([str(path), "ghcr.io/a"]) == 0
    printed = capsys.readouterr()
    assert not printed.out
    lines = printed.err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("note: auths[") and line.isprintable() for line in lines)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "line 1, column 2: it is not valid JSON"),
        (b"[]", "an object is wanted, and this is an array"),
        (b'{"auths": 7}', "auths: an object is wanted, and this is a number"),
        (b"\xff", "it is not UTF-8"),
        (None, "No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_read(
    content: bytes | None, problem: str, tmp_path: Path, capsys: Capture
) -> None:
    """Status 2, and the file's name with what is wrong."""
    path = tmp_path / "x.json"
    if content is not None:
        path.write_bytes(content)
    assert main([str(path), "ubuntu"]) == 2
    assert capsys.readouterr().err == f"error: {path}: {problem}\n"


def test_a_path_that_is_none(capsys: Capture) -> None:
    """What no file system has is told like a missing file."""
    assert main(["x\0y", "ubuntu"]) == 2
    assert capsys.readouterr().err == "error: x\0y: this is no path\n"


@pytest.mark.parametrize("argv", [[], ["x.json"], ["x.json", "ubuntu", "--nope"]])
def test_a_malformed_command_line(argv: list[str]) -> None:
    """Argparse's own status."""
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
