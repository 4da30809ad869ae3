"""A page of psqlm view in a real browser, with no network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

WIDE, NARROW = (1280, 900), (390, 844)


def chromium() -> str:
    """The browser: the one of PSQLM_TEST_CHROMIUM, or Debian's."""
    pytest.importorskip("playwright", reason="no playwright: pip install playwright")
    found = os.environ.get("PSQLM_TEST_CHROMIUM") or shutil.which("chromium")
    if not found:
        pytest.skip("no browser: apt-get install chromium, or name one in PSQLM_TEST_CHROMIUM")
    return found


@contextmanager
def browser() -> Iterator[Any]:
    """The browser, running."""
    executable = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # root's browser has no sandbox
        opened = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        yield opened
        opened.close()


@contextmanager
def opened(browser: Any, file: Path, size: tuple[int, int] = WIDE) -> Iterator[Any]:
    """The page in a window of its own; at the end nothing was complained of or asked for."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        offline=True,
        permissions=["clipboard-read", "clipboard-write"],
        reduced_motion="reduce",
    )
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "request",
        lambda asked: (
            None if asked.url.startswith(("file:", "data:", "blob:")) else said.append(asked.url)
        ),
    )
    page.goto(file.as_uri())
    yield page
    context.close()
    assert said == []


def come_to(page: Any, view: str) -> Any:
    """Scroll to a view, and wait until it is drawn."""
    section = page.locator(f"#{view}")
    section.scroll_into_view_if_needed()
    if view != "text":
        page.wait_for_selector(f"#{view} .figure .main-svg", timeout=20_000)
    return section


def choose(page: Any, view: str, word: str) -> None:
    """Choose a word among those that a view offers, and wait for its picture."""
    page.locator(f"#{view} .segments input[value='{word}']").check(force=True)
    if view not in ("text", "attention"):
        page.wait_for_function(
            """([view, word]) => document.querySelector(`#${view} .figure`)
                .getAttribute("aria-label")?.includes(word)""",
            arg=[view, word],
        )


def cells(table: Any) -> list[list[str]]:
    """The cells of a table, row by row."""
    found: list[list[str]] = table.locator("tr").evaluate_all(
        "rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    return found


def trace(page: Any, view: str, number: int = 0) -> dict[str, Any]:
    """A trace of a view's figure as it is drawn: its x, y and z."""
    found: dict[str, Any] = page.evaluate(
        """([view, number]) => {
            const trace = document.querySelector(`#${view} .figure`)._fullData[number];
            const plain = (values) => values === undefined ? null
                : Array.from(values, (each) => each?.length === undefined
                    || typeof each === "string" ? each : Array.from(each));
            return { x: plain(trace.x), y: plain(trace.y), z: plain(trace.z) };
        }""",
        [view, number],
    )
    return found
