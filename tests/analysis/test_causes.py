"""The split of a change: exact to the cent, fair to every cause, and the same from both sides."""

import random
from fractions import Fraction
from itertools import combinations, permutations
from math import factorial

import polars as pl
import pytest

from feecalc.analysis import causes
from feecalc.analysis.causes import CAUSES, VOLUME, split
from feecalc.errors import InputError
from feecalc.pricing import engine, fee

FIGURES = ("work", "pe", "mp", "g_work", "g_pe", "g_mp", "factor")
# 97110, national, 2025: 0.45, 0.43 and 0.01 RVUs make (45 + 43 + 1) x 1,000 x 323,465 / 10^7 = 2878.8385 cents.
BASE = {"work": 45, "pe": 43, "mp": 1, "g_work": 1000, "g_pe": 1000, "g_mp": 1000, "factor": 323_465}


def fee_of(figures: dict) -> int:
    exact = sum(figures[rvu] * figures[f"g_{rvu}"] for rvu in ("work", "pe", "mp")) * figures["factor"]
    return (exact + 5_000_000) // 10_000_000


def side(units: int, alone: int | None = None, reduction: int = 0, **other) -> dict:
    """One side of a row: the base with some figures of its own, priced by the formula."""
    figures = BASE | other
    fee = fee_of(figures)
    alone = fee * units if alone is None else alone
    amounts = {"fee": fee, "alone": alone, "reduction": reduction, "allowed": alone + reduction}
    return {**figures, **amounts, "outcome": "priced", "present": True}


def absent(outcome: str = "cannot_price", present: bool = False) -> dict:
    allowed = 0 if outcome == "zero" else None
    nothing = dict.fromkeys((*FIGURES, "fee", "alone", "reduction"))
    return {**nothing, "allowed": allowed, "outcome": outcome, "present": present}


def row(units: int, before: dict, after: dict) -> dict:
    return {"units": units, **{f"{k}_0": v for k, v in before.items()}, **{f"{k}_1": v for k, v in after.items()}}


def frame_of(*rows: dict) -> pl.DataFrame:
    return pl.DataFrame(rows, infer_schema_length=None)


def parts_of(units: int, before: dict, after: dict) -> dict[str, int]:
    """The parts that are not 0."""
    found = split(frame_of(row(units, before, after))).row(0, named=True)
    return {cause: amount for cause, amount in found.items() if amount}


def swapped(frame: pl.DataFrame) -> pl.DataFrame:
    other = {"0": "1", "1": "0"}
    return frame.rename({name: name[:-1] + other[name[-1]] for name in frame.columns if name[-2:] in ("_0", "_1")})


def changes(frame: pl.DataFrame) -> pl.Series:
    return frame.select(pl.col("allowed_1").fill_null(0) - pl.col("allowed_0").fill_null(0)).to_series()


def sums(parts: pl.DataFrame) -> pl.Series:
    return parts.select(pl.sum_horizontal(pl.all())).to_series()


# By hand -------------------------------------------------------------------------------------------------------------------


def test_only_the_factor_changed():
    # 100 units: exact 2878.8385 -> 89 x 334,009 / 10^4 = 2972.6801 cents; fees 2879 -> 2973, so 9,400 cents in all. The
    # factor's part is 100 x 93.8416 = 9384.16, rounding's 15.84: whole cents 9384 and 15, and the one left goes to the larger
    # remainder, rounding's .84.
    assert parts_of(100, side(100), side(100, factor=334_009)) == {"conversion_factor": 9384, "rounding": 16}


def test_only_the_work_rvu_changed():
    # 0.45 -> 0.44: 100 x -1 x 323,465 / 10^4 = -3234.65. Fees 2879 -> round(88 x 32.3465 = 2846.492) = 2846: -3,300 in all.
    # Rounding has -3300 + 3234.65 = -65.35; from the side of the rise 3234.65 and 65.35 make 3235 and 65.
    assert parts_of(100, side(100), side(100, work=44)) == {"work_rvu": -3235, "rounding": -65}


def test_only_the_practice_expense_rvu_changed():
    # 0.43 -> 0.47: 10 x 4 x 32.3465 = 1293.86. Fees 2879 -> round(93 x 32.3465 = 3008.2245) = 3008: 1,290. Rounding -3.86.
    assert parts_of(10, side(10), side(10, pe=47)) == {"pe_rvu": 1294, "rounding": -4}


def test_only_the_malpractice_rvu_changed():
    # 0.01 -> 0.02: 10 x 32.3465 = 323.465. Fees 2879 -> round(90 x 32.3465 = 2911.185) = 2911: 320. Rounding -3.465: floors
    # 323 and -4 leave one cent, remainders .465 and .535: it is rounding's, -3.
    assert parts_of(10, side(10), side(10, mp=2)) == {"mp_rvu": 323, "rounding": -3}


@pytest.mark.parametrize(
    ("gpci", "cause", "parts"),
    [
        # 1.000 -> 1.100 of the work: 45 x 0.1 x 32.3465 = 145.55925 cents; fee round(3024.39775) = 3024: 145. Rounding
        # -0.55925. From the rise: floors 145 and -1 leave 1; remainders .55925 and .44075: the work's.
        ("g_work", "gpci_work", {"gpci_work": 146, "rounding": -1}),
        # of practice expense: 43 x 3.23465 = 139.08995; fee round(3017.92845) = 3018: 139. Rounding -0.08995: 139 and 0.
        ("g_pe", "gpci_pe", {"gpci_pe": 139}),
        # of malpractice: 3.23465; fee round(2882.07315) = 2882: 3. Rounding -0.23465: 3 and 0.
        ("g_mp", "gpci_mp", {"gpci_mp": 3}),
    ],
)
def test_only_one_gpci_changed(gpci, cause, parts):
    assert parts_of(1, side(1), side(1, **{gpci: 1100})) == parts
    assert cause in parts


def test_only_a_cap_came():
    # An OPPS cap of $25.00 on the same fee of $28.79: 4 x (2500 - 2879).
    assert parts_of(4, side(4), side(4, alone=10_000)) == {"modifiers_and_caps": -1516}


def test_only_the_same_day_changed():
    # Four units, of which three are reduced after but none before: 3 x (2183 - 2879).
    assert parts_of(4, side(4), side(4, reduction=-2088)) == {"same_day": -2088}


def test_a_status_change_a_new_code_and_a_deleted_code_take_all():
    paid = side(3)
    assert parts_of(3, paid, absent("zero", present=True)) == {"status": -8637}
    assert parts_of(3, absent("cannot_price", present=True), paid) == {"status": 8637}
    assert parts_of(3, absent(), paid) == {"new_code": 8637}
    assert parts_of(3, paid, absent()) == {"deleted_code": -8637}
    assert parts_of(3, absent(), absent("zero", present=True)) == {}


def test_factor_and_work_at_once_share_what_they_do_together():
    # 1,000 units, only work RVUs: 1.00 -> 2.00 and $30 -> $40. From 3,000 to 8,000 cents a unit: the work alone brings 3,000,
    # the factor alone 1,000, together 1,000 more. Two of three factors move: each has half of what they do together.
    only_work = {"pe": 0, "mp": 0}
    before = side(1000, work=100, factor=300_000, **only_work)
    after = side(1000, work=200, factor=400_000, **only_work)
    assert parts_of(1000, before, after) == {"work_rvu": 3_500_000, "conversion_factor": 1_500_000}


def test_three_factors_at_once():
    # 1 x 1 x $30 -> 2 x 1.5 x $40: 3,000 -> 12,000 cents. By the orders of (work, GPCI, factor), in units of 500 cents:
    # work: first 6, second after GPCI 9 or after the factor 8, third 12: (2 x 6 + 9 + 8 + 2 x 12) / 6 = 53 / 6
    # GPCI: first 3, after work 6, after the factor 4, third 8: (2 x 3 + 6 + 4 + 2 x 8) / 6 = 32 / 6
    # factor: first 2, after work 4, after GPCI 3, third 6: (2 x 2 + 4 + 3 + 2 x 6) / 6 = 23 / 6. In all 108 / 6 = 18.
    before = side(6, work=100, factor=300_000, pe=0, mp=0)
    after = side(6, work=200, g_work=1500, factor=400_000, pe=0, mp=0)
    assert parts_of(6, before, after) == {"work_rvu": 26_500, "gpci_work": 16_000, "conversion_factor": 11_500}


def test_causes_that_cancel_out_are_both_told():
    # 2.00 at $30 and 1.00 at $60: the fee stands still, and a half of it (1.5 x 3,000) is lost by the one, won by the other.
    before = side(2, work=200, factor=300_000, pe=0, mp=0)
    after = side(2, work=100, factor=600_000, pe=0, mp=0)
    # Work: -100 x (300,000 + 600,000) / 2 = -4,500 cents a unit.
    assert parts_of(2, before, after) == {"work_rvu": -9000, "conversion_factor": 9000}


def test_the_fee_counts_for_what_is_paid_of_it():
    # A row paid at half of its fee on both sides: the factor's part is half of 100 x 93.8416, rounding has the rest of 4,700.
    before = side(100, alone=287_900 // 2)
    after = side(100, alone=297_300 // 2, factor=334_009)
    assert parts_of(100, before, after) == {"conversion_factor": 4692, "rounding": 8}


def test_what_rounding_explains_is_no_change_of_a_ratio():
    # 85 % of $28.79 is 24.4715 -> 24.47, of $29.73 it is 25.2705 -> 25.27: the ratios differ, the rule does not.
    found = parts_of(100, side(100, alone=244_700), side(100, alone=252_700, factor=334_009))
    assert set(found) == {"conversion_factor", "rounding"}
    assert sum(found.values()) == 8000
    # 85 % -> 80 % is a change of its own.
    found = parts_of(100, side(100, alone=244_700), side(100, alone=237_800, factor=334_009))
    assert found["modifiers_and_caps"] < -14_000


def test_an_amount_without_rvus_is_its_factors():
    # Anesthesia: tenths of units times the locality's own factor. $100 -> $110 for each of 5.
    bare = {"work": 0, "pe": 0, "mp": 0}
    before = side(5, **bare, factor=200_000) | {"fee": 10_000, "alone": 50_000, "allowed": 50_000}
    after = side(5, **bare, factor=220_000) | {"fee": 11_000, "alone": 55_000, "allowed": 55_000}
    assert parts_of(5, before, after) == {"conversion_factor": 5000}


def test_volumes_of_their_own():
    def both(u0, u1, before, after):
        frame = frame_of(row(0, before, after)).drop("units").with_columns(units_0=pl.lit(u0), units_1=pl.lit(u1))
        return {cause: amount for cause, amount in split(frame).row(0, named=True).items() if amount}

    # 10 -> 12 units at an unchanged price.
    assert both(10, 12, side(10), side(12)) == {VOLUME: 2 * 2879}
    # Price and volume: 10 x 2879 -> 20 x 2973. Volume 10 x the mean of both prices, 2926; price 94 x 15 units = 1,410, of
    # which the factor has 15 x 93.8416 = 1407.624, rounding 2.376: 1408 and 2.
    found = both(10, 20, side(10), side(20, factor=334_009))
    assert found == {VOLUME: 29_260, "conversion_factor": 1408, "rounding": 2}
    # Rows that come or go are volume, whatever the prices.
    assert both(None, 3, absent(), side(3, factor=334_009)) == {VOLUME: 8919}
    assert both(3, 0, side(3), side(0)) == {VOLUME: -8637}


def test_errors_say_what_is_wrong():
    good = frame_of(row(1, side(1), side(1)))
    with pytest.raises(InputError, match="no column outcome_0, factor_1"):
        split(good.drop("factor_1", "outcome_0"))
    with pytest.raises(InputError, match="no column units_0, units_1"):
        split(good.drop("units"))
    with pytest.raises(InputError, match=r"fee_1 is 2880 cents.*work 45"):
        split(good.with_columns(fee_1=pl.lit(2880)))
    with pytest.raises(InputError, match="no amount in allowed_0"):
        split(good.with_columns(allowed_0=pl.lit(None, dtype=pl.Int64)))
    with pytest.raises(InputError, match=r"work_1 holds 1,000,001, more than 1,000,000"):
        split(good.with_columns(work_1=pl.lit(1_000_001)))


def test_no_rows():
    none = frame_of(row(1, side(1), side(1))).clear()
    assert split(none).columns == list(CAUSES)
    volumes = none.drop("units").with_columns(units_0=pl.lit(1), units_1=pl.lit(1)).clear()
    assert split(volumes).columns == [VOLUME, *CAUSES]
    assert split(volumes).is_empty()


def test_the_largest_values_stay_inside_their_integers():
    # $10 million a unit and $20 billion a row: 128 bits are needed and are enough.
    most = {
        "work": 1_000_000,
        "pe": 1_000_000,
        "mp": 1_000_000,
        "g_work": 3000,
        "g_pe": 3000,
        "g_mp": 3000,
        "factor": 1_000_000,
    }
    before = side(2000, **most)
    after = side(2000, **{**most, "factor": 999_000, "work": 990_000}, reduction=-10_000_000_000)
    frame = frame_of(row(2000, before, after))
    assert frame["allowed_0"][0] == 1_800_000_000_000 * 1
    assert sums(split(frame)).to_list() == changes(frame).to_list()
    assert (split(swapped(frame)) * -1).equals(split(frame))


# Against Shapley's own definition ------------------------------------------------------------------------------------------


def shapley_of_fee(before: dict, after: dict) -> dict[str, Fraction]:
    """Cents by cause, from every coalition of the seven figures: the definition, nothing of the formula's shape."""

    def worth(moved: frozenset) -> Fraction:
        f = {name: (after if name in moved else before)[name] for name in FIGURES}
        return Fraction(sum(f[rvu] * f[f"g_{rvu}"] for rvu in ("work", "pe", "mp")) * f["factor"], 10_000_000)

    names = {"factor": "conversion_factor"} | {r: f"{r}_rvu" for r in ("work", "pe", "mp")}
    names |= {f"g_{r}": f"gpci_{r}" for r in ("work", "pe", "mp")}
    count, found = len(FIGURES), {}
    for figure in FIGURES:
        rest = [name for name in FIGURES if name != figure]
        found[names[figure]] = sum(
            (worth(frozenset(some) | {figure}) - worth(frozenset(some)))
            * Fraction(factorial(size) * factorial(count - size - 1), factorial(count))
            for size in range(count)
            for some in combinations(rest, size)
        )
    return found


RANGES = {"wo": (0, 900), "pe": (0, 900), "mp": (0, 900), "g_": (700, 1500), "fa": (320_000, 370_000)}


def test_the_parts_of_the_fee_are_the_shapley_values():
    draw = random.Random(1)
    rows, both = [], []
    for _ in range(60):
        units = draw.randint(1, 5000)
        sides = [side(units, **{name: draw.randint(*RANGES[name[:2]]) for name in FIGURES}) for _ in range(2)]
        rows.append(row(units, *sides))
        both.append((units, sides))
    for (units, sides), found in zip(both, split(frame_of(*rows)).iter_rows(named=True), strict=True):
        exact = shapley_of_fee(*sides)
        for cause, part in exact.items():
            assert abs(found[cause] - part * units) < 1, cause
        left = sides[1]["allowed"] - sides[0]["allowed"] - sum(exact.values()) * units
        assert abs(found["rounding"] - left) < 1


def test_fee_ratios_and_same_day_are_the_shapley_values_of_their_product():
    draw = random.Random(2)
    rows, both = [], []
    for _ in range(200):
        units = draw.randint(1, 300)
        sides = []
        for _ in range(2):
            figures = {"work": draw.randint(50, 900), "pe": draw.randint(50, 900), "factor": draw.randint(320_000, 370_000)}
            alone = fee_of(BASE | figures) * units * draw.choice((30, 50, 85, 100, 150)) // 100
            sides.append(side(units, alone=alone, reduction=-alone * draw.choice((0, 7, 25, 60)) // 100, **figures))
        rows.append(row(units, *sides))
        both.append((units, sides))
    for (units, sides), found in zip(both, split(frame_of(*rows)).iter_rows(named=True), strict=True):
        before, after = sides
        # Three factors: what the fee makes of all units, alone / fee, allowed / alone.
        factors = [
            (Fraction(s["fee"] * units), Fraction(s["alone"], s["fee"] * units), Fraction(s["allowed"], s["alone"]))
            for s in sides
        ]
        parts = [Fraction(0)] * 3
        for order in permutations(range(3)):
            at = list(factors[0])
            for player in order:
                old = at[0] * at[1] * at[2]
                at[player] = factors[1][player]
                parts[player] += (at[0] * at[1] * at[2] - old) / 6
        slack = (units / 2) * 4 * 1.6 + 2  # what rounding alone explains is rounding's
        for cause, part in (("modifiers_and_caps", parts[1]), ("same_day", parts[2])):
            assert abs(found[cause] - part) < 2 or (found[cause] == 0 and abs(part) < slack), cause
        weight = parts[0] / (factors[1][0] - factors[0][0]) if factors[1][0] != factors[0][0] else None
        for cause, part in shapley_of_fee(before, after).items():
            if weight is not None:
                assert abs(found[cause] - part * units * weight) < 2, cause


# On the built-in schedule --------------------------------------------------------------------------------------------------


def priced(opened, codes, places, units, release, claims) -> pl.DataFrame:
    """Rows priced by the engine: alone on their day, and (`claims`) with the others of their mix."""
    serving = opened.schedule.release(release)
    lines = pl.DataFrame({"hcpcs": codes, "units": units}).with_columns(
        places, service_date=pl.lit(serving.effective), claim_id=pl.lit(None, dtype=pl.Int64)
    )
    rules = engine.Rules(opened.schedule.tables([release], set(codes), zips=False))
    one = engine.work_out(lines.with_columns(units=pl.lit(1)), rules, every_column=False)
    together = engine.work_out(lines.with_columns(claim_id=pl.Series(claims)), rules, every_column=False)
    alone = one["_allowed"] * pl.Series(units)
    return one.select(
        *(pl.col(name).cast(pl.Int64).alias(name.strip("_")) for name in ("work", "_pe", "mp")),
        g_work="gpci_work",
        g_pe="gpci_pe",
        g_mp="gpci_mp",
        factor="_factor",
        fee="_fee",
        present=(pl.col("_reason") != "unknown_code").fill_null(value=True),
        outcome="_outcome",
        alone=alone,
        allowed=together["_allowed"],
    ).with_columns(
        # A line that only its claim can price (or not) is not paid alone either.
        outcome=pl.when(together["_outcome"] == one["_outcome"]).then("outcome").otherwise(pl.lit("cannot_price")),
    ).with_columns(
        allowed=pl.when(pl.col("outcome") != "cannot_price").then("allowed"), reduction=pl.col("allowed") - pl.col("alone")
    )  # fmt: skip


def random_mixes(opened, seed: int, mixes: int) -> pl.DataFrame:
    """Mixes of some codes at a random place, before and after: releases are drawn a pair a hundred mixes."""
    draw = random.Random(seed)
    releases = opened.schedule.priceable()
    frames = []
    for _ in range(mixes // 100):
        pair = draw.sample(releases, 2)
        known = [set(opened.schedule.table(name, "pprrvu")["hcpcs"]) for name in pair]
        therapy = [c for c in ("97110", "97112", "97140", "97530", "97161", "97150") if c in known[0] | known[1]]
        every = sorted(known[0] | known[1])
        moved = sorted(known[0] ^ known[1])
        gpci = opened.schedule.table(pair[0], "gpci").select("mac", "locality")
        count = 100 * 8
        codes = [draw.choice(draw.choice((every, therapy, moved or every))) for _ in range(count)]
        units = [draw.choice((1, 1, 2, 4, 17, 900)) for _ in range(count)]
        claims = [n // 8 for n in range(count)]
        picks = [[draw.randrange(gpci.height) for _ in range(100)] for _ in range(2)]
        stay = draw.random() < 0.5  # half of the practices stay where they are
        sides = []
        for number, name in enumerate(pair):
            at = picks[0] if stay else picks[number]
            places = gpci[[at[claim] for claim in claims]]
            sides.append(priced(opened, codes, list(places.iter_columns()), units, name, claims))
        both = [one.rename({name: f"{name}_{n}" for name in one.columns}) for n, one in enumerate(sides)]
        frames.append(pl.concat([pl.DataFrame({"units": units}), *both], how="horizontal"))
    return pl.concat(frames)


@pytest.fixture(scope="module")
def real(opened) -> pl.DataFrame:
    return random_mixes(opened, seed=20261123, mixes=1000)


def test_a_thousand_real_mixes_add_up_to_the_cent(real):
    parts = split(real)
    assert real.height == 8000
    assert sums(parts).to_list() == changes(real).to_list()
    paid = real.filter(pl.col("outcome_0") == "priced", pl.col("outcome_1") == "priced")
    assert paid.height > 2000
    used = parts.select((pl.all() != 0).sum()).row(0, named=True)
    assert all(count > 0 for count in used.values()), used


def test_from_the_other_side_every_part_is_its_opposite(real):
    opposite = {"new_code": "deleted_code", "deleted_code": "new_code"}  # what comes from here goes from there
    assert (split(swapped(real)) * -1).rename(opposite).select(CAUSES).equals(split(real))


def test_rows_taken_back_have_the_opposite_parts(real):
    back = real.with_columns(-pl.col("units", "alone_0", "alone_1", "allowed_0", "allowed_1", "reduction_0", "reduction_1"))
    assert (split(back) * -1).equals(split(real))


def test_a_row_has_the_parts_that_it_has_among_others(real, monkeypatch):
    among_all = split(real).head(40)
    monkeypatch.setattr(causes, "SLICE", 7)
    assert split(real.head(40)).equals(among_all)


def test_nothing_changed_has_no_parts(real):
    still = real.with_columns(pl.col(f"{name[:-2]}_0").alias(name) for name in real.columns if name.endswith("_1"))
    assert split(still).select(pl.all().abs().sum()).sum_horizontal().item() == 0


def test_rounding_is_small(real):
    # A cent a unit from the fees, another from the ratios that rounding explains, and whole cents of the other parts.
    size = split(real)["rounding"].abs()
    assert (size <= 3 * real["units"] + 5).all()


def test_release_to_release_for_a_whole_fee_schedule(opened):
    """Rows = codes x localities with one unit: what a fee schedule's reader asks of two releases."""
    sides = []
    for number, name in enumerate(("2025D", "2026C")):
        tables = opened.schedule.tables([name], zips=False)
        gpci = tables.gpci.filter(pl.col("mac").is_in(["10112", "01112"])).drop("release").lazy()
        rows = tables.rows.filter(pl.col("status").is_in(fee.PRICED_STATUSES)).filter(fee.has_rvus()).lazy()
        factor = opened.factor(opened.schedule.release(name))
        priced_rows = (
            rows.join(gpci, how="cross")
            .with_columns(amount=fee.amounts(pl.lit(factor, dtype=pl.Int64))["nonfacility"])
            .with_columns(cap=fee.amounts(pl.lit(factor, dtype=pl.Int64))["opps_nonfacility"])
            .select(
                "hcpcs", "modifier", "mac", "locality", "work", "mp", pe="pe_nonfacility", g_work="gpci_work", g_pe="gpci_pe",
                g_mp="gpci_mp", factor=pl.lit(factor), fee="amount", alone=pl.min_horizontal("amount", "cap"),
                allowed=pl.min_horizontal("amount", "cap"), outcome=pl.lit("priced"), present=pl.lit(value=True),
            )
        )  # fmt: skip
        key = ["hcpcs", "modifier", "mac", "locality"]
        sides.append(priced_rows.rename(lambda column, n=number, key=key: column if column in key else f"{column}_{n}"))
    frame = sides[0].join(sides[1], on=key, how="full", coalesce=True).with_columns(units=pl.lit(1)).collect()
    parts = split(frame)
    assert frame.height > 100_000
    assert sums(parts).equals(changes(frame).alias(sums(parts).name))
    either = frame.select(only_new=pl.col("present_0").is_null(), only_old=pl.col("present_1").is_null())
    assert ((parts["new_code"] != 0) == either["only_new"]).all()
    assert ((parts["deleted_code"] != 0) == either["only_old"]).all()
    assert (parts["rounding"].abs() <= 3).all()
