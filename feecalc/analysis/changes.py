"""What changed between two releases, told: in sentences, as tables one a kind, and as files to take away.

    told = changes.of(opened, Question("2025D", "2026C", None, NATIONWIDE, "nonfacility", False))
    told.headlines     # ("From 2025D to 2026C Medicare pays more for ...",)
    told.tables        # {"Amounts": ..., "New and gone": ..., ...}
    told.book()        # the bytes of a workbook, a sheet a kind

The figures are those of `feecalc.analysis.releases_compare`. Money in dollars, RVUs, indexes and factors with their decimals.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import polars as pl

from feecalc import export, policy
from feecalc.analysis import causes, change, revenue
from feecalc.analysis.change import LABELS, Change
from feecalc.analysis.mix import Mix
from feecalc.analysis.releases_compare import KEY, POINTS, RVUS, Found, Question, compare
from feecalc.api import OpenSchedule
from feecalc.export import Sheet
from feecalc.locality import NATIONWIDE, Place
from feecalc.money import FACTOR_SCALE, GPCI_SCALE, RVU_SCALE, decimals, dollars, to_dollars
from feecalc.notices import NOTICES
from feecalc.pricing.explain import decimal

KINDS = {
    "up": "paid more",
    "down": "paid less",
    "same": "paid the same",
    "new": "new code",
    "gone": "code gone",
    "begins": "now with an amount",
    "ceases": "no longer with an amount",
    "unpaid": "without an amount in both",
}
SETTINGS = {"nonfacility": "in the office", "facility": "in a facility"}
PLACES = {FACTOR_SCALE: 4, GPCI_SCALE: 3, RVU_SCALE: 2}  # decimals that a scale has
SIDES = (("0", "before"), ("1", "after"))
# The causes that may stand in a split of releases; volumes do not change here, and days are not priced together.
CAUSES = tuple(cause for cause in LABELS if cause in causes.CAUSES and cause != "same_day")


@dataclass(frozen=True)
class Changes:
    """What changed, of the same question in one place or several. `of` and `where` are the codes and the places in words.

    `labels` are words for codes; `sources` (name, text) the files behind both releases; `effects`, where volumes were given,
    what they are paid under the one and under the other release, place by place.
    """

    founds: tuple[Found, ...]
    of: str
    where: tuple[str, ...]
    labels: Mapping[str, str]
    sources: tuple[tuple[str, str], ...]
    effects: tuple[Change, ...] = ()

    @property
    def found(self) -> Found:
        """The comparison in the first place."""
        return self.founds[0]

    @property
    def question(self) -> Question:
        """The question in the first place."""
        return self.found.question

    @property
    def stem(self) -> str:
        """The beginning of a file's name."""
        place = self.question.place.key if len(self.founds) == 1 else f"{len(self.founds)}-places"
        return f"feecalc-changes-{self.question.before}-{self.question.after}-{place}"

    # In sentences ------------------------------------------------------------------------------------------------------

    @property
    def headlines(self) -> tuple[str, ...]:
        """What changed, a sentence a place: how many amounts rose and fell, and the middle one."""
        return tuple(headline(found, self.of, where) for found, where in zip(self.founds, self.where, strict=True))

    @property
    def effect_lines(self) -> tuple[str, ...]:
        """What the volumes are paid, a sentence a place; none where no volumes were given."""
        subject = f"For your volumes {self.question.after}"
        several = len(self.effects) > 1
        asked = zip(self.effects, self.where, strict=False)  # there may be no effects
        return tuple(effect.sentence(f"{subject} {where}" if several else subject) for effect, where in asked)

    @property
    def beside(self) -> str:
        """What came and went, in a sentence; blank where nothing did."""
        counts = self.found.counts
        said = [
            (counts.get("new", 0), "code is new", "codes are new"),
            (counts.get("gone", 0), "code is gone", "codes are gone"),
            (counts.get("begins", 0), "has an amount for the first time", "have an amount for the first time"),
            (counts.get("ceases", 0), "has none any more", "have none any more"),
        ]
        if self.question.codes is not None:  # of a list each code is asked for
            said.append((counts.get("unpaid", 0), "has no amount in either", "have no amount in either"))
        parts = [f"{count:,} {one if count == 1 else many}" for count, one, many in said if count]
        return f"{', '.join(parts)}. Each modifier of a code counts for itself." if parts else ""

    @property
    def factor_line(self) -> str:
        """The conversion factor of both sides."""
        factors = self.found.factors
        before, after = (decimal(number, FACTOR_SCALE) for number in factors)
        who = " for Qualifying APM Participants" if self.question.qp else ""
        if before == after:
            return f"The conversion factor{who} is ${after:.4f} in both."
        step = 1000 * (factors[1] - factors[0])
        tenths = (2 * abs(step) + factors[0]) // (2 * factors[0])
        sign = "+" if step > 0 else "−"
        return f"The conversion factor{who} goes from ${before:.4f} to ${after:.4f} ({sign}{percent(tenths)} %)."

    @property
    def notes(self) -> list[tuple[str, str]]:
        """What the tables rest on."""
        setting = {"nonfacility": "Non-facility", "facility": "Facility"}[self.question.setting]
        return [
            *(("Answer", said) for said in (*self.headlines, *self.effect_lines)),
            *(("Volumes", note) for effect in self.effects[:1] for note in effect.notes),
            ("Conversion factor", self.factor_line),
            *(("Place", str(found.question.place)) for found in self.founds),
            ("Setting", setting),
            ("Codes", self.of),
            ("Amounts", "one unit, dollars; the lower of the fee and the OPPS cap; before same-day rules and sequestration"),
            *self.sources,
        ]

    # As tables ---------------------------------------------------------------------------------------------------------

    @cached_property
    def tables(self) -> dict[str, pl.DataFrame]:
        """Every table by its name, with all that changed of its kind."""
        volumes = {"Your volumes": self.volumes()} if self.effects else {}
        return volumes | {name: build(self) for name, build in TABLES.items()}

    @cached_property
    def long(self) -> pl.DataFrame:
        """One row a code, modifier and place of either release, for programs: its kind, what both sides have, the causes.

        Money in dollars; of the RVUs those of the setting; null where a side has none.
        """
        points = [decimals(pl.col(f"{part}_{side}"), 2).alias(f"{part}_rvu_{when}") for part in POINTS for side, when in SIDES]
        split = [dollars(pl.col(cause).fill_null(0)).alias(cause) for cause in CAUSES]
        return self._each(
            lambda found: found.rows.select(
                pl.lit(found.question.before).alias("release_before"),
                pl.lit(found.question.after).alias("release_after"),
                pl.lit(found.question.place.key).alias("locality"),
                *KEY,
                "kind",
                *(pl.col(f"status_{side}").alias(f"status_{when}") for side, when in SIDES),
                *points,
                *(dollars(pl.col(f"paid_{side}")).alias(when) for side, when in SIDES),
                dollars(pl.col("change")).alias("change"),
                decimals(pl.col("tenths"), 1).alias("percent"),
                *split,
            ),
            named=False,
        )

    def as_dict(self) -> dict[str, Any]:
        """All of it for JSON: sentences, counts and causes a place, the tables."""
        return {
            "before": self.question.before,
            "after": self.question.after,
            "setting": self.question.setting,
            "codes": self.of,
            "headlines": [*self.headlines, *self.effect_lines],
            "conversion_factor": [str(decimal(number, FACTOR_SCALE)) for number in self.found.factors],
            "places": [
                {
                    "locality": found.question.place.key,
                    "counts": found.counts,
                    "change_of_one_unit_each": str(to_dollars(sum(found.causes.values()))),
                    "causes": {cause: str(to_dollars(cents)) for cause, cents in found.causes.items()},
                }
                for found in self.founds
            ],
            "tables": {name: table.to_dicts() for name, table in self.tables.items()},
            "notes": [list(note) for note in self.notes],
        }

    # As files ----------------------------------------------------------------------------------------------------------

    def markdown(self) -> bytes:
        """All that changed as one text to read or to keep under version control."""
        lines = [f"# Medicare fee schedule, {self.question.before} to {self.question.after}", ""]
        lines += [
            text for said in (*self.headlines, *self.effect_lines, self.beside, self.factor_line) if said for text in (said, "")
        ]
        for name, table in self.tables.items():
            lines += [f"## {name}: {table.height:,} rows", ""]
            if not table.is_empty():
                heads = [head for head in table.columns if table[head].null_count() < table.height]
                lines += [_row(heads), _row(["---"] * len(heads))]
                lines += [_row(["" if cell is None else str(cell) for cell in row]) for row in table.select(heads).iter_rows()]
                lines.append("")
        lines += ["## Sources and assumptions", "", *(f"- {name}: {text}" for name, text in self.notes)]
        lines += ["", *(text for _, notice in NOTICES for text in (notice, ""))]
        return "\n".join(lines).encode()

    def sheets(self) -> list[Sheet]:
        """The tables as worksheets, the first with the answer above it."""
        return [
            Sheet(name, table, self.headlines[0] if number == 0 else "")
            for number, (name, table) in enumerate(self.tables.items())
        ]

    def book(self) -> bytes:
        """Every table as one workbook."""
        return export.book_bytes(self.sheets(), [*self.notes, *NOTICES])

    # Parts of the tables -----------------------------------------------------------------------------------------------

    def _each(self, build: Callable[[Found], pl.DataFrame], named: bool = True) -> pl.DataFrame:
        """A table of every place, one below the other, with the place in front where there are several."""
        frames = [build(found) for found in self.founds]
        if named and len(frames) > 1:
            places = [found.question.place.key for found in self.founds]
            frames = [frame.select(pl.lit(place).alias("place"), pl.all()) for place, frame in zip(places, frames, strict=True)]
        return pl.concat(frames)

    def _named(self) -> list[pl.Expr]:
        mark = pl.when(pl.col("modifier") != "").then("-" + pl.col("modifier")).otherwise(pl.lit(""))
        words = pl.col("hcpcs").replace_strict(dict(self.labels), default="", return_dtype=pl.String)
        return [pl.concat_str(pl.col("hcpcs"), mark).alias("code"), words.alias("words")]

    def amounts(self) -> pl.DataFrame:
        """Every row that is paid on both sides, the most moved first: dollars, percent, the largest cause, and the split.

        The columns of the split, of which those are left out that are nothing throughout, add up to `change`.
        """
        largest = pl.concat_list(pl.col(cause).abs() for cause in CAUSES).list.arg_max()
        cause = largest.replace_strict(dict(enumerate(LABELS[cause] for cause in CAUSES)), return_dtype=pl.String)
        moving = [cause for cause in CAUSES if any((found.both[cause] != 0).any() for found in self.founds)]

        def build(found: Found) -> pl.DataFrame:
            return found.both.sort(pl.col("tenths").abs(), *KEY, descending=[True, False, False], nulls_last=True).select(
                *self._named(),
                *(dollars(pl.col(f"paid_{side}")).alias(when) for side, when in SIDES),
                dollars(pl.col("change")).alias("change"),
                decimals(pl.col("tenths"), 1).alias("percent"),
                pl.when(pl.col("change") != 0).then(cause).alias("cause"),
                *(dollars(pl.col(cause)).alias(cause) for cause in moving),
            )

        return self._each(build)

    def volumes(self) -> pl.DataFrame:
        """What the volumes are paid, one row a place and code: allowed amounts in dollars, and what made the change."""
        parts = [cause for cause in LABELS if any(effect.totals[cause] for effect in self.effects)]
        frames = [
            effect.by("code").select(
                *([pl.lit(found.question.place.key).alias("place")] if len(self.effects) > 1 else []),
                "code",
                pl.col("code").replace_strict(dict(self.labels), default="", return_dtype=pl.String).alias("words"),
                *(dollars(pl.col(f"allowed_{side}")).alias(when) for side, when in SIDES),
                *(dollars(pl.col(name)).alias(name) for name in ("change", *parts)),
            )
            for found, effect in zip(self.founds, self.effects, strict=True)
        ]
        return pl.concat(frames)

    def comings(self) -> pl.DataFrame:
        """New and gone codes, and those that got or lost an amount, with status and amount of both sides."""
        return self._each(
            lambda found: found.of("new", "gone", "begins", "ceases").select(
                *self._named(),
                pl.col("kind").replace(KINDS).alias("what"),
                *(pl.col(f"status_{side}").alias(f"status_{when}") for side, when in SIDES),
                *(dollars(pl.col(f"paid_{side}")).alias(when) for side, when in SIDES),
            )
        )

    def points(self) -> pl.DataFrame:
        """The rows with other RVUs."""
        return self._rvus([name for name in RVUS if not name.startswith("opps")])

    def caps(self) -> pl.DataFrame:
        """The rows with other RVUs of the OPPS cap."""
        return self._rvus([name for name in RVUS if name.startswith("opps")])

    def _rvus(self, names: Sequence[str]) -> pl.DataFrame:
        differs = pl.any_horizontal(pl.col(f"{name}_0").ne_missing(pl.col(f"{name}_1")) for name in names)
        figures = [decimals(pl.col(f"{name}_{side}"), 2).alias(f"{name}_{when}") for name in names for side, when in SIDES]
        return self.found.points.filter(differs).select(*self._named(), *figures)

    def rules(self) -> pl.DataFrame:
        """Changed statuses and policy indicators, each value with its meaning."""
        indicators, statuses = policy.load("indicators"), policy.load("statuses")["status"]

        def meaning(name: str, value: str) -> str:
            if name == "status":
                return str(statuses.get(value, {}).get("name", "Not a known status"))
            known = indicators[name]
            other = "" if known.get("values") == "figures" else "Not a known value"
            return str(known.get(value, "Not given" if not value else other))

        frame = self.found.indicators
        told = [
            ("Status" if name == "status" else str(indicators[name]["title"]), meaning(name, before), meaning(name, after))
            for name, before, after in frame.select("indicator", "before", "after").iter_rows()
        ]
        said = pl.DataFrame(told, schema=dict.fromkeys(("title", "meaning_before", "meaning_after"), pl.String), orient="row")
        return frame.hstack(said).select(
            *self._named(),
            pl.col("title").alias("indicator"),
            pl.col("before").alias("value_before"),
            pl.col("after").alias("value_after"),
            "meaning_before",
            "meaning_after",
        )

    def places(self) -> pl.DataFrame:
        """The areas whose price indexes differ."""
        figures = [
            decimals(pl.col(f"{part}_{side}"), 3).alias(f"gpci_{part}_{when}") for part in POINTS for side, when in SIDES
        ]
        key = (pl.col("mac") + "-" + pl.col("locality")).alias("locality")
        return pl.concat([found.places.select(key, "name", "state", *figures) for found in self.founds]).unique(
            maintain_order=True
        )

    def rates(self) -> pl.DataFrame:
        """The conversion factors of both sides, and the anesthesia factors that differ."""
        services = pl.col("what") == "services"
        who = pl.when("qp").then(pl.lit(", Qualifying APM Participants")).otherwise(pl.lit(""))
        name = pl.when(services).then(pl.lit("Conversion factor, dollars per RVU"))
        frame = pl.concat([found.rates for found in self.founds]).unique(maintain_order=True)
        return frame.select(
            (name.otherwise(pl.lit("Anesthesia factor, dollars per unit")) + who).alias("factor"),
            pl.when(services).then(None).otherwise(pl.col("mac") + "-" + pl.col("locality")).alias("locality"),
            "name",
            "state",
            *(decimals(pl.col(when), 4).alias(f"factor_{when}") for _, when in SIDES),
        )


TABLES: dict[str, Callable[[Changes], pl.DataFrame]] = {
    "Amounts": Changes.amounts,
    "New and gone": Changes.comings,
    "Points (RVUs)": Changes.points,
    "Points of the OPPS cap": Changes.caps,
    "Status and rules": Changes.rules,
    "Area indexes": Changes.places,
    "Factors": Changes.rates,
}


def of(
    opened: OpenSchedule,
    question: Question,
    places: Sequence[Place] = (),
    of: str = "all codes",
    where: Callable[[Place], str] | None = None,
    mix: Mix | None = None,
) -> Changes:
    """Compare two releases in the place of the question, or in several; and what a practice's volumes are paid under each.

    Errors as releases_compare.compare and revenue.price.
    """
    questions = [question] if not places else [replace(question, place=place) for place in places]
    said = where or in_words
    labels = {**opened.codes(question.before), **opened.codes(question.after)}
    sources = []
    for name in (question.before, question.after):
        release = opened.schedule.release(name)
        sources.append(("Release", f"{name}, in force from {release.effective}"))
        sources += [item for one in release.sources for item in (("Source file", one["file"]), ("sha256", one["sha256"]))]
    return Changes(
        founds=tuple(compare(opened, one) for one in questions),
        of=of,
        where=tuple(said(one.place) for one in questions),
        labels=labels,
        sources=tuple(sources),
        effects=() if mix is None else tuple(_effect(opened, one, mix) for one in questions),
    )


def _effect(opened: OpenSchedule, question: Question, mix: Mix) -> Change:
    """What volumes are paid on the first day of the one release, and of the other."""
    sides = []
    for name in (question.before, question.after):
        on = opened.schedule.release(name).effective
        basis = revenue.Basis(date=on, locality=question.place.key, setting=question.setting, qp=question.qp)
        sides.append(revenue.price(mix, basis, opened))
    return change.compare(*sides)


def in_words(place: Place) -> str:
    """Where, inside a sentence."""
    return "nationally" if place == NATIONWIDE else f"in {place}"


def headline(found: Found, of: str, where: str) -> str:
    """What changed in one place, in a sentence."""
    question, counts, both = found.question, found.counts, found.both.height
    there = f"{where}, {SETTINGS[question.setting]}"
    span = f"From {question.before} to {question.after}"
    if not both:
        return f"{span} no amount of {of} can be compared {there}."
    up, down = counts.get("up", 0), counts.get("down", 0)
    median = found.median or 0
    middle = "does not move" if median == 0 else f"{'rises' if median > 0 else 'falls'} by {percent(abs(median))} %"
    amounts = "the one amount" if both == 1 else f"{both:,} amounts"
    return f"{span} Medicare pays more for {up:,} and less for {down:,} of {amounts} of {of} {there}; the middle one {middle}."


def percent(tenths: int) -> str:
    """Tenths of a percent as text: 33 -> '3.3'."""
    return f"{tenths // 10:,}.{tenths % 10}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
