# SPDX-License-Identifier: AGPL-3.0-or-later
"""Open WebUI as a function plugin sees it, from 0.6 to 0.12, without Open WebUI.

It loads the plugin as Open WebUI does (text rewrite, module in sys.modules, one
instance, exec again on every save), calls its hooks with the parameters each
version injects, and drives whole turns in tasks of their own:

    from emulator import OpenWebUI, openrouter_stream

    with OpenWebUI("0.11.4", data_dir=folder,
                   valves={"endpoint": "http://127.0.0.1:45000", "api_key": key}) as owui:
        turn = owui.run(owui.ui_stream([openrouter_stream("gen-1", ["Hello"], usage={...})]))
        assert turn.text == "Hello"        # what the user saw
        owui.flush()                       # until the gateway has every record

Drivers (each returns a Turn; run() takes one or several and runs them together):
    ui_stream(requests)            a chat in the browser; several requests = a tool loop;
                                   stop_after=n presses Stop after n frames
    ui_nonstream(body)             the same with streaming switched off
    api_stream(lines)              POST /api/chat/completions by an API key;
                                   leave_after=n closes the connection after n frames,
                                   leave_after="[DONE]" as soon as the end is there
    api_nonstream(body)
    paused_turn(lines)             ends in a tool approval: no outlet (0.11.1 and later)
    task_call()                    title, tags, ...: calls no hook at all

What a turn sent upstream, showed, emitted and got back from outlet is in the Turn.
Only what a filter can notice is imitated; the rest of Open WebUI is not here.
"""
import asyncio
import copy
import inspect
import json
import os
import sys
import time
import types
import uuid
from pathlib import Path

PLUGIN = Path(__file__).resolve().parent.parent / "openwebui_metering.py"
RUNTIME = "_openwebui_metering_process"
ADA = {"id": "u-ada", "name": "Ada Lovelace", "email": "ada@example.org", "role": "user",
       "settings": {"ui": {"directConnections": {"OPENAI_API_KEYS": ["sk-own-key"]}}}, "bio": "private"}


class Profile:
    """What differs between versions, in the eyes of a filter."""

    def __init__(self, async_models=True, browser_outlet=False, api_outlet=True, request_hook=False,
                 api_dicts=False, body_dunder=True, merged="quirk", config_table=True,
                 swallows_cancel=False, outlet_task=False):
        self.async_models = async_models  # Functions/Groups methods are coroutines
        self.browser_outlet = browser_outlet  # the browser calls outlet after the turn
        self.api_outlet = api_outlet  # API callers get an outlet
        self.request_hook = request_hook  # request(body) before each upstream request
        self.api_dicts = api_dicts  # stream() gets dicts for API callers, else raw lines
        self.body_dunder = body_dunder  # stream() is offered __body__ in the UI
        self.merged = merged  # usage in outlet: "last", "sum" or "quirk" (sums, but *_tokens of the last)
        self.config_table = config_table  # Config.get(), else request.app.state.config
        self.swallows_cancel = swallows_cancel  # the stopped task ends as if nothing happened
        self.outlet_task = outlet_task  # outlet of an API stream runs in a task of its own


PROFILES = {
    "0.6": Profile(async_models=False, browser_outlet=True, api_outlet=False, body_dunder=False,
                   merged="last", config_table=False, swallows_cancel=True),
    "0.8": Profile(async_models=False, browser_outlet=True, api_outlet=False, merged="last",
                   config_table=False, swallows_cancel=True),
    "0.9": Profile(api_outlet=False, merged="last", config_table=False, swallows_cancel=True),
    "0.10": Profile(merged="sum", swallows_cancel=True),
    "0.11.0": Profile(),
    "0.11.4": Profile(request_hook=True, api_dicts=True),
    "0.12": Profile(request_hook=True, api_dicts=True, outlet_task=True),
}


class Turn:
    """What one turn did, as the world around Open WebUI saw it."""

    def __init__(self):
        self.upstream = []  # request bodies as they would go to the provider
        self.shown = []  # frames that reached the user, after the filter
        self.lost = []  # frames the filter broke
        self.emitted = []  # events sent to the browser
        self.outlet = None  # body after outlet, None if outlet was not called
        self.error = None  # what the user would see instead of an answer
        self.metadata = None

    @property
    def text(self):
        return "".join(choice.get("delta", {}).get("content") or "" for frame in self.shown
                       for data in [_parse(frame)] if data for choice in data.get("choices") or [])

    @property
    def status_lines(self):
        return [e["data"]["description"] for e in self.emitted if e.get("type") == "status"]


def _parse(frame):
    if isinstance(frame, dict):
        return frame
    line = frame.decode() if isinstance(frame, bytes) else frame
    line = line.strip()
    if not line.startswith("data:") or line[5:].strip() == "[DONE]":
        return None
    try:
        return json.loads(line[5:])
    except ValueError:
        return None


def openrouter_stream(gen_id, words=("Hello",), usage=None, model="anthropic/claude-haiku-4.5",
                      provider="Amazon Bedrock", finish="stop", usage_times=1):
    """openrouter_stream returns SSE lines as OpenRouter sends them: comments, one
    frame per word, the end, then usage in a last frame that repeats the end."""
    head = {"id": gen_id, "object": "chat.completion.chunk", "created": 1790762001,
            "model": model, "provider": provider}

    def frame(delta, reason=None, **more):
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "native_finish_reason": reason}
        return "data: " + json.dumps({**head, "choices": [choice], **more})

    lines = [": OPENROUTER PROCESSING", ""]
    for word in words:
        lines += [frame({"role": "assistant", "content": word}), ""]
    if finish:
        lines += [frame({"content": ""}, finish), ""]
    for _ in range(usage_times if usage else 0):
        lines += [frame({"role": "assistant", "content": ""}, finish, usage=usage), ""]
    return lines + ["data: [DONE]", ""]


class OpenWebUI:
    def __init__(self, profile="0.11.4", data_dir=None, valves=None, user=None, groups=("staff",),
                 base_url="https://openrouter.ai/api/v1", function_id="openwebui_metering", content=None):
        self.profile = PROFILES[profile] if isinstance(profile, str) else profile
        self.valves = valves  # as stored in the database: any JSON
        self.user, self.groups, self.function_id = user or ADA, list(groups), function_id
        self.content = content or PLUGIN.read_text(encoding="utf-8")
        self.function = types.SimpleNamespace(id=function_id, is_active=True, is_global=True)  # None once deleted
        self.loaded_content, self.filter, self.execs = None, None, 0
        self.queries = []  # reads of Open WebUI's tables by the plugin
        self.models = {
            "anthropic/claude-haiku-4.5": {"id": "anthropic/claude-haiku-4.5", "owned_by": "openai", "urlIdx": 0},
            "my-preset": {"id": "my-preset", "preset": True,
                          "info": {"id": "my-preset", "base_model_id": "anthropic/claude-haiku-4.5"}},
        }
        state = types.SimpleNamespace(MODELS=self.models)
        if not self.profile.config_table:
            state.config = types.SimpleNamespace(OPENAI_API_BASE_URLS=[base_url])
        self.request = types.SimpleNamespace(app=types.SimpleNamespace(state=state), state=types.SimpleNamespace())
        self.base_url = base_url
        self.old_data_dir = os.environ.get("DATA_DIR")
        if data_dir is not None:
            os.environ["DATA_DIR"] = str(data_dir)
        self.loop = asyncio.new_event_loop()
        self._put_modules()

    # Life

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """close ends the process this emulator stands for, as atexit would."""
        self.restart()
        self.loop.close()
        for name in [n for n in sys.modules if n == "open_webui" or n.startswith("open_webui.")]:
            del sys.modules[name]
        sys.modules.pop(f"function_{self.function_id}", None)
        if self.old_data_dir is None:
            os.environ.pop("DATA_DIR", None)
        else:
            os.environ["DATA_DIR"] = self.old_data_dir

    def restart(self):
        """restart: the process ends (atexit included) and another begins; only the disk stays."""
        current = self.runtime
        if current is not None:
            current.close()
            for thread in (current.writer, current.sender):
                if thread is not None:
                    thread.join(30)
        sys.modules.pop(RUNTIME, None)
        self.loaded_content = self.filter = None

    def save(self, content=None):
        """save is the admin pressing Save: one exec now, another at the next inlet."""
        self.content = content or self.content
        self._load()
        self.loaded_content = None

    def run(self, *turns):
        """run lets turns run together, each in its task, until all are over."""
        async def together():
            tasks = [asyncio.ensure_future(turn) for turn in turns]
            results = [await task for task in tasks]
            for _ in range(5):  # callbacks of finished tasks
                await asyncio.sleep(0)
            return results

        results = self.loop.run_until_complete(together())
        return results[0] if len(results) == 1 else results

    @property
    def runtime(self):
        return getattr(sys.modules.get(RUNTIME), "current", None)

    @property
    def module(self):
        """module is the plugin's module, for what is tested below the hooks."""
        if self.filter is None:
            self._load()
        return sys.modules[f"function_{self.function_id}"]

    def flush(self, seconds=120):
        """flush waits until the gateway has taken every record."""
        deadline = time.monotonic() + seconds
        while self.runtime.pending():
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.runtime.pending()} records were not delivered in {seconds} s")
            time.sleep(0.01)

    # What Open WebUI is made of

    def _put_modules(self):
        def answer(value):
            async def later():
                return value
            return later() if self.profile.async_models else value

        def valves_by_id(_id):
            self.queries.append("valves")
            return answer(copy.deepcopy(self.valves))

        def function_by_id(_id):
            self.queries.append("function")
            return answer(copy.copy(self.function))

        def groups_by_member(_id):
            self.queries.append("groups")
            return answer([types.SimpleNamespace(name=name) for name in self.groups])

        def module(name, **content):
            made = types.ModuleType(name)
            made.__dict__.update(content)
            sys.modules[name] = made

        for name in ("open_webui", "open_webui.models"):
            module(name, __path__=[])
        module("open_webui.models.functions",
               Functions=types.SimpleNamespace(get_function_valves_by_id=valves_by_id, get_function_by_id=function_by_id))
        module("open_webui.models.groups",
               Groups=types.SimpleNamespace(get_groups_by_member_id=groups_by_member))
        if self.profile.config_table:
            module("open_webui.models.config", Config=types.SimpleNamespace(
                get=lambda key, default=None: answer([self.base_url] if key == "openai.api_base_urls" else default)))

    def _load(self):
        assert self.function_id.isidentifier() and self.function_id == self.function_id.lower()
        assert self.content.splitlines()[0].strip() == '"""'
        for old in ("from utils", "from apps", "from main", "from config"):
            self.content = self.content.replace(old, old.replace("from ", "from open_webui."))
        name = f"function_{self.function_id}"
        module = types.ModuleType(name)
        sys.modules[name] = module
        exec(self.content, module.__dict__)
        module.EXIT_WRITERS_S = 60.0  # a busy machine need not write within the two seconds of a real exit
        self.filter, self.loaded_content = module.Filter(), self.content
        self.execs += 1

    async def _call(self, hook, value, offered):
        """_call runs one hook as process_filter_function does; exceptions are the caller's."""
        if self.filter is None or (hook != "stream" and self.loaded_content != self.content):
            self._load()
        handler = getattr(self.filter, hook, None)
        if handler is None:
            return value
        if hasattr(self.filter, "valves") and hasattr(self.filter, "Valves"):
            self.filter.valves = self.filter.Valves(**(self.valves or {}))
        assert not getattr(self.filter, "toggle", None), "a meter must not be switchable by users"
        names = inspect.signature(handler).parameters
        given = {k: v for k, v in {**offered, "__id__": self.function_id}.items() if k in names}
        given["event" if hook == "stream" else "body"] = value
        result = handler(**given)
        return await result if inspect.iscoroutinefunction(handler) else result

    # Turns

    def _begin(self, api, model, user, chat_id, message_id, prompt):
        turn = Turn()
        user = copy.deepcopy(user or self.user)
        turn.metadata = {
            "user_id": user["id"], "session_id": None if api else "Yx3socket", "filter_ids": [],
            "chat_id": "" if api else chat_id or str(uuid.uuid4()),
            "message_id": None if api else message_id or str(uuid.uuid4()),
            "user_message": {"content": prompt}, "model": self.models[model], "direct": False,
        }

        async def emit(event):
            turn.emitted.append(event)

        offered = {"__user__": user, "__metadata__": turn.metadata, "__model__": self.models[model],
                   "__request__": self.request, "__event_emitter__": None if api else emit}
        body = {"model": model, "stream": True, "messages": [{"role": "user", "content": prompt}]}
        return turn, body, offered

    async def _inlet(self, turn, body, offered):
        body = await self._call("inlet", body, offered)
        return await self._request(turn, body, offered)

    async def _request(self, turn, body, offered):
        if self.profile.request_hook:
            body = await self._call("request", body, offered)
        turn.upstream.append(copy.deepcopy(body))
        return body

    async def _outlet(self, turn, body, offered, usages, answer):
        usage = None
        for found in usages:
            if self.profile.merged == "last" or usage is None:
                usage = dict(found)
            else:
                usage = _merge(usage, found, self.profile.merged)
        message = {"id": turn.metadata["message_id"], "role": "assistant", "content": answer,
                   **({"usage": usage} if usage else {})}
        turn.outlet = await self._call("outlet", {
            "model": body["model"], "chat_id": turn.metadata["chat_id"], "id": turn.metadata["message_id"],
            "session_id": turn.metadata["session_id"], "filter_ids": [],
            "messages": [{"id": "m-1", "role": "user", "content": body["messages"][-1]["content"]}, message],
        }, offered)

    async def _frames(self, turn, lines, body, offered, stop_after, gate):
        offered = {**offered, **({"__body__": body} if self.profile.body_dunder else {})}
        usages = []
        for line in lines:
            data = _parse(line)
            if data is None:
                continue
            if data.get("usage"):
                usages.append(data["usage"])
            try:
                turn.shown.append(await self._call("stream", data, offered))
            except Exception as error:
                turn.lost.append((data, error))
            await asyncio.sleep(0)
            if stop_after is not None and len(turn.shown) + len(turn.lost) >= stop_after:
                gate.set()
                await asyncio.Event().wait()  # the model is still writing
        return usages

    async def ui_stream(self, requests, stop_after=None, model="anthropic/claude-haiku-4.5", user=None,
                        chat_id=None, message_id=None, prompt="hi", outlet=True):
        turn, body, offered = self._begin(False, model, user, chat_id, message_id, prompt)
        gate = asyncio.Event()

        async def respond(body):
            usages = []
            try:
                for number, lines in enumerate(requests):
                    if number:
                        body = await self._request(turn, {**body, "messages": list(body["messages"])}, offered)
                    usages += await self._frames(turn, lines, body, offered, stop_after, gate)
                if outlet and not self.profile.browser_outlet:
                    try:
                        await self._outlet(turn, body, offered, usages, turn.text)
                    except Exception as error:
                        turn.lost.append(("outlet", error))
            except asyncio.CancelledError:
                if not self.profile.swallows_cancel:
                    raise
            return usages

        async def whole():
            return await respond(await self._inlet(turn, body, offered))

        if self.profile.browser_outlet:  # inlet in the HTTP request's task, the answer in another
            form = await asyncio.ensure_future(self._inlet(turn, body, offered))
            task = asyncio.ensure_future(respond(form))
        else:
            task = asyncio.ensure_future(whole())
        if stop_after is not None:
            await gate.wait()
            task.cancel()
        try:
            usages = await task
        except asyncio.CancelledError:
            return turn
        except Exception as error:
            turn.error = error
            return turn
        if self.profile.browser_outlet and outlet and stop_after is None:
            await self.legacy_completed(turn, body, offered, usages)
        return turn

    async def legacy_completed(self, turn, body, offered, usages=()):
        """POST /api/chat/completed by the browser, or by anyone: the metadata is new."""
        fresh = {k: turn.metadata[k] for k in ("chat_id", "message_id", "filter_ids", "session_id", "user_id")}
        await asyncio.ensure_future(
            self._outlet(turn, body, {**offered, "__metadata__": fresh}, usages, turn.text))

    async def forged_completed(self, usage, message_id="m-forged"):
        turn, body, offered = self._begin(False, "anthropic/claude-haiku-4.5", None, None, message_id, "hi")
        await self.legacy_completed(turn, body, offered, [usage])
        return turn

    async def ui_nonstream(self, reply, api=False, model="anthropic/claude-haiku-4.5", prompt="hi"):
        turn, body, offered = self._begin(api, model, None, None, None, prompt)

        async def whole():
            form = await self._inlet(turn, {**body, "stream": False}, offered)
            answer = reply["choices"][0]["message"].get("content")
            if answer and not self.profile.browser_outlet and (self.profile.api_outlet or not api):
                await self._outlet(turn, form, offered, [reply["usage"]] if reply.get("usage") else [], answer)
            return form, answer

        form, answer = await asyncio.ensure_future(whole())
        if answer and self.profile.browser_outlet and not api:
            await self.legacy_completed(turn, form, offered, [reply.get("usage") or {}])
        return turn

    async def api_nonstream(self, reply, **options):
        return await self.ui_nonstream(reply, api=True, **options)

    async def api_stream(self, lines, leave_after=None, model="anthropic/claude-haiku-4.5", prompt="hi"):
        turn, body, offered = self._begin(True, model, None, None, None, prompt)
        gate = asyncio.Event()

        async def relay(form):  # Starlette runs the body in a task of its own
            usages = []
            for line in lines:
                data = _parse(line)
                usages += [data["usage"]] if data and data.get("usage") else []
                if not self.profile.api_dicts:
                    turn.shown.append(await self._call("stream", (line + "\n").encode(), offered))
                elif data is not None:
                    turn.shown.append(await self._call("stream", data, offered))
                await asyncio.sleep(0)
                if line == "data: [DONE]" if leave_after == "[DONE]" else leave_after is not None and len(turn.shown) >= leave_after:
                    gate.set()
                    await asyncio.Event().wait()
            if self.profile.api_outlet:
                outlet = self._outlet(turn, form, offered, usages, turn.text)
                await (asyncio.ensure_future(outlet) if self.profile.outlet_task else outlet)

        form = await asyncio.ensure_future(self._inlet(turn, body, offered))
        task = asyncio.ensure_future(relay(form))
        if leave_after is not None:
            await gate.wait()
            task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass
        except Exception as error:
            turn.error = error
        return turn

    async def paused_turn(self, lines, **options):
        return await self.ui_stream([lines], outlet=False, **options)

    async def task_call(self):
        return Turn()


def _merge(old, new, style):
    """_merge: how Open WebUI adds up the usage of a tool loop before outlet sees it."""
    total = {**old, **new}
    for ours, theirs in (("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens")):
        total[ours] = old.get(ours, old.get(theirs, 0)) + new.get(ours, new.get(theirs, 0))
        if style == "sum":
            total[theirs] = total[ours]
    if "cost" in old or "cost" in new:
        total["cost"] = old.get("cost", 0) + new.get("cost", 0)
    return total
