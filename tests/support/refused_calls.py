"""Takes the right to lock, and root's rights over files."""

import ctypes
import errno
import os
import platform
import struct

PR_CAPBSET_DROP = 24
OVERRIDE, READ_SEARCH, OWNER = 1, 2, 3  # capabilities of root over the files of others
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
FLOCK = {"x86_64": 73, "aarch64": 32}.get(platform.machine())


def refuse_flock(number=errno.ENOLCK):
    """Refuse locks to this process from now on: for `preexec_fn`."""
    steps = [
        (LOAD, 0, 0, 0),  # the number of the call
        (JUMP_IF_EQUAL, 0, 1, FLOCK),
        (RETURN, 0, 0, REFUSE | number),
        (RETURN, 0, 0, ALLOW),
    ]
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    kept = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(kept))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0
    ):
        raise OSError(ctypes.get_errno(), "no seccomp")


def without_root_rights(*groups):
    """Make root an ordinary user for files: for `preexec_fn`."""
    os.setgroups(groups)
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (OVERRIDE, READ_SEARCH, OWNER):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "no rights to take")
