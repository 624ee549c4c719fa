# SPDX-License-Identifier: AGPL-3.0-or-later
"""A load of known records, and the ledger they must make."""
import contextlib
import http.client
import json
import random
import threading
import time
import uuid
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from records import instant, new_generation_id

MODELS = ("anthropic/claude-haiku-4.5", "google/gemini-3-flash", "openai/gpt-6-mini", None)
TRY_AGAIN_S = 0.05
PAUSE_S = 0.04  # between batches, so that what piles up is worked off in time
TIMEOUT_S = 20
GIVE_UP_S = 60


class Sent:
    """One generation: its records and when each batch with one of them was answered."""

    def __init__(self, generation_id, cost, tokens):
        self.generation_id, self.cost, self.tokens = generation_id, cost, tokens
        self.records = 1  # about it, each with an id of its own
        self.settled = False  # its last record was answered
        self.from_s = self.to_s = None  # first sending, last answer


class Load:
    """Threads that behave as plugins do: a batch is sent until it is taken, under the
    same ids; now and then one is sent once more, to another gateway, long after."""

    def __init__(self, ports, key, seed, threads=6, duplicates=0.2):
        self.ports, self.key, self.seed, self.duplicates = ports, key, seed, duplicates
        self.lock, self.stopping, self.broken_off = threading.Lock(), threading.Event(), threading.Event()
        self.turns = [threading.Lock() for _ in range(threads)]  # each thread's, held while its batch is on the way
        self.sent, self.batches, self.refusals, self.failures, self.bad = {}, 0, 0, 0, []
        self.threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind, *_):
        if kind is not None:  # interrupted: nothing will be judged
            self.broken_off.set()
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    @contextlib.contextmanager
    def held(self):
        """held: in this time no batch is on the way, and all that were begun are answered."""
        with contextlib.ExitStack() as all_turns:
            for turn in self.turns:
                all_turns.enter_context(turn)
            yield

    def answered(self):
        with self.lock:
            return [one for one in self.sent.values() if one.settled]

    def _run(self, number):
        rng = random.Random(f"{self.seed}/{number}")
        old = []
        while not self.stopping.wait(rng.uniform(0, PAUSE_S)):
            batch, generations = self._make(rng, number)
            with self.turns[number]:
                self._deliver(rng, batch, generations)
                old.append(batch)
                if rng.random() < self.duplicates:  # minutes later as seen from the plugin
                    self._deliver(rng, rng.choice(old[-200:]), [])

    def _make(self, rng, number):
        batch, generations = [], []
        for _ in range(rng.randint(1, 12)):
            at = datetime.now(timezone.utc) - timedelta(minutes=rng.randint(2, 60 * 24 * 20))
            cost = Decimal(rng.choice((0, rng.randint(1, 10**6), rng.randint(1, 10**17)))).scaleb(-18)
            one = Sent(new_generation_id(), cost, (rng.randint(0, 5000), rng.randint(0, 900)))
            common = {"v": 1, "generation_id": one.generation_id, "user": {"id": f"u-{number}-{rng.randint(0, 9)}"},
                      "source": "filter-stream", "started_at": instant(at)}
            if rng.random() < 0.3:
                batch.append({**common, "record_id": new_uuid(rng), "state": "open"})
                one.records += 1
            model = rng.choice(MODELS)
            batch.append({**common, "record_id": new_uuid(rng), "state": "final", "finished_at": instant(at + timedelta(seconds=4)),
                          **({"model": model} if model else {}),
                          "usage": {"prompt_tokens": one.tokens[0], "completion_tokens": one.tokens[1], "cost": f"{cost:f}"}})
            generations.append(one)
        rng.shuffle(batch)
        return batch, generations

    def _deliver(self, rng, batch, generations):
        """_deliver sends until the batch is taken.  When the storm is over every batch
        begun was answered, so that what is in the ledger is known to the last row."""
        body = json.dumps(batch).encode()
        with self.lock:
            for one in generations:
                one.from_s = time.monotonic()
                self.sent[one.generation_id] = one
        given_up = None
        while True:
            port = rng.choice(self.ports)
            status, reply = self._post(port, body)
            if status == 200:
                break
            if self.broken_off.is_set():
                return
            if status not in (None, 503, 408):
                self.bad.append(f"{status}: {reply}")
                return
            if self.stopping.is_set() and (given_up := given_up or time.monotonic() + GIVE_UP_S) < time.monotonic():
                self.bad.append(f"port {port} still does not take a batch {GIVE_UP_S} s after the storm: {status} {reply}")
                return
            time.sleep(TRY_AGAIN_S)  # what a plugin does between two tries
        # A gateway whose clock was put back finds times of now ahead of it, and takes its own.
        odd = {one["field"] for one in reply.get("repaired", [])} - {"started_at", "finished_at"}
        if (reply.get("accepted"), reply.get("rejected"), odd) != (len(batch), [], set()):
            self.bad.append(f"200: {reply}")
        with self.lock:
            self.batches += 1
            for one in generations:
                one.settled, one.to_s = True, time.monotonic()

    def _post(self, port, body):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        try:
            connection.request("POST", "/api/v1/events", body,
                               {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"})
            response = connection.getresponse()
            text = response.read()
            if response.status == 503:
                self.refusals += 1
            return response.status, json.loads(text) if response.status == 200 else text.decode(errors="replace")
        except (OSError, http.client.HTTPException, ValueError):
            self.failures += 1
            return None, None
        finally:
            connection.close()


def new_uuid(rng):
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))
