import math

import pytest
import torch

from motion_control.models import face_topology as topology
from motion_control.models import faces


@pytest.fixture(scope="module")
def boxes(pictures):
    return {name: faces.detect_faces(picture)[0] for name, picture in pictures.items()}


def their_roi(record, name: str) -> torch.Tensor:
    """The region that MediaPipe's own detection gives."""
    x, y, width, height = record[f"{name}/face_box"].tolist()
    keypoints = torch.from_numpy(record[f"{name}/face_keypoints"])
    across = (keypoints[1] - keypoints[0]).tolist()
    angle = math.atan2(across[1], across[0])
    box = faces.FaceBox((x + width / 2, y + height / 2), width, height, angle, 1.0, keypoints)
    return faces.roi_from_detection(box)


@pytest.mark.parametrize("name", ["collins", "hopper"])
def test_the_face_is_where_mediapipe_finds_it(boxes, record, name):
    (box,) = boxes[name]
    x, y, width, height = record[f"{name}/face_box"].tolist()
    assert box.centre == pytest.approx((x + width / 2, y + height / 2), abs=0.05 * width)
    assert (box.width, box.height) == pytest.approx((width, height), rel=0.1)
    distance = (box.keypoints - torch.from_numpy(record[f"{name}/face_keypoints"])).norm(dim=1)
    assert distance[:4].max() < 0.07 * width  # the ears are guesses
    assert box.score > 0.8


@pytest.mark.parametrize("name", ["collins", "hopper"])
def test_landmarks_are_those_of_mediapipe(pictures, record, name):
    roi = their_roi(record, name)
    points, presence = faces.face_landmarks(pictures[name], roi[None])
    theirs = torch.from_numpy(record[f"{name}/face"])
    unit = float(roi[2]) / faces.LANDMARK_SIZE
    assert points.shape == (1, 478, 3)
    assert (points[0] - theirs)[:, :2].norm(dim=1).mean() / unit < 0.5
    assert (points[0] - theirs)[:, 2].abs().mean() / unit < 0.5
    assert presence > 0.99


@pytest.mark.parametrize("name", ["collins", "hopper"])
def test_landmarks_are_the_same_on_the_same_crop(pictures, record, sampled_as_mediapipe, name):
    """What is left is only MediaPipe's rounding of the crop to 8 bit."""
    roi = their_roi(record, name)
    points, _ = faces.face_landmarks(pictures[name], roi[None])
    distance = (points[0] - torch.from_numpy(record[f"{name}/face"]))[:, :2].norm(dim=1)
    assert distance.mean() / (float(roi[2]) / faces.LANDMARK_SIZE) < 0.2


def test_a_batch_is_its_pictures(pictures):
    picture = pictures["hopper"]
    (box,) = faces.detect_faces(picture)[0]
    roi = faces.roi_from_detection(box)
    rois = torch.stack((roi, roi + torch.tensor([5.0, -3.0, 10.0, 10.0, 0.1]), roi))
    together, presence = faces.face_landmarks(picture.expand(3, -1, -1, -1), rois)
    again, _ = faces.face_landmarks(picture, rois, pictures=torch.zeros(3))
    torch.testing.assert_close(together, again, atol=1e-2, rtol=0)
    torch.testing.assert_close(together[0], together[2], atol=1e-2, rtol=0)
    assert presence.shape == (3,)
    empty, _ = faces.face_landmarks(picture[:0], rois[:0])
    assert empty.shape == (0, 478, 3)


def test_the_next_region_finds_the_same_face(pictures):
    for picture in pictures.values():
        (box,) = faces.detect_faces(picture)[0]
        points, _ = faces.face_landmarks(picture, faces.roi_from_detection(box)[None])
        again, _ = faces.face_landmarks(picture, faces.roi_from_landmarks(points))
        assert (points - again)[..., :2].norm(dim=2).mean() < 0.02 * box.width


def test_a_mirrored_face_has_mirrored_points(pictures):
    picture = pictures["hopper"]
    (box,) = faces.detect_faces(picture)[0]
    points, _ = faces.face_landmarks(picture, faces.roi_from_detection(box)[None])
    roi = faces.roi_from_landmarks(points)
    mirrored_roi = roi * torch.tensor([-1.0, 1, 1, 1, -1]) + torch.tensor([picture.shape[2], 0, 0, 0, 0])
    points, _ = faces.face_landmarks(picture, roi)
    mirrored, _ = faces.face_landmarks(picture.flip(2), mirrored_roi)
    back = mirrored[:, topology.face_topology().mirror] * torch.tensor([-1.0, 1, 1]) + torch.tensor(
        [picture.shape[2], 0.0, 0.0]
    )
    unit = float(roi[0, 2]) / faces.LANDMARK_SIZE
    assert (points - back)[..., :2].mean((0, 1)).abs().max() / unit < 1.0
    assert (points - back)[..., :2].norm(dim=2).mean() / unit < 2.0


def scene(picture: torch.Tensor, scale: float, height: int, width: int, x: int, y: int) -> torch.Tensor:
    """A grey picture with a smaller copy of `picture` in it."""
    small = torch.nn.functional.interpolate(
        picture.permute(0, 3, 1, 2), scale_factor=scale, mode="bilinear", antialias=True
    ).permute(0, 2, 3, 1)
    out = torch.full((1, height, width, 3), 110, dtype=torch.uint8)
    rows, columns = min(small.shape[1], height - y), min(small.shape[2], width - x)
    out[:, y : y + rows, x : x + columns] = small[:, :rows, :columns]
    return out


@pytest.mark.parametrize(("height", "width"), [(758, 512), (1080, 1920)])
@pytest.mark.parametrize("name", ["collins", "hopper"])
def test_thorough_search_finds_a_face_of_45_pixels(pictures, boxes, name, height, width):
    (box,) = boxes[name]
    scale = 45 / box.width
    image = scene(pictures[name], scale, height, width, width // 2, height // 3)
    (found,) = faces.detect_faces(image, thorough=True)[0]
    want = (width // 2 + box.centre[0] * scale, height // 3 + box.centre[1] * scale)
    assert found.centre == pytest.approx(want, abs=8)
    assert found.width == pytest.approx(45, abs=9)


@pytest.mark.parametrize("cut", ["left", "right", "top", "bottom"])
def test_a_face_at_the_border_is_found(pictures, cut):
    picture = pictures["hopper"]  # the face is at x 170 .. 366, y 144 .. 341
    part = {
        "left": picture[:, :, 210:], "right": picture[:, :, :300], "top": picture[:, 190:], "bottom": picture[:, :280],
    }[cut]  # fmt: skip
    assert len(faces.detect_faces(part.contiguous())[0]) == 1


def test_a_dark_and_a_half_lit_face_are_found(pictures):
    picture = pictures["hopper"].float()
    light = ((torch.linspace(0, 1, picture.shape[2]) - 0.45) * 6).clamp(0.04, 1).view(1, 1, -1, 1)
    for image in (picture * 0.12, picture * light):
        assert len(faces.detect_faces(image.byte())[0]) == 1


def test_nothing_is_found_in_nothing():
    images = torch.randint(0, 256, (2, 40, 90, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    assert faces.detect_faces(images) == [[], []]


def test_wrong_pictures_are_refused():
    with pytest.raises(ValueError, match="uint8"):
        faces.detect_faces(torch.zeros(1, 3, 64, 64))


def test_topology_lists_are_each_others_mirror():
    mesh = topology.face_topology()
    mirror = mesh.mirror.tolist()
    assert mesh.triangles.shape == (898, 3)
    assert mesh.canonical.shape == (468, 3)
    assert mesh.uv.shape == (468, 2)
    assert [mirror[i] for i in mirror] == list(range(478))
    for name in ("EYE_UPPER", "EYE_LOWER", "BROW_UPPER", "BROW_LOWER"):
        right, left = getattr(topology, "RIGHT_" + name), getattr(topology, "LEFT_" + name)
        assert tuple(mirror[i] for i in reversed(right)) == left
        assert mesh.canonical[list(right), 0].diff().gt(0).all()
        assert mesh.canonical[list(right), 0].max() < 0  # the subject's right is the left of the picture
    for name in ("OUTER_LIP_UPPER", "OUTER_LIP_LOWER", "INNER_LIP_UPPER", "INNER_LIP_LOWER"):
        lip = getattr(topology, name)
        assert tuple(mirror[i] for i in reversed(lip)) == lip
        assert mesh.canonical[list(lip), 0].diff().gt(0).all()
