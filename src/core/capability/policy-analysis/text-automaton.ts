/**
 * Patterns as deterministic automata over code points.
 *
 * @module
 */

/** A state from which no text is accepted. */
export const dead = -1

/** Accepts the texts that match a pattern. A state is the number of code points of the pattern that are matched. */
export interface TextAutomaton {
  /** The state after one more code point. */
  next(state: number, codePoint: number): number
  /** Whether the text so far matches. */
  accepts(state: number): boolean
  /** Whether the text so far matches, whatever follows it. */
  acceptsAll(state: number): boolean
  /** The code points after which the state is different from the one after most others. */
  letters(state: number): readonly number[]
  /** All code points of the pattern. */
  readonly alphabet: ReadonlySet<number>
}

/** A piece of a pattern between two stars, for the search of Knuth, Morris and Pratt. */
interface Piece {
  readonly start: number
  readonly codes: readonly number[]
  /**
   * The length of the match with which to continue after a mismatch; -1 means the next code point of the text. Lengths
   * at which the same code point is required are left out, so the way to -1 is short.
   */
  readonly fallback: Int32Array
}

/**
 * Builds the automaton of a pattern from its pieces before, between and after its stars. As `compileGlob` does, it
 * finds each piece at its first occurrence.
 */
export function textAutomaton(pieces: readonly string[]): TextAutomaton {
  const head = codesOf(pieces[0] ?? '')
  const later: Piece[] = []
  let total = head.length
  for (const [index, text] of pieces.slice(1).entries()) {
    if (text === '' && index < pieces.length - 2) continue
    const codes = codesOf(text)
    later.push({ start: total, codes, fallback: fallbackOf(codes) })
    total += codes.length
  }
  const tail = later.at(-1)
  const pieceAt: Piece[] = []
  for (const piece of later)
    for (let at = piece.start; at <= piece.start + piece.codes.length; at++) pieceAt[at] = piece
  const pieceOf = (state: number): Piece => pieceAt[state] as Piece
  const next = (state: number, codePoint: number): number => {
    if (state === dead) return dead
    if (state < head.length) return head[state] === codePoint ? state + 1 : dead
    if (tail === undefined) return dead
    const { start, codes, fallback } = pieceOf(state)
    if (codes.length === 0) return state
    let matched = state - start
    while (matched >= 0 && codes[matched] !== codePoint) matched = fallback[matched] as number
    return start + matched + 1
  }
  const letters = (state: number): readonly number[] => {
    if (state === dead) return []
    if (state < head.length) return [head[state] as number]
    if (tail === undefined) return []
    const { start, codes, fallback } = pieceOf(state)
    const found: number[] = []
    for (let matched = state - start; matched >= 0; matched = fallback[matched] as number) {
      const code = codes[matched]
      if (code !== undefined) found.push(code)
    }
    return found
  }
  return {
    next,
    accepts: (state) => state === total,
    acceptsAll: (state) => state === total && tail?.codes.length === 0,
    letters,
    alphabet: new Set([...head, ...later.flatMap((piece) => piece.codes)]),
  }
}

function codesOf(text: string): readonly number[] {
  return Array.from(text, (character) => character.codePointAt(0) as number)
}

function fallbackOf(codes: readonly number[]): Int32Array {
  const fallback = new Int32Array(codes.length + 1)
  fallback[0] = -1
  for (let at = 0, border = -1; at < codes.length; at++) {
    while (border >= 0 && codes[border] !== codes[at]) border = fallback[border] as number
    border++
    // After a whole match no code point is required.
    const isSame = at + 1 < codes.length && codes[at + 1] === codes[border]
    fallback[at + 1] = isSame ? (fallback[border] as number) : border
  }
  return fallback
}
