"""The sample's files: valid, complete, and made once."""

import pytest

from motion_control.engine import media
from motion_control.engine.errors import MediaError
from motion_control.engine.performance import eileen_collins, find_sample, grace_hopper, write_sample

SECONDS = 0.2


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("sample"), SECONDS)


def test_portraits():
    assert eileen_collins().shape == (640, 576, 3) and grace_hopper().shape == (600, 512, 3)


def test_files_are_valid(sample):
    clip = media.open_clip(sample.performance)
    assert (clip.width, clip.height, clip.frame_count, clip.frame_rate) == (576, 640, 6, 30)
    assert clip.audio is not None and clip.audio.sample_rate == 48_000
    assert media.read_image(sample.portrait).shape == (640, 576, 3)
    assert media.read_image(sample.hopper).shape == (600, 512, 3)


def test_the_first_frame_is_the_portrait(sample):
    (first, *_) = next(iter(media.iterate(media.open_clip(sample.performance)))).frames
    apart = (first.float() - media.read_image(sample.portrait).float()).abs().mean()
    assert float(apart) < 4  # grey levels: what the encoder loses


def test_only_a_complete_sample_is_found(sample):
    folder = sample.performance.parent
    assert find_sample(folder, SECONDS) == sample
    assert find_sample(folder, 2 * SECONDS) is None
    assert find_sample(folder / "nowhere") is None
    whole = sample.hopper.read_bytes()
    sample.hopper.write_bytes(whole[:100])
    assert find_sample(folder, SECONDS) is None
    sample.hopper.write_bytes(whole)
    assert find_sample(folder, SECONDS) == sample


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(MediaError, match="nowhere"):
        write_sample(tmp_path / "nowhere", SECONDS)
