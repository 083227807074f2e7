// node only: reads files
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { readJsonlLines } from 'procura/audit/jsonl'
import { verifyAuditLog } from 'procura/audit/verify'
import type { FileKey } from 'procura/vault/file'
import { quote } from '#support/quote.ts'
import { readConnection } from '../../gateway/agent-side/connect/connection-file.ts'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import { shellQuoted } from '../../support/shell-quoted.ts'
import { userHome } from '../../support/user-home.ts'
import { runningProcess } from '../gateway/lock-gateway.ts'
import { agentStores } from '../home/agent-stores.ts'
import { type GatewayFile, readGatewayFile } from '../home/gateway-file.ts'
import { exists } from '../home/home-files.ts'
import { inMessage } from '../home/host-at-home.ts'
import { openIssued, recordedAgents, renewableOf } from '../home/issued.ts'
import { placeGiven, vaultKey } from '../home/vault-key.ts'
import { revealAll } from '../home/wrap-home.ts'
import type { Host } from '../host.ts'
import { inOwnWords } from '../terminal/own-words.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'
import { otherPlace } from '../wrap/follow-listen.ts'
import { startElsewhere, startedIn } from '../wrap/started-in.ts'
import { readIndexes, type WrapIndex } from '../wrap/wrap-index.ts'
import { checkDelegations } from './check-agents.ts'
import { checkClients } from './check-clients.ts'
import { checkDrafts, checkModes } from './check-files.ts'
import { checkGateway } from './check-gateway.ts'
import { checkHooks } from './check-hooks.ts'
import { checkLogins } from './check-logins.ts'
import { checkOwnerKey } from './check-owner-key.ts'
import { checkSecrets } from './check-secrets.ts'
import { checkServers } from './check-servers.ts'
import { checkTools } from './check-tools.ts'
import { checkUnwrapped } from './check-unwrapped.ts'
import { otherEnds } from './delegation-ends.ts'
import type { Checked, Finding } from './finding.ts'
import { readableKey } from './readable-key.ts'

/** `procura doctor`: checks the whole arrangement. The exit code is 1 when something has to be done. */
export async function doctor(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  if (words.length > 0) throw new UsageError('doctor takes options alone')
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  const gateway = await readGatewayFile(home)
  if (gateway === undefined)
    throw new UsageError(
      `${quote(home, 256)} has no gateway.json; \`procura wrap\` or \`procura api add\` makes it, and --home names another folder`,
    )
  const damaged: Finding[] = []
  const indexes = await readIndexes(home, (thing, fault) => {
    const remedy = 'restore it from a backup, or undo what it records by hand'
    damaged.push({ check: 'clients', thing, fault: `cannot be read: ${fault}`, remedy })
  })
  const checked: Checked[] = []
  for (const [check, about, find] of checksOf(home, gateway, indexes, flags, host)) {
    const found = await find().catch((error: unknown) => [unchecked(check, error)])
    const findings = [...(check === 'clients' ? damaged : []), ...found].map((one) => ({
      ...one,
      remedy: inMessage(one.remedy, flags, host),
    }))
    checked.push({ check, about, findings })
  }
  const findings = checked.flatMap((one) => one.findings)
  if (flags['json'] === true) host.print(JSON.stringify({ home, checks: checked.map(({ check }) => check), findings }))
  else for (const line of checked.flatMap(linesOf)) host.print(line)
  return findings.some(({ note }) => note !== true) ? 1 : 0
}

/** One check that fails does not end the others. A missing passphrase does: the user can pass it. */
function unchecked(check: string, error: unknown): Finding {
  if (error instanceof UsageError) throw error
  const fault = `failed: ${error instanceof Error ? inOwnWords(error.message) : 'unknown error'}`
  return { check, thing: 'the check', fault, remedy: 'correct that, and run `procura doctor` again' }
}

function linesOf({ check, about, findings }: Checked): readonly string[] {
  if (findings.length === 0) return [`ok\t${check}\t${about}`]
  return findings.map(
    ({ thing, fault, remedy, note }) => `${note === true ? 'note' : 'FAULT'}\t${check}\t${thing} ${fault}; ${remedy}`,
  )
}

type Check = readonly [name: string, about: string, find: () => Promise<readonly Finding[]>]

function checksOf(
  home: string,
  gateway: GatewayFile,
  indexes: readonly WrapIndex[],
  flags: Flags,
  host: Host,
): readonly Check[] {
  const folder = host.env['HOME'] || userHome()
  const configs = indexes.map(({ path }) => path)
  let asked: Promise<FileKey> | undefined
  // A person is asked for the passphrase once. A vault that is missing has none.
  const key = async (): Promise<FileKey | undefined> => {
    if (!(await exists(gateway.vault.file))) return undefined
    asked ??= vaultKey(placeGiven(gateway.vault, flags), host, false)
    return asked
  }
  return [
    [
      'secrets',
      'no secret of the vault is readable in the places that were searched',
      () => secrets(home, gateway, folder, configs, key),
    ],
    [
      'unwrapped',
      'no other server of the configurations has a key in the clear',
      () => checkUnwrapped(folder, indexes),
    ],
    ['modes', 'only this user has access to the home folder', () => checkModes(home)],
    ['drafts', 'no draft of a configuration is left', () => checkDrafts(configs)],
    ['vault-key', 'no other program of this user can read the key of the vault', async () => keyFileNote(gateway)],
    [
      'owner-key',
      'the gateway acts for the key of the owner, which opens for a person alone',
      async () => checkOwnerKey(home, gateway, await key()),
    ],
    ['programs', 'no program with a secret starts in a folder of a project', async () => programs(home, gateway)],
    ['clients', 'the configurations run `procura connect`', () => checkClients(indexes)],
    [
      'gateway',
      'the gateway answers, and is the one that the agents expect',
      () => gatewayFindings(home, gateway, indexes),
    ],
    [
      'servers',
      'no server that the running gateway has asked is out of reach',
      () => checkServers(join(home, 'gateway.json')),
    ],
    [
      'delegations',
      'each agent has a delegation for each of its servers',
      async () => {
        const owner = { home, keyFile: gateway.vault.keyFile, renewable: await renewableIn(gateway, await key()) }
        return [
          ...(await checkDelegations(owner, indexes, agentStores(flags, host), gateway)),
          ...(await otherEnds(owner, indexes, agentStores(flags, { ...host, isTerminal: false }), gateway)),
        ]
      },
    ],
    ['logins', 'each server with a login has one', async () => checkLogins(gateway, await key())],
    ['tools', 'no tool was changed since it was accepted', () => checkTools(home, [...gateway.servers.keys()])],
    ['hooks', 'the hooks run, and a failure of them blocks the call', () => checkHooks(folder, indexes)],
    ['log', 'the audit log is unchanged', () => logFindings(gateway)],
  ]
}

/** The delegations of all agents that can be issued again. */
async function renewableIn({ vault }: GatewayFile, key: FileKey | undefined): Promise<ReadonlySet<string>> {
  if (key === undefined) return new Set()
  const place = await openIssued(vault.file, key)
  const found = await Promise.all(recordedAgents(place).map((agent) => renewableOf(place, agent)))
  return new Set(found.flatMap(({ delegations }) => delegations.map(({ cid }) => cid.toString())))
}

async function secrets(
  home: string,
  gateway: GatewayFile,
  userHome: string,
  configs: readonly string[],
  askKey: () => Promise<FileKey | undefined>,
): Promise<readonly Finding[]> {
  const { file } = gateway.vault
  const key = await askKey()
  if (key === undefined)
    return [{ check: 'secrets', thing: file, fault: 'is missing', remedy: 'restore it from a backup' }]
  const all = await revealAll(file, key)
  // The sealed originals are longer than any secret in them.
  const named = new Map([...all].filter(([name]) => !name.startsWith('procura-wrap/')))
  const running = await runningProcess(gateway.stateFile)
  const process = typeof running === 'number' ? running : undefined
  return checkSecrets(named, userHome, [...configs, join(home, 'gateway.json')], process)
}

function keyFileNote({ vault }: GatewayFile): readonly Finding[] {
  const thing = readableKey(vault)
  if (thing === undefined) return []
  return [
    {
      check: 'vault-key',
      thing,
      fault: 'opens the vault, and an agent that runs as this user can read it',
      remedy: 'use a passphrase, or run the gateway as another user',
      note: true,
    },
  ]
}

function programs(home: string, { servers }: GatewayFile): readonly Finding[] {
  return [...servers].flatMap(([name, server]) => {
    const fault = startedIn(home, server, server.type === 'stdio' ? server.secretEnv : undefined)
    const thing = `the server ${name}`
    return fault === undefined ? [] : [{ check: 'programs', thing, fault, remedy: startElsewhere, note: true as const }]
  })
}

async function gatewayFindings(
  home: string,
  gateway: GatewayFile,
  indexes: readonly WrapIndex[],
): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const { agent, servers, path } of indexes) {
    const folder = join(home, 'agents', agent)
    try {
      const connection = await readConnection(folder)
      const other = otherPlace(connection, gateway)
      if (other !== undefined) {
        findings.push({
          ...{ check: 'gateway', thing: join(folder, 'connect.json') },
          fault: `names ${other.before}, and gateway.json listens at ${other.now}`,
          remedy: `run \`procura wrap ${shellQuoted(path)}\`, which corrects it`,
        })
        continue
      }
      for (const server of servers) {
        const found = await checkGateway(agent, connection, server)
        findings.push(...found)
        // A gateway that does not answer gives the same answer for each server.
        if (found.some(({ fault }) => fault.startsWith('cannot be reached'))) break
      }
    } catch (error) {
      const fault = `cannot be read: ${(error as Error).message}`
      findings.push({
        check: 'gateway',
        thing: join(folder, 'connect.json'),
        fault,
        remedy: 'restore it, or wrap again',
      })
    }
  }
  return findings.filter(
    ({ thing, fault }, at) => findings.findIndex((one) => one.thing === thing && one.fault === fault) === at,
  )
}

/** Verifies the log. A log that was never there has no record yet; a gateway that has run has one. WRP-28 */
async function logFindings({ logFolder: directory, stateFile }: GatewayFile): Promise<readonly Finding[]> {
  if (!(await stat(directory).catch(() => undefined))?.isDirectory()) {
    const remedy = 'find out who removed it; the gateway makes a new one at its start'
    return (await exists(stateFile)) ? [{ check: 'log', thing: directory, fault: 'is missing', remedy }] : []
  }
  const report = await verifyAuditLog(readJsonlLines({ directory }))
  if (report.valid) return []
  const { kind, line, sequence } = report.fault
  return [
    {
      check: 'log',
      thing: `the log in ${directory}`,
      fault: `has a fault at line ${line}, record ${sequence} (${kind})`,
      remedy: `keep the files, and find out who changed them; \`procura audit verify ${shellQuoted(directory)}\` has the details`,
    },
  ]
}
