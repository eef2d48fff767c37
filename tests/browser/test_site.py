"""The sample site in a real browser."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.processes import WWW, daemon


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of the sample site."""
    with daemon(tmp_path_factory.mktemp("site"), "netlab-http", "--root", WWW) as web:
        yield f"http://127.0.0.1:{web.port}"


def test_page(site: str, browser: webdriver.Chrome) -> None:
    """The front page has its title, its style sheet and its image."""
    browser.get(f"{site}/")
    assert browser.title == "netlab"
    heading = browser.find_element(By.TAG_NAME, "h1")
    assert heading.value_of_css_property("display") == "flex"
    assert browser.find_element(By.TAG_NAME, "main").value_of_css_property("max-width") == "672px"
    image = browser.find_element(By.TAG_NAME, "img")
    assert int(image.get_property("naturalWidth")) > 0
    assert image.get_property("complete") is True


def test_odd_name(site: str, browser: webdriver.Chrome) -> None:
    """A link to a name with accents and a blank leads to that file's text."""
    browser.get(f"{site}/")
    browser.find_element(By.PARTIAL_LINK_TEXT, "ünï côde.txt").click()
    assert browser.current_url == f"{site}/{quote('ünï côde.txt')}"
    text = (WWW / "ünï côde.txt").read_text()
    assert browser.find_element(By.TAG_NAME, "body").text == text.rstrip("\n")


def test_missing(site: str, browser: webdriver.Chrome) -> None:
    """A link to nothing shows "404 Not Found"."""
    browser.get(f"{site}/")
    browser.find_element(By.PARTIAL_LINK_TEXT, "not there").click()
    assert browser.title == "404 Not Found"
    assert browser.find_element(By.TAG_NAME, "h1").text == "404 Not Found"


def test_everything_is_used_without_complaint(site: str, browser: webdriver.Chrome) -> None:
    """The browser found nothing to complain about in the front page."""
    browser.get_log("browser")
    browser.get(f"{site}/")
    assert browser.get_log("browser") == []
