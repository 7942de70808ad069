"""Images are held against the settings of all cells before the first step, and in a dry run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from baselines.classical.bm3d import SMALLEST_SIDE
from benchmarks import run
from benchmarks.catalog.methods import get_method
from benchmarks.catalog.metrics import get_metric
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.data.kinds import user_folder
from benchmarks.planning.inputs import check_inputs
from benchmarks.planning.plan import make_plan
from benchmarks.planning.suitability import check_suitability
from benchmarks.scoring import lpips
from tests.helpers.stand_ins import photograph, save

BARE = ("metrics=['psnr']", "protocols=['rgb']", "shown=['rgb']")
WITH_SSIM = ("metrics=['ssim']", *BARE[1:])


pytestmark = pytest.mark.usefixtures("own_cache")


def write(folder: Path, **sides: tuple[int, int]) -> None:
    """Images of sizes (height, width), by path with underscores in place of slashes."""
    for number, (name, (height, width)) in enumerate(sides.items()):
        save(photograph(number, 8 * (max(height, width) // 8 + 1))[:height, :width], folder / f"{name.replace('__', '/')}.png")


def refusal(folder: Path, methods: list[str], *changes: str) -> str:
    """The line by which both a run and a dry run refuse a folder, before anything is computed."""
    profile = load_profile("smoke", changes)
    lines = []
    for check in (check_inputs, check_suitability):
        user_folder._sources.cache_clear()
        with pytest.raises(UsageError) as caught:
            check(make_plan(profile, methods, ["folder"], data_dir=folder))
        lines.append(str(caught.value))
    assert lines[0] == lines[1]
    return lines[0]


GOOD = {"train__p0": (128, 128), "train__p1": (128, 128), "train__p2": (128, 128), "test__t": (160, 160)}


def test_images_that_suit_are_not_refused(tmp_path: Path) -> None:
    write(tmp_path, **GOOD)
    for methods in (["bicubic"], ["cincgan", "edsr-paired", "bm3d-edsr"]):
        check_inputs(make_plan(load_profile("smoke"), methods, ["folder"], data_dir=tmp_path))


@pytest.mark.parametrize(
    ("name", "size", "method", "words"),
    [
        ("train__p0", (60, 128), "cincgan", "p0.png): it gives 32x15 LR pixels, but stage 'cincgan-inner' cuts patches of 24x24"),
        ("train__p2", (128, 92), "edsr", "p2.png): it gives 23x32 LR pixels, but stage 'edsr' cuts patches of 24x24"),
        ("train__p0", (20, 20), "edsr-paired", "p0.png): it gives 5x5 LR pixels, but stage 'edsr-paired' cuts patches of 24x24"),
    ],
)
def test_a_training_image_without_room_for_a_patch(
    tmp_path: Path, name: str, size: tuple[int, int], method: str, words: str
) -> None:
    write(tmp_path, **{**GOOD, name: size})
    line, side = refusal(tmp_path, [method], *BARE), min(size) // 4
    assert words in line and str(tmp_path) in line
    mend = f": take it out, or --set stages.{words.split(chr(39))[1]}.training.patch_size={side}"
    assert line.endswith(mend if side >= 8 else ": take it out")


def deep(image: PillowImage.Image, path: Path) -> None:
    PillowImage.fromarray(np.asarray(image)[..., 0].astype(np.uint16) * 257).save(path)


def deep_colour(image: PillowImage.Image, path: Path) -> None:
    cv2.imwrite(str(path), np.asarray(image).astype(np.uint16) * 257)


def glass(image: PillowImage.Image, path: Path) -> None:
    image.putalpha(254)
    image.save(path)


def transparent_palette(image: PillowImage.Image, path: Path) -> None:
    image.quantize(16).save(path, transparency=0)


def four_inks(image: PillowImage.Image, path: Path) -> None:
    image.convert("CMYK").save(path, "TIFF")


def animated(image: PillowImage.Image, path: Path) -> None:
    image.save(path, "PNG", save_all=True, append_images=[image.rotate(90)])


@pytest.mark.parametrize("name", ["train__p0", "test__t"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (deep, "has 16 bits a channel: convert it to 8 bits"),
        (deep_colour, "has 16 bits a channel: convert it to 8 bits"),
        (glass, "has transparent pixels: blend it with a background"),
        (transparent_palette, "has transparent pixels: blend it with a background"),
        (four_inks, "has colours in mode CMYK: save it as 8-bit RGB"),
        (animated, "has 2 frames: save one of them"),
    ],
)
def test_an_image_that_is_no_8_bit_rgb(
    tmp_path: Path, change: Callable[[PillowImage.Image, Path], None], words: str, name: str
) -> None:
    write(tmp_path, **GOOD)
    path = tmp_path / f"{name.replace('__', '/')}.png"
    with PillowImage.open(path) as image:
        change(image.convert("RGB"), path)
    line = refusal(tmp_path, ["cincgan"], *BARE)
    assert f"{path})" in line and words in line


def test_opaque_alpha_is_taken(tmp_path: Path) -> None:
    write(tmp_path, **GOOD)
    with PillowImage.open(tmp_path / "train" / "p0.png") as image:
        image.putalpha(255)
        image.save(tmp_path / "train" / "p0.png")
    check_suitability(make_plan(load_profile("smoke", BARE), ["edsr"], ["folder"], data_dir=tmp_path))


def test_an_image_that_no_asked_method_is_trained_on_does_not_matter(tmp_path: Path) -> None:
    write(tmp_path, **{**GOOD, "train__p0": (60, 60)})
    check_suitability(make_plan(load_profile("smoke"), ["edsr"], ["folder"], data_dir=tmp_path))


def test_unpaired_images_are_held_against_patches(tmp_path: Path) -> None:
    write(tmp_path, train__X__a=(30, 30), train__X__b=(20, 40), train__X__c=(40, 12), train__Z__d=(128, 128), test__t=(64, 64))
    line = refusal(tmp_path, ["cincgan"], *BARE)
    assert "b.png" in line and "and 1 more: the first gives 40x20 LR pixels, but stage 'cincgan-inner'" in line
    assert line.endswith("training.patch_size=12")


@pytest.mark.parametrize(
    ("size", "changes", "words"),
    [
        ((100, 170), (), "168x100 pixels, but protocol ntire2018 needs 160x160 or more: take it out, or leave the protocol out"),
        ((8, 40), WITH_SSIM, "t.png): it gives 40x8 pixels, but protocol rgb needs 11x11 or more: take it out"),
        (
            (16, 16),
            ("metrics=['psnr','lpips']", *BARE[1:]),
            "16x16 pixels, but metric lpips needs 31x31 or more under protocol rgb",
        ),
        ((3, 3), BARE, "0x0 LR pixels, but bicubic needs 1x1 or more"),
    ],
)
def test_a_test_image_that_is_too_small(tmp_path: Path, size: tuple[int, int], changes: tuple[str, ...], words: str) -> None:
    write(tmp_path, test__t=size)
    assert words in refusal(tmp_path, ["bicubic"], *changes)


def test_an_advised_option_mends(tmp_path: Path) -> None:
    write(tmp_path, test__t=(100, 100))
    line = refusal(tmp_path, ["bicubic"])
    assert line.endswith("""--set "protocols=['rgb']" --set "shown=['rgb']\"""")
    advised = load_profile("smoke", ["protocols=['rgb']", "shown=['rgb']"])
    check_inputs(make_plan(advised, ["bicubic"], ["folder"], data_dir=tmp_path))


def test_a_view_with_shaved_borders_counts(tmp_path: Path) -> None:
    write(tmp_path, test__t=(36, 36))
    changes = ("metrics=['psnr','lpips']", "protocols=['rgb-shave4']", "shown=['rgb-shave4']")
    assert "36x36 pixels, but metric lpips needs 31x31 or more under protocol rgb-shave4" in refusal(
        tmp_path, ["bicubic"], *changes
    )
    check_suitability(
        make_plan(load_profile("smoke", (changes[0], *BARE[1:])), ["bicubic"], ["folder"], data_dir=tmp_path)
    )  # rgb shaves nothing


def test_a_method_that_needs_larger_images(tmp_path: Path) -> None:
    write(tmp_path, **{**GOOD, "test__t": (60, 60)})
    words = "15x15 LR pixels, but bm3d-edsr needs 16x16 or more: take it out, or leave the method out with --methods"
    assert words in refusal(tmp_path, ["bm3d-edsr"], *BARE)


def test_declared_sizes_are_those_of_the_code() -> None:
    with_bm3d = ("bm3d-edsr", "bm3d-edsr-correlated", "bm3d-bicubic")
    assert {get_method(name).smallest for name in with_bm3d} == {SMALLEST_SIDE}
    assert {net: get_metric(name).smallest for name, net in (("lpips", "alex"), ("lpips-vgg", "vgg"))} == lpips.SMALLEST_SIDE


@pytest.mark.parametrize("split", ["train", "test"])
def test_pairs_of_another_scale(tmp_path: Path, split: str) -> None:
    write(tmp_path, **{**GOOD, "test__u": (160, 160)})
    for path in (tmp_path / split).glob("*.png"):
        path.unlink()
    write(tmp_path / split, HR__a=(160, 160), LR__a=(40, 40), HR__b=(168, 160), LR__b=(40, 80))
    user_folder._sources.cache_clear()
    with pytest.raises(UsageError, match=r"b.*(160x168|80x40).*no pair of scale 4"):
        check_suitability(make_plan(load_profile("smoke", BARE), ["edsr-paired"], ["folder"], data_dir=tmp_path))


def test_a_photograph_that_is_not_stored_upright_has_its_size_as_viewers_show_it(tmp_path: Path) -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    (tmp_path / "test" / "HR").mkdir(parents=True)
    PillowImage.fromarray(photograph(1, 128)[:, :64]).save(tmp_path / "test" / "HR" / "a.jpg", exif=exif)
    write(tmp_path / "test" / "LR", a=(16, 32))
    check_suitability(make_plan(load_profile("smoke", BARE), ["bicubic"], ["folder"], data_dir=tmp_path))


def test_a_broken_training_image_is_found_before_the_first_step(tmp_path: Path) -> None:
    write(tmp_path, **GOOD)
    broken = tmp_path / "train" / "p0.png"
    broken.write_bytes(broken.read_bytes()[:-400])
    with pytest.raises(UsageError, match=r"image p0\.png cannot be decoded"):
        check_inputs(make_plan(load_profile("smoke"), ["cincgan"], ["folder"], data_dir=tmp_path))


def test_all_broken_images_are_named_at_once(tmp_path: Path) -> None:
    write(tmp_path, **GOOD)
    for name in ("p0", "p1", "p2"):
        (tmp_path / "train" / f"{name}.png").write_bytes(b"no image" + name.encode())
    line = refusal(tmp_path, ["edsr"], *BARE)
    assert "image p0.png" in line and line.endswith("; and 2 more (p1.png, p2.png)")


@pytest.mark.parametrize("tile", [8, 18])
def test_a_tile_that_is_too_small_for_a_method(tile: int) -> None:
    cells = make_plan(load_profile("smoke", [f"tile={tile}"]), ["edsr"])
    with pytest.raises(UsageError, match=rf"a tile of {tile} LR pixels is too small for edsr: --set tile=19, or more$"):
        check_suitability(cells)
    check_suitability(make_plan(load_profile("smoke", ["tile=19"]), ["edsr"]))


def test_a_batch_that_processes_cannot_share(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WORLD_SIZE", "3"), ("RANK", "0"), ("MASTER_ADDR", "localhost"), ("MASTER_PORT", "29500")):
        monkeypatch.setenv(name, value)
    assert run.main(["--methods", "edsr", "--profile", "smoke", "--dry-run"]) == 2
    assert (
        "batch_size 4 cannot be shared out among 3 processes: --set stages.edsr.training.batch_size=6" in capsys.readouterr().err
    )
    monkeypatch.delenv("WORLD_SIZE")
    changes = ["--set", "resources.train.gpus=8", "--set", "stages.edsr.training.batch_size=12"]
    assert run.main(["--methods", "edsr", "--profile", "smoke", "--dry-run", "--executor", "ray", *changes]) == 2
    assert "batch_size 12 cannot be shared out among 8 processes" in capsys.readouterr().err


def below_a_file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file" / "runs"


def a_file(folder: Path) -> Path:
    (folder / "runs").touch()
    return folder / "runs"


def a_folder_without_permission(folder: Path) -> Path:
    return Path("/proc/1/runs")


@pytest.mark.parametrize("output", [below_a_file, a_file, a_folder_without_permission])
def test_a_dry_run_finds_that_results_could_not_be_written(
    tmp_path: Path, output: Callable[[Path], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    where = output(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert run.main(["--methods", "bicubic", "--profile", "smoke", "--dry-run", "--output", str(where)]) == 2
    line = capsys.readouterr().err
    assert f" {where}: " in line and "another" in line and line.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before
