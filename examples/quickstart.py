"""What an admin's decision changes: 320 image names, resolved before and after it.

The names in ``data/images.txt`` are from public Kubernetes manifests, Helm charts and compose
files. Run it with ``python examples/quickstart.py``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from textwrap import indent

from wharfinger import (
    Credential,
    MemoryStore,
    Reason,
    Registry,
    Resolution,
    Secret,
    Settings,
    resolve,
)

IMAGES = Path(__file__).parent / "data" / "images.txt"
ENVIRONMENT = "production"

Change = tuple[Resolution, Resolution]


def main() -> None:
    """Resolve every image, change the settings, resolve again, and say what changed."""
    images = read_images()
    store = MemoryStore()
    registries = add_registries(store)
    before = resolve_all(images, store)

    store.deactivate(ENVIRONMENT, registries["ghcr.io"].id)
    store.save_settings(
        Settings(
            default_registry="harbor.acme.example/hub",
            official_namespace="library",
            whitelist="harbor.acme.example, docker.io/grafana, quay.io, ghcr.io, registry.k8s.io, "
            "us-central1-docker.pkg.dev/online-boutique-ci, *.dkr.ecr.us-west-2.amazonaws.com",
        )
    )
    after = resolve_all(images, store)

    changes = list(zip(before, after, strict=True))
    print_registries(store)
    print_settings(store.settings())
    print_reasons(changes)
    print_changes(changes)
    print_answer(next(new for _, new in changes if new.reason is Reason.NOT_WHITELISTED))
    print_credential(store, next(new for new in after if str(new.address) == "quay.io"))
    changed = sum(map(is_changed, changes))
    print(f"\n{len(changes)} images: {changed} changed, {len(changes) - changed} as before.")


def read_images() -> list[str]:
    """Return the names in the data file, without its comments."""
    lines = IMAGES.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def add_registries(store: MemoryStore) -> dict[str, Registry]:
    """Add what the environment has credentials for; return what is in force by address.

    ``quay.io`` is added twice, as when a robot account is replaced: the newer one is in force.
    """
    credentials = [
        ("docker.io", Credential("acmebot", Secret("dckr_pat_made-up"))),
        ("quay.io", Credential("acme+old", Secret("made-up"))),
        ("quay.io", Credential("acme+deploy", Secret("made-up"))),
        ("ghcr.io", Credential("acme-ci", Secret("ghp_made-up"))),
        ("us-central1-docker.pkg.dev", Credential("oauth2accesstoken", Secret("ya29.made-up"))),
        ("602401143452.dkr.ecr.us-west-2.amazonaws.com", Credential("AWS", Secret("made-up"))),
        ("harbor.acme.example", Credential("robot$deploy", Secret("made-up"))),
    ]
    added = [store.add(ENVIRONMENT, address, credential) for address, credential in credentials]
    return {str(registry.address): registry for registry in added}


def resolve_all(images: Iterable[str], store: MemoryStore) -> list[Resolution]:
    """Return the answers under what the store holds now."""
    environment, settings = store.environment(ENVIRONMENT), store.settings()
    return [resolve(image, environment, settings) for image in images]


def is_changed(change: Change) -> bool:
    """Whether an image is pulled from elsewhere, or for another reason."""
    old, new = change
    return (old.image, old.reason) != (new.image, new.reason)


def print_registries(store: MemoryStore) -> None:
    """Print the environment's registries, and which of them are in force."""
    environment = store.environment(ENVIRONMENT)
    overridden = environment.overridden()
    print(f"Registries of {environment.name!r} in the order added, ghcr.io deactivated since\n")
    for registry in environment.registries:
        state = "overridden" if registry in overridden else registry.state
        print(f"  {registry.id:<14}{registry.address!s:<52}{registry.username:<19}{state}")


def print_settings(settings: Settings) -> None:
    """Print the settings of the second round; the first had none."""
    print("\nSettings of the second round\n")
    print(f"  {'registry.default':<20}{settings.default_registry}")
    print(f"  {'official_namespace':<20}{settings.official_namespace}")
    title = "registry.whitelist"
    for entry in settings.whitelist.entries:
        print(f"  {title:<20}{entry}")
        title = ""


def print_reasons(changes: list[Change]) -> None:
    """Print how many images have each reason, before and after."""
    before = Counter(old.reason for old, _ in changes)
    after = Counter(new.reason for _, new in changes)
    print("\nImages by reason\n")
    print(f"  {'reason':<20}{'before':>6}{'after':>8}")
    for reason in Reason:
        if before[reason] or after[reason]:
            print(f"  {reason:<20}{before[reason]:>6}{after[reason]:>8}")
    print(f"  {'all':<20}{before.total():>6}{after.total():>8}")


def print_changes(changes: list[Change]) -> None:
    """Print every change, by what happened and then by the registry it was pulled from."""
    sections: defaultdict[str, list[Change]] = defaultdict(list)
    for change in filter(is_changed, changes):
        sections[headline(change)].append(change)
    print("\nWhat changed, and why")
    for title, section in sorted(sections.items(), key=lambda item: -len(item[1])):
        print(f"\n  {len(section)} images {title}\n")
        print_table(section)


def headline(change: Change) -> str:
    """Say what happened to an image, and by which rule."""
    _, new = change
    if new.allowed:
        moved = next(step for step in new.trace if step.rule == "R11")
        return f"moved: {moved.detail} ({moved.rule})"
    return f"denied: {new.reason} ({new.trace[-1].rule})"


def print_table(section: list[Change]) -> None:
    """Print a row for each registry; those of a single image share the last rows."""
    rows: defaultdict[tuple[bool, str, Reason], list[Resolution]] = defaultdict(list)
    sizes = Counter(old.address for old, _ in section)
    for old, _ in section:
        shared = sizes[old.address] == 1
        rows[shared, "others, one image each" if shared else str(old.address), old.reason].append(
            old
        )
    print(f"  images  {'registry':<52}{'before':<12}for example")
    for key, row in sorted(rows.items(), key=lambda item: (item[0][0], -len(item[1]))):
        _, registry, reason = key
        print(f"  {len(row):>6}  {registry:<52}{reason:<12}{example(row)}")


def example(answers: Iterable[Resolution], width: int = 26) -> str:
    """Return the shortest of the references without its registry, cut to the rest of a line."""
    texts = [str(a.reference).removeprefix(f"{a.reference.registry}/") for a in answers]
    text = min(texts, key=len)
    return text if len(text) <= width else f"{text[: width - 3]}..."


def print_answer(answer: Resolution) -> None:
    """Print one answer whole."""
    print("\nOne answer, with every rule that was looked at\n")
    print(indent(answer.explain(), "  "))


def print_credential(store: MemoryStore, answer: Resolution) -> None:
    """Print the credential for an answer: only the store has it, and no repr shows its secret."""
    print(f"\nThe credential for {answer.image}\n")
    print(f"  {store.credential(ENVIRONMENT, answer)!r}")


if __name__ == "__main__":
    main()
