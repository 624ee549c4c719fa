#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""with_mariadb.py COMMAND... runs a command beside a private MariaDB, whose socket
METERING_TEST_DATABASE_SOCKET names (user root, no password)."""
import os
import subprocess
import sys
import tempfile

from stack import MariaDB


def main():
    with tempfile.TemporaryDirectory() as folder, MariaDB(folder) as server:
        return subprocess.run(sys.argv[1:], env={**os.environ, "METERING_TEST_DATABASE_SOCKET": str(server.socket)}).returncode


if __name__ == "__main__":
    sys.exit(main())
