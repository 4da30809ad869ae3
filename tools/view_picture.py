"""Writes docs/view.png: attention on a page of psqlm view, as Chromium shows it.

Run it after a change of the page: python tools/view_picture.py
It needs the bundled model, playwright and a chromium on the path.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

import psqlm
from psqlm.analysis import DEMO_PROMPT
from psqlm.view.complete import run_text
from psqlm.view.page import write_page

TARGET = Path(__file__).resolve().parents[1] / "docs" / "view.png"
WIDTH, HEIGHT = 1120, 1200
LAYER, HEAD, TOKEN = 5, 2, 30


def main() -> None:
    """Write a page, point at something, and take the picture."""
    with tempfile.TemporaryDirectory() as folder, psqlm.connect(model="demo") as lm:
        lm.load("demo", if_missing=True)
        run_id = run_text(lm.connection, DEMO_PROMPT, "demo")
        file = write_page(lm.connection, run_id, Path(folder) / "page.html")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page(
                viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce"
            )
            page.goto(file.as_uri())
            page.locator("#attention select").select_option(str(LAYER))
            page.wait_for_selector(f"#attention .head:has-text('{LAYER}.{HEAD}')")
            page.locator("#attention .head").nth(HEAD).click()
            page.wait_for_selector("#attention .figure .main-svg")
            page.locator("#attention .token").nth(TOKEN).hover()
            page.wait_for_timeout(500)  # the last of it is drawn
            page.locator("#attention").screenshot(path=TARGET)
            browser.close()


if __name__ == "__main__":
    main()
