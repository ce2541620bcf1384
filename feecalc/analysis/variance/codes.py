"""The words for what a remittance says, and for the causes that are found: policy/remittance_codes.toml, by code."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from feecalc import policy


@dataclass(frozen=True)
class Cause:
    """One cause of a difference. `side`: allowed, payment, denial or open; `order` is its place in policy's list."""

    name: str
    side: str
    title: str
    sentence: str
    action: str
    carc: tuple[str, ...]
    order: int


@dataclass(frozen=True)
class Action:
    """What can be done; `limit` names its time limit, blank where there is none."""

    name: str
    title: str
    sentence: str
    limit: str


def section(name: str) -> Any:
    """A section of policy/remittance_codes.toml."""
    return policy.load("remittance_codes")[name]


@cache
def causes() -> dict[str, Cause]:
    """Every cause by its name, in policy's order, which settles what nothing else does."""
    return {
        one["name"]: Cause(one["name"], one["side"], one["title"], one["sentence"], one["action"], tuple(one["carc"]), order)
        for order, one in enumerate(section("cause"))
    }


@cache
def actions() -> dict[str, Action]:
    """Every action by its name."""
    return {one["name"]: Action(one["name"], one["title"], one["sentence"], one["limit"]) for one in section("action")}


@cache
def reasons() -> dict[str, dict[str, Any]]:
    """The adjustment reasons (CARC) that feecalc has words for."""
    return {one["code"]: one for one in section("carc")}


@cache
def remarks() -> dict[str, dict[str, Any]]:
    """The remarks (RARC) that feecalc has words for."""
    return {one["code"]: one for one in section("rarc")}


def explain_code(code: str) -> str:
    """What "CO-45", "PR 1", "45" or "N807" means, in plain words; that it is not known, where it is not."""
    bare = code.strip().upper().replace(" ", "-").split("-")[-1]
    entry = reasons().get(bare) or remarks().get(bare)
    return str(entry["sentence"]) if entry else "feecalc has no words for this code; see the code lists of the remittance."


def settled() -> dict[str, str]:
    """What is settled with a whole payment (segment PLB), by its code."""
    return dict(section("settled")["words"])


def limit_days(name: str) -> int:
    """The days of a time limit."""
    return int(section("limit")[name]["days"])


def skips() -> dict[str, str]:
    """Why a line is not compared, by name."""
    return {one["name"]: one["sentence"] for one in section("skip")}
