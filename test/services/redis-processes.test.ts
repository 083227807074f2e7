import { readFileSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { root } from '../setup/entries.ts'
import { programOf, runAll } from '../setup/programs.ts'
import { testFourProcesses } from './four-processes.ts'
import { startRedisStores } from './store-server.ts'

const server = testFourProcesses('Redis', startRedisStores)

describe('the example of four processes', () => {
  it('prints the same with Redis as with SQLite', async () => {
    const program = programOf('four-processes-redis', readFileSync(`${root}examples/07-four-processes.ts`, 'utf8'))
    vi.stubEnv('REDIS_URL', `redis://127.0.0.1:${server().port}`)
    try {
      expect((await runAll([program])).get(program.name)).toEqual(program.expected)
    } finally {
      vi.unstubAllEnvs()
    }
  })
})
