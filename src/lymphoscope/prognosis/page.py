"""The reference page of clinical scores, made from the scores themselves."""

from __future__ import annotations

from lymphoscope.prognosis.score_inputs import INPUTS, METHOD
from lymphoscope.prognosis.scores import SCORES, Score


def reference_page() -> str:
    """The page as Markdown."""
    lines = [
        "# Clinical scores",
        "",
        "What `lymphoscope scores` computes, from which columns. For research and decision support. Made from",
        "`lymphoscope.prognosis.scores`; do not edit.",
        "",
        "- Nothing is guessed: a score without one of its inputs is *not computable: missing …*.",
        "- A value that cannot be in the unit its column names is refused (`PROG-E-SCORE`), with its row: white",
        "  cells per µL in place of 10⁹/L would make nearly every MIPI low.",
        "- Published outcomes are context, no forecast for a patient.",
        "",
        "## Columns",
        "",
        "| column | means | unit | from | to |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| `{name}` | {i.title} | {i.unit} | {i.low:g} | {i.high:g} |" for name, i in INPUTS.items()]
    lines += [f"| `{METHOD}` | method that the volume was measured by, such as suv4.0 | | | |"]
    for name, score in SCORES.items():
        lines += _of(name, score)
    return "\n".join(lines) + "\n"


def _of(name: str, score: Score) -> list[str]:
    lines = [
        "",
        f"## {score.title} (`{name}`)",
        "",
        f"{score.disease[0].upper()}{score.disease[1:]}. {score.paper}.",
        "",
    ]
    lines += ["| part | columns |", "|---|---|"]
    for item in score.items:
        needs = ", ".join(f"`{one}`" for need in item.needs for one in need.split("|"))
        lines.append(f"| {item.title} | {needs} |")
    if score.groups:
        lines += ["", "| group | from | published |", "|---|---|---|"]
        for start, group in score.groups:
            begin = f"{start:g}" if start > float("-inf") else "lowest"
            lines.append(f"| {group} | {begin} | {score.published.get(group, '')} |")
    if name == "impi":
        lines += [
            "",
            "Given as linear predictor and as hazard ratio relative to a patient with 307.9 mL, 62 years, stage III.",
            "The source found gives neither baseline survival nor limits of groups: there is no group, and a risk",
            "only with `--impi-parameters FILE`, a JSON with `version`, `typed_by`, `source`, `endpoint`, `centre` and",
            "`survival` (years to baseline survival), typed from the paper by a named person. Survival is then",
            "S0(t)^exp(predictor − centre).",
        ]
    return lines
