// node only: reads and writes files
import { type FileKey, openFileVault } from 'procura/vault/file'
import { quote } from '#support/quote.ts'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import { shellQuoted } from '../../support/shell-quoted.ts'
import type { Host } from '../host.ts'
import { readSecret } from '../terminal/read-secret.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'
import { type GatewayFile, readGatewayFile } from './gateway-file.ts'
import { exists } from './home-files.ts'
import { placeGiven, vaultKey } from './vault-key.ts'
import { inHome, revealAll } from './wrap-home.ts'

/** A variable or header of a server or an API, and the credential that has its value. */
interface SecretUse {
  /** The name of the server or API. */
  readonly user: string
  readonly name: string
  readonly credential: string
  readonly kind: 'program' | 'server' | 'api'
}

/**
 * `procura rotate SERVER [NAME]`: stores the next value of one secret of a server or an API behind the gateway. The
 * vault is replaced in one step, so a process that is killed leaves the former value or the new one. WRP-48
 */
export async function rotate(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const [user, name, ...more] = words
  if (user === undefined || more.length > 0)
    throw new UsageError('pass the name of a server or API, and of its variable or header, such as: mail MAIL_KEY')
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  const gateway = await readGatewayFile(home)
  if (gateway === undefined)
    throw new UsageError(`${quote(home, 256)} has no gateway.json; name its folder with --home`)
  const uses = usesIn(gateway)
  const use = chosen(uses, user, name)
  const { file } = gateway.vault
  if (!(await exists(file))) throw new UsageError(`the vault ${quote(file, 256)} is missing; restore it from a backup`)
  const key = await vaultKey(placeGiven(gateway.vault, flags), host, false)
  // A wrong passphrase is found before a person types the secret.
  await openFileVault({ path: file, key })
  const typed = await readSecret(`${use.name} of ${use.user}`, false, host)
  const value = new TextDecoder('utf-8', { fatal: true }).decode(typed)
  typed.fill(0)
  const shared = uses.filter(({ credential }) => credential === use.credential)
  const fields = new Set(shared.map((one) => one.name))
  const stored = await inHome(home, () => store({ file, key }, use, value, fields.size > 1))
  const users = [...new Set(shared.filter((one) => fields.size === 1 || one.name === use.name).map((one) => one.user))]
  const { version, replaced, alike } = stored
  if (flags['json'] === true) host.print(JSON.stringify({ ...use, version, replaced, usedBy: users }))
  else
    host.print(
      `${use.name} of ${use.user} has a new value: version ${version} of ${use.credential}, in the place of version ${replaced}`,
    )
  for (const line of [...linesOf(use, users), ...alikeLines(alike, uses)]) host.complain(line)
  return 0
}

/** All secrets of the servers and APIs of a gateway. */
function usesIn({ servers, content }: GatewayFile): readonly SecretUse[] {
  const of = (user: string, kind: SecretUse['kind'], named: unknown): readonly SecretUse[] =>
    Object.entries(Object(named)).map(([name, credential]) => ({ user, name, credential: String(credential), kind }))
  const apis = Object.entries(Object(content['apis']) as Record<string, unknown>)
  return [
    ...[...servers].flatMap(([user, server]) =>
      server.type === 'http' ? of(user, 'server', server.secretHeaders) : of(user, 'program', server.secretEnv),
    ),
    ...apis.flatMap(([user, api]) => of(user, 'api', Object(api)['secretHeaders'])),
  ]
}

/** The secret that the words name. The only one of a server needs no name. */
function chosen(uses: readonly SecretUse[], user: string, name: string | undefined): SecretUse {
  const own = uses.filter((one) => one.user === user)
  // The name of a credential, as `procura vault list` shows it.
  const [credential, ...others] = uses.filter((one) => one.credential === user)
  if (own.length === 0 && credential !== undefined && others.length === 0 && name === undefined) return credential
  if (own.length === 0) {
    const known = [...new Set(uses.map((one) => quote(one.user)))].join(', ') || 'none'
    throw new UsageError(
      `no server or API ${quote(user)} has a secret behind the gateway; those that have one: ${known}`,
    )
  }
  const found = name === undefined ? own : own.filter((one) => one.name.toLowerCase() === name.toLowerCase())
  const [first, ...rest] = found
  if (first !== undefined && rest.length === 0) return first
  const commands = own.map((one) => `\`procura rotate ${shellQuoted(user)} ${shellQuoted(one.name)}\``).join(', ')
  throw new UsageError(
    name === undefined || first !== undefined
      ? `${quote(user)} has ${own.length} secrets; choose one: ${commands}`
      : `${quote(user)} has no secret ${quote(name)}; it has ${own.map((one) => quote(one.name)).join(', ')}`,
  )
}

/** A rotated credential. */
interface Stored {
  readonly version: string
  readonly replaced: string
  /** Other credentials that had the same value before. */
  readonly alike: readonly string[]
}

/** Stores the next version, under the present rules. */
async function store(
  { file, key }: { readonly file: string; readonly key: FileKey },
  { credential, name, kind }: SecretUse,
  value: string,
  isField: boolean,
): Promise<Stored> {
  const secrets = await revealAll(file, key)
  const present = secrets.get(credential)
  if (present === undefined)
    throw new UsageError(`the vault has no text under ${quote(credential)}; restore the vault from a backup`)
  const fields = isField ? (JSON.parse(present) as Record<string, string>) : undefined
  const before = fields === undefined ? present : (fields[name] ?? '')
  const next = kind === 'program' ? value : headerOf(name, before, value)
  if (next === before) throw new UsageError(`${name} has this value already; nothing is stored`)
  const vault = await openFileVault({ path: file, key })
  const replaced = (await vault.list()).find((one) => one.name === credential && one.present)?.version ?? ''
  const version = await vault.rotate(
    credential,
    fields === undefined ? next : JSON.stringify({ ...fields, [name]: next }),
  )
  const alike = [...secrets].filter(([other, text]) => other !== credential && text === before).map(([other]) => other)
  return { version, replaced, alike }
}

/** The value of a header. A token without its scheme gets the one of the former value. */
function headerOf(name: string, before: string, value: string): string {
  if (!/^[\x21-\x7e](?:[\x20-\x7e]{0,100000}[\x21-\x7e])?$/.test(value))
    throw new UsageError(`the value of the header ${name} must be visible ASCII in one line; nothing is stored`)
  const [, scheme] = /^([A-Za-z]{1,20}) \S/.exec(before) ?? []
  return scheme === undefined || value.includes(' ') ? value : `${scheme} ${value}`
}

function linesOf({ kind, user }: SecretUse, users: readonly string[]): readonly string[] {
  const by = `it is used by ${users.join(', ')}`
  const from =
    kind === 'program'
      ? `the next session of ${user} has it; a session that is open keeps the former value until it ends`
      : `the next call of ${user} has it`
  return [by, `${from}; the gateway needs no restart`]
}

/** The same key elsewhere ends as well, when its owner ends the former one. */
function alikeLines(alike: readonly string[], uses: readonly SecretUse[]): readonly string[] {
  return uses
    .filter(({ credential }) => alike.includes(credential))
    .map(
      ({ user, name }) =>
        `${name} of ${user} still has the former value; if it is the same key, run \`procura rotate ${shellQuoted(user)} ${shellQuoted(name)}\``,
    )
}
