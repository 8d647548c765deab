"""Identity binding: images of one character -> Identity."""

from .bind import bind_identity, report_text

__all__ = ["bind_identity", "report_text"]
