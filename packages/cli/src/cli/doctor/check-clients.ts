// node only: reads files
import { shellQuoted } from '../../support/shell-quoted.ts'
import { type ClientName, clientOf } from '../clients/client.ts'
import type { ServerEntry } from '../clients/config-document.ts'
import { readConfigFile } from '../clients/config-file.ts'
import { exists } from '../home/home-files.ts'
import { type ConnectTarget, connectionOf } from '../wrap/connect-line.ts'
import { missingProgram } from '../wrap/repair-lines.ts'
import type { WrapIndex } from '../wrap/wrap-index.ts'
import type { Finding } from './finding.ts'

/** Checks that the configurations still run `connect`, and that the program is where they expect it. WRP-25 */
export async function checkClients(indexes: readonly WrapIndex[]): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const index of indexes) {
    try {
      findings.push(...(await checkConfig(index)))
    } catch {
      const isGone = !(await exists(index.path))
      findings.push({
        check: 'clients',
        thing: index.path,
        fault: isGone ? 'does not exist' : 'cannot be read',
        remedy: isGone ? 'if it was moved, run `procura wrap FILE` with its new path' : 'restore it, or correct it',
      })
    }
  }
  return findings
}

/** The servers of a configuration that run `connect`. */
export async function connectedServers({
  path,
  client,
}: WrapIndex): Promise<readonly { readonly entry: ServerEntry; readonly target: ConnectTarget }[]> {
  const { text } = await readConfigFile(path)
  return clientOf(client as ClientName)
    .read(text)
    .servers.flatMap((entry) => {
      const target = connectionOf(entry.value)
      return target === undefined ? [] : [{ entry, target }]
    })
}

async function checkConfig(index: WrapIndex): Promise<readonly Finding[]> {
  const { path, servers } = index
  const file = shellQuoted(path)
  const connected = await connectedServers(index)
  const findings: Finding[] = servers
    .filter((server) => !connected.some(({ target }) => target.server === server))
    .map((server) => ({
      check: 'clients',
      thing: path,
      fault: `no longer runs \`procura connect ${server}\``,
      remedy: `run \`procura wrap ${file}\` if it is not wrapped, or \`procura unwrap ${file}\` to clean up`,
    }))
  for (const { entry } of connected) {
    const gone = await missingProgram(entry)
    if (gone !== undefined)
      findings.push({
        check: 'clients',
        thing: `${path}:${entry.line}`,
        fault: `starts ${gone}, which does not exist`,
        remedy: `run \`procura wrap ${file}\`, which corrects it, and restart the client`,
      })
  }
  return findings
}
