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

Set the socket's path and the identity by the environment: DNSTAP_BGP_SOCKET, DNSTAP_BGP_IDENTITY.
Standards: Frame Streams (one way: START and data frames, no handshake), dnstap.proto, RFC 1035 section 4.1.
"""
import os
import socket
import struct
import threading
import time

SOCKET = os.environ.get("DNSTAP_BGP_SOCKET", "/run/dnstap-bgp/dnstap.sock")
IDENTITY = os.environ.get("DNSTAP_BGP_IDENTITY", socket.gethostname()).encode()[:255]

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


class Sender(threading.local):
    """One connection for each thread of Unbound, so that frames never mix and no thread waits for another."""

    connection = None
    retry_at = 0.0

    def send(self, frame):
        connection = self.connection or self.connect()
        if connection is None:
            return
        try:
            if connection.send(frame) == len(frame):
                return
        except BlockingIOError:
            return  # No room: dnstap-bgp does not read. Nothing was written, so the stream is intact.
        except OSError:
            pass
        self.close()

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


def hand_over(qinfo, reply):
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
    # Dnstap: identity, message, type MESSAGE (1).
    frame = field(1, IDENTITY) + field(14, message) + b"\x78\x01"
    sender.send(struct.pack(">I", len(frame)) + frame)


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
            hand_over(qinfo, reply)
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
