"""Payers' contracts in a file: TOML that a person writes, TOML or JSON that feecalc writes, and a payer's own fee schedule.

contracts = load(Path("contracts.toml"))
save(Path("contracts.json"), contracts)
fees = read_fees(Path("fees.xlsx"))          # a spreadsheet of codes, modifiers and fees
contract = with_fees(contracts[0], fees)     # its fees as carve-outs

A file of contracts holds what payers agreed to, and nothing of any patient. `sample()` is one of three invented payers, with a
word on every key.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from feecalc import paths
from feecalc.analysis import kept
from feecalc.analysis.contract_terms import CarveOut, Contract, Rate, Span, by_payer, plain
from feecalc.analysis.mix_columns import ALIASES
from feecalc.claims.columns import plain_name
from feecalc.claims.files import File
from feecalc.claims.headers import LOOKED_AT, Header
from feecalc.claims.tables import open_table, whole
from feecalc.claims.values import read_code, read_modifiers
from feecalc.errors import InputError
from feecalc.money import to_cents

VERSION = 1
VERSION_KEY = "feecalc_contracts"
# The keys of a contract in a file: what is a plain value of Contract under its own name, and what is not.
VALUES = (
    "payer",
    "also",
    "note",
    "medicare",
    "place",
    "setting",
    "qp",
    "default",
    "same_day",
    "sequestration",
    "assistant_reduction",
    "patient_share",
    "lesser_of_charge",
    "rounding",
)
KEYS = (*VALUES, "not_covered", "fee_schedule", "fees", "rate", "percent_of_charge")


def sample() -> Path:
    """The sample file of contracts that comes with feecalc: three invented payers."""
    return Path(__file__).parent / "samples" / "contracts.toml"


# Reading --------------------------------------------------------------------------------------------------------------------


def load(source: Path) -> tuple[Contract, ...]:
    """Read contracts from a TOML or JSON file. Raises InputError that says what is wrong, in which contract, and what to do.

    A contract's `fee_schedule` names a spreadsheet beside the file.
    """
    ending = kept.ending_of(source, "Contracts")
    text = kept.text_of(source, ending)
    try:
        return loads(text, ending, source.parent)
    except InputError as error:
        raise InputError(f"{source.name}: {error}") from None


def loads(text: str, ending: str = ".toml", folder: Path | None = None) -> tuple[Contract, ...]:
    """Read contracts from the text of a TOML or JSON file. Without a `folder` they may name no spreadsheet."""
    return from_dict(kept.read(text, ending), folder)


def from_dict(content: Any, folder: Path | None = None) -> tuple[Contract, ...]:
    """Contracts from the content of a file. Raises InputError for a newer version and for anything that it does not know."""
    content = kept.checked(content, VERSION_KEY, VERSION, "contracts")
    kept.only(content, (VERSION_KEY, "contract"), "the file")
    listed = content.get("contract", [])
    if not isinstance(listed, list) or not listed:
        raise InputError("the file has no contract: each begins with a line [[contract]].")
    contracts = tuple(_contract(one, number, folder) for number, one in enumerate(listed, 1))
    by_payer(contracts)
    return contracts


def _contract(one: Any, number: int, folder: Path | None) -> Contract:
    where = f"contract {number}"
    if not isinstance(one, dict):
        raise InputError(f"{where} must be a table that begins with [[contract]], not {kept.kind_of(one)}.")
    if not isinstance(one.get("payer"), str):
        kept.only(one, KEYS, where)
        raise InputError(f'{where} needs the payer: payer = "the name that the practice\'s file gives it".')
    where = f"contract {number} ({one['payer']})"
    kept.only(one, KEYS, where)
    unset = [key for key, given in one.items() if given is None]
    if unset:
        raise InputError(f"{where}: {unset[0]} has no value. Leave it out, or give one.")
    values = {key: given for key, given in one.items() if key in VALUES}
    also = values.pop("also", [])
    if not isinstance(also, list):
        raise InputError(f"{where}: also must be a list of names, not {kept.kind_of(also)}.")
    try:
        contract = Contract(**values, also=tuple(also), rates=_rates(one), carve_outs=tuple(_carve_outs(one)))
        if "fee_schedule" in one:
            contract = with_fees(contract, read_fees(_spreadsheet(one["fee_schedule"], folder)))
    except InputError as error:
        raise InputError(f"contract {number}: {error}" if one["payer"] in str(error) else f"{where}: {error}") from None
    return contract


def _rates(one: Mapping[str, Any]) -> tuple[Rate, ...]:
    """The tables [[contract.rate]]: codes, percent."""
    return tuple(Rate(each["codes"], each["percent"]) for each in _tables(one, "rate"))


def _carve_outs(one: Mapping[str, Any]) -> Iterable[CarveOut]:
    """Fixed fees, percentages of the charge, and what is not covered."""
    fees = one.get("fees", {})
    if not isinstance(fees, dict):
        raise InputError(f'fees must be a table of codes and dollars ("97161" = "95.00"), not {kept.kind_of(fees)}.')
    for code, fee in fees.items():
        span, modifiers = _fee_key(code)
        yield CarveOut((span,), fee=fee, modifiers=modifiers)
    for each in _tables(one, "percent_of_charge"):
        yield CarveOut(each["codes"], charge_percent=each["percent"])
    if "not_covered" in one:
        yield CarveOut(one["not_covered"], not_covered=True)


def _fee_key(text: str) -> tuple[Span, str]:
    """97161, or 71046-26 with a modifier, or 97010-97799 with or without."""
    found = re.fullmatch(r"([0-9A-Z]{5}(?:-[0-9A-Z]{5})?)((?:[- ][0-9A-Z]{2})*)", text.strip().upper(), re.ASCII)
    if not found:
        raise InputError(f"fees has {text!r}: a code (97161), or one with its modifier (71046-26), stands left of the fee.")
    return Span.parse(found[1]), " ".join(re.findall(r"[0-9A-Z]{2}", found[2]))


def _tables(one: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The tables of a name with their codes and percent."""
    listed = one.get(name, [])
    if not isinstance(listed, list):
        raise InputError(f"{name} must be a list of tables that begin with [[contract.{name}]], not {kept.kind_of(listed)}.")
    for number, each in enumerate(listed, 1):
        where = f"{name} {number}"
        if not isinstance(each, dict):
            raise InputError(f"{where} must be a table of codes and percent, not {kept.kind_of(each)}.")
        kept.only(each, ("codes", "percent"), where)
        lacking = [key for key in ("codes", "percent") if each.get(key) is None]
        if lacking:
            raise InputError(f"{where} needs {' and '.join(lacking)}.")
    return listed


def _spreadsheet(name: Any, folder: Path | None) -> Path:
    if not isinstance(name, str) or not name.strip():
        raise InputError("fee_schedule must be the name of a spreadsheet, a text.")
    if folder is None:
        raise InputError(f"fee_schedule names {name}, which cannot be found from here: open the file of contracts by its path.")
    return folder / name


# Writing ---------------------------------------------------------------------------------------------------------------------


def save(target: Path, contracts: Sequence[Contract]) -> None:
    """Write contracts to a file, TOML or JSON by its ending. It appears whole, or the older one stays.

    Fees that came from a spreadsheet are written out. Raises InputError for another ending, or two contracts of one payer.
    """
    ending = kept.ending_of(target, "Contracts")
    text = dumps(contracts, ending)
    if not target.parent.is_dir():
        raise InputError(f"{target.parent} is not a folder; nothing was written.")
    with paths.new_file(target) as scratch:
        scratch.write_text(text, encoding="utf-8")


def dumps(contracts: Sequence[Contract], ending: str = ".toml") -> str:
    """Contracts as the text of a file."""
    by_payer(contracts)
    content = {VERSION_KEY: VERSION, "contract": [as_dict(contract) for contract in contracts]}
    return kept.as_json(content) if ending == ".json" else _toml(content)


def as_dict(contract: Contract) -> dict[str, Any]:
    """A contract in plain values under the keys of a file. What is as by default is left out."""
    usual = Contract(contract.payer)
    found: dict[str, Any] = {"payer": contract.payer}
    for name in VALUES[1:]:
        value = getattr(contract, name)
        if value != getattr(usual, name):
            found[name] = list(value) if isinstance(value, tuple) else _number(value) if isinstance(value, Decimal) else value
    bare = [str(span) for one in contract.carve_outs if one.not_covered for span in one.codes]
    if bare:
        found["not_covered"] = bare
    fees = {
        "-".join([str(span), *one.modifiers.split()]): str(one.fee)
        for one in contract.carve_outs
        if one.fee is not None
        for span in one.codes
    }
    if fees:
        found["fees"] = fees
    charged = [one for one in contract.carve_outs if one.charge_percent is not None]
    for name, terms in (
        ("rate", [(rate.codes, rate.percent) for rate in contract.rates]),
        ("percent_of_charge", [(one.codes, one.charge_percent) for one in charged]),
    ):
        if terms:
            found[name] = [{"codes": [str(span) for span in codes], "percent": _number(value)} for codes, value in terms]
    return found


def _number(percent: Any) -> int | str:
    """A percent as a whole number, or a text where it has decimals: neither is ever a binary float."""
    exact = Decimal(percent)
    return int(exact) if exact == int(exact) else plain(exact)


def _toml(content: Mapping[str, Any]) -> str:
    """The content as TOML."""
    lines = [
        "# Payers' contracts for feecalc: what they agreed to pay, and no patient's data.",
        f"{VERSION_KEY} = {content[VERSION_KEY]}",
    ]
    for contract in content["contract"]:
        tables = {name: contract[name] for name in ("fees", "rate", "percent_of_charge") if name in contract}
        lines += ["", "[[contract]]", *kept.toml_lines({key: given for key, given in contract.items() if key not in tables})]
        for name in ("rate", "percent_of_charge"):
            for each in tables.get(name, []):
                lines += ["", f"[[contract.{name}]]", *kept.toml_lines(each)]
        if "fees" in tables:
            lines += ["", "[contract.fees]", *kept.toml_lines({kept.toml(key): fee for key, fee in tables["fees"].items()})]
    return "\n".join(lines) + "\n"


# A payer's fee schedule -----------------------------------------------------------------------------------------------------


# The columns of a fee schedule, and the names that payers give them; letter case, blanks and signs never matter.
FEE_ALIASES = {
    "code": ("hcpcs", *ALIASES["hcpcs"]),
    "modifier": ("modifiers", *ALIASES["modifiers"], "modifier 1", "mod 1"),
    "fee": (
        "allowed", "allowed amount", "allowable", "allowable amount", "amount", "rate", "price", "contract rate",
        "contracted rate", "contract amount", "contracted amount", "contract fee", "contracted fee", "fee amount",
        "fee schedule", "fee schedule amount", "maximum allowable", "max fee", "payment", "reimbursement",
        "reimbursement rate", "unit price", "unit rate",
    ),
}  # fmt: skip
_TARGET = {plain_name(name): wanted for wanted, others in FEE_ALIASES.items() for name in (wanted, *others)}
MOST_LISTED = 8


@dataclass(frozen=True)
class Fees:
    """Fixed fees of a spreadsheet, and what was read and passed over, in sentences."""

    carve_outs: tuple[CarveOut, ...]
    notes: tuple[str, ...]


def read_fees(source: str | Path | bytes, name: str | None = None, chosen: Mapping[str, str] | None = None) -> Fees:
    """Read a payer's fee schedule from a csv, xlsx or parquet file: its path, or its bytes with its `name`.

    It has a column of codes, one of fees in dollars, and may have one of modifiers. `chosen` says which is which (code,
    modifier, fee) where names do not settle it. Rows without a fee are passed over and told. Raises InputError where a column
    must be chosen, a row cannot be read, or a code with its modifiers has two fees.
    """
    file = File.of(source, name, "fees.xlsx")
    table = open_table(file, _find_header, "fee schedule")
    columns = _columns(table.schema.names(), chosen or {}, file.name)
    read = _Rows(file.name, columns, table.first_row).read(whole(table, [*columns.values()]))
    return Fees(read.carve_outs, (*table.notes, *read.notes))


def with_fees(contract: Contract, fees: Fees) -> Contract:
    """A contract with the fees of a spreadsheet beside its own terms. Raises InputError where both have a fee for a code."""
    return replace(contract, carve_outs=(*contract.carve_outs, *fees.carve_outs))


def _find_header(rows: Iterable[Sequence[str | None]], alone: bool = True) -> Header | None:
    """The first row that names codes and fees; where none does, the first that holds anything."""
    first: Header | None = None
    for place, cells in enumerate(rows):
        if first is not None and place >= LOOKED_AT:
            break
        named = {_TARGET[plain_name(cell)] for cell in cells if cell and plain_name(cell) in _TARGET}
        if {"code", "fee"} <= named or ("code" in named and len([cell for cell in cells if cell and cell.strip()]) > 1):
            return Header(place, cells, known=True)
        if first is None and any(cell and cell.strip() for cell in cells):
            first = Header(place, cells, known=False)
    return first


def _columns(names: Sequence[str], chosen: Mapping[str, str], file: str) -> dict[str, str]:
    """Column of a fee schedule -> column of the file."""
    found: dict[str, str] = {}
    has = ", ".join(repr(name) for name in names)
    for wanted, given in chosen.items():
        if wanted not in FEE_ALIASES:
            raise InputError(f"A fee schedule has no column {wanted!r}. It may have: {', '.join(FEE_ALIASES)}.")
        if given and given not in names:
            raise InputError(f"{file} has no column {given!r} to read as {wanted}. It has {has}.")
        found[wanted] = given
    for wanted in FEE_ALIASES:
        if wanted in found:
            continue
        alike = [name for name in names if _TARGET.get(plain_name(name)) == wanted and name not in found.values()]
        if len(alike) > 1:
            raise InputError(f"Which column of {file} is the {wanted}? It may be {' or '.join(map(repr, alike))}. Choose one.")
        if alike:
            found[wanted] = alike[0]
        elif wanted != "modifier":
            raise InputError(f"{file}: no column holds the {wanted}s. It has {has}. Choose one.")
    return {wanted: name for wanted, name in found.items() if name}


class _Rows:
    """The rows of a fee schedule on their way to carve-outs."""

    def __init__(self, file: str, columns: Mapping[str, str], first_row: int) -> None:
        self.file, self.columns, self.first_row = file, columns, first_row
        self.bad: list[str] = []
        self.without: list[int] = []
        self.fees: dict[tuple[str, str], tuple[int, int]] = {}  # code and modifiers -> cents, row

    def read(self, texts: pl.DataFrame) -> Fees:
        """All of them."""
        names = [self.columns[wanted] for wanted in ("code", "fee")] + [
            self.columns[w] for w in ("modifier",) if w in self.columns
        ]
        for row, (code, fee, *modifier) in enumerate(texts.select(names).iter_rows(), self.first_row):
            if code or fee:
                self.one(row, code, fee, modifier[0] if modifier else "")
        if self.bad:
            more = f" And {len(self.bad) - MOST_LISTED:,} more." if len(self.bad) > MOST_LISTED else ""
            raise InputError(f"{self.file}: {' '.join(self.bad[:MOST_LISTED])}{more} Mend these rows, or take them out.")
        if not self.fees:
            raise InputError(f"{self.file} holds no code with a fee.")
        notes = [
            f"{len(self.fees):,} fees read from {self.file}: " + ", ".join(f"{w} from {n}" for w, n in self.columns.items())
        ]
        if self.without:
            shown = ", ".join(f"{row:,}" for row in self.without[:MOST_LISTED]) + (
                " ..." if len(self.without) > MOST_LISTED else ""
            )
            notes.append(f"Rows without a fee are left to the contract's other terms: {shown}")
        carve_outs = tuple(
            CarveOut((Span(code, code),), fee=Decimal(cents).scaleb(-2), modifiers=modifiers)
            for (code, modifiers), (cents, _) in self.fees.items()
        )
        return Fees(carve_outs, tuple(notes))

    def one(self, row: int, code: str, fee: str, modifier: str) -> None:
        """One row."""
        found = re.fullmatch(r"([0-9A-Za-z]{5})[-\s]+((?:[0-9A-Za-z]{2}[-\s]*)+)", code)  # 71046-26
        read = read_code(found[1] if found else code)
        modifiers = read_modifiers(f"{found[2] if found else ''} {modifier}")
        if read.problem or modifiers.problem:
            self.bad.append(f"Row {row:,}: {code!r}, {modifier!r}: {read.problem or modifiers.problem}.")
            return
        if not fee:
            self.without.append(row)
            return
        try:
            # A spreadsheet's binary number comes with a tail: 95.400000000000006 is 95.40.
            long = re.fullmatch(r"\d+\.\d{9,}", fee)
            cents = to_cents(Decimal(fee).quantize(Decimal("0.000001")) if long else fee)
        except ValueError:
            self.bad.append(f"Row {row:,}: {fee!r} for {code} is not an amount in dollars and whole cents.")
            return
        if cents == 0:
            self.without.append(row)
            return
        key = (read.value, " ".join(sorted(modifiers.value.split())))
        if cents < 0:
            self.bad.append(f"Row {row:,}: the fee for {code} is below 0.")
        elif key in self.fees and self.fees[key][0] != cents:
            self.bad.append(f"Rows {self.fees[key][1]:,} and {row:,}: {' '.join(filter(None, key))} has two fees.")
        else:
            self.fees.setdefault(key, (cents, row))
