import { execFile } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { startWriter } from '../audit/jsonl/child.ts'
import longTests from '../long/vitest.config.ts'
import processTests from '../processes.config.ts'
import serviceTests from '../services/vitest.config.ts'
import shortTests from '../vitest.config.ts'
import { root } from './entries.ts'

const setup = 'test/setup/unhandled.ts'

describe('an unhandled error', () => {
  it('fails the test in which it happens', async () => {
    const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url))
    const config = fileURLToPath(new URL('unhandled.config.ts', import.meta.url))
    const report = await new Promise<string>((resolve) => {
      const parameters = [vitest, 'run', '--config', config, '--reporter=json']
      execFile(process.execPath, parameters, { cwd: root }, (_error, stdout) => resolve(stdout))
    })
    const { testResults } = JSON.parse(report) as {
      readonly testResults: readonly { readonly assertionResults: readonly Record<'title' | 'status', string>[] }[]
    }
    expect(testResults.flatMap((file) => file.assertionResults.map(({ title, status }) => [title, status]))).toEqual([
      ['a rejection', 'failed'],
      ['undefined as a rejection', 'failed'],
      ['a rejection that is handled too late', 'failed'],
      ['an exception of a timer', 'failed'],
      ['a warning of a memory leak', 'failed'],
      ['nothing', 'passed'],
    ])
  })

  it('fails the test whose child process it ends', async () => {
    const quiet = ['-c', `exec "$0" -e 'Promise.reject(new Error("lost"))' 2>/dev/null`, process.execPath]
    const { ended } = startWriter('sh', quiet)
    await expect(ended).rejects.toThrow('ended with code 1')
    const { child, ended: killed } = startWriter(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'])
    child.kill('SIGKILL')
    await expect(killed).resolves.toBeUndefined()
  })

  it('is looked for in every test there is', () => {
    const projects = [shortTests, processTests].flatMap(({ test }) => test?.projects ?? []) as readonly {
      readonly test: { include?: unknown[] }
    }[]
    const all = [...projects.filter(({ test }) => test.include?.length), longTests, serviceTests]
    expect(all).toHaveLength(5)
    for (const { test } of all) expect(test).toMatchObject({ setupFiles: expect.arrayContaining([setup]) })
  })
})
