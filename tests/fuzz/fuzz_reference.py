"""Fuzz the core: every input against the slow recogniser and the checks of ``tests.core.checks``.

``python -m tests.fuzz.fuzz_reference 600`` runs for ten minutes and fails on the first crash,
disagreement, or input that takes more than a second. The seeds are the reference vectors, the
corpus that the default tests replay, and the questions below. ``--write`` then makes that corpus
anew: of all inputs found, the shortest that together take every way through the core's code.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType

DATA: Final = Path(__file__).parents[1] / "core" / "data"
VECTORS: Final = DATA / "references.jsonl"
CORPUS: Final = DATA / "corpus.jsonl"
ENTRIES: Final = 600

SHA: Final = "sha256:" + "0123456789abcdef" * 4
# See tests.core.checks.Question; a field stands in each line of these.
QUESTIONS: Final = [
    "",
    "ubuntu",
    "f" * 64,
    "a" * 248,
    "//quay.io/x",
    "quay.io./x",
    "[fe80::1%eth0]/x",
    "x@sha1:abc",
    "x@" + SHA[:-1],
    "https://bot:s3cret@quay.io/acme/api",
    "a\ud800/x",
    "ubuntu\nregistry.corp:5000/proxy\nregistry.corp:5000\nregistry.corp:5000\nlibrary",
    "ubuntu\ndocker.io/acme\n*.io, quay.io/acme\n!index.docker.io:443\n\nhv",
    "quay.io/acme/api:1.2@" + SHA + "\n\nquay.io/acme, *.corp:5000/a\n!quay.io,quay.io",
    "QUAY.io:443/acme/api\n\nghcr.io\nquay.io\n\nv",
    "quay.io/acme/api\n\nghcr.io\nquay.io\n\nh\nteam/a",
    "quay.io/acme/api\n\n\nquay.io,!QUAY.io:0443\n\n\nteam/a\nci@acme.example",
    "a.b.corp:5000/x/y\n[2001:DB8:0:0:0:0:0:1]:5000\n*.corp:5000\n[2001:db8::1]:5000",
    "10.0.0.5/x\n\n*.5, 10.0.0.5/x",
    "x\nmyhost\nacme/team\nquay.io.",
    "x\nhttps://quay.io/a/\nquay.io/*, https://quay.io\nhttps://quay.io",
    "x\nquay.io/A:1\n*.[::1], *.quay.io/A, docker.io/a@b\nbot:s3cret@quay.io\nA//b",
    "x\n::1\n*, *.*.io, ,\n::1,[::1%2],quay.io/x,quay.io:0\n \nl\n \nbot:bot",
    "x\n[1::2::3]\n[1::2::3]/x, quay.io\n[1::2::3]",
    "x\n\n,\n\n\nl",
    "x\nquay.io/" + "a" * 256 + "\n\nquay.io\n" + "a" * 254,
]
TOKENS: Final = [
    *("docker.io/", "index.docker.io/", "registry-1.docker.io", "registry.hub.docker.com"),
    *("library/", "localhost", "quay.io/", "registry.corp:5000", "[::1]", "[2001:db8::1]:443"),
    *("*.corp", "*.", "://", "***@", "@", "@" + SHA, "sha256:", "sha384:", "sha512:", "f" * 64),
    *("__", "--", "..", ":0", ":443", ":65535", ":65536", "%eth0", "\uff20", "\u0663", "\n"),
    *("\x1e", "\x1e\x1e", "\x1e!", ",", ", ", "x" * 128, "a/" * 64, "a" * 255),
]


def main() -> int:
    """Run the target in a process of its own, tell what it did, and keep what it found.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("seconds", nargs="?", type=int, default=30)
    parser.add_argument("--write", action="store_true", help="make corpus.jsonl anew")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in ("seeds", "found", "faults"):
            (folder / name).mkdir()
        for number, text in enumerate(seeds()):
            (folder / "seeds" / str(number)).write_bytes(encoded(text))
        (folder / "tokens").write_text("".join(map(quoted, TOKENS)), "ascii")
        began = time.monotonic()
        failed = run(
            f"-max_total_time={arguments.seconds}",
            f"-artifact_prefix={folder / 'faults'}{os.sep}",
            f"-dict={folder / 'tokens'}",
            str(folder / "found"),
            str(folder / "seeds"),
        )
        print(f"took {time.monotonic() - began:.0f} s")
        found = [decoded(path.read_bytes()) for path in sorted((folder / "found").iterdir())]
        for path in sorted((folder / "faults").iterdir()):
            print(f"{path.name}: {json.dumps({'in': decoded(path.read_bytes())})}")
    if arguments.write and not failed:
        inputs = {*found, *seeds()}
        kept = fewest(inputs)
        CORPUS.write_text("".join(json.dumps({"in": text}) + "\n" for text in kept), "ascii")
        print(f"kept {len(kept)} of {len(inputs)} inputs")
    return failed


def run(*options: str) -> int:
    """Run the target until it has a fault or the time is over."""
    command = [sys.executable, "-m", "tests.fuzz.fuzz_reference", "--target"]
    limits = ["-timeout=1", "-max_len=4096", "-print_final_stats=1", "-verbosity=1"]
    return subprocess.run([*command, *limits, *options], check=False).returncode


def target() -> None:
    """Be the process that fuzzes: instrument the core, and hand over to libFuzzer."""
    import re._constants as opcodes  # type: ignore[import-not-found]

    import atheris
    from atheris import function_hooks

    def traced(name: str) -> Callable[..., object]:
        """A method of the hook's patterns that takes, as theirs does not, a place to start at."""

        def method(self: Any, text: str, *place: int) -> object:  # noqa: ANN401  # the hook's
            atheris._trace_regex_match(self.generated, self.re_obj)
            return getattr(self.re_obj, name)(text, *place)

        return method

    for name in ("search", "match", "fullmatch", "findall", "finditer"):
        setattr(function_hooks.AtherisPatternProxy, name, traced(name))
    # The hook makes an example of every pattern, and knows no possessive quantifier.
    function_hooks._MIN_REPEAT = opcodes.POSSESSIVE_REPEAT

    import difflib  # noqa: F401  # not to be hooked
    import html  # noqa: F401
    import unicodedata  # noqa: F401

    atheris.enabled_hooks.add("RegEx")
    with atheris.instrument_imports(include=["wharfinger"]):
        import wharfinger.core._faults
        import wharfinger.core.resolver  # noqa: F401

    from tests.core.checks import check

    def test_one_input(data: bytes) -> None:
        began = time.process_time()
        check(decoded(data))
        # libFuzzer's own clock sees every other second.
        assert time.process_time() - began < 1, "this took more than a second"

    atheris.Setup([sys.argv[0], *sys.argv[2:]], test_one_input)
    atheris.Fuzz()


def seeds() -> list[str]:
    """The vectors, the corpus, and the questions."""
    files = [path for path in (VECTORS, CORPUS) if path.exists()]
    lines = [line for path in files for line in path.read_text("utf-8").splitlines()]
    questions = [question.replace("\n", "\x1e") for question in QUESTIONS]
    return [*questions, *(json.loads(line)["in"] for line in lines)]


def decoded(data: bytes) -> str:
    """The text of an input; a byte that is no UTF-8 is a lone surrogate."""
    return data.decode("utf-8", "surrogateescape")


def encoded(text: str) -> bytes:
    """The bytes whose text is this, or nearly so for other lone surrogates."""
    return text.encode("utf-8", "surrogateescape" if decodable(text) else "surrogatepass")


def decodable(text: str) -> bool:
    """Whether all its lone surrogates stand for bytes."""
    return re.search("[\ud800-\udc7f\udd00-\udfff]", text) is None


def quoted(token: str) -> str:
    """A line of libFuzzer's dictionary."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in token.encode()) + '"\n'


def fewest(texts: Iterable[str]) -> list[str]:
    """Of many inputs a few that reach as much: the shortest first, each for what it adds."""
    waiting = sorted(texts, key=lambda text: (len(text), text))
    ways = {text: ways_of(text) for text in waiting}
    kept: list[str] = []
    reached: set[object] = set()
    for text in waiting:
        if not ways[text] <= reached:
            kept.append(text)
            reached |= ways[text]
    return kept[:ENTRIES]


def ways_of(text: str) -> set[object]:
    """The rules and reasons an input reaches, and how often, by powers of two, it jumps where."""
    from tests.core.checks import check
    from wharfinger.core import address, reference, resolver

    for memo in (address._KNOWN, reference._PIECES, resolver._SEEN):
        memo.clear()
    jumps: Counter[tuple[str, int, int]] = Counter()
    core = str(Path(address.__file__).parent)

    def trace(frame: FrameType, _event: str, _argument: object) -> Any:  # noqa: ANN401  # a tracer
        file = frame.f_code.co_filename
        if not file.startswith(core):
            return None
        last = frame.f_lineno

        def step(frame: FrameType, event: str, _argument: object) -> Any:  # noqa: ANN401
            nonlocal last
            if event == "line":
                jumps[file, last, frame.f_lineno] += 1
                last = frame.f_lineno
            return step

        return step

    sys.settrace(trace)
    try:
        reached = check(text)
    finally:
        sys.settrace(None)
    return {reached, *reached, *((jump, count.bit_length()) for jump, count in jumps.items())}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--target"]:
        target()
    else:
        sys.exit(main())
