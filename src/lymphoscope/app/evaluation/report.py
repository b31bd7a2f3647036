"""The page of an evaluation or a comparison: pictures first, then tables; no script, nothing fetched."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from lymphoscope.app.evaluation.tables import (
    Table,
    agreement_table,
    detection_table,
    figure,
    lesion_table,
    means_table,
    metric_table,
    pairs_table,
    ranking_table,
    strata_table,
    titled,
)
from lymphoscope.evaluate.catalogue import CONVENTIONS, EMPTY_RULE, METRICS
from lymphoscope.render.pictures import Picture
from lymphoscope.render.words import PURPOSE, safe

_FEWEST_PATIENTS = 10
_WORDS = {"both": "with both", "missed": "missed", "false alarm": "false alarms", "none": "true negative"}


def evaluation_page(record: Mapping[str, Any], pictures: Sequence[Picture]) -> bytes:
    """Render the page of one evaluation."""
    summary = record["summary"]
    counts = [("cases", str(summary["cases"])), ("patients", str(summary["patients"]))]
    counts += [(_WORDS[kind], str(number)) for kind, number in summary["kinds"].items()]
    tables = [
        metric_table(summary), lesion_table(summary), strata_table(summary, "volume"),
        strata_table(summary, "short_axis"), agreement_table(summary), detection_table(summary), _cases(record),
    ]  # fmt: skip
    return _page("EVALUATION", counts, pictures, [t for t in tables if t], record)


def comparison_page(record: Mapping[str, Any], pictures: Sequence[Picture]) -> bytes:
    """Render the page of a comparison."""
    counts = [("systems", str(len(record["order"]))), ("cases", str(record["cases"])),
              ("patients", str(record["patients"]))]  # fmt: skip
    return _page(
        "COMPARISON", counts, pictures, [ranking_table(record), means_table(record), pairs_table(record)], record
    )


def _cases(record: Mapping[str, Any]) -> Table:
    names = ("dice", "nsd", "hd95_mm", "volume_ref_ml", "volume_pred_ml", "fpv_ml", "fnv_ml", "lesions_ref",
             "lesions_pred", "c1_f1")  # fmt: skip
    rows = tuple(
        (case["case"], case["kind"], *(figure(case["numbers"].get(name), METRICS[name].unit) for name in names))
        for case in record["cases"]
    )
    heads = tuple(f"{titled(name)}>" for name in names)
    return Table(f"Every case ({EMPTY_RULE}); all numbers are in cases.csv", ("case", "kind", *heads), rows)


@dataclass(frozen=True)
class Head:
    """What stands on a page beside its pictures and tables.

    Attributes:
        title: In capitals.
        counts: Names and numbers under the title.
        alerts: What has to be read first.
        conventions: What the numbers mean.
        version: Of the software.
    """

    title: str
    counts: Sequence[tuple[str, str]]
    alerts: Sequence[str]
    conventions: Sequence[str]
    version: str


def _page(
    title: str, counts: Sequence[tuple[str, str]], pictures: Sequence[Picture], tables: Sequence[Table],
    record: Mapping[str, Any],
) -> bytes:  # fmt: skip
    patients = int(dict(counts)["patients"])
    alerts = [f"Few patients ({patients}): intervals and tests tell little."] if patients < _FEWEST_PATIENTS else []
    return sheet(Head(title, counts, alerts, CONVENTIONS, record["version"]), pictures, tables)


def sheet(head: Head, pictures: Sequence[Picture], tables: Sequence[Table]) -> bytes:
    """Render a page of pictures and tables."""
    here, report, batch = (
        files("lymphoscope.app.evaluation"),
        files("lymphoscope.render"),
        files("lymphoscope.app.batch"),
    )
    css = "".join(
        place.joinpath(name).read_text(encoding="utf-8")
        for place, name in ((report, "report.css"), (batch, "overview.css"))
    )
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    text = environment.from_string(here.joinpath("report.html.j2").read_text(encoding="utf-8")).render(
        title=head.title,
        counts=head.counts,
        alerts=safe(list(head.alerts)),
        pictures=[{"alt": p.alt, "caption": p.caption, "data": base64.b64encode(p.png).decode()} for p in pictures],
        tables=[safe(asdict(table)) for table in tables],
        conventions=head.conventions,
        footer=f"{PURPOSE} · lymphoscope {head.version}",
        css=Markup(css),  # our own files
        css_hash=base64.b64encode(hashlib.sha256(css.encode()).digest()).decode(),
    )
    return text.encode("utf-8", "backslashreplace")
