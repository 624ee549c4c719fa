# SPDX-License-Identifier: AGPL-3.0-or-later
"""An installation whose reportd asks costd through a proxy that can be stopped; what the gateway asks goes straight."""
from stack import Stack
from valve import Valve


class Slow(Stack):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.valve = Valve(int(self.costd_url.rsplit(":", 1)[1]))
        self.reportd = self.process("reportd", self.reportd_env())

    def reportd_env(self):
        env = super().reportd_env()
        return {**env, "COSTD_URL": self.valve.url} if hasattr(self, "valve") else env

    def __exit__(self, *fault):
        self.valve.open()
        super().__exit__(*fault)
        self.valve.close()
