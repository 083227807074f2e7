import { MalformedError, type MalformedKind } from '../../src/errors.ts'

/** The refusal of a decoder: `TOK-01`, or `LIM-03 too_large` for another kind than `malformed`. */
export async function refusalOf(read: () => unknown): Promise<string> {
  try {
    await read()
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    const kind: MalformedKind = error.kind
    return kind === 'malformed' ? error.requirement : `${error.requirement} ${kind}`
  }
  return 'accepted'
}
