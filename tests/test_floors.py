"""The floors of the architecture: imports go down only, and the heavy or networked ones stay where they belong."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "feecalc"

# From the ground up. A module may import from its own floor's package and from the floors below it.
FLOORS = [
    {"feecalc", "columns", "money", "errors", "paths", "notices", "likeness", "pasted"},
    {"policy"},
    {"cms"},
    {"schedule", "export", "coverage"},
    {"therapy_codes"},
    {"locality", "units", "edits", "guide", "thresholds", "therapy_modifiers"},
    {"pricing"},
    {"quote"},
    {"api", "importing"},
    {"visit"},
    {"claims", "visit_files"},
    {"analysis", "scale"},
    {"cli", "ui"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(FLOORS) for name in names}
ONLY_IN = {"streamlit": {"ui"}, "altair": {"ui"}, "requests": {"cms"}, "dataframely": {"cms", "schedule"}, "click": {"cli"}}
NEVER = {"pandas", "pyarrow", "pyspark", "plotly", "pydantic"}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return "feecalc" if first == "__init__.py" else first.removesuffix(".py")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path):
    here = room(path)
    assert here in LEVEL, f"{here} stands on no floor: add it to FLOORS where it belongs"
    if here == "feecalc":  # the package's front door names the API lazily
        return
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "feecalc" and len(parts) > 1 and parts[1] in LEVEL and parts[1] != here:
            assert LEVEL[parts[1]] < LEVEL[here], f"{here} reaches up or sideways to {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_libraries_stay_in_their_rooms(path):
    tops = {name.split(".")[0] for name in imports(path)}
    assert not tops & NEVER
    for library, rooms in ONLY_IN.items():
        if library in tops:
            assert room(path) in rooms, f"{library} belongs in {rooms}"


def test_pricing_touches_no_file_clock_or_network():
    forbidden = {"os", "pathlib", "datetime", "time", "requests", "random", "io"}
    for path in (PACKAGE / "pricing").glob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & forbidden, path.name


def test_importing_feecalc_is_cheap():
    code = "import sys, feecalc; print([m for m in ('polars', 'streamlit', 'click') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
