# SPDX-License-Identifier: Apache-2.0
"""What whole-daemon tests are written with.

A test is an executable file tests/NAME.test in Python:

    #!/usr/bin/python3
    # SPDX-License-Identifier: Apache-2.0
    # What it shows, and the requirement ids.
    import harness

    def second_daemon_is_refused(t):
        d = t.daemon()
        d.start()
        ...
        t.equal(status, 78, "exit status")

    harness.run(second_daemon_is_refused)

run() calls each function with a Test of its own: a temporary folder, and
starters for the doubles (t.sink, t.dns) and the program (t.daemon).  Whatever
a test started is gone when its function returns, whichever way.  Everything
waits with a bound; the whole script has one too (LISTD_TEST_TIMEOUT seconds).
The exit status is 0, 1 when anything failed (with what, and the ends of the
logs), or 77 when there is nothing to test here.  LISTD_TEST_KEEP=1 keeps the
folders.  Arguments of the script choose functions by name.

The test clock is refused to root, so a script that root runs goes on as
nobody, unless it says run(..., needs_root=True); such a one is skipped by
everybody else.

Only the standard library is needed, and python3-dkim where t.dkim is used
(hence /usr/bin/python3: another Python does not see Debian's modules).
"""

from .core import Failed, Skip, Test, run, wait_until
from .clock import Clock
from .daemon import ROLE_GROUP, ROLE_USERS, Daemon, Result, RootDaemon
from .dkim import Keys
from .dns import Dns, Query
from .exposition import Exposition
from .http import Response, http, multipart, one_click_bodies, urlencoded
from .scene import (FROM, HOST, OWNER, Scene, form_token, letter, link,
                    text_of, unshaped, unsubscribe_urls)
from .sink import Event, Message, Sink, most_within
from .smtp import Closed, Smtp, Timeout
from .tls import Authority
from .transcript import play_transcript
from .world import World

__all__ = [
    "Authority", "Clock", "Closed", "Daemon", "Dns", "Event",
    "Exposition", "FROM", "Failed", "HOST", "Keys", "Message", "OWNER",
    "Query", "ROLE_GROUP", "ROLE_USERS", "Response", "Result", "RootDaemon",
    "Scene", "Sink", "Skip", "Smtp", "Test", "Timeout", "World", "form_token",
    "http", "letter", "link", "most_within", "multipart", "one_click_bodies",
    "play_transcript", "run", "text_of", "unsubscribe_urls", "urlencoded",
    "wait_until",
]
