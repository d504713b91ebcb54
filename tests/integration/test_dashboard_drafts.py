"""Drafts of two pages of one author: saving one takes nothing from the other."""

import html
import json
import re
from typing import Any

import httpx
import pytest
from products import Product, a_product

pytestmark = pytest.mark.anyio

JSON = {"content-type": "application/json"}
STEP = {"id": "first", "type": "transform", "input_data": 1}


def definition(**given: Any) -> str:
    return json.dumps({"name": "mood", "steps": [STEP]} | given)


class Page:
    """An editor that is open."""

    def __init__(self, one: Product, at: str) -> None:
        self.one, self.at, self.fields = one, at, dict[str, str]()

    async def opened(self) -> "Page":
        """With what is hidden in its form, and the text."""
        shown = (await self.one.http.get(self.at)).text
        editor = shown[shown.index('<form class="editor"') :]
        self.fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', editor))
        text = re.search(r"<textarea[^>]*>(.*?)</textarea>", editor, re.DOTALL)
        assert text is not None
        self.fields["definition"] = html.unescape(text[1])
        return self

    async def kept(self, text: str) -> int:
        """What its script does 2 s after a change."""
        answer = await self.one.http.post(
            "/ui/editor/draft", data=self.fields | {"definition": text}
        )
        if answer.status_code == 204:
            self.fields["draft"] = answer.headers["etag"].strip('"')
        return answer.status_code

    async def saved(self, text: str, **more: str) -> httpx.Response:
        """Its button."""
        action = f"/ui/workflows/{self.fields['workflow']}".rstrip("/")
        return await self.one.http.post(action, data=self.fields | {"definition": text} | more)


async def a_workflow(one: Product) -> str:
    made = await one.http.post("/api/workflows", content=definition(), headers=JSON)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def test_saving_leaves_the_draft_that_another_page_wrote(store_url: str) -> None:
    async with a_product(store_url) as one:
        workflow = await a_workflow(one)
        at = f"/workflows/{workflow}/edit"
        mine, theirs = await Page(one, at).opened(), await Page(one, at).opened()
        assert await theirs.kept("their words") == 204
        assert await mine.kept("my words") == 412
        saved = await mine.saved(definition(description="mine"), confirmed="1")
        left = await one.http.get(f"/api/workflows/{workflow}/draft")
        await one.http.post("/ui/editor/discard", data=mine.fields)
        still = await one.http.get(f"/api/workflows/{workflow}/draft")
        later = await Page(one, at).opened()
        await one.http.post("/ui/editor/discard", data=later.fields)
        gone = await one.http.get(f"/api/workflows/{workflow}/draft")

    assert saved.status_code == 303, saved.text
    assert left.json()["definition"] == still.json()["definition"] == "their words"
    assert later.fields["definition"] == "their words"
    assert gone.status_code == 404


async def test_what_was_on_its_way_when_it_was_saved_leaves_no_draft(store_url: str) -> None:
    async with a_product(store_url) as one:
        workflow = await a_workflow(one)
        for at, place, more in (
            (f"/workflows/{workflow}/edit", workflow, {"confirmed": "1"}),
            ("/workflows/new", "new", {}),
            ("/workflows/new?example=first-steps", "new", {}),
        ):
            page = await Page(one, at).opened()
            if "example" in at:
                assert await page.kept("a first one") == 204
            name = {"name": "mood" if place == workflow else f"other{len(at)}"}
            saved = await page.saved(definition(description="done", **name), **more)
            late = await page.kept("as it was a moment ago")
            left = await one.http.get(f"/api/workflows/{place}/draft")

            assert saved.status_code == 303, saved.text
            assert (late, left.status_code) == (412, 404), at


async def test_a_page_that_is_shown_again_knows_its_draft(store_url: str) -> None:
    async with a_product(store_url) as one:
        workflow = await a_workflow(one)
        page = await Page(one, f"/workflows/{workflow}/edit").opened()
        assert await page.kept("{") == 204
        refused = await page.saved("{")
        reviewed = await page.saved(definition(description="new"))
        saved = await page.saved(definition(description="new"), confirmed="1")
        left = await one.http.get(f"/api/workflows/{workflow}/draft")

    again = '<input type="hidden" name="draft" value="1">'
    assert (refused.status_code, again in refused.text) == (422, True)
    assert (reviewed.status_code, again in reviewed.text) == (200, True)
    assert (saved.status_code, left.status_code) == (303, 404)
