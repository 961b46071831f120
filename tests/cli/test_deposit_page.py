"""The deposit page in a real browser: it shows, copies, sends no request, and runs no foreign code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.conftest import Home, make_home
from tests.support.browser import CHROMIUM, Browser
from tests.support.qrcodes import read_picture

VITALIK = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"
USDC = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
LINK = f"ethereum:{USDC}@8453/transfer?address={VITALIK}&uint256=25000000"
EVIL = "<img src=x onerror=alert(1)>&amp;{{qr}}"

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the Debian package is called chromium"),
]


def make_page(home: Home, path: Path, *words: str) -> str:
    """The URL of a new page."""
    home.must("receive", "--from", VITALIK, "--chain", "base", *words, "--html", str(path))
    return path.as_uri()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    return make_page(make_home(folder / "home"), folder / "deposit.html", "--token", "USDC", "--amount", "25")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with Browser() as made:
        yield made


@pytest.fixture
def browser(chromium: Browser) -> Browser:
    """The browser with nothing emulated."""
    chromium.ask("Emulation.setEmulatedMedia", features=[])
    chromium.ask("Emulation.setScriptExecutionDisabled", value=False)
    resize(chromium, 900, 1100)
    return chromium


def resize(browser: Browser, width: int, height: int) -> None:
    browser.ask(
        "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2, mobile=width < 500
    )


def text(browser: Browser, selector: str) -> str:
    found: str = browser.run(f"document.querySelector({json.dumps(selector)}).innerText")
    return found


def test_says_what_to_pay_where(browser: Browser, url: str) -> None:
    browser.open(url)
    assert browser.run("document.title") == "Deposit 25 USDC on Base"
    assert text(browser, "h1") == "Deposit 25 USDC to this address"
    assert text(browser, ".chain h2") == "on Base"
    assert "chain id 8453" in text(browser, ".chain").lower()
    assert "L2BEAT Stage" in text(browser, ".chain")
    assert text(browser, "#address") == VITALIK
    assert text(browser, ".only").startswith("Send only USDC, and only on Base.")
    assert USDC in text(browser, ".only")
    assert browser.run("document.querySelector('.wallet').href") == LINK
    assert browser.complaints == []


def test_asks_nothing_of_any_network(browser: Browser, url: str) -> None:
    browser.open(url)
    browser.click("#copy")
    browser.listen(0.5)
    assert browser.requests == [url]


class _Counting(SimpleHTTPRequestHandler):
    """Serves files and remembers what it was asked for."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name http.server uses
        pass


@pytest.fixture
def server(url: str) -> Iterator[tuple[str, list[str]]]:
    """The page on a web server: its address there, and the paths that were asked for."""
    page = Path(url.removeprefix("file://"))
    asked = list[str]()
    handler = type("Handler", (_Counting,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(page.parent)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/{page.name}", asked
    server.shutdown()
    server.server_close()


def test_a_web_server_is_asked_for_the_page_alone(browser: Browser, server: tuple[str, list[str]]) -> None:
    """Not even for an icon."""
    where, asked = server
    browser.open(where)
    assert asked == ["/deposit.html"]


def test_its_policy_lets_no_script_reach_out(browser: Browser, server: tuple[str, list[str]]) -> None:
    where, asked = server
    browser.open(where)
    other = where.replace("deposit.html", "stolen")
    assert browser.run(f"fetch('{other}').then(() => 'sent', () => 'refused')") == "refused"
    tag = f"Object.assign(document.createElement('img'), {{src: '{other}'}})"
    assert browser.run(f"new Promise(r => {{ i = {tag}; i.onload = i.onerror = e => r(e.type) }})") == "error"
    browser.run("document.body.insertAdjacentHTML('beforeend', '<b id=b onclick=\"told.textContent = 1\">b</b>')")
    browser.click("#b")
    assert text(browser, "#status") == ""
    assert asked == ["/deposit.html"]
    assert len(browser.complaints) >= 2, "the browser says that it refused"


def test_copies_the_address(browser: Browser, url: str) -> None:
    browser.open(url)
    browser.click("#copy")
    browser.listen(0.3)
    assert text(browser, "#status").startswith("Copied.")
    assert browser.pasted() == VITALIK


def test_copies_without_a_clipboard_for_pages(browser: Browser, url: str) -> None:
    browser.open(url)
    browser.run("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    browser.run("navigator.clipboard === undefined")
    browser.click("h1")
    browser.click("#copy")
    browser.listen(0.3)
    assert text(browser, "#status").startswith("Copied.")
    assert browser.pasted() == VITALIK


def test_says_so_where_nothing_can_be_copied(browser: Browser, url: str) -> None:
    browser.open(url)
    browser.run("Object.defineProperty(navigator, 'clipboard', {value: undefined}), document.execCommand = () => false")
    browser.click("#copy")
    browser.listen(0.3)
    assert "copy it yourself" in text(browser, "#status")


def test_serves_without_scripts(browser: Browser, url: str) -> None:
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(url)
    assert text(browser, "#address") == VITALIK
    assert browser.run("getComputedStyle(document.querySelector('#copy')).display") == "none"
    assert read_picture(browser.picture()) == [LINK]


@pytest.mark.parametrize("width", [320, 390, 900])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_code_can_be_read_from_the_screen(browser: Browser, url: str, scheme: str, width: int) -> None:
    resize(browser, width, 800)
    browser.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.open(url)
    assert read_picture(browser.picture()) == [LINK]
    assert browser.run("document.documentElement.scrollWidth") <= width
    ground = browser.run("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(244, 245, 247)", "dark": "rgb(15, 17, 21)"}[scheme]


def test_the_drawing_can_be_read_too(browser: Browser, empty_home: Home, tmp_path: Path) -> None:
    drawing = tmp_path / "code.svg"
    empty_home.must("receive", "--from", VITALIK, "--chain", "base", "--svg", str(drawing))
    browser.open(drawing.as_uri())
    assert read_picture(browser.picture()) == [f"ethereum:{VITALIK}@8453"]


def test_names_of_a_registry_are_texts(browser: Browser, empty_home: Home, tmp_path: Path) -> None:
    empty_home.paths.user_chains.parent.mkdir(mode=0o700, exist_ok=True)
    empty_home.paths.user_chains.write_text(f"schema = 1\n[chains.base]\nname = '{EVIL}'\n")
    browser.open(make_page(empty_home, tmp_path / "evil.html"))
    assert text(browser, "h1") == "Deposit to this address"
    assert text(browser, ".chain h2") == f"on {EVIL}"
    assert browser.run("document.querySelectorAll('img').length") == 0
    assert browser.complaints == []


def test_the_title_says_what_where_for_what_and_by_whom(browser: Browser, tmp_path: Path) -> None:
    home, file = make_home(tmp_path / "home"), tmp_path / "page.html"
    words = (
        "--token",
        "USDC",
        "--amount",
        "25",
        "--payee",
        "Café <Luna>",
        "--reference",
        "order 17",
        "--expires",
        "2h",
    )
    browser.open(make_page(home, file, *words))
    assert browser.run("document.title") == "Deposit 25 USDC on Base · order 17 · Café <Luna>"
    said = browser.run("document.querySelector('.request').innerText")
    assert all(text in said for text in ("Café <Luna>", "order 17", "Valid until", "UTC"))


def test_on_a_phone_the_warning_is_above_the_fold(browser: Browser, tmp_path: Path) -> None:
    home, file = make_home(tmp_path / "home"), tmp_path / "page.html"
    words = ("--token", "USDC", "--amount", "25", "--payee", "Café Luna", "--reference", "order 17", "--expires", "2h")
    resize(browser, 375, 667)
    browser.open(make_page(home, file, *words))
    box = browser.run("(b => [b.top, b.bottom])(document.querySelector('.only').getBoundingClientRect())")
    assert 0 < box[0] < box[1] <= 667
    assert browser.run("document.documentElement.scrollWidth") <= 375, "nothing is wider than the phone"
