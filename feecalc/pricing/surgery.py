"""Surgery: both sides (D1), shares of the global package (D2, D3), endoscopy families (E2), and the day's ranking (E1).

Sources: CMS record layout of the relative value files (BILAT SURG, PRE/INTRA/POST OP, MULT PROC 2 and 3, ENDO BASE).
"""

import polars as pl

from feecalc import policy
from feecalc.pricing import fee, modifiers, shares, together
from feecalc.pricing.outcomes import because
from feecalc.pricing.shares import BILATERAL, RANK, SPLIT

LIST = [*together.DAY, "_role"]  # surgeon, assistant and co-surgeon lines are ranked apart


def line_shares(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The line's own percentages as numerators, and how many items it is (D1 to D5), before the day's other lines count.

    `n_side` over BILATERAL, `n_split` over SPLIT; `_items`; `_list`, the same-day list that it stands in. An item is paid
    `_first_amount` at `_first_rank` or `_later_amount` at `_later_rank` (over RANK), so many times each: here as a line that
    stands alone in its list is, and most do.
    """
    both_sides = shares.rule("bilateral", BILATERAL)
    side = pl.col("m_side")
    two_as_one = (side == "") & (pl.col("_units") == 2) & pl.col("bilateral").is_in(["1", "2"])
    one_item = (side == "50") | two_as_one
    split = (
        pl.when(pl.col("m_split") == "54")
        .then(pl.col("pre_op") + pl.col("intra_op"))
        .when(pl.col("m_split") == "55")
        .then("post_op")
        .when(pl.col("m_split") == "54+55")
        .then(pl.col("pre_op") + pl.col("intra_op") + pl.col("post_op"))
        .when(pl.col("m_78") & (pl.col("global_days") != "000"))
        .then("intra_op")
        .otherwise(pl.lit(SPLIT))
    )
    stays_out = ((pl.col("list") == "surgery") & pl.col("m_stay_out")) | (
        (pl.col("list") == "imaging") & pl.col("m_session_apart")
    )
    return frame.with_columns(
        n_side=pl.when(one_item & (pl.col("bilateral") == "1")).then(pl.lit(both_sides)).otherwise(pl.lit(BILATERAL)),
        n_split=split.cast(pl.Int64),
        _one_item=one_item,
        _items=pl.when(one_item)
        .then(pl.when((side == "50") & (pl.col("bilateral") == "3")).then(pl.lit(2)).otherwise(pl.lit(1)))
        .otherwise("_units")
        .cast(pl.Int64),
        _list=pl.when(~stays_out).then("list"),
        # A status T line is paid only beside none of the others (C2), so it never takes a place from them.
        _role=pl.col("m_role") + pl.when(pl.col("status") == "T").then(len(modifiers.ROLE_LISTS)).otherwise(0),
        _ghost=pl.col("_ghost") & (pl.col("status") != "T"),
    ).with_columns(
        _first_amount="_unit",
        _first_count=pl.when(_by_place()).then(pl.lit(1, dtype=pl.Int64)).otherwise("_items"),
        _first_rank=pl.lit(RANK, dtype=pl.Int64),
        _later_amount=pl.when(pl.col("_list") == "therapy").then("_reduced").otherwise("_unit"),
        _later_count=pl.when(_by_place()).then(pl.col("_items") - 1).otherwise(pl.lit(0, dtype=pl.Int64)),
        _later_rank=pl.when(pl.col("_list") == "surgery")
        .then(pl.lit(shares.rule("multiple_surgery", RANK), dtype=pl.Int64))
        .otherwise(pl.lit(RANK, dtype=pl.Int64)),
        _flag_rank_uncertain=pl.lit(value=False),
        _flag_therapy_reduced=((pl.col("_list") == "therapy") & (pl.col("_items") > 1)).fill_null(value=False),
        _flag_both_sides=(one_item & pl.col("bilateral").is_in(["0", "1", "2", "3"])).fill_null(value=False),
    )


def _by_place() -> pl.Expr:
    """Lines of which each unit has its own place in the day's list."""
    return pl.col("_list").is_in(["surgery", "therapy"]).fill_null(value=False)


def pair_sides(frame: pl.DataFrame) -> pl.DataFrame:
    """Two lines of one code, one LT and one RT, otherwise alike, one unit each (D1).

    Indicator 1 pays 100 % on the first and 50 % on the second; 0 and 2 pay the first alone; 3 pays both in full, each an item
    of its own. Adds `_pair` (the first line's `_row`, on both) and `_is_second` for the others; `_two_sided` for all pairs.
    """
    sided = frame.filter(pl.col("m_side").is_in(["LT", "RT"]), pl.col("_claim").is_not_null())
    code = [*together.DAY, "_code"]
    none = {"_pair": pl.lit(None, dtype=pl.UInt32), "_is_second": pl.lit(value=False), "_two_sided": pl.lit(value=False)}
    if sided.is_empty():
        return frame.with_columns(**none)
    alike = ["m_others", "_pos", "_setting", "_mac", "_locality"]
    pairs = (
        frame.join(sided.select(code).unique(), on=code, how="semi")
        .sort(*code, "_order", "_row")
        .group_by(code, maintain_order=True)
        .agg(
            pl.len().alias("lines"),
            pl.col("m_side").sort().str.join(" ").alias("sides"),
            (pl.col("_units") == 1).all().alias("one_each"),
            *(pl.col(name).n_unique().alias(f"{name}_values") for name in alike),
            pl.col("bilateral").first(),
            pl.col("_row").first().alias("first"),
            pl.col("_row").last().alias("second"),
        )
        .filter(
            pl.col("lines") == 2,
            pl.col("sides") == "LT RT",
            pl.col("one_each"),
            pl.all_horizontal(pl.col(f"{name}_values") == 1 for name in alike),
            pl.col("bilateral").is_in(["0", "1", "2", "3"]),
        )
        .select("first", "second", _pair_rule="bilateral")
    )
    if pairs.is_empty():
        return frame.with_columns(**none)
    long = pl.concat(
        [
            pairs.select("_pair_rule", _row="first", _pair="first", _is_second=pl.lit(value=False)),
            pairs.select("_pair_rule", _row="second", _pair="first", _is_second=pl.lit(value=True)),
        ]
    )
    second = pl.col("_is_second").fill_null(value=False)
    included = second & pl.col("_pair_rule").is_in(["0", "2"])
    return (
        together.put(frame, long)
        .with_columns(
            n_side=pl.when(second & (pl.col("_pair_rule") == "1"))
            .then(pl.lit(shares.rule("bilateral_second_side", BILATERAL)))
            .otherwise("n_side"),
            _reason=pl.when(included & pl.col("_reason").is_null()).then(because("second_side_included")).otherwise("_reason"),
            _ghost=pl.col("_ghost") & ~included,
            _two_sided=pl.col("_pair").is_not_null(),
            # Both in full are two items like any others; the pair matters no more.
            _pair=pl.when(pl.col("_pair_rule") != "3").then("_pair"),
            _is_second=second & (pl.col("_pair_rule") != "3"),
            _flag_both_sides=pl.col("_flag_both_sides") | pl.col("_pair").is_not_null(),
        )
        .drop("_pair_rule")
    )


def second_sides(frame: pl.DataFrame) -> pl.DataFrame:
    """A second side that its first includes shares the first's fate: where the first is not paid, so is the second (D1)."""
    waiting = frame.filter(pl.col("_reason") == "second_side_included")
    if waiting.is_empty():
        return frame
    firsts = frame.filter(pl.col("_reason").is_not_null()).select(_pair="_row", _fate="_reason")
    return (
        frame.join(firsts, on="_pair", how="left", maintain_order="left")
        .with_columns(
            _reason=pl.when((pl.col("_reason") == "second_side_included") & pl.col("_fate").is_not_null())
            .then("_fate")
            .otherwise("_reason")
        )
        .drop("_fate")
    )


def endoscopy_families(frame: pl.DataFrame, rows: pl.LazyFrame) -> pl.DataFrame:
    """Two or more codes of one endoscopy family on a day (E2): the highest pays in full, others less the base, the base 0.

    Adds `_family_mode`, true on the lines of such a family; their amounts are set, and `rank` ranks the family as one item.
    """
    member = pl.col("family").is_not_null() & (pl.col("_reason").is_null() | pl.col("_ghost")) & ~pl.col("m_new_or_staged")
    family = [*together.DAY, "family"]
    no_rule = (
        pl.col("_one_item")
        | pl.col("_two_sided")
        | (pl.col("_row_modifier") == "53")
        | (pl.col("m_split") != "")
        | pl.col("m_78")
    )
    members = together.pick(frame, member & pl.col("_claim").is_not_null(), "_row", *family, "_code", no_rule=no_rule)
    if members.is_empty() or not members.select(pl.struct(family).is_duplicated().any()).item():
        return frame.with_columns(_family_mode=pl.lit(value=False))
    conflicts = (
        members.group_by(family)
        .agg(pl.col("_code").n_unique().alias("codes"), pl.col("no_rule").any())
        .filter(pl.col("codes") > 1, pl.col("no_rule"))
    )
    if conflicts.height:
        refused = members.join(conflicts, on=family, how="semi").select("_row", _conflict=pl.lit(value=True))
        conflict = pl.col("_conflict").fill_null(value=False)
        frame = (
            together.put(frame, refused)
            .with_columns(
                _reason=pl.when(conflict & pl.col("_reason").is_null())
                .then(because("endoscopy_modifier"))
                .otherwise("_reason"),
                _ghost=pl.col("_ghost") & ~conflict,
            )
            .drop("_conflict")
        )
    listed = together.pick(
        frame, member & (pl.col("_list") == "surgery") & pl.col("_claim").is_not_null(),
        "_row", *LIST, "family", "_code", "_order", "_unit", "_items", "n_role",
        "release", "_line_setting", "_factor", "gpci_work", "gpci_pe", "gpci_mp",
    )  # fmt: skip
    together_in = listed.group_by(*LIST, "family").agg(pl.col("_code").n_unique().alias("codes")).filter(pl.col("codes") > 1)
    lines = listed.join(together_in.drop("codes"), on=[*LIST, "family"], how="semi")
    if lines.is_empty():
        return frame.with_columns(_family_mode=pl.lit(value=False))
    lines = _with_base(lines, rows)
    is_base = pl.col("_code") == pl.col("family")
    leaders = (
        lines.filter(~is_base)
        .sort(*LIST, "family", pl.col("_unit") * pl.col("n_role"), "_order", "_row",
              descending=[False] * (len(LIST) + 1) + [True, False, False])
        .unique([*LIST, "family"], keep="first", maintain_order=True)
        .select("_row", _leads=pl.lit(value=True))
    )  # fmt: skip
    difference = pl.when(is_base).then(0).otherwise(pl.max_horizontal(pl.col("_unit") - pl.col("_base"), 0))
    leads = pl.col("_leads").fill_null(value=False)
    amounts = lines.join(leaders, on="_row", how="left").select(
        "_row",
        f_base="_base",
        f_first_amount=pl.when(leads).then("_unit").otherwise(difference),
        f_first_count=pl.when(leads).then(1).otherwise("_items"),
        f_later_amount=difference,
        f_later_count=pl.when(leads).then(pl.col("_items") - 1).otherwise(0),
    )
    frame = together.put(frame, amounts)
    here = pl.col("f_first_count").is_not_null()
    unknown = here & pl.col("f_base").is_null()
    nothing = here & (
        pl.col("f_first_amount") * pl.col("f_first_count") + pl.col("f_later_amount") * pl.col("f_later_count") == 0
    )
    free = pl.col("_reason").is_null()
    return frame.with_columns(
        _family_mode=here & ~unknown,
        _reason=pl.when(free & unknown)
        .then(because("endoscopy_base"))
        .when(free & nothing)
        .then(because("endoscopy_base_included"))
        .otherwise("_reason"),
        _ghost=pl.col("_ghost") & ~unknown,
        **{f"_{n}": pl.coalesce(f"f_{n}", f"_{n}") for n in ("first_amount", "first_count", "later_amount", "later_count")},
    ).drop("f_base", "f_first_amount", "f_first_count", "f_later_amount", "f_later_count")


def _with_base(lines: pl.DataFrame, rows: pl.LazyFrame) -> pl.DataFrame:
    """Add `_base`, what the family's base would pay in the line's setting and place; null where it is not payable."""
    payable = pl.col("status").is_in(fee.PRICED_STATUSES) & fee.has_rvus()
    bases = rows.filter(pl.col("modifier") == "", "is_base", payable).select(
        "release", "hcpcs", *(pl.col(c).alias(f"b_{c}") for c in ("work", "pe_nonfacility", "pe_facility", "mp"))
    )
    pe = pl.when(pl.col("_line_setting") == "facility").then("b_pe_facility").otherwise("b_pe_nonfacility")
    return (
        lines.lazy()
        .join(bases, left_on=["release", "family"], right_on=["release", "hcpcs"], how="left", maintain_order="left")
        .with_columns(_base=fee.amount(pl.col("b_work"), pe, pl.col("b_mp"), pl.col("_factor")))
        .collect(engine="in-memory")
    )


def rank(frame: pl.DataFrame) -> pl.DataFrame:
    """The day's surgery by amount, highest first (E1): 100 percent, then 50 to the fifth place, then by report."""
    rule = policy.percentage("multiple_surgery")
    later = shares.rule("multiple_surgery", RANK)
    ranked = (
        pl.col("_together")
        & (pl.col("_list") == "surgery")
        & (
            pl.col("_reason").is_null()
            | pl.col("_ghost")
            | (pl.col("_family_mode") & (pl.col("_reason") == "endoscopy_base_included"))
        )
    )
    share = pl.col("n_side") * pl.col("n_split") * pl.col("n_role")
    in_all = pl.col("_first_amount") * pl.col("_first_count") + pl.col("_later_amount") * pl.col("_later_count")
    numbered = together.pick(
        frame, ranked, "_row", "_day", "_order", "_role", "family", "_family_mode", "_pair", "_is_second", "_items",
        alone=pl.col("_first_amount") * share, whole=in_all * share,
    )  # fmt: skip
    if numbered.is_empty():
        return frame
    # A pair is one item by its total; both its lines are worth the first line's amount times its shares.
    pair_total = numbered.filter(pl.col("_pair").is_not_null()).group_by("_pair").agg(pl.col("alone").sum().alias("total"))
    single = (
        numbered.filter(~pl.col("_family_mode"), ~pl.col("_is_second"))
        .join(pair_total, on="_pair", how="left")
        .select("_day", "_role", "_row", "_order", key=pl.coalesce("total", "alone"), count="_items", item="_row")
    )
    families = (
        numbered.filter("_family_mode")
        .group_by("_day", "_role", "family")
        .agg(pl.col("_row").min(), pl.col("_order").min(), pl.col("whole").sum().alias("key"), item=pl.col("_row").min())
        .with_columns(count=pl.lit(1, dtype=pl.Int64))
        .select("_day", "_role", "_row", "_order", "key", "count", "item", "family")
    )
    places = together.in_order(
        pl.concat(
            [single.with_columns(family=pl.lit(None, dtype=pl.String)), families.select(*single.columns, "family")]
        ).with_columns(tie=pl.lit(0)),
        "_role",
    )
    by_line = places.filter(pl.col("family").is_null()).select("item", "_before", "count")
    by_family = places.filter(pl.col("family").is_not_null()).select("_day", "_role", "family", "_before", "count")
    own = numbered.filter(~pl.col("_family_mode")).select("_row", item=pl.coalesce("_pair", "_row"))
    found = pl.concat(
        [
            own.join(by_line, on="item").select("_row", "_before", "count"),
            numbered.filter("_family_mode").join(by_family, on=["_day", "_role", "family"]).select("_row", "_before", "count"),
        ]
    )
    frame = together.put(frame, found)
    placed = pl.col("_before").is_not_null()
    first = placed & (pl.col("_before") == 0)
    as_one = pl.col("_family_mode") | pl.col("_is_second")
    too_far = placed & (pl.col("_before") + pl.col("count") > _places(rule.name))
    own_first = first.cast(pl.Int64)
    one_rank = pl.when(first).then(pl.lit(RANK)).otherwise(pl.lit(later))
    frame = frame.with_columns(
        _reason=pl.when(too_far & (pl.col("_reason").is_null() | (pl.col("_reason") == "endoscopy_base_included")))
        .then(because("sixth_procedure"))
        .otherwise("_reason"),
        _first_rank=pl.when(placed & as_one).then(one_rank).otherwise("_first_rank"),
        _later_rank=pl.when(placed & as_one).then(one_rank).when(placed).then(pl.lit(later)).otherwise("_later_rank"),
        _first_count=pl.when(placed & ~as_one).then(own_first).otherwise("_first_count"),
        _later_count=pl.when(placed & ~as_one).then(pl.col("count") - own_first).otherwise("_later_count"),
        _later_amount=pl.when(placed & ~as_one).then("_first_amount").otherwise("_later_amount"),
    ).drop("_before", "count")
    listed_if_priced = (
        (pl.col("list") == "surgery") & ~pl.col("m_stay_out") & (pl.col("_reason") != "sixth_procedure").fill_null(value=True)
    )
    return together.flag_uncertain(frame, listed_if_priced, pl.col("_role"), keeps_place=pl.col("_ghost"))


def _places(rule: str) -> int:
    """How many places of the day have a percentage."""
    return int(next(r["places"] for r in policy.load("percentages")["rule"] if r["name"] == rule))
