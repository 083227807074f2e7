// node only: streams
import { pipeline, type Readable, Transform } from 'node:stream'
import { createRedactor } from '../../vault/redactor.ts'
import { Secret } from '../../vault/secret.ts'
import { keysOf, minBytes } from './keys-of.ts'

/**
 * Returns the output of a program with `[redacted]` in the place of each of its keys: an error message of a server
 * often has the one that was refused. Other values that are kept as secrets, such as the address of an account, are
 * part of many results. GTW-73
 *
 * @param secrets - the values by the names of their variables.
 */
export function redactOutput(output: Readable, secrets: Readonly<Record<string, string>>): Readable {
  const keys = new Set(Object.entries(secrets).flatMap(([name, value]) => keysOf(name, value)))
  if (keys.size === 0) return output
  // The space keeps the fields of JSON from being searched for: not all of them are keys.
  const values = Array.from(keys, (key) => new Secret(` ${key}`))
  const redactor = createRedactor(values, { minBytes })
  for (const value of values) value.dispose()
  const redacted = new Transform({
    transform: (chunk: Uint8Array, _encoding, done) => done(null, redactor.push(chunk)),
    flush: (done) => done(null, redactor.end()),
    destroy(error, done) {
      redactor.dispose()
      done(error)
    },
  })
  // The reader learns of the end of the program, and the program of the end of the reader.
  pipeline(output, redacted, () => undefined)
  for (const stream of [output, redacted]) stream.on('error', () => undefined)
  return redacted
}
