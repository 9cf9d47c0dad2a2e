"""The images of manifests and compose files: all are found, with their places, and pinned."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tests.core.test_secrecy import assert_silent, everything_told, frames, links
from wharfinger import ImageReference, Settings
from wharfinger.formats.document import DocumentError
from wharfinger.formats.manifests import ImageRole, merge, parse
from wharfinger.testing.strategies import near_misses, references

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY: Final = "XK7canaryXK7"
CORP: Final = Settings(default_registry="registry.corp:5000")
TEMPLATE: Final = ("spec", "template", "spec")
KINDS: Final = {
    "Pod": ("spec",),
    "PodTemplate": ("template", "spec"),
    "ReplicationController": TEMPLATE,
    "ReplicaSet": TEMPLATE,
    "Deployment": TEMPLATE,
    "StatefulSet": TEMPLATE,
    "DaemonSet": TEMPLATE,
    "Job": TEMPLATE,
    "CronJob": ("spec", "jobTemplate", *TEMPLATE),
    # Of others: Argo, Kubeflow, Volcano, Knative
    "Rollout": TEMPLATE,
    "PyTorchJob": ("spec", "pytorchReplicaSpecs", "Worker", "template", "spec"),
    "Service": TEMPLATE,
}
POD_SPEC: Final[dict[str, Any]] = {
    "initContainers": [{"name": "wait", "image": "busybox"}],
    "containers": [
        {"name": "app", "image": "quay.io/acme/api:1.2"},
        {"name": "sidecar", "image": "envoy"},
    ],
    "ephemeralContainers": [{"name": "debug", "image": "localhost:5000/debug"}],
    "volumes": [
        {"name": "tmp", "emptyDir": {}},
        {"name": "model", "image": {"reference": "ghcr.io/acme/model:7", "pullPolicy": "Always"}},
    ],
}
FOUND: Final = [
    ("initContainers[0].image", "busybox", ImageRole.INIT_CONTAINER, "wait"),
    ("containers[0].image", "quay.io/acme/api:1.2", ImageRole.CONTAINER, "app"),
    ("containers[1].image", "envoy", ImageRole.CONTAINER, "sidecar"),
    (
        "ephemeralContainers[0].image",
        "localhost:5000/debug",
        ImageRole.EPHEMERAL_CONTAINER,
        "debug",
    ),
    ("volumes[1].image.reference", "ghcr.io/acme/model:7", ImageRole.IMAGE_VOLUME, "model"),
]


def nested(path: tuple[str, ...], inner: object) -> dict[str, Any]:
    for name in reversed(path):
        inner = {name: inner}
    assert isinstance(inner, dict)
    return inner


def workload(
    kind: str, spec: object = POD_SPEC, path: tuple[str, ...] | None = None
) -> dict[str, Any]:
    meta = {"name": "web", "namespace": "staging", "annotations": {"image": "not/one"}}
    where = KINDS[kind] if path is None else path
    return {"apiVersion": "v1", "kind": kind, "metadata": meta, **nested(where, spec)}


def places(text: str) -> list[tuple[str, str]]:
    """The images, of a document that nothing is remarked on."""
    read = parse(text)
    assert read.diagnostics == ()
    return [(use.place, str(use.reference)) for use in read.entries]


def codes(text: str) -> list[tuple[str, str]]:
    return [(remark.code, remark.place) for remark in parse(text).diagnostics]


def refused(text: str, call: Callable[[str], object] = parse) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        call(text)
    assert caught.value.__cause__ is caught.value.__context__ is None
    return caught.value


# Kubernetes


@pytest.mark.parametrize("kind", KINDS)
def test_every_role_is_found_in_every_kind(kind: str) -> None:
    """CVE-2023-2727: init, ephemeral and volume images count as those of containers do."""
    read = parse(json.dumps(workload(kind)))
    assert read.diagnostics == ()
    prefix = ".".join(KINDS[kind])
    assert [(use.place, str(use.reference), use.role, use.container) for use in read.entries] == [
        (f"{prefix}.{where}", *rest) for where, *rest in FOUND
    ]
    assert {(use.kind, use.namespace, use.name) for use in read.entries} == {
        (kind, "staging", "web")
    }


def test_lists_are_looked_into_and_may_nest() -> None:
    inner = {"kind": "List", "items": [workload("Job")]}
    pods = {"kind": "PodList", "items": [{"metadata": {"name": "p"}, "spec": POD_SPEC}]}
    text = json.dumps({"kind": "List", "items": [workload("Pod"), inner, pods]})
    read = parse(text)
    assert read.diagnostics == ()
    assert [use.place for use in read.entries][:: len(FOUND)] == [
        "items[0].spec.initContainers[0].image",
        "items[1].items[0].spec.template.spec.initContainers[0].image",
        "items[2].items[0].spec.initContainers[0].image",
    ]
    assert [use.kind for use in read.entries][:: len(FOUND)] == ["Pod", "Job", "Pod"]
    assert read.entries[-1].name == "p"


def test_a_list_in_name_only_hides_nothing() -> None:
    made = workload("AllowList", path=TEMPLATE) | {"items": []}
    assert len(places(json.dumps(made))) == len(FOUND)


def test_documents_are_counted_where_there_are_several() -> None:
    text = "---\n# nothing\n---\nkind: Pod\nspec: {containers: [{image: a}]}\n"
    assert places(text) == [("documents[1].spec.containers[0].image", "a")]
    text = "kind: Pod\nspec:\n  containers:\n  - image: a\n"
    assert places(text) == [("spec.containers[0].image", "a")]


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret", "CustomResourceDefinition"])
def test_texts_and_schemas_hold_no_image(kind: str) -> None:
    assert places(json.dumps({"kind": kind, "data": {"image": "a", **POD_SPEC}})) == []


def test_status_and_metadata_hold_no_image() -> None:
    pod = {"kind": "Pod", "metadata": {"image": "a"}, "status": {"x": POD_SPEC, "image": "a"}}
    assert places(json.dumps(pod)) == []


def test_an_image_outside_of_a_pod_spec_is_remarked_on() -> None:
    workflow = {"kind": "Workflow", "spec": {"templates": [{"container": {"image": "a"}}]}}
    assert codes(json.dumps(workflow)) == [("image-elsewhere", "spec.templates[0].container.image")]


@pytest.mark.parametrize(
    ("spec", "where"),
    [
        ({"volumes": [{"name": "v", "image": "nginx"}]}, "volumes[0].image"),
        # KubeVirt
        ({"volumes": [{"containerDisk": {"image": "a"}}]}, "volumes[0].containerDisk.image"),
        ({"containers": [{"main": {"image": "a"}}]}, "containers[0].main.image"),
        ({"initContainers": [[{"image": "a"}]]}, "initContainers[0][0].image"),
        # What charts make an image of: Flux, operators
        ({"values": {"image": {"repository": "a", "tag": "1"}}}, "values.image"),
    ],
)
def test_no_image_is_passed_over_in_the_kinds_of_others(spec: dict[str, Any], where: str) -> None:
    """R20: where it may be one, there is a remark."""
    text = json.dumps({"kind": "VirtualMachine", "spec": spec})
    assert codes(text) == [("image-elsewhere", f"spec.{where}")]


def test_a_pod_spec_in_a_list_of_containers_is_found() -> None:
    spec = {"containers": [{"name": "group", "template": {"spec": POD_SPEC}}]}
    found = places(json.dumps({"kind": "Group", "spec": spec}))
    assert [where for where, _ in found] == [
        f"spec.containers[0].template.spec.{where}" for where, *_ in FOUND
    ]


def test_a_disk_of_ceph_is_no_image() -> None:
    disk = {"rbd": {"image": "disk"}}
    spec = {"containers": [{"image": "a"}], "volumes": [disk]}
    assert len(places(json.dumps(workload("Pod", spec)))) == 1
    assert places(json.dumps({"kind": "PersistentVolume", "spec": disk})) == []


def test_a_kustomization_has_its_images_elsewhere() -> None:
    text = "kind: Kustomization\nresources: [web.yaml]\nimages: [{name: a, newName: b}]"
    assert codes(text) == [("image-not-read", "")]
    assert "kubectl kustomize" in str(parse(text).diagnostics[0])


def test_what_is_malformed_hides_nothing() -> None:
    """R20: each entry that can't be read has its remark, and all others are there."""
    spec = {
        "containers": [
            {"name": "a", "image": 1.2},
            {"name": "b", "image": "UPPER"},
            "c",
            {"name": "d", "image": ""},
            {"name": "e", "image": "$(VERSION)"},
            {"name": "f", "image": "{{ .Values.image }}"},
            {"name": "g"},
            {"name": "h", "image": "good"},
        ],
        "initContainers": {"name": "not a list"},
    }
    text = json.dumps(workload("Deployment", spec))
    read = parse(text)
    assert [(use.container, str(use.reference)) for use in read.entries] == [("h", "good")]
    where = "spec.template.spec."
    assert codes(text) == [
        ("image-invalid", f"{where}containers[0].image"),
        ("image-invalid", f"{where}containers[1].image"),
        ("image-not-read", f"{where}containers[2]"),
        ("image-invalid", f"{where}containers[3].image"),
        ("image-interpolated", f"{where}containers[4].image"),
        ("image-interpolated", f"{where}containers[5].image"),
        ("not-a-list", f"{where}initContainers"),
    ]
    assert "write upper" in str(read.diagnostics[1])


def test_yaml_and_json_types_are_told() -> None:
    for image, told in (("1.2", "a number"), ("true", "a boolean"), ("[a]", "an array")):
        (remark,) = parse(f"kind: Pod\nspec: {{containers: [{{image: {image}}}]}}").diagnostics
        assert remark.message == f"a text is wanted, and this is {told}"
    for nothing in ("", "~", "null"):
        assert places(f"kind: Pod\nspec: {{containers: [{{image: {nothing}}}]}}") == []
    assert places("kind: Pod\nspec: {containers: [{image: '1.2'}]}")[0][1] == "1.2"


# Compose


def test_compose_services_are_found() -> None:
    read = parse(
        """
name: shop
x-base: &base
  image: quay.io/acme/base:1
services:
  web:
    <<: *base
    volumes:
      - data:/data
      - {type: image, source: alpine, target: /mnt}
  own: {<<: [*base], image: redis}
  built: {build: .}
  "off": ~
"""
    )
    assert read.diagnostics == ()
    assert [(use.place, str(use.reference), use.role, use.container) for use in read.entries] == [
        ("services.web.image", "quay.io/acme/base:1", ImageRole.SERVICE, "web"),
        ("services.web.volumes[1].source", "alpine", ImageRole.IMAGE_VOLUME, "web"),
        ("services.own.image", "redis", ImageRole.SERVICE, "own"),
    ]
    assert {(use.kind, use.name) for use in read.entries} == {("compose", "shop")}


def test_the_oldest_compose_files_have_their_services_at_the_root() -> None:
    assert places("web:\n  image: nginx\ndb:\n  build: .\n") == [("web.image", "nginx")]


def test_what_compose_takes_from_elsewhere_is_remarked_on() -> None:
    text = """
include: [other.yaml]
services:
  a: {image: "${REGISTRY:-quay.io}/a"}
  b: {extends: {file: base.yaml, service: b}}
  c: {extends: d}
  d: {image: d}
  e: broken
"""
    assert codes(text) == [
        ("image-not-read", "include"),
        ("image-interpolated", "services.a.image"),
        ("image-not-read", "services.b.extends"),
        ("image-not-read", "services.e"),
    ]
    assert [str(use.reference) for use in parse(text).entries] == ["d"]


def test_compose_tags_are_passed_over() -> None:
    assert places("services:\n  a: {image: !override b}\n  c: {image: !reset null}") == [
        ("services.a.image", "b")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a: 1",
        "- kind: Pod",
        "just text",
        "services: [a]",
        "7",
        "{}",
        # GitLab's, and values of a chart
        "test: {image: python, script: [a]}\nbuild: {services: [postgres]}",
        "image: {repository: a}\nsidecar: {image: b}",
    ],
)
def test_another_document_is_remarked_on(text: str) -> None:
    assert codes(text) == [("document-unknown", "")]


# YAML


def test_anchors_and_merge_keys_are_written_out() -> None:
    text = """
kind: Pod
spec:
  containers:
    - &first {name: a, image: &image nginx}
    - {<<: *first, name: b}
    - {name: c, image: *image}
    - *first
"""
    assert places(text) == [(f"spec.containers[{n}].image", "nginx") for n in range(4)]
    assert [use.container for use in parse(text).entries] == ["a", "b", "c", "a"]


def test_of_merged_mappings_the_first_counts_and_the_own_keys_before() -> None:
    text = """
x: [&a {image: a, command: a}, &b {image: b, build: b}]
services:
  s: {<<: [*b, *a]}
  t: {"<<": 1, image: own}
"""
    assert places(text)[0] == ("services.s.image", "b")
    assert places(text)[1] == ("services.t.image", "own")


def test_a_merge_key_behind_what_it_would_override_is_told() -> None:
    """R20: YAML takes the own key, kubectl what is merged over it; nobody has to guess."""
    text = """
kind: Pod
spec:
  containers:
    - &evil {name: a, image: evil}
    - name: b
      image: good
      <<: *evil
    - {<<: *evil, name: c, image: good}
    - {<<: {image: one}, <<: {image: two}}
"""
    assert codes(text) == [
        ("merge-key-late", "spec.containers[1].name"),
        ("merge-key-late", "spec.containers[1].image"),
        ("name-repeated", 'spec.containers[3]["<<"]'),
    ]
    assert "line 7, and was read there" in str(parse(text).diagnostics[1])
    assert "merge key in line 8" in str(parse(text).diagnostics[1])
    assert refused(text, lambda text: merge(text, CORP)).place == "spec.containers[1].name"
    # Compose reads it as YAML has it.
    assert places("x: &x {image: a}\nservices: {s: {image: b, <<: *x}}")[0][1] == "b"


def bomb(levels: int) -> str:
    lines = ["kind: List", "x0: &x0 {kind: List, items: [{kind: Pod}]}"]
    lines += [
        f"x{n}: &x{n} {{kind: List, items: [{', '.join([f'*x{n - 1}'] * 9)}]}}"
        for n in range(1, levels)
    ]
    return "\n".join([*lines, f"items: [*x{levels - 1}]"])


def test_aliases_cost_what_the_text_is_long() -> None:
    """R20: a document that aliases blow up is refused where that happens."""
    assert refused(bomb(9)).problem == "its aliases, written out, are longer than it is"
    # A few aliases are nobody's bomb.
    assert codes(bomb(2)) == []


def test_a_long_chain_of_merges_is_refused() -> None:
    """R20: merge keys copy members, and are counted as aliases are."""
    chain = ["x0: &x0 {k0: 0}"]
    chain += [f"x{n}: &x{n} {{<<: *x{n - 1}, k{n}: {n}}}" for n in range(1, 1000)]
    assert "longer than it is" in refused("\n".join(chain)).problem


def test_long_names_cost_no_more_where_they_stand_above_many_images() -> None:
    """R20: a place and a kind are as short for the last image as for the first."""
    many = {"containers": [{"image": "a"}] * 10}
    for name in ("k" * 100_000, "u:p@" * 30_000):
        read = parse(json.dumps({"kind": "Group", name: many}))
        assert {len(use.place) for use in read.entries} == {len('["..."].containers[0].image')}
        services = {name: {"volumes": [{"type": "image", "source": "a"}]}}
        (use,) = parse(json.dumps({"services": services})).entries
        assert use.place == 'services["..."].volumes[0].source'
    kind = "K" * 100_000 + "List"
    read = parse(json.dumps({"kind": kind, "items": [many]}))
    assert read.entries[0].place == "items[0].containers[0].image"
    assert len({id(use.kind) for use in read.entries}) == 1


@pytest.mark.parametrize(
    "text",
    [
        "[" * 101,
        "- " * 101,
        "? " * 101,
        "{a: " * 101,
        '{"a":' * 101 + "1" + "}" * 101,
        '{"a":' * 100_000,
        "x: &a " + "[" * 60 + "]" * 60 + "\ny: " + "[" * 60 + "*a" + "]" * 60,
    ],
    ids=["flow", "block", "keys", "mappings", "json", "more json", "aliases"],
)
def test_deep_nesting_is_refused(text: str) -> None:
    """R20: what is nested too deep is a typed error, in each syntax."""
    assert "nest" in refused(text).problem


def test_what_is_deep_and_allowed_is_walked() -> None:
    """R20: at the limit nothing overflows."""
    spec = nested(tuple("x" * 1 for _ in range(95)), {"containers": [{"image": "a"}]})
    assert len(places(json.dumps({"kind": "Rollout", "spec": spec}))) == 1


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("a: b\n c: d", "line 2, column 3", "it is not valid YAML"),
        ("a:\n\tb: c", "line 2, column 1", "it is not valid YAML"),
        ('a: "b', "line 1, column 6", "it is not valid YAML"),
        ("a: b\nc: \x07", "line 2", "it is not valid YAML"),
        ('"\\UFFFFFFFF"', "", "it is not valid YAML"),
        (f"%YAML {'1' * 5000}.1\n--- a", "", "it is not valid YAML"),
        ("%YAML 1.3\n--- a", "", "it is not valid YAML"),
        ("%YAML 1.0\n--- a", "", "it is not valid YAML"),
        ("a:\n%YAML 2.0\n", "", "it is not valid YAML"),
        ("a: 1\nb: *c", "line 2", "its alias names no anchor"),
        ("--- &a x\n--- *a", "line 2", "its alias names no anchor"),
        ("a: &a\n- *a", "line 2", "its alias stands inside what it names"),
        ("a: !!python/object:os.system x", "line 1", "it has a tag, which only programs"),
        ("a: 1\nb: !foo {c: d}", "line 2", "it has a tag, which only programs understand"),
        (f"a: !{'x' * 1001} b", "line 1", "a tag has more than 1000 characters"),
        ("? [a]\n: b", "line 1", "a key is a text, and this is an array"),
        ("a: {<<: b}", "line 1", "a merge key takes a mapping, and this is a string"),
        ('{"a": 1,\n "b": ]}', "line 2, column 7", "it is not valid YAML"),
        ("a: {{ .Values.x }}", "line 1", "it looks like a template"),
        ("{{- if .Values.x }}\na: b\n{{- end }}", "line 1, column 3", "it looks like a template"),
        ("a: b\n{{- if .x }}\nc: d", "line 3, column 1", "it looks like a template"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_place(text: str, place: str, problem: str) -> None:
    """R20: a typed error says where and what."""
    error = refused(text)
    assert error.place == place
    assert problem in error.problem


def test_repeated_keys_are_told_with_both_lines() -> None:
    """R20: of two keys the last is read, and nobody has to guess."""
    for text in (
        "kind: Pod\nspec:\n  containers:\n  - image: a\n    name: n\n    image: b\n",
        '{"kind": "Pod"\n,"spec": {"containers":\n\n[{"image": "a"\n,"name":"n"\n,"image": "b"}]}}',
    ):
        read = parse(text)
        assert [str(use.reference) for use in read.entries] == ["b"]
        (remark,) = read.diagnostics
        assert (remark.code, remark.place) == ("name-repeated", "spec.containers[0].image")
        assert "line 4 and in line 6" in remark.message
    assert codes("kind: Pod\nspec: {}\nspec: {}") == [("name-repeated", "spec")]
    assert codes("services: {a: {}, a: {}}") == [("name-repeated", "services.a")]


def test_a_byte_order_mark_is_passed_over() -> None:
    for text in ("kind: Pod\nspec: {containers: [{image: a}]}", json.dumps(workload("Pod"))):
        assert places(f"\ufeff{text}") == places(text)


def test_flow_mappings_that_are_no_json_are_read() -> None:
    assert places("{kind: Pod, spec: {containers: [{image: a}]}}")[0][1] == "a"


def test_without_ruamel_yaml_json_is_read_and_yaml_says_what_to_install() -> None:
    program = """
import sys
sys.modules["ruamel"] = sys.modules["ruamel.yaml"] = None
from wharfinger.formats.manifests import parse
print(parse('{"kind": "Pod", "spec": {"containers": [{"image": "a"}]}}').entries[0].reference)
for text in ("kind: Pod", "{kind: Pod}"):
    try:
        parse(text)
    except Exception as error:
        print(error)
"""
    told = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert told.splitlines() == [
        "a",
        "a document in YAML needs ruamel: pip install 'wharfinger[yaml]'",
        "line 1, column 2: it is not valid JSON",
    ]


# Secrecy


@pytest.mark.parametrize(
    "text",
    [
        f"kind: Pod\nspec: {{containers: [{{image: 'https://u:{CANARY}@quay.io/a'}}]}}",
        f"kind: Pod\nspec: {{containers: [{{image: 'u:{CANARY}@quay.io/a'}}]}}",
        f"services: {{'u:{CANARY}@quay.io': {{image: 1}}}}",
    ],
)
def test_no_remark_tells_user_information(text: str) -> None:
    """R20: user information in an image is in no remark."""
    read = parse(text)
    assert read.diagnostics
    assert_silent(everything_told(read))
    assert_silent("".join(map(str, read.diagnostics)))
    assert_silent(everything_told(refused(text, lambda text: merge(text, CORP))))


@pytest.mark.parametrize(
    "text",
    [
        f"password: {CANARY}\n bad: indent",
        f'{{"password": "{CANARY}", bad: ]}}',
        f"password: *{CANARY}",
        f"password: !{CANARY} x",
        f"? [{CANARY}]\n: {CANARY}",
        f"{CANARY}: {{<<: {CANARY}}}",
        f"{CANARY}: \x07",
    ],
)
def test_no_error_tells_the_document(text: str) -> None:
    """R20: neither an error nor a frame of it holds the document."""
    for call in (parse, lambda text: merge(text, CORP)):
        error = refused(text, call)
        for link in links(error):
            assert_silent(everything_told(link))
            for frame in frames(link.__traceback__):
                if str(frame.f_globals.get("__name__")).startswith(("wharfinger", "ruamel")):
                    assert_silent(repr(list(frame.f_locals.values())))


# Pinning


def test_images_are_pinned_and_every_other_byte_stays() -> None:
    """R13: each image becomes its canonical form; nothing else changes."""
    text = """\
# a comment
kind:   Pod  # another
spec:
  containers:
  - {name: a, image: nginx}
  - image: "Quay.IO:443/acme/api:1.2"   # quoted
  - image: 'acme/b'
  - image: &alpine alpine
  - image: *alpine
  - image: |-
      busybox
    command: [nginx, alpine]\r
  - image: docker.io/library/stays
  - image: !!str "tagg\\x65d"
""".replace('!!str "tagg\\x65d"', '"escap\\x65d"')
    assert merge(text, CORP) == (
        text.replace("image: nginx", "image: registry.corp:5000/nginx")
        .replace("Quay.IO:443/", "quay.io/")
        .replace("'acme/b'", "'registry.corp:5000/acme/b'")
        .replace("&alpine alpine", "&alpine registry.corp:5000/alpine")
        .replace("      busybox", "      registry.corp:5000/busybox")
        .replace("escap\\x65d", "registry.corp:5000/escaped")
    )


def test_an_ipv6_address_is_quoted_where_it_must_be() -> None:
    local = Settings(default_registry="[::1]:5000")
    text = "kind: Pod\nspec: {containers: [{image: nginx}, {image: 'a'}]}\n"
    merged = merge(text, local)
    assert [image for _, image in places(merged)] == ["[::1]:5000/nginx", "[::1]:5000/a"]


def test_what_could_not_be_read_is_not_pinned() -> None:
    """R20: what parse remarks on, merge refuses, so that nobody takes it for pinned."""
    text = "services: {a: {image: nginx}, b: {image: $B}}"
    error = refused(text, lambda text: merge(text, CORP))
    assert error.place == "services.b.image"
    assert "depends on a variable" in error.problem


def test_a_path_that_gets_too_long_is_told_with_its_place() -> None:
    text = json.dumps(workload("Pod", {"containers": [{"image": "x" * 240}]}))
    long = Settings(default_registry="registry.corp:5000/" + "p" * 20)
    assert refused(text, lambda text: merge(text, long)).place == "spec.containers[0].image"


def test_what_cannot_be_replaced_alone_is_refused() -> None:
    """A comment in the head of a block would go with what can't stand in one."""
    text = "services:\n  a:\n    image: |- # ours\n      nginx\n"
    error = refused(text, lambda text: merge(text, Settings(default_registry="[::1]:5000")))
    assert "can't be replaced" in error.problem
    assert merge(text, CORP) == text.replace("nginx", "registry.corp:5000/nginx")


@pytest.mark.parametrize(
    ("written", "image"),
    [
        ('&nginx "ngin\\x78"', "nginx"),
        ('!!str "st\\x72"', "str"),
        ('&nginx !!str # nginx\n      "ngin\\x78"', "nginx"),
        ("&nginx !!str nginx # nginx", "nginx"),
    ],
)
def test_neither_an_anchor_nor_a_tag_is_taken_for_its_image(written: str, image: str) -> None:
    """R13: what stands before an image stays, even where it is called like it."""
    text = f"kind: Pod\nspec:\n  containers:\n  - image: {written}\n    name: {image}\n"
    merged = merge(text, CORP)
    assert [found for _, found in places(merged)] == [f"registry.corp:5000/{image}"]
    before = written.partition(" ")[0]
    assert merged.startswith(text.partition(written)[0] + before)
    assert merged.endswith(text.partition(written)[2])


@pytest.mark.parametrize(
    "text",
    [
        "kind: Pod\nspec: {containers: [{name: &a nginx, image: *a}]}",
        "kind: Pod\nspec: {containers: [{image: &a nginx, name: *a}]}",
        "services: {&a nginx : {image: *a}}",
        "kind: Pod\nmetadata: {name: &a nginx}\nspec: {containers: [{image: *a}]}",
    ],
)
def test_an_alias_that_names_something_else_too_is_refused(text: str) -> None:
    """R13: pinning an image renames no container, service or object."""
    error = refused(text, lambda text: merge(text, CORP))
    assert error.place.endswith(".image")
    assert "an alias makes it a name or a key" in error.problem


# Properties

NAMES: Final = st.text("abcdefgh-", min_size=1, max_size=6)
ROLES: Final = {
    "initContainers": ImageRole.INIT_CONTAINER,
    "containers": ImageRole.CONTAINER,
    "ephemeralContainers": ImageRole.EPHEMERAL_CONTAINER,
}
Expected = list[tuple[str, str, ImageRole]]


@st.composite
def pod_specs(draw: st.DrawFn) -> tuple[dict[str, Any], Expected]:
    spec: dict[str, Any] = {}
    found: Expected = []
    for name in draw(st.permutations([*ROLES, "volumes", "hostNetwork"])):
        if name == "hostNetwork":
            spec[name] = draw(st.booleans())
            continue
        images = draw(st.lists(references(), max_size=2))
        if name == "volumes":
            spec[name] = [{"name": "v", "image": {"reference": image}} for image in images]
            found += [
                (f"volumes[{n}].image.reference", image, ImageRole.IMAGE_VOLUME)
                for n, image in enumerate(images)
            ]
        else:
            env = [{"name": "IMAGE", "value": "not/one"}]
            spec[name] = [{"name": "c", "image": image, "env": env} for image in images]
            found += [(f"{name}[{n}].image", image, ROLES[name]) for n, image in enumerate(images)]
    return spec, found


@st.composite
def objects(draw: st.DrawFn) -> tuple[dict[str, Any], Expected]:
    if draw(st.integers(0, 4)) == 0:
        items = draw(st.lists(objects(), max_size=2))
        listed = [
            (f"items[{n}].{where}", image, role)
            for n, (_, found) in enumerate(items)
            for where, image, role in found
        ]
        return {"kind": "List", "items": [item for item, _ in items]}, listed
    if draw(st.integers(0, 4)) == 0:
        services = draw(st.dictionaries(NAMES.map("s{}".format), references(), max_size=3))
        made = {name: {"image": image} for name, image in services.items()}
        return {"kind": "ConfigMap", "data": {"x": json.dumps(made)}}, []
    kind = draw(st.sampled_from(sorted(KINDS)))
    spec, found = draw(pod_specs())
    prefix = ".".join(KINDS[kind])
    return workload(kind, spec), [
        (f"{prefix}.{where}", image, role) for where, image, role in found
    ]


@st.composite
def texts(draw: st.DrawFn, made: list[Any]) -> str:
    """One or more documents, as JSON or as YAML in some layout."""
    if len(made) == 1 and draw(st.booleans()):
        return json.dumps(made[0], indent=draw(st.none() | st.integers(0, 4)))
    from io import StringIO

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = draw(st.sampled_from([None, True, False]))
    yaml.width = draw(st.sampled_from([20, 80, 10_000]))
    yaml.map_indent = draw(st.integers(2, 6))
    yaml.sequence_indent = yaml.map_indent + 2
    yaml.sequence_dash_offset = draw(st.integers(0, 2))
    yaml.explicit_start = True
    stream = StringIO()
    yaml.dump_all(made, stream)
    return draw(st.sampled_from(["", "\ufeff"])) + stream.getvalue()


@given(st.data())
def test_exactly_the_images_of_a_manifest_are_found(data: st.DataObject) -> None:
    """R20: whatever the kinds, the nesting, the syntax and the layout."""
    made = data.draw(st.lists(objects(), min_size=1, max_size=3))
    text = data.draw(texts([document for document, _ in made]))
    read = parse(text)
    assert read.diagnostics == ()
    # ruamel.yaml sorts what it writes.
    assert sorted((use.place, str(use.reference), use.role) for use in read.entries) == sorted(
        (f"documents[{n}].{where}" if len(made) > 1 else where, image, role)
        for n, (_, found) in enumerate(made)
        for where, image, role in found
    )


@given(st.data())
def test_pinning_pins_all_and_changes_nothing_else(data: st.DataObject) -> None:
    """R13: pinned documents have the canonical images; pinned again, they stay to the byte."""
    made = data.draw(st.lists(objects(), min_size=1, max_size=2))
    text = data.draw(texts([document for document, _ in made]))
    pinned = merge(text, CORP)
    before, after = parse(text).entries, parse(pinned).entries
    assert [use.place for use in after] == [use.place for use in before]
    assert [use.reference for use in after] == [CORP.locate(use.reference) for use in before]
    assert merge(pinned, CORP) == pinned
    assert merge(pinned, Settings()) == pinned
    grown = sum(len(str(use.reference)) for use in after)
    grown -= sum(len(str(use.reference)) for use in before)
    assert len(pinned) == len(text) + grown


@given(near_misses())
def test_a_text_is_an_image_or_remarked_on(image: str) -> None:
    """R20: no text where an image stands goes by unseen."""
    read = parse(json.dumps(workload("Pod", {"containers": [{"image": image}]})))
    assert len(read.entries) + len(read.diagnostics) == 1
    for use in read.entries:
        assert use.reference == ImageReference.parse(image)


@given(st.text(st.sampled_from(list("{}[]:-?&*!|>'\"#%@,<a \n\t\ufeff\\~1")), max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """R20: no text brings another error."""
    for document in (text, f"kind: Pod\nspec:\n  {text}", '{"kind": "Pod", "spec": ' + text):
        try:
            read = parse(document)
        except DocumentError as error:
            assert str(error).isprintable()  # noqa: PT017  # one of two outcomes
        else:
            assert all(str(remark).isprintable() for remark in read.diagnostics)
