#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a daemon costs that has nothing to do, over BENCH_IDLE (default 30)
seconds after it has come to rest.

    idle_cpu             of one core, all roles
    idle_cpu_ROLE        what of it is the role's
    idle_switches_ROLE   how often the role's threads woke up or gave way
"""

import os
import time

import harness
from fanout import cpu_us, figure, switches

SECONDS = float(os.environ.get("BENCH_IDLE", "30"))
REST = 5        # seconds after the last work


def idle(t):
    w = harness.World(t, domains=5, tls=False, store=True,
                      log_level="notice",
                      sink_options=["--no-check", "--no-count"])
    w.ready_list()
    time.sleep(REST)
    roles = dict(w.daemon.roles(), parent=[w.daemon.process.pid])
    before = {n: (cpu_us(pids), switches(pids)) for n, pids in roles.items()}
    time.sleep(SECONDS)
    whole = 0
    for name, pids in roles.items():
        cpu = (cpu_us(pids) - before[name][0]) / SECONDS / 1e4
        whole += cpu
        figure("idle_cpu_" + name, cpu, "%")
        figure("idle_switches_" + name,
               (switches(pids) - before[name][1]) / SECONDS, "/s")
    figure("idle_cpu", whole, "%")


if __name__ == "__main__":
    harness.run(idle)
