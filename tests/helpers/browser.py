"""Headless Chromium, driven by its debugging protocol: opening a page, typing, and reading what it shows."""

import asyncio
import base64
import json
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

from tests.helpers.running import until

CHROMIUM = shutil.which("chromium")


class Page:
    """A page in the browser."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._calls = 0
        self._drawn = b""

    async def call(self, method: str, **values: object) -> dict[str, Any]:
        """Call a method of the protocol, and return its result."""
        self._calls += 1
        await self._socket.send_json({"id": self._calls, "method": method, "params": values})
        while True:
            answer = json.loads((await self._socket.receive(60)).data)
            if answer.get("method") == "Network.webSocketFrameReceived":
                frame = answer["params"]["response"]
                self._drawn += base64.b64decode(frame["payloadData"]) if frame["opcode"] == 2 else b""
            if answer.get("id") == self._calls:
                assert "error" not in answer, answer
                return dict(answer["result"])

    async def open(self, address: str) -> None:
        """Open a page."""
        await self.call("Network.enable")
        await self.call("Page.navigate", url=address)

    async def evaluate(self, script: str) -> Any:
        """Return what a script in the page returns."""
        return (await self.call("Runtime.evaluate", expression=script))["result"].get("value")

    async def shows(self, words: str, seconds: float = 30) -> None:
        """Wait until the page has the words, or they have been drawn in its terminal since the last call.

        A terminal is drawn on a canvas, so that its text is not in the page: it is read on its way there.
        """
        deadline = time.monotonic() + seconds
        while words.encode() not in self._drawn and words not in str(await self.evaluate("document.body.innerText")):
            assert time.monotonic() < deadline, self._drawn[-2_000:]
            await asyncio.sleep(0.05)
        self._drawn = b""

    async def until(self, condition: str, seconds: float = 30) -> None:
        """Wait until a script in the page returns true."""
        async with asyncio.timeout(seconds):
            while await self.evaluate(condition) is not True:
                await asyncio.sleep(0.05)

    async def type(self, text: str) -> None:
        """Type a text into what has the focus."""
        for character in text:
            await self.call("Input.dispatchKeyEvent", type="char", text=character)

    async def press(self, key: str, code: int, modifiers: int = 0) -> None:
        """Press a key that is no character. `modifiers`: 2 is control."""
        values: dict[str, object] = {"key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        text = {"text": "\r"} if key == "Enter" else {}
        await self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **values, **text)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **values)


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Page]:
    """Run Chromium for the length of the block."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        *(CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"),
        *(f"--user-data-dir={folder}", "--window-size=1000,600", "about:blank"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        ports = folder / "DevToolsActivePort"
        port = (await until(lambda: ports.read_text().split("\n")[:-1] if ports.exists() else []))[0]
        async with ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json") as answer:
                target = next(page for page in await answer.json() if page["type"] == "page")
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                yield Page(socket)
    finally:
        process.terminate()
        await process.wait()
