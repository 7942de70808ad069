"""Image files of a user that are enlarged: names of results, colour profiles, formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageCms

from benchmarks.core.errors import UsageError
from benchmarks.data.user_images import SAVING, find_jobs, refuse_existing, rgb_profile, save_image

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def photo(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    PillowImage.fromarray(PIXELS).save(path)
    return path


def test_files_and_folders_in_order_and_once(tmp_path: Path) -> None:
    paths = [photo(tmp_path / "b.jpg"), photo(tmp_path / "folder" / "a.png"), photo(tmp_path / "folder" / "c.webp")]
    jobs = find_jobs([paths[0], tmp_path / "folder", paths[1]], tmp_path / "out", "png")
    assert [job.source for job in jobs] == paths
    assert [job.target.name for job in jobs] == ["b.png", "a.png", "c.png"]
    assert not (tmp_path / "out").exists()


def test_results_never_meet_images(tmp_path: Path) -> None:
    png, jpeg = photo(tmp_path / "in" / "a.png"), photo(tmp_path / "a.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    for paths, output, message in (
        ([png, jpeg], "out", "would both be written to"),
        ([tmp_path / "in"], "in", "a folder of the images themselves"),
        ([tmp_path / "in"], "link", "a folder of the images themselves"),
        ([png], "in", "would replace an image that is read"),
        ([png], "link", "would replace an image that is read"),
        ([tmp_path / "nowhere.png"], "out", "no such file or folder"),
        ([tmp_path], "out/../out", None),
    ):
        if message is None:
            assert find_jobs(paths, tmp_path / output, "png")
            continue
        with pytest.raises(UsageError, match=message):
            find_jobs(paths, tmp_path / output, "png")


def test_existing_results(tmp_path: Path) -> None:
    jobs = find_jobs([photo(tmp_path / "a.jpg"), photo(tmp_path / "b.jpg")], tmp_path / "out", "png")
    refuse_existing(jobs)
    photo(tmp_path / "out" / "b.png")
    with pytest.raises(UsageError, match=r"1 of 2 results exist in .*out \(b.png\)"):
        refuse_existing(jobs)


@pytest.mark.parametrize("file_format", SAVING)
def test_formats_keep_pixels_and_profile(file_format: str, tmp_path: Path) -> None:
    path = tmp_path / f"image{SAVING[file_format][0]}"
    save_image(path, PIXELS, file_format, SRGB)
    assert rgb_profile(path) == (SRGB, "")
    with PillowImage.open(path) as file:
        pixels = np.asarray(file.convert("RGB")).astype(int)
    assert np.abs(pixels - PIXELS).max() <= (40 if file_format == "jpeg" else 0)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_an_image_too_large_for_its_format(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"20x16500 pixels cannot be saved as webp .*: give --format png"):
        save_image(tmp_path / "image.webp", np.zeros((16500, 20, 3), np.uint8), "webp", None)
    assert not list(tmp_path.iterdir())


def test_profiles_that_do_not_fit(tmp_path: Path) -> None:
    for profile, message in ((LAB, "of Lab images"), (SRGB[:200], "broken"), (b"x", "broken")):
        PillowImage.fromarray(PIXELS).save(tmp_path / "image.png", icc_profile=profile)
        kept, remark = rgb_profile(tmp_path / "image.png")
        assert kept is None and message in remark
    assert rgb_profile(photo(tmp_path / "plain.png")) == (None, "")
    (tmp_path / "broken.png").write_bytes(b"no image")
    assert rgb_profile(tmp_path / "broken.png") == (None, "")
