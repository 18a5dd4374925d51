/** A certificate authority for one test run, made by openssl: one server certificate (localhost, 127.0.0.1, ::1), one client's. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface CertificateFiles {
  readonly certFile: string
  readonly keyFile: string
}

export interface Certificates {
  readonly caFile: string
  readonly server: CertificateFiles
  readonly client: CertificateFiles
  /** A server certificate by the same authority for a host nobody here has. */
  readonly stranger: CertificateFiles
}

/** The files live as long as the process. */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-certificates-'))
  chmodSync(folder, 0o755)
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const file = (name: string): string => join(folder, name)
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const key = (name: string): void =>
    openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', `${name}.key`)

  key('ca')
  openssl('req', '-x509', '-new', '-key', 'ca.key', '-subj', '/CN=test authority', '-days', '30', '-out', 'ca.pem')
  const issue = (name: string, subject: string, names: string): CertificateFiles => {
    key(name)
    writeFileSync(file(`${name}.ext`), `subjectAltName=${names}\nextendedKeyUsage=serverAuth,clientAuth\n`)
    openssl('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${subject}`, '-out', `${name}.csr`)
    openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30'],
      ...['-extfile', `${name}.ext`, '-out', `${name}.pem`],
    )
    return { certFile: file(`${name}.pem`), keyFile: file(`${name}.key`) }
  }
  return {
    caFile: file('ca.pem'),
    server: issue('server', 'localhost', 'DNS:localhost,IP:127.0.0.1,IP:::1'),
    client: issue('client', 'client.example.org', 'DNS:client.example.org'),
    stranger: issue('stranger', 'stranger.example.org', 'DNS:stranger.example.org'),
  }
}
