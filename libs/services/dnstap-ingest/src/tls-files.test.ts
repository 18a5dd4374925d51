import { makeCertificates } from '@dnstap-bgp/testkit'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readTlsFiles, TlsFileError } from './tls-files.ts'

const folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-tls-files-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const { server, client, caFile } = makeCertificates()

test('a certificate, its key and an authority are read', () => {
  const tls = readTlsFiles({ ...server, clientCaFile: caFile })
  expect(tls.cert).toContain('BEGIN CERTIFICATE')
  expect(tls.clientCa).toContain('BEGIN CERTIFICATE')
})

test.each([
  ['that is not there', { ...server, certFile: join(folder, 'none.pem') }, /dnstap\.tls\.cert: .*none\.pem .*no such file/],
  ['that is a folder', { ...server, keyFile: folder }, /dnstap\.tls\.key: .* it is a folder/],
  ['that is no PEM', { ...server, certFile: join(folder, 'text.pem') }, /no certificate and key that go together/],
  ['with the key of another', { ...server, keyFile: client.keyFile }, /no certificate and key that go together/],
])('a file %s is one sentence', (_what, files, sentence) => {
  writeFileSync(join(folder, 'text.pem'), 'hello')
  expect(() => readTlsFiles(files)).toThrow(TlsFileError)
  expect(() => readTlsFiles(files)).toThrow(sentence)
})
