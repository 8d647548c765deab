"""geometry.raster against a rasteriser of ten lines that looks at every pixel and every triangle."""

import pytest
import torch

from motion_control.engine.geometry.raster import rasterise


def reference(vertices, depth, triangles, keep, height, width):
    """Nearest triangle of every pixel centre, int64 [B, H, W], -1 where there is none."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    pixel = torch.stack([x, y], -1).double()
    best = torch.full((len(vertices), height, width), torch.inf, dtype=torch.float64)
    owner = torch.full(best.shape, -1)
    for frame in range(len(vertices)):
        for number, corners in enumerate(triangles.tolist()):
            a, b, c = vertices[frame, corners].double()
            matrix = torch.stack([b - a, c - a], 1)
            if not keep[frame, number] or abs(float(torch.linalg.det(matrix))) < 1e-6:
                continue
            w = (pixel - a) @ torch.linalg.inv(matrix).T
            weights = torch.cat([1 - w.sum(-1, keepdim=True), w], -1)
            z = weights @ depth[frame, corners].double()
            nearer = (weights >= 0).all(-1) & (z < best[frame])
            best[frame][nearer], owner[frame][nearer] = z[nearer], number
    return owner


def drawn(hits, shape):
    owner = torch.full(shape, -1)
    owner.view(-1)[hits.pixel] = hits.triangle
    return owner


@pytest.mark.parametrize("spread", [3.0, 12.0, 60.0])
def test_random_triangles_of_all_sizes_in_depth_order(spread):
    """60 px triangles reach far outside of the picture."""
    generator = torch.Generator().manual_seed(int(spread))
    height, width, count = 23, 37, 40
    middle = torch.rand(2, count, 1, 2, generator=generator) * torch.tensor([width, height])
    corners = middle + (torch.rand(2, count, 3, 2, generator=generator) - 0.5) * spread
    # every triangle has a level of its own and is a little tilted
    depth = torch.randperm(count).float()[None, :, None] + 0.3 * torch.rand(2, count, 3, generator=generator)
    vertices, depth = corners.reshape(2, -1, 2), depth.reshape(2, -1)
    triangles = torch.arange(3 * count).view(-1, 3)
    keep = torch.rand(2, count, generator=generator) > 0.2
    hits = rasterise(vertices, depth, triangles, keep, height, width)
    wanted = reference(vertices, depth, triangles, keep, height, width)
    assert (wanted >= 0).any()
    assert torch.equal(drawn(hits, wanted.shape), wanted)
    assert len(hits.pixel.unique()) == len(hits.pixel)
    assert torch.equal(hits.frame, hits.pixel // (height * width))
    torch.testing.assert_close(hits.weights.sum(1), torch.ones(len(hits.pixel)))
    assert hits.weights.min() > -1e-4


def test_pixel_centres_are_at_a_half():
    tiny = torch.tensor([[-0.1, -0.1], [0.2, -0.1], [-0.1, 0.2]])
    for centre, wanted in (((3.5, 2.5), [2 * 8 + 3]), ((3.9, 2.5), []), ((3.5, 2.05), []), ((0.5, 0.5), [0])):
        hits = rasterise(
            (tiny + torch.tensor(centre))[None], torch.zeros(1, 3), torch.tensor([[0, 1, 2]]),
            torch.ones(1, 1, dtype=torch.bool), 6, 8,
        )  # fmt: skip
        assert hits.pixel.tolist() == wanted


@pytest.mark.parametrize("degrees", [0, 17, 45, 90, 133])
def test_shared_edges_leave_no_hole(degrees):
    """A turned square of 9 x 9 cells; unturned, every edge runs through pixel centres. All inside are hit once."""
    steps = torch.linspace(-9, 9, 10)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    angle = torch.deg2rad(torch.tensor(float(degrees)))
    turn = torch.stack([torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])])
    vertices = torch.stack([x, y], -1).reshape(-1, 2) @ turn.T + 15.5
    corner = torch.arange(81) // 9 * 10 + torch.arange(81) % 9
    triangles = torch.cat(
        [torch.stack([corner, corner + 1, corner + 11], 1), torch.stack([corner, corner + 11, corner + 10], 1)]
    )
    hits = rasterise(vertices[None], torch.zeros(1, 100), triangles, torch.ones(1, 162, dtype=torch.bool), 31, 31)
    y, x = torch.meshgrid(torch.arange(31) + 0.5, torch.arange(31) + 0.5, indexing="ij")
    inside = ((torch.stack([x, y], -1) - 15.5) @ turn).abs().amax(-1) < 8.999
    assert inside.sum() > 280
    assert torch.isin(inside.view(-1).nonzero()[:, 0], hits.pixel).all()
    assert len(hits.pixel) == len(hits.pixel.unique())


def test_values_are_interpolated_linearly_and_per_frame():
    generator = torch.Generator().manual_seed(2)
    vertices = torch.rand(2, 9, 2, generator=generator) * 20
    triangles = torch.tensor([[0, 1, 2], [3, 4, 5], [6, 7, 8]])
    hits = rasterise(vertices, torch.rand(2, 9), triangles, torch.ones(2, 3, dtype=torch.bool), 20, 20)
    at = torch.stack([hits.pixel % 20, hits.pixel // 20 % 20], 1) + 0.5
    torch.testing.assert_close(hits.interpolate(triangles, vertices), at, rtol=0, atol=1e-3)
    constant = torch.arange(9.0)[:, None].expand(9, 2) // 3
    torch.testing.assert_close(hits.interpolate(triangles, constant)[:, 0], hits.triangle.float())


def test_nothing_to_draw():
    vertices = torch.tensor([[[-9.0, -9], [-5, -9], [-9, -5], [2, 2], [4, 4], [6, 6], [1, 1], [5, 1], [1, 5]]])
    triangles = torch.tensor([[0, 1, 2], [3, 4, 5], [6, 7, 8]])  # outside, without area, not wanted
    hits = rasterise(vertices, torch.zeros(1, 9), triangles, torch.tensor([[True, True, False]]), 8, 8)
    assert len(hits.pixel) == 0
    assert hits.interpolate(triangles, torch.zeros(9, 2)).shape == (0, 2)
