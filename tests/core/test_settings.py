"""Settings: the default registry, the page's names, and where a reference is located under them."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharfinger import (
    DefaultRegistry,
    HostImages,
    ImageReference,
    InvalidReference,
    InvalidSettings,
    RegistryAddress,
    Settings,
    WharfingerError,
    Whitelist,
)
from wharfinger.testing import strategies as wf

SHA = "sha256:" + "a" * 64
HUB = RegistryAddress.DOCKER_HUB
NAMES: dict[str, object] = {
    "DefaultRegistry": DefaultRegistry,
    "HostImages": HostImages,
    "Settings": Settings,
    "Whitelist": Whitelist,
}


def pasted(value: object) -> object:
    return eval(repr(value), NAMES)  # noqa: S307  # what somebody does who pastes a repr


def located(reference: str, default: str, namespace: str | None = None) -> str:
    settings = Settings(default_registry=default, official_namespace=namespace)
    return str(settings.locate(reference))


# --- the default registry --------------------------------------------------------------------


def test_out_of_the_box() -> None:
    """R1, R11: out of the box a reference that names no registry is pulled from Docker Hub."""
    settings = Settings()
    assert settings.default_registry == DefaultRegistry(HUB, None) == DefaultRegistry()
    assert settings.whitelist == Whitelist(None)
    assert settings.official_namespace is None
    assert settings.host_images is HostImages.TRUST
    assert str(settings.locate("ubuntu")) == "docker.io/library/ubuntu"


@pytest.mark.parametrize("blank", [None, "", " ", "\t \n"])
def test_blank_default_is_docker_hub(blank: str | None) -> None:
    """R11: a blank default registry is Docker Hub."""
    assert Settings(default_registry=blank) == Settings()
    assert Settings.from_mapping({"registry.default": blank}) == Settings()
    assert DefaultRegistry.parse(blank or "") == DefaultRegistry()


@pytest.mark.parametrize(
    ("text", "address", "prefix"),
    [
        ("registry.corp", "registry.corp", None),
        ("  Registry.Corp:05000 ", "registry.corp:5000", None),
        ("registry.corp:443", "registry.corp", None),
        ("harbor.corp/hub-proxy", "harbor.corp", "hub-proxy"),
        ("harbor.corp/team/hub-proxy", "harbor.corp", "team/hub-proxy"),
        ("localhost", "localhost", None),
        ("localhost/mirror", "localhost", "mirror"),
        ("myhost:443", "myhost:443", None),
        ("MYHOST", "myhost:443", None),
        ("[2001:DB8::1]:5000/mirror", "[2001:db8::1]:5000", "mirror"),
        ("Index.Docker.IO", "docker.io", None),
        ("registry-1.docker.io/acme", "docker.io", "acme"),
        ("registry.corp/" + "a" * 255, "registry.corp", "a" * 255),
    ],
)
def test_default_is_read(text: str, address: str, prefix: str | None) -> None:
    """R11: the default registry is an address, perhaps with a path prefix."""
    default = DefaultRegistry.parse(text)
    assert (str(default.address), default.prefix) == (address, prefix)
    assert str(default) == (address if prefix is None else f"{address}/{prefix}")
    assert Settings(default_registry=text).default_registry == default
    assert Settings(default_registry=default).default_registry is default
    assert DefaultRegistry(RegistryAddress.parse(address), prefix) == default


def test_default_given_as_address() -> None:
    """R11: an address is a default registry without a prefix."""
    address = RegistryAddress.parse("registry.corp:5000")
    assert Settings(default_registry=address) == Settings(default_registry="registry.corp:5000")


@pytest.mark.parametrize(
    ("text", "rule", "fault", "repair"),
    [
        ("myhost", "registry", "myhost", "myhost:443"),
        ("myhost/team", "registry", "myhost", "myhost:443/team"),
        ("https://registry.corp", "scheme", "https://", "registry.corp"),
        ("http://registry.corp:5000/a/", "scheme", "http://", "registry.corp:5000/a"),
        ("https://myhost", "scheme", "https://", "myhost:443"),
        ("registry.corp/team:1.2", "tag", ":1.2", "registry.corp/team"),
        (f"registry.corp/team@{SHA}", "tag", f"@{SHA}", "registry.corp/team"),
        (f"registry.corp/team:1@{SHA}", "tag", f":1@{SHA}", "registry.corp/team"),
        ("registry.corp/", "dangling-separator", "/", "registry.corp"),
        ("registry.corp/team/", "dangling-separator", "/", "registry.corp/team"),
        ("registry.corp/Team", "uppercase", "T", "registry.corp/team"),
        ("registry.corp//team", "path", "/", None),
        ("registry.corp/te am", "character", " ", None),
        ("registry.corp, quay.io", "character", ",", None),
        ("*.corp", "character", "*", None),
        ("registry.corp:0", "port", "0", None),
        ("registry.corp:latest", "port", "latest", None),
        ("registry.corp.", "trailing-dot", ".", "registry.corp"),
        ("::1", "ipv6-brackets", "::1", "[::1]"),
        ("/team", "registry", "", None),
        ("registry.corp/" + "a" * 256, "path-length", "a" * 256, None),
    ],
)
def test_default_is_refused(text: str, rule: str, fault: str, repair: str | None) -> None:
    """R11, R20: a malformed default registry is refused with the fault's place and the repair."""
    with pytest.raises(InvalidSettings) as caught:
        Settings(default_registry=f" {text} ")
    error = caught.value
    assert (error.setting, error.entry, error.text) == ("registry.default", None, text)
    start, end = error.span
    assert (error.rule, text[start:end], error.repair) == (rule, fault, repair)
    if repair is not None:
        Settings(default_registry=repair)
        assert str(error).endswith(f"\n  write {repair}")
    for other in (DefaultRegistry.parse, lambda t: Settings.from_mapping({"registry.default": t})):
        with pytest.raises(InvalidSettings) as again:
            other(text)
        assert again.value.args == error.args


def test_default_shows_no_user_information() -> None:
    """R11: user information in a refused default registry is hidden, and gone from the repair."""
    with pytest.raises(InvalidSettings) as caught:
        Settings(default_registry="https://ci:hunter2@registry.corp/mirror")
    assert caught.value.text == "https://***@registry.corp/mirror"
    assert caught.value.repair == "registry.corp/mirror"
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("prefix", ["", "Team", "a//b", "a/", "/a", " a", "a:1", "a" * 256])
def test_malformed_prefix_is_refused(prefix: str) -> None:
    """R11: a prefix is a path wherever it comes from."""
    with pytest.raises(InvalidSettings) as caught:
        DefaultRegistry(RegistryAddress.parse("registry.corp"), prefix)
    assert caught.value.setting == "registry.default"


@given(wf.default_registries())
def test_default_round_trips(default: DefaultRegistry) -> None:
    """R11: every default registry reads back from its text, which R1 reads as a registry."""
    assert DefaultRegistry.parse(str(default)) == default
    assert Settings(default_registry=str(default)).default_registry == default
    assert pasted(default) == default
    assert ImageReference.parse(f"{default}/x").registry == str(default.address)


@given(st.text("aZ0.:/-_@*[] ,é\t", max_size=30) | st.text(max_size=30))
def test_any_default_is_read_or_refused(text: str) -> None:
    """R11, R20: any text is read, or refused with the fault's place and a valid repair."""
    try:
        settings = Settings(default_registry=text)
    except InvalidSettings as error:
        refused = error
    else:
        assert Settings(default_registry=str(settings.default_registry)) == settings
        return
    start, end = refused.span
    assert 0 <= start <= end <= len(refused.text)
    if refused.repair is not None:
        assert str(DefaultRegistry.parse(refused.repair))


# --- where a reference is located ------------------------------------------------------------


@pytest.mark.parametrize(
    ("default", "reference", "image"),
    [
        ("registry.corp:5000", "ubuntu", "registry.corp:5000/ubuntu"),
        ("registry.corp:5000", "ubuntu:24.04", "registry.corp:5000/ubuntu:24.04"),
        ("registry.corp:5000", "library/ubuntu", "registry.corp:5000/library/ubuntu"),
        ("registry.corp:5000", f"acme/api:1@{SHA}", f"registry.corp:5000/acme/api:1@{SHA}"),
        ("harbor.corp/hub-proxy", "ubuntu", "harbor.corp/hub-proxy/ubuntu"),
        ("harbor.corp/hub-proxy", "acme/api", "harbor.corp/hub-proxy/acme/api"),
        ("MYHOST", "ubuntu", "myhost:443/ubuntu"),
        ("docker.io/acme", "api", "docker.io/acme/api"),
        ("docker.io/acme", "team/api", "docker.io/acme/team/api"),
        # These name a registry, so they stay there.
        ("registry.corp:5000", "docker.io/ubuntu", "docker.io/library/ubuntu"),
        ("registry.corp:5000", "index.docker.io/ubuntu", "docker.io/library/ubuntu"),
        ("registry.corp:5000", "registry.hub.docker.com/acme/api", "docker.io/acme/api"),
        ("docker.io/acme", "docker.io/ubuntu", "docker.io/library/ubuntu"),
        ("harbor.corp/hub-proxy", "harbor.corp/ubuntu", "harbor.corp/ubuntu"),
        ("registry.corp:5000", "Quay.io/acme/api", "quay.io/acme/api"),
        ("registry.corp:5000", "localhost/db", "localhost/db"),
    ],
)
def test_default_moves_what_names_no_registry(default: str, reference: str, image: str) -> None:
    """R11: the default registry moves only references that name no registry."""
    assert located(reference, default) == image


@pytest.mark.parametrize(
    ("reference", "image"),
    [
        ("ubuntu", "docker.io/library/ubuntu"),
        ("acme/api", "docker.io/acme/api"),
        ("Registry-1.Docker.IO:0443/ubuntu:1", "docker.io/library/ubuntu:1"),
        ("REGISTRY.HUB.DOCKER.COM/ubuntu", "docker.io/library/ubuntu"),
        ("quay.io:443/acme/api", "quay.io/acme/api"),
        ("quay.io/api", "quay.io/api"),
        ("QUAY.io:0443/api", "quay.io/api"),
        ("registry:443/api", "registry:443/api"),
        ("REGISTRY/api", "registry:443/api"),
        ("registry:05000/api", "registry:5000/api"),
        ("[2001:DB8:0::1]:443/api", "[2001:db8::1]/api"),
        ("docker.io:5000/ubuntu", "docker.io:5000/ubuntu"),
        (f"ubuntu:1@{SHA}", f"docker.io/library/ubuntu:1@{SHA}"),
        (f"quay.io/api@{SHA}", f"quay.io/api@{SHA}"),
    ],
)
def test_image_is_canonical(reference: str, image: str) -> None:
    """R2, R13: the image has the canonical address, and `library/` where it belongs."""
    assert located(reference, "") == image
    assert located(image, "") == image


@pytest.mark.parametrize(
    ("default", "reference", "image"),
    [
        ("registry.corp", "ubuntu", "registry.corp/library/ubuntu"),
        ("registry.corp", "ubuntu:24.04", "registry.corp/library/ubuntu:24.04"),
        ("harbor.corp/hub-proxy", "ubuntu", "harbor.corp/hub-proxy/library/ubuntu"),
        ("harbor.corp/hub-proxy", "acme/api", "harbor.corp/hub-proxy/acme/api"),
        ("registry.corp", "library/ubuntu", "registry.corp/library/ubuntu"),
        ("registry.corp", "registry.corp/ubuntu", "registry.corp/ubuntu"),
        ("registry.corp", "quay.io/ubuntu", "quay.io/ubuntu"),
        ("registry.corp", "docker.io/ubuntu", "docker.io/library/ubuntu"),
    ],
)
def test_official_namespace(default: str, reference: str, image: str) -> None:
    """R11: the official namespace stands between the prefix and one-word names."""
    assert located(reference, default, "library") == image


@pytest.mark.parametrize(
    ("default", "reference", "image"),
    [
        ("", "ubuntu", "docker.io/library/ubuntu"),
        ("index.docker.io", "ubuntu", "docker.io/library/ubuntu"),
        ("docker.io/acme", "ubuntu", "docker.io/acme/ubuntu"),
        ("docker.io/acme", "docker.io/ubuntu", "docker.io/library/ubuntu"),
    ],
)
def test_official_namespace_is_not_docker_hubs(default: str, reference: str, image: str) -> None:
    """R11: on Docker Hub the word is `library`, for a whole path of one component."""
    assert located(reference, default, "mirror/official") == image


def test_official_namespace_may_be_a_path() -> None:
    """R11: the official namespace is a path, trimmed, and blank is none."""
    assert located("db", "r.corp", " mirror/official ") == "r.corp/mirror/official/db"
    assert Settings(official_namespace=" ") == Settings(official_namespace="") == Settings()


@pytest.mark.parametrize(
    ("namespace", "rule", "repair"),
    [
        ("Library", "uppercase", "library"),
        ("library/", "dangling-separator", "library"),
        ("/library", "path", None),
        ("lib rary", "character", None),
        ("library:1", "tag", None),
        ("a..b", "path", None),
        ("a" * 256, "path-length", None),
    ],
)
def test_malformed_official_namespace(namespace: str, rule: str, repair: str | None) -> None:
    """R11: an official namespace that is no path is refused under its own name."""
    with pytest.raises(InvalidSettings) as caught:
        Settings(official_namespace=namespace)
    error = caught.value
    assert (error.setting, error.rule, error.repair) == ("official_namespace", rule, repair)


def test_path_too_long_at_the_default() -> None:
    """R13: a path that the default registry makes longer than 255 is refused, naming it."""
    settings = Settings(default_registry="harbor.corp/hub-proxy")
    fits = "a" * 243 + "/b"
    assert len(settings.locate(fits).repository) == 255
    with pytest.raises(InvalidReference) as caught:
        settings.locate(f"{fits}b:1.2")
    error = caught.value
    assert (error.text, error.span, error.rule) == (f"{fits}b:1.2", (0, 246), "path-length")
    assert "the default registry harbor.corp/hub-proxy the repository has 256" in error.problem
    assert error.repair is None


def test_path_too_long_with_the_namespace() -> None:
    """R13: the official namespace counts too."""
    settings = Settings(default_registry="harbor.corp", official_namespace="library")
    assert len(settings.locate("a" * 247).repository) == 255
    with pytest.raises(InvalidReference, match=r"the default registry harbor\.corp "):
        Settings(default_registry="harbor.corp", official_namespace="librarys").locate("a" * 247)


def test_path_too_long_on_docker_hub() -> None:
    """R13: `library/` counts under all of Docker Hub's names, and nobody's default is blamed."""
    assert len(Settings().locate("registry-1.docker.io/" + "a" * 247).repository) == 255
    with pytest.raises(InvalidReference) as caught:
        Settings(default_registry="harbor.corp").locate("registry-1.docker.io/" + "a" * 248)
    assert caught.value.span == (21, 269)
    assert caught.value.problem.startswith("at docker.io the repository has 256 characters")


def test_locate_takes_a_reference() -> None:
    """R13: a parsed reference is located as its text is, and a canonical one is returned itself."""
    settings = Settings(default_registry="registry.corp")
    reference = ImageReference.parse("acme/api:1")
    assert settings.locate(reference) == settings.locate("acme/api:1")
    image = settings.locate(reference)
    assert settings.locate(image) is image


def test_locate_refuses_what_is_no_reference() -> None:
    """R20: locating refuses what parsing refuses."""
    with pytest.raises(InvalidReference):
        Settings().locate("quay.io/Acme")
    with pytest.raises(TypeError):
        Settings().locate(5)  # type: ignore[arg-type]


@given(wf.settings(), wf.settings(), wf.references())
def test_located_again_it_stays(one: Settings, other: Settings, reference: str) -> None:
    """R13: the canonical image located again, under any settings, is itself."""
    image = one.locate(reference)
    assert other.locate(image) is image
    assert other.locate(str(image)) == image
    typed = ImageReference.parse(reference)
    assert (image.tag, image.digest) == (typed.tag, typed.digest)
    assert image.registry == str(RegistryAddress.parse(image.registry or ""))


@given(wf.settings(), wf.addresses().flatmap(wf.spellings), wf.repositories())
def test_a_named_registry_is_never_moved(settings: Settings, registry: str, path: str) -> None:
    """R1, R11: no settings move a reference that names a registry."""
    image = settings.locate(f"{registry}/{path}")
    assert image == Settings().locate(f"{registry}/{path}")
    assert image.registry == str(RegistryAddress.parse(registry))


# --- the page's names ------------------------------------------------------------------------


def test_from_mapping() -> None:
    """R11, R14: the page's names are read, and names that are not the page's are left alone."""
    values = {
        "registry.default": "registry.corp:5000",
        "registry.whitelist": "registry.corp:5000, quay.io,",
        "api.host": "https://rancher.corp",
        "registrydefault": "not one",
    }
    assert Settings.from_mapping(values) == Settings(
        default_registry="registry.corp:5000", whitelist="registry.corp:5000,quay.io"
    )
    assert Settings.from_mapping({}) == Settings()
    assert Settings.from_mapping({"registry.whitelist": None}) == Settings()
    assert Settings.from_mapping({"registry.whitelist": ""}).whitelist.blank


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("registry.defaul", "registry.default"),
        ("registry.default_registry", "registry.default"),
        ("Registry.Default", "registry.default"),
        ("registry.white-list", "registry.whitelist"),
        ("REGISTRY.WHITELIST", "registry.whitelist"),
        ("registry.", "registry.default"),
        ("registry.zzzzzzzzzzzzzz", None),
    ],
)
def test_unknown_page_name(name: str, nearest: str | None) -> None:
    """R20: an unknown name that starts with `registry.` is refused, and the nearest is named."""
    with pytest.raises(InvalidSettings) as caught:
        Settings.from_mapping({"registry.default": "quay.io", name: "quay.io"})
    error = caught.value
    assert (error.rule, error.text, error.setting) == ("unknown", name, name)
    assert (error.span, error.repair) == ((9, len(name)), nearest)
    assert "registry.default and registry.whitelist" in str(error)


def test_from_mapping_refuses_malformed_values() -> None:
    """R11, R14: a malformed value is refused under the page's name of its setting."""
    with pytest.raises(InvalidSettings) as caught:
        Settings.from_mapping({"registry.default": "myhost"})
    assert (caught.value.setting, caught.value.repair) == ("registry.default", "myhost:443")
    with pytest.raises(InvalidSettings) as caught:
        Settings.from_mapping({"registry.whitelist": "quay.io,,acme/team"})
    assert (caught.value.setting, caught.value.entry) == ("registry.whitelist", 3)


# --- values ----------------------------------------------------------------------------------


def test_settings_are_immutable() -> None:
    settings = Settings()
    for value, name in [
        (settings, "default_registry"),
        (settings, "whitelist"),
        (settings, "official_namespace"),
        (settings, "host_images"),
        (settings.default_registry, "prefix"),
        (settings.default_registry, "address"),
    ]:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, name, None)
        with pytest.raises(dataclasses.FrozenInstanceError):
            delattr(value, name)
    assert settings == Settings()
    assert not hasattr(settings, "__dict__")


def test_settings_are_equal_by_value() -> None:
    one = Settings(default_registry="Registry.Corp:5000", whitelist="quay.io, registry.corp:5000")
    two = Settings(
        default_registry="registry.corp:05000", whitelist=["registry.corp:5000", "QUAY.io"]
    )
    assert one == two
    assert hash(one) == hash(two)
    assert one.default_registry == two.default_registry
    assert hash(one.default_registry) == hash(two.default_registry)
    for other in (
        Settings(default_registry="registry.corp", whitelist=one.whitelist),
        Settings(default_registry="registry.corp:5000/a", whitelist=one.whitelist),
        Settings(default_registry="registry.corp:5000"),
        dataclasses.replace(one, official_namespace="library"),
        dataclasses.replace(one, host_images=HostImages.VERIFY),
    ):
        assert one != other
    assert one != object()


@given(wf.settings())
def test_settings_survive_repr_and_pickle(settings: Settings) -> None:
    """R24: settings round trip through repr, pickle and copies."""
    assert pasted(settings) == settings
    assert "\n" not in repr(settings)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        twin = pickle.loads(pickle.dumps(settings, protocol))  # noqa: S301  # our own
        assert twin == settings
        assert hash(twin) == hash(settings)
        assert twin.whitelist.blank == settings.whitelist.blank
    assert copy.copy(settings) == settings == copy.deepcopy(settings)


def test_settings_can_be_replaced() -> None:
    settings = Settings(default_registry="quay.io", whitelist="quay.io")
    replace: Any = dataclasses.replace  # its fields take what the class takes
    changed = replace(settings, default_registry="ghcr.io", whitelist=None)
    assert changed == Settings(default_registry="ghcr.io")
    assert settings == Settings(default_registry="quay.io", whitelist="quay.io")
    default = dataclasses.replace(settings.default_registry, prefix="acme")
    assert default == DefaultRegistry.parse("quay.io/acme")
    with pytest.raises(InvalidSettings):
        replace(settings, whitelist=[])


@pytest.mark.skipif(sys.version_info < (3, 13), reason="copy.replace is new in 3.13")
def test_settings_can_be_copy_replaced() -> None:
    replace: Any = vars(copy)["replace"]
    settings = Settings(whitelist="quay.io")
    assert replace(settings) == settings
    assert replace(settings, whitelist="ghcr.io") == Settings(whitelist="ghcr.io")
    assert replace(settings.default_registry, prefix="a") == DefaultRegistry.parse("docker.io/a")


def test_host_images_policies() -> None:
    """R16: the policy is read from its word, and no other word is one."""
    policies: list[Any] = ["trust", "verify"]
    assert [Settings(host_images=word).host_images for word in policies] == [*HostImages]
    assert (repr(HostImages.VERIFY), str(HostImages.VERIFY)) == ("HostImages.VERIFY", "verify")
    with pytest.raises(ValueError, match="nope"):
        Settings(host_images="nope")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "fields",
    [
        {"default_registry": 5},
        {"default_registry": 0},
        {"default_registry": b""},
        {"default_registry": b"quay.io"},
        {"whitelist": 5},
        {"whitelist": [5]},
        {"whitelist": b"quay.io"},
        {"official_namespace": 5},
        {"official_namespace": b"library"},
        {"unknown": "quay.io"},
    ],
    ids=repr,
)
def test_settings_of_another_type(fields: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        Settings(**fields)


def test_settings_are_keyword_only() -> None:
    with pytest.raises(TypeError):
        Settings("quay.io")  # type: ignore[call-arg]


@pytest.mark.parametrize("arguments", [("quay.io",), (HUB, 5), (None,)], ids=repr)
def test_default_registry_of_another_type(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        DefaultRegistry(*arguments)


def test_refused_settings_can_be_pickled() -> None:
    with pytest.raises(WharfingerError) as caught:
        Settings(whitelist="quay.io, acme/team")
    twin = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  # our own
    assert (type(twin), str(twin)) == (InvalidSettings, str(caught.value))
    assert (twin.setting, twin.entry, twin.span) == ("registry.whitelist", 2, (0, 4))
