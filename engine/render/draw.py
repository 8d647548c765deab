"""Drawing of a batch of frames: one resample from the character's picture per output pixel.

    output pixel -> (camera) -> moved picture -> (face mesh | smooth field) -> place in the character's picture

The maps of mesh and field are blended before the one lookup, never the pictures, so no contour doubles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F

from ..geometry import face_regions as regions
from ..geometry.face_rig import CREASE
from ..geometry.raster import Hits, rasterise
from ..geometry.sampling import normalised, sample, sample_each, sample_normalised
from .camera import CameraPath
from .figure import LEFT_EYE, MOUTH, RIGHT_EYE, SKIN, Figure, vertex_facing
from .head_field import invert
from .lashes import FADE_IN, lash_cover
from .light import shading
from .relief import apply_relief, skin_gain
from .retarget import HeadMotion
from .tiles import TILE, Canvas, Tiles, cut, tile_map, touched_tiles
from .views import Shares, SideView, cover_of

BORDER_FADE = 0.03
"""How far the mirrored figure goes on beyond the picture's border, in half sides of the picture."""


@dataclass(frozen=True)
class Box:
    """A rectangle of whole output pixels: x0 <= x < x1, y0 <= y < y1."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        return self.y1 - self.y0


@dataclass(frozen=True)
class Pose:
    """The face of B frames in output pixels. points: float32 [B, 478, 3]; affine: float32 [B, 2, 2] maps picture
    offsets near the face to output offsets; facing: float32 [B, 468] cosines; both of the head without expression."""

    points: torch.Tensor
    affine: torch.Tensor
    facing: torch.Tensor


@dataclass(frozen=True)
class Backdrop:
    """What is behind the figure. picture: float32 [3, h, w] in picture px. still: the finished backdrop when the
    camera does not move, else None: uint8 [rows * TILE, columns * TILE, 3]; tiles: the same as float planes
    [3, rows * columns, TILE, TILE]."""

    picture: torch.Tensor
    still: torch.Tensor | None = None
    tiles: torch.Tensor | None = None


def make_backdrop(picture: torch.Tensor, camera: CameraPath) -> Backdrop:
    """picture: float32 [3, h, w] 0..1, the size of the character's picture."""
    if not camera.still:
        return Backdrop(picture)
    canvas = Canvas(camera.width, camera.height)
    grid = _pixel_grid(canvas.columns * TILE, canvas.rows * TILE, picture.device)
    still = sample(picture, camera.to_picture(grid[None], slice(0, 1))[0], mode="bicubic").clamp_(0, 1)
    tiles = cut(still)  # a copy: _to_bytes overwrites its input
    return Backdrop(picture, _to_bytes(still).permute(1, 2, 0).contiguous(), tiles)


def draw(
    figure: Figure,
    motion: HeadMotion,
    camera: CameraPath,
    backdrop: Backdrop,
    frames: slice,
    sides: tuple[SideView, ...] = (),
    shares: Shares | None = None,
) -> torch.Tensor:
    """Frames [start, stop) as uint8 [B, H, W, 3].

    sides: other views of the head; shares: how much of the head each of them draws.
    """
    canvas = Canvas(camera.width, camera.height)
    batch = len(motion.scale[frames])
    pose = pose_face(figure, motion, camera, frames)
    coarse, touched = smooth_map(figure, motion, camera, frames, canvas)
    heads = [
        head
        for number, side in enumerate(sides)
        if (head := _other_head(side, motion, camera, frames, shares, number, canvas)) is not None
    ]
    for head in heads:
        touched[head.rows] |= head.touched
    face = face_box(pose, canvas)
    for box in [face, *(head.face for head in heads)]:
        if box is not None:
            touched[:, box.y0 // TILE : -(-box.y1 // TILE), box.x0 // TILE : -(-box.x1 // TILE)] = True
    size = (canvas.rows * TILE, canvas.columns * TILE)
    if backdrop.still is None:
        touched[:] = True
        out = torch.zeros(batch, *size, 3, dtype=torch.uint8, device=touched.device)
    else:
        out = backdrop.still.expand(batch, -1, -1, -1).clone()
    tiles = Tiles.of(touched)
    positions = tile_map(normalised(coarse, *figure.size), tiles).contiguous()
    openings = {}
    if face is not None:
        openings = mesh_map(figure, motion.closed[frames], pose, positions, tiles, face, relief=motion.relief[frames])
    rgba = look_up(figure, positions, tiles, pose)
    gain = None if figure.light is None else shading(figure, motion.rotation[frames], coarse, tiles)
    for head in heads:
        _draw_other_head(figure, head, coarse, touched, tiles, rgba, gain)
    if "relief" in openings:
        place, folds = openings.pop("relief")
        flat = rgba.view(4, -1)
        flat[:3, place] = apply_relief(flat[:3].index_select(1, place), folds)
    if openings:
        draw_openings(figure, motion, pose, frames, openings, rgba, tiles, face)
    if gain is not None:
        rgba[:3] *= gain
    behind = backdrop_tiles(backdrop, camera, frames, tiles, canvas)
    picture = _to_bytes(rgba[:3].addcmul_(behind, 1 - rgba[3:]))  # [3, n, TILE, TILE]
    rows = out.view(batch, canvas.rows, TILE, canvas.columns, TILE, 3)
    rows[tiles.frame, tiles.row, :, tiles.column] = picture.permute(1, 2, 3, 0)
    return out[:, : canvas.height, : canvas.width]


@dataclass(frozen=True)
class _Head:
    """Another view's head in those frames (rows of the batch) that show it."""

    side: SideView
    rows: torch.Tensor
    rotation: torch.Tensor
    shares: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
    closed: torch.Tensor
    pose: Pose
    coarse: torch.Tensor
    touched: torch.Tensor
    face: Box | None


def _other_head(side: SideView, motion, camera, frames, shares: Shares, number: int, canvas) -> _Head | None:
    rows = shares.drawn()[frames, number].nonzero()[:, 0]
    if not len(rows):
        return None
    chosen = rows + frames.start
    own = side.motion(motion, chosen)
    view = replace(camera, zoom=camera.zoom[chosen], centre=camera.centre[chosen] - side.offset)
    pose = pose_face(side.figure, own, view, slice(None))
    coarse, touched = smooth_map(side.figure, own, view, slice(None), canvas)
    face = face_box(pose, canvas)
    return _Head(side, rows, own.rotation, shares.at(chosen, number), own.closed, pose, coarse, touched, face)


def _draw_other_head(figure: Figure, head: _Head, coarse, touched, tiles: Tiles, rgba, gain) -> None:
    """Blends another view's head over the primary view's in the tiles' rgba [4, n, TILE, TILE], in place.

    gain: float32 [n, TILE, TILE], what the light will make of the primary view's; None = it changes nothing."""
    shown = torch.zeros_like(touched[:, 0, 0])
    shown[head.rows] = True
    places = shown[tiles.frame].nonzero()[:, 0]
    own, other = Tiles.of(touched[head.rows]), head.side.figure
    positions = tile_map(normalised(head.coarse, *other.size), own).contiguous()
    cover = cover_of(figure, head.side, coarse[head.rows], head.coarse, head.shares)
    cover = tile_map(torch.stack([cover, cover], -1), own)[..., 0].clamp(0, 1).contiguous()
    if head.face is not None:
        whole, fills, lacks = (share[:, None] for share in head.shares)
        seen = (whole + fills * head.side.fills - lacks * head.side.lacks).clamp(0, 1)
        on_skin = mesh_map(other, head.closed, head.pose, positions, own, head.face, seen)["values"]
        index = own.index(head.face.x0, head.face.y0, head.face.width, head.face.height).reshape(-1)
        flat = cover.view(-1)
        flat[index] = torch.lerp(flat[index], on_skin[..., 0].reshape(-1), on_skin[..., 1].reshape(-1))
    drawn = look_up(other, positions, own, head.pose)
    if gain is not None:
        drawn[:3] *= shading(other, head.rotation, head.coarse, own) / gain[places]
    rgba[:, places] = torch.lerp(rgba[:, places], drawn, cover)


def _to_bytes(picture: torch.Tensor) -> torch.Tensor:
    """0..1 floats, overwritten, as rounded uint8."""
    return picture.mul_(255).add_(0.5).clamp_(0, 255).to(torch.uint8)


def pose_face(figure: Figure, motion: HeadMotion, camera: CameraPath, frames: slice) -> Pose:
    """Where the character's face points are in the output; expression is added before rotation."""
    pivot, rotation = figure.field.pivot, motion.rotation[frames]
    expression = motion.delta[frames] @ figure.facing.T
    scale, shift = motion.scale[frames][:, None, None], motion.shift[frames][:, None]
    moved = scale * ((figure.points + expression - pivot) @ rotation.transpose(1, 2)) + pivot
    flat = camera.to_output(moved[..., :2] + shift, frames)
    zoom = camera.zoom[frames]
    points = torch.cat([flat, moved[..., 2:] * zoom[:, None, None]], -1)
    affine = rotation[:, :2, :2] * (motion.scale[frames] * zoom)[:, None, None]
    # of the head as it turns, without expression: a lip that hides a part of the chin is seen as well as ever
    rigid = (figure.points[:468] - pivot) @ rotation.transpose(1, 2)
    facing = vertex_facing(rigid, figure.triangles[figure.layer == SKIN])
    return Pose(points, affine, facing * facing.mean().sign())


def smooth_map(figure, motion, camera, frames, canvas: Canvas) -> tuple[torch.Tensor, torch.Tensor]:
    """Source position of every coarse cell in picture px [B, h, w, 2], and the tiles the figure can touch."""
    contour = motion.delta[frames][:, list(regions.FACE_OVAL)] @ figure.facing.T
    displacement = figure.field.forward(
        motion.rotation[frames], motion.scale[frames], motion.shift[frames], motion.torso[frames], contour
    )
    grid = canvas.coarse_grid(displacement.device)
    targets = camera.to_picture(grid.expand(len(displacement), -1, -1, -1), frames)
    source = invert(displacement, figure.field.step, targets)
    reach = figure.field.reach[None, None].expand(len(source), -1, -1, -1)
    inside = sample_each(reach, source / figure.field.step + 0.5)[:, 0] > 0
    return source, touched_tiles(inside)


def face_box(pose: Pose, canvas: Canvas) -> Box | None:
    """Output rectangle of the faces of all frames with a margin of two pixels; None when it is outside."""
    low, high = pose.points[:, :468, :2].amin((0, 1)).tolist(), pose.points[:, :468, :2].amax((0, 1)).tolist()
    x0, y0 = max(0, int(low[0]) - 2), max(0, int(low[1]) - 2)
    x1, y1 = min(canvas.width, int(high[0]) + 3), min(canvas.height, int(high[1]) + 3)
    return Box(x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def mesh_map(
    figure: Figure, closed, pose: Pose, positions: torch.Tensor, tiles: Tiles, box: Box, values=None, relief=None
) -> dict:
    """Blends the face mesh's source positions into the tiles' normalised `positions` in place.

    Returns a soft mask float32 [B, h, w] over the box for the mouth opening and for each eye opening; with `values`,
    float32 [B, 478] at the face's points, also those [B, h, w, 2] and where the skin is under "values"; with
    `relief` [B, S, S] places in the tiles' flat pixels and the gain's logarithm there under "relief".
    """
    batch = len(pose.points)
    origin = positions.new_tensor([box.x0, box.y0])
    facing = F.pad(((pose.facing - 0.08) / 0.22).clamp(0, 1), (0, 10), value=1.0)
    keep = facing[:, figure.triangles].amax(2) > 0
    vertices = pose.points[..., :2] - origin
    hits = rasterise(vertices, pose.points[..., 2], figure.triangles, keep, box.height, box.width)
    layer = figure.layer[hits.triangle]
    masks = {name: _mask(hits.pixel[layer == name], batch, box) for name in (MOUTH, RIGHT_EYE, LEFT_EYE)}
    skin = (layer == SKIN).nonzero()[:, 0]
    hits = Hits(hits.pixel[skin], hits.triangle[skin], hits.frame[skin], hits.weights[skin])
    trust = (figure.mesh_trust * facing)[..., None]
    source = hits.interpolate(figure.triangles, normalised(texture_points(figure, closed), *figure.size))
    weight = hits.interpolate(figure.triangles, trust)
    flat = positions.view(-1, 2)
    index = tiles.index(box.x0, box.y0, box.width, box.height).reshape(-1)
    place = index.index_select(0, hits.pixel)
    flat.index_copy_(0, place, torch.lerp(flat.index_select(0, place), source, weight))
    _extend(flat, sum(masks.values()), hits, source, index, box)
    found = {name: F.avg_pool2d(mask[:, None], 3, 1, 1)[:, 0] for name, mask in masks.items()}
    if values is not None:
        plane = torch.zeros(batch * box.height * box.width, 2, device=flat.device)
        plane[hits.pixel, 0] = hits.interpolate(figure.triangles, values[..., None])[:, 0]
        plane[hits.pixel, 1] = 1
        found["values"] = plane.view(batch, box.height, box.width, 2)
    if relief is not None and relief.shape[-1]:
        found["relief"] = place, skin_gain(relief, figure.triangles, hits, weight[:, 0])
    return found


def texture_points(figure: Figure, closed: torch.Tensor) -> torch.Tensor:
    """Where the mesh takes its texture: float32 [B, 478, 2] px of the picture. As a lid closes it is taken from a
    little beside the opening, so that no sliver of the eyeball is drawn as skin. closed: float32 [B, 2]."""
    points = figure.points[:, :2].repeat(len(closed), 1, 1)
    for number, (upper, lower) in enumerate(regions.EYES):
        above, below, fold = figure.eyeballs[number].margins
        amount = closed[:, number, None, None]
        points[:, list(CREASE[number])] += amount * fold
        points[:, list(lower[1:-1])] += amount * below
        points[:, list(upper[1:-1])] += amount * above
    return points


def _mask(pixel: torch.Tensor, batch: int, box: Box) -> torch.Tensor:
    mask = torch.zeros(batch * box.height * box.width, device=pixel.device)
    mask[pixel] = 1
    return mask.view(batch, box.height, box.width)


def _extend(flat, hole: torch.Tensor, hits: Hits, source: torch.Tensor, index, box: Box) -> None:
    """Gives the rim of the openings the positions of the skin beside it, so that soft edges never show what lay
    inside the opening in the character's picture. In place."""
    where = (hole.reshape(-1) > 0).nonzero()[:, 0]
    if not len(where):
        return
    number = torch.full((hole.numel(),), -1, dtype=torch.long, device=flat.device)
    number[hits.pixel] = torch.arange(len(hits.pixel), device=flat.device)
    row, column = where // box.width, where % box.width
    inner_row = row % box.height
    total = torch.zeros(len(where), 3, device=flat.device)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            ok = (inner_row + dy >= 0) & (inner_row + dy < box.height)
            ok &= (column + dx >= 0) & (column + dx < box.width)
            beside = number[(where + dy * box.width + dx).clamp(0, hole.numel() - 1)]
            ok &= beside >= 0
            total[:, :2] += torch.where(ok[:, None], source[beside.clamp_min(0)], 0)
            total[:, 2] += ok
    found = (total[:, 2] > 0).nonzero()[:, 0]
    flat[index[where[found]]] = total[found, :2] / total[found, 2:]


def look_up(figure: Figure, positions: torch.Tensor, tiles: Tiles, pose: Pose) -> torch.Tensor:
    """Figure and matte of every pixel of the tiles: float32 [4, n, TILE, TILE]. Bicubic on and around the face of
    each frame, bilinear elsewhere.

    positions: normalised, [n, TILE, TILE, 2].
    """
    rgba = sample_normalised(figure.source, positions)
    face = pose.points[:, :468, :2]
    low, high = face.amin(1), face.amax(1)
    margin = 0.15 * (high - low)
    low, high = ((low - margin) / TILE).floor()[tiles.frame], ((high + margin) / TILE).floor()[tiles.frame]
    near = (tiles.column >= low[:, 0]) & (tiles.column <= high[:, 0])
    near &= (tiles.row >= low[:, 1]) & (tiles.row <= high[:, 1])
    chosen = near.nonzero()[:, 0]
    if len(chosen):
        rgba[:3, chosen] = sample_normalised(figure.source[:3], positions[chosen], mode="bicubic")
    _end_at_border(figure, positions, rgba)
    return rgba


def _end_at_border(figure: Figure, positions: torch.Tensor, rgba: torch.Tensor) -> None:
    """Beyond the picture's border the lookup mirrors the picture. Hair that the border cuts goes on like that for a
    little and fades; where the border shows background there is nothing beyond it. In place."""
    beyond = (positions.abs() > 1).any(-1)
    if not bool(beyond.any()):
        return
    places = positions[beyond]
    nearest = places.clamp(-1, 1)
    fade = (1 - (places - nearest).abs().amax(-1) / BORDER_FADE).clamp_min(0)
    rgba[:, beyond] *= fade * sample_normalised(figure.source[3:], nearest[None, None]).view(1, -1)


def backdrop_tiles(backdrop, camera: CameraPath, frames: slice, tiles: Tiles, canvas: Canvas) -> torch.Tensor:
    """What is behind the chosen tiles: float32 [3, n, TILE, TILE]."""
    if backdrop.tiles is not None:
        return backdrop.tiles.index_select(1, tiles.row * canvas.columns + tiles.column)
    step = torch.arange(TILE, device=tiles.row.device) + 0.5
    x = (tiles.column * TILE)[:, None] + step
    y = (tiles.row * TILE)[:, None] + step
    zoom, centre = camera.zoom[frames][tiles.frame], camera.centre[frames][tiles.frame]
    x = (x - camera.width / 2) / zoom[:, None] + centre[:, :1]
    y = (y - camera.height / 2) / zoom[:, None] + centre[:, 1:]
    grid = torch.stack([x[:, None].expand(-1, TILE, -1), y[:, :, None].expand(-1, -1, TILE)], -1)
    return sample(backdrop.picture, grid)


def draw_openings(figure, motion, pose, frames, masks, rgba, tiles, box) -> None:
    """Draws the eyeballs and the inside of the mouth into the tiles' rgba [4, n, TILE, TILE], in place."""
    inverse = torch.linalg.inv(pose.affine)
    flat = rgba.view(4, -1)
    places = tiles.index(box.x0, box.y0, box.width, box.height).reshape(-1)

    def opening(name):
        mask = masks[name].reshape(-1)
        pixel = (mask > 0).nonzero()[:, 0]
        row = pixel // box.width
        frame, y, x = row // box.height, row % box.height + box.y0, pixel % box.width + box.x0
        return mask[pixel], frame, torch.stack([x, y], -1) + 0.5, places[pixel]

    for number, name in enumerate((RIGHT_EYE, LEFT_EYE)):
        alpha, frame, pixel, index = opening(name)
        if not len(alpha):
            continue
        eye = figure.eyeballs[number]
        anchor = pose.points[:, list(regions.EYE_CORNERS[number]), :2].mean(1)
        position = ((pixel - anchor[frame])[:, None] @ inverse[frame].transpose(1, 2))[:, 0] + eye.corners.mean(0)
        colour = eye.colour(position, motion.gaze[frames, number][frame])
        colour = colour * _lid_shadow(pose, number, pixel, frame, eye.width)
        flat[:3, index] = torch.lerp(flat[:3].index_select(1, index), colour, alpha)
    draw_lashes(figure, motion.closed[frames], pose, flat, tiles, box)
    alpha, frame, pixel, index = opening(MOUTH)
    if not len(alpha):
        return
    mouth = figure.mouth
    anchor = _rigid_mouth_anchor(figure, motion, frames, pose)
    position = ((pixel - anchor[frame])[:, None] @ inverse[frame].transpose(1, 2))[:, 0] + mouth.centre
    unit = mouth.half * pose.affine.det().abs().sqrt()[frame]
    upper = _distance_to(pose.points[:, list(regions.INNER_LIP_UPPER), :2], pixel, frame) / unit
    lower = _distance_to(pose.points[:, list(regions.INNER_LIP_LOWER), :2], pixel, frame) / unit
    colour = mouth.colour(position, motion.jaw[frames][frame], upper, lower)
    flat[:3, index] = torch.lerp(flat[:3].index_select(1, index), colour, alpha)


def draw_lashes(figure, closed, pose: Pose, flat: torch.Tensor, tiles: Tiles, box: Box) -> None:
    """Draws the line of the lashes of closing eyes into the tiles' flat rgba [4, n], in place. closed: [B, 2]."""
    for number, eye in enumerate(figure.eyeballs):
        rows = (closed[:, number] > FADE_IN[0]).nonzero()[:, 0]
        if not len(rows):
            continue
        lid = pose.points[:, list(regions.EYES[number][0]), :2]
        margin = 3 + 0.1 * float((lid[rows, 0] - lid[rows, -1]).norm(dim=1).amax())
        low, high = (lid[rows].amin((0, 1)) - margin).tolist(), (lid[rows].amax((0, 1)) + margin).tolist()
        x0, y0 = max(box.x0, int(low[0])), max(box.y0, int(low[1]))
        x1, y1 = min(box.x1, int(high[0]) + 1), min(box.y1, int(high[1]) + 1)
        if x1 <= x0 or y1 <= y0:
            continue
        places = tiles.index(x0, y0, x1 - x0, y1 - y0)[rows].reshape(-1)
        grid = _pixel_grid(x1 - x0, y1 - y0, flat.device) + flat.new_tensor([x0, y0])
        pixel = grid.reshape(1, -1, 2).expand(len(rows), -1, -1).reshape(-1, 2)
        frame = rows.repeat_interleave((x1 - x0) * (y1 - y0))
        distance = _distance_to(lid, pixel, frame)
        cover = lash_cover(eye, number, pose.points, closed[:, number], pixel, frame, distance)
        flat[:3, places] = torch.lerp(flat[:3].index_select(1, places), eye.lash[:, None], cover)


def _rigid_mouth_anchor(figure, motion, frames, pose) -> torch.Tensor:
    """Where the middle of the mouth corners would be in the output without expression: [B, 2]."""
    corners = list(regions.MOUTH_CORNERS)
    moved = motion.delta[frames][:, corners].mean(1) @ figure.facing.T  # px of the picture, picture axes
    centre = pose.points[:, corners, :2].mean(1)
    return centre - (pose.affine @ moved[:, :2, None])[..., 0]


def _lid_shadow(pose, number, pixel, frame, width) -> torch.Tensor:
    """The upper lid darkens the top of the eyeball."""
    upper = regions.EYES[number][0]
    distance = _distance_to(pose.points[:, list(upper), :2], pixel, frame)
    size = width * pose.affine.det().abs().sqrt()[frame]
    return 1 - 0.18 * torch.exp(-distance / (0.05 * size))


def _distance_to(line: torch.Tensor, pixel: torch.Tensor, frame: torch.Tensor) -> torch.Tensor:
    """Distance px of pixels [n, 2] to the polyline [B, K, 2] of their frame."""
    best = pixel.new_full((len(pixel),), 1e9)
    for i in range(line.shape[1] - 1):
        a, b = line[:, i].index_select(0, frame), line[:, i + 1].index_select(0, frame)
        along, offset = b - a, pixel - a
        part = ((offset * along).sum(-1) / along.square().sum(-1).clamp_min(1e-6)).clamp(0, 1)
        best = torch.minimum(best, (offset - part[:, None] * along).square().sum(-1))
    return best.sqrt()


def _pixel_grid(width: int, height: int, device) -> torch.Tensor:
    """Pixel centres float32 [height, width, 2]."""
    x = torch.arange(width, device=device) + 0.5
    y = torch.arange(height, device=device) + 0.5
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([grid_x, grid_y], -1)
