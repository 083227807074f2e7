/**
 * The header byte of a container: its encoding and compression.
 *
 * @module
 */

/** The encoding of a container: text for headers and JSON, or raw bytes. */
export type ContainerEncoding = 'base64url' | 'base64' | 'bytes'

/** The meaning of a header byte. */
export interface ContainerHeader {
  readonly encoding: ContainerEncoding
  readonly isCompressed: boolean
}

/**
 * The header bytes of the specification, and three that some implementations write for gzip. The sets do not overlap,
 * so reading both is safe. Only the first six are written.
 */
const letters = '@BC' + 'MOP' + 'DEF'
/** The encodings of the three letters in each group. */
const encodings: readonly ContainerEncoding[] = ['bytes', 'base64', 'base64url']

/** Reads the first byte of an input; undefined when it is not a header byte. */
export function readHeader(input: string | Uint8Array): ContainerHeader | undefined {
  const at = letters.indexOf(typeof input === 'string' ? input.charAt(0) || ' ' : String.fromCharCode(input[0] ?? 0))
  const encoding = encodings[at % 3]
  return encoding && { encoding, isCompressed: at > 2 }
}

/** Whether an input begins like a container. `O` also begins a CAR file in base64; in a container, gzip follows it. */
export function isContainer(input: string | Uint8Array): boolean {
  const [first, second] = typeof input === 'string' ? input.slice(0, 2) : String.fromCharCode(...input.subarray(0, 2))
  return readHeader(input) !== undefined && (first !== 'O' || second === 'H')
}
