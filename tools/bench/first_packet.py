"""
Measures for first-packet.bench.ts: a DNS client, a BGP peer and a client of TCP, in one thread with one clock.

    --dns A:P       the resolver            --first N --count N   the names nN.ZONE, each asked once; nN has the address 20.x.y.z of N
                                            --warm N              so many others before them; then --pause S
    --bgp A:P       where our program connects as to a router    --gap S    a mean pause between questions, at random from 0.2 to 1.8 of it
    --netns NAME    a namespace whose kernel routes are watched, by netlink
    --syn A,B       names of interfaces on our side: opens TCP from the namespace right after each answer, and sees by which of them the first SYN comes

Datagrams and segments have the kernel's time of arrival (SO_TIMESTAMPNS); netlink has none, and its messages have the time when they are read.
Prints one JSON object: for each name [asked, answered, updated, routed, interface], seconds or null; and how many answers were wrong.
"""
import argparse
import ctypes
import json
import os
import random
import select
import socket
import struct
import time

parser = argparse.ArgumentParser()
for option in ("dns", "bgp", "netns", "zone", "syn"):
    parser.add_argument("--" + option)
parser.add_argument("--first", type=int, default=0)
parser.add_argument("--count", type=int, default=60)
parser.add_argument("--warm", type=int, default=0)
parser.add_argument("--pause", type=float, default=0)
parser.add_argument("--gap", type=float, default=0.1)
parser.add_argument("--wait", type=float, default=3)
options = parser.parse_args()

SO_TIMESTAMPNS = 35
RTMGRP_IPV4_ROUTE = 0x40
RTM_NEWROUTE = 24
RTA_DST = 1


def place(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def address_of(number):
    return 20 << 24 | number


def arrival(ancillary):
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("qq", data[:16])
            if seconds:
                return seconds + nanoseconds / 1e9
    return time.time()


class Namespace:
    """Makes sockets in another network namespace."""

    def __init__(self, name):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.ours = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.theirs = os.open("/run/netns/" + name, os.O_RDONLY)

    def make(self, *kind):
        if self.libc.setns(self.theirs, 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        try:
            return socket.socket(*kind)
        finally:
            self.libc.setns(self.ours, 0)


asked, answered, updated, routed, arrived = {}, {}, {}, {}, {}
wrong = 0


class Bgp:
    """As much of a router as it takes to hear UPDATEs of IPv4."""

    def __init__(self, listener):
        self.socket = None
        self.listener = listener
        self.buffer = b""
        self.established = False

    def fileno(self):
        return (self.socket or self.listener).fileno()

    def message(self, kind, body=b""):
        self.socket.sendall(b"\xff" * 16 + struct.pack(">HB", 19 + len(body), kind) + body)

    def ready(self):
        if self.socket is None:
            self.socket, _ = self.listener.accept()
            self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            return
        octets, ancillary, _, _ = self.socket.recvmsg(65536, 256)
        if not octets:
            raise SystemExit("the BGP session is closed")
        self.buffer += octets
        when = arrival(ancillary)
        while len(self.buffer) >= 19:
            length, kind = struct.unpack_from(">HB", self.buffer, 16)
            if len(self.buffer) < length:
                return
            body, self.buffer = self.buffer[19:length], self.buffer[length:]
            if kind == 1:
                capabilities = b"\x01\x04\x00\x01\x00\x01\x41\x04" + struct.pack(">I", 64512)
                parameter = bytes([2, len(capabilities)]) + capabilities
                self.message(1, struct.pack(">BHHIB", 4, 64512, 240, 0xC6120909, len(parameter)) + parameter)
                self.message(4)
            elif kind == 4:
                self.established = True
            elif kind == 2:
                self.update(body, when)

    @staticmethod
    def update(body, when):
        at = 2 + struct.unpack_from(">H", body, 0)[0]
        at += 2 + struct.unpack_from(">H", body, at)[0]
        while at < len(body):
            octets = body[at] + 7 >> 3
            prefix = body[at + 1 : at + 1 + octets].ljust(4, b"\0")
            updated.setdefault(struct.unpack(">I", prefix)[0], when)
            at += 1 + octets


class Routes:
    def __init__(self, namespace):
        self.socket = namespace.make(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((0, RTMGRP_IPV4_ROUTE))
        self.fileno = self.socket.fileno

    def ready(self):
        octets = self.socket.recv(1 << 20)
        when = time.time()
        at = 0
        while at + 16 <= len(octets):
            length, kind = struct.unpack_from("IH", octets, at)
            attribute = at + 28
            while kind == RTM_NEWROUTE and attribute + 4 <= at + length:
                size, what = struct.unpack_from("HH", octets, attribute)
                if what == RTA_DST and size == 8:
                    routed.setdefault(struct.unpack_from(">I", octets, attribute + 4)[0], when)
                attribute += max(4, size + 3 & ~3)
            at += length + 3 & ~3


class Dns:
    def __init__(self, server):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.connect(server)
        self.fileno = self.socket.fileno
        self.waiting = {}
        self.on_answer = lambda address: None

    def ask(self, number):
        address = address_of(number)
        self.waiting[number & 0xFFFF] = address
        labels = ("n%d.%s" % (number, options.zone)).split(".")
        name = b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"
        asked[address] = time.time()
        self.socket.send(struct.pack(">HHHHHH", number & 0xFFFF, 0x0100, 1, 0, 0, 0) + name + b"\0\1\0\1")

    def ready(self):
        global wrong
        octets, ancillary, _, _ = self.socket.recvmsg(4096, 256)
        when = arrival(ancillary)
        address = self.waiting.pop(struct.unpack_from(">H", octets)[0], None)
        if address is None:
            return
        answered[address] = when
        self.on_answer(address)
        # One address record ends the answer section, and the bench's zone has no other.
        if octets[3] & 15 or struct.pack(">I", address) not in octets:
            wrong += 1


class Syns:
    """Opens a connection right after each answer, and sees by which interface its first SYN came to us."""

    def __init__(self, namespace, interfaces):
        self.namespace = namespace
        self.taps = [self.Tap(interface) for interface in interfaces]
        self.open = []

    class Tap:
        def __init__(self, interface):
            self.interface = interface
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
            self.socket.bind((interface, 0x0800))
            self.fileno = self.socket.fileno

        def ready(self):
            packet = self.socket.recv(2048)
            head = (packet[0] & 15) * 4
            if packet[9] == 6 and len(packet) >= head + 14 and packet[head + 13] & 0x12 == 0x02:
                arrived.setdefault(struct.unpack_from(">I", packet, 16)[0], self.interface)

    def prepare(self):
        self.next = self.namespace.make(socket.AF_INET, socket.SOCK_STREAM)
        self.next.setblocking(False)

    def connect(self, address):
        self.next.connect_ex((socket.inet_ntoa(struct.pack(">I", address)), 443))
        self.open.append(self.next)
        if len(self.open) > 50:
            self.open.pop(0).close()


namespace = Namespace(options.netns) if options.netns else None
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(place(options.bgp))
listener.listen(4)
bgp = Bgp(listener)
dns = Dns(place(options.dns))
watched = [bgp, dns]
if namespace:
    watched.append(Routes(namespace))
syns = Syns(namespace, options.syn.split(",")) if options.syn else None
if syns:
    watched += syns.taps
    dns.on_answer = syns.connect
kept_alive = time.time()


def spin(until):
    global kept_alive
    while time.time() < until:
        for one in select.select(watched, [], [], min(5, max(0, until - time.time())))[0]:
            one.ready()
        if bgp.established and time.time() - kept_alive > 30:
            bgp.message(4)
            kept_alive = time.time()


print("listening", flush=True)
patience = time.time() + 60
while not bgp.established and time.time() < patience:
    spin(time.time() + 0.05)
if not bgp.established:
    raise SystemExit("no BGP session")
print("established", flush=True)
input()
begin = options.first + options.warm
for number in range(options.first, begin):
    if syns:
        syns.prepare()
    dns.ask(number)
    spin(time.time() + 0.02)
spin(time.time() + options.pause)
wrong = 0
for number in range(begin, begin + options.count):
    if syns:
        syns.prepare()
    dns.ask(number)
    spin(time.time() + options.gap * random.uniform(0.2, 1.8))
spin(time.time() + options.wait)
names = [address_of(number) for number in range(begin, begin + options.count)]
columns = (asked, answered, updated, routed, arrived)
print(json.dumps({"wrong": wrong, "lookups": [[column.get(name) for column in columns] for name in names]}))
