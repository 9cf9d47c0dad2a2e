"""The quickstart runs, and what it prints is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
LINES = (EXAMPLES / "data" / "images.txt").read_text(encoding="utf-8").splitlines()
NAMES = [line for line in LINES if line.strip() and line[0] != "#"]


@pytest.fixture(scope="module")
def printed() -> str:
    ran = subprocess.run(
        [sys.executable, str(EXAMPLES / "quickstart.py")],
        check=True,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert not ran.stderr
    return ran.stdout


def names_at(registry: str) -> int:
    """Count the names that start with a registry."""
    return sum(name.startswith(f"{registry}/") for name in NAMES)


def names_without_registry() -> int:
    """Count by a reading of R1 that shares nothing with the library's."""
    return sum(re.match(r"[^/]*[.:A-Z][^/]*/|localhost/", name) is None for name in NAMES)


def counts(printed: str) -> dict[str, tuple[int, int]]:
    """Read the table of reasons."""
    rows = re.findall(r"^  ([a-z-]+) +(\d+) +(\d+)$", printed, re.MULTILINE)
    return {reason: (int(before), int(after)) for reason, before, after in rows}


def sections(printed: str) -> dict[str, tuple[int, str]]:
    """Read the headlines of the changes, each with its rows."""
    parts = re.split(r"^  (\d+) images (.*)$", printed, flags=re.MULTILINE)
    return {
        title: (int(count), rows.partition("\n\nOne answer")[0])
        for count, title, rows in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    }


def rows(section: str) -> dict[str, int]:
    """Read a table of registries."""
    found = re.findall(r"^ +(\d+)  (\S.*?)  ", section, re.MULTILINE)
    return {registry: int(count) for count, registry in found}


def test_counts_add_up(printed: str) -> None:
    """Every name is in the counts before and in those after."""
    table = counts(printed)
    total = table.pop("all")
    assert total == (len(NAMES), len(NAMES))
    assert tuple(map(sum, zip(*table.values(), strict=True))) == total
    assert table["not-whitelisted"][0] == table["registry-inactive"][0] == 0


def test_inactive_registry_denies(printed: str) -> None:
    """R7: what was pulled from the deactivated registry is denied, all of it."""
    count, section = sections(printed)["denied: registry-inactive (R7)"]
    assert count == counts(printed)["registry-inactive"][1] == names_at("ghcr.io") > 0
    assert rows(section) == {"ghcr.io": count}


def test_default_registry_moves(printed: str) -> None:
    """R11: the default registry moves the names without a registry, and no others."""
    title = "moved: the default registry is harbor.acme.example/hub (R11)"
    count, section = sections(printed)[title]
    assert count == names_without_registry() > 0
    assert rows(section) == {"docker.io": count}


def test_whitelist_denies(printed: str) -> None:
    """R14: names of registries outside the whitelist are denied, row by row."""
    count, section = sections(printed)["denied: not-whitelisted (R14)"]
    table = rows(section)
    assert sum(table.values()) == count == counts(printed)["not-whitelisted"][1]
    for registry in ("gcr.io", "mcr.microsoft.com", "public.ecr.aws", "k8s.gcr.io"):
        assert table[registry] == names_at(registry) > 0
    assert table["docker.io"] == names_at("docker.io") - names_at("docker.io/grafana")
    assert not table.keys() & {"quay.io", "registry.k8s.io", "ghcr.io"}


def test_last_line(printed: str) -> None:
    """The last line counts what changed and what did not."""
    changed = sum(count for count, _ in sections(printed).values())
    last = printed.splitlines()[-1]
    assert last == f"{len(NAMES)} images: {changed} changed, {len(NAMES) - changed} as before."


def test_newer_registry_is_in_force(printed: str) -> None:
    """R6: of the two registries added for quay.io the newer one gives the credential."""
    assert "Credential(username='acme+deploy', secret=Secret('***')" in printed
    assert re.search(r"quay\.io +acme\+old +overridden$", printed, re.MULTILINE)


def test_no_secret_is_printed(printed: str) -> None:
    """R9: the secrets of the example are not in what it prints."""
    source = (EXAMPLES / "quickstart.py").read_text(encoding="utf-8")
    secrets = re.findall(r'Secret\("([^"]+)"\)', source)
    assert secrets
    assert not [secret for secret in secrets if secret in printed]


def test_fits_a_terminal(printed: str) -> None:
    """No line is longer than 100 characters, and none ends in a blank."""
    assert all(len(line) <= 100 and line == line.rstrip() for line in printed.splitlines())
