"""What the browser tests look for on every page."""

import os
from pathlib import Path

CALM = """
() => {
    const state = document.querySelector('[data-testid=stApp]')?.dataset.testScriptState;
    if (state !== 'notRunning') window.calmSince = null;
    else window.calmSince ??= performance.now();
    return window.calmSince !== null && performance.now() - window.calmSince > 250;
}
"""


def settled(page) -> None:
    """Wait until the page has answered: what a test presses next is not drawn anew under its hand."""
    page.evaluate("() => { window.calmSince = null; }")
    page.wait_for_function(CALM)


def headline(page, text: str) -> str:
    found = page.get_by_role("heading", level=4).filter(has_text=text)
    found.wait_for()
    settled(page)
    return found.inner_text()


def choose(page, label: str, option: str, exact: bool = False, typed: str = "") -> None:
    """Pick an option of a select box, once more where the list closed before it was reached; `typed` narrows a long list."""
    box = page.get_by_role("combobox", name=label)
    wanted = page.get_by_role("option", name=option, exact=exact)
    box.wait_for()
    for _ in range(5):
        box.scroll_into_view_if_needed()  # a list closes where its own click has to scroll to it
        settled(page)
        box.click()
        if typed:
            box.fill(typed)
        for _ in range(50):
            if wanted.count():
                wanted.first.click()
                return settled(page)
            page.wait_for_timeout(100)
        page.keyboard.press("Escape")
    raise AssertionError(f"the list of {label} never showed {option}")


def sound(page) -> None:
    """No failure on the page, and nothing wider than the window."""
    page.get_by_text("Not a coverage decision").wait_for()
    assert page.locator("[data-testid=stException]").count() == 0
    assert "Traceback" not in page.inner_text("body")
    widths = (
        "() => [document, ...document.querySelectorAll('[data-testid=stMain]')].map(e => (e.documentElement || e).scrollWidth)"
    )
    assert max(page.evaluate(widths)) <= page.evaluate("() => window.innerWidth")


def whole(page, target: Path) -> None:
    """A picture of the whole page for a person to look at, where one is asked for (FEECALC_SCREENSHOTS names a folder).

    The page scrolls inside Streamlit's frame and not in the window.
    """
    if "FEECALC_SCREENSHOTS" not in os.environ:
        return
    page.wait_for_timeout(1200)  # charts draw themselves after the words
    size = page.viewport_size
    height = page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": height})
    page.wait_for_timeout(500)
    page.screenshot(path=target)
    page.set_viewport_size(size)
