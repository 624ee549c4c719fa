#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The borders of the house, checked by reading the source.

Each rule is a function that yields (file, line, message).  `check.py` prints what
it finds and ends with "N passed, N failed", one per rule; `check.py --self-test`
shows every rule a file that breaks it.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SERVICES = ("gateway", "costd", "reportd")
MAX_LINES = 600

# Third-party header -> the only rooms, or files (prefixes), that may include it.
ROOMS = {
    "civetweb.h": ["gateway/http/"],
    "sqlite3.h": ["gateway/spool/", "costd/import/"],  # the older program's file is one
    "argon2.h": ["gateway/access/"],
    "mysql.h": ["costd/database/"],
    "mysqld_error.h": ["costd/database/"],
    "errmsg.h": ["costd/database/"],
    "curl/": ["costd/vendor/"],
    "hpdf": ["reportd/pdf/"],
    "xlsxwriter": ["reportd/xlsx/"],
    "archive": ["reportd/make/"],
    "nng/": ["proto/wire/"],
    "jansson.h": ["proto/base/json"],
    "openssl/": ["proto/base/digest"],
}
# How many files of a service may include the header: one per distinct job.
FILES_PER_ROOM = {"civetweb.h": 1, "argon2.h": 1, "mysql.h": 1, "curl/": 1, "jansson.h": 2, "openssl/": 1}
MAX_SOURCES = 18

BANNED = {
    "strcpy": "snprintf or memcpy with a length", "strcat": "om_buf", "sprintf": "snprintf", "vsprintf": "vsnprintf",
    "gets": "getline", "atoi": "strtol with checks", "atol": "strtol with checks", "atoll": "strtoll with checks",
    "atof": "om_money", "strtok": "strcspn", "alloca": "an arena", "system": "nothing", "popen": "nothing",
    "tmpnam": "mkstemp", "mktemp": "mkstemp", "rand": "om_random", "srand": "om_random", "asctime": "om_time", "ctime": "om_time",
    "gmtime": "gmtime_r", "localtime": "localtime_r",
    # civetweb beyond begin_request: these parts of it have holes
    "mg_handle_form_request": "JSON", "mg_set_websocket_handler": "nothing", "mg_set_auth_handler": "gateway/access/auth.c",
    "mg_set_request_handler": "begin_request", "mg_send_file": "gateway/pages/assets.c",
}
# Binary floating point: only where a JSON number is read, a workbook's cell is
# written, a page is laid out, or a weight of Accept-Encoding is read; never in an amount.
DOUBLE_ROOMS = ("gateway/http/request", "proto/base/json", "proto/base/money", "proto/base/stats", "reportd/pdf/", "reportd/xlsx/")
# Hosts of Debian's, npm's and PyPI's packages, and of copies of them in other countries.
ARCHIVES = re.compile(r"\b(?:deb|security|snapshot|archive|ports|incoming|metadata\.ftp-master|http(?:redir)?|cdn-\w+|ftp[\w-]*|mirrors?)"
                      r"\.(?:[\w-]+\.)*debian\.(?:org|net)\b|\bregistry\.(?:npmjs|yarnpkg)\.|\bnpmjs\.(?:org|com)\b"
                      r"|\bpypi\.(?:org|python\.org|io)\b|\bpythonhosted\.org\b", re.I)


def files(root, *ends):
    """files yields tracked and new source files, never what a build made."""
    found = subprocess.run(["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, check=True)
    for name in sorted(found.stdout.splitlines()):
        if name.endswith(ends) and (root / name).is_file():
            yield name


def bare(text):
    """bare blanks out comments and the insides of strings, keeping the lines."""
    def blank(match):
        found = match.group(0)
        return re.sub(r"[^\n]", " ", found) if found[0] == "/" else found[0] + " " * (len(found) - 2) + found[-1]
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def source(root, *folders):
    for name in files(root, ".c", ".h", ".def"):
        if name.startswith(folders):
            yield name, (root / name).read_text(encoding="utf-8")


def includes(text):
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if match:
            yield number, match.group(1)


def services_do_not_include_each_other(root):
    headers = {s: {Path(n).name for n in files(root, ".h", ".def") if n.startswith(s + "/")} for s in SERVICES}
    shared = {Path(n).name for n in files(root, ".h", ".def") if n.startswith("proto/")}
    for name, text in source(root, "proto/", *(s + "/" for s in SERVICES)):
        home = name.split("/")[0]
        for number, header in includes(text):
            for other in SERVICES:
                own = headers.get(home, set()) | (shared if home == "proto" else set())
                if other != home and (header.startswith(other + "/") or
                                      (Path(header).name in headers[other] - own - shared)):
                    yield name, number, f"{home} includes {header} of {other}"
            if ".." in header.split("/"):
                yield name, number, f"{header}: no paths upwards"


def base_does_not_know_wire(root):
    wire = {Path(n).name for n in files(root, ".h") if n.startswith("proto/wire/")}
    for name, text in source(root, "proto/base/"):
        for number, header in includes(text):
            if header in wire or header.endswith(".pb-c.h"):
                yield name, number, f"base includes {header}"


def third_party_headers_stay_in_their_rooms(root):
    users = {}
    for name, text in source(root, "proto/", *(s + "/" for s in SERVICES)):
        for number, header in includes(text):
            for library, rooms in ROOMS.items():
                if header == library or (not library.endswith(".h") and header.startswith(library)):
                    if not name.startswith(tuple(rooms)):
                        yield name, number, f"{header} belongs to {', '.join(rooms)}"
                    users.setdefault((library, name.split("/")[0]), set()).add(name)
    for (library, home), names in users.items():
        if len(names) > FILES_PER_ROOM.get(library, 99):
            yield sorted(names)[0], 0, f"{library} is included by {len(names)} files of {home}: {', '.join(sorted(names))}"


def listed(root, service):
    """listed reads the service's list of rooms: {room: the rooms it may use}, from the ground up."""
    path = root / service / "rooms"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return {room: uses.split() for room, uses in (line.split(":", 1) for line in lines if re.match(r"[a-z]", line))}


def rooms_use_only_what_they_say(root):
    """The build makes a library of each room from the same list; here every include is held to it."""
    for service in SERVICES:
        rooms = listed(root, service)
        headers = [n for n in files(root, ".h") if n.startswith(service + "/")]
        top = {Path(n).name for n in headers if n.count("/") == 1}
        used = {room: set() for room in rooms}
        for name, text in source(root, *(f"{service}/{room}/" for room in rooms)):
            room = name.split("/")[1]
            inside = {Path(n).name for n in headers if n.startswith(f"{service}/{room}/")}
            for number, header in includes(text):
                other = header.split("/")[0]
                if other in rooms and "/" in header:
                    used[room].add(other)
                    if other == room and header.count("/") == 1 == name.count("/") - 1:
                        yield name, number, f"{header}: inside its room a header is included bare"
                    elif other not in [room, *rooms[room]]:
                        yield name, number, f"{header}: {service}/rooms does not say that {room} uses {other}"
                elif header in top - inside:
                    yield name, number, f"{header} stands at the top of {service}; no room uses it"
        above = set()
        for room, uses in rooms.items():
            for other in uses:
                if other not in above:
                    yield f"{service}/rooms", 1, f"{room} uses {other}, which does not stand above it"
                elif other not in used[room]:
                    yield f"{service}/rooms", 1, f"{room} says that it uses {other}, and includes nothing of it"
            above.add(room)


def no_bare_include_leaves_its_room(root):
    """Includes that cross rooms name the room; what no folder has is generated, and named by what made it."""
    tracked = {}
    for name in files(root, ".h", ".def"):
        tracked.setdefault(Path(name).name, set()).add(str(Path(name).parent))
    for name, text in source(root, "proto/", *(s + "/" for s in SERVICES)):
        for number, header in includes(text):
            places = tracked.get(header, set()) if "/" not in header else set()
            if places and str(Path(name).parent) not in places:
                yield name, number, f"{header} stands in {', '.join(sorted(places))}"


def a_folder_has_at_most_18_sources(root):
    folders = {}
    for name in files(root, ".c"):
        if name.startswith(("proto/", "tests/", *(s + "/" for s in SERVICES))):
            folders.setdefault(str(Path(name).parent), []).append(name)
    for folder, names in folders.items():
        if len(names) > MAX_SOURCES:
            yield folder, len(names), f"{len(names)} sources in one folder; the limit is {MAX_SOURCES}"


def files_do_not_include_each_other(root):
    """A file is its source and its headers, x.h and x_in.h; no file may need itself through others."""
    def stem(path):
        return re.sub(r"(_in)?\.\w+$", "", str(path))

    for home in ("proto", *SERVICES):
        needs = {}
        for name, text in source(root, home + "/"):
            here = needs.setdefault(stem(name), set())
            for _, header in includes(text):
                for folder in (str(Path(name).parent), home):
                    path = f"{folder}/{header}"
                    if (root / path).is_file():
                        here.add(stem(path))
                        break
        for name in needs:
            needs[name].discard(name)
        while True:  # what needs nothing that is left is in no circle
            free = [name for name, others in needs.items() if not others & needs.keys()]
            if not free:
                break
            for name in free:
                del needs[name]
        while True:  # and neither is what nothing that is left needs
            wanted = set().union(*needs.values()) if needs else set()
            free = [name for name in needs if name not in wanted]
            if not free:
                break
            for name in free:
                del needs[name]
        for name in sorted(needs):
            yield name + (".c" if (root / (name + ".c")).is_file() else ".h"), 1, f"in a circle with {', '.join(sorted(needs[name] & needs.keys()))}"


def files_are_short(root):
    for name in files(root, ".c", ".h", ".py", ".ts", ".svelte", ".mjs", ".sh", ".sql", ".proto", ".def", "run", ".ci/test"):
        if name.startswith(("plugin/openwebui_metering.py", "dashboard/src/api/types.ts", "dashboard/src/lib/i18n/texts.ts", "tests/openwebui/venv")):
            continue  # one file by design; generated
        lines = (root / name).read_text(encoding="utf-8", errors="replace").count("\n")
        if lines > MAX_LINES:
            yield name, lines, f"{lines} lines; the limit is {MAX_LINES}"


def banned_functions_are_not_called(root):
    pattern = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
    for name, text in source(root, "proto/", "tests/unit/", *(s + "/" for s in SERVICES)):
        for number, line in enumerate(bare(text).splitlines(), 1):
            for match in pattern.finditer(line):
                if match.group(1) == "system" and name.startswith("tests/"):
                    continue  # tests make certificates with openssl
                yield name, number, f"{match.group(1)} is banned; use {BANNED[match.group(1)]}"


def money_is_never_binary(root):
    pattern = re.compile(r"\b(double|float|strtod|strtof|fabs|pow)\b")
    for name, text in source(root, "proto/", *(s + "/" for s in SERVICES)):
        if name.startswith(DOUBLE_ROOMS):
            continue
        for number, line in enumerate(bare(text).splitlines(), 1):
            if pattern.search(line):
                yield name, number, "binary floating point outside its rooms"


def only_costd_speaks_sql(root):
    pattern = re.compile(r'"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE)\b')
    for name, text in source(root, "proto/", "reportd/", "gateway/"):
        for number, line in enumerate(text.splitlines(), 1):
            if pattern.search(line) and not name.startswith(("gateway/spool/", "gateway/intake/quota")):
                yield name, number, "SQL outside costd and the spool"


def tests_do_not_sleep(root):
    pattern = re.compile(r"\b(sleep|usleep|nanosleep)\s*\(")
    for name in files(root, ".c", ".h", ".py", ".mjs", ".ts"):
        if not name.startswith(("tests/unit/", "tests/functional/", "dashboard/e2e/")):
            continue
        text = (root / name).read_text(encoding="utf-8")
        for number, line in enumerate((bare(text) if name.endswith((".c", ".h")) else text).splitlines(), 1):
            if pattern.search(line):
                yield name, number, "a sleep; wait for a condition with a deadline"


def every_file_names_its_licence(root):
    for name in files(root, ".c", ".h", ".py", ".sh", ".sql", ".proto", ".def", ".mjs", ".ts", ".svelte", "CMakeLists.txt", "/run", "Dockerfile"):
        head = (root / name).read_text(encoding="utf-8", errors="replace")[:600]
        if "SPDX-License-Identifier: AGPL-3.0-or-later" not in head and not name.startswith(("dashboard/src/api/types.ts", "plugin/openwebui_metering.py")):
            yield name, 1, "no SPDX line"


def secrets_stay_with_their_service(root):
    owners = {"OPENROUTER_API_KEY": "costd/", "DATABASE_PASSWORD": "costd/", "JWT_SECRET": "gateway/", "PASSWORD_HASH": "gateway/",
              "WIRE_KEY_REPORTD": "proto/wire/settings.h"}
    for name, text in source(root, "proto/", *(s + "/" for s in SERVICES)):
        for number, line in enumerate(text.splitlines(), 1):
            for secret, owner in owners.items():
                if f'"{secret}"' in line and not name.startswith(owner):
                    yield name, number, f"{secret} belongs to {owner}"


def reportd_has_no_zone_of_its_own(root):
    """Documents of different zones are made by several threads at once: a zone is a value."""
    pattern = re.compile(r"(?<![\w.>])(om_zone_(?:open|name|day|day_start|offset_s|next_shift|text|table_make)|setenv|putenv|tzset|localtime_r|mktime)\s*\(")
    for name, text in source(root, "reportd/"):
        for number, line in enumerate(bare(text).splitlines(), 1):
            for match in pattern.finditer(line):
                yield name, number, f"{match.group(1)} asks the process's time zone; use the reply's (struct om_zone_table)"


def every_control_has_its_test(root):
    """.github/SECURITY.md promises tests by name."""
    path = root / ".github/SECURITY.md"
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for name in re.findall(r"`((?:tests/[\w/]+/)?(?:test_\w+\.(?:c|py)|check\.py|run\.sh|stack\.py))`", line):
            if not (root / (name if "/" in name else f"tests/functional/{name}")).is_file():
                yield ".github/SECURITY.md", number, f"there is no test {name}"


def no_host_of_a_package_archive_is_named(root):
    """Each machine has its own way to packages; its tools know it, and so do its apt sources."""
    for name in files(root, ""):
        content = (root / name).read_bytes()
        if b"\0" in content:
            continue  # not text
        for number, line in enumerate(content.decode("utf-8", errors="replace").splitlines(), 1):
            if ARCHIVES.search(line):
                yield name, number, "the host of a package archive; ask apt, npm or pip by a package's name"
            if name.endswith("package-lock.json") and re.search(r'"resolved":\s*"\w+://', line):
                yield name, number, "an address of a package; npm knows its registry, and the hash beside it stays true"


RULES = [rule for name, rule in list(globals().items())
         if callable(rule) and getattr(rule, "__module__", None) == __name__ and "_" in name and name not in ("self_test",)]

# rule -> a file and a content that break it, or several of which each does
BREAKERS = {
    "services_do_not_include_each_other": ("gateway/x.c", '#include "ledger.h"\n'),
    "base_does_not_know_wire": ("proto/base/x.c", '#include "wire.h"\n'),
    "third_party_headers_stay_in_their_rooms": ("reportd/x.c", "#include <mysql.h>\n"),
    "rooms_use_only_what_they_say": [("costd/value/x.c", '#include "ledger/ledger.h"\n'), ("costd/ledger/x.c", '#include "ledger/ledger.h"\n'),
                                     ("costd/ledger/x.c", '#include "app.h"\n'), ("costd/rooms", "ledger:\nvalue: ledger\n")],
    "no_bare_include_leaves_its_room": ("costd/value/x.c", '#include "ledger.h"\n'),
    "a_folder_has_at_most_18_sources": [(f"costd/many/x{i}.c", "int x;\n") for i in range(19)],
    "files_do_not_include_each_other": [("costd/ledger/ledger.c", '#include "x.h"\n'), ("costd/ledger/x.h", '#include "ledger.h"\n')],
    "files_are_short": ("costd/x.c", "\n" * 601),
    "banned_functions_are_not_called": ("costd/x.c", 'int f(char *a) { /* atoi */ return atoi(a); }\n'),
    "money_is_never_binary": ("costd/x.c", "static double cost;\n"),
    "only_costd_speaks_sql": ("gateway/x.c", 'const char *q = "SELECT 1";\n'),
    "tests_do_not_sleep": ("tests/functional/test_x.py", "import time\ntime.sleep(1)\n"),
    "every_file_names_its_licence": ("costd/x.c", "int x;\n"),
    "secrets_stay_with_their_service": ("gateway/x.c", '"OPENROUTER_API_KEY"\n'),
    "reportd_has_no_zone_of_its_own": [("reportd/x.c", "int f(void) { return om_zone_day(0); }\n"), ("reportd/y.c", 'void g(void) { setenv("TZ", "UTC", 1); }\n')],
    "every_control_has_its_test": (".github/SECURITY.md", "| 1.1.1 | here | `test_nothing.py` |\n"),
    "no_host_of_a_package_archive_is_named": [  # joined here, so that this file names none
        *(("x.md", f"from http://{'.'.join(host)}/x\n") for host in (
            ("deb", "debian", "org"), ("snapshot", "debian", "org"), ("ftp", "de", "debian", "org"), ("registry", "npmjs", "org"),
            ("www", "npmjs", "com"), ("PyPI", "org"), ("files", "pythonhosted", "org"))),
        ("web/package-lock.json", '{"resolved": "https://registry.example/a.tgz"}\n')],
}


# Rules that several files break together.
TOGETHER = ("a_folder_has_at_most_18_sources", "files_do_not_include_each_other")


def self_test():
    failed = 0
    for rule in RULES:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            subprocess.run(["git", "init", "-q", folder], check=True)
            for name in ("costd/ledger/ledger.h", "costd/app.h", "proto/wire/wire.h"):
                write(root / name, "/* SPDX-License-Identifier: AGPL-3.0-or-later */\n")
            write(root / "costd/rooms", "value:\nledger:\n")
            if list(rule(root)):
                failed += 1
                print(f"{rule.__name__} complains about nothing")
            breakers = BREAKERS[rule.__name__]
            breakers = breakers if isinstance(breakers, list) else [breakers]
            for together in [breakers] if rule.__name__ in TOGETHER else [[one] for one in breakers]:
                before = {name: (root / name).read_text() for name, _ in together if (root / name).is_file()}
                for name, content in together:
                    write(root / name, content)
                if not list(rule(root)):
                    failed += 1
                    print(f"{rule.__name__} does not see its breaker: {together[0][1].strip()[:60]}")
                for name, _ in together:
                    (root / name).unlink()
                for name, content in before.items():
                    write(root / name, content)
    return failed


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def main():
    failed = 0
    for rule in RULES:
        found = list(rule(ROOT))
        failed += bool(found)
        for name, line, message in found:
            print(f"{name}:{line}: {message}  ({rule.__name__})")
    if self_test():
        failed += 1
    print(f"{len(RULES) + 1 - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
