"""Readers at once on a server of its own process, over HTTP on loopback: latencies by kind of request, and memory.

Usage: python benchmarks/reading_load.py CASE [READERS] [CASES] [ACTS]. The case is linked, and not changed.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
import numpy as np

PASSWORD = "a long enough password"
THINKS_S, LATER_S = 2.0, 3.0
"""How long a reader looks between two acts, and how much later than the one before each begins."""


class Loaded:
    """A reader who opens cases and corrects them."""

    def __init__(self, address: str, login: str, spent: dict[str, list[float]]) -> None:
        self.client = httpx.Client(base_url=address, timeout=120, headers={"host": "reads.local"})
        self.spent, self.chance = spent, random.Random(login)
        answer = self.client.post("/login", json={"login": login, "password": PASSWORD})
        token = re.search(r"lymphoscope=([^;]+)", answer.headers["set-cookie"])
        self.client.headers["cookie"] = f"lymphoscope={token[1]}" if token else ""
        self.client.headers["x-csrf"] = self.get("me", "/api/me")["csrf"]

    def get(self, kind: str, path: str) -> Any:
        return self._timed(kind, lambda: self.client.get(path))

    def post(self, kind: str, path: str, body: Any, tip: str = "") -> Any:
        return self._timed(kind, lambda: self.client.post(path, json=body, headers={"if-match": tip}))

    def _timed(self, kind: str, call: Any) -> Any:
        began = time.perf_counter()
        answer = call()
        self.spent[kind].append(time.perf_counter() - began)
        answer.raise_for_status()
        return answer.json() if "json" in answer.headers["content-type"] else answer.content

    def read(self, later: float, cases: list[str], acts: int) -> None:
        time.sleep(later)
        open_ = []
        for case in cases:
            self.get("facts of a case (opens it)", f"/api/cases/{case}")
            version = f"/api/cases/{case}/versions/" + self.post("begin", f"/api/cases/{case}/versions", {})["name"]
            self.get("first projection", f"/api/cases/{case}/mip/0.png")
            self.get("PET", f"/api/cases/{case}/pet.nii.gz")
            open_.append([version, self.get("table", version)])
        for n in range(acts):
            held = open_[n % len(open_)]
            row = self.chance.choice(held[1]["rows"])
            words: dict[str, Any] = {"op": "undo"} if held[1]["can_undo"] and n % 3 == 2 else {
                "op": "remove" if row["counted"] else "restore", "words": {"regions": [row["region"]]}
            }  # fmt: skip
            held[1] = self.post("act with all numbers", f"{held[0]}/ops", words, held[1]["tip"])
            time.sleep(THINKS_S)


def main(case: Path, readers: int = 10, cases: int = 20, acts: int = 30) -> None:
    with tempfile.TemporaryDirectory(dir=case.resolve().parent) as place:
        for n in range(cases):
            ignored = shutil.ignore_patterns("reading")
            shutil.copytree(case, Path(place) / f"case{n:02d}", copy_function=os.link, ignore=ignored)
        names = [f"reader{n}" for n in range(readers)]
        server = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "reading_server.py"), place, PASSWORD, *names],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        spent: dict[str, list[float]] = defaultdict(list)
        try:
            loaded = [Loaded(address, name, spent) for name in names]
            ids = [row["id"] for row in loaded[0].get("worklist", "/api/cases")]
            share = cases // readers
            threads = [
                threading.Thread(target=who.read, args=(k * LATER_S, ids[k * share : (k + 1) * share], acts))
                for k, who in enumerate(loaded)
            ]
            began = time.perf_counter()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            took = time.perf_counter() - began
            memory = int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text())[1]) / 1024  # type: ignore[index]
        finally:
            server.terminate()
            server.wait(30)
    print(f"{readers} readers, {cases} cases, {took:.0f} s; peak memory of the server {memory:.0f} MB\n")
    print("| request | n | p50 ms | p95 ms | p99 ms |\n|---|--:|--:|--:|--:|")
    for kind, seconds in spent.items():
        p50, p95, p99 = 1000 * np.percentile(seconds, [50, 95, 99])
        print(f"| {kind} | {len(seconds)} | {p50:.0f} | {p95:.0f} | {p99:.0f} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
