"""The geometric engine: plays a MotionTrack on an Identity with the character's own pixels."""

from .confidence import Confidence, confidence_map
from .play import RenderPlan, check_settings, plan, render_frames

__all__ = ["Confidence", "RenderPlan", "check_settings", "confidence_map", "plan", "render_frames"]
