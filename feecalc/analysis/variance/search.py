"""Which switches make the allowed amount that was paid on: single ones first, then pairs, then three; ties are alternatives.

One amount can be made in several ways. Of those with the fewest switches the first is the one that the most lines of its claim
agree with, then one whose adjustment code stands on the line, then the one that explains most lines of the same payer and
practitioner, then policy's order. What only a coincidence may be - one of a hundred localities, one of a hundred pairs - counts
only where several different lines agree. Three at once are tried of those that hold for a whole claim: where, by whom, by which
schedule.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import polars as pl

from feecalc.analysis.variance import codes
from feecalc.analysis.variance.switches import Switch, Switchboard

SAMPLE = 60  # claims of a payer and practitioner of which all localities are tried, and lines of which threes are
GROUPS = 12  # payers and practitioners of which they are
NEARBY_ONE_IN, ONE_IN = 5, 20  # how many lines without another explanation one locality, or one pair, has to explain
THREE_LINES, THREE_ONE_IN = 3, 3  # the same of three switches at once: what is wrong in three ways is so for most lines
NEAR = 3  # localities that are kept of one of them
MOST_PAIRED = 20_000  # lines for which pairs are tried
GROUP = ("payer_id", "npi")

FOUND: dict[str, Any] = {
    "row": pl.UInt32,
    "causes": pl.List(pl.String),
    "details": pl.List(pl.String),
    "steps": pl.List(pl.Int64),  # what is allowed after each switch, cents
    "alternatives": pl.List(pl.String),
    "hint": pl.String,
}


def search(
    board: Switchboard, lines: pl.DataFrame, tolerance: pl.Expr, evidence: int, pairs: bool
) -> tuple[pl.DataFrame, list[str]]:
    """What explains the allowed amounts of `lines`: one row (columns FOUND) a line that has an explanation or a hint.

    `lines` are the accepted lines of all claims with a difference: the columns of the switchboard's lines, and `actual`,
    `base` (the allowed amounts, cents), `differs`, `payer_id`, `npi`, `reasons` (the line's adjustment reasons, a list).
    `tolerance` is an expression over them, cents. The second answer are notes on what was not tried.
    """
    notes: list[str] = []
    facts = lines.with_columns(slack=tolerance)
    switches = list(board.single)
    hits = _hits(board.allowed(switches, lines), facts)
    hits, doubtful = _doubtful(_without_twins(hits, switches), switches, facts, evidence)
    left = facts.filter("differs").join(hits, on="row", how="anti")
    near, hints = _localities(board, facts, left, evidence)
    if near:
        hits = pl.concat([hits, _hits(board.allowed(near, lines), facts, len(switches))])
        switches += near
    found = [_best(hits, switches, facts, hits)] if hits.height else []
    hints = pl.concat([hints, doubtful.join(hits, on="row", how="anti")])
    left = left.join(hits, on="row", how="anti")
    for size, lines_needed, one_in in ((2, evidence, ONE_IN), (3, max(evidence, THREE_LINES), THREE_ONE_IN)):
        if not pairs or left.is_empty():
            break
        sets = _sets(switches, size)
        tried = left if size == 2 else left.filter(pl.int_range(pl.len()).over(GROUP) < SAMPLE)  # what is so for most lines
        first = tried.head(MOST_PAIRED)
        more = left.join(first, on="row", how="anti", maintain_order="left")
        firm, weak = _tried([both for both, _ in sets], board, first, lines, facts, lines_needed, one_in)
        if size == 2:
            hints = pl.concat([hints, _as_hints(weak.join(firm, on="row", how="anti"), [both for both, _ in sets])])
        if more.height and firm.height:  # what explains the first lines is tried on all the others
            known = firm["switch"].unique().sort().to_list()
            rest, _ = _tried([sets[number][0] for number in known], board, more, lines, facts, lines_needed, one_in)
            numbers = pl.col("switch").replace_strict(range(len(known)), known, return_dtype=pl.UInt32)
            firm = pl.concat([firm, rest.with_columns(numbers)])
        if more.height and size == 2:
            notes.append(
                f"All pairs of causes were tried on {first.height:,} lines, on the others only those that explained some."
            )
        if firm.height:
            some = _whole_claims(lines, firm.join(lines.select("row", "claim_id"), on="row"))
            found.append(_best(firm, [both for both, _ in sets], facts, firm, _steps(board, sets, firm, some)))
            left = left.join(firm, on="row", how="anti")
    answer = pl.concat(found) if found else pl.DataFrame(schema={name: kind for name, kind in FOUND.items() if name != "hint"})
    unexplained = hints.join(answer, on="row", how="anti", maintain_order="left")
    told = unexplained.group_by("row", maintain_order=True).agg(hint=pl.col("hint").first())
    return answer.join(told, on="row", how="full", coalesce=True).select(list(FOUND)), notes


def _hits(allowed: pl.DataFrame, facts: pl.DataFrame, offset: int = 0) -> pl.DataFrame:
    """The lines whose allowed amount a switch makes: `switch`, `row`, `agree` (thousandths of its claim's lines, with it)."""
    beside = allowed.join(facts.select("row", "claim_id", "npi", "actual", "base", "slack", "differs"), on="row")
    made = ((pl.col("allowed") - pl.col("actual")).abs() <= pl.col("slack")).fill_null(value=False)
    matches = beside.with_columns(made=made, as_base=~pl.col("differs"))
    hit = pl.col("made") & pl.col("differs")
    some = matches.join(matches.filter(hit).select("switch", "claim_id").unique(), on=["switch", "claim_id"], how="semi")
    by_claim = ["switch", "claim_id"]
    of_claim = some.group_by(by_claim).agg(whole=pl.col("made").mean(), lines=(pl.col("made") | pl.col("as_base")).mean())
    # Another line of the claim and practitioner that the switch would change as well was paid as it should be.
    spared = (pl.col("as_base") & ~pl.col("made") & (pl.col("allowed") != pl.col("base"))).any()
    against = some.group_by(*by_claim, "npi").agg(against=spared)
    hits = some.filter(hit).join(of_claim, on=by_claim).join(against, on=[*by_claim, "npi"], nulls_equal=True)
    return hits.select(pl.col("switch") + offset, "row", "allowed", "whole", "lines", "against")


def _without_twins(hits: pl.DataFrame, switches: Sequence[Switch]) -> pl.DataFrame:
    """The hits without "paid as the first of the day" where all lines of the claim were: that is no reduction at all."""
    number = {one.same_day: place for place, one in enumerate(switches) if one.same_day}
    unreduced = hits.filter(pl.col("switch") == number["each"], pl.col("whole") == 1).select(
        "row", switch=pl.lit(number["first"], dtype=pl.UInt32)
    )
    return hits.join(unreduced, on=["row", "switch"], how="anti")


def _doubtful(
    hits: pl.DataFrame, switches: Sequence[Switch], facts: pl.DataFrame, evidence: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The hits without those that another line of their claim speaks against, unless several lines agree; hints of these."""
    of_claim = pl.Series([number for number, one in enumerate(switches) if one.of_claim], dtype=pl.UInt32)
    doubted = pl.col("against") & pl.col("switch").is_in(of_claim.implode())
    firm, weak = _backed(hits.filter(doubted), facts, max(evidence, 2))
    return pl.concat([hits.filter(~doubted), firm]), _as_hints(weak, switches)


def _best(
    hits: pl.DataFrame, switches: Sequence[Switch], facts: pl.DataFrame, among: pl.DataFrame, first: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The first of the hits of each line, the others as its alternatives: the columns FOUND but for the hint."""
    known = codes.causes()
    table = pl.DataFrame(
        {
            "switch": range(len(switches)),
            "causes": [list(one.causes) for one in switches],
            "details": [list(one.details) for one in switches],
            "name": [_words(one) for one in switches],
            "of_claim": [one.of_claim for one in switches],
            "order": [sum(known[cause].order for cause in one.causes) for one in switches],
            "carc": [[code for cause in one.causes for code in known[cause].carc] for one in switches],
        },
        schema_overrides={"switch": pl.UInt32, "carc": pl.List(pl.String), "details": pl.List(pl.String)},
    )
    group = facts.select("row", "reasons", group=pl.struct(GROUP))
    spread = among.join(group, on="row").group_by("switch", "group").agg(support=pl.len())
    told = (
        hits.join(table, on="switch").join(group, on="row").join(spread, on=["switch", "group"], how="left", nulls_equal=True)
    )
    ranked = told.with_columns(
        agree=pl.when("of_claim").then("whole").otherwise("lines"),
        shown=pl.col("reasons").list.set_intersection("carc").list.len() > 0,
    ).sort("row", "agree", "shown", "support", "order", "switch", descending=[False, True, True, True, False, False])
    ranked = ranked.with_columns(as_good=pl.col("agree") >= pl.col("agree").first().over("row"))
    if first is None:
        ranked = ranked.with_columns(steps=pl.concat_list("allowed"))
    else:
        ranked = ranked.join(first, on=["switch", "row"], how="left", maintain_order="left").with_columns(
            steps=pl.concat_list("before", "allowed").list.eval(pl.element().fill_null(strategy="backward"))
        )
    names = pl.col("name").filter("as_good").unique(maintain_order=True)
    return ranked.group_by("row", maintain_order=True).agg(
        pl.col("causes").first(),
        pl.col("details").first(),
        pl.col("steps").first(),
        alternatives=names.filter(names != pl.col("name").first()),
    )


def _words(switch: Switch) -> str:
    """A switch as text: its causes' titles, with their details."""
    known = codes.causes()
    return " and ".join(
        f"{known[cause].title} ({detail})" if detail else known[cause].title
        for cause, detail in zip(switch.causes, switch.details, strict=True)
    )


def _sets(switches: Sequence[Switch], size: int) -> list[tuple[Switch, tuple[Switch, ...]]]:
    """So many switches at once, each set as one switch and as its members; three only of those that hold for whole claims."""
    among = switches if size == 2 else [one for one in switches if one.of_claim]
    found = []
    for members in combinations(among, size):
        if (both := _joined(members)) is not None:
            found.append((both, members))
    return found


def _whole_claims(lines: pl.DataFrame, some: pl.DataFrame) -> pl.DataFrame:
    """All lines of the claims of some."""
    return lines.join(some.select("claim_id").unique(), on="claim_id", how="semi")


def _tried(
    switches: Sequence[Switch],
    board: Switchboard,
    left: pl.DataFrame,
    lines: pl.DataFrame,
    facts: pl.DataFrame,
    evidence: int,
    one_in: int,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The hits of switches on some lines: those that enough lines agree on, and the others."""
    hits = _hits(board.allowed(switches, _whole_claims(lines, left)), facts).join(left.select("row"), on="row", how="semi")
    return _backed(hits, facts, evidence, left, one_in)


def _steps(
    board: Switchboard, sets: Sequence[tuple[Switch, tuple[Switch, ...]]], firm: pl.DataFrame, lines: pl.DataFrame
) -> pl.DataFrame:
    """What is allowed after the first members of the sets that hit: `switch` (the set's number), `row`, `before` (a list)."""
    numbers = firm["switch"].unique().sort().to_list()
    found = firm.select("switch", "row")
    size = len(sets[0][1])
    for count in range(1, size):
        parts = [both for number in numbers if (both := _joined(sets[number][1][:count])) is not None]
        allowed = board.allowed(parts, lines)
        number = pl.col("switch").replace_strict(range(len(numbers)), numbers, return_dtype=pl.UInt32)
        allowed = allowed.select(number.alias("switch"), "row", pl.col("allowed").alias(f"after_{count}"))
        found = found.join(allowed, on=["switch", "row"], how="left", maintain_order="left")
    return found.select("switch", "row", before=pl.concat_list(f"after_{count}" for count in range(1, size)))


def _joined(members: Sequence[Switch]) -> Switch | None:
    """Several switches as one; None where two of them change the same thing."""
    both: Switch | None = members[0]
    for one in members[1:]:
        both = both.beside(one) if both is not None else None
    return both


def _backed(
    hits: pl.DataFrame, facts: pl.DataFrame, evidence: int, among: pl.DataFrame | None = None, one_in: int = 1
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The hits of switches that make so many different amounts of one payer and practitioner, and the others.

    Of the lines `among`, they must be one in so many as well: of thousands of lines, some are hit by chance.
    """
    told = hits.join(facts.select("row", "hcpcs", "actual", "units", *GROUP), on="row")
    kinds = told.group_by("switch", *GROUP).agg(different=pl.struct("hcpcs", "actual", "units").n_unique(), count=pl.len())
    backed = told.join(kinds, on=["switch", *GROUP], nulls_equal=True)
    enough = pl.col("different") >= evidence
    if among is not None:
        backed = backed.join(among.group_by(GROUP).agg(of=pl.len()), on=GROUP, how="left", nulls_equal=True)
        enough &= pl.col("count") * one_in >= pl.col("of")
    backed = backed.with_columns(firm=enough)
    firm, weak = backed.filter("firm"), backed.filter(~pl.col("firm"))
    return firm.select(hits.columns), weak.select(hits.columns)


def _as_hints(hits: pl.DataFrame, switches: Sequence[Switch]) -> pl.DataFrame:
    """Hints in words: `row`, `hint`."""
    words = pl.DataFrame(
        {"switch": range(len(switches)), "name": [_words(one) for one in switches]}, schema_overrides={"switch": pl.UInt32}
    )
    told = hits.join(words, on="switch").sort("row", "switch")
    return told.group_by("row", maintain_order=True).agg(
        hint=pl.format("The amount would be that of: {}. No other line confirms it.", pl.col("name").head(3).str.join("; or "))
    )


def _localities(
    board: Switchboard, facts: pl.DataFrame, left: pl.DataFrame, evidence: int
) -> tuple[list[Switch], pl.DataFrame]:
    """The localities whose rates several lines of a payer and practitioner were paid at, and hints for single lines.

    All localities are tried on some claims without another explanation; the few that make several of them are switches.
    """
    nothing = pl.DataFrame(schema={"row": pl.UInt32, "hint": pl.String})
    if left.is_empty():
        return [], nothing
    sampled = (
        left.with_columns(_size=pl.len().over(GROUP))
        .filter(pl.col("_size").rank("dense", descending=True) <= GROUPS)
        .filter(pl.col("claim_id").rank("dense").over(GROUP) <= SAMPLE)
    )
    some = facts.filter(pl.col("claim_id").is_in(sampled["claim_id"].unique().implode()))
    releases = board.schedule.days.join(some.select(date="service_date").unique(), on="date", how="semi")["release"].unique()
    places = pl.concat([board.schedule.table(name, "gpci").select("mac", "locality") for name in releases] or [_no_places()])
    own = some.select("mac", "locality").unique()
    others = places.unique().join(own, on=["mac", "locality"], how="anti").sort("mac", "locality")
    tried = [board.locality(mac, name) for mac, name in others.iter_rows()]
    hits = _hits(board.allowed(tried, some.select(board.lines.columns)), some.with_columns(base="base"))
    if hits.is_empty():
        return [], nothing
    asked = left.join(some.select("row"), on="row", how="semi")
    firm, weak = _backed(hits.join(asked.select("row"), on="row", how="semi"), some, max(evidence, 2), asked, NEARBY_ONE_IN)
    kept = (
        firm.join(some.select("row", *GROUP), on="row")
        .group_by("switch", *GROUP)
        .agg(lines=pl.len())
        .sort("lines", "switch", descending=[True, False])
        .group_by(GROUP, maintain_order=True)
        .agg(pl.col("switch", "lines").head(NEAR))
        .explode("switch", "lines")
    )
    # A locality that explains far fewer lines than the best of its practitioner is a coincidence.
    kept = kept.filter(pl.col("lines") * 2 >= pl.col("lines").max().over(GROUP))
    hints = _as_hints(weak.join(firm, on="row", how="anti"), tried)
    return [tried[number] for number in kept["switch"].unique().sort()], hints


def _no_places() -> pl.DataFrame:
    return pl.DataFrame(schema={"mac": pl.String, "locality": pl.String})
