# SPDX-License-Identifier: AGPL-3.0-or-later
"""One call that several paths report: the plugin, OpenRouter's Broadcast, a filter of
the older OWUI-Metering; or that Open WebUI itself adds to another, as Continue does.
And another provider's chats.  A receiver keeps no ledger, so that these are left out
with it."""
import functools
import threading
from decimal import Decimal

from life import without_tap
from owui import wait_for
from sold import MODELS, OTHER_MODEL, word

CLAUDE = MODELS[0]

OLDER_FILTER = '''"""
title: Older metering
version: 0.3.0
"""
import time

import httpx
from pydantic import BaseModel


class Filter:
    class Valves(BaseModel):
        endpoint: str = ""
        api_key: str = ""

    def __init__(self):
        self.valves = self.Valves()

    async def outlet(self, body, __user__=None):
        message = body["messages"][-1]
        usage = message.get("usage") or {}
        async with httpx.AsyncClient() as client:
            answer = await client.post(
                self.valves.endpoint + "/api/v1/metering/record",
                headers={"Authorization": "Bearer " + self.valves.api_key},
                json={"user": {name: __user__[name] for name in ("id", "name", "email", "role")},
                      "activity": {"id": message["id"], "timestamp": message.get("timestamp") or int(time.time()),
                                   "user_id": __user__["id"], "model": body["model"],
                                   "prompt_token": usage.get("prompt_tokens"),
                                   "completion_token": usage.get("completion_tokens"), "cost": usage.get("cost")}})
        answer.raise_for_status()
        return body
'''


def with_ledger(scenario):
    @functools.wraps(scenario)
    def run(self):
        return scenario(self) if self.gateway.settles else "left out: a receiver keeps no ledger"
    return run


class Doubles:
    off = (0, 0, 0)

    # helpers

    def excess(self):
        """excess is what the ledger counts beyond what was sold: requests, money, requests without a final cost."""
        sold = [g for g in self.stub.generations if g.key not in self.unseen]
        total = self.gateway.total()
        return (total["requests"] - len(sold), Decimal(total["cost"]) - sum(g.cost or 0 for g in sold),
                total["unsettled"])

    def even(self, what, seconds=30):
        """even waits until all is delivered and the ledger counts each call once.  What is too much after
        that is this scenario's fault, and taken as given by the next ones."""
        self.delivered()
        try:
            wait_for(lambda: self.excess() == self.off, what, seconds)
        except AssertionError:
            before, self.off = self.off, self.excess()
            rows = [(r.generation_id, str(r.cost), r.state, r.marks) for r in self.gateway.rows()[:12]]
            raise AssertionError(f"{what}: the ledger counts {self.off} too much, {before} before; "
                                 f"its last rows: {rows}") from None

    def broadcast(self, *spans):
        """broadcast sends spans, (generation, its user) each, and waits until the ledger has them."""
        self.gateway.trace(*(made.span(user) for made, user in spans))

        def has(made):
            found = self.gateway.detail(made.id)
            return found and any(r["source"] == "otlp" for r in found["records"])
        wait_for(lambda: all(has(made) for made, _ in spans), "the spans in the ledger")

    def turn_row(self, made):
        """turn_row waits for the row of a turn, by its cost: no two generations have the same."""
        def find():
            return [r for r in self.gateway.rows() if r.generation_id.startswith("owui:") and r.cost == made.cost]
        return wait_for(find, f"the row of the turn {made.key}")[0]

    def one_call(self, made):
        """one_call: the turn's row is part of the generation's, which has its cost and its user."""
        def paired():
            found = self.gateway.detail(made.id)
            return found and found["generation"]["parts"] and found["generation"]
        row = wait_for(paired, f"{made.key} paired")
        (part,) = row["parts"]
        part = self.gateway.detail(part)["generation"]
        assert part["part_of"] == [made.id] and part["requests"] == 0, part
        assert "matched" in part["marks"] and "matched" in row["marks"], (part["marks"], row["marks"])
        assert (row["user"], Decimal(row["cost"]), row["requests"]) == (self.owui.user_id, made.cost, 1), row

    def browser_whole(self, key, **more):
        (chat,), orders = self.chat(key, stream=False, **more)
        return lambda: self.finish(chat, orders)

    def program_whole(self, key, **more):
        """program_whole asks in a thread: a held answer blocks its caller."""
        def ask():
            said.append(self.owui.api({"key": key, "words": 4, **more}, CLAUDE, stream=False)[0])

        def finish():
            thread.join(60)
            assert said and word(key, 3).strip() in said[0], said

        said, thread = [], threading.Thread(target=ask, daemon=True)
        thread.start()
        return finish

    def made(self, key):
        return wait_for(lambda: self.stub.of(key), f"the request {key} upstream")[0]

    # what is done

    @with_ledger
    def scenario_13_alone(self):
        """the plugin alone: what was stopped, and what was not streamed, are requests of their own"""
        self.even("the plugin alone", 60)

    @with_ledger
    def scenario_14_continued(self):
        """a streamed answer is continued: each part once"""
        if self.owui.version < (0, 10):
            return "left out: asked for in another way"
        (chat,), orders = self.chat("continued")
        self.finish(chat, orders)
        self.owui.go_on(chat, CLAUDE)
        wait_for(lambda: len(self.stub.of("continued")) == 2 and not self.owui.tasks(chat), "the rest of the answer")
        self.even("a continued answer")

    @with_ledger
    @without_tap
    def scenario_15_outlet_then_broadcast(self):
        """not streamed, and Broadcast tells of it afterwards: one request"""
        if self.owui.version < (0, 10):
            return "left out: without the tap nothing tells of such answers in this version"
        doors = (self.browser_whole, self.program_whole)
        for key, ask, user in (("after-1", doors[0], self.owui.user_id), ("after-2", doors[0], None),
                               ("after-3", doors[1], self.owui.user_id), ("after-4", doors[1], None)):
            ask(key)()
            made = self.made(key)
            self.turn_row(made)
            self.broadcast((made, user))
            self.one_call(made)
        self.even("turns before their spans")

    @with_ledger
    @without_tap
    def scenario_16_broadcast_then_outlet(self):
        """not streamed, and Broadcast is faster: one request"""
        if self.owui.version < (0, 10):
            return "left out: without the tap nothing tells of such answers in this version"
        doors = (self.browser_whole, self.program_whole)
        for key, ask, user in (("before-1", doors[0], None), ("before-2", doors[0], self.owui.user_id),
                               ("before-3", doors[1], None), ("before-4", doors[1], self.owui.user_id)):
            finish = ask(key, held=True)
            made = self.made(key)
            self.broadcast((made, user))
            made.release()
            finish()
            self.one_call(made)
        self.even("spans before their turns")

    @with_ledger
    @without_tap
    def scenario_17_equal_questions(self):
        """two equal questions, not streamed, beside Broadcast: two requests"""
        if self.owui.version < (0, 10):
            return "left out: without the tap nothing tells of such answers in this version"
        for key in ("equal-1", "equal-2"):
            self.program_whole(key, tokens=[3000, 30])()
        made = [self.made(key) for key in ("equal-1", "equal-2")]
        for one in made:
            self.turn_row(one)
        self.broadcast((made[1], None))
        assert self.excess()[0] == self.off[0], "two turns and one span are two requests"
        self.broadcast((made[0], None))
        self.even("two turns, two spans")
        for one in made:
            assert len(self.gateway.detail(one.id)["generation"]["parts"]) == 1

    @with_ledger
    def scenario_18_streamed_beside_broadcast(self):
        """streamed chats beside Broadcast: one row each"""
        (chat,), orders = self.chat("beside", words=40, delay=0.05)
        self.broadcast((self.made("beside"), None))  # while the answer is still being written
        self.finish(chat, orders)
        (chat,), orders = self.chat("beside-tools", rounds=2, tools=True)
        self.finish(chat, orders)
        self.owui.api({"key": "beside-api", "words": 8}, CLAUDE)
        (chat,), _ = self.chat("beside-stopped", words=400, delay=0.05)
        made = self.made("beside-stopped")
        wait_for(lambda: word("beside-stopped", 2).strip() in self.owui.shown(chat), "the first words")
        self.owui.press_stop(chat)
        wait_for(lambda: made.ended, "the end of the stream upstream")
        keys = ("beside-tools", "beside-api", "beside-stopped")
        spans = [(g, g.user) for key in keys for g in self.stub.of(key)]
        self.broadcast(*spans)
        self.broadcast(*spans)  # it may send twice
        self.even("streamed chats", 90)

    @with_ledger
    @without_tap
    def scenario_19_older_filter(self):
        """a filter of the older OWUI-Metering beside the plugin: nothing twice"""
        self.owui.install_filter(OLDER_FILTER, self.gateway.valves, "older_metering")
        answered = []
        for key, options in (("older", {}), ("older-tools", {"rounds": 2, "tools": True}),
                             ("older-two", {"models": MODELS}), ("older-whole", {"stream": False})):
            chats, orders = self.chat(key, **options)
            for chat in chats:
                self.finish(chat, orders)
                answered.append(f"owui:{chat.message_id}")
        for stream in (True, False):
            self.owui.api({"key": "older-api" if stream else "older-api-whole", "words": 4}, CLAUDE, stream=stream)
        self.by_outlet.append("older-whole")
        self.whole_asked("older-api-whole", (0, 10))

        wait_for(lambda: all(self.gateway.detail(key) for key in answered), "what the older filter reports")
        self.even("the older filter and the plugin")

    @with_ledger
    @without_tap
    def scenario_20_all_three(self):
        """and Broadcast tells of the same chats: nothing twice"""
        self.owui.remove_filter("older_metering")
        self.broadcast(*((g, g.user) for g in self.stub.generations if g.key.startswith("older")))
        self.by_outlet, self.unseen = ([key for key in keys if not key.startswith("older")]
                                       for keys in (self.by_outlet, self.unseen))
        self.even("three paths")

    @with_ledger
    def scenario_21_odd_names(self):
        """a control character in a name and very long names of groups lose nothing"""
        for number, (name, group) in enumerate((("Ada\u0085 Lovelace", None), ("Grace Hopper", "G" * 3000),
                                                ("Al\u009fan", "Group \u0085 " + "\u00fc\U0001f642" * 400))):
            user, key = self.owui.add_user(name, f"odd-{number}@example.org", group)
            for stream in (True, False):
                asked = f"odd-{number}-{'stream' if stream else 'whole'}"
                self.owui.api({"key": asked, "words": 4, "for": user}, CLAUDE, stream=stream, key=key)
            self.users[user] = name
        self.even("odd names")
        rejected = self.owui.kept()[1]
        assert not rejected and not self.gateway.refused(), (rejected, self.gateway.refused())
        rows = [r for r in self.gateway.rows() if r.user in self.users]
        assert len(rows) == 6, [vars(r) for r in rows]
        return f"in the ledger: {sorted({(r.user_name, tuple(len(g) for g in r.groups)) for r in rows})}"

    @with_ledger
    def scenario_22_other_provider(self):
        """another provider's chats have no price, and nothing waits for one"""
        (chat,), orders = self.chat("other", models=(OTHER_MODEL,))
        self.finish(chat, orders)
        self.owui.api({"key": "other-api", "words": 4}, OTHER_MODEL)
        (chat,), orders = self.chat("other-whole", models=(OTHER_MODEL,), stream=False)
        self.finish(chat, orders)
        self.owui.api({"key": "other-api-whole", "words": 4}, OTHER_MODEL, stream=False)
        self.delivered()
        mine = [r for r in self.gateway.rows() if OTHER_MODEL in (r.model, r.requested_model)]
        assert len(mine) == 4 and {r.state for r in mine} == {"unknown"}, [vars(r) for r in mine]
        assert not set(self.stub.looked_up) & {g.id for g in self.stub.generations if g.cost is None}
        waited_for = [r.generation_id for r in mine if r.unsettled]
        assert not waited_for, f"waited for: {waited_for}"
        self.even("other providers")

    @with_ledger
    def scenario_23_tap_beside_broadcast(self):
        """what only the tap sees, beside Broadcast: one row each"""
        whole = [("tap-1", self.browser_whole, False), ("tap-2", self.program_whole, True),
                 ("tap-3", self.browser_whole, True), ("tap-4", self.program_whole, False)]
        for key, ask, faster in whole:
            finish = ask(key, held=faster)
            made = self.made(key)
            if faster:
                self.broadcast((made, None))
                made.release()
            finish()
            if not faster:
                self.broadcast((made, made.user))
        (chat,), orders = self.chat("tap-first", background_tasks={"title_generation": True, "tags_generation": True})
        self.finish(chat, orders)
        self.owui.api({"key": "tap-route"}, CLAUDE, path="/openai/chat/completions")
        self.owui.post("/api/v1/embeddings", {"model": CLAUDE, "input": '{"key": "tap-vectors"}'}, self.owui.api_key)
        self.broadcast(*((made, made.user) for key, count in (("tap-first", 3), ("tap-route", 1), ("tap-vectors", 1))
                         for made in self.made_of(key, count)))
        return self.account()

    @with_ledger
    def scenario_24_tap_beside_older_filter(self):
        """the tap beside a filter of the older OWUI-Metering: nothing twice"""
        self.owui.install_filter(OLDER_FILTER, self.gateway.valves, "older_metering")
        answered = []
        for key, options in (("elder", {}), ("elder-tools", {"rounds": 2, "tools": True}),
                             ("elder-whole", {"stream": False})):
            (chat,), orders = self.chat(key, **options)
            self.finish(chat, orders)
            answered.append(f"owui:{chat.message_id}")
        self.owui.api({"key": "elder-api", "words": 4}, CLAUDE, stream=False)
        wait_for(lambda: all(self.gateway.detail(key) for key in answered), "what the older filter reports")
        note = self.account()
        self.owui.remove_filter("older_metering")
        return note

    def scenario_29_so_far(self):
        """what was asked so far has its rows"""
        return self.account()

    @with_ledger
    def scenario_97_check(self):
        """costd --check finds nothing"""
        good, said = self.gateway.check()
        assert good, said
        return said.strip()
