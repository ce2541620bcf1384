"""What every test shares: the built-in schedule, opened without the developer's own data, and CMS's files where they are."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CMS_DIR = Path(os.environ.get("FEECALC_CMS_DIR", ROOT.parent / "shared" / "cms"))


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test reads or writes the developer's own data folder."""
    os.environ["FEECALC_HOME"] = str(tmp_path_factory.mktemp("home"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty user data folder of the test's own."""
    folder = tmp_path / "feecalc-home"
    monkeypatch.setenv("FEECALC_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def opened():
    """The built-in schedule."""
    from feecalc.api import OpenSchedule

    return OpenSchedule()


@pytest.fixture(scope="session")
def cms_dir() -> Path:
    """The folder of CMS's own files; the test is skipped where there is none."""
    if not CMS_DIR.is_dir():
        pytest.skip(f"CMS's own files are not here ({CMS_DIR}); set FEECALC_CMS_DIR")
    return CMS_DIR


def pytest_collection_modifyitems(items):
    """The tests that drive a browser begin: they take longest."""
    items.sort(key=lambda item: item.path.parent.name != "browser")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Where several processes share the tests, a file stays in one; all that drive a browser stay in one."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "browser" if "tests/browser/" in file else file

    config.option.loadscopereorder = False  # files begin in their order, not those with the most tests
    return ByFile(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Where everything is installed (FEECALC_ALL), a skipped test is a check that did not happen: a failure."""
    report = yield
    if report.skipped and os.environ.get("FEECALC_ALL") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but FEECALC_ALL says that nothing is missing here: {report.longrepr}"
    return report
