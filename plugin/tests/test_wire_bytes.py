# SPDX-License-Identifier: AGPL-3.0-or-later
"""Nothing that is read changes by being read along, and the records are exact."""
import pytest

for name in ("aiohttp", "requests", "httpx"):
    pytest.importorskip(name)

import readers  # noqa: E402
from emulator import ADA, openrouter_stream  # noqa: E402
from upstream import Answer, frames, pieces, stream, whole  # noqa: E402
from wired import SAID, USAGE  # noqa: E402

CHUNKINGS = {"at once": lambda data: [data], "by line": lambda data: data.splitlines(keepends=True), "by frame": frames,
             "by 7 bytes": lambda data: pieces(data, 7), "across lines": lambda data: pieces(data, 311)}
ENCODINGS = (None, "gzip", "deflate")
TEXT = ["Hel", "lo, Wörld", " — \U0001f600", '{"usage": {"cost": 9}}', "\\u0000"]


def streamed(number, **more):
    return stream(openrouter_stream(f"gen-{number}", TEXT, USAGE, **more))


def cases(encoding):
    """cases yields (name, id, answer, whether it comes to its end) for a compression."""
    for number, (name, cut) in enumerate(CHUNKINGS.items()):
        for framing in ("chunked", "length", "close"):
            where = f"{name}-{framing}".replace(" ", "-")
            parts = cut(streamed(where))
            yield where, Answer(parts, encoding=encoding, framing=framing), True
            if len(parts) > 1:
                parts = cut(streamed(where + "-cut"))
                yield where + "-cut", Answer(parts, encoding=encoding, framing=framing, cut=len(parts) // 2), False
        yield f"whole-{number}", Answer(pieces(whole(f"gen-whole-{number}", "".join(TEXT), USAGE), 90), "application/json",
                                        encoding=encoding, framing=("chunked", "length", "close")[number % 3]), True


def taken_without(owui, url, read, **options):
    """taken_without is the same request as ask's, past the tap."""
    tapped = [(cls, name, cls.__dict__[name]) for cls, name, _ in owui.originals]
    for cls, name, original in owui.originals:
        setattr(cls, name, original)
    try:
        return owui.asked(url, read, **options)
    finally:
        for cls, name, laid in tapped:
            setattr(cls, name, laid)


def check_all(owui, encoding, read, **options):
    """check_all compares each answer with and without the tap, then looks at the records."""
    expected = []
    for where, answer, comes_to_its_end in cases(encoding):
        url = owui.upstream.serve(answer)
        alone = taken_without(owui, url, read, **options)
        taken = owui.asked(url, read, **options)
        assert (taken.data, taken.raised) == (alone.data, alone.raised), where
        if comes_to_its_end and not (read.__name__ == "peeked" and where.startswith("whole")):  # its first bytes came twice
            assert taken.raised is None and taken.data
            expected.append(f"gen-{where}")
    rows = owui.rows()
    for name in expected:
        row = rows[name]
        assert (row["state"], row["source"], row["user"]["id"]) == ("final", "tap", ADA["id"]), name
        assert row["usage"] == SAID, name
    left = {row["state"] for name, row in rows.items() if name not in expected}
    assert left <= {"error", "cancelled"} or read.__name__ == "peeked", left
    return rows


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
@pytest.mark.parametrize("read", readers.AIOHTTP.values(), ids=list(readers.AIOHTTP))
def test_readers_of_aiohttp(wired, read, encoding):
    rows = check_all(wired, encoding, read)
    assert {row["user"]["name"] for row in rows.values()} == {ADA["name"]}
    assert wired.tap.live == {} and wired.tap.counts["faults"] == 0


@pytest.mark.parametrize("read", readers.AIOHTTP.values(), ids=list(readers.AIOHTTP))
def test_what_is_read_is_what_was_sent(wired, read):
    body = streamed("sent")
    for encoding in ENCODINGS:
        for cut in CHUNKINGS.values():
            url = wired.upstream.serve(Answer(cut(body), encoding=encoding))
            assert wired.asked(url, read).data == body


def test_readers_share_a_session(wired):
    """Kept-alive connections: the next answer on one is another generation."""
    import aiohttp

    async def all_of_them():
        async with aiohttp.ClientSession() as session:
            for number, read in enumerate(readers.AIOHTTP.values()):
                for encoding in ENCODINGS:
                    body = streamed(f"{number}-{encoding}")
                    url = wired.upstream.serve(Answer(frames(body), encoding=encoding))
                    assert (await wired.ask(url, read, session=session)).data == body

    wired.run(all_of_them())
    rows = wired.rows()
    assert len(rows) == len(readers.AIOHTTP) * len(ENCODINGS)
    assert all(row["usage"] == SAID and row["state"] == "final" for row in rows.values())


def test_two_answers_at_once_on_one_session(wired):
    import aiohttp

    async def together():
        async with aiohttp.ClientSession() as session:
            return [await wired.ask(wired.upstream.serve(Answer(pieces(streamed(number), 50))), read, session=session)
                    for number, read in enumerate(readers.AIOHTTP.values())]

    wired.run(together())
    assert sorted(wired.rows()) == sorted(f"gen-{number}" for number in range(len(readers.AIOHTTP)))


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_json(wired, encoding):
    url = wired.upstream.serve(Answer(pieces(whole("gen-json", usage=USAGE), 50), "application/json", encoding=encoding))
    assert wired.asked(url, readers.as_json)["usage"] == USAGE
    row = wired.row()
    assert (row["generation_id"], row["usage"], row["model"]) == ("gen-json", SAID, "anthropic/claude-haiku-4.5")


@pytest.mark.parametrize("streamed_read", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("read", readers.REQUESTS.values(), ids=list(readers.REQUESTS))
def test_readers_of_requests(wired, read, streamed_read):
    check_others(wired, "by_requests", read, streamed_read)


@pytest.mark.parametrize("streamed_read", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("read", readers.HTTPX.values(), ids=list(readers.HTTPX))
def test_readers_of_httpx(wired, read, streamed_read):
    check_others(wired, "by_httpx", read, streamed_read)


@pytest.mark.parametrize("streamed_read", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("read", readers.HTTPX_BLOCKING.values(), ids=list(readers.HTTPX_BLOCKING))
def test_readers_of_blocking_httpx(wired, read, streamed_read):
    check_others(wired, "by_httpx_blocking", read, streamed_read)


def check_others(owui, by, read, streamed_read):
    """check_others: a client that is not aiohttp; of a stream the id in the head is enough, the cost may come later."""
    odd = read.__name__ in ("httpx_raw", "aiter_raw", "iter_lines")  # compressed, or with a line too many between two chunks
    if read.__name__ in ("httpx_raw", "aiter_raw", "raw") and not streamed_read:
        pytest.skip("a whole answer has been read already")
    for encoding in ENCODINGS:
        for number, cut in enumerate(CHUNKINGS.values()):
            name = f"{encoding}-{number}"
            bodies = (cut(streamed(name)), "text/event-stream"), (pieces(whole(f"gen-w{name}", usage=USAGE), 80), "application/json")
            for parts, kind in bodies:
                answer = Answer(parts, kind, encoding=encoding, headers={
                    "X-Generation-Id": f"gen-{name}" if kind != "application/json" else f"gen-w{name}"})
                url = owui.upstream.serve(answer)
                alone = taken_without(owui, url, read, by=by, streamed=streamed_read)
                taken = owui.asked(url, read, by=by, streamed=streamed_read)
                assert (taken.data, taken.raised) == (alone.data, None) and taken.data, name
                assert odd or taken.data.rstrip(b"\n") == b"".join(parts).rstrip(b"\n"), name
    rows = owui.rows()
    assert len(rows) == 2 * len(CHUNKINGS) * len(ENCODINGS)
    for name, row in rows.items():
        assert row["user"]["id"] == ADA["id"] and row["source"] == "tap"
        assert row.get("usage") in ((SAID,) if not streamed_read else (SAID, None)), name
        assert row["state"] == "final" or streamed_read, name
