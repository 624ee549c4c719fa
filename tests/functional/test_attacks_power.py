# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a process of ./run can do when it was taken over: as root it has an account of its own, and that account nearly nothing."""
import os
import pwd
import stat
import subprocess

import pytest
from records import record
from test_run import SERVICES, Home, built, folder, folders  # noqa: F401 the fixtures

ACCOUNT = "owui-metering"
pytestmark = [pytest.mark.slow, pytest.mark.unsanitized("./run builds and starts a release of its own"),
              pytest.mark.skipif(os.geteuid() != 0, reason="only root has an account to drop to")]


@pytest.fixture(scope="module")
def home(folders, contract):
    """A home in folders that are root's alone, with a key in such a file."""
    key = folders.mktemp("root's own") / "api.key"
    key.write_text("ik-" + "k" * 45)
    key.chmod(0o600)
    key.parent.chmod(0o700)
    one = Home(folders.mktemp("power") / "home", contract, API_KEY_FILE=str(key))
    one.folder.parent.chmod(0o700)
    one.run("start")
    yield one
    one.run("stop")


def facts(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file)


def uid_of(pid):
    return {int(uid) for uid in facts(pid)["Uid"].split()}


def as_account(*argv):
    return subprocess.run(["setpriv", "--reuid", ACCOUNT, "--regid", str(pwd.getpwnam(ACCOUNT).pw_gid), "--clear-groups", *argv],
                          capture_output=True, text=True, check=False)


def test_all_four_processes_have_the_account_and_no_privileges(home):
    account = pwd.getpwnam(ACCOUNT)
    assert account.pw_uid != 0 and account.pw_shell == "/usr/sbin/nologin"
    pids = home.pids()
    assert sorted(pids) == sorted(SERVICES)
    for name, pid in pids.items():
        of = facts(pid)
        assert uid_of(pid) == {account.pw_uid}, name
        assert {int(gid) for gid in of["Gid"].split()} == {account.pw_gid} and of["Groups"].strip() == "", name
        assert all(int(of[f"Cap{kind}"], 16) == 0 for kind in ("Inh", "Prm", "Eff", "Amb")), name
        assert of["NoNewPrivs"] == "1", name


def test_the_account_reads_no_secret_and_changes_nothing_of_roots(home):
    for path in ("settings.env", "access.env", "env/costd.env", "env/gateway.env", "log/costd.log", "pid/gateway"):
        assert (home.folder / path).exists(), path
        done = as_account("cat", str(home.folder / path))
        assert done.returncode != 0 and not done.stdout, path
    assert as_account("ls", str(home.folder)).returncode != 0
    for command in (["touch", str(home.folder / "new")], ["rm", "-f", str(home.folder / "settings.env")],
                    ["mv", str(home.folder / "pid"), str(home.folder / "old")]):
        assert as_account(*command).returncode != 0, command
    assert stat.S_IMODE((home.folder / "access.env").stat().st_mode) == 0o600
    assert not stat.S_IMODE(home.folder.stat().st_mode) & 0o067


def test_it_works_in_folders_of_root(home):
    home.send([record("ada", "0.5")])
    assert home.access["API_KEY"] == "ik-" + "k" * 45


def test_a_home_of_an_earlier_version_is_handed_over(folder, contract):
    home = Home(folder / "home", contract)
    try:
        home.run("start", METERING_USER="root")
        assert all(uid_of(pid) == {0} for pid in home.pids().values())
        home.send([record("ada", "0.5")])
        home.run("start")
        assert all(uid_of(pid) == {pwd.getpwnam(ACCOUNT).pw_uid} for pid in home.pids().values())
        assert home.count() == 1
        home.send([record("ada", "0.25")])
        home.run("stop")
        home.run("start")
        assert home.count() == 2
    finally:
        home.run("stop")
