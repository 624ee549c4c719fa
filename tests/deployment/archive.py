#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where this machine has Debian's packages from, as its own apt sources say.

    archive.py --outside
    archive.py RELEASE FOLDER

--outside prints the hosts and ports that requests for packages go to, proxies first.

RELEASE is a codename.  FOLDER gets what another system of that release needs to reach the
same archive in the same way:

    debian.sources   sources for its apt, with the suites for updates and security if this
                     machine has them
    keys/            the keys they name, where debian.sources looks for them in the other system
    keyring.gpg      all of these in one, for debootstrap; missing where apt names none

and standard output, to be read by a shell, says mirror= and components=.  apt lists what it has
fetched once, so that `apt-get update` must have been run."""
import base64
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443}
KEYS = "/etc/apt/keyrings/host"  # in the other system
FIELDS = ("REPO_URI", "CODENAME", "COMPONENT", "SOURCESENTRY", "ORIGIN")


def indexes():
    """indexes asks apt, which has read all of its files and knows which codename a suite has.  The first mirror of a
    list in a file stands for the list."""
    wanted = "|".join(f"$({name})" for name in FIELDS)
    done = subprocess.run(["apt-get", "indextargets", "--format", wanted, "Created-By: Packages"],
                          capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        one = dict(zip(FIELDS, line.split("|")))
        if one["REPO_URI"].startswith("mirror+file:"):
            mirrors = Path(urlsplit(one["REPO_URI"]).path.rstrip("/"))
            found = re.search(r"^\w+://\S+", mirrors.read_text(encoding="utf-8"), re.M) if mirrors.is_file() else None
            one["REPO_URI"] = found[0] if found else ""
        if urlsplit(one["REPO_URI"]).scheme in PORTS:
            yield one


def signed_by(entry):
    """signed_by reads which keys a source is checked with, the one thing of it that apt does not tell.
    entry is FILE:NUMBER, of a line in a .list, of a stanza in a .sources."""
    name, number = entry.rsplit(":", 1)
    text = re.sub(r"^#.*\n", "", Path(name).read_text(encoding="utf-8"), flags=re.M) if name.endswith(".sources") else \
        Path(name).read_text(encoding="utf-8")
    if not name.endswith(".sources"):
        found = re.search(r"\[[^]]*signed-by=([^]\s]+)", text.splitlines()[int(number) - 1])
        return found[1].split(",") if found else []
    stanzas = [one for one in re.split(r"\n[ \t]*\n", text) if one.strip()]
    found = re.search(r"^Signed-By:(.*(?:\n[ \t].*)*)", stanzas[int(number) - 1], re.M | re.I)
    if not found:
        return []
    if "BEGIN PGP" in found[1]:  # the key itself; a dot stands for an empty line
        return ["\n".join("" if line.strip() == "." else line.strip() for line in found[1].strip().splitlines()) + "\n"]
    return found[1].replace(",", " ").split()


def keys_of(entry):
    """keys_of yields the contents; a fingerprint names a key of those that apt trusts anyhow."""
    for one in signed_by(entry):
        if one.startswith("-----BEGIN"):
            yield one.encode()
        elif one.startswith("/"):
            yield Path(one).read_bytes()


def bare(key):
    """bare takes the armour off."""
    if not key.startswith(b"-----BEGIN"):
        return key
    body = re.search(rb"-----BEGIN[^\n]*\n(?:[^\n]+\n)*\s*\n(.*?)(?:\n=[^\n]*)?\n-----END", key, re.S)
    return base64.b64decode(body[1])


def proxy(scheme):
    """proxy is where apt sends requests of that scheme to."""
    done = subprocess.run(["apt-config", "shell", "found", f"Acquire::{scheme}::Proxy"], capture_output=True, text=True, check=True)
    found = re.search(r"found='([^']+)'", done.stdout)
    given = found[1] if found else os.environ.get(f"{scheme}_proxy", "")
    return None if given in ("", "DIRECT") else given


def address(url):
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or PORTS.get(parts.scheme, 80)}"


def outside():
    """outside yields where requests go to; the sources of Debian itself before others'."""
    addresses = [one["REPO_URI"] for one in sorted(indexes(), key=lambda one: one["ORIGIN"] != "Debian")]
    proxies = [proxy(scheme) for scheme in dict.fromkeys(urlsplit(one).scheme for one in addresses)]
    return dict.fromkeys(map(address, filter(None, proxies + addresses)))


def main():
    if sys.argv[1] == "--outside":
        print(*outside())
        return
    release, folder = sys.argv[1], Path(sys.argv[2])
    found = [one for one in indexes() if one["ORIGIN"] == "Debian" and
             one["CODENAME"] in (release, f"{release}-updates", f"{release}-security")]
    own = [one for one in found if one["CODENAME"] == release]
    if not own:
        sys.exit(f"apt's sources on this machine have no Debian {release} over HTTP")
    (folder / "keys").mkdir(parents=True)
    stanzas, all_keys = {}, {}
    for one in found:
        stanzas.setdefault((one["REPO_URI"], one["CODENAME"], one["SOURCESENTRY"]), []).append(one["COMPONENT"])
    text = ""
    for (uri, codename, entry), components in stanzas.items():
        names = []
        for key in keys_of(entry):
            ending = "asc" if key.startswith(b"-----BEGIN") else "gpg"
            names.append(all_keys.setdefault(key, f"{len(all_keys)}.{ending}"))
        text += f"Types: deb\nURIs: {uri}\nSuites: {codename}\nComponents: {' '.join(dict.fromkeys(components))}\n"
        text += f"Signed-By: {' '.join(f'{KEYS}/{name}' for name in names)}\n\n" if names else "\n"
    (folder / "debian.sources").write_text(text, encoding="utf-8")
    for key, name in all_keys.items():
        (folder / "keys" / name).write_bytes(key)
    if all_keys:
        (folder / "keyring.gpg").write_bytes(b"".join(map(bare, all_keys)))
    mirror = own[0]["REPO_URI"]
    print(f"mirror={mirror}")
    print(f"components={','.join(dict.fromkeys(one['COMPONENT'] for one in own if one['REPO_URI'] == mirror))}")


if __name__ == "__main__":
    main()
