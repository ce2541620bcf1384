"""The address bar holds a page's inputs, so that a link shows the same answer and the Back button works.

A page names its inputs as fields. At the start of a run `restore` fills the widgets from the address where the address is
news (a link was opened, or Back was pressed); once the widgets are drawn `publish` writes the inputs back. Coming from
another page, the inputs are as they were left.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st


@dataclass(frozen=True)
class Field:
    """One input: its widget key, which is also its name in the address where none is given, and how it is read and written."""

    key: str
    default: Callable[[], Any]
    read: Callable[[str], Any]  # raises ValueError
    write: Callable[[Any], str]  # blank: the address does not name it
    named: str = ""  # its name in the address, where pages must not share the key

    @property
    def name(self) -> str:
        """Its name in the address."""
        return self.named or self.key


def restore(page: str, fields: Sequence[Field]) -> list[str]:
    """Fill the widgets' values before the widgets are drawn. Returns what could not be read, as sentences."""
    params = {name: value for name, value in st.query_params.items() if name in {f.name for f in fields}}
    written: dict[str, str] | None = st.session_state.get(f"{page}:written")
    away = any(f.key not in st.session_state for f in fields)
    if written is not None and away and not params:  # back from another page, whose address had no inputs of ours
        params = written
    elif written is not None and not away and (params == written or _touched(page, fields)):
        return []  # nothing but this page changed the address, or a widget was used: the widgets are right
    return [complaint for field in fields for complaint in _fill(field, params)]


def _touched(page: str, fields: Sequence[Field]) -> bool:
    """Whether a widget changed since the last run. A click may arrive before the browser has shown the last address."""
    before: dict[str, Any] = st.session_state.get(f"{page}:values", {})
    return any(st.session_state[f.key] != before.get(f.key) for f in fields)


def _fill(field: Field, params: dict[str, str]) -> list[str]:
    try:
        st.session_state[field.key] = field.read(params[field.name]) if field.name in params else field.default()
    except ValueError:
        st.session_state[field.key] = field.default()
        return [f"The link's {field.name} “{params[field.name]}” cannot be read and was left out."]
    return []


def publish(page: str, fields: Sequence[Field]) -> None:
    """Write the inputs into the address."""
    values = {f.key: st.session_state[f.key] for f in fields}
    written = {f.name: text for f in fields if (text := f.write(values[f.key]))}
    others = {name: value for name, value in st.query_params.items() if name not in {f.name for f in fields}}
    if {**others, **written} != dict(st.query_params):
        st.query_params.from_dict({**others, **written})
    st.session_state[f"{page}:written"] = written
    st.session_state[f"{page}:values"] = values
