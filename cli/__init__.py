"""The command line: python -m motion_control animate | bind | capture | inspect | demo | bench."""

from .main import main

__all__ = ["main"]
