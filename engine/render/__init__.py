"""The geometric engine: plays a MotionTrack on an Identity with the character's own pixels."""

from .play import RenderPlan, check_settings, plan, render_frames

__all__ = ["RenderPlan", "check_settings", "plan", "render_frames"]
