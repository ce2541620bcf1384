"""The order of Medicare's rules, as one list of steps. Each step is a function in a module that bears the rule's name.

Lines are first priced by themselves (one lazy plan), then the rules between the lines of a claim and day run on the lines
that share a list with another, and last the shares of patient and Medicare are worked out.
"""

from collections.abc import Callable, Iterable
from functools import cached_property

import polars as pl

from feecalc import locality, policy
from feecalc.money import decimals, dollars
from feecalc.pricing import anesthesia, diagnostics, fee, gates, lines, modifiers, rows, settlement, surgery, therapy, together
from feecalc.pricing import explain as explanation
from feecalc.pricing.kinds import FEW, Memory, WorkedOut, as_categories, tell_apart
from feecalc.schedule import Tables

WORDS = ("outcome", "reason", "release", "flags")  # the answers that are words, of which a file has few different ones
# What the rules read of the kind and the place of every line; what they read of a few, they fetch for these.
READ_OF_KIND = (
    "release", "_qp", "_factor", "_kind_reason", "_ghost", "_raised",
    "work", "_pe", "mp", "_opps_pe", "opps_mp", "is_capped", "is_therapy", "_anesthesia_tenths", "_is_anesthesia",
    "_list", "_role", "_items", "_first_count", "_later_count", "_later_rank", "n_side", "n_split", "n_role", "n_who", "n_par",
    "_sided", "_in_family", "_is_cut", "_names_no_part", "_is_status_t", "_flag_therapy_reduced", "_flag_both_sides",
    "_preventive", "_coinsurance_percent", "_assistant_percent", "_sequestration_percent",
)  # fmt: skip
READ_OF_FEW = (
    *diagnostics.READ_OF_KIND, "is_technical", "_code", "m_side", "m_others", "_pos", "_setting", "_units", "bilateral",
    "family", "_no_family_rule", "b_work", "_b_pe", "b_mp", "pe_nonfacility", "status",
)  # fmt: skip
READ_OF_PLACE = (
    "gpci_work", "gpci_pe", "gpci_mp", "anesthesia", "anesthesia_qp", "_place_reason", "_flag_zip_file_substituted",
)  # fmt: skip
FLAGS_OF_KIND = (*gates.flags(), "base_units_of_2022")

MANY_DAYS = 100_000  # up to so many, their spans are looked up day by day


class Rules:
    """The tables of some releases with what the rules need to know of them: prepare once, price many frames.

    `like`: rules over the same rows of the fee schedule, by other days or places; the rows are not prepared again.
    """

    def __init__(self, tables: Tables, like: "Rules | None" = None) -> None:
        self.tables = tables
        self._like = like

    @cached_property
    def facts(self) -> pl.DataFrame:
        """The rows of the fee schedule with their facts."""
        return rows.facts(self.tables.rows)

    @cached_property
    def index(self) -> rows.Index:
        """The same, found by release, code and modifier."""
        return self._like.index if self._like else rows.Index(self.facts)

    @cached_property
    def kinds(self) -> Memory:
        """The kinds of lines met so far, with every column."""
        return Memory(lambda alike: by_kind(alike, self))

    @cached_property
    def kinds_in_bulk(self) -> Memory:
        """The kinds of lines met so far, with what the rules read of them."""
        return Memory(lambda alike: by_kind(alike, self).select(*READ_OF_KIND, *READ_OF_FEW))

    @cached_property
    def places(self) -> Memory:
        """The places met so far."""
        return Memory(lambda alike: by_place(alike, self))

    @cached_property
    def eras(self) -> pl.Series:
        """The first days of the spans in which nothing changes that depends on the date of service."""
        days = self.tables.days
        changes = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift()) for name in days.columns if name != "date")
        gaps = pl.col("date") != pl.col("date").shift() + pl.duration(days=1)
        starts = days.filter(changes | gaps.fill_null(value=True))["date"]
        ends = days.filter(gaps.shift(-1).fill_null(value=True))["date"].dt.offset_by("1d")
        return pl.concat([pl.Series("date", policy.turning_points(), dtype=pl.Date), starts, ends]).unique().sort()

    def era_of(self, dates: pl.Series) -> pl.Series:
        """`_era`, the number of each date's span; null without a date."""
        days = dates.to_physical()
        least, most = days.min(), days.max()
        if not isinstance(least, int) or not isinstance(most, int):
            return pl.Series("_era", [None], dtype=pl.UInt32).new_from_index(0, dates.len())
        if most - least > MANY_DAYS:
            eras = self.eras.search_sorted(dates, side="right")
            return pl.DataFrame({"_era": eras, "date": dates}).select(pl.when(pl.col("date").is_not_null()).then("_era"))[
                "_era"
            ]
        every_day = pl.int_range(least, most + 1, dtype=pl.Int32, eager=True).cast(pl.Date)
        return self.eras.search_sorted(every_day, side="right").gather(days - least).alias("_era")


def price(claim_lines: pl.DataFrame, rules: Rules, explain: bool = False) -> pl.DataFrame:
    """Price claim lines: every input column and row, in input order, then the columns of `lines.ADDED`, in dollars.

    Contract of the input: feecalc.pricing.lines. Each line gets exactly one outcome. `explain` adds the columns of
    `explanation.columns`. Raises InputError where the frame has no `hcpcs` column.
    """
    return claim_lines.hstack(answers(claim_lines, rules, explain).with_columns(pl.col(WORDS).cast(pl.String)))


def answers(claim_lines: pl.DataFrame, rules: Rules, explain: bool = False) -> pl.DataFrame:
    """What `price` adds to the lines, alone: money and factors as decimals, words as categories."""
    worked = work_out(claim_lines, rules, every_column=explain)
    priced = pl.col("_reason").is_null()
    money = ("allowed", "deductible", "coinsurance", "medicare_share", "sequestration", "received")
    added = worked.select(
        outcome="_outcome",
        reason="_reason",
        release="release",
        conversion_factor=decimals(pl.col("_factor"), 4),
        fee=dollars(pl.when(priced).then("_fee")),
        **{name: dollars(pl.col(f"_{name}")) for name in money},
    ).with_columns(flags(worked))
    return added.hstack(explanation.columns(worked)) if explain else added


def price_lazily(claim_lines: pl.LazyFrame, rules: Rules, explain: bool = False) -> pl.LazyFrame:
    """The same as a step of a lazy plan. It sees the whole frame at once, as the rules between lines must."""
    empty = price(claim_lines.collect_schema().to_frame(), rules, explain)
    return claim_lines.map_batches(lambda frame: price(frame, rules, explain), schema=empty.schema)


def work_out(claim_lines: pl.DataFrame, rules: Rules, every_column: bool = True) -> pl.DataFrame:
    """The same with the intermediate columns, money in cents, in input order.

    `every_column` keeps all that explanations and quotes are made from, and adds the figures that only a person reads.
    """
    lines.check(claim_lines)
    own = lines.own(claim_lines)
    by_themselves: list[Callable[[pl.LazyFrame], pl.LazyFrame]] = [
        gates.meet_place,
        fee_schedule_amount,
        anesthesia.amount,
        surgery.amounts_alone,
    ]
    between: list[Callable[[pl.DataFrame], pl.DataFrame]] = [
        together.gather,
        lambda f: surgery.pair_sides(f, known),
        lambda f: surgery.endoscopy_families(f, known),
        lambda f: surgery.rank(f, known),
        lambda f: diagnostics.components(f, known, every_column),
        lambda f: therapy.rank(f, known),
        surgery.second_sides,
        lambda f: together.status_t(f, known),
        settlement.items,
        settlement.lower_of_charge,
        settlement.settle_shares,
    ]
    known = of_kind_and_place(claim_lines, own, rules, every_column)
    columns = (None, None) if every_column else (READ_OF_KIND, READ_OF_PLACE)
    frame = pl.concat([own, *known.lay(*columns)], how="horizontal")
    frame = _run(frame, by_themselves + [figures_to_show] * every_column)
    for rule in between:
        frame = rule(frame)
    return frame


def of_kind_and_place(claim_lines: pl.DataFrame, own: pl.DataFrame, rules: Rules, every_column: bool) -> WorkedOut:
    """What the rules say of each line by its kind, and by its place: worked out once for all that are alike."""
    alike = claim_lines.select(name for name in (*lines.OF_KIND, *lines.OF_PLACE) if name in claim_lines.columns)
    alike = alike.with_columns(own["_bad_charge"])
    here = [name for name in lines.OF_PLACE if name in alike.columns]
    if claim_lines.height <= FEW:
        each = alike.with_columns(own["_date"])
        return WorkedOut(*rules.kinds.of_few(each.drop(here)), *rules.places.of_few(each.select("_date", *here)))
    alike = as_categories(alike).with_columns(rules.era_of(own["_date"]))
    kinds, places = tell_apart(alike.drop(here)), tell_apart(alike.select("_era", *here))
    alike = alike.with_columns(own["_date"])
    memory = rules.kinds if every_column else rules.kinds_in_bulk
    return WorkedOut(*memory.of(kinds, alike.drop(here)), *rules.places.of(places, alike.select("_era", "_date", *here)))


def by_kind(alike: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """All that the rules say of a line before its place is known: one row a row of the columns `lines.OF_KIND`."""
    read = alike.select("_date", "_bad_charge").hstack(lines.common(alike))
    texts = modifiers.table(read["mods"].unique())
    dated = _run(
        read,
        [
            lambda f: f.join(texts.lazy(), on="mods", how="left", maintain_order="left"),
            lambda f: attach_date(f, rules.tables),
            lambda f: f.with_columns(_row_modifier="m_row"),
        ],
    )
    worked = _run(
        rules.index.attach(dated),
        [
            settlement.practitioner,
            gates.attach_setting,
            anesthesia.base_units,
            gates.of_kind,
            surgery.line_shares,
            anesthesia.shares_of_line,
            diagnostics.marks,
            settlement.percentages,
            figures_in_setting,
            flags_of_kind,
        ],
    )
    # Nine bytes in ten of a file of millions of lines would be the same few names of releases.
    return worked.drop("_date", "_bad_charge").with_columns(pl.col("release").cast(pl.Categorical))


def by_place(alike: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """The locality and its GPCIs: one row a row of the columns `lines.OF_PLACE`."""
    read = alike.select("_date").hstack(lines.place(alike))
    with_zips = read["_zip"].null_count() < read.height
    worked = _run(
        read,
        [
            lambda f: attach_zip_file(f, rules.tables),
            lambda f: locality.attach(f, rules.tables, with_zips),
            lambda f: attach_gpci(f, rules.tables),
            gates.of_place,
        ],
    )
    return worked.drop("_date", "release")


def _run(frame: pl.DataFrame, steps: Iterable[Callable[[pl.LazyFrame], pl.LazyFrame]]) -> pl.DataFrame:
    """One lazy plan of steps, carried out."""
    plan = frame.lazy()
    for step in steps:
        plan = step(plan)
    # The plan is as good as it gets; to look for a better one takes longer than pricing a few thousand lines.
    return plan.collect(engine="in-memory", optimizations=pl.QueryOptFlags.none())


def attach_date(frame: pl.LazyFrame, tables: Tables) -> pl.LazyFrame:
    """The release that serves the date of service (B3) and its conversion factor by QP status (B4)."""
    days = tables.days.lazy().drop("zip_file", "zip_substituted")
    by_date = frame.join(days, left_on="_date", right_on="date", how="left", maintain_order="left")
    one_factor = pl.when(pl.col("_date") < _two_factors()).then("factor")
    return by_date.with_columns(_factor=pl.when("_qp").then(pl.coalesce("factor_qp", one_factor)).otherwise("factor"))


def _two_factors() -> pl.Expr:
    """The first date with two conversion factors: before it, QP status makes no difference."""
    starts = [f.start for f in policy.conversion_factors() if f.qp is not None]
    return pl.lit(min(starts))


def attach_zip_file(frame: pl.LazyFrame, tables: Tables) -> pl.LazyFrame:
    """The release and the ZIP file that serve the date of service."""
    days = tables.days.lazy().select("date", "release", "zip_file", "zip_substituted")
    return frame.join(days, left_on="_date", right_on="date", how="left", maintain_order="left")


def attach_gpci(frame: pl.LazyFrame, tables: Tables) -> pl.LazyFrame:
    """The GPCIs and the anesthesia factors of the line's locality in its release."""
    return frame.join(
        tables.gpci.lazy(),
        left_on=["release", "_mac", "_locality"],
        right_on=["release", "mac", "locality"],
        how="left",
        maintain_order="left",
    )


def figures_in_setting(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The practice expense RVUs of the line's setting (A1, B2): of its row, its parts and its family's base."""
    facility = pl.col("_line_setting") == "facility"
    return frame.with_columns(
        **{
            f"_{pe}": pl.when(facility).then(f"{pe}_facility").otherwise(f"{pe}_nonfacility")
            for pe in ("pe", "opps_pe", "t_pe", "t_opps_pe", "p_pe", "b_pe")
        }
    )


def fee_schedule_amount(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The amount of one unit in the line's setting and place (A1), and what is paid: the lower of fee and cap (E6)."""
    factor = pl.col("_factor")
    return (
        frame.with_columns(
            _fee=fee.amount(pl.col("work"), pl.col("_pe"), pl.col("mp"), factor),
            _cap=pl.when("is_capped").then(fee.amount(pl.col("work"), pl.col("_opps_pe"), pl.col("opps_mp"), factor)),
            _reduced=pl.when("is_therapy").then(fee.reduced(pl.col("work"), pl.col("_pe"), pl.col("mp"), factor)),
        )
        .with_columns(_unit=fee.lower_of("_fee", "_cap"))
        .with_columns(_flag_opps_capped=(pl.col("_cap") < pl.col("_fee")).fill_null(value=False))
    )


def figures_to_show(frame: pl.LazyFrame) -> pl.LazyFrame:
    """What no rule asks for and a person does: the fee in both settings, the non-participating amount, the limiting charge."""
    both = {
        f"_{setting}": fee.amount(pl.col("work"), pl.col(f"pe_{setting}"), pl.col("mp"), pl.col("_factor"))
        for setting in ("nonfacility", "facility")
    }
    return frame.with_columns(
        **both, _nonpar_unit=fee.nonparticipating(pl.col("_unit")), _limiting=fee.limiting_charge(pl.col("_unit"))
    )


# Flags are gathered as bits of a number: a frame has millions of lines and few different sets of flags.
BIT = {name: 1 << place for place, name in enumerate(policy.load("flags")["flag"])}
ABOUT_THE_ANSWER = sum(BIT[name] for name in ("release_substituted", "zip_file_substituted"))  # and not about an amount


def raised(names: Iterable[str]) -> pl.Expr:
    """The flags of these names, as one number."""
    none = pl.lit(0, dtype=pl.UInt32)
    bits = (pl.when(f"_flag_{name}").then(pl.lit(BIT[name], dtype=pl.UInt32)).otherwise(none) for name in names)
    return sum(bits, start=none)


def flags_of_kind(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`_raised`, the flags that are settled by a line's kind, as one number."""
    return frame.with_columns(_raised=raised(FLAGS_OF_KIND))


def flags(worked: pl.DataFrame) -> pl.Series:
    """The flags of every line as one text, a category. Those about an amount ride only where there is one."""
    of_lines = [name for name in BIT if name not in FLAGS_OF_KIND and worked[f"_flag_{name}"].any()]
    all_of_them = pl.col("_raised") + raised(of_lines)
    shown = pl.when(pl.col("_reason").is_null()).then(all_of_them).otherwise(all_of_them & ABOUT_THE_ANSWER)
    sets = worked.select(flags=shown)["flags"]
    values = sets.unique()
    words = pl.Series([" ".join(name for name, bit in BIT.items() if value & bit) for value in values], dtype=pl.Categorical())
    if sets.is_empty():
        return words.alias("flags")
    by_value = words.clear(1).new_from_index(0, max(values) + 1).scatter(values, words)
    return by_value.gather(sets).alias("flags")
