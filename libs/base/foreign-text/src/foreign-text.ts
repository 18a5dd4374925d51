/**
 * Makes text that a stranger wrote fit to be printed: in a terminal, in a log line, in an error message.
 *
 * Everything that is printed and came from outside passes through here. Three things must not happen: the text moves the cursor or sets the title
 * (control characters, ESC, C1), it changes how other text is read (line breaks, marks of direction, characters without width), or it is so long
 * that the message costs memory. What is escaped reads as in JSON: `\u001b`.
 */

/** Unicode's "other" (controls, format characters, lone surrogates, private use, unassigned) and its separators of lines. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu
/** Nearly every text; known in a third of the time. */
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/
const UNPRINTABLE_IN_LINES = /(?!\n)[\p{C}\p{Zl}\p{Zp}]/gu
const DEFAULT_LONGEST = 200
const MAX_LINES = 1000

/** One line: the text, escaped, in at most `longest` UTF-16 units. What was cut shows as `…`. */
export function foreignText(text: string, longest = DEFAULT_LONGEST): string {
  const escaped = escapeControls(text.slice(0, longest))
  if (text.length <= longest && escaped.length <= longest) return escaped
  const cut = escaped.slice(0, longest - 1)
  // Neither through an escape nor through a character of two units.
  return `${cut.replace(/(?:\\(?:u[0-9a-f]{0,3})?|[\ud800-\udbff])$/, '')}…`
}

/** A text of several lines: each one as foreignText() makes it. */
export function foreignLines(text: string, longest = DEFAULT_LONGEST): string {
  const lines = text.split('\n', MAX_LINES + 1)
  const shown = lines.slice(0, MAX_LINES).map((line) => foreignText(line, longest))
  return [...shown, ...(lines.length > MAX_LINES ? ['…'] : [])].join('\n')
}

/** JSON, indented, with every control character as an escape: the value is the same. */
export function foreignJson(value: unknown): string {
  return escapeControlsInLines(JSON.stringify(value, null, 2) ?? 'null')
}

/** No bound: only for text whose length is known to be small. */
export function escapeControls(text: string): string {
  return PRINTABLE_ASCII.test(text) ? text : text.replaceAll(UNPRINTABLE, escapeOf)
}

/** The same, with line feeds left as they are. What is JSON stays the same JSON. */
export function escapeControlsInLines(text: string): string {
  return text.replaceAll(UNPRINTABLE_IN_LINES, escapeOf)
}

/** One escape for each UTF-16 unit, as JSON has it. */
function escapeOf(character: string): string {
  let escape = ''
  for (let i = 0; i < character.length; i++) escape += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`
  return escape
}
