/**
 * How every script begins: it reads the head of the store, works out store time, and begins a new epoch when something was lost.
 *
 * Store time is kept in Redis because the replicas' clocks differ. It goes on by the time that has passed by Redis's clock. When that is more
 * than the asker, who counts by a clock that does not step, knows to have passed, Redis's clock was set, and does not count. Store time never
 * falls behind what the asker knows: it does not go back when Redis does (to its last dump, to a replica's copy, to nothing).
 *
 * A server that was restarted, or another one after a failover, may lack its last writes, and no number may be given out twice. An asker
 * that has lived on is a witness: when its last answer was of this epoch, and of a step that the server has, nothing is lost as far as it can
 * tell. Then the epoch goes on, and revisions and steps skip SKIP numbers, more than can have been given out and lost:
 *
 *     before  ... 41 42 43 44          a witness knows 42, and nothing is lost to it
 *     now     ... 41 42 | base = 42, next is 42 + SKIP + 1
 *
 * An asker that comes later and knows a number within the gap was told something that is lost: then a new epoch begins. Without a witness a
 * new epoch begins, too.
 */
/** Redis's clock may be ahead of what the asker expects by the longest an answer may take. */
const SLACK_MS = 5000

/** Changes that an earlier life can have made and lost: years of them. 2^53 has room for millions of restarts. */
const SKIP = 1_000_000_000

// ARGV of every script: prefix; run_id of the server, or nothing when it is not known; store time, epoch and step as the asker knows them,
// each nothing when it has just started; a text of this process for a new epoch's name; length of the log; then arguments of its own.
export const COMMON = String.raw`
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

-- May an earlier life have given out this number for a change that is lost?
local function isInGap(number, from)
  return number and from and number > from and number < from + ${SKIP}
end

-- Everything is gone, or the head alone was evicted or deleted by hand, or something is lost that somebody was told: the content becomes
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
