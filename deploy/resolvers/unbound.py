"""
dnstap-bgp's hook for Unbound: hands each fresh answer to dnstap-bgp before the client gets it.

A python module of Unbound (`module-config: "python validator iterator"`). It writes dnstap frames to the UNIX socket that dnstap-bgp
listens on. Cache hits do not come here: leave ordinary dnstap on beside it.

    client  <-- answer --  Unbound  -- CLIENT_RESPONSE frame --> socket   (the frame is in the socket before the answer leaves)

What is handed over is what a client gets: the callback runs when Unbound has made up its mind, so an answer that failed validation and a
SERVFAIL never come. An answer that was prefetched is handed over too, because the next client gets it from the cache. Names that Unbound
looks up for itself (addresses of name servers, keys) are left out.

Unbound never waits for dnstap-bgp. The socket is never blocking; a frame that finds no room is dropped; a connection that fails is tried
again a second later at the earliest.

Hold. With DNSTAP_BGP_HOLD_MS an answer with a listed name waits until dnstap-bgp says that it is routed, for so many milliseconds at most. It
blocks one thread of Unbound, so keep it below 100. An answer without a listed name waits for one exchange over the socket. Where dnstap-bgp does
not reply in time three times in a row, no answer waits for ten seconds; then one is a trial.

    hook -> dnstap-bgp   field `extra` of the frame:   "hold" | ticket u32be
    dnstap-bgp -> hook   the same connection:          ticket u32be | result u8 | 0      (whatever the result is, the answer goes)

Set the socket's path, the identity and the hold by the environment: DNSTAP_BGP_SOCKET, DNSTAP_BGP_IDENTITY, DNSTAP_BGP_HOLD_MS.
Standards: Frame Streams (one way: START and data frames, no handshake), dnstap.proto, RFC 1035 section 4.1.
"""
import os
import select
import socket
import struct
import threading
import time

SOCKET = os.environ.get("DNSTAP_BGP_SOCKET", "/run/dnstap-bgp/dnstap.sock")
IDENTITY = os.environ.get("DNSTAP_BGP_IDENTITY", socket.gethostname()).encode()[:255]

# Milliseconds that an answer may wait; 0: none waits.
HOLD_MS = min(1000, max(0, int(os.environ.get("DNSTAP_BGP_HOLD_MS", "0"))))

A, AAAA, SVCB, HTTPS = 1, 28, 64, 65
RETRY_SECONDS = 1.0
# Longer answers are left to ordinary dnstap: a frame this short goes into the socket whole or not at all.
MAX_ANSWER_BYTES = 16384
CONTENT_TYPE = b"protobuf:dnstap.Dnstap"
# Frame Streams: escape, length of the control frame, START (2), field CONTENT_TYPE (1), its length, its value.
START = struct.pack(">IIIII", 0, 12 + len(CONTENT_TYPE), 2, 1, len(CONTENT_TYPE)) + CONTENT_TYPE


def varint(number):
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def field(number, octets):
    """A protobuf field of type bytes."""
    return varint(number << 3 | 2) + varint(len(octets)) + octets


class Breaker:
    """Stops waiting while dnstap-bgp does not reply. All threads share it."""

    MISSES = 3
    REST_SECONDS = 10.0

    misses = 0
    rest_until = 0.0

    def may_wait(self):
        if self.misses < self.MISSES:
            return True
        now = time.monotonic()
        if now < self.rest_until:
            return False
        self.rest_until = now + self.REST_SECONDS  # This answer is the trial.
        return True

    def replied(self):
        self.misses = 0

    def missed(self):
        self.misses += 1
        if self.misses == self.MISSES:
            self.rest_until = time.monotonic() + self.REST_SECONDS


breaker = Breaker()


class Sender(threading.local):
    """One connection for each thread of Unbound, so that frames never mix and no thread waits for another."""

    REPLY_BYTES = 6

    connection = None
    retry_at = 0.0
    ticket = 0
    replies = b""

    def send(self, frame):
        """True: the frame is in the socket."""
        connection = self.connection or self.connect()
        if connection is None:
            return False
        try:
            if connection.send(frame) == len(frame):
                return True
        except BlockingIOError:
            return False  # No room: dnstap-bgp does not read. Nothing was written, so the stream is intact.
        except OSError:
            pass
        self.close()
        return False

    def next_ticket(self):
        self.ticket = self.ticket + 1 & 0xFFFFFFFF
        return struct.pack(">I", self.ticket)

    def wait(self, ticket):
        """Until dnstap-bgp replies, the connection ends, or the time is up."""
        until = time.monotonic() + HOLD_MS / 1000
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        while self.connection is not None:
            left_ms = (until - time.monotonic()) * 1000
            if left_ms <= 0 or not poll.poll(left_ms):
                breaker.missed()
                return
            try:
                octets = self.connection.recv(4096)
            except BlockingIOError:
                continue
            except OSError:
                octets = b""
            if not octets:
                self.close()
            elif self.has_reply(octets, ticket):
                breaker.replied()
                return

    def has_reply(self, octets, ticket):
        """Replies to tickets that nobody waits for any more are passed over."""
        replies = self.replies + octets
        whole = len(replies) - len(replies) % self.REPLY_BYTES
        self.replies = replies[whole:]
        return any(replies[at : at + 4] == ticket for at in range(0, whole, self.REPLY_BYTES))

    def connect(self):
        now = time.monotonic()
        if now < self.retry_at:
            return None
        self.retry_at = now + RETRY_SECONDS
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            connection.connect(SOCKET)
            connection.send(START)
        except OSError:
            connection.close()
            return None
        self.connection = connection
        return connection

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None
            self.replies = b""


sender = Sender()


def response_of(qinfo, reply):
    """The answer in wire format: header, question, answer section, names not compressed. None: no record, or too long."""
    answers = []
    length = 0
    for i in range(reply.an_numrrsets):
        key = reply.rrsets[i]
        data = key.entry.data
        head = key.rk.dname + struct.pack("!HH", socket.ntohs(key.rk.type), socket.ntohs(key.rk.rrset_class))
        for j in range(data.count):
            # rr_data begins with the length of the record's data.
            record = head + struct.pack("!I", data.rr_ttl[j] & 0x7FFFFFFF) + data.rr_data[j]
            length += len(record)
            answers.append(record)
    if not answers or length > MAX_ANSWER_BYTES:
        return None
    # QR, RD, RA; NOERROR; one question.
    header = struct.pack("!HHHHHH", 0, 0x8180, 1, len(answers), 0, 0)
    question = qinfo.qname + struct.pack("!HH", qinfo.qtype, qinfo.qclass)
    return header + question + b"".join(answers)


def hand_over(qinfo, reply, may_hold=False):
    if reply is None or qinfo.qtype not in (A, AAAA, SVCB, HTTPS) or reply.security == sec_status_bogus:
        return
    response = response_of(qinfo, reply)
    if response is None:
        return
    now = time.time()
    seconds = int(now)
    # Message: type CLIENT_RESPONSE (6), response_time_sec, response_time_nsec, response_message.
    message = (
        b"\x08\x06"
        + b"\x60" + varint(seconds)
        + b"\x6d" + struct.pack("<I", int((now - seconds) * 1e9))
        + field(14, response)
    )
    ticket = sender.next_ticket() if may_hold and HOLD_MS > 0 and breaker.may_wait() else None
    extra = b"" if ticket is None else field(3, b"hold" + ticket)
    # Dnstap: identity, extra, message, type MESSAGE (1).
    frame = field(1, IDENTITY) + extra + field(14, message) + b"\x78\x01"
    if sender.send(struct.pack(">I", len(frame)) + frame) and ticket is not None:
        sender.wait(ticket)


def is_prefetch(qstate):
    """
    Nobody waits for it, and it is not one of Unbound's own lookups (addresses of name servers, keys), which carry the mark valrec.

    prefetch_leeway would say it too, but Debian's binding leaks memory whenever it is read.
    """
    return not (qstate.is_valrec or qstate.is_priming) and qstate.mesh_info.reply_list is None


def on_reply(qinfo, qstate, reply, rcode, edns, options, region, **kwargs):
    """Unbound is about to send this to a client."""
    try:
        if rcode == 0:
            hand_over(qinfo, reply, may_hold=True)
    except Exception as error:  # The client's answer comes first.
        log_err("dnstap-bgp: an answer was not handed over: %r" % error)
    return True


def init_standard(id, env):
    if not register_inplace_cb_reply(on_reply, env, id):
        log_err("dnstap-bgp: Unbound refused the callback; no answers are handed over")
        return False
    log_info("dnstap-bgp: fresh answers are handed over to %s" % SOCKET)
    return True


def deinit(id):
    sender.close()
    return True


def inform_super(id, qstate, superqstate, qdata):
    return True


def operate(id, event, qstate, qdata):
    if event in (MODULE_EVENT_NEW, MODULE_EVENT_PASS):
        qstate.ext_state[id] = MODULE_WAIT_MODULE
        return True
    if event == MODULE_EVENT_MODDONE:
        try:
            if is_prefetch(qstate) and qstate.return_rcode == 0 and qstate.return_msg:
                hand_over(qstate.qinfo, qstate.return_msg.rep)
        except Exception as error:
            log_err("dnstap-bgp: a prefetched answer was not handed over: %r" % error)
        qstate.ext_state[id] = MODULE_FINISHED
        return True
    qstate.ext_state[id] = MODULE_ERROR
    return True
