"""Keeps the stories on this machine."""

import ipaddress
import socket


def is_loopback(address):
    if not isinstance(address, tuple):
        return True
    try:
        return ipaddress.ip_address(address[0].split("%")[0]).is_loopback
    except ValueError:
        return address[0] == "localhost" or address[0].endswith(".localhost")


def forbid_everything_else():
    """Makes every connection of this process to another machine a failure that names it."""
    connect = socket.socket.connect

    def checked(self, address):
        assert is_loopback(address), f"a test wants to talk to {address}"
        return connect(self, address)

    socket.socket.connect = checked
