"""The rules are tested: every one by an example, those that speak of all inputs by a property."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
EXAMPLES = [*range(1, 25)]
PROPERTIES = EXAMPLES
LAST = 24
QUOTED = re.compile(r"R\d+(?:, R\d+)*(?=: )")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def quoted(node: Function | ast.ClassDef) -> set[int]:
    """The numbers of the rules that a docstring begins with."""
    found = QUOTED.match(ast.get_docstring(node) or "")
    return {int(number) for number in re.findall(r"\d+", found.group())} if found else set()


def names(nodes: list[ast.expr]) -> set[str]:
    """The last names of decorators or bases: `given` of `@hypothesis.given(…)`."""
    called = [node.func if isinstance(node, ast.Call) else node for node in nodes]
    return {ast.unparse(node).rpartition(".")[2] for node in called}


def is_machine(node: ast.AST) -> bool:
    return isinstance(node, ast.ClassDef) and any(
        name.endswith("StateMachine") for name in names(node.bases)
    )


def read(tree: ast.Module) -> Iterator[tuple[str, bool, set[int]]]:
    """Every test: its name, whether it is a property, and the rules it quotes."""
    for node in ast.walk(tree):
        if is_machine(node):
            assert isinstance(node, ast.ClassDef)
            methods = [part for part in node.body if isinstance(part, Function)]
            yield node.name, True, quoted(node).union(*map(quoted, methods))
        elif isinstance(node, Function) and node.name.startswith("test_"):
            yield node.name, "given" in names(node.decorator_list), quoted(node)


@functools.cache
def every_test() -> tuple[tuple[str, bool, frozenset[int]], ...]:
    return tuple(
        (f"{path.relative_to(TESTS)}::{name}", is_property, frozenset(rules))
        for path in sorted(TESTS.rglob("*.py"))
        for name, is_property, rules in read(ast.parse(path.read_text(encoding="utf-8")))
    )


@pytest.mark.parametrize("rule", EXAMPLES, ids="R{}".format)
def test_every_rule_has_an_example(rule: int) -> None:
    assert [name for name, is_property, rules in every_test() if rule in rules and not is_property]


@pytest.mark.parametrize("rule", PROPERTIES, ids="R{}".format)
def test_every_rule_about_all_inputs_has_a_property(rule: int) -> None:
    assert [name for name, is_property, rules in every_test() if rule in rules and is_property]


def test_only_rules_there_are_get_quoted() -> None:
    assert not [name for name, _, rules in every_test() if not rules <= {*range(1, LAST + 1)}]


def test_how_tests_are_read() -> None:
    tree = ast.parse(
        '''
@pytest.mark.parametrize("a", [1])
def test_example(a):
    """R3: an example."""
@hypothesis.given(st.text())
@example("")
def test_property(text):
    """R6, R20: a property, like R1."""
def test_plain():
    """Not of R1."""
def helper():
    """R2: no test."""
class Machine(RuleBasedStateMachine):
    """R5: a state machine."""
    @invariant()
    def holds(self):
        """R8: so does its method."""
'''
    )
    assert sorted(read(tree), key=lambda test: test[0]) == [
        ("Machine", True, {5, 8}),
        ("test_example", False, {3}),
        ("test_plain", False, set()),
        ("test_property", True, {6, 20}),
    ]
