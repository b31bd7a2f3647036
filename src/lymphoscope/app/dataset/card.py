"""The data card of a data set: what is in it, how it is spread over the folds, how it was made, three of its cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from lymphoscope.app.dataset.folds import FOLDS
from lymphoscope.app.dataset.making import CT_FILE, LABELS_FILE, LESION_ML, PET_FILE
from lymphoscope.app.dataset.members import Member
from lymphoscope.core.units import Unit
from lymphoscope.io.nifti import read_nifti
from lymphoscope.render.check_picture import CARD, check_picture

_QUALITY = (
    ("body_dice", "overlap of the bodies of PET and CT (Dice)", "{:.2f}"),
    ("apart_mm", "distance between their centres, mm", "{:.1f}"),
    ("coverage", "share of the PET that the CT covers", "{:.2f}"),
    ("liver_suv", "liver SUVmean", "{:.2f}"),
    ("mask_ml", "tumour volume, mL", "{:.1f}"),
    ("lesions", "lesions a case", "{:.0f}"),
    ("suvmax", "SUVmax in the mask", "{:.1f}"),
)


def card(
    name: str, version: int, members: Sequence[Member], by_patient: Mapping[str, int], test: Collection[str] = ()
) -> str:
    """The card as Markdown.

    Args:
        name: Name of the data set.
        version: Its version.
        members: Its cases.
        by_patient: Fold of each patient to train on; empty where there are none.
        test: Patients kept for a last test.
    """
    patients = {member.patient: member for member in members}
    lines = [
        f"# {name}",
        "",
        f"Version {version}: {len(members)} FDG PET/CT examinations of {len(patients)} patients"
        f"{' with lesion masks' if all(m.marked for m in members) else ''},",
        "de-identified. Changes are in [CHANGES.md](CHANGES.md).",
        *_parts(members, test),
        "",
        "| what | cases | median | from | to |",
        "|---|---|---|---|---|",
        *_spread(members),
        "",
        f"Patients by sex: {_counted(m.row[1] for m in patients.values())}.",
        f"Patients by age: {_counted(_decade(m.row[2]) for m in patients.values())}.",
        "",
        "## Balance",
        "",
        *_balance(members, by_patient),
        "",
        "## How it was made",
        "",
        *_made(members),
        "",
        "## Pictures",
        "",
    ]
    for words, member in _examples(members):
        lines += [f"![The case {words}: {member.case}](figures/{member.case}.png)", ""]
    return "\n".join(lines)


def figures(members: Sequence[Member], folder: Path) -> dict[str, bytes]:
    """Pictures of the smallest, the median and the largest case, by name below the data set.

    Args:
        members: The cases.
        folder: Where their files are.
    """
    drawn = {}
    for _, member in _examples(members):
        place = folder / member.case
        pet, ct = read_nifti(place / PET_FILE, Unit.SUV_BW), read_nifti(place / CT_FILE, Unit.HU)
        inside = read_nifti(place / LABELS_FILE, Unit.LABEL).array > 0
        drawn[f"figures/{member.case}.png"] = check_picture(pet, ct, inside, CARD)
    return drawn


def _examples(members: Sequence[Member]) -> list[tuple[str, Member]]:
    """Cases by tumour volume, each once."""
    ranked = sorted((m for m in members if m.marked), key=lambda m: (m.facts["quality"]["mask_ml"], m.case))
    if not ranked:
        return []
    chosen = {
        "of the largest tumour volume": ranked[-1],
        "of the smallest": ranked[0],
        "of the median": ranked[(len(ranked) - 1) // 2],
    }
    return [(words, m) for n, (words, m) in enumerate(chosen.items()) if m not in list(chosen.values())[:n]]


def _parts(members: Sequence[Member], test: Collection[str]) -> list[str]:
    """Cases that are not trained on with a mask."""
    kept = [m for m in members if m.patient in test]
    unmarked = sum(not m.marked and m.patient not in test for m in members)
    lines = []
    if kept:
        whose = f"{len(kept)} cases of {len({m.patient for m in kept})} patients"
        lines.append(f"`imagesTs`: {whose} kept for a last test, {sum(m.marked for m in kept)} of them with a mask in")
        lines.append("`labelsTs`. None of these patients is in another part.")
    if unmarked:
        lines.append(f"`imagesUn`: {unmarked} cases that nobody drew a mask for.")
    return lines


def _spread(members: Sequence[Member]) -> list[str]:
    lines = []
    for key, words, form in _QUALITY:
        values = [v for m in members if (v := m.facts["quality"][key]) is not None]
        if values:
            shown = " | ".join(form.format(f(values)) for f in (median, min, max))
            lines.append(f"| {words} | {len(values)} | {shown} |")
    return lines


def _balance(members: Sequence[Member], by_patient: Mapping[str, int]) -> list[str]:
    """Patients, cases, diagnoses and lesion sizes by fold."""
    if not by_patient:
        return [f"There are no folds: it takes at least {FOLDS} patients."]
    members = [m for m in members if m.marked]
    low, middle, high = (f"{border:g}" for border in LESION_ML)
    sizes = (f"lesions below {low} mL", f"{low}–{middle} mL", f"{middle}–{high} mL", f"from {high} mL")
    folds = [[m for m in members if by_patient.get(m.patient) == n] for n in range(FOLDS)]
    heads = [f"fold {n}" for n in range(FOLDS)]
    if kept := [m for m in members if m.patient not in by_patient]:
        folds, heads = [*folds, kept], [*heads, "test"]
    rows: dict[str, list[int]] = {
        "patients": [len({m.patient for m in fold}) for fold in folds],
        "cases": [len(fold) for fold in folds],
    }
    for diagnosis in sorted({m.diagnosis for m in members}):
        words = f"cases: {diagnosis or 'no diagnosis given'}".replace("|", "/")
        rows[words] = [sum(m.diagnosis == diagnosis for m in fold) for fold in folds]
    for n, words in enumerate(sizes):
        rows[words] = [sum(m.facts["lesion_classes"][n] for m in fold) for fold in folds]
    head = ["| | " + " | ".join(heads) + " | all |", "|---" * (len(heads) + 2) + "|"]
    body = [f"| {words} | {' | '.join(map(str, counts))} | {sum(counts)} |" for words, counts in rows.items()]
    return head + body


def _made(members: Sequence[Member]) -> list[str]:
    grids: Counter[str] = Counter(m.facts["making"]["grid"] for m in members)
    registered = [m.facts["registration"] for m in members if m.facts["registration"]]
    moved = [found["shift_mm"] for found in registered]
    bent = [one["shift_mm"] for found in registered if (one := found["deformation"]) and one["taken"]]
    read = [m.facts["readers"] for m in members if m.facts["readers"]]
    codes: Counter[str] = Counter(code for m in members for code in m.facts["warnings"])
    whose = " and the ".join(grid.upper() for grid in sorted(grids))
    lines = [
        f"- Images and masks are on the grid of the {whose}; each was interpolated once at most.",
        *_values(members[0].facts["making"]),
        f"- The CT was registered to the PET in {len(moved)} cases"
        + (f", by up to {max(moved):.1f} mm." if moved else "."),
        *([f"- It was deformed besides in {len(bent)} cases, by up to {max(bent):.1f} mm."] if bent else []),
        f"- The mask is of several readers in {len(read)} cases.",
        *_faces(members),
        "- Dates are moved by a number of days that is the patient's own; ages from 90 on are given as 90.",
        "- A patient has all cases in one part and one fold. Both stay when cases are added.",
    ]
    lines += [f"- Cases with the warning {code}: {count}" for code, count in sorted(codes.items())]
    return lines


def _faces(members: Sequence[Member]) -> list[str]:
    found = [m.facts["face_removed"] for m in members if m.facts["face_removed"] is not None]
    if not found:
        return ["- Faces were not removed: from a CT of the head a face can be made."]
    return [
        f"- The front of the face was blanked in {sum(found)} of {len(found)} cases; lesions and 10 mm round them stay."
    ]


def _values(making: Mapping[str, Any]) -> list[str]:
    """What the numbers in the images are."""
    smoothing = making["smooth_mm"]
    soft = f"smoothed by a Gaussian filter of {smoothing:g} mm (full width at half maximum)"
    pet = f"- PET in SUV (body weight), {soft if smoothing else 'as it was scanned'}; CT in HU."
    said = "- Numbers of uptake in these tables are of the PET as it was scanned."
    lines = [pet, said] if smoothing else [pet]
    if making["normalise"]:
        lines = [
            f"- PET and CT are normalised ({making['normalise']}) by the values in the body of each image: **they are",
            "  neither SUV nor HU**, and nothing can be measured on them. Channels are named so in `dataset.json`.",
            said,
            *([f"- The PET was {soft} before."] if smoothing else []),
        ]
    if making["candidates"]:
        lines.append(
            "- `candidatesTr` (and `Ts`, `Un`) holds what rules find, 1 candidate lesion, 2 normal uptake: no labels."
        )
    return lines


def _counted(words: Any) -> str:
    counts = Counter(word or "unknown" for word in words)
    return ", ".join(f"{word} {count}" for word, count in sorted(counts.items()))


def _decade(age: str) -> str:
    return (
        f"{10 * (int(age) // 10)}–{10 * (int(age) // 10) + 9}"
        if age and int(age) < 90
        else "90 and more"
        if age
        else ""
    )
