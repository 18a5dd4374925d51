/** The certificate files of `[dnstap.tls]`: read, and tried before a socket depends on them. */
import type { DnstapTlsOptions } from '@dnstap-bgp/dnstap-server'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'

export interface TlsFiles {
  readonly certFile: string
  readonly keyFile: string
  readonly clientCaFile?: string | undefined
}

/** A certificate or key that cannot be used: one sentence for the operator. */
export class TlsFileError extends Error {
  override readonly name = 'TlsFileError'
}

/** @throws TlsFileError */
export function readTlsFiles({ certFile, keyFile, clientCaFile }: TlsFiles): DnstapTlsOptions {
  const tls = {
    cert: read('cert', certFile),
    key: read('key', keyFile),
    clientCa: clientCaFile === undefined ? undefined : read('clientCA', clientCaFile),
  }
  const files = [certFile, keyFile, ...(clientCaFile === undefined ? [] : [clientCaFile])].join(', ')
  try {
    createSecureContext({ cert: tls.cert, key: tls.key, ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa }) })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new TlsFileError(`dnstap.tls: ${files} are no certificate and key that go together, in PEM (${why})`, { cause: error })
  }
  return tls
}

function read(key: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error)
    throw new TlsFileError(`dnstap.tls.${key}: ${file} cannot be read: ${WHY_UNREADABLE[code] ?? code}`, { cause: error })
  }
}

const WHY_UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission is refused',
  EISDIR: 'it is a folder',
}
