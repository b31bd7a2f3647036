"""How long a case takes to open in a browser, and an edit until its numbers stand: Chromium before a server of reads.

Usage: python benchmarks/reading_page.py CASE [EDITS]. The case is linked, and not changed. Software rendering: what is
drawn on a graphics card is not measured by it. Beside the time on the wall stands the processor time of the browser and
of the server, with all their processes, since the case was opened: on a machine that others use it says more.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil
from playwright.sync_api import Page, sync_playwright

PASSWORD = "a long enough password"
FLAGS = ["--enable-unsafe-swiftshader", "--use-gl=angle", "--use-angle=swiftshader", "--no-sandbox"]


def cpu_s(process: psutil.Process) -> float:
    """Processor time of a process and of all below it that live, seconds."""
    spent = 0.0
    for one in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            spent += sum(one.cpu_times()[:2])
    return spent


class Watch:
    """Processor time of the browser and of the server from now on."""

    def __init__(self, server: int) -> None:
        mine = psutil.Process()
        self.server = psutil.Process(server)
        self.browser = [child for child in mine.children() if child.pid != server]
        self.began = self._now()

    def _now(self) -> tuple[float, float]:
        return sum(cpu_s(one) for one in self.browser), cpu_s(self.server)

    def spent(self) -> tuple[float, float]:
        """Seconds of the browser and of the server."""
        browser, server = self._now()
        return browser - self.began[0], server - self.began[1]


def tell(page: Page, name: str, watch: Watch) -> None:
    """Say when a mark of the page was reached, milliseconds from its address being entered."""
    page.wait_for_function("name => performance.getEntriesByName(name).length", arg=name)
    browser, server = watch.spent()
    at = page.evaluate("name => performance.getEntriesByName(name)[0].startTime", name)
    print(f"| {name} | {at:.0f} | {1000 * browser:.0f} | {1000 * server:.0f} |", flush=True)


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
            page.wait_for_timeout(2000)
            watch = Watch(server.pid)
            page.locator("#cases button").first.click()
            print("| opened | ms | browser, CPU ms, at most | server, CPU ms |\n|---|--:|--:|--:|")
            for name in ("projection", "pet", "all"):
                tell(page, name, watch)
            page.locator("#mip").focus()
            watch = Watch(server.pid)
            spent = edits(page, count)
            browser_s, server_s = (1000 * s / count for s in watch.spent())
            print(f"\n{count} edits by key: median {np.median(spent):.0f} ms, p95 {np.percentile(spent, 95):.0f} ms;")
            print(f"each {browser_s:.0f} ms of the browser's processors and {server_s:.0f} ms of the server's")
        finally:
            browser.close()
            server.terminate()
            server.wait(30)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20)
