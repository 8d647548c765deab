"""Where the performer covers the background: capsules along head, trunk, arms and legs.

    O      head: around the face oval, with the hair above and beside it
   /|\\     a capsule is every place that is nearer to a line between two joints than its radius
   / \\
"""

from __future__ import annotations

import numpy as np

LIMBS = (
    (11, 13, 0.28), (12, 14, 0.28), (13, 15, 0.24), (14, 16, 0.24), (11, 12, 0.3), (11, 23, 0.4), (12, 24, 0.4),
    (23, 24, 0.5), (11, 24, 0.4), (12, 23, 0.4), (23, 25, 0.4), (24, 26, 0.4), (25, 26, 0.35), (25, 27, 0.3),
    (26, 28, 0.3), (27, 31, 0.25), (28, 32, 0.25), (27, 29, 0.25), (28, 30, 0.25),
)  # fmt: skip
"""Joints at both ends and the radius, in units of the trunk: half of the limb's usual width with loose clothes."""
HAND_REACH = 1.0
"""How far a hand reaches beyond the wrist, in forearms."""
HAND_RADIUS = 0.35
HAIR = 0.75
"""Radius of the head with hair, in heights of the face."""
CHEST = 1.5
"""Radius of what is below a face without a known body, in heights of the face."""
CELL = 4
"""px of the grey picture."""


def capsules(face: np.ndarray | None, body: np.ndarray | None, hands: list[np.ndarray], height: float) -> np.ndarray:
    """float64 [N, 5]: x0, y0, x1, y1, radius in px. face: [478, 2+] px or None when unseen; body: [33, 2+] px or None;
    hands: the seen ones, [21, 2+] px; height: of the picture."""
    found = []
    if body is not None:
        found += _limbs(body[:, :2])
    if face is not None:
        found += _head(face[:468, :2], None if body is None else body[:, :2], height)
    elif body is not None:
        ears, nose = body[[7, 8], :2], body[0, :2]
        neck = body[[11, 12], :2].mean(0)
        radius = max(0.8 * np.linalg.norm(nose - neck), np.linalg.norm(ears[0] - ears[1]))
        found.append([*(nose + 0.3 * (nose - neck)), *neck, radius])
    for hand in hands:
        middle = hand[:, :2].mean(0)
        found.append([*middle, *middle, 1.3 * np.linalg.norm(hand[:, :2] - middle, axis=1).max()])
    return np.array(found, dtype=np.float64).reshape(-1, 5)


def _limbs(body: np.ndarray) -> list:
    # a body seen from the side has narrow shoulders: its trunk and its shins say how large it is
    trunk = np.linalg.norm(body[[11, 12]].mean(0) - body[[23, 24]].mean(0))
    unit = max(np.linalg.norm(body[11] - body[12]), 0.6 * trunk)
    found = [[*body[a], *body[b], radius * unit] for a, b, radius in LIMBS]
    for elbow, wrist in ((13, 15), (14, 16)):
        forearm = body[wrist] - body[elbow]
        length = max(np.linalg.norm(forearm), 0.4 * unit)
        tip = body[wrist] + forearm / max(np.linalg.norm(forearm), 1e-6) * HAND_REACH * 0.7 * length
        found.append([*body[wrist], *tip, HAND_RADIUS * unit])
    return found


def _head(mesh: np.ndarray, body: np.ndarray | None, height: float) -> list:
    low, high = mesh.min(0), mesh.max(0)
    size, middle = high[1] - low[1], (low + high) / 2
    up = (mesh[10] - mesh[152]) / max(np.linalg.norm(mesh[10] - mesh[152]), 1e-6)
    crown = middle + 0.35 * size * up
    # long hair falls to the shoulders
    below = middle - 0.9 * size * up
    found = [[*crown, *below, HAIR * size]]
    if body is None:
        chest = middle - 2.3 * size * up
        found.append([*chest, chest[0], max(height, chest[1]), CHEST * size])
    return found


def cover(shapes: np.ndarray, width: int, height: int) -> np.ndarray:
    """Which cells of CELL px lie in one of the capsules or near it: bool [ceil(height / CELL), ceil(width / CELL)]."""
    y, x = np.mgrid[0 : -(-height // CELL), 0 : -(-width // CELL)].astype(np.float32) * CELL + CELL / 2
    if not len(shapes):
        return np.zeros(x.shape, bool)
    start, line, radius = (shapes[:, part].astype(np.float32) for part in (slice(0, 2), slice(2, 4), 4))
    line = line - start
    px, py = x[..., None] - start[:, 0], y[..., None] - start[:, 1]
    along = px * line[:, 0]
    along += py * line[:, 1]
    along /= np.maximum((line * line).sum(1), 1e-6)
    np.clip(along, 0, 1, out=along)
    px -= along * line[:, 0]
    py -= along * line[:, 1]
    return (px * px + py * py < (radius + CELL / 2) ** 2).any(2)


def covered(places: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Which places [N, 2] px lie in the cells of `cover`: bool [N]. Places outside go by the nearest cell."""
    column = np.clip(places[:, 0] / CELL, 0, cells.shape[1] - 1).astype(np.int32)
    row = np.clip(places[:, 1] / CELL, 0, cells.shape[0] - 1).astype(np.int32)
    return cells[row, column]
