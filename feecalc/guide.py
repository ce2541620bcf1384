"""Which code for which goal: candidates with their differences in plain words, in the order of their codes.

from feecalc import guide
guide.candidates("balance"), guide.candidates("home exercise", discipline="PT"), guide.about("97537")

The guide explains and never chooses: it knows no price, and what a code pays has no part in what it shows. Its words, notes and
sources stand in policy/guide.toml, what a unit of a code is in policy/therapy_codes.toml. Whether a code is paid apart is read
from the schedule's own status, by date.
"""

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, NamedTuple

import polars as pl

from feecalc import policy
from feecalc.errors import InputError
from feecalc.schedule import Schedule

ONE_ON_ONE, GROUP, UNATTENDED = "one_on_one", "group", "unattended"
CONTACTS = {ONE_ON_ONE: "one patient at a time", GROUP: "several at once", UNATTENDED: "nobody has to stay with the patient"}

# A typed word that is not known stands for the known words that it begins ("neuro"), and for those that begin it ("reached"),
# from so many letters on: "hand" shall not mean "hands on". A plural stands for its singular at any length.
SHORTEST_BEGINNING = 5
SHORTEST_STEM = 5


@dataclass(frozen=True)
class Note:
    """A sentence with its source, the day that it speaks of, and its standing. `payers` says whose rules differ."""

    text: str
    source: str
    as_of: dt.date
    standing: str
    payers: str = ""


@dataclass(frozen=True)
class Difference:
    """What sets a code apart from another one that it is confused with."""

    other: str
    text: str
    source: str
    as_of: dt.date
    standing: str


@dataclass(frozen=True)
class Goal:
    """What treatment is for. `several`: a goal that is served with several people at once."""

    name: str
    label: str
    words: tuple[str, ...]
    several: bool


@dataclass(frozen=True)
class Entry:
    """What the guide knows of a code.

    `contact` is a key of CONTACTS. `unit` is what one unit of the code is, and `timed` whether time makes the units. `record`
    is what the note should show. `source`, `as_of` and `standing` are those of purpose, disciplines and record.
    """

    hcpcs: str
    label: str
    purpose: str
    goals: tuple[str, ...]
    words: tuple[str, ...]
    contact: str
    unit: str
    timed: bool
    disciplines: tuple[str, ...]
    record: tuple[str, ...]
    differences: tuple[Difference, ...]
    notes: tuple[Note, ...]
    source: str
    as_of: dt.date
    standing: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON; the words of the search are left out."""
        return {name: value for name, value in asdict(self).items() if name != "words"}


@dataclass(frozen=True)
class Candidate:
    """A code to consider, and the goals or typed words that brought it up."""

    entry: Entry
    because: tuple[str, ...]

    @property
    def hcpcs(self) -> str:
        """The code."""
        return self.entry.hcpcs


class Understood(NamedTuple):
    """What of a question the guide knows, and the words that it does not, each as typed."""

    known: tuple[str, ...]
    unknown: tuple[str, ...]


class Payable(NamedTuple):
    """Whether the fee schedule pays a code apart on a date; None where its public files do not settle that.

    `status` is the code's status in `release`; both are blank where there is none.
    """

    payable: bool | None
    status: str
    sentence: str
    release: str


# What the guide knows -------------------------------------------------------------------------------------------------------


def goals() -> list[Goal]:
    """Every goal, in the guide's order."""
    return [
        Goal(entry["name"], entry["label"], tuple(entry["words"]), entry.get("several", False))
        for entry in policy.load("guide")["goal"]
    ]


def general() -> list[Note]:
    """What holds for every choice."""
    return [_note(entry) for entry in policy.load("guide")["general"]]


def about(hcpcs: str) -> Entry | None:
    """What the guide knows of a code; None where it does not hold it."""
    return _entries().get(hcpcs.strip().upper())


@cache
def _entries() -> dict[str, Entry]:
    """Every entry by its code, in the order of the codes."""
    table = policy.load("guide")
    labels, units = policy.load("labels")["label"], _units()
    own = table["own_words"]
    return {
        entry["hcpcs"]: Entry(
            hcpcs=entry["hcpcs"],
            label=entry.get("label") or labels[entry["hcpcs"]],
            purpose=entry["purpose"],
            goals=tuple(entry["goals"]),
            words=tuple(entry.get("words", ())),
            contact=entry["contact"],
            unit=units[entry["hcpcs"]]["words"],
            timed=units[entry["hcpcs"]]["timed"],
            disciplines=tuple(entry["disciplines"]),
            record=tuple(entry["record"]),
            differences=tuple(_differences(entry["hcpcs"])),
            notes=tuple(_note(note) for note in entry.get("note", ())),
            source=own["source"],
            as_of=own["as_of"],
            standing=own["standing"],
        )
        for entry in sorted(table["code"], key=lambda entry: str(entry["hcpcs"]))
    }


def _units() -> dict[str, dict[str, Any]]:
    """What one unit is, by code."""
    return {code: entry for entry in policy.load("therapy_codes")["unit"] for code in entry["codes"]}


def _differences(hcpcs: str) -> Iterator[Difference]:
    table = policy.load("guide")
    for pair in table["pair"]:
        if hcpcs in pair["codes"]:
            other = next(code for code in pair["codes"] if code != hcpcs)
            said = {**table["own_words"], **pair}
            yield Difference(other, pair["difference"], said["source"], said["as_of"], said["standing"])


def _note(entry: dict[str, Any]) -> Note:
    return Note(entry["text"], entry["source"], entry["as_of"], entry["standing"], entry.get("payers", ""))


# From goals or words to codes -----------------------------------------------------------------------------------------------


def candidates(wanted: str | Sequence[str], discipline: str | None = None, one_on_one: bool = True) -> tuple[Candidate, ...]:
    """The codes that serve a goal (a name of `goals`), or what some words say, in the order of their codes.

    Several goals or texts bring up the codes of each. `discipline` (PT, OT, SLP) keeps its own codes alone. `one_on_one` is
    whether one patient was treated at a time: group codes show only where several were, or where the words ask for a group;
    where several were, codes for one patient at a time are left out. Nothing is brought up by a word that is not known:
    `understood` tells which. Raises InputError for a discipline that is not known.
    """
    kept = None if discipline is None else _discipline(discipline)
    because: dict[str, list[str]] = {}
    for words, terms in _found(wanted)[0]:
        for entry in _entries().values():
            if kept is not None and kept not in entry.disciplines:
                continue
            if any(_fits(entry, term, one_on_one) for term in terms):
                because.setdefault(entry.hcpcs, []).append(words)
    found = [entry for entry in _entries().values() if entry.hcpcs in because]
    return tuple(Candidate(entry, tuple(dict.fromkeys(because[entry.hcpcs]))) for entry in found)


def understood(wanted: str | Sequence[str]) -> Understood:
    """What of some words the guide knows, and what it does not."""
    known, unknown = _found(wanted)
    return Understood(tuple(dict.fromkeys(words for words, _ in known)), tuple(dict.fromkeys(unknown)))


class _Term(NamedTuple):
    """One thing that people type, its words in order, and the goal or the code that it stands for."""

    words: tuple[str, ...]
    goal: Goal | None
    hcpcs: str


def _fits(entry: Entry, term: _Term, one_on_one: bool) -> bool:
    """Whether a term brings up an entry, with one patient or several."""
    if term.hcpcs != entry.hcpcs and (term.goal is None or term.goal.name not in entry.goals):
        return False
    if term.goal is not None and term.goal.several:
        return True
    return entry.contact != (GROUP if one_on_one else ONE_ON_ONE)


def _found(wanted: str | Sequence[str]) -> tuple[list[tuple[str, list[_Term]]], list[str]]:
    """The known words of one or several texts, each with the terms that it stands for, and the unknown ones."""
    known: list[tuple[str, list[_Term]]] = []
    unknown: list[str] = []
    for text in [wanted] if isinstance(wanted, str) else wanted:
        goal = next((goal for goal in goals() if text.strip().lower() in (goal.name, goal.label.lower())), None)
        if goal is not None:
            known.append((goal.name, [_Term((), goal, "")]))
            continue
        words = _words(text)
        while words:
            count, terms = _longest(words)
            if terms:
                known.append((" ".join(words[:count]), terms))
            else:
                unknown.append(words[0])
            words = words[count:]
    return known, unknown


def _longest(words: Sequence[str]) -> tuple[int, list[_Term]]:
    """The terms that the longest beginning of some words stands for, and its length; no terms where the first is not known.

    Of the terms with these words, those that have no others come first: `home` is the home, not a home exercise.
    """
    meant = [_meant(word) for word in words]
    for count in range(len(words), 0, -1):
        holding = [term for term in _terms() if len(term.words) >= count and _holds(term, meant[:count])]
        if holding:
            return count, [term for term in holding if len(term.words) == count] or holding
    return 1, []


def _holds(term: _Term, meant: Sequence[set[str]]) -> bool:
    """Whether a term has, for each typed word, one that it stands for."""
    return all(not one.isdisjoint(term.words) for one in meant)


def _meant(word: str) -> set[str]:
    """The known words that a typed one stands for: itself, else those that it begins or that begin it."""
    known = {known for term in _terms() for known in term.words}
    if word in known:
        return {word}
    return {one for one in known if _begins(word, one) or _stems(one, word)}


def _begins(typed: str, known: str) -> bool:
    return len(typed) >= SHORTEST_BEGINNING and known.startswith(typed)


def _stems(known: str, typed: str) -> bool:
    return typed.startswith(known) and (len(known) >= SHORTEST_STEM or typed == f"{known}s")


@cache
def _terms() -> tuple[_Term, ...]:
    """Every term of the goals and of the codes."""
    of_goals = [_Term(_words(text), goal, "") for goal in goals() for text in goal.words]
    of_codes = [_Term(_words(text), None, entry.hcpcs) for entry in _entries().values() for text in entry.words]
    return (*of_goals, *of_codes)


def _words(text: str) -> tuple[str, ...]:
    """The words of a text that say something, in lower case."""
    skip = policy.load("guide")["search"]["skip"]
    return tuple(word for word in re.findall(r"[a-z0-9]+", text.lower()) if word not in skip)


def _discipline(text: str) -> str:
    for entry in policy.load("therapy_codes")["discipline"]:
        if text.strip().upper() in (entry["name"], *entry["also"]):
            return str(entry["name"])
    raise InputError(f"{text!r} is no therapy discipline. Give PT, OT or SLP.")


# Paid apart? ----------------------------------------------------------------------------------------------------------------


def payable(schedule: Schedule, hcpcs: str, on_date: dt.date) -> Payable:
    """Whether the fee schedule pays a code apart on a date, by its status in the release that serves the date.

    It says nothing of coverage. Source: PFS record layout, status codes (policy/statuses.toml).
    """
    code = hcpcs.strip().upper()
    serving, in_force = schedule.serving(on_date)
    if serving is None:
        return Payable(None, "", f"No release of {on_date.year} is loaded, so it is not known how {code} is paid.", "")
    by_release = f"in release {serving.name}"
    if serving.name != in_force:
        by_release += f" (which serves for {in_force}: that one is not loaded)"
    rows = schedule.table(serving.name, "pprrvu").filter(pl.col("hcpcs") == code)
    if rows.is_empty():
        return Payable(None, "", f"There is no code {code} {by_release}.", serving.name)
    row = rows.sort("modifier").row(0, named=True)  # the row without a modifier, where there is one
    status = str(row["status"])
    entry = policy.load("statuses")["status"][status]
    verdict, words = _verdict(row, entry)
    sentence = f"{words} {code} has status {status} ({entry['name']}) {by_release}. {entry['meaning']}"
    return Payable(verdict, status, sentence, serving.name)


def _verdict(row: dict[str, Any], entry: dict[str, Any]) -> tuple[bool | None, str]:
    """The answer by a row's status, in a word."""
    reason = entry.get("reason")
    if reason is not None and policy.reasons()[reason].outcome == "zero":
        return False, "Not paid apart."
    if reason is not None:
        return None, "No public amount settles it."
    if row["status"] == "T":
        return None, "It depends on the day's other services."
    has_rvus = any(row[name] for name in ("work", "pe_nonfacility", "pe_facility", "mp"))
    if row["status"] == "R" and not has_rvus:
        return None, "No public amount settles it: restricted coverage, and no RVUs."
    return True, "Paid apart by the fee schedule; coverage is another question."
