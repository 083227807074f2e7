import { Secret } from 'procura/vault'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'

/** The longest secret that is read, in bytes. */
const mostEntries = 1_048_576

/** A terminal takes text. */
export const bytesAtTerminal = '--bytes takes the secret from a file or another program: send it to standard input'

/**
 * Reads a secret from standard input, or from a terminal that does not show it. It is never taken from the command
 * line, which every process of the machine can see. VLT-45
 *
 * @param asBytes - whether it is stored as it is. Otherwise it must be text, and one end of a line behind it is
 *   dropped.
 */
export async function readSecret(name: string, asBytes: boolean, host: Host): Promise<Uint8Array> {
  if (!host.isTerminal) {
    const given = await host.readInput(mostEntries)
    if (given === undefined) throw new UsageError(`the secret has more than ${mostEntries} bytes`)
    return checked(asBytes ? given : withoutLineEnd(given), asBytes)
  }
  if (asBytes) throw new UsageError(bytesAtTerminal)
  const typed = await host.askHidden(`secret of ${name} (it is not shown): `)
  if (typed === undefined) throw new UsageError('the input was interrupted; nothing is stored')
  return checked(typed, false)
}

function withoutLineEnd(bytes: Uint8Array): Uint8Array {
  if (bytes.at(-1) !== 0x0a) return bytes
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1)
}

/** Binary input is most often a key; decoded as text it would be another key. */
function checked(bytes: Uint8Array, asBytes: boolean): Uint8Array {
  if (bytes.length === 0)
    throw new UsageError('the secret is empty; type it at the terminal, or send it to standard input')
  if (asBytes) return bytes
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new UsageError('the secret is not text in UTF-8; with --bytes it is stored as it is')
  }
  if (text.startsWith('\ufeff')) {
    throw new UsageError('the secret begins with a byte order mark; remove it, or store it as it is with --bytes')
  }
  if (/[^\P{Cc}\t\r\n]/u.test(text)) {
    throw new UsageError(
      'the secret has control characters; to store it unchanged, send it to standard input with --bytes',
    )
  }
  return bytes
}

/** With several headers, the secret has a value for each. The message names no other name: it may be a secret. */
export function checkFields(names: readonly string[], bytes: Uint8Array): void {
  if (names.length < 2) return
  const secret = new Secret(bytes)
  const fields = secret.fieldNames()
  secret.dispose()
  const missing = names.find((name) => !fields.includes(name))
  if (missing !== undefined || fields.length > names.length)
    throw new UsageError(
      `with several --header, the secret must be a JSON object of strings, one for each header: ${names.join(', ')}`,
    )
}
