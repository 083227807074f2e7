// node only: uses node:crypto
import { StoreError } from '../../errors.ts'
import { maybe, nonEmptyString, objectValue, readOptions } from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import {
  defaultScryptCost,
  deriveKeys,
  type FileKey,
  type FileKeys,
  type FilePurpose,
  newDerivation,
  wrongKey,
} from '../../vault/stores/file/key.ts'
import { openBox, readBox, type SealedBox, sealBox } from '../../vault/stores/file/sealed-box.ts'

const fileFormat = 'procura-delegations@1'
const purpose: FilePurpose = Object.freeze({ label: fileFormat, file: 'file of delegations' })
/** Milliseconds within which a key file must be read. */
const timeoutMs = 10_000
/** The most bytes of a field: the most that a private file has. */
const maxBytes = 16_777_216

/** Encrypts the content of a file, and decrypts it. */
export interface FileCipher {
  /** The text of a file. */
  readonly seal: (content: Uint8Array, before: SealedFile | undefined) => Promise<string>
  /** The content of a file. */
  readonly open: (file: SealedFile) => Promise<Uint8Array>
}

/** An encrypted file, before it is decrypted. */
export interface SealedFile extends SealedBox {
  readonly name: string | undefined
}

/** Whether a text begins like an encrypted file. No container does. */
export function isSealed(text: string): boolean {
  return text.startsWith('{')
}

/**
 * Reads an encrypted file. Nothing of it is authenticated yet.
 *
 * @throws StoreError when it is malformed, or has fields that this version does not know.
 */
export function readSealed(text: string): SealedFile {
  // AGT-30: an unknown field could restrict the use of the file.
  const content = jsonOf(text)
  const { format: found } = Object(content)
  // It may be the only copy of a key, so the message does not advise to remove it.
  if (typeof found === 'string' && found !== fileFormat)
    throw new StoreError(
      `the file of the delegation store has the format ${quote(found, 64)}, not \`${fileFormat}\`; pass the path of a file of delegations`,
    )
  const { name, encryption, box } = readOptions('the file', content, checks, damaged)
  return { ...readBox({ encryption, box: box as string }, maxBytes, damaged), name: name as string | undefined }
}

/**
 * Makes the cipher of one file. A key is derived once for a salt, because scrypt takes a part of a second.
 *
 * @param name - bound into the encryption: a file with another name does not open.
 */
export function createFileCipher(key: FileKey, name: string | undefined): FileCipher {
  let known: { readonly salt: string; readonly keys: Promise<FileKeys> } | undefined
  function keysFor(derivation: SealedBox['derivation']): Promise<FileKeys> {
    const salt = `${derivation.kind} ${derivation.cost} ${derivation.salt}`
    if (known?.salt !== salt) {
      const keys = deriveKeys(key, derivation, timeoutMs, purpose)
      known = { salt, keys }
      // A key file that cannot be read now may be readable at the next call.
      keys.catch(() => (known = undefined))
    }
    return known.keys
  }
  return {
    async seal(content, before) {
      const keys = await keysFor(before?.derivation ?? newDerivation(key, defaultScryptCost))
      const shown = { format: fileFormat, ...(name !== undefined && { name }) }
      return `${JSON.stringify({ ...shown, ...sealBox(content, boundBytes(name), keys) })}\n`
    },
    async open(file) {
      // AGT-30
      if (file.name !== name)
        throw new StoreError('the file of the delegation store has another `name`; it belongs to another store')
      const keys = await keysFor(file.derivation)
      try {
        return openBox(file, boundBytes(name), keys)
      } catch {
        throw new StoreError(wrongKey('the file of the delegation store'))
      }
    },
  }
}

const checks = Object.freeze({
  format: nonEmptyString,
  name: maybe(nonEmptyString),
  encryption: objectValue,
  box: nonEmptyString,
})

function jsonOf(text: string): { readonly [name in keyof typeof checks]: unknown } {
  try {
    return JSON.parse(text)
  } catch {
    throw damaged('it is not JSON')
  }
}

function boundBytes(name: string | undefined): Uint8Array {
  return new TextEncoder().encode(JSON.stringify([fileFormat, name ?? null]))
}

/** The error for a file that is opened without a key. */
export function encrypted({ derivation }: SealedFile): StoreError {
  const kind = derivation.kind === 'scrypt' ? 'a passphrase' : 'a key file or 32 bytes'
  return new StoreError(`the file of the delegation store is encrypted; pass its \`key\`, ${kind}`)
}

function damaged(what: string): StoreError {
  return new StoreError(`the file of the delegation store is damaged: ${what}; restore it, or remove it`)
}
