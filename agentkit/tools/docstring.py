"""Descriptions out of docstrings: Google, NumPy, ReST, Epydoc."""

from __future__ import annotations

import inspect


def described(function: object) -> tuple[str, dict[str, str]]:
    """(what the function is for, its parameters' descriptions by name); empty without a docstring."""
    text = inspect.getdoc(function)
    if not text:
        return "", {}
    if "\n" not in text:
        return text.strip(), {}
    import docstring_parser  # a quarter of the import time of everything else, needed only here

    parsed = docstring_parser.parse(text)
    parts = [part for part in (parsed.short_description, parsed.long_description) if part]
    parameters = {row.arg_name: row.description for row in parsed.params if row.description}
    return "\n\n".join(parts), parameters
