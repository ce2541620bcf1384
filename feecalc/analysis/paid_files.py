"""Files of payments of any kind: which are remittances and which are tables of paid lines, and all of them as one remittance.

held = read(sort([File.of("june.835"), File.of("paper.xlsx")]))
held.remittance

Everything happens in memory. Patients' names and numbers are dropped while a file is read, unless they are asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from feecalc.analysis import paid_lines, remittance
from feecalc.analysis.paid_lines import Proposal
from feecalc.analysis.remittance import Remittance
from feecalc.analysis.remittance.frames import FRAMES, PATIENT
from feecalc.claims.files import File
from feecalc.errors import FeecalcError

TABLES = (".csv", ".tsv", ".xlsx", ".xls", ".parquet")
BLANKS = b"\xef\xbb\xbf \t\r\n\0"
LOOKED_THROUGH = 1 << 16  # bytes at once
# What numbers the claims and payments of a file, frame by frame: those of a second file go on where the first one's end.
NUMBERS = {
    "claim": ("claim", "reversal_of", "reversed_by", "corrects"),
    "payment": ("payment",),
}


@dataclass(frozen=True)
class Table:
    """A table of paid lines whose columns a person confirms. `chosen` is the answer, None as long as there is none."""

    file: File
    found: Proposal
    chosen: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Dropped:
    """The files of one upload: remittances as they are, tables to be confirmed, and what was refused, as sentences."""

    remittances: tuple[File, ...]
    tables: tuple[Table, ...]
    refused: tuple[str, ...]
    keep_patient: bool = False

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(file.size for file in (*self.remittances, *(one.file for one in self.tables)))


@dataclass(frozen=True)
class Held:
    """What was read: the remittance, which names no patient; and, only where asked for, who they are by `claim`."""

    names: tuple[str, ...]
    remittance: Remittance
    patients: pl.DataFrame | None
    refused: tuple[str, ...] = ()


def sort(files: Sequence[File], keep_patient: bool = False) -> Dropped:
    """Tell tables from remittances, by what they hold before what they are called."""
    remittances, tables, refused = [], [], []
    for file in files:
        start = _start(file)
        if start[:3].upper() == b"ISA" or file.ending not in TABLES:
            remittances.append(file)
        elif not start:
            refused.append(f"{file.name} is empty. Export it once more, and look inside.")
        else:
            try:
                tables.append(Table(file, paid_lines.propose(file)))
            except FeecalcError as error:
                refused.append(_of_file(file.name, error))
    return Dropped(tuple(remittances), tuple(tables), tuple(refused), keep_patient)


def read(dropped: Dropped) -> Held:
    """Read what was dropped, tables as they were confirmed. No `names` where nothing could be read; `refused` says why.

    Raises InputError for a table that cannot be read as it was confirmed.
    """
    parts, names, refused = [], [], list(dropped.refused)
    if dropped.remittances:
        own = [file.name for file in dropped.remittances]
        try:
            parts.append(remittance.read([file.source for file in dropped.remittances], own, dropped.keep_patient))
            names += own
        except FeecalcError as error:
            refused.append(_of_file(own[0] if len(own) == 1 else "", error))
    for one in dropped.tables:
        parts.append(paid_lines.read(one.file, chosen=one.chosen))
        names.append(one.file.name)
    patients = _patients(parts) if dropped.keep_patient else None
    return Held(tuple(names), together(parts), patients, tuple(refused))


def together(parts: Sequence[Remittance]) -> Remittance:
    """Several remittances as one: claims and payments are numbered on, reversals are brought together among all claims."""
    frames: dict[str, list[pl.DataFrame]] = {name: [pl.DataFrame(schema=schema)] for name, schema in FRAMES.items()}
    last = {"claim": 0, "payment": 0}
    for part in parts:
        for name, schema in FRAMES.items():
            frame = getattr(part, name).select(list(schema))
            frames[name].append(
                frame.with_columns(
                    pl.col(column) + last[of] for of, columns in NUMBERS.items() for column in columns if column in schema
                )
            )
        last = {of: last[of] + (getattr(part, f"{of}s")[of].max() or 0) for of in last}
    whole = Remittance(**{name: pl.concat(several) for name, several in frames.items()})
    if len(parts) < 2:
        return whole
    return Remittance(**{name: getattr(whole, name) for name in FRAMES} | {"claims": remittance.net(whole.claims)})


def _patients(parts: Sequence[Remittance]) -> pl.DataFrame:
    """Who the patients are, by the claims' numbers in the whole: `claim` and the columns PATIENT."""
    found, last = [pl.DataFrame(schema={"claim": pl.Int64, **PATIENT})], 0
    for part in parts:
        if set(PATIENT) <= set(part.claims.columns):
            found.append(part.claims.select(pl.col("claim") + last, *PATIENT))
        last += part.claims["claim"].max() or 0  # type: ignore[operator,assignment]
    return pl.concat(found)


def _start(file: File) -> bytes:
    """The first bytes that are no blanks; none of a file that holds nothing else."""
    with file.open() as opened:
        while block := opened.read(LOOKED_THROUGH):
            if start := block.lstrip(BLANKS):
                return start
    return b""


def _of_file(name: str, error: FeecalcError) -> str:
    """An error with its file's name, where it does not name it itself."""
    return str(error) if not name or name in str(error) else f"{name}: {error}"
