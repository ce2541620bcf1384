"""Rows of a mix under a payer's contract: what its terms come to, row by row, and within what bounds where visits are unknown.

A row's amount is made of amounts a unit: the contract's for a unit alone on its day, and for one behind another unit of
therapy. Both are a percent of Medicare's own two amounts, each rounded once; of what has no amount a unit (operations of a
visit, which reduce each other) the row's amount is taken a percent of as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar

import polars as pl

from feecalc import policy
from feecalc.analysis.alike import OF_KIND, OF_POOL
from feecalc.analysis.contract_terms import PERCENT, ROUNDINGS, WHOLE, Contract, Term
from feecalc.analysis.mix import SCHEMA, Mix
from feecalc.analysis.packing import Pools
from feecalc.analysis.revenue import Basis, Priced, price
from feecalc.api import OpenSchedule
from feecalc.money import half_up
from feecalc.pricing.kinds import as_categories, tell_apart
from feecalc.pricing.settlement import shares_of

RATE = 10_000  # hundredths of a percent in a whole

# Medicare pays nothing for these because another payment covers the service, or its payment rules say so: a percent of that is
# nothing too.
PAYS_NOTHING = (
    "bundled", "bundled_or_excluded", "measurement", "technical_in_hospital", "incident_to_in_hospital", "inpatient_only",
    "co_surgeons_not_permitted", "team_not_permitted", "assistant_not_paid", "second_side_included", "endoscopy_base_included",
    "status_t_with_others",
)  # fmt: skip
# These are no part of what Medicare pays for under its fee schedule, so that there is nothing to take a percent of.
NO_AMOUNT = ("excluded", "not_valid", "not_covered", "statutory_exclusion", "denied_modifier")

# What is read of a pricing for each row: a unit alone on its day, what the same day takes of a later unit, how many are later.
REFERENCE = {
    "outcome": pl.String,
    "reason": pl.String,
    "allowed": pl.Int64,
    "one": pl.Int64,  # null where the row has no amount a unit: operations of a visit, which reduce each other
    "saved": pl.Int64,
    "later": pl.Int64,
    "key": pl.Int64,  # practice expense of therapy, by which the units of a visit rank
    "tie": pl.Int64,  # and the full amount, where it is the same
}


class Reader:
    """The rows of a mix as contracts see them. Each Medicare that contracts are a percent of is priced once for its rows."""

    def __init__(self, mix: Mix, medicare: Priced, opened: OpenSchedule) -> None:
        self.mix, self.medicare, self.opened = mix, medicare, opened
        self._references: dict[Any, tuple[Priced, pl.DataFrame]] = {}
        pairs = tell_apart(as_categories(mix.rows.select("hcpcs", "modifiers")))
        self._pairs = pairs.one_of_each(mix.rows.select("hcpcs", "modifiers"))
        of_row = pairs.of_line
        self._pair = pl.int_range(mix.rows.height, dtype=pl.UInt32, eager=True) if of_row is None else of_row
        date = pl.lit(medicare.basis.date) if medicare.basis.date else pl.coalesce("service_date", "month")
        named = mix.rows.select("hcpcs", "modifiers", "units", "charge", "paid", "row", _date=date)
        self._own = _reference(medicare, opened)
        later = self._own.select(medicare_saved="saved", medicare_later=pl.col("later").fill_null(0))
        own = medicare.rows.select(
            medicare="allowed", medicare_received="received", medicare_outcome="outcome", medicare_reason="reason"
        )
        self._frame = named.hstack(own).hstack(later).with_columns(mix.alike.in_visit.alias("in_visit"))

    def part(self, contract: Contract, rows: pl.Series) -> "Part":
        """A contract at some rows of the mix."""
        basis = contract.basis_of(self.opened.schedule, self.medicare.basis)
        priced, reference = self._reference(basis, contract.setting, rows)
        terms = self._terms(contract, self._pair.gather(rows))
        frame = pl.concat([self._frame[rows], reference, terms], how="horizontal")
        same = priced is self.medicare
        at = rows if same else pl.int_range(rows.len(), dtype=pl.UInt32, eager=True)
        own = reference if same else self._own[rows]
        return Part(contract, rows, _under(contract, frame), self.medicare, priced, at, own, reference)

    def rows(self, parts: Sequence["Part"]) -> pl.DataFrame:
        """All rows, those without a contract with nulls."""
        schema = Part.ROWS
        rows = self.mix.rows.hstack(self._frame.select("medicare", "medicare_received", "medicare_outcome", "medicare_reason"))
        found = pl.concat([pl.DataFrame(schema=schema), *(part.rows.select(*schema) for part in parts)])
        at = pl.concat([pl.Series([], dtype=pl.UInt32), *(part.at_mix for part in parts)])
        nowhere = found.height
        place = pl.Series([nowhere], dtype=pl.UInt32).new_from_index(0, rows.height)
        place = place.scatter(at, pl.int_range(nowhere, dtype=pl.UInt32, eager=True))
        none = pl.DataFrame({name: [None] for name in schema}, schema=schema)
        return rows.hstack(pl.concat([found, none])[place])

    def _reference(self, basis: Basis, setting: str | None, rows: pl.Series) -> tuple[Priced, pl.DataFrame]:
        """The Medicare that a contract is a percent of, for its rows."""
        if basis == self.medicare.basis and setting is None:
            return self.medicare, self._own[rows]
        everything = rows.len() == self.mix.rows.height
        key = (basis, setting)
        if everything and key in self._references:
            return self._references[key]
        chosen = self.mix.rows if everything else self.mix.rows[rows]
        if setting is not None:
            chosen = chosen.with_columns(setting=pl.lit(setting))
        part = self.mix if everything and setting is None else replace(self.mix, rows=chosen)
        priced = price(part, basis, self.opened, self.medicare.packing)
        found = priced, _reference(priced, self.opened)
        if everything:
            self._references[key] = found
        return found

    def _terms(self, contract: Contract, pair: pl.Series) -> pl.DataFrame:
        """The terms of a contract, row by row: `how`, `number`, `rule`, `why`."""
        used = pair.unique()
        found: list[Term] = [contract.term(*self._pairs.row(place)) for place in used]
        terms = pl.DataFrame(
            found, schema={"how": pl.String, "number": pl.Int64, "rule": pl.String, "why": pl.String}, orient="row"
        )
        place = pl.zeros(self._pairs.height, pl.UInt32, eager=True).scatter(
            used, pl.int_range(used.len(), dtype=pl.UInt32, eager=True)
        )
        return terms[place.gather(pair)]


def _reference(priced: Priced, opened: OpenSchedule) -> pl.DataFrame:
    """The columns REFERENCE of a pricing, row by row."""
    therapy = _therapy(priced, opened)
    alone, units = pl.col("alone"), pl.col("units")
    in_units = (pl.col("saved") > 0) & (-pl.col("reduction") % pl.col("saved") == 0)
    later = pl.when(pl.col("reduction") == 0).then(0).when(in_units).then(-pl.col("reduction") // pl.col("saved"))
    return (
        priced.rows.select("outcome", "reason", "allowed", "alone", "reduction", "units", tie="fee")
        .hstack(therapy[priced.mix.alike.of_row])
        .with_columns(later=later)
        .with_columns(one=pl.when((alone % units == 0) & pl.col("later").is_not_null()).then(alone // units))
        .select(pl.col(name).cast(kind) for name, kind in REFERENCE.items())
    )


def _therapy(priced: Priced, opened: OpenSchedule) -> pl.DataFrame:
    """What the same day takes of a later unit of each kind of line (`saved`, cents; 0 where nothing), and the practice expense
    by which the units of a visit rank (`key`, in hundredths; null where no therapy reduction applies).
    """
    alike = priced.mix.alike
    first = pl.DataFrame({"kind": alike.of_row}).with_row_index("at").unique("kind", keep="first").sort("kind")["at"]
    kinds = priced.rows[first].with_columns(date=pl.coalesce("service_date", "month"))
    tables = [
        opened.schedule.table(release, "pprrvu")
        .filter(pl.col("mult_proc") == "5", pl.col("modifier") == "")
        .select("hcpcs", key=pl.col("pe_nonfacility").cast(pl.Int64), release=pl.lit(release))
        for release in kinds["release"].drop_nulls().unique()
    ]
    none = pl.DataFrame(schema={"hcpcs": pl.String, "key": pl.Int64, "release": pl.String})
    kinds = kinds.join(pl.concat([none, *tables]), on=["hcpcs", "release"], how="left", maintain_order="left")
    listed = kinds.with_row_index("kind").filter(pl.col("key").is_not_null(), pl.col("outcome") == "priced")
    nothing = pl.zeros(kinds.height, pl.Int64, eager=True)
    found = pl.DataFrame({"key": nothing.replace(0, None), "saved": nothing})
    if listed.is_empty():
        return found
    # The second of two units of a visit is paid as one that follows another. Where all are priced as of one date, kinds that
    # differ in their months alone pay the same.
    on = priced.basis.date
    told_apart = tell_apart(as_categories(listed.select(*OF_KIND, *([] if on else ["date"]))))
    twice = told_apart.one_of_each(listed).with_row_index("number")
    twice = twice.with_columns(
        visit=pl.col("number").cast(pl.String),
        service_date=pl.lit(on) if on else pl.col("date"),
        units=pl.lit(2, dtype=pl.Int64),
    )
    again = price(Mix(twice.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items()), {}), priced.basis, opened)
    saved = -again.rows["reduction"].fill_null(0)
    saved = saved if told_apart.of_line is None else saved.gather(told_apart.of_line)
    return pl.DataFrame(
        [found["key"].scatter(listed["kind"], listed["key"]), found["saved"].scatter(listed["kind"], saved.clip(0))]
    )


def _under(contract: Contract, frame: pl.DataFrame) -> pl.DataFrame:
    """What a contract says of rows. Beside the columns of Part.ROWS `saved_allowed`, what the same day takes of a unit."""
    how, medicare = pl.col("how"), pl.col("outcome")
    by_percent, units = how == "percent", pl.col("units")
    nothing = by_percent & (medicare == "zero") & pl.col("reason").is_in(PAYS_NOTHING)
    no_charge = (how == "charge") & ~_has_charge()
    open_one = (how == "none") | no_charge | (by_percent & (medicare != "priced") & ~nothing)
    outcome = (
        pl.when(open_one)
        .then(pl.lit("cannot_price"))
        .when((how == "not_covered") | nothing)
        .then(pl.lit("zero"))
        .otherwise(pl.lit("priced"))
    )
    why = (
        pl.when(how == "none")
        .then("why")
        .when(no_charge)
        .then(pl.lit("no_charge"))
        .when(by_percent & (medicare != "priced"))
        .then("reason")
        .when(how == "not_covered")
        .then(pl.lit("not_covered_by_contract"))
    )
    to = ROUNDINGS[contract.rounding]
    first = pl.when(how == "fee").then("number").when(by_percent).then(_percent(pl.col("one"), to))
    behind = (
        pl.when(by_percent & pl.lit(contract.same_day)).then(_percent(pl.col("one") - pl.col("saved"), to)).otherwise("first")
    )
    # A row of several amounts a unit is taken a percent of as a whole.
    in_whole = (
        pl.when(by_percent).then(_percent(pl.col("allowed"), to)).when(how == "charge").then(_percent(pl.col("charge"), to))
    )
    full = units - pl.col("n_behind")
    listed = (
        pl.when(pl.col("first").is_not_null())
        .then(pl.col("first") * full + pl.col("behind") * pl.col("n_behind"))
        .otherwise("in_whole")
    )
    worked = (
        frame.lazy()
        .with_columns(_outcome=outcome, _why=why, first=first, in_whole=in_whole, charged=_has_charge())
        .with_columns(behind=behind, n_behind=pl.when(by_percent & pl.lit(contract.same_day)).then("later").otherwise(0))
        .with_columns(listed=listed)
        .with_columns(
            pl.when(pl.col("_outcome") == "priced").then("listed").when(pl.col("_outcome") == "zero").then(0).alias("listed")
        )
        .collect(engine="in-memory")
    )
    worked = worked.with_columns(below_charge=_below_charge(worked))
    worked = worked.with_columns(
        allowed=pl.col("listed") - (pl.col("below_charge").fill_null(0) if contract.lesser_of_charge else 0)
    )
    worked = worked.with_columns(received=_received(contract, worked))
    both = (pl.col("medicare_outcome") == "priced") & pl.col("allowed").is_not_null()
    unknown = both & ~pl.col("in_visit")  # of the units it is not known which share a day
    return (
        worked.lazy()
        .with_columns(cut_low=_cut(contract, up=False), cut_high=_cut(contract, up=True))
        .select(
            "hcpcs",
            "modifiers",
            "units",
            "charge",
            "paid",
            "row",
            "medicare",
            "medicare_outcome",
            contract=pl.lit(contract.payer),
            outcome="_outcome",
            reason="_why",
            rule="rule",
            unit=pl.when(pl.col("_outcome") == "priced").then("first"),
            listed="listed",
            below_charge="below_charge",
            allowed="allowed",
            received="received",
            compared=pl.when(both).then("allowed"),
            compared_medicare=pl.when(both).then("medicare"),
            medicare_received="medicare_received",
            cut_low=pl.when(both).then("cut_low").otherwise(0),
            cut_high=pl.when(both).then("cut_high").otherwise(0),
            in_visit="in_visit",
            taken=pl.when(unknown).then(pl.col("cut_low") * pl.col("n_behind")).otherwise(0),
            medicare_cut=pl.when(both).then("medicare_saved").otherwise(0),
            medicare_taken=pl.when(unknown).then(pl.col("medicare_saved") * pl.col("medicare_later")).otherwise(0),
        )
        .collect(engine="in-memory")
    )


def _has_charge() -> pl.Expr:
    """Whether a row has a charge; one that is taken back where units are not, or the other way, is none."""
    return (pl.col("charge").is_not_null() & (pl.col("charge").sign() * pl.col("units").sign() >= 0)).fill_null(value=False)


def _percent(cents: pl.Expr, to: int) -> pl.Expr:
    """`number` percent of an amount, rounded to so many cents, halves away from 0. Exact for any amount of a row."""
    number = cents.cast(pl.Int128) * pl.col("number")
    return (half_up(number.abs(), WHOLE * to) * to * number.sign()).cast(pl.Int64)


def _below_charge(worked: pl.DataFrame) -> pl.Series:
    """By how much the charge is below what the contract's terms come to, unit by unit (cents); null where either is not known.

    Of a row's units the first ones and those behind them have amounts of their own: each is held against the charge of a unit.
    """
    priced = worked["_outcome"] == "priced"
    here = worked.select(
        "units", "listed", "first", "behind", "n_behind", "charge", known=priced & pl.col("charged"), at=pl.int_range(pl.len())
    )
    charge, units = pl.col("charge").abs(), pl.col("units").abs()
    highest = pl.max_horizontal(pl.col("first"), pl.col("behind"))
    in_doubt = pl.col("known") & pl.when(pl.col("first").is_not_null()).then(highest * units > charge).otherwise(
        pl.col("listed").abs() > charge
    )
    result = pl.when(pl.col("known")).then(pl.lit(0, dtype=pl.Int64))
    found = here.select(result.alias("below")).to_series()
    low = here.filter(in_doubt.fill_null(value=False))
    if low.is_empty():
        return found

    def paid(amount: str, count: pl.Expr) -> pl.Expr:
        """What so many units come to, times the units of the row."""
        return pl.min_horizontal(pl.col(amount) * units, charge).cast(pl.Int128) * count

    total = paid("first", pl.col("units") - pl.col("n_behind")) + paid("behind", pl.col("n_behind"))
    capped = ((2 * total.abs() + units) // (2 * units) * total.sign()).cast(pl.Int64)
    in_whole = charge * pl.col("listed").sign()
    below = pl.col("listed") - pl.when(pl.col("first").is_not_null()).then(capped).otherwise(in_whole)
    return found.scatter(low["at"], low.select(below).to_series())


def _received(contract: Contract, worked: pl.DataFrame) -> pl.Series:
    """What the practice receives of what is allowed: the patient's share, and the payer's less what the contract takes of it.

    By unit where a row has amounts a unit and no visit, as Medicare's own amounts are worked out; else by row.
    """
    if not contract.sequestration and not contract.assistant_reduction:
        return worked["allowed"].alias("received")
    assistants = policy.percentage("assistant_minutes")
    by_assistant = pl.col("modifiers").str.contains(r"\bC[QO]\b") & (pl.col("_date") >= assistants.start)
    left = (
        pl.when(by_assistant.fill_null(value=False)).then(int(assistants.percent)).otherwise(100)
        if contract.assistant_reduction
        else pl.lit(100)
    )
    rate = shares_of("sequestration") if contract.sequestration else pl.lit(0)
    frame = worked.lazy().with_columns(_left=left, _rate=rate)
    share = int(contract.patient_share * PERCENT)  # type: ignore[operator]

    def of(cents: pl.Expr) -> pl.Expr:
        patient = half_up(cents.cast(pl.Int128) * share, WHOLE)
        payer = half_up((cents - patient) * pl.col("_left"), 100)
        return (patient + payer - half_up(payer * pl.col("_rate"), 100)).cast(pl.Int64)

    uncut = pl.col("allowed") == pl.col("listed")
    by_unit = pl.col("first").is_not_null() & ~pl.col("in_visit") & uncut & (pl.col("_outcome") == "priced")
    in_units = of(pl.col("first")) * (pl.col("units") - pl.col("n_behind")) + of(pl.col("behind")) * pl.col("n_behind")
    in_whole = of(pl.col("allowed").abs()) * pl.col("allowed").sign()
    return (
        frame.select(pl.when(by_unit).then(in_units).otherwise(in_whole).alias("received"))
        .collect(engine="in-memory")
        .to_series()
    )


def _cut(contract: Contract, up: bool) -> pl.Expr:
    """What the same day takes of a unit under the contract (cents), where the charge of a unit leaves it to.

    A part of a cent of that charge is left out, or counted whole (`up`).
    """
    amounts = [pl.col("first"), pl.col("behind")]
    if contract.lesser_of_charge:
        charge, units = pl.col("charge").abs(), pl.col("units").abs()
        of_unit = (charge + units - 1) // units if up else charge // units
        amounts = [pl.when(pl.col("charged")).then(pl.min_horizontal(amount, of_unit)).otherwise(amount) for amount in amounts]
    return pl.when(pl.col("_outcome") == "priced").then(amounts[0] - amounts[1]).otherwise(0).fill_null(0)


@dataclass(frozen=True)
class Part:
    """A contract at its rows of a mix: `at_mix` says which, `rows` what it comes to, in their order.

    `priced` is the Medicare that it is a percent of, `at` where its rows stand there; `own` and `reference` are what is read
    (REFERENCE) of Medicare at the basis, and of that one.
    """

    contract: Contract
    at_mix: pl.Series
    rows: pl.DataFrame
    medicare: Priced
    priced: Priced
    at: pl.Series
    own: pl.DataFrame
    reference: pl.DataFrame

    ROWS: ClassVar = {
        "contract": pl.String,
        "outcome": pl.String,
        "reason": pl.String,
        "rule": pl.String,
        **dict.fromkeys(("unit", "listed", "below_charge", "allowed", "received", "compared", "compared_medicare"), pl.Int64),
    }
    BOUNDS: ClassVar = {
        "contract": pl.String,
        **dict.fromkeys(
            ("compared_low", "compared_high", "medicare_low", "medicare_high", "rate_low", "rate_high", "estimated_units"),
            pl.Int64,
        ),
    }

    def bounds(self) -> tuple[str, int | None, int | None, int | None, int | None, int | None, int | None, int]:
        """Least and most of both amounts and of the rate, over all ways in which therapy units may lie in visits (BOUNDS)."""
        sums = self.rows.select("compared", "compared_medicare", "taken", "medicare_taken").sum().row(0)
        theirs, medicare, taken, medicare_taken = sums
        if not self.rows.select(pl.col("compared").is_not_null().any()).item():
            return (self.contract.payer, *[None] * 6, 0)  # type: ignore[return-value]
        same = self.priced is self.medicare
        own = self._pools(self.medicare, self.at_mix, self.own)
        other = own if same else self._pools(self.priced, self.at, self.reference)
        units = int(own.items["units"].sum())
        at_most = theirs + taken, medicare + medicare_taken  # if every unit stood alone
        least, most = _least_and_most(own, "medicare_cut", "medicare_cut")
        their_least, their_most = _least_and_most(other, "cut_low", "cut_high")
        low, high = min(at_most[0] - their_most, theirs), max(at_most[0] - their_least, theirs)
        medicare_low, medicare_high = min(at_most[1] - most, medicare), max(at_most[1] - least, medicare)
        rates: tuple[int | None, int | None] = (None, None)
        if medicare_low > 0 and low >= 0:
            lowest, highest = Fraction(low, medicare_high), Fraction(high, medicare_low)
            # The same visits reduce both amounts: what they take of the one bounds what they take of the other.
            if together := _together(own, other):
                ends = [
                    (at_most[0] - part * end) / (at_most[1] - end)
                    for part in together
                    for end in (at_most[1] - medicare_low, at_most[1] - medicare_high)
                ]
                lowest, highest = max(lowest, *[min(ends)]), min(highest, *[max(ends)])
            estimate = Fraction(theirs, medicare)
            lowest, highest = min(lowest, estimate), max(highest, estimate)
            rates = int(lowest * RATE // 1), int(-(-highest * RATE // 1))
            if low == high and medicare_low == medicare_high:
                rates = rate(theirs, medicare), rate(theirs, medicare)
        return (self.contract.payer, low, high, medicare_low, medicare_high, *rates, units)

    def _pools(self, priced: Priced, at: pl.Series, reference: pl.DataFrame) -> Pools:
        """The therapy of these rows whose visits are not known, with what the same day takes of a unit: of Medicare's amount
        (`medicare_cut`), and under the contract (`cut_low`, `cut_high`); 0 where the two are not compared.
        """
        pooled = tell_apart(as_categories(priced.mix.rows.select(*OF_POOL, date=pl.coalesce("service_date", "month"))[at]))
        here = pl.concat(
            [
                self.rows.select("hcpcs", "units", "medicare_cut", "cut_low", "cut_high", "in_visit"),
                reference.select("key", "tie", "outcome"),
                pl.DataFrame([priced.mix.alike.of_row.gather(at).alias("kind")]),
            ],
            how="horizontal",
        ).with_columns(pool=pl.lit(pooled.of_line) if pooled.of_line is not None else pl.int_range(pl.len(), dtype=pl.UInt32))
        items = (
            here.filter(~pl.col("in_visit"), pl.col("key").is_not_null())
            .group_by("pool", "kind", maintain_order=True)
            .agg(
                pl.col("hcpcs", "key", "tie").first(),
                pl.col("units").sum(),
                pl.col("medicare_cut").max(),
                pl.col("cut_low").min(),
                pl.col("cut_high").max(),
            )
        )
        # What is taken back in all is taken back as if it had been paid in full.
        return Pools(items.filter(pl.col("units") > 0), priced.packing)


def _least_and_most(pools: Pools, low: str, high: str) -> tuple[int, int]:
    """The least that the same day takes by one column, and the most by another."""
    items = pools.items
    if items.is_empty() or items[high].max() == 0:
        return 0, 0
    least, most = pools.least_and_most(low)
    return (least, most) if items[low].equals(items[high]) else (least, pools.least_and_most(high)[1])


def _together(own: Pools, other: Pools) -> tuple[Fraction, Fraction] | None:
    """Of what the same day takes of a unit at Medicare's rates, the least and the most part that it takes under the contract.

    None where the two do not go together: where the years rank the codes differently, another unit of a visit is paid in full.
    """
    if own.items.is_empty() or (own is not other and _ranks(own) != _ranks(other)):
        return None
    items = (
        other.items
        if own is other
        else other.items.drop("medicare_cut").join(own.items.select("hcpcs", "medicare_cut").unique(), on="hcpcs")
    )
    cuts = items.select("medicare_cut", "cut_low", "cut_high").unique()
    if cuts.filter(pl.col("medicare_cut") == 0, pl.col("cut_high") > 0).height:
        return None
    parts = [(Fraction(low, cut), Fraction(high, cut)) for cut, low, high in cuts.iter_rows() if cut]
    return (min(low for low, _ in parts), max(high for _, high in parts)) if parts else None


def _ranks(pools: Pools) -> dict[str, int] | None:
    """The codes by their practice expense; nothing where one has several (rows of several years)."""
    ranked = pools.items.select("hcpcs", pl.col("key").rank("dense")).unique()
    codes = dict(ranked.select(pl.col("hcpcs").cast(pl.String), pl.col("key").cast(pl.Int64)).iter_rows())
    return codes if len(codes) == ranked.height else None


def rate(amount: int, medicare: int) -> int | None:
    """An amount as a percent of Medicare's, in hundredths, halves up; None where there is none."""
    return (2 * amount * RATE + medicare) // (2 * medicare) if medicare > 0 and amount >= 0 else None
