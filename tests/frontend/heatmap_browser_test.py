#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Opens heatmaps in headless Chromium through chromedriver and uses them as a person would.

Usage: heatmap_browser_test.py EMIT_PRINT_PAGE. Exits 1 at the first thing that is not as it should be.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

PAGES, FOLDER = {}, None
MAX_BYTES = 150_000
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1280,900"]
ENTER, ESCAPE, RIGHT = "\ue007", "\ue00c", "\ue014"


class Browser:
    """The few WebDriver commands that the test needs, over plain HTTP to the local chromedriver."""

    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="libguard-heatmap-")
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
        self.address = None
        for line in self.driver.stdout:
            match = re.search(r"started successfully on port (\d+)", line)
            if match:
                self.address = f"http://127.0.0.1:{match.group(1)}"
                break
        options = {"args": FLAGS + [f"--user-data-dir={self.profile}"], "binary": shutil.which("chromium")}
        always = {"browserName": "chrome", "goog:chromeOptions": options,
                  "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": always}})
        self.session = f"/session/{answer['sessionId']}"

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as reply:
                return json.load(reply)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.read().decode()[:400]}") from None

    def open(self, path):
        self.call("POST", self.session + "/url", {"url": "file://" + path})

    def js(self, script, *arguments):
        return self.call("POST", self.session + "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, css):
        return list(self.call("POST", self.session + "/element", {"using": "css selector", "value": css}).values())[0]

    def click(self, css):
        self.call("POST", f"{self.session}/element/{self.find(css)}/click", {})

    def keys(self, text):
        actions = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self.call("POST", self.session + "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def log(self, kind):
        return self.call("POST", self.session + "/se/log", {"type": kind})

    def close(self):
        try:
            self.call("DELETE", self.session)
        finally:
            self.driver.terminate()
            self.driver.wait(timeout=20)
            self.driver.stdout.close()
            shutil.rmtree(self.profile, ignore_errors=True)


class HeatmapTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()

    def rows(self):
        return self.browser.js("return [...document.querySelectorAll('#body tr')].map(tr => tr.dataset.library)")

    def visible(self, css):
        return self.browser.js("const n = document.querySelector(arguments[0]); return !!n && n.offsetParent !== null || "
                               "!!n && getComputedStyle(n).position === 'fixed' && !n.hidden", css)

    def text(self, css):
        return self.browser.js("return document.querySelector(arguments[0]).textContent", css)

    def cell(self, library, group):
        return self.browser.js(
            "const g = data.groups.findIndex(x => x.name === arguments[1]);"
            "const c = drawn.columns.findIndex(x => x.group === g && x.right == null);"
            "const r = drawn.rows.findIndex(x => x.purl.includes(arguments[0]));"
            "return `td[data-row=\"${r}\"][data-column=\"${c}\"]`", library, group)

    def test_rows_and_columns_are_drawn(self):
        self.browser.open(PAGES["small"])
        rows = self.rows()
        self.assertEqual(len(rows), 6)
        self.assertEqual(rows[0], "application")
        self.assertEqual(rows[-1], "runtime")
        groups = self.browser.js("return [...document.querySelectorAll('[data-group]')].map(b => b.textContent.replace(/[▸▾]/, ''))")
        self.assertEqual(groups[:2], ["@net-out", "@exec"])
        self.assertEqual(groups[-1], "@base")
        label = self.browser.js("return document.querySelector(arguments[0]).getAttribute('aria-label')",
                                self.cell("urllib3", "@net-out"))
        self.assertEqual(label, "pkg:pypi/urllib3@2.2.2, @net-out. init: never; serving: as caller 41")

    def test_search_filters_by_library_and_by_right(self):
        self.browser.open(PAGES["small"])
        self.browser.keys("/")
        self.browser.keys("urllib")
        self.assertEqual(self.rows(), ["pkg:pypi/urllib3@2.2.2"])
        self.browser.open(PAGES["small"])
        self.browser.click("#search")
        self.browser.keys("execve")
        self.assertEqual(set(self.rows()), {"application", "pkg:pypi/deploytool@1.2.0", "runtime"})
        self.browser.keys("nothing has this name")
        self.assertEqual(self.rows(), [])
        self.assertTrue(self.visible("#nothing"))

    def test_click_shows_stacks(self):
        self.browser.open(PAGES["small"])
        self.assertFalse(self.visible("#panel"))
        self.browser.click(self.cell("urllib3", "@net-out"))
        self.assertTrue(self.visible("#panel"))
        frames = self.browser.js("return [...document.querySelectorAll('#panel .sample li code')].map(n => n.textContent)")
        self.assertEqual(frames[:2], ["socket.create_connection", "urllib3.connection.HTTPConnection._new_conn"])
        self.assertIn("caller pkg:pypi/urllib3@2.2.2", self.text("#panel"))

    def test_keyboard_alone(self):
        self.browser.open(PAGES["small"])
        self.browser.js("document.querySelector(arguments[0]).focus()", self.cell("deploytool", "@net-out"))
        self.browser.keys(RIGHT + ENTER)
        self.assertTrue(self.visible("#panel"))
        self.assertIn("deploytool.ship.run", self.text("#panel"))
        self.browser.keys(ESCAPE)
        self.assertFalse(self.visible("#panel"))
        focused = self.browser.js("return document.activeElement.getAttribute('aria-label')")
        self.assertTrue(focused.startswith("pkg:pypi/deploytool@1.2.0, @exec."), focused)

    def test_groups_open_to_exact_rights(self):
        self.browser.open(PAGES["small"])
        before = self.browser.js("return document.querySelectorAll('#head th.right').length")
        self.browser.click("[data-group='0']")
        rights = self.browser.js("return [...document.querySelectorAll('#head th.right')].map(n => n.textContent)")
        self.assertEqual((before, rights), (0, ["connect"]))
        self.assertEqual(self.browser.js("return document.querySelector('[data-group=\"0\"]').getAttribute('aria-expanded')"), "true")
        self.browser.click("#expand")
        self.assertEqual(self.browser.js("return document.querySelectorAll('#head th.right').length"), 0)

    def test_orders(self):
        self.browser.open(PAGES["small"])
        names = {}
        for order in ("name", "danger", "distinct"):
            self.browser.js("const s = document.getElementById('sort'); s.value = arguments[0];"
                            "s.dispatchEvent(new Event('change'))", order)
            names[order] = [row.split("/")[-1].split("@")[0] for row in self.rows()[1:-1]]
        self.assertEqual(names["name"], ["git", "deploytool", "requests", "urllib3"])
        self.assertEqual(names["danger"][0], "urllib3")  # two dangerous rights as caller
        self.assertEqual(sorted(names["distinct"]), sorted(names["name"]))

    def test_policy_and_deviations_are_marked_by_shape(self):
        self.browser.open(PAGES["policy"])
        marks = self.browser.js("return ['denied', 'granted', 'never', 'event'].map(c => document.querySelectorAll('#body .half.' + c).length)")
        self.assertTrue(all(marks), marks)
        self.browser.click(self.cell("simple-library", "@exec"))
        self.assertIn("refused", self.text("#panel"))
        self.assertIn("would allow it", self.text("#panel"))

    def test_light_and_dark(self):
        self.browser.open(PAGES["small"])
        colours = set()
        for theme in ("light", "dark"):
            self.browser.js("setTheme(arguments[0])", theme)
            colours.add(self.browser.js("return getComputedStyle(document.body).backgroundColor"))
        self.assertEqual(len(colours), 2)

    def test_no_horizontal_scrolling_at_1280(self):
        self.browser.open(PAGES["large"])
        self.assertTrue(self.browser.js("const s = document.getElementById('scroll'); return s.scrollWidth <= s.clientWidth"))

    def test_plain_table_says_the_same(self):
        self.browser.open(PAGES["small"])
        table = self.text("#plain table")
        self.assertIn("@exec (caller 2)", table)
        self.assertIn("@net-out (caller 41)", table)

    def test_no_request_and_no_complaint(self):
        self.browser.log("performance"), self.browser.log("browser")
        for page in PAGES.values():
            self.browser.open(page)
        asked = []
        for entry in self.browser.log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.append(message["params"]["request"]["url"])
        self.assertEqual({url.split(":")[0] for url in asked}, {"file"}, asked)
        self.assertEqual(len(asked), len(PAGES))
        self.assertEqual(self.browser.log("browser"), [])

    def test_size(self):
        for name, page in PAGES.items():
            self.assertLessEqual(os.path.getsize(page), MAX_BYTES, name)


if __name__ == "__main__":
    printer = sys.argv.pop(1)
    for tool in ("chromium", "chromedriver"):
        if shutil.which(tool) is None:
            sys.exit(f"heatmap_browser_test: {tool} is not installed; Debian packages chromium and chromium-driver")
    with tempfile.TemporaryDirectory(prefix="libguard-heatmap-") as folder:
        for which in ("small", "policy", "large"):
            PAGES[which] = os.path.join(folder, which + ".html")
            with open(PAGES[which], "wb") as out:
                subprocess.run([printer, which], check=True, stdout=out)
        unittest.main(verbosity=1)
