import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { hostWithLog, serveLogPath } from '../../../src/cli/gateway/serve-log.ts'
import type { Host } from '../../../src/cli/host.ts'

it('has no character that a terminal obeys [GTW-14]', () => {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'log-')))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  const host = hostWithLog({} as Host, home)
  host.complain(`warning: dry run: a request ${JSON.stringify('a\u009b2Jb\u202ec')} would be refused`)
  expect(readFileSync(serveLogPath(home), 'utf8')).toBe(
    'warning: dry run: a request "a\\u009b2Jb\\u202ec" would be refused\n',
  )
})
