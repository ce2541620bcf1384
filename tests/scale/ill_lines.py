"""Claim lines for what must not depend on how they are parted: scattered claims, blank ones, values that cannot be read."""

import random
from decimal import Decimal

import polars as pl
from reference.claims import random_claims


def ill_lines(schedule, claims=150, seed=11):
    """Random claims as texts in dollars, in no order. Of the dates some are day/month/year, of which few show that they are."""
    chance = random.Random(seed)
    lines = random_claims(schedule, claims, seed)
    for number, line in enumerate(lines):
        for name in ("charge", "deductible_left"):
            if line.get(name) is not None:
                line[name] = f"{Decimal(line[name]) / 100:.2f}"
        line["line"] = None if chance.random() < 0.1 else line["line"]
        line["note"] = f"row {number}"
    frame = pl.DataFrame(lines, infer_schema_length=None)
    dates = frame["service_date"].cast(pl.Date)
    frame = frame.with_columns(pl.all().cast(pl.String))
    rows = frame.to_dicts()
    for row, date in zip(rows, dates, strict=True):
        if chance.random() < 0.1:
            row["service_date"] = date.strftime("%d/%m/%Y")
        ill = chance.random()
        if ill < 0.02:
            row["units"] = "two"
        elif ill < 0.04:
            row["charge"], row["units"] = "-5.00", "1.5"
        elif ill < 0.06:
            row["service_date"] = "31/02/2025"
        elif ill < 0.08:
            row["claim_id"] = chance.choice(["", "  ", None])
        elif ill < 0.10:
            row["claim_id"] = f"\u00a0{row['claim_id']}\t"  # the same claim: what stands around it is no part of it
    chance.shuffle(rows)
    return pl.DataFrame(rows, schema=frame.schema)
