"""Kubernetes manifests and compose files: which images they name, and where.

A pod spec is found wherever it stands, in Kubernetes' own kinds and in those of others, by its
lists of containers: an image that a reader passes over is one that no policy sees.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import attrs

from wharfinger.core.diagnose import Diagnostic
from wharfinger.core.errors import InvalidReference
from wharfinger.core.reference import ImageReference
from wharfinger.formats._json_text import without_bom
from wharfinger.formats._tree import edited, listed, overrides, repetitions, rewritten
from wharfinger.formats._yaml_text import documents
from wharfinger.formats.document import DocumentError, Parsed, forgetful, place

if TYPE_CHECKING:
    from wharfinger.core.settings import Settings
    from wharfinger.formats._tree import Node

    _Path = tuple[str | int, ...]

__all__ = ["ImageRole", "ImageUse", "merge", "parse"]


class ImageRole(StrEnum):
    """What an image is named for."""

    CONTAINER = "container"
    INIT_CONTAINER = "init-container"
    EPHEMERAL_CONTAINER = "ephemeral-container"
    IMAGE_VOLUME = "image-volume"
    SERVICE = "service"
    """A service of a compose file."""

    def __repr__(self) -> str:
        return f"ImageRole.{self.name}"


@attrs.frozen
class ImageUse:
    """One place of a document that names an image.

    Args:
        place: The place, such as ``spec.template.spec.containers[0].image``; it starts with
            ``documents[n]`` where there are several.
        reference: The image reference, as written.
        role: What it is for.
        kind: The object's kind; ``compose`` for a compose file.
        namespace: The object's namespace; empty where it names none.
        name: The object's or the compose project's name; empty where it has none.
        container: The name of the container, volume or service; empty where it has none.
    """

    place: str
    reference: ImageReference
    role: ImageRole
    kind: str
    namespace: str
    name: str
    container: str


_COMPOSE: Final = "compose"
_KUSTOMIZATION: Final = "Kustomization"
_RBD: Final = "rbd"  # a volume of Kubernetes, whose image is a disk of Ceph's
_LONGEST_NAME: Final = 1000
_CONTAINERS: Final = {
    "initContainers": ImageRole.INIT_CONTAINER,
    "containers": ImageRole.CONTAINER,
    "ephemeralContainers": ImageRole.EPHEMERAL_CONTAINER,
}
# Kinds whose lists of containers must be ones; in others a member may only be called so.
_WORKLOADS: Final = frozenset(
    {
        "CronJob",
        "DaemonSet",
        "Deployment",
        "Job",
        "Pod",
        "PodTemplate",
        "ReplicaSet",
        "ReplicationController",
        "StatefulSet",
    }
)
# Kinds that hold texts and schemas, in which nothing is an image.
_NO_IMAGES: Final = frozenset({"ConfigMap", "CustomResourceDefinition", "Secret"})
_QUOTES: Final = "write it in quotation marks"


@forgetful
def parse(text: str) -> Parsed[ImageUse]:
    """Find the images of a manifest or a compose file.

    JSON needs no package; YAML needs the extra ``yaml``.

    Args:
        text: Any number of documents: Kubernetes objects, Lists of them, or compose files.

    Returns:
        Every image it names, in its order, and a remark on each place where one may be that could
        not be read. Their codes are ``document-unknown``, ``image-interpolated``,
        ``image-invalid``, ``image-not-read``, ``image-elsewhere``, ``merge-key-late``,
        ``name-repeated`` and ``not-a-list``.

    Raises:
        DocumentError: When it is neither YAML nor JSON, or a Helm template; when it is nested more
            than 100 deep, has a tag that is not YAML's own, or aliases that, written out, are
            longer than it is (R20).
        MissingExtra: When it is YAML, and ruamel.yaml is not installed.

    Example:
        >>> pod = '''
        ... {"kind": "Pod", "metadata": {"name": "web"}, "spec": {
        ...   "initContainers": [{"name": "wait", "image": "busybox"}],
        ...   "containers": [{"name": "app", "image": "quay.io/Acme/api"}]
        ... }}'''
        >>> read = parse(pod)
        >>> for use in read.entries:
        ...     print(use.place, use.role, use.reference)
        spec.initContainers[0].image init-container busybox
        >>> for remark in read.diagnostics:
        ...     print(remark)
        spec.containers[0].image: image-invalid (R20): a repository is in lower case; write \
quay.io/acme/api
    """
    reader = _Reader(without_bom(text))
    return Parsed(tuple(use for use, _ in reader.found), tuple(reader.remarks))


@forgetful
def merge(text: str, settings: Settings) -> str:
    """Write each image's canonical form in its place, and leave every other byte as it is.

    A canonical image stays where it is under any later settings (R13). An alias is changed where
    its anchor stands.

    Args:
        text: The documents, as for :func:`parse`.
        settings: The settings that say where images are pulled from.

    Returns:
        The documents with canonical images.

    Raises:
        DocumentError: When :func:`parse` refuses it or remarks on anything: what it did not read
            could not be written. Also when an image's canonical path would be too long, or an
            image is written in a way that cannot be replaced alone, such as an anchor whose
            aliases name a container too.
        MissingExtra: When it is YAML, and ruamel.yaml is not installed.

    Example:
        >>> from wharfinger import Settings
        >>> pod = '{"kind": "Pod", "spec": {"containers": [{"image": "acme/api:1.2"}]}}'
        >>> merge(pod, Settings(default_registry="harbor.corp/hub-proxy"))
        '{"kind": "Pod", "spec": {"containers": [{"image": "harbor.corp/hub-proxy/acme/api:1.2"}]}}'
    """
    plain = without_bom(text)
    reader = _Reader(plain)
    for remark in reader.remarks:
        raise DocumentError(remark.place, f"{remark.message}; {remark.repair}")
    wanted: list[ImageUse] = []
    edits: dict[int, tuple[int, int, str]] = {}
    for use, node in reader.found:
        image = _located(use, settings)
        wanted.append(attrs.evolve(use, reference=image))
        if image == use.reference:
            continue
        edit = rewritten(plain, node, str(image))
        if edit is None:
            raise DocumentError(use.place, f"it can't be replaced as it is written; {_QUOTES}")
        edits[node.start] = edit
    if not edits:
        return text
    merged = edited(plain, edits.values())
    told = [use for use, _ in _Reader(merged).found]
    if told != wanted:
        pairs = zip(wanted, told, strict=False)
        first = next((use.place for use, other in pairs if use != other), "")
        raise DocumentError(first, "an alias makes it a name or a key, too; write both in full")
    return text[: len(text) - len(plain)] + merged


def _located(use: ImageUse, settings: Settings) -> ImageReference:
    try:
        return settings.locate(use.reference)
    except InvalidReference as error:
        problem = error.problem
    raise DocumentError(use.place, problem)


class _Reader:
    """Walks the documents of a text, and keeps what it finds."""

    def __init__(self, text: str) -> None:
        self.found: list[tuple[ImageUse, Node]] = []
        self.remarks: list[Diagnostic] = []
        self.kind = self.namespace = self.name = ""
        several = documents(text)
        for number, document in enumerate(several):
            self.document(document, ("documents", number) if len(several) > 1 else ())

    def document(self, node: Node, path: _Path) -> None:
        if node.value is None:
            return
        services = _services(node)
        if not isinstance(node.value, dict) or (services is None and not node.text("kind")):
            self.remark(
                "document-unknown",
                path,
                "it is neither a Kubernetes object nor a compose file, so no image was looked for",
                "give one that has a kind or services",
            )
        elif services is None:
            self.object(node, path)
        else:
            self.kind, self.namespace, self.name = _COMPOSE, "", node.text("name")
            self.compose(node, services, path)

    def object(self, node: Node, path: _Path, kind: str = "") -> None:
        """An object, or a List of them, whose items may leave their kind out."""
        self.kind = kind = node.text("kind") or kind
        self.namespace = node.text("metadata", "namespace")
        self.name = node.text("metadata", "name")
        self.repeated(node, path)
        if kind in _NO_IMAGES or not isinstance(node.value, dict):
            return
        if kind == _KUSTOMIZATION:
            self.remark(
                "image-not-read",
                path,
                "the images of what it builds stand in other files",
                "give what 'kubectl kustomize' prints",
            )
        items, kind_of_item = listed(node, kind)
        for name, child in node.value.items():
            if name == "items" and items:
                for number, item in enumerate(items):
                    self.object(item, (*path, name, number), kind_of_item)
            elif name != "status":
                self.member(name, child, path)

    def walk(self, node: Node, path: _Path) -> None:
        if isinstance(node.value, dict):
            self.repeated(node, path)
            for name, child in node.value.items():
                self.member(name, child, path)
        elif isinstance(node.value, list):
            for number, child in enumerate(node.value):
                self.walk(child, (*path, number))

    def member(self, name: str, node: Node, path: _Path) -> None:
        path = (*path, _short(name))
        is_list = isinstance(node.value, list)
        if name in _CONTAINERS and is_list:
            for number, container in enumerate(node.value):
                self.container(container, (*path, number), _CONTAINERS[name])
        elif name == "volumes" and is_list:
            for number, volume in enumerate(node.value):
                self.volume(volume, (*path, number))
        elif name == "image" and _may_be_one(node) and path[-2:-1] != (_RBD,):
            self.remark(
                "image-elsewhere",
                path,
                "it may be an image, and stands outside of a pod spec",
                "look at it yourself",
            )
        elif name != "metadata":
            if name in _CONTAINERS and node.value is not None and self.kind in _WORKLOADS:
                self.remark(
                    "not-a-list", path, f"a list is wanted, and this is {node.kind}", "make it one"
                )
            self.walk(node, path)

    def container(self, node: Node, path: _Path, role: ImageRole) -> None:
        if isinstance(node.value, dict):
            self.repeated(node, path)
            for name, child in node.value.items():
                if name == "image":
                    self.image(child, (*path, name), role, node.text("name"))
                else:  # others put a pod spec there
                    self.member(name, child, path)
        elif self.kind in _WORKLOADS:
            self.remark(
                "image-not-read",
                path,
                f"a container is an object, and this is {node.kind}",
                "give it a name and an image",
            )
        else:
            self.walk(node, path)

    def volume(self, node: Node, path: _Path) -> None:
        if not isinstance(node.value, dict):
            self.walk(node, path)
            return
        self.repeated(node, path)
        for name, child in node.value.items():
            reference = child.get("reference") if name == "image" else None
            if reference is None:  # KubeVirt has disks that are images
                self.member(name, child, path)
            else:
                self.repeated(child, (*path, name))
                where = (*path, name, "reference")
                self.image(reference, where, ImageRole.IMAGE_VOLUME, node.text("name"))

    def compose(self, root: Node, services: Node, path: _Path) -> None:
        self.repeated(root, path)
        if root.get("include") is not None:
            self.elsewhere((*path, "include"), "the images of what it includes stand")
        if services is not root:
            path = (*path, "services")
            self.repeated(services, path)
        for name, service in services.value.items():
            where = (*path, _short(name))
            self.repeated(service, where)
            image = service.get("image")
            if image is not None:
                self.image(image, (*where, "image"), ImageRole.SERVICE, name)
            elif service.get("extends", "file") is not None:
                self.elsewhere((*where, "extends"), "its image stands")
            elif service.value is not None and not isinstance(service.value, dict):
                self.remark(
                    "image-not-read",
                    where,
                    f"a service is an object, and this is {service.kind}",
                    "give it an image",
                )
            self.mounts(service, where, name)

    def mounts(self, service: Node, path: _Path, name: str) -> None:
        """Volumes of a service that are images: ``type: image``."""
        volumes = service.get("volumes")
        if volumes is None or not isinstance(volumes.value, list):
            return
        for number, volume in enumerate(volumes.value):
            if volume.text("type") == "image":
                where = (*path, "volumes", number, "source")
                self.image(volume.get("source"), where, ImageRole.IMAGE_VOLUME, name)

    def elsewhere(self, path: _Path, what: str) -> None:
        self.remark(
            "image-not-read",
            path,
            f"{what} in another file",
            "give the document as 'docker compose config' prints it",
        )

    def image(self, node: Node | None, path: _Path, role: ImageRole, container: str) -> None:
        if node is None or node.value is None:
            return
        if not isinstance(node.value, str):
            self.remark(
                "image-invalid", path, f"a text is wanted, and this is {node.kind}", _QUOTES
            )
            return
        if "$" in node.value or "{{" in node.value:
            self.remark(
                "image-interpolated",
                path,
                "it depends on a variable or a template",
                "give the document with its variables replaced",
            )
            return
        try:
            reference = ImageReference.parse(node.value)
        except InvalidReference as error:
            problem = error.problem
            repair = f"write {error.repair}" if error.repair else "write registry/repository:tag"
        else:
            where = place(*path)
            use = ImageUse(where, reference, role, self.kind, self.namespace, self.name, container)
            self.found.append((use, node))
            return
        self.remark("image-invalid", path, problem, repair)

    def repeated(self, node: Node, path: _Path) -> None:
        self.remarks += repetitions(node, *path)
        if self.kind != _COMPOSE:  # compose reads merge keys as YAML has it
            self.remarks += overrides(node, *path)

    def remark(self, code: str, path: _Path, message: str, repair: str) -> None:
        self.remarks.append(Diagnostic(code, "R20", message, repair, place(*path)))


def _services(node: Node) -> Node | None:
    """Where the services of a compose file stand: at its root in the oldest ones."""
    if not isinstance(node.value, dict) or "apiVersion" in node.value or "kind" in node.value:
        return None
    services = node.get("services")
    if services is not None:
        return services if isinstance(services.value, dict) else None
    members = node.value.values()
    old = all(each.get("image") or each.get("build") or each.get("extends") for each in members)
    return node if old and members else None


def _may_be_one(node: Node) -> bool:
    """Whether what is called an image may be one: a text, or what charts make one of."""
    return isinstance(node.value, str) or bool(node.text("repository"))


def _short(name: str) -> str:
    """A name for a path, that stands in many of them."""
    return name if len(name) <= _LONGEST_NAME else "..."
