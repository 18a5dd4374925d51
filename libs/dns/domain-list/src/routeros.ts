/**
 * RouterOS exports of `/ip dns static` (help.mikrotik.com: DNS, static).
 *
 *   /ip dns static
 *   add name=example.com type=FWD forward-to=192.0.2.53 match-subdomain=yes
 *   add address=192.0.2.1 comment="a \"quoted\" word" disabled=yes name=example.net
 *   add regexp="(^|\\.)example\\.org\$" type=NXDOMAIN
 *
 * A name stands for itself alone unless match-subdomain=yes. An export breaks long lines with a backslash and indents what follows;
 * disabled entries and all other commands and menus are passed by, counted.
 */
import type { LineFormat } from './format-reader.ts'
import type { RuleEmitter } from './rule-emitter.ts'
import { RuleKind, SkipReason } from './rule.ts'
import { decodeUtf8 } from './utf8.ts'

export class RouterosFormat implements LineFormat {
  readonly #emitter: RuleEmitter
  readonly #maxCommand: number
  #command = '' // the beginning of a command that goes on in the next line
  #commandLine = 0
  #continues = false
  #tooLong = false
  #inStatic = true // a snippet without its menu is taken for one of ours

  constructor(emitter: RuleEmitter, maxLineBytes: number) {
    this.#emitter = emitter
    this.#maxCommand = maxLineBytes
  }

  line(bytes: Uint8Array, start: number, end: number): void {
    const text = decodeUtf8(bytes, start, end)
    if (!this.#continues) {
      this.#command = ''
      this.#tooLong = false
      this.#commandLine = this.#emitter.line
    }
    const piece = this.#continues ? text.trimStart() : text
    const isComment = !this.#continues && piece.trimStart().startsWith('#')
    this.#continues = !isComment && ENDS_IN_BACKSLASH.test(text)
    if (this.#command.length + piece.length > this.#maxCommand) this.#tooLong = true
    else this.#command += this.#continues ? piece.slice(0, -1) : piece
    if (!this.#continues) this.#finish()
  }

  end(): void {
    if (this.#continues) this.#finish()
  }

  #finish(): void {
    const lastLine = this.#emitter.line
    this.#emitter.line = this.#commandLine
    if (this.#tooLong) this.#emitter.skip(SkipReason.lineTooLong, this.#command)
    else this.#run(this.#command.trim())
    this.#emitter.line = lastLine
  }

  #run(command: string): void {
    let text = command.replace(/^:do\s*\{\s*/, '').replace(/\}\s*on-error\s*=\s*\{[^{}]*\}\s*$/, '')
    if (text === '' || text.startsWith('#')) return
    if (text.startsWith('/')) {
      const menu = /^\/[a-z0-9-]+(?:[ /]+(?!add\b|set\b|remove\b|print\b|export\b)[a-z0-9-]+)*/i.exec(text)?.[0] ?? text
      this.#inStatic = /^\/ip[ /]+dns[ /]+static$/i.test(menu)
      text = text.slice(menu.length).replace(/^[ /]+/, '')
      if (text === '') return
    }
    if (!this.#inStatic || !/^add(?:\s|$)/.test(text)) return this.#emitter.skip(SkipReason.unsupportedDirective, command)
    const properties = readProperties(text.slice('add'.length))
    if (properties === undefined) this.#emitter.skip(SkipReason.badSyntax, command)
    else this.#add(properties, command)
  }

  #add(properties: ReadonlyMap<string, string>, command: string): void {
    const emitter = this.#emitter
    if (isYes(properties.get('disabled'))) return emitter.skip(SkipReason.disabled, command)
    const regexp = properties.get('regexp') ?? ''
    const name = properties.get('name') ?? ''
    if (regexp !== '') emitter.regexp(regexp)
    else if (name === '') emitter.skip(SkipReason.noName, command)
    else emitter.name(isYes(properties.get('match-subdomain')) ? RuleKind.suffix : RuleKind.exact, name)
  }
}

/** `key=value key="quoted value"`; undefined when something else stands between. */
function readProperties(text: string): Map<string, string> | undefined {
  const properties = new Map<string, string>()
  let rest = text.trimStart()
  while (rest !== '') {
    const property = PROPERTY.exec(rest)
    if (property === null) return undefined
    const [whole, key = '', quoted, bare = ''] = property
    properties.set(key.toLowerCase(), quoted === undefined ? bare : unescape(quoted))
    rest = rest.slice(whole.length).trimStart()
  }
  return properties
}

/** RouterOS string escapes. */
function unescape(text: string): string {
  return text.replace(/\\(?:([0-9A-F]{2})|(.))/gs, (_whole, hex: string | undefined, character = '') => {
    if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16))
    return CONTROL_ESCAPES.get(character) ?? character
  })
}

function isYes(value: string | undefined): boolean {
  return value === 'yes' || value === 'true'
}

const CONTROL_ESCAPES = new Map(Object.entries({ n: '\n', r: '\r', t: '\t', a: '\u0007', b: '\b', f: '\f', v: '\v', _: ' ' }))
const PROPERTY = /^([A-Za-z][\w-]*)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?=\s|$)/s
/** An odd number of them: an even number is escaped backslashes. */
const ENDS_IN_BACKSLASH = /(?<!\\)(?:\\\\)*\\$/
