"""Tables pasted as text: their cells, and which column is which."""

import re
from collections.abc import Mapping, Sequence


def cells(line: str, marks: str) -> list[str]:
    """The cells of a row, parted by the first of the marks that it has, else by blanks."""
    mark = next((mark for mark in marks if mark in line), None)
    return [cell.strip() for cell in line.split(mark)]


def columns(heading: Sequence[str], names: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Where a heading has each column, by the names that people give it; only letters count, whatever their case."""
    places = {re.sub(r"[^a-z]", "", cell.lower()): place for place, cell in enumerate(heading)}
    return {column: places[name] for column, several in names.items() for name in several if name in places}
