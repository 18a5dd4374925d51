-- dnstap-bgp's hook for Knot Resolver: hands over each answer before the client gets it.
--
-- In kresd.conf, with this file and dnstap_bgp.lua in one folder:
--
--     dofile('/usr/share/dnstap-bgp/resolvers/kresd.lua')('/run/dnstap-bgp/dnstap.sock', hostname())
--
-- `finish` runs once for each request, when the answer is complete and validated. Answers from the cache come here too, so ordinary dnstap
-- is not needed beside it. What kresd looks up for itself has no client address and is left out.
--
-- A third argument, in milliseconds, holds an answer that is not from the cache until it is routed, for so long at most. A layer of kresd can
-- only block: meanwhile the whole instance answers nobody.
local folder = debug.getinfo(1, 'S').source:match('^@(.*/)') or './'

return function(path, identity, holdMs)
  local library = dofile(folder .. 'dnstap_bgp.lua')
  local sender = library.new(path, identity, holdMs)
  local handOver = library.safely(warn, function(request)
    sender:send(request.answer.wire, request.answer.size, not request:all_from_cache())
  end)
  package.loaded['kres_modules.dnstap_bgp_hook'] = {
    layer = {
      finish = function(state, request)
        if request.answer ~= nil and request.qsource.addr ~= nil then handOver(request) end
        return state
      end,
    },
  }
  modules.load('dnstap_bgp_hook')
end
