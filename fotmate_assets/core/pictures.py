"""Pictures in Dagster's pages."""

from __future__ import annotations

import base64


def as_markdown(png: bytes, alternative: str) -> str:
    """A PNG as Markdown, which is how Dagster shows pictures."""
    return f"![{alternative}](data:image/png;base64,{base64.b64encode(png).decode()})"
