/**
 * The Lua scripts: each is one atomic step over the keys below, all of which begin with the store's prefix.
 *
 *     meta        hash     epoch, revision, bindings, routes; next: the deadline that the key of this name has; life: the run_id of the server that wrote last;
 *                          step: counts scripts that changed something; base, baseStep: revision and step when this life began;
 *                          clock: store time in ms, as it was when Redis's own clock said `last`
 *     lists       hash     list -> how many routes it owns (a list without bindings has no field)
 *     routes      hash     prefix -> its owning lists, NUL between them
 *     deadlines   zset     list NUL name NUL prefix, by deadline in store time: the truth about expiry
 *     log         stream   entry R-0 (count text) is the changes of one script, the last of which has revision R: prefix LF lists LF …
 *     b:<prefix>  hash     list NUL name -> first seen, last seen, deadline; source, rule, chain (record.ts)
 *                          @ -> how many bindings, then NUL list NUL its bindings for each owning list
 *     n:<name>    hash     prefix NUL list -> nothing: what a name is bound to
 *     next        string   nothing; its TTL ends at the next deadline: the trigger of an expiry notification. One key, because Redis
 *                          looks at a few of the keys with a TTL ten times a second: among as many as there are addresses it
 *                          would find the one that is due half an hour late
 *
 * Times in records are base 36, `*` for Infinity: short enough that small hashes stay in Redis's compact form (64 bytes a value).
 * A script works on at most SLICE bindings, a few milliseconds in which Redis serves nobody else. What can be gathered is written
 * once at the end: a call from Lua costs about a microsecond by itself.
 *
 * Store time is kept here because replicas' clocks differ. It goes on by what Redis's clock says has passed, unless that is more than
 * the asker, who counts by a clock that does not step, knows to have passed: then Redis's clock was set. It never falls behind what
 * the asker knows, so that it does not go back when Redis does (to its last dump, to a replica's copy, to nothing).
 *
 * A server that was started again, or another one after a failover, may lack what was answered last, and no number may be given out twice.
 * It has lost nothing as far as a witness can tell: an asker that has lived on, whose last answer was of this epoch and of a step that is
 * there. Then the epoch goes on, and revisions and steps skip SKIP numbers, more than can have been given out and lost:
 *
 *     before  ... 41 42 43 44          a witness knows 42, and nothing is lost to it
 *     now     ... 41 42 | base = 42, next is 42 + SKIP + 1
 *
 * Whoever comes later and knows a number within the gap was told what is lost: then a new epoch begins. So it does without a witness.
 *
 * Left out on purpose: Redis Cluster. Atomic steps need all keys in one slot, so a cluster could not share the load anyway.
 */

/** Bindings per script call. */
export const SLICE = 500
/** Ending one costs less than making one. */
export const EXPIRE_SLICE = 1000

/** Redis's clock may be ahead of what the asker expects by the longest an answer may take. */
const SLACK_MS = 5000

/** Changes that an earlier life can have made and lost: years of them. 2^53 has room for millions of restarts. */
const SKIP = 1_000_000_000

/** Not held up by a full memory: it takes things out, or writes next to nothing. */
const IN_FULL_MEMORY = '#!lua flags=allow-oom\n'

// ARGV of every script: prefix; run_id of the server, or nothing when it is not known; store time, epoch and step as the asker knows them,
// each nothing when it has just started; a text of this process for a new epoch's name; length of the log; then arguments of its own.
const COMMON = String.raw`
local P = ARGV[1]
local META, LISTS, ROUTES, DEADLINES, LOG = P .. 'meta', P .. 'lists', P .. 'routes', P .. 'deadlines', P .. 'log'
local NEXT, BINDINGS, NAMES = P .. 'next', P .. 'b:', P .. 'n:'
local call, match = redis.call, string.match

local function decimal(count)
  return string.format('%.0f', count)
end

local head = call('HMGET', META, 'epoch', 'revision', 'bindings', 'routes', 'life', 'clock', 'last', 'next', 'step', 'base', 'baseStep')
local epoch, life = head[1], ARGV[2]
local revision, bindings, routes = tonumber(head[2] or 0), tonumber(head[3] or 0), tonumber(head[4] or 0)
local step, base, baseStep = tonumber(head[9] or 0), tonumber(head[10]), tonumber(head[11])
local knownTime, knownEpoch, knownStep = match(ARGV[3], '^(%S*) (%S*) (%S*)$')
knownStep = tonumber(knownStep)

local time = call('TIME')
local last = time[1] * 1000 + math.floor(time[2] / 1000)
local clock, known = tonumber(head[6]), tonumber(knownTime)
if clock then
  local passed = math.max(0, last - tonumber(head[7] or last))
  if not known or clock + passed <= known + ${SLACK_MS} then clock = clock + passed end
else
  clock = known or last
end
if known and known > clock then clock = known end

-- Store time and step, as every answer bears them.
local function stamp()
  return decimal(clock) .. ' ' .. decimal(step)
end

-- Is it a number that an earlier life may have given out for what is lost?
local function isInGap(number, from)
  return number and from and number > from and number < from + ${SKIP}
end

-- Everything is gone, or (evicted, deleted by hand) only the head of it, or it lacks what somebody was told: what is there becomes
-- revision 0 of a new epoch.
local function beginEpoch()
  epoch = time[1] .. '.' .. time[2] .. '-' .. ARGV[4]
  revision, bindings, routes = 0, call('ZCARD', DEADLINES), call('HLEN', ROUTES)
  step, base, baseStep = 0, nil, nil
  call('HSET', META, 'epoch', epoch, 'revision', 0, 'bindings', bindings, 'routes', routes, 'life', life, 'step', 0,
    'clock', decimal(clock), 'last', decimal(last))
  call('HDEL', META, 'base', 'baseStep')
  call('DEL', LOG)
end

local function goOn()
  base, baseStep = revision, step
  revision, step = revision + ${SKIP}, step + ${SKIP}
  call('HSET', META, 'revision', decimal(revision), 'step', decimal(step), 'base', decimal(base), 'baseStep', decimal(baseStep),
    'life', life, 'clock', decimal(clock), 'last', decimal(last))
end

local isOfThisEpoch = epoch and knownEpoch == epoch and knownStep
if not epoch then beginEpoch()
elseif life ~= '' and life ~= head[5] then
  if isOfThisEpoch and knownStep <= step then goOn() else beginEpoch() end
elseif isOfThisEpoch and isInGap(knownStep, baseStep) then beginEpoch()
end
`

const CHANGING = String.raw`${COMMON}
local firstRevision = revision + 1
local changes = {}
local routeWrites = {}
local listRoutes = {}
local deadlineWrites = {}
local triggerDeadline, firstDeadline = tonumber(head[8]) or math.huge, math.huge
local goneKeys = {}
local goneOfName = {}

local function number(text)
  if text == '*' then return math.huge end
  return tonumber(text, 36)
end

local function routesOf(list)
  local count = listRoutes[list]
  if not count then
    count = tonumber(call('HGET', LISTS, list) or 0)
    listRoutes[list] = count
  end
  return count
end

-- Returns how many bindings each owning list has, and the lists.
local function readOwners(summary)
  local owners, lists = {}, {}
  for list, count in string.gmatch(summary, '%z([^%z]*)%z(%d+)') do
    owners[list] = tonumber(count)
    lists[#lists + 1] = list
  end
  return owners, lists
end

local function writeSummary(count, owners, lists)
  local parts = { count }
  for _, list in ipairs(lists) do
    if owners[list] > 0 then parts[#parts + 1] = list .. '\0' .. owners[list] end
  end
  return table.concat(parts, '\0')
end

local function tell(prefix, lists)
  revision = revision + 1
  changes[#changes + 1] = prefix
  changes[#changes + 1] = lists
  routeWrites[prefix] = lists
end

local function tellOwners(prefix, owners, lists)
  local names = {}
  for _, list in ipairs(lists) do
    if owners[list] > 0 then names[#names + 1] = list end
  end
  tell(prefix, table.concat(names, '\0'))
end

-- Most names lose one: a text then, more make it a table.
local function forgetName(name, field)
  local gone = goneOfName[name]
  if not gone then goneOfName[name] = field
  elseif type(gone) == 'table' then gone[#gone + 1] = field
  else goneOfName[name] = { gone, field } end
end

-- A deadline in decimal, and 'inf'.
local function setDeadline(field, prefix, deadline)
  deadlineWrites[#deadlineWrites + 1] = deadline
  deadlineWrites[#deadlineWrites + 1] = field .. '\0' .. prefix
  if deadline ~= 'inf' then firstDeadline = math.min(firstDeadline, deadline) end
end

-- Takes the last binding of a prefix out of everything but the deadlines.
local function removeLast(key, list, name, prefix)
  bindings = bindings - 1
  routes = routes - 1
  goneKeys[#goneKeys + 1] = key
  listRoutes[list] = routesOf(list) - 1
  tell(prefix, '')
  forgetName(name, prefix .. '\0' .. list)
end

-- Takes a binding out of everything but the deadlines.
local function remove(list, name, prefix)
  if routeWrites[prefix] == '' then return false end -- its last binding has just gone; the key goes at the end
  local key, field = BINDINGS .. prefix, list .. '\0' .. name
  local known = call('HMGET', key, '@', field)
  if not known[2] then return false end
  local count = tonumber(match(known[1] or '1', '^%d+'))
  if count <= 1 then
    removeLast(key, list, name, prefix)
    return true
  end
  bindings = bindings - 1
  forgetName(name, prefix .. '\0' .. list)
  local owners, lists = readOwners(known[1])
  owners[list] = (owners[list] or 1) - 1
  call('HDEL', key, field)
  call('HSET', key, '@', writeSummary(count - 1, owners, lists))
  if owners[list] == 0 then
    listRoutes[list] = routesOf(list) - 1
    tellOwners(prefix, owners, lists)
  end
  return true
end

local function setTrigger(deadline)
  call('SET', NEXT, '', 'PX', decimal(math.max(1, deadline - clock)))
  call('HSET', META, 'next', decimal(deadline))
end

-- Writes what was gathered; returns the changes, and after them whatever the script has to say itself.
local function finish(...)
  if #deadlineWrites > 0 then call('ZADD', DEADLINES, unpack(deadlineWrites)) end
  if firstDeadline < triggerDeadline then setTrigger(firstDeadline) end
  for name, fields in pairs(goneOfName) do
    if type(fields) == 'table' then call('HDEL', NAMES .. name, unpack(fields))
    else call('HDEL', NAMES .. name, fields) end
  end
  if #goneKeys > 0 then call('DEL', unpack(goneKeys)) end
  local sets, gone = {}, {}
  for prefix, lists in pairs(routeWrites) do
    if lists == '' then
      gone[#gone + 1] = prefix
    else
      sets[#sets + 1] = prefix
      sets[#sets + 1] = lists
    end
  end
  if #sets > 0 then call('HSET', ROUTES, unpack(sets)) end
  if #gone > 0 then call('HDEL', ROUTES, unpack(gone)) end
  for list, count in pairs(listRoutes) do
    if count > 0 then call('HSET', LISTS, list, count) else call('HDEL', LISTS, list) end
  end
  local text = table.concat(changes, '\n')
  if #changes > 0 then
    local oldest = math.max(0, revision - tonumber(ARGV[5]))
    call('XADD', LOG, 'MINID', '~', decimal(oldest), decimal(revision) .. '-0', #changes / 2, text)
  end
  step = step + 1
  call('HSET', META, 'revision', decimal(revision), 'bindings', decimal(bindings), 'routes', decimal(routes), 'step', decimal(step),
    'clock', decimal(clock), 'last', decimal(last))
  return { epoch, stamp(), decimal(firstRevision), text, ... }
end
`

/**
 * ARGV[6]: [names per prefix, prefixes per name, routes, { list: routes }], -1 for no ceiling;
 * ARGV[7]: [list, name, prefix, seen, deadline, deadline in decimal, 1 for no new route, info, list, …].
 */
export const OBSERVE = String.raw`${CHANGING}
local limits = cjson.decode(ARGV[6])
local maxNames, maxPrefixes, maxRoutes, maxRoutesOfList = limits[1], limits[2], limits[3], limits[4]
local sightings = cjson.decode(ARGV[7])
local outcomes = {}
for at = 1, #sightings, 8 do
  local list, name, prefix = sightings[at], sightings[at + 1], sightings[at + 2]
  local seen, deadline, info = sightings[at + 3], sightings[at + 4], sightings[at + 7]
  local key, field = BINDINGS .. prefix, list .. '\0' .. name
  local known = call('HMGET', key, '@', field)
  local summary = known[1]
  local count = summary and tonumber(match(summary, '^%d+')) or 0
  local outcome
  if known[2] then
    local first, knownSeen, knownDeadline, knownInfo = match(known[2], '^(%S+) (%S+) (%S+)\n(.*)$')
    local later = number(deadline) > number(knownDeadline)
    local newer = number(seen) > number(knownSeen)
    if not later and not newer then
      outcome = '2'
    else
      outcome = '1'
      if not later then deadline = knownDeadline end
      if not newer then seen, info = knownSeen, knownInfo end
      call('HSET', key, field, first .. ' ' .. seen .. ' ' .. deadline .. '\n' .. info)
      if later then setDeadline(field, prefix, sightings[at + 5]) end
    end
  elseif maxNames >= 0 and count >= maxNames then outcome = '3'
  elseif maxPrefixes >= 0 and name ~= '' and call('HLEN', NAMES .. name) >= maxPrefixes then outcome = '4'
  else
    local owners, lists
    local isNewOwner = true
    if count > 0 then
      owners, lists = readOwners(summary)
      isNewOwner = not owners[list]
    end
    if isNewOwner and maxRoutesOfList[list] and routesOf(list) >= maxRoutesOfList[list] then outcome = '5'
    elseif count == 0 and maxRoutes >= 0 and routes >= maxRoutes then outcome = '6'
    elseif isNewOwner and sightings[at + 6] == '1' then outcome = '7'
    else
      outcome = '0'
      bindings = bindings + 1
      if isNewOwner then listRoutes[list] = routesOf(list) + 1 end
      if count == 0 then
        routes = routes + 1
        summary = '1\0' .. list .. '\0' .. '1'
        tell(prefix, list)
      else
        if isNewOwner then
          owners[list] = 1
          lists[#lists + 1] = list
          tellOwners(prefix, owners, lists)
        else
          owners[list] = owners[list] + 1
        end
        summary = writeSummary(count + 1, owners, lists)
      end
      call('HSET', key, '@', summary, field, seen .. ' ' .. seen .. ' ' .. deadline .. '\n' .. info)
      call('HSET', NAMES .. name, prefix .. '\0' .. list, '')
      setDeadline(field, prefix, sightings[at + 5])
    end
  end
  outcomes[#outcomes + 1] = outcome
end
return finish(table.concat(outcomes))
`

/**
 * ARGV[6]: now, decimal; ARGV[7]: at most so many. Says how many ended and the next deadline.
 *
 * What Redis can end in a second decides how late the last of many is. So a prefix with one binding, and most have one, is not read:
 * a hash of two fields is that binding and the summary.
 */
export const EXPIRE = String.raw`${IN_FULL_MEMORY}${CHANGING}
local due = call('ZRANGEBYSCORE', DEADLINES, '-inf', ARGV[6], 'LIMIT', 0, ARGV[7])
for _, member in ipairs(due) do
  local list, name, prefix = match(member, '^([^%z]*)%z([^%z]*)%z(.*)$')
  local key = BINDINGS .. prefix
  if call('HLEN', key) == 2 then removeLast(key, list, name, prefix) else remove(list, name, prefix) end
end
if #due > 0 then call('ZREMRANGEBYRANK', DEADLINES, 0, #due - 1) end
local following = call('ZRANGE', DEADLINES, 0, 0, 'WITHSCORES')
local followingDeadline = tonumber(following[2])
if followingDeadline and followingDeadline ~= math.huge and followingDeadline ~= triggerDeadline then setTrigger(followingDeadline) end
if #due == 0 then return { epoch, stamp(), decimal(firstRevision), '', '0', following[2] or 'inf' } end
return finish(tostring(#due), following[2] or 'inf')
`

/** ARGV[6]: [list, name, prefix, list, …]. */
export const FORGET = String.raw`${IN_FULL_MEMORY}${CHANGING}
local keys = cjson.decode(ARGV[6])
for at = 1, #keys, 3 do
  local list, name, prefix = keys[at], keys[at + 1], keys[at + 2]
  if remove(list, name, prefix) then call('ZREM', DEADLINES, list .. '\0' .. name .. '\0' .. prefix) end
end
return finish()
`

/** ARGV[6]: [list, name, prefix, last seen as it was read, deadline, deadline in decimal, list, …]. */
export const RESCHEDULE = String.raw`${CHANGING}
local all = cjson.decode(ARGV[6])
for at = 1, #all, 6 do
  local prefix, field = all[at + 2], all[at] .. '\0' .. all[at + 1]
  local known = call('HGET', BINDINGS .. prefix, field)
  if known then
    local first, seen, _, info = match(known, '^(%S+) (%S+) (%S+)\n(.*)$')
    if seen == all[at + 3] then
      call('HSET', BINDINGS .. prefix, field, first .. ' ' .. seen .. ' ' .. all[at + 4] .. '\n' .. info)
      setDeadline(field, prefix, all[at + 5])
    end
  end
end
return finish()
`

/** Is what we are told written? Fails where a change would. */
export const BEAT = String.raw`${COMMON}
call('HSET', META, 'clock', decimal(clock), 'last', decimal(last))
return { epoch, stamp() }
`

/** For a client that may not know the run_id: a new epoch, whatever is there. */
export const BEGIN = String.raw`${IN_FULL_MEMORY}
redis.call('HDEL', ARGV[1] .. 'meta', 'epoch')
${COMMON}
return { epoch, stamp() }
`

/** Epoch, store time, revision, bindings, routes; then list, routes, list, routes. */
export const HEAD = String.raw`${IN_FULL_MEMORY}${COMMON}
local answer = { epoch, stamp(), decimal(revision), decimal(bindings), decimal(routes) }
for _, text in ipairs(call('HGETALL', LISTS)) do answer[#answer + 1] = text end
return answer
`

/** ARGV[6], ARGV[7]: the asker's epoch and revision; ARGV[8]: at most so many. Epoch, store time, verdict, then the texts of the log's entries, and the first revision in them. */
export const SINCE = String.raw`${COMMON}
local after, limit = tonumber(ARGV[7]), tonumber(ARGV[8])
if ARGV[6] == epoch and isInGap(after, base) then beginEpoch() end
if ARGV[6] ~= epoch or after > revision then return { epoch, stamp(), 'gap' } end
if after == revision then return { epoch, stamp(), 'up-to-date' } end
local answer = { epoch, stamp(), 'changes' }
local nextRevision, firstToldRevision = after + 1, nil
while nextRevision <= math.min(revision, after + limit) do
  local entry = call('XRANGE', LOG, decimal(nextRevision) .. '-0', '+', 'COUNT', 1)[1]
  local lastOfEntry = entry and tonumber(match(entry[1], '^%d+'))
  local first = entry and lastOfEntry - tonumber(entry[2][1]) + 1
  if not entry or first > nextRevision then return { epoch, stamp(), 'gap' } end
  firstToldRevision = firstToldRevision or first
  answer[#answer + 1] = entry[2][2]
  nextRevision = lastOfEntry + 1
end
answer[#answer + 1] = decimal(firstToldRevision)
return answer
`

/** ARGV[6]: [list, name, prefix, list, …]. The record of each, or an empty text for what is not there. */
export const READ = String.raw`
local keys, answer = cjson.decode(ARGV[6]), {}
for at = 1, #keys, 3 do
  answer[#answer + 1] = redis.call('HGET', ARGV[1] .. 'b:' .. keys[at + 2], keys[at] .. '\0' .. keys[at + 1]) or ''
end
return answer
`
