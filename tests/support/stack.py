# SPDX-License-Identifier: AGPL-3.0-or-later
"""A running installation as a Python object: MariaDB, costd, reportd and gateway on
free ports and in a folder of their own, each of which can be killed, stopped and
started again.

    with MariaDB(folder) as server:
        with Stack(folder, server, stub) as stack:
            stack.ingest.send([record()])
            stack.drained()
            assert stack.read.usage()["total"]["requests"] == 1

The programs are those of METERING_BIN, or of build/release/bin, or build/dev/bin.
"""
import collections
import hashlib
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from client import Client

ROOT = Path(__file__).resolve().parent.parent.parent
PASSWORD = "correct horse battery staple"
DEADLINE_S = float(os.environ.get("METERING_TEST_DEADLINE_S", "120"))  # a guard against hangs, not a measure
STOP_S = 40  # what a program may take to end


def bin_folder():
    given = os.environ.get("METERING_BIN")
    for folder in [Path(given)] if given else [ROOT / "build/release/bin", ROOT / "build/dev/bin"]:
        if (folder / "gateway").exists():
            return folder.resolve()
    raise FileNotFoundError("no programs to test: build them, or set METERING_BIN")


def newest_step():
    """newest_step is the step of the schema that costd brings a database to."""
    return max(int(path.name[:4]) for path in (ROOT / "costd" / "database" / "schema").glob("[0-9]*.sql"))


def wait_until(condition, what="it", deadline_s=DEADLINE_S):
    """wait_until returns condition()'s first true value, or fails after the deadline."""
    deadline = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {deadline_s} s")
        time.sleep(0.02)


_TAKEN = collections.deque(maxlen=200)  # sockets that keep the ports given out last


def free_port():
    """free_port returns a port that is free and that free_port gives to no other caller, also not in another
    process: a socket without a listener stays bound to it.  Our servers may bind beside that one, as it has
    SO_REUSEADDR like them.  The range is neither that of outgoing connections nor that of ./run."""
    while True:
        keeper = socket.socket()
        try:
            keeper.bind(("127.0.0.1", random.randint(10240, 19999)))
        except OSError:
            keeper.close()
            continue
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _TAKEN.append(keeper)
        return keeper.getsockname()[1]


class Process:
    """One service.  Its log survives restarts; a clean stop must exit with 0."""

    def __init__(self, name, argv, env, log, probe=None):
        self.name, self.argv, self.env, self.log_path = name, [str(a) for a in argv], env, log
        self.probe = probe  # says whether it is ready to work
        self.child = None

    def start(self, wait=True):
        assert not self.alive, f"{self.name} runs already"
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(self.argv, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if wait and self.probe is not None:
            wait_until(lambda: self.probe() or self._fail_if_dead(), f"{self.name} ready\n{self.log_tail()}\n")
        return self

    def _fail_if_dead(self):
        if not self.alive:
            raise AssertionError(f"{self.name} ended with {self.child.returncode}:\n{self.log_tail()}")
        return False

    @property
    def alive(self):
        return self.child is not None and self.child.poll() is None

    @property
    def pid(self):
        return self.child.pid

    def kill(self):
        """kill is kill -9: no chance to tidy up."""
        self.child.kill()
        self.child.wait()

    def stop(self, deadline_s=STOP_S):
        """stop asks politely; the program must end cleanly and in time."""
        if not self.alive:
            return
        self.child.send_signal(signal.SIGCONT)
        self.child.terminate()
        try:
            code = self.child.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} ignored SIGTERM for {deadline_s} s:\n{self.log_tail()}") from None
        assert code == 0, f"{self.name} ended with {code} after SIGTERM:\n{self.log_tail()}"

    def pause(self):
        self.child.send_signal(signal.SIGSTOP)

    def resume(self):
        self.child.send_signal(signal.SIGCONT)

    @property
    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace") if self.log_path.exists() else ""

    def log_tail(self, lines=25):
        return "\n".join(self.log.splitlines()[-lines:])


class MariaDB:
    """A private server without a network, made for one test session."""

    SETTINGS = ("--skip-networking", "--skip-log-bin", "--skip-name-resolve", "--performance-schema=OFF",
                "--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M",
                "--aria-pagecache-buffer-size=8M", "--key-buffer-size=1M", "--max-connections=120",
                "--character-set-server=utf8mb4", "--local-infile=0", "--max-allowed-packet=64M")

    def __init__(self, folder):
        self.folder = Path(folder)
        self.short = Path(tempfile.mkdtemp(prefix="omdb-"))  # a socket's path may have 107 bytes
        self.socket = self.short / "sock"
        self.data = self.folder / "mariadb"
        run_as = ["--user=root"] if os.geteuid() == 0 else []
        server = shutil.which("mariadbd", path=os.environ["PATH"] + ":/usr/sbin") or "/usr/sbin/mariadbd"
        self.process = Process("mariadbd", [server, "--no-defaults", f"--datadir={self.data}", f"--socket={self.socket}",
                                            f"--pid-file={self.short / 'pid'}",
                                            # a server that starts deletes what others keep in a shared one
                                            f"--tmpdir={self.short}", *run_as, *self.SETTINGS],
                               dict(os.environ), self.folder / "mariadbd.log", self.answers)
        self.run_as = run_as

    def __enter__(self):
        made = subprocess.run(["mariadb-install-db", "--no-defaults", f"--datadir={self.data}", *self.run_as,
                               "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve", "--force"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "TMPDIR": str(self.short)})
        assert made.returncode == 0, made.stdout
        self.process.start()
        return self

    def __exit__(self, *_):
        try:
            if self.process.alive:
                self.process.resume()
                self.process.stop()
        finally:
            shutil.rmtree(self.short, ignore_errors=True)

    def client(self, sql, database=None, check=True):
        argv = ["mariadb", "--no-defaults", f"--socket={self.socket}", "--user=root", "-N", "-B", "--raw",
                "--default-character-set=utf8mb4", *([database] if database else [])]
        return subprocess.run(argv, input=sql, capture_output=True, text=True, check=check, timeout=300)

    def answers(self):
        return self.client("SELECT 1", check=False).returncode == 0

    def create(self, name):
        user, password = f"u_{name}"[:60], secrets.token_hex(12)
        self.client(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4;"
                    f"CREATE USER '{user}'@'localhost' IDENTIFIED BY '{password}';"
                    f"GRANT ALL ON `{name}`.* TO '{user}'@'localhost'")
        return Database(self, name, user, password)


AS_TEXT = Path(__file__).with_name("as_text.sql")


def key_hash(key):
    """key_hash is the journal's column of that name, of the row with this id."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big", signed=True)


class Database:
    def __init__(self, server, name, user, password):
        self.server, self.name, self.user, self.password = server, name, user, password
        self.has_views = False

    def rows(self, sql):
        """rows returns what a query yields, as tuples of text; NULL is None.  Tables called as_text_… have texts
        in place of numbers (as_text.sql)."""
        if "as_text_" in sql and not self.has_views:
            self.server.client(AS_TEXT.read_text(), self.name)
            self.has_views = True
        out = self.server.client(sql, self.name).stdout
        return [tuple(None if v == "NULL" else v for v in line.split("\t")) for line in out.splitlines()]

    def value(self, sql):
        return self.rows(sql)[0][0]

    def back_up(self):
        """back_up copies all tables as they are now."""
        self.server.client(f"DROP DATABASE IF EXISTS `{self.name}_copy`; CREATE DATABASE `{self.name}_copy`;"
                           + "".join(f"CREATE TABLE `{self.name}_copy`.`{table}` LIKE `{self.name}`.`{table}`;"
                                     f"INSERT INTO `{self.name}_copy`.`{table}` SELECT * FROM `{self.name}`.`{table}`;"
                                     for table, _ in self.rows("SHOW FULL TABLES WHERE Table_type='BASE TABLE'")))

    def put_back(self):
        """put_back does what putting back a dump does: the tables are as they were copied."""
        self.server.client("".join(f"DROP TABLE `{self.name}`.`{table}`;"
                                   f"RENAME TABLE `{self.name}_copy`.`{table}` TO `{self.name}`.`{table}`;"
                                   for table, _ in self.rows("SHOW FULL TABLES WHERE Table_type='BASE TABLE'")) + f"DROP DATABASE `{self.name}_copy`")

    def drop(self):
        self.server.client(f"DROP DATABASE IF EXISTS `{self.name}`; DROP USER IF EXISTS '{self.user}'@'localhost'")


class Stack:
    def __init__(self, folder, server, contract, stub=None, timezone="UTC", settings=None, gateways=1):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.server, self.contract, self.stub, self.timezone = server, contract, stub, timezone
        self.settings = settings or {}  # service -> {name: value}; wins over ours
        self.bin = bin_folder()
        self.db = server.create(f"m_{secrets.token_hex(6)}")
        self.ingest_key, self.read_key = "ik-" + secrets.token_hex(20), "rk-" + secrets.token_hex(20)
        self.jwt_secret = secrets.token_hex(32)
        self.wire_keys = {"WIRE_KEY_GATEWAY": "wg-" + secrets.token_hex(32), "WIRE_KEY_REPORTD": "wr-" + secrets.token_hex(32)}
        self.password_hash = hash_password(self.bin)
        self.costd_url = f"tcp://127.0.0.1:{free_port()}"
        self.reportd_url = f"tcp://127.0.0.1:{free_port()}"
        self.costd = self.process("costd", self.costd_env())
        self.reportd = self.process("reportd", self.reportd_env())
        self.gateways = [self.gateway_process(number) for number in range(gateways)]
        self.gateway = self.gateways[0]
        self.started = []

    # settings, as each service knows them

    def costd_env(self):
        env = {"COSTD_LISTEN": self.costd_url, "REPORT_TIMEZONE": self.timezone,
               "DATABASE_SOCKET": str(self.server.socket), "DATABASE_NAME": self.db.name,
               "DATABASE_USER": self.db.user, "DATABASE_PASSWORD": self.db.password,
               "PRICES_INTERVAL": "0", **self.wire_keys}  # no estimates, but where a test is about them
        if self.stub is not None:
            env |= {"OPENROUTER_BASE_URL": self.stub.base_url, "OPENROUTER_API_KEY": self.stub.key,
                    "LOOKUP_DELAY": "0", "LOOKUP_OPEN_DELAY": "1",
                    "LOOKUP_VERIFY": "none"}  # no sample: tests count what is asked for
        return env

    def reportd_env(self):
        return {"REPORTD_LISTEN": self.reportd_url, "COSTD_URL": self.costd_url, **self.wire_keys}

    def gateway_env(self, number):
        return {"PORT": str(free_port()), "COSTD_URL": self.costd_url, "REPORTD_URL": self.reportd_url,
                "SPOOL_DIR": str(self.folder / f"spool{number}"),
                "API_KEY": self.ingest_key, "READ_API_KEY": self.read_key, "JWT_SECRET": self.jwt_secret,
                "PASSWORD_HASH": self.password_hash, "WIRE_KEY_GATEWAY": self.wire_keys["WIRE_KEY_GATEWAY"]}

    def process(self, service, env, name=None, probe=None):
        kept = {k: os.environ[k] for k in ("PATH", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LD_PRELOAD")
                if k in os.environ}
        name = name or service
        env = {k: v for k, v in {**env, **self.settings.get(service, {})}.items() if v is not None}
        return Process(name, [self.bin / service], {**kept, **env}, self.folder / f"{name}.log", probe)

    def gateway_process(self, number):
        env = self.gateway_env(number)
        (self.folder / f"spool{number}").mkdir(exist_ok=True)
        port = int(env["PORT"])
        process = self.process("gateway", env, f"gateway{number}" if number else "gateway",
                               lambda: self.client(port=port).request("GET", "/healthcheck").status == 200
                               if accepts(port) else False)
        process.port = port
        return process

    # life

    def __enter__(self):
        for process in (self.costd, self.reportd, *self.gateways):
            process.start()
        self.wait_ready()
        return self

    def __exit__(self, kind, *_):
        faults = []
        for process in (*self.gateways, self.reportd, self.costd):
            try:
                process.stop()
            except AssertionError as error:
                faults.append(str(error))
        faults += self.faults_in_logs()
        if self.server.process.alive:
            self.db.drop()
        if kind is None:
            assert not faults, "\n".join(faults)

    def faults_in_logs(self):
        """faults_in_logs lists secrets and sanitizer reports in the logs: there must never be any."""
        hidden = {"ingest key": self.ingest_key, "read key": self.read_key, "JWT secret": self.jwt_secret,
                  "database password": self.db.password, "admin password": PASSWORD, "password hash": self.password_hash,
                  **self.wire_keys}
        if self.stub is not None:
            hidden["provider key"] = self.stub.key
        found = []
        for process in (*self.gateways, self.reportd, self.costd):
            log = process.log
            found += [f"{process.name} wrote the {what} to its log" for what, text in hidden.items() if text in log]
            found += [f"{process.name}: {line}" for line in log.splitlines()
                      if "Sanitizer" in line or "runtime error:" in line]
        return found

    # callers

    def client(self, key=None, port=None):
        return Client(port or self.gateway.port, self.contract, key)

    @property
    def port(self):
        return self.gateway.port

    @property
    def nobody(self):
        return self.client()

    @property
    def ingest(self):
        return self.client(self.ingest_key)

    @property
    def read(self):
        return self.client(self.read_key)

    def session(self):
        client = self.client()
        client.login(PASSWORD)
        return client

    # states

    def readiness(self, number=0):
        port = self.gateways[number].port
        return self.client(port=port).request("GET", "/readyz").json() if accepts(port) else {"status": "down"}

    def wait_ready(self, number=0):
        try:
            wait_until(lambda: self.readiness(number)["status"] == "ready", "readiness")
        except AssertionError as error:
            logs = "\n".join(f"--- {p.name}\n{p.log_tail()}" for p in (*self.gateways, self.reportd, self.costd))
            raise AssertionError(f"{error}: {self.readiness(number)}\n{logs}") from None

    def drained(self, number=0, deadline_s=DEADLINE_S):
        """drained waits until every accepted record is in the database."""
        def empty():
            state = self.readiness(number)
            return state["status"] == "ready" and state["spool"]["pending"] == 0
        wait_until(empty, f"an empty spool: {self.readiness(number)}\n{self.costd.log_tail(5)}\n", deadline_s)

    def ledger(self, columns="*", where="1=1"):
        table = "as_text_generation" if self.db.rows("SHOW TABLES LIKE 'person'") else "generation"  # of an older program
        return self.db.rows(f"SELECT {columns} FROM {table} WHERE {where}")


def accepts(port):
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


_HASHES = {}


def hash_password(folder, password=PASSWORD):
    if (folder, password) not in _HASHES:
        done = subprocess.run([folder / "gateway", "--hash-password"], input=password + "\n", text=True,
                              capture_output=True, check=True)
        _HASHES[(folder, password)] = done.stdout.strip()
    return _HASHES[(folder, password)]
