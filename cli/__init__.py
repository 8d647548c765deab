"""The command line: python -m motion_control animate | inspect | demo."""

from .main import main

__all__ = ["main"]
