/** Why a list could not be downloaded, and each reason as one sentence. */
import { foreignText } from '@dnstap-bgp/foreign-text'

export class DownloadError extends Error {
  override readonly name: string = 'DownloadError'
}

export class NoRoom extends DownloadError {
  override readonly name = 'NoRoom'
}

export class NotThere extends DownloadError {
  override readonly name = 'NotThere'
}

/** The download is not a list. */
export class BadContent extends DownloadError {
  override readonly name = 'BadContent'
}

export function isBadContent(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException
  return error instanceof BadContent || (typeof code === 'string' && code.startsWith('Z_'))
}

export function whyDownloadFailed(error: Error): string {
  const { code } = error as NodeJS.ErrnoException
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return whyDownloadFailed(error.errors[0])
  if (code === 'ENOTFOUND') return 'its host name does not resolve'
  if (code === 'ECONNREFUSED') return 'the connection is refused'
  if (code === 'ECONNRESET') return 'the connection was cut'
  if (typeof code === 'string' && code.startsWith('Z_')) return `what it sent cannot be unpacked (${error.message})`
  // A certificate, for one, names its host as it likes.
  return foreignText(error.message, 400)
}

/** Of text from the server. */
export const MAX_SHOWN = 80
