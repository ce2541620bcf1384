"""Remittances: the 835 (ASC X12 005010X221A1), in which a payer says what it paid for which service line, and why not more.

from feecalc.analysis import remittance
read = remittance.read("era.835")                       # or bytes, a file object, or a list of them
read.lines.join(read.claims, on="claim")                # polars frames, see frames
for part in remittance.stream("large.835"): ...         # the same in parts of whole claims, in little memory

Nothing is guessed and no claim that can be read is lost: what is wrong stands in `problems`, by segment, with what to do. Names
and member numbers of patients are dropped while the file is read, unless they are asked for, and stand in no message.

    sources      what a file is; its bytes in batches that end where a claim ends
    delimiters   the signs that part elements and segments
    segments     segments as rows, with the claim and line that each belongs to
    envelope     interchanges, groups and transactions: payers, checks, counts, provider adjustments
    reading      batch after batch: rows, checks, running numbers
    rows         claims, lines, adjustments and amounts, column by column
    keys         children brought to their claims and lines
    values       money, units, days and procedures
    balance      whether the figures add up
    reversals    which claim takes back which
    frames       the columns of what is read
    told         what is wrong, in sentences
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import polars as pl

from feecalc.analysis.remittance.frames import (
    ADJUSTMENTS,
    AMOUNTS,
    CLAIMS,
    FRAMES,
    LINES,
    PATIENT,
    PAYMENTS,
    PROBLEMS,
    PROVIDER_ADJUSTMENTS,
    QUANTITIES,
    UNIT_SCALE,
    Remittance,
)
from feecalc.analysis.remittance.reading import Reader
from feecalc.analysis.remittance.reversals import net
from feecalc.analysis.remittance.sources import Source, batches, name_of
from feecalc.analysis.remittance.told import Told
from feecalc.errors import InputError

BATCH_LINES = 100_000

__all__ = [
    "ADJUSTMENTS",
    "AMOUNTS",
    "BATCH_LINES",
    "CLAIMS",
    "LINES",
    "PATIENT",
    "PAYMENTS",
    "PROBLEMS",
    "PROVIDER_ADJUSTMENTS",
    "QUANTITIES",
    "UNIT_SCALE",
    "Remittance",
    "Source",
    "net",
    "read",
    "stream",
]


def read(
    source: Source | Sequence[Source],
    name: str | Sequence[str] | None = None,
    keep_patient: bool = False,
    batch_lines: int = BATCH_LINES,
) -> Remittance:
    """Read one 835, or several as one: paths, bytes with a `name`, or file objects.

    Reversals are brought together with what they take back, in all that is read. `keep_patient` adds the columns of PATIENT
    to the claims. Raises InputError where a file is something else than an 835; of several, that file is told in `problems`
    and the others are read.
    """
    parts = list(stream(source, name, keep_patient, batch_lines))
    whole = Remittance(**{frame: pl.concat(getattr(part, frame) for part in parts) for frame in FRAMES})
    told = Told()
    _tell_twice(whole.payments, told)
    problems = pl.concat([whole.problems, told.frame()])
    return replace(whole, claims=net(whole.claims), problems=problems)


def stream(
    source: Source | Sequence[Source],
    name: str | Sequence[str] | None = None,
    keep_patient: bool = False,
    batch_lines: int = BATCH_LINES,
) -> Iterator[Remittance]:
    """As `read`, in parts of about so many service lines and of whole claims, so that memory does not grow with the file.

    Numbers of claims and payments go on from part to part, and parts put together are what `read` gives, but for reversals:
    their claims may lie in other parts, so that `reversal_of` to `netted` stay null until `net` is given all claims. A
    payment stands in the part in which it ends.
    """
    sources: list[Source] = [*source] if isinstance(source, list | tuple) else [source]  # type: ignore[list-item]
    given = [name] if isinstance(name, str) or name is None else list(name)
    if len(given) not in (1, len(sources)):
        raise InputError(f"{len(sources)} files need as many names, not {len(given)}.")
    if not sources:
        raise InputError("No file was given. Give the path of an 835.")
    names = [own or name_of(one) for own, one in zip(given * len(sources) if given == [None] else given, sources, strict=True)]
    reader = Reader(names, keep_patient)
    for batch in batches(sources, names, batch_lines):
        part = reader.read(batch)
        refused = reader.refused
        if len(refused) == len(sources):
            more = "" if len(sources) == 1 else f" None of the {len(sources):,} files is an 835."
            raise InputError(f"{refused[0]}{more}")
        yield part


def _tell_twice(payments: pl.DataFrame, told: Told) -> None:
    """Tell of payments that stand twice in what was read: the same file once more, as a rule."""
    same = ("payer", "payer_id", "check_number", "paid_date", "amount", "claims", "claims_paid")
    known = payments.filter(pl.col("check_number").is_not_null())
    twice = known.filter(~known.select(same).is_unique() & ~known.select(pl.struct(same).is_first_distinct()).to_series())
    told.tell_all(
        twice.select("file", "segment"),
        "warning",
        "The same payment was read before: payer, check, day, amount and claims are the same.",
        "Leave one of the two out; its claims count twice.",
    )
