/** What every script shares that makes or ends bindings: it gathers writes, and finish() makes them and numbers the changes. */
import { COMMON } from './script-epoch.ts'

export const CHANGING = String.raw`${COMMON}
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

-- Most names lose one prefix: a text. More make it a table.
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

-- Makes the gathered writes. Returns the changes, and after them what the script adds.
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
