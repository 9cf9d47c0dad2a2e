"""Image references: parse, format, qualify, shorten."""

from __future__ import annotations

import copy
import operator
import pickle
import sys
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharfinger import ImageReference, InvalidReference, RegistryAddress
from wharfinger.core import reference as module
from wharfinger.testing import strategies as own

if TYPE_CHECKING:
    from collections.abc import Callable

SHA256: Final = "sha256:" + "0123456789abcdef" * 4
SHA384: Final = "sha384:" + "0123456789abcdef" * 6
SHA512: Final = "sha512:" + "0123456789abcdef" * 8
TEXTS: Final = own.references()
REFERENCES: Final = TEXTS.map(ImageReference.parse)

parse = ImageReference.parse


def _parts(ref: ImageReference) -> tuple[str | None, str, str | None, str | None]:
    return ref.registry, ref.repository, ref.tag, ref.digest


def _join(registry: str | None, repository: str, tag: str | None, digest: str | None) -> str:
    text = repository if registry is None else f"{registry}/{repository}"
    text += "" if tag is None else f":{tag}"
    return text + ("" if digest is None else f"@{digest}")


def _replace(ref: ImageReference, **changes: Any) -> ImageReference:  # noqa: ANN401  # as copy.replace
    if sys.version_info >= (3, 13):
        return copy.replace(ref, **changes)
    return ref.__replace__(**changes)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("ubuntu", (None, "ubuntu", None, None)),
        ("ubuntu:24.04", (None, "ubuntu", "24.04", None)),
        ("acme/api", (None, "acme/api", None, None)),
        ("quay.io/acme/api:1.2", ("quay.io", "acme/api", "1.2", None)),
        (f"quay.io/acme/api@{SHA256}", ("quay.io", "acme/api", None, SHA256)),
        (f"quay.io/acme/api:1.2@{SHA256}", ("quay.io", "acme/api", "1.2", SHA256)),
        (f"a@{SHA384}", (None, "a", None, SHA384)),
        (f"a@{SHA512}", (None, "a", None, SHA512)),
        ("localhost/db", ("localhost", "db", None, None)),
        ("localhost:5000/db", ("localhost:5000", "db", None, None)),
        ("registry:5000/db:1", ("registry:5000", "db", "1", None)),
        ("Registry/db", ("Registry", "db", None, None)),
        ("QUAY.IO:0443/db", ("QUAY.IO:0443", "db", None, None)),
        ("[2001:DB8::1]:5000/db", ("[2001:DB8::1]:5000", "db", None, None)),
        ("10.0.0.5/a/b/c/d", ("10.0.0.5", "a/b/c/d", None, None)),
        ("a_b/c__d/e-f/g---h/i.j", (None, "a_b/c__d/e-f/g---h/i.j", None, None)),
        ("a:_X.y-Z", (None, "a", "_X.y-Z", None)),
        ("quay.io:5000", (None, "quay.io", "5000", None)),
        ("sha256:" + "a" * 64, (None, "sha256", "a" * 64, None)),
        ("library/" + "a" * 64, (None, "library/" + "a" * 64, None, None)),
        ("quay.io/" + "a" * 64, ("quay.io", "a" * 64, None, None)),
        ("a:" + "x" * 128, (None, "a", "x" * 128, None)),
    ],
)
def test_the_parts_are_as_written(
    text: str, parts: tuple[str | None, str, str | None, str | None]
) -> None:
    """R1: parsing splits a text into its four parts and changes nothing."""
    ref = parse(text)
    assert _parts(ref) == parts
    assert str(ref) == text
    assert f"{ref}" == text


@pytest.mark.parametrize(
    ("piece", "is_registry"),
    [
        ("quay.io", True),
        ("a.b", True),
        ("registry:5000", True),
        ("localhost", True),
        ("localhost:5000", True),
        ("Acme", True),
        ("acmE", True),
        ("[::1]", True),
        ("acme", False),
        ("acme-1", False),
        ("localhost1", False),
        ("local-host", False),
        ("a_b", False),
        ("10", False),
    ],
)
def test_a_first_component_names_a_registry(piece: str, is_registry: bool) -> None:  # noqa: FBT001
    """R1: a first component with a dot, a colon or a capital, or localhost, names a registry."""
    for _ in range(2):  # also when it was met before
        ref = parse(f"{piece}/api")
        assert ref.registry == (piece if is_registry else None)
        assert ref.repository == ("api" if is_registry else f"{piece}/api")


def test_only_the_first_of_several_components_names_a_registry() -> None:
    """R1: a text of one component names no registry, and nor does a later component."""
    assert parse("quay.io").registry is None
    assert parse("localhost").registry is None
    assert parse("acme/quay.io/api").registry is None
    assert str(parse("localhost").qualified()) == "docker.io/library/localhost"


@pytest.mark.parametrize(
    ("text", "qualified", "familiar"),
    [
        ("ubuntu", "docker.io/library/ubuntu", "ubuntu"),
        ("library/ubuntu:1", "docker.io/library/ubuntu:1", "ubuntu:1"),
        ("acme/api", "docker.io/acme/api", "acme/api"),
        ("docker.io/ubuntu", "docker.io/library/ubuntu", "ubuntu"),
        ("index.docker.io/ubuntu", "docker.io/library/ubuntu", "ubuntu"),
        ("index.docker.io/acme/api", "docker.io/acme/api", "acme/api"),
        (
            f"docker.io/acme/api:1@{SHA256}",
            f"docker.io/acme/api:1@{SHA256}",
            f"acme/api:1@{SHA256}",
        ),
        ("library/a/b", "docker.io/library/a/b", "library/a/b"),
        # A host keeps its spelling, and so it is not Docker Hub to this form.
        ("DOCKER.IO/ubuntu", "DOCKER.IO/ubuntu", "DOCKER.IO/ubuntu"),
        ("docker.io:443/ubuntu", "docker.io:443/ubuntu", "docker.io:443/ubuntu"),
        ("registry-1.docker.io/a", "registry-1.docker.io/a", "registry-1.docker.io/a"),
        ("Quay.IO:0443/a", "Quay.IO:0443/a", "Quay.IO:0443/a"),
        ("quay.io/library/a", "quay.io/library/a", "quay.io/library/a"),
        # What would be read as something else is left long.
        ("docker.io/localhost/db", "docker.io/localhost/db", "docker.io/localhost/db"),
        ("docker.io/a.b/db", "docker.io/a.b/db", "docker.io/a.b/db"),
        ("docker.io/" + "a" * 64, "docker.io/library/" + "a" * 64, "library/" + "a" * 64),
        ("library/" + "a" * 64 + ":1", "docker.io/library/" + "a" * 64 + ":1", "a" * 64 + ":1"),
        ("docker.io/docker.io/a", "docker.io/docker.io/a", "docker.io/docker.io/a"),
    ],
)
def test_qualified_and_familiar(text: str, qualified: str, familiar: str) -> None:
    """R13: the qualified form spells everything out, and the familiar text is its shortest."""
    ref = parse(text)
    assert str(ref.qualified()) == qualified
    assert ref.familiar() == familiar
    assert str(parse(familiar).qualified()) == qualified


def test_a_qualified_reference_is_its_own_qualified_form() -> None:
    """R13: a reference that is qualified already is returned itself."""
    ref = parse("docker.io/library/ubuntu:24.04")
    assert ref.qualified() is ref


@pytest.mark.parametrize(
    ("path", "most"), [("", 247), ("docker.io/", 247), ("index.docker.io/", 247), ("quay.io/", 255)]
)
def test_a_repository_has_at_most_255_characters(path: str, most: int) -> None:
    """R13: the path's length is limited, the library/ of Docker Hub's one-word names included."""
    assert parse(path + "a" * most).repository == "a" * most
    with pytest.raises(InvalidReference):
        parse(path + "a" * (most + 1))


def test_two_components_on_docker_hub_may_have_255_characters() -> None:
    """R13: nothing is put before a path of two components, so all of it may be used."""
    assert len(parse("a/" + "b" * 253).qualified().repository) == 255
    with pytest.raises(InvalidReference):
        parse("a/" + "b" * 254)


def test_a_host_does_not_count_as_path() -> None:
    """R1: a host may be longer than a path."""
    host = "a" * 300 + ".io"
    assert parse(f"{host}/{'b' * 255}").registry == host


def test_from_parts() -> None:
    """R1: parts that are kept apart make the text that has them."""
    ref = ImageReference.from_parts("acme/api", registry="quay.io", tag="1.2", digest=SHA256)
    assert str(ref) == f"quay.io/acme/api:1.2@{SHA256}"
    assert str(ImageReference.from_parts("ubuntu")) == "ubuntu"


@pytest.mark.parametrize(
    "parts",
    [
        {"repository": "quay.io/acme"},
        {"repository": "acme/api", "registry": "quay"},
        {"repository": "api", "registry": "quay.io/acme"},
        {"repository": "api:1"},
        {"repository": "api:1", "tag": "2"},
        {"repository": f"api@{SHA256}"},
        {"repository": "api", "registry": ""},
        {"repository": "api", "tag": ""},
        {"repository": "api", "digest": ""},
        {"repository": ""},
        {"repository": "Api"},
        {"repository": "api", "registry": "https://quay.io"},
        {"repository": "api", "tag": f"1@{SHA256}"},
    ],
)
def test_from_parts_refuses_a_part_that_is_read_as_another(parts: dict[str, str]) -> None:
    """R1: parts that would be read back as other parts are refused."""
    with pytest.raises(InvalidReference) as caught:
        ImageReference.from_parts(**parts)
    start, end = caught.value.span
    assert 0 <= start <= end <= len(caught.value.text)


def test_replace() -> None:
    """R1: a copy with other parts is read as strictly as any text."""
    ref = parse("quay.io/acme/api:1.2")
    assert str(_replace(ref, tag="1.3")) == "quay.io/acme/api:1.3"
    assert str(_replace(ref, registry=None, tag=None)) == "acme/api"
    assert str(_replace(ref, digest=SHA256)) == f"quay.io/acme/api:1.2@{SHA256}"
    assert _replace(ref) == ref
    assert str(ref) == "quay.io/acme/api:1.2"
    with pytest.raises(InvalidReference):
        _replace(ref, tag="-")
    with pytest.raises(TypeError):
        _replace(ref, colour="blue")


def test_equality_hash_and_order_are_those_of_the_text() -> None:
    """R13: references are equal where their texts are, and ordered by them."""
    a, b = parse("acme/a"), parse("acme/b")
    assert a == parse("acme/a")
    assert a != b
    assert hash(a) == hash(parse("acme/a"))
    assert len({a, b, parse("acme/b")}) == 2
    assert a < b
    assert a <= b
    assert b > a
    assert b >= a
    assert a <= parse("acme/a")
    assert a >= parse("acme/a")
    assert not a > b
    assert not b < a
    assert not a >= b
    assert not b <= a
    assert sorted([b, a]) == [a, b]
    assert parse("ubuntu") != parse("docker.io/library/ubuntu")


@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge])
@pytest.mark.parametrize("other", ["ubuntu", None, RegistryAddress.DOCKER_HUB])
def test_a_reference_is_compared_with_references_only(
    compare: Callable[[object, object], bool], other: object
) -> None:
    """R1: a reference equals nothing of another type, and has no order with it."""
    ref = parse("ubuntu")
    assert ref != other
    with pytest.raises(TypeError):
        compare(ref, other)


def test_a_reference_never_changes() -> None:
    """R24: no part of a reference can be set, and none can be added."""
    ref = parse("quay.io/acme/api:1.2")
    for name in ("registry", "repository", "tag", "digest", "other"):
        with pytest.raises(AttributeError):
            setattr(ref, name, "x")
    with pytest.raises(AttributeError):
        delattr(ref, "tag")
    assert str(ref) == "quay.io/acme/api:1.2"


def test_a_reference_is_made_by_parsing() -> None:
    """R20: calling the class says how a reference is made."""
    with pytest.raises(TypeError, match=r"ImageReference\.parse"):
        ImageReference()


@pytest.mark.parametrize("given_", [None, 5, b"ubuntu", ["ubuntu"], RegistryAddress.DOCKER_HUB])
def test_only_a_str_is_parsed(given_: Any) -> None:  # noqa: ANN401  # what types forbid
    """R20: what is no text is a TypeError that names its type."""
    with pytest.raises(TypeError, match=type(given_).__name__):
        parse(given_)


def test_a_str_of_a_subclass_is_read_as_a_str() -> None:
    """R24: a reference keeps nothing of a str that can change what it says."""

    class Text(str):
        __slots__ = ()

        def __str__(self) -> str:
            return "other"

    ref = parse(Text("quay.io/a"))
    assert str(ref) == "quay.io/a"
    assert type(str(ref)) is str


def test_copies_are_the_reference_itself() -> None:
    """R24: a value needs no copies."""
    ref = parse("quay.io/acme/api:1.2")
    assert copy.copy(ref) is ref
    assert copy.deepcopy([ref, ref]) == [ref, ref]
    assert copy.deepcopy(ref) is ref


def test_the_repr_can_be_pasted_back() -> None:
    """R1: the repr is the expression that makes the reference."""
    ref = parse("quay.io/acme/api:1.2")
    assert repr(ref) == "ImageReference.parse('quay.io/acme/api:1.2')"
    assert eval(repr(ref)) == ref  # noqa: S307  # that is the promise


def test_the_memory_of_first_components_is_bounded() -> None:
    """R20: no tenant fills the memory with first components, many or long."""
    for number in range(4200):
        parse(f"tenant{number}/api")
        parse(f"r{number}.example/api")
    assert 0 < len(module._PIECES) <= 4096
    long = "a" * 256
    with pytest.raises(InvalidReference):
        parse(f"{long}/api")
    assert parse(f"{long}.io/api").registry == f"{long}.io"
    assert max(map(len, module._PIECES)) <= 255


@given(TEXTS)
def test_formatting_undoes_parsing(text: str) -> None:
    """R1: every valid text is what its reference prints, and what its parts make when joined."""
    ref = parse(text)
    assert str(ref) == text
    assert _join(*_parts(ref)) == text


@given(st.none() | own.addresses().map(str), own.repositories(), own.tags(), own.digests())
def test_the_parts_are_those_a_text_was_made_of(
    registry: str | None, repository: str, tag: str, digest: str
) -> None:
    """R1: each part is found where it was put, the registry iff one was put."""
    path = repository if registry else f"x/{repository}"
    for some_tag, some_digest in product((None, tag), (None, digest)):
        ref = parse(_join(registry, path, some_tag, some_digest))
        assert _parts(ref) == (registry, path, some_tag, some_digest)


@given(REFERENCES)
def test_from_parts_is_the_inverse_of_the_parts(ref: ImageReference) -> None:
    """R1: a reference's parts make an equal reference."""
    registry, repository, tag, digest = _parts(ref)
    made = ImageReference.from_parts(repository, registry=registry, tag=tag, digest=digest)
    assert made == ref
    assert _parts(made) == _parts(ref)


@given(REFERENCES)
def test_qualified_is_idempotent(ref: ImageReference) -> None:
    """R13: qualifying a qualified reference changes nothing, and nor does printing it."""
    qualified = ref.qualified()
    assert qualified.qualified() == qualified
    assert _parts(parse(str(qualified))) == _parts(qualified)
    assert qualified.tag == ref.tag
    assert qualified.digest == ref.digest


@given(REFERENCES)
def test_qualified_keeps_a_hosts_spelling(ref: ImageReference) -> None:
    """R2, R13: qualifying keeps a host as it is spelt, only index.docker.io becomes docker.io."""
    qualified = ref.qualified()
    wanted = "docker.io" if ref.registry in {None, "index.docker.io"} else ref.registry
    assert qualified.registry == wanted
    assert qualified.repository in {ref.repository, f"library/{ref.repository}"}
    one_word_on_hub = wanted == "docker.io" and "/" not in ref.repository
    assert (qualified.repository != ref.repository) == one_word_on_hub


@given(
    own.references(
        st.sampled_from([None, "docker.io", "index.docker.io", "Docker.io", "quay.io", "localhost"])
    )
    | own.repositories(2).map("docker.io/library/{}".format)
    | own.repositories(2).map("docker.io/localhost/{}".format)
    | own.repositories(2).map("docker.io/quay.io/{}".format)
)
def test_familiar_is_the_shortest_text_of_the_same_qualified_form(text: str) -> None:
    """R13: no text made by leaving out docker.io/ or library/ is shorter and means the same."""
    qualified = parse(text).qualified()
    familiar = parse(text).familiar()
    assert parse(familiar).qualified() == qualified
    rests = {str(qualified), str(qualified).removeprefix("docker.io/")}
    rests |= {rest.replace("library/", "", 1) for rest in rests}
    for rest in rests:
        try:
            same = parse(rest).qualified() == qualified
        except InvalidReference:
            continue
        assert not same or len(familiar) <= len(rest)


@given(REFERENCES)
def test_references_survive_pickling(ref: ImageReference) -> None:
    """R24: a reference is pickled at every protocol and comes back equal, with equal parts."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        back = pickle.loads(pickle.dumps(ref, protocol))  # noqa: S301  # its own bytes
        assert back == ref
        assert _parts(back) == _parts(ref)


@given(st.lists(REFERENCES, min_size=2, max_size=3))
def test_order_is_total_and_consistent_with_equality(refs: list[ImageReference]) -> None:
    """R13: of two references exactly one of less, equal and greater holds, as of their texts."""
    for a, b in product(refs, refs):
        assert [a < b, a == b, a > b].count(True) == 1
        assert (a <= b) == (a < b or a == b)
        assert (a >= b) == (a > b or a == b)
        assert (a == b) == (str(a) == str(b))
        assert a != b or hash(a) == hash(b)
    assert [str(ref) for ref in sorted(refs)] == sorted(map(str, refs))


@given(REFERENCES, st.none() | own.tags(), st.none() | own.digests())
def test_replacing_tag_and_digest_keeps_the_rest(
    ref: ImageReference, tag: str | None, digest: str | None
) -> None:
    """R1: replacing changes the named parts alone."""
    path = ref.repository if ref.registry is not None else f"x/{ref.repository}"
    made = _replace(ref, repository=path, tag=tag, digest=digest)
    assert _parts(made) == (ref.registry, path, tag, digest)
