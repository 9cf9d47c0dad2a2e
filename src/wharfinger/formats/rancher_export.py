"""A Rancher 1.x API export: its registries, credentials and settings, and what becomes different.

Rancher's API keeps secrets back, so that most of them have to be entered again; and where the page
and the server disagreed, the page holds here and the differences are told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs
from typing_extensions import override

from wharfinger.core.credential import Credential, Secret, check_username
from wharfinger.core.diagnose import Diagnostic
from wharfinger.core.environment import Environment, Orchestration
from wharfinger.core.errors import InvalidCredential, InvalidSettings, nearest
from wharfinger.core.registry import Registry, RegistryState
from wharfinger.core.settings import DefaultRegistry, Settings
from wharfinger.core.whitelist import Whitelist
from wharfinger.formats._cattle import Change, SettingsBefore, changes
from wharfinger.formats._rancher_api import Answers, WireCredential, WireRegistry, read
from wharfinger.formats.document import DocumentError, Parsed, forgetful

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wharfinger.core.address import RegistryAddress
    from wharfinger.core.store import CredentialStore

__all__ = ["Change", "RancherExport", "RancherRegistry", "parse"]

_CREDENTIALS: Final = "registryCredentials"
_DEFAULT: Final = "registry.default"
_WHITELIST: Final = "registry.whitelist"
# What hides user information from those who look entry by entry.
_AT: Final = ("@", "\N{FULLWIDTH COMMERCIAL AT}", "\N{SMALL COMMERCIAL AT}")


@attrs.frozen
class RancherRegistry:
    """One of Rancher's credentials, as a registry of the environment.

    Args:
        place: Where the credential stands in the export.
        registry_id: Rancher's id of its registry, ``1sp5``.
        credential_id: Rancher's id of the credential, ``1c7``.
        registry: The registry.
        credential: The credential; None where the export has no secret that can be used.
        email: The credential's e-mail address.
    """

    place: str
    registry_id: str
    credential_id: str
    registry: Registry
    credential: Credential | None
    email: str | None = None


@attrs.frozen
class RancherExport(Parsed[RancherRegistry]):
    """What was read from an export.

    Args:
        entries: Rancher's credentials that were not removed, in the order they were added, which
            is that of their ids.
        diagnostics: What could not be read, or was mended.
        environment: The environment they make.
        settings: The settings; they hold for every environment.
        changes: Which images are pulled otherwise than by the Rancher server.
    """

    environment: Environment = attrs.field(kw_only=True)
    settings: Settings = attrs.field(kw_only=True)
    changes: tuple[Change, ...] = attrs.field(kw_only=True, default=())

    @property
    def wanted(self) -> tuple[RancherRegistry, ...]:
        """The registries in force whose secrets must be entered again."""
        return tuple(
            entry for entry in self.entries if entry.credential is None and self._in_force(entry)
        )

    @forgetful
    def load_into(
        self, store: CredentialStore, secrets: Mapping[str, Secret] | None = None
    ) -> Environment:
        """Create the environment in a store, and add its registries in their order.

        An overridden registry whose secret nobody has is left out. The settings are not saved:
        they hold for every environment, and ``store.save_settings(export.settings)`` saves them.

        Args:
            store: The store.
            secrets: Secrets by Rancher's id of the credential, ``1c7``. One here comes before the
                export's own.

        Returns:
            The environment, as the store has it.

        Raises:
            DocumentError: When the secret of a registry in force is missing, :attr:`wanted` having
                them all; or one is given for an id that is not there. Nothing is changed.
            EnvironmentExists: When the store has an environment of this name.
            InvalidCredential: When a secret given here is refused. Nothing is changed.

        Example:
            >>> from wharfinger import MemoryStore
            >>> export = parse(
            ...     '''{
            ...     "registries": [{"id": "1sp1", "serverAddress": "quay.io", "state": "active"}],
            ...     "registryCredentials": [{"id": "1c1", "registryId": "1sp1",
            ...         "publicValue": "ci", "secretValue": null, "state": "active"}]
            ... }''',
            ...     "staging",
            ... )
            >>> [entry.credential_id for entry in export.wanted]
            ['1c1']
            >>> export.load_into(MemoryStore(), {"1c1": Secret("hunter2")})
            <Environment 'staging' (cattle): 1 registry>
        """
        given = secrets or {}
        known = {entry.credential_id for entry in self.entries}
        if unknown := sorted(given.keys() - known)[:1]:
            near = nearest(unknown[0], known)
            told = f"; the nearest is {near}" if near else ""
            raise DocumentError(
                _CREDENTIALS, f"a secret is given for one that is not in the export{told}"
            )
        chosen: list[tuple[RancherRegistry, Credential]] = []
        missing: list[str] = []
        for entry in self.entries:
            credential = entry.credential
            if entry.credential_id in given:
                credential = Credential(
                    entry.registry.username, given[entry.credential_id], entry.email
                ).check()
            if credential is not None:
                chosen.append((entry, credential))
            elif self._in_force(entry):
                missing.append(entry.credential_id)
        if missing:
            told = ", ".join(missing[:8]) + (", …" if missing[8:] else "")
            raise DocumentError(
                _CREDENTIALS, f"the secrets of {told} are not in the export; enter them again"
            )
        name = self.environment.name
        store.create(name, self.environment.orchestration)
        try:
            for entry, credential in chosen:
                added = store.add(name, entry.registry.address, credential)
                if not entry.registry.is_active:
                    store.deactivate(name, added.id)
        except BaseException:
            store.destroy(name)  # what fails changes nothing
            raise
        return store.environment(name)

    def explain(self) -> str:
        """Tell people what was read, what must be entered again, and what becomes different.

        Returns:
            Several lines of text, without a newline at the end.
        """
        lines = [f"environment {self.environment.name} ({self.environment.orchestration})"]
        wanted = {entry.credential_id for entry in self.wanted}
        for entry in self.entries:
            registry = entry.registry
            told = f"{registry.state}" if self._in_force(entry) else "overridden"
            told += ", its secret must be entered again" * (entry.credential_id in wanted)
            lines.append(
                f"  {registry.id}  {registry.address} as {registry.username}, from "
                f"{entry.credential_id}: {told}"
            )
        lines.append(f"default registry {self.settings.default_registry}")
        lines.append(f"whitelist {str(self.settings.whitelist) or 'none'}")
        lines += ["what becomes different", *map("  {}".format, self.changes or ["nothing"])]
        lines += ["what was remarked on", *map("  {}".format, self.diagnostics or ["nothing"])]
        return "\n".join(lines)

    def _in_force(self, entry: RancherRegistry) -> bool:
        return self.environment.in_force(entry.registry.address) == entry.registry

    @override
    def __str__(self) -> str:
        return self.explain()


@forgetful
def parse(
    text: str,
    environment: str = "rancher",
    orchestration: Orchestration = Orchestration.CATTLE,
) -> RancherExport:
    """Read an export of one environment of Rancher 1.x.

    The export is one object with ``registries`` and ``registryCredentials``, and perhaps
    ``settings``, each a collection as the API answers or a list; settings may be a mapping. Or it
    is the API's answers one after another.

    Args:
        text: The document.
        environment: The name that the environment gets.
        orchestration: What launches its containers.

    Returns:
        What it says.

    Raises:
        DocumentError: When it is not valid JSON, lacks the registries or the credentials, holds
            several environments, or has a setting that cannot be read without opening what was
            closed.
        InvalidEnvironment: When the name is malformed.

    Example:
        >>> export = parse('''{
        ...     "registries": {"type": "collection", "data": [
        ...         {"id": "1sp1", "serverAddress": "quay.io", "state": "active"}]},
        ...     "registryCredentials": {"type": "collection", "data": [
        ...         {"id": "1c9", "registryId": "1sp1", "publicValue": "new", "state": "active"},
        ...         {"id": "1c7", "registryId": "1sp1", "publicValue": "old", "state": "active"}]},
        ...     "settings": {"registry.whitelist": "quay.io, index.docker.io"}
        ... }''', "staging")
        >>> [(entry.registry.id, entry.credential_id) for entry in export.entries]
        [('staging/1', '1c7'), ('staging/2', '1c9')]
        >>> for change in export.changes:
        ...     print(change)
        images at docker.io: now allowed: the server compared whitelist entries as text, and \
none was 'docker.io'
        images at quay.io: 1c7 before, 1c9 now (credential-replaced): the server took the oldest \
active one at 'quay.io'; now the newest is in force
    """
    empty = Environment(environment, orchestration)
    answers = read(text)
    del text
    remarks = answers.diagnostics
    before, settings = _settings(answers)
    entries = _entries(answers, empty.name)
    made = Environment(empty.name, empty.orchestration, [entry.registry for entry in entries])
    origins = {entry.registry.id: entry.credential_id for entry in entries}
    return RancherExport(
        tuple(entries),
        tuple(remarks),
        environment=made,
        settings=settings,
        changes=changes(answers, before, made, settings, origins),
    )


def _entries(answers: Answers, environment: str) -> list[RancherRegistry]:
    entries: list[RancherRegistry] = []
    used: set[RegistryAddress] = set()
    for wire in sorted(answers.credentials.values(), key=lambda wire: (wire.number, wire.id)):
        registry = answers.registries.get(wire.registry_id)
        if registry is None:
            if wire.registry_id not in answers.removed:
                answers.diagnostics.append(_no_registry(wire))
            continue
        username = _username(wire, answers.diagnostics)
        if username is None:
            continue
        used.add(registry.address)
        entries.append(
            RancherRegistry(
                wire.place,
                registry.id,
                wire.id,
                Registry(
                    environment=environment,
                    sequence=len(entries) + 1,
                    address=registry.address,
                    username=username,
                    state=_state(wire, registry),
                ),
                _credential(wire, answers.diagnostics),
                email=wire.email,
            )
        )
    for registry in answers.registries.values():
        if registry.address not in used:
            answers.diagnostics.append(
                Diagnostic(
                    "registry-without-credential",
                    "R10",
                    "it has no credential that could be read, so images there are pulled without "
                    "one",
                    f"add {registry.address} with a credential if that is not meant",
                    registry.place,
                )
            )
    return entries


def _state(wire: WireCredential, registry: WireRegistry) -> RegistryState:
    # A registry here is Rancher's registry and one credential of it.
    return RegistryState.ACTIVE if wire.active and registry.active else RegistryState.INACTIVE


def _no_registry(wire: WireCredential) -> Diagnostic:
    return Diagnostic(
        "credential-without-registry",
        "R20",
        "its registry is not in the export",
        "export the registries of the same environment",
        f"{wire.place}.registryId",
    )


def _username(wire: WireCredential, remarks: list[Diagnostic]) -> str | None:
    try:
        return check_username(wire.username)
    except InvalidCredential as error:
        problem = error.problem
    remarks.append(
        Diagnostic(
            "credential-refused",
            "R9",
            f"the username cannot be used: {problem}",
            "add the registry by hand",
            f"{wire.place}.publicValue",
        )
    )
    return None


def _credential(wire: WireCredential, remarks: list[Diagnostic]) -> Credential | None:
    """The credential; None where the secret must be entered again."""
    if wire.secret is None:
        return None
    try:
        return Credential(wire.username, wire.secret, wire.email).check()
    except InvalidCredential as error:
        problem = error.problem
    remarks.append(
        Diagnostic(
            "credential-refused",
            "R9",
            f"the secret cannot be used: {problem}",
            "enter it again",
            f"{wire.place}.secretValue",
        )
    )
    return None


def _settings(answers: Answers) -> tuple[SettingsBefore, Settings]:
    default, default_place = answers.settings.get(_DEFAULT, ("", ""))
    whitelist, whitelist_place = answers.settings.get(_WHITELIST, ("", ""))
    pieces = tuple(filter(None, map(str.strip, whitelist.split(","))))
    mended = _default(default, default_place, answers.diagnostics)
    # The server compared the default registry as it was written, which no entry may be here.
    meant = tuple(mended if mended and piece == default else piece for piece in pieces)
    before = SettingsBefore(
        default, pieces, _whitelist(meant, whitelist_place, answers.diagnostics)
    )
    return before, Settings.from_mapping(
        {_DEFAULT: mended, _WHITELIST: ",".join(before.read) or None}
    )


def _default(text: str, where: str, remarks: list[Diagnostic]) -> str:
    try:
        return str(DefaultRegistry.parse(text))
    except InvalidSettings as error:
        fault = error.with_traceback(None)
    # What Docker made of a first piece that is no registry was a path on Docker Hub (R1).
    repair = f"docker.io/{text.strip()}" if fault.rule == "registry" else fault.repair
    try:
        repaired = str(DefaultRegistry.parse(repair or "?"))
    except InvalidSettings:
        # Without it, images would be pulled from Docker Hub that never were.
        raise DocumentError(
            where, f"the default registry cannot be read: {fault.problem}"
        ) from None
    remarks.append(
        Diagnostic(
            "default-repaired",
            "R11",
            fault.problem,
            f"it is read as {repaired}; mend the setting if that is not meant",
            where,
        )
    )
    return repaired


def _whitelist(pieces: tuple[str, ...], where: str, remarks: list[Diagnostic]) -> tuple[str, ...]:
    good: list[str] = []
    # A comma may have cut user information in two, which no one piece then shows.
    hidden = any(sign in piece for piece in pieces for sign in _AT)
    for number, piece in enumerate(pieces, start=1):
        try:
            Whitelist([piece])
        except InvalidSettings as error:
            repair = error.repair if not hidden else None
            remarks.append(
                Diagnostic(
                    "whitelist-entry-left-out",
                    "R14",
                    f"entry {number}: {error.problem}; the server matched no image with it",
                    f"write {repair} if that is meant" if repair else "write host[:port]",
                    where,
                )
            )
        else:
            good.append(piece)
    if pieces and not good:
        # A filter that matched nothing must not open the gate (R14).
        raise DocumentError(
            where, "no entry of the whitelist can be read, and without one nothing is restricted"
        )
    return tuple(good)
