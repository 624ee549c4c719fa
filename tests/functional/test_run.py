# SPDX-License-Identifier: AGPL-3.0-or-later
"""./run, as a newcomer and as an operator use it: without a terminal, in homes of its own."""
import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest
from client import Client
from openapi import ROOT
from records import record
from stack import PASSWORD, accepts, bin_folder, free_port, hash_password, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.unsanitized("./run builds and starts a release of its own")]
RUN = ROOT / "run"
SERVICES = ["mariadb", "costd", "reportd", "gateway"]
SECRETS = ("ADMIN_PASSWORD", "API_KEY", "READ_API_KEY")


@pytest.fixture(scope="module", autouse=True)
def built():
    if not (ROOT / "build/release/bin/gateway").exists():
        pytest.skip("./run works on build/release, which is not built")


class Home:
    def __init__(self, folder, contract, given=None, cwd=None, **env):
        self.folder, self.contract, self.cwd = folder, contract, cwd or "/"
        self.port = int(env.pop("PORT", free_port()))
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "NODE_EXTRA_CA_CERTS", "npm_config_cafile")}
        self.env = {**kept, "METERING_HOME": str(given or folder), "PORT": str(self.port), **env}

    def run(self, *argv, code=0, **env):
        done = subprocess.run([RUN, *argv], env={**self.env, **env}, cwd=self.cwd, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=600, start_new_session=True)
        assert code is None or done.returncode == code, f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def foreground(self, *argv):
        # a shell that runs the tests in its background has us ignore SIGINT, and what we start, too
        return subprocess.Popen([RUN, *argv], env=self.env, cwd=self.cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, start_new_session=True,
                                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def status(self, code=0):
        """status maps each process to (pid or None, state)."""
        lines = self.run("status", code=code).stdout.splitlines()
        parts = [line.split() for line in lines]
        assert all(len(part) == 3 for part in parts), lines
        return {name: (None if pid == "-" else int(pid), state) for name, pid, state in parts}

    def pids(self):
        return {name: pid for name, (pid, _) in self.status(code=None).items() if pid}

    @property
    def access(self):
        return dict(line.split("=", 1) for line in (self.folder / "access.env").read_text().splitlines())

    def client(self, key=None):
        return Client(self.port, self.contract, key)

    def reader(self):
        return self.client(self.access["READ_API_KEY"])

    def count(self):
        return self.reader().usage(**{"from": "2020-01-01", "to": "2100-01-01"})["total"]["requests"]

    def send(self, records):
        before = self.count()
        self.client(self.access["API_KEY"]).send(records)
        wait_until(lambda: self.count() == before + len(records), "the records in the ledger")


class Folders:
    """Folders of root beside pytest's own: each pytest that begins takes the rights of others off the folder of all its runs,
    and with them the ACL by which the account of a running home passes it."""

    def __init__(self):
        self.base = Path(tempfile.mkdtemp(prefix="metering-homes-"))

    def mktemp(self, name):
        return Path(tempfile.mkdtemp(prefix=f"{name} ", dir=self.base))


@pytest.fixture(scope="module")
def folders():
    made = Folders()
    yield made
    shutil.rmtree(made.base)


@pytest.fixture
def folder(folders):
    return folders.mktemp("test")


@pytest.fixture
def make_home(folder, contract):
    made = []

    def make(name="home", **options):
        home = Home(folder / name, contract, **options)
        made.append(home)
        return home

    yield make
    for home in made:
        home.run("stop", code=None)
        assert not home.pids()


@pytest.fixture(scope="module")
def home(folders, contract):
    """One installation for the tests that leave it running; its path has spaces and is too long for a socket."""
    one = Home(folders.mktemp("a home with spaces") / ("and a very long name " * 5).strip(), contract)
    one.run("start")
    yield one
    one.run("stop")
    assert not one.pids()


def runs(pid):
    """runs: it exists and is more than a zombie whose parent has not waited for it."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def processes_with(text):
    found = []
    for folder in os.listdir("/proc"):
        try:
            with open(f"/proc/{folder}/cmdline", "rb") as file:
                if folder.isdigit() and text.encode() in file.read():
                    found.append(int(folder))
        except OSError:
            continue
    return found


def environment_of(pid):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read()
    except OSError:
        return b""


def test_start_prints_and_keeps_the_access_data(home):
    shown = home.run("start").stdout
    access = home.access
    assert set(access) == {"ADDRESS", "ADMIN_PASSWORD", "API_KEY", "READ_API_KEY"}
    assert access["ADDRESS"] == f"http://127.0.0.1:{home.port}" and all(value in shown for value in access.values())
    assert len(access["ADMIN_PASSWORD"]) >= 15 and len(access["API_KEY"]) >= 32 and access["API_KEY"] != access["READ_API_KEY"]
    home.client().login(access["ADMIN_PASSWORD"])
    home.send([record()])


def test_nothing_is_readable_by_others(home):
    # as root the account of the processes may pass the folder, by an ACL whose mask stands where the group's rights do
    assert stat.S_IMODE(home.folder.stat().st_mode) in (0o700, 0o710)
    for name in ("access.env", "settings.env", "env/gateway.env", "env/costd.env"):
        assert stat.S_IMODE((home.folder / name).stat().st_mode) == 0o600, name


def test_status_is_a_line_per_process(home):
    status = home.status()
    assert list(status) == SERVICES
    for pid, state in status.values():
        assert state == "running" and runs(pid)


def test_second_start_has_nothing_to_do_and_leaves_all_running(home):
    before = home.pids()
    home.run("start")
    assert home.pids() == before


@pytest.mark.parametrize("name", SERVICES)
def test_start_brings_back_what_was_killed(home, name):
    before = home.pids()
    os.kill(before[name], signal.SIGKILL)
    wait_until(lambda: home.status(code=None)[name][1] == "died", f"{name} dead")
    assert home.run("status", code=None).returncode == 3
    home.run("start")
    after = home.pids()
    assert after.pop(name) != before.pop(name) and after == before
    home.send([record()])


def test_start_restarts_what_was_built_anew(home):
    before, binary = home.pids(), ROOT / "build/release/bin/gateway"
    new = binary.with_name("gateway.new")
    shutil.copy2(binary, new)  # the linker makes a new file, too
    os.replace(new, binary)
    assert "gateway was rebuilt" in home.run("start").stdout
    after = home.pids()
    assert after.pop("gateway") != before.pop("gateway") and after == before
    home.send([record()])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up the right that a plain user does not have")
def test_start_leaves_running_what_it_may_not_trace(home):
    before = home.pids()
    done = subprocess.run(["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace", RUN, "start"], env=home.env, cwd="/",
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=True)
    assert "rebuilt" not in done.stdout and home.pids() == before


@pytest.mark.parametrize("named", [None, "./elsewhere"])
def test_secrets_makes_the_files_that_compose_mounts(tmp_path, named):
    for name in ("run", ".metering.env.example"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    settings = (tmp_path / ".metering.env.example").read_text()
    (tmp_path / ".metering.env").write_text(settings.replace("#METERING_SECRETS=./.metering.secrets", f"METERING_SECRETS={named}") if named else settings)
    env = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG")}
    subprocess.run([tmp_path / "run", "secrets"], env=env, cwd="/", check=True, capture_output=True, timeout=60)
    made = {file.name: file.read_text() for file in (tmp_path / (named or ".metering.secrets")).iterdir()}
    assert set(made) == set(re.findall(r"METERING_SECRETS:-\./\.metering\.secrets}/(\w+)", (ROOT / "docker-compose.yml").read_text()))
    assert len(made["jwt_secret"]) == 48


def test_start_with_other_settings_restarts_whom_they_concern(make_home):
    home = make_home()
    home.run("start")
    before, home.port = home.pids(), free_port()
    home.env["PORT"] = str(home.port)
    said = home.run("start", MINIMUM_CHARGE_FEE="1").stdout
    assert "reportd has other settings" in said and "gateway has other settings" in said and "costd" not in said
    after = home.pids()
    assert {name for name in before if after[name] != before[name]} == {"reportd", "gateway"}
    assert home.access["ADDRESS"].endswith(f":{home.port}")
    home.send([record()])
    home.run("start")  # and the fee holds, without being told again
    assert home.pids() == after


def test_settings_without_effect_are_named(home):
    said = home.run("start", ACTIVITY_RETENTION="30d").stderr
    assert "ACTIVITY_RETENTION has no effect" in said


def test_start_after_a_crash_of_everything(home):
    count = home.count()
    for pid in home.pids().values():
        os.kill(pid, signal.SIGKILL)
    home.run("start")
    assert home.count() == count


def test_stop_stops_all_and_start_finds_everything_again(home):
    home.send([record() for _ in range(3)])
    count, access, pids = home.count(), home.access, home.pids()
    home.run("stop")
    assert not any(runs(pid) for pid in pids.values())
    assert {state for _, state in home.status(code=3).values()} == {"stopped"}
    assert not accepts(home.port)
    home.run("stop")
    home.run("start")
    assert home.access == access and home.count() == count


def test_secrets_are_in_no_log_and_no_command_line(home):
    home.client().login(home.access["ADMIN_PASSWORD"])
    secrets = [home.access[name] for name in SECRETS]
    made = dict(line.split("=", 1) for line in (home.folder / "settings.env").read_text().splitlines())
    secrets += [made["JWT_SECRET"], made["DB_PASSWORD"], made["PASSWORD_HASH"]]
    for log in (home.folder / "log").iterdir():
        text = log.read_text(errors="replace")
        assert not [s for s in secrets if s in text], log
    assert not [pid for secret in secrets for pid in processes_with(secret)]


def test_services_get_their_own_settings_only(home):
    env = {name: (home.folder / f"env/{name}.env").read_text() for name in ("gateway", "costd", "reportd")}
    assert "DATABASE_PASSWORD" in env["costd"] and "DATABASE" not in env["gateway"] + env["reportd"]
    assert "JWT_SECRET" not in env["costd"] + env["reportd"] and "API_KEY=" not in env["reportd"]
    pid = home.pids()["gateway"]
    with open(f"/proc/{pid}/environ", "rb") as file:
        assert b"DATABASE_" not in file.read()


def test_two_side_by_side(home, make_home):
    other = make_home()
    home.send([record()])
    other.run("start")
    assert other.count() == 0 and not set(other.pids().values()) & set(home.pids().values())
    other.send([record()] * 1 + [record()])
    assert other.count() == 2
    other.run("stop")
    assert home.status() and home.count() > 0


def test_two_starts_at_once(make_home):
    home = make_home()
    both = [home.foreground("start"), home.foreground("start")]
    for one in both:
        out = one.communicate(timeout=600)[0]
        assert one.returncode == 0, out
    assert len(home.pids()) == 4
    assert len(processes_with(str(home.folder / "mariadb"))) == 1


def test_relative_home_from_another_folder(make_home, folder):
    home = make_home("here", given="here", cwd=str(folder))
    home.run("start")
    assert (folder / "here" / "access.env").exists() and home.status()


def test_environment_wins(make_home):
    home = make_home()
    given = {"API_KEY": "ingest-key-of-my-own-choice", "READ_API_KEY": "read-key-of-my-own-choice", "REPORT_TIMEZONE": "Asia/Kolkata",
             "PASSWORD_HASH": hash_password(bin_folder()), "MINIMUM_CHARGE_FEE": "2.5"}
    home.run("start", **given)
    assert home.access["API_KEY"] == given["API_KEY"] and home.access["READ_API_KEY"] == given["READ_API_KEY"]
    assert home.access["ADMIN_PASSWORD"] == ""
    home.client().login(PASSWORD)
    assert home.reader().get("/api/v1/session").json()["timezone"] == "Asia/Kolkata"
    home.send([record()])
    assert "MINIMUM_CHARGE_FEE=2.5" in (home.folder / "env/reportd.env").read_text()
    os.kill(home.pids()["gateway"], signal.SIGKILL)
    told = home.run("start")  # brought back as it was, without being told again
    home.client().login(PASSWORD)
    assert "any more" not in told.stderr
    home.run("stop")
    told = home.run("start", REPORT_TIMEZONE=given["REPORT_TIMEZONE"], API_KEY=given["API_KEY"])
    assert "MINIMUM_CHARGE_FEE was set before ./run stop, and is not any more" in told.stderr, "a month would be charged otherwise"
    assert "REPORT_TIMEZONE was set" not in told.stderr and "2.5" not in told.stderr
    home.run("stop")
    assert "any more" not in home.run("start", REPORT_TIMEZONE=given["REPORT_TIMEZONE"], API_KEY=given["API_KEY"]).stderr


def test_setting_from_a_file(make_home, folder):
    home = make_home()
    (folder / "key").write_text("key-that-was-in-a-file\n")
    home.run("start", READ_API_KEY_FILE=str(folder / "key"))
    assert home.access["READ_API_KEY"] == "key-that-was-in-a-file"
    home.reader().usage()


def test_malformed_setting_is_named(make_home):
    done = make_home().run("start", code=None, REPORT_TIMEZONE="Mars/Olympus")
    assert done.returncode != 0 and "REPORT_TIMEZONE" in done.stderr


def test_setting_that_nothing_started_with_is_not_remembered(make_home):
    home = make_home()
    done = home.run("start", code=1, JWT_SECRET="no-secret", MINIMUM_CHARGE_FEE="3")
    said = re.search(r"not kept, as the start failed: (.*);", done.stderr)[1].split()
    assert {"JWT_SECRET", "MINIMUM_CHARGE_FEE"} <= set(said) and "no-secret" not in done.stderr
    home.run("start", MINIMUM_CHARGE_FEE="1")
    done = home.run("start", code=1, JWT_SECRET="no-secret", MINIMUM_CHARGE_MODE="floor")
    assert set(re.search(r"not kept, as the start failed: (.*);", done.stderr)[1].split()) == {"JWT_SECRET", "MINIMUM_CHARGE_MODE"}
    assert "kept until ./run stop: " in done.stderr and "MINIMUM_CHARGE_FEE" in done.stderr, "what holds all the same is named, too"
    assert "not kept" not in home.run("start").stderr
    assert home.status() and home.count() == 0
    assert "no-secret" not in (home.folder / "env/gateway.env").read_text()
    reportd = (home.folder / "env/reportd.env").read_text()
    assert "MINIMUM_CHARGE_FEE=1" in reportd and "MINIMUM_CHARGE_MODE" not in reportd


def test_warning_of_a_missing_setting_outlives_a_start_that_failed(make_home):
    home = make_home()
    home.run("start", MINIMUM_CHARGE_FEE="1")
    home.run("stop")
    warning = "MINIMUM_CHARGE_FEE was set before ./run stop, and is not any more"
    assert warning in home.run("start", code=1, JWT_SECRET="no-secret").stderr
    assert warning in home.run("start").stderr
    assert warning not in home.run("start").stderr


def test_port_in_use_is_one_clear_line(home, make_home):
    other = make_home(PORT=home.port)
    done = other.run("start", code=None)
    assert done.returncode != 0 and str(home.port) in done.stderr and "in use" in done.stderr
    assert home.status()


def test_recycled_pid_is_not_ours(make_home, folder):
    home = make_home()
    stranger = subprocess.Popen(["tail", "-f", "/dev/null"])
    try:
        (home.folder / "pid").mkdir(parents=True)
        for name in SERVICES:
            (home.folder / "pid" / name).write_text(f"{stranger.pid} 1 00000000-0000-0000-0000-000000000000\n")
        assert {state for _, state in home.status(code=3).values()} == {"died"}
        home.run("stop")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def lines_until(process, text):
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return lines
    raise AssertionError(f"{text!r} never came:\n{''.join(lines)}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_foreground_stops_all_on_a_signal(make_home, number):
    home = make_home()
    process = home.foreground()
    lines_until(process, "Ctrl-C")
    pids = home.pids()
    assert len(pids) == 4
    process.send_signal(number)
    assert process.wait(120) == 0
    assert not home.pids() and not any(runs(pid) for pid in pids.values())


def test_foreground_restarts_what_dies_and_ends_with_stop(make_home):
    home = make_home()
    process = home.foreground()
    lines_until(process, "Ctrl-C")
    for name in ("gateway", "mariadb"):
        pid = home.pids()[name]
        os.kill(pid, signal.SIGKILL)
        lines_until(process, f"{name} ended")
        wait_until(lambda: home.pids().get(name, pid) != pid and home.client().request("GET", "/readyz").json()["status"] == "ready"
                   if accepts(home.port) else False, f"{name} restarted")
    home.run("stop")
    assert process.wait(120) == 0 and not home.pids()


def test_logs_are_rotated(make_home):
    home = make_home()
    (home.folder / "log").mkdir(parents=True)
    (home.folder / "log" / "gateway.log").write_bytes(b"x" * 11_000_000)
    home.run("start")
    assert (home.folder / "log" / "gateway.log.1").stat().st_size == 11_000_000
    assert (home.folder / "log" / "gateway.log").stat().st_size < 1_000_000


def test_logs_are_rotated_while_the_processes_run(make_home):
    home = make_home()
    home.run("start")
    folder, pids = home.folder / "log", home.pids()
    log = folder / "gateway.log"
    for turn in range(4):  # more than what is kept
        with open(log, "ab") as file:
            file.write(f"turn {turn} ".encode() + b"x" * 12_000_000 + b"\n")
        wait_until(lambda: log.stat().st_size < 1_000_000 and (folder / "gateway.log.1").stat().st_size == 10_000_000, "it is rotated")
    assert sum(file.stat().st_size for file in folder.glob("gateway.log*")) < 25_000_000
    assert sorted(file.name for file in folder.glob("gateway.log*")) == ["gateway.log", "gateway.log.1", "gateway.log.2"]
    reply = home.client().request("GET", "/api/v1/nothing")
    wait_until(lambda: reply["X-Request-Id"].encode() in log.read_bytes(), "the gateway goes on writing")
    assert b"\0" not in log.read_bytes() and home.pids() == pids
    home.run("stop")
    assert not (home.folder / "pid" / "keeper").exists()


@pytest.mark.parametrize("argv, code", [(["help"], 0), (["--help"], 0), (["nonsense"], 2), (["bench", "help"], 0), (["bench", "nonsense"], 2), (["demo", "stop"], None)])
def test_other_verbs(make_home, argv, code):
    done = make_home().run(*argv, code=None)
    assert done.returncode == code if code is not None else done.returncode != 0
    assert done.stdout or done.stderr


def test_costd_commands_work_on_the_running_installation(home, make_home):
    export, before = ROOT / "tests/data/openrouter/activity_export.csv", home.count()
    assert "1 rows: 1 new" in home.run("costd", "import", str(export)).stdout
    assert "0 new, 1 known already" in home.run("costd", "import", str(export)).stdout
    assert ": 0 rows and 0 totals differ" in home.run("costd", "--check").stdout
    assert home.count() == before + 1
    assert "./run start" in make_home().run("costd", "--check", code=2).stderr


def test_status_and_stop_without_a_home(make_home):
    home = make_home()
    assert {state for _, state in home.status(code=3).values()} == {"stopped"}
    home.run("stop")
    assert not home.folder.exists()


def test_demo_is_a_lively_year_loaded_once(make_home):
    home = make_home()
    home.run("demo", "start")
    assert list(home.status()) == ["mariadb", "stub", "costd", "reportd", "gateway"]
    count = home.count()
    assert count > 20_000
    reply = home.reader().usage(group_by="user", **{"from": "2020-01-01", "to": "2100-01-01"})
    assert len(reply["rows"]) == 12
    months = home.reader().usage(group_by="month", **{"from": "2020-01-01", "to": "2100-01-01"})["rows"]
    assert len(months) in (12, 13, 14)
    assert 0 < home.reader().usage(**{"from": "2020-01-01", "to": "2100-01-01"})["total"]["unsettled"] < 40
    for argv in (["demo", "start"], ["start"]):
        home.run(*argv)
        assert home.count() == count
    assert home.reader().get("/api/v1/credits").json()["known"]
    os.kill(home.pids()["stub"], signal.SIGKILL)
    home.run("start")
    assert "stub" in home.pids()


def test_demo_does_not_mix_with_a_real_ledger(home):
    home.send([record()])
    count = home.count()
    done = home.run("demo", "start", code=None)
    assert done.returncode != 0 and "METERING_HOME" in done.stderr
    home.run("start")
    assert home.count() == count


def test_demo_may_take_over_an_empty_ledger(make_home):
    home = make_home(A_SECRET_OF_THE_CALLER="not for the account")
    home.run("start")
    demo = home.foreground("demo", "start")
    seen = []
    wait_until(lambda: seen.extend(given for pid in processes_with(f"{home.folder}/stub") if b"READ_API_KEY" in (given := environment_of(pid))) or seen,
               "the program that loads the sample data")
    assert demo.wait(600) == 0, demo.stdout.read()
    assert home.count() > 20_000 and "stub" in home.pids()
    names = {name.split(b"=", 1)[0] for name in seen[0].split(b"\0") if name}
    assert names <= {b"API_KEY", b"READ_API_KEY", b"PATH", b"LANG", b"PWD", b"OLDPWD", b"SHLVL", b"_"}, names


def test_nothing_left_behind_in_tmp(home):
    made = dict(line.split("=", 1) for line in (home.folder / "settings.env").read_text().splitlines())
    assert re.match(r"/tmp/owui-metering\.\w+$", made["SOCKET_DIR"])
    home.run("stop")
    assert not os.path.exists(made["SOCKET_DIR"])
    home.run("start")
