// node only: hashes texts
import type { Client } from '../clients/client.ts'
import type { ConfigDocument, ServerEntry } from '../clients/config-document.ts'
import { hashOf } from '../clients/config-file.ts'
import { applyEdits, type TextEdit } from '../clients/text-edit.ts'
import { connectionOf } from './connect-line.ts'
import type { WrapLayer, WrappedEntry, WrapRecord } from './wrap-record.ts'

/** The text of a configuration without the changes of `wrap`. */
export interface Restored {
  readonly text: string
  /** Whether it has the bytes of the file before the first `wrap`. */
  readonly exact: boolean
  /** The places of the servers that were put back, each as JSON. */
  readonly restored: readonly string[]
  /** Servers whose text cannot be put back, with the reason. */
  readonly kept: readonly { readonly name: string; readonly reason: string }[]
}

/**
 * Undoes the runs of `wrap`, the last one first. A file that nobody changed gets back its bytes; in any other file, the
 * servers get back theirs, and everything else stays. WRP-09
 */
export function restore(text: string, record: WrapRecord, client: Client): Restored {
  let now = text
  const restored: string[] = []
  const kept: { name: string; reason: string }[] = []
  for (const layer of record.layers.toReversed()) {
    const exact = hashOf(now) === layer.after
    const undone = undo(now, layer, client)
    now = undone.text
    restored.push(...undone.restored)
    kept.push(...undone.kept)
    // A layer with rotated secrets gives back other bytes.
    if (exact && layer.before !== '' && hashOf(now) !== layer.before)
      throw new Error('the original cannot be put back; nothing is written')
  }
  return { text: now, exact: hashOf(now) === record.layers[0]?.before, restored, kept }
}

function undo(text: string, { entries }: WrapLayer, client: Client): Omit<Restored, 'exact'> {
  const { servers } = client.read(text)
  const edits: TextEdit[] = []
  const restored: string[] = []
  const kept: { name: string; reason: string }[] = []
  for (const one of entries) {
    const name = one.place.at(-1) ?? ''
    const entry = entryOf(one, entries, servers)
    if (entry === undefined) continue
    const change = editsOf(entry, one)
    if (typeof change === 'string') kept.push({ name, reason: change })
    else {
      edits.push(...change)
      restored.push(JSON.stringify(one.place))
    }
  }
  return { text: applyEdits(text, edits), restored, kept }
}

/** Whether a server still runs `connect` for the server that `wrap` put behind the gateway. */
function isOurs({ value }: ServerEntry, { server }: WrappedEntry): boolean {
  return connectionOf(value)?.server === server
}

/** Whether the file has a server that a run of `wrap` changed. */
export function isPresent({ entries }: WrapLayer, { servers }: ConfigDocument): boolean {
  return entries.some((one) => entryOf(one, entries, servers) !== undefined)
}

/**
 * The server that a run of `wrap` changed. It can have another name by now: a server that still runs its `connect`, at
 * a place where the run changed nothing. WRP-43
 */
function entryOf(
  one: WrappedEntry,
  entries: readonly WrappedEntry[],
  servers: readonly ServerEntry[],
): ServerEntry | undefined {
  const placeOf = ({ place }: Pick<ServerEntry, 'place'>): string => JSON.stringify(place)
  const there = servers.find((entry) => placeOf(entry) === placeOf(one))
  if (there !== undefined) return isOurs(there, one) ? there : undefined
  const renamed = servers.filter(
    (entry) => isOurs(entry, one) && !entries.some((other) => placeOf(other) === placeOf(entry)),
  )
  return renamed.length === 1 ? renamed[0] : undefined
}

/** The edits that put a server back, or the reason for which it stays. */
function editsOf(entry: ServerEntry, { wrapped, originals }: WrappedEntry): readonly TextEdit[] | string {
  // A part with another name was added since, and stays.
  const segments = originals.map(({ id }) => entry.segments.find((segment) => segment.id === id))
  if (entry.fault !== undefined || segments.some((segment) => segment === undefined))
    return 'its text was changed in a way that cannot be put back; undo that change, and run this again'
  const texts = entry.restored(
    originals.map(({ text }) => text),
    wrapped,
  )
  if (texts === undefined)
    return 'its text was changed in a way that cannot be put back; undo that change, and run this again'
  return segments.map((segment, at) => ({
    offset: segment?.offset ?? 0,
    length: segment?.length ?? 0,
    text: texts[at] ?? '',
  }))
}
