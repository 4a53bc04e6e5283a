# SPDX-License-Identifier: Apache-2.0
"""A process of a test: its logs, its children, its certain end."""

import ctypes
import os
import signal
import subprocess
import time

END_SECONDS = 10        # from SIGTERM to SIGKILL
PR_SET_PDEATHSIG = 1
SANITIZER_MARKS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer",
                   "runtime error:", "WARNING: ThreadSanitizer")

_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def show_tail(path, lines):
    try:
        with open(path, errors="backslashreplace") as f:
            tail = f.readlines()[-lines:]
    except OSError:
        return
    if tail:
        print("---- %s" % os.path.basename(path))
        for line in tail:
            print("  " + line.rstrip("\n"))


def stat_fields(pid):
    """/proc/PID/stat behind the name: state, ppid, pgrp, session, ..."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None


def command_line(pid):
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as f:
            return [w.decode(errors="replace")
                    for w in f.read().split(b"\0")[:-1]]
    except OSError:
        return []


def session_members(session):
    """Ids of the living processes of a session."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = stat_fields(int(name))
            if fields and int(fields[3]) == session and fields[0] != "Z":
                found.append(int(name))
    return found


def children(pid):
    """Ids of the living children of pid, oldest first."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = stat_fields(int(name))
            if fields and int(fields[1]) == pid and fields[0] != "Z":
                found.append((int(fields[19]), int(name)))
    return [child for _start, child in sorted(found)]


class Process:
    def __init__(self, argv, stem, env=None, stdin=subprocess.DEVNULL,
                 expected=(0,), **kwargs):
        """expected: exit statuses that are no complaint at the end, when
        the process ended before it was told to."""
        self.argv = argv
        self.out_path = stem + ".out"
        self.err_path = stem + ".err"
        self.expected = expected
        self.ended = False
        environment = dict(os.environ)
        environment.update(env or {})
        with open(self.out_path, "wb") as out, \
                open(self.err_path, "wb") as err:
            # A session of its own: its children can be found and ended, and
            # a terminal's interrupt reaches the harness alone.
            self.popen = subprocess.Popen(
                argv, stdin=stdin, stdout=out, stderr=err, env=environment,
                start_new_session=True, preexec_fn=_die_with_parent, **kwargs)
        self.pid = self.popen.pid

    def logs(self):
        return [self.out_path, self.err_path]

    def out(self):
        with open(self.out_path, errors="backslashreplace") as f:
            return f.read()

    def err(self):
        with open(self.err_path, errors="backslashreplace") as f:
            return f.read()

    def alive(self):
        return self.popen.poll() is None

    def signal(self, number):
        """Send a signal, unless it has ended."""
        if self.alive():
            self.popen.send_signal(number)

    def wait(self, seconds):
        """The exit status (negative: a signal), or None when it runs on."""
        try:
            status = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self.ended = True
        return status

    def kill(self):
        """SIGKILL to it and to what is left of its session."""
        self.signal(signal.SIGKILL)
        self.wait(END_SECONDS)
        self._kill_rest()

    def _kill_rest(self):
        end = time.monotonic() + END_SECONDS
        while time.monotonic() < end:
            rest = session_members(self.pid)
            if not rest:
                return True
            for pid in rest:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            time.sleep(0.02)
        return False

    def end(self):
        """Make sure it is gone.  Returns complaints about how."""
        complaints = []
        name = os.path.basename(self.argv[0])
        if not self.ended and self.popen.poll() is not None and \
                self.popen.returncode not in self.expected:
            complaints.append("%s ended with status %d" %
                              (name, self.popen.returncode))
        running = not self.ended and self.alive()
        self.signal(signal.SIGTERM)
        status = self.wait(END_SECONDS)
        if running and status is not None and \
                status not in self.expected + (-signal.SIGTERM,):
            complaints.append("%s ended with status %d on SIGTERM" %
                              (name, status))
        if status is None:
            complaints.append("%s did not end on SIGTERM" % name)
            self.signal(signal.SIGKILL)
            self.wait(END_SECONDS)
        if not self._kill_rest():
            complaints.append("%s left processes behind" % name)
        for path in self.logs():
            with open(path, errors="replace") as f:
                text = f.read()
            for mark in SANITIZER_MARKS:
                if mark in text:
                    complaints.append("%s: %s in %s" % (
                        name, mark, os.path.basename(path)))
                    break
        return complaints
