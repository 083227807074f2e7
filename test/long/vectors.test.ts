import { describe, expect, it } from 'vitest'
import type { Vector } from '../../spec/vectors/generator/vector.ts'
import { backend as noble } from '../../src/core/principal/backend/noble.ts'
import { backend as node } from '../../src/core/principal/backend/node.ts'
import { containerOf, serviceOf } from '../vectors/decide.ts'
import { readVectors } from '../vectors/read.ts'

/** Decides about each vector several times; the shortest time counts, because disturbances only add time. */
const rounds = 20

/** The maximum milliseconds of a decision: far above its normal time, far below the aim of an attack. */
const most = { node: 50, noble: 150 }

/** Processor time of a decision by a service that has met nothing of it before, in milliseconds. */
async function cost({ container, context }: Vector, backend: typeof node | typeof noble): Promise<number> {
  const input = containerOf(container)
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    const service = await serviceOf(context, { backend })
    const before = process.cpuUsage()
    await service.authorize(input)
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, (user + system) / 1_000)
  }
  return least
}

describe('every vector is decided in little time', () => {
  for (const backend of [node, noble]) {
    it(`with the back end ${backend.name} [attack 87]`, async () => {
      const costs: { readonly name: string; readonly milliseconds: number }[] = []
      for (const vector of [...readVectors('valid.json'), ...readVectors('hostile.json')]) {
        costs.push({ name: vector.name, milliseconds: await cost(vector, backend) })
      }
      costs.sort((a, b) => b.milliseconds - a.milliseconds)
      const shown = costs.slice(0, 5).map(({ name, milliseconds }) => `${milliseconds.toFixed(2)} ms  ${name}`)
      process.stdout.write(`dearest of ${costs.length} vectors with ${backend.name}:\n  ${shown.join('\n  ')}\n`)
      const limit = backend === node ? most.node : most.noble
      expect(costs.filter(({ milliseconds }) => milliseconds > limit)).toEqual([])
    })
  }
})
