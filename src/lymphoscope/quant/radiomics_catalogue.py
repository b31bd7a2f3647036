"""The IBSI features that are offered natively: codes, names, units and one-line definitions."""

from __future__ import annotations

from typing import NamedTuple


class Feature(NamedTuple):
    """One IBSI feature.

    Attributes:
        tag: Short name as in the IBSI reference value tables, such as ``cm_contrast``.
        code: IBSI identifier, such as ``ACUI``.
        unit: UCUM-like unit.
        family: Group in words.
        means: Definition in one line.
    """

    tag: str
    code: str
    unit: str
    family: str
    means: str

    @property
    def name(self) -> str:
        """Key in records: the IBSI code comes first."""
        return f"ibsi_{self.code}_{self.tag}"


def _family(family: str, *rows: tuple[str, ...]) -> tuple[Feature, ...]:
    return tuple(Feature(row[0], row[1], row[3] if len(row) > 3 else "1", family, row[2]) for row in rows)


FIRST_ORDER = _family(
    "first order",
    ("stat_mean", "Q4LE", "mean", "g/mL"),
    ("stat_var", "ECT3", "variance (n)", "g2/mL2"),
    ("stat_skew", "KE2A", "skewness"),
    ("stat_kurt", "IPH6", "excess kurtosis"),
    ("stat_median", "Y12H", "median", "g/mL"),
    ("stat_min", "1GSF", "minimum", "g/mL"),
    ("stat_p10", "QG58", "10th percentile", "g/mL"),
    ("stat_p90", "8DWT", "90th percentile", "g/mL"),
    ("stat_max", "84IY", "maximum", "g/mL"),
    ("stat_iqr", "SALO", "interquartile range", "g/mL"),
    ("stat_range", "2OJQ", "range", "g/mL"),
    ("stat_mad", "4FUA", "mean absolute deviation", "g/mL"),
    ("stat_rmad", "1128", "mean absolute deviation of values from the 10th to the 90th percentile", "g/mL"),
    ("stat_medad", "N72L", "mean absolute deviation from the median", "g/mL"),
    ("stat_cov", "7TET", "coefficient of variation with the n standard deviation"),
    ("stat_qcod", "9S40", "quartile coefficient of dispersion"),
    ("stat_energy", "N8CA", "sum of squares", "g2/mL2"),
    ("stat_rms", "5ZWQ", "root mean square", "g/mL"),
)

SPATIAL = _family(
    "autocorrelation, resampled",
    ("morph_moran_i", "N365", "Moran's I with inverse distances as weights"),
    ("morph_geary_c", "NPT7", "Geary's C with inverse distances as weights"),
)

HISTOGRAM = _family(
    "grey-level histogram, resampled",
    ("ih_entropy", "TLU2", "entropy of the grey levels, bits"),
    ("ih_uniformity", "BJ5W", "sum of squared grey-level probabilities"),
)

GLCM = _family(
    "co-occurrence matrix (3-D, merged), resampled",
    ("cm_joint_max", "GYBY", "joint maximum"),
    ("cm_joint_avg", "60VM", "joint average"),
    ("cm_joint_var", "UR99", "joint variance"),
    ("cm_joint_entr", "TU9B", "joint entropy, bits"),
    ("cm_diff_avg", "TF7R", "difference average"),
    ("cm_diff_var", "D3YU", "difference variance"),
    ("cm_diff_entr", "NTRS", "difference entropy, bits"),
    ("cm_sum_avg", "ZGXS", "sum average"),
    ("cm_sum_var", "OEEB", "sum variance"),
    ("cm_sum_entr", "P6QZ", "sum entropy, bits"),
    ("cm_energy", "8ZQL", "angular second moment"),
    ("cm_contrast", "ACUI", "contrast"),
    ("cm_dissimilarity", "8S9J", "dissimilarity"),
    ("cm_inv_diff", "IB1Z", "inverse difference"),
    ("cm_inv_diff_norm", "NDRX", "normalised inverse difference"),
    ("cm_inv_diff_mom", "WF0Z", "inverse difference moment"),
    ("cm_inv_diff_mom_norm", "1QCO", "normalised inverse difference moment"),
    ("cm_inv_var", "E8JP", "inverse variance"),
    ("cm_corr", "NI2N", "correlation"),
    ("cm_auto_corr", "QWB0", "autocorrelation"),
    ("cm_clust_tend", "DG8W", "cluster tendency"),
    ("cm_clust_shade", "7NFM", "cluster shade"),
    ("cm_clust_prom", "AE86", "cluster prominence"),
    ("cm_info_corr1", "R8DG", "first measure of information correlation"),
    ("cm_info_corr2", "JN9H", "second measure of information correlation"),
)

GLRLM = _family(
    "run-length matrix (3-D, merged), resampled",
    ("rlm_sre", "22OV", "short runs emphasis"),
    ("rlm_lre", "W4KF", "long runs emphasis"),
)

GLSZM = _family(
    "size-zone matrix (3-D), resampled",
    ("szm_sze", "5QRC", "small zone emphasis"),
    ("szm_lze", "48P8", "large zone emphasis"),
    ("szm_lgze", "XMSY", "low grey level zone emphasis"),
    ("szm_hgze", "5GN9", "high grey level zone emphasis"),
    ("szm_lzlge", "YH51", "large zone low grey level emphasis"),
    ("szm_lzhge", "J17V", "large zone high grey level emphasis"),
    ("szm_z_perc", "P30P", "zone percentage"),
    ("szm_zs_var", "3NSA", "zone size variance"),
    ("szm_zs_entr", "GU8N", "zone size entropy, bits"),
)

GLDZM = _family(
    "distance-zone matrix (3-D), resampled",
    ("dzm_sde", "0GBI", "small distance emphasis"),
    ("dzm_z_perc", "VIWW", "zone percentage"),
)

NGTDM = _family(
    "neighbourhood difference matrix (3-D), resampled",
    ("ngt_coarseness", "QCDE", "coarseness"),
    ("ngt_contrast", "65HE", "contrast"),
    ("ngt_busyness", "NQ30", "busyness"),
    ("ngt_complexity", "HDEZ", "complexity"),
    ("ngt_strength", "1X9X", "strength"),
)

NGLDM = _family(
    "grey-level dependence matrix (3-D), resampled",
    ("ngl_lde", "SODN", "low dependence emphasis"),
    ("ngl_hde", "IMOQ", "high dependence emphasis"),
)

TEXTURE = (*SPATIAL, *HISTOGRAM, *GLCM, *GLRLM, *GLSZM, *GLDZM, *NGTDM, *NGLDM)
"""Features of the resampled, discretised lesion."""

IBSI_FEATURES = (*FIRST_ORDER, *TEXTURE)
"""All features that carry their IBSI code in their name."""

NAME_OF = {f.tag: f.name for f in IBSI_FEATURES}
"""Record key by short name."""
