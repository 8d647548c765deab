"""Which parts of a face are hidden, and what is put in their place: the authored performance behind a moving hand."""

from types import SimpleNamespace

import pytest
import torch

from motion_control.engine import media
from motion_control.engine.capture import extract_track
from motion_control.engine.capture.follow_face import FaceFollower
from motion_control.engine.capture.infill import fill_hidden
from motion_control.engine.capture.occlusion import part_of_point, skin_colours, visibility
from motion_control.engine.types import FACE_PARTS

MOUTH = (73, 87)
"""Frames in which the hand is over the mouth."""
EYE = (26, 38)
RATE = 30


def hand(height: int, width: int, centre, size: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Colours [H, W, 3] and coverage [H, W] of four fingers side by side, turned by 20 degrees, with shaded edges."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    across = ((x - centre[0]) * 0.94 + (y - centre[1]) * 0.34) / size
    down = ((y - centre[1]) * 0.94 - (x - centre[0]) * 0.34) / size
    inside = ((across.abs() < 1) & (down.abs() < 0.8)).float()
    finger = (torch.remainder(down + 0.8, 0.4) / 0.4 - 0.5).abs() * 2  # 1 between two fingers
    colour = (
        torch.tensor([214.0, 160.0, 132.0]) * (1 - 0.45 * finger[..., None] ** 3) * (0.92 + 0.08 * across[..., None])
    )
    return colour, inside


def follow(frames):
    follower = FaceFollower(RATE)
    points, presence, colours = [], [], []
    for part in frames.split(8):
        found, seen = follower.read(part)
        points.append(found)
        presence.append(seen)
        colours.append(skin_colours(part, found))
    return SimpleNamespace(points=torch.cat(points), presence=torch.cat(presence), colours=torch.cat(colours))


def visible(seen, frames, **options):
    return visibility(seen.colours, seen.points, seen.presence, RATE, frames.shape[2], frames.shape[1], **options)


@pytest.fixture(scope="module")
def scene(sample_media):
    """Talking and nodding, bare and behind a hand that comes from below and from the side."""
    clip = media.open_clip(sample_media / "performance.mp4", start=3.0, duration=3.4)
    bare = torch.cat([batch.frames.clone() for batch in media.iterate(clip)])
    truth = follow(bare)
    behind = bare.clone()
    size = float((truth.points[:, 454, :2] - truth.points[:, 234, :2]).norm(dim=1).median())
    for i in range(len(bare)):
        for (start, stop), target, way in ((MOUTH, 13, (0.0, 1.0)), (EYE, 386, (1.0, -0.2))):
            away = max(start - i, i - stop + 1, 0) * 0.22 * size
            if away > 1.6 * size:
                continue
            centre = (truth.points[i, target, :2] + away * torch.tensor(way)).tolist()
            colour, inside = hand(*bare.shape[1:3], centre, 0.34 * size)
            blended = behind[i] * (1 - inside[..., None]) + colour * inside[..., None]
            behind[i] = blended.round().to(torch.uint8)
    return SimpleNamespace(bare=bare, behind=behind, truth=truth, seen=follow(behind), size=size)


def test_nothing_is_hidden_in_a_bare_performance(scene):
    found = visible(scene.truth, scene.bare)
    assert (found < 0.5).float().mean() < 0.01, (found < 0.5).nonzero().tolist()


def test_the_hidden_part_falls_within_two_frames_and_the_others_stay(scene):
    found = visible(scene.seen, scene.behind)
    mouth, eye = found[:, FACE_PARTS.index("mouth")], found[:, FACE_PARTS.index("left_eye")]
    assert mouth[MOUTH[0] + 2 : MOUTH[1]].max() < 0.5 and eye[EYE[0] + 2 : EYE[1]].max() < 0.5
    clear = [i for i in range(len(found)) if min(abs(i - edge) for edge in (*MOUTH, *EYE)) > 9]
    outside = [i for i in clear if not MOUTH[0] <= i < MOUTH[1] and not EYE[0] <= i < EYE[1]]
    assert mouth[outside].min() > 0.9 and eye[outside].min() > 0.9
    others = [FACE_PARTS.index(part) for part in ("right_eye", "left_eye")]
    assert found[MOUTH[0] : MOUTH[1], others].min() > 0.9
    others = [FACE_PARTS.index(part) for part in ("right_eye", "right_cheek", "mouth", "chin")]
    assert found[EYE[0] : EYE[1], others].min() > 0.9


def test_hidden_points_are_filled_in_near_the_truth(scene):
    found = visible(scene.seen, scene.behind)
    filled = fill_hidden(scene.seen.points, found, scene.seen.presence > 0.5, RATE)
    part = part_of_point()
    for name, (start, stop) in (("mouth", MOUTH), ("left_eye", EYE)):
        mine = part == FACE_PARTS.index(name)
        error = [
            float((points - scene.truth.points)[start:stop, mine, :2].norm(dim=2).mean())
            for points in (scene.seen.points, filled)
        ]
        assert error[1] < 0.6 * error[0], (name, error)
        assert error[1] < 0.05 * scene.size, (name, error)
    # no jump: hardly a larger step than the largest of the performance itself, which is a blink
    largest, jump, own = (
        float((points[1:] - points[:-1])[..., :2].norm(dim=2).max())
        for points in (filled, scene.seen.points, scene.truth.points)
    )
    assert largest < 1.2 * own and largest < 0.7 * jump


def test_frames_without_a_hidden_part_are_left_alone(scene):
    found = visible(scene.truth, scene.bare)
    points = scene.truth.points
    known = torch.ones(len(points), dtype=torch.bool)
    assert torch.equal(fill_hidden(points, torch.ones_like(found), known, RATE), points)
    found = torch.ones_like(found)
    found[40:44, FACE_PARTS.index("mouth")] = 0
    filled = fill_hidden(points, found, known, RATE)
    assert torch.equal(filled[:35], points[:35]) and torch.equal(filled[49:], points[49:])
    mouth = part_of_point() == FACE_PARTS.index("mouth")
    assert (filled - points)[40:44, mouth].norm(dim=2).mean() > 0.01
    top = part_of_point() == FACE_PARTS.index("forehead")
    assert (filled - points)[40:44, top].norm(dim=2).max() < 0.02 * scene.size


def test_a_tracked_hand_and_the_border_hide_what_they_cover(scene):
    points = scene.truth.points
    hands, seen = torch.zeros(len(points), 2, 21, 3), torch.zeros(len(points), 2)
    spread = torch.stack([torch.arange(21) % 4, torch.arange(21) // 4], 1).float()
    hands[20:30, 0, :, :2] = points[20:30, None, 13][..., :2] + (spread - 2) * 0.1 * scene.size
    seen[20:30, 0] = 1
    found = visible(scene.truth, scene.bare, hands=hands, hands_seen=seen)
    assert found[20:30, FACE_PARTS.index("mouth")].max() < 0.5
    assert found[20:30, FACE_PARTS.index("forehead")].min() > 0.9 and found[:15].min() > 0.9
    low = visibility(
        scene.truth.colours, points, scene.truth.presence, RATE, scene.bare.shape[2], int(points[:, 13, 1].amin())
    )
    assert low[:, FACE_PARTS.index("chin")].max() < 0.5 and low[:, FACE_PARTS.index("forehead")].min() > 0.9


def test_the_track_knows_what_was_hidden(scene, acting, tmp_path):
    track = extract_track(media.open_clip(acting.write_clip(tmp_path / "behind.mp4", scene.behind, RATE)))
    mouth = track.face_visibility[:, FACE_PARTS.index("mouth")]
    assert mouth[MOUTH[0] + 2 : MOUTH[1]].max() < 0.5 and mouth[:15].min() > 0.9
    error = (track.face_points - scene.truth.points)[MOUTH[0] : MOUTH[1], :, :2].norm(dim=2).mean()
    assert error < 0.05 * scene.size
