-- dnstap-bgp's hook for PowerDNS Recursor: hands over each answer before the client gets it.
--
-- In a file that lua-dns-script names, with this file and dnstap_bgp.lua in one folder:
--
--     dofile('/usr/share/dnstap-bgp/resolvers/recursor.lua')('/run/dnstap-bgp/dnstap.sock', 'recursor-1')
--
-- `postresolve` runs for each answer that is not in the packet cache, whether its records were cached or not. (The Recursor's own dnstap
-- tells what it asked of others, and nothing of what it answers from its cache.) A script that has a postresolve of its own keeps it: it runs
-- first.
--
-- A third argument, in milliseconds, holds an answer until it is routed, for so long at most. It blocks one thread of the Recursor.
local folder = debug.getinfo(1, 'S').source:match('^@(.*/)') or './'
local char, floor = string.char, math.floor

local function u16(number) return char(floor(number / 256) % 256, number % 256) end
local function u32(number) return u16(floor(number / 65536)) .. u16(number % 65536) end

-- Presentation format to wire format (RFC 1035 section 5.1): `\.`, `\\` and `\DDD` are one octet each.
local function wireName(text)
  local wire, label, at = '', '', 1
  while at <= #text do
    local c = text:sub(at, at)
    if c == '\\' then
      local decimal = text:match('^%d%d%d', at + 1)
      label = label .. (decimal and char(tonumber(decimal)) or text:sub(at + 1, at + 1))
      at = at + (decimal and 4 or 2)
    elseif c == '.' then
      if label ~= '' then wire = wire .. char(#label) .. label end
      label, at = '', at + 1
    else
      label, at = label .. c, at + 1
    end
  end
  if label ~= '' then wire = wire .. char(#label) .. label end
  return wire .. '\0'
end

local function ipv4(text)
  local a, b, c, d = text:match('^(%d+)%.(%d+)%.(%d+)%.(%d+)')
  return char(tonumber(a), tonumber(b), tonumber(c), tonumber(d))
end

-- Text without a zone, as the Recursor writes it: `2001:db8::1`, `::ffff:192.0.2.1`.
local function ipv6(text)
  local dotted = text:match('%d+%.%d+%.%d+%.%d+$')
  if dotted then
    local octets = ipv4(dotted)
    local high, low = octets:byte(1) * 256 + octets:byte(2), octets:byte(3) * 256 + octets:byte(4)
    text = text:sub(1, #text - #dotted) .. string.format('%x:%x', high, low)
  end
  local function groups(part)
    local octets = ''
    for group in part:gmatch('%x+') do octets = octets .. u16(tonumber(group, 16)) end
    return octets
  end
  local head, tail = text:match('^(.-)::(.*)$')
  if head == nil then return groups(text) end
  head, tail = groups(head), groups(tail)
  return head .. string.rep('\0', 16 - #head - #tail) .. tail
end

-- The data of a record in wire format, or nil where it does not matter to us.
local function wireData(record)
  if record.type == pdns.A then return ipv4(record:getCA():toString()) end
  if record.type == pdns.AAAA then return ipv6(record:getCA():toString()) end
  if record.type == pdns.CNAME then return wireName(record:getContent()) end
  return nil
end

local function isBogus(dq)
  local state = dq.validationState
  local states = pdns.validationstates
  return not (state == states.Indeterminate or state == states.Insecure or state == states.Secure or state == states.NTA or state == states.TA)
end

return function(path, identity, holdMs)
  local library = dofile(folder .. 'dnstap_bgp.lua')
  local sender = library.new(path, identity, holdMs)
  local before = postresolve

  local handOver = library.safely(pdnslog, function(dq)
    if dq.rcode ~= 0 or isBogus(dq) then return end
    local answers, count = '', 0
    for _, record in pairs(dq:getRecords()) do
      -- Place 1 is the answer section.
      local data = record.place == 1 and wireData(record)
      if data then
        answers = answers .. wireName(record.name:toString()) .. u16(record.type) .. u16(1) .. u32(record.ttl) .. u16(#data) .. data
        count = count + 1
      end
    end
    if count == 0 then return end
    local response = '\0\0\129\128\0\1' .. u16(count) .. '\0\0\0\0' .. wireName(dq.qname:toString()) .. u16(dq.qtype) .. u16(1) .. answers
    sender:send(response, #response, true)
  end)

  function postresolve(dq)
    local changed = before ~= nil and before(dq) or false
    handOver(dq)
    return changed
  end
end
