"""Surgery: both sides (D1), shares of the global package (D2, D3), endoscopy families (E2), and the day's ranking (E1).

Sources: CMS record layout of the relative value files (BILAT SURG, PRE/INTRA/POST OP, MULT PROC 2 and 3, ENDO BASE).
"""

import polars as pl

from feecalc import policy
from feecalc.pricing import fee, modifiers, shares, together
from feecalc.pricing.kinds import WorkedOut
from feecalc.pricing.outcomes import because
from feecalc.pricing.shares import BILATERAL, RANK, SPLIT

LIST = ["_day", "_role"]  # surgeon, assistant and co-surgeon lines are ranked apart


def line_shares(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The line's own percentages as numerators, and how many items it is (D1 to D5), before the day's other lines count.

    `n_side` over BILATERAL, `n_split` over SPLIT; `_items`; `_list`, the same-day list that it stands in. So many items are
    paid `_first_amount` at `_first_rank`, and so many `_later_amount` at `_later_rank` (over RANK): here as those of a line
    that stands alone in its list, as most do.
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
        _sided=side.is_in(["LT", "RT"]),
        _is_status_t=(pl.col("status") == "T").fill_null(value=False),
        _no_family_rule=one_item | (pl.col("_row_modifier") == "53") | (pl.col("m_split") != "") | pl.col("m_78"),
        _in_family=pl.col("family").is_not_null() & ~pl.col("m_new_or_staged"),
    ).with_columns(
        _first_count=pl.when(_by_place()).then(pl.lit(1, dtype=pl.Int64)).otherwise("_items"),
        _later_count=pl.when(_by_place()).then(pl.col("_items") - 1).otherwise(pl.lit(0, dtype=pl.Int64)),
        _later_rank=pl.when(pl.col("_list") == "surgery")
        .then(pl.lit(shares.rule("multiple_surgery", RANK), dtype=pl.Int64))
        .otherwise(pl.lit(RANK, dtype=pl.Int64)),
        _flag_therapy_reduced=((pl.col("_list") == "therapy") & (pl.col("_items") > 1)).fill_null(value=False),
        _flag_both_sides=(one_item & pl.col("bilateral").is_in(["0", "1", "2", "3"])).fill_null(value=False),
    )


def amounts_alone(frame: pl.LazyFrame) -> pl.LazyFrame:
    """What the items of a line pay that stands alone in its list."""
    return frame.with_columns(
        _first_amount="_unit",
        _first_rank=pl.lit(RANK, dtype=pl.Int64),
        _later_amount=pl.when(pl.col("_list") == "therapy").then("_reduced").otherwise("_unit"),
        _flag_rank_uncertain=pl.lit(value=False),
    )


def _by_place() -> pl.Expr:
    """Lines of which each unit has its own place in the day's list."""
    return pl.col("_list").is_in(["surgery", "therapy"]).fill_null(value=False)


def pair_sides(frame: pl.DataFrame, known: WorkedOut) -> pl.DataFrame:
    """Two lines of one code, one LT and one RT, otherwise alike, one unit each (D1).

    Indicator 1 pays 100 % on the first and 50 % on the second; 0 and 2 pay the first alone; 3 pays both in full, each an item
    of its own. Adds `_pair` (the first line's `_row`, on both) and `_is_second` for the others; `_two_sided` for all pairs.
    """
    none = {"_pair": pl.lit(None, dtype=pl.UInt32), "_is_second": pl.lit(value=False), "_two_sided": pl.lit(value=False)}
    if not frame["_sided"].any():
        return frame.with_columns(**none)
    code, place = ["_day", "_code"], ["_mac", "_locality"]
    alike = ["m_others", "_pos", "_setting", *place]
    sided_days = frame.filter("_sided")["_day"].unique()
    lines = together.pick(frame, pl.col("_day").is_in(sided_days.implode()), "_row", "_day", "_order", "_sided")
    lines = known.beside(lines, "_code", "m_side", "m_others", "_pos", "_setting", "_units", "bilateral")
    lines = known.beside_places(lines, *place)
    pairs = (
        lines.join(lines.filter("_sided").select(code).unique(), on=code, how="semi")
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
    if not frame["_two_sided"].any():
        return frame
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


def endoscopy_families(frame: pl.DataFrame, known: WorkedOut) -> pl.DataFrame:
    """Two or more codes of one endoscopy family on a day (E2): the highest pays in full, others less the base, the base 0.

    Adds `_family_mode`, true on the lines of such a family; their amounts are set, and `rank` ranks the family as one item.
    """
    if not frame["_in_family"].any():
        return frame.with_columns(_family_mode=pl.lit(value=False))
    member = pl.col("_in_family") & (pl.col("_reason").is_null() | pl.col("_ghost"))
    members = together.pick(
        frame, member, "_row", "_day", "_list", "_role", "_order", "_unit", "_items", "n_role", "_two_sided",
        "_reason", "_ghost", "_factor", "gpci_work", "gpci_pe", "gpci_mp",
    ).filter(pl.col("_day").is_duplicated())  # fmt: skip
    if members.is_empty():
        return frame.with_columns(_family_mode=pl.lit(value=False))
    members = known.beside(members, "family", "_code", "_no_family_rule", "b_work", "_b_pe", "b_mp")
    family = ["_day", "family"]
    members = members.with_columns(no_rule=pl.col("_no_family_rule") | pl.col("_two_sided"))
    conflicts = (
        members.group_by(family)
        .agg(pl.col("_code").n_unique().alias("codes"), pl.col("no_rule").any())
        .filter(pl.col("codes") > 1, pl.col("no_rule"))
    )
    refused = members.join(conflicts, on=family, how="semi").select(
        "_row", _reason=pl.coalesce("_reason", because("endoscopy_modifier")), _ghost=pl.lit(value=False)
    )
    frame = together.change(frame, refused).with_columns(_family_mode=pl.lit(value=False))
    listed = members.filter(pl.col("_list") == "surgery").join(refused, on="_row", how="anti")
    several = listed.group_by(*LIST, "family").agg(pl.col("_code").n_unique().alias("codes")).filter(pl.col("codes") > 1)
    lines = listed.join(several, on=[*LIST, "family"], how="semi")
    is_base = pl.col("_code") == pl.col("family")
    leaders = (
        lines.filter(~is_base)
        .sort(*LIST, "family", pl.col("_unit") * pl.col("n_role"), "_order", "_row",
              descending=[False] * (len(LIST) + 1) + [True, False, False])
        .unique([*LIST, "family"], keep="first", maintain_order=True)
        .select("_row", _leads=pl.lit(value=True))
    )  # fmt: skip
    base = fee.amount(pl.col("b_work"), pl.col("_b_pe"), pl.col("b_mp"), pl.col("_factor"))
    difference = pl.when(is_base).then(0).otherwise(pl.max_horizontal(pl.col("_unit") - base, 0))
    leads = pl.col("_leads").fill_null(value=False)
    unknown = base.is_null()
    nothing = pl.col("_first_amount") * pl.col("_first_count") + pl.col("_later_amount") * pl.col("_later_count") == 0
    first_reason = pl.when(unknown).then(because("endoscopy_base")).when(nothing).then(because("endoscopy_base_included"))
    amounts = (
        lines.join(leaders, on="_row", how="left")
        .with_columns(
            _first_amount=pl.when(leads).then("_unit").otherwise(difference),
            _first_count=pl.when(leads).then(pl.lit(1, dtype=pl.Int64)).otherwise("_items"),
            _later_amount=difference,
            _later_count=pl.when(leads).then(pl.col("_items") - 1).otherwise(0),
        )
        .select(
            "_row", "_first_amount", "_first_count", "_later_amount", "_later_count",
            _reason=pl.coalesce("_reason", first_reason), _ghost=pl.col("_ghost") & ~unknown, _family_mode=~unknown,
        )
    )  # fmt: skip
    return together.change(frame, amounts)


def rank(frame: pl.DataFrame, known: WorkedOut) -> pl.DataFrame:
    """The day's surgery by amount, highest first (E1): 100 percent, then 50 to the fifth place, then by report."""
    if not frame["_together"].any():
        return frame
    rule = policy.percentage("multiple_surgery")
    later = pl.lit(shares.rule(rule.name, RANK), dtype=pl.Int64)
    free = pl.col("_reason").is_null() | (pl.col("_family_mode") & (pl.col("_reason") == "endoscopy_base_included"))
    ranked = pl.col("_together") & (pl.col("_list") == "surgery") & (free | pl.col("_ghost"))
    lines = together.pick(
        frame, ranked, "_row", "_day", "_order", "_role", "_family_mode", "_pair", "_is_second", "_items", "_reason",
        "_first_amount", "_first_count", "_later_amount", "_later_count",
        share=pl.col("n_side") * pl.col("n_split") * pl.col("n_role"),
    )  # fmt: skip
    if lines.is_empty():
        return frame
    as_one = pl.col("_family_mode") | pl.col("_is_second")
    first = pl.col("_before") == 0
    too_far = pl.col("_before") + pl.col("count") > _places(rule.name)
    own_first = first.cast(pl.Int64)
    one_rank = pl.when(first).then(pl.lit(RANK, dtype=pl.Int64)).otherwise(later)
    placed = _places_of(lines, known).select(
        "_row",
        _reason=pl.when(too_far & free).then(because("sixth_procedure")).otherwise("_reason"),
        _first_rank=pl.when(as_one).then(one_rank).otherwise(pl.lit(RANK, dtype=pl.Int64)),
        _later_rank=pl.when(as_one).then(one_rank).otherwise(later),
        _first_count=pl.when(as_one).then("_first_count").otherwise(own_first),
        _later_count=pl.when(as_one).then("_later_count").otherwise(pl.col("count") - own_first),
        _later_amount=pl.when(as_one).then("_later_amount").otherwise("_first_amount"),
    )
    frame = together.change(frame, placed)
    would_be_listed = (pl.col("_list") == "surgery") & (pl.col("_reason") != "sixth_procedure").fill_null(value=True)
    return together.flag_uncertain(frame, would_be_listed, pl.col("_role"), keeps_place=pl.col("_ghost"))


def _places_of(lines: pl.DataFrame, known: WorkedOut) -> pl.DataFrame:
    """Add `_before` and `count`, the places taken before the line's in its list, and by it; a pair or a family is one item."""
    items = lines.with_columns(key=pl.col("_first_amount") * pl.col("share"), tie=pl.lit(0), count="_items")
    as_one = items.filter(pl.col("_family_mode") | pl.col("_pair").is_not_null())["_day"].unique()
    if as_one.is_empty():
        return together.in_order(items, "_role")
    beside = pl.col("_day").is_in(as_one.implode())  # few days have a pair or a family, and the others are ranked line by line
    plain = together.in_order(items.filter(~beside), "_role").select(*lines.columns, "_before", "count")
    return pl.concat([plain, _places_as_one(lines.filter(beside), items.filter(beside), known).select(plain.columns)])


def _places_as_one(lines: pl.DataFrame, items: pl.DataFrame, known: WorkedOut) -> pl.DataFrame:
    """The same of days with pairs or families."""
    # A pair is one item by its total; both its lines are worth the first line's amount times its shares.
    totals = items.filter(pl.col("_pair").is_not_null()).group_by("_pair").agg(pl.col("key").sum().alias("total"))
    single = (
        items.filter(~pl.col("_family_mode"), ~pl.col("_is_second"))
        .join(totals, on="_pair", how="left")
        .select("_day", "_role", "_row", "_order", "tie", "count", key=pl.coalesce("total", "key"), item="_row")
    )
    in_all = pl.col("_first_amount") * pl.col("_first_count") + pl.col("_later_amount") * pl.col("_later_count")
    of_family = known.beside(items.filter("_family_mode"), "family").with_columns(key=in_all * pl.col("share"))
    family = ["_day", "_role", "family"]
    as_items = of_family.group_by(family).agg(pl.col("_row", "_order").min(), pl.col("key").sum(), item=pl.col("_row").min())
    one = as_items.with_columns(tie=pl.lit(0), count=pl.lit(1, dtype=pl.Int64))
    places = together.in_order(pl.concat([single, one.select(single.columns)]), "_role").select("item", "_before", "count")
    item_of = pl.concat(
        [
            items.filter(~pl.col("_family_mode")).select("_row", item=pl.coalesce("_pair", "_row")),
            of_family.join(as_items.select(*family, "item"), on=family).select("_row", "item"),
        ]
    )
    return lines.join(item_of, on="_row").join(places, on="item")


def _places(rule: str) -> int:
    """How many places of the day have a percentage."""
    return int(next(r["places"] for r in policy.load("percentages")["rule"] if r["name"] == rule))
