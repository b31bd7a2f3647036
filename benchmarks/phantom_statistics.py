"""Acceptance statistics of the whole-body phantoms against the phantom specification and one real scan.

    python benchmarks/phantom_statistics.py [--each 12] [--draws 200] [--rows rows.jsonl]

Reads the open organ maps and the real scan kept beside the project; says so where they are absent.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import SimpleITK
from scipy import ndimage, stats
from skimage.measure import marching_cubes, mesh_surface_area

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.study import OrganMap
from lymphoscope.core.volume import LesionMask
from lymphoscope.image.wholebody import phantom as wb
from lymphoscope.image.wholebody.lesions import draw_disease
from lymphoscope.image.wholebody.tables import BURDEN, STATIONS, SUBTYPES

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
LABELS = {
    1: "spleen", 2: "kidneys", 3: "liver", 4: "bladder", 5: "lungs", 6: "brain", 7: "heart", 8: "stomach",
    9: "prostate", 10: "head_glands",
}  # fmt: skip
REAL = {"weight": 71.0, "foot": 62.0, "apex": 221.0}
"""The real scan: body weight, slices of the bladder's centroid and of the lung apex (read from the image)."""
REGIONS = {"thigh": (-0.40, -0.15), "pelvis": (-0.05, 0.15), "abdomen": (0.2, 0.45), "liver level": (0.5, 0.66),
           "chest": (0.72, 0.95)}  # fmt: skip
LIMITS = {"pelvis": (0.033, 0.09), "abdomen": (0.036, 0.16), "liver level": (0.057, 0.16), "chest": (0.075, 0.13),
          "thigh": (0.058, 0.06)}  # fmt: skip


def read(path: Path) -> tuple[np.ndarray, Geometry]:
    image = SimpleITK.ReadImage(str(path))
    axes = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine = np.eye(4)
    affine[:3, :3] = axes[:, ::-1]
    affine[:3, 3] = image.GetOrigin()
    array = SimpleITK.GetArrayFromImage(image)
    return array, Geometry(array.shape, affine)


def organ_map(number: int) -> OrganMap:
    array, geometry = read(SHARED / "organ_maps" / f"anatomy_{number:03d}.nii.gz")
    return OrganMap(LesionMask(array.astype(np.int32), geometry, "organ map"), LABELS)


# ---- figures of one image ------------------------------------------------------------------------------------------


def body_mask(pet: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """Inside the skin: smoothed SUV above 0.15, largest part, holes filled slice by slice."""
    smooth = ndimage.gaussian_filter(pet, [5.0 / s for s in spacing])
    labels, count = ndimage.label(smooth > 0.15)
    if not count:
        return np.zeros(pet.shape, bool)
    mask = labels == np.argmax(np.bincount(labels.ravel())[1:]) + 1
    return np.stack([ndimage.binary_fill_holes(m) for m in mask])


def percentiles(pet: np.ndarray, mask: np.ndarray) -> list[float]:
    return [float(v) for v in np.percentile(pet[mask], (5, 25, 50, 75, 95))]


def closure(pet: np.ndarray, voxel_ml: float, weight: float) -> float:
    return float(pet.sum()) * voxel_ml / 1000.0 / weight


def hot_parts(mask: np.ndarray, voxel_ml: float, least: float = 3.0) -> np.ndarray:
    labels, count = ndimage.label(mask, ndimage.generate_binary_structure(3, 2))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:] * voxel_ml
    return sizes[sizes >= least]


def noise(pet: np.ndarray, spacing: tuple[float, ...], liver: np.ndarray) -> dict[str, float]:
    """CoV in 30 mm spheres, noise kernel from the autocorrelation, skew, lags."""
    box = ndimage.find_objects(liver.astype(np.uint8))[0]
    box = tuple(slice(max(b.start - 8, 0), b.stop + 8) for b in box)
    image, liver = pet[box].astype(np.float64), liver[box]
    size = [max(3, round(30.0 / s) | 1) for s in spacing]
    local = ndimage.uniform_filter(image, size)
    rest = np.where(liver, image / np.maximum(local, 0.1) - 1.0, 0.0)
    found: dict[str, float] = {"skew": float(stats.skew(rest[liver]))}
    for name, axis in (("z", 0), ("y", 1), ("x", 2)):
        acf = []
        for lag in range(0, 8):
            a = [slice(None)] * 3
            b = [slice(None)] * 3
            a[axis], b[axis] = slice(0, rest.shape[axis] - lag), slice(lag, None)
            both = liver[tuple(a)] & liver[tuple(b)]
            acf.append(float((rest[tuple(a)] * rest[tuple(b)])[both].mean()))
        acf = np.array(acf) / acf[0]
        below = int(np.argmax(acf < 0.5))
        part = (acf[below - 1] - 0.5) / (acf[below - 1] - acf[below])
        found[f"kernel_{name}"] = float(np.sqrt(2) * (below - 1 + part) * spacing[axis])
        found[f"lag1_{name}"], found[f"lag2_{name}"] = float(acf[1]), float(acf[2])
    inner = np.argwhere(ndimage.binary_erosion(liver, iterations=1))
    draw = np.random.default_rng(0)
    values = []
    for centre in inner[draw.choice(len(inner), min(60, len(inner)), replace=False)]:
        cut = tuple(slice(max(0, int(c - 15 / s)), int(c + 15 / s) + 1) for c, s in zip(centre, spacing, strict=True))
        inside = liver[cut]
        if inside.mean() > 0.85:
            values.append(float(image[cut][inside].std() / image[cut][inside].mean()))
    found["cov"] = float(np.median(values)) if values else float("nan")
    return found


def edge(pet: np.ndarray, spacing: tuple[float, ...], near: tuple[slice, ...], skin: np.ndarray) -> dict[str, float]:
    """Width of the bladder's edge and depth of the dark ring round it."""
    image = pet[near]
    top = float(np.percentile(image, 99.7))
    hot = ndimage.label(image > 0.5 * top)[0]
    if hot.max() == 0:
        return {}
    hot = hot == np.argmax(np.bincount(hot.ravel())[1:]) + 1
    centre = np.rint(np.argwhere(hot).mean(axis=0)).astype(int)
    widths = []
    for dz in range(-1, 2):
        for dy in range(-2, 3):
            for sign in (1, -1):
                ray = image[centre[0] + dz, centre[1] + dy, centre[2] :: sign]
                widths.append(_fall(ray, spacing[2]))
            for sign in (1, -1):
                ray = image[centre[0] + dz, centre[1] :: sign, centre[2] + dy]
                widths.append(_fall(ray, spacing[1]))
    width = float(np.nanpercentile(widths, 25)) * 1.177
    distance = ndimage.distance_transform_edt(image < 10.0, spacing)
    inside = skin[near]
    ring = np.percentile(image[inside & (distance > 8) & (distance < 15)], 10)
    far = np.percentile(image[inside & (distance > 30) & (distance < 50)], 10)
    return {"edge": width, "ring": float(ring), "far": float(far)}


def _fall(ray: np.ndarray, step: float) -> float:
    """Distance over which a ray falls from 84 % to 16 % of its plateau."""
    if len(ray) < 5:
        return float("nan")
    half = int(np.argmax(ray < 0.5 * ray[:3].mean()))
    if half < 2 or half + 3 >= len(ray):
        return float("nan")
    plateau, floor = float(ray[: half - 1].max()), float(ray[half : half + 5].min())
    level = (ray[max(half - 4, 0) : half + 5] - floor) / (plateau - floor)
    at = np.arange(len(level)) * step
    first = int(np.argmax(level < 0.84))
    last = int(np.argmax(level < 0.16))
    if first == 0 or last == 0:
        return float("nan")
    high = at[first - 1] + step * (level[first - 1] - 0.84) / (level[first - 1] - level[first])
    low = at[last - 1] + step * (level[last - 1] - 0.16) / (level[last - 1] - level[last])
    return float(low - high)


def histogram(values: np.ndarray) -> np.ndarray:
    bins = np.concatenate([[-np.inf], np.geomspace(0.05, 20.0, 63), [np.inf]])
    counts = np.histogram(values, bins)[0].astype(float) + 1e-9
    return counts / counts.sum()


def distance(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Jensen–Shannon divergence of log histograms (bit) and Wasserstein distance of values clipped at 6."""
    p, q = histogram(a), histogram(b)
    m = (p + q) / 2
    js = 0.5 * float((p * np.log2(p / m)).sum() + (q * np.log2(q / m)).sum())
    grid = np.linspace(0.005, 0.995, 200)
    gap = np.abs(np.quantile(np.minimum(a, 6), grid) - np.quantile(np.minimum(b, 6), grid)).mean()
    return js, float(gap)


# ---- one phantom ---------------------------------------------------------------------------------------------------


def describe(p: wb.Phantom) -> dict[str, object]:
    """All figures of one phantom that the acceptance table asks for."""
    pet, geometry = p.pet.array, p.pet.geometry
    code = {v: k for k, v in wb.PHYSIOLOGICAL_NAMES.items()}
    labels, lesion = p.physiological.labels, p.lesions.foreground
    core = ndimage.binary_erosion(labels == code["liver"], iterations=max(1, round(10 / geometry.spacing[1])))
    aorta = ndimage.binary_erosion(labels == code["aorta"], iterations=1)
    mask = body_mask(pet, geometry.spacing)
    hot = pet >= 4.0
    normal = hot & ~lesion
    organ = wb.onto(p.organs.mask.labels, p.organs.mask.geometry, geometry, order=0)
    brain, kidney = organ == code["brain"], organ == code["kidneys"]
    row: dict[str, object] = dict(p.facts)
    row.update(
        liver=float(pet[core].mean()) if core.any() else None,
        blood=float(pet[aorta].mean()) if aorta.any() else None,
        body=percentiles(pet, mask),
        closure=closure(pet * mask, geometry.voxel_ml, float(p.facts["weight_kg"])),
        hot_ml=float(hot.sum()) * geometry.voxel_ml,
        normal_ml=float(normal.sum()) * geometry.voxel_ml,
        normal_no_brain_ml=float((normal & (labels != code["brain"])).sum()) * geometry.voxel_ml,
        tmtv=p.lesions.volume_ml,
        parts=len(hot_parts(normal, geometry.voxel_ml)),
        brain_max=float(pet[brain].max()) if brain.any() else None,
        brain_median=float(np.median(pet[brain])) if brain.any() else None,
        kidney_hot=float((pet[kidney] >= 4).mean()),
        outside_skin=int((p.objects.foreground & ~ndimage.binary_dilation(mask, iterations=2)).sum()),
    )
    row.update(_lesion_figures(p))
    return row


def _lesion_figures(p: wb.Phantom) -> dict[str, object]:
    geometry = p.pet.geometry
    labels, count = ndimage.label(p.lesions.foreground, ndimage.generate_binary_structure(3, 2))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:] * geometry.voxel_ml
    keep = [i + 1 for i in range(count) if sizes[i] >= 0.3]
    centres = [geometry.to_lps(np.array(c)) for c in ndimage.center_of_mass(labels > 0, labels, keep)] if keep else []
    dmax = max((float(np.linalg.norm(a - b)) for a in centres for b in centres), default=0.0)
    shapes = []
    boxes = ndimage.find_objects(labels)
    for number in keep:
        box = boxes[number - 1]
        values = p.pet.array[box][labels[box] == number]
        shapes.append((float(sizes[number - 1]), sphericity(labels[box] == number, geometry.spacing),
                       float(values.std() / values.mean()), float(values.mean() / values.max()),
                       float(values.max())))  # fmt: skip
    return {"dmax_mm": dmax, "components": len(keep), "shapes": shapes}


def sphericity(mask: np.ndarray, spacing: tuple[float, ...]) -> float:
    if mask.sum() < 8:
        return float("nan")
    corners, faces = marching_cubes(np.pad(mask, 2).astype(np.float32), 0.5, spacing=spacing)[:2]
    area = mesh_surface_area(corners, faces)
    sides = corners[faces]
    volume = abs(float(np.einsum("ij,ij->i", sides[:, 0], np.cross(sides[:, 1], sides[:, 2])).sum())) / 6.0
    return float(np.pi ** (1 / 3) * (6 * volume) ** (2 / 3) / area)


# ---- tables --------------------------------------------------------------------------------------------------------


def verdict(value: float, low: float, high: float) -> str:
    return "pass" if low <= value <= high else "**fail**"


def table_a(rows: list[dict]) -> list[tuple[str, str, str, str]]:
    """The A checks that need images."""
    out = []
    liver = np.array([r["liver"] for r in rows if r["liver"]])
    blood = np.array([[r["liver"], r["blood"]] for r in rows if r["liver"] and r["blood"]])
    out.append(("A1 liver mean", f"{liver.mean():.2f}", "1.7–2.2", verdict(liver.mean(), 1.7, 2.2)))
    out.append(("A1 liver SD", f"{liver.std():.2f}", "0.35–0.55", verdict(liver.std(), 0.35, 0.55)))
    share = float(((liver > 1.3) & (liver < 3.0)).mean())
    out.append(("A1 share in 1.3–3.0", f"{share:.2f}", "0.85–0.97", verdict(share, 0.85, 0.97)))
    r = float(np.corrcoef(blood.T)[0, 1])
    cv = float((blood[:, 0] / blood[:, 1]).std() / (blood[:, 0] / blood[:, 1]).mean())
    out.append(("A2 liver–blood r", f"{r:.2f}", "0.75–0.88", verdict(r, 0.75, 0.88)))
    out.append(("A2 CV of the ratio", f"{cv:.2f}", "0.13–0.18", verdict(cv, 0.13, 0.18)))
    brain = [(r["brain_max"], r["brain_median"]) for r in rows if r["brain_max"] and r.get("whole_head")]
    if brain:
        top, middle = np.array(brain).T
        share = float(((top > 9) & (top < 18)).mean())
        out.append(("A3 brain max in 9–18", f"{share:.2f}", "≥ 0.90", verdict(share, 0.9, 1)))
        share = float(((middle > 6) & (middle < 10)).mean())
        out.append(("A3 brain median", f"{np.median(middle):.1f}", "6–10", verdict(float(np.median(middle)), 6, 10)))
    for name, rate in (("none", 0.36), ("diffuse", 0.26), ("focal_on_diffuse", 0.30), ("focal", 0.08)):
        found = float(np.mean([r["heart"] == name for r in rows]))
        margin = 0.05 + 1.96 * np.sqrt(rate * (1 - rate) / len(rows))
        out.append(
            (f"A4 heart {name}", f"{found:.2f}", f"{rate} ± {margin:.2f}", verdict(abs(found - rate), 0, margin))
        )
    wanted = ((0.12, 0.20), (0.27, 0.45), (0.48, 0.65), (0.80, 1.05), (1.6, 2.5))
    body = np.median(np.array([r["body"] for r in rows]), axis=0)
    for name, value, (low, high) in zip((5, 25, 50, 75, 95), body, wanted, strict=True):
        out.append((f"A5 body p{name}", f"{value:.2f}", f"{low}–{high}", verdict(value, low, high)))
    closed = np.array([r["closure"] for r in rows])
    share = float(((closed > 0.6) & (closed < 0.85)).mean())
    out.append(
        ("A6 closure in 0.60–0.85", f"{share:.2f} (median {np.median(closed):.2f})", "1.00", verdict(share, 0.95, 1))
    )
    for name, whole, bare in (("DLBCL", 0.78, 0.47), ("HL", 0.91, 0.71), ("FL", 0.90, 0.70), ("PMBCL", 0.73, 0.41),
                              ("MCL", 0.91, 0.71)):  # fmt: skip
        some = [r for r in rows if r["subtype"] == name]
        if not some:
            continue
        value = float(np.median([r["normal_ml"] / max(r["hot_ml"], 1e-3) for r in some]))
        out.append(
            (f"A7 normal share, {name}", f"{value:.2f}", f"{whole} ± 0.08", verdict(abs(value - whole), 0, 0.08))
        )
        value = float(
            np.median([r["normal_no_brain_ml"] / max(r["normal_no_brain_ml"] + r["tmtv"], 1e-3) for r in some])
        )
        out.append((f"A7 without brain, {name}", f"{value:.2f}", f"{bare} ± 0.08", verdict(abs(value - bare), 0, 0.08)))
    parts = np.array([r["parts"] for r in rows])
    share = float(((parts >= 4) & (parts <= 12)).mean())
    out.append(
        ("A8 normal parts 4–12", f"{share:.2f} (median {np.median(parts):.0f})", "≥ 0.90", verdict(share, 0.9, 1))
    )
    bare = np.percentile([r["normal_no_brain_ml"] for r in rows], (5, 95))
    ok = bare[0] > 60 and bare[1] < 800
    out.append(("A8 without brain, p5–p95 mL", f"{bare[0]:.0f}–{bare[1]:.0f}", "110–590", "pass" if ok else "**fail**"))
    kidney = float(np.median([r["kidney_hot"] for r in rows]))
    out.append(("T1 kidney voxels ≥ 4", f"{kidney:.2f}", "0.22–0.32", verdict(kidney, 0.2, 0.34)))
    return out


def table_burden(rows: list[dict]) -> list[tuple[str, str, str, str]]:
    """A9, A11 and A12 on imaged phantoms."""
    out = []
    for name, burden in BURDEN.items():
        some = np.array([r["tmtv"] for r in rows if r["subtype"] == name])
        if some.size < 5:
            continue
        median, sigma = burden.tmtv
        p = float(stats.kstest(np.log(np.maximum(some, 0.05)), "norm", (np.log(median), sigma)).pvalue)
        out.append((f"A9 TMTV {name}", f"median {np.median(some):.0f} mL, KS p {p:.2f}", f"{median} mL, p > 0.01",
                    "pass" if p > 0.01 else "**fail**"))  # fmt: skip
        pairs = np.array([(r["tmtv"], r["tmtv_drawn_ml"]) for r in rows if r["subtype"] == name])
        out.append((f"A9 shown/drawn {name}", f"{np.median(pairs[:, 0] / pairs[:, 1]):.2f}", "0.85–1.15",
                    verdict(float(np.median(pairs[:, 0] / pairs[:, 1])), 0.85, 1.15)))  # fmt: skip
    shapes = np.array([s for r in rows for s in r["shapes"] if np.isfinite(s[1])])
    for low, high, least, most in ((0.5, 10, 0.80, 0.92), (10, 100, 0.65, 0.88), (100, 9999, 0.35, 0.75)):
        part = shapes[(shapes[:, 0] >= low) & (shapes[:, 0] < high)]
        if len(part) > 3:
            value = float(np.median(part[:, 1]))
            out.append(
                (
                    f"A11 sphericity {low}–{high} mL (n {len(part)})",
                    f"{value:.2f}",
                    f"{least}–{most}",
                    verdict(value, least, most),
                )
            )
    for low, high, least, most in ((0.5, 3, 0.05, 0.20), (5, 11, 0.20, 0.36), (12, 40, 0.25, 0.47)):
        part = shapes[(shapes[:, 0] >= low) & (shapes[:, 0] < high)]
        if len(part) > 3:
            value = float(np.median(part[:, 2]))
            out.append((f"A11 CoV {low}–{high} mL", f"{value:.2f}", f"{least}–{most}", verdict(value, least, most)))
    rho = float(stats.spearmanr(shapes[:, 0], shapes[:, 4]).statistic)
    out.append(("A11 ρ(volume, SUVmax)", f"{rho:.2f}", "0.3–0.6", verdict(rho, 0.3, 0.6)))
    outside = sum(int(r["outside_skin"]) for r in rows)
    out.append(("A12 lesion voxels outside the skin", str(outside), "0", verdict(outside, 0, 0)))
    return out


def table_draws(count: int) -> list[tuple[str, str, str, str]]:
    """A10: sites, numbers and spread, from drawn disease on one body without imaging."""
    settings = wb.WholeBodySettings(with_ct=False, with_lookalikes=False)
    bodies = [wb._patient(organ_map(n), settings, np.random.default_rng(n)).body for n in (1, 12, 23)]
    out = []
    for column, subtype in enumerate(SUBTYPES):
        draws = [draw_disease(bodies[i % 3], subtype, np.random.default_rng(9000 + i)) for i in range(count)]
        gaps = []
        for station in STATIONS:
            sides = 2 if station.paired else 1
            rate = station.rates[column] / 100.0
            rate = 1 - (1 - rate) ** sides if sides == 2 else rate
            found = np.mean([any(le.station == station.name for le in d.lesions) for d in draws])
            gaps.append(
                (abs(found - rate) if sides == 1 else max(0.0, station.rates[column] / 100 - found), station.name)
            )
        worst = max(gaps)
        margin = 0.05 + 2 * np.sqrt(0.25 / count)
        out.append(
            (
                f"A10 sites {subtype}",
                f"worst {worst[1]} off by {worst[0]:.2f}",
                f"≤ {margin:.2f}",
                verdict(worst[0], 0, margin),
            )
        )
        number = float(np.mean([len(d.lesions) for d in draws]))
        mean = BURDEN[subtype].lesions[0]
        out.append(
            (
                f"A10 lesions {subtype}",
                f"mean {number:.1f}",
                f"{mean} ± 25 %",
                verdict(number, 0.75 * mean, 1.25 * mean),
            )
        )
        far = [
            max((float(np.linalg.norm(a.seed - b.seed)) for a in d.lesions for b in d.lesions), default=0) / 10
            for d in draws
        ]
        wanted = {"DLBCL": (38, 68), "HL": (25, 55), "FL": (48, 70), "PMBCL": (10, 40), "MCL": (50, 72)}[subtype]
        value = (float(np.median(far)), float(np.percentile(far, 90)))
        ok = abs(value[0] - wanted[0]) < 12 and abs(value[1] - wanted[1]) < 14
        out.append(
            (
                f"A10 Dmax {subtype}, cm",
                f"{value[0]:.0f} (p90 {value[1]:.0f})",
                f"{wanted[0]} ({wanted[1]})",
                "pass" if ok else "**fail**",
            )
        )
    return out


def on_the_real_grid(number: int) -> wb.Phantom:
    """A phantom without disease, scanned as the real patient was."""
    settings = wb.WholeBodySettings(
        subtype="none",
        scanner="ge_st",
        acquisition=wb.Acquisition(wb.SCANNERS[0], 6.3, 0.0, 71.0, 292.8, 4.0, 1.0, 11.0),
        condition=wb.Condition(uptake_min=45.0, heart="diffuse", urine=45.0),
        with_ct=False,
        with_lookalikes=False,
        arms_up=True,
        whole_head=False,
        sex="M",
    )
    return wb.whole_body(organ_map(number), number, settings)


def table_real() -> list[tuple[str, str, str, str]]:
    """B1–B4: phantoms on the real scan's grid and facts against the real scan."""
    pet, geometry = read(SHARED / "wb_pet_ge_sts001" / "suvbw.nii.gz")
    pet = pet.astype(np.float32)
    tumour = read(SHARED / "wb_pet_ge_sts001" / "gtv_edema.nii.gz")[0] > 0
    mask = body_mask(pet, geometry.spacing)
    u = (np.arange(pet.shape[0]) - REAL["foot"]) / (REAL["apex"] - REAL["foot"])
    smooth = ndimage.gaussian_filter(pet, [8.0 / s for s in geometry.spacing])
    liver = (smooth > 1.6) & (smooth < 2.7) & ((u > 0.5) & (u < 0.68))[:, None, None]
    liver = ndimage.label(ndimage.binary_erosion(liver, iterations=2))[0]
    liver = ndimage.binary_erosion(liver == np.argmax(np.bincount(liver.ravel())[1:]) + 1, iterations=1)
    real = noise(pet, geometry.spacing, liver)
    near = (slice(50, 75), slice(40, 90), slice(40, 90))
    real |= edge(pet, geometry.spacing, near, mask)
    out, rows, hists = [], [], {k: [] for k in REGIONS}
    for number in (3, 11, 25, 40, 56, 77):
        p = on_the_real_grid(number)
        array, spacing = p.pet.array, p.pet.geometry.spacing
        code = {v: k for k, v in wb.PHYSIOLOGICAL_NAMES.items()}
        core = ndimage.binary_erosion(p.physiological.labels == code["liver"], iterations=4)
        row = noise(array, spacing, core)
        row["expected"] = float(p.facts["liver_cov"])
        urine = ndimage.find_objects((p.physiological.labels == code["bladder"]).astype(np.uint8))[0]
        around = tuple(slice(max(0, s.start - 8), s.stop + 8) for s in urine)
        skin = body_mask(array, spacing)
        rows.append(row | edge(array, spacing, around, skin))
        low, high = float(p.facts["u_low"]), float(p.facts["u_high"])
        height = np.linspace(low, high, array.shape[0])
        for name, (a, b) in REGIONS.items():
            part = (height > a) & (height < b)
            if part.any():
                hists[name].append(array[part][skin[part]])
    for key in ("kernel_x", "kernel_y", "kernel_z"):
        value = float(np.median([r[key] for r in rows]))
        out.append(
            (f"B1 {key} mm", f"{value:.1f}", f"real {real[key]:.1f} ± 0.7", verdict(abs(value - real[key]), 0, 0.7))
        )
    ratio = float(np.median([r["cov"] / r["expected"] for r in rows]))
    out.append(
        (
            "B1 CoV over expected",
            f"{ratio:.2f} (real scan {real['cov'] / 0.176:.2f})",
            "0.85–1.15",
            verdict(ratio, 0.85, 1.15),
        )
    )
    value = float(np.median([r["skew"] for r in rows]))
    out.append(("B1 skew", f"{value:.2f} (real {real['skew']:.2f})", "0.35–0.75", verdict(value, 0.35, 0.75)))
    for key in ("lag1_x", "lag1_y", "lag1_z", "lag2_x", "lag2_y", "lag2_z"):
        value = float(np.median([r[key] for r in rows]))
        out.append(
            (f"B1 {key}", f"{value:.2f}", f"real {real[key]:.2f} ± 0.08", verdict(abs(value - real[key]), 0, 0.08))
        )
    for name, values in hists.items():
        part = (u > REGIONS[name][0]) & (u < REGIONS[name][1])
        inside = pet[part][(mask & ~tumour)[part]]
        pairs = np.array([distance(v, inside) for v in values])
        js, gap = np.median(pairs, axis=0)
        ok = js <= LIMITS[name][0] and gap <= LIMITS[name][1]
        out.append(
            (
                f"B2 {name}",
                f"{js:.3f} bit, {gap:.2f} SUV",
                f"≤ {LIMITS[name][0]}, {LIMITS[name][1]}",
                "pass" if ok else "**fail**",
            )
        )
    edges = np.array([(r["edge"], r["ring"], r["far"]) for r in rows if "edge" in r])
    value = float(np.median(edges[:, 0]))
    out.append(
        ("B3 bladder edge mm", f"{value:.1f}", f"real {real['edge']:.1f} ± 1", verdict(abs(value - real["edge"]), 0, 1))
    )
    ring = float(np.median(edges[:, 1] / edges[:, 2]))
    out.append(
        ("B3 ring p10 near/far", f"{ring:.2f}", f"real {real['ring'] / real['far']:.2f}", verdict(ring, 0.1, 0.7))
    )
    whole = percentiles(pet, mask)
    out.append(
        ("real scan, body percentiles", " ".join(f"{v:.2f}" for v in whole), "spec 0.16 0.40 0.59 0.89 1.96", "")
    )
    return out


def measured(count: int, first: int, keep: Path | None) -> list[dict]:
    """Figures of `count` phantoms; those already in the file `keep` (one JSON object a line) are not made again."""
    rows = [json.loads(line) for line in keep.read_text().splitlines()] if keep and keep.exists() else []
    for i in range(len(rows), count):
        settings = wb.WholeBodySettings(subtype=SUBTYPES[i % len(SUBTYPES)], with_ct=False)
        begin = time.perf_counter()
        phantom = wb.whole_body(organ_map((first + i - 1) % 160 + 1), 5000 + i, settings)
        seconds = time.perf_counter() - begin
        rows.append({**describe(phantom), "seconds": seconds})
        if keep:
            with keep.open("a") as file:
                file.write(json.dumps(rows[-1], default=float) + "\n")
        print(f"{i + 1} of {count}", file=sys.stderr, flush=True)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=12, help="imaged phantoms per subtype")
    parser.add_argument("--draws", type=int, default=200, help="drawn diseases per subtype")
    parser.add_argument("--first", type=int, default=41, help="first organ map")
    parser.add_argument("--rows", type=Path, help="keep the figures of each phantom here, and go on from what is there")
    choice = parser.parse_args()
    if not (SHARED / "organ_maps").is_dir():
        print("The organ maps are not in the shared data folder beside the project; nothing was measured.")
        return 0
    rows = measured(choice.each * len(SUBTYPES), choice.first, choice.rows)
    lines = table_a(rows) + table_burden(rows) + table_draws(choice.draws) + table_real()
    print(f"{len(rows)} phantoms without CT, median {np.median([r['seconds'] for r in rows]):.1f} s each on one core\n")
    print("| check | found | wanted | |\n|---|---|---|---|")
    for line in lines:
        print("| " + " | ".join(line) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
