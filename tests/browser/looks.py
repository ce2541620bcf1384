"""What the browser tests look for on every page."""

from pathlib import Path


def headline(page, text: str):
    found = page.get_by_role("heading", level=4).filter(has_text=text)
    found.wait_for(timeout=30_000)
    return found.inner_text()


def sound(page) -> None:
    """No failure on the page, and nothing wider than the window."""
    page.get_by_text("Not a coverage decision").wait_for(timeout=30_000)
    assert page.locator("[data-testid=stException]").count() == 0
    assert "Traceback" not in page.inner_text("body")
    widths = (
        "() => [document, ...document.querySelectorAll('[data-testid=stMain]')].map(e => (e.documentElement || e).scrollWidth)"
    )
    assert max(page.evaluate(widths)) <= page.evaluate("() => window.innerWidth")


def whole(page, target: Path) -> None:
    """A picture of the whole page, which scrolls inside Streamlit's frame and not in the window."""
    page.wait_for_timeout(1200)  # charts draw themselves after the words
    size = page.viewport_size
    height = page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": height})
    page.wait_for_timeout(500)
    page.screenshot(path=target)
    page.set_viewport_size(size)
