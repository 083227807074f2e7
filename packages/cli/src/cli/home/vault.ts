// node only: opens files

import type { CredentialOptions, Processor } from 'procura/vault'
import { createKeyFile, type FileKey, type FileVault, openFileVault } from 'procura/vault/file'
import { bearer, header, headers, query } from 'procura/vault/processors'
import { quote } from '#support/quote.ts'
import { shellQuoted } from '../../support/shell-quoted.ts'
import type { Host } from '../host.ts'
import { bytesAtTerminal, checkFields, readSecret } from '../terminal/read-secret.ts'
import { UsageError } from '../usage-error.ts'
import { checkRules } from './check-rules.ts'
import { vaultKey, vaultVariable } from './vault-key.ts'

/** The parsed options of the vault verbs. */
export interface VaultFlags {
  readonly file?: string | undefined
  readonly home?: string | undefined
  readonly 'key-file'?: string | undefined
  readonly 'new-key-file'?: string | undefined
  readonly origin?: readonly string[] | undefined
  readonly bearer?: boolean | undefined
  readonly header?: readonly string[] | undefined
  readonly query?: string | undefined
  readonly method?: readonly string[] | undefined
  readonly 'path-prefix'?: string | undefined
  readonly 'allow-header'?: readonly string[] | undefined
  readonly command?: readonly string[] | undefined
  readonly subject?: readonly string[] | undefined
  readonly leasable?: boolean | undefined
  readonly bytes?: boolean | undefined
  readonly json?: boolean | undefined
}

/**
 * `procura vault VERB`.
 *
 * @returns the exit code.
 */
export async function vaultCommand(words: readonly string[], flags: VaultFlags, host: Host): Promise<number> {
  const [verb, name, ...more] = words
  if (more.length > 0) throw new UsageError('too many words; pass one name of a credential')
  if (verb === 'new-key') {
    const path = needed(flags['key-file'], '--key-file')
    await createKeyFile(path)
    report(
      flags,
      host,
      { created: path },
      `created ${path}; store it apart from the vault, and keep a copy in a safe place`,
    )
    return 0
  }
  if (verb === 'change-key') {
    const next = keyOf(flags['new-key-file'], '--new-key-file', 'PROCURA_VAULT_NEW_PASSPHRASE', host)
    const { changeVaultKey, gatewayOfVault } = await import('./change-vault-key.ts')
    const key = await presentKey(flags, host)
    if ((await gatewayOfVault(needed(flags.file, '--file'), flags.home, host))?.vault.unlock !== undefined)
      throw new UsageError(
        '`vault.unlock` of gateway.json would go on with the former passphrase; remove it there, and pass that one in PROCURA_VAULT_PASSPHRASE',
      )
    const gateway = await changeVaultKey(needed(flags.file, '--file'), key, next, flags.home, host)
    const changed = 'the file is encrypted with the new key; copies of it still open with the old key'
    report(flags, host, { changed: true }, changed)
    host.complain(gateway === undefined ? withoutGateway : afterChange(gateway.path, next))
    return 0
  }
  if (verb === 'list') return list(await open(flags, host, false), flags, host)
  if (verb !== 'put' && verb !== 'rotate' && verb !== 'remove') throw new UsageError('vault needs a verb')
  const reference = needed(name, 'the name of a credential')
  if (verb === 'remove') {
    const removed = await (await open(flags, host, false)).remove(reference)
    const words = removed
      ? `removed ${reference}`
      : `the file has no credential ${reference}; \`${listOf(flags)}\` lists those that it has`
    report(flags, host, { name: reference, removed }, words)
    return removed ? 0 : 1
  }
  const rules = verb === 'put' ? rulesOf(flags) : undefined
  if (rules !== undefined) checkRules(reference, rules)
  if (flags.bytes === true && host.isTerminal) throw new UsageError(bytesAtTerminal)
  const vault = await open(flags, host, verb === 'put')
  if (rules === undefined && !vault.references.includes(reference))
    throw new UsageError(
      `the file has no credential ${quote(reference)}; \`procura vault put --help\` shows how to store it`,
    )
  const secret = await readSecret(reference, flags.bytes === true, host)
  checkFields(flags.header ?? [], secret)
  const before = (await vault.list()).find((one) => one.name === reference && one.present)
  const version = await (rules === undefined
    ? vault.rotate(reference, secret)
    : vault.put(reference, { ...rules, secret }))
  secret.fill(0)
  // Versions are counted over the whole file, so a removed name does not get an earlier version again.
  const count = version === '1' ? '' : ' (versions are counted over the whole vault)'
  const place = before === undefined ? `which is new${count}` : `in the place of version ${before.version}`
  const stored = `stored version ${version} of ${reference}, ${place}${rules === undefined ? '' : `: ${destinationsOf(rules)}`}`
  report(flags, host, { name: reference, version, replaced: before?.version ?? null }, stored)
  return 0
}

/** The command that lists the credentials of the same file. */
function listOf(flags: VaultFlags): string {
  const words = (['file', 'key-file'] as const).flatMap((name) =>
    flags[name] === undefined ? [] : [`--${name}`, shellQuoted(flags[name])],
  )
  return ['procura vault list', ...words].join(' ')
}

/** Without the key of its owner, a gateway cannot be changed. The second run finishes the first one. */
const withoutGateway =
  'no gateway was found that has this vault; if one does, repeat this with --home and its home folder, so that the key of its owner opens with the new key too'

/** The next steps for the gateway of a vault. */
function afterChange(config: string, next: FileKey): string {
  const names = 'keyFile' in next ? `set \`vault.keyFile\` to ${quote(next.keyFile, 256)}` : 'remove `vault.keyFile`'
  return `the key of the owner opens with the new key too; ${names} in ${quote(config, 256)} if it names another one, and start the gateway again`
}

/** Prints what was done, in words or as JSON. */
function report(flags: VaultFlags, host: Host, facts: object, words: string): void {
  host.print(flags.json === true ? JSON.stringify(facts) : words)
}

async function open(flags: VaultFlags, host: Host, create: boolean): Promise<FileVault> {
  const key = await presentKey(flags, host)
  return openFileVault({ path: needed(flags.file, '--file'), key, create })
}

/** The key of a vault. The gateway of the vault may know it. */
async function presentKey(flags: VaultFlags, host: Host): Promise<FileKey> {
  const { file, home } = flags
  if (flags['key-file'] === undefined && (host.env[vaultVariable] ?? '') === '' && file !== undefined) {
    const { gatewayOfVault } = await import('./change-vault-key.ts')
    const vault = (await gatewayOfVault(file, home, host))?.vault
    if (vault?.keyFile !== undefined || vault?.unlock !== undefined) return vaultKey(vault, host, false)
  }
  return keyOf(flags['key-file'], '--key-file', vaultVariable, host)
}

function keyOf(keyFile: string | undefined, option: string, variable: string, { env }: Host): FileKey {
  if (keyFile !== undefined) return { keyFile }
  const passphrase = env[variable]
  if (passphrase === undefined || passphrase === '')
    throw new UsageError(`needs ${option}, or ${variable} in the environment`)
  return { passphrase }
}

function rulesOf(flags: VaultFlags): CredentialOptions {
  const { origin, method, command, subject, leasable } = flags
  if (origin === undefined && leasable !== true) {
    throw new UsageError('put needs --origin (where the credential may be sent) or --leasable (handlers may read it)')
  }
  const prefix = flags['path-prefix']
  const headers = flags['allow-header']
  const processor = processorOf(flags)
  return {
    ...(origin !== undefined && { origins: origin }),
    ...(processor !== undefined && { processor }),
    ...(method !== undefined && { methods: method }),
    ...(prefix !== undefined && { pathPrefix: prefix }),
    ...(headers !== undefined && { headers }),
    ...(command !== undefined && { commands: command }),
    ...(subject !== undefined && { subjects: subject }),
    ...(leasable !== undefined && { leasable }),
  }
}

function processorOf(flags: VaultFlags): Processor | undefined {
  const ways = [
    flags.bearer === true ? bearer() : undefined,
    flags.header === undefined ? undefined : headerProcessor(flags.header),
    flags.query === undefined ? undefined : query({ name: flags.query }),
  ].filter((way) => way !== undefined)
  if (ways.length > 1 || (ways.length === 0 && flags.origin !== undefined)) {
    throw new UsageError('--origin needs exactly one of --bearer, --header and --query')
  }
  return ways[0]
}

/** The whole secret in one header, or a field of it in each of several. */
function headerProcessor(names: readonly string[]): Processor {
  const [name = '', ...more] = names
  return more.length === 0 ? header({ name }) : headers({ fields: Object.fromEntries(names.map((one) => [one, one])) })
}

async function list(vault: FileVault, flags: VaultFlags, host: Host): Promise<number> {
  const stored = await vault.list()
  if (flags.json === true)
    host.print(JSON.stringify(stored.map((one) => ({ ...shown(one), rules: jsonRules(one.rules) }))))
  else for (const credential of stored) host.print(Object.values(shown(credential)).join('\t'))
  return 0
}

function shown({
  name,
  version,
  present,
  created,
  rules,
}: Awaited<ReturnType<FileVault['list']>>[number]): Record<string, string> {
  return {
    name,
    version,
    state: present ? 'present' : 'earlier',
    created: new Date(created * 1_000).toISOString(),
    origins: destinationsOf(rules),
  }
}

/** The rules as JSON data: of the processor, its description. */
function jsonRules({ processor, ...rules }: CredentialOptions): object {
  return { ...rules, ...(processor !== undefined && { processor: processor.description }) }
}

/** The origins of a credential, and whether it is leasable. */
function destinationsOf({ origins = [], leasable }: CredentialOptions): string {
  return origins.length === 0 ? 'lease only' : [...origins, ...(leasable === true ? ['lease'] : [])].join(' ')
}

function needed(value: string | undefined, what: string): string {
  if (value === undefined || value === '') throw new UsageError(`needs ${what}`)
  return value
}
