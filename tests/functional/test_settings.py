# SPDX-License-Identifier: AGPL-3.0-or-later
"""A missing or malformed setting stops a service with one line that names it."""
import re
import subprocess

import pytest
from openapi import ROOT
from stack import PASSWORD, bin_folder, hash_password

SERVICES = ("gateway", "costd", "reportd")


def good(tmp_path, service):
    hashed = hash_password(bin_folder())
    keys = {"WIRE_KEY_GATEWAY": "g" * 48, "WIRE_KEY_REPORTD": "w" * 48}
    return {
        "gateway": {"PORT": "0", "API_KEY": "i" * 32, "READ_API_KEY": "r" * 32, "JWT_SECRET": "j" * 64, "PASSWORD_HASH": hashed,
                    "SPOOL_DIR": str(tmp_path), "WIRE_KEY_GATEWAY": keys["WIRE_KEY_GATEWAY"]},
        "costd": {"COSTD_LISTEN": "tcp://127.0.0.1:0", "DATABASE_SOCKET": "/nonexistent", **keys},
        "reportd": {"REPORTD_LISTEN": "tcp://127.0.0.1:0", **keys},
    }[service]


def run(service, *argv, env=None, stdin=""):
    return subprocess.run([bin_folder() / service, *argv], env={"PATH": "/usr/bin:/bin", **(env or {})}, input=stdin,
                          capture_output=True, text=True, timeout=120)


def refusal(tmp_path, service, code=2, **changes):
    env = {**good(tmp_path, service), **changes}
    done = run(service, env={name: value for name, value in env.items() if value is not None})
    assert done.returncode == code, (done.returncode, done.stderr)
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.mark.parametrize("service, name", [("gateway", "API_KEY"), ("gateway", "JWT_SECRET"), ("gateway", "PASSWORD_HASH"),
                                           ("gateway", "SPOOL_DIR"), ("gateway", "WIRE_KEY_GATEWAY"),
                                           ("costd", "WIRE_KEY_GATEWAY"), ("costd", "WIRE_KEY_REPORTD"),
                                           ("reportd", "WIRE_KEY_GATEWAY"), ("reportd", "WIRE_KEY_REPORTD")])
@pytest.mark.parametrize("value", [None, ""], ids=["missing", "empty"])
def test_missing_setting(tmp_path, service, name, value):
    assert name in refusal(tmp_path, service, **{name: value})


@pytest.mark.parametrize("service, name, value", [
    ("gateway", "PORT", "http"), ("gateway", "PORT", "-1"), ("gateway", "PORT", "65536"), ("gateway", "PORT", "45000 "),
    ("gateway", "PORT", "1e3"), ("gateway", "API_KEY", "short"), ("gateway", "API_KEY", "with spaces in the key of it"),
    ("gateway", "JWT_SECRET", "j" * 47), ("gateway", "PASSWORD_HASH", "plain"), ("gateway", "PASSWORD_HASH", "$argon2id$v=19$m=1"),
    ("gateway", "PASSWORD_HASH", "$argon2id$v=19$m=4294967295,t=3,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"),
    ("gateway", "BIND_ADDRESS", "everywhere"), ("gateway", "COSTD_URL", "http://x"), ("gateway", "COSTD_URL", "ipc:///tmp/x"),
    ("gateway", "COSTD_URL", "tcp://"), ("gateway", "TRUSTED_PROXIES", "10.0.0.0/99"), ("gateway", "LOG_LEVEL", "loud"),
    ("gateway", "HTTP_THREADS", "0"), ("costd", "COSTD_LISTEN", "45001"), ("costd", "REPORT_TIMEZONE", "Mars/Olympus"),
    ("costd", "REPORT_TIMEZONE", "../../etc/passwd"), ("costd", "OPENROUTER_BASE_URL", "ftp://x"), ("costd", "OPENROUTER_BASE_URL", "x"),
    ("costd", "OPENWEBUI_ENDPOINT", "open-webui:8080"), ("costd", "OPENWEBUI_ENDPOINT", "http://u:p@x"), ("costd", "OPENWEBUI_INTERVAL", "0"),
    ("costd", "OPENWEBUI_API_KEY", "two words"), ("costd", "WORKER", "many"), ("costd", "DATABASE_PORT", "0"), ("reportd", "MINIMUM_CHARGE_FEE", "-1"),
    ("reportd", "MINIMUM_CHARGE_FEE", "5 EUR"), ("reportd", "MINIMUM_CHARGE_MODE", "both"), ("reportd", "PAPER", "a5"),
    ("gateway", "WIRE_KEY_GATEWAY", "g" * 47), ("costd", "WIRE_KEY_REPORTD", "w" * 47), ("gateway", "WIRE_WITHOUT_MAC", "yes"),
])
def test_malformed_setting(tmp_path, service, name, value):
    line = refusal(tmp_path, service, **{name: value})
    assert name in line
    if name in ("API_KEY", "JWT_SECRET", "PASSWORD_HASH", "WIRE_KEY_GATEWAY", "WIRE_KEY_REPORTD", "OPENWEBUI_API_KEY"):
        assert value not in line, "a secret is repeated"


def test_keys_must_differ(tmp_path):
    assert "READ_API_KEY" in refusal(tmp_path, "gateway", code=1, READ_API_KEY="i" * 32)


def test_value_and_file_at_once(tmp_path):
    (tmp_path / "key").write_text("k" * 32)
    assert "API_KEY" in refusal(tmp_path, "gateway", API_KEY_FILE=str(tmp_path / "key"))
    assert "API_KEY" in refusal(tmp_path, "gateway", API_KEY=None, API_KEY_FILE=str(tmp_path / "nothing"))


def test_secrets_from_files(make_stack, tmp_path):
    stack = make_stack(started=False)
    for name in ("API_KEY", "READ_API_KEY", "JWT_SECRET", "PASSWORD_HASH"):
        (tmp_path / name).write_text(stack.gateway.env.pop(name) + "\n")
        stack.gateway.env[name + "_FILE"] = str(tmp_path / name)
    stack.__enter__()
    stack.read.usage()
    stack.session().get("/api/v1/session")


@pytest.mark.parametrize("service", SERVICES)
def test_unknown_argument(service):
    assert run(service, "--nonsense").returncode == 2


@pytest.mark.parametrize("service", SERVICES)
def test_help_and_version(service):
    shown = run(service, "--help")
    assert shown.returncode == 0 and f"Usage: {service} [--help" in shown.stdout and "LOG_LEVEL" in shown.stdout
    assert re.search(r"\d+\.\d+\.\d+", run(service, "--version").stdout)


@pytest.mark.parametrize("service", SERVICES)
def test_dump_masks_secrets(tmp_path, service):
    env = {**good(tmp_path, service), "DATABASE_PASSWORD": "pw-of-the-database", "OPENROUTER_API_KEY": "sk-or-secret-secret"}
    done = run(service, "--settings", env=env)
    assert done.returncode == 0, done.stderr
    for secret in ("i" * 32, "r" * 32, "j" * 64, "pw-of-the-database", "sk-or-secret-secret", hash_password(bin_folder())):
        assert secret not in done.stdout + done.stderr


def test_hash_password_reads_one_line():
    one = run("gateway", "--hash-password", stdin=PASSWORD + "\n")
    two = run("gateway", "--hash-password", stdin=PASSWORD)
    assert one.stdout.startswith("$argon2id$") and two.stdout.startswith("$argon2id$") and one.stdout != two.stdout
    assert PASSWORD not in one.stdout + one.stderr
    assert run("gateway", "--hash-password", stdin="").returncode != 0


@pytest.mark.parametrize("service", SERVICES)
def test_readme_lists_the_settings(service):
    readme = ROOT / "README.md"
    if not readme.exists():
        pytest.skip("no README yet")
    block = re.search(rf"<!-- settings:{service} -->\n(.*?)<!-- /settings -->", readme.read_text(encoding="utf-8"), re.S)
    assert block is not None, f"README.md has no place for the settings of {service}"
    assert block.group(1).strip() == run(service, "--settings-markdown").stdout.strip()


def test_port_in_use_is_one_clear_line(make_stack):
    stack = make_stack()
    second = stack.gateway_process(9)
    second.env["PORT"] = str(stack.port)
    second.start(wait=False)
    assert second.child.wait(120) not in (0, -11, -6)
    assert str(stack.port) in second.log


# What the images or the compose file fix, or what needs a file that an override mounts.
FIXED = {"BIND_ADDRESS", "PORT", "SPOOL_DIR", "DASHBOARD_DIR", "COSTD_LISTEN", "REPORTD_LISTEN", "DATABASE_SOCKET", "WORK_DIR", "FONT_DIR",
         "WIRE_TLS_CA", "WIRE_TLS_CERT", "WIRE_TLS_KEY"}


def test_example_of_settings_has_what_compose_takes():
    text, compose = (ROOT / ".metering.env.example").read_text(), (ROOT / "docker-compose.yml").read_text()
    names = re.findall(r"^#?([A-Z][A-Z0-9_]+)=", text, re.M)
    assert len(names) == len(set(names)) > 20 and set(names) <= set(re.findall(r"\$\{([A-Z0-9_]+)", compose)), "the others have no effect"
    assert {"PUBLIC_URL", "ALLOWED_HOSTS", "TRUSTED_PROXIES"} <= set(names), "or browsers may be refused"
    assert "421" in re.search(r"((?:^#.*\n)+)PUBLIC_URL=\nALLOWED_HOSTS=$", text, re.M)[1]


def test_compose_puts_no_secret_into_an_environment():
    compose = (ROOT / "docker-compose.yml").read_text()
    assert re.findall(r"^ +([A-Z0-9_]*(?:KEY|SECRET|PASSWORD|HASH|TOKEN)): .*\$\{", compose, re.M) == []
    assert "{source: webui_secret_key, target: /app/backend/.webui_secret_key}" in compose, "where Open WebUI's start.sh reads it"


@pytest.mark.parametrize("service", SERVICES)
def test_compose_passes_every_setting_on(service):
    settings = set(re.findall(r"^\| *`([A-Z0-9_]+)`", run(service, "--settings-markdown").stdout, re.M))
    block = re.search(rf"^  {service}:\n(.*?)^  \w", (ROOT / "docker-compose.yml").read_text(), re.M | re.S)[1]
    passed = re.findall(r"^      ([A-Z0-9_]+): [\"$]", block, re.M) + re.findall(r"^      ([A-Z0-9_]+)_FILE: /run/secrets/", block, re.M)
    assert sorted(passed) == sorted(set(passed)), "named twice"
    assert len(settings) > 10 and settings - set(passed) - FIXED == set()
    assert set(passed) <= settings
