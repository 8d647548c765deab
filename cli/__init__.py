"""The command line: python -m motion_control animate | capture | inspect | demo."""

from .main import main

__all__ = ["main"]
