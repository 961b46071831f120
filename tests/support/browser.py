"""A real browser for tests: headless Chromium, driven by its own protocol (CDP) over a websocket."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from websockets.sync.client import connect

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome", "chrome"])), None)
_QUIET = (
    "--headless",
    "--no-sandbox",  # it refuses to run as root with one, and the pages are our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)


class Browser:
    """One Chromium with one page, gone with its profile when the context ends."""

    def __init__(self, width: int = 900, height: int = 1100) -> None:
        self._size = (width, height)
        self._ids = itertools.count(1)
        self.requests: list[str] = []
        """The URL of every request that the page made since it was opened."""
        self.complaints: list[str] = []
        """What the browser wrote to its console: refused by policy, failed, thrown."""

    def __enter__(self) -> Self:
        assert CHROMIUM
        with ExitStack() as stack:
            self._profile = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            words = [CHROMIUM, *_QUIET, f"--user-data-dir={self._profile}", "about:blank"]
            self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            stack.callback(self._stop)
            self._socket = stack.enter_context(connect(self._address(), max_size=None, proxy=None))
            self._session = self._attach()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _address(self) -> str:
        """Where Chromium says that it listens, once it does."""
        told = Path(self._profile, "DevToolsActivePort")
        until = time.monotonic() + 60
        while not told.exists() or len(told.read_text().split()) < 2:
            assert self._process.poll() is None, "Chromium ended at once"
            assert time.monotonic() < until, "Chromium did not start"
            time.sleep(0.05)
        port, path = told.read_text().split()
        return f"ws://127.0.0.1:{port}{path}"

    def _attach(self) -> str:
        target = self._ask("", "Target.createTarget", url="about:blank")["targetId"]
        session: str = self._ask("", "Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._ask(session, f"{domain}.enable")
        width, height = self._size
        self._ask(
            session,
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        return session

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol to the page."""
        return self._ask(self._session, method, **parameters)

    def _ask(self, session: str, method: str, **parameters: Any) -> dict[str, Any]:
        request = {"id": next(self._ids), "method": method, "params": parameters}
        self._socket.send(json.dumps(request | ({"sessionId": session} if session else {})))
        while (answer := self._receive(30)).get("id") != request["id"]:
            pass
        assert "error" not in answer, (method, answer["error"])
        result: dict[str, Any] = answer["result"]
        return result

    def _receive(self, seconds: float) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv(seconds))
        parameters = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(parameters["request"]["url"])
            case "Log.entryAdded":
                self.complaints.append(parameters["entry"]["text"])
            case "Runtime.exceptionThrown" | "Runtime.consoleAPICalled":
                self.complaints.append(json.dumps(parameters))
            case "Page.loadEventFired":
                self._loaded = True
            case _:
                pass
        return message

    def open(self, url: str) -> None:
        """Show `url`, and listen half a second longer for what it might still ask for."""
        self.requests.clear()
        self.complaints.clear()
        self._loaded = False
        self.ask("Page.navigate", url=url)
        while not self._loaded:
            self._receive(30)
        self.listen(0.5)

    def listen(self, seconds: float) -> None:
        """Take in what the browser tells for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                self._receive(left)
            except TimeoutError:
                return

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression in the page, as if a person had acted."""
        answer = self.ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def click(self, selector: str) -> None:
        """Press the mouse in the middle of an element."""
        box = self.run(
            f"(e => {{ e.scrollIntoView({{block: 'center'}}); const b = e.getBoundingClientRect();"
            f" return [b.x + b.width / 2, b.y + b.height / 2] }})(document.querySelector({json.dumps(selector)}))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def pasted(self) -> str:
        """What a person gets who pastes now, by keyboard, into a new field of the page."""
        self.run("document.body.append(field = document.createElement('textarea')), field.focus()")
        key = {"key": "v", "code": "KeyV", "modifiers": 2, "commands": ["paste"]}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **key)
        self.ask("Input.dispatchKeyEvent", type="keyUp", key="v", code="KeyV")
        text: str = self.run("[field.value, field.remove()][0]")
        return text

    def picture(self) -> bytes:
        """The whole page as PNG."""
        return base64.b64decode(self.ask("Page.captureScreenshot", captureBeyondViewport=True)["data"])
