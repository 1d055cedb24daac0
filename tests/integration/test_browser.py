"""The console in a real browser: Debian's Chromium, if it is installed."""

import pytest

from jobs import services
from tests.helpers.browser import CHROMIUM, browser
from tests.helpers.deployment import TestDeployment
from tests.helpers.posts import post
from tests.helpers.running import until
from tests.integration.test_serve import TOKEN, serving

_TOKEN_FIELD = "document.activeElement?.name == 'token'"


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
async def test_a_visitor_with_the_token_launches_a_task_and_sees_its_end(one_post: TestDeployment) -> None:
    one_post.write_posts([post(1, "Annie", "2020-06-01 00:00:00"), post(2, "Tan", "2020-06-02 00:00:00")])
    with one_post.workers(), serving(one_post, SERVE_TOKEN=TOKEN) as (server, address):
        async with browser(one_post.folder / "chromium") as page:
            await page.open(address)
            await page.until(_TOKEN_FIELD)
            await page.type("a wrong one")
            await page.press("Enter", 13)
            await page.shows("401 wrong token")
            assert server.children() == []
            await page.until(_TOKEN_FIELD)
            await page.type(TOKEN)
            await page.press("Enter", 13)
            await page.shows("No tasks yet. Press n")
            await page.until("document.activeElement.className == 'xterm-helper-textarea'")
            await page.type("n")
            await page.shows("ready")
            await page.press("l", 76, modifiers=2)
            await page.shows("2 authors")
            (task,) = await services.task_list(one_post)
            assert task.produced and task.length_prod_table == "2"
            await page.open("about:blank")
            await until(lambda: not server.children())
