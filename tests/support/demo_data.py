#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A year of a lively house: a dozen people, eight models, weekdays and holidays.

The same seed and the same `--until` make the same records with the same ids, so an
interrupted load can simply be repeated.  Stopped and failed generations come
without a cost; the stub provider learns what they cost, so that they settle.

    API_KEY=… READ_API_KEY=… demo_data.py --address URL --control FILE [--stub URL] [--until EPOCH]
"""
import argparse
import http.client
import json
import math
import os
import random
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from urllib.parse import urlsplit

BATCH = 500
DAYS = 365

# id, name, groups, requests on a working day, works at weekends, favourite model
PEOPLE = [
    ("u-ada", "Ada Lovelace", ["Research"], 14, 0.4, "anthropic/claude-haiku-4.5"),
    ("u-grace", "Grace Hopper", ["Engineering"], 16, 0.2, "deepseek/deepseek-v4-flash"),
    ("u-emmy", "Emmy Noether", ["Research"], 9, 0.3, "google/gemini-2.5-flash"),
    ("u-alan", "Alan Turing", ["Research", "Engineering"], 12, 0.5, "anthropic/claude-haiku-4.5"),
    ("u-katherine", "Katherine Johnson", ["Engineering"], 8, 0.1, "openai/gpt-4o-mini"),
    ("u-zofia", "Zofia Wiśniewska", ["Finance"], 5, 0.0, "openai/gpt-4o-mini"),
    ("u-soren", "Søren Kierkegård", ["Writing"], 7, 0.3, "anthropic/claude-haiku-4.5"),
    ("u-chen", "陈景润", ["Research"], 6, 0.2, "deepseek/deepseek-v4-flash"),
    ("u-maria", "María Fernández", ["Writing", "Press"], 6, 0.1, "google/gemini-2.5-flash"),
    ("u-olu", "Olú Adébáyọ̀", ["Support"], 10, 0.2, "inclusionai/ling-2.6-flash"),
    ("u-irina", "Ирина Соколова", ["Support"], 7, 0.1, "openai/gpt-4o-mini"),
    ("u-jo", "Jo", ["Interns"], 3, 0.1, "openai/gpt-oss-20b:free"),
]

# id: providers, USD per million tokens in, out, cache read; thinks; share of all requests
MODELS = {
    "anthropic/claude-haiku-4.5": (["Amazon Bedrock", "Anthropic"], "1", "5", "0.1", 0.3, 26),
    "openai/gpt-4o-mini": (["OpenAI", "Azure"], "0.15", "0.6", "0.075", 0.0, 22),
    "google/gemini-2.5-flash": (["Google"], "0.3", "2.5", "0.03", 0.4, 18),
    "deepseek/deepseek-v4-flash": (["DeepInfra", "DeepSeek"], "0.14", "0.28", "0.0028", 0.2, 16),
    "inclusionai/ling-2.6-flash": (["SiliconFlow"], "0.01", "0.03", "0.002", 0.0, 8),
    "openai/gpt-4o-search-preview": (["OpenAI"], "2.5", "10", "2.5", 0.0, 4),
    "openai/gpt-oss-20b:free": (["Chutes"], "0", "0", "0", 0.3, 5),
    "openai/o1-pro": (["OpenAI"], "150", "600", "150", 1.0, 0.15),
}
TASKS = [None] * 12 + ["title_generation", "tags_generation", "follow_up_generation"]
ORIGINS = ["ui"] * 16 + ["api"] * 3 + ["automation"]


def holiday(day):
    """holiday: the quiet days of the year, as a factor."""
    if (day.month, day.day) >= (12, 23) or (day.month, day.day) <= (1, 2):
        return 0.12
    return 0.55 if day.month == 8 else 1.0


def plain(amount):
    """plain prints a decimal without an exponent, exact to 18 digits."""
    text = format(amount.quantize(Decimal(1).scaleb(-18), ROUND_HALF_EVEN), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def stamp(moment):
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class House:
    def __init__(self, until, seed):
        self.random = random.Random(seed)
        self.until = until
        self.generations = {}  # what the stub knows, by id

    def pick_model(self, favourite):
        if self.random.random() < 0.55:
            return favourite
        names = list(MODELS)
        return self.random.choices(names, [MODELS[name][5] for name in names])[0]

    def records(self):
        first = (self.until - timedelta(days=DAYS)).replace(hour=0, minute=0, second=0, microsecond=0)
        for number in range(DAYS + 1):
            day = first + timedelta(days=number)
            growth = 0.55 + 0.75 * number / DAYS + 0.12 * math.sin(number / 23)
            for person in PEOPLE:
                weekend = person[4] if day.weekday() >= 5 else 1.0
                expected = person[3] * weekend * holiday(day) * growth
                count = int(self.random.gauss(expected, math.sqrt(expected + 0.01)) + 0.5)
                for _ in range(max(0, count)):
                    started = day + timedelta(seconds=self.time_of_day())
                    if started < self.until - timedelta(minutes=1):
                        yield self.record(person, started)

    def time_of_day(self):
        hour = self.random.choice([self.random.gauss(10.5, 1.6), self.random.gauss(14.8, 2.0), self.random.gauss(19, 2.5)])
        return min(max(hour, 0.0), 23.9) * 3600 + self.random.random()

    def record(self, person, started):
        dice = self.random
        user_id, name, groups, _, _, favourite = person
        model = self.pick_model(favourite)
        providers, price_in, price_out, price_read, thinks, _ = MODELS[model]
        suffix = "".join(dice.choices("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789", k=20))
        generation_id = f"gen-{int(started.timestamp())}-{suffix}"
        task = dice.choice(TASKS)
        prompt = int(dice.lognormvariate(7.4 if task else 8.6, 0.9)) + 20
        completion = int(dice.lognormvariate(3.4 if task else 6.3, 0.8)) + 1
        cached = prompt * dice.choice([0, 0, 0, 4, 7]) // 10
        reasoning = int(completion * dice.random()) if dice.random() < thinks else 0
        million = Decimal(1000000)
        cost = ((prompt - cached) * Decimal(price_in) + cached * Decimal(price_read) + completion * Decimal(price_out)) / million
        if model == "openai/gpt-4o-search-preview":
            cost += Decimal("0.035")
        provider = dice.choice(providers)
        seconds = 0.6 + completion / dice.uniform(40, 110)
        state = dice.choices(["final", "cancelled", "error", "open"], [978, 15, 4, 3])[0]
        byok = provider == "Azure"
        made = {
            "v": 1, "record_id": str(uuid.UUID(int=dice.getrandbits(128), version=4)), "generation_id": generation_id,
            "state": state, "source": "filter-stream", "turn_id": f"{dice.getrandbits(32):08x}",
            "chat_id": str(uuid.UUID(int=dice.getrandbits(128), version=4)), "origin": dice.choice(ORIGINS), "task": task,
            "user": {"id": user_id, "name": name, "email": f"{user_id[2:]}@example.org", "role": "user", "groups": groups},
            "requested_model": "house-preset" if dice.random() < 0.1 else model, "model": model, "provider": provider,
            "started_at": stamp(started),
        }
        if state == "final":
            made["finished_at"] = stamp(started + timedelta(seconds=seconds))
            made["usage"] = {
                "prompt_tokens": prompt, "completion_tokens": completion, "cost": "0" if byok else plain(cost), "is_byok": byok,
                "cost_details": {"upstream_inference_cost": plain(cost)},
                "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": reasoning}}
        elif dice.random() < 0.97:  # the provider never learns of the others: they stay unsettled
            self.generations[generation_id] = {
                "total_cost": plain(cost), "model": model, "provider_name": provider, "cancelled": state == "cancelled",
                "streamed": True, "created_at": stamp(started + timedelta(seconds=seconds)),
                "native_tokens_prompt": prompt, "native_tokens_completion": completion,
                "native_tokens_reasoning": reasoning, "native_tokens_cached": cached, "cache_discount": None}
        return {key: value for key, value in made.items() if value is not None}


def post(url, path, body, key=None, attempts=20):
    """post sends JSON and returns the answer; it tries again while the other side is busy."""
    target = urlsplit(url)
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    for attempt in range(attempts):
        connection = http.client.HTTPConnection(target.hostname, target.port, timeout=60)
        try:
            connection.request("POST", path, json.dumps(body), headers)
            reply = connection.getresponse()
            text = reply.read().decode()
            if reply.status == 200:
                return json.loads(text)
            if reply.status not in (429, 503) or attempt == attempts - 1:
                raise RuntimeError(f"POST {path} was answered {reply.status}: {text[:300]}")
        except (OSError, http.client.HTTPException):
            if attempt == attempts - 1:
                raise
        finally:
            connection.close()
        time.sleep(0.5)
    raise RuntimeError("not reached")


def get(address, path, key=None):
    target = urlsplit(address)
    connection = http.client.HTTPConnection(target.hostname, target.port, timeout=60)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def unfinished(args, first):
    """unfinished counts what has not arrived in the ledger, and what the stub has still to settle."""
    pending = get(args.address, "/readyz")["spool"]["pending"]
    usage = get(args.address, f"/api/v1/usage?from={first}&to=2199-01-01", os.environ["READ_API_KEY"])
    return pending, usage["total"]["unsettled"] if "total" in usage else 1


def main():
    parser = argparse.ArgumentParser(description="Fills a demo with a year of sample data.")
    parser.add_argument("--address", required=True)
    parser.add_argument("--stub", help="base address of the running stub provider")
    parser.add_argument("--control", help="where the stub's orders are kept for its next start")
    parser.add_argument("--until", type=int, default=int(time.time()))
    parser.add_argument("--seed", type=int, default=20261123)
    args = parser.parse_args()
    key = os.environ["API_KEY"]
    house = House(datetime.fromtimestamp(args.until, timezone.utc), args.seed)
    records = list(house.records())
    orders = {"generations": house.generations}
    if args.control:
        with open(args.control + ".tmp", "w", encoding="utf-8") as out:
            json.dump(orders, out)
        os.replace(args.control + ".tmp", args.control)
    if args.stub:
        post(args.stub, "/control", orders)
    batches = [records[at:at + BATCH] for at in range(0, len(records), BATCH)]
    sent, told = 0, time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        for batch, answer in zip(batches, pool.map(lambda batch: post(args.address, "/api/v1/events", batch, key), batches)):
            if answer["rejected"]:
                raise RuntimeError(f"the gateway refused sample data: {answer['rejected'][:3]}")
            sent += len(batch)
            if time.monotonic() - told > 5 or sent == len(records):
                told = time.monotonic()
                print(f"  sample data: {sent} of {len(records)} requests sent", flush=True)
    never = sum(one["state"] != "final" for one in records) - len(house.generations)
    deadline = time.monotonic() + 300
    while True:
        pending, unsettled = unfinished(args, records[0]["started_at"][:10])
        if pending == 0 and unsettled <= never:
            return 0
        if time.monotonic() > deadline:
            raise RuntimeError(f"{pending} records are still on their way to the database, {unsettled} without a cost")
        if time.monotonic() - told > 5:
            told = time.monotonic()
            print(f"  sample data: {pending} on their way to the database, {unsettled} without a cost", flush=True)
        time.sleep(0.1)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, RuntimeError) as error:
        sys.exit(f"demo_data: {error}")
