# SPDX-License-Identifier: AGPL-3.0-or-later
"""A stand-in for Open WebUI's lists of users and groups, on a free loopback port, standard library only.

It answers as 0.12.4 does, and remembers what it was asked:

    with OpenWebUI() as owui:
        owui.users["u-1"] = {"name": "Ada", "email": "ada@example.org", "role": "user"}
        owui.groups["g-1"] = {"name": "School", "members": ["u-1"], "above": None}
        owui.status = 500  # from now on, for every call
"""
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class OpenWebUI:
    def __init__(self, key="sk-of-an-admin-of-open-webui"):
        self.key, self.users, self.groups, self.status, self.asked = key, {}, {}, 200, []
        self.lock = threading.Lock()
        owui = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                status, answer = owui.answer(self.path, self.headers.get("Authorization"))
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def lists(self):
        """lists tells how often the users were asked for."""
        with self.lock:
            return self.asked.count("/api/v1/users/all")

    def answer(self, target, authorization):
        path = urlsplit(target).path
        with self.lock:
            self.asked.append(path)
            if authorization != f"Bearer {self.key}":
                return 401, {"detail": "Not authenticated"}
            if self.status != 200:
                return self.status, {"detail": "made up"}
            if path == "/api/v1/users/all":
                users = [{"id": one, "groups": [], "is_active": False, "bio": None, **said} for one, said in self.users.items()]
                return 200, {"users": users, "total": len(users)}
            if path == "/api/v1/groups/":
                return 200, [{"id": one, "name": said["name"], "description": "", "parent_group_id": said.get("above"),
                              "member_count": len(said["members"])} for one, said in self.groups.items()]
            found = re.fullmatch("/api/v1/groups/id/(.+)/export", path)
            if found and found[1] in self.groups:
                return 200, {"id": found[1], "user_ids": self.groups[found[1]]["members"] or None}
            return 404, {"detail": "Not Found"}
