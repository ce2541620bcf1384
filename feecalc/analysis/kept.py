"""What a person said, kept in a TOML or JSON file: contracts, scenarios. Errors are sentences, and say where in the file."""

import datetime as dt
import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from feecalc.errors import InputError


def ending_of(path: Path, what: str) -> str:
    """.toml or .json. Raises InputError for another ending; `what` is kept, such as Contracts."""
    ending = path.suffix.lower()
    if ending not in (".toml", ".json"):
        raise InputError(f"{what} are kept in a file that ends in .toml or .json, not in {path.name!r}.")
    return ending


def text_of(path: Path, ending: str) -> str:
    """The text of a file. Raises InputError where there is none, or it is no text."""
    try:
        return decoded(path.read_bytes(), path.name, ending)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file.") from None


def decoded(content: bytes, name: str, ending: str) -> str:
    """The bytes of a file as text. Raises InputError where they are none."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{name} is no {ending[1:].upper()} that can be read: it is not text in UTF-8.") from None


def read(text: str, ending: str) -> Any:
    """The content of a text; its numbers with decimals are exact. Raises InputError."""
    try:
        return json.loads(text, parse_float=Decimal) if ending == ".json" else tomllib.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:  # TOML's errors name the line, JSON's too
        raise InputError(f"this is no {ending[1:].upper()} that can be read: {error}.") from None


def checked(content: Any, key: str, newest: int, what: str) -> dict[str, Any]:
    """The content of a file whose version, under `key`, is one that is known. Raises InputError; `what` it holds."""
    if not isinstance(content, dict) or key not in content:
        raise InputError(f"this is no file of {what}: it has no {key} = {newest}.")
    version = content[key]
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise InputError(f"{key} must be the version of the file, a whole number, not {version!r}.")
    if version > newest:
        raise InputError(
            f"the file is of version {version}, and this feecalc reads up to version {newest}. Open it with a newer feecalc."
        )
    return content


def only(table: Mapping[str, Any], names: Sequence[str], where: str) -> None:
    """Raises InputError where a table has a key that is not known there."""
    unknown = [str(key) for key in table if key not in names]
    if unknown:
        near = difflib.get_close_matches(unknown[0].lower(), names, 1)
        meant = f"Did you mean {near[0]}? " if near else ""
        raise InputError(
            f"{where} has {unknown[0]!r}, which is not known there. {meant}Known: {', '.join(names) or 'nothing'}."
        )


def kind_of(given: Any) -> str:
    """What a value of a file is, in words."""
    words = {dict: "a table", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
    return words.get(type(given), "a number" if isinstance(given, int | Decimal) else "something else")


def as_json(content: Mapping[str, Any]) -> str:
    """The content as JSON; decimals and dates as text."""
    return json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n"


def toml_lines(table: Mapping[str, Any]) -> list[str]:
    """The plain values of a table as lines of TOML: the library of Python reads it and does not write it."""
    return [f"{key} = {toml(given)}" for key, given in table.items()]


def toml(given: Any) -> str:
    """A plain value as TOML."""
    if isinstance(given, list):
        return f"[{', '.join(toml(one) for one in given)}]"
    if isinstance(given, dt.date):
        return given.isoformat()
    # A JSON text is a TOML text, but for the one control character that JSON leaves as it is.
    return json.dumps(given, ensure_ascii=False).replace("\x7f", "\\u007f")
