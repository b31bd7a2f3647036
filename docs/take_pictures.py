"""Take the pictures of the reading page anew: of the demonstration and of a synthetic patient, in Chromium.

Usage: python docs/take_pictures.py [NAME ...], from the project's folder, after `make page`.
Look at every one before it is committed.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import uvicorn
from playwright.sync_api import Page, sync_playwright

from lymphoscope.app.pipeline import run
from lymphoscope.app.reading.case import ReadCase, Version
from lymphoscope.app.reading.signing import MEANINGS, Signature, sign
from lymphoscope.app.web import server
from lymphoscope.app.web.access import LOCAL, Access
from lymphoscope.app.web.api import COOKIE
from lymphoscope.app.web.demo import with_demonstration
from lymphoscope.app.web.index import Index
from lymphoscope.core.volume import Volume
from lymphoscope.image.body_phantom import BodyOptions, body_phantom
from lymphoscope.io.dicom_write import write_study
from lymphoscope.io.pet_physics import ScanFacts

PICTURES = Path(__file__).parent / "pictures"
FLAGS = ["--enable-unsafe-swiftshader", "--use-gl=angle", "--use-angle=swiftshader", "--no-sandbox"]
SIZE = {"width": 1600, "height": 900}
LESIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "before": ("cervical-left", "mediastinal", "para-aortic", "spleen-focus"),
        "after": ("mediastinal", "para-aortic", "axillary-left"),
    }
)
"""What the synthetic patient has at each of two scans."""

MOVED = (14.0, -6.0, 40.0)
"""How far the patient lies from where he lay at the first scan, LPS mm."""


def scanned(place: Path, cases: Path) -> None:
    """Measure the synthetic patient twice, nine weeks apart."""
    for k, (name, lesions) in enumerate(LESIONS.items()):
        pet = body_phantom(BodyOptions((160, 140, 140), None, lesions)).pet
        affine = np.array(pet.geometry.affine)
        affine[:3, 3] += np.multiply(MOVED, k)
        facts, later = ScanFacts(), timedelta(weeks=9 * k)
        facts = replace(facts, injected=facts.injected + later, scanned=facts.scanned + later, seed=k)
        moved = Volume(pet.array, replace(pet.geometry, affine=affine), pet.unit)
        write_study(place / name, moved, None, facts)
        run(place / name, cases / name)


def signed(version: Version, by: str, **said: Any) -> None:
    """Sign a version as it stands."""
    signature = Signature(by, f"Dr {by.title()}", MEANINGS[0], version.now.head, searched=True, **said)
    sign(version, signature, version.tip)


def act(version: Version, op: str, **words: Any) -> None:
    """Do an act as the version's reader."""
    version.do(op, {"op": op, "words": words, "reason": ""}, version.author, version.tip, {})


def read_twice(case: ReadCase) -> None:
    """Let two readers differ."""
    for login, score in (("ann", "5"), ("ben", "2")):
        version = case.new(login)
        counted = sorted((r for r in version.now if r.counted), key=lambda r: -r.voxels.size)
        if login == "ben":
            act(version, "remove", regions=[counted[0].number])
            act(version, "redraw", region=counted[1].number, method="max50")
        signed(version, login, answers={"deauville": score})


@contextmanager
def served(cases: Path) -> Iterator[tuple[str, Access]]:
    """A server over the cases."""
    index = Index(cases)
    index.rebuild()
    access = Access(index, link=True)
    socket_ = server.listening("127.0.0.1", 0)
    app = server.create_app(index, access)
    running = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", access_log=False))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [socket_]}, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{socket_.getsockname()[1]}", access
    running.should_exit = True
    thread.join(20)


def opened(page: Page, name: str) -> None:
    """Open a case from the worklist and wait until all of it is there."""
    page.locator("#cases tr", has_text=name).locator("button").first.click()
    page.wait_for_selector("body[data-state=idle][data-complete]")


def shot(page: Page, name: str) -> None:
    """Keep what is on the screen, as soon as nothing is under way."""
    page.wait_for_timeout(800)
    page.wait_for_selector("body[data-state=idle]")
    page.screenshot(path=PICTURES / f"reading-{name}.png")


def of_the_page(page: Page) -> None:
    """The demonstration case with a region chosen."""
    opened(page, "demonstration")
    row = page.evaluate("() => window.reading.table.rows.filter(r => r.counted)[0].region")
    page.locator(f"#region-{row}").click()
    shot(page, "page")


def of_signing(page: Page) -> None:
    """The box that signs."""
    opened(page, "demonstration")
    while page.evaluate("() => window.reading.table.rows.some(r => r.counted && !r.seen)"):
        page.keyboard.press("n")
        page.wait_for_timeout(900)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#ask[open]")
    shot(page, "sign")


def of_two_scans(page: Page) -> None:
    """The second scan beside the first."""
    opened(page, "after")
    page.wait_for_selector("#course:not([hidden])")
    new = page.evaluate("() => window.reading.course.open[0].now[0].region")
    page.locator(f"#region-{new}").click()
    shot(page, "two-scans")


def of_adjudication(page: Page) -> None:
    """Two readers laid over one another."""
    page.get_by_role("button", name="Adjudicate").first.click()
    page.wait_for_selector("#ask[open]")
    shot(page, "adjudicate")


TAKEN = {
    "page": (of_the_page, LOCAL), "sign": (of_signing, LOCAL), "two-scans": (of_two_scans, LOCAL),
    "adjudicate": (of_adjudication, "cem"),
}  # fmt: skip


def main(names: list[str]) -> None:
    """Take some of the pictures, or all."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        cases = Path(folder) / "cases"
        with_demonstration(cases)
        scanned(Path(folder), cases)
        first = ReadCase(cases / "before").new("local")
        signed(first, "local")
        read_twice(ReadCase(Path(shutil.copytree(cases / "demonstration", cases / "read by two"))))
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        with served(cases) as (address, access):
            access.add_user("cem", "Dr Cem", "adjudicator", "a long enough password")
            for name in names or TAKEN:
                take, login = TAKEN[name]
                context = browser.new_context(viewport=SIZE, device_scale_factor=1)
                context.add_cookies([{"name": COOKIE, "value": access._begin(login, "pictures"), "url": address}])
                page = context.new_page()
                page.set_default_timeout(300_000)
                page.goto(address)
                page.wait_for_selector("#cases tr")
                take(page)
                context.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
