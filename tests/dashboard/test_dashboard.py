"""The dashboard in a real browser, as an operator uses it."""

from __future__ import annotations

import pytest
from conftest import Page, needs_store
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from sidecar import Sidecar, Simulator

VIEWS = ["overview", "providers", "models", "clients", "usage", "playground", "config", "audit"]


def ask(page: Page, model: str) -> None:
    """A request through the playground, streamed to its end."""
    page.view("playground")
    page.fill("model", model)
    page.fill("prompt", "Say something short")
    page.click("Send")
    page.until(lambda: "whole after" in page.driver.find_element(By.ID, "facts").text, "the end of the answer")
    assert page.text(".chat .assistant").strip()


def test_only_a_good_token_logs_in_and_it_is_kept_in_the_tab_alone(page: Page) -> None:
    page.click("Log out")
    page.find("#token").send_keys("wrong-token")
    page.click("Log in")
    page.see("a valid admin token is needed")
    page.login()
    assert page.driver.get_cookies() == []
    assert page.driver.execute_script("return [localStorage.length, sessionStorage.length]")[1] == 1
    assert "admin-token" not in page.driver.execute_script("return JSON.stringify(localStorage) + location.href + document.cookie")
    page.driver.refresh()
    page.find("nav a[aria-current=page]")


def test_the_overview_counts_live(page: Page) -> None:
    ask(page, "fast")
    page.view("overview")
    page.until(lambda: page.text("#card-requests") not in ("–", "0"), "a request on the card")
    page.see("declared")
    page.until(lambda: page.driver.find_elements(By.CSS_SELECTOR, ".charts canvas"), "charts")
    assert page.text("#card-sync") == "in sync"


def test_the_playground_streams_and_tells_of_errors(page: Page) -> None:
    ask(page, "fast")
    assert "declared/gpt-4o-mini" in page.text("#facts")
    page.fill("model", "nowhere")
    page.fill("prompt", "Hello")
    page.click("Send")
    page.see("nowhere", ".error")
    # A refused model is no refused login.
    assert page.find("nav").is_displayed()


def test_a_breaker_is_forced_open_and_reset(page: Page) -> None:
    ask(page, "fast")
    page.view("providers")
    label = "Force open the breaker of declared/gpt-4o-mini"
    page.click(label)
    page.until(lambda: any(e.text == "open" for e in page.driver.find_elements(By.CSS_SELECTOR, "td .tag.bad")), "the open breaker")
    page.view("playground")
    page.fill("model", "fast")
    page.fill("prompt", "Hello")
    page.click("Send")
    page.find(".error")
    page.view("providers")
    page.click("Reset the breaker of declared/gpt-4o-mini")
    page.until(lambda: not page.driver.find_elements(By.CSS_SELECTOR, "td .tag.bad"), "the closed breaker")
    ask(page, "fast")


@needs_store
def test_a_provider_is_created_tested_synced_and_deleted(page: Page, simulator: Simulator) -> None:
    page.view("providers")
    page.click("New provider")
    page.fill("name", "made")
    page.fill("provider_type", "openai_compatible")
    page.fill("api_key", "sk-canary-0123456789")
    page.fill("base_url", "not a url")
    page.click("Create")
    page.find("dialog .error")
    page.fill("base_url", simulator.url("simulator", "/v1"))
    page.click("What would change?")
    page.find("dialog .ins")
    assert "canary" not in page.text("dialog")
    page.click("Create")
    page.see("made was saved")
    page.click("Test made")
    page.see("Test of made", "dialog")
    page.click("Close")
    page.click("Sync models of made")
    page.see("Models of made", "dialog")
    page.click("Close")
    page.click("Details of made")
    assert "canary" not in page.text("dialog")
    page.find("dialog").send_keys(Keys.ESCAPE)
    ask(page, "made/gpt-4o-mini")
    page.view("providers")
    page.click("Delete made")
    page.click("Delete")
    page.see("made was deleted")


@needs_store
def test_a_price_and_an_exchange_rate_are_made_and_deleted(page: Page) -> None:
    page.view("models")
    page.click("New price")
    page.fill("name", "declared/gpt-4o-mini")
    page.fill("input", "-1")
    page.fill("output", "0.60")
    page.click("Create")
    page.find("dialog .error")
    page.fill("input", "0.15")
    page.click("Create")
    page.see("declared/gpt-4o-mini was saved")
    page.click("New rate")
    page.fill("name", "USD-CNY@2026-01-31")
    page.fill("rate", "7.1")
    page.click("Create")
    page.see("USD-CNY@2026-01-31 was saved")
    for made in ["declared/gpt-4o-mini", "USD-CNY@2026-01-31"]:
        page.click(f"Delete {made}")
        # The rows behind the question have a button of that name, too.
        page.driver.find_element(By.XPATH, "//dialog//button[normalize-space()='Delete']").click()
        page.see(f"{made} was deleted")


@needs_store
def test_what_the_file_declares_is_not_for_editing(page: Page) -> None:
    page.view("providers")
    page.see("config.yaml")
    assert not page.driver.find_elements(By.CSS_SELECTOR, "[aria-label='Edit declared'], [aria-label='Delete declared']")


@needs_store
def test_a_client_has_keys_that_are_shown_once_and_revoked(page: Page) -> None:
    page.view("clients")
    page.click("New client")
    page.fill("name", "team")
    page.click("Create")
    page.see("Key of team", "dialog")
    key = page.text("dialog pre")
    page.click("Close")
    page.until(lambda: not page.driver.find_elements(By.TAG_NAME, "dialog"), "the dialog to close")
    assert key not in page.driver.page_source
    page.view("playground")
    page.fill("key", key)
    page.fill("model", "fast")
    page.fill("prompt", "Hello")
    page.click("Send")
    page.until(lambda: "whole after" in page.text("#facts"), "the answer")
    page.view("clients")
    revoke = page.find("[aria-label^='Revoke the key']")
    page.click(revoke.get_attribute("aria-label"))
    page.click("Revoke")
    page.see("was revoked")
    page.view("playground")
    page.fill("key", key)
    page.fill("model", "fast")
    page.fill("prompt", "Hello")
    page.click("Send")
    page.find(".error")
    page.view("clients")
    page.click("Delete team")
    page.click("Delete")
    page.until(lambda: not page.driver.find_elements(By.CSS_SELECTOR, "[aria-label='Delete team']"), "the client to go")


@needs_store
def test_the_configuration_is_compared_and_loaded_anew(page: Page, sidecar: Sidecar) -> None:
    page.view("config")
    page.see("in sync with its files")
    page.click("Load anew")
    page.see("loaded anew")
    page.click("Compare with the files")
    page.see("Nothing changes", "#diff")
    page.click("Set")
    page.see("The level is")


@needs_store
def test_the_audit_trail_tells_who_did_what(page: Page) -> None:
    page.view("models")
    page.click("New model")
    page.fill("name", "audited")
    page.fill("targets", '[{"provider": "declared", "model": "gpt-4o-mini"}]')
    page.click("Create")
    page.see("audited was saved")
    page.view("audit")
    page.see("model.create")
    page.see("audited")
    page.see("ops")
    page.view("models")
    page.click("Delete audited")
    page.click("Delete")
    page.see("audited was deleted")


def test_usage_is_grouped(page: Page) -> None:
    ask(page, "fast")
    page.view("usage")

    def shown() -> bool:
        page.click("Show")
        return "declared" in page.text()

    page.until(shown, "what was just used, which reaches the store within seconds")
    assert not page.driver.find_elements(By.CSS_SELECTOR, ".error")


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_each_view_is_accessible_fits_and_breaks_no_rule(page: Page, view: str, theme: str, width: int) -> None:
    page.size(width)
    if page.driver.execute_script("return document.documentElement.dataset.theme") != theme:
        page.find("#theme").click()
    page.view(view)
    if view == "overview":
        page.until(lambda: page.driver.find_elements(By.CSS_SELECTOR, ".charts canvas"), "charts")
    page.screenshot(f"{view}-{theme}-{width}")
    assert page.violations() == []
    assert page.driver.execute_script("return document.documentElement.scrollWidth") <= width, "it has to be scrolled sideways"
    assert page.complaints() == []


@pytest.mark.parametrize("width", [1280, 400])
def test_login_and_dialogs_are_accessible(page: Page, width: int) -> None:
    page.size(width)
    page.view("providers")
    page.click("New provider")
    page.screenshot(f"dialog-{width}")
    assert page.violations() == []
    page.find("dialog").send_keys(Keys.ESCAPE)
    page.until(lambda: not page.driver.find_elements(By.TAG_NAME, "dialog"), "the dialog to close")
    assert page.driver.switch_to.active_element.get_attribute("id") == "new-provider", "the focus goes back"
    page.click("Log out")
    page.screenshot(f"login-{width}")
    assert page.violations() == []


def test_the_keyboard_reaches_everything(page: Page) -> None:
    """From the top, Tab alone gets to the skip link, each view and each button of the overview."""
    page.view("overview")
    page.driver.execute_script("document.activeElement.blur(); window.scrollTo(0, 0)")
    seen = []
    for _ in range(20):
        ActionChains(page.driver).send_keys(Keys.TAB).perform()
        seen.append(page.driver.switch_to.active_element.text or page.driver.switch_to.active_element.get_attribute("textContent"))
    for name in ["Overview", "Providers", "Audit trail", "Log out", "Pause"]:
        assert name in seen, seen
    page.find("nav a[data-view=models]").send_keys(Keys.ENTER)
    page.find("main [data-view=models][aria-busy=false]")


def test_nothing_but_the_sidecar_is_asked(page: Page) -> None:
    for view in VIEWS:
        page.view(view)
    asked = page.driver.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert asked and all(url.startswith(page.url) for url in asked), asked
    assert page.driver.execute_script("return document.querySelectorAll('[style]').length && [...document.querySelectorAll('script')].some(s => !s.src)") in (0, False)
