"""What grows: the time with the length of a hostile text, the memory with the references kept."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Final

from tests.benchmarks import inputs
from tests.benchmarks.measuring import Bound, Samples, elapsed, table
from wharfinger import (
    DefaultRegistry,
    ImageReference,
    MalformedInput,
    RegistryAddress,
    Whitelist,
)

STEEPEST: Final = 2.5
KEPT: Final = 50_000
Reader = Callable[[str], object]


def told(reader: Reader, text: str, runs: int) -> None:
    """Read a text some times; where it is refused, format the error."""
    for _ in range(runs):
        try:
            reader(text)
        except MalformedInput as error:
            str(error)


def repeated(unit: str, before: str = "", after: str = "") -> Callable[[int], str]:
    """Make texts of any size out of one unit, with something before and after."""
    return lambda size: before + unit * ((size - len(before) - len(after)) // len(unit)) + after


FAMILIES: Final[dict[str, tuple[Reader, Callable[[int], str]]]] = {
    "path words and dashes, `a-a-…!`": (ImageReference.parse, repeated("a-", after="!")),
    "path components, `a/a/…!`": (ImageReference.parse, repeated("a/", after="!")),
    "path, valid but too long": (ImageReference.parse, repeated("a/", after="a")),
    "nested separators, `a--__a…`": (ImageReference.parse, repeated("a--a__a.a_a/", after="!")),
    "one word, then a bad end": (ImageReference.parse, repeated("a", after="!")),
    "dashes alone": (ImageReference.parse, repeated("-", "a", "/a")),
    "long host, `a.a.…/a`": (ImageReference.parse, repeated("a.", after="a/a")),
    "long host, then a bad path": (ImageReference.parse, repeated("a-a.", after="a/A!")),
    "host in capitals": (ImageReference.parse, repeated("A", after="_/a")),
    "colons, `a:a:…`": (ImageReference.parse, repeated("a:")),
    "port, `a:111…/a`": (ImageReference.parse, repeated("1", "a:", "/a")),
    "brackets, `[[[…`": (ImageReference.parse, repeated("[")),
    "bracketed groups, `[1:1:…]/a`": (ImageReference.parse, repeated("1:", "[", "]/a")),
    "long tag": (ImageReference.parse, repeated("v.", "a:")),
    "digest, `a@sha256:fff…`": (ImageReference.parse, repeated("f", "a@sha256:")),
    "digests, `a@sha256:a@sha256:…`": (ImageReference.parse, repeated("a@sha256:")),
    "user information, `a:a@a:a@…`": (ImageReference.parse, repeated("a:a@", after="b/c")),
    "schemes, `https://https://…`": (ImageReference.parse, repeated("https://")),
    "blanks": (ImageReference.parse, repeated(" ", "a", "b")),
    "beyond ASCII": (ImageReference.parse, repeated("é")),
    "address of labels": (RegistryAddress.parse, repeated("a-a.", after="!")),
    "address of groups, `[1:1:…]`": (RegistryAddress.parse, repeated("1:", "[", "]")),
    "default registry of components": (DefaultRegistry.parse, repeated("a/", "a.b/", "!")),
    "whitelist of many entries": (Whitelist, repeated("a-a.b/c,")),
    "whitelist, its last entry bad": (Whitelist, repeated("*.a,", after="!")),
    "whitelist of one long entry": (Whitelist, repeated("a-", "*.a/", "!")),
    "whitelist of commas": (Whitelist, repeated(",", after="!")),
}


class Linear:
    """The steepest of the doublings of every hostile family.

    Args:
        smallest: The length of the shortest text.
        doublings: How often it doubles.
        rounds: How many rounds a measurement has.
    """

    def __init__(self, smallest: int, doublings: int, rounds: int) -> None:
        self._sizes = [smallest << step for step in range(doublings + 1)]
        self._rounds = rounds
        self._samples = {(name, n): Samples() for name in FAMILIES for n in self._sizes}

    def measure(self) -> None:
        gc.collect()
        gc.disable()
        for _ in range(self._rounds):
            for name, (reader, make) in FAMILIES.items():
                for n in self._sizes:
                    # All lengths are timed as long as the longest, or its minimum alone would
                    # need a long quiet while.
                    runs = self._sizes[-1] // n
                    work = partial(told, reader, make(n), runs)
                    self._samples[name, n].taken.append(elapsed(work) / runs)
        gc.enable()

    def bounds(self) -> list[Bound]:
        worst = max(FAMILIES, key=self._steepest)
        return [
            Bound(
                f"time of a doubled text, steepest of {len(FAMILIES)} families ({worst})",
                STEEPEST,
                self._steepest(worst),
            )
        ]

    def tables(self) -> dict[str, str]:
        first, last = self._sizes[0], self._sizes[-1]
        return {
            "linear": table(
                ["text", f"{first >> 10} kB, ms", f"{last >> 10} kB, ms", "steepest doubling"],
                [
                    [
                        name,
                        f"{self._minimum(name, first) / 1e6:.2f}",
                        f"{self._minimum(name, last) / 1e6:.2f}",
                        f"{self._steepest(name):.2f}",
                    ]
                    for name in FAMILIES
                ],
            )
        }

    def _minimum(self, name: str, size: int) -> float:
        return self._samples[name, size].minimum

    def _steepest(self, name: str) -> float:
        times = [self._minimum(name, size) for size in self._sizes]
        return max(longer / shorter for shorter, longer in pairwise(times))


class Memory:
    """Bytes per reference that is kept, by tracemalloc; deterministic, so it is measured once."""

    def __init__(self) -> None:
        self._bytes: dict[bool, float] = {}

    def measure(self) -> None:
        self._bytes = {digest: self._per_reference(digest=digest) for digest in (False, True)}

    def bounds(self) -> list[Bound]:
        return [
            Bound("bytes of a reference without digest", 320, self._bytes[False]),
            Bound("bytes of a reference with digest", 450, self._bytes[True]),
        ]

    def tables(self) -> dict[str, str]:
        rows = [["without digest", self._bytes[False]], ["with digest", self._bytes[True]]]
        return {
            "memory": table(
                ["registry, repository and tag", "bytes per reference"],
                [[str(name), f"{count:.0f}"] for name, count in rows],
            )
        }

    @staticmethod
    def _per_reference(*, digest: bool) -> float:
        texts = inputs.whole_texts(digest=digest, count=KEPT)
        kept: list[ImageReference | None] = [None] * KEPT
        for text in texts[: KEPT // 10]:  # the memos are full
            ImageReference.parse(text)
        gc.collect()
        tracemalloc.start()
        for number, text in enumerate(texts):
            kept[number] = ImageReference.parse(text)
        gc.collect()
        used = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return used / len(kept)
