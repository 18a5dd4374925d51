import { expect, test } from 'vitest'
import { Evidence, LineClassifier } from './evidence.ts'

const octets = (text: string) => new TextEncoder().encode(text)

function classify(classifier: LineClassifier, line: string): string | undefined {
  const bytes = octets(`x${line}x`)
  const evidence = classifier.classify(bytes, 1, bytes.length - 1)
  return Object.entries(Evidence).find(([, each]) => each === evidence)?.[0]
}

const LINES = [
  'server=/a.example/192.0.2.53',
  'server=',
  'server= x',
  'servers=/a.example/',
  'address=/b.example/#',
  'full:a.example @cn',
  'full:b.example',
  'full:',
  'full: a.example',
  'FULL:a.example',
  'domain:c.example:@cn',
  'domain:é',
  'add name=a.example type=FWD',
  'add name=',
  'add name= x',
  'add list=x address=192.0.2.1',
  'add names=x',
  '/ip dns static add name=a.example',
  'ip dns static add regexp=x',
  'ip dns static add ',
  '/ip dns static',
  'a.example',
  '0.0.0.0 a.example',
  '||a.example^',
  'a.example CNAME .',
  '# full:a.example',
]

test('what a line gives depends on that line only, whatever line stood before it', () => {
  for (const before of LINES)
    for (const line of LINES) {
      const classifier = new LineClassifier()
      classify(classifier, before)
      expect([before, line, classify(classifier, line)]).toEqual([before, line, classify(new LineClassifier(), line)])
    }
})
