# SPDX-License-Identifier: AGPL-3.0-or-later
"""Disks that break: one process's, by a library put before it, and one that loses its power."""
import fcntl
import os
import struct
import subprocess
from pathlib import Path

from stack import wait_until

HERE = Path(__file__).resolve().parent
SHUT_DOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
WITHOUT_FLUSH = 2
IMAGE_BYTES = 64 * 1024 * 1024


class Disk:
    """The disk under a gateway's spool, broken on order: disk.c has the letters."""

    def __init__(self, stack, folder):
        library = folder / "disk.so"
        subprocess.run(["cc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-o", library, HERE / "disk.c"], check=True)
        self.file = folder / "disk.fault"
        self.file.write_bytes(b"\0\0")
        stack.gateway.env |= {"LD_PRELOAD": str(library), "DISK_FAULT_FILE": str(self.file),
                              "DISK_FOLDER": stack.gateway.env["SPOOL_DIR"]}

    def order(self, letter):
        with open(self.file, "r+b") as out:  # in place: the process has it mapped
            out.write(letter + b"\0")

    @property
    def hit(self):
        return self.file.read_bytes()[1] == 1


class PowerlessDisk:
    """An ext4 file system in a file.  cut() is a loss of power: from then on nothing reaches it, and what was
    written and not synced before is gone when it is mounted again."""

    def __init__(self, folder, image):
        self.folder, self.image = Path(folder), Path(image)
        with open(self.image, "wb") as out:
            out.truncate(IMAGE_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.image], check=True)

    @staticmethod
    def possible(folder):
        """possible tells whether this machine lets us mount such a disk."""
        if os.geteuid() != 0:
            return False
        disk = PowerlessDisk(folder, Path(folder).with_suffix(".image"))
        if disk._mount().returncode != 0:
            return False
        disk.unmount()
        return True

    def _mount(self):
        return subprocess.run(["mount", "-o", "loop", self.image, self.folder], capture_output=True)

    def mount(self):
        done = self._mount()
        assert done.returncode == 0, done.stderr

    def unmount(self):
        """unmount returns when the file system is gone: a container that is being made elsewhere may hold it for a moment."""
        subprocess.run(["umount", self.folder], check=True)
        wait_until(lambda: not subprocess.run(["losetup", "-j", self.image], capture_output=True, check=True).stdout, "a free loop device")

    def cut(self):
        fd = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, SHUT_DOWN, struct.pack("I", WITHOUT_FLUSH))
        finally:
            os.close(fd)
