"""What if: named scenarios of levers, applied to a practice's volumes, several beside each other, kept in a file of the user's.

next_year = Scenario("Next year", (ProposedFactor(year=2027), WorkFloor(), Volume(percent=5, providers=("Lee",))))
mix, basis, told = apply(next_year, mix, basis)
side_by_side([next_year], mix, basis, opened).table()

The levers stand in feecalc.analysis.levers. A scenario holds what is assumed, by codes, providers, payers and sites; it knows
no visit and no patient, and neither does its file.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from feecalc import paths
from feecalc.analysis import change, kept
from feecalc.analysis.change import LABELS, Change
from feecalc.analysis.levers import LEVERS, Lever
from feecalc.analysis.mix import Mix
from feecalc.analysis.packing import Packing
from feecalc.analysis.revenue import Basis, Priced, price
from feecalc.api import OpenSchedule
from feecalc.errors import InputError
from feecalc.money import decimals, dollars

VERSION = 1
VERSION_KEY = "feecalc_scenarios"
MOST_NAME = 100  # letters of a name, and ten times as many of a note


@dataclass(frozen=True)
class Scenario:
    """A named what-if: its levers, in the order in which they are pulled, and a note of one's own."""

    name: str
    levers: tuple[Lever, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip() or len(self.name) > MOST_NAME:
            raise InputError(f"A scenario needs a name of up to {MOST_NAME} letters.")
        if not isinstance(self.note, str) or len(self.note) > 10 * MOST_NAME:
            raise InputError(f"Scenario {self.name!r}: the note must be a text of up to {10 * MOST_NAME:,} letters.")
        object.__setattr__(self, "levers", tuple(self.levers))
        slots = Counter(lever.SLOT for lever in self.levers if lever.SLOT)
        for slot, count in slots.items():
            if count > 1:
                names = " and ".join(lever.NAME for lever in self.levers if slot == lever.SLOT)
                raise InputError(f"Scenario {self.name!r}: the levers {names} contradict each other. Keep one of them.")


def apply(scenario: Scenario, mix: Mix, basis: Basis) -> tuple[Mix, Basis, tuple[str, ...]]:
    """The volumes and the basis with every lever pulled, and what the levers say they did, in order.

    Rows that a lever splits or adds keep the number of the row that they come of. Raises InputError where a lever cannot be
    pulled.
    """
    rows, told = mix.rows, list[str]()
    for number, lever in enumerate(scenario.levers, 1):
        try:
            rows, basis, said = lever.apply(rows, basis, number)
        except InputError as error:
            raise InputError(f"Scenario {scenario.name!r}, lever {number}: {error}") from None
        told += said
    return replace(mix, rows=rows) if rows is not mix.rows else mix, basis, tuple(told)


# Several beside each other --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What a scenario comes to: its pricing, its change from how things are, and what its levers say."""

    scenario: Scenario
    priced: Priced
    change: Change
    told: tuple[str, ...]


@dataclass(frozen=True)
class SideBySide:
    """Several scenarios beside how things are."""

    base: Priced
    outcomes: tuple[Outcome, ...]
    base_name: str = "As it is"

    def table(self) -> pl.DataFrame:
        """One row a scenario, how things are first: `scenario`, `units`, `allowed`, `received`, then what each differs by
        (`allowed_change`, `received_change`), `percent` (of what is allowed now, one decimal; null where that is not above 0),
        and every cause of the change of `allowed`. Amounts in dollars.
        """
        everyone = [(self.base_name, self.base, None), *((o.scenario.name, o.priced, o.change) for o in self.outcomes)]
        rows = []
        for name, priced, changed in everyone:
            sums = priced.rows.select(pl.col("units").cast(pl.Int64).sum(), pl.col("allowed").sum(), pl.col("received").sum())
            percent = changed.percent() if changed else Decimal(0)
            rows.append(
                {
                    "scenario": name,
                    **sums.row(0, named=True),
                    "allowed_change": changed.difference() if changed else 0,
                    "received_change": changed.difference("received") if changed else 0,
                    "percent": None if percent is None else int(percent.scaleb(1)),
                    **(changed.parts() if changed else dict.fromkeys(LABELS, 0)),
                }
            )
        numbers = ("units", "allowed", "received", "allowed_change", "received_change", "percent", *LABELS)
        frame = pl.DataFrame(rows, schema={"scenario": pl.String, **dict.fromkeys(numbers, pl.Int64)})
        money = [name for name in numbers if name not in ("units", "percent")]
        return frame.with_columns(*(dollars(pl.col(name)).alias(name) for name in money), decimals(pl.col("percent"), 1))


def side_by_side(
    scenarios: Sequence[Scenario],
    mix: Mix,
    basis: Basis,
    opened: OpenSchedule,
    packing: Packing | None = None,
    base: Priced | None = None,
) -> SideBySide:
    """Price the volumes as they are (`base`, where that is done already) and in every scenario. InputError as `apply`."""
    _unique(scenarios)
    packing = packing or Packing()
    base = base or price(mix, basis, opened, packing)
    outcomes = []
    for scenario in scenarios:
        changed, there, told = apply(scenario, mix, basis)
        priced = price(changed, there, opened, packing)
        outcomes.append(Outcome(scenario, priced, change.compare(base, priced), told))
    return SideBySide(base, tuple(outcomes))


def _unique(scenarios: Iterable[Scenario]) -> None:
    names = Counter(scenario.name.strip().casefold() for scenario in scenarios)
    twice = [scenario.name for scenario in scenarios if names[scenario.name.strip().casefold()] > 1]
    if twice:
        raise InputError(f"Two scenarios are named {twice[0]!r}: give each its own name.")


# Kept in a file -------------------------------------------------------------------------------------------------------------


def save(target: Path, scenarios: Sequence[Scenario]) -> None:
    """Write scenarios to a file, TOML or JSON by its ending. It appears whole, or the older one stays.

    Raises InputError for another ending, or two scenarios of one name.
    """
    text = dumps(scenarios, kept.ending_of(target, "Scenarios"))
    with paths.new_file(target) as scratch:
        scratch.write_text(text, encoding="utf-8")


def dumps(scenarios: Sequence[Scenario], ending: str = ".toml") -> str:
    """Scenarios as the text of a file. Raises InputError for two of one name."""
    _unique(scenarios)
    content = {VERSION_KEY: VERSION, "scenario": [as_dict(scenario) for scenario in scenarios]}
    return kept.as_json(content) if ending == ".json" else _toml(content)


def load(source: Path) -> tuple[Scenario, ...]:
    """Read scenarios from a file that `save` wrote, or a person. Raises InputError that says what is wrong, and where in it."""
    ending = kept.ending_of(source, "Scenarios")
    text = kept.text_of(source, ending)
    try:
        return loads(text, ending)
    except InputError as error:
        raise InputError(f"{source.name}: {error}") from None


def loads(text: str, ending: str = ".toml") -> tuple[Scenario, ...]:
    """Read scenarios from the text of a TOML or JSON file. Raises InputError."""
    return from_dict(kept.read(text, ending))


def as_dict(scenario: Scenario) -> dict[str, Any]:
    """A scenario in plain values: texts, whole numbers, true and false, dates, lists. What is as by default is left out."""
    plain: dict[str, Any] = {"name": scenario.name}
    if scenario.note:
        plain["note"] = scenario.note
    plain["lever"] = [
        {"lever": lever.NAME, **{one.name: _plain(getattr(lever, one.name)) for one in fields(lever) if _stated(lever, one)}}
        for lever in scenario.levers
    ]
    return plain


def from_dict(content: Any) -> tuple[Scenario, ...]:
    """Scenarios from the content of a file. Raises InputError for a newer version and for anything that it does not know."""
    content = kept.checked(content, VERSION_KEY, VERSION, "scenarios")
    kept.only(content, (VERSION_KEY, "scenario"), "the file")
    listed = content.get("scenario", [])
    if not isinstance(listed, list):
        raise InputError(f"scenario must be a list of scenarios, not {kept.kind_of(listed)}.")
    scenarios = tuple(_scenario(one, number) for number, one in enumerate(listed, 1))
    _unique(scenarios)
    return scenarios


def _scenario(one: Any, number: int) -> Scenario:
    where = f"scenario {number}"
    if not isinstance(one, dict):
        raise InputError(f"{where} must be a table of name, note and lever, not {kept.kind_of(one)}.")
    kept.only(one, ("name", "note", "lever"), where)
    if not isinstance(one.get("name"), str):
        raise InputError(f"{where} needs a name, a text.")
    where = f"scenario {number} ({one['name']!r})"
    listed = one.get("lever", [])
    if not isinstance(listed, list):
        raise InputError(f"{where}: lever must be a list of levers, not {kept.kind_of(listed)}.")
    levers = tuple(_lever(each, f"{where}, lever {place}") for place, each in enumerate(listed, 1))
    return Scenario(one["name"], levers, one.get("note", ""))


def _lever(each: Any, where: str) -> Lever:
    if not isinstance(each, dict):
        raise InputError(f"{where} must be a table, not {kept.kind_of(each)}.")
    name = each.get("lever")
    if not isinstance(name, str) or name not in LEVERS:
        raise InputError(f"{where}: there is no lever {name!r}. The levers are {', '.join(LEVERS)}.")
    kind = LEVERS[name]
    values = {key: given for key, given in each.items() if key != "lever"}
    kept.only(values, [one.name for one in fields(kind)], f"{where} ({name})")
    lacking = [one.name for one in fields(kind) if one.default is MISSING and one.name not in values]
    if lacking:
        raise InputError(f"{where} ({name}) needs {', '.join(lacking)}.")
    unset = [key for key, given in values.items() if given is None]
    if unset:
        raise InputError(f"{where} ({name}): {unset[0]} has no value. Leave it out, or give one.")
    try:
        return kind(**values)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _stated(lever: Lever, one: Any) -> bool:
    return bool(one.default is MISSING or getattr(lever, one.name) != one.default)


def _plain(given: Any) -> Any:
    if isinstance(given, tuple):
        return list(given)
    if isinstance(given, Decimal):
        return int(given) if given == given.to_integral_value() else str(given.normalize())
    return given


def _toml(content: Mapping[str, Any]) -> str:
    """The content as TOML."""
    lines = [
        "# What-if scenarios of feecalc: what is assumed, and no patient's data.",
        f"{VERSION_KEY} = {content[VERSION_KEY]}",
    ]
    for scenario in content["scenario"]:
        lines += ["", "[[scenario]]", *kept.toml_lines({key: given for key, given in scenario.items() if key != "lever"})]
        for lever in scenario["lever"]:
            lines += ["", "[[scenario.lever]]", *kept.toml_lines(lever)]
    return "\n".join(lines) + "\n"
