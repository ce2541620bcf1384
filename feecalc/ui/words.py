"""How numbers, dates, places and terms are written on every page."""

import datetime as dt
import tomllib
from decimal import Decimal
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from feecalc import policy
from feecalc.locality import NATIONWIDE, Place
from feecalc.pricing.explain import Fall, plain, waterfall
from feecalc.quote import Quote

# The outcomes of lines in words, for those without an amount.
OUTCOMES = {"priced": "priced", "zero": "not paid separately", "cannot_price": "no amount"}

# A setting in words, as a heading and inside a sentence.
SETTINGS = {"nonfacility": "Non-facility", "facility": "Facility"}
SETTING_EXAMPLES = {"nonfacility": "office, home, clinic", "facility": "hospital, surgical center"}
PARTS = {"work": "Clinician's work", "pe": "Practice costs", "mp": "Malpractice insurance"}
PART_SHORT = {"work": "work", "pe": "PE", "mp": "MP"}


@cache
def _glossary() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).resolve().parent / "glossary.toml").read_text(encoding="utf-8"))


def term(*names: str) -> str:
    """The glossary's words for one or several terms, as the help of a widget."""
    return "\n\n".join(_glossary()["term"][name] for name in names)


def money(amount: Decimal) -> str:
    """$1,234.56, or −$1,234.56, for widgets that show text as it stands."""
    return f"{'−' if amount < 0 else ''}${abs(amount):,.2f}"


def money_md(amount: Decimal) -> str:
    """The same for markdown, where a bare dollar sign would begin a formula."""
    return money(amount).replace("$", "\\$")


def change(fall: Fall) -> str:
    """A bar of a waterfall in dollars: a total as it is, a step with its sign."""
    sign = "" if fall.is_total else "+" if fall.cents > 0 else "−"
    return f"{sign}${abs(_dollars(fall)):,}"  # parts of a cent, where a percentage makes them, are shown


def _dollars(fall: Fall) -> Decimal:
    return Decimal(plain(fall.cents))


def less(quote: Quote) -> str:
    """What the rules take off a priced line's list price, as words; blank where nothing is taken off."""
    if quote.reason is not None:
        return ""
    falls = takewhile(lambda fall: not fall.is_total, waterfall([quote.row])[1:])  # up to what is allowed
    return "; ".join(f"{_moved(fall)} ({fall.label[:1].lower()}{fall.label[1:]})" for fall in falls)


def _moved(fall: Fall) -> str:
    return f"${abs(_dollars(fall)):,} {'more' if fall.cents > 0 else 'less'}"


def usually(fall: Fall) -> str:
    """The reason code that a remittance usually shows beside a step, after a blank; nothing where none is known."""
    return f" (usually CARC {fall.carc})" if fall.carc else ""


def md(text: str) -> str:
    """A sentence of feecalc's for markdown: dollar signs stay dollar signs, and nothing in it turns into formatting."""
    for mark in "\\$*_[]`<>":
        text = text.replace(mark, f"\\{mark}")
    return text


def rvu(value: Decimal) -> str:
    """Two decimals."""
    return f"{value:,.2f}"


def gpci(value: Decimal) -> str:
    """Three decimals."""
    return f"{value:.3f}"


def factor(value: Decimal) -> str:
    """Four decimals."""
    return f"{value:.4f}"


def day(on: dt.date) -> str:
    """October 15, 2025."""
    return f"{on:%B} {on.day}, {on.year}"


def units(count: int) -> str:
    """1 unit, 3 units."""
    return "1 unit" if count == 1 else f"{count:,} units"


def state(letters: str) -> str:
    """A state's name; its letters where the glossary has none."""
    return str(_glossary()["state"].get(letters, letters))


def place(where: Place) -> str:
    """A locality by name: 'Alabama', or 'Bakersfield, California' where the state has several."""
    if where == NATIONWIDE:
        return "National"
    full = state(where.state)
    if not where.name or where.name == full:
        return full or where.key
    return where.name if full.lower() in where.name.lower() else f"{where.name}, {full}"


def locality(where: Place) -> str:
    """A locality in a list, its state first so that the list sorts and searches by state."""
    full = state(where.state)
    name = full if where.name == full else f"{full}: {where.name}" if full else where.name
    return f"{name} ({where.key})" if where.mac else "National, no local adjustment"


def pos(code: str) -> str:
    """A place of service written out: '11 Office'."""
    name = policy.load("places_of_service")["pos"].get(code, {}).get("name", "not assigned by Medicare")
    return f"{code} {name[:1].upper()}{name[1:]}"


def code(hcpcs: str, label: str) -> str:
    """A code with its words: '97110 · Exercise for strength ...'."""
    return f"{hcpcs} · {label}" if label else hcpcs


MODIFIER_WORDS = {
    "26": "professional part only",
    "TC": "technical part only",
    "53": "stopped procedure",
    "GP": "physical therapy",
    "GO": "occupational therapy",
    "GN": "speech therapy",
    "KX": "therapy threshold exceeded, necessary",
    "59": "separate service",
    "25": "separate visit, same day",
}


def modifier(name: str) -> str:
    """A modifier with its words, where there are any."""
    return f"{name} {MODIFIER_WORDS[name]}" if name in MODIFIER_WORDS else name
