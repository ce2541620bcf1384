"""Claims files: read with what spreadsheets did to them, priced in batches of whole claims, written in the order of the file.

A file is gone through twice. The survey reads only what tells claims and days apart, and settles what the whole file
decides: whether its dates are month/day/year, which lines belong together, which keys stand twice. Then batches that end
where a claim ends are cleaned, priced and written while the next is read. The lines of a claim that lies scattered over
several batches are collected and priced together first, and wait for their places in the output. So the size of a batch
changes no result.

Nothing is guessed and no row is lost: a value that cannot be read goes to the rejects file, and its line to the output.

    job         a claims file from its path to the priced file
    files       what is read: a file on disk, or in memory
    tables      files as frames: parquet here, workbooks and delimited (csv, tsv) in modules of their own
    headers     where the header of a file is, below the titles of a report
    columns     which column of a file is which of the contract
    survey      the first reading, and the plan of the batches
    cleaning    frames as pricing reads them, by the rules of values
    flow        batches, and the work on them ahead of their turn
    writing     the priced batches as a file
    told        the summary, repairs and rejects
"""

from feecalc.claims.cleaning import claim_key, clean, compact
from feecalc.claims.columns import ALIASES, Columns
from feecalc.claims.delimited import CsvTable
from feecalc.claims.files import File, damage
from feecalc.claims.flow import batches
from feecalc.claims.job import BATCH, EXPLAINED_BATCH, Progress, reprice
from feecalc.claims.survey import Runs, Survey, plan, runs_of
from feecalc.claims.tables import ParquetTable, Table, open_table
from feecalc.claims.told import Summary, Told
from feecalc.claims.values import (
    RULES,
    Reading,
    is_day_first,
    read_code,
    read_date,
    read_flag,
    read_locality,
    read_minutes,
    read_modifiers,
    read_units,
    read_zip,
)
from feecalc.claims.workbooks import ExcelTable

__all__ = [
    "ALIASES",
    "BATCH",
    "EXPLAINED_BATCH",
    "RULES",
    "Columns",
    "CsvTable",
    "ExcelTable",
    "File",
    "ParquetTable",
    "Progress",
    "Reading",
    "Runs",
    "Summary",
    "Survey",
    "Table",
    "Told",
    "batches",
    "claim_key",
    "clean",
    "compact",
    "damage",
    "is_day_first",
    "open_table",
    "plan",
    "read_code",
    "read_date",
    "read_flag",
    "read_locality",
    "read_minutes",
    "read_modifiers",
    "read_units",
    "read_zip",
    "reprice",
    "runs_of",
]
