"""A report in a browser, as its reader uses it: tabs, tables, charts, console and network."""

import contextlib
import json
import time

from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

SECONDS = 60  # a limit for hangs


@contextlib.contextmanager
def tabs_closed(browser):
    """At the end of the block the browser has one tab, the one it had at its beginning, whatever happened meanwhile: an open page
    goes on asking its server, which other pages would find in the log."""
    first = browser.current_window_handle
    try:
        yield
    finally:
        for tab in browser.window_handles:
            if tab != first:
                browser.switch_to.window(tab)
                browser.close()
        browser.switch_to.window(first)


class Page:
    """One report, opened in a browser 1280 pixels wide."""

    def __init__(self, browser, address, ready="#headline"):
        self.browser = browser
        self.address = address
        self.width(1280)
        self._visit()
        self.wait(lambda: self.text(ready))

    def reopen(self):
        """Back to what the page was like at first, without reading it again; a page of another test is left."""
        if self.browser.current_url.partition("#")[0] != self.address:
            self._visit()
        self.width(1280)
        self.run(
            "leaderboard.table.sort = null; leaderboard.table.page = 0; leaderboard.table.ask('');"
            "knobs.ordered = []; knobs.brushed.clear(); history.replaceState(null, '', '#theme=light'); show(current); restore()"
        )

    def _visit(self):
        """Open the address anew, which one that differs in its fragment alone would not be; what the page before has left in the
        log, which may go on asking a server that is gone until it is left, is forgotten."""
        self.browser.get("about:blank")
        self.log()
        self.browser.get(self.address)

    def width(self, pixels):
        metrics = {"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def wait(self, condition):
        """Wait until a condition holds and return what it returned."""
        return WebDriverWait(self.browser, SECONDS, 0.05).until(lambda _: condition())

    def find(self, css):
        return self.browser.find_element(By.CSS_SELECTOR, css)

    def all(self, css):
        return self.browser.find_elements(By.CSS_SELECTOR, css)

    def text(self, css):
        return self.run("return document.querySelector(arguments[0])?.textContent ?? ''", css)

    def run(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def tabs(self):
        return [tab.get_attribute("aria-controls") for tab in self.all("[role=tab]") if tab.is_displayed()]

    def open(self, tab):
        self.find(f"#tab-{tab}").click()

    def type(self, css, text):
        box = self.find(css)
        box.clear()
        box.send_keys(text)

    def table(self, name):
        """The rows on the shown page of a table, as {column: text}."""
        return self.run(
            "const table = document.getElementById(arguments[0] + '-table');"
            "const names = [...table.querySelectorAll('th button')].map(b => b.textContent);"
            "return [...table.querySelectorAll('tbody tr')].map(row => Object.fromEntries("
            "[...row.cells].map((cell, i) => [names[i], cell.textContent])))",
            name,
        )

    def drawn(self, tab):
        """Wait until every visible chart of a tab that is open is drawn, and return how many there are."""
        plots = "[...document.querySelectorAll('#' + arguments[0] + ' .plot')].filter(p => p.offsetParent !== null)"
        count = self.run(f"return {plots}.length", tab)
        for i in range(count):
            self.run(f"{plots}[arguments[1]].scrollIntoView({{block: 'center'}})", tab, i)
            self.wait(lambda i=i: self.run(f"return !!{plots}[arguments[1]].querySelector('.main-svg')", tab, i))
        return count

    def violations(self, *panels):
        """What axe-core has against what is shown, in either theme, of which the dark one changes the colours alone.

        Panels that have been opened are all shown for it at once, which takes axe a fifth of the time.
        """
        from selenium_axe_python import Axe  # here, so that where it is not installed all else is looked at still

        axe, found = Axe(self.browser), []
        self.run("arguments[0].forEach((id) => { document.getElementById(id).hidden = false })", panels)
        if not self.run("return 'axe' in window"):
            axe.inject()
        for _ in range(2):
            self.find("#theme").click()
            theme = self.run("return document.documentElement.dataset.theme")
            for violation in axe.run(options=None if theme == "light" else {"runOnly": ["color-contrast"]})[
                "violations"
            ]:
                found += [(theme, violation["id"], *node["target"]) for node in violation["nodes"]]
        return found

    def log(self):
        """(errors on the console, addresses asked for) since the last call; what the browser itself asks is left out."""
        errors = [line["message"] for line in self.browser.get_log("browser") if line["level"] == "SEVERE"]
        events = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return errors, [address for address in asked if not address.startswith(("data:", "blob:", "about:", "chrome"))]

    def settle(self):
        """Give what is drawn in the next frames the time to fail."""
        time.sleep(0.3)
