#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""How long the dashboard's reads take on a small, a middling and a large ledger.

    reads [--rows 100000,1000000,10000000] [--folder KEEP] [--calls N]

Each ledger is made by SQL straight into the tables of a private MariaDB: a year of
300 users in 12 groups, 12 models at 9 providers, the same shape whatever its size;
costd adds up the totals itself.  Then every read goes through gateway, costd and
database and back, one after the other, each over its own connection.  With --folder
the ledgers stay there for the next time.
"""
import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/support"))
import machine  # noqa: E402
from openapi import Contract  # noqa: E402
from stack import Database, MariaDB, Stack, wait_until  # noqa: E402

FIRST_S = 1761955200  # 2025-11-01T00:00:00Z
YEAR_S = 365 * 86400
PIECE = 250_000
LIMIT_MS = 20.0
MONTH = {"from": "2026-10-01", "to": "2026-11-01"}
TWO = {"from": "2026-09-01", "to": "2026-11-01"}
YEAR = {"from": "2025-11-01", "to": "2026-11-01"}
LATER_KEYS = {
    "by_start": "started_us", "by_user": "user_id, started_us", "by_cost_state": "cost_state, started_us",
    "by_model": "model, started_us", "by_provider": "provider, started_us", "by_state": "state, started_us", "by_chat": "chat_id(12)"}
SETS = [f'["group {n}"]' for n in range(12)] + [f'["group 3","group {4 + n}"]' for n in range(6)] + ['["group 1","group 2","group 8"]']

# name -> path, query; the targets are those without a star
READS = {
    "the month's total": ("usage", MONTH),
    "the month by day": ("usage", MONTH | {"group_by": "day"}),
    "overview: days by model": ("usage", MONTH | {"group_by": "day,model"}),
    "overview: days by provider": ("usage", MONTH | {"group_by": "day,provider"}),
    "overview: two months by day": ("usage", TWO | {"group_by": "day"}),
    "overview: top users": ("usage", MONTH | {"group_by": "user", "limit": "10"}),
    "overview: top models": ("usage", MONTH | {"group_by": "model", "limit": "10"}),
    "the month by group": ("usage", MONTH | {"group_by": "group"}),
    "the month of one group": ("usage", MONTH | {"group_by": "day", "group": "group 3"}),
    "a user's month": ("usage", MONTH | {"user": "u-7"}),
    "a user's month by model": ("usage", MONTH | {"user": "u-7", "group_by": "model"}),
    "a user's year by day": ("usage", YEAR | {"user": "u-7", "group_by": "day"}),
    "the month of one model by day": ("usage", MONTH | {"model": "maker/model-2", "group_by": "day"}),
    "one page of rows": ("generations", MONTH),
    "a page far down": ("generations", MONTH | {"cursor": "far"}),
    "rows of one user": ("generations", YEAR | {"user": "u-7"}),
    "rows of one model": ("generations", YEAR | {"model": "maker/model-2"}),
    "rows of a rare model": ("generations", YEAR | {"model": "maker/rare"}),
    "rows that were cancelled": ("generations", YEAR | {"state": "cancelled"}),
    "rows stopped or failed": ("generations", YEAR | {"state": "cancelled,error,open"}),
    "rows without a cost": ("generations", YEAR | {"cost_state": "unknown,estimated"}),
    "rows with a cost": ("generations", YEAR | {"cost_state": "reported,looked_up"}),
    "rows of one chat": ("generations", YEAR | {"chat_id": "chat"}),
    "one row and its history": ("generation", {}),
    "the pipeline": ("pipeline", {}),
    "* the month by user and model": ("usage", MONTH | {"group_by": "user,model"}),
    "* the year by month and user": ("usage", YEAR | {"group_by": "month,user"}),
    "* days by user (6000 lines)": ("usage", MONTH | {"group_by": "day,user"}),
    "* hours of one day": ("usage", {"from": "2026-10-14", "to": "2026-10-15", "group_by": "hour"}),
    "* rows of one group": ("generations", YEAR | {"group": "group 3"}),
    "* rows of one task": ("generations", YEAR | {"task": "title_generation"}),
}


class Server(MariaDB):
    """A server whose data outlive it, with a database per size."""

    SETTINGS = tuple(s for s in MariaDB.SETTINGS if "buffer-pool" not in s and "log-file" not in s) + (
        "--innodb-buffer-pool-size=512M", "--innodb-log-file-size=512M", "--tmp-table-size=64M", "--max-heap-table-size=64M")
    current = None

    def __enter__(self):
        if not self.data.exists():
            return super().__enter__()
        self.process.start()
        return self

    def create(self, name):
        self.client(f"CREATE DATABASE IF NOT EXISTS `{self.current}` CHARACTER SET utf8mb4;"
                    f"CREATE USER IF NOT EXISTS 'bench'@'localhost' IDENTIFIED BY 'bench-password';"
                    f"GRANT ALL ON `{self.current}`.* TO 'bench'@'localhost'")
        return Kept(self, self.current, "bench", "bench-password")

    def long(self, sql):
        """long carries out what may take minutes."""
        subprocess.run(["mariadb", "--no-defaults", f"--socket={self.socket}", "--user=root", self.current], input=sql, text=True, check=True)


class Kept(Database):
    def drop(self):
        pass


WORD = "(SELECT id FROM word WHERE text={})"
PERSON = "(SELECT id FROM person WHERE handle=MD5({}))"


def row_sql(first, last, rows):
    """row_sql inserts rows first to last of a year with `rows` of them."""
    step = YEAR_S * 1_000_000 // rows
    return f"""
INSERT INTO generation (generation_id,user_id,started_us,day,finished_us,state,cost_state,cost,is_byok,prompt_tokens,completion_tokens,
  reasoning_tokens,cached_tokens,cache_write_tokens,model,provider,requested_model,origin,task,source,chat_id,message_id,user_groups,ranks,
  requests,unsettled,link_kind,disputed,odd_day,unproven,marked)
SELECT CONCAT('gen-',at DIV 1000000,'-',LPAD(HEX(n),20,'x')),{PERSON.format("CONCAT('u-',user)")},at,DATE(FROM_UNIXTIME(at DIV 1000000)),at+1000*(600+h MOD 60000),
  state,cost_state,cost,0,h MOD 30000,h MOD 2000,0,h MOD 3000,0,
  {WORD.format("IF(n MOD 100000=17,'maker/rare',CONCAT('maker/model-',model))")},{WORD.format("CONCAT('provider ',(model*2+h MOD 2) MOD 9)")},
  {WORD.format("CONCAT('maker/model-',model)")},
  {WORD.format("ELT(1+h MOD 20,'api','api','api','automation','ui','ui','ui','ui','ui','ui','ui','ui','ui','ui','ui','ui','ui','ui','ui','ui')")},
  {WORD.format('task')},{WORD.format("'filter-stream'")},
  CONCAT('0190f6d2-',LPAD(HEX(CRC32(n DIV 6)),8,'0'),'-4a4a-',LPAD(n DIV 6,12,'0')),MD5(n),
  (SELECT id FROM group_set WHERE hash=UNHEX(SHA2(ELT(1+user MOD 4,CONCAT('["group ',user MOD 12,'"]'),CONCAT('["group 3","group ',4+user MOD 6,'"]'),
    '["group 1","group 2","group 8"]',NULL),256))),
  UNHEX(CONCAT('1E1E1E1E',IF(cost IS NULL,'00','1E'),'001E1E1E1E1E1E1E1E1E1E',IF(task IS NULL,'00','1E'),'1E1E1E00',IF(user MOD 4=3,'00','1E'))),1,cost IS NULL,0,0,0,0,0
FROM (SELECT seq AS n,{FIRST_S}000000+seq*{step}+CRC32(seq) MOD {step} AS at,CRC32(CONCAT(seq,'h')) AS h,
  FLOOR(300*POW(CRC32(CONCAT(seq,'u'))/4294967296,2)) AS user,FLOOR(12*POW(CRC32(CONCAT(seq,'m'))/4294967296,1.6)) AS model,
  ELT(1+CRC32(CONCAT(seq,'s')) MOD 200,2,2,2,1,0) AS odd,
  COALESCE(ELT(1+CRC32(CONCAT(seq,'s')) MOD 200,2,2,2,1,0),3) AS state,
  CASE WHEN CRC32(CONCAT(seq,'s')) MOD 200=4 THEN 0 WHEN CRC32(CONCAT(seq,'s')) MOD 200<4 THEN 3 ELSE 2 END AS cost_state,
  IF(CRC32(CONCAT(seq,'s')) MOD 200=4,NULL,(1+CRC32(CONCAT(seq,'c')) MOD 900000)/100000000) AS cost,
  ELT(1+CRC32(CONCAT(seq,'t')) MOD 10,'title_generation','tags_generation') AS task
  FROM seq_{first}_to_{last}) AS made"""


def fill(server, rows):
    words = [f"maker/model-{n}" for n in range(12)] + [f"provider {n}" for n in range(9)] + [
        "maker/rare", "api", "automation", "ui", "title_generation", "tags_generation", "filter-stream"]
    server.long("INSERT INTO word (text) VALUES " + ",".join(f"('{word}')" for word in words) + ";"
                "INSERT INTO group_set (hash,text) VALUES " + ",".join(f"(UNHEX(SHA2('{text}',256)),'{text}')" for text in SETS) + ";"
                f"""INSERT INTO person (handle,external_id,name,name_us,groups_json,groups_us,first_seen_us,last_seen_us)
SELECT MD5(CONCAT('u-',seq)),CONCAT('u-',seq),CONCAT('Person ',seq),1,'["group 1"]',1,{FIRST_S}000000,{FIRST_S + YEAR_S}000000 FROM seq_0_to_299""")
    server.long("ALTER TABLE generation " + ",".join(f"DROP KEY IF EXISTS {key}" for key in LATER_KEYS))
    for first in range(0, rows, PIECE):
        server.long(f"SET time_zone='+00:00';{row_sql(first, min(first + PIECE, rows) - 1, rows)}")
    server.long("ALTER TABLE generation " + ",".join(f"ADD KEY {key} ({columns})" for key, columns in LATER_KEYS.items()))
    server.long("DELETE FROM meta WHERE name='totals_shape'; ANALYZE TABLE generation")


def prepare(server, folder, rows):
    """prepare makes the ledger of that size as far as it is not there; seconds it took."""
    server.current = f"bench_{rows}"
    began = time.monotonic()
    stack = Stack(folder / "stack", server, Contract())
    if not stack.db.rows("SHOW TABLES LIKE 'usage_sum'"):
        with stack:  # costd makes the tables
            pass
        stack = Stack(folder / "stack", server, Contract())
    if stack.db.value("SELECT COUNT(*) FROM generation") == "0":
        fill(server, rows)
    if stack.db.value("SELECT COUNT(*) FROM meta WHERE name='totals_shape' AND value<>''") == "0":
        stack.costd.start()
        wait_until(lambda: stack.db.value("SELECT COUNT(*) FROM meta WHERE name='totals_shape' AND value<>''") != "0", "the totals", 7200)
        stack.costd.stop()
        server.long("ANALYZE TABLE usage_day; ANALYZE TABLE usage_sum")
    return time.monotonic() - began


def measure(stack, calls):
    chat, newest = stack.db.rows("SELECT chat_id,generation_id FROM generation ORDER BY started_us DESC LIMIT 1")[0]
    cursor = far_cursor(stack)
    client, medians = stack.read, {}
    for name, (call, query) in READS.items():
        given = {k: {"chat": chat, "far": cursor}.get(v, v) for k, v in query.items()}
        path = f"/api/v1/generations/{newest}" if call == "generation" else f"/api/v1/{call}"
        times = []
        for _ in range(calls):
            began = time.perf_counter()
            reply = client.request("GET", target(path, given), checked=False)
            times.append((time.perf_counter() - began) * 1000)
            assert reply.status == 200, (name, reply)
        medians[name] = (statistics.median(times), sorted(times)[int(0.95 * len(times))])
    return medians


def far_cursor(stack):
    """far_cursor is that of a page in the middle of the month."""
    page = stack.read.get("/api/v1/generations", **{"from": "2026-10-01", "to": "2026-10-16", "limit": "1"}).json()
    return page["next_cursor"]


def target(path, query):
    return path + ("?" + urlencode(query) if query else "")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rows", default="100000,1000000,10000000")
    arguments.add_argument("--calls", type=int, default=30)
    arguments.add_argument("--folder", help="keep the ledgers here")
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    folder = Path(given.folder) if given.folder else Path(tempfile.mkdtemp(prefix="metering-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    sizes, results = [int(n) for n in given.rows.split(",")], {}
    try:
        with Server(folder) as server:
            for rows in sizes:
                seconds = prepare(server, folder, rows)
                with Stack(folder / "stack", server, Contract()) as stack:
                    print(f"{rows} rows" + (f", made in {seconds:.0f} s" if seconds > 5 else "")
                          + f", {stack.db.value('SELECT COUNT(*) FROM usage_day')} lines of totals", file=sys.stderr)
                    measure(stack, 3)
                    results[rows] = measure(stack, given.calls)
    finally:
        if not given.folder:
            shutil.rmtree(folder, ignore_errors=True)
    if given.json:
        print(json.dumps(results))
        return 0
    return report(sizes, results)


def report(sizes, results):
    print(f"Reads over HTTP, median and 95th percentile in ms.  {machine.name()}")
    print(f"| read | {' | '.join(f'{n:,} rows' for n in sizes)} | growth |")
    print("| --- |" + " ---: |" * (len(sizes) + 1))
    missed = []
    for name in READS:
        medians = [results[n][name] for n in sizes]
        growth = medians[-1][0] / medians[0][0]
        print(f"| {name} | " + " | ".join(f"{m:.1f} / {p:.1f}" for m, p in medians) + f" | {growth:.1f} |")
        if not name.startswith("*") and (medians[-1][0] > LIMIT_MS or (growth > 2 and len(sizes) > 1)):
            missed.append(name)
    print(f"Target: under {LIMIT_MS:.0f} ms, and at most twice as long on the largest as on the smallest; no target for reads with a star.")
    print("Missed: " + (", ".join(missed) if missed else "none"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
