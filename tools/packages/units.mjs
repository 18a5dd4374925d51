// The units of a package. Those of the four services, and the one for a network namespace, are made of the all-in-one's: what protects one protects all.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../setup.mjs'

export const SERVICES = ['dnstap-ingest', 'cache', 'bgp-announcer', 'sync-gateway']

/** @returns the name and the text of each unit */
export function units() {
  const read = (name) => readFileSync(join(root, 'deploy/systemd', name), 'utf8')
  const allInOne = read('dnstap-bgp.service')
  return [
    ['dnstap-bgp.service', allInOne],
    ['dnstap-bgp.socket', read('dnstap-bgp.socket')],
    ['dnstap-bgp@.service', inNamespace(allInOne)],
    ...SERVICES.map((service) => [`dnstap-bgp-${service}.service`, ofService(allInOne, service)]),
  ]
}

function ofService(unit, service) {
  let text = change(
    unit,
    /^# The all-in-one[^]*?\n(?=\[Unit\])/,
    `# ${service}, one of the four services, which meet at NATS. Its configuration is that of all, or what CONFIG= in /etc/default/dnstap-bgp names.\n`,
  )
  text = change(text, /^Description=.*/m, `Description=dnstap-bgp: ${service}`)
  text = change(text, /^After=.*/m, '$& nats-server.service redis-server.service')
  text = change(text, / run --config/, ` run --service ${service} --config`)
  // Only BGP opens a port below 1024.
  if (service !== 'bgp-announcer')
    text = change(text, /^# bgp\.listen.*\nAmbientCapabilities=.*\nCapabilityBoundingSet=.*/m, 'CapabilityBoundingSet=')
  return text
}

function inNamespace(unit) {
  let text = change(
    unit,
    /^# The all-in-one[^]*?\n(?=\[Unit\])/,
    `# The all-in-one inside the network namespace whose name stands behind the @ (\`ip netns add NAME\`): its BGP sessions, its sync peers and its TCP listeners are
# there. Its configuration is /etc/dnstap-bgp/NAME.toml, or what CONFIG= in /etc/default/dnstap-bgp@NAME names.
`,
  )
  text = change(text, /^Description=.*/m, '$&, in the network namespace %i')
  text = change(text, /^Environment=CONFIG=.*/m, 'Environment=CONFIG=/etc/dnstap-bgp/%i.toml')
  text = change(text, /^EnvironmentFile=.*/m, 'EnvironmentFile=-/etc/default/dnstap-bgp@%i')
  return change(text, /^\[Service\]/m, '$&\nNetworkNamespacePath=/run/netns/%i')
}

/** Fails when the unit of the all-in-one has no such line any more. */
function change(text, pattern, replacement) {
  if (!pattern.test(text)) throw new Error(`dnstap-bgp.service has nothing that matches ${pattern}`)
  return text.replace(pattern, replacement)
}
