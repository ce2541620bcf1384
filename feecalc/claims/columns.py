"""Which column of a claims file is which of the contract: names, and the other names that people give them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from feecalc.errors import InputError

# What a line is taken for where the file does not say it: the defaults that change amounts.
UNSAID = {
    "units": "every line counts as one unit",
    "pos": "every line is priced for a non-facility setting, such as an office",
}

# Other names that people give the columns of the contract; letter case, blanks and underscores never matter.
ALIASES = {
    "claim_id": ("claim", "claim number", "claim no"),
    "line": ("line number", "line no", "claim line"),
    "service_date": ("date of service", "dos", "svc date"),
    "hcpcs": ("cpt", "cpt code", "hcpcs code", "cpt/hcpcs", "hcpcs/cpt", "procedure code", "proc code"),
    "modifiers": ("modifier", "mods", "mod"),
    "units": ("unit", "service units", "units of service", "days or units", "qty", "quantity"),
    "pos": ("place of service", "place of service code", "pos code"),
    "setting": (),
    "mac": (),
    "locality": (),
    "zip": ("zip code", "zip5", "service zip"),
    "charge": ("charges", "charge amount", "billed", "billed amount", "submitted charge"),
    "provider_type": (),
    "participation": (),
    "qp": (),
    "minutes": (),
    "induction": (),
    "deductible_left": (),
}
NUMBERED_MODIFIER = re.compile(r"(?:modifier|modifiers|mod)([1-9])")


def plain_name(name: str) -> str:
    """A column's name without case, blanks, underscores and the like."""
    return re.sub(r"[\W_]+", "", name.lower())


@dataclass(frozen=True)
class Columns:
    """Which column of a file is which of the contract; `claim` are the columns that tell claims apart."""

    of_contract: dict[str, str]
    modifiers: tuple[str, ...]
    claim: tuple[str, ...]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, names: Sequence[str], group_by: Sequence[str] = ()) -> "Columns":
        """Match a file's column names with the contract. Raises InputError where that is not possible without a guess."""
        numbered = _numbered_modifiers(names)
        left = [name for name in names if name not in numbered]
        found = {wanted: name for wanted in ALIASES if (name := _match(wanted, left)) is not None}
        if "hcpcs" not in found:
            raise InputError(f"The file has no column 'hcpcs'. It has: {', '.join(names) or 'none'}.")
        if numbered and "modifiers" in found:
            both = ", ".join([found["modifiers"], *numbered])
            raise InputError(f"Which columns hold the modifiers? The file has {both}. Rename what feecalc shall not read.")
        modifiers = numbered or ((found["modifiers"],) if "modifiers" in found else ())
        claim = tuple(_named(wanted, names, found) for wanted in group_by) or tuple(
            found[name] for name in ("claim_id",) if name in found
        )
        notes = [f"Column read as {wanted}: {name}" for wanted, name in found.items() if name != wanted]
        if numbered:
            notes.append(f"Columns read as modifiers: {', '.join(numbered)}")
        if not claim:
            notes.append("The file has no column 'claim_id': every line is priced as a day of its own.")
        if "service_date" not in found:
            notes.append("The file has no column 'service_date', so no line can be priced.")
        said = {*found, *(["pos"] if "setting" in found else [])}
        notes += [f"The file has no column '{name}': {taken}." for name, taken in UNSAID.items() if name not in said]
        read = {*found.values(), *modifiers, *claim}
        if aside := [name for name in names if name not in read]:
            notes.append(f"Not read, and given back as they came: {', '.join(aside)}")
        return cls(found, modifiers, claim, tuple(notes))

    @property
    def texts(self) -> list[str]:
        """The columns of the file that hold few different texts."""
        alone = self.modifiers if len(self.modifiers) == 1 else ()
        many = ("claim_id", "line", "charge", "deductible_left")
        return [*(column for name, column in self.of_contract.items() if name not in (*many, "modifiers")), *alone]

    @property
    def needed(self) -> list[str]:
        """The columns of the file that pricing reads."""
        return list(dict.fromkeys([*self.of_contract.values(), *self.modifiers, *self.claim]))


def contract_columns(names: Iterable[str | None]) -> set[str]:
    """The columns of the contract that names may mean, doubtful ones too: what tells a header from any other row."""
    plain = {plain_name(name) for name in names if name}
    found = {wanted for wanted, others in ALIASES.items() if not plain.isdisjoint(map(plain_name, (wanted, *others)))}
    return found | {"modifiers"} if any(map(NUMBERED_MODIFIER.fullmatch, plain)) else found


def _match(wanted: str, names: Sequence[str]) -> str | None:
    """The column of that name, else the one whose name means it, else None."""
    if wanted in names:
        return wanted
    for meanings in ((wanted,), ALIASES[wanted]):
        plain = {plain_name(meaning) for meaning in meanings}
        alike = [name for name in names if plain_name(name) in plain]
        if len(alike) > 1:
            raise InputError(f"Which column is {wanted}? The file has {', '.join(alike)}. Rename one of them to '{wanted}'.")
        if alike:
            return alike[0]
    return None


def _numbered_modifiers(names: Sequence[str]) -> tuple[str, ...]:
    """modifier1, modifier2, … in the order of their numbers; a plain `modifier` beside modifier2 is the first."""
    numbers: dict[int, str] = {}
    for name in names:
        if found := NUMBERED_MODIFIER.fullmatch(plain_name(name)):
            number = int(found[1])
            if number in numbers:
                raise InputError(f"Which column is modifier {number}? The file has {numbers[number]}, {name}.")
            numbers[number] = name
    plain = [name for name in names if plain_name(name) in ("modifier", "mod")]
    if numbers and 1 not in numbers and len(plain) == 1:
        numbers[1] = plain[0]
    return tuple(numbers[number] for number in sorted(numbers))


def _named(wanted: str, names: Sequence[str], found: dict[str, str]) -> str:
    """A column that the person named: as it is written, as the contract calls it, or but for case and blanks."""
    if wanted in names:
        return wanted
    if wanted in found:
        return found[wanted]
    alike = [name for name in names if plain_name(name) == plain_name(wanted)]
    if len(alike) != 1:
        raise InputError(f"The file has no column '{wanted}' to group by. It has: {', '.join(names)}.")
    return alike[0]
