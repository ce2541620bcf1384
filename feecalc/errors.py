"""The errors that feecalc raises: each says what was wrong, where, and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass


class FeecalcError(Exception):
    """Base of every error that a person may cause or mend. Its text is fit to be shown as it stands."""


class InputError(FeecalcError):
    """A question that cannot be understood: a malformed date, locality, unit count, column or option."""


class ArchiveError(FeecalcError):
    """A download that is not what it claims to be: cut short, an HTML page, a hostile or damaged zip."""


class LayoutError(FeecalcError):
    """A CMS file with a column or value that no known layout has. The text names the file, the column and the layout file."""


class NotLoadedError(FeecalcError):
    """A release, locality file or table that feecalc knows of but does not hold."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong in one place of a file. `row` counts from 1 as a spreadsheet does; None means the whole file."""

    file: str
    message: str
    row: int | None = None
    column: str | None = None
    value: str | None = None

    def __str__(self) -> str:
        place = self.file
        if self.row is not None:
            place += f", row {self.row}"
        if self.column is not None:
            place += f", column {self.column}"
        shown = f" ({self.value!r})" if self.value is not None else ""
        return f"{place}: {self.message}{shown}"


class RejectedError(FeecalcError):
    """A file whose content fails its checks. `problems` holds every one of them; the text shows the first twenty."""

    SHOWN = 20

    def __init__(self, what: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        shown = [f"  {p}" for p in self.problems[: self.SHOWN]]
        if len(self.problems) > self.SHOWN:
            shown.append(f"  … and {len(self.problems) - self.SHOWN} more")
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n".join([f"{what}: {count}; nothing was changed.", *shown]))
