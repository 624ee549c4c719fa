# SPDX-License-Identifier: AGPL-3.0-or-later
"""A real Open WebUI in a process of its own, driven over its HTTP API as a browser
and as a program would: what a browser shows comes over a websocket.  One class for
all versions; the few places where they differ ask self.version.  Runs under the
Python of the driven Open WebUI, whose websocket library it borrows."""
import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import time
import uuid
from pathlib import Path

import socketio

TOOL_SOURCE = '''"""
title: Drive lookup
version: 1.0.0
"""


class Tools:
    def drive_lookup(self, subject: str) -> str:
        """
        Look a subject up.
        :param subject: what to look up
        """
        return f"nothing is known about {subject}"
'''


def everything(stub):
    """everything sets all to work that asks a provider, with the stub as that provider."""
    at, key = stub.base_url, "sk-or-v1-stub"
    return {
        "ENABLE_OPENAI_API_PASSTHROUGH": "true", "ENABLE_AUTOCOMPLETE_GENERATION": "true",
        "ENABLE_OLLAMA_API": "true", "OLLAMA_BASE_URLS": stub.ollama_url,
        "RAG_EMBEDDING_ENGINE": "openai", "RAG_EMBEDDING_MODEL": "openai/text-embedding-3-small",
        "RAG_OPENAI_API_BASE_URL": at, "RAG_OPENAI_API_KEY": key,
        "ENABLE_RAG_HYBRID_SEARCH": "true", "RAG_RERANKING_ENGINE": "external",
        "RAG_RERANKING_MODEL": "cohere/rerank-v3.5",
        "RAG_EXTERNAL_RERANKER_URL": f"{at}/rerank", "RAG_EXTERNAL_RERANKER_API_KEY": key,
        "ENABLE_WEB_SEARCH": "true", "WEB_SEARCH_ENGINE": "external", "EXTERNAL_WEB_SEARCH_URL": stub.url("/search"),
        "EXTERNAL_WEB_SEARCH_API_KEY": "none", "BYPASS_WEB_SEARCH_WEB_LOADER": "true",
        "ENABLE_IMAGE_GENERATION": "true", "IMAGE_GENERATION_ENGINE": "openai",
        "IMAGE_GENERATION_MODEL": "openai/gpt-image-1", "IMAGE_SIZE": "512x512",
        "IMAGES_OPENAI_API_BASE_URL": at, "IMAGES_OPENAI_API_KEY": key, "ENABLE_IMAGE_EDIT": "true",
        "IMAGE_EDIT_ENGINE": "openai", "IMAGE_EDIT_MODEL": "openai/gpt-image-1", "IMAGES_EDIT_OPENAI_API_BASE_URL": at,
        "IMAGES_EDIT_OPENAI_API_KEY": key,
        "AUDIO_TTS_ENGINE": "openai", "AUDIO_TTS_MODEL": "openai/tts-1", "AUDIO_TTS_OPENAI_API_BASE_URL": at,
        "AUDIO_TTS_OPENAI_API_KEY": key, "AUDIO_STT_ENGINE": "openai", "AUDIO_STT_MODEL": "openai/whisper-1",
        "AUDIO_STT_OPENAI_API_BASE_URL": at, "AUDIO_STT_OPENAI_API_KEY": key, "BYPASS_PYDUB_PREPROCESSING": "true",
        "AUDIO_REALTIME_ENABLED": "true", "AUDIO_REALTIME_OPENAI_API_BASE_URL": stub.other_url,
        "AUDIO_REALTIME_OPENAI_API_KEY": key, "AUDIO_REALTIME_MODEL": "realtime-mini",
        "ENABLE_CHANNELS": "true", "ENABLE_CONTEXT_COMPACTION": "true", "ENABLE_SUBAGENTS": "true",
    }


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds} s")
        time.sleep(0.05)


class Chat:
    """One answer in the browser: where it is stored and when it was asked for."""

    def __init__(self, chat_id, message_id, task_ids, asked_at):
        self.chat_id, self.message_id, self.task_ids, self.asked_at = chat_id, message_id, task_ids, asked_at


class OpenWebUI:
    def __init__(self, venv, folder, stub):
        self.venv, self.folder = Path(venv), Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.token, self.process = free_port(), None, None
        self.socket, self.events = None, {}  # message id -> what the browser was told about it
        self.log_path = self.folder / "open-webui.log"
        self.env = {
            "PATH": f"{self.venv}/bin:{os.environ['PATH']}", "HOME": str(self.folder), "LANG": "C.UTF-8",
            "DATA_DIR": str(self.folder / "data"), "WEBUI_SECRET_KEY": "a key for this drive only " * 2,
            "OPENAI_API_BASE_URLS": f"{stub.base_url};{stub.other_url}",
            "OPENAI_API_KEYS": "sk-or-v1-stub;sk-other",
            "ENABLE_API_KEYS": "true", "USER_PERMISSIONS_FEATURES_API_KEYS": "true",
            "OFFLINE_MODE": "true", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "DO_NOT_TRACK": "true",
            "ANONYMIZED_TELEMETRY": "false", "SCARF_NO_ANALYTICS": "true", "ENABLE_VERSION_UPDATE_CHECK": "false",
            "GLOBAL_LOG_LEVEL": "INFO", "CORS_ALLOW_ORIGIN": f"http://127.0.0.1:{self.port}",
            "BYPASS_MODEL_ACCESS_CONTROL": "true", **everything(stub),
        }

    # Life

    def start(self, page=True):
        (self.folder / "data").mkdir(exist_ok=True)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [str(self.venv / "bin/open-webui"), "serve", "--host", "127.0.0.1", "--port", str(self.port)],
                env=self.env, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self._ready, f"Open WebUI ready (see {self.log_path})", 300)
        if self.token and page:
            self.open_page()
        return self

    def open_page(self):
        """open_page connects as a browser tab does."""
        self.socket = socketio.Client(reconnection=False)
        self.socket.on("events", self._event)
        self.socket.on("chat-events", self._event)
        self.socket.connect(f"http://127.0.0.1:{self.port}", socketio_path="/ws/socket.io",
                            transports=["websocket"], auth={"token": self.token})
        self.socket.emit("user-join", {"auth": {"token": self.token}})

    @property
    def session(self):
        """session is the page's; a page whose connection was lost connects again, as a browser's does."""
        if not self.socket.connected or not self.socket.sid:
            self.open_page()
        return self.socket.sid

    def _event(self, event, *_):
        self.events.setdefault(event.get("message_id"), []).append(event.get("data"))

    def shown(self, chat):
        """shown is all that the page was sent for an answer, as one text."""
        return json.dumps(list(self.events.get(chat.message_id, [])))

    def _ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"Open WebUI ended with {self.process.returncode}, see {self.log_path}")
        try:
            return self.call("GET", "/health", checked=False)[0] == 200
        except OSError:
            return False

    def stop(self, how=signal.SIGTERM):
        """stop returns the seconds it took."""
        if self.process is None or self.process.poll() is not None:
            return 0.0
        if self.socket is not None:
            self.socket.disconnect()
            self.socket = None
        began = time.monotonic()
        self.process.send_signal(how)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return time.monotonic() - began

    def kept(self):
        """kept lists what the plugin keeps on disk: waiting, and refused by the gateway with its reason."""
        spool = self.folder / "data" / "openwebui_metering" / "spool.sqlite"
        if not spool.exists():
            return [], []  # nothing made Open WebUI load the plugin yet
        with sqlite3.connect(spool, timeout=30) as db:
            return (db.execute("SELECT body FROM record").fetchall(),
                    db.execute("SELECT reason, body FROM rejected").fetchall())

    @property
    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    # HTTP

    def open(self, method, path, body=None, token=None, timeout=120):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token or self.token:
            headers["Authorization"] = f"Bearer {token or self.token}"
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        return connection, connection.getresponse()

    def call(self, method, path, body=None, token=None, checked=True):
        connection, response = self.open(method, path, body, token)
        text = response.read().decode("utf-8", "replace")
        connection.close()
        if checked and response.status >= 300:
            raise AssertionError(f"{method} {path}: HTTP {response.status} {text[:500]}")
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, text

    def post(self, path, body=None, token=None):
        return self.call("POST", path, body if body is not None else {}, token)[1]

    def get(self, path, token=None):
        return self.call("GET", path, None, token)[1]

    # Setting up

    def sign_up(self):
        account = self.post("/api/v1/auths/signup", {
            "name": "Ada Lovelace", "email": "ada@example.org", "password": "correct horse battery staple 1"})
        self.token, self.user_id = account["token"], account["id"]
        assert account["role"] == "admin"
        self.version = tuple(int(part) for part in self.get("/api/version")["version"].split(".")[:3])
        self.api_key = self.post("/api/v1/auths/api_key")["api_key"]
        wait_for(lambda: len(self.get("/api/models")["data"]) >= 2, "the provider's models")
        self.open_page()

    def add_user(self, name, email, group=None, role="admin"):
        """add_user returns a user's id and a key of theirs; with a group, they are its only member."""
        account = self.post("/api/v1/auths/add", {"name": name, "email": email, "role": role,
                                                  "password": "correct horse battery staple 2"})
        if group is not None:
            made = self.post("/api/v1/groups/create", {"name": group, "description": ""})
            self.post(f"/api/v1/groups/id/{made['id']}/users/add", {"user_ids": [account["id"]]})
        return account["id"], self.post("/api/v1/auths/api_key", token=account["token"])["api_key"]

    def install_filter(self, source, valves, name="openwebui_metering"):
        """install_filter is what the README tells an admin to do by API."""
        self.post("/api/v1/functions/create", {
            "id": name, "name": "OpenRouter Metering", "content": source, "meta": {"description": "metering"}})
        self.set_valves(valves, name)
        state = self.get(f"/api/v1/functions/id/{name}")
        if not state["is_active"]:
            self.post(f"/api/v1/functions/id/{name}/toggle")
        if not state["is_global"]:
            self.post(f"/api/v1/functions/id/{name}/toggle/global")
        state = self.get(f"/api/v1/functions/id/{name}")
        assert state["is_active"] and state["is_global"] and state["type"] == "filter"

    def remove_filter(self, name):
        self.call("DELETE", f"/api/v1/functions/id/{name}/delete")

    def set_valves(self, valves, name="openwebui_metering"):
        self.post(f"/api/v1/functions/id/{name}/valves/update", valves)

    def save_filter(self, source):
        self.post("/api/v1/functions/id/openwebui_metering/update", {
            "id": "openwebui_metering", "name": "OpenRouter Metering", "content": source,
            "meta": {"description": "metering"}})

    def filter_is_active(self):
        return self.get("/api/v1/functions/id/openwebui_metering")["is_active"]

    def install_pipe(self, name, source):
        """install_pipe makes a function that is a model of its own."""
        self.post("/api/v1/functions/create", {"id": name, "name": name, "content": source,
                                               "meta": {"description": "a pipe of the drive"}})
        self.post(f"/api/v1/functions/id/{name}/toggle")
        wait_for(lambda: name in [m["id"] for m in self.get("/api/models")["data"]], f"the pipe {name} as a model")

    def upload(self, path, name, data, content_type, key=None):
        """upload posts a file as a browser does and returns the JSON of the answer."""
        edge = uuid.uuid4().hex
        body = (f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
                f"Content-Type: {content_type}\r\n\r\n").encode() + data + f"\r\n--{edge}--\r\n".encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request("POST", path, body, {"Content-Type": f"multipart/form-data; boundary={edge}",
                                                "Authorization": f"Bearer {key or self.token}"})
        response = connection.getresponse()
        said = response.read()
        connection.close()
        assert response.status == 200, f"{path}: HTTP {response.status} {said[:500]!r}"
        return json.loads(said)

    def install_tool(self):
        self.post("/api/v1/tools/create", {"id": "drive", "name": "Drive", "content": TOOL_SOURCE,
                                           "meta": {"description": "for the drive"}})

    # The browser

    def ask(self, orders, models, tools=False, stream=True, **more):
        """ask sends a message in a new chat and returns at once, a Chat per model.  `more` is what the page
        sends besides: background_tasks, features, files, params."""
        prompt = json.dumps(orders)
        user_id, answer_ids = str(uuid.uuid4()), [str(uuid.uuid4()) for _ in models]
        now = int(time.time())
        question = {"id": user_id, "parentId": None, "childrenIds": answer_ids, "role": "user",
                    "content": prompt, "timestamp": now, "models": list(models)}
        common = {"stream": stream, "messages": [{"role": "user", "content": prompt}], "background_tasks": {},
                  "session_id": self.session, "features": {}, "variables": {}}
        if tools:
            common.update(tool_ids=["drive"], params={"function_calling": "native"})
        common.update(more)
        asked_at = time.monotonic()
        if self.version >= (0, 9):
            answer = self.post("/api/chat/completions", {
                **common, "model": models[0], "parent_id": None, "user_message": question,
                "message_ids": [{"model_id": m, "message_id": a, "modelIdx": i}
                                for i, (m, a) in enumerate(zip(models, answer_ids))]})
            return [Chat(answer["chat_id"], a, answer["task_ids"], asked_at) for a in answer_ids]
        messages = {user_id: question, **{
            a: {"id": a, "parentId": user_id, "childrenIds": [], "role": "assistant", "content": "", "model": m,
                "modelIdx": i, "timestamp": now} for i, (m, a) in enumerate(zip(models, answer_ids))}}
        chat_id = self.post("/api/v1/chats/new", {"chat": {
            "title": "drive", "models": list(models), "messages": list(messages.values()), "timestamp": now,
            "history": {"currentId": answer_ids[-1], "messages": messages}}})["id"]
        chats = []
        for model, answer_id in zip(models, answer_ids):
            answer = self.post("/api/chat/completions", {
                **common, "model": model, "chat_id": chat_id, "id": answer_id, "parent_message": question,
                "parent_id": user_id})
            chats.append(Chat(chat_id, answer_id, [answer["task_id"]], asked_at))
        return chats

    def ask_again(self, chat, orders, model, **more):
        """ask_again sends the next message of a chat, as 0.9 and later take it."""
        prompt, user_id, answer_id = json.dumps(orders), str(uuid.uuid4()), str(uuid.uuid4())
        stored = self.get(f"/api/v1/chats/{chat.chat_id}")["chat"]["history"]["messages"]
        history, at = [], chat.message_id
        while at:
            history.insert(0, {"role": stored[at]["role"], "content": stored[at].get("content") or ""})
            at = stored[at].get("parentId")
        asked_at = time.monotonic()
        answer = self.post("/api/chat/completions", {
            "stream": True, "model": model, "chat_id": chat.chat_id, "parent_id": chat.message_id,
            "messages": [*history, {"role": "user", "content": prompt}], "background_tasks": {},
            "user_message": {"id": user_id, "parentId": chat.message_id, "childrenIds": [answer_id], "role": "user",
                             "content": prompt, "timestamp": int(time.time()), "models": [model]},
            "message_ids": [{"model_id": model, "message_id": answer_id, "modelIdx": 0}],
            "session_id": self.session, "features": {}, "variables": {}, **more})
        return Chat(chat.chat_id, answer_id, answer["task_ids"], asked_at)

    def go_on(self, chat, model, stream=True):
        """go_on presses Continue under an answer."""
        stored = self.get(f"/api/v1/chats/{chat.chat_id}")["chat"]["history"]["messages"]
        answer = stored[chat.message_id]
        question = stored[answer["parentId"]]
        self.post("/api/chat/completions", {
            "stream": stream, "model": model, "chat_id": chat.chat_id, "parent_id": question["id"],
            "messages": [{"role": m["role"], "content": m["content"]} for m in (question, answer)],
            "assistant_message_id": chat.message_id,
            "message_ids": [{"model_id": model, "message_id": chat.message_id, "modelIdx": 0}],
            "background_tasks": {}, "session_id": self.session, "features": {}, "variables": {}})

    def message(self, chat):
        stored = self.get(f"/api/v1/chats/{chat.chat_id}")["chat"]["history"]["messages"]
        return stored.get(chat.message_id) or {}

    def answered(self, chat, is_whole, seconds=60):
        """answered waits until the page shows the whole answer and does what it does then."""
        wait_for(lambda: is_whole(self.shown(chat)) or self._no_error(chat), "the whole answer on the page", seconds)
        chat.seconds = time.monotonic() - chat.asked_at
        wait_for(lambda: not self.tasks(chat), "the end of the task", seconds)
        message = self.message(chat)
        self._no_error(chat)
        if self.version < (0, 9):  # the browser runs outlet
            self.post("/api/chat/completed", {
                "model": message.get("model"), "chat_id": chat.chat_id, "id": chat.message_id,
                "session_id": self.session, "filter_ids": [],
                "messages": [{"id": chat.message_id, "role": "assistant", "content": message.get("content"),
                              "usage": message.get("usage"), "timestamp": int(time.time())}]})
        return self.message(chat)

    def _no_error(self, chat):
        for event in self.events.get(chat.message_id, []):
            assert "error" not in event.get("type", "") and "error" not in (event.get("data") or {}), event
        return False

    def tasks(self, chat):
        return self.get(f"/api/tasks/chat/{chat.chat_id}")["task_ids"]

    def press_stop(self, chat):
        for task_id in chat.task_ids:
            self.post(f"/api/tasks/stop/{task_id}")
        wait_for(lambda: not self.tasks(chat), "the stopped task to end")

    # A program with an API key

    def api(self, orders, model, stream=True, leave_after=None, key=None, path="/api/chat/completions", **more):
        """api returns the text and the raw lines a program gets; leave_after closes early."""
        connection, response = self.open("POST", path, {
            "model": model, "stream": stream, "messages": [{"role": "user", "content": json.dumps(orders)}], **more},
            token=key or self.api_key)
        if not stream:
            body = json.loads(response.read())
            connection.close()
            assert response.status == 200, body
            return body["choices"][0]["message"]["content"], [body]
        lines, text = [], ""
        for raw in response:
            line = raw.decode().strip()
            if not line.startswith("data:"):
                continue
            lines.append(line)
            if line[5:].strip() != "[DONE]":
                data = json.loads(line[5:])
                assert "error" not in data, data
                for choice in data.get("choices") or []:
                    text += (choice.get("delta") or {}).get("content") or ""
            if leave_after is not None and len(lines) >= leave_after:
                connection.sock and connection.sock.shutdown(socket.SHUT_RDWR)
                break
        connection.close()
        assert response.status == 200, lines
        return text, lines
