"""The geometric engine: plays a MotionTrack on an Identity with the character's own pixels."""

from .play import RenderPlan, plan, render_frames

__all__ = ["RenderPlan", "plan", "render_frames"]
