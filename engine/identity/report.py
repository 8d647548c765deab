"""What a person reads about a bound character: lines of text (see `card` for the picture)."""

from __future__ import annotations

from dataclasses import replace

from ..types import Check, Identity
from .atlas import halves_seen
from .coverage import Coverage, coverage, view_angles
from .likeness import LEFT_OUT

VERDICTS = ("pass", "warn", "fail")
ADVICE = "advice: "
HALF = 0.5
"""Of a half of the face: a frontal picture shows 0.7 of each, one from 35 degrees 0.3 of the farther."""
OF_THE_RENDERED = ("facing", "neutral expression")


def checks_of(identity: Identity, number: int) -> tuple[Check, ...]:
    """The checks of a view. One that is not rendered may look anywhere and with any expression: that is its use."""
    checks = identity.views[number].checks
    if number == identity.primary:
        return checks
    return tuple(replace(one, verdict="pass", wanted="any") if one.name in OF_THE_RENDERED else one for one in checks)


def verdict(checks: tuple[Check, ...]) -> str:
    """The worst verdict of all."""
    return max((check.verdict for check in checks), key=VERDICTS.index, default="pass")


def report_text(identity: Identity) -> str:
    """Every image with its checks, then what all of them cover and what to add."""
    lines = []
    for number, view in enumerate(identity.views):
        yaw, pitch, roll = view_angles(view).tolist()
        mark = " (rendered)" if number == identity.primary else ""
        checks = checks_of(identity, number)
        lines.append(
            f"{verdict(checks).upper()} {view.name}{mark}: yaw {yaw:+.0f}, pitch {pitch:+.0f}, roll {roll:+.0f} degrees"
        )
        lines += [f"  {check.line()}" for check in checks]
    return "\n".join(lines + notes(identity))


def notes(identity: Identity) -> list[str]:
    """What concerns the images together: who was left out and why, whether they agree, angles, advice."""
    report = identity.report
    lines = [f"{name}: {LEFT_OUT}, no face was found" for name in report.get("left_out", [])]
    lines += report.get("same_person", [])
    found = coverage(identity)
    lines += coverage_lines(found)
    for view, used in zip(identity.views, found.used, strict=True):
        if not used:
            why = "a hand is at the head" if view.covered else "its face is far smaller than the rendered one's"
            lines.append(f"{view.name} adds no angle: {why}")
    lines += _mirrored_half(identity)
    if report.get("note"):
        lines.append(report["note"])
    return lines


def _mirrored_half(identity: Identity) -> list[str]:
    """A line when the images show only one half of the face."""
    if identity.atlas_confidence is None:
        return []
    seen = halves_seen(identity.atlas_confidence)
    side = "right" if seen[0] < seen[1] else "left"
    if not min(seen) < HALF <= max(seen):
        return []
    return [f"the subject's {side} half of the face is hardly shown ({min(seen):.0%}): it is mirrored from the other"]


def coverage_lines(found: Coverage) -> list[str]:
    covered = ", ".join(one.name for one in found.covered) or "none of the usual directions"
    missing = ", ".join(one.name for one in found.missing)
    lines = [
        f"angles covered: {covered}" + (f"; not covered: {missing}" if missing else ""),
        f"the head can turn from {_side(found.left)} to {_side(found.right)} with what the images show",
    ]
    return lines + [f"{ADVICE}add {wish}" for wish in found.advice]


def _side(yaw: float) -> str:
    side = "left" if yaw < 0 else "right"
    return f"{abs(yaw):.0f} degrees {side}" if abs(yaw) >= 0.5 else "straight ahead"
