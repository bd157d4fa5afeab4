"""Waiting for what can only be looked at."""

import time


def eventually(look, limit=30, interval=0.02):
    """Calls `look` until it returns something true, which is then returned.

    For states that nobody announces (a file that disappears, a connection that the server notices to be
    gone); whatever has an event is awaited by that.
    """
    end = time.monotonic() + limit
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit} s; last seen: {found!r}")
        time.sleep(interval)
