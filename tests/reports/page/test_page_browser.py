"""The page of ``python -m reports.build`` in Chromium: it loads quietly, and all that can be moved, sorted and opened works."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reports.build import build
from reports.studies import load_evidence
from tests.helpers.report_results import (
    HOSTILE,
    IMAGES,
    built_report,  # noqa: F401 - a fixture
    identity,
    made_results,  # noqa: F401 - a fixture
    make_results,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("CINCGAN_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("no Chromium here: apt-get install chromium, or name one in CINCGAN_CHROMIUM")
    sync = pytest.importorskip("playwright.sync_api", reason="no playwright here: pip install -e '.[test]'")
    with sync.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


def open_page(
    browser: Browser, report: Path, width: int = 1440, dark: bool = False, name: str = "index.html", **options: Any
) -> tuple[Page, list[str]]:
    """The page, and its complaints: console messages, errors, failed and outside requests."""
    scheme: Any = "dark" if dark else "light"
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce", **options)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda request: said.append(f"failed: {request.url}"))
    page.on("request", lambda request: None if request.url.startswith(("file:", "data:")) else said.append(request.url))
    page.goto((report / name).as_uri())
    return page, said


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    opened, said = open_page(browser, report)
    yield opened
    opened.close()
    assert said == []


def load_images(page: Page) -> None:
    """Every image, lazy or not."""
    page.evaluate("document.querySelectorAll('img').forEach((image) => { image.loading = 'eager'; })")
    page.evaluate("Promise.all([...document.images].map((image) => image.decode()))")


def wait_until(page: Page, condition: str) -> None:
    """Playwright's own way of waiting needs ``eval``, which the page's policy forbids."""
    page.evaluate(
        f"new Promise((done) => {{ const look = () => ({condition} ? done() : requestAnimationFrame(look)); look(); }})"
    )


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("dark", [False, True])
def test_it_loads_quietly_fits_its_window_and_passes_axe(browser: Browser, report: Path, width: int, dark: bool) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe-core here: pip install -e '.[test]'")
    page, said = open_page(browser, report, width, dark)
    load_images(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(22, 24, 27)" if dark else "rgb(255, 255, 255)")
    assert page.evaluate("document.querySelector('.drawing img').currentSrc").endswith("-dark.svg") is dark
    assert axe.Axe().run(page).response["violations"] == []
    page.click("td .number >> nth=0")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert axe.Axe().run(page).response["violations"] == []
    assert said == []
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize(("width", "dark"), [(390, True), (1440, False)])
def test_the_leaderboard_fits_sorts_filters_and_passes_axe(browser: Browser, report: Path, width: int, dark: bool) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe-core here: pip install -e '.[test]'")
    page, said = open_page(browser, report, width, dark, "leaderboard.html")
    assert page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") < 1000
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert axe.Axe().run(page).response["violations"] == []
    rows = "document.querySelectorAll('#board-1 tbody tr:not([hidden]) th')"
    methods = f"[...{rows}].map((head) => head.firstChild.textContent.trim())"
    assert page.evaluate(methods)[:2] == ["edsr-paired", "cincgan"]
    page.click("#board-1 thead button >> nth=4")
    assert page.evaluate(methods)[0] == "edsr"
    page.select_option("#filter-origin", "run here")
    page.select_option("#filter-protocol", "rgb")
    assert page.evaluate(methods) == ["bicubic"]
    assert page.inner_text("#shown") == "1 of 2 leaderboards"
    page.click("#board-1 tr:not([hidden]) .number >> nth=0")
    assert "evaluate bicubic" in page.inner_text("#provenance-cells")
    assert axe.Axe().run(page).response["violations"] == []
    page.emulate_media(color_scheme="light" if dark else "dark")
    assert axe.Axe().run(page).response["violations"] == [] and page.evaluate("document.documentElement.scrollWidth") <= width
    assert said == []
    page.close()


@pytest.mark.browser
def test_images_wait_until_they_are_near_and_the_first_paint_does_not(browser: Browser, report: Path) -> None:
    page, _ = open_page(browser, report)
    assert not page.evaluate("document.querySelector('.viewer img').complete")
    watch = "new PerformanceObserver((list) => done(list.getEntries()[0].startTime)).observe({type: 'paint', buffered: true})"
    assert 0 < page.evaluate(f"new Promise((done) => {watch})") < 1000
    page.close()


@pytest.mark.browser
def test_the_divider_moves_by_mouse_keyboard_and_slider(page: Page) -> None:
    viewer = page.locator(".viewer").first
    handle, slider = viewer.get_by_role("slider", name=f"Divider of {IMAGES[0]}"), viewer.locator("input[type=range]")
    handle.scroll_into_view_if_needed()
    box = viewer.locator(".stage").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 80, steps=4)
    page.mouse.up()
    assert handle.get_attribute("aria-valuenow") == slider.input_value() == "25"
    handle.press("ArrowRight")
    handle.press("Shift+ArrowRight")
    assert handle.get_attribute("aria-valuenow") == slider.input_value() == "37"
    clip = "document.querySelector('.viewer .pane.right')"
    assert "37%" in page.evaluate(f"getComputedStyle({clip}).clipPath")
    handle.press("End")
    assert slider.input_value() == "100"
    slider.press("ArrowLeft")
    assert handle.get_attribute("aria-valuenow") == "99"
    assert "99 % bicubic, 1 % cincgan" in (handle.get_attribute("aria-valuetext") or "")


def transforms(page: Page) -> list[list[float]]:
    """Scale and offsets of both pictures of the first viewer."""
    transforms: list[list[float]] = page.evaluate(
        "[...document.querySelectorAll('.viewer')[0].querySelectorAll('img')].map((image) => {"
        " const matrix = new DOMMatrix(getComputedStyle(image).transform); return [matrix.a, matrix.e, matrix.f]; })"
    )
    return transforms


@pytest.mark.browser
def test_both_sides_zoom_and_move_together(page: Page) -> None:
    stage = page.locator(".stage").first
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.wheel(0, -240)
    wait_until(page, "document.querySelector('.stage').classList.contains('zoomed')")
    left, right = transforms(page)
    assert left == right and left[0] > 1.3
    assert left[1] == pytest.approx(100 - 100 * left[0], abs=0.5), "the point under the pointer does not stay"
    page.mouse.down()
    page.mouse.move(box["x"] + 80, box["y"] + 90, steps=3)
    page.mouse.up()
    moved, also = transforms(page)
    assert moved == also == pytest.approx([left[0], left[1] - 20, left[2] - 10], abs=0.5)
    stage.press("ArrowRight")
    assert transforms(page)[0] == transforms(page)[1] != moved
    page.get_by_role("button", name="Marked region").first.click()
    assert transforms(page)[0][0] == pytest.approx(4)
    page.get_by_role("button", name="Zoom out").first.click()
    assert page.locator(".zoom output").first.inner_text() == "2.7×"
    page.get_by_role("button", name="Whole picture").first.click()
    assert transforms(page) == [[1, 0, 0], [1, 0, 0]]
    before = page.evaluate("scrollY")
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.wheel(0, 200)
    wait_until(page, f"scrollY > {before}")


@pytest.mark.browser
def test_two_fingers_zoom_and_one_divides(browser: Browser, report: Path) -> None:
    page, said = open_page(browser, report, 390, has_touch=True, is_mobile=True)
    stage = page.locator(".stage").first
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box
    touches = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        touched = [{"x": box["x"] + x, "y": box["y"] + y, "id": number} for number, (x, y) in enumerate(points)]
        touches.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})

    touch("touchStart", (100, 60))
    touch("touchMove", (130, 60))
    touch("touchMove", (box["width"] / 4, 60))
    touch("touchEnd")
    assert abs(int(page.locator("input[type=range]").first.input_value()) - 25) <= 1
    touch("touchStart", (100, 60), (140, 60))
    touch("touchMove", (80, 60), (160, 60))
    touch("touchMove", (60, 60), (180, 60))
    touch("touchEnd")
    left, right = transforms(page)
    assert left == right and left[0] == pytest.approx(3, abs=0.3)
    assert said == []
    page.close()


@pytest.mark.browser
def test_any_two_versions_can_be_compared(page: Page) -> None:
    viewer = page.locator(".viewer").first
    viewer.get_by_label("left").select_option(label="LR")
    viewer.get_by_label("right", exact=True).select_option(label="edsr-paired")
    assert [image.get_attribute("alt") for image in viewer.locator("img").all()] == [
        f"{IMAGES[0]}: LR",
        f"{IMAGES[0]}: edsr-paired",
    ]
    load_images(page)
    assert [tag.inner_text() for tag in viewer.locator(".tag").all()] == ["LR", "edsr-paired"]
    viewer.locator("[data-scores=right] button").click()
    assert identity("evaluate edsr-paired") in page.locator("#provenance").inner_text()


@pytest.mark.browser
def test_tables_sort_numbers_as_numbers_within_their_groups(page: Page) -> None:
    table = page.locator("#study-1-ablation table")  # whose group has several rows
    head = table.locator("thead th").nth(1)

    def column(group: int) -> list[float]:
        return [
            float(cell.get_attribute("data-value") or "nan")
            for cell in table.locator(f"tbody >> nth={group} >> td:nth-child(2)").all()
        ]

    start = column(0)
    assert start != sorted(start)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending" and column(0) == sorted(start)
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "descending" and column(0) == sorted(start, reverse=True)
    assert page.locator("#study-1-methods table tbody").last.locator("th").first.inner_text().startswith("supervised")
    assert table.locator("tbody tr.heading").count() == table.locator("tbody tr:first-child.heading").count()
    titles = table.locator("thead th").all_inner_texts()
    place = next(index for index, title in enumerate(titles) if title.startswith("ΔPSNR"))
    gains = table.locator("thead th").nth(place)
    gains.locator("button").click()
    assert head.get_attribute("aria-sort") is None
    assert table.locator("tbody").first.locator("tr").last.locator("td").nth(place - 1).inner_text() == "–"
    gains.locator("button").click()
    assert table.locator("tbody").first.locator("tr").last.locator("td").nth(place - 1).inner_text() == "–"
    gains.locator("button").click()
    assert gains.get_attribute("aria-sort") is None and column(0) == start


@pytest.mark.browser
def test_a_number_shows_where_it_comes_from_and_gives_the_focus_back(page: Page) -> None:
    row = page.locator("#study-1-methods tbody tr", has=page.get_by_role("rowheader", name="cincgan", exact=True))
    number = row.locator("button").first
    number.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("#provenance")
    text = dialog.inner_text()
    assert dialog.is_visible()
    mean, interval = number.inner_text().split()
    assert dialog.locator("h2").inner_text() == f"PSNR ↑ rgb, cincgan: {mean} ({interval})"
    for fact in (identity("evaluate cincgan"), "0123456789abcdef with uncommitted changes", "not mirrored", "numpy 2.0.0"):
        assert fact in text
    dialog.get_by_role("button", name="train cincgan-joint, seed 0").click()
    assert identity("train cincgan-joint") in dialog.inner_text()
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert number.evaluate("button => button === document.activeElement")
    row.locator("button").nth(1).click()
    dialog.get_by_role("button", name="Close").click()
    assert not dialog.is_visible()
    page.locator("#study-1-paper-cincgan-claims td .number").first.click()
    both = dialog.inner_text()
    assert identity("evaluate cincgan") in both and identity("evaluate bicubic") in both


@pytest.mark.browser
def test_hostile_names_do_nothing_in_the_browser(browser: Browser, tmp_path: Path) -> None:
    name = HOSTILE.replace("/", "")
    make_results(tmp_path / "runs", name, (name,), environment={"host": HOSTILE, "python": "3", "versions": {}})
    build(load_evidence(tmp_path / "runs"), tmp_path / "report")
    page, said = open_page(browser, tmp_path / "report")
    page.locator(".viewer").first.get_by_label("right", exact=True).select_option(label="edsr")
    load_images(page)
    page.locator("td .number").first.click()
    assert HOSTILE in page.locator("#provenance").inner_text()
    assert page.title() == "CinCGAN benchmark: results"
    assert said == []
    page.close()
