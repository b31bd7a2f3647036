"""The message catalogue: every code a user can meet, what it means and what to do. The reference page is made from it.

``XXX-E-*`` stops the study, ``XXX-W-*`` goes on and is printed on the report, ``XXX-I-*`` goes to the log.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple


class Code(NamedTuple):
    """Meaning of a message code.

    Attributes:
        means: What the code says, in general.
        effect: What it does to the result; empty where the study is refused.
        fix: What the user can do.
    """

    means: str
    effect: str = ""
    fix: str = ""


_CODES = {
    # reading
    "IO-E-NOTHING": Code("no image was found", fix="Give a DICOM folder, a zip of one, or NIfTI files with --suv."),
    "IO-E-NOPET": Code("no usable PET series was found", fix="Run `lymphoscope series` to see why each was refused."),
    "IO-E-CHOOSE": Code("several series fit equally well", fix="Name one with --pet-series or --ct-series."),
    "IO-E-PATH": Code("the path does not exist or cannot be read", fix="Check the path and its permissions."),
    "IO-E-GAP": Code("slices are missing inside the series", fix="Send the series again from the archive."),
    "IO-E-SPACING": Code("slices are not evenly spaced", fix="Export the original, unprocessed series."),
    "IO-E-DUPPOS": Code(
        "different slices lie at the same position", fix="Separate the reconstructions or time frames."
    ),
    "IO-E-DUPUID": Code("one SOP instance UID, two contents", fix="Send the series again from the archive."),
    "IO-E-MIXEDPATIENT": Code("images of more than one patient or study", fix="Give one study at a time."),
    "IO-E-SLICESIZE": Code("slices differ in size, pixel spacing or direction", fix="Export the original series."),
    "IO-E-POSITION": Code("position or orientation is missing in a slice", fix="Export with the geometry tags kept."),
    "IO-E-TILT": Code("the gantry is tilted", fix="Export a reconstruction without tilt."),
    "IO-E-DYNAMIC": Code("the PET is dynamic", fix="Give the static reconstruction, or one time frame."),
    "IO-E-GATED": Code("the PET is gated", fix="Give the ungated reconstruction, or one gate."),
    "IO-E-BEDS": Code("the beds were not joined into one series", fix="Export the whole-body reconstruction."),
    "IO-E-ENHANCED": Code("enhanced multi-frame PET is not supported", fix="Export classic single-frame PET."),
    "IO-E-SYNTAX": Code("the pixel compression cannot be decoded", fix="Export uncompressed or JPEG lossless."),
    "IO-E-LOSSY": Code("the PET was compressed with loss", fix="Export the original pixels."),
    "IO-E-TRUNCATED": Code("a file is cut short", fix="Send the series again from the archive."),
    "IO-E-PIXELS": Code("pixel data are missing or contradict the header", fix="Export the original series."),
    "IO-E-SLOPE": Code("rescale slope is missing or zero", fix="Export the original series."),
    "IO-E-SIZE": Code("the image is too large", fix="Crop it, or use a machine with more memory and a newer limit."),
    "IO-E-ARCHIVE": Code("the archive is not safe to unpack", fix="Unpack it yourself and give the folder."),
    "IO-E-PATIENTPAIR": Code("PET and CT are not of the same patient", fix="Give one patient at a time."),
    "IO-E-NIFTI": Code("the NIfTI file cannot be read", fix="Check that the file is complete and three-dimensional."),
    "IO-E-AFFINE": Code("the NIfTI file does not say where its voxels lie", fix="Write it with a qform or sform."),
    "IO-E-NIFTIUNIT": Code(
        "the unit of a NIfTI PET is not known", fix="Add --suv if its values are SUV (body weight)."
    ),
    "IO-E-MASK": Code(
        "the mask file cannot be read", fix="Give a DICOM segmentation, an RT structure set or a NIfTI label map."
    ),
    "IO-E-BOXES": Code("the table of boxes cannot be read", fix="Give tables as `lymphoscope predict` writes them."),
    "IO-E-WRITE": Code("the result could not be written", fix="Check space and permissions of the output folder."),
    "IO-E-LOCKED": Code("another run is writing this case", fix="Wait for it, or give another output folder."),
    "IO-W-NAC": Code("a series without attenuation correction was left out"),
    "IO-W-SKIPPED": Code("files that are not images were skipped"),
    "IO-W-DUPLICATE": Code("identical copies of slices were dropped"),
    "IO-W-ENDS": Code("the series is shorter than its header says", "Disease beyond its ends is not counted."),
    "IO-W-DROPPED": Code("localizers, projections or secondary captures were dropped"),
    "IO-W-HEADER": Code("the header breaks the DICOM standard", "What could be understood was used."),
    "IO-W-LOSSY": Code("the CT was compressed with loss", "It is used for anatomy only."),
    "IO-W-NOCT": Code("no CT", "Anatomy is judged from PET alone; more regions are doubtful."),
    "IO-W-SUVDECLARED": Code("values were declared to be SUV by the user", "Nothing about the SUV could be checked."),
    "IO-W-AFFINE": Code("qform and sform disagree", "The sform is used."),
    "IO-W-POSITION": Code("the patient does not lie head first and supine", "The grid is followed as written."),
    "IO-W-ANISO": Code("voxels are thick", "SUVpeak and texture are less reliable."),
    "IO-W-TINY": Code("the image is small", "Whole-body quantities mean little."),
    "IO-W-NEGATIVE": Code("the PET has negative values", "They are kept as they are."),
    "IO-W-NONFINITE": Code("values outside the body were not finite", "They do not bear on any number."),
    "IO-W-PADDING": Code("CT padding lies below air", "They were raised to that."),
    "IO-W-PETMR": Code("the study has MR instead of CT", "PET is read alone."),
    # SUV
    "SUV-E-MODALITY": Code("the series is not PET", fix="Give the PET series."),
    "SUV-E-NAC": Code("the PET is not corrected for attenuation", fix="Give the attenuation-corrected series."),
    "SUV-E-UNITS": Code("SUV cannot be computed from these units", fix="Export the series in Bq/mL."),
    "SUV-E-DECAY": Code("the decay correction is missing or unknown", fix="Export the original header."),
    "SUV-E-DECY-CONFLICT": Code("the header contradicts itself about decay correction", fix="Ask the scanner's owner."),
    "SUV-E-WEIGHT": Code("body weight is missing", fix="Supply --weight-kg (recorded in the audit log)."),
    "SUV-E-WEIGHT-RANGE": Code("body weight is impossible", fix="Supply --weight-kg (recorded in the audit log)."),
    "SUV-E-HEIGHT": Code("height is missing or impossible", fix="Supply --height-m (recorded in the audit log)."),
    "SUV-E-SWAP": Code("weight and height look exchanged", fix="Supply --weight-kg and --height-m."),
    "SUV-E-DOSE": Code("injected activity is missing", fix="Supply --dose-mbq (recorded in the audit log)."),
    "SUV-E-DOSE-RANGE": Code("injected activity is impossible", fix="Supply --dose-mbq (recorded in the audit log)."),
    "SUV-E-HALFLIFE": Code("half-life is missing and the nuclide unknown", fix="Correct the header."),
    "SUV-E-TIME": Code("a time SUV depends on is missing", fix="Supply --injection-time or --reference-time."),
    "SUV-E-NEGATIVE-UPTAKE": Code("injection lies after the scan", fix="Supply --injection-time or --reference-time."),
    "SUV-E-UPTAKE-LONG": Code("more than six hours of uptake", fix="Supply --injection-time or --reference-time."),
    "SUV-E-MIXED": Code("slices disagree about facts that hold for the series", fix="Separate the series."),
    "SUV-E-OVERRIDE": Code(
        "a value given cannot act on this series", fix="Leave it out, or export the series in Bq/mL."
    ),
    "SUV-E-NONFINITE": Code("SUV is not finite", fix="Export the original series."),
    "SUV-W-SEX": Code("sex is not male or female", "The mean of both formulas is used."),
    "SUV-W-LBM-JAMES-RANGE": Code("James lean mass is beyond its range", "Use another lean body mass there."),
    "SUV-W-FRT-INCONSISTENT": Code("frame reference times disagree", "They were not used."),
    "SUV-W-REF-EARLIEST-ACQ": Code("decay reference assumed at the first slice", "SUV may be some percent off."),
    "SUV-W-REFTIME-CONFLICT": Code(
        "header times differ", "SUV depends on which is right.", "Check the scanner's decay reference."
    ),
    "SUV-W-PHILIPS-CROSSCHECK": Code("the two Philips factors disagree", "SUV may be off by that much."),
    "SUV-W-INJ-DATE-ASSUMED": Code(
        "the injection's date was assumed", "It was taken for the last such time before the scan."
    ),
    "SUV-W-INJ-CONFLICT": Code("two injection times differ", "SUV depends on which is right."),
    "SUV-W-NONE-OVERLAP": Code("PET without decay correction", "Where beds overlap SUV is slightly off."),
    "SUV-W-INTERCEPT": Code("rescale intercept is not zero", "It was applied."),
    "SUV-W-WEIGHT-GRAMS": Code("weight was read as grams"),
    "SUV-W-HEIGHT-CM": Code("height was read as centimetres"),
    "SUV-W-DOSE-MBQ": Code("activity was read as MBq"),
    "SUV-W-ACTIVITY": Code("unusual activity per body weight", "Weight or activity may be wrong."),
    "SUV-W-HALFLIFE": Code("half-life differs from the nuclide's", "The file's value is used."),
    "SUV-W-HALFLIFE-TABLE": Code("half-life is missing", "The nuclide's table value is used."),
    "SUV-W-UPTAKE": Code("unusual uptake time", "Compare only with scans of similar timing."),
    "SUV-W-LIVER": Code("unusual liver SUV", "Weight, dose or time may be wrong, or the liver diseased."),
    "SUV-W-PLAUSIBLE": Code("implausible SUV", "The unit or a header fact may be wrong.", "Check the audit record."),
    "SUV-W-OVERRIDE": Code("a header fact was replaced by the user", "The report prints it."),
    "SUV-I-UNUSED": Code("a header fact is unusable, and SUV did not need it"),
    "SUV-I-CANDIDATES": Code("reference times found"),
    "TRACER-E-NOTFDG": Code("the tracer is not FDG", fix="Methods are for FDG; --research-tracer overrides, marked."),
    "TRACER-W-UNKNOWN": Code("the tracer is not named", "Taken to be FDG."),
    "TRACER-W-RESEARCH": Code("methods for FDG were applied to another tracer", "Research only."),
    # geometry
    "GEO-E-AFFINE": Code("the grid is not a grid", fix="Write the file with a valid matrix."),
    "GEO-E-MASKGRID": Code("grids differ", fix="Supply the mask on the PET grid, or in the PET's frame of reference."),
    "GEO-E-MASKLABELS": Code("the mask's labels are not usable", fix="Supply whole numbers; name labels by a map."),
    "GEO-E-UNIT": Code("an image in another unit is needed"),
    "GEO-E-ALIGN": Code("PET and CT do not show the same body", fix="Check that both are of one examination."),
    "GEO-E-REGISTER": Code("two images cannot be registered", fix="Check that both show the same part of one body."),
    "GEO-E-MASKFLIP": Code("the mask fits only when mirrored", fix="Write the mask in the same convention as the PET."),
    "GEO-W-COVERAGE": Code("the CT does not cover the PET", "Beyond it PET is judged alone."),
    "GEO-W-ALIGN": Code("PET and CT agree poorly", "Organ positions are less certain."),
    "GEO-W-ORGANS": Code("organs lie apart in PET and CT", "Masks and CT may not fit there.", "Look at the pictures."),
    "GEO-W-MISSING": Code("the CT does not show the whole body", "Arms may be cut off or have moved."),
    "GEO-W-DEFORM": Code("the CT was not deformed", "It lies as its rigid registration put it."),
    "GEO-W-FRAME": Code("PET and CT have different frames of reference", "They were matched by position only."),
    "GEO-W-FLIP": Code("left and right may be exchanged", "Sites would be on the wrong side."),
    "GEO-W-MASKRESAMPLED": Code("a mask was brought to the PET grid", "The edge may move by half a voxel."),
    "GEO-W-MASKPART": Code("part of what was drawn was left out", "It is not in the volume."),
    "GEO-W-MASKSMALL": Code("contours hold no voxel", "They add no volume."),
    "GEO-W-MASKGAPS": Code("slices between contours hold none", "Their volume is not counted."),
    "GEO-W-MASKOVERLAP": Code("segments overlap", "Voxels drawn twice are counted once."),
    "GEO-W-MASKLARGE": Code("the mask covers much of the body", "It may be inverted."),
    "GEO-W-MASKOUTSIDE": Code("part of the mask lies outside the body", "Mask and PET may not belong together."),
    "FOV-W-CUT": Code("the field of view cuts disease", "TMTV is a lower limit."),
    "FOV-W-PARTIAL": Code("part of the body was not scanned", "Disease beyond is not counted."),
    # segmentation
    "SEG-W-LOWCONTRAST": Code("a relative threshold reaches below SUV 2.05", "Background may be counted."),
    "SEG-W-DIFFUSE-MARROW": Code("diffuse marrow uptake excluded", "Focal disease inside cannot be ruled out."),
    "SEG-W-ORGAN-CONFLICT": Code("a lesion overlaps an organ", "Confirm or remove."),
    "SEG-W-CUT": Code("a lesion joined to an organ was cut from it", "The cut's place is uncertain."),
    "SEG-W-DOUBTFUL": Code("regions need a reader's decision", "TMTV is given with them in and out."),
    "SEG-W-EXTRAVASATION": Code(
        "tracer may have leaked at the injection site", "If it is leaked tracer, all SUV are too low."
    ),
    "SEG-E-REFERENCE": Code("the method needs a reference organ that was not found", fix="Supply --organs."),
    "SEG-W-REFERENCE": Code("a method was left out for want of a reference organ", fix="Supply --organs."),
    "SEG-I-DRAWN": Code("lesions were drawn elsewhere", "They are measured as they are.", "Choose with --segments."),
    "SEG-W-NETWORK": Code(
        "a network drew the lesions", "Where it was not trained it may be wrong.", "Read `lymphoscope models show`."
    ),
    "SEG-W-AGAINST": Code(
        "the network that comes with the program and the rules differ on regions",
        "They are doubtful.",
        "Read them first.",
    ),
    "SEG-W-NOLOOK": Code(
        "the network that comes with the program could not look at the regions",
        "The rules decided alone.",
        "Install the program again.",
    ),
    "SEG-I-NOLOOK": Code(
        "the network that comes with the program was not asked about the regions", "The rules decided alone."
    ),
    "SEG-W-DOMAIN": Code("the study differs from what the model was trained on", "Its lesions are less certain."),
    "SEG-W-NOORGANS": Code("no organ masks", "Physiological uptake is judged by position and shape."),
    "REF-W-NOISY": Code("a reference region is noisy", "Ratios to it are less certain."),
    "REF-W-NONE": Code("a reference organ was not found", "Quantities relative to it are not computable."),
    "REF-W-ESTIMATED": Code("a reference organ was found without a mask", "Confirm its place on the picture."),
    "RAD-W-SMALL": Code("lesions are too small for texture", "Texture is not given for them."),
    "D5PS-W-BORDER": Code("close to a limit of the five-point scale", "A reader may score otherwise."),
    "D5PS-W-LIVER": Code("the liver is not a sound reference", "Deauville aid switched off."),
    # DICOM objects
    "IO-I-NODICOM": Code("a DICOM object was not written", "The other files are complete."),
    "OUT-E-GRID": Code("what was measured does not lie on the PET's slices", fix="Measure the series itself."),
    "OUT-E-OBJECT": Code("a DICOM object could not be built", fix="Please report the code and what is in it."),
    "OUT-E-SOURCE": Code("the PET's header lacks what an object must take over", fix="Export the original series."),
    # data sets
    "DATA-E-LAYOUT": Code(
        "the folder is not a data set", fix="Give a folder with nnU-Net's dataset.json, or one of case folders."
    ),
    "DATA-E-CHANNEL": Code("a channel of the data set is unknown", fix="Name the channels CT and PET in dataset.json."),
    "DATA-E-EMPTY": Code("the data set has no case", fix="Put images into imagesTr, or give a folder of case folders."),
    "DATA-E-MISSING": Code("a file of a case is missing", fix="Add the file, or take the case out."),
    "DATA-E-DUPLICATE": Code("two cases have one id", fix="Rename one of them."),
    "DATA-E-GRID": Code("files of a case lie on different grids", fix="Bring them to the PET's grid first."),
    "DATA-E-TABLE": Code("a table beside the data set is not usable", fix="Correct patients.csv or outcome.csv."),
    "DATA-E-COURSE": Code(
        "the scans of a patient cannot be put in order",
        fix="Give each scan of the patient a date (YYYY-MM-DD) or a day in column scanned of patients.csv.",
    ),
    "DATA-E-SPLIT": Code(
        "the folds or parts cannot be used", fix="Correct splits_final.json and patients.csv, or remove them."
    ),
    "DATA-E-LABELS": Code("labels of masks and data set disagree", fix="Correct the mask, or labels in dataset.json."),
    "DATA-E-WHOSE": Code(
        "nobody can tell whose mask it is", fix="Put it into the folder of its study, and only there."
    ),
    "DATA-E-COPY": Code("the same PET is in another case", fix="Leave the study whose mask counts."),
    "DATA-E-READERS": Code(
        "two readers disagree", fix="Lay a third reader's mask with the study; see disagreements.csv."
    ),
    "DATA-W-ALIKE": Code("two cases look like one examination", "Parts and folds keep new ones together."),
    "DATA-I-COPY": Code("the study lies in the tree twice", "It is taken once."),
    # de-identification
    "DEID-E-KEY": Code("the crosswalk cannot be used", fix="Set its mode to 0700, its key's to 0600, or give another."),
    "DEID-E-NOTHING": Code(
        "nothing of the study may stay", fix="See what its codes say; --secondary takes resampled images."
    ),
    "DEID-E-LEAK": Code("an identifier would have stayed", fix="Please report the element; nothing was written."),
    "DEID-E-KIND": Code("files that are not DICOM are not de-identified", fix="Give the DICOM they were made from."),
    "DEID-W-OBJECT": Code("objects that are no images, masks or contours were left out", "They may name the patient."),
    "DEID-W-BURNEDIN": Code(
        "images that may show text were left out", "They are missing.", "Take SECONDARY images with --secondary."
    ),
    "DEID-W-UNREADABLE": Code("files that cannot be read were left out", "They are missing."),
    "DEID-E-FACE": Code("the face cannot be looked for", fix="Give the PET too, or go without --deface."),
    "DEID-W-UNPLACED": Code(
        "images in which the place of the face is unknown were left out", "They are missing.", "Go without --deface."
    ),
    "DEID-W-FACE": Code("the face was not looked for", "It is in the images, if they reach it.", "Crop the images."),
    "DEID-W-TEXT": Code("texts lost words that are on no list", "They say less.", "Add harmless words with --words."),
    "DEID-W-NONUMBER": Code("the headers name no patient", "Studies of one patient become several patients."),
    # evaluation
    "EVAL-E-PAIR": Code(
        "predictions and references do not pair up", fix="Give folders that hold the same cases under the same names."
    ),
    "EVAL-E-PROBABILITY": Code("a probability map is not one", fix="Give values between 0 and 1."),
    "EVAL-E-GROUP": Code("the table of patients cannot be used", fix="Give a CSV with the columns case and patient."),
    "EVAL-E-SUMMARY": Code("a result to compare cannot be read", fix="Evaluate the predictions again."),
    "EVAL-E-CASES": Code("systems were not evaluated on the same cases", fix="Evaluate all of them on the same cases."),
    # prognosis
    "PROG-E-TABLE": Code("the table of patients cannot be used", fix="Give a CSV with a header and a row a patient."),
    "PROG-E-COLUMN": Code("a column is not there, or does not hold numbers", fix="Name the columns as in the header."),
    "PROG-E-TIME": Code(
        "times are not above 0", fix="Time runs from the start to the event or the last contact: correct the rows."
    ),
    "PROG-E-EVENT": Code(
        "events are not coded 0 and 1", fix="Write 1 where it happened, 0 where the patient was censored."
    ),
    "PROG-E-MISSING": Code("values are missing", fix="Fill them in, or leave the patients out with --complete-cases."),
    "PROG-E-PATIENT": Code(
        "a patient comes twice", fix="Give one row a patient: a second one counts the outcome twice."
    ),
    "PROG-E-FIT": Code("a model cannot be fitted"),
    "PROG-E-SCORE": Code("a value of a clinical score is impossible", fix="Give it in the unit that its column names."),
    "PROG-E-PARAMETERS": Code(
        "the parameter file cannot be used", fix="Type it from the paper, with version and name."
    ),
    "PROG-W-LEFTOUT": Code("patients were left out", "The result is of the others only."),
    "PROG-W-EVENTS": Code("fewer than ten events for each variable", "Hazard ratios are likely too far from 1."),
    "PROG-W-HAZARDS": Code(
        "hazards are not proportional", "The hazard ratio is a mean over time.", "Look at the curves."
    ),
    "PROG-W-NOFIT": Code("a model could not be fitted and is left out", "There are no numbers of it."),
    "PROG-W-EMPTY": Code("nothing was found that predicts", "Every patient has the same predicted risk."),
    "PROG-W-FEW": Code("few patients with the event", "Intervals are wide and tests tell little."),
    "PROG-W-CUTOFF": Code("a cut-off was chosen on these very patients", "What it shows is too good."),
    # node
    "NODE-E-LISTEN": Code("the node cannot listen at its address", fix="Free the port, or give another in [listen]."),
    "NODE-E-LOCKED": Code("another node has the folder", fix="Stop it, or give another folder in [node]."),
    "NODE-E-WORK": Code("runs of a study broke down", fix="See the reason in the log; a restart tries it again."),
    "NODE-E-SEND": Code("a destination refuses a result", fix="See its answer in the log; a restart tries it again."),
    # reading
    "READ-E-CASE": Code("the folder is no case that can be read", fix="Measure the study with `lymphoscope run`."),
    "READ-E-CHANGED": Code(
        "a case folder was changed by something else", fix="Restore the folder, or measure the study again."
    ),
    "READ-E-ACT": Code("a correction that makes no sense here", fix="Nothing was changed."),
    "READ-E-REGION": Code("a region that is not there", fix="Nothing was changed. Load the version again."),
    "READ-E-BELOW": Code("a correction that would take nothing", fix="Nothing was changed."),
    "READ-E-STALE": Code("somebody changed the version in the meantime", fix="Nothing was changed. Load it again."),
    "RESP-E-INCOMPATIBLE": Code("two scans whose numbers do not compare", "No difference is printed."),
    "READ-E-HELD": Code("another window writes this version", fix="Go on there, or close it."),
    "READ-E-VERSION": Code("a version that is not there", fix="Load the case again."),
    "READ-E-SIGNED": Code("a signed version never changes", fix="Reopen it as a new version, with a reason."),
    "READ-E-SIGN": Code("a version cannot be signed as it is"),
    "READ-W-BELOW": Code("a reader added uptake below the threshold", "The volume is not by the threshold alone."),
    "READ-W-UNSEEN": Code("counted lesions were never displayed to the reader", "They are not confirmed."),
    "READ-E-TAKEN": Code("a place that belongs to a region already", fix="Nothing was changed."),
    # reading page
    "WEB-E-DATABASE": Code("the database cannot be used", fix="Check --database, or remove the index: it is rebuilt."),
    "WEB-E-HOST": Code("a request under another name or from another page", fix="Use the address that was shown."),
    "WEB-E-LISTEN": Code("the page cannot listen at its address", fix="Give another --port."),
    "WEB-E-LOGIN": Code("not logged in", fix="Log in, or start the server again for a new link."),
    "WEB-E-NOTHERE": Code("something that is not there", fix="Load the page again."),
    "WEB-E-RATE": Code("too many requests", fix="Wait a minute."),
    "WEB-E-RIGHT": Code("something that your role may not do", fix="Ask an admin of the server."),
    "WEB-E-SIZE": Code("a request that is too large", fix="Draw in smaller strokes."),
    "WEB-E-TIP": Code("a change that does not say what it was made on", fix="Send If-Match."),
    # use and run
    "USE-E-NAME": Code("unknown name"),
    "USE-E-VALUE": Code("a setting is out of range"),
    "USE-E-EXTRA": Code("an optional package is not installed"),
    "USE-E-OUTPUT": Code("the output folder cannot be used", fix="Give another folder, or --force."),
    "RUN-E-FOLDER": Code("the folder is no run of a training", fix="Give the folder that `lymphoscope train` made."),
    "RUN-E-OTHER": Code("the folder holds a run of something else", fix="Give another folder with -o."),
    "RUN-E-CHECKPOINT": Code("the checkpoint cannot be used", fix="Remove it: the training of this fold begins anew."),
    "RUN-E-WEIGHTS": Code("the weights cannot be used", fix="Copy the run folder again, or train again."),
    "RUN-E-EXPORT": Code("the exported network differs from the trained one", fix="Predict with --engine torch."),
    # models of others
    "MODEL-E-FOLDER": Code(
        "there is no model in the folder or archive", fix="Give a folder with plans.json, dataset.json and fold_0."
    ),
    "MODEL-E-PLANS": Code(
        "the plans of a model cannot be used", fix="Give an nnU-Net v2 model of volumes: 3d_fullres or 3d_lowres."
    ),
    "MODEL-E-CHECKPOINT": Code(
        "a checkpoint is damaged, or holds what may not be read", fix="Get it again from where it is published."
    ),
    "MODEL-E-NETWORK": Code("weights and plans of a model do not fit", fix="Get both from where they are published."),
    "MODEL-E-MEANING": Code(
        "what a model reads or draws is not clear", fix="Say it with --channels ct,pet or --lesion NAME."
    ),
    "MODEL-E-STORED": Code("a file of a stored model is missing or changed", fix="Remove the model and add it again."),
    "MODEL-E-DOWNLOAD": Code("a model could not be fetched", fix="Fetch the file another way and give its path."),
    "MODEL-E-HASH": Code("a file is not the one that was published", fix="Fetch it again; do not use this one."),
    "RUN-E-NNUNET": Code("nnU-Net failed", fix="See nnunet.log in the folder of the run."),
    "RUN-E-UNEXPECTED": Code(
        "Lymphoscope failed", fix="Please report the code and the log; no patient data are in it."
    ),
    "RUN-E-KILLED": Code(
        "the process that worked on a study was killed", fix="Give more --memory-gb, or fewer --workers; run it again."
    ),
}

CODES = MappingProxyType(_CODES)
