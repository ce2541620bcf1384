"""Tables whose heading runs downwards over several rows, as tab-delimited txt or xlsx: CMS's NCCI files.

`feecalc.cms.raw` reads the tables whose heading ends in the row that names the first column; here it begins there.
"""

import polars as pl

from feecalc.cms.archive import Member
from feecalc.cms.layout import layout
from feecalc.cms.raw import TITLE_ROWS, Raw, heading_row, match_headings
from feecalc.cms.tabular import BLANKS, ROW, Grid, read_lines, read_xlsx
from feecalc.errors import Problem, RejectedError


def read_wrapped(member: Member, kind: str) -> Raw:
    """The cells of a tab-delimited txt or of an xlsx by column name, still text.

    Raises LayoutError for an unknown or missing column, RejectedError with every row that has too few or too many cells.
    """
    known = layout(kind)
    data = member.read()
    if data[:2] == b"PK":
        grid, form = read_xlsx(data, member.name), "xlsx"
    else:
        grid, form = _read_tabs(data, member.name), "txt"
    top = grid.frame.head(TITLE_ROWS).rows()
    first = last = heading_row(top, known, member.name)
    while last + 1 < len(top) and not top[last + 1][1]:  # the first column has its whole heading in the first row
        last += 1
    headings = [" ".join(" ".join(row[i + 1] for row in top[first : last + 1]).split()) for i in range(grid.width)]
    columns = match_headings(headings, known, member.name, None)
    body = grid.frame.filter(pl.col(ROW) > top[last][0])
    frame = body.select(ROW, *(pl.col(f"c{i}").alias(name) for name, i in columns.items()))
    titles = tuple(cell for row in top[:first] for cell in row[1:] if cell)
    named = {name: headings[i] for name, i in columns.items()}
    return Raw(frame, known, form, member.name, titles, named, grid.sheet, None)


def _read_tabs(data: bytes, file: str) -> Grid:
    """Rows of a tab-delimited file. As wide as its widest row; a narrower or wider one below the heading is a problem.

    The heading tells the width: every row from there on has as many cells, those of a file cut short in its last row do not.
    """
    lines = read_lines(data).with_columns(cells=pl.col("line").str.split("\t"))
    counts = lines["cells"].list.len()
    width = int(counts.mode().max() or 0) if len(counts) else 0  # type: ignore[arg-type]
    table = lines.filter((counts == width).cum_sum() > 0)  # titles above the heading may have any number of cells
    wrong = table.filter(pl.col("cells").list.len() != width)
    if wrong.height:
        end = lines[ROW][-1]
        problems = [
            Problem(file, f"{len(cells)} of {width} cells{_cut(row == end)}", row, None, line[:40])
            for row, line, cells in wrong.iter_rows()
        ]
        raise RejectedError(f"{file} cannot be used", problems)
    cells = [
        pl.col("cells").list.get(i, null_on_oob=True).fill_null("").str.strip_chars(BLANKS).alias(f"c{i}") for i in range(width)
    ]
    return Grid(lines.select(ROW, *cells))


def _cut(at_the_end: bool) -> str:
    return ", in the last row: the file was cut short. Download it again" if at_the_end else ""
