"""A plan as a shell script: POSIX, for an admin to read and to run.

It does what applying the plan does, or stops before it changes anything and says what to do by
hand: it adds to fewer forms of a document than :func:`wharfinger.hosts.apply` does. Every text that
it holds is quoted. A disk that fails between two files stops it there: only applying takes back.
"""

from __future__ import annotations

import json
import re
from shlex import quote
from typing import TYPE_CHECKING, Final

from wharfinger.hosts.merges import CERTS_D, INSECURE, Document
from wharfinger.hosts.steps import Merge, Write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wharfinger.hosts.steps import Command, Condition, Step
    from wharfinger.hosts.trustplan import TrustPlan

__all__ = ["script"]

_ROOT: Final = "WHARFINGER_ROOT"
_HEAD: Final = f"""\
# Run it as root. With {_ROOT} set it works below that folder, and runs no command.
(
set -eu
umask 022
root=${{{_ROOT}-}}

stop() {{ printf '%s\\n' "$1" >&2; exit 1; }}

# free FILE: stop where the file, or what is kept beside it, is none or would be elsewhere.
free() {{
    for at in "$root$1" "$root$1.before" "$root${{1%/*}}/.${{1##*/}}.new"; do
        if [ -L "$at" ]; then stop "$at is a symbolic link"; fi
        if [ -e "$at" ] && [ ! -f "$at" ]; then stop "$at is no regular file"; fi
    done
    at=${{1%/*}}
    while [ -n "$at" ]; do
        if [ -L "$root$at" ]; then stop "$root$at is a symbolic link"; fi
        if [ -e "$root$at" ] && [ ! -d "$root$at" ]; then stop "$root$at is no folder"; fi
        at=${{at%/*}}
    done
}}

# put FILE: standard input becomes the file, at once; what it was is kept beside it, but for files
# of our own: some folders are read whole, and what is beside the file would count, too.
put() {{
    mkdir -p "${{1%/*}}"
    new="${{1%/*}}/.${{1##*/}}.new"
    rm -f "$new"
    if [ -e "$1" ]; then cp -p "$1" "$new"; fi
    cat >"$new"
    if [ ! -e "$1" ]; then chmod 644 "$new"
    elif cmp -s "$1" "$new"; then rm "$new"; return
    else case "${{1##*/}}" in wharfinger-*) ;; *) cp -p "$1" "$1.before" ;; esac
    fi
    mv "$new" "$1"
}}
"""
# What both say in the end is the same list; the layout is that of Python's own json.
_DAEMON_JSON: Final = """\
import json, os, sys
key, path, *names = sys.argv[1:]
text = open(path, encoding="utf-8-sig").read() if os.path.exists(path) else ""
def members(pairs):
    if [name for name, _ in pairs].count(key) > 1:
        sys.exit(f"{path}: {key} is there twice")
    return dict(pairs)
def refuse(number):
    sys.exit(f"{path}: it is not JSON that dockerd can read")
settings = json.loads(text.strip() or "{}", object_pairs_hook=members, parse_constant=refuse)
if not isinstance(settings, dict):
    sys.exit(f"{path}: it is no object")
listed = settings.get(key)
listed = [] if listed is None else listed
if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
    sys.exit(f"{path}: {key} is no array of strings")
missing = [name for name in names if name not in listed]
for name in missing:
    listed.insert(next((n for n, one in enumerate(listed) if one > name), len(listed)), name)
settings[key] = listed
if missing:
    print(json.dumps(settings, indent=4, allow_nan=False))
"""
_OPTIONS: Final = """\
{ line[NR] = $0 }
/^[ \\t]*DOCKER_OPTS=/ { last = NR }
END {
    if (!last) line[last = ++NR] = "DOCKER_OPTS=\\"\\""
    count = split(options, option, " ")
    for (n = 1; n <= count; n++) {
        text = line[last]
        gsub(/[" \\t]/, "  ", text)
        if (!index(text " ", " " option[n] " ")) sub(/"[ \\t]*$/, " " option[n] "\\"", line[last])
    }
    for (n = 1; n <= NR; n++) print line[n]
}
"""


# Lines that set nothing, or a variable, and no more than that.
_ASSIGNED: Final = "^[[:blank:]]*(export[[:blank:]]+)?DOCKER_OPTS="
_PLAIN: Final = (
    "^[[:space:]]*($|#|(export[[:blank:]]+)?[A-Za-z_][A-Za-z0-9_]*="
    r"""("[^"`\]*"|'[^']*'|[A-Za-z0-9_./:=,@%+-]*)[[:space:]]*$)"""
)


def script(plan: TrustPlan) -> str:
    """Write a plan as a script.

    Args:
        plan: The plan.

    Returns:
        The script, with a newline at its end.
    """
    return "\n".join(_parts(plan))


def _parts(plan: TrustPlan) -> Iterator[str]:
    yield "#!/bin/sh"
    yield f"# Trust the registry {plan.address} in {plan.runtime}."
    for remark in plan.remarks:
        yield _comment(f"{remark.code}: {remark.message}; {remark.repair}")
    yield _HEAD
    yield "# Nothing is changed unless everything can be."
    own = {step.path for step in plan.steps}
    for step in plan.steps:
        yield f"free {quote(step.path)}"
    for condition in plan.conditions:
        yield from _checked(condition, own)
    for step in plan.steps:
        if isinstance(step, Merge):
            yield from _addable(step)
    for step in plan.steps:
        yield ""
        yield _comment(f"{step.path}: {step.why}")
        yield from _done(step)
    if plan.commands:
        yield ""
        yield 'if [ -n "$root" ]; then exit; fi'
    for command in plan.commands:
        yield from _run(command)
    yield ")"
    yield ""


def _comment(text: str) -> str:
    return "".join(f"# {line}\n" for line in text.splitlines()).removesuffix("\n")


def _checked(condition: Condition, own: set[str]) -> Iterator[str]:
    files = " ".join(f'"$root"{_globbed(path)}' for path in condition.paths)
    yield f"for file in {files}; do"
    yield '    case "${file#"$root"}" in'
    yield "    " + "|".join(quote(path) for path in sorted(own)) + ") continue ;;"
    yield "    esac"
    yield f'    if grep -Eiqs -e {quote(condition.pattern)} "$file"; then'
    yield f'        stop "$file: "{quote(condition.problem)}'
    yield "    fi"
    yield "done"


def _globbed(path: str) -> str:
    return "*".join(quote(part) if part else "" for part in path.split("*"))


def _addable(step: Merge) -> Iterator[str]:
    """Stop where a file is there that this script can't add to."""
    file = f'"$root"{quote(step.path)}'
    said = quote(f"{step.path} is there; add to it by hand:\n{step.adds}")
    if step.document is Document.DAEMON_JSON:
        yield f"command -v python3 >/dev/null || stop {quote('python3 is needed to add to JSON')}"
    elif step.document is Document.DOCKER_DEFAULTS:
        yield f"if grep -Evqs {quote(_PLAIN)} {file}; then stop {said}; fi"
        yield f"if grep -Eqs {quote(_ASSIGNED)} {file} &&"
        yield f"    ! grep -E {quote(_ASSIGNED)} {file} | tail -n 1 |"
        yield """    grep -Eq '^[[:blank:]]*DOCKER_OPTS="[^"`\\]*"[[:blank:]]*$'; then"""
        yield f"    stop {said}"
        yield "fi"
    elif step.document is Document.HOSTS_TOML:
        yield f"if [ -e {file} ] && ! cmp -s {file} - <<'END'"
        yield f"{step.adds}END"
        yield f"then stop {said}; fi"
    else:
        wanted = rf"""^[[:blank:]]*config_path *= *["']([^"']*:)?{re.escape(CERTS_D)}[:"']"""
        yield f"if [ -e {file} ] && ! grep -Eq {quote(wanted)} {file}; then"
        yield f"    stop {said}"
        yield "fi"


def _done(step: Step) -> Iterator[str]:
    file = f'"$root"{quote(step.path)}'
    if isinstance(step, Write) or step.document is Document.HOSTS_TOML:
        yield f"put {file} <<'END'"
        yield f"{step.content if isinstance(step, Write) else step.adds}END"
    elif step.document is Document.DAEMON_JSON:
        names = " ".join(map(quote, json.loads(step.adds)[INSECURE]))
        yield f"text=$(python3 - {INSECURE} {file} {names} <<'END'"
        yield f"{_DAEMON_JSON}END"
        yield ")"
        yield f'if [ -n "$text" ]; then printf \'%s\\n\' "$text" | put {file}; fi'
    elif step.document is Document.DOCKER_DEFAULTS:
        options = quote(step.adds.split('"')[1])
        yield f"text=$({{ cat {file} 2>/dev/null || :; }} |"
        yield f"    awk -v options={options} {quote(_OPTIONS)})"
        yield f"printf '%s\\n' \"$text\" | put {file}"
    else:
        yield f"if [ ! -e {file} ]; then"
        yield f"put {file} <<'END'"
        yield f"{step.adds}END"
        yield "fi"


def _run(command: Command) -> Iterator[str]:
    yield _comment(command.why)
    yield command.line
