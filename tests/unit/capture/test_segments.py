"""The best part of a long reference."""

from dataclasses import replace

import pytest
import torch

from motion_control.engine.capture.segments import Measures, best_segment, cut_track, measure_track
from motion_control.engine.geometry.pose import canonical_face


def measures(count=300, **changed):
    one, zero = torch.ones(count), torch.zeros(count)
    calm = Measures(one, 200 * one, one, one, 0.2 * one, 0.2 * one, zero, zero)
    return replace(calm, **changed)


def raised(start, stop, high=1.0, low=0.2, count=300):
    out = torch.full((count,), low)
    out[start:stop] = high
    return out


def test_the_expressive_part_is_chosen_and_the_reason_says_so():
    found = best_segment(measures(expression=raised(120, 180)), 30, 2.0)
    assert (found.start, found.stop) == (120, 180)
    assert "4.00 to 6.00 s" in found.reason and "times the expression" in found.reason


def test_it_stays_inside_one_shot():
    found = best_segment(measures(expression=raised(120, 180)), 30, 2.0, cuts=(150,))
    assert found.stop <= 150 or found.start >= 150
    assert "one of 2 shots" in found.reason


@pytest.mark.parametrize("bad", ["face", "sharpness", "exposure"])
def test_a_bad_part_is_avoided(bad):
    found = best_segment(measures(expression=raised(60, 240), **{bad: 1 - raised(60, 150, 0.8, 0.0)}), 30, 3.0)
    assert (found.start, found.stop) == (150, 240)


@pytest.mark.parametrize("bad", ["occlusion", "others"])
def test_hands_and_other_people_are_avoided(bad):
    found = best_segment(measures(expression=raised(60, 240), **{bad: raised(60, 150, 0.8, 0.0)}), 30, 3.0)
    assert (found.start, found.stop) == (150, 240)


def test_it_begins_and_ends_at_rest():
    motion = torch.full((300,), 0.9)
    motion[[100, 159]] = 0.0
    assert best_segment(measures(motion=motion), 30, 2.0).start == 100


def test_a_wish_longer_than_any_shot_gives_the_longest_shot():
    found = best_segment(measures(), 30, 9.0, cuts=(100,))
    assert found.start >= 100 and found.stop == 300 and "no shot is as long" in found.reason
    whole = best_segment(measures(), 30, None)
    assert (whole.start, whole.stop) == (0, 300)


def test_measures_of_a_track_rise_where_it_moves(acting):
    swell = acting.swell()
    face = acting.lips_shut(canonical_face())
    talking = measure_track(acting.perform(face, acting.jaw_open(face, 2 * swell)))
    assert talking.expression[acting.held] > 3 * talking.expression[0]
    turning = measure_track(acting.perform(face, rotation=acting.turn(30 * swell)))
    assert turning.motion[5] > 3 * turning.motion[0] and turning.expression.isfinite().all()


def test_a_part_of_a_track_is_a_track(acting):
    track = replace(acting.perform(canonical_face(), shift=torch.arange(22.0)[:, None] * torch.ones(2)), cuts=(3, 9))
    camera = torch.stack([1 + 0.01 * torch.arange(22.0), 0.02 * torch.arange(22.0), *(torch.arange(22.0),) * 2], 1)
    track = replace(track, camera=camera, anchor=0, quality=torch.rand(22, 2))
    part = cut_track(track, 5, 15)
    assert len(part) == 10 and part.times[0] == 0 and part.cuts == (4,) and 0 <= part.anchor < 10
    torch.testing.assert_close(part.face_points, track.face_points[5:15])
    torch.testing.assert_close(part.quality, track.quality[5:15])
    place = torch.tensor([30.0, -20.0])

    def seen(row):
        cos, sin = torch.cos(row[1]), torch.sin(row[1])
        return row[0] * torch.stack([torch.stack([cos, -sin]), torch.stack([sin, cos])]), row[2:]

    to_anchor, shift = seen(camera[5 + part.anchor])
    to_frame, pan = seen(part.camera[8])
    whole, whole_pan = seen(camera[13])
    torch.testing.assert_close(to_frame @ (to_anchor @ place + shift) + pan, whole @ place + whole_pan)
    with pytest.raises(ValueError, match="0 <= start < stop <= 22"):
        cut_track(track, 5, 40)


def test_another_person_in_a_later_shot_is_not_an_expression(acting):
    """The first shot talks, the second shows a wider face that does nothing: the first is the better part."""
    face = acting.lips_shut(canonical_face())
    talking = acting.perform(face, acting.jaw_open(face, 1.5 * acting.swell())).face_points
    still = acting.perform(face * torch.tensor([1.25, 0.9, 1.0])).face_points
    cuts = (len(talking),)
    track = replace(acting.track_of(torch.cat([talking, still])), cuts=cuts)
    assert best_segment(measure_track(track), acting.rate, 0.6, cuts).stop <= cuts[0]
