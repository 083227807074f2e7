import { ArgumentError } from '../../errors.ts'
import { objectValue, readOptions, withDefault, withMethod } from '../../support/options.ts'
import { secondsOf } from '../../support/seconds-of.ts'
import { cut, quoted, visible, wrap } from '../../support/visible.ts'
import { type Clock, never, showTime, systemClock, type Timestamp } from '../../time.ts'
import { anyCommand } from '../capability/command.ts'
import { describePolicy } from '../capability/policy/describe-policy.ts'
import { anySubject } from '../capability/subject.ts'
import type { Delegation } from '../delegation/delegation.ts'

/** Options of {@link drawDelegations}. */
export interface DrawDelegationsOptions {
  /** Names of principals, by DID. The DID is shown in any case. Default: none. */
  readonly names?: Readonly<Record<string, string>>
  /** Marks delegations that have ended, or are not valid yet. Default: the system clock. */
  readonly clock?: Clock
}

/** LOG-32: most delegations, lines of one of them, columns of a line, and characters of a condition that are read. */
const maxDelegations = 100
const maxLines = 12
const maxColumns = 80
const maxRead = 2_000

/** Sizes in the units of the picture. */
const size = Object.freeze({ line: 17, column: 7.3, pad: 10, indent: 30, gap: 12 })

/**
 * Draws who delegated what to whom as an SVG picture: a tree of principals, and at each one the delegations of its
 * issuer, with the commands, the conditions in words and the end. At most 100 delegations are drawn, in at most 1 MiB;
 * the picture names the number of the others. It has no script, style sheet or reference, so it works
 * inside a page with a strict Content Security Policy.
 *
 * Signatures and revocations are not checked.
 *
 * @param delegations - in any order; one that is repeated is drawn once.
 * @returns an `<svg>` element, which is also a whole file.
 * @throws ArgumentError when a delegation or an option is missing or not of its type.
 *
 * @example
 * ```ts
 * import { drawDelegations, openContainer } from 'procura/token'
 *
 * const { delegations } = await openContainer(received)
 * const svg = drawDelegations(delegations, { names: { [owner.did]: 'owner' } })
 * ```
 */
export function drawDelegations(delegations: readonly Delegation[], options: DrawDelegationsOptions = {}): string {
  if (!Array.isArray(delegations) || delegations.some((one) => one?.kind !== 'delegation'))
    throw new ArgumentError('`delegations` must be an array of delegations; pass those of `openContainer`')
  const { names, clock } = readOptions('drawDelegations', options, {
    names: withDefault(objectValue, Object.freeze({})),
    clock: withDefault(withMethod('now'), systemClock),
  })
  const distinct = [...new Map(delegations.map((one: Delegation) => [one.cid.toString(), one])).values()]
  const picture: Picture = { names: new Map(Object.entries(names)), now: secondsOf(clock), parts: [], y: 0, depth: 0 }
  drawTrees(distinct.slice(0, maxDelegations), picture)
  const rest = distinct.length - maxDelegations
  if (rest > 0) drawNote(`${rest} more delegations are not drawn.`, picture)
  drawNote('Signatures and revocations are not checked here.', picture)
  const width = Math.ceil(2 * size.pad + picture.depth * size.indent + maxColumns * size.column + 2 * size.pad)
  const box = `width="${width}" height="${picture.y}" viewBox="0 0 ${width} ${picture.y}"`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" role="img" ${box} font-family="monospace" font-size="12" xml:space="preserve">`,
    '<title>Who delegated what to whom</title>',
    `<rect width="${width}" height="${picture.y}" fill="#fff"/>`,
    ...picture.parts,
    '</svg>',
  ].join('\n')
}

/** The parts that are drawn so far. */
interface Picture {
  readonly names: ReadonlyMap<string, unknown>
  readonly now: Timestamp
  readonly parts: string[]
  y: number
  depth: number
}

/** The place of a principal in the tree. LOG-30 */
interface Place {
  readonly root: string
  readonly depth: number
  /** The lower end of the principal above. */
  readonly from?: number
}

function drawTrees(delegations: readonly Delegation[], picture: Picture): void {
  const byIssuer = new Map<string, Delegation[]>()
  for (const one of delegations) byIssuer.set(one.issuer, [...(byIssuer.get(one.issuer) ?? []), one])
  const audiences = new Set<string>(delegations.map(({ audience }) => audience))
  const drawn = new Set<string>()

  function draw(did: string, received: readonly Delegation[], place: Place): void {
    const isRepeated = drawn.has(did)
    drawn.add(did)
    const note = isRepeated && byIssuer.has(did) ? ['(its own delegations are drawn above)'] : []
    const about = [...received.flatMap((one) => linesOf(one, place.root, picture)), ...note]
    const bottom = drawPrincipal(did, about, { place, picture })
    if (isRepeated) return
    for (const [audience, some] of grouped(byIssuer.get(did) ?? []))
      draw(audience, some, { ...place, depth: place.depth + 1, from: bottom })
  }

  const issuers = [...byIssuer.keys()]
  // Principals in a ring have nobody above them.
  for (const did of [...issuers.filter((one) => !audiences.has(one)), ...issuers])
    if (!drawn.has(did)) draw(did, [], { root: did, depth: 0 })
}

function grouped(delegations: readonly Delegation[]): ReadonlyMap<string, readonly Delegation[]> {
  const groups = new Map<string, Delegation[]>()
  for (const one of delegations) groups.set(one.audience, [...(groups.get(one.audience) ?? []), one])
  return groups
}

/** A line of the picture. */
interface Line {
  readonly text: string
  readonly isFault?: boolean
}

/** Draws the box of a principal, and returns its lower end. */
function drawPrincipal(
  did: string,
  about: readonly (Line | string)[],
  { place, picture }: { readonly place: Place; readonly picture: Picture },
): number {
  const { parts } = picture
  const { depth, from } = place
  const name = nameOf(did, picture)
  const lines = [...(name === did ? [] : [visible(did)]), ...about]
  const x = size.pad + depth * size.indent
  const top = picture.y + size.gap
  const height = (lines.length + 1) * size.line + size.pad
  const width = maxColumns * size.column + size.pad
  parts.push(`<rect x="${x}" y="${top}" width="${width}" height="${height}" rx="4" fill="#f4f6f8" stroke="#8a949e"/>`)
  if (from !== undefined) {
    const [start, y] = [x - size.indent + size.pad, top + size.line]
    parts.push(`<path d="M${start} ${from}V${y}H${x}m-5 -4l5 4l-5 4" fill="none" stroke="#47525d"/>`)
  }
  let y = top + size.line
  parts.push(textAt(x + size.pad, y, name, ' font-weight="bold"'))
  for (const line of lines) {
    y += size.line
    const { text, isFault = false } = typeof line === 'string' ? { text: line } : line
    parts.push(textAt(x + size.pad, y, text, isFault ? ' fill="#a40e26"' : ''))
  }
  picture.y = top + height
  picture.depth = Math.max(picture.depth, depth)
  return picture.y
}

function drawNote(text: string, picture: Picture): void {
  picture.y += size.gap + size.line
  picture.parts.push(textAt(size.pad, picture.y, text))
  picture.y += size.pad
}

function linesOf({ command, policy, subject, ...times }: Delegation, root: string, picture: Picture): readonly Line[] {
  const { notBefore, expiration } = times
  const isFuture = notBefore !== undefined && notBefore > picture.now
  const isEnded = expiration !== never && expiration < picture.now
  const ends: readonly Line[] = [
    ...(isFuture ? [{ text: `not valid before ${showTime(notBefore)}`, isFault: true }] : []),
    expiration === never
      ? { text: 'never ends' }
      : { text: `${isEnded ? 'ended' : 'ends'} ${showTime(expiration)}`, isFault: isEnded },
  ]
  const about = [
    `may call ${command === anyCommand ? 'every command' : `${command} and all commands below it`}`,
    ...(subject === anySubject ? ['for any subject'] : []),
    ...(subject === anySubject || subject === root ? [] : [`on behalf of ${nameOf(subject, picture)}`]),
    ...describePolicy(policy).map((words) => `where ${words}`),
  ]
  // The end stays in the picture, whatever the conditions are.
  const lines = about.slice(0, maxLines).flatMap((line) => wrap(visible(shortened(line)), maxColumns - 2, ''))
  const room = maxLines - ends.length
  const isWhole = about.length <= maxLines && lines.length <= room
  const shown = isWhole ? lines : [...lines.slice(0, room - 1), 'NOT EVERYTHING IS SHOWN: the conditions are too long']
  return [...shown.map((text, at) => ({ text, isFault: !isWhole && at === shown.length - 1 })), ...ends]
}

function shortened(text: string): string {
  return text.length <= maxRead ? text : `${cut(text, maxRead)}…`
}

/** The name of a principal. One that could be taken for a DID, or has unusual characters, is quoted. LOG-31 */
function nameOf(did: string, { names }: Picture): string {
  const name = names.get(did)
  if (typeof name !== 'string' || name === '') return visible(did)
  const isPlain = /^\w[\w .@/-]{0,63}$/.test(name)
  return isPlain ? name : quoted(cut(name, 64))
}

/**
 * LOG-31: text is never markup. Its letters stay in their order, also those that are written from the right.
 */
function textAt(x: number, y: number, text: string, attributes = ''): string {
  const [line = ''] = wrap(text, 2 * maxColumns, '')
  return `<text x="${x}" y="${y}" direction="ltr" unicode-bidi="bidi-override"${attributes}>${escaped(line)}</text>`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
