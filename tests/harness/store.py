# SPDX-License-Identifier: Apache-2.0
"""Consent entries as they lie in a stopped store, read without our code."""

import ctypes
import os

from .core import Failed, Skip

RDONLY, NOLOCK = 0x20000, 0x400000
FIRST, NEXT = 0, 8
TABLES = 64
SALT, CHECK = 32, 4

# Keys and kinds of spool/consent.h that tests look at.
KIND, TIME, ADDRESS, CLIENT_IP, COUNT = 1, 2, 6, 8, 28
REQUEST, REQUEST_REFUSED, REQUEST_THROTTLED, REQUESTS = 1, 2, 3, 4


class _Value(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("data", ctypes.c_void_p)]

    def octets(self):
        return ctypes.string_at(self.data, self.size)


def _library():
    try:
        lib = ctypes.CDLL("liblmdb.so.0")
    except OSError:
        raise Skip("no liblmdb") from None
    pointer = ctypes.c_void_p
    lib.mdb_env_open.argtypes = [pointer, ctypes.c_char_p, ctypes.c_uint,
                                 ctypes.c_uint]
    lib.mdb_env_set_maxdbs.argtypes = [pointer, ctypes.c_uint]
    lib.mdb_env_close.argtypes = [pointer]
    lib.mdb_env_close.restype = None
    lib.mdb_txn_begin.argtypes = [pointer, pointer, ctypes.c_uint, pointer]
    lib.mdb_dbi_open.argtypes = [pointer, ctypes.c_char_p, ctypes.c_uint,
                                 pointer]
    lib.mdb_cursor_open.argtypes = [pointer, ctypes.c_uint, pointer]
    lib.mdb_cursor_get.argtypes = [pointer, pointer, pointer, ctypes.c_int]
    lib.mdb_cursor_close.argtypes = [pointer]
    lib.mdb_cursor_close.restype = None
    lib.mdb_txn_abort.argtypes = [pointer]
    lib.mdb_txn_abort.restype = None
    return lib


def _good(rc, what):
    if rc != 0:
        raise Failed("%s: LMDB says %d" % (what, rc))


def rows(folder, table):
    """[(key, value)] of a table in an LMDB folder."""
    lib = _library()
    env, txn, cursor = (ctypes.c_void_p() for _ in range(3))
    dbi = ctypes.c_uint()
    key, value = _Value(), _Value()
    found = []
    _good(lib.mdb_env_create(ctypes.byref(env)), "create")
    try:
        lib.mdb_env_set_maxdbs(env, TABLES)
        _good(lib.mdb_env_open(env, folder.encode(), RDONLY | NOLOCK, 0),
              folder)
        _good(lib.mdb_txn_begin(env, None, RDONLY, ctypes.byref(txn)),
              "begin")
        _good(lib.mdb_dbi_open(txn, table.encode(), 0, ctypes.byref(dbi)),
              table)
        _good(lib.mdb_cursor_open(txn, dbi, ctypes.byref(cursor)), "cursor")
        step = FIRST
        while lib.mdb_cursor_get(cursor, ctypes.byref(key),
                                 ctypes.byref(value), step) == 0:
            found.append((key.octets(), value.octets()))
            step = NEXT
        lib.mdb_cursor_close(cursor)
        lib.mdb_txn_abort(txn)
    finally:
        lib.mdb_env_close(env)
    return found


def _cbor(data, at):
    """(value, where the next begins): integers, strings, maps."""
    major, low = data[at] >> 5, data[at] & 31
    at += 1
    if low >= 24:
        octets = 1 << (low - 24)
        low = int.from_bytes(data[at:at + octets], "big")
        at += octets
    if major == 0:
        return low, at
    if major in (2, 3):
        text = data[at:at + low]
        return text.decode() if major == 3 else text, at + low
    if major != 5:
        raise Failed("CBOR of major type %d in an entry" % major)
    found = {}
    for _ in range(low):
        key, at = _cbor(data, at)
        found[key], at = _cbor(data, at)
    return found, at


def consent_entries(data_dir):
    """[(index, {key: value})] in order; the daemon must not run."""
    found = []
    for key, row in rows(os.path.join(data_dir, "subscribers"), "consent"):
        entry, end = _cbor(row, SALT)
        if end != len(row) - CHECK:
            raise Failed("entry %d has octets behind it" %
                         int.from_bytes(key, "big"))
        found.append((int.from_bytes(key, "big"), entry))
    return found
