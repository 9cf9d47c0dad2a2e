"""The plan as a value: what to write, what to look at before and what to run after."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import attrs
from typing_extensions import override

from wharfinger.hosts.steps import Command, Condition, Step, Write

if TYPE_CHECKING:
    from wharfinger.core.address import RegistryAddress
    from wharfinger.core.diagnose import Diagnostic

__all__ = ["Runtime", "TrustPlan"]


class Runtime(StrEnum):
    """What is to trust the registry."""

    DOCKER = "docker"
    DOCKER_OPTS = "docker-opts"
    CONTAINERS = "containers"
    CONTAINERD = "containerd"
    SYSTEM = "system"


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
            >>> from wharfinger.hosts import plan
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
