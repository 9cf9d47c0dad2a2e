"""The directive ``rule-tests``: the tests that quote a rule, linked to their source.

A test quotes a rule in its docstring: ``R3: …``, or ``R6, R8: …``. The directive's argument is one
rule's number. Nothing is imported: the tests are read with :mod:`ast`, and every module of them
gets a page of its source, which only the builders of HTML make.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

__all__ = ["setup"]

PROJECT: Final = Path(__file__).resolve().parents[2]
QUOTE: Final = re.compile(r"(R\d+(?:, R\d+)*): ")
SENTENCE: Final = re.compile(r".*?[.:](?=\s|$)", re.DOTALL)

_Named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Quotation(NamedTuple):
    """A test that quotes rules: where it is, what it is called, and what it says."""

    module: str
    name: str
    line: int
    rules: tuple[str, ...]
    sentence: str


class Test(nodes.reference):
    """A link to a test, whose address depends on the page it stands on."""


class RuleTests(SphinxDirective):
    """Lists the tests that quote the rule given as argument."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """Return a list of links, or a paragraph where there is no such test."""
        for path in test_modules():
            self.env.note_dependency(path)
        found = [quotation for quotation in quotations() if self.arguments[0] in quotation.rules]
        if not found:
            return [nodes.paragraph("", "No test quotes it yet.")]
        items = nodes.bullet_list(bullet="*")
        for quotation in found:
            name = nodes.literal("", f"{quotation.module}::{quotation.name}")
            link = Test("", "", name, module=quotation.module, line=quotation.line, internal=True)
            items += nodes.list_item(
                "", nodes.paragraph("", "", link, nodes.Text(f" — {quotation.sentence}"))
            )
        noun = "test" if len(found) == 1 else "tests"
        summary = f"<details><summary>{len(found)} {noun}</summary>"
        return [
            nodes.raw("", summary, format="html"),
            items,
            nodes.raw("", "</details>", format="html"),
        ]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Add the directive, and the pages its links lead to."""
    app.add_directive("rule-tests", RuleTests)
    app.add_node(Test)
    app.connect("builder-inited", forget)
    app.connect("doctree-resolved", link_tests)
    app.connect("html-collect-pages", source_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def forget(_app: Sphinx) -> None:
    """Read the tests again in every build."""
    quotations.cache_clear()


def test_modules() -> list[Path]:
    """Return the modules of tests, sorted."""
    return sorted((PROJECT / "tests").rglob("test_*.py"))


@cache
def quotations() -> tuple[Quotation, ...]:
    """Return all tests that quote a rule, in the order they stand in."""
    found: list[Quotation] = []
    for path in test_modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += quotations_in(tree, path.relative_to(PROJECT).as_posix())
    return tuple(found)


def quotations_in(tree: ast.AST, module: str, inside: str = "") -> Iterator[Quotation]:
    """Find the tests that quote a rule in a module or a class.

    Args:
        tree: The module or the class.
        module: The path of the module.
        inside: What the class' members are prefixed with.

    Yields:
        The quotations.
    """
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, _Named):
            continue
        name = inside + node.name
        docstring = ast.get_docstring(node) or ""
        quoted = QUOTE.match(docstring)
        if quoted is not None:
            text = " ".join(docstring[quoted.end() :].partition("\n\n")[0].split())
            sentence = SENTENCE.match(text)
            yield Quotation(
                module,
                name,
                node.lineno,
                tuple(quoted[1].split(", ")),
                (sentence[0] if sentence else text).replace("`", ""),
            )
        if isinstance(node, ast.ClassDef):
            yield from quotations_in(node, module, f"{name}.")


def page_of(module: str) -> str:
    """Return the name of the page with a module's source."""
    return f"_{module.removesuffix('.py')}"


def link_tests(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Point every link at its line; where there are no pages of source, leave the name alone."""
    for link in list(doctree.findall(Test)):
        if isinstance(app.builder, StandaloneHTMLBuilder):
            target = app.builder.get_relative_uri(docname, page_of(link["module"]))
            found = nodes.reference("", "", *link.children, internal=True)
            found["refuri"] = f"{target}#L-{link['line']}"
            link.replace_self(found)
        else:
            link.replace_self(link.children)


def source_pages(app: Sphinx) -> Iterator[tuple[str, dict[str, object], str]]:
    """Make a page of source for every module that quotes a rule."""
    assert isinstance(app.builder, StandaloneHTMLBuilder)  # noqa: S101  # who else has such pages
    for module in sorted({quotation.module for quotation in quotations()}):
        source = (PROJECT / module).read_text(encoding="utf-8")
        listing = app.builder.highlighter.highlight_block(
            source, "python", linenos="inline", lineanchors="L", anchorlinenos=True
        )
        title = f"<code>{module}</code>"
        yield (
            page_of(module),
            {"title": module, "body": f"<h1>{title}</h1>\n{listing}"},
            "page.html",
        )
