/**
 * The Lua scripts: each is one atomic step over the keys below, all of which begin with the store's prefix.
 *
 *     meta        hash     epoch, revision, bindings, routes
 *     lists       hash     list -> how many routes it owns (a list without bindings has no field)
 *     routes      hash     prefix -> its owning lists, NUL between them
 *     deadlines   zset     list NUL name NUL prefix, by deadline in Unix ms: the truth about expiry
 *     log         stream   entry R-0 (p prefix, l lists) is the change with revision R; trimmed to about its length
 *     b:<prefix>  hash     list NUL name -> first seen, last seen, deadline; source, rule, chain (record.ts)
 *                          @ -> bindings, latest deadline, then NUL list NUL bindings for each owning list
 *     n:<name>    hash     prefix NUL list -> nothing: what a name is bound to
 *     t:<prefix>  string   nothing; its TTL is the latest deadline: the trigger of an expiry notification
 *
 * Times are base 36, `*` for Infinity: short enough that small hashes stay in Redis's compact form (64 bytes a value).
 * A script works on at most SLICE bindings, a few milliseconds in which Redis serves nobody else.
 *
 * Left out on purpose: Redis Cluster. Atomic steps need all keys in one slot, so a cluster could not share the load anyway.
 */

/** Bindings per script call. */
export const SLICE = 500
/** Ending one costs less than making one. */
export const EXPIRE_SLICE = 1000

// ARGV of every script: prefix, epoch to use if there is none, length of the log, arguments of its own.
const COMMON = `
local P = ARGV[1]
local META, LISTS, ROUTES, DEADLINES, LOG = P .. 'meta', P .. 'lists', P .. 'routes', P .. 'deadlines', P .. 'log'
local call = redis.call
local head = call('HMGET', META, 'epoch', 'revision', 'bindings', 'routes')
local epoch = head[1]
if not epoch then
  epoch = ARGV[2]
  call('HSET', META, 'epoch', epoch)
end
local revision, bindings, routes = tonumber(head[2] or 0), tonumber(head[3] or 0), tonumber(head[4] or 0)
`

const CHANGING = `${COMMON}
local firstRevision = revision + 1
local changes = {}
local routeWrites = {}
local listRoutes = {}
local deadlineWrites = {}

local function number(text)
  if text == '*' then return math.huge end
  return tonumber(text, 36)
end

local function decimal(time)
  if time == math.huge then return 'inf' end
  return string.format('%.0f', time)
end

local function routesOf(list)
  local count = listRoutes[list]
  if not count then
    count = tonumber(call('HGET', LISTS, list) or 0)
    listRoutes[list] = count
  end
  return count
end

-- Returns how many bindings a prefix has, its latest deadline, how many its lists have, its lists.
local function readSummary(text)
  if not text then return 0, '0', {}, {} end
  local count, latest = string.match(text, '^(%d+) ([^%z]+)')
  local owners, lists = {}, {}
  for list, bindingsOfList in string.gmatch(text, '%z([^%z]*)%z(%d+)') do
    owners[list] = tonumber(bindingsOfList)
    lists[#lists + 1] = list
  end
  return tonumber(count), latest, owners, lists
end

local function writeSummary(count, latest, owners, lists)
  local parts = { count .. ' ' .. latest }
  for _, list in ipairs(lists) do
    if owners[list] > 0 then parts[#parts + 1] = list .. '\\0' .. owners[list] end
  end
  return table.concat(parts, '\\0')
end

local function tell(prefix, owners, lists)
  local names = {}
  for _, list in ipairs(lists) do
    if owners[list] > 0 then names[#names + 1] = list end
  end
  local text = table.concat(names, '\\0')
  revision = revision + 1
  call('XADD', LOG, 'MAXLEN', '~', ARGV[3], string.format('%.0f-0', revision), 'p', prefix, 'l', text)
  changes[#changes + 1] = prefix
  changes[#changes + 1] = text
  routeWrites[prefix] = text
end

local function setDeadline(member, time)
  deadlineWrites[#deadlineWrites + 1] = decimal(time)
  deadlineWrites[#deadlineWrites + 1] = member
end

local function setTrigger(prefix, time)
  if time == math.huge then call('SET', P .. 't:' .. prefix, '')
  else call('SET', P .. 't:' .. prefix, '', 'PXAT', decimal(math.max(time, 1))) end
end

-- Takes a binding out of everything but the deadlines.
local function remove(list, name, prefix)
  local key, field = P .. 'b:' .. prefix, list .. '\\0' .. name
  local known = call('HMGET', key, '@', field)
  if not known[2] then return false end
  local count, latest, owners, lists = readSummary(known[1])
  bindings = bindings - 1
  owners[list] = (owners[list] or 1) - 1
  if count <= 1 then
    call('DEL', key, P .. 't:' .. prefix)
    routes = routes - 1
  else
    call('HDEL', key, field)
    call('HSET', key, '@', writeSummary(count - 1, latest, owners, lists))
  end
  call('HDEL', P .. 'n:' .. name, prefix .. '\\0' .. list)
  if owners[list] == 0 then
    listRoutes[list] = routesOf(list) - 1
    tell(prefix, owners, lists)
  end
  return true
end

-- Writes what was gathered; returns the changes after whatever the script has to say itself.
local function finish(...)
  if #deadlineWrites > 0 then call('ZADD', DEADLINES, unpack(deadlineWrites)) end
  local sets, gone = {}, {}
  for prefix, text in pairs(routeWrites) do
    if text == '' then
      gone[#gone + 1] = prefix
    else
      sets[#sets + 1] = prefix
      sets[#sets + 1] = text
    end
  end
  if #sets > 0 then call('HSET', ROUTES, unpack(sets)) end
  if #gone > 0 then call('HDEL', ROUTES, unpack(gone)) end
  for list, count in pairs(listRoutes) do
    if count > 0 then call('HSET', LISTS, list, count) else call('HDEL', LISTS, list) end
  end
  call('HSET', META, 'revision', decimal(revision), 'bindings', decimal(bindings), 'routes', decimal(routes))
  local answer = { epoch, decimal(firstRevision), ... }
  for _, text in ipairs(changes) do answer[#answer + 1] = text end
  return answer
end
`

/** ARGV[4]: [names per prefix, prefixes per name, routes, { list: routes }]; ARGV[5]: [[list, name, prefix, seen, deadline, info], …]. */
export const OBSERVE = `${CHANGING}
local limits = cjson.decode(ARGV[4])
local maxNames, maxPrefixes, maxRoutes, maxRoutesOfList = limits[1], limits[2], limits[3], limits[4]
local outcomes = {}
for i, sighting in ipairs(cjson.decode(ARGV[5])) do
  local list, name, prefix, seen, deadline, info = unpack(sighting)
  local key, field = P .. 'b:' .. prefix, list .. '\\0' .. name
  local known = call('HMGET', key, '@', field)
  local count, latest, owners, lists = readSummary(known[1])
  local outcome
  if known[2] then
    local first, knownSeen, knownDeadline, knownInfo = string.match(known[2], '^(%S+) (%S+) (%S+)\\n(.*)$')
    local later = number(deadline) > number(knownDeadline)
    local newer = number(seen) > number(knownSeen)
    if not later and not newer then
      outcome = '2'
    else
      outcome = '1'
      if not later then deadline = knownDeadline end
      if not newer then seen, info = knownSeen, knownInfo end
      local record = first .. ' ' .. seen .. ' ' .. deadline .. '\\n' .. info
      if later then setDeadline(field .. '\\0' .. prefix, number(deadline)) end
      if later and number(deadline) > number(latest) then
        call('HSET', key, field, record, '@', writeSummary(count, deadline, owners, lists))
        setTrigger(prefix, number(deadline))
      else
        call('HSET', key, field, record)
      end
    end
  elseif maxNames >= 0 and count >= maxNames then outcome = '3'
  elseif maxPrefixes >= 0 and call('HLEN', P .. 'n:' .. name) >= maxPrefixes then outcome = '4'
  elseif maxRoutesOfList[list] and not owners[list] and routesOf(list) >= maxRoutesOfList[list] then outcome = '5'
  elseif maxRoutes >= 0 and count == 0 and routes >= maxRoutes then outcome = '6'
  else
    outcome = '0'
    bindings = bindings + 1
    if count == 0 then routes = routes + 1 end
    local isNewOwner = not owners[list]
    if isNewOwner then
      owners[list] = 0
      lists[#lists + 1] = list
      listRoutes[list] = routesOf(list) + 1
    end
    owners[list] = owners[list] + 1
    if count == 0 or number(deadline) > number(latest) then
      latest = deadline
      setTrigger(prefix, number(deadline))
    end
    local record = seen .. ' ' .. seen .. ' ' .. deadline .. '\\n' .. info
    call('HSET', key, '@', writeSummary(count + 1, latest, owners, lists), field, record)
    call('HSET', P .. 'n:' .. name, prefix .. '\\0' .. list, '')
    setDeadline(field .. '\\0' .. prefix, number(deadline))
    if isNewOwner then tell(prefix, owners, lists) end
  end
  outcomes[i] = outcome
end
return finish(table.concat(outcomes))
`

/** ARGV[4]: now, decimal; ARGV[5]: at most so many. Says how many ended and the next deadline. */
export const EXPIRE = `${CHANGING}
local due = call('ZRANGEBYSCORE', DEADLINES, '-inf', ARGV[4], 'LIMIT', 0, ARGV[5])
for _, member in ipairs(due) do
  local list, name, prefix = string.match(member, '^([^%z]*)%z([^%z]*)%z(.*)$')
  remove(list, name, prefix)
end
if #due > 0 then call('ZREMRANGEBYRANK', DEADLINES, 0, #due - 1) end
local following = call('ZRANGE', DEADLINES, 0, 0, 'WITHSCORES')
if #due == 0 then return { epoch, decimal(firstRevision), '0', following[2] or 'inf' } end
return finish(tostring(#due), following[2] or 'inf')
`

/** ARGV[4]: [[list, name, prefix], …]. */
export const FORGET = `${CHANGING}
for _, key in ipairs(cjson.decode(ARGV[4])) do
  local list, name, prefix = unpack(key)
  if remove(list, name, prefix) then call('ZREM', DEADLINES, list .. '\\0' .. name .. '\\0' .. prefix) end
end
return finish()
`

/** ARGV[4]: [[list, name, prefix, deadline], …]. */
export const RESCHEDULE = `${CHANGING}
for _, one in ipairs(cjson.decode(ARGV[4])) do
  local list, name, prefix, deadline = unpack(one)
  local key, field = P .. 'b:' .. prefix, list .. '\\0' .. name
  local known = call('HMGET', key, '@', field)
  if known[2] then
    local first, seen, _, info = string.match(known[2], '^(%S+) (%S+) (%S+)\\n(.*)$')
    local count, latest, owners, lists = readSummary(known[1])
    if count == 1 or number(deadline) > number(latest) then
      latest = deadline
      setTrigger(prefix, number(deadline))
    end
    local record = first .. ' ' .. seen .. ' ' .. deadline .. '\\n' .. info
    call('HSET', key, field, record, '@', writeSummary(count, latest, owners, lists))
    setDeadline(field .. '\\0' .. prefix, number(deadline))
  end
end
return finish()
`

/** Epoch, revision, bindings, routes; then list, routes, list, routes. */
export const HEAD = `${COMMON}
local answer = { epoch, string.format('%.0f', revision), string.format('%.0f', bindings), string.format('%.0f', routes) }
for _, text in ipairs(call('HGETALL', LISTS)) do answer[#answer + 1] = text end
return answer
`

/** ARGV[4], ARGV[5]: the asker's epoch and revision; ARGV[6]: at most so many. Epoch, verdict, then prefix, lists, prefix, lists. */
export const SINCE = `${COMMON}
local after, limit = tonumber(ARGV[5]), tonumber(ARGV[6])
if ARGV[4] ~= epoch or after > revision then return { epoch, 'gap' } end
if after == revision then return { epoch, 'up-to-date' } end
local from = string.format('%.0f-0', after + 1)
local entries = call('XRANGE', LOG, from, '+', 'COUNT', limit)
if #entries == 0 or entries[1][1] ~= from then return { epoch, 'gap' } end
local answer = { epoch, 'changes' }
for _, entry in ipairs(entries) do
  answer[#answer + 1] = entry[2][2]
  answer[#answer + 1] = entry[2][4]
end
return answer
`

/** ARGV[4]: [[list, name, prefix], …]. The record of each, or an empty text for what is not there. */
export const READ = `${COMMON}
local answer = {}
for i, key in ipairs(cjson.decode(ARGV[4])) do
  answer[i] = call('HGET', P .. 'b:' .. key[3], key[1] .. '\\0' .. key[2]) or ''
end
return answer
`
