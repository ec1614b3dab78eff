"""A real server with the default model and a real headless Chromium that looks at its page."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.api.conftest import server_process

ROOT = Path(__file__).parents[3]
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", metavar="DIR", help="where test_screenshots.py puts the README's pictures")


class Page:
    """The page in a browser, and what a test does with it."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver = driver
        self.url = url

    def open(self, place: str = "") -> None:
        """The page as someone sees it who comes for the first time."""
        self.driver.get(self.url + "/web/icon.svg")  # of the same origin, and nothing runs in it
        self.driver.execute_script("localStorage.clear(); sessionStorage.clear()")
        self.driver.get(f"{self.url}/{place}")
        self.wait(lambda: self.find("#collection").get_attribute("value"))

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """The text as it stands in the document, not as it is laid out."""
        return str(self.js("return document.querySelector(arguments[0]).textContent", selector))

    def texts(self, selector: str) -> list[str]:
        return [
            str(text)
            for text in self.js("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", selector)
        ]

    def cited(self) -> str:
        """The text from the first mark of the document to the last, between which all is marked that is no white space."""
        text, marked = self.js(
            "const marks = [...document.querySelectorAll('#reader-text mark')], range = new Range();"
            "range.setStartBefore(marks[0]); range.setEndAfter(marks.at(-1));"
            "return [range.toString(), marks.map(mark => mark.textContent).join('')]"
        )
        assert "".join(text.split()) == "".join(marked.split())
        return str(text)

    def js(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def wait(self, condition: Callable[[], Any]) -> Any:
        """What the condition gives, once it is true."""
        return WebDriverWait(self.driver, 120, poll_frequency=0.05).until(lambda _: condition())

    def ask(self, question: str) -> None:
        """Ask, and wait for what comes of it."""
        box = self.find("#question")
        box.clear()
        self.js("document.querySelector('#results').replaceChildren()")
        box.send_keys(question + "\n")
        self.wait(lambda: self.all("#results .answer, #ask-error .notice"))

    def filter(self, written: str) -> None:
        """Ask from now on only documents with this metadata."""
        self.find(".options summary").click()
        self.find("#where").send_keys(written)

    def choose_collection(self, name: str) -> None:
        """Through the picker's last entry, as for a collection that the page does not know."""
        self.js(
            "const picker = document.querySelector('#collection'); picker.selectedIndex = picker.options.length - 1;"
            "picker.dispatchEvent(new Event('change'))"
        )
        self.find("#name").send_keys(name)
        self.find("#name-dialog .primary").click()
        self.wait(lambda: self.find("#collection").get_attribute("value") == name)

    def press(self, *keys: str) -> None:
        """Keys, to whatever has the focus."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def focused_link(self) -> str:
        """Where the link leads that has the focus."""
        return str(self.driver.switch_to.active_element.get_attribute("href"))

    def wait_for_text(self, selector: str, part: str) -> str:
        """The element's text, once it holds this part."""
        self.wait(lambda: any(part in text for text in self.texts(selector)[:1]))
        return self.text(selector)

    def active(self) -> str:
        """Tag, id and classes of the element that has the focus."""
        return str(
            self.js("const e = document.activeElement; return [e.tagName.toLowerCase(), e.id, e.className].join(' ')")
        )

    def is_in_view(self, selector: str) -> bool:
        """Whether the element's middle is what one sees there."""
        return bool(
            self.js(
                "const box = document.querySelector(arguments[0]).getClientRects()[0];"
                "const seen = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);"
                "return seen !== null && seen.closest(arguments[0]) !== null",
                selector,
            )
        )

    def emulate(self, *, phone: bool = False, dark: bool = False) -> None:
        """A phone's screen or a wide one, with or without a wish for dark."""
        width, height = (360, 740) if phone else (1280, 900)
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        wish = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [wish]})

    def log(self) -> list[str]:
        """What the browser complained about since it was last asked."""
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("no Chromium here: `apt-get install -y chromium chromium-driver` brings it")
    options = Options()
    options.binary_location = CHROMIUM
    for switch in (*SWITCHES, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service(DRIVER))
    driver.set_script_timeout(120)
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def url(driver: webdriver.Chrome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all tests, each with a collection of its own where it writes. Only where there is a browser."""
    with server_process(tmp_path_factory.mktemp("page")) as (_, told):
        yield told["url"]


@pytest.fixture(scope="session")
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=300, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def article(client: httpx.Client) -> dict[str, Any]:
    """The seed document, in the default collection."""
    path = ROOT / "seeds" / "us-ukraine-minerals-deal.txt"
    added = client.post("/v1/documents", files={"file": (path.name, path.read_bytes())})
    return dict(added.json()["documents"][0])


@pytest.fixture
def page(driver: webdriver.Chrome, url: str) -> Page:
    """The page on a wide light screen, without anything remembered."""
    page = Page(driver, url)
    page.emulate()
    page.open()
    page.log()
    return page


@pytest.fixture
def page_with(driver: webdriver.Chrome, tmp_path: Path) -> Iterator[Callable[..., tuple[Page, httpx.Client]]]:
    """The page of a server of its own with these settings, and a client of it."""
    with ExitStack() as stack:

        def make(**variables: str) -> tuple[Page, httpx.Client]:
            _, told = stack.enter_context(server_process(tmp_path, **variables))
            page = Page(driver, told["url"])
            page.emulate()
            page.open()
            return page, stack.enter_context(httpx.Client(base_url=page.url, timeout=300, trust_env=False))

        yield make
