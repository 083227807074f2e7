import { concatBytes } from '../../core/ipld/bytes.ts'
import { createFormStarts } from './form-starts.ts'

/** The text in the place of a secret. */
const redactionMarker = '[redacted]'

/** Replaces the forms of a secret in bytes that arrive in chunks. */
export interface Scrubber {
  /** Returns scrubbed bytes; the last ones may be held until more arrive. */
  push(chunk: Uint8Array): Uint8Array
  /** Returns the bytes that were held. */
  end(): Uint8Array
  /** Overwrites what was derived from the forms. */
  forget(): void
}

/**
 * Makes a scrubber.
 *
 * @param forms - from `encodedForms`, the longest first.
 */
export function createScrubber(forms: readonly Uint8Array[]): Scrubber {
  const starts = createFormStarts(forms)
  const candidatesAt = createCandidates(forms)
  const longest = forms[0]?.length ?? 0
  const marker = new TextEncoder().encode(redactionMarker)
  const held = createQueue()
  // How much of each form the held bytes begin with, so that they are not compared again with the next chunk.
  const matched = new Map<Uint8Array, number>()
  // How many of the held bytes have been replaced. Another form may begin in them.
  let replaced = 0

  /** Returns the scrubbed bytes; the last ones may be held. */
  function search(bytes: Uint8Array, last: boolean): Uint8Array {
    const out: Uint8Array[] = []
    let kept = replaced
    let at = starts.next(bytes, 0)
    if (at > 0) matched.clear()
    const matchOf = (form: Uint8Array): number => matchLength(bytes, at, form, at === 0 ? (matched.get(form) ?? 0) : 0)
    while (at < bytes.length) {
      const candidates = candidatesAt(bytes, at)
      const rest = bytes.length - at
      if (!last && rest < longest && candidates.some((form) => form.length > rest && matchOf(form) === rest)) {
        for (const form of candidates) matched.set(form, matchOf(form))
        break
      }
      const found = candidates.find((form) => matchOf(form) === form.length)
      // SEC-04
      if (found !== undefined) {
        // Forms that overlap have one marker: a caller may know the first one, and could hide the next behind it.
        if (at >= kept) out.push(bytes.subarray(kept, at), marker)
        kept = Math.max(kept, at + found.length)
      }
      at = starts.next(bytes, at + 1)
      if (matched.size > 0) matched.clear()
    }
    if (at > kept) out.push(bytes.subarray(kept, at))
    replaced = Math.max(0, kept - at)
    // A copy: behind the memory of a chunk, the platform may have the rest of the response.
    const scrubbed = concatBytes(out)
    held.replace(bytes, at)
    return scrubbed
  }

  return {
    push: (chunk) => search(held.isEmpty() ? chunk : held.append(chunk), false),
    end: () => search(held.append(new Uint8Array(0)), true),
    forget: starts.forget,
  }
}

/** Finds the forms that can begin at a place by their first bytes, the longest first. Others may be among them. */
function createCandidates(forms: readonly Uint8Array[]): (bytes: Uint8Array, at: number) => readonly Uint8Array[] {
  const byFirst = new Map<number, Uint8Array[]>()
  const byStart = new Map<number, Uint8Array[]>()
  for (const form of forms) {
    for (const [lists, start] of [[byFirst, form[0] as number] as const, [byStart, startOf(form, 0)] as const]) {
      const list = lists.get(start) ?? []
      list.push(form)
      lists.set(start, list)
    }
  }
  return (bytes, at) =>
    (at + 4 > bytes.length ? byFirst.get(bytes[at] as number) : byStart.get(startOf(bytes, at))) ?? []
}

/** A number of 12 bits for four bytes: fewer than would tell them. */
function startOf(bytes: Uint8Array, at: number): number {
  const [one, two] = [(bytes[at] as number) * 7_919 + (bytes[at + 1] as number) * 911, (bytes[at + 2] as number) * 101]
  return (one + two + (bytes[at + 3] as number)) & 0xf_ff
}

/** Bytes that are held until more arrive. */
interface Queue {
  isEmpty(): boolean
  /** Adds bytes, and returns all held bytes without a copy: the result is valid until the next call. */
  append(chunk: Uint8Array): Uint8Array
  /** Holds `bytes` from `start`. They are the result of `append`, or other bytes if nothing was held. */
  replace(bytes: Uint8Array, start: number): void
}

/** The buffer doubles when it is full, so that bytes that arrive one at a time are not copied each time. */
function createQueue(): Queue {
  let buffer = new Uint8Array(0)
  let first = 0
  let end = 0

  function append(chunk: Uint8Array): Uint8Array {
    if (buffer.length - end < chunk.length) {
      const grown = new Uint8Array(2 * (end - first + chunk.length))
      grown.set(buffer.subarray(first, end))
      end -= first
      first = 0
      buffer = grown
    }
    buffer.set(chunk, end)
    end += chunk.length
    return buffer.subarray(first, end)
  }

  return {
    isEmpty: () => first === end,
    append,
    replace(bytes, start) {
      if (first === end) append(bytes.subarray(start))
      else first += start
    },
  }
}

/** The number of bytes of `form` that `bytes` has at `at`, of which `known` need no comparison. */
function matchLength(bytes: Uint8Array, at: number, form: Uint8Array, known: number): number {
  let length = known
  while (length < form.length && at + length < bytes.length && bytes[at + length] === form[length]) length += 1
  return length
}
