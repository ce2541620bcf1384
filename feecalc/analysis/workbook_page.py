"""One worksheet with one table in it: columns that say how they look, and cells that are texts, figures or formulas.

No text becomes a formula (feecalc.export.new_book); a formula is written with what it comes to, for viewers that do not
calculate. Text cells keep their format, so that a code which is typed over stays a text too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xlsxwriter.utility import xl_col_to_name, xl_range, xl_range_abs
from xlsxwriter.worksheet import Worksheet

from feecalc import export

TEXT = "text"
_YOURS = {"font_color": "#0000FF", "bg_color": "#FFF9DB", "border": 4, "border_color": "#BFBFBF"}
_HEADER = {"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}
LOOKS: dict[str, dict[str, Any]] = {
    "header": _HEADER,
    "header_of_figures": {**_HEADER, "align": "right"},
    "title": {"bold": True, "font_size": 14},
    "bold": {"bold": True},
    TEXT: {"num_format": "@"},
    "wrapped": {"num_format": "@", "text_wrap": True, "valign": "top"},
    "money": {"num_format": "#,##0.00"},
    "sum": {"num_format": "#,##0.00", "bold": True, "top": 1},
    "aside": {"num_format": "0", "font_color": "#7F7F7F"},
    "indented": {"indent": 1},
    "closed": {"bg_color": "#EDEDED"},
    "factor": {"num_format": "0.0000", "bold": True},
    # What the reader may change: blue on yellow.
    "your_rvu": {"num_format": "0.00", **_YOURS},
    "your_gpci": {"num_format": "0.000", **_YOURS},
    "your_units": {"num_format": "#,##0", **_YOURS},
    "your_factor": {"num_format": "0.0000", **_YOURS},
    "your_percent": {"num_format": "0.00%", **_YOURS},
    "your_whole_percent": {"num_format": "0%", **_YOURS},
    "your_choice": {"num_format": "@", "align": "right", **_YOURS},
}


@dataclass(frozen=True)
class Column:
    """A column of a table: how its cells look, the name by which formulas find it, and what may be typed into it."""

    key: str
    heading: str
    width: float
    look: str  # one of LOOKS
    name: str = ""
    rule: tuple[str, str] | None = None  # a condition on {cell} and {of[key]} of its row, and what it says


class _Plain(Worksheet):  # type: ignore[misc]
    """A worksheet that takes formulas as they are.

    xlsxwriter looks through each for the names of thirty functions that newer programs know; ours hold none of them, and a
    workbook has tens of thousands of formulas.
    """

    def _prepare_formula(self, formula: str, expand_future_functions: bool = False) -> str:
        return formula.removeprefix("=")


class Table:
    """A worksheet that holds one table, its header in the first row; columns that only serve formulas come last.

    Rows are counted from 0. `keys` columns at the left stay in view.
    """

    def __init__(self, book: Any, looks: dict[str, Any], name: str, columns: Sequence[Column], rows: int, keys: int) -> None:
        self.page = book.add_worksheet(name, _Plain)
        self._looks = looks
        self._columns = {column.key: (number, column) for number, column in enumerate(columns)}
        for number, column in self._columns.values():
            # The cells below the table keep its look, but are not marked as to be changed.
            below = None if column.look.startswith("your_") else looks[column.look]
            self.page.set_column(number, number, column.width, below)
            header = "header" if column.look in (TEXT, "wrapped") else "header_of_figures"
            self.page.write_string(0, number, column.heading, looks[header])
            if column.name:
                book.define_name(column.name, f"={name}!{xl_range_abs(1, number, rows, number)}")
            if column.rule:
                self._allow(number, column, rows)
        shown = sum(column.look != "aside" for column in columns)
        everything = xl_range(0, 0, rows, len(columns) - 1)
        self.page.freeze_panes(1, keys)
        self.page.autofilter(0, 0, rows, len(columns) - 1)
        self.page.ignore_errors({"number_stored_as_text": everything, "formula_differs": everything})
        self.page.set_row(0, 46)
        export.print_setup(self.page, 0)
        self.page.print_area(0, 0, rows + 1, shown - 1)

    def cell(self, key: str, row: int) -> str:
        """A cell as the formulas of its own row call it."""
        return f"${xl_col_to_name(self._columns[key][0])}{row + 2}"

    def cells(self, row: int) -> dict[str, str]:
        """All cells of a row by their columns' keys."""
        return {key: self.cell(key, row) for key in self._columns}

    def text(self, row: int, key: str, text: str) -> None:
        """Write a text."""
        number, column = self._columns[key]
        self.page.write_string(row + 1, number, text, self._looks[column.look])

    def number(self, row: int, key: str, value: int, scale: int = 1) -> None:
        """Write a scaled whole number in its natural unit."""
        number, column = self._columns[key]
        self.page.write_number(row + 1, number, value / scale, self._looks[column.look])

    def formula(self, row: int, key: str, formula: str, value: int | str | None, scale: int = 1) -> None:
        """Write a formula and what it comes to; None where that is a blank text."""
        number, column = self._columns[key]
        shown = "" if value is None else value if isinstance(value, str) else value / scale
        self.page.write_formula(row + 1, number, f"={formula}", self._looks[column.look], shown)

    def closed(self, row: int, key: str) -> None:
        """Leave a cell blank and grey, where the row can have no such figure."""
        self.page.write_blank(row + 1, self._columns[key][0], None, self._looks["closed"])

    def _allow(self, number: int, column: Column, rows: int) -> None:
        """Let the cells of a column take only values that keep its rule."""
        condition, sentence = column.rule or ("", "")
        formula = condition.format(cell=self.cell(column.key, 0), of=self.cells(0))
        allow(self.page, (1, number, rows, number), formula, sentence)


def allow(page: Any, area: tuple[int, int, int, int], formula: str, sentence: str) -> None:
    """Let cells take only values for which the formula, written for the first of them, is true."""
    said = {"error_title": "Not a value for this cell", "error_message": sentence}
    page.data_validation(*area, {"validate": "custom", "value": formula, **said})
