// In the images: exits with 0 when the program's admin server says that it is alive. Follows DNSTAP_BGP_ADMIN_LISTEN, as the program does;
// it does not read the configuration file, so in a container an admin address of one's own is given by environment.
import { get } from 'node:http'

const listen = process.env.DNSTAP_BGP_ADMIN_LISTEN || '127.0.0.1:8053'
if (listen === 'off') process.exit(0)
get({ ...target(listen), path: '/livez', headers: { host: 'localhost' }, timeout: 2000 }, (answer) => {
  process.exit(answer.statusCode === 200 ? 0 : 1)
})
  .on('timeout', () => process.exit(1))
  .on('error', (error) => {
    console.error(error.message)
    process.exit(1)
  })

function target(text) {
  if (text.includes('/')) return { socketPath: text }
  const colon = text.lastIndexOf(':')
  const host = text.slice(0, colon).replace(/^\[|\]$/g, '')
  // Listening on every address includes loopback.
  return { host: ['', '0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host, port: text.slice(colon + 1) }
}
