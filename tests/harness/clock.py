# SPDX-License-Identifier: Apache-2.0
"""The page that moves a daemon's clock (lib/sys/realclock.h)."""

import bisect
import ctypes
import mmap
import time

MAGIC = 0x6c69737464636c6b


class _Page(ctypes.Structure):
    _fields_ = [("magic", ctypes.c_uint64), ("mono_ms", ctypes.c_int64),
                ("utc_ms", ctypes.c_int64)]


class Clock:
    """Each offset is one aligned store, so a process never sees half."""

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as f:
            f.write(bytes(_Page(MAGIC, 0, 0)))
        self._file = open(path, "r+b")
        self._map = mmap.mmap(self._file.fileno(), ctypes.sizeof(_Page))
        self._page = _Page.from_buffer(self._map)
        self._jumps = [(0.0, 0)]        # machine's monotonic ms, offset

    def jump(self, seconds, utc_seconds=None):
        """Both clocks go on by seconds; utc_seconds: the wall clock by that
        instead, which may be negative (the monotonic one never steps back)."""
        if seconds < 0:
            raise ValueError("the monotonic clock does not step back")
        if utc_seconds is None:
            utc_seconds = seconds
        self._page.utc_ms += int(utc_seconds * 1000)
        self._page.mono_ms += int(seconds * 1000)
        self._jumps.append((time.monotonic() * 1000, self._page.mono_ms))

    def utc(self):
        """UTC seconds as the daemon sees them."""
        return time.time() + self._page.utc_ms / 1000

    def daemon_ms(self, machine_ms):
        """A time of the doubles' journals, in the daemon's monotonic ms."""
        i = bisect.bisect([when for when, _offset in self._jumps], machine_ms)
        return machine_ms + self._jumps[i - 1][1]
