"""The monitor's page in a browser."""

from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.interop.fleet import beating
from tests.processes import daemon, until


def test_page(browser: webdriver.Chrome, tmp_path: Path) -> None:
    """It shows who is alive and what happened, and a name cannot become a part of the page."""
    name = "<b>web-1</b>"
    options = ("--web", "tcp:0:interface=127.0.0.1", "--timeout", "1")
    with daemon(tmp_path, "netlab-heartbeat", *options) as monitor:
        until(lambda: len(monitor.ports) == 2)
        udp, web = monitor.ports
        with beating(udp, [name]):
            monitor.wait_for("is up")
            browser.get(f"http://127.0.0.1:{web}/")
            until(lambda: browser.find_element(By.ID, "status").text == "1 clients, 1 up")
            row = browser.find_element(By.CSS_SELECTOR, "tbody tr").text
            assert row.startswith(f"{name} up ")
            assert not browser.find_elements(By.CSS_SELECTOR, "tbody b")
        until(lambda: browser.find_element(By.ID, "status").text == "1 clients, 1 down")
        assert "down" in browser.find_element(By.CSS_SELECTOR, "ul li").text
