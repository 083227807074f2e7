import type { Vector } from '../../../../spec/vectors/generator/vector.ts'
import { shortCases } from '../../../../test/property/runs.ts'
import { readVectors } from '../../../../test/vectors/read.ts'

/** Vectors of a file: all where `CI` is set, and else some of each fault. */
export function someVectors(name: Parameters<typeof readVectors>[0]): readonly Vector[] {
  return shortCases(readVectors(name), ({ fault, requirement }) => fault ?? requirement)
}
