import { expect, test } from 'vitest'
import { encodePunycode } from './punycode.ts'

test.each([
  ['ليهمابتكلموشعربي؟', 'egbpdaj6bu4bxfgehfvwxn'],
  ['他们为什么不说中文', 'ihqwcrb4cv8a8dqg056pqjye'],
  ['Pročprostěnemluvíčesky', 'Proprostnemluvesky-uyb24dma41a'],
  ['なぜみんな日本語を話してくれないのか', 'n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa'],
  ['3年B組金八先生', '3B-ww4c5e180e575a65lsy2b'],
  ['そのスピードで', 'd9juau41awczczp'],
  ['-> $1.00 <-', '-> $1.00 <--'],
])('%s is %s (RFC 3492 §7.1)', (text, encoded) => {
  expect(encodePunycode(Array.from(text, (character) => character.codePointAt(0)!))).toBe(encoded)
})
