// node only: reads files
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { shellQuoted } from '../../support/shell-quoted.ts'
import { draftsOf } from '../clients/config-file.ts'
import { userWords } from '../home/other-owner.ts'
import type { Finding } from './finding.ts'

/** Checks that only the user of the gateway has access to its files. WRP-21 */
export async function checkModes(home: string): Promise<readonly Finding[]> {
  if (process.platform === 'win32') return []
  const findings: Finding[] = []
  const owners = new Map<number, Awaited<ReturnType<typeof userWords>>>()
  const names = await readdir(home, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    findings.push({ check: 'modes', thing: home, fault: `cannot be listed (${error.code})`, remedy: 'run chown' })
    return []
  })
  for (const path of [home, ...names.map((name) => join(home, name))]) {
    const status = await lstat(path).catch(() => undefined)
    if (status === undefined || status.isSymbolicLink()) continue
    const thing = path
    if (status.uid !== process.geteuid?.()) {
      const user = owners.get(status.uid) ?? (await userWords(status.uid))
      owners.set(status.uid, user)
      const { said, word } = user
      const remedy = `run this as that user (\`sudo -u ${word} procura doctor --home ${shellQuoted(home)}\`), or run chown`
      findings.push({ check: 'modes', thing, fault: `belongs to ${said}`, remedy })
    }
    if ((status.mode & 0o077) !== 0) {
      const mode = status.isDirectory() ? '700' : '600'
      findings.push({ check: 'modes', thing, fault: 'is open to other users', remedy: `run chmod ${mode}` })
    }
  }
  return findings
}

/** Checks for drafts that a killed `unwrap` left beside a configuration. They can contain secrets. */
export async function checkDrafts(configs: readonly string[]): Promise<readonly Finding[]> {
  const drafts = await Promise.all(configs.map((path) => draftsOf(path)))
  return drafts.flat().map((thing) => ({
    check: 'drafts',
    thing,
    fault: 'was left by a process that was killed, and can contain secrets',
    remedy: 'delete it',
  }))
}
