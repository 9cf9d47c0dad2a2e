"""The plan: what a host's files have to say so that it trusts a registry (R23)."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import attrs
from typing_extensions import override

from wharfinger.core.address import HTTPS, RegistryAddress
from wharfinger.core.diagnose import Diagnostic
from wharfinger.formats.document import forgetful
from wharfinger.hosts.errors import TrustRefused
from wharfinger.hosts.merges import CERTS_D, INSECURE, OPTION, Document
from wharfinger.hosts.steps import Command, Condition, Merge, Step, Write

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Distribution", "Runtime", "TrustPlan", "plan"]

_DAEMON_JSON: Final = "/etc/docker/daemon.json"
_DEFAULTS: Final = "/etc/default/docker"
_REGISTRIES: Final = "/etc/containers/registries.conf"
_CONTAINERD: Final = "/etc/containerd/config.toml"
_BLANKS: Final = "[[:blank:]]*"


class Runtime(StrEnum):
    """What is to trust the registry."""

    DOCKER = "docker"
    DOCKER_OPTS = "docker-opts"
    CONTAINERS = "containers"
    CONTAINERD = "containerd"
    SYSTEM = "system"


class Distribution(StrEnum):
    """Whose way of keeping the system's bundle of CAs it is."""

    DEBIAN = "debian"
    FEDORA = "fedora"
    SUSE = "suse"
    ARCH = "arch"

    @classmethod
    def of(cls, os_release: str) -> Distribution | None:
        r"""Tell the distribution of a system.

        Args:
            os_release: Its ``/etc/os-release``.

        Returns:
            The one it is, or is like; None where it is like none of them.

        Example:
            >>> Distribution.of('ID=rocky\nID_LIKE="rhel centos fedora"\n').value
            'fedora'
        """
        found = re.findall(r"""^(?:ID|ID_LIKE)=["']?([a-z0-9 ._-]*)""", os_release, re.MULTILINE)
        return next(
            (_FAMILIES[name] for name in " ".join(found).split() if name in _FAMILIES), None
        )


_FAMILIES: Final = {
    **dict.fromkeys(("debian", "ubuntu", "alpine"), Distribution.DEBIAN),
    **dict.fromkeys(("fedora", "rhel", "centos"), Distribution.FEDORA),
    **dict.fromkeys(("suse", "opensuse", "sles"), Distribution.SUSE),
    "arch": Distribution.ARCH,
}
# Where anchors are kept, and what makes the bundle of them.
_ANCHORS: Final = {
    Distribution.DEBIAN: ("/usr/local/share/ca-certificates", "update-ca-certificates --fresh"),
    Distribution.FEDORA: ("/etc/pki/ca-trust/source/anchors", "update-ca-trust extract"),
    Distribution.SUSE: ("/etc/pki/trust/anchors", "update-ca-certificates"),
    Distribution.ARCH: ("/etc/ca-certificates/trust-source/anchors", "update-ca-trust extract"),
}


@attrs.frozen(repr=False)
class TrustPlan:
    """What to write, what to look at before and what to run after, and why. Nothing was done yet.

    ``str()`` is a shell script that does it.

    Args:
        address: The registry's address.
        runtime: What is to trust it.
        steps: The files.
        conditions: What must not stand in others.
        commands: What to run afterwards; nothing in this library runs them.
        remarks: What is surprising about it.
    """

    address: RegistryAddress
    runtime: Runtime
    steps: tuple[Step, ...]
    conditions: tuple[Condition, ...] = ()
    commands: tuple[Command, ...] = ()
    remarks: tuple[Diagnostic, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Return the plan as plain data, for JSON. Its keys and words are stable.

        Returns:
            ``address`` and ``runtime`` as text; ``steps`` as dicts of ``path``, ``why`` and either
            ``content`` or ``document`` and ``adds``; ``conditions``, ``commands`` and ``remarks``
            as dicts of what they consist of.

        Example:
            >>> plan("registry.corp:5000", runtime="docker", insecure=True).as_dict()["commands"]
            [{'line': 'systemctl reload docker', 'why': 'dockerd reads the list again', ...}]
        """
        return {
            "address": str(self.address),
            "runtime": self.runtime.value,
            "steps": [attrs.asdict(step) for step in self.steps],
            "conditions": [attrs.asdict(condition) for condition in self.conditions],
            "commands": [attrs.asdict(command) for command in self.commands],
            "remarks": [
                {"code": r.code, "message": r.message, "repair": r.repair} for r in self.remarks
            ],
        }

    @override
    def __str__(self) -> str:
        from wharfinger.hosts.script import script

        return script(self)

    @override
    def __repr__(self) -> str:
        paths = ", ".join(step.path for step in self.steps)
        return f"<TrustPlan {self.address} for {self.runtime}: {paths}>"

    def _repr_html_(self) -> str:
        from html import escape

        rows = [
            *((step.path, step.why, _says(step)) for step in self.steps),
            *(
                (", ".join(c.paths), c.problem, f"no line matches {c.pattern}")
                for c in self.conditions
            ),
            *(("then", command.why, command.line) for command in self.commands),
            *((remark.code, remark.message, remark.repair) for remark in self.remarks),
        ]
        cells = "".join(
            f"<tr><td>{escape(what)}</td><td>{escape(why)}</td><td><pre>{escape(says)}</pre></td></tr>"
            for what, why, says in rows
        )
        caption = escape(f"trust {self.address} in {self.runtime}")
        return f"<table><caption>{caption}</caption><tbody>{cells}</tbody></table>"


def _says(step: Step) -> str:
    return step.content if isinstance(step, Write) else f"with what is there:\n{step.adds}"


@forgetful
def plan(
    address: RegistryAddress | str,
    *,
    runtime: Runtime | str,
    insecure: bool = False,
    ca: str | bytes | None = None,
    distribution: Distribution | str = Distribution.DEBIAN,
    now: datetime | None = None,
) -> TrustPlan:
    """Plan what a host's files have to say so that it trusts a registry (R23).

    Nothing is read and nothing is written. With *now* given it is a pure function; without, it
    looks at the clock where a CA has to be valid.

    Args:
        address: The registry's address.
        runtime: What is to trust it.
        insecure: Whether any certificate is taken, and plain HTTP.
        ca: Certificates to trust the registry by, in PEM; one of *insecure* and *ca* is wanted.
        distribution: For the runtime ``system``: whose way of keeping CAs it is.
        now: The time at which the CA has to be valid, with a time zone.

    Returns:
        The plan.

    Raises:
        InvalidAddress: When the address is none.
        TrustRefused: When a host can't be told so: Docker Hub, or an insecure ``system``.
        CertificateRefused: When the CA is nothing to trust the registry by.
        MissingExtra: When a CA is given and ``cryptography`` is not installed.

    Example:
        >>> plan("registry.corp:5000", runtime="docker", insecure=True)
        <TrustPlan registry.corp:5000 for docker: /etc/docker/daemon.json>
    """
    where = address if isinstance(address, RegistryAddress) else RegistryAddress.parse(address)
    to = Runtime(runtime)
    if insecure == (ca is not None):
        raise TrustRefused(
            "insecure-or-ca",
            "a registry is trusted by a CA or whoever it is, and not by both or neither",
            "give a CA, or say insecure",
        )
    if where.is_docker_hub and to is not Runtime.SYSTEM:
        raise TrustRefused(
            "docker-hub",
            "Docker Hub has a certificate that every host trusts; who shows another is not it",
            "where a proxy breaks its TLS open, trust the proxy's CA with the runtime system",
        )
    if ca is None:
        return _insecure(where, to)
    from wharfinger.hosts.certificates import examine

    pem, remarks = examine(ca, where, now or datetime.now(UTC), single=to is Runtime.SYSTEM)
    return attrs.evolve(_by_ca(where, to, pem, Distribution(distribution)), remarks=remarks)


def spellings(address: RegistryAddress) -> tuple[str, ...]:
    """Spell an address as references do: clients look for files by what was typed.

    Args:
        address: The address.

    Returns:
        Its text, and where that has no port, the text with one.

    Example:
        >>> spellings(RegistryAddress.parse("quay.io")), spellings(RegistryAddress.parse("a:5000"))
        (('quay.io', 'quay.io:443'), ('a:5000',))
    """
    text = str(address)
    return (text, f"{text}:{HTTPS}") if text == address.host else (text,)


def _file_name(address: RegistryAddress) -> str:
    """A name for a file: no two addresses have one, for no host has an underscore."""
    return f"wharfinger-{re.sub(r'[^a-z0-9.-]', '_', str(address))}"


def _insecure(address: RegistryAddress, runtime: Runtime) -> TrustPlan:
    remark = Diagnostic(
        "insecure",
        "R23",
        f"whoever stands between this host and {address} can read passwords and replace images",
        "have it trusted by its CA as soon as there is one",
    )
    if runtime is Runtime.SYSTEM:
        raise TrustRefused(
            "insecure-system",
            "a system's bundle holds CAs, and nothing in it makes a registry insecure",
            "give its CA, or name the runtime",
        )
    made = {
        Runtime.DOCKER: _daemon_json,
        Runtime.DOCKER_OPTS: _docker_opts,
        Runtime.CONTAINERS: _registries_conf,
        Runtime.CONTAINERD: _containerd_insecure,
    }[runtime](address)
    return attrs.evolve(made, remarks=(remark, *made.remarks))


def _daemon_json(address: RegistryAddress) -> TrustPlan:
    names = list(_docker_names(address))
    return TrustPlan(
        address,
        Runtime.DOCKER,
        (
            Merge(
                _DAEMON_JSON,
                Document.DAEMON_JSON,
                json.dumps({INSECURE: names}, indent="\t") + "\n",
                "dockerd takes any certificate from these, and plain HTTP",
            ),
        ),
        (
            Condition(
                (_DEFAULTS,),
                f"^[^#]*{OPTION}",
                f"{OPTION} stands in it, and dockerd does not start with both that and "
                f"{INSECURE} in {_DAEMON_JSON}; use the runtime docker-opts, or move it there",
            ),
        ),
        (Command("systemctl reload docker", "dockerd reads the list again", (_DAEMON_JSON,)),),
        tuple(_docker_remarks(address)),
    )


def _docker_opts(address: RegistryAddress) -> TrustPlan:
    options = " ".join(f"{OPTION}={name}" for name in _docker_names(address))
    return TrustPlan(
        address,
        Runtime.DOCKER_OPTS,
        (
            Merge(
                _DEFAULTS,
                Document.DOCKER_DEFAULTS,
                f'DOCKER_OPTS="{options}"\n',
                "dockerd takes any certificate from these, and plain HTTP",
            ),
        ),
        (
            Condition(
                (_DAEMON_JSON,),
                f'"{INSECURE}"',
                f"{INSECURE} stands in it, and dockerd does not start with both that and "
                f"{OPTION} in {_DEFAULTS}; use the runtime docker",
            ),
        ),
        (
            Command(
                "service docker restart", "dockerd reads its options as it starts", (_DEFAULTS,)
            ),
        ),
        tuple(_docker_remarks(address)),
    )


def _docker_names(address: RegistryAddress) -> tuple[str, ...]:
    # dockerd 20.10 does not start with an IPv6 address that has no port.
    return tuple(name for name in spellings(address) if not name.endswith("]"))


def _docker_remarks(address: RegistryAddress) -> Iterator[Diagnostic]:
    if address.host == "localhost" or re.match(r"127\.", address.host):
        yield Diagnostic(
            "loopback",
            "R23",
            "docker trusts 127.0.0.0/8 whoever answers there",
            "leave it, unless the name leads elsewhere on some host",
        )
    if len(_docker_names(address)) < len(spellings(address)):
        yield Diagnostic(
            "default-port",
            "R23",
            f"dockerd takes {address}:{HTTPS} only, and looks for what a reference says",
            f"write {address}:{HTTPS} in references, too",
        )


def _registries_conf(address: RegistryAddress) -> TrustPlan:
    own = f"{_REGISTRIES}.d/{_file_name(address)}.conf"
    names = spellings(address)
    pattern = "|".join(re.escape(name) for name in names)
    return TrustPlan(
        address,
        Runtime.CONTAINERS,
        (
            Write(
                own,
                "\n".join(
                    f'[[registry]]\nlocation = "{name}"\ninsecure = true\n' for name in names
                ),
                "podman, skopeo, buildah and CRI-O take any certificate from it, and plain HTTP",
            ),
        ),
        (
            Condition(
                (_REGISTRIES, f"{_REGISTRIES}.d/*.conf"),
                f"^{_BLANKS}(prefix|location){_BLANKS}={_BLANKS}[\"']({pattern})[\"']",
                f"it has a table of its own for {address}, which a file of ours would replace or "
                "not reach; set insecure = true there",
            ),
        ),
        remarks=()
        if len(names) == 1
        else (
            Diagnostic(
                "every-port",
                "R23",
                f"podman and its kin take {address} to mean every port of it",
                f"write {address}:{HTTPS} in references and in the file where that is too much",
            ),
        ),
    )


def _containerd_insecure(address: RegistryAddress) -> TrustPlan:
    steps: list[Step] = [
        Merge(
            f"{CERTS_D}/{name}/hosts.toml",
            Document.HOSTS_TOML,
            f'server = "http://{name}"\n\n[host."https://{name}"]\nskip_verify = true\n',
            "containerd takes any certificate from it, and plain HTTP where that fails",
        )
        for name in spellings(address)
    ]
    return _in_containerd(address, steps)


def _by_ca(
    address: RegistryAddress, runtime: Runtime, pem: str, distribution: Distribution
) -> TrustPlan:
    names = spellings(address)
    if runtime is Runtime.SYSTEM:
        return _system(address, pem, distribution)
    if runtime is Runtime.CONTAINERD:
        steps: list[Step] = []
        for name in names:
            why = f"whom containerd trusts as {name}"
            steps.append(Write(f"{CERTS_D}/{name}/ca.crt", pem, why))
            adds = f'server = "https://{name}"\nca = "ca.crt"\n'
            why = "containerd finds the CA by it"
            steps.append(Merge(f"{CERTS_D}/{name}/hosts.toml", Document.HOSTS_TOML, adds, why))
        return _in_containerd(address, steps)
    program, who = (
        ("containers", "podman, skopeo, buildah and CRI-O trust")
        if runtime is Runtime.CONTAINERS
        else ("docker", "dockerd trusts")
    )
    return TrustPlan(
        address,
        runtime,
        tuple(
            Write(f"/etc/{program}/certs.d/{name}/ca.crt", pem, f"whom {who} as {name}")
            for name in names
        ),
    )


def _in_containerd(address: RegistryAddress, steps: list[Step]) -> TrustPlan:
    registry = '[plugins."io.containerd.grpc.v1.cri".registry]'
    adds = f'version = 2\n\n{registry}\nconfig_path = "{CERTS_D}"\n'
    return TrustPlan(
        address,
        Runtime.CONTAINERD,
        (
            *steps,
            Merge(
                _CONTAINERD,
                Document.CONTAINERD_CONFIG,
                adds,
                f"the CRI plugin looks into {CERTS_D} only if it is told to",
            ),
        ),
        commands=(
            Command(
                "systemctl restart containerd",
                "containerd reads config.toml as it starts, and the rest at every pull",
                (_CONTAINERD,),
            ),
        ),
    )


def _system(address: RegistryAddress, pem: str, distribution: Distribution) -> TrustPlan:
    folder, command = _ANCHORS[distribution]
    return TrustPlan(
        address,
        Runtime.SYSTEM,
        (
            Write(
                f"{folder}/{_file_name(address)}.crt",
                pem,
                "a file of its own: the bundle is made of such files, and made anew by updates",
            ),
        ),
        commands=(
            Command(
                command,
                "it makes the bundle, which programs read as they start: restart those it is for",
            ),
        ),
    )
