"""What every page must hold, to the eye, the hand and a screen reader. Used by browser tests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

WIDTHS: Final = (375, 768, 1440, 1920)
_BY_HAND: Final = (Path(__file__).parent / "accessible.js").read_text(encoding="utf-8")


def seriously_wrong(page: Page) -> list[str]:
    """Return what our own list and axe have to say."""
    wrong: list[str] = page.evaluate(_BY_HAND)
    wrong += [
        f"{v['id']}: {v['nodes'][0]['html'][:160]}"
        for v in Axe().run(page).response["violations"]
        if v["impact"] in ("serious", "critical")
    ]
    return wrong


def too_wide(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


def too_small_to_touch(page: Page) -> list[str]:
    """Return controls below 44 px that stand alone; links within a sentence may be smaller."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('a, button, summary, input:not([type=hidden])')]
        .filter(e => e.checkVisibility() && !e.closest('.health p') && !e.matches('.skip'))
        .filter(e => e.getBoundingClientRect().height < 44)
        .map(e => e.outerHTML.slice(0, 120))"""
    )
    return found


def broken_figures(page: Page) -> list[str]:
    """Return great figures whose digits stand in two lines."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('.figure')].filter(e => e.checkVisibility())
        .filter(e => [...e.childNodes].some(node => {
            const range = document.createRange();
            range.selectNodeContents(node);
            const lines = [...range.getClientRects()].map(box => Math.round(box.top));
            return node.nodeType === Node.TEXT_NODE && new Set(lines).size > 1;
        })).map(e => e.outerHTML.slice(0, 120))"""
    )
    return found


def assert_prints(page: Page) -> None:
    """Fail unless the page reads on paper: all of it, on white, with nothing to press."""
    page.set_viewport_size({"width": 718, "height": 1000})  # A4 less its margins
    page.emulate_media(media="print", color_scheme="light")
    assert not too_wide(page), "is cut off on paper"
    assert broken_figures(page) == []
    assert seriously_wrong(page) == []
    for pressed in ("main button", "main input", "main select", ".office-places", "main .tool"):
        assert page.locator(f"{pressed}:visible").count() == 0, pressed
    grounds = page.locator("main .hero-main").evaluate_all(
        "all => all.map(e => getComputedStyle(e).backgroundColor)"
    )
    assert set(grounds) <= {"rgb(255, 255, 255)"}, (
        "a dark ground is not printed, and its light words vanish"
    )
    for folded in page.locator("main .unfold:not(.period-fold)").all():
        assert folded.locator("> :not(summary):visible").count(), "stays folded on paper"
    page.emulate_media(media="screen", color_scheme="light")


def assert_holds(page: Page, *, widths: Sequence[int] = WIDTHS) -> None:
    """Fail unless the page fits each width and can be read by everybody, light and dark."""
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        assert not too_wide(page), f"scrolls sideways at {width} px"
        assert broken_figures(page) == [], f"at {width} px"
    for width in (1440, 375):
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert seriously_wrong(page) == []
