import { describe, expect, test } from 'vitest'
import { createLogger } from './logger.ts'

function linesOf(config: Parameters<typeof createLogger>[0]) {
  const lines: string[] = []
  return { lines, log: createLogger(config, { write: (line) => lines.push(line) }) }
}

test('text is one line with time, level, sentence and fields', () => {
  const { lines, log } = linesOf({ level: 'info', format: 'text' })
  log.child({ peer: '192.0.2.1' }).info({ routes: 3, why: 'two words' }, 'The session is up.')
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z info {2}The session is up\. peer=192\.0\.2\.1 routes=3 why="two words"\n$/)
})

test('text shows what is inside a field without the signs of JSON', () => {
  const { lines, log } = linesOf({ level: 'info', format: 'text' })
  log.info({ skipped: { regexp: 2, 'no name': 1 }, families: ['ipv4', 'ipv6'], head: { epoch: 'e1', revision: 5 } }, 'Read.')
  expect(lines[0].slice(31)).toBe('Read. skipped.regexp=2 "skipped.no name"=1 families=ipv4,ipv6 head.epoch=e1 head.revision=5\n')
})

test('json is one object per line, with the level by name', () => {
  const { lines, log } = linesOf({ level: 'debug', format: 'json' })
  log.debug({ a: 1 }, 'A sentence.')
  const { time, ...rest } = JSON.parse(lines[0]) as Record<string, unknown>
  expect(rest).toEqual({ level: 'debug', a: 1, message: 'A sentence.' })
  expect(time).toMatch(/Z$/)
})

describe('to the journal', () => {
  function linesInJournal(format: 'text' | 'json') {
    const lines: string[] = []
    const log = createLogger({ level: 'debug', format }, { write: (line) => lines.push(line) }, true)
    log.debug({}, 'A detail.')
    log.info({}, 'An event.')
    log.warn({ peer: 'edge1' }, 'A warning.')
    log.error({}, 'A failure.')
    return lines
  }

  test('each line has its priority, and no time of its own', () => {
    expect(linesInJournal('text')).toEqual([
      '<7>debug A detail.\n',
      '<6>info  An event.\n',
      '<4>warn  A warning. peer=edge1\n',
      '<3>error A failure.\n',
    ])
  })

  test('JSON keeps its time: programs read it', () => {
    const lines = linesInJournal('json')
    expect(lines.map((line) => line.slice(0, 3))).toEqual(['<7>', '<6>', '<4>', '<3>'])
    expect(JSON.parse(lines[2].slice(3))).toMatchObject({
      level: 'warn',
      peer: 'edge1',
      message: 'A warning.',
      time: expect.any(String),
    })
  })
})

test('lines below the level are not written', () => {
  const { lines, log } = linesOf({ level: 'warn', format: 'text' })
  log.info({}, 'Too small.')
  log.warn({}, 'Large enough.')
  expect(lines.map((line) => line.slice(25))).toEqual(['warn  Large enough.\n'])
})

test.each(['text', 'json'] as const)('secrets are hidden, in %s', (format) => {
  const { lines, log } = linesOf({ level: 'info', format })
  const secret = { toJSON: () => '[secret]' }
  log.info(
    { password: 'hunter2', nats: { token: 'hunter2', user: 'me' }, peer: { tls: { secret: 'hunter2' } }, secret },
    'Connecting.',
  )
  expect(lines[0]).not.toContain('hunter2')
  expect(lines[0]).toContain('[secret]')
  expect(lines[0]).toContain('me')
})

test('an error shows its causes, and its stack only when it is a bug of ours', () => {
  const { lines, log } = linesOf({ level: 'info', format: 'text' })
  log.error({ error: new Error('cannot listen', { cause: new Error('EADDRINUSE') }) }, 'Stopping.')
  log.error({ error: new TypeError('x is not a function') }, 'Stopping.')
  expect(lines[0]).toContain('error="cannot listen <- EADDRINUSE"')
  expect(lines[0]).not.toContain('stack=')
  expect(lines[1]).toContain('stack="TypeError: x is not a function')
  expect(lines.every((line) => line.indexOf('\n') === line.length - 1)).toBe(true)
})

test("a stranger's text neither breaks the line nor reaches the terminal as a command", () => {
  const { lines, log } = linesOf({ level: 'info', format: 'text' })
  log.info({ name: 'evil\n2026 error Fake line\u001b[2J', other: 'a\u2028b\u009b' }, 'Seen\r\nhere.')
  expect(lines[0].slice(0, -1)).not.toMatch(/[\p{C}\u2028]/u)
  expect(lines[0]).toContain('Seen\\u000d\\u000ahere.')
})
