"""What lines of one claim and day have to do with each other: their order in a list, and status T."""

import polars as pl

from feecalc import policy
from feecalc.pricing.kinds import WorkedOut
from feecalc.pricing.outcomes import because, cannot_be_priced

DAY = ["_claim", "_date"]
MOST_PLACES = min(rule["places"] for rule in policy.load("percentages")["rule"] if "places" in rule)


def gather(frame: pl.DataFrame) -> pl.DataFrame:
    """Add `_day`, a number for each claim and date, and `_together`: which lines the rules between lines have to look at.

    They are those that share their list with another line of the day, and surgery of more units than a day has places.
    Claims of which each line stands alone take the short way past those rules.
    """
    frame = number_days(frame)
    in_a_list = pl.col("_list").is_not_null()
    crowded = (pl.col("_list") == "surgery") & (pl.col("_items") > MOST_PLACES)
    listed = pick(frame, in_a_list, "_row", shared=_group("_list").is_duplicated() | crowded)
    return put(frame, listed.filter("shared").select("_row", _together=pl.lit(value=True)), nothing=False)


def number_days(frame: pl.DataFrame) -> pl.DataFrame:
    """Add `_day`, a number for each claim and date; a line without a claim is a day of its own."""
    if frame["_claim"].null_count() == frame.height:
        return frame.with_columns(_day=pl.col("_row"))
    starts = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in DAY) | pl.col("_claim").is_null()
    runs = frame.select("_row", *DAY, _start=starts).with_columns(_day=pl.col("_start").cum_sum().cast(pl.UInt32))
    # Files hold the lines of a claim together as a rule; then a run of lines is a day, and nothing need be looked up.
    if _each_once(runs.select(DAY).filter(runs["_start"])):
        return frame.with_columns(runs["_day"])
    keyed = frame.select("_row", *DAY, _alone=pl.when(pl.col("_claim").is_null()).then("_row"))
    numbers = keyed.select(*DAY, "_alone").unique().with_row_index("_day")
    days = keyed.join(numbers, on=[*DAY, "_alone"], how="left", nulls_equal=True, maintain_order="left")["_day"]
    return frame.with_columns(days)


def _each_once(days: pl.DataFrame) -> bool:
    """Whether no claim and date stand twice; those without a claim never do."""
    claims = days["_claim"]
    if claims.dtype.is_integer() and not claims.has_nulls() and (claims.diff().drop_nulls() > 0).all():
        return True  # numbers that grow tell it at a glance
    known = days.filter(claims.is_not_null())
    return not known.select(pl.struct(DAY).is_duplicated().any()).item()


def in_order(items: pl.DataFrame, *apart: str) -> pl.DataFrame:
    """Items in the order of their day's list, with `_before`, how many places of the list are taken before each.

    `items` has `_day`, `key`, `tie`, `_order`, `_row` and `count`, the places that an item takes; `apart` names columns that
    make lists of their own. The highest `key` comes first, then the highest `tie`, then the first line.
    """
    marked = items.with_columns(_group=_group(*apart)).with_columns(_several=pl.col("_group").is_duplicated())
    alone = marked.filter(~pl.col("_several")).with_columns(_before=pl.lit(0, dtype=pl.Int64))
    several = marked.filter("_several")
    packed = _packed(several)
    if packed is None:
        ranked = several.sort("_group", "key", "tie", "_order", "_row", descending=[False, True, True, False, False])
    else:
        ranked = several.sort("_group", packed, descending=[False, True])
    placed = (
        ranked.lazy()
        .with_columns(
            _taken=pl.col("count").cum_sum() - pl.col("count"),
            _new=(pl.col("_group") != pl.col("_group").shift()).fill_null(value=True),
        )
        # Counts only grow, so the count at the head of a list, carried forward, is the largest so far.
        .with_columns(_before=(pl.col("_taken") - pl.when("_new").then("_taken").forward_fill()).cast(pl.Int64))
        .drop("_taken", "_new")
        .collect(engine="in-memory", optimizations=pl.QueryOptFlags.none())
    )
    return pl.concat([alone, placed]).drop("_several", "_group")


LISTS_APART = 16  # how many lists a day can have apart, of surgery by role or of tests by kind


def _group(*apart: str) -> pl.Expr:
    """A day's list as one number."""
    number = pl.col("_day").cast(pl.Int64)
    for name in apart:
        number = number * LISTS_APART + pl.col(name).to_physical().cast(pl.Int64)
    return number


def pick(frame: pl.DataFrame, which: pl.Expr, *columns: str | pl.Expr, **named: pl.Expr | str) -> pl.DataFrame:
    """Some columns of some lines. The frame is wide, and a filter of all of it would copy what nobody reads."""
    return frame.lazy().filter(which).select(*columns, **named).collect(engine="in-memory")


def put(frame: pl.DataFrame, found: pl.DataFrame, nothing: bool | None = None) -> pl.DataFrame:
    """Lay the columns of `found` beside the lines that its `_row` names, `nothing` beside the others.

    Lines stand at the place that their `_row` counts, so nothing need be looked up; a join would copy the whole frame.
    """
    places = found["_row"]
    columns = []
    for name in found.columns:
        if name != "_row":
            column = pl.Series(name, [nothing], dtype=found.schema[name]).new_from_index(0, frame.height)
            columns.append(column.scatter(places, found[name]) if found.height else column)
    return frame.with_columns(columns)


def change(frame: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Put the columns of `found` in the place of the frame's own at the lines that its `_row` names."""
    if found.is_empty():
        return frame
    places = found["_row"]
    return frame.with_columns(frame[name].scatter(places, found[name]) for name in found.columns if name != "_row")


def leaders(items: pl.DataFrame, *apart: str) -> pl.Series:
    """The `_row` of the line that comes first in each list: its first unit is paid in full."""
    packed = _packed(items)
    if packed is None:
        return in_order(items, *apart).filter(pl.col("_before") == 0)["_row"]
    return items.filter(packed == packed.max().over(_group(*apart)))["_row"]


def _packed(items: pl.DataFrame) -> pl.Expr | None:
    """Key, tie and line as one number that is the larger the earlier its place; None where they do not fit one."""
    columns = ("key", "tie", "_order", "_row")
    low, high = items.select(pl.min(*columns)).row(0), items.select(pl.max(*columns)).row(0)
    spans = [int(h) - int(least) + 1 for least, h in zip(low, high, strict=True)] if items.height else [1]
    room = 1
    for span in spans:
        room *= span
    if room >= 2**62 or not items.height:
        return None
    packed = pl.lit(0, dtype=pl.Int64)
    for name, least, most, span in zip(columns, low, high, spans, strict=True):
        value = pl.col(name).cast(pl.Int64)
        from_end = value - int(least) if name in ("key", "tie") else int(most) - value
        packed = packed * span + from_end
    return packed


def flag_uncertain(frame: pl.DataFrame, listed: pl.Expr, lists: pl.Expr, keeps_place: pl.Expr | None = None) -> pl.DataFrame:
    """Raise `rank_uncertain` on the priced lines of a list that a line without a public amount has left.

    `listed` tells which lines would belong to a list if they were priced, `lists` which one, `keeps_place` which of the
    others still take their place in it.
    """
    if not frame["_together"].any():
        return frame
    left = listed & cannot_be_priced() & pl.col("_claim").is_not_null()
    if keeps_place is not None:
        left &= ~keeps_place
    gone = pick(frame, left, "_day", _left=lists).unique()
    if gone.is_empty():
        return frame
    days = pl.col("_day").is_in(gone["_day"].unique().implode())
    shaken = pick(frame, listed & days, "_row", "_day", _left=lists).join(gone, on=["_day", "_left"], how="semi")
    return change(frame, shaken.select("_row", _flag_rank_uncertain=pl.lit(value=True)))


def status_t(frame: pl.DataFrame, known: WorkedOut) -> pl.DataFrame:
    """Status T pays only alone (convention C2): nothing beside a priced A or R line, unknown beside one that is not settled."""
    if not frame["_is_status_t"].any():
        return frame
    waits = pl.col("_is_status_t") & pl.col("_reason").is_null() & pl.col("_claim").is_not_null()
    waiting = pick(frame, waits, "_row", "_day")
    if waiting.is_empty():
        return frame
    days = pl.col("_day").is_in(waiting["_day"].unique().implode())
    beside = (
        known.beside(pick(frame, days, "_row", "_day", "_reason"), "status")
        .group_by("_day")
        .agg(
            _beside_priced=(pl.col("_reason").is_null() & pl.col("status").is_in(["A", "R"])).any(),
            _beside_unsettled=cannot_be_priced().any(),
        )
    )
    found = (
        waiting.join(beside, on="_day")
        .with_columns(
            _reason=pl.when("_beside_priced")
            .then(because("status_t_with_others"))
            .when("_beside_unsettled")
            .then(because("status_t_uncertain"))
        )
        .select("_row", "_reason")
    )
    return change(frame, found)
