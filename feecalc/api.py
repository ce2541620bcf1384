"""What notebooks, the command line and the pages call: one opened schedule that answers questions.

import feecalc
s = feecalc.open_schedule()
s.price("97110", zip="35203", date="2025-10-15", units=3)
feecalc.fee_schedule(release="2025D", locality="10112-00")
"""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, cached_property
from itertools import islice
from threading import Lock
from typing import Any, TypedDict, Unpack, overload

import polars as pl
import polars.selectors as cs

from feecalc import locality, policy
from feecalc.errors import InputError
from feecalc.likeness import alike
from feecalc.locality import NATIONWIDE, Answer, Place
from feecalc.money import FACTOR_SCALE, decimals, dollars, to_cents, to_dollars
from feecalc.pricing import engine, explain, fee, outcomes, rows
from feecalc.pricing.lines import MOST_UNITS, codes_of
from feecalc.pricing.shares import PARTICIPATION
from feecalc.quote import Day, Quote
from feecalc.schedule import NATIONAL, Release, Schedule

# The columns of a fee schedule, in order; the amounts are dollars with two places.
SCHEDULE_AMOUNTS = (
    "nonfacility",
    "facility",
    "opps_nonfacility",
    "opps_facility",
    "therapy_nonfacility",
    "therapy_facility",
    "nonpar_nonfacility",
    "nonpar_facility",
    "limiting_nonfacility",
    "limiting_facility",
)
SCHEDULE_KEYS = ("release", "mac", "locality", "hcpcs", "modifier", "status")
SCHEDULE_COLUMNS = (*SCHEDULE_KEYS, *SCHEDULE_AMOUNTS)


FEW_LINES = 2_000  # up to so many lines,
FEW_CODES = 100  # of up to so many codes, a price looks only at these: to find more takes longer than to prepare whole releases
FEW_RULES = 100  # sets of such codes that are kept

# The columns of the lines that the API makes itself, with their types.
LINE_SCHEMA = {
    "claim_id": pl.Int64,
    "line": pl.Int64,
    "service_date": pl.Date,
    "hcpcs": pl.String,
    "modifiers": pl.String,
    "units": pl.Int64,
    "pos": pl.String,
    "setting": pl.String,
    "mac": pl.String,
    "locality": pl.String,
    "charge": pl.String,
    "minutes": pl.Int64,
    "provider_type": pl.String,
    "participation": pl.String,
    "qp": pl.Boolean,
    "deductible_left": pl.String,
}


class Circumstances(TypedDict, total=False):
    """What holds for all lines of a question: where, when, by whom, and what the patient has still to pay.

    The place is one of `zip`, `locality` (MAC-locality, such as 10112-00, or "national") and `state`. `release` in place of
    `date` prices by that release's first day. `setting` (facility, nonfacility) wins over `pos`, the place of service code.
    `deductible_left` is what is still open of the patient's yearly deductible, in dollars.
    """

    zip: str | None
    locality: str | None
    state: str | None
    date: str | dt.date | None
    release: str | None
    setting: str | None
    pos: str | None
    provider_type: str | None
    participating: bool
    qp: bool
    deductible_left: str | Decimal | int


@dataclass(frozen=True)
class Asked:
    """One line of a question: a code with its units, modifiers, charge (dollars) and, for anesthesia, minutes."""

    hcpcs: str
    units: int = 1
    modifiers: tuple[str, ...] = ()
    charge: str | Decimal | None = None
    minutes: int | None = None

    def __post_init__(self) -> None:
        if not self.code:
            raise InputError("No code was given.")
        if isinstance(self.units, bool) or not isinstance(self.units, int) or not 1 <= self.units <= MOST_UNITS:
            raise InputError(f"Units must be a whole number from 1 to {MOST_UNITS:,}, not {self.units!r}.")
        if self.charge is not None:
            try:
                to_cents(self.charge)
            except ValueError as error:
                raise InputError(f"The charge of {self.code}: {error}.") from None

    @property
    def code(self) -> str:
        """The code as the files have it."""
        return self.hcpcs.strip().upper()

    @classmethod
    def parse(cls, text: str) -> "Asked":
        """Read "97110", "97110x2", "97110-GP-CQ", "97110-GPx2" or "97110x2-GP". Raises InputError for anything else."""
        units = "(?:[X×*](-?[0-9]+))?"
        found = re.fullmatch(
            rf"([0-9A-Z]{{1,5}}|[0-9A-WYZ]{{6,}}){units}((?:-[0-9A-Z]{{2}})*){units}", re.sub(r"\s", "", text.upper())
        )
        if found is None or (found[2] and found[4]):
            raise InputError(f"{text!r} is no code with modifiers and units, such as 97110, 97110x2 or 97110-GPx2.")
        return cls(found[1], int(found[2] or found[4] or 1), tuple(found[3].split("-")[1:]))


class OpenSchedule:
    """An opened schedule that prices. Open it once and keep it: tables are read at first use and stay in memory."""

    def __init__(self, schedule: Schedule | None = None) -> None:
        self.schedule = schedule or Schedule.open()
        self._rules_of: dict[tuple[tuple[str, ...] | None, frozenset[str], bool], engine.Rules] = {}
        self._many_rules: tuple[set[str], engine.Rules] | None = None
        self._lock = Lock()
        self._grids: dict[str, tuple[pl.DataFrame, pl.DataFrame]] = {}

    # One code ----------------------------------------------------------------------------------------------------------

    def price(
        self,
        hcpcs: str,
        *,
        units: int = 1,
        modifiers: str | Sequence[str] = (),
        charge: str | Decimal | None = None,
        minutes: int | None = None,
        **circumstances: Unpack[Circumstances],
    ) -> Quote:
        """Price one code, and say how.

        `charge` is what was charged, in dollars; `minutes` the time of anesthesia. For the circumstances see Circumstances;
        the date of service defaults to today, the place to the national amount. Raises InputError for values that cannot be
        understood, NotLoadedError for a release that is not there.
        """
        return self._quotes([[Asked(hcpcs, units, _listed(modifiers), charge, minutes)]], circumstances)[0]

    def price_day(self, asked: Sequence[str | Asked], **circumstances: Unpack[Circumstances]) -> Day:
        """Price the codes that one patient had on one day from one practitioner together, as `Asked` or as text.

        Text is a code with its modifiers and units: "97110", "97110x2", "97110-GP-CQ x2". Errors as `price`.
        """
        return self.price_days([asked], **circumstances)[0]

    def price_days(self, days: Sequence[Sequence[str | Asked]], **circumstances: Unpack[Circumstances]) -> tuple[Day, ...]:
        """Price several days, each by itself and all in the same circumstances: what one day would be with other codes.

        Errors as `price`.
        """
        asked = [[one if isinstance(one, Asked) else Asked.parse(one) for one in day] for day in days]
        if not all(asked):
            raise InputError("No code was given.")
        quotes = iter(self._quotes(asked, circumstances))
        return tuple(Day(tuple(islice(quotes, len(day)))) for day in asked)

    def _quotes(self, days: Sequence[Sequence[Asked]], given: Circumstances) -> list[Quote]:
        """The answers line by line, day after day; a day is a claim. No days, no answers."""
        asked = [one for day in days for one in day]
        if not asked:
            return []
        zip_code, key, state = given.get("zip"), given.get("locality"), given.get("state")
        if len([p for p in (zip_code, key, state) if p]) > 1:
            raise InputError("Give one of ZIP, locality and state, not several.")
        deductible = _deductible(given)
        on, dated_by = self._date(given.get("date"), given.get("release"))
        serving, in_force = self.schedule.serving(on)
        answer = self._place(serving, on, zip_code, key, state)
        place = answer.place or NATIONWIDE
        lines = [
            {
                "claim_id": claim,
                "line": number,
                "service_date": on,
                "hcpcs": one.code,
                "modifiers": " ".join(one.modifiers),
                "units": one.units,
                "pos": given.get("pos"),
                "setting": given.get("setting"),
                "mac": place.mac,
                "locality": place.locality,
                "charge": one.charge if one.charge is None else str(one.charge),
                "minutes": one.minutes,
                "provider_type": given.get("provider_type"),
                "participation": "participating" if given.get("participating", True) else "nonparticipating",
                "qp": given.get("qp", False),
                "deductible_left": deductible,
            }
            for claim, day in enumerate(days, 1)
            for number, one in enumerate(day, 1)
        ]
        worked = self._work_out(lines, [serving.name] if serving else [], [one.code for one in asked])
        unplaced = answer.reason is not None and serving is not None
        quotes = []
        for one, row in zip(asked, worked.iter_rows(named=True), strict=True):
            if unplaced:
                row = {**row, "_outcome": "cannot_price", "_reason": answer.reason, "_allowed": None}
            row["_flag_zip_file_substituted"] = answer.substituted
            unknown = row["_reason"] == "unknown_code" and serving is not None
            quotes.append(
                Quote(
                    row=row,
                    place=place if answer.place else None,
                    place_answer=answer,
                    modifiers=one.modifiers,
                    release=serving,
                    in_force=in_force,
                    assumptions=self._assumptions(row, dated_by, given),
                    suggestions=tuple(self.near(one.code, serving.name)) if unknown and serving else (),
                    source=self._source(serving),
                )
            )
        return quotes

    def _date(self, date: str | dt.date | None, release: str | None) -> tuple[dt.date, str]:
        if release is not None:
            if date is not None:
                raise InputError("Give a date of service or a release, not both.")
            return self.schedule.release(release).effective, "release"
        if date is None:
            return dt.date.today(), "today"
        if isinstance(date, dt.date):
            return date, "date"
        try:
            return dt.date.fromisoformat(date.strip()), "date"
        except ValueError:
            raise InputError(f"Date {date!r} is not a date such as 2025-10-15.") from None

    def _place(self, serving: Release | None, on: dt.date, zip_code: str | None, key: str | None, state: str | None) -> Answer:
        if serving is None:  # without a release there are no localities to look among
            return Answer(None)
        if zip_code:
            return locality.by_zip(self.schedule, serving.name, zip_code, on)
        if key:
            return locality.named(self.schedule, serving.name, *locality.parse_key(key))
        if state:
            return locality.by_state(self.schedule, serving.name, state)
        return Answer(NATIONWIDE)

    @staticmethod
    def _assumptions(row: dict[str, Any], dated_by: str, given: Circumstances) -> tuple[str, ...]:
        said = []
        if dated_by == "today":
            said.append(f"Date of service: today, {row['_date']}.")
        if dated_by == "release":
            said.append(f"Date of service: the release's first day, {row['_date']}.")
        if not (given.get("zip") or given.get("locality") or given.get("state")):
            said.append("Place: national amount, without locality adjustment.")
        if not (given.get("setting") or given.get("pos")):
            said.append("Setting: non-facility (such as an office), as no place of service was given.")
        if row["factor_qp"] is not None and not row["_qp"]:
            said.append("Clinician: not a Qualifying APM Participant.")
        if row["n_par"] == PARTICIPATION:
            said.append("Practitioner: participating with Medicare.")
        if not given.get("provider_type"):
            said.append("Practitioner: paid as a physician or a therapist in private practice, in full.")
        if not given.get("deductible_left"):
            said.append("Patient: the yearly deductible is met.")
        return tuple(said)

    def _source(self, release: Release | None) -> dict[str, str] | None:
        return release.sources[0] if release else None

    def near(self, code: str, release: str, count: int = 5) -> list[str]:
        """The codes of a release that look most like an unknown one: by likeness, then labelled ones, then payable ones."""
        table = self.schedule.table(release, "pprrvu").filter(pl.col("modifier") == "")
        status = dict(table.select("hcpcs", "status").iter_rows())
        found = alike(code, status)
        return sorted(found, key=lambda one: (-found[one], one not in self.labels, status[one] != "A", one))[:count]

    # Many lines --------------------------------------------------------------------------------------------------------

    @overload
    def price_lines(self, lines: pl.DataFrame, explain: bool = False) -> pl.DataFrame: ...
    @overload
    def price_lines(self, lines: pl.LazyFrame, explain: bool = False) -> pl.LazyFrame: ...
    def price_lines(self, lines: pl.DataFrame | pl.LazyFrame, explain: bool = False) -> pl.DataFrame | pl.LazyFrame:
        """Price claim lines: the same rows in the same order, then the columns of `feecalc.pricing.lines.ADDED`.

        Contract of the columns: feecalc.pricing.lines. `explain` adds `trace`, the list of steps from nothing to the allowed
        amount, and `sure` and `because`, the weakest standing that the outcome rests on. Raises InputError where there is no
        `hcpcs` column.
        """
        if isinstance(lines, pl.LazyFrame):
            return engine.price_lazily(lines, self.rules, explain)
        return engine.price(lines, self._rules_for(lines), explain)

    def answers(self, lines: pl.DataFrame, explain: bool = False) -> pl.DataFrame:
        """The columns that `price_lines` adds, alone, with categories for its words: for files of millions of lines."""
        return engine.answers(lines, self._rules_for(lines), explain)

    def _rules_for(self, lines: pl.DataFrame) -> engine.Rules:
        """The rules over what a frame needs: a few lines have few codes, and a file's dates lie in few releases."""
        if "hcpcs" not in lines.columns or "rules" in self.__dict__:
            return self.rules
        dated = lines.schema.get("service_date") == pl.Date
        days = lines["service_date"] if dated else None
        serving = None if days is None else self.schedule.serving_between(days.min(), days.max())
        if lines.height <= FEW_LINES and len(codes := codes_of(lines)) <= FEW_CODES:
            releases = None if serving is None else sorted(serving)
            return self._few_rules(releases, codes, zips="zip" in lines.columns)
        return self.rules if serving is None else self.rules_over(serving)

    def prepare(self, first: Any, last: Any) -> None:
        """Make ready what many lines of dates of service from `first` to `last` need, before several threads ask for it."""
        rules = self.rules_over(self.schedule.serving_between(first, last))
        _ = rules.index, rules.eras

    def rules_over(self, releases: set[str]) -> engine.Rules:
        """The rules over whole releases: those that were asked for before, too."""
        with self._lock:
            if self._many_rules is None or not releases <= self._many_rules[0]:
                known = releases | (self._many_rules[0] if self._many_rules else set())
                self._many_rules = known, engine.Rules(self.schedule.tables(known))
            return self._many_rules[1]

    def _few_rules(self, releases: Iterable[str] | None, codes: Iterable[str], zips: bool) -> engine.Rules:
        """The rules over a few codes, kept for the next question about them."""
        asked = (None if releases is None else tuple(releases), frozenset(codes), zips)
        if asked not in self._rules_of:
            if len(self._rules_of) >= FEW_RULES:
                self._rules_of.pop(next(iter(self._rules_of)))
            self._rules_of[asked] = engine.Rules(self.schedule.tables(releases, codes, zips))
        return self._rules_of[asked]

    @cached_property
    def rules(self) -> engine.Rules:
        """The rules over every loaded release, prepared once."""
        return engine.Rules(self.schedule.tables())

    def _work_out(self, lines: list[dict[str, Any]], releases: list[str], codes: list[str]) -> pl.DataFrame:
        schema = {name: kind for name, kind in LINE_SCHEMA.items() if name in lines[0]}
        frame = pl.DataFrame(lines, schema=schema)
        return engine.work_out(frame, self._few_rules(releases, codes, zips=False))

    def history(
        self, hcpcs: str, *, modifier: str = "", place: Place = NATIONWIDE, setting: str = "nonfacility", qp: bool = False
    ) -> pl.DataFrame:
        """One unit of a code over every loaded release: `release`, `effective`, `outcome`, `fee` and `allowed` (dollars).

        `modifier` is 26, TC, 53 or blank. Where the locality or code is missing from a release, its amounts are null.
        """
        names = self.schedule.priceable()
        releases = pl.DataFrame(
            [(n, r.effective, self.factor(r, qp)) for n in names for r in [self.schedule.releases[n]]],
            schema={"release": pl.String, "effective": pl.Date, "_factor": pl.Int64},
            orient="row",
        )
        tables = self.schedule.tables(names, [hcpcs], zips=False)
        row = rows.facts(tables.rows).filter(pl.col("hcpcs") == hcpcs, pl.col("modifier") == modifier)
        here = tables.gpci.filter(pl.col("mac") == place.mac, pl.col("locality") == place.locality)
        amounts = fee.amounts(pl.col("_factor"))
        payable = pl.col("row_reason").is_null() & pl.col("gpci_work").is_not_null() & pl.col("status").is_not_null()
        priced = payable & fee.has_rvus()  # anesthesia has none: it is priced by its minutes
        outcome = pl.coalesce(outcomes.of(pl.col("row_reason")), pl.when(priced).then(pl.lit("priced")), pl.lit("cannot_price"))
        return (
            releases.lazy()
            .join(row.lazy(), on="release", how="left", maintain_order="left")
            .join(here.lazy(), on="release", how="left", maintain_order="left")
            .with_columns(**{f"_{name}": amounts[name] for name in (setting, f"opps_{setting}")})
            .select(
                "release",
                "effective",
                outcome=outcome,
                fee=dollars(pl.when(priced).then(f"_{setting}")),
                allowed=dollars(
                    pl.when(priced).then(pl.min_horizontal(f"_{setting}", f"_opps_{setting}")).when(outcome == "zero").then(0)
                ),
            )
            .collect(engine="in-memory")
        )

    def across(
        self, hcpcs: str, *, release: str, modifier: str = "", setting: str = "nonfacility", qp: bool = False
    ) -> pl.DataFrame:
        """One unit of a code in every locality of a release: `mac`, `locality`, `name`, `state`, `allowed`; dearest last."""
        serving = self.schedule.release(release)
        tables = self.schedule.tables([release], [hcpcs], zips=False)
        row = tables.rows.filter(pl.col("hcpcs") == hcpcs, pl.col("modifier") == modifier)
        priced = fee.schedule(row.lazy(), tables.gpci.lazy(), self.factor(serving, qp)).select(
            "mac", "locality", allowed=dollars(pl.min_horizontal(setting, f"opps_{setting}"))
        )
        known = [(p.mac, p.locality, p.name, p.state) for p in locality.places(self.schedule, release)]
        where = pl.LazyFrame(known, schema=["mac", "locality", "name", "state"], orient="row")
        beside = where.join(priced, on=["mac", "locality"], how="left")
        return beside.sort("allowed", "mac", "locality", nulls_last=True).collect(engine="in-memory")

    # Whole schedules ---------------------------------------------------------------------------------------------------

    def fee_schedule(self, release: str | None = None, locality: str | None = None, qp: bool = False) -> pl.DataFrame:
        """The fee schedule of a release (default: the newest): one row per code, modifier, MAC and locality.

        `locality` is a MAC-locality, "all" (every locality) or "national" (default). Rows of status A, R or T with RVUs;
        columns SCHEDULE_COLUMNS, amounts as decimals, in the order of MAC, locality, code and modifier, as in CMS's files.
        Raises NotLoadedError, InputError.
        """
        return self.fee_schedule_cents(release, locality, qp).with_columns(
            pl.col(SCHEDULE_KEYS).cast(pl.String), *(dollars(pl.col(name)).alias(name) for name in SCHEDULE_AMOUNTS)
        )

    def fee_schedule_cents(self, release: str | None = None, locality: str | None = None, qp: bool = False) -> pl.DataFrame:
        """The same with amounts in cents (int64), its codes and places as enumerations.

        A million rows of text cost more to write than to price; an enumeration is a small integer until someone reads it.
        """
        serving = self.schedule.release(release) if release else self.schedule.newest
        rows, gpci = self._grid(serving.name)
        frame = fee.schedule(rows.lazy(), self._gpci_of(serving, locality, gpci.lazy()), self.factor(serving, qp))
        return frame.select(SCHEDULE_COLUMNS).collect()

    def _grid(self, release: str) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The rows and places of a release in order, with their texts enumerated, worked out once."""
        if release not in self._grids:
            tables = self.schedule.tables([release], zips=False)
            self._grids[release] = (
                # RVUs as int64 once here, not a million times after the rows met the places.
                _enumerated(tables.rows, ["hcpcs", "modifier", "status"])
                .sort("hcpcs", "modifier")
                .with_columns(cs.integer().cast(pl.Int64)),
                _enumerated(tables.gpci, ["release", "mac", "locality"]).sort("mac", "locality"),
            )
        return self._grids[release]

    def _gpci_of(self, release: Release, key: str | None, gpci: pl.LazyFrame) -> pl.LazyFrame:
        if key == "all":
            return gpci.filter(pl.col("locality") != NATIONAL)
        answer = self._place(release, release.effective, None, key, None)
        if answer.place is None:
            raise InputError(f"{answer.detail} List them with: feecalc localities")
        return gpci.filter(pl.col("mac") == answer.place.mac, pl.col("locality") == answer.place.locality)

    def factor(self, release: Release, qp: bool = False) -> int:
        """The factor of a release's first day, in ten-thousandths of a dollar. Raises InputError where none is known."""
        law = policy.conversion_factor(release.effective)
        if qp and law is not None and law.qp is not None:
            return law.qp
        if qp and release.effective >= min(f.start for f in policy.conversion_factors() if f.qp is not None):
            raise InputError(f"No conversion factor for Qualifying APM Participants is known for release {release.name}.")
        return release.factor

    # What there is -----------------------------------------------------------------------------------------------------

    @property
    def releases(self) -> pl.DataFrame:
        """Every loaded release: `release`, `effective`, `conversion_factor`, `rows`, `origin`, `file`, `sha256`."""
        return pl.DataFrame(
            [
                {
                    "release": r.name,
                    "effective": r.effective,
                    "conversion_factor": str(explain.decimal(r.factor, FACTOR_SCALE)) if r.priceable else None,
                    "rows": r.manifest["tables"]["pprrvu"]["rows"] if r.has("pprrvu") else 0,
                    "localities": r.manifest["tables"]["gpci"]["rows"] if r.has("gpci") else 0,
                    "origin": r.origin,
                    "file": r.sources[0]["file"],
                    "sha256": r.sources[0]["sha256"],
                }
                for r in self.schedule.releases.values()
            ]
        )

    def localities(self, release: str | None = None, text: str = "") -> pl.DataFrame:
        """The payment localities of a release: `locality` (MAC-locality), `state`, `name`, and the GPCIs, by state and name."""
        serving = self.schedule.release(release) if release else self.schedule.newest
        gpci = self.schedule.table(serving.name, "gpci")
        counties = self.schedule.table(serving.name, "localities") if serving.has("localities") else None
        named = gpci.with_columns(pl.col("name").map_elements(locality.tidy, return_dtype=pl.String))
        if counties is not None:
            named = named.join(counties.select("mac", "locality", "state_name", "counties"), on=["mac", "locality"], how="left")
        shown = named.sort("state", "name", nulls_last=True).select(
            (pl.col("mac") + "-" + pl.col("locality")).alias("locality"),
            "state",
            "name",
            *(decimals(pl.col(part), 3).alias(f"gpci_{part}") for part in ("work", "pe", "mp")),
            *(["counties", "state_name"] if counties is not None else []),
        )
        wanted = text.strip().lower()
        if wanted:
            searched = pl.concat_str(pl.col(pl.String), separator=" ", ignore_nulls=True).str.to_lowercase()
            shown = shown.filter(searched.str.contains(wanted, literal=True))
        return shown.drop("state_name", strict=False)

    @cached_property
    def labels(self) -> dict[str, str]:
        """Our own plain words for the codes that people ask for most."""
        return dict(policy.load("labels")["label"])

    def descriptions(self, release: str) -> dict[str, str]:
        """CMS's short descriptors by code, where the user's own import brought them; never part of the built-in schedule."""
        serving = self.schedule.releases[release]
        if not serving.has("descriptions"):
            return {}
        table = self.schedule.table(release, "descriptions").filter(pl.col("modifier") == "")
        return dict(table.select("hcpcs", "description").iter_rows())

    def codes(self, release: str | None = None) -> dict[str, str]:
        """Every code of a release with its words: the user's own descriptors, else our labels, else nothing."""
        serving = self.schedule.release(release) if release else self.schedule.newest
        names = self.schedule.table(serving.name, "pprrvu")["hcpcs"].unique(maintain_order=True)
        words = {**self.descriptions(serving.name), **self.labels}
        return {code: words.get(code, "") for code in names}


def _deductible(given: Circumstances) -> str:
    """What is still open of the deductible, in dollars. Raises InputError where it is no amount or below 0."""
    amount = str(given.get("deductible_left") or 0)
    try:
        cents = to_cents(amount)
    except ValueError as error:
        raise InputError(f"The deductible still open: {error}.") from None
    if cents < 0:
        raise InputError(f"The deductible still open is below 0: {amount}.")
    return str(to_dollars(cents))


def _enumerated(frame: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """The frame with some text columns as enumerations of the values that they have."""
    return frame.with_columns(pl.col(name).cast(pl.Enum(frame[name].unique().sort())) for name in columns)


def _listed(modifiers: str | Sequence[str]) -> tuple[str, ...]:
    given = modifiers.split() if isinstance(modifiers, str) else modifiers
    return tuple(m.strip().upper() for m in given)


@dataclass(frozen=True)
class Spread:
    """The range of a code over the localities that price it: the ends as rows of `across`, and the middle amount."""

    lowest: dict[str, Any]
    median: Decimal
    highest: dict[str, Any]
    count: int


def spread(across: pl.DataFrame) -> Spread | None:
    """Lowest, median and highest of an `across` table; None where no locality has an amount."""
    rows = across.drop_nulls("allowed").sort("allowed", "mac", "locality").to_dicts()
    if not rows:
        return None
    low, high = rows[(len(rows) - 1) // 2], rows[len(rows) // 2]  # the same row where their number is odd
    median = ((low["allowed"] + high["allowed"]) / 2).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return Spread(rows[0], median, rows[-1], len(rows))


@cache
def open_schedule() -> OpenSchedule:
    """The schedule that comes with feecalc and the user's own releases over it, opened once for the process."""
    return OpenSchedule()


def fee_schedule(release: str | None = None, locality: str | None = None, qp: bool = False) -> pl.DataFrame:
    """The fee schedule of a release in a locality (default "national"; "all" for every one): see OpenSchedule."""
    return open_schedule().fee_schedule(release, locality, qp)


@overload
def price(lines: pl.DataFrame, explain: bool = False) -> pl.DataFrame: ...
@overload
def price(lines: pl.LazyFrame, explain: bool = False) -> pl.LazyFrame: ...
def price(lines: pl.DataFrame | pl.LazyFrame, explain: bool = False) -> pl.DataFrame | pl.LazyFrame:
    """Price claim lines with the open schedule: see OpenSchedule.price_lines."""
    return open_schedule().price_lines(lines, explain)
