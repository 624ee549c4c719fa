# SPDX-License-Identifier: AGPL-3.0-or-later
"""The faults of the storm: each can begin and end, on an installation of two gateways,
two costd, one reportd and MariaDB, with a proxy in every line between gateway and costd."""
import errno
import os
import random
import shutil
import struct
import subprocess
from pathlib import Path

from proxy import DOWN, UP, Proxy
from stack import Stack, free_port

HERE = Path(__file__).resolve().parent
SPOOL_DISK_BYTES = 24 * 1024 * 1024


class StormStack(Stack):
    """Two gateways that know two costd through proxies; every service can have a clock of its own."""

    def __init__(self, folder, server, contract, seed, **options):
        super().__init__(folder, server, contract, gateways=2, **options)
        self.seed, self.proxies, self.mounted, self.clocks = seed, [], [], []
        self.costds = [self.costd, self._second_costd()]

    def _second_costd(self):
        url = f"tcp://127.0.0.1:{free_port()}"
        return self.process("costd", {**self.costd_env(), "COSTD_LISTEN": url}, "costd1")

    def __enter__(self):
        self._mount_spool()
        for gateway in self.gateways:
            urls = []
            for costd in self.costds:
                proxy = Proxy(int(costd.env["COSTD_LISTEN"].rsplit(":", 1)[1]))
                self.proxies.append(proxy.__enter__())
                urls.append(f"tcp://127.0.0.1:{proxy.port}")
            gateway.env["COSTD_URL"] = ",".join(urls)
        self._make_clocks()
        self.costds[1].start()
        try:
            return super().__enter__()
        except BaseException:
            self.__exit__(RuntimeError)
            raise

    def __exit__(self, kind, *_):
        try:
            self.costds[1].stop()
            super().__exit__(kind)
        finally:
            for proxy in self.proxies:
                proxy.__exit__()
            for folder in self.mounted:
                subprocess.run(["umount", folder], check=False)

    def _mount_spool(self):
        """_mount_spool gives the first gateway a disk that can be filled, where that is allowed."""
        folder = self.folder / "spool0"
        if os.geteuid() == 0 and shutil.which("mount") and subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={SPOOL_DISK_BYTES},mode=700", "tmpfs", folder],
                capture_output=True).returncode == 0:
            self.mounted.append(folder)

    def _make_clocks(self):
        """_make_clocks gives every service a wall clock of its own, where a library can be put before it."""
        if "ASAN_OPTIONS" in os.environ or "TSAN_OPTIONS" in os.environ or shutil.which("cc") is None:
            return
        library = self.folder / "clock.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, HERE / "clock.c"], check=True)
        for process in (*self.gateways, *self.costds):
            clock = self.folder / f"{process.name}.clock"
            clock.write_bytes(struct.pack("q", 0))
            process.env |= {"LD_PRELOAD": str(library), "CLOCK_OFFSET_FILE": str(clock)}
            self.clocks.append(clock)

    @property
    def processes(self):
        return {**{one.name: one for one in (*self.gateways, *self.costds, self.reportd)}, "mariadbd": self.server.process}


class Fault:
    """begin breaks something, end mends it; the ground stays broken for `hold` seconds."""
    hold = (0.2, 2.0)

    def __init__(self, stack):
        self.stack = stack

    def possible(self):
        """possible says why the fault cannot be had on this machine; None if it can."""
        return None

    def begin(self, rng):
        raise NotImplementedError

    def end(self, rng):
        pass


class Kill(Fault):
    hold = (0.0, 1.5)

    def __init__(self, stack, name):
        super().__init__(stack)
        self.name = f"kill -9 {name}"
        self.process = stack.processes[name]

    def begin(self, rng):
        self.process.kill()

    def end(self, rng):
        self.process.start(wait=self.process.name == "mariadbd")


class Freeze(Kill):
    hold = (0.5, 6.0)

    def __init__(self, stack, name):
        super().__init__(stack, name)
        self.name = f"SIGSTOP {name}"

    def begin(self, rng):
        self.process.pause()

    def end(self, rng):
        self.process.resume()


class Restart(Kill):
    def __init__(self, stack, name):
        super().__init__(stack, name)
        self.name = f"SIGTERM {name}"

    def begin(self, rng):
        self.process.stop()


class Partition(Fault):
    """One direction of one line, or of all; healed by letting what was held through, or by a reset."""
    hold = (0.3, 5.0)

    def __init__(self, stack, direction):
        super().__init__(stack)
        self.direction = direction
        self.name = {UP: "requests held back", DOWN: "replies held back"}[direction]

    def begin(self, rng):
        self.chosen = self.stack.proxies if rng.random() < 0.3 else [rng.choice(self.stack.proxies)]
        for proxy in self.chosen:
            proxy.hold(self.direction)

    def end(self, rng):
        for proxy in self.chosen:
            proxy.heal(reset=rng.random() < 0.5)


class Cut(Fault):
    name, hold = "connections reset", (0.0, 0.1)

    def begin(self, rng):
        for proxy in self.stack.proxies:
            proxy.cut()


class ReplyLost(Fault):
    """The answer to whatever is committed in this time never arrives."""
    name, hold = "reply lost after the commit", (0.1, 1.0)

    def begin(self, rng):
        for proxy in self.stack.proxies:
            proxy.hold(DOWN)

    def end(self, rng):
        for proxy in self.stack.proxies:
            proxy.heal(reset=True)


class Sql(Fault):
    """A session of another program in the database."""
    sql = None

    def begin(self, rng):
        server = self.stack.server
        self.session = subprocess.Popen(
            ["mariadb", "--no-defaults", f"--socket={server.socket}", "--user=root", "-N", "-B", "--force", self.stack.db.name],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        try:
            self.session.stdin.write(self.sql)
            self.session.stdin.flush()
        except OSError as error:  # the server is away: another fault was first
            if error.errno != errno.EPIPE:
                raise

    def end(self, rng):
        self.session.kill()
        self.session.wait()


class LockWait(Sql):
    name, hold = "lock wait time-out", (3.5, 6.0)
    sql = "BEGIN; SELECT COUNT(*) FROM record FOR UPDATE;\n"  # what costd touches first: no deadlock


class Deadlock(Sql):
    """Locks what costd locks last and then what it locks first, again and again."""
    name, hold = "deadlock", (1.0, 3.0)
    sql = ("BEGIN; SELECT COUNT(*) FROM usage_day FOR UPDATE; DO SLEEP(0.05);"
           " SELECT COUNT(*) FROM generation FOR UPDATE; ROLLBACK; DO SLEEP(0.05);\n") * 30


class Disconnect(Sql):
    name, hold = "database sessions killed", (0.1, 0.5)

    def begin(self, rng):
        self.sql = f"KILL USER '{self.stack.db.user}'@'localhost';\n"
        super().begin(rng)


class ReadOnly(Fault):
    name, hold = "database read-only", (0.5, 3.0)

    def begin(self, rng):
        self.stack.server.client("SET GLOBAL read_only=1", check=False)

    def end(self, rng):
        self.stack.server.client("SET GLOBAL read_only=0", check=False)


class DiskFull(Fault):
    name, hold = "spool's disk full", (0.5, 4.0)

    def possible(self):
        return None if self.stack.mounted else "needs root and mount"

    def begin(self, rng):
        self.filler = self.stack.mounted[0] / "filler"
        try:
            with open(self.filler, "wb", buffering=0) as out:
                while out.write(b"\0" * 65536):
                    pass
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise

    def end(self, rng):
        self.filler.unlink(missing_ok=True)


class Clock(Fault):
    """The wall clock of one service jumps, and jumps back."""
    hold = (0.5, 4.0)

    def __init__(self, stack, offset_s, what):
        super().__init__(stack)
        self.offset_s, self.name = offset_s, f"clock {what}"

    def possible(self):
        return None if self.stack.clocks else "needs cc and no sanitizer"

    def begin(self, rng):
        self.clock = rng.choice(self.stack.clocks)
        self._set(self.offset_s)

    def end(self, rng):
        self._set(0)

    def _set(self, offset_s):
        with open(self.clock, "r+b") as out:  # in place: the process has it mapped
            out.write(struct.pack("q", offset_s))


def all_faults(stack):
    killed = [Kill(stack, name) for name in ("gateway", "gateway1", "costd", "costd1", "reportd", "mariadbd")]
    frozen = [Freeze(stack, name) for name in ("gateway", "costd", "costd1", "mariadbd")]
    stopped = [Restart(stack, name) for name in ("gateway1", "costd", "mariadbd")]
    return [*killed, *frozen, *stopped, Partition(stack, UP), Partition(stack, DOWN), Cut(stack), ReplyLost(stack),
            LockWait(stack), Deadlock(stack), Disconnect(stack), ReadOnly(stack), DiskFull(stack),
            Clock(stack, 3600, "an hour ahead"), Clock(stack, -3600, "an hour back"), Clock(stack, 86400, "a day ahead")]


def shuffled(faults, rng):
    """shuffled goes through all faults in a new order each time."""
    assert isinstance(rng, random.Random)
    while True:
        order = list(faults)
        rng.shuffle(order)
        yield from order
