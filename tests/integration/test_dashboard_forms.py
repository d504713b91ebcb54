"""Forms of pages: what was ticked and typed comes to the interface, and back into the form."""

import re
from collections.abc import Mapping, Sequence
from html import unescape
from urllib.parse import urlencode

import pytest
from products import Product, a_product

pytestmark = pytest.mark.anyio

OWN = {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}
RULE = {
    "name": "Late", "kind": "threshold", "metric": "orders", "agg": "ratio", "op": ">",
    "of": "outcome=failed\noutcome=lost", "by": "shop, city", "threshold": "5 %", "window": "5m",
    "severity": "critical", "enabled": "yes", "query": "kept, but not sent",
}  # fmt: skip


def ticked(page: str) -> list[str]:
    """The contacts that are told."""
    return re.findall(r'name="notify" value="([^"]*)" checked', page)


def value_of(page: str, field: str) -> str:
    found = re.search(rf'id="f-{field}"[^>]*(?: value="([^"]*)"|>\n([^<]*))', page)
    assert found is not None, field
    return unescape(found[1] or found[2] or "")


async def sent(
    product: Product, path: str, data: Mapping[str, str | Sequence[str]], status: int
) -> str:
    body = urlencode(data, doseq=True)
    kind = {"content-type": "application/x-www-form-urlencoded"}
    answer = await product.http.post(path, content=body, headers={**OWN, **kind})
    assert answer.status_code == status, answer.text[:900]
    return answer.text or answer.headers["location"].partition("?")[0]


async def what_is_wrong_comes_back(product: Product) -> None:
    until = {"matchers": "a=b\nc!=d*", "comment": "moved", "duration": "", "ends_at": "soon"}
    page = await sent(product, "/ui/alerts/silences/save", until, 422)
    assert value_of(page, "matchers") == until["matchers"]
    assert 'id="f-ends_at-wrong"' in page

    secret = {"name": "a/b", "value": "sk-0123456789"}
    page = await sent(product, "/ui/settings/secrets", secret, 422)
    assert value_of(page, "name") == "a/b"
    assert "sk-0123456789" not in page


async def test_a_rule_goes_to_the_interface_and_comes_back(store_url: str) -> None:
    async with a_product(store_url) as product:
        for name in ("oncall", "team b"):
            contact = {"name": name, "kind": "email", "to": ["a@example.com"]}
            await product.post("/api/alerts/contacts", contact)
        told: dict[str, str | list[str]] = {**RULE, "notify": ["oncall", "team b"]}
        page = await sent(product, "/ui/alerts/rules/save", told | {"window": "soon"}, 422)
        assert ticked(page) == ["oncall", "team b"]
        assert value_of(page, "threshold") == "5 %"
        assert value_of(page, "of") == RULE["of"]
        assert 'id="f-window-wrong"' in page

        path = await sent(product, "/ui/alerts/rules/save", told, 303)
        made = (await product.http.get(f"/api{path}")).json()
        assert made["of"] == {"outcome": ["failed", "lost"]}
        assert (made["by"], made["threshold"]) == (["shop", "city"], 0.05)
        assert made["notify"] == ["oncall", "team b"]

        page = (await product.http.get(path)).text
        assert ticked(page) == ["oncall", "team b"]
        assert (value_of(page, "of"), value_of(page, "by")) == (RULE["of"], "shop, city")
        more = {**told, "id": made["id"], "revision": "1", "notify": "oncall", "threshold": "0.1"}
        await sent(product, "/ui/alerts/rules/save", more, 303)
        await sent(product, f"/ui{path}/disable", {}, 303)
        changed = (await product.http.get(f"/api{path}")).json()
        assert (changed["notify"], changed["threshold"]) == (["oncall"], 0.1)
        assert not changed["enabled"]
        again = await sent(product, "/ui/alerts/rules/save", more, 422)  # of revision 1
        assert "Somebody saved revision 3" in again
        await what_is_wrong_comes_back(product)
