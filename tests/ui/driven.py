"""Pages driven as a person would, without a browser."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

APP = Path(__file__).resolve().parents[2] / "app.py"


def visit(path: str, **params: str) -> AppTest:
    page = AppTest.from_file(str(APP), default_timeout=120)
    page.switch_page(path)
    page.query_params.update(params)
    return checked(page.run())


def checked(page: AppTest) -> AppTest:
    assert not page.exception, [e.message for e in page.exception]
    return page


def click(page: AppTest, label: str) -> AppTest:
    return checked(next(b for b in page.button if b.label == label).click().run())


def put(page: AppTest, kind: str, key: str, value) -> AppTest:
    return checked(getattr(page, kind)(key=key).set_value(value).run())


def plain(text: str) -> str:
    return text.replace("\\", "").replace("\u00a0", " ")


def headlines(page: AppTest) -> list[str]:
    return [plain(m.value.removeprefix("#### ")) for m in page.markdown if m.value.startswith("#### ")]


def said(page: AppTest) -> str:
    kinds = (page.markdown, page.caption, page.warning, page.info, page.error, page.success, page.code)
    return plain("\n".join(element.value for kind in kinds for element in kind))
