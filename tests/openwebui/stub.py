# SPDX-License-Identifier: AGPL-3.0-or-later
"""A provider that obeys its prompts: the last user message says, as JSON, how to answer.

    {"key": "t1", "words": 20, "delay": 0.05, "tools": 2, "tokens": [9, 9], "for": "a user's id"}

    "held": true     nothing is sent before release()
    "held": "first"  the head is sent, the first word waits for release()
    "id": "body"     where the id stands: "body", "header", "changing" (another one in each chunk); default both

Every generation is remembered with its price, its kind and who asked, so that a ledger
can be held against it.  /generation, /models and /credits answer for costd's look-ups.
Under another address the same server is another provider, ids of its own and no prices,
or an Ollama.  What the kinds answer is in answers.py.
"""
import sys
import threading
from http.server import ThreadingHTTPServer

from answers import Handler
from sold import Generation


class Stub:
    def __init__(self):
        self.lock = threading.Lock()
        self.generations = []
        self.looked_up = []
        self.chapter = ""  # of the drive, for its report

        class Owned(Handler):
            owner = self

        class Server(ThreadingHTTPServer):
            daemon_threads, request_queue_size = True, 128

            def handle_error(self, request, client_address):
                if not isinstance(sys.exc_info()[1], OSError):  # who asked has left: nothing to tell
                    super().handle_error(request, client_address)

        self.server = Server(("127.0.0.1", 0), Owned)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def base_url(self):
        """base_url holds the name by which Open WebUI and the plugin know OpenRouter."""
        return self.url("/openrouter.ai/api/v1")

    @property
    def other_url(self):
        return self.url("/other/v1")

    @property
    def ollama_url(self):
        return self.url("/ollama")

    def begin(self, call, body, orders, task):
        with self.lock:
            made = Generation(len(self.generations) + 1, call, body, orders, task)
            made.chapter = self.chapter
            self.generations.append(made)
            return made

    def of(self, key):
        with self.lock:
            return [g for g in self.generations if g.key == key]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
