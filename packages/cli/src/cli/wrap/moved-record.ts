// node only: reads and writes files
import { unlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { quote } from '#support/quote.ts'
import { userHome } from '../../support/user-home.ts'
import type { Client } from '../clients/client.ts'
import type { ConfigDocument } from '../clients/config-document.ts'
import { type ConfigFile, checkUnchanged } from '../clients/config-file.ts'
import { checkGatewayContent, writeGatewayFile } from '../home/gateway-file.ts'
import { exists } from '../home/home-files.ts'
import { inHome, openWrapHome, type WrapHome } from '../home/wrap-home.ts'
import type { Host } from '../host.ts'
import type { Flags } from '../verb.ts'
import { connectionOf } from './connect-line.ts'
import { projectOf, wholePath } from './plan.ts'
import { readIndexes, type WrapIndex, writeIndex } from './wrap-index.ts'
import { parseWrapRecord, recordId, recordReference, storeRecord, type WrapLayer } from './wrap-record.ts'

/**
 * The record of a configuration that was moved: the only one that has the same name and client, whose file is gone, and
 * that has a server which the file runs behind the gateway. WRP-42
 */
export async function movedRecord(
  home: string,
  file: Pick<ConfigFile, 'path'>,
  client: Client,
  { servers }: ConfigDocument,
): Promise<WrapIndex | undefined> {
  // A file of somebody else can name any server.
  const connected = servers
    .flatMap(({ value }) => connectionOf(value) ?? [])
    .filter((target) => target.home !== undefined && wholePath(target.home) === wholePath(home))
  if (connected.length === 0) return undefined
  const alike = (await readIndexes(home, () => undefined)).filter(
    ({ path, client: name, agent, servers: known }) =>
      path !== file.path &&
      name === client.name &&
      basename(path) === basename(file.path) &&
      connected.some((target) => target.agent === agent && known.includes(target.server)),
  )
  const gone: WrapIndex[] = []
  for (const index of alike) if (!(await exists(index.path))) gone.push(index)
  const [only] = gone
  return gone.length === 1 ? only : undefined
}

/** A configuration that was read. */
interface ReadConfig {
  readonly file: ConfigFile
  readonly client: Client
  readonly document: ConfigDocument
}

/** Finds the record of a configuration that was moved, and gives it to the file. A dry run only prints it. */
export async function followMoved(
  { file, client, document }: ReadConfig,
  home: string,
  flags: Flags,
  host: Host,
): Promise<void> {
  const index = await movedRecord(home, file, client, document)
  if (index === undefined) return
  const found = `${quote(file.path, 256)} was ${quote(index.path, 256)} when it was wrapped`
  if (flags['dry-run'] === true) return host.complain(`${found}; a run without --dry-run takes its record along`)
  const user = host.env['HOME'] || userHome()
  const [former, now] = [projectOf(index.path, user), projectOf(file.path, user)]
  const moved = await inHome(home, async (lock) => {
    await checkUnchanged(file)
    const opened = await openWrapHome(home, flags, host, lock)
    return adoptRecord(opened, index, file, former === undefined || now === undefined ? undefined : [former, now])
  })
  host.complain(`${found}; its record is the one of this file now`)
  for (const server of moved)
    host.complain(`${server} runs in ${quote(now ?? '', 256)}; a running gateway takes it with \`procura reload\``)
}

/**
 * Gives a record to the file that was moved. The servers of the project run in its new folder. A process that is killed
 * leaves both records, and the next run goes on.
 *
 * @param folders - of the project, before and after. Undefined for a file of the user.
 * @returns the servers whose folder has changed.
 */
async function adoptRecord(
  home: WrapHome,
  { path: former, servers: known }: WrapIndex,
  { path }: Pick<ConfigFile, 'path'>,
  folders: readonly [former: string, now: string] | undefined,
): Promise<readonly string[]> {
  const sealed = home.secrets.get(recordReference(former))
  const moved = folders === undefined ? [] : await moveFolders(home, known, ...folders)
  if (sealed !== undefined) {
    const record = parseWrapRecord(sealed)
    const present = home.secrets.get(recordReference(path))
    const own: readonly WrapLayer[] = present === undefined ? [] : parseWrapRecord(present).layers
    const isOwn = (layer: WrapLayer): boolean => own.some((one) => JSON.stringify(one) === JSON.stringify(layer))
    const layers = [...record.layers.filter((layer) => !isOwn(layer)), ...own]
    await storeRecord(home.vault, { ...record, path, layers })
    await writeIndex(home, { ...record, path, layers })
    await home.vault.remove(recordReference(former))
  }
  await unlink(join(home.path, 'wrapped', `${recordId(former)}.json`))
  return moved
}

async function moveFolders(
  { path, lock, gateway }: WrapHome,
  known: readonly string[],
  former: string,
  now: string,
): Promise<readonly string[]> {
  const inNew = (cwd: string): string | undefined =>
    cwd === former || cwd.startsWith(`${former}/`) ? `${now}${cwd.slice(former.length)}` : undefined
  const moved: string[] = []
  const servers = [...gateway.servers].map(([name, server]) => {
    const isOfFile = server.type === 'stdio' && server.cwd !== undefined && known.includes(name)
    const cwd = isOfFile ? inNew(String(server.cwd)) : undefined
    if (cwd !== undefined) moved.push(name)
    return [name, cwd === undefined ? server : { ...server, cwd }] as const
  })
  if (moved.length === 0) return moved
  const content = { ...gateway.content, servers: Object.fromEntries(servers) }
  await checkGatewayContent(path, content)
  await writeGatewayFile(path, content, lock)
  return moved
}
