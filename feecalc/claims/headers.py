"""Where the header of a claims file is: its first row as a rule, but below the titles of a report it is looked for."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from feecalc.claims.columns import contract_columns
from feecalc.errors import InputError

LOOKED_AT = 30  # rows from the top of a file


class Header(NamedTuple):
    """A row of a file as its header; `place` counts from 0. It is not `known` where it names no column of codes."""

    place: int
    cells: Sequence[str | None]
    known: bool

    def names(self) -> list[str]:
        """Column names; one without a name gets its number. Raises InputError where two are the same."""
        names = [name if name and name.strip() else f"column_{number}" for number, name in enumerate(self.cells, 1)]
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise InputError(f"Several columns have the same name: {', '.join(twice)}. Rename all but one.")
        return names

    @property
    def notes(self) -> list[str]:
        """What is told where rows lie above the header."""
        if not self.place:
            return []
        above = "row 1 above it was" if self.place == 1 else f"rows 1-{self.place} above it were"
        return [f"Header found in row {self.place + 1}; {above} passed over"]


class Finder(Protocol):
    """What finds the header of a kind of file, as `find_header` does that of claims."""

    def __call__(self, rows: Iterable[Sequence[str | None]], alone: bool = True) -> Header | None:
        """The header among the first rows; None where no row holds anything."""


def find_header(rows: Iterable[Sequence[str | None]], alone: bool = True) -> Header | None:
    """The header among the first rows of a file, read no further than need be; None where no row holds anything.

    A row is the header if it names the codes and another column of the contract: of a title, `CPT` may be one cell. The
    first row that holds anything may name the codes `alone`. Where none is, the first that holds anything is given, so that
    it can be said what is wrong with it.
    """
    first: Header | None = None
    for place, cells in enumerate(rows):
        if first is not None and place >= LOOKED_AT:
            break
        named = contract_columns(cells)
        if "hcpcs" in named and (len(named) > 1 or (alone and first is None)):
            return Header(place, cells, known=True)
        if first is None and any(cell and cell.strip() for cell in cells):
            first = Header(place, cells, known=False)
    return first
