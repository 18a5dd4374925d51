/**
 * The only place where the command writes. Most of the text it prints was written by others: list servers, list files, resolvers, peers, the instance that was
 * asked. None of it may reach the terminal as control characters.
 */
import { escapeControlsInLines, foreignJson, foreignLines } from '@dnstap-bgp/foreign-text'

/** Nothing that is worth reading is longer. */
const MAX_LINE = 4000

/** To standard output; a line feed is added. */
export function say(text: string): void {
  process.stdout.write(`${foreignLines(text, MAX_LINE)}\n`)
}

/** A text whose parts were escaped when it was put together, however many lines it has. */
export function sayLines(text: string): void {
  process.stdout.write(`${escapeControlsInLines(text)}\n`)
}

export function sayJson(value: unknown): void {
  process.stdout.write(`${foreignJson(value)}\n`)
}

/** To standard error; a line feed is added. */
export function complain(text: string): void {
  process.stderr.write(`${foreignLines(text, MAX_LINE)}\n`)
}

/** What a shell reports of a program that SIGPIPE ended. */
const ENDED_BY_SIGPIPE = 141

/** From now on this process ends without a word when nobody reads its output any more: `dnstap-bgp routes | head`. Not for programs that run on. */
export function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      process.exit(ENDED_BY_SIGPIPE)
    })
}
