/** TLS to a server: the settings of [bus.tls] and [store.tls]. */
import type { Section } from './section.ts'
import { defineSection, ofSecretFile, setting } from './setting.ts'
import type { SectionDescription, ValuesOf } from './setting.ts'
import { path } from './values.ts'

const SETTINGS = {
  caFile: setting(path, { key: 'ca', meaning: "Authority of the server's certificate, PEM." }),
  certFile: setting(path, { key: 'cert', meaning: 'Our certificate, PEM.' }),
  keyFile: ofSecretFile(setting(path, { key: 'key', meaning: 'Its private key, PEM.' })),
}

export type TlsClientConfig = ValuesOf<typeof SETTINGS>

export function clientTls(title: string): SectionDescription<typeof SETTINGS> {
  return defineSection({ title, isOptional: true, takesEffect: 'restart', settings: SETTINGS })
}

export function parseClientTls(section: Section, description: SectionDescription<typeof SETTINGS>): TlsClientConfig | undefined {
  const tls = section.read(description)
  if ((tls.certFile === undefined) !== (tls.keyFile === undefined) && section.has('cert') !== section.has('key'))
    section.missing(tls.certFile === undefined ? 'cert' : 'key', 'cert and key together')
  return section.present ? tls : undefined
}
