-- dnstap-bgp's hook for dnsdist: hands over each answer before the client gets it.
--
-- In dnsdist.conf, with this file and dnstap_bgp.lua in one folder:
--
--     dnstapBgp = dofile('/usr/share/dnstap-bgp/resolvers/dnsdist.lua')('/run/dnstap-bgp/dnstap.sock', 'dnsdist-1')
--     addResponseAction(AllRule(), LuaFFIResponseAction(dnstapBgp))
--
-- Answers from dnsdist's own cache do not come here; ordinary dnstap reports those (addCacheHitResponseAction with DnstapLogResponseAction).
-- A rule with DelayResponseAction has to stand before this one.
local ffi = require('ffi')
local folder = debug.getinfo(1, 'S').source:match('^@(.*/)') or './'

return function(path, identity)
  local library = dofile(folder .. 'dnstap_bgp.lua')
  local sender = library.new(path, identity)
  local handOver = library.safely(errlog, function(response)
    sender:send(ffi.C.dnsdist_ffi_dnsquestion_get_header(response), ffi.C.dnsdist_ffi_dnsquestion_get_len(response))
  end)
  return function(response)
    handOver(response)
    return DNSResponseAction.None
  end
end
