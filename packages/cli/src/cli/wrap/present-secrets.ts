// node only: works with parts that use files
import type { Client } from '../clients/client.ts'
import type { Data } from '../clients/config-document.ts'
import { credentialName, type GatewayServer } from '../home/gateway-server.ts'
import type { WrapHome } from '../home/wrap-home.ts'
import { isPresent, restore } from './restore.ts'
import type { WrapLayer, WrappedEntry, WrapRecord } from './wrap-record.ts'

/** A record whose original texts have the secrets of the vault. */
export interface PresentRecord {
  readonly record: WrapRecord
  /** Lines about the secrets that were rotated since. */
  readonly messages: readonly string[]
  /** Credentials that the texts could not get, so the vault has the only copy. */
  readonly left: ReadonlySet<string>
}

/** The present parts of a gateway that a secret is found in. */
type Gateway = Pick<WrapHome, 'secrets'> & { readonly gateway: Pick<WrapHome['gateway'], 'servers'> }

/**
 * Puts the present secrets into the original texts: the key of the text is perhaps revoked, and the vault may have the
 * only copy of the new one. WRP-40
 *
 * @param text - of the wrapped configuration.
 */
export function withPresentSecrets(record: WrapRecord, text: string, client: Client, home: Gateway): PresentRecord {
  let now = record
  const messages: string[] = []
  const left = new Set<string>()
  for (const [at, layer] of record.layers.entries())
    for (const [index, { place, server, secrets = [] }] of layer.entries.entries())
      for (const { name, value } of secrets) {
        const { credential, value: present } = presentOf(home, server, name)
        if (present === undefined || present === value) continue
        const next = candidatesFor(now.layers[at]?.entries[index] as WrappedEntry, name, value, present)
          .map((entry) => withEntry(now, at, index, entry))
          .find((one) =>
            changesOnly(name, present, valueIn(now, text, client, place), valueIn(one, text, client, place)),
          )
        if (next === undefined) left.add(credential)
        else now = next
        const where =
          next === undefined
            ? `the file does not have it, and the new value stays in the vault as ${credential}`
            : 'the file has the new value'
        messages.push(`${name} of ${server} was rotated since: ${where}`)
      }
  return { record: now, messages, left }
}

/** The credential of a secret of a server, and its present value. */
export function presentOf(
  { secrets, gateway }: Gateway,
  server: string,
  name: string,
): { readonly credential: string; readonly value: string | undefined } {
  const definition: GatewayServer | undefined = gateway.servers.get(server)
  const named = definition?.type === 'http' ? definition.secretHeaders : definition?.secretEnv
  const own = credentialName(server, name)
  const shared = credentialName(server, 'headers')
  const credential = named?.[name] ?? (secrets.has(own) ? own : shared)
  const text = secrets.get(credential)
  if (credential !== shared || text === undefined) return { credential, value: text }
  try {
    const value: unknown = Object(JSON.parse(text))[name]
    if (typeof value === 'string') return { credential, value }
  } catch {
    // One header has the whole text.
  }
  return { credential, value: text }
}

/** The entries in which one literal of a secret has its present value. */
function candidatesFor(entry: WrappedEntry, name: string, value: string, present: string): readonly WrappedEntry[] {
  const pairs = [[value, present] as const, ...withoutScheme(name, value, present)]
  return pairs.flatMap(([old, next]) =>
    [JSON.stringify(old), `'${old}'`].flatMap((literal) =>
      entry.originals.flatMap(({ text }, at) =>
        placesOf(text, literal).map((place) => {
          const changed = `${text.slice(0, place)}${JSON.stringify(next)}${text.slice(place + literal.length)}`
          const originals = entry.originals.with(at, { id: entry.originals[at]?.id ?? '', text: changed })
          const secrets = entry.secrets?.map((one) => (one.name === name ? { name, value: present } : one)) ?? []
          return { ...entry, originals, secrets }
        }),
      ),
    ),
  )
}

/** Codex writes the token of a header without its scheme. */
function withoutScheme(name: string, value: string, present: string): readonly (readonly [string, string])[] {
  const scheme = 'Bearer '
  return name === 'Authorization' && value.startsWith(scheme) && present.startsWith(scheme)
    ? [[value.slice(scheme.length), present.slice(scheme.length)]]
    : []
}

function placesOf(text: string, part: string): readonly number[] {
  const places: number[] = []
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + 1)) places.push(at)
  return places
}

function withEntry(record: WrapRecord, at: number, index: number, entry: WrappedEntry): WrapRecord {
  const layer = record.layers[at] as WrapLayer
  // The bytes before that run are known by their hash alone, and the new text has others.
  const next = { ...layer, before: '', entries: layer.entries.with(index, entry) }
  return { ...record, layers: record.layers.with(at, next) }
}

/** The value of a server in the text that a record gives back. */
function valueIn(record: WrapRecord, text: string, client: Client, place: readonly string[]): Data | undefined {
  try {
    const document = client.read(text)
    const layers = record.layers.filter((one) => isPresent(one, document))
    const { servers } = client.read(restore(text, { ...record, layers }, client).text)
    return servers.find((one) => JSON.stringify(one.place) === JSON.stringify(place))?.value
  } catch {
    return undefined
  }
}

/** Whether the only difference of two values is the secret of a name. */
function changesOnly(name: string, present: string, old: Data | undefined, next: Data | undefined): boolean {
  if (old === undefined || next === undefined) return false
  const [before, after] = [leavesOf(old), leavesOf(next)]
  const changed = [...after].filter(([path, value]) => before.get(path) !== value)
  const [path, value] = changed[0] ?? []
  const key = path === undefined ? undefined : (JSON.parse(path) as string[]).at(-1)
  return (
    before.size === after.size &&
    changed.length === 1 &&
    ((key === name && value === present) || (key === 'bearer_token' && `Bearer ${value}` === present))
  )
}

function leavesOf(value: Data, path: readonly string[] = []): ReadonlyMap<string, Data> {
  if (typeof value !== 'object' || value === null) return new Map([[JSON.stringify(path), value]])
  return new Map(Object.entries(value).flatMap(([name, inner]) => [...leavesOf(inner, [...path, name])]))
}
