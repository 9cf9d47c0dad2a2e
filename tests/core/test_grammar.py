"""The parser against a recogniser that shares nothing with it."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from tests.core.recogniser import Parts, recognise
from wharfinger import ImageReference, InvalidReference
from wharfinger.testing.strategies import near_misses, references

VECTORS = Path(__file__).parent / "data" / "references.jsonl"


def parsed(text: str) -> Parts | None:
    try:
        reference = ImageReference.parse(text)
    except InvalidReference:
        return None
    return Parts(reference.registry, reference.repository, reference.tag, reference.digest)


@given(references())
def test_valid_by_construction(text: str) -> None:
    """R1, R20: a reference made by the grammar is read, into the parts the recogniser finds."""
    assert parsed(text) == recognise(text) is not None


@given(near_misses())
@example("foo_bar.com/x")
@example("[::]:1/x")
@example("[1::2::3]/x")
@example("ubuntu\n")
@example("a" * 248)
@example("docker.io/" + "a" * 248)
@example("quay.io/" + "a" * 255)
@example("f" * 64)
@example("f" * 64 + ":x")
def test_near_misses(text: str) -> None:
    """R1, R20: the parser and the recogniser agree on what is nearly a reference."""
    assert parsed(text) == recognise(text)


@given(st.text(st.sampled_from("ab1A.:/@-_[]"), max_size=12))
def test_small_texts(text: str) -> None:
    """R1, R20: they agree on any short text of the grammar's own characters."""
    assert parsed(text) == recognise(text)


def test_vectors() -> None:
    """R1, R20: they agree on every reference vector, valid or not."""
    texts = [json.loads(line)["in"] for line in VECTORS.read_text("utf-8").splitlines()]
    assert len(texts) == 3542
    assert [text for text in texts if parsed(text) != recognise(text)] == []
