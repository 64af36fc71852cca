"""A sidecar before the vendor simulator, and a headless Chromium that may reach nothing but the two."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/sdk"))

from sidecar import Sidecar, Simulator, binary  # noqa: E402

TOKEN = "admin-token-of-the-test"
AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"
SCREENSHOTS = ROOT / "target/screenshots"
WAIT = 20
HAS_STORE = "store" in json.loads(subprocess.check_output([binary(), "schema"]))["properties"]
needs_store = pytest.mark.skipif(not HAS_STORE, reason="nothing can be created: this build has no store")


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def sidecar(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    folder = tmp_path_factory.mktemp("sidecar")
    kek = folder / "kek.key"
    subprocess.run([binary(), "secret", "keygen", "--out", kek], check=True)
    config: dict[str, Any] = {
        "admin": {"listen": "127.0.0.1:0", "tokens": [{"name": "ops", "role": "admin", "token": TOKEN}]},
        "secrets": {"kek": {"file": str(kek)}},
        "providers": {
            "declared": {
                "type": "openai_compatible", "base_url": simulator.url("simulator", "/v1"), "models": ["gpt-4o-mini"],
                "limit": {"requests": {"rate": "1000/s"}, "concurrency": {"max": 20, "adaptive": True}},
            },
        },
        "models": {"fast": {"targets": [{"provider": "declared", "model": "gpt-4o-mini"}]}},
    }
    if HAS_STORE:
        config["store"] = {"type": "sqlite", "path": str(folder / "store.db")}
        config["admin"]["allow_urls"] = ["http://127.0.0.1:*"]
    with Sidecar(config) as sidecar:
        yield sidecar


class Page:
    """The dashboard in a browser."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver = driver
        self.url = url

    def open(self, view: str = "") -> None:
        self.driver.get(f"{self.url}/#{view}")

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Waits for a condition. A view that is drawn anew while it is looked at is looked at again."""
        wait = WebDriverWait(self.driver, WAIT, 0.1, ignored_exceptions=[StaleElementReferenceException])
        return wait.until(lambda _: condition(), f"waited in vain for {what}")

    def find(self, selector: str) -> WebElement:
        return self.until(lambda: next((e for e in self.driver.find_elements(By.CSS_SELECTOR, selector) if e.is_displayed()), None), selector)

    def button(self, text: str, within: str = "") -> WebElement:
        """A button by its text or, where several have the same, by its label."""
        path = f"//button[normalize-space()={json.dumps(text)} or @aria-label={json.dumps(text)}]"
        return self.until(lambda: next((e for e in self.driver.find_elements(By.XPATH, path) if e.is_displayed() and e.is_enabled()), None), f"the button {text}")

    def click(self, text: str) -> None:
        def click() -> bool:
            button = self.button(text)
            self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
            button.click()
            return True

        self.until(click, f"the button {text}")

    def fill(self, name: str, text: str) -> None:
        field = self.find(f"[name={name}]")
        field.clear()
        field.send_keys(text)

    def text(self, selector: str = "main") -> str:
        """What an element says, which may be nothing."""
        return self.until(lambda: (self.find(selector).text,), selector)[0]

    def see(self, text: str, selector: str = "body") -> None:
        self.until(lambda: text in self.driver.find_element(By.CSS_SELECTOR, selector).text, f"the text {text!r}")

    def view(self, name: str) -> None:
        """Goes to a view and waits until it is there."""
        self.find(f"nav a[data-view={name}]").click()
        self.find(f"main [data-view={name}][aria-busy=false]")

    def login(self) -> None:
        self.driver.get("about:blank")
        self.open()
        self.driver.execute_script("sessionStorage.clear()")
        self.driver.refresh()
        self.find("#token").send_keys(TOKEN)
        self.click("Log in")
        self.find("nav a[aria-current=page]")

    def screenshot(self, name: str) -> None:
        """The whole page."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        (SCREENSHOTS / f"{name}.png").write_bytes(__import__("base64").b64decode(shot["data"]))

    def size(self, width: int) -> None:
        # The window itself cannot be narrower than 500 pixels.
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def violations(self) -> list[str]:
        """What axe finds that is serious or worse."""
        # The policy forbids foreign scripts in the page; the driver's own are not the page's.
        self.driver.execute_script(AXE.read_text())
        found = self.driver.execute_async_script("const done = arguments[0]; axe.run().then(result => done(result.violations), error => done([{id: String(error), impact: 'critical', nodes: []}]))")
        return [f"{v['id']}: {[n['html'][:160] for n in v['nodes'][:3]]}" for v in found if v["impact"] in ("serious", "critical")]

    def complaints(self) -> list[str]:
        """What the browser's console holds of errors: scripts that failed, and what the policy forbade; not that the API refused something."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE" and "Failed to load resource" not in entry["message"]]


@pytest.fixture(scope="session")
def driver() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    # Offline: no name but the loopback's address is found.
    for argument in ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--window-size=1280,900",
                     "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--disable-background-networking", "--no-first-run"]:
        options.add_argument(argument)
    options.binary_location = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_script_timeout(60)
    yield driver
    driver.quit()


@pytest.fixture
def page(driver: webdriver.Chrome, sidecar: Sidecar) -> Iterator[Page]:
    page = Page(driver, os.environ.get("DASHBOARD_URL") or sidecar.url("admin"))
    page.size(1280)
    page.login()
    driver.get_log("browser")
    yield page
