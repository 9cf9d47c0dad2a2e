"""Documents that other programs read and write: text in and text out, one module a document.

What a document allows of ``parse(text)``, ``render(…)`` and ``merge(text, …)`` stands in its
module. Nothing here opens a file.
"""

from __future__ import annotations

from wharfinger.formats._auths import AuthEntry
from wharfinger.formats.document import DocumentError, Parsed

__all__ = ["AuthEntry", "DocumentError", "Parsed"]
