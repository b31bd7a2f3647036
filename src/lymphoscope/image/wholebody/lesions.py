"""Lymphoma in a whole-body phantom: which stations, how many lesions, how large, how hot, where."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import ndtr, ndtri
from scipy.stats import nbinom

from lymphoscope.core.volume import Array
from lymphoscope.image.wholebody.tables import BURDEN, STATIONS, SUBTYPES, Burden, Station
from lymphoscope.image.wholebody.tissue import Body, Tissue

_CAP_ML = 4000.0
_NODAL = {
    Tissue.FAT: 1.0, Tissue.THYMUS: 1.0, Tissue.BROWN_FAT: 1.0, Tissue.MUSCLE: 4.0, Tissue.SMALL_BOWEL: 4.0,
    Tissue.PANCREAS: 6.0, Tissue.COLON: 8.0, Tissue.STOOL: 8.0, Tissue.BREAST: 4.0, Tissue.OESOPHAGUS: 10.0,
    Tissue.TONSIL: 1.0, Tissue.LINGUAL: 1.0, Tissue.PALATE: 2.0, Tissue.VEIN: 12.0, Tissue.TONGUE: 4.0,
}  # fmt: skip
_EXTRANODAL = {
    "SPLEEN": {Tissue.SPLEEN: 1.0},
    "MARROW": {Tissue.MARROW: 1.0},
    "LIVER": {Tissue.LIVER: 1.0},
    "LUNG": {Tissue.LUNG: 1.0},
    "STOMACH_WALL": {Tissue.STOMACH_WALL: 1.0, Tissue.STOMACH_LUMEN: 3.0, Tissue.FAT: 3.0},
    "SMALL_BOWEL": {Tissue.SMALL_BOWEL: 1.0, Tissue.COLON: 1.0, Tissue.STOOL: 1.5, Tissue.FAT: 2.5},
    "FAR_MARROW": {Tissue.FAR_MARROW: 1.0, Tissue.MARROW: 1.0, Tissue.FAT: 4.0, Tissue.MUSCLE: 4.0},
    "RENAL_CORTEX": {Tissue.RENAL_CORTEX: 1.0, Tissue.MEDULLA: 1.5},
    "FAT": {Tissue.FAT: 1.0},
    "MUSCLE": {Tissue.MUSCLE: 1.0, Tissue.FAT: 2.0},
}
_THORACIC = ("prevascular", "paratracheal", "hilar", "subcarinal")


@dataclass(frozen=True, eq=False)
class Lesion:
    """One lesion to be grown.

    Attributes:
        station: Name of the station.
        seed: LPS mm.
        volume_ml: True volume to grow.
        suvmax: SUV that its hottest voxel should have in the image without noise.
        level: True mean SUV.
        cost: Cost of growing by tissue number; infinite where it may not grow.
        necrotic: Fraction of the volume that is dead.
        diffuse: Fills its whole organ.
        number: Random seed of its shape.
    """

    station: str
    seed: NDArray[np.float64]
    volume_ml: float
    suvmax: float
    level: float
    cost: NDArray[np.float32]
    necrotic: float
    diffuse: bool
    number: int


@dataclass(frozen=True)
class Disease:
    """What one patient has.

    Attributes:
        subtype: Name in `BURDEN`.
        tmtv_ml: Volume at SUV ≥ 4 that the image should show.
        suvmax: The patient's SUVmax.
        lesions: The lesions, largest first.
    """

    subtype: str
    tmtv_ml: float
    suvmax: float
    lesions: tuple[Lesion, ...]


def draw_disease(body: Body, subtype: str, draw: np.random.Generator) -> Disease:
    """Draw stations, numbers, volumes and uptake for a subtype and find a place for each lesion."""
    burden = BURDEN[subtype]
    fate = draw.standard_normal()
    tmtv = min(burden.tmtv[0] * float(np.exp(burden.tmtv[1] * np.clip(draw.standard_normal(), -2.5, 2.5))), _CAP_ML)
    sites = _sites(burden, subtype, fate, draw)
    count = max(_count(burden, fate), len(sites))
    shares = _shares(burden, count, draw)
    suvmax = burden.suvmax[0] * float(np.exp(burden.suvmax[1] * np.clip(draw.standard_normal(), -2.5, 2.5)))
    heat = _heat(shares, draw)
    order = _assign(sites, count, draw)
    lesions: list[Lesion] = []
    chain = draw.random() < burden.confluent
    for share, hot, (station, side) in zip(shares, heat, order, strict=True):
        volume = max(share * tmtv, 0.15)
        before = [le for le in lesions if le.station == station.name] if chain else []
        seed = _seed(body, station, side, before, draw)
        if seed is None:
            continue
        lesion = _lesion(station, seed, volume, suvmax * hot, burden, draw)
        lesions.append(_cooled(lesion, tmtv, body, draw) if lesion.diffuse else lesion)
    return Disease(subtype, tmtv, suvmax, tuple(lesions))


def _sites(burden: Burden, subtype: str, fate: float, draw: np.random.Generator) -> list[tuple[Station, float]]:
    """Stations involved: a probit model whose margins are exactly the published rates.

    A patient's frailty and a factor for each side of the diaphragm make sites go together.
    """
    column = SUBTYPES.index(subtype)
    side = {True: draw.standard_normal(), False: draw.standard_normal()}
    total = np.sqrt(1.0 + burden.frailty**2 + burden.side**2)
    found: list[tuple[Station, float]] = []
    likeliest: tuple[float, Station, float] | None = None
    for station in STATIONS:
        for sign in (1.0, -1.0) if station.paired else (0.0,):
            threshold = float(ndtri(np.clip(station.rates[column] / 100.0, 1e-6, 0.999))) * total
            value = threshold + burden.frailty * fate + burden.side * side[station.above] + draw.standard_normal()
            if value > 0:
                found.append((station, sign))
            if likeliest is None or value > likeliest[0]:
                likeliest = (value, station, sign)
    assert likeliest is not None
    return found or [(likeliest[1], likeliest[2])]


def _count(burden: Burden, fate: float) -> int:
    """Number of lesions: the quantile of the negative binomial at the patient's frailty."""
    mean, shape = burden.lesions
    value = nbinom.ppf(ndtr(fate), shape, shape / (shape + mean))
    return int(np.clip(value, 1, 60))


def _shares(burden: Burden, count: int, draw: np.random.Generator) -> NDArray[np.float64]:
    if count == 1:
        return np.ones(1)
    odds = np.log(burden.largest / (1 - burden.largest)) + 0.8 * draw.standard_normal()
    first = max(1.0 / (1.0 + np.exp(-odds)), 1.2 / count)
    weights = np.sort(draw.lognormal(0.0, 1.4, count - 1))[::-1]
    rest = (1.0 - first) * weights / weights.sum()
    return np.asarray(np.sort(np.concatenate([[first], rest]))[::-1])


def _heat(shares: Array, draw: np.random.Generator) -> NDArray[np.float64]:
    """SUVmax of each lesion over the patient's: LN(0.55; 0.45) capped at 1.

    Partial volume alone makes the imaged maximum rise with volume more than published; the weak counter-slope here
    brings the rank correlation of the image down to it.
    """
    size = np.log(shares)
    size = (size - size.mean()) / max(float(size.std()), 1e-6) if len(shares) > 1 else np.zeros(1)
    mix = -0.15 * size + np.sqrt(1 - 0.15**2) * draw.standard_normal(len(shares))
    heat = np.minimum(0.55 * np.exp(0.45 * np.clip(mix, -2.5, 2.5)), 1.0)
    heat[int(np.argmax(heat))] = 1.0
    return np.asarray(heat)


def _assign(sites: list[tuple[Station, float]], count: int, draw: np.random.Generator) -> list[tuple[Station, float]]:
    """A station for each lesion, largest first: every site gets one, bulky sites the largest."""
    bulk = np.array([s.bulk for s, _ in sites]) ** 1.2
    first = int(draw.choice(len(sites), p=bulk / bulk.sum()))
    rest = [site for i, site in enumerate(sites) if i != first]
    crowd = np.array([s.bulk**0.5 * (1.0 if s.box else 0.6) for s, _ in sites])
    extra = draw.choice(len(sites), size=max(count - len(sites), 0), p=crowd / crowd.sum())
    rest += [sites[int(i)] for i in extra]
    draw.shuffle(rest)
    return [sites[first], *rest][:count]


def _costs(table: dict[Tissue, float]) -> NDArray[np.float32]:
    cost = np.full(len(Tissue), np.inf, np.float32)
    for tissue, value in table.items():
        cost[int(tissue)] = value
    return cost


def _seed(
    body: Body, station: Station, side: float, before: list[Lesion], draw: np.random.Generator
) -> NDArray[np.float64] | None:
    """A free place in a station, or None after many trials."""
    frame = body.frame
    if station.box is None:
        return _organ_seed(body, Tissue[station.organ], draw)
    low, high = np.array(station.box, dtype=float).T
    if station.name == "axillary":
        edge = _lung_edge(body)
        low[1], high[1] = edge + 15.0, edge + 55.0
    best = None
    for trial in range(120):
        point = draw.uniform(low, high) * (1.0, side or 1.0, 1.0)
        place = frame.place(point)
        if before and trial < 40:
            near = before[int(draw.integers(len(before)))]
            reach = 6.2 * (near.volume_ml ** (1 / 3)) + 4.0
            place = near.seed + draw.normal(0, 1, 3) * (0.5, 0.5, 1.0) * reach
        clear = _clearance(body, place)
        if clear >= 6.0:
            return place
        if clear > 0 and (best is None or clear > best[0]):
            best = (clear, place)
    return best[1] if best else None


def _clearance(body: Body, place: NDArray[np.float64]) -> float:
    """How freely a node may lie at a place: 0 not at all, more is better; near the skin it may not."""
    frame = body.frame
    index = np.rint(frame.geometry.to_index(place)).astype(int)
    if (index < 2).any() or (index >= np.array(frame.shape) - 2).any():
        return 0.0
    if not frame.fov[0] + 6 < place[2] < frame.fov[1] - 6 or body.depth[tuple(index)] < 8.0:
        return 0.0
    if body.tissue[tuple(index)] not in (Tissue.FAT, Tissue.THYMUS, Tissue.MUSCLE, Tissue.TONSIL):
        return 0.0
    around = body.tissue[tuple(slice(i - 1, i + 2) for i in index)]
    return 9.0 * float(np.isin(around, [int(t) for t in _NODAL]).mean())


def _organ_seed(body: Body, tissue: Tissue, draw: np.random.Generator) -> NDArray[np.float64] | None:
    frame = body.frame
    inside = body.tissue == tissue
    inside &= ((frame.z > frame.fov[0] + 8) & (frame.z < frame.fov[1] - 8))[:, None, None]
    if tissue is Tissue.FAT:
        inside &= (body.depth > 5.0) & (body.depth < 12.0)
    found = np.flatnonzero(inside)
    if not found.size:
        return None
    index = np.array(np.unravel_index(found[int(draw.integers(found.size))], frame.shape))
    return np.asarray(frame.geometry.to_lps(index))


def _lung_edge(body: Body) -> float:
    """Half width of the rib cage at the height of the axilla, mm."""
    lungs = body.frame.mask("lungs") & (body.frame.up > 0.86) & (body.frame.up < 1.0)
    columns = np.flatnonzero(lungs.any(axis=(0, 1)))
    if not columns.size:
        return 100.0
    x = np.abs(body.frame.left[0, 0, columns])
    return float(x.max())


def _lesion(
    station: Station, seed: NDArray[np.float64], volume: float, suvmax: float, burden: Burden, draw: np.random.Generator
) -> Lesion:
    table = dict(_EXTRANODAL[station.organ]) if station.organ else dict(_NODAL)
    if station.name in _THORACIC and volume > 40.0:
        table[Tissue.LUNG] = 6.0
    dead = float(draw.beta(2, 6)) if volume > 50.0 and draw.random() < burden.necrosis else 0.0
    diffuse = station.name == "spleen" and draw.random() < 0.5
    suvmax = max(suvmax, float(np.interp(np.log10(volume), (0.7, 1.7), (0.0, 6.5))))
    number = int(draw.integers(2**31))
    return Lesion(station.name, seed, volume, suvmax, 0.85 * suvmax, _costs(table), dead, diffuse, number)


def _cooled(lesion: Lesion, tmtv: float, body: Body, draw: np.random.Generator) -> Lesion:
    """A spleen involved as a whole stays below SUV 4 unless the drawn TMTV can hold it."""
    volume = float(np.count_nonzero(body.tissue == Tissue.SPLEEN)) * body.frame.geometry.voxel_ml
    warm = float(draw.uniform(2.3, 3.3))
    suvmax = lesion.suvmax if tmtv > 1.2 * volume else min(lesion.suvmax, warm)
    return replace(lesion, suvmax=suvmax, level=0.85 * suvmax, volume_ml=volume)


def retuned(disease: Disease, volume: float, measured: dict[int, float], heat: float = 1.0) -> Disease:
    """Grow or shrink all lesions by a factor and correct the uptake of each towards its wanted maximum.

    Args:
        disease: What was imaged.
        volume: Factor on all volumes.
        measured: Lesion number (from 1) → maximum in the image without noise.
        heat: Factor on the maxima that are wanted.
    """
    lesions = []
    for number, wanted in enumerate(disease.lesions, start=1):
        seen = measured.get(number, 0.0)
        lesion = replace(wanted, suvmax=max(wanted.suvmax * heat, min(wanted.suvmax, 6.5)))
        factor = float(np.clip(lesion.suvmax / seen, 0.6, 1.7)) if seen > 0 else 1.0
        least = 4.9 if lesion.volume_ml > 30.0 and not lesion.diffuse else 0.3
        level = float(np.clip(lesion.level * factor, least, max(1.4 * disease.suvmax, least)))
        size = min(lesion.volume_ml * volume, _CAP_ML, 2.0 * disease.tmtv_ml)
        lesions.append(replace(lesion, volume_ml=size, level=level))
    return replace(disease, lesions=tuple(lesions))


def components_ml(mask: Array, voxel_ml: float) -> NDArray[np.float64]:
    """Volumes of the connected parts of a mask, largest first, mL."""
    labels, count = ndimage.label(mask, ndimage.generate_binary_structure(3, 2))
    return np.asarray(np.sort(np.bincount(labels.ravel(), minlength=count + 1)[1:])[::-1] * voxel_ml)
