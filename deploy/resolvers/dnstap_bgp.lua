-- dnstap-bgp's sender for resolvers that speak LuaJIT: kresd.lua, recursor.lua and dnsdist.lua use it.
--
-- It writes dnstap frames (CLIENT_RESPONSE, one way Frame Streams: START, then data frames) to the UNIX socket that dnstap-bgp listens on.
-- The resolver never waits: the socket is never blocking, a frame that finds no room is dropped, and a connection that fails is tried again
-- a second later at the earliest. No memory is allocated for a frame.
--
-- Hold. Where a limit is given, send() can wait until dnstap-bgp says that the answer is routed. That blocks the process, or the thread that calls,
-- for the limit at most. When dnstap-bgp does not reply in time three times in a row, nothing waits for ten seconds; then one answer is a trial.
--
--     u32be length | 0a len identity | [1a 08 "hold" u32be ticket] | 72 len Message | 78 01
--     reply, on the same connection: u32be ticket | result | 00      (whatever the result is, the answer goes)
--                                       Message: 08 06 | 60 seconds | 6d u32le nanoseconds | 72 len response
--
-- Standards: Frame Streams, dnstap.proto, RFC 1035 section 4.1.
local ffi = require('ffi')
local bit = require('bit')

ffi.cdef([[
struct dnstap_bgp_address { unsigned short family; char path[108]; };
struct dnstap_bgp_poll { int fd; short events; short revents; };
struct dnstap_bgp_time { long seconds; long nanoseconds; };
int dnstap_bgp_socket(int, int, int) __asm__("socket");
int dnstap_bgp_connect(int, const struct dnstap_bgp_address *, unsigned) __asm__("connect");
long dnstap_bgp_send(int, const void *, size_t, int) __asm__("send");
long dnstap_bgp_recv(int, void *, size_t, int) __asm__("recv");
int dnstap_bgp_poll(struct dnstap_bgp_poll *, unsigned long, int) __asm__("poll");
int dnstap_bgp_close(int) __asm__("close");
int dnstap_bgp_clock_gettime(int, struct dnstap_bgp_time *) __asm__("clock_gettime");
]])
local C = ffi.C

local AF_UNIX = 1
local SOCK_STREAM, SOCK_NONBLOCK, SOCK_CLOEXEC = 1, 0x800, 0x80000
local MSG_DONTWAIT, MSG_NOSIGNAL = 0x40, 0x4000
local CLOCK_REALTIME, CLOCK_MONOTONIC = 0, 1
local EINTR, EAGAIN = 4, 11
local RETRY_SECONDS = 1
local POLLIN = 1
local REPLY_BYTES = 6
local REPLIES_BYTES = 4096
local MAX_HOLD_MS = 1000
-- So many replies missed in a row, and nothing waits for so long.
local MISSES = 3
local REST_MS = 10000
-- Longer answers are left to ordinary dnstap: a frame this short goes into the socket whole or not at all.
local MAX_RESPONSE = 16384
local MAX_IDENTITY = 255
-- Escape, length of the control frame, START (2), field CONTENT_TYPE (1), its length, its value.
local CONTENT_TYPE = 'protobuf:dnstap.Dnstap'
local START = '\0\0\0\0\0\0\0\34\0\0\0\2\0\0\0\1\0\0\0\22' .. CONTENT_TYPE
local TYPES = { [1] = true, [28] = true, [64] = true, [65] = true } -- A, AAAA, SVCB, HTTPS

local Sender = {}
Sender.__index = Sender

-- `holdMs`: how long an answer may wait; nil or 0: none waits.
local function new(path, identity, holdMs)
  if #path > 107 then error('dnstap-bgp: the path of a UNIX socket has at most 107 octets: ' .. path) end
  local address = ffi.new('struct dnstap_bgp_address')
  address.family = AF_UNIX
  ffi.copy(address.path, path)
  return setmetatable({
    address = address,
    identity = identity:sub(1, MAX_IDENTITY),
    frame = ffi.new('uint8_t[?]', MAX_RESPONSE + MAX_IDENTITY + 64),
    now = ffi.new('struct dnstap_bgp_time'),
    poll = ffi.new('struct dnstap_bgp_poll'),
    replies = ffi.new('uint8_t[?]', REPLIES_BYTES),
    replyBytes = 0,
    holdMs = math.max(0, math.min(MAX_HOLD_MS, holdMs or 0)),
    ticket = 0,
    misses = 0,
    restUntilMs = 0,
    fd = -1,
    retryAt = 0,
  }, Sender)
end

local function varintLength(number)
  local length = 1
  while number > 127 do
    number = math.floor(number / 128)
    length = length + 1
  end
  return length
end

local function putVarint(to, at, number)
  while number > 127 do
    to[at] = number % 128 + 128
    number = math.floor(number / 128)
    at = at + 1
  end
  to[at] = number
  return at + 1
end

local function putU32(to, at, number)
  for i = 3, 0, -1 do
    to[at + i] = number % 256
    number = math.floor(number / 256)
  end
  return at + 4
end

-- Is there something to route in it? A response with NOERROR and records, asked for addresses. With CD=1 the client wanted an answer that
-- nobody has validated, so it is left to ordinary dnstap.
local function isWanted(response, length)
  if length < 17 or length > MAX_RESPONSE then return false end
  -- QR set and OPCODE 0; CD clear and RCODE 0.
  if bit.band(response[2], 0xf8) ~= 0x80 or bit.band(response[3], 0x1f) ~= 0 then return false end
  if response[6] == 0 and response[7] == 0 then return false end
  local at = 12
  while response[at] ~= 0 do
    at = at + response[at] + 1
    if at + 4 >= length then return false end
  end
  return TYPES[response[at + 1] * 256 + response[at + 2]] == true
end

function Sender:connect()
  C.dnstap_bgp_clock_gettime(CLOCK_MONOTONIC, self.now)
  local now = tonumber(self.now.seconds)
  if now < self.retryAt then return false end
  self.retryAt = now + RETRY_SECONDS
  local fd = C.dnstap_bgp_socket(AF_UNIX, SOCK_STREAM + SOCK_NONBLOCK + SOCK_CLOEXEC, 0)
  if fd < 0 then return false end
  if C.dnstap_bgp_connect(fd, self.address, ffi.sizeof(self.address)) ~= 0
    or C.dnstap_bgp_send(fd, START, #START, MSG_DONTWAIT + MSG_NOSIGNAL) ~= #START then
    C.dnstap_bgp_close(fd)
    return false
  end
  self.fd = fd
  return true
end

function Sender:close()
  if self.fd >= 0 then C.dnstap_bgp_close(self.fd) end
  self.fd = -1
  self.replyBytes = 0
end

function Sender:monotonicMs()
  C.dnstap_bgp_clock_gettime(CLOCK_MONOTONIC, self.now)
  return tonumber(self.now.seconds) * 1000 + tonumber(self.now.nanoseconds) / 1e6
end

function Sender:mayWait()
  if self.holdMs == 0 then return false end
  if self.misses < MISSES then return true end
  local nowMs = self:monotonicMs()
  if nowMs < self.restUntilMs then return false end
  self.restUntilMs = nowMs + REST_MS -- This answer is the trial.
  return true
end

-- Takes whole replies off the buffer; those to tickets that nobody waits for any more are passed over.
function Sender:hasReply(ticket)
  local replies, found, at = self.replies, false, 0
  while self.replyBytes - at >= REPLY_BYTES do
    local number = ((replies[at] * 256 + replies[at + 1]) * 256 + replies[at + 2]) * 256 + replies[at + 3]
    if number == ticket then found = true end
    at = at + REPLY_BYTES
  end
  self.replyBytes = self.replyBytes - at
  for i = 0, self.replyBytes - 1 do replies[i] = replies[at + i] end
  return found
end

-- Until dnstap-bgp replies, the connection ends, or the time is up.
function Sender:wait(ticket)
  local untilMs = self:monotonicMs() + self.holdMs
  while self.fd >= 0 do
    local leftMs = untilMs - self:monotonicMs()
    self.poll.fd, self.poll.events = self.fd, POLLIN
    if leftMs <= 0 or C.dnstap_bgp_poll(self.poll, 1, math.ceil(leftMs)) == 0 then
      self.misses = self.misses + 1
      if self.misses == MISSES then self.restUntilMs = self:monotonicMs() + REST_MS end
      return
    end
    local got = tonumber(C.dnstap_bgp_recv(self.fd, self.replies + self.replyBytes, REPLIES_BYTES - self.replyBytes, MSG_DONTWAIT))
    if got > 0 then
      self.replyBytes = self.replyBytes + got
      if self:hasReply(ticket) then
        self.misses = 0
        return
      end
    elseif got == 0 or (ffi.errno() ~= EAGAIN and ffi.errno() ~= EINTR) then
      self:close()
    end
  end
end

-- `response`: a pointer to the octets of a DNS message, or a string. `size`: how many they are. `mayHold`: return when it is routed.
function Sender:send(response, size, mayHold)
  local octets, length = ffi.cast('const uint8_t *', response), tonumber(size)
  if not isWanted(octets, length) then return end
  if self.fd < 0 and not self:connect() then return end
  C.dnstap_bgp_clock_gettime(CLOCK_REALTIME, self.now)
  local seconds, nanoseconds = tonumber(self.now.seconds), tonumber(self.now.nanoseconds)
  local identity, to = self.identity, self.frame
  local message = 2 + 1 + varintLength(seconds) + 5 + 1 + varintLength(length) + length
  local holds = mayHold and self:mayWait()
  local total = 1 + varintLength(#identity) + #identity + (holds and 10 or 0) + 1 + varintLength(message) + message + 2
  to[0], to[1], to[2], to[3] = 0, math.floor(total / 65536), math.floor(total / 256) % 256, total % 256
  to[4] = 0x0a
  local at = putVarint(to, 5, #identity)
  ffi.copy(to + at, identity, #identity)
  at = at + #identity
  if holds then
    self.ticket = (self.ticket + 1) % 4294967296
    ffi.copy(to + at, '\26\8hold', 6)
    at = putU32(to, at + 6, self.ticket)
  end
  to[at] = 0x72
  at = putVarint(to, at + 1, message)
  to[at], to[at + 1], to[at + 2] = 0x08, 0x06, 0x60
  at = putVarint(to, at + 3, seconds)
  to[at] = 0x6d
  for i = 1, 4 do
    to[at + i] = nanoseconds % 256
    nanoseconds = math.floor(nanoseconds / 256)
  end
  to[at + 5] = 0x72
  at = putVarint(to, at + 6, length)
  ffi.copy(to + at, octets, length)
  at = at + length
  to[at], to[at + 1] = 0x78, 0x01
  local written = tonumber(C.dnstap_bgp_send(self.fd, to, total + 4, MSG_DONTWAIT + MSG_NOSIGNAL))
  if written == total + 4 then
    if holds then self:wait(self.ticket) end
    return
  end
  -- No room: nothing was written, and the stream is intact. Anything else has ended it.
  if written < 0 and ffi.errno() == EAGAIN then return end
  self:close()
end

-- Calls it, whatever becomes of it: the client's answer comes first. The first error is reported, the others are the same.
local function safely(report, action)
  local reported = false
  return function(...)
    local done, fault = pcall(action, ...)
    if done or reported then return end
    reported = true
    report('dnstap-bgp: answers are not handed over: ' .. tostring(fault))
  end
end

return { new = new, safely = safely }
