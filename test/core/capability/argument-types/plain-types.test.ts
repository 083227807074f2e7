import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  boolean,
  bytes,
  integer,
  number,
  oneOf,
  optional,
  text,
} from '../../../../src/core/capability/argument-types/basic.ts'
import { email } from '../../../../src/core/capability/argument-types/email.ts'
import { hostName } from '../../../../src/core/capability/argument-types/host-name.ts'
import { ipAddress } from '../../../../src/core/capability/argument-types/ip-address.ts'
import { listOf } from '../../../../src/core/capability/argument-types/list-of.ts'
import { oneLine } from '../../../../src/core/capability/argument-types/one-line.ts'
import { path } from '../../../../src/core/capability/argument-types/path.ts'
import { shellWord } from '../../../../src/core/capability/argument-types/shell-word.ts'
import { url } from '../../../../src/core/capability/argument-types/url.ts'
import { ArgumentError } from '../../../../src/errors.ts'
import { shortRuns } from '../../../property/runs.ts'
import { problemOf } from './problem-of.ts'

describe('plain types', () => {
  it('ARG-18 number', () => {
    for (const value of [0, -0, 1.5, -1e300, 2 ** 60]) expect(problemOf(number(), value)).toBeUndefined()
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, '1', 1n, null, true, [1]]) {
      expect(problemOf(number(), value)).toBe('is not a number')
    }
    expect(problemOf(number({ min: 1, max: 2 }), 1.5)).toBeUndefined()
    expect(problemOf(number({ min: 1 }), 0.5)).toBe('is less than 1')
    expect(problemOf(number({ max: 2 }), 2.5)).toBe('is more than 2')
  })

  it('ARG-19 integer', () => {
    for (const value of [0, -0, 1.0, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
      expect(problemOf(integer(), value)).toBeUndefined()
    }
    for (const value of [1.5, 2 ** 53, Number.NaN, '1', 1n, null]) {
      expect(problemOf(integer(), value)).toBe('is not an integer')
    }
    expect(problemOf(integer({ min: 1, max: 2 }), 0)).toBe('is less than 1')
    expect(problemOf(integer({ min: 1, max: 2 }), 3)).toBe('is more than 2')
  })

  it('ARG-20 boolean', () => {
    for (const value of [true, false]) expect(problemOf(boolean(), value)).toBeUndefined()
    for (const value of [0, 1, 'true', null, undefined, new Boolean(true)]) {
      expect(problemOf(boolean(), value)).toBe('is not a boolean')
    }
  })

  it('ARG-21 bytes', () => {
    expect(problemOf(bytes(), new Uint8Array(65_536))).toBeUndefined()
    expect(problemOf(bytes(), new Uint8Array(65_537))).toBe('has more than 65536 bytes')
    expect(problemOf(bytes({ minLength: 2 }), new Uint8Array(1))).toBe('has fewer than 2 bytes')
    expect(problemOf(bytes({ maxLength: 2 }), new Uint8Array(3))).toBe('has more than 2 bytes')
    const detached = new Uint8Array(4)
    structuredClone(detached.buffer, { transfer: [detached.buffer] })
    expect(problemOf(bytes({ minLength: 1 }), detached)).toBe('has fewer than 1 bytes')
    const throwing = (): never => {
      throw new Error('inspected')
    }
    const hostile = new Proxy({}, { get: throwing, getPrototypeOf: throwing })
    for (const value of ['AQI=', [1], new ArrayBuffer(1), null, new Proxy(new Uint8Array(2), {}), hostile])
      expect(problemOf(bytes(), value)).toBe('is not a byte string')
  })

  it('ARG-22 oneOf', () => {
    const schema = oneOf(['draft', 5, null])
    for (const value of ['draft', 5, null]) expect(problemOf(schema, value)).toBeUndefined()
    for (const value of ['Draft', '5', false, undefined, ['draft'], 'toString']) {
      expect(problemOf(schema, value)).toBe('is not one of the allowed values')
    }
    expect(() => oneOf([])).toThrow(ArgumentError)
  })

  it('ARG-23 listOf', () => {
    const schema = listOf(path(), { minLength: 1, maxLength: 3 })
    const accepts = (value: unknown) => schema['~standard'].validate(value)
    expect(accepts(['/a', '/b'])).toEqual({ value: ['/a', '/b'] })
    expect(accepts([])).toEqual({ issues: [{ message: 'has fewer than 1 elements' }] })
    expect(accepts(['/a', '/a', '/a', '/a'])).toEqual({ issues: [{ message: 'has more than 3 elements' }] })
    expect(accepts(['/a', 'b'])).toEqual({
      issues: [{ message: 'has an element (1) that does not begin with a slash' }],
    })
    for (const value of ['/a', { 0: '/a', length: 1 }, null]) {
      expect(accepts(value)).toEqual({ issues: [{ message: 'is not a list' }] })
    }
    expect(listOf(path())['~standard'].validate(Array(1025).fill('/a'))).toHaveProperty('issues')
  })

  it('ARG-05 optional accepts the type, and is marked as optional', () => {
    const schema = optional(path())
    expect(schema.optional).toBe(true)
    expect(problemOf(schema, '/a')).toBeUndefined()
    expect(problemOf(schema, null)).toBe('is not a string')
  })

  it('accept any value or report its fault [attack 45]', () => {
    const types = [
      ...[boolean(), bytes(), email(), hostName(), integer(), ipAddress(), number(), oneLine(), oneOf(['x', 1, null])],
      ...[path(), shellWord(), text(), url(), listOf(text()), listOf(listOf(number())), optional(path())],
    ]
    const odd = [
      undefined,
      null,
      -0,
      Number.NaN,
      1n,
      Symbol('s'),
      () => 1,
      new Date(0),
      new Map(),
      new Uint8Array(3),
      new Array(2),
    ]
    const letters = fc.constantFrom(...'aZ0./:@-%#?[] ', '\0', '\ud800', '\u0301', '\uff0e', '\u{1f600}')
    const values = fc.oneof(
      fc.constantFrom<unknown>(...odd),
      fc.jsonValue({ maxDepth: 2 }),
      fc.string({ unit: letters }),
    )
    fc.assert(
      fc.property(values, (value) => {
        for (const type of types) {
          const answer = type['~standard'].validate(value) as { readonly value?: unknown; readonly issues?: unknown }
          const [issue] = (answer.issues ?? []) as readonly { readonly message: string }[]
          if (answer.issues === undefined) expect(answer.value).toEqual(value)
          else if (typeof issue?.message !== 'string' || issue.message === '') expect.fail('an issue has no message')
        }
      }),
      shortRuns(500),
    )
  })

  it('are Standard Schemas of this library, frozen', () => {
    for (const schema of [number(), integer(), boolean(), bytes(), oneOf([1]), listOf(path()), optional(path())]) {
      expect(schema['~standard']).toMatchObject({ version: 1, vendor: 'procura' })
      expect(Object.isFrozen(schema) && Object.isFrozen(schema['~standard'])).toBe(true)
    }
  })
})
