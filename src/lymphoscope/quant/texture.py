"""Texture of a lesion, as IBSI defines it: 3-D matrices over grey levels, directions merged."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from skimage.measure import label

from lymphoscope.quant.grey_levels import GreyLevels, TextureSettings, grey_levels
from lymphoscope.quant.radiomics_catalogue import TEXTURE
from lymphoscope.quant.region import Region

Numbers = Mapping[str, float | None]
Floats = NDArray[np.float64]


def texture(region: Region, settings: TextureSettings | None = None) -> tuple[Numbers, int]:
    """All texture features of a lesion.

    Args:
        region: The lesion.
        settings: Grid and bins; 4 mm trilinear, 0.25 SUV from 0, 26 neighbours by default.

    Returns:
        Values by short IBSI name, and the number of voxels after resampling. Below the smallest number that the
        settings allow all values are None; single values are None where the formula has no value (one grey level).

    Reference: IBSI reference manual, sections 3.2 and 3.4 to 3.11.
    """
    settings = settings or TextureSettings()
    nothing = dict.fromkeys(f.tag for f in TEXTURE)
    if not len(region.index):
        return nothing, 0
    grey = grey_levels(region, settings)
    count = int(np.count_nonzero(grey.levels))
    if count < settings.min_voxels:
        return nothing, count
    found: dict[str, float | None] = {}
    for family in FAMILIES:
        found.update(family(grey))
    return found, count


def autocorrelation(grey: GreyLevels) -> Numbers:
    """Moran's I and Geary's C over all pairs of voxels with inverse distances as weights (N365, NPT7).

    The sums over pairs are sums over lags of correlations, which a Fourier transform gives without the n² pairs.
    """
    inside = grey.inside.astype(np.float64)
    n = inside.sum()
    away = np.where(grey.inside, grey.values - grey.values[grey.inside].mean(), 0.0)
    square = float(np.sum(away**2))
    if not _varied(grey.values[grey.inside]):
        return {"morph_moran_i": None, "morph_geary_c": None}
    size = [fft.next_fast_len(2 * m - 1, real=True) for m in inside.shape]
    far = np.sqrt(_squared_lags(size, grey.matrix))
    weight = np.divide(1.0, far, out=np.zeros_like(far), where=far > 0)
    spectra = [fft.rfftn(a, size) for a in (inside, away, away**2)]

    def pairs(a: int, b: int) -> float:
        return float(np.sum(weight * fft.irfftn(spectra[a] * spectra[b].conj(), size)))

    total, product = pairs(0, 0), pairs(1, 1)
    return {
        "morph_moran_i": n / total * product / square,
        "morph_geary_c": (n - 1) / (2 * total) * (2 * pairs(2, 0) - 2 * product) / square,
    }


def _squared_lags(size: list[int], matrix: Floats) -> Floats:
    """Squared distance of every lag of a circular correlation, mm²; one array of that size, whatever the grid."""
    lags = np.meshgrid(*(np.fft.fftfreq(m, 1 / m) for m in size), indexing="ij", sparse=True)
    metric = matrix.T @ matrix
    square = np.zeros(size)
    for a, b in np.argwhere(metric):
        square += metric[a, b] * lags[a] * lags[b]
    return np.clip(square, 0.0, None)


def histogram(grey: GreyLevels) -> Numbers:
    """Entropy and uniformity of the grey levels (TLU2, BJ5W)."""
    p = np.bincount(grey.levels[grey.inside]) / np.count_nonzero(grey.levels)
    return {"ih_entropy": _entropy(p), "ih_uniformity": float(np.sum(p**2))}


def co_occurrence(grey: GreyLevels) -> Numbers:
    """Features of the symmetric co-occurrence matrix, all directions merged (LFYI)."""
    own, near = _pairs(grey)
    if not len(own):
        return {f.tag: None for f in TEXTURE if f.tag.startswith("cm_")}
    present, compact = np.unique(np.concatenate((own, near)), return_inverse=True)
    k = len(present)
    joint = np.bincount(compact[: len(own)] * k + compact[len(own) :], minlength=k * k).reshape(k, k) / len(own)
    g = present.astype(np.float64)
    i, j = g[:, None], g[None, :]
    ng = float(grey.levels.max())
    # the matrix is symmetric: rows and columns have the same margin
    p = joint.sum(axis=1)
    mean = float(p @ g)
    var = float(p @ (g - mean) ** 2)
    differences = np.bincount(np.abs(own - near)) / len(own)
    sums = np.bincount(own + near) / len(own)
    d, s = np.arange(len(differences), dtype=np.float64), np.arange(len(sums), dtype=np.float64)
    d_mean = float(differences @ d)
    centred = i + j - 2 * mean
    return {
        "cm_joint_max": float(joint.max()),
        "cm_joint_avg": mean,
        "cm_joint_var": var,
        "cm_joint_entr": _entropy(joint),
        "cm_diff_avg": d_mean,
        "cm_diff_var": float(differences @ (d - d_mean) ** 2),
        "cm_diff_entr": _entropy(differences),
        "cm_sum_avg": 2 * mean,
        "cm_sum_var": float(sums @ (s - 2 * mean) ** 2),
        "cm_sum_entr": _entropy(sums),
        "cm_energy": float(np.sum(joint**2)),
        "cm_contrast": float(differences @ d**2),
        "cm_dissimilarity": d_mean,
        "cm_inv_diff": float(differences @ (1 / (1 + d))),
        "cm_inv_diff_norm": float(differences @ (1 / (1 + d / ng))),
        "cm_inv_diff_mom": float(differences @ (1 / (1 + d**2))),
        "cm_inv_diff_mom_norm": float(differences @ (1 / (1 + d**2 / ng**2))),
        "cm_inv_var": float(differences[1:] @ (1 / d[1:] ** 2)),
        "cm_corr": float(np.sum(joint * (i - mean) * (j - mean))) / var if k > 1 else None,
        "cm_auto_corr": float(np.sum(joint * i * j)),
        "cm_clust_tend": float(np.sum(joint * centred**2)),
        "cm_clust_shade": float(np.sum(joint * centred**3)),
        "cm_clust_prom": float(np.sum(joint * centred**4)),
        **_information(joint, p),
    }


def _information(joint: Floats, p: Floats) -> Numbers:
    own, both = _entropy(p), _entropy(joint)
    product = np.outer(p, p)
    log = np.log2(product, out=np.zeros_like(product), where=product > 0)
    first = -float(np.sum(joint * log))
    second = -float(np.sum(product * log))
    return {
        "cm_info_corr1": (both - first) / own if own > 0 else None,
        "cm_info_corr2": float(np.sqrt(1 - np.exp(-2 * max(second - both, 0.0)))),
    }


def run_lengths(grey: GreyLevels) -> Numbers:
    """Emphases of run lengths, all directions merged (TP0I)."""
    padded = np.pad(grey.levels, 1)
    flat = padded.ravel()
    strides = np.array([padded.shape[1] * padded.shape[2], padded.shape[2], 1])
    voxels = np.flatnonzero(flat)
    lengths = []
    for step in _half(grey.steps) @ strides:
        at = voxels[flat[voxels - step] != flat[voxels]]  # where a run begins
        length = np.ones(len(at), dtype=np.int64)
        alive, end = np.arange(len(at)), at
        while len(alive):
            on = flat[end + step] == flat[end]
            alive, end = alive[on], end[on] + step
            length[alive] += 1
        lengths.append(length)
    runs = np.concatenate(lengths).astype(np.float64)
    return {"rlm_sre": float(np.mean(runs**-2)), "rlm_lre": float(np.mean(runs**2))}


def zones(grey: GreyLevels) -> Numbers:
    """Features of zones: connected voxels of one grey level, by size (9SAK) and by distance to the border (VMDZ)."""
    reach = 3 if grey.neighbourhood == 26 else 2
    number = label(grey.levels, background=0, connectivity=reach)  # type: ignore[no-untyped-call]
    of_voxel = number[grey.inside]
    size = np.bincount(of_voxel)[1:].astype(np.float64)
    level = np.zeros(len(size))
    level[of_voxel - 1] = grey.levels[grey.inside]
    depth = ndimage.distance_transform_cdt(np.pad(grey.inside, 1), metric="taxicab")[1:-1, 1:-1, 1:-1]
    near = np.full(len(size), np.inf)
    np.minimum.at(near, of_voxel - 1, depth[grey.inside].astype(np.float64))
    _, cells = np.unique(np.stack((level, size)), axis=1, return_counts=True)
    share = len(size) / len(of_voxel)
    return {
        "szm_sze": float(np.mean(size**-2)),
        "szm_lze": float(np.mean(size**2)),
        "szm_lgze": float(np.mean(level**-2)),
        "szm_hgze": float(np.mean(level**2)),
        "szm_lzlge": float(np.mean(size**2 / level**2)),
        "szm_lzhge": float(np.mean(size**2 * level**2)),
        "szm_z_perc": share,
        "szm_zs_var": float(size.var()),
        "szm_zs_entr": _entropy(cells / len(size)),
        "dzm_sde": float(np.mean(near**-2)),
        "dzm_z_perc": share,
    }


def neighbour_differences(grey: GreyLevels) -> Numbers:
    """Features of the difference between a voxel and the mean of its neighbours in the lesion (IPET)."""
    own, near = grey.levels[grey.inside], _neighbours(grey)
    count = (near > 0).sum(axis=1)
    accompanied = count > 0
    own, near, count = own[accompanied], near[accompanied], count[accompanied]
    if not len(own):
        return dict.fromkeys(("ngt_coarseness", "ngt_contrast", "ngt_busyness", "ngt_complexity", "ngt_strength"))
    present, compact = np.unique(own, return_inverse=True)
    s = np.bincount(compact, weights=np.abs(own - near.sum(axis=1) / count))
    p = np.bincount(compact) / len(own)
    g = present.astype(np.float64)
    weighted, total, k = float(p @ s), float(s.sum()), len(g)
    apart = np.abs(g[:, None] - g[None, :])
    uneven = float(np.abs(np.subtract.outer(g * p, g * p)).sum())
    pair = np.add.outer(p, p)
    contrast = float(p @ apart**2 @ p) / (k * (k - 1)) * total / len(own) if k > 1 else None
    return {
        "ngt_coarseness": 1 / weighted if weighted > 0 else None,
        "ngt_contrast": contrast,
        "ngt_busyness": weighted / uneven if uneven > 0 else None,
        "ngt_complexity": float(np.sum(apart * np.add.outer(p * s, p * s) / pair)) / len(own),
        "ngt_strength": float(np.sum(pair * apart**2)) / total if total > 0 else None,
    }


def dependence(grey: GreyLevels) -> Numbers:
    """Emphases of the number of neighbours of the same grey level, the voxel itself counted (REK0, α = 0)."""
    own = grey.levels[grey.inside]
    like = 1.0 + (_neighbours(grey) == own[:, None]).sum(axis=1)
    return {"ngl_lde": float(np.mean(like**-2)), "ngl_hde": float(np.mean(like**2))}


FAMILIES: tuple[Callable[[GreyLevels], Numbers], ...] = (
    autocorrelation,
    histogram,
    co_occurrence,
    run_lengths,
    zones,
    neighbour_differences,
    dependence,
)
"""Every family of features; together they give all of `TEXTURE`."""


def _neighbours(grey: GreyLevels) -> NDArray[np.int32]:
    """Grey levels of each voxel's neighbours, 0 outside the lesion, (n, 26 or 18)."""
    padded = np.pad(grey.levels, 1)
    strides = np.array([padded.shape[1] * padded.shape[2], padded.shape[2], 1])
    flat = padded.ravel()
    return np.asarray(flat[np.flatnonzero(flat)[:, None] + grey.steps @ strides])


def _pairs(grey: GreyLevels) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Levels of all ordered pairs of neighbours; each pair stands in both orders."""
    near = _neighbours(grey)
    own = np.broadcast_to(grey.levels[grey.inside][:, None], near.shape)
    both = near > 0
    return own[both].astype(np.int64), near[both].astype(np.int64)


def _half(steps: NDArray[np.intp]) -> NDArray[np.intp]:
    """One of each pair of opposite directions."""
    return steps[: len(steps) // 2]


def _entropy(p: Floats) -> float:
    p = p[p > 0]
    return float(-np.sum(p * np.log2(p))) + 0.0


def _varied(values: Floats) -> bool:
    return bool(values.max() > values.min())
