"""JSON changed in place: what was not to be changed is the same to the byte."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.formats.secrecy import MARK, assert_error_silent
from wharfinger.formats._json_text import (
    Inside,
    change,
    kind,
    load,
    members,
    named,
    object_at,
    repeated,
)
from wharfinger.formats.document import DocumentError

NAMES = st.sampled_from(["a", "b", "auths", "quay.io", "é\n\"'", ""]) | st.text(max_size=5)
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=4)
NEW = st.booleans() | st.integers() | st.text(max_size=5) | st.lists(LEAVES, max_size=2)
CHANGES = st.dictionaries(NAMES, st.none() | NEW | st.dictionaries(NAMES, NEW, max_size=2))
STYLES = st.sampled_from(
    [
        {"indent": "\t"},
        {"indent": 1},
        {"indent": 2},
        {"indent": 4},
        {},
        {"separators": (",", ":")},
    ]
)


def applied(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """What the changes mean."""
    after = document | changes
    return {
        name: value for name, value in after.items() if value is not None or name not in changes
    }


@given(OBJECTS, CHANGES, STYLES)
def test_a_change_means_what_it_says(
    document: dict[str, Any], changes: dict[str, Any], style: dict[str, Any]
) -> None:
    text = json.dumps(document, **style)
    assert load(change(text, changes)) == applied(document, changes)


@given(OBJECTS, CHANGES, STYLES)
@example({"auths": {}}, {"a": {"x": 1}}, {"indent": 2})
def test_a_change_looks_like_its_surroundings(
    document: dict[str, Any], changes: dict[str, Any], style: dict[str, Any]
) -> None:
    """What json.dumps would have written of the changed document, had it written all of it."""
    assume(len(document) > 1)  # else the text does not tell its style
    after = applied(document, changes)
    assume(after)
    assert change(json.dumps(document, **style), changes) == json.dumps(after, **style)


@given(OBJECTS, OBJECTS, CHANGES, STYLES)
def test_a_change_inside_leaves_the_outside(
    document: dict[str, Any], inner: dict[str, Any], changes: dict[str, Any], style: dict[str, Any]
) -> None:
    assume(len(document) > 1)
    assume(len(inner) > 1)
    after = applied(inner, changes)
    assume(after)
    text = json.dumps(document | {"in": {"side": inner}, "z": 1}, **style)
    wanted = document | {"in": {"side": after}, "z": 1}
    assert change(text, changes, "in", "side") == json.dumps(wanted, **style)
    nested = {"in": Inside({"side": Inside(changes)})}
    assert change(text, nested) == json.dumps(wanted, **style)


@st.composite
def written(draw: st.DrawFn, value: object) -> str:
    """A value as somebody may write it: blanks anywhere, and escapes."""
    blank = st.text(" \t\r\n", max_size=2)

    def around(text: str) -> str:
        return draw(blank) + text + draw(blank)

    if isinstance(value, dict):
        inside = [
            f"{around(json.dumps(name))}:{around(draw(written(item)))}"
            for name, item in value.items()
        ]
        return "{" + (",".join(inside) or draw(blank)) + "}"
    if isinstance(value, list):
        return "[" + (",".join(around(draw(written(item))) for item in value)) + "]"
    return json.dumps(value, ensure_ascii=draw(st.booleans()))


@given(st.data(), OBJECTS, CHANGES)
def test_every_other_byte_stays(
    data: st.DataObject, document: dict[str, Any], changes: dict[str, Any]
) -> None:
    """Each member that stays has the very bytes it had, and the blanks around it."""
    text = "\ufeff" + data.draw(written(document)) + "\n"
    after = change(text, changes)
    assert load(after) == applied(document, changes)
    assert after[0] == "\ufeff"
    assert after[-1] == "\n"
    plain, plain_after = text[1:], after[1:]
    there = {m.name: plain[m.start : m.end] for m in members(plain)}
    for member in members(plain_after):
        if member.name not in changes:
            assert plain_after[member.start : member.end] == there[member.name]


@given(st.data(), OBJECTS)
def test_what_changes_nothing_changes_no_byte(
    data: st.DataObject, document: dict[str, Any]
) -> None:
    text = data.draw(written(document))
    same = {name: value for name, value in document.items() if isinstance(value, str)}
    missing = {name: None for name in ("no such", "name") if name not in document}
    assert change(text, same | missing) == text
    assert change(text, {}) == text
    assert change(text, {}, "not there") == text
    assert change(text, {"x": None}, "not there", "nor this") == text


@pytest.mark.parametrize(
    ("text", "changes", "path", "wanted"),
    [
        # Blanks before a comma, and escapes of a value that is the same.
        ('{"a": 1 , "b":2 }', {"c": 3}, (), '{"a": 1 , "b":2, "c": 3 }'),
        (r'{"a": "\u0041"}', {"a": "A", "b": None}, (), r'{"a": "\u0041"}'),
        (r'{"a": "\u0041"}', {"a": "B"}, (), '{"a": "B"}'),
        # The first goes, the last goes, all go.
        ('{ "a": 1, "b": 2 }', {"a": None}, (), '{ "b": 2 }'),
        ('{ "a": 1, "b": 2 }', {"b": None}, (), '{ "a": 1 }'),
        ('{ "a": 1, "b": 2 }', {"a": None, "b": None}, (), "{}"),
        ('{\n  "a": 1,\n  "b": 2\n}', {"b": None, "c": 3}, (), '{\n  "a": 1,\n  "c": 3\n}'),
        # Lines end as they did.
        ('{\r\n  "a": 1\r\n}', {"b": 2}, (), '{\r\n  "a": 1,\r\n  "b": 2\r\n}'),
        # Nothing there yet.
        ("", {"a": 1}, ("auths",), '{\n\t"auths": {\n\t\t"a": 1\n\t}\n}\n'),
        ("{}", {"a": 1}, (), '{\n\t"a": 1\n}'),
        ("{ }", {"a": 1}, (), '{\n\t"a": 1\n}'),
        (
            '{\n "x": {\n  "a": 1\n }\n}',
            {"b": {"c": 2}},
            ("x",),
            '{\n "x": {\n  "a": 1,\n  "b": {\n   "c": 2\n  }\n }\n}',
        ),
        (" \n", {"a": None}, (), "{}\n"),
        ("\n", {"a": None}, (), "{}\n"),
        ('{"auths": {}}', {"a": 1}, ("auths",), '{"auths": {"a": 1}}'),
        ('{\n    "auths": {}\n}', {"a": 1}, ("auths",), None),
        # Go writes null for an empty map.
        ('{"auths": null}', {"a": 1}, ("auths",), '{"auths": {"a": 1}}'),
        ('{"auths": null}', {"a": None}, ("auths",), '{"auths": null}'),
        # Of repeated members the last one counts; what replaces it replaces all.
        ('{"a": 1, "b": 2, "a": 3}', {"a": 4}, (), '{"b": 2, "a": 4}'),
        ('{"a": 1, "a": 3}', {"a": None}, (), "{}"),
        (
            '{"auths": {"a": 1, "b": 2}, "auths": {"c": 3}}',
            {"a": 4},
            ("auths",),
            '{"auths": {"b": 2}, "auths": {"c": 3, "a": 4}}',
        ),
        # What is no object is replaced where it is a value, and not where it is a path.
        ('{"a": 1}', {"a": Inside({"b": 2, "c": None})}, (), '{"a": {"b": 2}}'),
        ('{"a": {"b": 1, "x": 0}}', {"a": Inside({"b": 2})}, (), '{"a": {"b": 2, "x": 0}}'),
    ],
)
def test_small_changes(
    text: str, changes: dict[str, Any], path: tuple[str, ...], wanted: str | None
) -> None:
    if wanted is None:
        wanted = json.dumps({"auths": {"a": 1}}, indent=4)
    assert change(text, changes, *path) == wanted


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("{", "line 1, column 2", "it is not valid JSON"),
        ('{"a": 1}\n{', "line 2, column 1", "it is not valid JSON"),
        ('{"a":\n nope}', "line 2, column 2", "it is not valid JSON"),
        ("[]", "", "an object is wanted, and this is an array"),
        ("null", "", "an object is wanted, and this is null"),
        ("1.5", "", "an object is wanted, and this is a number"),
        ('"x"', "", "an object is wanted, and this is a string"),
        ("true", "", "an object is wanted, and this is a boolean"),
        ('{"a": NaN}', "", "can be read: NaN"),
        ('{"a": -Infinity}', "", "can be read: NaN, Infinity"),
        ('{"a": ' + "1" * 9999 + "}", "", "a number too long"),
        ('{"a": ' + "[" * 99999 + "]" * 99999 + "}", "", "a nesting too deep"),
        ('{"a":' * 99999, "", "a nesting too deep"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, where: str, problem: str) -> None:
    """R20: by line and column where the decoder tells them."""
    for read in (load, lambda given: change(given, {"b": 1})):
        with pytest.raises(DocumentError) as caught:
            read(text)
        assert caught.value.place == where
        assert problem in caught.value.problem


@pytest.mark.parametrize("value", ["1", "[]", '"x"', "true"])
def test_what_is_no_object_on_the_way_is_refused(value: str) -> None:
    text = f'{{"a": {{"b.c": {value}}}}}'
    with pytest.raises(DocumentError, match="an object is wanted") as caught:
        change(text, {"x": 1}, "a", "b.c")
    assert caught.value.place == 'a["b.c"]'
    with pytest.raises(DocumentError):
        object_at(text, "a", "b.c", "d")


def test_what_is_no_text_is_refused_by_its_type() -> None:
    with pytest.raises(TypeError, match="a document is a str, not bytes"):
        load(b"{}")  # type: ignore[arg-type]


def nested(depth: int) -> str:
    return '{"a": {"b": ' + "[" * depth + f'"{MARK}"' + "]" * depth + "}}"


@pytest.mark.parametrize(
    "look",
    [
        lambda text: list(members(text)),
        lambda text: change(text, {"x": 1}, "a"),
        lambda text: object_at(text, "a", "c"),
        repeated,
    ],
    ids=["members", "change", "object_at", "repeated"],
)
def test_no_depth_is_read_by_one_and_fatal_to_another(look: Callable[[str], object]) -> None:
    """R20: at every depth around the limit there is an answer or a typed error."""
    limit = sys.getrecursionlimit()
    depths = [*range(1, limit - 250, 50), *range(limit - 250, limit + 50)]
    answers = {told(look, nested(depth)) for depth in depths}
    assert answers >= {None}
    if sys.version_info < (3, 12):  # later ones count C's frames by themselves, and many more
        assert len(answers) == 2
    assert MARK not in str(answers)


def told(look: Callable[[str], object], text: str) -> str | None:
    """What is said of a document that is refused."""
    try:
        load(text)
        look(text)
    except DocumentError as error:
        return str(error)
    return None


def test_an_error_tells_nothing_of_the_document() -> None:
    """R9: neither text nor frames."""
    with pytest.raises(DocumentError) as caught:
        load(f'{{"a": "{MARK}" nope}}')
    assert MARK not in f"{caught.value!r} {caught.value} {caught.value.args}"
    error = caught.value.with_traceback(None)
    error.__context__ = None  # as @forgetful does
    assert_error_silent(error)


def test_repeated_members_are_told_by_their_lines() -> None:
    text = '{"x": 0, "auths": {"a": 1,\n"b": "\\n",\n\n"a": 2}, "a": 3,\n "x": 1}'
    assert repeated(text) == {"x": [1, 5]}
    start = object_at(text, "auths")
    assert start is not None
    assert repeated(text, start) == {"a": [1, 4]}
    assert repeated("{}") == {}


def test_members_have_their_places() -> None:
    text = ' { "a" : [1] , "b":{}}'
    assert [(text[m.start : m.end], m.value) for m in members(text)] == [
        ('"a" : [1]', [1]),
        ('"b":{}', {}),
    ]
    assert [text[m.value_start : m.end] for m in members(text)] == ["[1]", "{}"]


def test_a_missing_object_is_nowhere() -> None:
    assert object_at('{"a": {}}', "b") is None
    assert object_at('{"a": null}', "a") is None
    assert object_at('{"a": {"b": 1}, "a": {"c": {}}}', "a", "b") is None
    assert object_at('{"a": {}}') == 0


def test_a_name_is_found_as_go_finds_it() -> None:
    """The name itself, else the last that differs in case alone."""
    assert named({"Auths": 1, "auths": 2, "AUTHS": 3}, "auths") == "auths"
    assert named({"Auths": 1, "AUTHS": 3, "authss": 4}, "auths") == "AUTHS"
    assert named({"authz": 1}, "auths") == "auths"


def test_a_kind_tells_nothing_of_a_value() -> None:
    values: list[object] = [True, {}, 1.5, 1, [], "x", None, b"x"]
    kinds = [kind(value) for value in values]
    assert kinds == [
        "a boolean",
        "an object",
        "a number",
        "a number",
        "an array",
        "a string",
        "null",
        "something else",
    ]
