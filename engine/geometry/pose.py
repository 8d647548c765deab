"""Head pose: the similarity between a frame's face points and a neutral face in head space.

Head space: origin near the centre of the head between the ears, x to the subject's left (the right of an
un-mirrored picture), y down, z away from the camera; the unit is that of the points the template came from.
A posed point is  x = scale * R @ p + t  (z of t included), R a rotation matrix [3, 3].
"""

from __future__ import annotations

import torch

# Points that move with the skull and with nothing else: forehead, bridge of the nose, eye corners, temples.
# Never jaw or lips. Indices of the 468-point face mesh; weights by how still they are in speech.
RIGID_WEIGHTS: dict[int, float] = {
    10: 0.6, 151: 0.8, 9: 0.8, 8: 1.0, 168: 1.5, 6: 1.5, 197: 1.2, 195: 1.0, 5: 0.7,
    33: 1.5, 263: 1.5, 133: 1.5, 362: 1.5,
    127: 1.0, 356: 1.0, 162: 0.8, 389: 0.8, 21: 0.8, 251: 0.8, 54: 0.6, 284: 0.6, 103: 0.6, 332: 0.6,
    67: 0.6, 297: 0.6, 109: 0.6, 338: 0.6, 234: 0.8, 454: 0.8, 93: 0.3, 323: 0.3,
}  # fmt: skip


def rigid_indices(device=None) -> tuple[torch.Tensor, torch.Tensor]:
    """Indices int64 [K] and weights float32 [K] of the skull points."""
    return (
        torch.tensor(list(RIGID_WEIGHTS), dtype=torch.long, device=device),
        torch.tensor(list(RIGID_WEIGHTS.values()), dtype=torch.float32, device=device),
    )


def fit_similarity(
    source: torch.Tensor, target: torch.Tensor, weights: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Weighted Procrustes: scale [T], rotation [T,3,3], translation [T,3] with target ~ scale * R @ source + t.

    source: [N, 3] or [T, N, 3]; target: [T, N, 3]; weights: [N] or [T, N]. (Umeyama 1991, without reflections.)
    """
    if source.ndim == 2:
        source = source.expand(len(target), -1, -1)
    share = (weights / weights.sum(-1, keepdim=True))[..., None]
    source_mean = (source * share).sum(1, keepdim=True)
    target_mean = (target * share).sum(1, keepdim=True)
    a, b = source - source_mean, target - target_mean
    u, d, vh = torch.linalg.svd((b * share).transpose(1, 2) @ a)
    sign = torch.ones_like(d)
    sign[:, 2] = torch.linalg.det(u @ vh).sign()
    rotation = u @ (sign[:, :, None] * vh)
    scale = (d * sign).sum(1) / (a.square() * share).sum((1, 2)).clamp_min(1e-12)
    translation = target_mean[:, 0] - scale[:, None] * (rotation @ source_mean.transpose(1, 2))[:, :, 0]
    return scale, rotation, translation


def head_pose(points: torch.Tensor, neutral: torch.Tensor):
    """scale [T], rotation [T,3,3], translation [T,3] of face points [T,478,3] against a neutral face [478,3]."""
    index, weights = rigid_indices(points.device)
    return fit_similarity(neutral[index], points[:, index], weights)


def unpose(points, scale, rotation, translation) -> torch.Tensor:
    """Face points [T,N,3] back in head space [T,N,3] (inverse of x = scale R p + t)."""
    return ((points - translation[:, None]) / scale[:, None, None]) @ rotation


def canonical_face() -> torch.Tensor:
    """The canonical face [478, 3] in head space; irises at the centres of the eyes, unit: centimetres."""
    from ...models.face_topology import LEFT_EYE, RIGHT_EYE, face_topology

    face = face_topology().canonical * torch.tensor([1.0, -1.0, -1.0])
    irises = [face[list(ring)].mean(0, keepdim=True).expand(5, 3) for ring in (RIGHT_EYE, LEFT_EYE)]
    return torch.cat([face, *irises])


def angles(rotation: torch.Tensor) -> torch.Tensor:
    """Yaw, pitch, roll in degrees [T, 3]: yaw > 0 turns to the right of the picture, pitch > 0 looks down,
    roll > 0 tilts clockwise as seen in the picture. R = Rz(roll) Rx(pitch) Ry(yaw), y down."""
    pitch = torch.asin(rotation[:, 2, 1].clamp(-1, 1))
    yaw = torch.atan2(-rotation[:, 2, 0], rotation[:, 2, 2])
    roll = torch.atan2(-rotation[:, 0, 1], rotation[:, 1, 1])
    # The face looks along -z, so a positive rotation about y turns it to the left of the picture.
    return torch.rad2deg(torch.stack([-yaw, pitch, roll], 1))


def rotation_vector(rotation: torch.Tensor) -> torch.Tensor:
    """Axis * angle [T, 3] of rotation matrices [T, 3, 3] (scipy's convention)."""
    from scipy.spatial.transform import Rotation

    return torch.from_numpy(Rotation.from_matrix(rotation.double().cpu().numpy()).as_rotvec()).float()


def rotation_matrix(vector: torch.Tensor) -> torch.Tensor:
    """Rotation matrices [T, 3, 3] from axis * angle [T, 3]."""
    from scipy.spatial.transform import Rotation

    return torch.from_numpy(Rotation.from_rotvec(vector.double().cpu().numpy()).as_matrix()).float()
