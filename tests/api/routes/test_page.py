"""The page's files as they are served; what the page does is tested in browser/."""

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.routes.page import PATHS
from api.settings import Settings
from tests.api.conftest import ClientOf

WEB = Path(__file__).parents[3] / "api" / "web"
FILES = [path for path in WEB.rglob("*") if path.is_file()]
TYPES = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "/": "text/html"}


@pytest.mark.parametrize("path", PATHS)
def test_each_file_is_served_with_its_type_and_a_strict_policy(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"].partition(";")[0] == TYPES[path.rpartition(".")[2]]
    policy = response.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} <= set(policy)
    assert not any("unsafe" in rule or "http" in rule for rule in policy)
    assert response.headers["x-content-type-options"] == "nosniff"
    head = client.head(path)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", response.headers["etag"])


def test_every_file_of_the_folder_is_served_and_no_other() -> None:
    names = {"index.html" if path == "/" else path.removeprefix("/web/") for path in PATHS}
    assert names == {path.relative_to(WEB).as_posix() for path in FILES}


def test_what_a_client_has_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/web/app.js")
    assert first.headers["cache-control"] == "no-cache"
    for known in (first.headers["etag"], f'"other", W/{first.headers["etag"]}'):
        again = client.get("/web/app.js", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert client.get("/web/app.js", headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/web", "/web/", "/web/none.js", "/web/../app.py", "/web/%2e%2e/app.py", "/web/index.html"]
)
def test_no_other_name_is_served(client: TestClient, path: str) -> None:
    assert client.get("http://testserver" + path).status_code == 404


def test_the_page_needs_no_key_and_nothing_else_opens_with_it(client_of: ClientOf) -> None:
    client = client_of(Settings(api_key="k"))
    assert {client.get(path).status_code for path in PATHS} == {200}
    assert client.get("/web/none.js").status_code == 401
    assert client.post("/").status_code == 405


def test_the_page_loads_nothing_from_elsewhere_and_makes_no_html_of_text() -> None:
    for path in FILES:
        source = path.read_text(encoding="utf-8")
        assert not re.search(r"(?:src|href|url\(|import|fetch\()\s*[=\"'(]*\s*(?:https?:)?//", source), path
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", source), (
            path
        )
    page = (WEB / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"\son\w+=|\sstyle=|<script>|<style", page)
    wanted = set(re.findall(r'(?:src|href)="(web/[^"]+)"', page))
    imported = {
        (path.parent / name).resolve().relative_to(WEB.parent).as_posix()
        for path in WEB.rglob("*.js")
        for name in re.findall(r'from "(\.[^"]+)"', path.read_text(encoding="utf-8"))
    }
    assert imported <= wanted  # all are loaded at once, not one after another
    assert {f"/{path}" for path in wanted} <= set(PATHS)
