from __future__ import annotations

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.containers_model import pull
from wharfinger import Environment, InvalidReference, Settings
from wharfinger.formats import DocumentError, policy_json
from wharfinger.formats.registries_conf import (
    Mirror,
    RegistriesConf,
    limits,
    merge,
    parse,
    render,
)
from wharfinger.testing import strategies

CANARY = "hunter2-canary"
ANYTHING = policy_json.render(Settings())


def environment(*addresses: str, inactive: str = "") -> Environment:
    """An environment; the registries of one address are inactive."""
    made = Environment("ci")
    for address in addresses:
        made = made.added(address, username="bot")
    for registry in made.registries:
        if str(registry.address) == inactive:
            made = made.deactivated(registry.id)
    return made


def codes(conf: RegistriesConf) -> list[tuple[str, str]]:
    return [(remark.code, remark.place) for remark in conf.diagnostics]


def told(settings: Settings, env: Environment | None = None) -> list[str]:
    """What is told of settings, but for what is told of all."""
    first, *rest = [limit.code for limit in limits(settings, env)]
    assert first == "short-names-by-client"
    return rest


def allowed(conf: str, image: str) -> bool | None:
    done = pull(conf, ANYTHING, image)
    return None if done is None else done.allowed


def test_a_document_is_read() -> None:
    conf = parse("""\
unqualified-search-registries = ["registry.corp:5000", "docker.io"]
short-name-mode = "permissive"
credential-helpers = ["containers-auth.json", "pass"]

[[registry]]
prefix = "docker.io/library"
location = "mirror.corp/hub"
insecure = true
[[registry.mirror]]
location = "a.corp"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "b.corp/x"
insecure = true

[[registry]]
location = "quay.io/"
blocked = true
mirror-by-digest-only = true

[[registry]]
prefix = "*.corp"

[aliases]
"ubuntu" = "quay.io/acme/ubuntu"
"acme/api" = ""
""")
    assert conf.diagnostics == ()
    assert conf.unqualified_search_registries == ("registry.corp:5000", "docker.io")
    assert conf.short_name_mode == "permissive"
    assert conf.credential_helpers == ("containers-auth.json", "pass")
    assert conf.aliases == {"ubuntu": "quay.io/acme/ubuntu", "acme/api": ""}
    rewritten, blocked, wildcard = conf.entries
    assert (rewritten.prefix, rewritten.location) == ("docker.io/library", "mirror.corp/hub")
    assert (rewritten.insecure, rewritten.blocked) == (True, False)
    assert rewritten.mirrors == (
        Mirror("a.corp", pull_from_mirror="digest-only"),
        Mirror("b.corp/x", insecure=True),
    )
    assert (blocked.prefix, blocked.location, blocked.blocked) == ("quay.io", "quay.io", True)
    assert (blocked.mirror_by_digest_only, blocked.place) == (True, "registry[1]")
    assert (wildcard.prefix, wildcard.location) == ("*.corp", "")


def test_what_a_file_does_not_say_is_not_what_it_says_is_none() -> None:
    assert parse("").unqualified_search_registries is None
    assert parse("unqualified-search-registries = []").unqualified_search_registries == ()


TABLE = '[[registry]]\nlocation = "quay.io"\n'


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        # podman#14306: a root key below a table belongs to the table.
        (
            TABLE + '[[registry.mirror]]\nlocation = "m.corp"\nshort-name-mode = "enforcing"',
            [("key-under-table", "registry[0].mirror[0].short-name-mode")],
        ),
        (
            TABLE + 'unqualified-search-registries = ["quay.io"]',
            [("key-under-table", "registry[0].unqualified-search-registries")],
        ),
        (TABLE + TABLE, [("repeated-prefix", "registry[1]")]),
        (
            TABLE + '[[registry]]\nprefix = "m.corp"\nlocation = "quay.io"\nblocked = true',
            [("conflicting-location", "registry[1]")],
        ),
        ('[[registry]]\nlocation = "http://quay.io"', [("location", "registry[0].location")]),
        (
            '[[registry]]\nprefix = "acme"\nlocation = "quay.io"',
            [("location", "registry[0].prefix")],
        ),
        ('[[registry]]\nprefix = "quay.io"', [("location-missing", "registry[0]")]),
        ("[[registry]]", [("location-missing", "registry[0]")]),
        ('[[registry]]\nprefix = "*.corp:5000"', [("wildcard", "registry[0].prefix")]),
        ('[[registry]]\nprefix = "*.corp/acme"', [("wildcard", "registry[0].prefix")]),
        ('[[registry]]\nprefix = "a.*.corp"', [("wildcard", "registry[0].prefix")]),
        ('[[registry]]\nprefix = "*"', [("wildcard", "registry[0].prefix")]),
        (
            '[[registry]]\nprefix = "docker.io/ubuntu"\nlocation = "m.corp/u"',
            [("official-image", "registry[0].prefix")],
        ),
        ('[[registry]]\nlocation = "index.docker.io"', [("never-matches", "registry[0].location")]),
        ('[[registry]]\nlocation = "EVIL.test"', [("upper-case", "registry[0].location")]),
        (
            TABLE + "[[registry.mirror]]\ninsecure = true",
            [("location-missing", "registry[0].mirror[0]")],
        ),
        (
            TABLE + '[[registry.mirror]]\nlocation = "m.corp"\npull-from-mirror = "tags"',
            [("unknown-word", "registry[0].mirror[0].pull-from-mirror")],
        ),
        (
            TABLE
            + "mirror-by-digest-only = true\n"
            + '[[registry.mirror]]\nlocation = "m.corp"\npull-from-mirror = "all"',
            [("mirror-restricted-twice", "registry[0].mirror[0].pull-from-mirror")],
        ),
        ('[registries.search]\nregistries = ["quay.io"]', [("version-1", "registries")]),
        (TABLE + "block = true", [("unknown-key", "registry[0].block")]),
        (TABLE + "Blocked = true", [("key-case", "registry[0].Blocked")]),
        (TABLE + 'blocked = "true"', [("wrong-type", "registry[0].blocked")]),
        ("registry = 1", [("wrong-type", "registry")]),
        ("registry = [1]", [("wrong-type", "registry[0]")]),
        ("aliases = 1", [("wrong-type", "aliases")]),
        ('short-name-mode = "prompt"', [("unknown-word", "short-name-mode")]),
        ("short-name-mode = 1", [("wrong-type", "short-name-mode")]),
        (
            'unqualified-search-registries = "quay.io"',
            [("wrong-type", "unqualified-search-registries")],
        ),
        (
            'unqualified-search-registries = ["quay.io/acme", 1, "[::1]"]',
            [
                ("search-registry", "unqualified-search-registries[0]"),
                ("wrong-type", "unqualified-search-registries[1]"),
                ("search-registry", "unqualified-search-registries[2]"),
            ],
        ),
        ('[aliases]\n"quay.io/x" = "quay.io/y"', [("alias-name", 'aliases["quay.io/x"]')]),
        ('[aliases]\n"x" = "acme/y"', [("alias-value", "aliases.x")]),
        ('[aliases]\n"x" = "quay.io/y:1"', [("alias-value", "aliases.x")]),
        ('[aliases]\n"x" = 1', [("wrong-type", "aliases.x")]),
        ("\ufeff" + TABLE, [("byte-order-mark", "")]),
    ],
)
def test_what_is_wrong_or_surprising_is_told(text: str, wanted: list[tuple[str, str]]) -> None:
    assert codes(parse(text)) == wanted


def test_the_nearest_key_is_told() -> None:
    [remark] = parse(TABLE + "blokced = true").diagnostics
    assert remark.repair == "write blocked"


def test_a_malformed_entry_hides_no_other() -> None:
    conf = parse(
        'unqualified-search-registries = ["http://x", "quay.io"]\n'
        "[[registry]]\nlocation = 1\n" + TABLE + '[aliases]\na = 1\nb = "quay.io/b"\n'
    )
    assert [entry.prefix for entry in conf.entries] == ["quay.io"]
    assert conf.unqualified_search_registries == ("quay.io",)
    assert conf.aliases == {"b": "quay.io/b"}


def test_a_key_in_another_case_is_read_as_containers_do() -> None:
    """BurntSushi/toml, which containers use, folds the case of keys."""
    conf = parse('[[Registry]]\nLocation = "quay.io"\nBLOCKED = true\n')
    assert [entry.blocked for entry in conf.entries] == [True]
    conf = parse('[["regi\u017ftry"]]\nlocation = "quay.io"\n"bloc\u212aed" = true\n')
    assert [entry.blocked for entry in conf.entries] == [True]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f'a = 1\nb = "{CANARY}', "line 2"),
        ("[[registry]]\n[registry]\nx=1", "line 2, column 10"),
        (f"a = {'9' * 5000}", ""),
        ("a = " + "[" * 100_000, ""),
        ("x = 1\n" + ".".join("a" * 20_000) + " = 1", "line 2"),
        ("[" + ".".join("a" * 20_000) + "]", "line 1"),
        ('x = {"a\\"b" = 1, y' + ".y" * 20_000 + " = 1}", "line 1"),
        ('x = ["""\n' + '\\"""\n' * 100_000, "line 100002"),
        (f"# wharfinger: R11: x\n# wharfinger: R7: y\nb = {CANARY}", "line 3, column 5"),
    ],
)
def test_what_is_no_toml_is_refused_with_its_line(text: str, place: str) -> None:
    """R20: one typed error, which holds nothing of the document."""
    for call in (parse, lambda text: merge(text, Settings())):
        with pytest.raises(DocumentError) as caught:
            call(text)
        assert caught.value.place == place
        assert CANARY not in "".join(traceback.format_exception(caught.value))
        assert caught.value.__context__ is caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("text", "entries", "diagnostics"),
    [
        ("[[registry]]\nlocation = 'quay.io'\n" * 30_000, 30_000, 29_999),
        ("[[registry]]\nx = 1\n" * 25_000, 0, 50_000),
        ("".join(f"x{number} = 1\n" for number in range(60_000)), 0, 60_000),
        ("[aliases]\n" + "".join(f"a{at} = 'quay.io/x'\n" for at in range(40_000)), 0, 0),
        ("a = '" + "x" * 1_000_000 + "'\n", 0, 1),
        ("#" * 1_000_000, 0, 0),
        ("a = [" + '"x",' * 200_000 + "]\n", 0, 1),
        (" " * 1_000_000 + "[aliases]", 0, 0),
        ("\n" * 1_000_000 + "[aliases]", 0, 0),
    ],
    ids=["tables", "unknown", "keys", "aliases", "string", "comment", "array", "blanks", "lines"],
)
def test_a_megabyte_is_read(text: str, entries: int, diagnostics: int) -> None:
    """R20: what would take minutes if it were not linear takes a second or two."""
    conf = parse(text)
    assert (len(conf.entries), len(conf.diagnostics)) == (entries, diagnostics)
    merged = merge(text, Settings(), environment("evil.test", inactive="evil.test"))
    assert merged.count("evil.test") == 2
    assert len(merged) > len(text)


@pytest.mark.parametrize(
    "text",
    [
        "# see [a.b.c.d.e.f.g.h.i.j]\n",
        'x = "1,a.b.c.d.e.f.g.h.i.j"\n',
        'x = """\na.b.c.d.e.f.g.h.i.j"""\n',
        "x = '''\na.b.c.d.e.f.g.h.i.j'''\n",
    ],
)
def test_a_string_and_a_comment_hold_no_keys(text: str) -> None:
    """R20: what is refused for its cost is refused where it costs."""
    assert len(parse(text).diagnostics) == text.count("=")
    assert text in merge(text, Settings())


def test_user_information_is_not_told() -> None:
    conf = parse(f'[[registry]]\nlocation = "https://ci:{CANARY}@quay.io"\n')
    assert CANARY not in repr(conf)
    assert CANARY not in "".join(map(str, conf.diagnostics))


def test_the_default_registry_is_the_search_registry() -> None:
    """R11: one, so that there is nothing to choose."""
    conf = parse(render(Settings(default_registry="registry.corp:5000")))
    assert conf.unqualified_search_registries == ("registry.corp:5000",)
    assert conf.short_name_mode == "enforcing"
    assert parse(render(Settings())).unqualified_search_registries == ("docker.io",)


def test_a_default_registry_with_a_path_has_a_host_that_stands_for_it() -> None:
    """R11: what is asked for is below the path, and Docker Hub's own names stay where they are."""
    settings = Settings(default_registry="harbor.corp/proxy")
    done = pull(render(settings), ANYTHING, "acme/api:1")
    assert done is not None
    assert done.source == "harbor.corp/proxy/acme/api:1"
    stays = pull(render(settings), ANYTHING, "docker.io/acme/api:1")
    assert stays is not None
    assert stays.source == "docker.io/acme/api:1"
    assert told(settings) == ["default-registry-renamed"]


@pytest.mark.parametrize(
    "settings",
    [
        Settings(default_registry="registry.corp", official_namespace="library"),
        Settings(default_registry="registry.corp/proxy", official_namespace="library"),
        Settings(default_registry="[::1]:5000"),
    ],
)
def test_what_containers_cannot_put_together_they_refuse(settings: Settings) -> None:
    """R11: a short name is refused rather than pulled from elsewhere."""
    assert parse(render(settings)).unqualified_search_registries == ()
    assert told(settings) == ["short-names-refused"]
    assert "short names are refused" in render(settings)


def test_official_namespace_is_nothing_to_docker_hub() -> None:
    """R11: on Docker Hub the word is always library."""
    assert render(Settings(official_namespace="x")) == render(Settings())


def test_a_registry_in_force_and_inactive_is_blocked() -> None:
    """R7: the one in force decides; an older one that is active does not count."""
    env = environment("quay.io", "registry.corp:5000", "quay.io")
    assert parse(render(Settings(), env)).entries == ()
    inactive = env.deactivated("ci/3")
    conf = render(Settings(), inactive)
    assert [(e.prefix, e.blocked) for e in parse(conf).entries] == [("quay.io", True)]
    assert "R7: blocked are quay.io" in conf
    assert parse(render(Settings(), env.deactivated("ci/1"))).entries == ()
    assert not allowed(conf, "quay.io/acme/api")
    assert not allowed(conf, "quay.io:443/acme/api")
    assert allowed(conf, "quay.iox/acme/api")
    assert allowed(conf, "registry.corp:5000/acme/api")
    assert parse(render(Settings())).entries == ()


def test_docker_hub_is_blocked_under_all_its_names() -> None:
    """R2, R7: folded as everywhere."""
    conf = render(Settings(), environment("docker.io", inactive="docker.io"))
    for name in ("docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"):
        for port in ("", ":443"):
            assert allowed(conf, f"{name}{port}/acme/api") is False
    assert allowed(conf, "ubuntu") is False


def test_ports_that_are_known_to_be_allowed_are_not_blocked_with_the_host() -> None:
    """R3: ports are significant, and a prefix without one is about all of them."""
    env = environment("evil.test", "evil.test:5000", "evil.test:81", inactive="evil.test")
    conf = render(Settings(), env)
    assert allowed(conf, "evil.test/x") is False
    assert allowed(conf, "evil.test:5000/x") is True
    assert allowed(conf, "evil.test:82/x") is False  # block-of-every-port
    assert told(Settings(), env) == ["block-by-spelling", "block-of-every-port"]
    # With a whitelist, what may be allowed is known.
    whitelist = Settings(whitelist="evil.test:82, *.test:83, b.evil.test, evil.test")
    conf = render(whitelist, env)
    assert allowed(conf, "evil.test:82/x") is True
    assert allowed(conf, "evil.test:83/x") is True
    assert allowed(conf, "evil.test:5000/x") is False  # not whitelisted
    assert "block-of-every-port" not in told(whitelist, env)


def test_registries_that_are_known_and_not_whitelisted_are_blocked() -> None:
    """R14, R15: nothing is sent to them, and so to Docker Hub by default."""
    env = environment("quay.io", "registry.corp")
    settings = Settings(whitelist="registry.corp/acme")
    conf = render(settings, env)
    assert allowed(conf, "quay.io/x") is False
    assert allowed(conf, "ubuntu") is False
    assert allowed(conf, "registry.corp/acme/api") is True
    assert "R14: blocked are docker.io, index.docker.io:443, quay.io, " in conf
    assert told(settings, env) == ["whitelist-elsewhere"]


def test_the_host_that_stands_for_the_default_registry_is_blocked_with_it() -> None:
    """R7, R14: as the default registry is."""
    settings = Settings(default_registry="harbor.corp/proxy")
    env = environment("harbor.corp", inactive="harbor.corp")
    assert allowed(render(settings, env), "ubuntu") is False
    assert allowed(render(settings), "ubuntu") is True
    other = Settings(default_registry="harbor.corp/proxy", whitelist="harbor.corp/other")
    assert allowed(render(other), "ubuntu") is False


def test_short_names_are_written_out() -> None:
    """R11, R13: an alias of another file is overridden by the canonical image."""
    settings = Settings(default_registry="registry.corp:5000", official_namespace="library")
    conf = parse(render(settings, short_names=["ubuntu", "acme/api"]))
    assert conf.aliases == {
        "acme/api": "registry.corp:5000/acme/api",
        "ubuntu": "registry.corp:5000/library/ubuntu",
    }
    assert conf.diagnostics == ()


@pytest.mark.parametrize("name", ["quay.io/x", "x:1", f"x@sha256:{'a' * 64}"])
def test_short_names_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(DocumentError, match=r"short_names\[1\]: a short name is"):
        render(Settings(), short_names=["ok", name])
    with pytest.raises(InvalidReference):
        render(Settings(), short_names=["UPPER"])
    with pytest.raises(TypeError):
        render(Settings(), short_names="ubuntu")
    with pytest.raises(DocumentError, match="IPv6"):
        render(Settings(default_registry="[::1]"), short_names=["ubuntu"])


def test_types_are_refused_by_name() -> None:
    with pytest.raises(TypeError, match="not str and NoneType"):
        render("x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not str and NoneType"):
        limits("x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not Settings and str"):
        merge("", Settings(), "x")  # type: ignore[arg-type]


def test_an_environment_s_name_breaks_no_comment() -> None:
    assert parse(render(Settings(), Environment("\u00e4rger/team"))).diagnostics == ()
    assert render(Settings(), Environment("\u00e4rger")).isascii()


ENVIRONMENTS = st.none() | strategies.environments()


@given(strategies.settings(), ENVIRONMENTS)
def test_what_is_rendered_is_read_without_a_remark(
    settings: Settings, env: Environment | None
) -> None:
    """R24: and it is the same for the same arguments; merged again, nothing changes."""
    text = render(settings, env)
    conf = parse(text)
    assert conf.diagnostics == ()
    assert render(settings, env) == text
    assert merge(text, settings, env) == text
    assert merge("", settings, env) == text
    assert text.count("[[registry]]") == len(conf.entries)


LINES = st.sampled_from(
    [
        "# a comment",
        "",
        "unknown = 1",
        'short-name-mode = "permissive"',
        'unqualified-search-registries = [ "quay.io", # first\n  "docker.io" ]  # why',
        'credential-helpers = ["pass"]',
    ]
)
TABLES = st.sampled_from(
    [
        '[[registry]]\nlocation = "quay.io"  # ours\n',
        '[[registry]]\nprefix = "quay.io/acme"\nlocation = "m.corp/acme"\nblocked = false # no\n',
        '\n# why\n[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "m.corp"\n',
        "[[registry]]\nlocation = 'registry.corp:5000'\nblocked = true\n# tail\n\n",
        '[aliases]\nubuntu = "quay.io/acme/ubuntu"  # theirs\n"acme/api" = ""\n',
        '[other]\nx = """\n[[registry]]\n"""\n',
        '[[registry]]\nprefix = "*.corp"\n[registry.extra]\ny = {a = [1,\n2]}\n',
    ]
)
TEXTS = st.builds(
    lambda root, tables, crlf: ("\n".join([*root, *tables]) + "\n").replace("\n", crlf),
    st.lists(LINES, max_size=4, unique=True),
    st.lists(TABLES, max_size=4, unique=True),
    st.sampled_from(["\n", "\r\n"]),
)
PLACES = st.sampled_from(["docker.io", "quay.io", "registry.corp:5000", "evil.test"])
WORLDS = st.builds(
    lambda default, whitelist, inactive: (
        Settings(default_registry=default, whitelist=whitelist),
        environment("docker.io", "quay.io", "registry.corp:5000", "evil.test", inactive=inactive),
    ),
    PLACES | st.just("harbor.corp/proxy"),
    st.none() | st.lists(PLACES, min_size=1, max_size=3),
    PLACES | st.just(""),
)


@given(TEXTS, WORLDS, WORLDS)
def test_merging_decides_and_keeps_what_is_not_decided(
    text: str, world: tuple[Settings, Environment], other: tuple[Settings, Environment]
) -> None:
    """R7, R11, R14: blocks come and go, and what somebody wrote stays."""
    merged = merge(text, *world)
    assert merge(merged, *world) == merged
    conf, before = parse(merged), parse(text)
    assert not {code for code, _ in codes(conf)} - {code for code, _ in codes(before)}
    wanted = parse(render(*world))
    assert conf.unqualified_search_registries == wanted.unqualified_search_registries
    for entry in wanted.entries:
        found = next(each for each in conf.entries if each.prefix == entry.prefix)
        assert found.blocked or not entry.blocked
    kept = {(entry.prefix, entry.location, entry.mirrors) for entry in before.entries}
    assert kept <= {(entry.prefix, entry.location, entry.mirrors) for entry in conf.entries}
    blocked = {entry.prefix for entry in before.entries if entry.blocked}
    assert blocked <= {entry.prefix for entry in conf.entries if entry.blocked}
    for comment in ("# a comment", "# ours", "# why", "# no", "# tail", "# theirs"):
        assert text.count(comment) == merged.count(comment)
    assert ("\r\n" in merged) == ("\r\n" in text) or not text.strip()
    # By whatever way, the same settings come to the same document, but for where tables stand.
    again = parse(merge(merge(merged, *other), *world))
    assert {(e.prefix, e.blocked) for e in again.entries} == {
        (e.prefix, e.blocked) for e in conf.entries
    }


@given(TEXTS, WORLDS)
def test_what_was_set_is_taken_back_to_the_byte(
    text: str, world: tuple[Settings, Environment]
) -> None:
    """R7: blocked while inactive, and to the byte what it was before when nothing asks for it."""
    settings, env = world
    open_settings = Settings(default_registry=settings.default_registry)
    active = Environment("ci")
    start = merge(text, open_settings, active)
    assert merge(merge(start, settings, env), open_settings, active) == start


def test_a_table_of_somebody_s_is_blocked_and_unblocked() -> None:
    """R7: with a mark by which the block is known again; a block without it is somebody's."""
    text = (
        'unqualified-search-registries = ["docker.io"]\n\n[[registry]]\nlocation = "quay.io"\n'
        'blocked = false   # fine\n\n[[registry]]\nlocation = "QUAY.io:443/acme"\n'
        '\n[[registry]]\nlocation = "quay.io:5000"\n'
    )
    env = environment("quay.io", inactive="quay.io")
    blocked = merge(text, Settings(), env)
    assert blocked == (
        'unqualified-search-registries = ["docker.io"]\n\n[[registry]]\nlocation = "quay.io"\n'
        "blocked = true  # wharfinger: R7, was false   # fine\n\n"
        '[[registry]]\nlocation = "QUAY.io:443/acme"\nblocked = true  # wharfinger: R7\n'
        '\n[[registry]]\nlocation = "quay.io:5000"\n'
    )
    assert merge(blocked, Settings(), environment("quay.io")) == text
    own = text.replace("blocked = false", "blocked = true")
    assert merge(own, Settings(), environment("quay.io")) == own


def test_a_new_table_takes_over_that_a_location_is_insecure() -> None:
    """Containers refuse a file whose tables disagree on one location."""
    text = '[[registry]]\nprefix = "harbor.corp"\nlocation = "harbor.corp"\ninsecure = true\n'
    conf = parse(merge(text, Settings(default_registry="harbor.corp/proxy")))
    assert [entry.insecure for entry in conf.entries] == [True, True]
    assert conf.diagnostics == ()


def test_an_alias_is_led_to_where_the_default_registry_has_it() -> None:
    """R11: where short names lead is decided; an alias that agrees stays, however it is spelt."""
    text = (
        'unqualified-search-registries = ["docker.io"]\n'
        '[aliases]\na = "docker.io/a"  # so\nb = "quay.io/b" # not so\n"c" = ""\n'
    )
    assert merge(text, Settings(), short_names=["d/d"]) == (
        'unqualified-search-registries = ["docker.io"]\n'
        '[aliases]\na = "docker.io/a"  # so\nb = "docker.io/library/b" # not so\n"c" = ""\n'
        '"d/d" = "docker.io/d/d"\n'
    )
    ipv6 = Settings(default_registry="[::1]:5000")
    assert parse(merge(text, ipv6)).aliases == {"a": "", "b": "", "c": ""}


@pytest.mark.parametrize(
    "text",
    [
        '"a\\"b" = 1\n',
        '["a\\"b"]\n"]\\\\" = 1\n',
        '[[registry]]\n"location\\u0000" = 1\nlocation = "q.test"\n\'"\' = {"}\\"" = "]"}\n',
    ],
)
def test_names_may_have_any_character(text: str) -> None:
    """TOML has escapes in names, too."""
    merged = merge(text, Settings(), environment("evil.test", inactive="evil.test"))
    assert merged.count("evil.test") == 2
    assert text in merged


@pytest.mark.parametrize("ending", ["", "\n", "\n\n"])
def test_new_tables_stand_behind_what_the_last_one_gets(ending: str) -> None:
    """R7, R11: an alias and a table that are both new, where the text ends with the aliases."""
    text = f'[aliases]\nubuntu = "docker.io/library/ubuntu"{ending}'
    env = environment("quay.io", inactive="quay.io")
    conf = parse(merge(text, Settings(), env, short_names=["acme/api"]))
    assert conf.aliases["acme/api"] == "docker.io/acme/api"
    assert [entry.blocked for entry in conf.entries] == [True]
    # The other way round: the table goes from where an alias comes.
    blocked = merge(text, Settings(), env)
    conf = parse(merge(blocked, Settings(), environment("quay.io"), short_names=["acme/api"]))
    assert conf.aliases["acme/api"] == "docker.io/acme/api"
    assert conf.entries == ()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('registry = [{location = "quay.io"}]\n', "registry"),
        ("registry = []\n", "registry"),
        ('[registries.search]\nregistries = ["quay.io"]\n', "registries"),
        ('[[registry]]\nlocation = "quay.io"\nBlocked = true\n', "registry[0].Blocked"),
        ('[[Registry]]\nlocation = "quay.io"\n', "Registry"),
        # Go folds the long s and the sign of the kelvin.
        ('[["regi\u017ftry"]]\nlocation = "quay.io"\n', r'["regi\u017ftry"]'),
        ('[[registry]]\nlocation = "x"\n"bloc\u212aed" = 1\n', r'registry[0]["bloc\u212aed"]'),
        ("[[registry]]\nlocation = 1\n", "registry[0].location"),
        # It is as long as evil.test, and comes before it.
        ('[[registry]]\nprefix = "*.ab.test"\n', "registry[0]"),
        ('[[registry]]\nprefix = "m.corp"\nlocation = "evil.test"\n', "registry[1]"),
        ('aliases = {x = "quay.io/x"}\n', "aliases.x"),
        ("aliases = 1\n", "aliases"),
    ],
)
def test_what_cannot_be_brought_in_line_is_refused(text: str, place: str) -> None:
    env = environment("evil.test", inactive="evil.test").added("x.ab.test", username="bot")
    with pytest.raises(DocumentError) as caught:
        merge(text, Settings(), env.deactivated("ci/2"))
    assert caught.value.place == place


def test_the_host_that_stands_for_the_default_registry_is_nobody_else_s() -> None:
    text = '[[registry]]\nprefix = "default-registry.invalid"\nlocation = "evil.test"\n'
    with pytest.raises(DocumentError, match="stands for the default registry"):
        merge(text, Settings(default_registry="harbor.corp/proxy"))


def test_a_marked_table_that_somebody_went_on_with_is_kept() -> None:
    env = environment("quay.io", inactive="quay.io")
    text = merge("# mine\n", Settings(), env) + '[[registry.mirror]]\nlocation = "m.corp"\n'
    merged = merge(text, Settings(), environment("quay.io"))
    [entry] = parse(merged).entries
    assert (entry.blocked, entry.mirrors) == (False, (Mirror("m.corp"),))


def test_the_lines_at_the_top_follow() -> None:
    """R7: they say what is blocked, so they are written anew where they stand."""
    env = environment("quay.io", inactive="quay.io")
    text = render(Settings(), env)
    assert merge(text, Settings(), env.activated("ci/1")) == render(
        Settings(), env.activated("ci/1")
    )
    assert "R7" not in merge(text, Settings(), env.activated("ci/1"))
    crlf = text.replace("\n", "\r\n")
    assert merge(crlf, Settings(), env) == crlf
    active = merge(crlf, Settings(), env.activated("ci/1"))
    assert active.count("\n") == active.count("\r\n")
