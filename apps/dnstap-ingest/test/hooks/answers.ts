/** What an answer says, in one line of text. */
import { nameToText, ResponseReader, responseFaultName } from '@dnstap-bgp/dns-wire'
import { formatAddress } from '@dnstap-bgp/ip'

const reader = new ResponseReader()

/** `www.example.org 192.0.2.1 2001:db8::1` (addresses sorted), or `error-rcode 2` where no answer can be used. */
export function answerToText(bytes: Uint8Array, start = 0, end = bytes.length): string {
  const fault = reader.read(bytes, start, end)
  if (fault !== 0) return `${responseFaultName(fault)} ${reader.rcode}`
  const addresses = Array.from({ length: reader.addressCount }, (_, i) =>
    formatAddress(bytes.subarray(reader.addressOffset[i], reader.addressOffset[i] + reader.addressLength[i])),
  )
  return [nameToText(reader.chainBytes(0), reader.chainOffset(0)), ...addresses.sort()].join(' ')
}
