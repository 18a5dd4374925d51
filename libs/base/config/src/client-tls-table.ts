/** The tables [bus.tls] and [store.tls]: TLS to a server. */
import type { TlsClientConfig } from './config.ts'
import type { Context } from './context.ts'
import type { Section } from './section.ts'
import { path } from './values.ts'

export function parseClientTls(section: Section, { folder }: Context): TlsClientConfig | undefined {
  const tls = {
    caFile: section.optional('ca', path(folder)),
    certFile: section.optional('cert', path(folder)),
    keyFile: section.optional('key', path(folder)),
  }
  section.noteSecretFile(tls.keyFile)
  if ((tls.certFile === undefined) !== (tls.keyFile === undefined) && section.has('cert') !== section.has('key'))
    section.missing(tls.certFile === undefined ? 'cert' : 'key', 'cert and key together')
  section.done()
  return section.present ? tls : undefined
}
