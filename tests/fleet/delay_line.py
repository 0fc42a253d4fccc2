"""A line that is slow and loses packets, for kernels whose ``tc`` has no netem.

``python delay_line.py DEVICE DELAY LOSS`` makes a device. What is routed into it comes out of it again later,
or never; the addresses in it do not matter.
"""

import collections
import contextlib
import fcntl
import os
import random
import select
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
LARGEST = 65536


def main(device: str, delay: float, loss: float) -> None:
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN | IFF_NO_PI))
    print("ready", flush=True)
    under_way: collections.deque[tuple[float, bytes]] = collections.deque()
    while True:
        wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        if select.select([tun], [], [], wait)[0]:
            _take(tun, under_way, delay, loss)
        now = time.monotonic()
        while under_way and under_way[0][0] <= now:
            _hand_on(tun, under_way.popleft()[1])


def _take(tun: int, under_way: "collections.deque[tuple[float, bytes]]", delay: float, loss: float) -> None:
    while True:
        try:
            packet = os.read(tun, LARGEST)
        except BlockingIOError:
            return
        if random.random() >= loss:
            under_way.append((time.monotonic() + delay, packet))


def _hand_on(tun: int, packet: bytes) -> None:
    with contextlib.suppress(OSError):  # the kernel has no use for it: the device is down
        os.write(tun, packet)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))
