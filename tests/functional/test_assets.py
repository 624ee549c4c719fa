# SPDX-License-Identifier: AGPL-3.0-or-later
"""The dashboard's files as the gateway serves them."""
import gzip
import re

import pytest
from stack import bin_folder


@pytest.fixture(scope="module")
def page(stack):
    reply = stack.nobody.get("/")
    if b"/assets/" not in reply.content and bin_folder().parent.name != "release":
        pytest.skip("built without the dashboard")
    return reply


@pytest.fixture(scope="module")
def assets(page):
    found = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert any("/assets/" in path for path in found)
    return found


def test_index_is_fresh_and_html(page):
    assert page["Content-Type"].lower() == "text/html; charset=utf-8"
    assert "no-cache" in page["Cache-Control"] and page["ETag"]


def test_every_file_of_the_page_is_there(stack, assets):
    for path in assets:
        reply = stack.nobody.get(path)
        assert reply.body and reply["ETag"] and reply["Content-Type"]


def test_hashed_files_are_kept_for_ever(stack, assets):
    for path in assets:
        cache = stack.nobody.get(path)["Cache-Control"]
        if path.startswith("/assets/"):
            assert "immutable" in cache and "max-age=31536000" in cache
        else:
            assert "immutable" not in cache


def test_types(stack, assets):
    types = {"js": "javascript", "css": "text/css", "woff2": "font/woff2", "svg": "image/svg+xml", "html": "text/html"}
    for path in assets:
        end = path.rsplit(".", 1)[-1]
        if end in types:
            assert types[end] in stack.nobody.get(path)["Content-Type"]


@pytest.mark.parametrize("which", ["index", "asset"])
def test_etag_is_answered_304(stack, page, assets, which):
    path = "/" if which == "index" else next(p for p in assets if p.startswith("/assets/"))
    tag = stack.nobody.get(path)["ETag"]
    for header in (tag, f'"other", {tag}', "*", "W/" + tag.removeprefix("W/")):
        reply = stack.nobody.get(path, expect=304, headers={"If-None-Match": header})
        assert reply.body == b"" and reply["ETag"] == tag
    assert stack.nobody.get(path, headers={"If-None-Match": '"other"'}).body


def test_compression_is_asked_for(stack, assets):
    path = next(p for p in assets if p.endswith(".js"))
    plain = stack.nobody.get(path)
    packed = stack.nobody.get(path, headers={"Accept-Encoding": "gzip"})
    assert plain["Content-Encoding"] is None and packed["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body and len(packed.body) < len(plain.body)
    assert "accept-encoding" in packed["Vary"].lower() and "accept-encoding" in plain["Vary"].lower()
    for refusal in ("gzip;q=0", "identity", "*;q=0", ""):
        assert stack.nobody.get(path, headers={"Accept-Encoding": refusal})["Content-Encoding"] is None


def test_head(stack, page):
    reply = stack.nobody.request("HEAD", "/")
    assert reply.status == 200 and reply.body == b"" and reply["ETag"] == page["ETag"]


@pytest.mark.parametrize("path", ["/users", "/login", "/users/u-1", "/users/a%2Fb", "/users/ada@example.org", "/deep/er/page"])
def test_pages_of_the_app_are_the_index(stack, page, path):
    assert stack.nobody.get(path).body == page.body


@pytest.mark.parametrize("path", ["/assets/nothing.js", "/assets/", "/assets/index.js.map", "/api/v1/nothing", "/api"])
def test_missing_files_are_404_not_the_index(stack, page, path):
    assert stack.nobody.request("GET", path).status == 404


def test_page_keeps_its_own_policy(stack, page, assets):
    """No inline script or style, nothing from elsewhere: what the CSP forbids is not there."""
    html = page.text
    assert not re.search(r"<script(?![^>]*\bsrc=)", html) and not re.search(r"<style|\sstyle=|\son[a-z]+=", html)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', html)
    policy = page["Content-Security-Policy"]
    assert "unsafe-inline" not in policy.split("style-src")[0] and "http:" not in policy and "*" not in policy


def test_post_to_a_page_is_405(stack, page):
    reply = stack.nobody.request("POST", "/", body=b"{}")
    assert reply.status == 405 and "GET" in reply["Allow"]
