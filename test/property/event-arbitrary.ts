import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import type { AuditEvent } from '../../src/audit/events/event.ts'
import { never } from '../../src/time.ts'
import { id, intent } from '../audit/events.ts'
import { anyText } from '../support/any-text.ts'

const versionZero = CID.parse('QmVkqaunyKCw4NKmWXbsGhkr5CotM8vCBKWyxsh8FGZyfr')
const carrying = CID.createV1(0x55, identity.digest(new Uint8Array(100)))

const hostileKey = fc.oneof(
  fc.constantFrom(
    '/',
    '__proto__',
    'constructor',
    'toJSON',
    'toString',
    'bytes',
    'then',
    'args',
    'hash',
    '',
    'a\ud800',
  ),
  fc.constantFrom('a\nb', '\u2028', 'x'.repeat(100), '\ud83d'.repeat(70), '0', '[cut]'),
  anyText({ maxLength: 80 }),
)

const hostileLeaf = fc.oneof(
  fc.constantFrom<unknown>(null, true, undefined, -0, 2 ** 53, -(2 ** 60), 1e300, 5e-324, 0.1, Number.NaN, -Infinity),
  fc.constantFrom<unknown>(10n, Symbol('s'), new Date(0), new Map([['a', 1]]), versionZero, carrying, () => 1),
  fc.constantFrom<unknown>('\ud800', '"}\n{"sequence":2}', '\u009b2J', 'a'.repeat(600), '😀'.repeat(300)),
  fc.double(),
  anyText({ maxLength: 600 }),
  fc.uint8Array({ maxLength: 60 }),
  fc.integer({ min: 1, max: 40 }).map((levels) => {
    let value: unknown = 'deep'
    for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value }
    return value
  }),
)

const mapOf = (value: fc.Arbitrary<unknown>): fc.Arbitrary<object> =>
  fc.array(fc.tuple(hostileKey, value), { maxLength: 5 }).map(ownFields)

const hostileValue = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    { weight: 4, arbitrary: hostileLeaf },
    { weight: 1, arbitrary: fc.array(tie('value'), { maxLength: 5 }) },
    { weight: 1, arbitrary: fc.array(fc.constant('x'), { minLength: 60, maxLength: 70 }) },
    { weight: 2, arbitrary: mapOf(tie('value')) },
  ),
})).value

const kinds = ['intent', 'outcome', 'denied', 'issued', 'released', 'revoked', 'recovered', 'checkpoint']

/** Events that no type permits, as `append` can get them from JavaScript. Half of them have only hostile arguments. */
export const hostileEvent: fc.Arbitrary<AuditEvent> = fc
  .tuple(
    fc.constantFrom(...kinds),
    fc.option(mapOf(hostileValue), { nil: {} }),
    fc.oneof({ weight: 9, arbitrary: mapOf(hostileValue) }, { weight: 1, arbitrary: hostileValue }),
  )
  .map(([kind, more, args]) => {
    const fields = ownFields([...Object.entries(intent(1)), ['args', args], ...Object.entries(more)])
    return ownFields([...Object.entries(fields), ['kind', kind], ['id', id(1)], ['time', 1]]) as AuditEvent
  })

/** An object with these fields of its own, also when one is called `__proto__`. */
function ownFields(fields: readonly (readonly [key: string, value: unknown])[]): object {
  const object = {}
  for (const [key, value] of fields) {
    Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true })
  }
  return object
}

const did = fc.constantFrom(
  'did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH',
  'did:web:mail.example',
  'did:x:',
)

/** Numbers at which the form of a number changes, and others. */
const number = fc.oneof(
  fc.constantFrom(0, 1, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 0.5, 1e-7, 123_456.789),
  fc.constantFrom(-0, -1, -24, -25, -(2 ** 53) + 1, 2 ** 53, 1e21, 1e300, 5e-324),
  fc.nat(),
)

/** Strings whose lengths are near a bound, and with characters at the edges of printable ASCII. */
const text = fc.oneof(
  { weight: 6, arbitrary: fc.string({ maxLength: 60 }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('', ' ', '~', '"', '\\', '/', '\u007f', '\u001f', 'ä', '\ud800', '</script>'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(23, 24, 63, 64, 65, 255, 256, 511, 512, 513, 700).map((length) => 'x'.repeat(length)),
  },
)

const name = fc.oneof(
  { weight: 8, arbitrary: fc.stringMatching(/^[a-zA-Z0-9._-]{1,9}$/) },
  { weight: 2, arbitrary: fc.constantFrom('a'.repeat(64), 'a'.repeat(65), '/', '__proto__', 'ä', 'a"b', '10', '9') },
)

const value = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    { weight: 5, arbitrary: text },
    { weight: 3, arbitrary: number },
    { weight: 1, arbitrary: fc.constantFrom<unknown>(true, false, null, undefined, new Uint8Array(3), versionZero) },
    { weight: 1, arbitrary: fc.array(tie('value'), { maxLength: 4 }) },
    { weight: 1, arbitrary: fc.constantFrom(63, 64, 65).map((length) => Array.from({ length }, () => 'x')) },
    { weight: 1, arbitrary: fc.array(fc.tuple(name, tie('value')), { maxLength: 4 }).map(ownFields) },
  ),
})).value

/** Arguments whose sizes are near the bounds, and small ones. */
const args = fc.oneof(
  { weight: 6, arbitrary: fc.array(fc.tuple(name, value), { maxLength: 5 }).map(ownFields) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(31, 32, 33)
      .map((length) => ownFields(Array.from({ length }, (_, index) => [`n${index}`, 1] as const))),
  },
  {
    weight: 1,
    arbitrary: fc.nat({ max: 40 }).map((more) => {
      const long = Array.from({ length: 8 }, (_, index) => [`n${index}`, 'x'.repeat(490 + (more >> 3))] as const)
      return ownFields([...long, ['rest', 'x'.repeat(more)]])
    }),
  },
)

/** Each field that an event may have. Its values are mostly those that a guard records. */
const fields: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  task: text,
  invocation: text,
  chain: fc.array(text, { maxLength: 4 }),
  principals: fc.array(did, { maxLength: 70 }),
  subject: did,
  invoker: did,
  audience: did,
  command: text,
  argsHash: text,
  args,
  vault: text,
  outcomeBy: number,
  mode: fc.constantFrom('shadow', 'enforce'),
  personal: fc.record({ key: did, iv: text, data: fc.constantFrom('x'.repeat(5_999), 'x'.repeat(6_001), 'x') }),
  intent: fc.constant(id(7)),
  status: fc.constantFrom('ok', 'error', 'unknown'),
  durationMs: number,
  code: text,
  policy: fc.record({ statement: number, path: fc.array(number, { maxLength: 3 }), selector: text }),
  at: fc.constant(undefined),
  downscoped: fc.boolean(),
  ageMs: number,
  expiration: fc.constant(never),
}

/** Events like those of a guard, with fields in any order, and now and then with a value that is not usual. */
export const likelyEvent: fc.Arbitrary<AuditEvent> = fc
  .tuple(
    fc.constantFrom(...kinds),
    fc.nat({ max: 2 ** 40 }),
    fc
      .shuffledSubarray(Object.keys(fields))
      .chain((names) => fc.tuple(...names.map((of) => fc.tuple(fc.constant(of), fields[of] as fc.Arbitrary<unknown>)))),
    fc.oneof({ weight: 19, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.tuple(fc.tuple(name, value)) }),
  )
  .map(
    ([kind, time, some, more]) =>
      ownFields([...some, ...more, ['kind', kind], ['id', id(time)], ['time', time]]) as AuditEvent,
  )
