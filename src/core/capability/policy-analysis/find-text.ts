import { splitGlob } from '../policy/glob.ts'
import type { Test } from './condition.ts'
import { passes } from './condition-holds.ts'
import { type Search, spend, textSteps } from './search.ts'
import { dead, type TextAutomaton, textAutomaton } from './text-automaton.ts'

/** An automaton, and whether the text must be one that it accepts. */
interface Part {
  readonly pieces: readonly string[]
  /** The code units of the pattern, about. */
  readonly length: number
  readonly automaton: TextAutomaton
  readonly holds: boolean
}

/** A state of all automata, with the way to it. */
interface Node {
  readonly states: readonly number[]
  readonly parent: Node | undefined
  readonly codePoint: number
}

/** Finds a shortest text that passes the tests, if there is one. */
export function findText(tests: readonly Test[], search: Search): string | undefined {
  const parts: Part[] = []
  for (const test of tests) {
    const pieces = piecesOf(test)
    // Texts are alike to the other tests.
    if (pieces === undefined && !passes(test, '', search)) return undefined
    if (pieces === undefined) continue
    const length = pieces.pieces.reduce((sum, piece) => sum + piece.length + 1, 0)
    if (!spend(search, 1 + textSteps(length))) return undefined
    parts.push({ ...pieces, length, automaton: textAutomaton(pieces.pieces) })
  }
  const other = unusedIn(parts)
  // Linear, and decides most questions: a refused pattern that covers a required one.
  const isCovered = (one: Part): boolean =>
    parts.some((wide) => !wide.holds && spend(search, textSteps(one.length)) && covers(wide, one, other))
  if (parts.some((one) => one.holds && isCovered(one))) return undefined
  return shortest(parts, other, search)
}

/** The pieces of a pattern, or of an excluded text, which is a pattern without a star. */
function piecesOf(test: Test): Pick<Part, 'pieces' | 'holds'> | undefined {
  if (test.kind === 'like') return { pieces: splitGlob(test.pattern), holds: test.holds }
  if (test.kind !== 'equal' || typeof test.value !== 'string') return undefined
  return { pieces: [test.value], holds: test.holds }
}

/** A code point that no pattern contains, a letter if possible. */
function unusedIn(parts: readonly Part[]): number {
  const used = new Set(parts.flatMap(({ automaton }) => [...automaton.alphabet]))
  for (let code = 0x78; code > 0x60; code--) if (!used.has(code)) return code
  let code = 0xe000
  while (used.has(code)) code++
  return code
}

/**
 * Whether every text of `narrow` is one of `wide`. This is so if and only if `wide` matches the text of `narrow` in
 * which each star is replaced by a code point that `wide` does not contain.
 */
function covers({ automaton }: Part, narrow: Part, other: number): boolean {
  let state = 0
  for (const character of narrow.pieces.join(String.fromCodePoint(other))) {
    state = automaton.next(state, character.codePointAt(0) as number)
  }
  return automaton.accepts(state)
}

/** Searches the product of the automata, breadth first. */
function shortest(parts: readonly Part[], other: number, search: Search): string | undefined {
  let level: readonly Node[] = [{ states: parts.map(() => 0), parent: undefined, codePoint: 0 }]
  const seen = new Set<string>([level[0]?.states.join() ?? ''])
  while (level.length > 0) {
    const following: Node[] = []
    for (const node of level) {
      if (parts.every(({ automaton, holds }, at) => automaton.accepts(node.states[at] as number) === holds)) {
        return textOf(node)
      }
      const letters = new Set([
        other,
        ...parts.flatMap(({ automaton }, at) => automaton.letters(node.states[at] as number)),
      ])
      if (!spend(search, letters.size * parts.length)) return undefined
      for (const codePoint of letters) {
        const states = parts.map(({ automaton }, at) => automaton.next(node.states[at] as number, codePoint))
        const key = states.join()
        if (seen.has(key) || parts.some((part, at) => isLost(part, states[at] as number))) continue
        seen.add(key)
        following.push({ states, parent: node, codePoint })
      }
    }
    level = following
  }
  return undefined
}

/** Whether no continuation of the text passes this test. */
function isLost({ automaton, holds }: Part, state: number): boolean {
  return holds ? state === dead : automaton.acceptsAll(state)
}

function textOf(node: Node): string {
  const codes: number[] = []
  for (let current = node; current.parent !== undefined; current = current.parent) codes.push(current.codePoint)
  return codes.reverse().reduce((text, code) => text + String.fromCodePoint(code), '')
}
