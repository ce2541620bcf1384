"""Payers' contracts against Medicare: what each allows for a practice's own volumes, and what percent of Medicare that is.

from feecalc.analysis.contract import compare
from feecalc.analysis.contracts_file import load
found = compare(mix, load(Path("contracts.toml")), opened, Basis(date=date(2026, 7, 1), zip="35203"))
found.headline                      # what it comes to, in a sentence
found.payers                        # a row a payer: allowed, Medicare, the blended rate
found.table(found.low_charges)      # codes whose charge is below what the contract allows

Medicare is what `revenue.price` says of the same rows at the basis. The blended rate is what the contract allows as a percent
of what Medicare allows, over the rows that both can price, so that it is weighted by the practice's own volume. Money is in
cents and rates in hundredths of a percent, but where `table` made decimals of them.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

import polars as pl

from feecalc import policy
from feecalc.analysis.contract_rows import RATE, Part, Reader
from feecalc.analysis.contract_terms import Book, CarveOut, Contract, Rate, by_payer, folded, plain, spans
from feecalc.analysis.mix import Mix
from feecalc.analysis.packing import Packing
from feecalc.analysis.revenue import Basis, Priced, price
from feecalc.api import OpenSchedule
from feecalc.errors import InputError
from feecalc.money import decimals, dollars, show

__all__ = ["CarveOut", "Contract", "Contracts", "Rate", "Reason", "compare", "family"]

BY = {
    "payer": "payer",
    "contract": "contract",
    "code": "hcpcs",
    "family": "family",
    "provider": "provider",
    "site": "site",
    "month": "month",
}

# Why a contract does not price a row, where it is not Medicare that has no amount: the contract or the file would mend it.
REASONS = {
    "no_rate": "The contract has no rate, no fee and no default percent for the code.",
    "fee_modifier": "The modifier changes what is paid, and the contract's fixed fee does not name it: add a fee with it.",
    "fee_unclear": "The contract has two fixed fees for the code, each with one of its modifiers: add a fee with both.",
    "no_charge": "The contract pays a percent of the charge, and the file has no charge for it.",
}
NOT_COVERED = "The contract does not cover it."

# feecalc's own grouping of codes, in plain words: the code ranges of a practice's departments.
FAMILIES = (
    ("Anesthesia", "00100-01999"),
    ("Operations and procedures", "10004-69990"),
    ("Imaging", "70010-79999"),
    ("Laboratory", "80047-89398, 0001U-0999U"),
    ("Vaccines and their giving", "90281-90759, G0008-G0010"),
    ("Mental health", "90785-90899"),
    ("Eyes", "92002-92499"),
    ("Ear, speech and swallowing", "92502-92700"),
    ("Heart and vessels", "92920-93998"),
    ("Physical and occupational therapy", "97010-97799, G0283, G0329"),
    ("Chiropractic", "98940-98943"),
    ("Visits and care management", "99091, 99202-99499, G0438-G0439, G2211-G2212"),
    ("Other medicine", "90901-99607"),
    ("New technology", "0001T-9999T"),
    ("Drugs", "J0000-J9999"),
    ("Supplies and devices", "A0000-A9999, E0000-E9999, K0000-K9999, L0000-L9999"),
)
OTHER = "Other"

SUMMED = (
    "units",
    "medicare",
    "allowed",
    "compared_medicare",
    "compared",
    "received",
    "medicare_received",
    "below_charge",
    "charge",
    "paid",
)


_FAMILIES: Book[str] = Book(((span, name) for name, codes in FAMILIES for span in spans(codes)), "families")


def family(code: str) -> str:
    """The family of a code, in plain words."""
    found = _FAMILIES.find(code)
    return found[1] if found else OTHER


class Reason(NamedTuple):
    """Why a contract has no amount for a row."""

    sentence: str
    asks: bool


def reason(code: str) -> Reason:
    """A reason of this module, or Medicare's own, in words."""
    if code in REASONS:
        return Reason(REASONS[code], True)
    found = policy.reasons()[code]
    tail = "" if found.asks else " So it is no percent of Medicare: only a fixed fee or a percent of the charge prices it."
    return Reason(found.sentence + tail, found.asks)


@dataclass(frozen=True)
class Contracts:
    """Contracts beside Medicare.

    `rows`: those of the mix in their order with
    contract       the payer of the contract that holds for the row; null: none
    family         of the code
    medicare, medicare_received   what Medicare allows, and the practice receives (cents; null where it cannot be priced)
    medicare_outcome, medicare_reason   as revenue.price says
    outcome, reason   under the contract: priced, zero, cannot_price; null where there is no contract
    rule           the term of the contract that it went by
    unit           cents a unit under the contract, before same-day reductions and charges; null where no unit has one amount
    listed         what the contract's terms come to (cents), before the lower of charge
    below_charge   by how much the charge, unit by unit, is below that
    allowed        what the contract allows
    received       what is left of it after sequestration and the assistant reduction, where the contract has them
    compared, compared_medicare   both amounts, where Medicare prices the row and the contract settles it; else null
    """

    mix: Mix
    medicare: Priced
    contracts: tuple[Contract, ...]
    rows: pl.DataFrame
    notes: tuple[str, ...]
    _parts: tuple[Part, ...] = field(repr=False)
    _opened: OpenSchedule = field(repr=False)

    # Totals ------------------------------------------------------------------------------------------------------------

    def by(self, *columns: str) -> pl.DataFrame:
        """Totals by any of BY, highest Medicare amount first; by none of them one row.

        `medicare` and `allowed` are of all rows that each can price; `compared_medicare` and `compared` of the rows that both
        can, `difference` and `rate` (hundredths of a percent) of these two; `beyond` is what the contract allows where
        Medicare pays nothing or has no amount; `unpriced_rows` and `unpriced_units` have a contract that cannot price them.
        `paid_rate` is the percent of Medicare that would equal `paid`, over the rows that have both.
        """
        unknown = [name for name in columns if name not in BY]
        if unknown:
            raise InputError(f"Totals are by {', '.join(BY)}, not by {', '.join(unknown)}.")
        return _totals(self.rows, {name: BY[name] for name in columns})

    @cached_property
    def payers(self) -> pl.DataFrame:
        """A row a contract, also one without volume, and a row a payer of the file without a contract: the totals of `by`.

        `payer` is the contract's own name of the payer, whatever names of it the file has, else as the file writes it (the most
        frequent of its spellings; null: rows that name none). `standing`: compared, no contract, no volume.
        """
        keyed = self.rows.with_columns(payer=pl.coalesce("contract", _spelled(self.rows["payer"])))
        totals = _totals(keyed, {"payer": "payer", "contract": "contract"}).with_columns(
            standing=pl.when(pl.col("contract").is_null()).then(pl.lit("no contract")).otherwise(pl.lit("compared"))
        )
        held = set(totals["contract"].drop_nulls())
        without = [contract.payer for contract in self.contracts if contract.payer not in held]
        idle = pl.DataFrame({"payer": without, "contract": without}, schema={"payer": pl.String, "contract": pl.String})
        zero = [pl.lit(0, dtype=kind).alias(name) for name, kind in totals.schema.items() if name in (*SUMMED, *COUNTED)]
        return pl.concat([totals, idle.with_columns(*zero, standing=pl.lit("no volume"))], how="diagonal")

    @cached_property
    def bounds(self) -> pl.DataFrame:
        """A row a contract with volume: `contract`, and what bounds its amounts over all ways in which therapy units without
        visits (`estimated_units`) may lie in visits: `compared_low`, `compared_high`, `medicare_low`, `medicare_high` (of what
        both can price), `rate_low`, `rate_high`; null where there is nothing to compare.
        """
        return pl.DataFrame([part.bounds() for part in self._parts], schema=Part.BOUNDS, orient="row")

    @cached_property
    def total(self) -> dict[str, Any]:
        """The totals of all rows that have a contract, with the blended rate of all of them."""
        return _totals(self.rows.filter(pl.col("contract").is_not_null()), {}).row(0, named=True)

    @cached_property
    def codes(self) -> pl.DataFrame:
        """A row a code and payer with a contract, the figures of a heat table: `code`, `family`, `payer` (the contract's name),
        `units`, `medicare`, `allowed`, `rate` and `difference` (both of what both can price), `below_charge`.
        """
        mine = self.rows.filter(pl.col("contract").is_not_null())
        totals = _totals(mine, {"code": "hcpcs", "family": "family", "payer": "contract"})
        kept = (
            "code",
            "family",
            "payer",
            "units",
            "medicare",
            "allowed",
            "rate",
            "difference",
            "below_charge",
            "unpriced_units",
        )
        return totals.select(kept).sort("code", "payer")

    def grid(self, measure: str = "rate") -> pl.DataFrame:
        """`codes` with a column a payer, of `rate`, `allowed`, `difference` or `units`: one row a code, most Medicare dollars
        first. Cells without volume are null.
        """
        measures = ("rate", "allowed", "difference", "units")
        if measure not in measures:
            raise InputError(f"A grid shows {', '.join(measures)}, not {measure!r}.")
        order = self.codes.group_by("code", "family").agg(pl.col("medicare").sum(), pl.col("units").sum().alias("all_units"))
        names = [contract.payer for contract in self.contracts if contract.payer in set(self.codes["payer"])]
        if not names:
            return order.select("code", "family", units="all_units").clear()
        cells = self.codes.select("payer", measure, **{"": pl.col("code")})  # a payer may be named like a column of ours
        wide = cells.pivot(on="payer", on_columns=names, index="", values=measure)
        rows = order.sort("medicare", "code", descending=[True, False])
        wide = rows.select("code").join(wide, left_on="code", right_on="", how="left", maintain_order="left", suffix=" ")
        return rows.select("code", "family").hstack(
            [
                wide.to_series(place).alias(f"{name} " if name in ("code", "family") else name)
                for place, name in enumerate(names, 1)
            ]
        )

    @cached_property
    def low_charges(self) -> pl.DataFrame:
        """Codes of which the charge is below what a contract allows: `payer` (the contract's name), `code`, `modifiers`,
        `units`, `charge_unit` (the lowest charge of a unit, rounded down), `contract_unit` (the highest amount of a unit),
        `charge`, `listed` (what the contract allows for them), and `left`, by how much the charges are below it; most first.
        The charge is lost where the contract allows the lower of the two, and where the payer does so anyway.
        """
        low = self.rows.filter(pl.col("below_charge") != 0)
        return (
            low.group_by(payer="contract", code="hcpcs", modifiers="modifiers")
            .agg(
                pl.col("units").sum(),
                (pl.col("charge") // pl.col("units")).min().alias("charge_unit"),
                pl.col("unit").max().alias("contract_unit"),
                pl.col("charge").sum(),
                pl.col("listed").sum(),
                pl.col("below_charge").sum().alias("left"),
            )
            .filter(pl.col("left") > 0)
            .sort("left", "payer", "code", "modifiers", descending=[True, False, False, False])
        )

    @cached_property
    def unpriced(self) -> pl.DataFrame:
        """What a contract cannot price: `payer` (the contract's name), `code`, `modifiers`, `reason`, `sentence`, `asks`
        (a better contract or file would mend it), `units`, `charge`, `in_rows`; most units first.
        """
        open_ones = self.rows.filter(pl.col("outcome") == "cannot_price")
        known = {code: reason(code) for code in open_ones["reason"].unique()}
        said = pl.DataFrame(
            [(code, *why) for code, why in known.items()],
            schema={"reason": pl.String, "sentence": pl.String, "asks": pl.Boolean},
            orient="row",
        )
        return (
            open_ones.group_by(payer="contract", code="hcpcs", modifiers="modifiers", reason="reason")
            .agg(pl.col("units").sum(), pl.col("charge").sum(), pl.col("row").unique(maintain_order=True).alias("in_rows"))
            .join(said, on="reason", how="left")
            .select("payer", "code", "modifiers", "reason", "sentence", "asks", "units", "charge", "in_rows")
            .sort("units", "payer", "code", "modifiers", descending=[True, False, False, False])
        )

    @cached_property
    def across(self) -> pl.DataFrame:
        """Every contract at every payer's volume, and at all of it: `volume` (a contract's payer; "All volume"), `contract`,
        `medicare`, `allowed` (of the rows that both can price), `rate`: the percent of Medicare that would equal that
        contract for that volume. What the contract leaves open is in neither amount: `unpriced_units`.
        """
        found = []
        for contract, rows in self._everywhere.items():
            held = rows.with_columns(volume="contract").with_columns(contract=pl.lit(contract))
            of_each = _totals(held.filter(pl.col("volume").is_not_null()), {"volume": "volume", "contract": "contract"})
            of_all = _totals(held, {"contract": "contract"}).with_columns(volume=pl.lit(ALL))
            kept = ["volume", "contract", "units", "compared_medicare", "compared", "rate", "unpriced_units"]
            found += [of_each.select(kept), of_all.select(kept)]
        order = {name: place for place, name in enumerate([ALL, *(contract.payer for contract in self.contracts)])}
        return (
            pl.concat(found)
            .rename({"compared_medicare": "medicare", "compared": "allowed"})
            .sort(
                pl.col("volume").replace_strict(order, return_dtype=pl.Int64),
                pl.col("contract").replace_strict(order, return_dtype=pl.Int64),
            )
        )

    @cached_property
    def across_codes(self) -> pl.DataFrame:
        """Every contract at all of the practice's volume, by code: `code`, `contract`, `units`, `medicare`, `allowed`, `rate`.

        As `codes`, but with a figure for every contract, also where the payer had no such service.
        """
        found = [
            _totals(rows.with_columns(contract=pl.lit(name)), {"code": "hcpcs", "contract": "contract"})
            for name, rows in self._everywhere.items()
        ]
        kept = ("code", "contract", "units", "compared_medicare", "compared", "rate", "unpriced_units")
        totals = pl.concat(found).select(kept)
        return totals.rename({"compared_medicare": "medicare", "compared": "allowed"}).sort("code", "contract")

    @cached_property
    def _everywhere(self) -> dict[str, pl.DataFrame]:
        """Every contract at all rows, by its payer."""
        reader = Reader(self.mix, self.medicare, self._opened)
        every = pl.int_range(self.mix.rows.height, dtype=pl.UInt32, eager=True)
        mine = self.rows.select("contract", "provider", "site", "month", "family", spelled="payer")
        return {contract.payer: mine.hstack(reader.part(contract, every).rows.drop("contract")) for contract in self.contracts}

    # What is said --------------------------------------------------------------------------------------------------------

    @property
    def asks(self) -> bool:
        """Whether another answer would price more: a row that could not be read, a code or modifier that a contract should
        name, or a contract that no row of the file belongs to.
        """
        idle = {contract.payer for contract in self.contracts} - {part.contract.payer for part in self._parts}
        return self.mix.rejects.height > 0 or bool(self.unpriced["asks"].any()) or bool(idle)

    @property
    def headline(self) -> str:
        """What it comes to, in a sentence or two."""
        total = self.total
        if not total["compared_medicare"]:
            return "No row of a payer with a contract is priced by both the contract and Medicare."
        count = len(self._parts)
        whom = "The contract allows" if count == 1 else f"{count} contracts together allow"
        said = (
            f"{whom} {show(total['compared'])} for what Medicare allows {show(total['compared_medicare'])}: "
            f"{percent_text(total['rate'])} of Medicare, {_more(total['difference'])}."
        )
        if total["beyond"]:
            they = "It allows" if count == 1 else "They allow"
            said += f" {they} {show(total['beyond'])} beyond, for what Medicare pays nothing or has no amount."
        if left := int(self.low_charges["left"].sum()):
            said += f" Charges are below the contracts' amounts by {show(left)}."
        return said

    @staticmethod
    def table(frame: pl.DataFrame) -> pl.DataFrame:
        """A frame of this class for a person or a file: money in dollars, rates in percent with two decimals."""
        rates = ("rate", "rate_low", "rate_high", "paid_rate")
        return frame.with_columns(
            *(dollars(pl.col(name)).alias(name) for name in frame.columns if name in MONEY and frame[name].dtype == pl.Int64),
            *(decimals(pl.col(name), 2).alias(name) for name in frame.columns if name in rates),
        )

    def grid_table(self, measure: str = "rate") -> pl.DataFrame:
        """`grid` for a person or a file: percent with two decimals, or dollars."""
        grid = self.grid(measure)
        names = [] if measure == "units" else [name for name in grid.columns if name not in ("code", "family")]
        return grid.with_columns(decimals(pl.col(name), 2).alias(name) for name in names)


ALL = "All volume"
COUNTED = ("rows", "unpriced_rows", "unpriced_units", "difference", "beyond")
MONEY = {
    "medicare", "medicare_received", "allowed", "received", "compared", "compared_medicare", "difference", "beyond", "listed",
    "left", "below_charge", "charge", "paid", "unit", "charge_unit", "contract_unit", "compared_low", "compared_high",
    "medicare_low", "medicare_high",
}  # fmt: skip


def percent_text(rate: int | None) -> str:
    """Hundredths of a percent as people read them: 10512 -> 105.12 %."""
    return "-" if rate is None else f"{Decimal(rate).scaleb(-2):,} %"


def _more(cents: int) -> str:
    return "the same" if cents == 0 else f"{show(abs(cents))} {'more' if cents > 0 else 'less'}"


def compare(
    mix: Mix,
    contracts: Sequence[Contract],
    opened: OpenSchedule,
    basis: Basis,
    packing: Packing | None = None,
    medicare: Priced | None = None,
) -> Contracts:
    """Compare payers' contracts with Medicare at a basis, for the volumes of a mix. A row belongs to the contract of its payer.

    `medicare` is the mix as revenue.price has it, where that is done already. Raises InputError where no contract is given or
    two are for one payer, NotLoadedError where a contract's Medicare is not loaded.
    """
    if not contracts:
        raise InputError("No contract was given.")
    of_payer = by_payer(contracts)
    medicare = medicare or price(mix, basis, opened, packing)
    reader = Reader(mix, medicare, opened)
    number = _contract_numbers(mix.rows["payer"], of_payer, contracts)
    parts = []
    for place, contract in enumerate(contracts):
        at = (number == place).fill_null(value=False).arg_true()
        if at.len():
            parts.append(reader.part(contract, at))
    families = {code: family(code) for code in mix.rows["hcpcs"].unique()}
    rows = reader.rows(parts).with_columns(family=pl.col("hcpcs").replace_strict(families, return_dtype=pl.String))
    return Contracts(mix, medicare, tuple(contracts), rows, tuple(_notes(mix, contracts, rows, opened)), tuple(parts), opened)


def _contract_numbers(payers: pl.Series, of_payer: Mapping[str, Contract], contracts: Sequence[Contract]) -> pl.Series:
    """The place of each row's contract; null where its payer has none."""
    place = {id(contract): place for place, contract in enumerate(contracts)}
    named = {
        name: place[id(of_payer[folded(name)])] for name in payers.unique().drop_nulls() if folded(name) in of_payer
    }  # fmt: skip
    return payers.replace_strict(named, default=None, return_dtype=pl.Int32)


def _spelled(payers: pl.Series) -> pl.Series:
    """Payers that differ in letter case and blanks alone by the most frequent of their spellings."""
    counted = payers.drop_nulls().value_counts().sort("count", "payer", descending=[True, False])
    first: dict[str, str] = {}
    for name in counted["payer"]:
        first.setdefault(folded(name), name)
    return payers.replace_strict({name: first[folded(name)] for name in counted["payer"]}, default=None, return_dtype=pl.String)


# Totals and notes -------------------------------------------------------------------------------------------------------


def _rate_of(amount: str, medicare: str) -> pl.Expr:
    """The same of two columns."""
    whole, part = pl.col(medicare).cast(pl.Int128), pl.col(amount).cast(pl.Int128)
    sound = (whole > 0) & (part >= 0)
    return pl.when(sound).then((2 * part * RATE + whole) // (2 * pl.when(sound).then(whole))).cast(pl.Int64)


def _totals(rows: pl.DataFrame, keys: Mapping[str, str]) -> pl.DataFrame:
    """The totals of Contracts.by, by columns of the rows under names of their own."""
    both, has_paid = pl.col("compared").is_not_null(), pl.col("paid").is_not_null() & (pl.col("medicare_outcome") == "priced")
    lost = pl.col("outcome") == "cannot_price"
    sums = [
        pl.len().cast(pl.Int64).alias("rows"),
        *(pl.col(name).sum() for name in SUMMED if name not in ("received", "medicare_received")),
        *(pl.col(name).filter(both).sum() for name in ("received", "medicare_received")),
        lost.sum().cast(pl.Int64).alias("unpriced_rows"),
        pl.col("units").filter(lost).sum().alias("unpriced_units"),
        pl.col("paid").filter(has_paid).sum().alias("_paid"),
        pl.col("medicare").filter(has_paid).sum().alias("_of_paid"),
    ]
    derived = {
        "difference": pl.col("compared") - pl.col("compared_medicare"),
        "beyond": pl.col("allowed") - pl.col("compared"),
        "rate": _rate_of("compared", "compared_medicare"),
        "paid_rate": _rate_of("_paid", "_of_paid"),
    }
    order = [*keys, "rows", *SUMMED, *derived, "unpriced_rows", "unpriced_units"]
    if not keys:
        return rows.select(sums).with_columns(**derived).select(order)
    # By categories: a hundred thousand texts take far longer to group than to compare.
    texts = sorted({name for name in keys.values() if rows[name].dtype == pl.String})
    grouped = (
        rows.lazy()
        .with_columns(pl.col(texts).cast(pl.Categorical))
        .group_by([pl.col(v).alias(k) for k, v in keys.items()])
        .agg(sums)
    )
    return (
        grouped.with_columns(pl.col(pl.Categorical).cast(pl.String))
        .with_columns(**derived)
        .select(order)
        .sort("medicare", *keys, descending=[True, *[False] * len(keys)], nulls_last=True)
        .collect()
    )


def _notes(mix: Mix, contracts: Sequence[Contract], rows: pl.DataFrame, opened: OpenSchedule) -> list[str]:
    """What the comparison rests on."""
    notes = [contract.words(opened.schedule) for contract in contracts]
    held = rows.filter(pl.col("contract").is_not_null())
    if "payer" not in mix.columns and held.is_empty() and rows["payer"].null_count() == rows.height:
        notes.append(
            "The file names no payers, so that no row belongs to a contract: compare the contracts at all of its volume."
        )
    used = set(held["contract"].unique())
    written = list({folded(name): name for name in rows["payer"].drop_nulls().unique(maintain_order=True)}.values())
    taken = set(by_payer(contracts))
    open_ones = [name for name in written if folded(name) not in taken]
    for contract in contracts:
        if contract.payer not in used:
            near = difflib.get_close_matches(folded(contract.payer), [folded(name) for name in open_ones], 3, 0.5)
            meant = [name for name in open_ones if folded(name) in near]
            hint = f" Payers of the file that look like it: {', '.join(meant)}; name them under also." if meant else ""
            notes.append(f"No row of the file names {contract.payer}.{hint}")
    if open_ones:
        shown = ", ".join(open_ones[:8]) + (f" and {len(open_ones) - 8:,} more" if len(open_ones) > 8 else "")
        notes.append(f"Payers without a contract: {shown}.")
    if nameless := int(rows.filter(pl.col("payer").is_null()).height) if open_ones or used else 0:
        notes.append(f"{nameless:,} rows name no payer, and belong to no contract.")
    notes += _notes_of_charges(contracts, held)
    sharing = [c for c in contracts if c.sequestration or c.assistant_reduction]
    if sharing:
        shares = sorted({plain(Decimal(c.patient_share)) for c in sharing})  # type: ignore[arg-type]
        notes.append(
            "Received: sequestration and the assistant reduction take of the payer's share; the patient pays "
            f"{' or '.join(shares)} % of the allowed amount."
        )
    return notes


def _notes_of_charges(contracts: Sequence[Contract], held: pl.DataFrame) -> list[str]:
    """What the charges of the file, or their lack, leave open."""
    bare = held.filter(pl.col("charge").is_null(), pl.col("outcome") == "priced")
    if held.is_empty() or bare.is_empty():
        return []
    lower = [c.payer for c in contracts if c.lesser_of_charge and c.payer in set(bare["contract"])]
    what = (
        "The file has no charges"
        if bare.height == held.filter(pl.col("outcome") == "priced").height
        else f"{bare.height:,} rows have no charge"
    )
    said = f"{what}: whether charges are below the contracts' amounts is not known"
    return [said + (f", and the lower of the two is not taken for {', '.join(lower)}." if lower else " for them.")]
