"""Documents that hosts have before anybody adds to them."""

from __future__ import annotations

import json
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from wharfinger import RegistryAddress

_NAMES: Final = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6
)
_VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9**20) | _NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=6,
)
LISTED: Final = st.sampled_from(
    ["10.0.0.0/8", "a.corp:5000", "m.corp", "quay.io", "registry.corp:5000", "z.corp:1"]
)
NEW: Final = st.sampled_from(
    [
        RegistryAddress.parse(text)
        for text in ("b.corp:5000", "localhost", "quay.io", "registry.corp:5000", "[::1]:5000")
    ]
)
TWO: Final = st.lists(NEW, min_size=2, max_size=2, unique=True)


def _spaces(draw: DrawFn) -> str:
    return draw(st.sampled_from(["", "", " ", "\n", "\n\t", "\r\n  ", "   "]))


@st.composite
def daemon_json(draw: DrawFn) -> str:
    """A daemon.json in any layout, with and without a list of insecure registries."""
    members = draw(st.dictionaries(_NAMES, _VALUES, max_size=3))
    listed = draw(st.none() | st.lists(LISTED, max_size=4))
    if listed is not None or draw(st.booleans()):
        members["insecure-registries"] = listed
    if draw(st.booleans()):
        indent = draw(st.sampled_from([None, 0, 2, "\t"]))
        text = json.dumps(members, indent=indent, ensure_ascii=draw(st.booleans()))
    else:
        parts = [
            f"{_spaces(draw)}{json.dumps(name)}{_spaces(draw)}:{_spaces(draw)}"
            f"{_value(draw, value)}{_spaces(draw)}"
            for name, value in members.items()
        ]
        text = f"{{{','.join(parts) or _spaces(draw)}}}"
    return draw(st.sampled_from(["", "\ufeff", "\n"])) + text + _spaces(draw)


def _value(draw: DrawFn, value: object) -> str:
    if not isinstance(value, list):
        return json.dumps(value)
    items = [f"{_spaces(draw)}{json.dumps(item)}{_spaces(draw)}" for item in value]
    return f"[{','.join(items) or _spaces(draw)}]"


_WORDS: Final = st.sampled_from(
    ["--dns 10.0.0.1", "--debug", "$MORE", "  ", "\t", '--label=a\\"b']
    + [f"--insecure-registry={name}" for name in ("a:1", "m.corp", "z:9", "10.0.0.0/8")]
    + ["--insecure-registry z.corp:1"]
)
_LINES: Final = st.sampled_from(
    ['# DOCKER_OPTS="--dns 8.8.8.8"', "", 'export http_proxy="x"', "DOCKER_TMPDIR=/mnt", "\r"]
)


@st.composite
def docker_defaults(draw: DrawFn) -> str:
    """An /etc/default/docker with and without options."""
    lines = draw(st.lists(_LINES, max_size=3))
    for _ in range(draw(st.integers(0, 2))):
        words = " ".join(draw(st.lists(_WORDS, max_size=3)))
        written = draw(st.sampled_from(['"{}"', "'{}'", '"{}"  # ours', "", "--debug"]))
        head = draw(st.sampled_from(["DOCKER_OPTS=", "  DOCKER_OPTS=", "export DOCKER_OPTS="]))
        value = written.format(words.replace('\\"', "") if "'" in written else words)
        lines.insert(draw(st.integers(0, len(lines))), head + value)
    return "\n".join(lines) + draw(st.sampled_from(["", "\n"]))


_PLUGIN: Final = '[plugins."io.containerd.grpc.v1.cri"'
_TABLES: Final = st.sampled_from(
    [
        '[grpc]\n  address = "/run/containerd/containerd.sock"\n',
        f"{_PLUGIN}]\nsandbox_image = 'pause:3.9' # ours\n",
        f"{_PLUGIN}.registry.headers]\nX = ['''\n[plugins]''']\n",
        "[[proxy]]\nname = 1\n[[proxy]]\n",
    ]
)
_REGISTRY: Final = st.sampled_from(
    [
        "",
        f'  {_PLUGIN}.registry] # here\n\n    # empty as yet\n    config_path = "" # what\n',
        f"{_PLUGIN}.registry]\nother = 1\n",
        f"{_PLUGIN}.registry]\nconfig_path = '/etc/other:/etc/containerd/certs.d'\n",
        f"{_PLUGIN}.registry]\nconfig_path = ''",
    ]
)


@st.composite
def containerd_config(draw: DrawFn) -> str:
    """A config.toml of version 2, with and without a table for registries."""
    tables = draw(st.lists(_TABLES, max_size=3, unique=True))
    tables.insert(draw(st.integers(0, len(tables))), draw(_REGISTRY))
    head = draw(st.sampled_from(["version = 2\n", "# ours\n\nversion = 2\nroot = '/x'\n"]))
    joined = "\n".join(tables)
    return f"{head}{joined}" if joined.strip() else draw(st.sampled_from([head, "", "# none\n"]))


@st.composite
def hosts_toml(draw: DrawFn) -> str:
    """A hosts.toml that says nothing to the contrary."""
    keys = draw(st.sampled_from(["", "# ours\n", "capabilities = ['pull']\n", "\n\n"]))
    tables = draw(
        st.lists(
            st.sampled_from(
                [
                    "[host.'https://mirror.corp']\n  skip_verify = true\n",
                    "[header]\nX-A = 'b'",
                    "# the end",
                ]
            ),
            max_size=3,
            unique=True,
        )
    )
    return keys + "\n".join(tables)


def existing(*paths: str) -> SearchStrategy[dict[str, str]]:
    """What a host may have at these paths."""
    by_end = {
        "daemon.json": daemon_json(),
        "default/docker": docker_defaults(),
        "config.toml": containerd_config(),
        "hosts.toml": hosts_toml(),
    }
    maybe = {
        path: st.none() | next((by_end[end] for end in by_end if path.endswith(end)), st.text())
        for path in paths
    }
    return st.fixed_dictionaries(maybe).map(
        lambda files: {path: text for path, text in files.items() if text is not None}
    )
