"""The report as one HTML file: pictures inside, no script, nothing fetched, everything escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from lymphoscope.core.study import Identity
from lymphoscope.render.pictures import Pictures
from lymphoscope.render.view import view


def page(
    record: Mapping[str, Any], pictures: Pictures, identity: Identity | None = None, report_sha256: str = ""
) -> str:
    """Render a record, measured or refused.

    Args:
        record: The record.
        pictures: Its pictures.
        identity: Who the patient is, when that is wanted on the page; a pseudonym stands otherwise.
        report_sha256: Hash of the written record, printed at the foot.

    Returns:
        A complete HTML document; the same input gives the same text.
    """
    room = files("lymphoscope.render")
    css = room.joinpath("report.css").read_text(encoding="utf-8")
    source = room.joinpath("report.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=False, keep_trailing_newline=True
    )
    return environment.from_string(source).render(
        view=view(record, pictures, identity, report_sha256),
        images={picture.name: _data_uri(picture.png) for picture in pictures},
        css=Markup(css),  # our own file
        css_hash=base64.b64encode(hashlib.sha256(css.encode()).digest()).decode(),
    )


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
