import { type Client, type ClientName, clientOf } from '../../../src/cli/clients/client.ts'
import { hashOf } from '../../../src/cli/clients/config-file.ts'
import { checkWrapped, layerOf, namePlans, wrappedText } from '../../../src/cli/wrap/apply-wrap.ts'
import { planServers } from '../../../src/cli/wrap/plan.ts'
import { type Restored, restore } from '../../../src/cli/wrap/restore.ts'
import type { WrapRecord } from '../../../src/cli/wrap/wrap-record.ts'

/** A text that was wrapped, with the record of it. */
export interface Wrapped {
  readonly client: Client
  readonly next: string
  readonly record: WrapRecord
  /** The values that went into the vault. */
  readonly secrets: readonly string[]
  /** How many servers were wrapped, and how many were refused. */
  readonly counts: { readonly wrapped: number; readonly refused: number }
}

const program = ['/usr/bin/node', '/opt/procura/procura.js']
const target = { agent: 'agent', home: '/home/ada/.config/procura' }

/** Wraps a text as the program does, without a vault and without a file. */
export function wrapText(name: ClientName, text: string, env: Readonly<Record<string, string>> = {}): Wrapped {
  const client = clientOf(name)
  const before = client.read(text)
  const { plans, others } = planServers(before.servers, {
    client,
    path: '/home/ada/project/.mcp.json',
    gateway: { home: target.home, agent: undefined, env: {} },
    only: new Set(before.servers.map((entry) => entry.name)),
    named: { secret: new Set(), plain: new Set() },
    keepsArgs: true,
    logins: { open: new Map(), found: new Set() },
    values: { env, userHome: '/home/ada', inputs: new Map([['key', 'an answer']]) },
  })
  const named = namePlans(plans, new Map(), new Map())
  const next = wrappedText(text, named, program, target)
  checkWrapped(before, client.read(next), named, program, target)
  const layer = layerOf({ text, hash: hashOf(text) }, client, named, next)
  const record: WrapRecord = { version: 1, path: '/x', client: name, agent: 'agent', layers: [layer] }
  return {
    client,
    next,
    record,
    secrets: named.flatMap((plan) => plan.secrets.map(({ value }) => value)),
    counts: { wrapped: named.length, refused: others.filter(({ refused }) => refused).length },
  }
}

/** Restores a text. */
export function unwrapText({ client, record }: Wrapped, text: string): Restored {
  return restore(text, record, client)
}
