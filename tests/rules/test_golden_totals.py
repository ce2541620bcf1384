"""The answers to a file of mixed claims, summed by outcome, reason and flags: work on speed must leave every one as it was.

To take up a change of the rules: python tests/rules/test_golden_totals.py
"""

import importlib.util
import json
from pathlib import Path
from zlib import crc32

import polars as pl
import pytest

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "mixed_claims.json"
LINES = 200_000
MONEY = ("allowed", "coinsurance", "medicare_share", "sequestration", "received")


def mixed() -> pl.DataFrame:
    spec = importlib.util.spec_from_file_location("mixed_claims", ROOT / "scripts" / "mixed_claims.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.mixed_claims(LINES)


def as_read(frame: pl.DataFrame) -> int:
    return crc32(frame.write_csv().encode())


def totals(answers: pl.DataFrame) -> list[dict]:
    summed = (
        answers.with_columns(pl.col("outcome", "reason", "flags").cast(pl.String).fill_null(""))
        .group_by("outcome", "reason", "flags")
        .agg(pl.len().alias("lines"), pl.col(MONEY).sum())
        .sort("outcome", "reason", "flags")
    )
    return summed.with_columns(pl.col(MONEY).cast(pl.String)).to_dicts()


def test_totals_by_outcome_and_rule(opened):
    golden, claims = json.loads(GOLDEN.read_text()), mixed()
    if as_read(claims) != golden["claims_crc32"]:
        pytest.skip("this version of NumPy draws other random claims than those that the totals are of")
    answers = opened.answers(claims)
    assert totals(answers) == golden["totals"]
    # And line by line, which sums alone would not show.
    assert as_read(answers.select("outcome", "reason", "flags", "fee", *MONEY)) == golden["answers_crc32"]


if __name__ == "__main__":
    from feecalc.api import OpenSchedule

    claims = mixed()
    answers = OpenSchedule().answers(claims)
    made = {
        "lines": LINES,
        "claims_crc32": as_read(claims),
        "answers_crc32": as_read(answers.select("outcome", "reason", "flags", "fee", *MONEY)),
        "totals": totals(answers),
    }
    GOLDEN.write_text(json.dumps(made, indent=1) + "\n")
