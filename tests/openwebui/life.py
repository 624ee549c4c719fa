# SPDX-License-Identifier: AGPL-3.0-or-later
"""The tap's life: off and on, saved and deleted in the middle of an answer, restarts, two
processes, two people at once, five hundred chats; and what no user may forge."""
import functools
import json
import os
import threading
import time
from pathlib import Path

from owui import wait_for
from pipes import URLLIB
from sold import MODELS, word

CLAUDE = MODELS[0]
KINDS, LIFE, OFF = "kinds", "life", "off"  # the chapters of the report
CHATS, THREADS = 500, 8
GROWTH_MB = 24  # of 250 chats, after the first 250


def without_tap(scenario):
    """without_tap proves what the filter alone does: the fall-back."""
    @functools.wraps(scenario)
    def run(self):
        chapter, self.stub.chapter = self.stub.chapter, OFF
        self.switch_tap(False)
        try:
            return scenario(self)
        finally:
            self.switch_tap(True)
            self.stub.chapter = chapter
    return run


class Life:
    tap_is_off = False
    person = 0

    # helpers

    def switch_tap(self, on):
        """switch_tap sets the valve and asks until it is obeyed: the plugin reads its valves every ten seconds."""
        self.owui.set_valves({**self.gateway.valves, "show_cost": True, "tap": on})

        def obeyed():
            time.sleep(0.5)  # a pace, not a wait: each try is a chat
            Life.person += 1
            key = f"switch-{Life.person}"
            self.owui.api({"key": key}, CLAUDE)
            (made,) = self.stub.of(key)
            row = wait_for(lambda: [r for r in self.gateway.rows() if r.generation_id == made.id and r.state != "open"],
                           f"the row of {key}")[0]
            return (row.source == "tap") == on
        wait_for(obeyed, f"the tap {'on' if on else 'off'}", 40)
        self.tap_is_off = not on

    def whole_asked(self, key, since):
        """whole_asked: without the tap, only outlet sees an answer that is not streamed, from that version on."""
        if self.tap_is_off:
            (self.by_outlet if self.owui.version >= since else self.unseen).append(key)

    def without_person(self, key):
        """without_person: up to 0.8 some requests are made in a thread that does not know for whom."""
        if self.owui.version < (0, 10):
            self.nobody.add(key)

    def head_seen(self):
        """head_seen: nothing tells when Open WebUI has the head of an answer."""
        time.sleep(0.5)

    def add_person(self, name, role="user", group=None):
        Life.person += 1
        user, key = self.owui.add_user(name, f"person-{Life.person}@example.org", group, role)
        self.users[user] = name
        return user, key

    def at_once(self, *jobs):
        """at_once runs each job in a thread of its own and passes its fault on."""
        faults = []

        def run(job):
            try:
                job()
            except Exception as error:
                faults.append(error)
        threads = [threading.Thread(target=run, args=(job,), daemon=True) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert not faults, faults[:3]
        assert not any(thread.is_alive() for thread in threads), "not all came to their end"

    def size(self):
        """size of Open WebUI's process: memory in MB, threads, open files."""
        status = Path(f"/proc/{self.owui.process.pid}/status").read_text()
        rows = dict(line.split(":", 1) for line in status.splitlines())
        return (int(rows["VmRSS"].split()[0]) // 1024, int(rows["Threads"]),
                len(os.listdir(f"/proc/{self.owui.process.pid}/fd")))

    def begun(self, key):
        """begun waits until the first words of an answer are on the page's side."""
        return wait_for(lambda: [g for g in self.stub.of(key) if g.told_id], f"the request {key} upstream")[0]

    # what is done

    def scenario_70_two_people(self):
        """forty requests of two people at once: each row has the right one"""
        people = [self.add_person("Grace Hopper"), self.add_person("Alan Turing")]

        def ask(number):
            user, key = people[number % 2]
            orders = {"key": f"both-{number}", "words": 5, "delay": 0.02, "for": user}
            path = ("/api/chat/completions", "/openai/chat/completions")[number // 2 % 2]
            text, _ = self.owui.api(orders, CLAUDE, key=key, path=path, stream=number % 3 > 0)
            assert word(f"both-{number}", 4).strip() in text, text
        self.at_once(*(functools.partial(ask, number) for number in range(40)))
        for number in range(40):
            self.labels[f"both-{number}"] = "forty at once of two people"
        return self.account()

    def scenario_71_forged(self):
        """an ordinary user's own metadata, user and task are not believed"""
        user, key = self.add_person("Mallory")
        forged = {"user": self.owui.user_id, "metadata": {
            "user_id": self.owui.user_id, "task": "title_generation", "chat_id": "a chat of another", "direct": True,
            "message_id": "a message of another"}}
        for number, (path, stream) in enumerate((path, stream) for stream in (True, False) for path in (
                "/openai/chat/completions", "/api/chat/completions")):
            self.owui.api({"key": f"forged-{number}", "for": user}, CLAUDE, key=key, path=path, stream=stream, **forged)
            self.labels[f"forged-{number}"] = "forged metadata"
        if self.owui.version >= (0, 8):
            self.labels["forged-4"] = "forged metadata"
            self.owui.post("/openai/responses", {
                "model": CLAUDE, "input": json.dumps({"key": "forged-4", "for": user}), **forged}, key)
        note = self.account()
        claimed = [row for row in self.gateway.rows() if "of another" in f"{row.chat_id} {row.message_id}"]
        assert not claimed, claimed
        return note

    @without_tap
    def without_the_tap(self):
        (chat,), orders = self.chat("valve-off", background_tasks={"title_generation": True})
        self.finish(chat, orders)
        wait_for(lambda: len(self.stub.of("valve-off")) == 2, "the title")
        for made in self.stub.of("valve-off"):
            made.unseen = made.task and "the tap is off"
        self.owui.api({"key": "valve-off-route"}, CLAUDE, path="/openai/chat/completions")
        self.unseen.append("valve-off-route")
        return self.account()

    def scenario_72_valve(self):
        """the valve: off, the filter alone sees; on again, all is seen"""
        off = self.without_the_tap()
        (chat,), orders = self.chat("valve-on", background_tasks={"title_generation": True})
        self.finish(chat, orders)
        self.owui.api({"key": "valve-on-route"}, CLAUDE, path="/openai/chat/completions")
        return f"off: {off}; on: {self.account()}"

    def scenario_73_saved_in_mid_stream(self):
        """the function saved many times while answers run: each once, and exact"""
        source = self.plugin
        keys = [f"saved-{number}" for number in range(12)]
        jobs = [functools.partial(self.owui.api, {"key": key, "words": 40, "delay": 0.05}, CLAUDE,
                                  path=("/api/chat/completions", "/openai/chat/completions")[number % 2])
                for number, key in enumerate(keys)]

        def save():
            for key in keys:
                self.begun(key)
            for number in range(5):
                self.owui.save_filter(source + f"\n# saved {number}\n")
        self.at_once(*jobs, save)
        for key in keys:
            self.labels[key] = "saved in the middle"
        return self.account()

    def scenario_74_switched_off_in_mid_stream(self):
        """the function switched off in the middle of answers, then on again"""
        toggle = "/api/v1/functions/id/openwebui_metering/toggle"
        keys = ("off-1", "off-2")
        jobs = [functools.partial(self.owui.api, {"key": key, "words": 60, "delay": 0.05}, CLAUDE, path=path)
                for key, path in zip(keys, ("/api/chat/completions", "/openai/chat/completions"))]

        def switch():
            for key in keys:
                self.begun(key)
            self.owui.post(toggle)
        self.at_once(*jobs, switch)
        self.owui.api({"key": "off-last"}, CLAUDE)  # begins before the tap asks whether it may stay
        wait_for(self.asked_while_off, "the tap gone", 40)
        self.owui.post(toggle)
        self.owui.api({"key": "off-on"}, CLAUDE)
        self.owui.api({"key": "off-on-route"}, CLAUDE, path="/openai/chat/completions")
        note = self.account_but("off-last", "off-ask")
        return f"{note}; recorded after it was switched off: {self.still_seen('off-last', 'off-ask')}"

    def asked_while_off(self):
        """asked_while_off asks until a request leaves no record."""
        self.asked = getattr(self, "asked", 0) + 1
        key = f"off-ask-{self.asked}"
        self.owui.api({"key": key}, CLAUDE)
        (made,) = self.stub.of(key)
        self.delivered()
        return made.id not in {row.generation_id for row in self.gateway.rows()}

    def still_seen(self, *keys):
        ids = {row.generation_id for row in self.gateway.rows()}
        return [g.key for g in self.stub.generations if g.key.startswith(keys) and g.id in ids]

    def account_but(self, *keys):
        """account_but: what was asked under these keys may have a row or none."""
        ids = {row.generation_id for row in self.gateway.rows()}
        for made in self.stub.generations:
            if made.key.startswith(keys) and made.id not in ids:
                made.unseen = "the function is off"
        return self.account()

    def scenario_75_deleted_in_mid_stream(self):
        """the function deleted in the middle of an answer, then installed again"""
        def delete():
            self.begun("deleted")
            self.owui.remove_filter("openwebui_metering")
        try:  # a chat would be broken by Open WebUI, which asks for the filter with each frame
            self.at_once(functools.partial(self.owui.api, {"key": "deleted", "words": 60, "delay": 0.05}, CLAUDE,
                                           path="/openai/chat/completions"), delete)
        finally:
            self.owui.install_filter(self.plugin, {**self.gateway.valves, "show_cost": True})
        (chat,), orders = self.chat("installed-again")
        self.finish(chat, orders)
        self.owui.api({"key": "installed-again-route"}, CLAUDE, path="/openai/chat/completions")
        return self.account()

    def scenario_76_restarted(self):
        """after a restart, the first chat is seen whole with its title; a bare route before it is not"""
        self.delivered()
        self.owui.stop()
        self.owui.start()
        self.owui.api({"key": "first-route"}, CLAUDE, path="/openai/chat/completions")
        (chat,), orders = self.chat("restarted", background_tasks={"title_generation": True})
        self.finish(chat, orders)
        wait_for(lambda: len(self.stub.of("restarted")) == 2, "the title")
        self.labels["first-route"] = "/openai/* before any chat after a restart"
        note = self.account_but("first-route")
        return f"{note}; the route before any chat was seen: {bool(self.still_seen('first-route'))}"

    def scenario_77_two_processes(self):
        """two worker processes: each request once"""
        self.delivered()
        self.owui.stop()
        self.owui.env["UVICORN_WORKERS"] = "2"
        try:
            self.owui.start(page=False)
            keys = [f"worker-{number}" for number in range(40)]
            for batch in range(0, 40, 8):  # new connections each time: either process may take them
                self.at_once(*(functools.partial(self.owui.api, {"key": key, "words": 3}, CLAUDE)
                               for key in keys[batch:batch + 8]))
            for key in keys:
                self.labels[key] = "two worker processes"
            note = self.account()
        finally:
            self.owui.stop()
            self.owui.env["UVICORN_WORKERS"] = "1"
            self.owui.start()
        return note

    def scenario_78_groups(self):
        """a change of membership is seen within seconds; a group's parents are named, too"""
        user, key = self.add_person("Ada Byron", group="Class")
        (group,) = [g for g in self.owui.get("/api/v1/groups/") if g["name"] == "Class"]
        self.owui.api({"key": "groups-1", "for": user}, CLAUDE, key=key)
        if self.owui.version >= (0, 12):
            self.owui.post("/api/v1/groups/create", {"name": "School", "description": ""})
            (school,) = [g for g in self.owui.get("/api/v1/groups/") if g["name"] == "School"]
            self.owui.post(f"/api/v1/groups/id/{group['id']}/update", {
                "name": "Class", "description": "", "parent_group_id": school["id"]})
        self.owui.post("/api/v1/groups/create", {"name": "Club", "description": ""})
        (club,) = [g for g in self.owui.get("/api/v1/groups/") if g["name"] == "Club"]
        self.owui.post(f"/api/v1/groups/id/{club['id']}/users/add", {"user_ids": [user]})
        due = {"Class", "Club", *(("School",) if self.owui.version >= (0, 12) else ())}
        asked = []

        def right():
            asked.append(f"groups-{len(asked) + 2}")
            self.owui.api({"key": asked[-1], "for": user}, CLAUDE, key=key)
            (made,) = self.stub.of(asked[-1])
            row = wait_for(lambda: [r for r in self.gateway.rows() if r.generation_id == made.id], "its row")[0]
            return set(row.groups) == due
        began = time.monotonic()
        try:
            wait_for(right, f"the groups {due}", 30)
        except AssertionError:
            rows = [r.groups for r in self.gateway.rows() if r.user == user]
            raise AssertionError(f"the groups {sorted(due)} were not seen in 30 s: {rows}") from None
        return f"{self.account()}; seen after {time.monotonic() - began:.1f} s"

    @without_tap
    def scenario_79_filter_alone(self):
        """without the tap: a preset's model, a continued answer, a text pipe, an agent, a stop"""
        if self.owui.version < (0, 12):
            return "left out: the hook that tells of requests is not in this version"
        self.make_preset()
        self.make_pipe("pipe_urllib", URLLIB)
        (chat,), orders = self.chat("alone-preset", models=("school-helper",), stream=False)
        self.finish(chat, orders)
        (chat,), orders = self.chat("alone-go-on", stream=False)
        self.finish(chat, orders)
        self.owui.go_on(chat, CLAUDE, stream=False)
        wait_for(lambda: len(self.stub.of("alone-go-on")) == 2 and not self.owui.tasks(chat), "the rest of the answer")
        self.by_outlet += ["alone-preset", "alone-go-on"]
        self.stub.of("alone-go-on")[1].loose = True  # outlet tells the sum of both parts
        self.owui.api({"key": "pipe_urllib", "words": 3}, "pipe_urllib")
        self.ask_as_agent("alone-agent")
        (chat,), _ = self.chat("alone-mute", held=True)
        made = wait_for(lambda: self.stub.of("alone-mute"), "the request upstream")[0]
        self.owui.press_stop(chat)
        wait_for(lambda: made.ended, "the end upstream")
        for made in (*self.stub.of("alone-agent"), *self.stub.of("alone-mute"), self.stub.of("pipe_urllib")[-1]):
            made.blind = True
        return self.account()

    def scenario_80_many(self):
        """five hundred chats: memory, threads and files stay level"""
        def ask(first, count):
            for number in range(first, first + count):
                path = ("/api/chat/completions", "/openai/chat/completions")[number % 2]
                self.owui.api({"key": f"many-{number}", "words": 5, "delay": 0}, CLAUDE, path=path)
                self.labels[f"many-{number}"] = "five hundred chats"
        sizes = [self.size()]
        for first in (0, CHATS // 2):
            each = CHATS // 2 // THREADS + 1
            self.at_once(*(functools.partial(ask, first + n * each, each) for n in range(THREADS)))
            sizes.append(self.size())
        note = self.account(90)
        (_, (middle, threads, files), (end, threads_after, files_after)) = sizes
        assert end - middle < GROWTH_MB, f"memory in MB, threads, files: {sizes}"
        assert threads_after <= threads + 4 and files_after <= files + 16, f"memory in MB, threads, files: {sizes}"
        return f"{note}; memory in MB, threads, files: {sizes}"

    def scenario_81_environment(self):
        """the environment variable keeps the tap off whatever the valve says, and the heartbeat tells it"""
        self.delivered()
        self.owui.stop()
        self.owui.env["OPENWEBUI_METERING_TAP"], self.stub.chapter = "off", OFF
        try:
            self.owui.start()
            (chat,), orders = self.chat("environment")
            self.finish(chat, orders)
            self.owui.api({"key": "environment-route"}, CLAUDE, path="/openai/chat/completions")
            self.unseen.append("environment-route")
            wait_for(lambda: "off" in [b["tap"] for b in self.gateway.heartbeats()], "a heartbeat that says off", 120)
            note = self.account()
        finally:
            self.owui.stop()
            del self.owui.env["OPENWEBUI_METERING_TAP"]
            self.owui.start()
        self.owui.api({"key": "environment-gone"}, CLAUDE)
        wait_for(lambda: {beat["tap"] for beat in self.gateway.heartbeats()} == {"on"}, "a heartbeat that says on", 240)
        return note
