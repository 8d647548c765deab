"""Who performs: the rule, the choice, and a subject that is never swapped for somebody else."""

import pytest
import torch
import torch.nn.functional as F

from motion_control.engine.capture import Subject, parse_subject
from motion_control.engine.errors import CaptureError, SettingError

WIDTH, HEIGHT, CARD = 560, 320, 200
COUNT = 60


def card(picture):
    planes = picture.permute(2, 0, 1)[None].float()
    small = F.interpolate(planes, (CARD, CARD), mode="bilinear", antialias=True)[0]
    return small.permute(1, 2, 0).round().to(torch.uint8)


@pytest.fixture(scope="module")
def cards(portraits):
    return card(portraits.hopper), card(portraits.collins)


def stage(cards, back_x, front_x):
    """Frames [T, HEIGHT, WIDTH, 3]: the first card with its left side at back_x [T], the second one before it."""
    frames = torch.full((len(back_x), HEIGHT, WIDTH, 3), 90, dtype=torch.uint8)
    for i, places in enumerate(zip(back_x, front_x)):
        for picture, x in zip(cards, places):
            frames[i, 60 : 60 + CARD, round(x) : round(x) + CARD] = picture
    return frames


@pytest.fixture(scope="module")
def faces_on_cards(cards, acting):
    """Where the middle of the face is on each card, x px."""
    alone = [stage((one, one), [20], [20])[0] for one in cards]
    return [float(acting.find_face(frame)[:468, 0].mean()) - 20 for frame in alone]


@pytest.fixture(scope="module")
def crossing(cards):
    """The first card goes to the right behind the second, which goes to the left: hidden for about half a second."""
    steps = torch.linspace(0, 1, COUNT).tolist()
    back, front = [10 + 340 * s for s in steps], [350 - 340 * s for s in steps]
    return stage(cards, back, front), back, front


@pytest.mark.parametrize("who", [0, 1])
def test_who_crosses_is_not_swapped(crossing, faces_on_cards, capture, who):
    frames, *places = crossing
    track = capture(frames, subject=Subject(index=who + 1), smoothing=0)
    wanted = torch.tensor(places[who]) + faces_on_cards[who]
    error = (track.face_points[:, :468, 0].mean(1) - wanted).abs()
    seen = track.face_confidence > 0.6
    assert error[seen].max() < 15  # the faces are 90 px apart and more wherever both can be told apart
    assert error[[0, -1]].max() < 6 and seen[:15].all() and seen[-15:].all()
    if who == 1:
        assert seen.all()  # nobody is in front of it
    else:
        assert (~seen).sum() >= 3  # hidden is hidden, not the other one
    (other,) = track.report["others"]
    assert other["first_frame"] == 0 and other["frames"] > COUNT // 2
    assert other["where"][0] * WIDTH == pytest.approx(places[1 - who][0] + faces_on_cards[1 - who], abs=15)


def test_hidden_for_half_a_second_by_one_who_stays(cards, faces_on_cards, capture):
    """The front one comes, stands before the subject for 13 frames and goes on to the same side it came from."""
    front = [350 - 20 * i for i in range(17)] + [10] * 13 + [10 + 20 * i for i in range(18)]
    track = capture(stage(cards, [20] * 48, front), subject=Subject.at(0.1, 0.5), smoothing=0)
    seen = track.face_confidence > 0.6
    error = (track.face_points[:, :468, 0].mean(1) - 20 - faces_on_cards[0]).abs()
    assert error[seen].max() < 12 and seen[:8].all() and seen[-8:].all() and not seen[18:29].any()


@pytest.mark.parametrize(
    "subject, left",
    [(Subject(index=1), 20), (Subject(index=2), 340), (Subject.at(0.9, 0.4), 340), (Subject.at(0, 1), 20)],
)
def test_index_counts_from_the_left_and_a_point_takes_the_nearest(cards, capture, subject, left):
    track = capture(stage(cards, [340] * 6, [20] * 6), subject=subject)
    middle = float(track.face_points[0, :468, 0].mean())
    assert left < middle < left + CARD and len(track.report["others"]) == 1


def test_the_largest_is_the_default_and_it_stays_when_another_comes(portraits, cards, capture):
    """A smaller face is there from the start; later a larger one comes in."""
    frames = stage((cards[1], cards[1]), [10] * 40, [10] * 40)
    wide = (
        F.interpolate(portraits.hopper.permute(2, 0, 1)[None].float(), (300, 300))[0].permute(1, 2, 0).to(torch.uint8)
    )
    for i in range(8, 40):
        x = max(550 - 20 * (i - 8), 260)
        frames[i, 10:310, x:] = wide[:, : WIDTH - x]
    track = capture(frames)
    assert track.face_confidence.min() > 0.6
    assert (track.face_points[:, :468, 0].mean(1) < 200).all() and len(track.report["others"]) == 1
    assert 10 <= track.report["others"][0]["first_frame"] <= 32
    alone = capture(frames[39:].expand(4, -1, -1, -1))
    assert float(alone.face_points[0, :468, 0].mean()) > 255  # asked now, the larger one is chosen


def test_the_subject_is_known_again_after_a_cut(cards, capture):
    """Index 2 of the first shot is at the left in the second."""
    frames = torch.cat([stage(cards, [20] * 10, [340] * 10), stage(cards, [340] * 10, [20] * 10).flip(1).flip(1)])
    frames[10:, :40] = torch.tensor([20, 60, 160], dtype=torch.uint8)
    track = capture(frames, subject=Subject(index=2))
    middle = track.face_points[:, :468, 0].mean(1)
    assert (middle[:10] > 300).all() and (middle[10:] < 240).all() and track.face_confidence.min() > 0.6


def test_more_than_there_are_is_a_sentence(cards, capture):
    with pytest.raises(CaptureError, match=r"^subject is number 3 but 2 people are seen .*\.$"):
        capture(stage(cards, [20] * 2, [340] * 2), subject=Subject(index=3))


def test_parts_can_be_left_out(waving, capture):
    track = capture(waving.frames[:6], body=False)
    assert track.body.abs().max() == 0 and track.hand_confidence.max() == 0 and track.face_confidence.min() > 0.9


@pytest.mark.parametrize(
    "text, wanted",
    [("largest", Subject()), (" Largest ", Subject()), ("2", Subject(index=2)), ("0.4, 0.6", Subject.at(0.4, 0.6))],
)
def test_rules_are_read(text, wanted):
    assert parse_subject(text) == wanted


@pytest.mark.parametrize("text", ["", "0", "-1", "second", "0.4", "0.4,1.6", "nan,0.5", "0.1,0.2,0.3", "x,y", "9" * 80])
def test_what_cannot_be_a_rule_is_a_sentence(text):
    with pytest.raises(SettingError, match=r"^subject is .*\.$") as caught:
        parse_subject(text)
    assert len(str(caught.value)) < 160
