"""Face restoration against a bound identity."""

from .sharpen import restore_faces

__all__ = ["restore_faces"]
