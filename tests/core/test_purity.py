"""The core imports the standard library only, and nothing that does input or output."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import wharfinger

PACKAGE = Path(wharfinger.__file__).parent
CONTRACT = {
    *("ImageReference", "RegistryAddress", "Registry", "RegistryState"),
    *("Environment", "Orchestration", "Settings", "DefaultRegistry", "Whitelist", "HostImages"),
    *("resolve", "Resolution", "Verdict", "Reason", "Step", "lint", "Diagnostic"),
    *("Secret", "Credential", "CredentialStore", "SettingsStore", "MemoryStore"),
    *("WharfingerError", "InvalidReference", "InvalidAddress", "PullDenied"),
    *("RegistryNotFound", "EnvironmentNotFound", "StaleResolution"),
}

# Uses every public name a little, errors and all, and then looks at what was loaded on the way.
PROGRAM = r'''
import sys
sys.path[:0] = [sys.argv[1]]
import wharfinger
from wharfinger import *

def refused(error, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except error as raised:
        assert str(raised) and repr(raised)
        return raised
    raise SystemExit(f"{call} took {arguments}")

used = set()
for name in wharfinger.__all__:
    assert getattr(wharfinger, name) is globals()[name]
assert issubclass(InvalidReference, MalformedInput) and issubclass(PullDenied, WharfingerError)

reference = ImageReference.parse("Quay.io:443/acme/api:1.2")
assert reference.qualified() and reference.familiar() and repr(reference) and hash(reference)
for text in ["https://u:p@quay.io/a", "Ubuntu", "quay.io/a:", "a" * 64, "a@b:1", "\u00fc", ""]:
    refused(InvalidReference, ImageReference.parse, text)
assert RegistryAddress.parse("[::1]:5000") < RegistryAddress.DOCKER_HUB
for text in ["https://quay.io", "quay.io.", "::1", "quay.io:0", "qu\nay.io", "quay.io/a", ""]:
    refused(InvalidAddress, RegistryAddress.parse, text)
for text in ["myhost", "quay.io/A", "https://quay.io/", "quay.io/a:1"]:
    refused(InvalidSettings, DefaultRegistry.parse, text)
for text in ["acme/team", "quay.io/*", "*.", "a@quay.io"]:
    refused(InvalidSettings, Whitelist, [text])
refused(InvalidSettings, Settings.from_mapping, {"registry.defaul": "quay.io"})

settings = Settings(
    default_registry="a.corp", whitelist=Whitelist("*.corp, quay.io, docker.io/acme, *.1"),
    official_namespace="library", host_images=HostImages.VERIFY,
)
environment = Environment("ci", Orchestration.KUBERNETES).added("quay.io", username="bot")
environment = environment.added("a.corp", username="bot").deactivated("ci/2")
environment = environment.updated("ci/1", username="robot").activated("ci/1")
assert isinstance(environment.registries[0], Registry)
assert environment.registries[1].state is RegistryState.INACTIVE
refused(RegistryNotFound, environment.removed, "ci/7")
refused(InvalidEnvironment, Environment, "")
assert all(isinstance(d, Diagnostic) and str(d) for d in lint(environment, settings))
assert lint(Environment("x"), Settings(whitelist="", default_registry="b.corp"))
reasons = set()
for image in ["ubuntu", reference, "b.corp/x", "docker.io/x", "docker.io/acme/x"]:
    for policy in (settings, Settings()):
        answer = resolve(image, environment, policy, on_host=image == "ubuntu")
        assert isinstance(answer, Resolution) and isinstance(answer.verdict, Verdict)
        assert answer.explain() and answer.as_dict() and repr(answer) and answer._repr_html_()
        assert all(isinstance(step, Step) for step in answer.trace)
        reasons.add(answer.reason)
        if not answer:
            refused(PullDenied, answer.require)
assert reasons == set(Reason)

store = MemoryStore()
assert isinstance(store, CredentialStore) and isinstance(store, SettingsStore)
key = '{"type": "service_account", "private_key": "k", "client_email": "e"}'
store.add("ci", "gcr.io", Credential("_json_key", Secret(key), kind=CredentialKind.PASSWORD))
for secret in ["key.json", "{}", "e30=", ""]:
    refused(InvalidCredential, store.add, "ci", "gcr.io", Credential("_json_key", Secret(secret)))
wrong = Credential("_json_key_base64", Secret("e30="))
refused(InvalidCredential, store.add, "ci", "gcr.io", wrong)
answer = resolve("gcr.io/acme/api", store.environment("ci"))
assert store.credential("ci", answer).secret == Secret(key)
assert store.credentials("ci", settings) == {}
store.save_settings(settings)
assert store.settings() == settings
store.deactivate("ci", "ci/1")
refused(StaleResolution, store.credential, "ci", answer)
store.remove("ci", "ci/1")
refused(EnvironmentNotFound, store.environment, "c")
refused(EnvironmentExists, store.create, "ci")
store.destroy("ci")

forbidden = """
    attr attrs typing_extensions hypothesis pytest
    _asyncio _socket _sqlite3 _ssl asyncio concurrent.futures ctypes dbm email ftplib
    http http.client importlib.metadata importlib.resources logging mmap multiprocessing
    platform pwd random secrets select selectors shutil signal socket socketserver sqlite3
    ssl subprocess tempfile time_machine tomllib urllib.request uuid zipfile
""".split()
loaded = sorted(name for name in forbidden if name in sys.modules and name not in already)
assert not loaded, f"loaded: {loaded}"
strangers = sorted(
    name for name in sys.modules
    if name.partition(".")[0] not in {*sys.stdlib_module_names, "__main__", "wharfinger"}
    and name not in already
)
assert not strangers, f"not of the standard library: {strangers}"
print("pure")
'''


def run(*options: str) -> str:
    # What site-packages' .pth files load is not the core's doing.
    program = f"import sys\nalready = frozenset(sys.modules)\n{PROGRAM}"
    done = subprocess.run(
        [sys.executable, *options, "-c", program, str(PACKAGE.parent)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("options", [("-I", "-S"), ("-I",)], ids=" ".join)
def test_the_core_works_alone(options: tuple[str, ...]) -> None:
    """R24: the whole of the core works without site-packages and loads nothing that does I/O."""
    assert run(*options) == "pure\n"


def test_only_the_core_is_loaded() -> None:
    """R24: importing the package loads the core and no other room."""
    program = (
        f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r}); import wharfinger; "
        "print(*(n for n in sys.modules if n.startswith('wharfinger.')), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    assert "wharfinger.core.resolver" in loaded
    assert all(f"{name}.".startswith("wharfinger.core.") for name in loaded)
    assert "wharfinger.core._faults" not in loaded


def imports(path: Path) -> set[str]:
    """Every module a file imports, wherever in it, for type checkers too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name}, line {node.lineno}: a relative import"
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", sorted((PACKAGE / "core").rglob("*.py")), ids=lambda p: p.stem)
def test_imports_of_the_core(path: Path) -> None:
    """R24: every import of the core is the standard library's or its own."""
    for name in imports(path):
        own = f"{name}.".startswith("wharfinger.core.")
        assert own or name.partition(".")[0] in sys.stdlib_module_names, name


def test_the_package_reexports_the_core() -> None:
    assert {name for name in imports(PACKAGE / "__init__.py") if name != "__future__"} <= {
        f"wharfinger.core.{path.stem}" for path in (PACKAGE / "core").glob("*.py")
    }


def test_public_names() -> None:
    """R24: every name of the contract is public, and the list of public names is sorted."""
    assert sorted(set(wharfinger.__all__)) == wharfinger.__all__
    assert set(wharfinger.__all__) >= CONTRACT
    for name in wharfinger.__all__:
        assert getattr(wharfinger, name).__module__.startswith("wharfinger.core.")
