-- dnstap-bgp's hook for Knot Resolver: hands over each answer before the client gets it.
--
-- In kresd.conf, with this file and dnstap_bgp.lua in one folder:
--
--     dofile('/usr/share/dnstap-bgp/resolvers/kresd.lua')('/run/dnstap-bgp/dnstap.sock', hostname())
--
-- `finish` runs once for each request, when the answer is complete and validated. Answers from the cache come here too, so ordinary dnstap
-- is not needed beside it. What kresd looks up for itself has no client address and is left out.
local folder = debug.getinfo(1, 'S').source:match('^@(.*/)') or './'

return function(path, identity)
  local library = dofile(folder .. 'dnstap_bgp.lua')
  local sender = library.new(path, identity)
  local handOver = library.safely(warn, function(answer) sender:send(answer.wire, answer.size) end)
  package.loaded['kres_modules.dnstap_bgp_hook'] = {
    layer = {
      finish = function(state, request)
        local answer = request.answer
        if answer ~= nil and request.qsource.addr ~= nil then handOver(answer) end
        return state
      end,
    },
  }
  modules.load('dnstap_bgp_hook')
end
