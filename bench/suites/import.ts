import { execFile } from 'node:child_process'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { root } from '../../test/setup/entries.ts'
import { type Contender, measure } from '../harness/measure.ts'
import type { Suite } from '../harness/suite.ts'
import { number, time } from '../harness/table.ts'

const run = promisify(execFile)

/**
 * The time that imports add to the start of a program: each import in a separate process, beside one without imports.
 */
export const suite: Suite = {
  name: 'import',
  async run({ effort, peers, smoke }) {
    const own = (file: string) => pathToFileURL(`${root}dist/${file}`).href
    const programs: [name: string, program: string, folder?: string][] = [
      ['bare node', ''],
      ['procura', `await import('${own('index.js')}')`],
      ['procura/guard', `await import('${own('guard.js')}')`],
      ['node:crypto', `await import('node:crypto')`],
    ]
    const others: [needs: string, imported: string][] = [
      ['jose', 'jose'],
      ['iso-ucan', 'iso-ucan/invocation'],
      ['@ucans/ucans', '@ucans/ucans'],
      ['@ucanto/validator', '@ucanto/validator'],
      ['macaroon', 'macaroon'],
      ['sodium-native', 'sodium-native'],
    ]
    for (const [name, imported] of others) {
      if (peers.has(name)) programs.push([imported, `await import('${imported}')`, `${root}bench/peers`])
    }
    const contenders = programs.map(
      ([name, program, folder = root]): Contender => ({
        name,
        run: () => run(process.execPath, ['--input-type=module', '--eval', program], { cwd: folder }),
      }),
    )
    const measured = await measure(contenders, smoke ? effort : { rounds: 21, turnMs: 1 })
    const [bare] = measured.map(({ median }) => median) as [number]
    const procura = measured[1]?.median ?? Number.NaN
    const jose = measured.find(({ name }) => name === 'jose')?.median
    return {
      tables: [
        {
          title: 'Start a process and import',
          columns: ['what', 'median', 'over bare node'],
          rows: measured.map(({ name, median }) => [name, time(median), `${number((median - bare) / 1000)} ms`]),
        },
      ],
      figures: {
        'import, ms': (procura - bare) / 1000,
        'import / bare node': procura / bare,
        ...(jose !== undefined && { 'import / jose': (procura - bare) / (jose - bare) }),
      },
    }
  },
}
