"""Why a payment changed: the change of every row split exactly, to the cent, into what caused it.

A row that is paid both before and after is worth

    units x fee x (alone / fee) x (allowed / alone)         fee = round((work x GPCI + PE x GPCI + MP x GPCI) x CF)

so its change has the causes of the formula (the conversion factor, three RVUs, three GPCIs), those of the modifiers, caps and
percentages (alone / fee), those of the same-day rules (allowed / alone), and rounding. Where several of them change at once,
each gets its Shapley value: the mean of what it adds over every order in which the changes might have come. No order is
preferred, and swapping before and after turns every part into its opposite (what came, goes). The three products of the
formula have seven causes in common; as the Shapley value of a sum is the sum of the values, each product of three is split by
itself:

    part of a in a x b x c  =  (a1 - a0) x (2 b0 c0 + b1 c0 + b0 c1 + 2 b1 c1) / 6

The fee, alone / fee and allowed / alone are a product of three as well; what falls to the fee is divided among its causes in
the proportion of their parts of it.

A row that is paid on one side only is no matter of factors: its change goes whole to the code's coming, its going, or its
status.

Everything is a whole number. Six times the exact product of RVU (hundredths), GPCI (thousandths) and factor (ten-thousandths)
fits 64 bits; times volumes it does not, nor do products of three amounts, so from there on the arithmetic is done in 128 bits.
The parts of a row are whole cents by the largest remainder, so that they add up to its change; what rounding took on the way
is a part of its own.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import polars as pl

from feecalc.errors import InputError
from feecalc.money import PER_CENT

# The formula from the outside in, the claim's rules, what came and went, the cents.
CAUSES = (
    "conversion_factor",
    "work_rvu",
    "pe_rvu",
    "mp_rvu",
    "gpci_work",
    "gpci_pe",
    "gpci_mp",
    "modifiers_and_caps",
    "same_day",
    "status",
    "new_code",
    "deleted_code",
    "rounding",
)
VOLUME = "volume"  # beside them, where before and after have units of their own

FORMULA = CAUSES[:7]
SHARING = (*FORMULA, "modifiers_and_caps", "same_day", "rounding")  # the others take a row's change whole
FIGURES = ("work", "pe", "mp", "g_work", "g_pe", "g_mp", "factor", "fee", "alone")  # read where a row is paid on both sides
ANSWERS = ("allowed", "outcome", "present")

SLICE = 1 << 16  # rows that are worked out at once: their many columns in 128 bits then stay small

# The largest values that keep every product inside its integers: 10,000 RVUs, a GPCI of 10, a factor of $1,000, a fee of
# $10 million, and $20 billion for a row.
LIMITS = {
    **dict.fromkeys(("work", "pe", "mp"), 1_000_000),
    **dict.fromkeys(("g_work", "g_pe", "g_mp"), 10_000),
    "factor": 10_000_000,
    "fee": 1_000_000_000,
    **dict.fromkeys(("alone", "allowed"), 2_000_000_000_000),
}
MOST = 2 * LIMITS["allowed"]  # of an amount at twice the volume, as the products of three amounts need it

SIXTHS = 6 * PER_CENT  # the parts of one unit's fee are counted in sixths of the exact product


def split(frame: pl.DataFrame) -> pl.DataFrame:
    """The parts of every row's change in cents: one Int64 column a cause, rows in order, adding up to allowed_1 - allowed_0.

    `frame` holds, once with `_0` (before) and once with `_1` (after): `work`, `pe`, `mp` (hundredths), `g_work`, `g_pe`,
    `g_mp` (thousandths), `factor` (ten-thousandths of a dollar), `fee` (cents, one unit), `alone`, `allowed` (cents, all
    units, signed as the units are), `outcome`, and `present` (whether the schedule has the code). An amount that is not known
    (`cannot_price`) counts as 0.

    Units stand in `units`, or, where they too may change, in `units_0` and `units_1`: then a column `volume` comes first,
    which is worth the change of units at the mean of both prices, and a row of which one side has no units (0 or null) is
    volume alone.

    A ratio counts as unchanged where rounding alone can explain its change, half a cent a unit in each of its amounts; what is
    left of it is part of `rounding`. The fee of a row without RVUs (anesthesia) is made by its factor alone, and its change is
    the factor's.

    Raises InputError where a column is missing, a paid row has no amount, a value is beyond LIMITS, or the fee of a row that
    changed is not what the formula makes of its figures.
    """
    own_volumes = "units" not in frame.columns
    typed = _typed(frame)
    moved = _moved(typed)
    changed = typed if moved.len() == typed.height else typed[moved]
    starts = range(0, max(changed.height, 1), SLICE)
    with ThreadPoolExecutor(2) as pool:  # polars leaves a core idle for a part of the time
        parts = pl.concat(pool.map(lambda start: _split(changed.slice(start, SLICE), own_volumes), starts)).rechunk()
    if changed.height == typed.height:
        return parts
    nothing = pl.zeros(typed.height, dtype=pl.Int64, eager=True)
    return parts.select(nothing.scatter(moved, part).alias(part.name) for part in parts.iter_columns())


def _moved(typed: pl.DataFrame) -> pl.Series:
    """Where the rows are of which anything changed: what is the same on both sides has no parts."""
    names = ["units", *FIGURES, "allowed", "paid", "present"]
    same = pl.all_horizontal(pl.col(f"{name}_0").eq_missing(pl.col(f"{name}_1")) for name in names)
    return typed.select(moved=~same)["moved"].arg_true()


def _typed(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns that are read, as Int64, with units of both sides. Raises InputError."""
    one = "units" in frame.columns
    both = [f"{name}_{side}" for side in "01" for name in (*FIGURES, *ANSWERS)]
    missing = [name for name in (*both, *(() if one else ("units_0", "units_1"))) if name not in frame.columns]
    if missing:
        raise InputError(f"The change cannot be split: the frame has no column {', '.join(missing)}.")
    units = {f"units_{side}": (pl.col("units" if one else f"units_{side}")).cast(pl.Int64).fill_null(0) for side in "01"}
    figures = {f"{name}_{side}": pl.col(f"{name}_{side}").cast(pl.Int64) for side in "01" for name in (*FIGURES, "allowed")}
    paid = {f"paid_{side}": (pl.col(f"outcome_{side}").cast(pl.String) == "priced").fill_null(value=False) for side in "01"}
    present = {f"present_{side}": pl.col(f"present_{side}").fill_null(value=False) for side in "01"}
    typed = frame.select(**units, **figures, **paid, **present)
    for name in ("fee", "alone", "allowed"):
        for side in "01":
            if typed.filter(f"paid_{side}", pl.col(f"{name}_{side}").is_null()).height:
                raise InputError(f"The change cannot be split: a priced row has no amount in {name}_{side}.")
    most = typed.select(pl.col(f"{name}_{side}").abs().max() for side in "01" for name in LIMITS).row(0, named=True)
    for name, value in most.items():
        if value is not None and value > LIMITS[name[:-2]]:
            raise InputError(f"The change cannot be split: {name} holds {value:,}, more than {LIMITS[name[:-2]]:,}.")
    return typed


def _split(frame: pl.DataFrame, own_volumes: bool) -> pl.DataFrame:
    volume = [VOLUME] if own_volumes else []
    frame = _kind(frame, own_volumes)
    for step in (_fee_of_one_unit, _at_one_volume, _what_ifs, _exact_parts):
        frame = step(frame)
    # Where nothing moved, say, no GPCI changed on any row: what nobody shares in is not divided.
    some = frame.select((pl.col(f"n_{cause}") != 0).any().alias(cause) for cause in (*volume, *SHARING)).row(0, named=True)
    parts = _whole_cents(frame, [cause for cause, any_part in some.items() if any_part])
    return parts.select(
        pl.when(pl.col("whole") == cause).then("change").otherwise(cause if cause in parts.columns else 0).alias(cause)
        for cause in (*volume, *CAUSES)
    )


def _kind(frame: pl.DataFrame, own_volumes: bool) -> pl.DataFrame:
    """`change`, in cents; `whole`, the cause that takes it whole; null in `whole` where the factors share it.

    Rows that are not shared out get zeros for all figures, which are then without effect.
    """
    amount = {side: pl.when(f"paid_{side}").then(f"allowed_{side}").otherwise(0) for side in "01"}
    sides = pl.col("units_0").sign() * pl.col("units_1").sign()
    # Without units nothing is paid for: of one common volume of 0 no cause can be told.
    gone = (sides <= 0) & own_volumes
    whole = (
        pl.when(gone)
        .then(pl.lit(VOLUME))
        .when(pl.col("paid_0") & pl.col("paid_1"))
        .then(None)
        .when(~pl.col("present_0") & pl.col("present_1"))
        .then(pl.lit("new_code"))
        .when(pl.col("present_0") & ~pl.col("present_1"))
        .then(pl.lit("deleted_code"))
        .otherwise(pl.lit("status"))
    )
    named = frame.with_columns(change=amount["1"] - amount["0"], whole=whole)
    shared = pl.col("whole").is_null() & (pl.col("units_0") != 0)
    figures = [f"{name}_{side}" for side in "01" for name in (*FIGURES, "allowed")]
    return named.with_columns(pl.when(shared).then(pl.col(name)).otherwise(0).fill_null(0) for name in figures)


def _fee_of_one_unit(frame: pl.DataFrame) -> pl.DataFrame:
    """`q_<cause>`: the parts of the change of one unit's exact fee, in sixths of the exact product (SIXTHS a cent)."""
    moved = {name for name in FIGURES if not frame[f"{name}_0"].equals(frame[f"{name}_1"])}
    parts = dict.fromkeys(FORMULA, pl.lit(0, dtype=pl.Int64))
    for rvu in ("work", "pe", "mp"):
        a, b, c = (rvu, f"g_{rvu}", "factor")
        shares = {f"{rvu}_rvu": (a, b, c), f"gpci_{rvu}": (b, a, c), "conversion_factor": (c, a, b)}
        parts |= {cause: parts[cause] + _shapley(*names) for cause, names in shares.items() if names[0] in moved}
    exact = {
        f"exact_{side}": sum(
            (pl.col(f"{rvu}_{side}") * pl.col(f"g_{rvu}_{side}") for rvu in ("work", "pe", "mp")),
            start=pl.lit(0, dtype=pl.Int64),
        )
        * pl.col(f"factor_{side}")
        for side in "01"
    }
    frame = frame.with_columns(**exact)
    without = (pl.col("exact_0") == 0) | (pl.col("exact_1") == 0)
    for side in "01":
        off = (pl.col(f"exact_{side}") - pl.col(f"fee_{side}") * PER_CENT).abs() > PER_CENT // 2
        wrong = frame.filter(off & ~without)
        if wrong.height:
            row = wrong.row(0, named=True)
            figures = ", ".join(f"{name} {row[f'{name}_{side}']}" for name in FIGURES[:7])
            raise InputError(
                f"The change cannot be split: fee_{side} is {row[f'fee_{side}']} cents, the formula makes another of {figures}."
            )
    by_factor = (pl.col("fee_1") - pl.col("fee_0")) * SIXTHS
    return frame.with_columns(
        pl.when(without).then(by_factor if cause == "conversion_factor" else 0).otherwise(parts[cause]).alias(f"q_{cause}")
        for cause in FORMULA
    )


def _shapley(a: str, b: str, c: str) -> pl.Expr:
    """Six times the part of `a` in the change of a x b x c."""
    a0, a1, b0, b1, c0, c1 = (pl.col(f"{name}_{side}") for name in (a, b, c) for side in "01")
    return (a1 - a0) * (2 * b0 * c0 + b1 * c0 + b0 * c1 + 2 * b1 * c1)


def _at_one_volume(frame: pl.DataFrame) -> pl.DataFrame:
    """`f`, `a`, `l` of both sides: fee, alone and allowed at the sum of both volumes, counted as if these were positive.

    With equal units that is twice the row itself; else it takes the prices of both sides to one volume, twice the mean.
    """
    sign = pl.when(pl.col("whole").is_null() & (pl.col("units_0") < 0)).then(-1).otherwise(1).cast(pl.Int64)
    same_units = frame["units_0"].equals(frame["units_1"])
    volume = (pl.col("units_0") + pl.col("units_1")).abs()
    columns = {"sign": sign, "volume": volume}
    for side in "01":
        own = pl.max_horizontal(pl.col(f"units_{side}").abs(), 1)
        columns[f"f_{side}"] = pl.col(f"fee_{side}").cast(pl.Int128) * volume
        for short, name in (("a", "alone"), ("l", "allowed")):
            amount = pl.col(f"{name}_{side}").cast(pl.Int128) * sign
            columns[f"{short}_{side}"] = amount * 2 if same_units else _nearest(amount * volume, own)
    frame = frame.with_columns(**columns)
    most = frame.select(pl.max_horizontal(pl.col(f"{short}_{side}").abs().max() for short in "fal" for side in "01")).item()
    if most is not None and most > MOST:
        raise InputError(f"The change cannot be split: a row comes to {most:,} cents at its larger volume, more than {MOST:,}.")
    return frame


def _nearest(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """The quotient rounded to a whole number, halves up; the denominator is positive."""
    return (2 * numerator + denominator) // (2 * denominator)


def _what_ifs(frame: pl.DataFrame) -> pl.DataFrame:
    """`v_ijk`: the amount with the fee, the alone / fee and the allowed / alone of before (0) or after (1), in cents."""
    ratios = {}
    for ratio, over, under in (("r", "a", "f"), ("s", "l", "a")):
        for side, other in (("0", "1"), ("1", "0")):
            # A ratio that one side does not have (nothing over nothing) has not changed.
            here, there = pl.col(f"{under}_{side}") > 0, pl.col(f"{under}_{other}") > 0
            for part, name in (("n", over), ("d", under)):
                ratios[f"{ratio}{part}_{side}"] = (
                    pl.when(here)
                    .then(f"{name}_{side}")
                    .when(there)
                    .then(f"{name}_{other}")
                    .otherwise(pl.lit(1, dtype=pl.Int128))
                )
    frame = frame.with_columns(**ratios)
    mixed = {
        f"v_{i}{j}{k}": _nearest(
            pl.col(f"f_{i}") * pl.col(f"rn_{j}") * pl.col(f"sn_{k}"), pl.col(f"rd_{j}") * pl.col(f"sd_{k}")
        )
        for i in "01" for j in "01" for k in "01" if not i == j == k
    }  # fmt: skip
    return frame.with_columns(**mixed, v_000="l_0", v_111="l_1")


def _exact_parts(frame: pl.DataFrame) -> pl.DataFrame:
    """`n_<cause>`: the parts as numerators over `one`, a whole number of twelfths of which all of them are made.

    The fee's part in the change is (fee_1 - fee_0) x the mean of volume x ratios, which `weight` holds for both fees together;
    so the fee's causes have it in the proportion of their own parts, and are right where they cancel out and the fee itself
    stands still.
    """
    v = {name: pl.col(f"v_{name}") for name in ("000", "001", "010", "011", "100", "101", "110", "111")}
    fees = pl.col("fee_0") + pl.col("fee_1")
    one = pl.when(fees > 0).then(12 * SIXTHS * fees).otherwise(12)
    weight = 2 * (v["000"] + v["100"]) + (v["010"] + v["110"]) + (v["001"] + v["101"]) + 2 * (v["011"] + v["111"])
    ratio = 2 * (v["010"] - v["000"]) + (v["110"] - v["100"]) + (v["011"] - v["001"]) + 2 * (v["111"] - v["101"])
    same_day = 2 * (v["001"] - v["000"]) + (v["101"] - v["100"]) + (v["011"] - v["010"]) + 2 * (v["111"] - v["110"])
    frame = frame.with_columns(one=one, weight=weight)
    twelfth = (pl.col("one") // 12).cast(pl.Int128)
    change = pl.col("change").cast(pl.Int128) * pl.col("sign")
    shared = pl.col("whole").is_null()
    none = pl.lit(0, dtype=pl.Int128)
    parts = {f"n_{cause}": pl.col(f"q_{cause}").cast(pl.Int128) * pl.col("weight") for cause in FORMULA}
    parts["n_modifiers_and_caps"] = pl.when(_only_rounded("a", "f")).then(none).otherwise(ratio * twelfth)
    parts["n_same_day"] = pl.when(_only_rounded("l", "a")).then(none).otherwise(same_day * twelfth)
    parts["n_volume"] = (
        pl.when(shared).then((2 * change - (pl.col("l_1") - pl.col("l_0"))) * (pl.col("one") // 2)).otherwise(none)
    )
    frame = frame.with_columns(**parts)
    others = sum((pl.col(name) for name in parts), start=none)
    return frame.with_columns(n_rounding=pl.when(shared).then(change * pl.col("one") - others).otherwise(none))


def _only_rounded(over: str, under: str) -> pl.Expr:
    """Whether half a cent a unit in each of the four amounts explains that the two ratios differ."""
    n0, n1, d0, d1 = (pl.col(f"{name}_{side}") for name in (over, under) for side in "01")
    return 2 * (n1 * d0 - n0 * d1).abs() <= pl.col("volume") * (n0 + n1 + d0 + d1)


def _whole_cents(frame: pl.DataFrame, causes: list[str]) -> pl.DataFrame:
    """The parts in whole cents, by the largest remainder: one column a cause, beside `change` and `whole`.

    Which of several equal remainders comes first is the order of the causes, as seen from the side from which the change is
    up: so the parts of the opposite change are the opposite ones.
    """
    change = pl.when(pl.col("whole").is_null()).then(pl.col("change") * pl.col("sign")).otherwise(0)
    signs = [pl.when(n != 0).then(n.sign().cast(pl.Int64)) for n in (change, *(pl.col(f"n_{cause}") for cause in causes))]
    frame = frame.with_columns(view=pl.coalesce(*signs, 1))
    floors = {cause: (pl.col(f"n_{cause}") * pl.col("view")) // pl.col("one") for cause in causes}
    frame = frame.with_columns(floor.cast(pl.Int64).alias(f"floor_{cause}") for cause, floor in floors.items())
    frame = frame.with_columns(
        (pl.col(f"n_{cause}") * pl.col("view") - pl.col(f"floor_{cause}").cast(pl.Int128) * pl.col("one"))
        .cast(pl.Int64)
        .alias(f"rest_{cause}")
        for cause in causes
    )
    none = pl.lit(0, dtype=pl.Int64)
    left = change * pl.col("view") - sum((pl.col(f"floor_{cause}") for cause in causes), start=none)
    frame = frame.with_columns(left=left, back=pl.col("view") * pl.col("sign"))
    # Each pair is compared once: what comes first in it is ahead of the other unless that is larger.
    pairs = {f"{a} {b}": pl.col(f"rest_{a}") >= pl.col(f"rest_{b}") for a, b in combinations(causes, 2)}
    frame = frame.with_columns(one.cast(pl.Int8).alias(pair) for pair, one in pairs.items())
    parts = []
    for here, cause in enumerate(causes):
        before = sum(
            (pl.col(f"{other} {cause}") for other in causes[:here]), start=pl.lit(len(causes) - 1 - here, dtype=pl.Int8)
        )
        place = sum((-pl.col(f"{cause} {other}") for other in causes[here + 1 :]), start=before)
        cents = pl.col(f"floor_{cause}") + (place < pl.col("left")).cast(pl.Int64)
        parts.append((cents * pl.col("back")).alias(cause))
    return frame.select("change", "whole", *parts)
