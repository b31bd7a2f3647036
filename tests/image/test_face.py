"""The front of the face goes; brain, lesions, the back of the head and all below the chin stay."""

from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.alignment import ct_body
from lymphoscope.image.body_phantom import BodyOptions, body_phantom
from lymphoscope.image.face import Face, find_face
from lymphoscope.image.phantom import Phantom


@pytest.fixture(scope="module")
def body() -> Phantom:
    return body_phantom(BodyOptions(pet_shape=(96, 88, 88), ct_shape=(120, 88, 88)))


@pytest.fixture(scope="module")
def face(body: Phantom) -> Face:
    assert body.ct is not None
    found = find_face(body.pet, body.ct)
    assert found is not None
    return found


def brain_of(body: Phantom) -> np.ndarray:
    """LPS of the brain's voxels."""
    assert body.organs is not None
    labels = [number for number, name in body.organs.names.items() if name == "brain"]
    return body.organs.mask.geometry.to_lps(np.argwhere(np.isin(body.organs.mask.labels, labels)))


def test_the_front_of_the_head_is_blanked_and_nothing_else(body: Phantom, face: Face) -> None:
    assert body.ct is not None
    brain = brain_of(body)
    for image, air in ((body.ct, -1024), (body.pet, 0)):
        after = face.blanked(image)
        assert after.unit is image.unit and after.array.dtype == image.array.dtype
        changed = np.argwhere(after.array != image.array)
        there = image.geometry.to_lps(changed)
        assert (after.array[tuple(changed.T)] == air).all()
        assert there[:, 1].max() < brain[:, 1].mean(), "nothing behind the middle of the brain"
        assert there[:, 2].min() > brain[:, 2].min() - 125 and there[:, 2].max() < brain[:, 2].min() + 75
        nearest = [np.linalg.norm(brain - p, axis=1).min() for p in there[:: max(1, len(there) // 300)]]
        assert min(nearest) > 3, "the brain stays"
    before, left = (ct_body(v.array) for v in (body.ct, face.blanked(body.ct)))
    chin = body.ct.geometry.to_index([brain[:, 0].mean(), 0.0, brain[:, 2].min() - 20.0]).astype(int)
    fronts = [int(v[chin[0], :, chin[2]].argmax()) for v in (before, left)]
    assert (fronts[1] - fronts[0]) * body.ct.geometry.spacing[1] >= 20.0, "what the skin shows is gone"


def test_a_lesion_in_the_face_stays_with_what_is_near(body: Phantom, face: Face) -> None:
    assert body.ct is not None
    inside = face.work.on(face.region, body.pet.geometry) & (body.pet.array > 0.3)
    lesion = np.zeros(inside.shape, np.int32)
    lesion[tuple(np.argwhere(inside)[len(np.argwhere(inside)) // 2])] = 1
    spared = find_face(body.pet, body.ct, [LesionMask(lesion, body.pet.geometry, "drawn")])
    assert spared is not None
    gone = np.argwhere(spared.work.on(spared.region, body.pet.geometry))
    away = np.linalg.norm(body.pet.geometry.to_lps(gone) - body.pet.geometry.to_lps(np.argwhere(lesion))[0], axis=1)
    assert away.min() > 5.0 and 0 < len(gone) < np.count_nonzero(face.work.on(face.region, body.pet.geometry))


def test_without_a_brain_in_view_it_is_not_looked_for(body: Phantom) -> None:
    top = int(body.pet.geometry.to_index([0, 0, brain_of(body)[:, 2].min() - 20])[0])
    grid = Geometry((top, *body.pet.geometry.shape[1:]), body.pet.geometry.affine)
    assert body.ct is not None and find_face(Volume(body.pet.array[:top], grid, body.pet.unit), body.ct) is None
