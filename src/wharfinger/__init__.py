"""Decide where a container image is pulled from, whether it may be, with which credential, and why.

Everything here is the core: values and pure functions, the standard library only, no I/O. Other
rooms are imported by their own names.
"""

from __future__ import annotations

from wharfinger.core.address import RegistryAddress
from wharfinger.core.credential import Credential, CredentialKind, Secret
from wharfinger.core.diagnose import Diagnostic, lint
from wharfinger.core.environment import Environment, Orchestration
from wharfinger.core.errors import (
    EnvironmentExists,
    EnvironmentNotFound,
    InvalidAddress,
    InvalidCredential,
    InvalidEnvironment,
    InvalidReference,
    InvalidSettings,
    MalformedInput,
    PullDenied,
    RegistryNotFound,
    StaleResolution,
    WharfingerError,
)
from wharfinger.core.memory import MemoryStore
from wharfinger.core.reference import ImageReference
from wharfinger.core.registry import Registry, RegistryState
from wharfinger.core.resolver import Reason, Resolution, Step, Verdict, resolve
from wharfinger.core.settings import DefaultRegistry, HostImages, Settings
from wharfinger.core.store import CredentialStore, SettingsStore
from wharfinger.core.whitelist import Whitelist

__all__ = [
    "Credential",
    "CredentialKind",
    "CredentialStore",
    "DefaultRegistry",
    "Diagnostic",
    "Environment",
    "EnvironmentExists",
    "EnvironmentNotFound",
    "HostImages",
    "ImageReference",
    "InvalidAddress",
    "InvalidCredential",
    "InvalidEnvironment",
    "InvalidReference",
    "InvalidSettings",
    "MalformedInput",
    "MemoryStore",
    "Orchestration",
    "PullDenied",
    "Reason",
    "Registry",
    "RegistryAddress",
    "RegistryNotFound",
    "RegistryState",
    "Resolution",
    "Secret",
    "Settings",
    "SettingsStore",
    "StaleResolution",
    "Step",
    "Verdict",
    "WharfingerError",
    "Whitelist",
    "lint",
    "resolve",
]

__version__ = "0.1.0"
