"""How long from a committed visit to the member's card on an open page: median and p95.

Called by scripts/measure-card: a real browser over the real front process, told as the eyes tell
it.
"""

import shutil
import statistics
import sys
import tempfile
import time
from math import ceil
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page, sync_playwright

from tests.support.front import FrontBox

_WATCH: Final = """() => {
    window.seen = {};
    const note = () => document.querySelectorAll(".arrival").forEach(
        (card) => { window.seen[card.id] ??= Date.now() / 1000; });
    new MutationObserver(note).observe(document.body, {subtree: true, childList: true});
}"""
_BETWEEN_MS: Final = 900
_PATIENCE_MS: Final = 10_000


def delays_s(front: FrontBox, page: Page, times: int) -> list[float]:
    """Let a member come in so many times; return how long each card took."""
    member = front.box.member("王丽华", called="王女士", repair_ready="watch")
    page.goto(f"http://127.0.0.1:{front.port}/arrivals")
    page.wait_for_selector("#live-sign:not([hidden])")
    page.evaluate(_WATCH)
    found = []
    for _ in range(times):
        page.wait_for_timeout(_BETWEEN_MS)
        visit = front.box.visit(member)
        committed = time.time()
        front.tell()
        page.wait_for_selector(f"#visit-{visit.id}", timeout=_PATIENCE_MS)
        seen: dict[str, Any] = page.evaluate("window.seen")
        found.append(seen[f"visit-{visit.id}"] - committed)
    return found


def main(times: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        front = FrontBox(Path(folder)).start()
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            found = sorted(delays_s(front, browser.new_page(), times))
        finally:
            browser.close()
            front.close()
    p95 = found[ceil(0.95 * len(found)) - 1]
    sys.stdout.write(
        f"{times} cards: median {1000 * statistics.median(found):.0f} ms, p95 {1000 * p95:.0f} ms,"
        f" longest {1000 * found[-1]:.0f} ms\n"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
