"""Diagnostic tests: technical and professional parts ranked apart (E3, E4), the OPPS cap (E6), and FX, FY, CT (D7).

Sources: CMS record layout of the relative value files, MULT PROC 4, 6, 7; MM10188 and R3676CP for FX, FY and CT.
"""

import polars as pl

from feecalc.pricing import fee, gates, modifiers, shares, together
from feecalc.pricing.kinds import WorkedOut
from feecalc.pricing.outcomes import because
from feecalc.pricing.rows import DIAGNOSTIC
from feecalc.pricing.shares import CUT, RANK

# What is kept of a line's parts, for its explanation: cents, counts of units, and the cut over CUT cubed.
PARTS = ("_tc", "_tc_cap", "_pc", "_parts_allowed", "_whole_count", "_tc_full", "_pc_full", "_cut_share")

# What is read of a line, and of its kind.
READ = (
    "_row", "_day", "_order", "_date", "_list", "_factor", "gpci_work", "gpci_pe", "gpci_mp", "_fee", "_cap", "_unit", "_items",
    "n_side", "n_split", "n_role", "n_who", "n_par", "_is_cut", "_first_count", "_first_rank", "_later_count", "_later_rank",
)  # fmt: skip
READ_OF_KIND = (
    "_row_modifier", "pctc", "has_parts", "m_fx", "m_fy", "m_ct",
    "t_work", "_t_pe", "t_mp", "_t_opps_pe", "t_opps_mp", "t_is_capped", "p_work", "_p_pe", "p_mp",
)  # fmt: skip

TECHNICAL_RULE = {
    "imaging": "imaging_technical",
    "cardiovascular": "cardiovascular_technical",
    "ophthalmology": "ophthalmology_technical",
}


def marks(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`_is_cut`: FX, FY or CT has a technical part to cut. `_names_no_part`: a test without rows for its parts (PC/TC 4)."""
    return frame.with_columns(
        _is_cut=(gates.has_cut() & _has_own_part()).fill_null(value=False),
        _names_no_part=((pl.col("_list") == "cardiovascular") & (pl.col("pctc") == "4")).fill_null(value=False),
    )


def components(frame: pl.DataFrame, known: WorkedOut, every_part: bool) -> pl.DataFrame:
    """Price diagnostic lines by their parts where the day or a modifier reduces one; `_parts_allowed`, null elsewhere.

    A whole unit of which no part is reduced or cut pays its own row's amount (E5). A technical part pays no more than its cap
    after the day's reduction, before every other percentage (E6, D7). `every_part` keeps all of PARTS.
    """
    kept = PARTS if every_part else ("_parts_allowed",)
    several = pl.col("_together") | (pl.col("_items") > 1)
    here = pl.col("_reason").is_null() & (
        (pl.col("_list").is_in(DIAGNOSTIC) & several).fill_null(value=False) | pl.col("_is_cut")
    )
    if not frame.select(here.any()).item():
        none = dict.fromkeys(kept, pl.lit(None, dtype=pl.Int64))
        return frame.with_columns(**none, _flag_reduced_part=pl.lit(value=False))
    frame = _global_tests(frame, known)
    lines = _with_parts(known.beside(together.pick(frame, here, *READ), *READ_OF_KIND))
    listed = pl.col("_list").is_in(DIAGNOSTIC)
    own = pl.col("n_side") * pl.col("n_split") * pl.col("n_role")
    leads_tc = _leaders(lines.filter(listed & pl.col("_tc").is_not_null()), pl.col("_tc") * own)
    leads_pc = _leaders(lines.filter((pl.col("_list") == "imaging") & pl.col("_pc").is_not_null()), pl.col("_pc") * own)
    lines = lines.with_columns(
        _tc_leads=pl.col("_row").is_in(leads_tc.implode()).cast(pl.Int64),
        _pc_leads=pl.col("_row").is_in(leads_pc.implode()).cast(pl.Int64),
    )
    # Few lines are cut, and only their products need 128 bits.
    priced = pl.concat([_by_parts(lines.filter(~pl.col("_is_cut"))), _by_parts(lines.filter("_is_cut"), _cut())])
    flags = priced.select("_row", "_flag_reduced_part")
    frame = together.put(together.put(frame, priced.select("_row", *kept)), flags, nothing=False)
    return together.flag_uncertain(frame, listed, pl.col("_list"))


def _by_parts(lines: pl.DataFrame, cut: pl.Expr | None = None) -> pl.DataFrame:
    """`_row`, PARTS and `_flag_reduced_part` of lines that are cut, or of lines without a cut."""
    has_technical, has_professional = pl.col("_tc").is_not_null(), pl.col("_pc").is_not_null()
    listed = pl.col("_list").is_in(DIAGNOSTIC)
    count = pl.col("_items")
    cut_share = pl.lit(CUT**3, dtype=pl.Int64) if cut is None else cut
    is_cut = cut_share < CUT**3
    # How many units have their technical and their professional part in full; outside a list, all of them.
    tc_full = pl.when(listed).then("_tc_leads").otherwise(count)
    pc_full = pl.when(pl.col("_list") == "imaging").then("_pc_leads").otherwise(count)
    whole = (
        pl.when((pl.col("_row_modifier") == "") & (pl.col("pctc") == "1") & ~is_cut)
        .then(pl.min_horizontal(tc_full, pc_full))
        .otherwise(0)
    )
    tc_rank = pl.col("_list").replace_strict(
        {name: shares.rule(rule, RANK) for name, rule in TECHNICAL_RULE.items()}, default=RANK, return_dtype=pl.Int64
    )
    pc_rank = shares.rule("imaging_professional", RANK)
    cap = pl.col("_tc_cap") * RANK
    technical_full = pl.min_horizontal(pl.col("_tc") * RANK, cap)
    technical_later = pl.min_horizontal(pl.col("_tc") * tc_rank, cap)
    share = pl.col("_share")
    technical = (tc_full - whole) * shares.paid(technical_full, 1, cut, share) + (count - tc_full) * shares.paid(
        technical_later, 1, cut, share
    )
    professional = (pc_full - whole) * shares.paid(pl.col("_pc"), RANK, share=share) + (count - pc_full) * shares.paid(
        pl.col("_pc"), pc_rank, share=share
    )
    by_parts = (
        whole * shares.paid(pl.col("_unit"), share=share)
        + pl.when(has_technical).then(technical).otherwise(0)
        + pl.when(has_professional).then(professional).otherwise(0)
    )
    if cut is not None:
        # Outside the diagnostic lists only a cut brings the parts into play, each at the places that the line has.
        outside = _at_places(pl.min_horizontal("_tc", "_tc_cap"), has_technical, cut)
        outside += _at_places(pl.col("_pc"), has_professional)
        by_parts = pl.when(listed).then(by_parts).otherwise(outside)
    split = has_technical | has_professional
    reduced = (has_technical & (tc_full < count)) | (has_professional & (pc_full < count)) | (has_technical & is_cut)
    return lines.with_columns(_share=shares.line_share()).select(
        "_row",
        "_tc",
        "_tc_cap",
        "_pc",
        _parts_allowed=pl.when(split).then(by_parts),
        _whole_count=whole.cast(pl.Int64),
        _tc_full=tc_full,
        _pc_full=pc_full,
        _cut_share=cut_share,
        _flag_reduced_part=(split & reduced).fill_null(value=False),
    )


def _has_own_part() -> pl.Expr:
    """Whether FX, FY and CT have a technical part to cut: a TC row, or a whole test with a TC row (D7)."""
    return (pl.col("_row_modifier") == "TC") | ((pl.col("_row_modifier") == "") & (pl.col("pctc") == "1"))


def _at_places(cents: pl.Expr, there: pl.Expr, cut: pl.Expr | None = None) -> pl.Expr:
    """A part of the line at the ranks of its items; 0 where it has no such part."""
    first = shares.paid(cents, pl.col("_first_rank"), cut, pl.col("_share")) * pl.col("_first_count")
    later = shares.paid(cents, pl.col("_later_rank"), cut, pl.col("_share")) * pl.col("_later_count")
    return pl.when(there).then(first + pl.when(pl.col("_later_count") > 0).then(later).otherwise(0)).otherwise(0)


def _global_tests(frame: pl.DataFrame, known: WorkedOut) -> pl.DataFrame:
    """A cardiovascular PC/TC 4 code names no technical part: alone and once it pays its row, else it cannot be priced (E4)."""
    free = pl.col("_reason").is_null()
    tests = together.pick(frame, free & pl.col("_names_no_part"), "_row", "_day", "_items")
    if tests.is_empty():
        return frame
    days = pl.col("_day").is_in(tests["_day"].unique().implode())
    cardio = together.pick(frame, free & days & (pl.col("_list") == "cardiovascular"), "_row", "_day")
    technical = known.beside(cardio, "is_technical").filter("is_technical").group_by("_day").len("technical")
    refused = tests.join(technical, on="_day", how="left").filter((pl.col("_items") > 1) | (pl.col("technical") > 1))
    return together.change(frame, refused.select("_row", _reason=because("global_test_parts")))


def _with_parts(lines: pl.DataFrame) -> pl.DataFrame:
    """Add `_tc`, `_tc_cap` and `_pc`: cents of one unit's technical and professional part; null where there is none.

    A whole test's parts come from its TC and 26 rows; a TC row, and a technical-only code, is a technical part itself.
    """

    def amount(work: str, pe: str, mp: str) -> pl.Expr:
        return fee.amount(pl.col(work), pl.col(pe), pl.col(mp), pl.col("_factor"))

    own_technical = (pl.col("_row_modifier") == "TC") | ((pl.col("_row_modifier") == "") & (pl.col("pctc") == "3"))
    own_professional = pl.col("_row_modifier") == "26"
    return lines.with_columns(
        _tc=pl.when("has_parts").then(amount("t_work", "_t_pe", "t_mp")).when(own_technical).then("_fee"),
        _tc_cap=pl.when(pl.col("has_parts") & pl.col("t_is_capped"))
        .then(amount("t_work", "_t_opps_pe", "t_opps_mp"))
        .when(own_technical)
        .then("_cap"),
        _pc=pl.when("has_parts").then(amount("p_work", "_p_pe", "p_mp")).when(own_professional).then("_fee"),
    )


def _leaders(lines: pl.DataFrame, key: pl.Expr) -> pl.Series:
    """The `_row` of the line of each day and list whose part comes first: its first unit is paid in full."""
    items = lines.select("_row", "_day", "_order", "_list", key=key, tie=pl.lit(0), count=pl.col("_items"))
    return together.leaders(items, "_list")


def _cut() -> pl.Expr:
    """What FX, FY and CT together leave of the technical part, over CUT cubed; all of it where none stands (D7)."""
    product = pl.lit(1, dtype=pl.Int64)
    for column, code in (("m_fx", "FX"), ("m_fy", "FY"), ("m_ct", "CT")):
        left = modifiers.technology_share(code, pl.col("_date"), CUT)
        product = product * pl.when(pl.col(column) & _has_own_part()).then(left).otherwise(pl.lit(CUT, dtype=pl.Int64))
    return product
