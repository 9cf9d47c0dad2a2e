"""Parsing beside the peers, and resolving."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Final

from docker.auth import resolve_repository_name
from docker.utils import parse_repository_tag
from docker_image.reference import Reference
from oras.container import Container

from tests.benchmarks import inputs
from tests.benchmarks.measuring import Bound, Candidate, Samples, Work, interleave, table
from wharfinger import ImageReference, InvalidReference, resolve
from wharfinger.core import _grammar

WHOLE: Final = re.compile(
    rf"(?:((?:{_grammar.NAME}|\[[0-9a-fA-F:]++\])(?::[0-9]++)?+)/)?+{_grammar.REMOTE.pattern}"
)
"""The whole grammar in one expression, possessive; it decides, and makes nothing of it."""

DOCKER: Final = "docker-py: `parse_repository_tag`, `resolve_repository_name`"
ORAS: Final = "oras-py: `Container`"
DOCKER_IMAGE: Final = "docker-image-py: `parse_normalized_named`"
MATCH: Final = "one compiled expression for the whole grammar, matched and no more"
WARM: Final = "wharfinger: `ImageReference.parse`, warm"
COLD: Final = "wharfinger: `ImageReference.parse`, cold"
PARSERS: Final = [MATCH, DOCKER, WARM, COLD, ORAS, DOCKER_IMAGE]

ALONE: Final = "`ImageReference.parse` alone, the same kind of texts"
UNSEEN: Final = "text never seen"
SEEN: Final = "text seen before"
GIVEN: Final = "`ImageReference` given"
MIDDLE: Final = 1_000


def each(function: Callable[[str], object], texts: list[str]) -> None:
    """Call a function of every text."""
    for text in texts:
        function(text)


def split_by_docker(texts: list[str]) -> None:
    """Do what a caller of docker-py must do to know registry, repository and tag."""
    for text in texts:
        repository, _ = parse_repository_tag(text)
        resolve_repository_name(repository)


def parsers() -> list[Candidate]:
    """The candidates of the first table; all but the cold one read the same 401 texts."""

    def alike(name: str, work: Callable[[list[str]], object]) -> Candidate:
        def prepare() -> Work:
            work(inputs.copies(inputs.REAL))  # the cold ones may just have cleared a memo
            return partial(work, inputs.copies(inputs.REAL))

        return Candidate(name, prepare, len(inputs.REAL))

    return [
        alike(MATCH, partial(each, WHOLE.fullmatch)),
        alike(DOCKER, split_by_docker),
        alike(WARM, partial(each, ImageReference.parse)),
        Candidate(
            COLD,
            lambda: partial(each, ImageReference.parse, inputs.unknown_texts()),
            len(inputs.REAL),
        ),
        alike(ORAS, partial(each, Container)),
        alike(DOCKER_IMAGE, partial(each, Reference.parse_normalized_named)),
    ]


def resolvers(size: int) -> list[Candidate]:
    """The candidates of the second table, in an environment of some size."""
    environment, settings = inputs.environment(size), inputs.settings()

    def decide(images: list[ImageReference] | list[str]) -> None:
        for image in images:
            resolve(image, environment, settings)

    def unseen() -> Work:
        each(ImageReference.parse, inputs.REAL)
        return partial(decide, inputs.known_hosts())

    def seen() -> Work:
        decide(inputs.copies(inputs.REAL))
        return partial(decide, inputs.copies(inputs.REAL))

    def given() -> Work:
        each(ImageReference.parse, inputs.REAL)
        return partial(decide, [ImageReference.parse(text) for text in inputs.known_hosts()])

    reasons = {resolve(text, environment, settings).reason for text in inputs.REAL}
    if len(reasons) != 4:  # pragma: no cover -- a mistake in the inputs
        msg = f"the references do not get every verdict: {reasons}"
        raise ValueError(msg)
    return [
        Candidate(f"{name}, {size:,} registries", prepare, len(inputs.REAL))
        for name, prepare in ((UNSEEN, unseen), (SEEN, seen), (GIVEN, given))
    ]


def parse_alone() -> Candidate:
    """Parse what the resolvers are given."""

    def prepare() -> Work:
        each(ImageReference.parse, inputs.REAL)
        return partial(each, ImageReference.parse, inputs.known_hosts())

    return Candidate(ALONE, prepare, len(inputs.REAL))


def decisions() -> list[list[str]]:
    """How often each parser decides the vectors of kind ``edge`` as the canonical grammar does."""
    rules: dict[str, Callable[[str], object]] = {
        "docker-py": lambda text: split_by_docker([text]),
        "oras-py": Container,
        "docker-image-py": Reference.parse_normalized_named,
        "wharfinger": ImageReference.parse,
    }
    edge = inputs.vectors("edge")
    rows = []
    for name, rule in rules.items():
        taken = [(_takes(rule, text), ok) for text, ok in edge]
        agreed = sum(said == ok for said, ok in taken)
        wrongly = sum(said and not ok for said, ok in taken)
        rows.append(
            [name, f"{agreed} of {len(edge)}", str(wrongly), str(len(edge) - agreed - wrongly)]
        )
    return rows


def _takes(rule: Callable[[str], object], text: str) -> bool:
    try:
        rule(text)
    except InvalidReference:
        return False
    except Exception:  # noqa: BLE001 -- whatever a peer raises, it refuses
        return False
    return True


class Speed:
    """All parsers and resolvers, interleaved.

    Args:
        rounds: How many rounds a measurement has.
        largest: How many registries the largest environment has.
    """

    def __init__(self, rounds: int, largest: int) -> None:
        self._rounds = rounds
        self._sizes = [10, MIDDLE, largest]
        self._candidates = [*parsers(), parse_alone()]
        for size in self._sizes:
            self._candidates += resolvers(size)
        self._samples: dict[str, Samples] = {}

    def measure(self) -> None:
        interleave(self._candidates, self._rounds, self._samples)

    def bounds(self) -> list[Bound]:
        def ns(name: str) -> float:
            return self._samples[name].minimum

        def at(name: str, size: int) -> float:
            return ns(f"{name}, {size:,} registries")

        hit = at(SEEN, MIDDLE) - at(GIVEN, MIDDLE)
        small, large = self._sizes[0], self._sizes[-1]
        return [
            Bound("parse, as multiple of docker-py", 1.25, ns(WARM) / ns(DOCKER), aim=1),
            Bound(
                "parse, times faster than docker-image-py",
                15,
                ns(DOCKER_IMAGE) / ns(WARM),
                floor=True,
            ),
            Bound(
                f"resolve at {MIDDLE:,} registries, as multiple of the parse alone",
                3,
                at(UNSEEN, MIDDLE) / ns(ALONE),
                aim=2,
            ),
            Bound("text seen before, its look-up as part of a cold parse", 0.1, hit / ns(COLD)),
            Bound(
                f"resolve at {large:,} registries, as multiple of that at {small}",
                1.2,
                at(UNSEEN, large) / at(UNSEEN, small),
            ),
        ]

    def tables(self) -> dict[str, str]:
        docker = self._samples[DOCKER].minimum
        alone = self._samples[ALONE].minimum
        resolving = [name for name in self._samples if name not in PARSERS]
        return {
            "parse": table(
                ["parser", "min, ns", "median, ns", "min / docker-py's"],
                [self._row(name, docker) for name in PARSERS],
            ),
            "edge": table(
                ["parser", "decided as the canonical grammar", "wrongly taken", "refused"],
                decisions(),
            ),
            "resolve": table(
                ["resolve", "min, ns", "median, ns", "min / parse alone"],
                [self._row(name, alone) for name in resolving],
            ),
        }

    def _row(self, name: str, unit: float) -> list[str]:
        taken = self._samples[name]
        ratio = taken.minimum / unit
        return [name, f"{taken.minimum:,.0f}", f"{taken.median:,.0f}", f"{ratio:.2f}"]
