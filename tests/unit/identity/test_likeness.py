"""One person or two: by proportions, and by a recognition network."""

from dataclasses import replace

import pytest
import torch

from motion_control.engine.errors import IdentityError
from motion_control.engine.identity import bind_identity, likeness, load_recogniser, report_text


class Judge:
    """Stands for a network: the similarity of two images is what the test says."""

    name = "judge.onnx"

    def __init__(self, *vectors):
        self.vectors = iter(torch.nn.functional.normalize(torch.tensor(vectors), dim=1))

    def embed(self, image, points):
        return next(self.vectors)


def leaning(similarity: float) -> tuple[float, float, float]:
    """A vector of this similarity to (1, 0, 0)."""
    return (similarity, (1 - similarity**2) ** 0.5, 0.0)


@pytest.fixture
def views(hopper):
    return [replace(hopper.view, name=name) for name in "abcd"]


ME = (1.0, 0.0, 0.0)


def test_with_a_network_the_odd_one_of_three_is_left_out(views):
    found = likeness.compare(views[:3], [1, 2, 3], Judge(ME, leaning(0.5), (0.0, 0.1, 1.0)))
    assert found.keep == (0, 1)
    assert found.lines[0] == "c: left out, it is not the person in a, b (similarity 0.09; 0.28 or more is one person)"
    assert found.lines[1] == "same person: 2 images compared by judge.onnx, see above"


def test_with_a_network_a_doubtful_one_goes_only_against_a_majority(views):
    doubtful = leaning(0.24)
    assert likeness.compare(views[:3], [1, 1, 1], Judge(ME, ME, doubtful)).keep == (0, 1)
    two = likeness.compare(views[:2], [1, 2], Judge(ME, doubtful))
    assert two.keep == (0, 1) and two.lines[0].startswith("a: may not be the person in b (similarity 0.24")


def test_with_a_network_one_of_two_strangers_is_used(views):
    found = likeness.compare(views[:2], [1, 2], Judge(ME, leaning(0.1)))
    assert found.keep == (1,) and found.lines[0].startswith("a: left out, it is not the person in b")
    assert "no two images agree" in found.lines[1]
    pairs = likeness.compare(views, [1, 1, 1, 5], Judge(ME, leaning(0.05), ME, leaning(0.05)))
    assert pairs.keep == (1, 3)  # of two groups of the same size the one with the fittest image


def test_a_chain_of_likeness_holds_together(views):
    """A side view is like the three-quarter view, which is like the frontal one."""
    half, side = (0.5, 0.866, 0.0), (-0.4, 0.917, 0.0)
    found = likeness.compare(views[:3], [3, 2, 1], Judge(ME, half, side))
    assert found.keep == (0, 1, 2) and found.lines == ("same person: 3 images compared by judge.onnx, they agree",)


def stretched(view, across=1.0, down=1.0):
    """The face of somebody else: wider or longer."""
    points = view.points.clone()
    middle = points[168]
    cheeks = (points[:, 0] - middle[0]).abs() > 0.6 * float((points[454] - points[234])[0]) / 2
    points[cheeks, 0] = middle[0] + across * (points[cheeks, 0] - middle[0])
    points[:, 1] = middle[1] + down * (points[:, 1] - middle[1])
    return replace(view, name="wide", points=points)


def test_proportions_leave_out_only_against_a_majority_and_never_one_of_two(views):
    wide = stretched(views[0], 1.35, 1.2)
    distance = likeness.shape_distances([views[0], wide])
    assert float(distance[0, 1]) > likeness.APART and float(distance[0, 0]) == 0
    three = likeness.compare([*views[:2], wide], [1, 1, 9])
    assert three.keep == (0, 1) and three.lines[0].startswith("wide: left out, it is not the person in a, b (face prop")
    two = likeness.compare([views[0], wide], [1, 9])
    assert two.keep == (0, 1) and two.lines[0].startswith("a: may not be the person in wide")
    assert "a weak check" in two.lines[1]


def test_one_image_is_not_compared(views):
    assert likeness.compare(views[:1], [1]) == likeness.Likeness((0,), ())


def test_expression_and_pose_do_not_make_another_person(hopper, acting):
    """Pictures of one face that the engine drew: turned, nodding, with the jaw dropped."""
    swell = acting.swell()
    views = [hopper.view]
    for rotation, jaw in ((acting.turn(20 * swell), 0), (acting.turn(0, 12 * swell), 0), (None, 1.5)):
        delta = acting.jaw_open(hopper.neutral, jaw * swell)
        picture = acting.render(acting.perform(hopper.neutral, delta, rotation), hopper)[acting.held]
        views.append(replace(hopper.view, points=acting.find_face(picture)))
    distance = likeness.shape_distances(views)
    assert float(distance.max()) < likeness.APART and float(distance[0].max()) < 3


def test_binding_leaves_a_stranger_out_and_says_so(portraits):
    pictures = [portraits.hopper, portraits.hopper.flip(1).contiguous(), portraits.collins]
    judge = Judge(ME, ME, (0.0, 1.0, 0.0))
    bound = bind_identity(pictures, ["a", "b", "stranger"], recogniser=judge)
    assert [view.name for view in bound.views] == ["a", "b"]
    assert "stranger: left out, it is not the person in a, b" in report_text(bound)
    kept = bind_identity([portraits.hopper, portraits.collins], ["a", "b"])
    assert len(kept.views) == 2 and "a weak check" in report_text(kept)


def test_a_network_that_cannot_be_used_is_one_sentence(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"\0" * 99)
    for name in ("bad.onnx", "gone.onnx"):
        with pytest.raises(IdentityError, match=rf"{name}.*; choose an ArcFace network, such as .*\.$"):
            load_recogniser(tmp_path / name)
