"""What a training is made of beside network, loss and augmentation."""

from lymphoscope.core.registry import Shelf

SUPERVISIONS = Shelf("supervision")
SAMPLERS = Shelf("sampler")
SCALES = Shelf("scale")
GRIDS = Shelf("grid")
OPTIMIZERS = Shelf("optimizer")
RATES = Shelf("rate")
INFERENCES = Shelf("inference")
PLANS = Shelf("plan")

SUPERVISIONS.put(
    "supervised",
    "lymphoscope.learn.supervision:Supervised",
    params={"average": "share that a running mean of the weights keeps of itself in a step; 0 for none"},
)
SUPERVISIONS.put(
    "gradnorm",
    "lymphoscope.learn.gradnorm:GradNorm",
    params={"alpha": "how much a task that learns slowly is pushed", "rate": "learning rate of the tasks' weights"},
)
SUPERVISIONS.put(
    "adversarial",
    "lymphoscope.learn.adversarial:Adversarial",
    params={
        "critic": "network that is to tell what is true from what the first one makes, given the images",
        "weight": "what it counts to the first network to be taken for true",
        "average": "share that a running mean of the first network's weights keeps of itself in a step; 0 for none",
        "optimizer": "what moves the critic; the recipe's when not given",
    },
    inner={"critic": "net", "optimizer": "optimizer"},
)

SAMPLERS.put(
    "patches",
    "lymphoscope.learn.sampling:Patches",
    params={
        "size": "side of a patch in voxels, one number or (z, y, x)",
        "positive": "share of patches centred on a lesion voxel; every lesion of a case is as likely as any other",
    },
)
SAMPLERS.put(
    "class_ratio",
    "lymphoscope.learn.sampling:ClassRatio",
    params={
        "size": "side of a patch in voxels, one number or (z, y, x)",
        "ratios": "of patches centred on no lesion, on one of the latest scan only, of the earlier only, of both",
    },
)
SAMPLERS.put(
    "slices",
    "lymphoscope.learn.sampling:Slices",
    params={
        "axis": "0 axial, 1 coronal, 2 sagittal",
        "size": "side of a slice in pixels, one number or two",
        "positive": "share of slices with a lesion voxel",
        "thick": "neighbouring slices given as channels; 1 for none",
    },
)
SAMPLERS.put(
    "whole",
    "lymphoscope.learn.sampling:Whole",
    params={"size": "side of a case in voxels, (z, y, x); that of the box it is cut to when a plan fits the data"},
)

SAMPLERS.put(
    "candidates",
    "lymphoscope.learn.candidates:Candidates",
    params={
        "size": "side of the box round a candidate, voxels, one number or (z, y, x)",
        "at": "probability in the last input from which a voxel belongs to a candidate",
        "positive": "share of examples that are lesions, found or true; the others are what was found elsewhere",
        "margin": "voxels shown round the box of a candidate, the rest being blank; all that fit when left out",
    },
)

SCALES.put(
    "windows",
    "lymphoscope.learn.scaling:windows",
    params={
        "suv": "SUV of 0 and of 1; several pairs make as many channels",
        "hu": "HU of 0 and of 1, likewise",
    },
)
SCALES.put(
    "compressed",
    "lymphoscope.learn.scaling:compressed",
    params={"suv": "SUV where linear turns into logarithmic", "hu": "HU of 0 and of 1"},
)
SCALES.put(
    "nnunet",
    "lymphoscope.learn.scaling:nnunet",
    params={
        "hu_range": "percentiles 0.5 and 99.5 of CT inside lesions of the training set",
        "hu_mean": "mean of CT inside lesions of the training set",
        "hu_sd": "standard deviation of the same",
    },
)

GRIDS.put("native", "lymphoscope.learn.grids:native", params={})
GRIDS.put(
    "spacing",
    "lymphoscope.learn.grids:spacing",
    params={
        "mm": "voxel size (z, y, x), mm; the median of the data when a plan fits them",
        "times": "how many times that median, where no size is given",
    },
)
GRIDS.put(
    "boxed",
    "lymphoscope.learn.grids:boxed",
    params={
        "mm": "sides of a box along (z, y, x), mm; what lies outside is cut off",
        "shape": "voxels it is made of, (z, y, x)",
        "centre": "image, or body: the middle of the box round all that takes up more than `above`",
        "above": "SUV, g/mL",
    },
)

OPTIMIZERS.put(
    "adamw",
    "lymphoscope.learn.optimizing:adamw",
    params={"rate": "learning rate", "decay": "weight decay", "betas": "how much of both running means is kept"},
)
OPTIMIZERS.put(
    "sgd",
    "lymphoscope.learn.optimizing:sgd",
    params={"rate": "learning rate", "decay": "weight decay", "momentum": "Nesterov momentum"},
)
OPTIMIZERS.put(
    "rmsprop",
    "lymphoscope.learn.optimizing:rmsprop",
    params={"rate": "learning rate", "decay": "weight decay", "momentum": "momentum", "rho": "smoothing", "eps": "ε"},
)

RATES.put("cosine", "lymphoscope.learn.optimizing:cosine", params={"warm_up": "share of the training that warms up"})
RATES.put("polynomial", "lymphoscope.learn.optimizing:polynomial", params={"power": "exponent"})
RATES.put(
    "stepped",
    "lymphoscope.learn.optimizing:stepped",
    params={"at": "share of the training at which the rate steps down", "factor": "what it is multiplied by then"},
)
RATES.put("constant", "lymphoscope.learn.optimizing:constant", params={})

INFERENCES.put(
    "sliding",
    "lymphoscope.learn.infer:Sliding",
    params={
        "overlap": "of neighbouring windows, share of their side",
        "mirror": "axes to mirror, as in zyx; empty for none",
        "blend": "gaussian or constant",
    },
)
INFERENCES.put(
    "slicewise",
    "lymphoscope.learn.infer:Slicewise",
    params={
        "overlap": "of neighbouring windows of a slice, share of their side",
        "mirror": "axes of the slice to mirror, y the first of them and x the second; empty for none",
        "blend": "gaussian or constant",
    },
)

INFERENCES.put(
    "each_candidate",
    "lymphoscope.learn.candidates:EachCandidate",
    params={"mirror": "axes to mirror, as in zyx; empty for none"},
)

INFERENCES.put(
    "box_windows",
    "lymphoscope.learn.detecting:BoxWindows",
    params={
        "overlap": "of neighbouring windows, share of their side",
        "mirror": "axes to mirror, as in zyx; empty for none",
        "least": "score below which a box is dropped",
        "most": "boxes looked at in a window",
        "within": "IoU from which boxes of one network are of one lesion; of a window the surest speaks",
        "across": "the same for boxes of several networks",
    },
)

PLANS.put("fit_data", "lymphoscope.recipes.planning:fit_data", params={})
PLANS.put("nnunet", "lymphoscope.recipes.nnunet_plan:nnunet", params={"memory_gb": "device memory planned for"})
PLANS.put(
    "nnunet_low_resolution",
    "lymphoscope.recipes.nnunet_plan:nnunet_low_resolution",
    params={"memory_gb": "device memory planned for"},
)
PLANS.put(
    "whole_image",
    "lymphoscope.recipes.whole_image:whole_image",
    params={"voxel": "least voxel along (z, y, x), mm, where no box is given; the median of the data when left out"},
)
PLANS.put(
    "fit_anchors",
    "lymphoscope.recipes.anchors:fit_anchors",
    params={"sizes": "sizes of anchors at each level"},
)
PLANS.put("as_given", "lymphoscope.recipes.planning:as_given", params={})
