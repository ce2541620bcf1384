"""What a check takes for granted: where, by whom, and how exact."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import polars as pl

from feecalc import locality, policy
from feecalc.errors import InputError
from feecalc.schedule import NATIONAL, Schedule

DEDUCTIBLES = ("remitted", "met")
PAYERS = ("medicare", "all")


@dataclass(frozen=True)
class Where:
    """Where the services were furnished: exactly one of ZIP (five or nine digits), MAC-locality (or "national") and state."""

    zip: str | None = None
    locality: str | None = None
    state: str | None = None

    def __post_init__(self) -> None:
        given = [place for place in (self.zip, self.locality, self.state) if place]
        if len(given) != 1:
            raise InputError("Give one of ZIP, locality and state: what Medicare pays depends on the place of service.")
        if self.zip and not re.fullmatch(r"[0-9]{5}([0-9]{4})?", re.sub(r"[\s-]", "", self.zip)):
            raise InputError(f"ZIP code {self.zip!r} is not five digits, or nine with the extension.")
        if self.locality:
            locality.parse_key(self.locality)

    def __str__(self) -> str:
        return f"ZIP {self.zip}" if self.zip else self.locality or f"state {self.state}"


@dataclass(frozen=True)
class Settings:
    """How a remittance is compared.

    `provider_type` is the kind of practitioner (policy/practitioners.toml; None: physician or therapist, in full), and
    `practitioners` says it for single NPIs. `setting` (facility, nonfacility) in place of the claims' places of service.
    `deductible`: "remitted" takes what the remittance put towards it, "met" expects none. `payers`: "medicare" compares the
    claims of Medicare Part B alone, "all" those of every payer.

    Amounts are the same within `tolerance` cents a line and, of the allowed amount, `unit_tolerance` cents a unit.
    `evidence` is how many different lines of one payer and practitioner must agree before another locality, an unseen MIPS
    percentage or a pair of causes counts as the explanation; below that it is told as a hint. `pairs` tries several at once.
    """

    qp: bool = False
    participating: bool = True
    provider_type: str | None = None
    practitioners: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    setting: str | None = None
    deductible: str = "remitted"
    payers: str = "medicare"
    tolerance: int = 0
    unit_tolerance: int = 0
    evidence: int = 2
    pairs: bool = True

    def __post_init__(self) -> None:
        if self.setting not in (None, "facility", "nonfacility"):
            raise InputError(f"The setting is facility or nonfacility, not {self.setting!r}.")
        for name, value, known in (("deductible", self.deductible, DEDUCTIBLES), ("payers", self.payers, PAYERS)):
            if value not in known:
                raise InputError(f"{name} is {' or '.join(known)}, not {value!r}.")
        if min(self.tolerance, self.unit_tolerance) < 0 or self.evidence < 1:
            raise InputError("Tolerances are cents from 0 on, and evidence is a number of lines from 1 on.")
        kinds = practitioner_types()
        for given in (self.provider_type, *self.practitioners.values()):
            if given is not None and given.upper() not in kinds:
                raise InputError(f"{given!r} is no kind of practitioner. Known are: {', '.join(kinds)}.")


def practitioner_types() -> list[str]:
    """Every kind of practitioner that policy knows."""
    return [kind for entry in policy.load("practitioners")["practitioner"] for kind in entry["types"]]


def places_of(dates: pl.Series, where: Where, schedule: Schedule) -> pl.DataFrame:
    """The payment locality of each distinct date: `service_date`, `mac`, `locality`.

    A date that no release serves gets the national place: pricing then says what is wrong with it. Raises InputError where
    the place is not one of the date's release, or is several.
    """
    days = pl.DataFrame({"service_date": dates.drop_nulls().unique().sort()}, schema={"service_date": pl.Date})
    if where.locality:
        mac, name = locality.parse_key(where.locality)
        return days.with_columns(mac=pl.lit(mac), locality=pl.lit(name))
    spans = days.join(schedule.days.select("date", "release", "zip_file"), left_on="service_date", right_on="date", how="left")
    found = []
    for (release, _), group in spans.sort("service_date").group_by("release", "zip_file", maintain_order=True):
        place = ("", NATIONAL)
        if release is not None:
            first = group["service_date"][0]
            answer = (
                locality.by_zip(schedule, str(release), where.zip, first)
                if where.zip
                else locality.by_state(schedule, str(release), str(where.state))
            )
            if answer.place is None:
                near = f" Localities there: {', '.join(place.key for place in answer.candidates)}." if answer.candidates else ""
                raise InputError(f"{answer.detail}{near}")
            place = (answer.place.mac, answer.place.locality)
        found.append(group.select("service_date", mac=pl.lit(place[0]), locality=pl.lit(place[1])))
    nowhere = pl.DataFrame(schema={"service_date": pl.Date, "mac": pl.String, "locality": pl.String})
    return pl.concat([nowhere, *found])
