"""Shared mathematics: head pose of face points, smoothing of time series."""
