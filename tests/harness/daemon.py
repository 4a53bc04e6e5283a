# SPDX-License-Identifier: Apache-2.0
"""The program under test: listd in its own folder, and listctl."""

import json
import os
import re
import signal
import subprocess

from . import process
from .core import Failed, wait_until

# Users that every Debian has stand in for those of listd.
ROLE_USERS = {"queue": "bin", "deliver": "sys", "inbound": "games",
              "web": "man"}
ROLE_GROUP = "mail"
START_SECONDS = 30
STOP_SECONDS = 45
CTL_SECONDS = 60


class Result:
    """What a command line program said."""

    def __init__(self, argv, status, out, err):
        self.argv = argv
        self.status = status
        self.out = out
        self.err = err

    def json(self):
        try:
            return json.loads(self.out)
        except ValueError:
            raise Failed("%s printed no JSON: %r, %r" % (
                " ".join(self.argv[1:]), self.out[:400],
                self.err[:400])) from None

    def __repr__(self):
        return "%s: status %d\n%s%s" % (" ".join(self.argv), self.status,
                                        self.out, self.err)


class Daemon:
    """Settings are keyword arguments with the names of listd.conf(5); a list
    is several lines, True and False are yes and no, None leaves one out.
    clock is a Clock, sink and dns the doubles it shall talk to."""

    PROGRAM = "listd/listd"

    def __init__(self, t, sink=None, dns=None, clock=None, env=None,
                 **settings):
        self.t = t
        self.folder = t.fresh("listd")
        os.mkdir(self.folder)
        self.clock = clock
        self.env = env or {}
        self.process = None
        self.data_dir = os.path.join(self.folder, "data")
        self.socket = os.path.join(self.folder, "control")
        self.conf_path = os.path.join(self.folder, "listd.conf")
        self.settings = {
            "hostname": "lists.example.org",
            "data_dir": self.data_dir,
            "control_socket": self.socket,
            "smtp_listen": "127.0.0.1:0",
            "http_listen": "127.0.0.1:0",
            "allow_loopback": True,
            "drain_timeout": "5s",
            "log_level": "debug",
            "log_addresses": "full",
            "smtp_ipv6": False,
            "deliver_roles": 1,
            "map_size": "64m",
            "map_size_queue": "64m",
        }
        if dns is not None:
            self.settings["resolver"] = dns.server
        if sink is not None:
            self.settings["smtp_port"] = sink.port
        if clock is not None:
            self.settings["test_clock"] = clock.path
        self.configure(**settings)

    def configure(self, **settings):
        """Change settings and write the file; reload() makes them true."""
        self.settings.update(settings)
        lines = []
        for name, value in self.settings.items():
            for one in value if isinstance(value, (list, tuple)) else [value]:
                if one is True or one is False:
                    one = "yes" if one else "no"
                if one is not None:
                    lines.append("%s = %s\n" % (name, one))
        with open(self.conf_path, "w") as f:
            f.write("".join(lines))

    # ---- life

    def spawn(self, *options):
        """Start it and do not wait for anything."""
        argv = [self.t.program(self.PROGRAM), "-f", *options,
                "-c", self.conf_path]
        self.process = self.t.spawn(argv, os.path.basename(self.folder),
                                    env=self.env)
        return self.process

    def start(self, seconds=START_SECONDS):
        """Start it; returns when every role is ready."""
        self.spawn()

        def ready():
            if not self.process.alive():
                raise Failed("listd ended with status %s:\n%s" % (
                    self.process.wait(1), self.log()[-2000:]))
            return self.is_ready()

        wait_until(ready, seconds, "listd to be ready")
        return self

    def is_ready(self):
        return re.search(r"\bevent=started\b", self.log()) is not None

    def start_refused(self, seconds=START_SECONDS):
        """Start one that should refuse; returns (status, log)."""
        p = self.spawn()
        status = p.wait(seconds)
        if status is None:
            raise Failed("listd runs on")
        return status, self.log()

    def stop(self, seconds=STOP_SECONDS):
        """SIGTERM; returns the exit status."""
        self.process.signal(signal.SIGTERM)
        status = self.process.wait(seconds)
        if status is None:
            raise Failed("listd does not stop")
        return status

    def kill(self):
        """SIGKILL for the parent and all roles, as in a power cut of the
        process table."""
        self.process.kill()

    def reload(self, taken_by=()):
        """SIGHUP; returns when the roles of these names have taken it."""
        before = {name: len(self._taken(name)) for name in taken_by}
        self.process.signal(signal.SIGHUP)
        for name, n in before.items():
            wait_until(lambda name=name, n=n: len(self._taken(name)) > n,
                       START_SECONDS, "%s to take the reload" % name)

    def _taken(self, name):
        return re.findall(r"event=reload_taken text=%s\b" % re.escape(name),
                          self.log())

    def restart(self):
        self.stop()
        return self.start()

    def log(self):
        return self.process.err() if self.process else ""

    def wait_log(self, pattern, seconds=30, count=1):
        """Until the log has count matches of a regular expression; returns
        the last."""
        def found():
            all_of_them = list(re.finditer(pattern, self.log()))
            return len(all_of_them) >= count and all_of_them[-1]
        return wait_until(found, seconds, "the log to say %r" % pattern)

    # ---- where it listens

    def port(self, name, index=0):
        """The port of a listener: "smtp", "lmtp", "http" or "https"."""
        found = re.findall(r"event=listen name=%s\.%d address=\"?\S*?:(\d+)" %
                           (name, index), self.log())
        if not found:
            raise Failed("listd does not say where %s.%d listens" %
                         (name, index))
        return int(found[-1])

    @property
    def smtp_port(self):
        return self.port("smtp")

    @property
    def http_port(self):
        return self.port("http")

    # ---- roles

    def roles(self):
        """{"queue": [pid], "deliver": [pid, ...], ...} as they are now."""
        found = {}
        for pid in process.children(self.process.pid):
            words = process.command_line(pid)
            if "-x" in words[:-1]:
                name = words[words.index("-x") + 1]
                found.setdefault(re.sub(r"[^a-z].*", "", name),
                                 []).append(pid)
        return found

    def kill_role(self, name, number=signal.SIGKILL, index=0):
        """A signal to one role's process; returns its id."""
        pids = self.roles().get(name, [])
        if len(pids) <= index:
            raise Failed("no role %s to kill" % name)
        os.kill(pids[index], number)
        return pids[index]

    def wait_role(self, name, other_than=None, seconds=30):
        """Until the role runs, as another process than that."""
        def there():
            pids = [p for p in self.roles().get(name, ()) if p != other_than]
            return pids and pids[0]
        return wait_until(there, seconds, "role %s" % name)

    # ---- listctl

    def listctl_argv(self, *args, json=False):
        return [self.t.program("listd/listctl"), "-c", self.conf_path,
                *(["--json"] if json else []), *map(str, args)]

    def listctl(self, *args, json=False, status=0, input=None,
                seconds=CTL_SECONDS):
        """Run it.  status: the exit status it must have (None: any).
        Returns the parsed output with json=True, else a Result."""
        argv = self.listctl_argv(*args, json=json)
        environment = dict(os.environ)
        environment.update(self.env)
        if isinstance(input, str):
            input = input.encode()
        try:
            p = subprocess.run(
                argv, timeout=seconds, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, env=environment,
                **({"input": input} if input is not None else
                   {"stdin": subprocess.DEVNULL}))
        except subprocess.TimeoutExpired:
            raise Failed("%s took longer than %g s" %
                         (" ".join(argv), seconds)) from None
        r = Result(argv, p.returncode, p.stdout.decode(errors="replace"),
                   p.stderr.decode(errors="replace"))
        for mark in process.SANITIZER_MARKS:
            if mark in r.err:
                raise Failed("listctl: %s" % r)
        if status is not None and r.status != status:
            raise Failed("wanted status %d: %r" % (status, r))
        return r.json() if json and status is not None else r


class RootDaemon(Daemon):
    """Started as root, with a user for each role."""

    def __init__(self, t, **settings):
        # The roles have to reach their folders.
        for folder in (os.path.dirname(t.folder), t.folder):
            os.chmod(folder, 0o711)
        for role, user in ROLE_USERS.items():
            settings.setdefault("user_" + role, user)
        settings.setdefault("group", ROLE_GROUP)
        super().__init__(t, **settings)
        os.chmod(self.folder, 0o711)
