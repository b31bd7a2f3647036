"""Losses by name."""

from lymphoscope.core.registry import Shelf

LOSSES = Shelf("loss")
"""Builders ``(**params) -> lymphoscope.learn.losses.loss.Loss``. Fact ``of``: ``labels`` for a loss of logits and
labels of one size, ``outputs`` for one of all outputs of a network and the whole batch, ``either`` for one that is what
its terms are. Fact ``formula``: what is computed, for the reference page; ``source``: where it was published."""

_LABELS = "labels"
_OUTPUTS = "outputs"

LOSSES.put(
    "ce",
    "lymphoscope.learn.losses.voxel:CrossEntropy",
    of=_LABELS,
    formula="−mean log p of the true class",
    source="Ronneberger et al., MICCAI 2015",
    params={},
)
LOSSES.put(
    "weighted_ce",
    "lymphoscope.learn.losses.voxel:WeightedCrossEntropy",
    of=_LABELS,
    formula="cross-entropy with class weights N / (K n_c), n_c counted in the batch",
    source="Wu et al., Front. Immunol. 2025",
    params={"weights": "one a class, instead of counting", "limits": "smallest and largest weight that is counted"},
)
LOSSES.put(
    "focal",
    "lymphoscope.learn.losses.voxel:Focal",
    of=_LABELS,
    formula="−mean α (1 − p)^γ log p of the true class",
    source="Lin et al., ICCV 2017",
    params={"gamma": "how much easy voxels are held down", "alpha": "factor, one number or one a class"},
)
LOSSES.put(
    "bce",
    "lymphoscope.learn.losses.voxel:BinaryCrossEntropy",
    of=_LABELS,
    formula="−mean over lesion classes and voxels of g log p + (1 − g) log(1 − p)",
    source="Zhou et al., DLMIA 2018",
    params={},
)
LOSSES.put(
    "cosine_sine",
    "lymphoscope.learn.losses.voxel:CosineSine",
    of=_LABELS,
    formula="−mean of g cos^γ(πp/2) log p + (1 − g) sin^γ(πp/2) log(1 − p)",
    source="after Xu et al., DiSegNet 2021: the formula is ours, from the stated property",
    params={"gamma": "exponent", "plain": "true for mean g cos(πp/2) + (1 − g) sin(πp/2), for comparison"},
)
LOSSES.put(
    "border_ce",
    "lymphoscope.learn.losses.border:BorderCrossEntropy",
    of=_LABELS,
    formula="mean of w CE, w = w_c + w₀ exp(−(d₁ + d₂)² / 2σ²) between lesions, d₁ and d₂ to the two nearest ones",
    source="Ronneberger et al., MICCAI 2015",
    params={"height": "w₀", "sigma": "σ, voxels", "limits": "smallest and largest class weight w_c"},
)
_OVERLAP = {
    "background": "true to count the background as a class",
    "batchwise": "true to take the examples of a batch as one image",
    "smooth": "added above and below",
}
LOSSES.put(
    "dice",
    "lymphoscope.learn.losses.region:Dice",
    of=_LABELS,
    formula="1 − (2 Σpg + s) / (Σp + Σg + s), mean over classes",
    source="Milletari et al., 3DV 2016",
    params={"squared": "true for Σp² and Σg² below", **_OVERLAP},
)
LOSSES.put(
    "tversky",
    "lymphoscope.learn.losses.region:Tversky",
    of=_LABELS,
    formula="1 − (TP + s/2) / (TP + α FP + β FN + s/2), soft sums",
    source="Salehi et al., MLMI 2017",
    params={"alpha": "weight of false positives", "beta": "weight of false negatives", **_OVERLAP},
)
LOSSES.put(
    "class_balanced_dice",
    "lymphoscope.learn.losses.region:ClassBalancedDice",
    of=_LABELS,
    formula="Σ w_c (1 − (2 Σpg + s) / (Σp + Σg + s)) / C, w_c ∝ (1 − β) / (1 − β^n_c)",
    source="after Liu et al.; effective number of Cui et al., CVPR 2019",
    params={
        "beta": "0 for equal weights, towards 1 for inverse frequency",
        "counts": "voxels a class in the training set, instead of counting in the batch",
        "batchwise": "true to take the examples of a batch as one image",
        "smooth": "added above and below",
    },
)
LOSSES.put(
    "structure",
    "lymphoscope.learn.losses.region:Structure",
    of=_LABELS,
    formula="Σw BCE / Σw + 2 (1 − (Σwpg + 1) / (Σw(p + g − pg) + 1)), w = 1 + 5 |mean of g in a window − g|",
    source="Wei et al., AAAI 2020",
    params={"window": "side of the window, voxels, odd", "overlap": "factor of the second term"},
)
LOSSES.put(
    "boundary",
    "lymphoscope.learn.losses.boundary:Boundary",
    of=_LABELS,
    formula="kervadec: mean p φ_G, φ_G signed distance, below 0 inside; "
    "bidirectional: mean |∇p| D_∂G + mean ∂g D_∂P; distances in voxels",
    source="Kervadec et al., MIDL 2019; Wu et al., Front. Immunol. 2025, equation 4",
    params={"form": "kervadec or bidirectional"},
)
LOSSES.put(
    "boundary_gradient",
    "lymphoscope.learn.losses.outline:BoundaryGradient",
    of=_LABELS,
    formula="mean of | ‖S p‖ − ‖S g‖ | over dilated without eroded g, S the Sobel gradient",
    source="after Zhu et al., CGBO-Net 2022",
    params={},
)
LOSSES.put(
    "irregularity",
    "lymphoscope.learn.losses.outline:Irregularity",
    of=_LABELS,
    formula="(BI(p) − BI(g))², BI(m) = 1 − 2 Σ m S(m) / (Σ m + Σ S(m)), S(m) = max(0, 2 (G∗m) − 1), slice by slice",
    source="after Jurdi et al.",
    params={"sigma": "width of the Gaussian G, voxels"},
)
LOSSES.put(
    "prior_shift",
    "lymphoscope.learn.losses.prior_shift:PriorShift",
    of=_LABELS,
    formula="λ₁ Σ_c mean of −(e_c − q)^γ log q over q < e_c, plus λ₂ Σ_c (e_c − mean q)²; q of the true class",
    source="after Wang et al., PSR-Net 2022: the formulas are ours",
    params={
        "classes": "of the network, background included",
        "gamma": "exponent",
        "start": "expected confidence e_c before training",
        "weights": "λ₁ and λ₂",
    },
)
LOSSES.put(
    "sum",
    "lymphoscope.learn.losses.sums:Sum",
    of="either",
    formula="Σ w_i L_i",
    source="",
    params={"terms": "the losses", "weights": "one a term; 1 each when not given"},
    inner={"terms": "loss"},
)
LOSSES.put(
    "ramp",
    "lymphoscope.learn.losses.sums:Ramp",
    of="either",
    formula="w L, w running straight from start to end over the first share of the training",
    source="Kervadec et al., MIDL 2019",
    params={
        "loss": "the loss",
        "start": "weight at the first step",
        "end": "weight from the end of the ramp on",
        "until": "share of the training at which the ramp ends",
    },
    inner={"loss": "loss"},
)
LOSSES.put(
    "candidate_ce",
    "lymphoscope.learn.losses.candidates:CandidateCrossEntropy",
    of=_OUTPUTS,
    formula="−mean log p of the class of most lesion voxels of a candidate, background where it has none",
    source="",
    params={},
)
LOSSES.put(
    "boxes",
    "lymphoscope.learn.losses.detection:BoxLoss",
    of=_OUTPUTS,
    formula="cross-entropy of anchors (some, or focal of all) + mean 1 − GIoU, or smooth L1, of those of lesions",
    source="Baumgartner et al., MICCAI 2021; Lin et al., ICCV 2017; anchors by Zhang et al., CVPR 2020",
    params={
        "objects": "sampled (some anchors, the negatives from the surest) or focal (α ¼, γ 2, of all)",
        "boxes": "giou, l1 or both",
        "candidates": "nearest anchors of each level and shape among which a lesion's are chosen",
        "sampled": "anchors of an example that count",
        "positive": "share of them that are lesions",
        "pool": "negatives are drawn from so many times their number of the surest",
    },
)
LOSSES.put(
    "l1",
    "lymphoscope.learn.losses.image:AbsoluteDifference",
    of=_OUTPUTS,
    formula="mean |made − wanted| of an image, as it is scaled",
    source="Isola et al., CVPR 2017",
    params={},
)
LOSSES.put(
    "by_example",
    "lymphoscope.learn.losses.partial:ByExample",
    of="either",
    formula="mean over examples of L of each by itself, those of which nothing is known left out",
    source="",
    params={"loss": "of labels", "complete": "true to leave out those without a voxel known to be background"},
    inner={"loss": "loss"},
)
LOSSES.put(
    "feature_consistency",
    "lymphoscope.learn.losses.partial:FeatureConsistency",
    of=_OUTPUTS,
    formula="Σ over levels of 1 − cos(a, b) + max(0, cos(a, n) − margin); a, b, n mean features where a lesion is "
    "marked, where p > ½ and where p < 0.1, in examples without a voxel known to be background",
    source="after Huang et al., Comput Biol Med 2022;151:106230: the formula is ours",
    params={"margin": "how alike marked lesion and background may be"},
)
LOSSES.put(
    "deep",
    "lymphoscope.learn.losses.outputs:Deep",
    of=_OUTPUTS,
    formula="Σ w_i L(logits_i, labels at their size); labels shrink so that a lesion of one voxel stays",
    source="Lee et al., AISTATS 2015; weights of Isensee et al., Nat. Methods 2021",
    params={
        "loss": "the loss at each level",
        "weights": "one a level, finest first; when not given 1, ½, ¼ …, the coarsest 0, divided by their sum",
        "smaller": "how labels come to a coarser level: max, or nearest; none to enlarge the logits",
    },
    inner={"loss": "loss"},
)
LOSSES.put(
    "each_scan",
    "lymphoscope.learn.losses.scans:EachScan",
    of=_OUTPUTS,
    formula="Σ over scans of w L(outputs of the scan, its labels)",
    source="Tie et al., Radiol Artif Intell 2025",
    params={"loss": "the loss of one scan", "weights": "one a scan, the latest first; equal shares when not given"},
    inner={"loss": "loss"},
)
LOSSES.put(
    "outcome_ce",
    "lymphoscope.learn.losses.outputs:OutcomeCrossEntropy",
    of=_OUTPUTS,
    formula="−mean of w_y log p_y, p = Σ a_i softmax(risk_i), cases without outcome left out",
    source="Liu et al. 2022",
    params={
        "target": "name of the outcome; when not given the only one of the batch",
        "levels": "a_i, one for each output of the risk head; equal when not given",
        "weights": "w of outcome 0 and of outcome 1; balanced: the share of the other one among the training cases "
        "of the fold; 1 when not given",
    },
)
LOSSES.put(
    "homoscedastic",
    "lymphoscope.learn.losses.balance:Homoscedastic",
    of=_OUTPUTS,
    formula="Σ exp(−s_i) L_i + s_i, s_i learnt",
    source="Kendall et al., CVPR 2018:7482",
    params={"terms": "the losses, one a task"},
    inner={"terms": "loss"},
)
LOSSES.put(
    "dynamic_average",
    "lymphoscope.learn.losses.balance:DynamicAverage",
    of=_OUTPUTS,
    formula="Σ w_i L_i, w_i = K softmax(r_i / T), r_i the loss of the last epoch over that of the one before",
    source="Liu et al., CVPR 2019:1871",
    params={
        "terms": "the losses, K of them, one a task",
        "temperature": "T",
        "epochs": "parts of the training that count as an epoch",
    },
    inner={"terms": "loss"},
)
LOSSES.put(
    "each",
    "lymphoscope.learn.losses.sources:Each",
    of=_OUTPUTS,
    formula="Σ over sources of a loss of what the source says alone",
    source="Huang et al., MICCAI 2022:401",
    params={"loss": "of labels"},
    inner={"loss": "loss"},
)
LOSSES.put(
    "concordance",
    "lymphoscope.learn.losses.sources:Concordance",
    of=_OUTPUTS,
    formula="1 − 2 Σ p₁p₂ / (Σ p₁² + Σ p₂²) of the lesion probabilities of two sources",
    source="after Huang et al., arXiv 2108.05422 (2021)",
    params={"smooth": "added above and below"},
)
_CHANNEL = {"channel": "number of the image that is clustered"}
LOSSES.put(
    "fuzzy",
    "lymphoscope.learn.losses.fuzzy:RobustFuzzyCMeans",
    of=_OUTPUTS,
    formula="mean Σ_k u_k^q (y − v_k)² + β mean Σ_k u_k^q Σ_{neighbours} Σ_{m≠k} u_m^q; no mask is needed",
    source="Chen et al., Med Phys 2021;48:6185",
    params={"beta": "β", "exponent": "q", **_CHANNEL},
)
LOSSES.put(
    "labelled_fuzzy",
    "lymphoscope.learn.losses.fuzzy:LabelledFuzzyCMeans",
    of=_LABELS,
    formula="mean C⁻¹ Σ_k u_k^q (g_k − 1)²",
    source="Chen et al., Med Phys 2021;48:6185",
    params={"exponent": "q"},
)
LOSSES.put(
    "mumford_shah",
    "lymphoscope.learn.losses.fuzzy:MumfordShah",
    of=_OUTPUTS,
    formula="mean Σ_k u_k (y − c_k)² + μ TV(u); no mask is needed",
    source="Kim and Ye, IEEE Trans Image Process 2020;29:1856",
    params={"mu": "μ", **_CHANNEL},
)
