/**
 * The Lua scripts: each is one atomic step over the keys below, all of which begin with the store's prefix.
 *
 *     meta        hash     epoch, revision, bindings, routes; next: the deadline that the key of this name has; life: the run_id of the
 *                          server that wrote last; step: counts scripts that changed something; base, baseStep: revision and step when
 *                          this life began; clock: store time in ms, as it was when Redis's own clock said `last`
 *     lists       hash     list -> how many routes it owns (a list without bindings has no field)
 *     routes      hash     prefix -> its owning lists, NUL between them
 *     deadlines   zset     list NUL name NUL prefix, by deadline in store time: the truth about expiry
 *     log         stream   entry R-0 (count text) is the changes of one script, the last of which has revision R: prefix LF lists LF …
 *     b:<prefix>  hash     list NUL name -> first seen, last seen, deadline; source, rule, chain (record.ts)
 *                          @ -> how many bindings, then NUL list NUL its bindings for each owning list
 *     n:<name>    hash     prefix NUL list -> nothing: the prefixes that a name is bound to
 *     next        string   nothing; its TTL ends at the next deadline: the trigger of an expiry notification. One key, because Redis
 *                          looks at a few of the keys with a TTL ten times a second: with a key per address it would find the due one
 *                          half an hour late
 *
 * Times in records are base 36, `*` for Infinity: short enough that small hashes stay in Redis's compact form (64 bytes a value).
 * A script works on at most SLICE bindings, a few milliseconds in which Redis serves nobody else. Writes are gathered and made once at the
 * end: a call from Lua costs about a microsecond by itself.
 *
 * Every script begins with COMMON (script-epoch.ts: store time and epochs); those that change something go on with CHANGING
 * (script-changes.ts).
 *
 * Left out on purpose: Redis Cluster. Atomic steps need all keys in one slot, so a cluster could not share the load anyway.
 */
import { CHANGING } from './script-changes.ts'
import { COMMON } from './script-epoch.ts'

/** Bindings per script call. */
export const SLICE = 500
/** Ending a binding costs less than making one. */
export const EXPIRE_SLICE = 1000

/** Lets a script run when the memory is full: it takes things out, or writes next to nothing. */
const IN_FULL_MEMORY = '#!lua flags=allow-oom\n'

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
 * ARGV[6]: now, decimal; ARGV[7]: at most so many. Answers how many ended, and the next deadline.
 *
 * How many bindings Redis ends in a second decides how late the last of many ends. So the usual prefix with one binding is not read: a hash
 * of two fields is that binding and the summary.
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
export const FORGET_BINDINGS = String.raw`${IN_FULL_MEMORY}${CHANGING}
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

/** Writes something small: fails where a change would fail. */
export const BEAT = String.raw`${COMMON}
call('HSET', META, 'clock', decimal(clock), 'last', decimal(last))
return { epoch, stamp() }
`

/** Begins a new epoch: for a client that may not know the run_id. */
export const BEGIN = String.raw`${IN_FULL_MEMORY}
redis.call('HDEL', ARGV[1] .. 'meta', 'epoch')
${COMMON}
return { epoch, stamp() }
`

/** Epoch, store time, revision, bindings, routes; then list, routes, list, routes. */
export const READ_HEAD = String.raw`${IN_FULL_MEMORY}${COMMON}
local answer = { epoch, stamp(), decimal(revision), decimal(bindings), decimal(routes) }
for _, text in ipairs(call('HGETALL', LISTS)) do answer[#answer + 1] = text end
return answer
`

/** ARGV[6], ARGV[7]: the asker's epoch and revision; ARGV[8]: at most so many. Answers epoch, store time, `changes` (or `gap`, `up-to-date`), the texts of the log's entries, and the first revision in them. */
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
