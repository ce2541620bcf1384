"""The wheel: it carries the built-in schedule and the pages, and prices a code far from any checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_prices_a_code_without_the_checkout(wheel, tmp_path):
    installed = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    code = "import feecalc; print(feecalc.__file__); print(feecalc.open_schedule().price('99213', release='2025D').allowed)"
    environment = {**os.environ, "PYTHONPATH": str(installed), "FEECALC_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    where, allowed = done.stdout.split()
    assert where.startswith(str(installed))
    assert allowed == "88.95"


def test_what_the_wheel_carries(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        size = sum(entry.compress_size for entry in archive.infolist())
    assert sum(name.endswith("/pprrvu.parquet") for name in names) == 25
    for needed in ("feecalc/app.py", "feecalc/.streamlit/config.toml", "feecalc/cms/layouts/pprrvu.toml", "feecalc/py.typed"):
        assert needed in names
    assert not any("descriptions" in name or name.endswith(".zip") for name in names)
    assert size < 8_000_000
