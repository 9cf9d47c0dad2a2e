"""The fuzzer's corpus, replayed: the parser against the recogniser, and what any text must hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.core import checks
from wharfinger import Reason

DATA = Path(__file__).parent / "data"


def texts(name: str) -> list[str]:
    lines = (DATA / name).read_text("utf-8").splitlines()
    return [json.loads(line)["in"] for line in lines]


CORPUS = texts("corpus.jsonl")


def test_the_corpus() -> None:
    """R1, R20: every input of the corpus passes, and together they reach every rule and reason."""
    assert len(set(CORPUS)) == len(CORPUS) <= 600
    reached = frozenset[str]().union(*map(checks.check, CORPUS))
    assert {f"reason:{reason}" for reason in Reason} <= reached
    for name, rules in {
        "reference": checks.REFERENCE_RULES,
        "address": checks.ADDRESS_RULES,
        "setting": checks.SETTING_RULES,
    }.items():
        found = {each.removeprefix(f"{name}:") for each in reached if each.startswith(f"{name}:")}
        assert found - {"valid"} == rules


def test_the_vectors() -> None:
    """R1, R20: every reference vector passes."""
    for text in texts("references.jsonl"):
        checks.check(text)


@pytest.mark.parametrize(
    ("reference", "rule"),
    [
        ("", "empty"),
        ("ubuntu\n", "character"),
        ("ubuntu:", "dangling-separator"),
        ("x@abc", "digest"),
        ("x@md5:abc", "digest-algorithm"),
        ("x@sha256:abc", "digest-length"),
        ("-.io/x", "host"),
        ("f" * 64, "image-id"),
        ("[1::2::3]/x", "ipv6"),
        ("::1/x", "ipv6-brackets"),
        ("a//b", "path"),
        ("a" * 248, "path-length"),
        ("quay.io:0/x", "port"),
        ("https://quay.io/x", "scheme"),
        ("x:" + "a" * 129, "tag"),
        ("quay.io./x", "trailing-dot"),
        ("quay.io/X", "uppercase"),
        ("bot:s3cret@quay.io/x", "userinfo"),
        ("[fe80::1%eth0]/x", "zone-id"),
    ],
)
def test_every_rule(reference: str, rule: str) -> None:
    """R20: each rule of an invalid reference, by its shortest example."""
    assert rule in checks.REFERENCE_RULES
    assert checks.check_reference(reference) == {f"reference:{rule}"}


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        (checks.Question("x", options="h"), Reason.ALREADY_ON_HOST),
        (checks.Question("x", whitelist="quay.io", options="hv"), Reason.NOT_WHITELISTED),
        (checks.Question("x", registries="docker.io,!docker.io"), Reason.REGISTRY_INACTIVE),
        (checks.Question("x", registries="!docker.io,docker.io"), Reason.CREDENTIAL),
        (checks.Question("x", registries="quay.io"), Reason.ANONYMOUS),
    ],
)
def test_every_reason(question: checks.Question, reason: Reason) -> None:
    """R15: each reason, by its shortest question."""
    assert f"reason:{reason}" in checks.check_question(question)
