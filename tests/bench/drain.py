#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A backlog in the spool, drained through costd into MariaDB, and the memory meanwhile.

    drain [--records N]

Fills the spool while costd is not there (N records, default 200000, in bodies of 2000),
then starts costd and watches: records a second, batch size, memory of both services.
"""
import argparse
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import machine  # noqa: E402
from openapi import Contract  # noqa: E402
from records import record  # noqa: E402
from stack import MariaDB, Stack, wait_until  # noqa: E402

BODY = 2000


class Memory(threading.Thread):
    """The most that each process held, looked at twice a second."""

    def __init__(self, processes):
        super().__init__(daemon=True)
        self.processes, self.most, self.stop = processes, {p.name: 0.0 for p in processes}, threading.Event()

    def run(self):
        while not self.stop.wait(0.5):
            for process in self.processes:
                if process.alive:
                    self.most[process.name] = max(self.most[process.name], machine.resident_mb(process.pid))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--records", type=int, default=200_000)
    wanted = arguments.parse_args().records
    print(machine.name())
    with tempfile.TemporaryDirectory(prefix="bench-drain-") as name, MariaDB(Path(name)) as server:
        stack = Stack(Path(name) / "stack", server, Contract(), settings={"gateway": {"SPOOL_LIMIT_BYTES": str(8 << 30), "INGEST_RECORDS_PER_MINUTE": "0", "INGEST_BYTES_PER_MINUTE": "0",
           "INGEST_RECORDS_PER_DAY": "0", "INGEST_BYTES_PER_DAY": "0", "LOG_LEVEL": "warn"}})
        stack.gateway.start()
        memory = Memory([stack.gateway, stack.costd])
        memory.start()
        template, begun = json.dumps(record()), time.monotonic()
        gen_id = json.loads(template)["generation_id"]
        for first in range(0, wanted, BODY):
            body = ",".join(template.replace(gen_id, f"gen-{n}-drain") for n in range(first, min(first + BODY, wanted)))
            stack.ingest.request("POST", "/api/v1/events", body=f"[{body}]", headers={"Content-Type": "application/json"}, expect=200, checked=False)
        filled = time.monotonic() - begun
        print(f"filled   {wanted} records in bodies of {BODY}: {wanted / filled:8.0f} a second; gateway {memory.most['gateway']:.1f} MB")
        begun = time.monotonic()
        stack.costd.start()
        wait_until(lambda: stack.readiness()["spool"]["pending"] == 0 or time.sleep(0.2), "an empty spool", 3600)
        took = time.monotonic() - begun
        rows = int(stack.db.value("SELECT COUNT(*) FROM generation"))
        assert rows == wanted, f"{rows} rows of {wanted} records"
        sent = stack.read.metrics()
        print(f"drained  {wanted / took:8.0f} a second, batches of {sent['owui_metering_forward_batch_records']} in the end; "
              f"gateway {memory.most['gateway']:.1f} MB, costd {memory.most['costd']:.1f} MB at most")
        memory.stop.set()
        stack.gateway.stop()
        stack.costd.stop()


if __name__ == "__main__":
    main()
