"""Reading the cases of tests/cases and comparing prices with them; money is compared as Decimals, in dollars."""

import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl

FOLDER = Path(__file__).resolve().parents[1] / "cases"
MONEY = ("allowed", "fee", "deductible", "coinsurance", "medicare_share", "sequestration", "received")

# The line contract's columns of the cases; money is written as text.
COLUMNS = {
    "claim_id": pl.String,
    "line": pl.Int64,
    "service_date": pl.String,
    "hcpcs": pl.String,
    "modifiers": pl.String,
    "units": pl.Int64,
    "pos": pl.String,
    "setting": pl.String,
    "locality": pl.String,
    "charge": pl.String,
    "provider_type": pl.String,
    "participation": pl.String,
    "qp": pl.Boolean,
    "minutes": pl.Int64,
    "induction": pl.Boolean,
    "deductible_left": pl.String,
}


def load(name: str, kind: str) -> list[dict]:
    return tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))[kind]


def lines_of(claim: dict) -> list[dict]:
    """A claim's lines with every column of the contract that they or the claim name; one claim unless they say otherwise."""
    numbered = enumerate(claim["lines"], 1)
    lines = [{"claim_id": "A", "line": number, "units": 1} | claim["all"] | line for number, line in numbered]
    unknown = {name for line in lines for name in line} - set(COLUMNS)
    assert not unknown, f"no columns of the line contract: {unknown}"
    return lines


def frame_of(claim: dict) -> pl.DataFrame:
    lines = lines_of(claim)
    named = {name for line in lines for name in line}
    return pl.DataFrame(lines, schema={name: kind for name, kind in COLUMNS.items() if name in named})


def dollars(cents: int | None) -> Decimal | None:
    return None if cents is None else Decimal(cents).scaleb(-2)


def cents(text: str) -> int:
    amount = Decimal(text).scaleb(2)
    assert amount == amount.to_integral_value(), text
    return int(amount)


def for_reference(line: dict) -> dict:
    """A line in the form of the reference pricer: cents, a date, MAC and locality apart."""
    mac, _, locality = line["locality"].rpartition("-")
    own = {**line, "mac": mac, "locality": locality, "service_date": date.fromisoformat(line["service_date"])}
    own.setdefault("modifiers", "")
    for name in ("charge", "deductible_left"):
        if name in own:
            own[name] = cents(own[name])
    return own


def compare(results: list[dict], claim: dict, columns: tuple[str, ...] | None = None) -> list[str]:
    """What differs between the answers and what the claim expects; `columns` limits the comparison. Money is Decimal."""
    wrong = []
    assert len(claim["expect"]) == len(results), "one expectation for each line"
    for number, (got, expected) in enumerate(zip(results, claim["expect"], strict=True), 1):
        for name, value in expected.items():
            if columns is not None and name not in columns:
                continue
            if name in ("flags", "no_flags"):
                raised = set(got["flags"].split())
                off = set(value) - raised if name == "flags" else set(value) & raised
                if off:
                    wrong.append(f"line {number}: {name} {sorted(off)} of {value}, raised: {sorted(raised)}")
                continue
            wanted = Decimal(value) if name in (*MONEY, "conversion_factor") else value
            if got[name] != wanted:
                wrong.append(f"line {number}: {name} is {got[name]}, expected {wanted}")
        outcome = expected["outcome"]
        implied = {"priced": {"reason": None}, "zero": {"allowed": Decimal(0)}, "cannot_price": {"allowed": None, "fee": None}}
        for name, value in implied[outcome].items():
            if (columns is None or name in columns) and got[name] != value:
                wrong.append(f"line {number}: {name} is {got[name]}, expected {value} of a line that is {outcome}")
    for name, value in claim.get("total", {}).items():
        total = sum((got[name] or Decimal(0) for got in results), Decimal(0))
        if total != Decimal(value):
            wrong.append(f"total {name} is {total}, expected {value}")
    return wrong
