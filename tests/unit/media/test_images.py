"""read_image: every kind of still picture as RGB, write_contact_sheet."""

import numpy as np
import pytest
import torch
from PIL import Image

from motion_control.engine.errors import MediaError
from motion_control.engine.media import images, moments, read_image, write_contact_sheet

RED = (200, 40, 30)


@pytest.fixture
def corner():
    """A grey picture, 20 wide and 12 high, with a red top left corner."""
    picture = np.full((12, 20, 3), 128, np.uint8)
    picture[:4, :4] = RED
    return Image.fromarray(picture)


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "webp", "gif", "ppm"])
def test_formats(corner, tmp_path, ending):
    how = {"lossless": True} if ending == "webp" else {}
    corner.save(tmp_path / f"a.{ending}", **how)
    image = read_image(tmp_path / f"a.{ending}")
    assert image.dtype == torch.uint8 and image.shape == (12, 20, 3) and image.is_contiguous()
    assert (image[0, 0].int() - torch.tensor(RED)).abs().max() <= 2


@pytest.mark.parametrize(
    "orientation, row, column, turned", [(1, 0, 0, 0), (3, -1, -1, 0), (6, 0, -1, 1), (8, -1, 0, 1)]
)
def test_exif_rotation(corner, tmp_path, orientation, row, column, turned):
    exif = Image.Exif()
    exif[0x0112] = orientation
    corner.resize((80, 48), 0).save(tmp_path / "a.jpg", exif=exif, quality=95, subsampling=0)
    image = read_image(tmp_path / "a.jpg")
    assert image.shape[:2] == ((80, 48) if turned else (48, 80))
    assert (image[row, column].int() - torch.tensor(RED)).abs().max() <= 8


def test_modes(tmp_path):
    def saved(picture, name="a.png", **how):
        picture.save(tmp_path / name, **how)
        return read_image(tmp_path / name)[0, 0].tolist()

    assert saved(Image.new("RGBA", (4, 4), (255, 0, 0, 0))) == [255, 255, 255]
    assert saved(Image.new("RGBA", (4, 4), (255, 0, 0, 128))) == pytest.approx([255, 127, 127], abs=1)
    assert saved(Image.new("LA", (4, 4), (0, 0))) == [255, 255, 255]
    assert saved(Image.new("L", (4, 4), 77)) == [77, 77, 77]
    assert saved(Image.new("1", (4, 4), 1)) == [255, 255, 255]
    assert saved(Image.fromarray(np.full((4, 4), 0x8080, np.uint16))) == [128, 128, 128]
    assert saved(Image.fromarray(np.full((4, 4), 0.5, np.float32)), "a.tif") == [128, 128, 128]
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([9, 9, 9, *RED])
    assert saved(palette) == list(RED)
    assert saved(palette, transparency=1) == [255, 255, 255]
    assert saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "a.jpg", quality=95) == pytest.approx(
        [255, 0, 0], abs=3
    )


def test_an_animation_gives_its_first_picture(tmp_path):
    first, second = Image.new("RGB", (8, 8), RED), Image.new("RGB", (8, 8), (0, 0, 255))
    for name in ("a.gif", "a.png", "a.webp"):
        first.save(tmp_path / name, save_all=True, append_images=[second], duration=100)
        assert (read_image(tmp_path / name)[0, 0].int() - torch.tensor(RED)).abs().max() <= 6


def test_sentences_for_bad_pictures(corner, tmp_path, monkeypatch):
    corner.resize((200, 120)).save(tmp_path / "good.png")
    data = (tmp_path / "good.png").read_bytes()
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "a.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    cases = {
        "text.png": "not a picture",
        "cut.png": "damaged",
        "empty.png": "empty",
        "a.eps": "not a picture",
    }
    cases |= {"none.png": "does not exist", ".": "folder"}
    for name, words in cases.items():
        with pytest.raises(MediaError, match=words) as caught:
            read_image(tmp_path / name)
        assert str(caught.value).endswith(".")
    monkeypatch.setattr(images, "_MAX_PIXELS", 1000)
    with pytest.raises(MediaError, match="200x120"):
        read_image(tmp_path / "good.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(MediaError, match="too many"):
        read_image(tmp_path / "good.png")


def test_moments():
    assert moments(9, 3) == [0, 4, 8]
    assert moments(3, 8) == [0, 1, 2]
    assert moments(1, 8) == [0] and moments(0, 8) == []
    assert len(set(moments(1000))) == 8 and moments(1000)[-1] == 999


def test_contact_sheet(tmp_path):
    driver = [torch.full((120, 90, 3), 10 * i, dtype=torch.uint8) for i in range(20)]
    output = [torch.full((64, 128, 3), 255 - 10 * i, dtype=torch.uint8) for i in range(8)]
    write_contact_sheet(tmp_path / "sheet.png", [driver, output], tile_height=64)
    sheet = np.array(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (4 + 64 + 4 + 64 + 4, 4 + 8 * (128 + 4), 3)
    centres = [4 + 64 + i * 132 for i in range(8)]
    assert [sheet[36, x, 0] for x in centres] == [10 * i for i in moments(20)]
    assert [sheet[104, x, 0] for x in centres] == [255 - 10 * i for i in range(8)]
    assert [p.name for p in tmp_path.iterdir()] == ["sheet.png"]
    with pytest.raises(MediaError):
        write_contact_sheet(tmp_path / "none" / "sheet.png", [driver])
    with pytest.raises(MediaError):
        write_contact_sheet(tmp_path / "sheet.png", [[], []])
