"""What each runtime looks for, and where: the files that make it trust a registry (R23)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import attrs

from wharfinger.core.address import HTTPS, RegistryAddress
from wharfinger.core.diagnose import Diagnostic
from wharfinger.hosts.distributions import ANCHORS, Distribution
from wharfinger.hosts.errors import TrustRefused
from wharfinger.hosts.merges import CERTS_D, INSECURE, OPTION, Document
from wharfinger.hosts.steps import Command, Condition, Merge, Step, Write
from wharfinger.hosts.trustplan import Runtime, TrustPlan

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["by_ca", "spellings", "whoever"]

_DAEMON_JSON: Final = "/etc/docker/daemon.json"
_DEFAULTS: Final = "/etc/default/docker"
_REGISTRIES: Final = "/etc/containers/registries.conf"
_CONTAINERD: Final = "/etc/containerd/config.toml"
_BLANKS: Final = "[[:blank:]]*"


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


def whoever(address: RegistryAddress, runtime: Runtime) -> TrustPlan:
    """Plan that a registry is trusted whoever it is.

    Args:
        address: Its address.
        runtime: What is to trust it.

    Returns:
        The plan.

    Raises:
        TrustRefused: When the runtime is the system, which has no such thing.
    """
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
                f"^{_BLANKS}([^#[:blank:]].*)?{OPTION}",
                f"{OPTION} stands in it, and dockerd does not start with both that and "
                f"{INSECURE} in {_DAEMON_JSON}; use the runtime docker-opts, or move it there",
            ),
        ),
        (Command("systemctl reload docker", "dockerd reads the list again", (_DAEMON_JSON,)),),
        (*_loopback(address), *_default_port(address)),
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
        (*_loopback(address), *_default_port(address)),
    )


def _docker_names(address: RegistryAddress) -> tuple[str, ...]:
    # dockerd 20.10 does not start with an IPv6 address that has no port.
    return tuple(name for name in spellings(address) if not name.endswith("]"))


def _loopback(address: RegistryAddress) -> Iterator[Diagnostic]:
    if address.host == "localhost" or (address.is_ip and address.host.startswith("127.")):
        yield Diagnostic(
            "loopback",
            "R23",
            "docker trusts 127.0.0.0/8 whoever answers there",
            "leave it, unless the name leads elsewhere on some host",
        )


def _default_port(address: RegistryAddress) -> Iterator[Diagnostic]:
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
    pattern = "|".join(names).replace("[", r"\[").replace(".", "[.]")
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
                f"^([^#]*[{{,])?{_BLANKS}[\"']?(prefix|location)[\"']?{_BLANKS}={_BLANKS}"
                f"[\"']+({pattern})[\"']",
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


def by_ca(
    address: RegistryAddress, runtime: Runtime, pem: str, distribution: Distribution
) -> TrustPlan:
    """Plan that a registry is trusted by its CA.

    Args:
        address: Its address.
        runtime: What is to trust it.
        pem: The CA's certificate.
        distribution: Whose way of keeping CAs it is, for the system.

    Returns:
        The plan.
    """
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
    program, who, remarks = (
        ("containers", "podman, skopeo, buildah and CRI-O trust", ())
        if runtime is Runtime.CONTAINERS
        else ("docker", "dockerd trusts", tuple(_loopback(address)))
    )
    return TrustPlan(
        address,
        runtime,
        tuple(
            Write(f"/etc/{program}/certs.d/{name}/ca.crt", pem, f"whom {who} as {name}")
            for name in names
        ),
        remarks=remarks,
    )


def _in_containerd(address: RegistryAddress, steps: list[Step]) -> TrustPlan:
    registry = '[plugins."io.containerd.grpc.v1.cri".registry]'
    halves = [name.rpartition(":") for name in spellings(address) if ":" in name]
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
        (
            Condition(
                tuple(f"{CERTS_D}/{host}_{port}_/*" for host, _, port in halves),
                "^",
                "containerd takes this folder and no other one for the registry; move what it has "
                "into the one with a colon",
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
    folder, command = ANCHORS[distribution]
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
