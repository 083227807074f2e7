import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { maxTextLength } from '../../src/audit/events/bounds.ts'
import {
  beginning,
  formatRecord,
  isIntact,
  makeRecord,
  maxLineLength,
  parseRecord,
} from '../../src/audit/events/record.ts'
import { fromCanonicalJson, toCanonicalJson } from '../../src/audit/events/record-json.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { encodeCbor } from '../../src/core/ipld/encode.ts'
import type { IpldMap, IpldValue } from '../../src/core/ipld/value.ts'
import { ArgumentError, AuditError, MalformedError } from '../../src/errors.ts'
import { never } from '../../src/time.ts'
import { shortRuns } from '../property/runs.ts'
import { anyText } from '../support/any-text.ts'
import { denied, id, intent, logOf } from './events.ts'
import { prepareEvent } from './prepare-event.ts'

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest()

describe('a record', () => {
  it('LOG-01 has the hash of its number, the previous hash and its event as canonical bytes', async () => {
    const event = await prepareEvent(intent(1), sha256)
    const record = makeRecord(beginning, event, sha256)
    const bytes = encodeCbor({ version: 1, sequence: 1, previous: new Uint8Array(32), event })
    expect(record.hash).toBe(createHash('sha256').update(bytes).digest('hex'))
    expect(await isIntact(record, sha256)).toBe(true)
    for (const change of [
      { sequence: 2 },
      { previous: 'f'.repeat(64) },
      { event: intent(2) },
      { hash: '0'.repeat(64) },
    ]) {
      expect(await isIntact({ ...record, ...change }, sha256)).toBe(false)
    }
  })

  it('LOG-02 has number 1 and a previous hash of 64 zeros when it is the first', async () => {
    const [first, second] = (await logOf(2)).map(parseRecord)
    expect(first).toMatchObject({ sequence: 1, previous: '0'.repeat(64) })
    expect(second).toMatchObject({ sequence: 2, previous: first?.hash })
  })

  it('LOG-03 is parsed from its line, and from no other line', async () => {
    const [line = ''] = await logOf(1)
    const record = parseRecord(line)
    expect(formatRecord(record)).toBe(line)
    expect(await isIntact(record, sha256)).toBe(true)
    const wrong = [
      '',
      '{}',
      '[]',
      'null',
      '1',
      line.replace('"version":1', '"version":2'),
      line.replace('"sequence":1', '"sequence":0'),
      line.replace('"sequence":1', '"sequence":1.5'),
      line.replace('"sequence":1', '"sequence":"1"'),
      line.replace('"kind"', '"kinD"'),
      line.replace('"id"', '"iD"'),
      line.replace('{"hash":', '{"aa":1,"hash":'),
      line.replace(record.hash, record.hash.toUpperCase()),
      line.replace(record.hash, record.hash.slice(1)),
    ]
    for (const text of wrong) expect(() => parseRecord(text), text).toThrow(MalformedError)
  })

  it('LOG-03 refuses a line over the maximum length before it parses it', () => {
    expect(() => parseRecord(' '.repeat(65_537))).toThrow(expect.objectContaining({ kind: 'too_large' }))
    const record = {
      ...beginning,
      sequence: 1,
      previous: beginning.hash,
      event: intent(1, { vault: 'x'.repeat(70_000) }),
    }
    expect(() => formatRecord(record)).toThrow(AuditError)
  })
})

const hostile: readonly (readonly [string, string])[] = [
  ['line feed', 'a\nb'],
  ['carriage return', 'a\rb'],
  ['a second record', '"}\n{"sequence":2}'],
  ['next line', 'a\u0085b'],
  ['line separator', 'a\u2028b'],
  ['paragraph separator', 'a\u2029b'],
  ['escape sequence of a terminal', '\u001b[2J\u001b[1;31mroot'],
  ['eight-bit escape', '\u009b2J'],
  ['bell', '\u0007'],
  ['backspaces', 'denied\b\b\b\b\b\ballowed'],
  ['NUL', 'a\0b'],
  ['delete', 'a\u007fb'],
  ['right-to-left override', 'a\u202egpj.exe'],
  ['isolate', '\u2066a\u2069'],
  ['zero width', 'ad\u200bmin'],
  ['byte order mark', '\ufeffa'],
  ['homoglyph', 'аdmin'],
  ['combining marks', 'a\u0301\u0301\u0301'],
  ['astral', '😀\u{e0041}'],
  ['lone surrogate', 'a\ud800b'],
  ['quote and backslash', '"\\"\\u0000'],
  ['percent and format', '%s%n$(id)`id`'],
]

describe('a line', () => {
  it.each(hostile)('LOG-04 is one line of printable ASCII with %s in an argument [attack 80]', async (_name, text) => {
    const sink = memoryAuditSink()
    await sink.append(intent(1, { args: { [text]: text }, command: text, vault: text }), {})
    await sink.append(denied(2, { invoker: text, policy: { statement: 0, path: [], selector: text } }), {})
    expect(sink.lines()).toHaveLength(2)
    for (const line of sink.lines()) {
      expect(line).toMatch(/^[ -~]+$/)
      expect(await isIntact(parseRecord(line), sha256)).toBe(true)
    }
    expect(parseRecord(sink.lines()[0] ?? '').event).toMatchObject({ command: text.replace('\ud800', '\ufffd') })
  })

  it('LOG-05 has one spelling: it is parsed into the value from which it was written', () => {
    const value: fc.Arbitrary<IpldValue> = fc.letrec<{ value: IpldValue }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.constant(null),
        fc.boolean(),
        fc.maxSafeInteger(),
        fc.double({ noNaN: true, noDefaultInfinity: true, maxExcluded: true, max: 1e15, min: -1e15 }),
        anyText(),
        fc.uint8Array({ maxLength: 40 }),
        fc.constant(CID.parse('bafyreih5fz46t2uxcyj6xa2v2cpmrobcgwvd5u3gjxohhcjjcvqgzuytda')),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(
          fc.string().filter((key) => key !== '/' && key !== '__proto__'),
          tie('value'),
          { maxKeys: 4 },
        ),
      ),
    })).value
    fc.assert(
      fc.property(value, (written) => {
        const text = toCanonicalJson(written)
        expect(text).toMatch(/^[ -~]*$/)
        expect(encodeCbor(fromCanonicalJson(text))).toEqual(encodeCbor(written))
      }),
      shortRuns(300),
    )
  })

  it.each([
    ['white space', '{"a": 1}'],
    ['another order of keys', '{"bb":1,"a":1}'],
    ['a key twice', '{"a":1,"a":1}'],
    ['another number', '{"a":1.0}'],
    ['an exponent', '{"a":1e2}'],
    ['minus zero', '{"a":-0}'],
    ['infinity', '{"a":1e999}'],
    ['an escape that is not needed', '{"a":"\\u0041"}'],
    ['upper-case digits of an escape', '{"a":"\\u00AD"}'],
    ['a character beyond ASCII', '{"a":"ä"}'],
    ['`__proto__`', '{"__proto__":1}'],
    ['a broken link', '{"a":{"/":"x"}}'],
    ['a link with more', '{"a":{"/":"bafyreih5fz46t2uxcyj6xa2v2cpmrobcgwvd5u3gjxohhcjjcvqgzuytda","b":1}}'],
    ['padded bytes', '{"a":{"/":{"bytes":"AA=="}}}'],
    ['bytes that are a number', '{"a":{"/":{"bytes":1}}}'],
    ['text behind it', '{}x'],
    ['too many levels', `${'['.repeat(40)}${']'.repeat(40)}`],
  ])('LOG-05 is refused with %s', (_name, text) => {
    expect(() => fromCanonicalJson(text)).toThrow(MalformedError)
  })
})

describe('an event', () => {
  it('LOG-06 has long strings truncated, with the length and the hash of the rest [attack 80]', async () => {
    const text = 'a'.repeat(maxTextLength) + 'b'.repeat(1000)
    const prepared = await prepareEvent(intent(1, { vault: text, args: { to: text, list: [text.repeat(8)] } }), sha256)
    const rest = createHash('sha256').update('b'.repeat(1000)).digest('hex')
    const cut = `${'a'.repeat(maxTextLength)}[1000 bytes more, sha-256 ${rest}]`
    expect(prepared['vault']).toBe(cut)
    const whole = createHash('sha256')
      .update(encodeCbor([text.repeat(8)]))
      .digest('hex')
    expect(prepared['args']).toEqual({ to: cut, list: `[cut, 12100 bytes, sha-256 ${whole}]` })
  })

  it('LOG-06 has truncated strings that are recognized by their length, whatever a caller sends', async () => {
    const ending = `[7 bytes more, sha-256 ${'ab'.repeat(32)}]`
    for (const length of [0, 420, maxTextLength - ending.length, maxTextLength - ending.length + 1, 2_000]) {
      const text = `${'a'.repeat(length)}${ending}`
      const { vault, args } = await prepareEvent(intent(1, { vault: text, args: { to: text } }), sha256)
      const isWhole = text.length <= maxTextLength
      expect([vault === text, (args as { to: string }).to === text]).toEqual([isWhole, isWhole])
      expect(String(vault).length > maxTextLength).toBe(!isWhole)
    }
  })

  it('LOG-06 is truncated between characters, not within one', async () => {
    const prepared = await prepareEvent(intent(1, { vault: `${'a'.repeat(maxTextLength - 1)}😀` }), sha256)
    expect(prepared['vault']).toMatch(/^a{511}\[4 bytes more, sha-256 [0-9a-f]{64}\]$/)
  })

  it('LOG-15 is limited in length, whatever the arguments are [attack 80]', async () => {
    const texts = [
      '\ud800'.repeat(9000),
      '\u0000'.repeat(9000),
      '\u202e'.repeat(9000),
      '😀'.repeat(9000),
      'a'.repeat(511),
    ]
    for (const text of texts) {
      const args: IpldMap = Object.fromEntries(
        Array.from({ length: 100 }, (_, i) => [`${text}${i}`, [text, { [text]: i }]]),
      )
      const texted: IpldMap = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`${i}${text}`, text]))
      for (const big of [args, texted]) {
        const line = formatRecord(makeRecord(beginning, await prepareEvent(intent(1, { args: big }), sha256), sha256))
        expect(line.length).toBeLessThan(maxLineLength)
        expect(formatRecord(parseRecord(line))).toBe(line)
      }
    }
  })

  it('LOG-15 keeps arguments while there is room, and replaces the others by their length and hash', async () => {
    const args = { a: new Uint8Array(4000), b: new Uint8Array(4000), c: 7, d: { '/': 'x' } }
    const prepared = (await prepareEvent(intent(1, { args }), sha256))['args'] as IpldMap
    expect(prepared['a']).toEqual(args.a)
    expect(prepared['b']).toMatch(/^\[cut, 4003 bytes, sha-256 [0-9a-f]{64}\]$/)
    expect(prepared['c']).toBe(7)
    expect(prepared['d']).toMatch(/^\[cut, /)
  })

  it('LOG-06 has its other lists truncated at 64 members, with the number of the others', async () => {
    const chain = Array.from({ length: 67 }, (_, index) => `cid-${index}`)
    const prepared = await prepareEvent(intent(1, { chain }), sha256)
    expect(prepared['chain']).toEqual([...chain.slice(0, 64), '[3 more]'])
    expect((await prepareEvent(intent(1, { chain: chain.slice(0, 64) }), sha256))['chain']).toHaveLength(64)
  })

  it('LOG-06 can be read back with any names and nesting of its arguments [attack 80]', async () => {
    const nested = (levels: number): IpldValue => (levels === 0 ? 'x' : [nested(levels - 1)])
    const versionZero = CID.parse('QmVkqaunyKCw4NKmWXbsGhkr5CotM8vCBKWyxsh8FGZyfr')
    const others = ['bafkqaaa', 'bafyreih5fz46t2uxcyj6xa2v2cpmrobcgwvd5u3gjxohhcjjcvqgzuytda'].map((text) =>
      CID.parse(text),
    )
    const named: IpldValue[] = [versionZero, [{ deep: versionZero }], ...others]
    for (const to of [...named, nested(24), nested(25), nested(28), nested(40), JSON.parse('{"__proto__":1}')]) {
      const event = await prepareEvent(intent(1, { args: { to } }), sha256)
      const record = makeRecord(beginning, event, sha256)
      const read = parseRecord(formatRecord(record))
      expect(await isIntact(read, sha256)).toBe(true)
      expect(read.hash).toBe(record.hash)
    }
    const kept = (await prepareEvent(intent(1, { args: { a: versionZero, b: nested(25) } }), sha256))['args'] as IpldMap
    expect(String(kept['a'])).toBe(String(versionZero))
    expect(kept['b']).toMatch(/^\[cut, /)
  })

  it('LOG-06 omits absent fields, and an expiration of `never`', async () => {
    const prepared = await prepareEvent(
      {
        kind: 'issued',
        id: id(1),
        time: 1,
        delegation: 'bafy',
        issuer: 'did:key:a',
        audience: 'did:key:b',
        command: '/a',
        expiration: never,
      },
      sha256,
    )
    expect(Object.keys(prepared)).not.toContain('expiration')
    expect(Object.keys(await prepareEvent(denied(1, { at: undefined } as object), sha256))).not.toContain('at')
  })

  it('LOG-06 is refused when it is malformed', async () => {
    const wrong = [
      { ...intent(1), kind: 'other' },
      { ...intent(1), id: 1 },
      { ...intent(1), time: 0.5 },
    ]
    for (const event of wrong) await expect(prepareEvent(event as never, sha256)).rejects.toThrow(ArgumentError)
    for (const vault of [Number.NaN, () => 1, Symbol('x'), 1n, new Date(0)]) {
      await expect(prepareEvent({ ...intent(1), vault } as never, sha256)).rejects.toThrow(ArgumentError)
    }
  })
})
