"""What feecalc does of Medicare's rules, and what not: one table, for the command line and the documentation."""

import polars as pl

from feecalc import policy

WORDS = {"done": "done", "by_design": "cannot be priced, by design", "not_done": "not done"}


def table() -> pl.DataFrame:
    """One row a rule: `rule`, `name`, `status`, `standing`, `verified_on` (releases whose CMS amounts reproduce it)."""
    return pl.DataFrame(
        [
            {
                "rule": entry["id"],
                "name": entry["name"],
                "status": WORDS[entry["status"]],
                "standing": entry["standing"],
                "verified_on": ", ".join(entry.get("verified_on", [])),
            }
            for entry in policy.load("coverage")["rule"]
        ]
    )


def markdown() -> str:
    """The same as a markdown table, which docs/coverage.md holds."""
    rows = [tuple(table().columns), tuple("---" for _ in table().columns), *table().iter_rows()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"
