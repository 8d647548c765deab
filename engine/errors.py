"""Errors that a user reads: one sentence that names the input, its value and the remedy."""


class MotionControlError(ValueError):
    """Base of every error this pack raises on purpose; its text is meant for the user as it is."""


class MediaError(MotionControlError):
    """A video, image or sound file that cannot be read or written."""


class CaptureError(MotionControlError):
    """A reference in which nobody can be tracked."""


class IdentityError(MotionControlError):
    """A character image that cannot be bound."""


class SettingError(MotionControlError):
    """A setting outside its range."""


class Interrupted(Exception):
    """The user asked to stop; not an error. Raised by a progress callback."""
