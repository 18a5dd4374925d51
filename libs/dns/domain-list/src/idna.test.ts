import { domainToASCII } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { toALabels } from './idna.ts'
import { normalizeName } from './normalize-name.ts'

vi.setConfig({ testTimeout: 30_000 }) // much is compared, and the machine may be busy

/** What a name of this lib becomes; '' when it is refused, as domainToASCII has it. */
function ours(name: string): string {
  return normalizeName(name).name ?? ''
}

describe('U-labels become A-labels (UTS 46, non-transitional)', () => {
  test.each([
    ['пример.рф', 'xn--e1afmkfd.xn--p1ai'],
    ['ПРИМЕР.РФ', 'xn--e1afmkfd.xn--p1ai'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['bu\u0308cher.example', 'xn--bcher-kva.example'], // composed by NFC
    ['faß.example', 'xn--fa-hia.example'], // a deviation character: kept
    ['βόλος.example', 'xn--nxasmm1c.example'], // the other one
    ['ΒΌΛΟΣ.example', 'xn--nxasmq6b.example'], // but a capital sigma is never the final one
    ['日本語。例え。テスト', 'xn--wgv71a119e.xn--r8jz45g.xn--zckzah'],
    ['ｅｘａｍｐｌｅ．ｃｏｍ', 'example.com'],
    ['exam\u00adple.com', 'example.com'], // soft hyphen
    ['exam\u200bple.com', 'example.com'], // zero width space
    ['☃.example', 'xn--n3h.example'],
    ['xn--bcher-kva.Ä.example', 'xn--bcher-kva.xn--4ca.example'],
    ['\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.example', 'xn--mgba3gch31f060k.example'], // ZWNJ between Arabic letters
    ['\u0915\u094d\u200d\u0937.example', 'xn--11b2ezcw70k.example'], // ZWJ after a virama
    ['_srv.ünder_score.example', '_srv.xn--nder_score-8db.example'],
  ])('%s is %s', (name, aLabels) => {
    expect(toALabels(name)).toBe(aLabels)
    expect(domainToASCII(name)).toBe(aLabels)
  })

  test.each([
    ['a private use character', 'a\ue000b.example'],
    ['an unassigned code point', 'a\u0378b.example'],
    ['half of a surrogate pair', 'a\ud800b.example'],
    ['a line separator', 'a\u2028b.example'],
    ['a space beside a letter', 'ä b.example'],
    ['a control character', 'ä\u0085b.example'],
    ['a change of direction', 'ä\u202eb.example'],
    ['a tag', 'ä\u{e0041}b.example'],
    ['a joiner after a Latin letter', 'ä\u200db.example'],
    ['a non-joiner between Latin letters', 'ä\u200cb.example'],
    ['a mark at the beginning of a label', '\u0301a.example'],
    ['a numbered dot', 'ä⒈example'],
    ['a leader of dots', 'ä․example'],
    ['a character that folds to two with a slash', '℀.example'],
    ['a label that pretends to be encoded', 'xn--ä.example'],
    ['a filler', 'aㅤb.example'],
  ])('%s is refused', (_name, text) => {
    expect(ours(text)).toBe('')
    expect(domainToASCII(text)).toBe('')
  })

  test('every character becomes what Node makes of it, alone and between letters, where Node allows it', () => {
    const different: string[] = []
    for (let codePoint = 0x80; codePoint < 0x20000; codePoint++) {
      if (codePoint >= 0xd800 && codePoint < 0xe000) continue
      const character = String.fromCodePoint(codePoint)
      for (const name of [`a${character}b.example`, `${character}.example`]) {
        const theirs = domainToASCII(name)
        // The URL standard lets more punctuation stand in a host than names do.
        // A lone mark begins a label, and Node's tables do not know all of them.
        if (theirs.startsWith('.') || /^\p{M}/u.test(name)) continue
        if (theirs !== '' && /^[a-z0-9._-]+$/.test(theirs) && ours(name) !== theirs) different.push(codePoint.toString(16))
      }
    }
    // Unicode 15.1 made capital sharp s the small one, as the deviation asks for; Node 20's tables are older.
    expect(different.filter((codePoint) => codePoint !== '1e9e')).toEqual([])
  })

  test('names of many scripts become what Node makes of them', () => {
    const character = fc.oneof(
      fc.constantFrom(...'abcXYZ019-_'),
      fc.constantFrom(...'äöüßñçøœıİŀǆſÀÉ'),
      fc.constantFrom(...'абвгдёжзийЯЮЭЁії'),
      fc.constantFrom(...'αβγδεςσΣΆΐᾳᾼ'),
      fc.constantFrom(...'漢字仮名カナｶﾅがか゛ー'),
      fc.constantFrom(...'한국어가나ㄱ'),
      fc.constantFrom(...'नमस्ते', '\u0301', '\u0308', '\u0327', '\u00ad', '\ufe0f'),
      fc.constantFrom('.', '。', '．', '｡'),
    )
    fc.assert(
      fc.property(fc.array(character, { minLength: 1, maxLength: 24 }), (characters) => {
        const name = `${characters.join('')}.example`
        const theirs = domainToASCII(name)
        // Node leaves lengths and empty labels alone.
        const legal = theirs.split('.').every((label) => label.length > 0 && label.length <= 63)
        if (theirs !== '' && legal) expect(ours(name)).toBe(theirs)
        // The other way: what we take, it takes, but for hyphens that imitate a prefix and encoded labels that do not decode.
        else if (legal && !/xn--/i.test(name.normalize('NFKC'))) expect(ours(name)).toBe('')
      }),
      { numRuns: 5000 },
    )
  })

  test('a long run of characters costs no more than a look', () => {
    expect(normalizeName('ä'.repeat(1_000_000))).toEqual({ reason: 'name-too-long' })
    expect(normalizeName('ä'.repeat(1000))).toEqual({ reason: 'label-too-long' })
  })
})
