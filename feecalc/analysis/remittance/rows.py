"""The segments of a batch as rows: claims, service lines, adjustments and amounts, column by column.

`claim` and `line` count from 0 in the batch here, and tell the place of a row in these frames.
"""

from functools import cached_property

import polars as pl

from feecalc.analysis.remittance.delimiters import ELEMENT
from feecalc.analysis.remittance.envelope import Envelope
from feecalc.analysis.remittance.frames import CLAIMS, UNIT_SCALE
from feecalc.analysis.remittance.keys import first_of, joined
from feecalc.analysis.remittance.segments import OF_CLAIM, OF_LINE, OUTSIDE, Kind, Segments, elements, qualified
from feecalc.analysis.remittance.told import ASK, Severity, Told
from feecalc.analysis.remittance.values import cents, day, plain, procedure, thousandths

CAS_REASONS = 6
LEFT_OUT = "It was left out. Compare the claim with the payer's own notice."


class Rows:
    """The rows of a batch. What cannot be read is null and is told."""

    def __init__(self, segments: Segments, envelope: Envelope, told: Told) -> None:
        self.segments, self.told = segments, told
        self.begun, self.files = envelope.begun, envelope.files
        self.svc = segments.of(Kind.SVC, OF_LINE)
        self.clp = segments.of(Kind.CLP, OF_CLAIM)

    # Claims ----------------------------------------------------------------------------------------------------------------

    def claims(self, keep_patient: bool) -> pl.DataFrame:
        """One row per CLP, in order, with `at` beside the columns of CLAIMS."""
        found = elements(self.clp, 9)
        amounts = ((3, "charge"), (4, "paid"), (5, "patient_responsibility"))
        texts = ((1, "claim_id"), (2, "status"), (6, "filing"), (7, "payer_claim"), (8, "pos"), (9, "frequency"))
        claims = found.select(
            "at",
            "segment",
            "claim",
            *(cents(pl.col(f"e{n}")).alias(name) for n, name in amounts),
            *(plain(pl.col(f"e{n}")).alias(name) for n, name in texts),
        )
        self.tell_numbers(found, "e3", claims["charge"], "CLP03 (the charge)", required=True)
        self.tell_numbers(found, "e4", claims["paid"], "CLP04 (the payment)", required=True)
        self.tell_numbers(found, "e5", claims["patient_responsibility"], "CLP05 (the patient's share)")
        dates = self.segments.of(Kind.DTM, OF_CLAIM)
        references = self.segments.of(Kind.REF, OF_CLAIM)
        reversal = (pl.col("status") == "22") | (pl.col("charge") < 0)
        return claims.with_columns(
            *self.payers(claims["at"]),
            self.first_day(dates, "232", OF_CLAIM).alias("date_from"),
            self.first_day(dates, "233", OF_CLAIM).alias("date_to"),
            self.first_day(dates, "050", OF_CLAIM).alias("received_date"),
            self.first(qualified(references, Kind.REF, "F8"), OF_CLAIM).alias("original_payer_claim"),
            *self.names(keep_patient),
            self.claim_remarks().alias("remarks"),
            reversal=reversal.fill_null(value=False),
        )

    def payers(self, at: pl.Series) -> list[pl.Series]:
        """What the headers say of the claims at these places."""
        names = ("payment", "payer", "payer_id", "payee_npi", "check_number", "paid_date")
        of = pl.DataFrame(
            [
                (p.number, p.payer, p.payer_id, p.payee_npi, p.check_number, p.paid_date) if p else (None,) * len(names)
                for _, p in self.begun
            ],
            schema={name: CLAIMS[name] for name in names},
            orient="row",
        )
        place = pl.Series([start for start, _ in self.begun], dtype=pl.Int64).search_sorted(at) - 1
        return [*of[place].get_columns(), self.file(at)]

    def file(self, at: pl.Series) -> pl.Series:
        """The names of the files that these places of the batch lie in."""
        place = pl.Series([start for start, _ in self.files], dtype=pl.Int64).search_sorted(at) - 1
        return pl.Series("file", [file.name for _, file in self.files], dtype=pl.String).gather(place)

    def names(self, keep_patient: bool) -> list[pl.Series]:
        """What the names (NM1) say: practitioner and payers; patient and member only where they are to be kept."""
        found = self.segments.of(Kind.NM1, OF_CLAIM)
        who = found["text"].str.slice(len(Kind.NM1.name) + 1, 3)
        kept = ("82", "TT", "PR", *(("QC", "IL", "74") if keep_patient else ()))
        found = elements(found.filter(who.is_in([f"{one}{ELEMENT}" for one in kept])), 9)
        found = found.with_columns(plain(pl.col(f"e{n}")) for n in (3, 4, 8, 9))
        found = found.with_columns(whole=pl.concat_str("e3", "e4", separator=", ", ignore_nulls=True).replace("", None))

        def of(qualifier: str, column: str) -> pl.Series:
            those = found.filter(pl.col("e1") == qualifier)
            return first_of(those["claim"], those[column], self.clp.height)

        found_npi = found.filter(pl.col("e1") == "82", pl.col("e8") == "XX")
        made = [
            first_of(found_npi["claim"], found_npi["e9"], self.clp.height).alias("rendering_npi"),
            of("TT", "e3").alias("crossover"),
            of("PR", "e3").alias("corrected_payer"),
        ]
        if keep_patient:
            numbers = [of(qualifier, "e9") for qualifier in ("74", "QC", "IL")]  # the corrected one counts
            made += [of("QC", "whole").alias("patient_name"), pl.select(pl.coalesce(numbers)).to_series().alias("member_id")]
        return made

    def claim_remarks(self) -> pl.Series:
        """The remark codes of MOA and MIA."""
        keys, codes = [], []
        for kind, places in ((Kind.MOA, (3, 4, 5, 6, 7)), (Kind.MIA, (5, 20, 21, 22, 23))):
            found = elements(self.segments.of(kind, OF_CLAIM), max(places))
            together = pl.concat_str([plain(pl.col(f"e{n}")) for n in places], separator=" ", ignore_nulls=True)
            found = found.select("claim", code=together).filter(pl.col("code") != "")
            keys.append(found["claim"])
            codes.append(found["code"])
        if codes[1].len():
            both = pl.DataFrame({"key": pl.concat(keys), "code": pl.concat(codes)}).sort("key", maintain_order=True)
            return joined(both["key"], both["code"], self.clp.height)
        return joined(keys[0], codes[0], self.clp.height)

    # Lines -----------------------------------------------------------------------------------------------------------------

    def lines(self, claims: pl.DataFrame) -> pl.DataFrame:
        """One row per SVC of a claim, in order."""
        found = elements(self.svc, 7)
        lines = found.select(
            "at",
            "segment",
            "claim",
            "line",
            cents(pl.col("e2")).alias("charge"),
            cents(pl.col("e3")).alias("paid"),
            plain(pl.col("e4")).alias("revenue"),
            thousandths(pl.col("e5")).alias("units"),
            thousandths(pl.col("e7")).alias("units_billed"),
        )
        self.tell_numbers(found, "e2", lines["charge"], "SVC02 (the charge)", required=True)
        self.tell_numbers(found, "e3", lines["paid"], "SVC03 (the payment)", required=True)
        self.tell_numbers(found, "e5", lines["units"], "SVC05 (the units)")
        self.tell_numbers(found, "e7", lines["units_billed"], "SVC07 (the units billed)")
        blank = found.select(plain(pl.col("e5", "e7")).is_null())
        lines = lines.with_columns(units=pl.when(blank["e5"]).then(UNIT_SCALE).otherwise("units"))
        lines = lines.with_columns(units_billed=pl.when(blank["e7"]).then("units").otherwise("units_billed"))
        lines = self.with_procedures(lines, found)
        dates = self.segments.of(Kind.DTM, OF_LINE)
        references = self.segments.of(Kind.REF, OF_LINE)
        location = self.first(qualified(references, Kind.REF, "LU"), OF_LINE)
        of_claim = claims.select("date_from", "pos", "rendering_npi")[lines["claim"]]
        days = [self.first_day(dates, qualifier, OF_LINE) for qualifier in ("472", "150")]
        npi = self.first(qualified(references, Kind.REF, "HPI"), OF_LINE)
        remarks = qualified(self.segments.of(Kind.LQ, OF_LINE), Kind.LQ, "HE").drop_nulls("value")
        return lines.with_columns(
            pl.coalesce(*days, of_claim["date_from"]).alias("service_date"),
            self.first_day(dates, "151", OF_LINE).alias("service_date_to"),
            self.first(qualified(references, Kind.REF, "6R"), OF_LINE).alias("line_control"),
            pl.when(location.str.contains("^[0-9]{2}$")).then(location).otherwise(of_claim["pos"]).alias("pos"),
            pl.coalesce(npi, of_claim["rendering_npi"]).alias("rendering_npi"),
            joined(remarks["line"], remarks["value"], lines.height).alias("remarks"),
        )

    def with_procedures(self, lines: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
        """With the procedure paid (SVC01) and the one billed (SVC06 where the payer changed it)."""
        paid = procedure(found["e1"])
        lines = lines.with_columns(
            *paid.select("code_type", "hcpcs", "modifiers", pl.coalesce(lines["revenue"], "revenue")).get_columns(),
            paid["hcpcs"].alias("billed_hcpcs"),
            paid["modifiers"].alias("billed_modifiers"),
        )
        nothing = lines.filter(pl.col("hcpcs").is_null(), pl.col("revenue").is_null())
        self.tell(nothing, "error", "SVC01 (the procedure) names no code.", "Look the line up in the payer's own notice.")
        changed = found.select(plain(pl.col("e6")).is_not_null()).to_series()
        if changed.any():
            billed = procedure(found["e6"])
            lines = lines.with_columns(
                pl.when(changed).then(billed[name]).otherwise(f"billed_{name}").alias(f"billed_{name}")
                for name in ("hcpcs", "modifiers")
            )
        return lines

    # Adjustments and amounts -----------------------------------------------------------------------------------------------

    def adjustments(self) -> pl.DataFrame:
        """One row per reason of a CAS, in order."""
        whole = self.segments.of(Kind.CAS)
        left = _parted(whole, whole["text"], ("id", "group", "reason", "raw", "raw_quantity"))
        parts = []
        for n in range(CAS_REASONS):  # few have another reason after each
            parts.append(left.with_columns(key=pl.col("at") * CAS_REASONS + n))
            left = left.drop_nulls("rest")
            if left.is_empty():
                break
            left = _parted(left, left["rest"], ("reason", "raw", "raw_quantity"))
        kept = ("at", "key", "segment", "claim", "line", "group", "reason", "raw", "raw_quantity")
        found = pl.concat(part.select(kept) for part in parts).with_columns(
            plain(pl.col("group", "reason")),
            cents(pl.col("raw")).alias("amount"),
            thousandths(pl.col("raw_quantity")).alias("quantity"),
        )
        blank = [pl.col(name).is_null() | (pl.col(name) == "") for name in ("reason", "raw", "raw_quantity")]
        found = found.filter(~pl.all_horizontal(blank).fill_null(value=True))
        self.tell_numbers(found, "raw", found["amount"], "An amount of CAS", required=True)
        self.tell_numbers(found, "raw_quantity", found["quantity"], "A quantity of CAS")
        found = found.select("key", "claim", "line", "segment", "group", "reason", "amount", "quantity")
        return (found.sort("key") if len(parts) > 1 else found).drop("key")

    def numbers(self, kind: Kind, name: str, what: str) -> pl.DataFrame:
        """One row per AMT or QTY of a claim or line."""
        found = elements(self.segments.of(kind), 2)
        read = cents if kind == Kind.AMT else thousandths
        found = found.with_columns(read(pl.col("e2")).alias(name))
        self.tell_numbers(found, "e2", found[name], what, required=True)
        return found.select("claim", "line", "segment", plain(pl.col("e1")).alias("qualifier"), name)

    # Children --------------------------------------------------------------------------------------------------------------

    def first(self, found: pl.DataFrame, level: int) -> pl.Series:
        """The first `value` that each claim or line has; null where it has none."""
        key, parents = ("claim", self.clp.height) if level == OF_CLAIM else ("line", self.svc.height)
        return first_of(found[key], found["value"], parents)

    def first_day(self, dates: pl.DataFrame, qualifier: str, level: int) -> pl.Series:
        """The first day with a qualifier that each claim or line has; null where it has none."""
        found = qualified(dates, Kind.DTM, qualifier).with_columns(day=day(pl.col("value")))
        self.tell(found.filter(pl.col("day").is_null()), "warning", "DTM02 (a date) is no date such as 20260131.", LEFT_OUT)
        return self.first(found.select("claim", "line", value="day"), level)

    @cached_property
    def first_lines(self) -> pl.Series:
        """The place in the batch of the first line of each claim."""
        return first_of(self.svc["claim"], self.svc["line"], self.clp.height)

    def in_claim(self, frame: pl.DataFrame) -> pl.DataFrame:
        """With the place of a line in its claim, from 1, for its place in the batch."""
        if frame["line"].null_count() == frame.height:
            return frame
        return frame.with_columns(line=frame["line"] - self.first_lines.gather(frame["claim"]) + 1)

    # What is told ----------------------------------------------------------------------------------------------------------

    def tell(self, found: pl.DataFrame, severity: Severity, what: str, to_do: str) -> None:
        """One problem for each of some segments."""
        if found.height:
            self.told.tell_all(found.with_columns(self.file(found["at"])), severity, what, to_do)

    def tell_numbers(self, found: pl.DataFrame, raw: str, read: pl.Series, what: str, required: bool = False) -> None:
        """Numbers that cannot be read; those `required` that are missing too."""
        if not read.has_nulls():
            return
        stated = found.select(plain(pl.col(raw)).is_not_null()).to_series()
        self.tell(found.filter(read.is_null() & stated), "error", f"{what} is no number that can be read.", LEFT_OUT)
        if required:
            self.tell(found.filter(read.is_null() & ~stated), "error", f"{what} is missing.", LEFT_OUT)

    def tell_unread(self) -> None:
        """Segments that nothing was read from: of unknown kinds, and those of claims that stand outside of any."""
        frame = self.segments.frame
        unknown = frame.filter(frame["kind"] == Kind.UNKNOWN)
        if unknown.height:
            # Only what has the form of an id is named: the rest may be a piece of a patient's name.
            names = pl.col("text").str.extract(f"^([A-Z][A-Z0-9]?[0-9]){ELEMENT}").fill_null("")
            counts = unknown.with_columns(self.file(unknown["at"]), names.alias("name"))
            counts = counts.group_by("file", "name", maintain_order=True).agg(
                pl.len().alias("count"), pl.col("segment").first()
            )
            for file, name, count, segment in counts.iter_rows():
                many = f"{count:,} segments" if count > 1 else "1 segment"
                kind = f" of the kind {name}" if name else ""
                what = f"{many}{kind} that no 835 has, the first of them here: nothing was read from them."
                self.told.tell(file, segment, "warning", what, "Compare the claims around them with the payer's own notice.")
        of_claims = [int(kind) for kind in (Kind.CAS, Kind.NM1, Kind.MIA, Kind.MOA, Kind.AMT, Kind.QTY, Kind.SVC, Kind.LQ)]
        outside = frame.filter((frame["level"] == OUTSIDE) & frame["kind"].is_in(of_claims))
        if outside.height:
            new = ((pl.col("at").diff() > 8) | (pl.col("kind") == Kind.NM1)).fill_null(value=True)
            runs = outside.with_columns(self.file(outside["at"]), run=new.cum_sum())
            runs = runs.group_by("file", "run", maintain_order=True).agg(
                pl.len().alias("count"), (pl.col("kind") == Kind.SVC).sum().alias("lines"), pl.col("segment").first()
            )
            for file, _, count, lines, segment in runs.iter_rows():
                what = f"A claim without a readable CLP: {count:,} segments, {lines:,} of them service lines, were left out."
                self.told.tell(file, segment, "error", what, ASK)


def _parted(frame: pl.DataFrame, text: pl.Series, names: tuple[str, ...]) -> pl.DataFrame:
    """A frame with the next elements of a text under these names, and `rest` after them, null where nothing is left."""
    parts = text.str.splitn(ELEMENT, len(names) + 1).struct.unnest()
    parts.columns = [*names, "rest"]
    return frame.drop("text", "rest", *names, strict=False).hstack(parts.drop("id", strict=False))
