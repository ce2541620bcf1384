"""Where a service was furnished: ZIP code, state or MAC and locality -> the payment locality.

The ZIP is that of the place of service (a home visit: the patient's). CMS's ZIP5 file gives one locality per ZIP; a ZIP with
the plus-four flag spans localities, so that the four-digit extension (ZIP9 file) decides, and without it feecalc asks.
Source: CMS ZIP5 and ZIP9 layouts; contractors return claims without the extension as unprocessable.
"""

import re
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from feecalc.errors import InputError, NotLoadedError
from feecalc.schedule import NATIONAL, Schedule, Tables, ZipFile


@dataclass(frozen=True)
class Place:
    """A payment locality. The national place, whose GPCIs are 1.000, has a blank MAC."""

    mac: str
    locality: str
    name: str = ""
    state: str = ""

    @property
    def key(self) -> str:
        """MAC-locality as feecalc writes it: 10112-00; `national` for the national place."""
        return f"{self.mac}-{self.locality}" if self.mac else NATIONAL

    def __str__(self) -> str:
        label = ", ".join(part for part in (self.name, self.state) if part)
        return f"{label} ({self.key})" if label and self.mac else label or self.key


NATIONWIDE = Place(mac="", locality=NATIONAL, name="National (no locality adjustment)")


@dataclass(frozen=True)
class Answer:
    """The place found, or the reason (a code of policy/reasons.toml) why none was, with the candidates to choose from."""

    place: Place | None
    reason: str | None = None
    detail: str = ""
    candidates: tuple[Place, ...] = ()
    substituted: bool = False  # another date's ZIP file served


def parse_key(text: str) -> tuple[str, str]:
    """'10112-00', '1011200' or '10112 0' as (MAC, locality), zero-padded. Raises InputError where it is neither."""
    cleaned = text.strip().upper()
    if cleaned.lower() == NATIONAL:
        return "", NATIONAL
    found = re.fullmatch(r"([0-9]{4,5})[-\s/]([0-9]{1,2})", cleaned) or re.fullmatch(r"([0-9]{5})([0-9]{2})", cleaned)
    if found is None:
        raise InputError(f"Locality {text!r} is not a MAC and locality such as 10112-00. List them with: feecalc localities")
    return found[1].zfill(5), found[2].zfill(2)


def places(schedule: Schedule, release: str) -> list[Place]:
    """Every payment locality of a release, by state and name."""
    gpci = schedule.table(release, "gpci").sort("state", "name", "mac", "locality", nulls_last=True)
    rows = gpci.select("mac", "locality", "name", pl.col("state").fill_null("")).iter_rows()
    return [Place(mac, locality, tidy(name), state) for mac, locality, name, state in rows]


# Words of CMS's locality names that ordinary capitals would spoil, and its abbreviations in full.
WORDS = {
    "DC": "DC",
    "MD": "MD",
    "VA": "VA",
    "NJ": "NJ",
    "NYC": "NYC",
    "OF": "of",
    "CNTY": "County",
    "CNTYS": "counties",
    "SURR": "surrounding",
    "POUGHKPSIE": "Poughkeepsie",
}


def tidy(name: str) -> str:
    """A locality name of CMS in ordinary case: 'REST OF TEXAS' -> 'Rest of Texas'."""
    spelled = name.strip().replace("SURR.", "SURR")
    return re.sub(r"[A-Za-z]+", lambda word: WORDS.get(word[0].upper(), word[0].capitalize()), spelled)


def named(schedule: Schedule, release: str, mac: str, locality: str) -> Answer:
    """A locality by its key."""
    if (mac, locality) == ("", NATIONAL):
        return Answer(NATIONWIDE)
    known = places(schedule, release)
    for place in known:
        if (place.mac, place.locality) == (mac, locality):
            return Answer(place)
    near = tuple(p for p in known if p.mac == mac) or tuple(p for p in known if p.locality == locality)
    return Answer(None, "unknown_locality", f"Release {release} has no locality {mac}-{locality}.", near)


def by_state(schedule: Schedule, release: str, state: str) -> Answer:
    """The locality of a state that has but one; else its localities as candidates."""
    wanted = state.strip().upper()
    found = tuple(p for p in places(schedule, release) if p.state == wanted)
    if not found:
        return Answer(
            None, "unknown_locality", f"Release {release} has no locality in a state {state!r} (two letters, such as AL)."
        )
    if len(found) > 1:
        return Answer(None, "ambiguous_state", f"{wanted} has {len(found)} payment localities.", found)
    return Answer(found[0])


def by_zip(schedule: Schedule, release: str, zip_code: str, on: date) -> Answer:
    """The locality of a ZIP, '35203' or '35203-1234', by the ZIP file in force on a date."""
    cleaned = re.sub(r"[\s-]", "", zip_code)
    if not re.fullmatch(r"[0-9]{5}([0-9]{4})?", cleaned):
        raise InputError(f"ZIP code {zip_code!r} is not five digits, or nine with the extension.")
    zip5, extension = cleaned[:5], cleaned[5:]
    if not schedule.zip_files:
        raise NotLoadedError("No ZIP-to-locality file is loaded. Import CMS's ZIP5 file with: feecalc import FILE.zip")
    zip_file, substituted = _on(schedule.zip_files, on)
    table = zip_file.read("zip5")
    row = table.filter(pl.col("zip") == zip5)
    if row.is_empty():
        return Answer(None, "unknown_zip", f"ZIP {zip5} is not in CMS's ZIP-to-locality file of {zip_file.effective}.")
    mac, locality, state = row.select("mac", "locality", "state").row(0)
    if row["plus_four"][0]:
        answer = _by_extension(schedule, release, on, zip5, extension)
        if answer.place is None:
            area = table.filter(pl.col("zip").str.starts_with(zip5[:3]) | (pl.col("state") == state))
            keys = {(mac, locality), *area.select("mac", "locality").unique().iter_rows()}
            near = tuple(p for p in places(schedule, release) if (p.mac, p.locality) in keys)
            first = tuple(p for p in near if (p.mac, p.locality) == (mac, locality))
            return Answer(None, "ambiguous_zip", answer.detail, first + tuple(p for p in near if p not in first))
    else:
        answer = named(schedule, release, mac, locality)
    return Answer(answer.place, answer.reason, answer.detail, answer.candidates, substituted=substituted or answer.substituted)


def _on(files: dict[date, ZipFile], on: date) -> tuple[ZipFile, bool]:
    """The file of a date: the newest that had begun, else the oldest, which is then a substitute."""
    begun = [file for start, file in files.items() if start <= on]
    return (begun[-1], False) if begun else (next(iter(files.values())), True)


def _by_extension(schedule: Schedule, release: str, on: date, zip5: str, extension: str) -> Answer:
    """The locality of a nine-digit ZIP, where CMS's ZIP9 file was imported."""
    spans = f"ZIP {zip5} spans several payment localities"
    if not schedule.zip9_files:
        import_it = "Name the locality, or import CMS's file of ZIP codes that need the four-digit extension."
        return Answer(None, "ambiguous_zip", f"{spans}. {import_it}")
    if not extension:
        return Answer(None, "ambiguous_zip", f"{spans}. Give all nine digits, or name the locality.")
    zip9_file, substituted = _on(schedule.zip9_files, on)
    wanted = (pl.col("zip") == zip5) & (pl.col("extension") == extension)
    found = zip9_file.read("zip9").filter(wanted)
    if found.is_empty():
        return Answer(None, "ambiguous_zip", f"{spans}, and {zip5}-{extension} is not in CMS's ZIP9 file. Name the locality.")
    answer = named(schedule, release, found["mac"][0], found["locality"][0])
    return replace(answer, substituted=substituted)


def attach(lines: pl.LazyFrame, tables: Tables, with_zips: bool) -> pl.LazyFrame:
    """Give each line its `_mac` and `_locality`: as stated, else by `_zip` and the day's ZIP file. Grain as before.

    `with_zips` tells whether any line has a ZIP at all: most files name the locality, and need no look-up. Adds `_zip_known`,
    `_zip_spans` and `_zip_substituted` (Boolean, null where no ZIP was used).
    """
    placed = lines.with_columns(_mac=pl.coalesce("_mac_of_locality", "_mac"))
    if not with_zips:
        none = pl.lit(None, dtype=pl.Boolean)
        return placed.with_columns(_zip_known=none, _zip_spans=none, _zip_substituted=none)
    used = pl.col("_locality").is_null() & pl.col("_zip").is_not_null()
    return (
        placed.join(
            tables.zips.lazy().with_columns(_zip_known=pl.lit(value=True)),
            left_on=["zip_file", "_zip"],
            right_on=["zip_file", "zip"],
            how="left",
            maintain_order="left",
        )
        .with_columns(
            _mac=pl.when(used).then("zip_mac").otherwise("_mac"),
            _locality=pl.when(used).then("zip_locality").otherwise("_locality"),
            _zip_known=pl.when(used).then(pl.col("_zip_known").fill_null(value=False)),
            _zip_spans=pl.when(used).then("plus_four"),
            _zip_substituted=pl.when(used).then("zip_substituted"),
        )
        .drop("zip_mac", "zip_locality", "plus_four")
    )
