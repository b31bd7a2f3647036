"""A real Chromium before a real server, for the tests of the page."""

from __future__ import annotations

import faulthandler
import io
import os
import re
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from PIL import Image

from lymphoscope.app.reading.case import ReadCase
from lymphoscope.app.web import server
from lymphoscope.app.web.access import LOCAL, Access
from lymphoscope.app.web.api import COOKIE
from lymphoscope.app.web.index import Index

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NEEDS = [
    pytest.mark.system,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.skipif(
        "vendor/niivue.js" not in server.PAGE_FILES, reason="the page's viewer was not fetched: make page"
    ),
]
FLAGS = ["--enable-unsafe-swiftshader", "--use-gl=angle", "--use-angle=swiftshader", "--no-sandbox"]
IDLE = "body[data-state=idle][data-head]"
KEPT = "LYMPHOSCOPE_TEST_PICTURES"
"""Variable that names a folder for the screenshots; without it they go with the test."""


class Running:
    """A server over a copy of a case, which can be stopped and started at the same address, and browsers before it."""

    def __init__(self, case: Path, place: Path, name: str = "case", suggestions: str = "first") -> None:
        self.suggestions = suggestions
        self.cases = place / "cases"
        shutil.copytree(case, self.cases / name)
        self.pictures = Path(os.environ.get(KEPT, place / "pictures"))
        self.pictures.mkdir(parents=True, exist_ok=True)
        self.index = Index(self.cases)
        self.index.rebuild()
        self.access = Access(self.index, link=True)
        self.port, self._server = 0, None

    def __enter__(self) -> Running:
        self.start()
        self._driver = playwright.sync_playwright().start()
        self._browser = self._driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        self._context = self._browser.new_context(viewport={"width": 1280, "height": 720}, device_scale_factor=1)
        return self

    def __exit__(self, *_: object) -> None:
        self._browser.close()
        self._driver.stop()
        self.stop()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        socket_ = server.listening("127.0.0.1", self.port)
        self.port = socket_.getsockname()[1]
        app = server.create_app(self.index, self.access, suggestions=self.suggestions)
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", access_log=False))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [socket_]}, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.02)

    def stop(self) -> None:
        """As a killed server: nothing is answered, and nothing is put away."""
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(20)

    def case(self) -> ReadCase:
        """The first of the cases that can be read."""
        return ReadCase(next(p.parent for p in sorted(self.cases.glob("*/study.json"))))

    def page(self, login: str | None = LOCAL, link: bool = False) -> Any:
        """A tab at the worklist, logged in, by the link if asked; without a login in the session that is."""
        if login is not None and not link:
            cookie = {"name": COOKIE, "value": self.access._begin(login, "test"), "url": self.address}
            self._context.add_cookies([cookie])
        shown = self._context.new_page()
        shown.set_default_timeout(60_000)
        shown.asked, shown.wrong, shown.folder, shown.pictures = [], [], self.case().folder, self.pictures
        shown.on("request", lambda request: shown.asked.append(request.url))
        shown.on("pageerror", lambda error: shown.wrong.append(str(error)))
        shown.goto(f"{self.address}/login?once={self.access.once}" if link else self.address)
        shown.wait_for_selector("#cases tr")
        return shown


def without_ct(page: Any) -> None:
    """Let a page know of no CT: one picture less to draw without a graphics card."""

    def told(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"ct": False})

    page.route(re.compile(r"/api/cases/[0-9a-f]+$"), told)


def head(page: Any) -> str:
    return str(page.locator("body").get_attribute("data-head"))


def key(page: Any, keys: str) -> None:
    """Press and wait until the server has answered."""
    before = head(page)
    page.keyboard.press(keys)
    page.wait_for_selector(f'body[data-state=idle]:not([data-head="{before}"])')


def figures(page: Any) -> dict[str, str]:
    names, values = page.locator("#key dt").all_text_contents(), page.locator("#key dd").all_text_contents()
    return dict(zip(names, values, strict=True))


def canvas_levels(page: Any, name: str) -> np.ndarray:
    """Grey levels of a pane as it is on the screen."""
    return np.asarray(Image.open(io.BytesIO(page.locator(f"#{name}").screenshot())).convert("L"))


def until(page: Any, selector: str, text: str) -> None:
    """Wait for a text, or fail with what the page and the server were about instead."""
    try:
        page.locator(selector, has_text=text).wait_for()
    except playwright.TimeoutError:
        faulthandler.dump_traceback(sys.stderr.fileno())
        state = {name: page.locator(name).text_content() for name in (selector, "#banner", "#saved", "#askwhy")}
        pytest.fail(f"{text!r} never came: {state}, {page.asked[-3:]}, {page.wrong}")
