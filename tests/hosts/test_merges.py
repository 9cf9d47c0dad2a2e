"""Adding to a document: every other byte stays, nothing is added twice, and order is no matter."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hosts.documents import (
    NEW,
    TWO,
    containerd_config,
    daemon_json,
    docker_defaults,
    hosts_toml,
)
from wharfinger import RegistryAddress
from wharfinger.formats import DocumentError
from wharfinger.hosts import Merge, plan

INSECURE: Final = "insecure-registries"
CERTS_D: Final = "/etc/containerd/certs.d"
CRI: Final = "io.containerd.grpc.v1.cri"


def merges(address: RegistryAddress, runtime: str) -> list[Merge]:
    made = plan(address, runtime=runtime, insecure=True)
    return [step for step in made.steps if isinstance(step, Merge)]


def added(text: str, address: RegistryAddress | str, runtime: str = "docker") -> str:
    where = address if isinstance(address, RegistryAddress) else RegistryAddress.parse(address)
    return merges(where, runtime)[-1].result(text)


def without(text: str, part: str) -> str:
    """A text with its first occurrence of a part taken out."""
    before, found, after = text.partition(part)
    assert found, (text, part)
    return before + after


@given(daemon_json(), NEW)
def test_daemon_json_says_that_and_nothing_else(text: str, address: RegistryAddress) -> None:
    """R23: the list has what was there, in its order, and the address in all its spellings."""
    before: dict[str, Any] = json.loads(text.removeprefix("\ufeff"))
    after: dict[str, Any] = json.loads(added(text, address).removeprefix("\ufeff"))
    names = {str(address), f"{address}:443"} if address.port == 443 else {str(address)}
    there = before.pop(INSECURE, None) or []
    listed = after.pop(INSECURE)
    assert after == before
    assert {*listed} == {*there} | names
    assert [name for name in listed if name in there or name not in names] == there
    new = [name for name in listed if name not in there]
    assert len(new) == len({*new}) == len(names - {*there})


@given(daemon_json(), NEW)
def test_daemon_json_keeps_its_bytes(text: str, address: RegistryAddress) -> None:
    """Where a list is there, all that is new is the items and what is between them."""
    value = json.loads(text.removeprefix("\ufeff")).get(INSECURE)
    result = added(text, address)
    if value:
        rest = iter(result)
        assert all(character in rest for character in text), "the text is a subsequence"
        for name in json.loads(result.removeprefix("\ufeff"))[INSECURE]:
            if name not in value:
                result = without(result, json.dumps(name))
        assert re.sub(r"[\s,]", "", result) == re.sub(r"[\s,]", "", text)
    if value is not None and {str(address), f"{address}:443"} <= {*value}:
        assert result == text


def test_daemon_json_in_a_human_layout() -> None:
    text = '{\n  "debug": true,\n  "insecure-registries": [\n    "a.corp",\n    "z.corp"\n  ]\n}\n'
    assert added(text, "m.corp:5000") == text.replace('"z.c', '"m.corp:5000",\n    "z.c')
    assert added(text, "zz.corp:1") == text.replace('"z.corp"', '"z.corp",\n    "zz.corp:1"')
    assert added('{"insecure-registries": ["m" ]}', "a:1") == (
        '{"insecure-registries": ["a:1", "m" ]}'
    )


@pytest.mark.parametrize(
    ("runtime", "texts"),
    [
        ("docker", daemon_json()),
        ("docker-opts", docker_defaults()),
        ("containerd", containerd_config()),
    ],
)
def test_twice_and_in_either_order(runtime: str, texts: st.SearchStrategy[str]) -> None:
    """R23: what is there is not added again, and two plans commute byte for byte."""

    @given(texts | st.just(""), TWO)
    def check(text: str, two: list[RegistryAddress]) -> None:
        one, other = two
        once = added(text, one, runtime)
        assert added(once, one, runtime) == once
        assert added(once, other, runtime) == added(added(text, other, runtime), one, runtime)

    check()


@given(TWO)
def test_files_that_are_not_there(two: list[RegistryAddress]) -> None:
    """R23: two plans commute where neither file is there."""
    for runtime in ("docker", "docker-opts", "containerd"):
        first, second = (merges(address, runtime)[-1] for address in two)
        assert second.result(first.result(None)) == first.result(second.result(None))
        assert first.result(first.result(None)) == first.result(None)
        assert first.result("") == first.result(None)


@given(docker_defaults(), NEW)
def test_options(text: str, address: RegistryAddress) -> None:
    """R23: the seed's option is appended to the current list, and every other line stays."""
    result = added(text, address, "docker-opts")
    option = f"--insecure-registry={address}"
    lines = result.splitlines(keepends=True)
    assigned = [n for n, line in enumerate(lines) if "DOCKER_OPTS=" in line and line[0] != "#"]
    assert option in lines[assigned[-1]]
    before = text.splitlines(keepends=True)
    if len(lines) == len(before):
        assert all(
            a == b for n, (a, b) in enumerate(zip(lines, before, strict=True)) if n != assigned[-1]
        )
        words = re.sub("[\"'=]", " ", lines[assigned[-1]]).split()
        was = re.sub("[\"'=]", " ", before[assigned[-1]]).split()
        for new in (str(address), f"{address}:443"):
            if new in words and new not in was:
                at = words.index(new)
                assert words[at - 1] == "--insecure-registry"
                del words[at - 1 : at + 1]
        assert words == was
    else:
        assert result.startswith(text)
        assert not any("DOCKER_OPTS=" in line and line[0] != "#" for line in before)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ('DOCKER_OPTS="--dns 8.8.8.8"', 'DOCKER_OPTS="--dns 8.8.8.8 {}"'),
        ('DOCKER_OPTS=""\n', 'DOCKER_OPTS="{}"\n'),
        ("DOCKER_OPTS=\n", 'DOCKER_OPTS="{}"\n'),
        ("DOCKER_OPTS=--debug # x\n", 'DOCKER_OPTS="--debug {}" # x\n'),
        ("DOCKER_OPTS='-D'\n", "DOCKER_OPTS='-D {}'\n"),
        (
            'DOCKER_OPTS="-D"\nDOCKER_OPTS="$DOCKER_OPTS -H x"',
            'DOCKER_OPTS="-D"\nDOCKER_OPTS="$DOCKER_OPTS -H x {}"',
        ),
        ('DOCKER_OPTS="--insecure-registry=z:1"', 'DOCKER_OPTS="{} --insecure-registry=z:1"'),
        ('DOCKER_OPTS="--insecure-registry m:5"', 'DOCKER_OPTS="--insecure-registry m:5"'),
        ("# none", '# none\nDOCKER_OPTS="{}"\n'),
    ],
)
def test_forms_of_options(text: str, result: str) -> None:
    assert added(text, "m:5", "docker-opts") == result.format("--insecure-registry=m:5")


@given(containerd_config())
def test_containerd_config(text: str) -> None:
    """R23: config_path is set, nothing else is, and every comment stays."""
    result = added(text, "m:5", "containerd")
    before, after = tomllib.loads(text), tomllib.loads(result)
    registry = after["plugins"][CRI]["registry"]
    assert CERTS_D in registry.pop("config_path").split(":")
    was = before.setdefault("plugins", {}).setdefault(CRI, {}).setdefault("registry", {})
    was.pop("config_path", None)
    assert after == {"version": 2} | before
    for line in text.splitlines():
        assert line in result.splitlines() or "config_path" in line


@given(hosts_toml(), st.sampled_from(["m:5", "quay.io"]))
def test_hosts_toml(text: str, address: str) -> None:
    """R23: what is there of mirrors and headers stays, and so does what is added."""
    for step in merges(RegistryAddress.parse(address), "containerd")[:-1]:
        result = step.result(text)
        assert step.result(result) == result
        before, after, alone = (tomllib.loads(each) for each in (text, result, step.adds))
        assert after["server"] == alone["server"]
        assert after.pop("host") == before.pop("host", {}) | alone.pop("host")
        assert after == before | alone
        for line in text.splitlines():
            assert line in result.splitlines()


@pytest.mark.parametrize(
    ("runtime", "text", "where"),
    [
        ("docker", "// ours\n{}", "line 1"),
        ("docker", '{"debug": true,\n}', "line 2"),
        ("docker", '{\n# c\n"a": 1}', "line 2"),
        ("docker", "[]", ""),
        ("docker", '{"insecure-registries": "a"}', INSECURE),
        ("docker", '{"insecure-registries": {"a": 1}}', INSECURE),
        ("docker", '{"insecure-registries": ["a", 1]}', f"{INSECURE}[1]"),
        ("docker", '{"insecure-registries": ["a"],\n"insecure-registries": ["b"]}', INSECURE),
        ("docker", '{"insecure-registries": ["a"],\n"insecure-registries": []}', INSECURE),
        ("docker", '{"insecure-registries": ["a"],\n"insecure-registries": null}', INSECURE),
        ("docker", '{"x": ' + "[" * 100_000, ""),
        ("docker", '{"x": ' + "9" * 10_000 + "}", ""),
        ("docker-opts", 'DOCKER_OPTS="a\nb"', "line 1"),
        ("docker-opts", '\nDOCKER_OPTS+=" -D"', "line 2"),
        ("docker-opts", "DOCKER_OPTS=$(cat x)", "line 1"),
        ("docker-opts", 'DOCKER_OPTS="`cat x`"', "line 1"),
        ("docker-opts", 'DOCKER_OPTS="-D" -H x', "line 1"),
        ("containerd", "version = 2\n[", "line 2"),
        ("containerd", "version = 9\n", "version"),
        ("containerd", "[plugins.cri.registry]\n", "version"),
        ("containerd", "version = [2]\n", "version"),
        ("containerd", f'version = 2\nplugins."{CRI}" = 1', f'plugins["{CRI}"]'),
        ("containerd", f'version = 2\n[plugins."{CRI}"]\nregistry = {{}}', ""),
        (
            "containerd",
            f'version = 2\n[plugins."{CRI}".registry]\nconfig_path = "/etc/other"',
            f'plugins["{CRI}"].registry.config_path',
        ),
        (
            "containerd",
            f'version = 2\n[plugins."{CRI}".registry.mirrors.x]\nendpoint = []',
            f'plugins["{CRI}"].registry',
        ),
        (
            "containerd",
            f'version = 2\n[plugins."{CRI}".registry.configs.x.tls]\nca_file = "x"',
            f'plugins["{CRI}"].registry',
        ),
    ],
)
def test_what_cannot_be_added_to(runtime: str, text: str, where: str) -> None:
    """R20: a document that can't be added to is refused by its place, and never quoted."""
    with pytest.raises(DocumentError) as caught:
        added(text, "m:5", runtime)
    assert caught.value.place.startswith(where)
    assert bool(caught.value.place) == bool(where)
    assert "ours" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        'server = "https://mirror.corp"',
        '[host]\n"https://m:5" = 1',
        "server = 1",
        "[host.'https://m:5']",
    ],
)
def test_hosts_toml_to_the_contrary(text: str) -> None:
    """A registry that is already told about otherwise is not told about twice."""
    with pytest.raises(DocumentError):
        merges(RegistryAddress.parse("m:5"), "containerd")[0].result(text)


def test_version_3() -> None:
    """A newer containerd has another plugin for it."""
    result = added("version = 3\n", "m:5", "containerd")
    assert tomllib.loads(result)["plugins"] == {
        "io.containerd.cri.v1.images": {"registry": {"config_path": CERTS_D}}
    }


@pytest.mark.parametrize("count", [20_000])
def test_long_lists(count: int) -> None:
    """R20: a list costs what its length costs."""
    text = json.dumps({INSECURE: [f"h{n}.corp:{n % 60000 + 1}" for n in range(count)]})
    assert len(added(text, "m:5")) == len(text) + len('"m:5", ')
    options = " ".join(f"--insecure-registry=h{n}" for n in range(count))
    assert "=m:5" in added(f'DOCKER_OPTS="{options}"', "m:5", "docker-opts")


# What a shell makes of each of them, and whether it can be added to.
SHELL: Final = {
    "unset DOCKER_OPTS\n": False,
    'DOCKER_OPTS="--a"\nunset DOCKER_OPTS\n': False,
    'unset DOCKER_OPTS\nDOCKER_OPTS="--a"\n': True,
    '[ -n x ] && DOCKER_OPTS="--a"\n': False,
    'if true; then DOCKER_OPTS="--a"; fi\n': False,
    'if true; then\n  DOCKER_OPTS="--a"\nelse\n  DOCKER_OPTS="--b"\nfi\n': False,
    'case x in x)\nDOCKER_OPTS="--a" ;;\nesac\n': False,
    'f() {\nDOCKER_OPTS="--a"\n}\n': False,
    'export A=1 DOCKER_OPTS="--a"\n': False,
    'A=1 DOCKER_OPTS="--a"\n': False,
    'A=1; DOCKER_OPTS="--a"\n': False,
    'readonly DOCKER_OPTS="--a"\n': False,
    ": ${DOCKER_OPTS:=--a}\n": False,
    "A=$DOCKER_OPTS B=${DOCKER_OPTS}\n": True,
    ". /dev/null\n": False,
    '. /dev/null\nDOCKER_OPTS="--a"\n': True,
    "eval DOCKER_OPTS=--a\n": False,
    'cat <<E\nDOCKER_OPTS="--a"\nE\n': False,
    'A=x\\\nDOCKER_OPTS="--a"\n': False,
    "A=x\\": False,
    'A=x\\\\\nDOCKER_OPTS="--a"\n': True,
    '# \\\nDOCKER_OPTS="--a"\n': True,
    'DOCKER_OPTS="--a \\\n --b"\n': False,
    'DOCKER_OPTS="--a\n --b"\n': False,
    'DOCKER_OPTS+=" --a"\n': False,
    "DOCKER_OPTS=$A\n": False,
    'DOCKER_OPTS="--a" B=1\n': False,
    "DOCKER_OPTS='--a'\n": True,
    "DOCKER_OPTS='--a'\nexport DOCKER_OPTS\n": True,
    'DOCKER_OPTS="--a"\nDOCKER_OPTS="$DOCKER_OPTS --b"\n': True,
    'MY_DOCKER_OPTS="--a"\nDOCKER_OPTS_2=x\n': True,
    '# if DOCKER_OPTS is unset\n\t# DOCKER_OPTS="--a"\n': True,
    '# \x0cDOCKER_OPTS="--a"\n': True,
    '# \x85\u2028DOCKER_OPTS="--a"\n': True,
}


@pytest.mark.parametrize("text", SHELL)
def test_options_as_a_shell_reads_them(text: str, tmp_path: Path) -> None:
    """R23: what a shell makes of the file has the option in the end, or the file is refused."""

    def options(text: str) -> list[str]:
        path = tmp_path / "docker"
        path.write_text(text)
        ran = subprocess.run(
            ["/bin/sh", "-c", f'. {path} >/dev/null; printf %s "$DOCKER_OPTS"'],
            check=True,
            capture_output=True,
            text=True,
        )
        return ran.stdout.split()

    if SHELL[text]:
        assert options(added(text, "m:5", "docker-opts")) == [
            *options(text),
            "--insecure-registry=m:5",
        ]
    else:
        with pytest.raises(DocumentError, match=r"line \d+: .*; add --insecure-registry=m:5 to"):
            added(text, "m:5", "docker-opts")
