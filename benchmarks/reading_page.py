"""How long a case takes to open in a browser, and an edit until its numbers stand: Chromium before a server of reads.

Usage: python benchmarks/reading_page.py CASE [EDITS]. The case is linked, and not changed. Software rendering: what is
drawn on a graphics card is not measured by it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

PASSWORD = "a long enough password"
FLAGS = ["--enable-unsafe-swiftshader", "--use-gl=angle", "--use-angle=swiftshader", "--no-sandbox"]


def tell(page: Page, name: str) -> None:
    """Say when a mark of the page was reached, milliseconds from its address being entered."""
    page.wait_for_function("name => performance.getEntriesByName(name).length", arg=name)
    at = page.evaluate("name => performance.getEntriesByName(name)[0].startTime", name)
    print(f"| {name} | {at:.0f} |", flush=True)


def edits(page: Page, count: int) -> list[float]:
    """Milliseconds from a key to the numbers of the mask that it made."""
    spent = []
    for k in range(count):
        keys = ("x", "Control+z")[k % 2]
        before = page.locator("body").get_attribute("data-head")
        began = page.evaluate("() => performance.now()")
        page.keyboard.press(keys)
        page.wait_for_selector(f'body[data-state=idle]:not([data-head="{before}"])')
        spent.append(float(page.evaluate("() => performance.now()")) - began)
    return spent


def main(case: Path, count: int = 20) -> None:
    with tempfile.TemporaryDirectory(dir=case.resolve().parent) as place, sync_playwright() as driver:
        ignored = shutil.ignore_patterns("reading")
        shutil.copytree(case, Path(place) / "case", copy_function=os.link, ignore=ignored)
        command = [sys.executable, str(Path(__file__).parent / "reading_server.py"), place, PASSWORD, "reader"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        try:
            page = browser.new_page(viewport={"width": 1920, "height": 1080})
            page.set_default_timeout(300_000)
            page.goto(f"{address}/login")
            page.fill("#login", "reader")
            page.fill("#password", PASSWORD)
            page.click("#enter button")
            page.wait_for_selector("#cases button")
            page.locator("#cases button").first.click()
            print("| opened | ms |\n|---|--:|")
            for name in ("projection", "pet", "all"):
                tell(page, name)
            page.locator("#mip").focus()
            spent = edits(page, count)
            print(f"\n{count} edits by key: median {np.median(spent):.0f} ms, p95 {np.percentile(spent, 95):.0f} ms")
        finally:
            browser.close()
            server.terminate()
            server.wait(30)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20)
