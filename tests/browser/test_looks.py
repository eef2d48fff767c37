"""The pages on a phone and on a desk, in the light and in the dark."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver

from tests.processes import WWW, daemon

LONG = "a file with quite a long name that has to go on for a while before it ends at last.tar.gz"
PAGES = ["/", "/missing.html", "/listed/", "/listed/?sort=size&order=desc"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The sample site, with a folder to list."""
    root = tmp_path_factory.mktemp("looks") / "root"
    root.mkdir()
    for file in WWW.iterdir():
        (root / file.name).write_bytes(file.read_bytes())
    listed = root / "listed"
    (listed / "folder").mkdir(parents=True)
    for name, size in (
        (LONG, 123_456_789),
        ("a" * 200, 5),
        ("<script>alert(1)", 0),
        ("ünï.txt", 1500),
    ):
        path = listed / name
        path.touch()
        with path.open("wb") as file:
            file.truncate(size)
    with daemon(root.parent, "netlab-http", "--root", root, "--listing") as web:
        yield f"http://127.0.0.1:{web.port}"


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("width", [375, 1280])
def test_fits(site: str, browser: webdriver.Chrome, page: str, width: int, tmp_path: Path) -> None:
    """A page is as wide as its window, and its colours follow the reader's wish for dark or light."""
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    brightness = {}
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        browser.get(site + page)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        browser.save_screenshot(str(tmp_path / f"{scheme}.png"))
        ink = browser.execute_script("return getComputedStyle(document.querySelector('h1')).color")
        brightness[scheme] = sum(map(int, ink[ink.index("(") + 1 : -1].split(",")[:3])) / 3
    assert brightness["light"] < 80 < 170 < brightness["dark"]


def test_sorted(site: str, browser: webdriver.Chrome) -> None:
    """The heads of a listing's columns sort it, without a script; folders stay first."""
    browser.get(f"{site}/listed/")
    names = [cell.text for cell in browser.find_elements("css selector", "tbody th")]
    browser.find_element("link text", "Size").click()
    by_size = [cell.text for cell in browser.find_elements("css selector", "tbody th")]
    assert sorted(names) == sorted(by_size)
    files = [name for name in by_size if not name.endswith("/") and ".." not in name]
    assert files == ["<script>alert(1)", "a" * 200, "ünï.txt", LONG]
    browser.find_element("partial link text", "ünï").click()
    assert browser.current_url.endswith("/listed/%C3%BCn%C3%AF.txt")
