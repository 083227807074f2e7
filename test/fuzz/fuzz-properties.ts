/**
 * For any input, a reader returns, or throws a documented error.
 *
 * @module
 */

import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import type { Runs } from '../property/runs.ts'
import { randomOf, seedOf } from './random.ts'
import type { Reader } from './reader.ts'

/** Inputs of which one was wrong, that are shown. */
const shown = 3

/** Gives each reader so many hostile inputs. */
export function fuzz(readers: readonly Reader[], { numRuns, seed }: Runs): void {
  it.each(readers.map((reader) => [reader.of, reader] as const))(
    `%s: ${numRuns} inputs, seed ${seed}`,
    async (of, reader) => {
      const faults: string[] = []
      for (let turn = 0; turn < Math.ceil(numRuns / (reader.costs ?? 1)) && faults.length < shown; turn++) {
        const input = await reader.input(randomOf(seedOf(seed, of, turn)))
        const fault = await faultOf(reader, input)
        if (fault !== undefined) faults.push(`turn ${turn}: ${fault}, of ${shortOf(input)}`)
      }
      expect(faults).toEqual([])
    },
  )
}

async function faultOf({ read, errors, wrong }: Reader, input: never): Promise<string | undefined> {
  try {
    const answer = await read(input)
    return wrong?.(answer as never)
  } catch (error) {
    if (errors.some((kind) => error instanceof kind)) return undefined
    return `threw ${error instanceof Error ? String(error.stack).slice(0, 600) : inspect(error)}`
  }
}

function shortOf(input: unknown): string {
  if (input instanceof Uint8Array) return `hex ${Buffer.from(input).toString('hex').slice(0, 2_000)}`
  return inspect(input, { depth: 6, maxStringLength: 2_000, breakLength: Number.POSITIVE_INFINITY })
}
