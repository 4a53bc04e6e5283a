# SPDX-License-Identifier: Apache-2.0
"""Running tests: folders, processes, bounds, verdicts."""

import os
import shutil
import signal
import socket
import stat
import sys
import tempfile
import time
import traceback

from . import process

SRCDIR = os.environ.get("LISTD_SRCDIR") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILDDIR = os.environ.get("LISTD_BUILDDIR") or SRCDIR
SCRIPT_SECONDS = float(os.environ.get("LISTD_TEST_TIMEOUT", "300"))
LOG_TAIL = 40           # lines of each log shown for a failure
NOBODY = 65534
PROGRAMS = ["listd/listd", "listd/listctl", "tests/sink", "tests/fake_dns",
            "tests/clock_jump", "tests/dkim_write", "tests/privsep_roles",
            "tests/verify_copies", "tests/bench/bench_rsa",
            "tests/bench/http_load", "tests/bench/static_http",
            "tests/bench/unsubscribe_paths"]


class Failed(Exception):
    """The test's claim does not hold."""


class Skip(Exception):
    """What the test needs is not here."""


class OutOfTime(BaseException):
    """The whole script took too long; no except clause should stop it."""


def wait_until(condition, seconds, what, step=0.02):
    """Call condition until it is true and return its value, or fail."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise Failed("waited %g s for %s" % (seconds, what))
        time.sleep(step)


class Test:
    """One test function's world."""

    def __init__(self, name, folder):
        self.name = name
        self.folder = folder
        self.processes = []
        self.cleanups = []
        self._numbers = {}

    # ---- claims

    def check(self, truth, what):
        if not truth:
            raise Failed(what)

    def equal(self, got, wanted, what):
        if got != wanted:
            raise Failed("%s: got %r, wanted %r" % (what, got, wanted))

    def between(self, got, low, high, what):
        if not low <= got <= high:
            raise Failed("%s: got %r, wanted %r to %r" %
                         (what, got, low, high))

    def wait(self, condition, seconds, what):
        return wait_until(condition, seconds, what)

    def fail(self, what):
        raise Failed(what)

    def skip(self, why):
        raise Skip(why)

    # ---- things to work with

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def fresh(self, stem):
        """A path that no other call got: stem1, stem2, ..."""
        self._numbers[stem] = self._numbers.get(stem, 0) + 1
        return self.path("%s%d" % (stem, self._numbers[stem]))

    def write(self, name, data):
        """A file in the test's folder; returns its path."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())
        return path

    def data(self, *names):
        """The path of a file in tests/data."""
        return os.path.join(SRCDIR, "tests", "data", *names)

    def shared_data(self, *names):
        """The path of a file of the shared test data, or a skip."""
        base = os.environ.get("LISTD_SHARED") or os.path.join(
            os.path.dirname(SRCDIR), "shared")
        path = os.path.join(base, "data", *names)
        if not os.path.exists(path):
            raise Skip("no shared data: %s" % os.path.join(*names))
        return path

    def program(self, name):
        """The path of a program of the build."""
        path = os.path.join(BUILDDIR, name)
        if not os.access(path, os.X_OK):
            raise Failed("%s is not built; LISTD_BUILDDIR names the folder "
                         "of the build" % path)
        return path

    def free_port(self, address="127.0.0.1"):
        """A port that was free a moment ago; port 0 is better."""
        with socket.socket() as s:
            s.bind((address, 0))
            return s.getsockname()[1]

    def spawn(self, argv, stem, **kwargs):
        """Start a process that ends with the test; logs are STEM.out, .err."""
        p = process.Process(argv, self.fresh(stem), **kwargs)
        self.processes.append(p)
        return p

    def sink(self, *args, **kwargs):
        from .sink import Sink
        return Sink(self, *args, **kwargs)

    def dns(self, *args, **kwargs):
        from .dns import Dns
        return Dns(self, *args, **kwargs)

    def daemon(self, *args, **kwargs):
        from .daemon import Daemon
        return Daemon(self, *args, **kwargs)

    def clock(self):
        from .clock import Clock
        return Clock(self.fresh("clock"))

    def authority(self, *args, **kwargs):
        from .tls import Authority
        return Authority(self, *args, **kwargs)

    # ---- the end

    def end(self):
        """Stop everything; returns what did not end as it should."""
        complaints = []
        for cleanup in reversed(self.cleanups):
            cleanup()
        for p in reversed(self.processes):
            complaints += p.end()
        return complaints

    def show_logs(self):
        for p in self.processes:
            for path in p.logs():
                process.show_tail(path, LOG_TAIL)


# ---- root

def _reachable(path):
    """May anybody enter this folder and all above it?"""
    path = os.path.realpath(path)
    while True:
        if not os.stat(path).st_mode & stat.S_IXOTH:
            return False
        if path == "/":
            return True
        path = os.path.dirname(path)


def _copy_for_nobody(folder):
    """Copy what tests use out of a tree that nobody may not enter."""
    global SRCDIR, BUILDDIR
    tree = os.path.join(folder, "tree")
    shutil.copytree(os.path.join(SRCDIR, "tests"), os.path.join(tree, "tests"),
                    ignore=shutil.ignore_patterns("corpus", "*.o", ".deps",
                                                  ".libs", "test_*",
                                                  "fuzz_*"))
    for name in PROGRAMS:
        source = os.path.join(BUILDDIR, name)
        if os.path.exists(source):
            target = os.path.join(tree, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy2(source, target)
    for name in ["contrib", "web", "listd"]:
        source = os.path.join(SRCDIR, name)
        if os.path.isdir(source):
            shutil.copytree(source, os.path.join(tree, name),
                            dirs_exist_ok=True,
                            ignore=shutil.ignore_patterns("*.o", ".deps"))
    for where, folders, names in os.walk(tree):
        for name in folders + names:
            os.lchown(os.path.join(where, name), NOBODY, NOBODY)
    os.chown(tree, NOBODY, NOBODY)
    SRCDIR = BUILDDIR = tree
    os.environ["LISTD_SRCDIR"] = os.environ["LISTD_BUILDDIR"] = tree


def become_nobody(folder):
    """Leave root for good; the tree is copied below folder if need be."""
    if not _reachable(SRCDIR) or not _reachable(BUILDDIR):
        _copy_for_nobody(folder)
    os.chown(folder, NOBODY, NOBODY)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    os.environ["HOME"] = folder
    for name in ("USER", "LOGNAME"):
        os.environ[name] = "nobody"


# ---- the script

def _report(t, kind, text):
    print("FAIL %s: %s: %s" % (t.name, kind, text))
    t.show_logs()


def _run_one(function, folder):
    """True when the test passed; raises Skip."""
    t = Test(function.__name__, folder)
    os.mkdir(folder)
    good = False
    try:
        function(t)
        good = True
    except Failed as e:
        _report(t, "claim", e)
        where = traceback.extract_tb(e.__traceback__)
        for frame in where[1:]:
            print("  at %s:%d: %s" % (os.path.basename(frame.filename),
                                      frame.lineno, frame.line))
    except OutOfTime:
        _report(t, "time", "the script's %g s are over" % SCRIPT_SECONDS)
        traceback.print_exc(file=sys.stdout)
    except Skip:
        raise
    except Exception as e:
        _report(t, "error", repr(e))
        traceback.print_exc(file=sys.stdout)
    finally:
        signal.setitimer(signal.ITIMER_REAL, max(
            1, signal.getitimer(signal.ITIMER_REAL)[0]) + 30)
        complaints = t.end()
    for text in complaints:
        if good:
            _report(t, "end", text)
        good = False
    return good


def _on_alarm(_number, _frame):
    raise OutOfTime()


def _chosen(functions):
    names = sys.argv[1:]
    known = [f.__name__ for f in functions]
    for name in names:
        if name not in known:
            sys.exit("no test %s here; there are: %s" %
                     (name, " ".join(known)))
    return [f for f in functions if not names or f.__name__ in names]


def run(*functions, needs_root=False):
    """Run the tests and exit."""
    sys.stdout.reconfigure(line_buffering=True)
    os.umask(0o022)         # whoever runs this may have a stricter one
    chosen = _chosen(functions)
    if needs_root and os.getuid() != 0:
        print("SKIP: needs root")
        sys.exit(77)
    top = tempfile.mkdtemp(prefix="listd-test-")
    failed, skipped = 0, 0
    try:
        if os.getuid() == 0 and not needs_root:
            become_nobody(top)
        os.chdir(top)
        signal.signal(signal.SIGALRM, _on_alarm)
        signal.setitimer(signal.ITIMER_REAL, SCRIPT_SECONDS)
        for function in chosen:
            began = time.monotonic()
            try:
                if _run_one(function, os.path.join(top, function.__name__)):
                    print("ok %s (%.1f s)" % (function.__name__,
                                              time.monotonic() - began))
                else:
                    failed += 1
            except Skip as e:
                print("SKIP %s: %s" % (function.__name__, e))
                skipped += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        if os.environ.get("LISTD_TEST_KEEP"):
            print("kept: %s" % top)
        else:
            _remove(top)
    if failed:
        sys.exit(1)
    sys.exit(77 if skipped == len(chosen) else 0)


def _remove(top):
    """Even what a test made unreadable."""
    for folder, _names, _files in os.walk(top):
        try:
            os.chmod(folder, 0o700)
        except OSError:
            pass
    os.chdir("/")
    shutil.rmtree(top, ignore_errors=True)
