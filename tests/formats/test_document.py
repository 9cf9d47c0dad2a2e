"""Places in documents, and errors that take nothing along."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.secrecy import MARK, assert_error_silent
from wharfinger import RegistryAddress, WharfingerError
from wharfinger.formats.document import DocumentError, Parsed, forgetful, place


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        ((), ""),
        (("auths",), "auths"),
        (("auths", "quay.io", "auth"), 'auths["quay.io"].auth'),
        (("items", 0, "kind"), "items[0].kind"),
        ((3,), "[3]"),
        (("quay.io",), '["quay.io"]'),
        (("a-b", "_c1"), "a-b._c1"),
        (("",), '[""]'),
        (("1a",), '["1a"]'),
        (('a"b\\',), '["a\\"b\\\\"]'),
        (("a\nb\x1b",), '["a\\nb\\x1b"]'),
        (("ü\ud800",), '["\\xfc\\ud800"]'),
        (("x" * 80,), "x" * 80),
        (("x" * 81,), '["' + "x" * 77 + '..."]'),
    ],
)
def test_a_place_is_a_path(parts: tuple[str | int, ...], wanted: str) -> None:
    assert place(*parts) == wanted


@pytest.mark.parametrize("sign", ["@", "\N{FULLWIDTH COMMERCIAL AT}", "\N{SMALL COMMERCIAL AT}"])
@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("ci:{}@quay.io", "***@quay.io"),
        ("https://ci:{}@quay.io/v1/", "https://***@quay.io/v1/"),
        ("HTTP://{}@quay.io", "HTTP://***@quay.io"),
        ("ftp://ci:{}@quay.io", "***@quay.io"),
        ("https://ci:a/b@c/{}@quay.io", "https://***@quay.io"),
        ("{}@", "***@"),
    ],
)
def test_user_information_is_hidden(sign: str, key: str, wanted: str) -> None:
    """R4: a place shows no user name and no password, however long they are."""
    for text in (MARK, MARK * 100):
        shown = place(key.replace("@", sign).format(text))
        escaped = sign if sign == "@" else sign.encode("unicode_escape").decode()
        assert shown == f'["{wanted.replace("@", escaped)}"]'


@given(st.text(), st.text())
def test_nothing_before_an_at_is_shown(before: str, after: str) -> None:
    """R4: whatever stands around it."""
    shown = place(f"x{MARK}{before}@{after}")
    assert MARK not in shown
    assert shown.isascii()
    assert shown.isprintable()
    assert len(shown) <= 10 * 80 + 4


def test_an_error_has_its_place() -> None:
    error = DocumentError("auths", "it is none")
    assert (error.place, error.problem, str(error)) == ("auths", "it is none", "auths: it is none")
    assert str(DocumentError("", "it is none")) == "it is none"
    assert isinstance(error, WharfingerError)
    assert isinstance(error, ValueError)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # made here
    assert (again.place, again.problem) == (error.place, error.problem)


def test_what_was_parsed_is_a_value() -> None:
    assert Parsed((1, 2)) == Parsed((1, 2), ())
    assert Parsed((1,)) != Parsed((2,))


@forgetful
def fails(text: str, error: type[Exception]) -> None:
    """A function's own words."""
    secret = f"{text}{MARK}"
    try:
        dict[str, str]().pop(secret)
    except KeyError:
        raise error("a", "b") from None


@pytest.mark.parametrize("error", [DocumentError, TypeError])
def test_an_error_forgets_where_it_came_from(error: type[Exception]) -> None:
    """R9: neither frames nor earlier errors are left."""
    with pytest.raises(error) as caught:
        fails(MARK, error)
    assert_error_silent(caught.value)
    assert caught.value.__context__ is None
    assert caught.value.args == ("a", "b")


def test_a_forgetful_function_is_itself() -> None:
    assert fails.__name__ == "fails"
    assert fails.__doc__ == "A function's own words."
    assert forgetful(RegistryAddress.parse)("quay.io") == RegistryAddress.parse("quay.io")
