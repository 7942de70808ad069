"""The memory-mapped cache of decoded images: its views, and damage that it survives."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.api.image import Image
from benchmarks.core.errors import BenchmarkError, UsageError
from benchmarks.data.cache import TAIL, release, stack, verify
from tests.conftest import ROOT

KEY = "0123abcd"

MAKER = """
import os, sys, time
import numpy as np
from pathlib import Path
from benchmarks.data.cache import release, stack
from benchmarks.core.errors import BenchmarkError

def images(count, pause=0.0):
    with open("made", "a") as log:
        log.write("made\\n")
    for number in range(count):
        yield np.full((500, 700, 3), number, np.uint8)
        print("made", number, flush=True)
        time.sleep(pause)
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the stacks in an empty cache."""
    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path / "cache" / "pixels"


def some_images() -> list[Image]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((5, 7), (64, 33), (1, 1), (12, 90))]


def never() -> list[Image]:
    raise AssertionError("made again")


def same(actual: list[Image], expected: list[Image]) -> bool:
    return len(actual) == len(expected) and all(map(np.array_equal, actual, expected))


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def maker(tmp_path: Path, code: str) -> subprocess.Popen[str]:
    """A process that uses the same cache."""
    line = [sys.executable, "-c", MAKER + code]
    return subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_images_of_any_size_come_back_and_are_made_once() -> None:
    assert same(stack(KEY, some_images), some_images())
    assert same(stack(KEY, never), some_images())


def test_keys_are_apart() -> None:
    stack(KEY, some_images)
    assert same(stack("ffff", lambda: some_images()[:2]), some_images()[:2])
    assert same(stack(KEY, never), some_images())


@pytest.mark.parametrize("images", [[], [np.zeros((0, 4, 3), np.uint8)]])
def test_no_images_and_images_without_pixels(images: list[Image]) -> None:
    assert same(stack(KEY, lambda: images), images)
    assert same(stack(KEY, never), images)


def test_views_of_any_strides_are_stored_as_they_look() -> None:
    views = [some_images()[1][::-1, ::2], some_images()[3].transpose(1, 0, 2), some_images()[0][::-1, ::-1, ::-1]]
    assert same(stack(KEY, lambda: views), views)


def test_images_are_read_only_views_of_one_mapping() -> None:
    def mapping(image: Image) -> object:
        base: object = image
        while isinstance(base, np.ndarray | memoryview):
            base = base.base if isinstance(base, np.ndarray) else base.obj
        return base

    images = stack(KEY, some_images)
    assert len({id(mapping(image)) for image in images}) == 1
    assert type(mapping(images[0])).__name__ == "mmap"
    for image in images:
        assert type(image) is np.ndarray and image.dtype == np.uint8
        with pytest.raises(ValueError, match="read-only"):
            image[:] = 0
        with pytest.raises(ValueError, match="WRITEABLE"):
            image.setflags(write=True)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files as Linux lists them")
def test_a_stack_holds_one_open_file_however_many_images_it_has() -> None:
    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = opened()
    images = stack(KEY, lambda: [np.zeros((2, 2, 3), np.uint8)] * 300)
    assert opened() == before + 1
    del images
    assert opened() == before


def test_a_single_image_is_in_memory_at_a_time() -> None:
    def large() -> Iterator[Image]:
        for number in range(12):
            yield np.full((1000, 1000, 3), number, np.uint8)

    tracemalloc.start()
    images = stack(KEY, large)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * images[0].nbytes
    assert [int(image[0, 0, 0]) for image in images] == list(range(12))


def test_a_cached_stack_is_mapped_without_writing_to_the_folder(cache: Path) -> None:
    stack(KEY, some_images)
    for lock in cache.glob(".*"):
        lock.unlink()
    stack(KEY, never)
    assert [path.name for path in cache.iterdir()] == [f"{KEY}.pixels"]


def cut(content: bytearray) -> None:
    del content[len(content) // 2 :]


def cut_one(content: bytearray) -> None:
    del content[-1:]


def append(content: bytearray) -> None:
    content += b"x"


def garble_index(content: bytearray) -> None:
    content[content.index(b"sizes") + 9] ^= 1


def swap_height_and_width(content: bytearray) -> None:
    content[:] = content.replace(b"[5,7]", b"[7,5]")


def garble_length(content: bytearray) -> None:
    content[-TAIL.size] ^= 1


def exaggerate_length(content: bytearray) -> None:
    content[-TAIL.size + 6] ^= 1


def lose_pixels(content: bytearray) -> None:
    del content[:3]


def flip_a_bit_of_a_pixel(content: bytearray) -> None:
    content[100] ^= 4


def blank_a_block(content: bytearray) -> None:
    content[512:1024] = bytes(512)


def swap_pixels(content: bytearray) -> None:
    content[200:210], content[300:310] = content[300:310], content[200:210]


OF_PIXELS = [flip_a_bit_of_a_pixel, blank_a_block, swap_pixels]
OF_THE_FILE = [
    *(bytearray.clear, cut, cut_one, append, garble_index, swap_height_and_width),
    *(garble_length, exaggerate_length, lose_pixels),
]


@pytest.mark.parametrize("damage", [*OF_THE_FILE, *OF_PIXELS])
def test_a_damaged_file_is_made_anew_with_a_line(
    cache: Path, capfd: pytest.CaptureFixture[str], damage: Callable[[bytearray], None]
) -> None:
    stack(KEY, some_images)
    content = bytearray((cache / f"{KEY}.pixels").read_bytes())
    damage(content)
    (cache / f"{KEY}.pixels").write_bytes(content)
    assert [state for _, state in verify()] == ["damaged"]
    assert same(stack(KEY, some_images), some_images())
    assert same(stack(KEY, never), some_images())
    assert [state for _, state in verify()] == ["intact"]
    assert capfd.readouterr() == ("", f"{cache / KEY}.pixels: damaged, its images are decoded anew\n")


@pytest.mark.parametrize("damage", OF_PIXELS)
def test_pixels_that_were_damaged_after_an_earlier_use_are_found(cache: Path, damage: Callable[[bytearray], None]) -> None:
    stack(KEY, some_images)
    assert same(stack(KEY, never), some_images())
    content = bytearray((cache / f"{KEY}.pixels").read_bytes())
    damage(content)
    (cache / f"{KEY}.pixels").unlink()
    (cache / f"{KEY}.pixels").write_bytes(content)
    assert same(stack(KEY, some_images), some_images())


def test_the_pixels_of_a_stack_are_read_once_in_a_process(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack(KEY, some_images)
    monkeypatch.setattr(zlib, "crc32", lambda *_: pytest.fail("read again"))
    assert same(stack(KEY, never), some_images())


def test_a_stack_made_anew_leaves_those_who_have_mapped_it_alone(cache: Path) -> None:
    images = stack(KEY, some_images)
    (cache / f"{KEY}.pixels").unlink()
    stack(KEY, lambda: [np.zeros((3, 3, 3), np.uint8)])
    assert same(images, some_images())


def test_a_killed_process_leaves_nothing_that_is_returned(tmp_path: Path, cache: Path) -> None:
    process = maker(tmp_path, f"stack('{KEY}', lambda: images(3, pause=60))")
    assert process.stdout is not None and process.stdout.readline() == "made 0\n"
    process.kill()
    process.communicate()
    assert len(files_in(cache)) == 1, "it was not killed while it wrote"
    assert list(verify()) == []
    assert same(stack(KEY, some_images), some_images())
    assert files_in(cache) == [f"{KEY}.pixels"]


def test_two_processes_at_once_make_a_stack_once(tmp_path: Path) -> None:
    code = f"print(sum(int(image.sum()) for image in stack('{KEY}', lambda: images(3, pause=0.3))))"
    outputs = [process.communicate(timeout=60) for process in [maker(tmp_path, code), maker(tmp_path, code)]]
    assert [error for _, error in outputs] == ["", ""]
    assert [output.splitlines()[-1] for output, _ in outputs] == [str(3 * 500 * 700 * 3)] * 2
    assert (tmp_path / "made").read_text() == "made\n"


def test_a_full_disk_is_one_line_with_folder_and_size_and_leaves_nothing(tmp_path: Path, cache: Path) -> None:
    code = f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, resource.RLIM_INFINITY))  # a file cannot grow beyond
try:
    stack('{KEY}', lambda: images(4))
except BenchmarkError as error:
    print(error.exit_code, error)
"""
    output, error = maker(tmp_path, code).communicate(timeout=60)
    assert error == ""
    (message,) = [line for line in output.splitlines() if not line.startswith("made")]
    assert message.startswith(f"2 {cache}: no room for decoded images, which need 4.2 MB: ")
    assert files_in(cache) == []
    assert same(stack(KEY, some_images), some_images())


def test_an_image_that_cannot_be_made_leaves_nothing(cache: Path) -> None:
    def broken() -> Iterator[Image]:
        yield some_images()[0]
        raise UsageError("the second image is broken")

    with pytest.raises(UsageError, match=r"^the second image is broken$"):
        stack(KEY, broken)
    assert files_in(cache) == []


def test_a_cache_that_cannot_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path / "file"))
    with pytest.raises(UsageError, match=r"file/pixels: cannot be written \(.*\): set CINCGAN_CACHE to another folder$"):
        stack(KEY, some_images)


def test_a_stack_that_cannot_be_read_is_an_error(cache: Path) -> None:
    (cache / f"{KEY}.pixels").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"cannot be read \(.*\)"):
        stack(KEY, never)


def test_images_that_are_no_rgb_bytes_are_not_returned() -> None:
    with pytest.raises(BenchmarkError, match="reads back other than it was written"):
        stack(KEY, lambda: [np.zeros((4, 4, 1), np.uint8)])


def test_verify_finds_a_flipped_bit_of_a_pixel(cache: Path) -> None:
    assert list(verify()) == []
    stack(KEY, some_images)
    stack("ffff", some_images)
    damaged, intact = cache / f"{KEY}.pixels", cache / "ffff.pixels"
    assert list(verify()) == [(damaged, "intact"), (intact, "intact")]
    content = bytearray(damaged.read_bytes())
    content[100] ^= 4
    damaged.write_bytes(content)
    assert list(verify()) == [(damaged, "damaged"), (intact, "intact")]
    damaged.unlink()
    assert same(stack(KEY, some_images), some_images())
    assert list(verify()) == [(damaged, "intact"), (intact, "intact")]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells how much of files is in memory")
def test_released_images_leave_memory_and_can_be_read_again(cache: Path) -> None:
    def resident() -> int:
        """KB of mapped files that this process has in memory."""
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("RssFile")))

    originals = [np.full((1000, 2000 + index, 3), index, np.uint8) for index in range(5)]
    mapped = stack(KEY, lambda: originals)
    assert same(mapped, originals)
    before = resident()
    release(image[10:-10, 10:-10] for image in mapped)
    assert before - resident() > 25_000
    release(originals)
    release([mapped[0][:0]])
    assert same(mapped, originals)
