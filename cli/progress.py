"""One progress bar per stage, with the time that is left."""

from __future__ import annotations


class ProgressBars:
    """Context manager; `update(stage, done, total)` draws tqdm bars on standard error."""

    def __init__(self):
        self._bar = None
        self._stage = None

    def __enter__(self) -> ProgressBars:
        return self

    def __exit__(self, *_) -> None:
        if self._bar is not None:
            self._bar.close()

    def update(self, stage: str, done: int, total: int) -> None:
        from tqdm import tqdm

        if stage != self._stage:
            self.__exit__()
            self._bar = tqdm(
                total=total, desc=stage, unit="frame" if stage != "character" else "image", dynamic_ncols=True
            )
            self._stage = stage
        self._bar.update(done - self._bar.n)
