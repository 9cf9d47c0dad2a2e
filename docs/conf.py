"""How the documentation is built."""

import builtins
import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "wharfinger"
author = "The wharfinger authors"
copyright = f"2026, {author}"  # noqa: A001  (Sphinx's name)
release = metadata.version("wharfinger")

extensions = [
    "myst_parser",
    "rule_tests",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"{project} {release}"

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
doctest_global_setup = "from wharfinger import *"
# Docstrings' examples are run where their modules' names are: by pytest.
doctest_test_doctest_blocks = ""

# The build works without a network, so what others document is named and not linked.
_foreign = "|".join(["attrs?", "hypothesis", "typing_extensions", *sys.stdlib_module_names])
nitpick_ignore = [("py:class", name) for name in dir(builtins)]
nitpick_ignore_regex = [(r"py:.*", rf"({_foreign})(\..+)?")]
nitpick_ignore += [("py:class", "DrawFn"), ("py:class", "SearchStrategy")]
# SealingKeys or UNSEALED, as the pages say.
nitpick_ignore += [("py:class", "Seal"), ("py:class", "wharfinger.stores.unsealed.Seal")]
# A type variable of formats.
nitpick_ignore += [("py:class", "_Entry")]
