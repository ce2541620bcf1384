"""Batch after batch of the same files as remittances: rows, their checks, and running numbers."""

import polars as pl
import polars.selectors as cs

from feecalc.analysis.remittance import balance
from feecalc.analysis.remittance.delimiters import COMPONENT
from feecalc.analysis.remittance.envelope import Envelope
from feecalc.analysis.remittance.frames import (
    ADJUSTMENTS,
    AMOUNTS,
    CLAIMS,
    LINES,
    PATIENT,
    PAYMENTS,
    PROBLEMS,
    PROVIDER_ADJUSTMENTS,
    QUANTITIES,
    Remittance,
)
from feecalc.analysis.remittance.keys import first_of
from feecalc.analysis.remittance.rows import Rows
from feecalc.analysis.remittance.segments import Kind
from feecalc.analysis.remittance.segments import read as read_segments
from feecalc.analysis.remittance.told import Told


class Reader:
    """Reads batch after batch. `refused` says, by the place of a file among the sources, why it is no remittance."""

    def __init__(self, names: list[str], keep_patient: bool) -> None:
        self.keep_patient = keep_patient
        self.envelope = Envelope(names, keep_patient)
        self.segments_before = 0
        self.claims_before = 0

    @property
    def refused(self) -> dict[int, str]:
        """Why files are no remittances."""
        return self.envelope.refused

    def read(self, data: bytes) -> Remittance:
        """The frames of a batch."""
        told = Told()
        segments = read_segments(data, self.segments_before)
        self.segments_before = segments.last
        self.envelope.walk(segments, told)
        rows = Rows(segments, self.envelope, told)
        claims = rows.claims(self.keep_patient)
        lines = rows.lines(claims)
        adjustments = rows.adjustments()
        amounts = rows.numbers(Kind.AMT, "amount", "AMT02 (an amount)")
        quantities = rows.numbers(Kind.QTY, "quantity", "QTY02 (a quantity)")
        allowed = amounts.filter(pl.col("qualifier") == "B6", pl.col("line").is_not_null())
        lines = lines.with_columns(first_of(allowed["line"], allowed["amount"], lines.height).alias("allowed"))
        claims, lines = balance.checked(claims, lines, adjustments, told)
        rows.tell_unread()
        self.count(claims)
        self.envelope.check_ended()
        self.tell_refused(told)
        problems = self.typed(rows.in_claim(told.frame()), PROBLEMS)
        read = Remittance(
            claims=self.typed(claims, CLAIMS | (PATIENT if self.keep_patient else {})),
            lines=self.typed(rows.in_claim(lines), LINES),
            adjustments=self.typed(rows.in_claim(adjustments), ADJUSTMENTS),
            amounts=self.typed(rows.in_claim(amounts), AMOUNTS),
            quantities=self.typed(rows.in_claim(quantities), QUANTITIES),
            payments=self.payments(),
            provider_adjustments=pl.DataFrame(self.envelope.adjustments, schema=PROVIDER_ADJUSTMENTS, orient="row"),
            problems=problems.sort("file", "segment", maintain_order=True),
        )
        self.claims_before += claims.height
        return read

    def typed(self, frame: pl.DataFrame, schema: dict[str, type[pl.DataType]]) -> pl.DataFrame:
        """The columns of a schema, with running numbers of claims."""
        frame = frame.with_columns(pl.col("claim") + (self.claims_before + 1))
        missing = {name: pl.lit(None) for name in schema if name not in frame.columns}
        frame = frame.with_columns(**missing).select(pl.col(name).cast(kind) for name, kind in schema.items())
        # A component separator that stands in a plain text, against the standard, was a sign of the text: a colon, as a rule.
        return frame.with_columns(cs.string().str.replace_all(COMPONENT, ":", literal=True))

    def count(self, claims: pl.DataFrame) -> None:
        """Count the claims of each payment and of each file."""
        if claims.is_empty():
            return
        known = claims.filter(pl.col("payment").is_not_null()).group_by("payment", maintain_order=True)
        unread = (pl.col("charge").is_null() | pl.col("paid").is_null()).any()
        self.envelope.add_claims(known.agg(pl.len(), pl.col("paid").sum(), unread.alias("unread")))
        files = self.envelope.files
        place = pl.Series([at for at, _ in files]).search_sorted(claims["at"]) - 1
        for number, held in place.value_counts().iter_rows():
            files[number][1].claims += held

    def tell_refused(self, told: Told) -> None:
        """Files that have ended and hold nothing of an 835."""
        for file in self.envelope.ended_files:
            why = self.refused.get(file.number) or self.envelope.why_refused(file)
            if why:
                self.refused[file.number] = why
                told.tell(file.name, None, "error", why, "The other files were read.")

    def payments(self) -> pl.DataFrame:
        """The payments that ended in this batch."""
        rows = [
            (
                one.number, one.file, one.segment, one.payer, one.payer_id, one.payee, one.payee_npi, one.check_number,
                one.paid_date, one.method, one.amount, one.claims, one.claims_paid, one.adjusted, one.balanced,
            )
            for one in self.envelope.ended
        ]  # fmt: skip
        return pl.DataFrame(rows, schema=PAYMENTS, orient="row")
