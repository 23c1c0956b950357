"""With this folder on PYTHONPATH a Python process may use sockets on this machine only.

Whatever goes beyond loopback raises, and is noted in the file that FOOTNOTE_GUARD_LOG names, because a library may
swallow the error. Child processes inherit it.
"""

import ipaddress
import os
import sys


def _beyond(address: object) -> bool:
    host = address[0] if isinstance(address, tuple) else None  # the address of a Unix socket is a text
    if host in (None, "", "localhost", b"localhost"):
        return False
    try:
        parsed = ipaddress.ip_address(host)
    except ValueError:
        return True
    return not (parsed.is_loopback or parsed.is_unspecified)


def _audit(event: str, arguments: tuple) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        address = (arguments[0],)
    else:
        return
    if _beyond(address):
        with open(os.environ["FOOTNOTE_GUARD_LOG"], "a", encoding="utf-8") as log:  # noqa: PTH123 - import little
            log.write(f"{event} {address}\n")
        raise RuntimeError(f"{event} {address}: this process may only talk to this machine")


sys.addaudithook(_audit)
