"""The networks that every other method is compared with."""

from __future__ import annotations

from dataclasses import replace

from lymphoscope.recipes.parts.augments import NNUNET_AUGMENT
from lymphoscope.recipes.shelf import Recipes
from lymphoscope.recipes.spec import PET_CT, Learn, Recipe, Stage, Use, use

SHARED = (
    "Trained from new weights on PET (SUV 0 to 30) and CT (−150 to 250 HU) as two channels by AdamW with a cosine "
    "learning rate, as all networks here are unless said otherwise."
)
"""How the networks here differ from their papers, where a recipe says nothing else."""

_SLICES = use("slices", positive=0.5)
_SLICEWISE = use("slicewise")
_OWN_DECODER = "The paper classifies whole images; the decoder, as in a U-Net, is ours. Its finest level has stride 2."
_DICE_CE = use("sum", terms=(use("dice"), use("ce")))
_BCE_DICE = use("sum", terms=(use("bce"), use("dice")), weights=(0.5, 1.0))


def _one(learn: Learn) -> tuple[Stage, ...]:
    return (Stage("lesions", PET_CT, learn=learn),)


def _planes(net: Use, **more: object) -> Learn:
    """Trained on slices, twelve a step."""
    return Learn(net, sampler=_SLICES, batch=12, infer=_SLICEWISE, **more)  # type: ignore[arg-type]


_OUR_NNUNET = (
    "Its plan, network and training by our own code; what the plan leaves out and how the augmentations differ is said "
    "there. One network, without its cascade, its choice among configurations and its rule on components."
)
_NNUNET = Learn(
    use("unet", down="stride", act="leaky_relu", bias=True),
    loss=use("deep", loss=_DICE_CE),
    sampler=use("patches", positive=0.33),
    scale=use("nnunet"),
    augment=NNUNET_AUGMENT,
    optimizer=use("sgd", rate=1e-2, decay=3e-5, momentum=0.99),
    rate=use("polynomial", power=0.9),
    steps=250_000,
    infer=use("sliding", overlap=0.5, mirror="zyx"),
    plan=use("nnunet"),
)

_DEEPLAB = Recipe(
    "b7-deeplabv3",
    "DeepLabv3 with a low-level decoder",
    _one(Learn(use("deeplabv3", low=48))),
    paper="Chen et al., arXiv 1706.05587 (2017); Chen et al., ECCV 2018:833",
    status="reimplemented",
    differs=f"{SHARED} In three dimensions, with rates 2, 4 and 6 instead of 6, 12 and 18, since 96 voxels leave 6 "
    "at stride 16. The branch of the image's mean has no norm. No CRF afterwards.",
)

BASELINES = Recipes(
    "recipe",
    Recipe(
        "b1-resnet",
        "ResNet-34 with a decoder",
        _one(Learn(use("resunet", depth=34))),
        paper="He et al., CVPR 2016:770",
        status="reimplemented",
        differs=f"{SHARED} In three dimensions. {_OWN_DECODER}",
    ),
    Recipe(
        "b2-unet2d",
        "U-Net, slice by slice",
        _one(_planes(use("unet", widths=(64, 128, 256, 512, 1024), norm="auto", batch=12))),
        paper="Ronneberger et al., MICCAI 2015:234",
        status="reimplemented",
        differs=f"{SHARED} Convolutions keep the size, a norm follows each, and the loss is Dice and cross-entropy; "
        "mf02-unet has the paper's loss.",
    ),
    Recipe(
        "b3-unet3d",
        "U-Net in three dimensions",
        _one(Learn(use("unet", widths=(32, 64, 128, 256, 512), norm="auto", batch=2))),
        paper="Çiçek et al., MICCAI 2016:424",
        status="reimplemented",
        differs=f"{SHARED} Five levels, both convolutions of a level equally wide, instance norm for batches of two, "
        "loss of Dice and cross-entropy; mf03-unet3d has the paper's widths, norm and loss.",
    ),
    Recipe(
        "b4-densenet",
        "DenseNet-121 with a decoder",
        _one(Learn(use("dense_unet", decoder_widths=(32, 64, 128, 256), save_memory=True))),
        paper="Huang et al., CVPR 2017:4700",
        status="reimplemented",
        differs=f"{SHARED} In three dimensions. {_OWN_DECODER}",
    ),
    Recipe(
        "b5-vnet",
        "V-Net",
        _one(Learn(use("vnet"), loss=use("dice", squared=True))),
        paper="Milletari et al., 3DV 2016:565",
        status="reimplemented",
        differs=f"{SHARED} Each convolution is followed by an instance norm, which the paper has not; the image is "
        "added to the first stage through a 1×1 convolution, since it has two channels.",
    ),
    Recipe(
        "b6-deepmedic",
        "DeepMedic",
        _one(
            Learn(
                use("deepmedic"),
                loss=use("ce"),
                sampler=use("patches", size=9, positive=0.5),
                batch=10,
                optimizer=use("rmsprop", rate=1e-3, decay=1e-4, momentum=0.6, rho=0.9, eps=1e-4),
                infer=use("sliding", overlap=0.0, blend="constant"),
            )
        ),
        paper="Kamnitsas et al., Med Image Anal 2017;36:61",
        status="reimplemented",
        differs="Trained on PET and CT from new weights. One network instead of an ensemble, no L1 penalty, cosine "
        "learning rate, momentum not Nesterov's; the coarse way sees means over 3 voxels; no CRF afterwards. Windows "
        "of prediction are those of training (9 voxels instead of 29).",
    ),
    _DEEPLAB,
    replace(
        _DEEPLAB,
        id="b7-deeplabv3-crf",
        title="DeepLabv3 with a low-level decoder and a mean field",
        paper=f"{_DEEPLAB.paper}; Krähenbühl and Koltun, NeurIPS 2011",
        differs=_DEEPLAB.differs.replace(
            "No CRF afterwards.",
            "The CRF looks at 5³ voxels of PET alone and weighs agreement by 3 logits, which is ours; the paper of "
            "version 3 has none.",
        ),
        post=(use("mean_field"),),
    ),
    Recipe(
        "b8-nnunet",
        "nnU-Net at full resolution",
        _one(_NNUNET),
        paper="Isensee et al., Nat Methods 2021;18:203",
        status="reimplemented",
        differs=_OUR_NNUNET,
    ),
    Recipe(
        "b8-nnunet-2d",
        "nnU-Net, slice by slice",
        _one(
            replace(
                _NNUNET,
                sampler=use("slices", positive=0.33),
                infer=use("slicewise", mirror="yx"),
            )
        ),
        paper="Isensee et al., Nat Methods 2021;18:203",
        status="reimplemented",
        differs=_OUR_NNUNET,
    ),
    Recipe(
        "mf01-fcn8s",
        "FCN-8s, slice by slice",
        _one(_planes(use("fcn8s", widths=(16, 32, 64, 128, 128), bottom=128), heads=(use("fcn"),), loss=use("ce"))),
        paper="Long et al., CVPR 2015:3431",
        status="reimplemented",
        differs=f"{SHARED} A quarter of VGG-16's width or less, a batch norm after each convolution, and all three "
        "scores trained at once.",
    ),
    Recipe(
        "mf02-unet",
        "U-Net, slice by slice, with weight between lesions",
        _one(
            _planes(
                use("unet", widths=(64, 128, 256, 512, 1024), norm="auto", batch=12),
                loss=use("border_ce", height=10.0, sigma=5.0),
            )
        ),
        paper="Ronneberger et al., MICCAI 2015:234",
        status="reimplemented",
        differs=f"{SHARED} Convolutions keep the size, and a batch norm follows each.",
    ),
    Recipe(
        "mf03-unet3d",
        "3D U-Net from sparse marks",
        _one(
            Learn(
                use("unet", widths=((32, 64), (64, 128), (128, 256), (256, 512)), norm="batch"),
                loss=use("ce"),
                train_on="partial",
            )
        ),
        paper="Çiçek et al., MICCAI 2016:424",
        status="reimplemented",
        differs=f"{SHARED} On the way up each level is as wide as its skip before both are joined.",
    ),
    Recipe(
        "mf04-unetpp",
        "U-Net++, slice by slice",
        _one(
            _planes(
                use("unetpp", widths=(32, 64, 128, 256, 512), norm="batch"),
                heads=(use("segment", levels=(0, 1, 2, 3), average=True),),
                loss=use("deep", loss=_BCE_DICE, weights=(0.25, 0.25, 0.25, 0.25)),
            )
        ),
        paper="Zhou et al., DLMIA 2018:3",
        status="reimplemented",
        differs=f"{SHARED} A batch norm follows each convolution.",
    ),
)
"""Networks of the literature that made no claim about lymphoma."""
