/**
 * Random policies. A policy is drawn as a plan and made concrete against the arguments it will meet, so that most of
 * its selectors find something and many of its comparisons hold.
 *
 * @module
 */
import fc from 'fast-check'
import { parseSelector, resolveSelector, unresolved } from '../reference/policy.ts'
import { argumentMaps, keys, numbers, texts, values } from './ipld-arbitrary.ts'

/** A policy, in good form or not, and the arguments of a call. */
export interface PolicyCase {
  readonly policy: unknown
  readonly args: { readonly [key: string]: unknown }
}

/** Turns arguments into a policy, a statement or a piece of one. */
type Plan<Out> = (value: unknown) => Out

const comparisons = ['<', '<=', '>', '>='] as const

/** One segment: follow the value (`walk`), or use the segment unchanged. */
interface SegmentPlan {
  readonly walk: number | undefined
  readonly text: string
  readonly style: number
  readonly optional: string
}

const literalSegments: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...keys).map((key) => `[${JSON.stringify(key)}]`),
  fc.constantFrom('.a', '.b', '.aa', '._x1', '.toString', '.constructor', '.nope', '.length'),
  fc.integer({ min: -4, max: 4 }).map((index) => `[${index}]`),
  fc
    .tuple(fc.constantFrom('', '0', '1', '2', '-1', '-2', '9'), fc.constantFrom('', '0', '1', '2', '-1', '9'))
    .filter(([start, end]) => start !== '' || end !== '')
    .map(([start, end]) => `[${start}:${end}]`),
  fc.constant('[]'),
)

const segmentPlans: fc.Arbitrary<SegmentPlan> = fc.record({
  walk: fc.option(fc.nat(7), { nil: undefined, freq: 5 }),
  text: literalSegments,
  style: fc.nat(3),
  optional: fc.constantFrom('', '', '', '', '?', '??'),
})

const selectorPlans: fc.Arbitrary<Plan<string>> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .array(segmentPlans, { maxLength: 4, size: 'small' })
      .map((plans) => (value: unknown) => follow(plans, value)),
  },
  { weight: 1, arbitrary: fc.constantFrom('.', '.?', '.???').map((text) => () => text) },
)

function follow(plans: readonly SegmentPlan[], value: unknown): string {
  let selector = ''
  let current = value
  for (const plan of plans) {
    const step = plan.walk === undefined ? undefined : stepInto(current, plan.walk, plan.style)
    const segment = (step ?? plan.text) + plan.optional
    selector += segment
    current = resolveSelector(parseSelector(segment) ?? [], current)
    if (current === unresolved) current = undefined
  }
  return selector === '' ? '.' : selector
}

function stepInto(value: unknown, walk: number, style: number): string | undefined {
  const length = Array.isArray(value) || value instanceof Uint8Array ? value.length : undefined
  if (length !== undefined) {
    if (style === 3) return `[${walk % 3}:]`
    if (length === 0) return undefined
    const index = walk % length
    return style === 2 ? `.[${index - length}]` : `[${index}]`
  }
  if (!isPlainObject(value)) return undefined
  const found = Object.keys(value)
  const key = found[walk % Math.max(found.length, 1)]
  if (key === undefined || (style === 3 && walk > 5)) return '[]'
  if (style < 2 && /^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) return `.${key}`
  return style === 2 ? `[${escapeAll(key)}]` : `.[${JSON.stringify(key)}]`
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

function escapeAll(key: string): string {
  const units = Array.from({ length: key.length }, (_, at) => key.charCodeAt(at).toString(16).padStart(4, '0'))
  return `"${units.map((unit) => `\\u${unit}`).join('')}"`
}

function find(selector: string, value: unknown): unknown {
  const found = resolveSelector(parseSelector(selector) ?? [], value)
  return found === unresolved ? undefined : found
}

type Statement = readonly unknown[]

const equalityPlans: fc.Arbitrary<Plan<Statement>> = fc
  .tuple(fc.constantFrom('==', '!='), selectorPlans, fc.option(values, { nil: undefined, freq: 2 }))
  .map(([operator, plan, other]) => (value) => {
    const selector = plan(value)
    return [operator, selector, other ?? find(selector, value) ?? null]
  })

const orderingPlans: fc.Arbitrary<Plan<Statement>> = fc
  .tuple(fc.constantFrom(...comparisons), selectorPlans, numbers, fc.boolean())
  .map(([operator, plan, other, near]) => (value) => {
    const selector = plan(value)
    const found = find(selector, value)
    return [operator, selector, near && typeof found === 'number' ? found : other]
  })

const likePlans: fc.Arbitrary<Plan<Statement>> = fc
  .tuple(selectorPlans, texts, fc.nat(3), fc.nat(6), fc.nat(6))
  .map(([plan, other, kind, from, to]) => (value) => {
    const selector = plan(value)
    const found = find(selector, value)
    if (kind === 0 || typeof found !== 'string') return ['like', selector, other]
    const escaped = found.replaceAll('*', '\\*')
    return ['like', selector, kind === 1 ? escaped : `${escaped.slice(0, from)}*${kind === 2 ? '' : escaped.slice(to)}`]
  })

const { statement } = fc.letrec<{
  statement: Plan<Statement>
  many: Plan<Statement>
  not: Plan<Statement>
  quantified: Plan<Statement>
}>((tie) => ({
  statement: fc.oneof(
    { depthSize: 'small', maxDepth: 4 },
    equalityPlans,
    orderingPlans,
    likePlans,
    tie('quantified'),
    tie('not'),
    tie('many'),
  ),
  many: fc
    .tuple(fc.constantFrom('and', 'or'), fc.array(tie('statement'), { maxLength: 3 }))
    .map(([operator, plans]) => (value: unknown) => [operator, plans.map((plan) => plan(value))]),
  not: tie('statement').map((plan) => (value: unknown) => ['not', plan(value)]),
  quantified: fc
    .tuple(fc.constantFrom('all', 'any'), selectorPlans, tie('statement'), fc.nat(3))
    .map(([operator, selectorPlan, plan, pick]) => (value: unknown) => {
      const selector = selectorPlan(value)
      const found = find(selector, value)
      const elements = Array.isArray(found) || isPlainObject(found) ? Object.values(found) : []
      return [operator, selector, plan(elements[pick % Math.max(elements.length, 1)])]
    }),
}))

/** Statements, each drawn as a plan over the arguments. */
export const statementPlans: fc.Arbitrary<(value: unknown) => readonly unknown[]> = statement

/** Policies in good form with arguments they were made for. */
export const goodPolicyCases: fc.Arbitrary<PolicyCase> = fc
  .tuple(argumentMaps, fc.array(statement, { maxLength: 3 }))
  .map(([args, plans]) => ({ policy: plans.map((plan) => plan(args)), args }))

/** One change to a policy: at a place in the tree, something else. */
interface Mutation {
  readonly place: number
  readonly kind: number
  readonly junk: unknown
  readonly at: number
  readonly character: string
}

const mutations: fc.Arbitrary<Mutation> = fc.record({
  place: fc.nat(40),
  kind: fc.nat(4),
  junk: fc.oneof(values, fc.constantFrom('and', 'or', 'not', 'like', 'all', '==', 'xor', '.', '', '.a')),
  at: fc.nat(8),
  character: fc.constantFrom('.', '?', '[', ']', '"', ':', '-', '0', '1', '\\', ' ', 'a', '\n', "'", '\ud800'),
})

/** Policies that are in good form, or nearly. */
export const policyCases: fc.Arbitrary<PolicyCase> = fc.oneof(
  { weight: 3, arbitrary: goodPolicyCases },
  {
    weight: 1,
    arbitrary: fc
      .tuple(goodPolicyCases, mutations)
      .map(([{ policy, args }, mutation]) => ({ policy: mutate(policy, mutation), args })),
  },
)

function mutate(policy: unknown, mutation: Mutation): unknown {
  let left = mutation.place % Math.max(countNodes(policy), 1)
  const visit = (node: unknown): unknown => {
    if (left === 0) {
      left -= 1
      return change(node, mutation)
    }
    left -= 1
    return Array.isArray(node) ? node.map(visit) : node
  }
  return visit(policy)
}

function countNodes(node: unknown): number {
  return Array.isArray(node) ? node.reduce<number>((sum, inner) => sum + countNodes(inner), 1) : 1
}

function change(node: unknown, { kind, junk, at, character }: Mutation): unknown {
  if (typeof node === 'string' && kind < 3) {
    const place = at % (node.length + 1)
    if (kind === 0) return node.slice(0, place) + node.slice(place + 1)
    return node.slice(0, place) + character + node.slice(kind === 1 ? place : place + 1)
  }
  if (Array.isArray(node) && kind < 3) {
    const place = at % (node.length + 1)
    if (kind === 0) return node.toSpliced(place, 1)
    return node.toSpliced(place, kind === 1 ? 0 : 1, junk)
  }
  return junk
}

/** Text that is a selector, or nearly. */
export const selectorTexts: fc.Arbitrary<string> = fc.oneof(
  fc
    .array(fc.tuple(literalSegments, fc.constantFrom('', '', '?', '??'), fc.constantFrom('', '', '', '.')), {
      maxLength: 4,
    })
    .map((parts) => parts.map(([segment, optional, dot]) => dot + segment + optional).join('') || '.'),
  fc.string({
    unit: fc.constantFrom('.', '[', ']', '"', '?', ':', '-', '0', '1', 'a', '_', '\\', 'u', ' ', 'é', '\n'),
    maxLength: 10,
  }),
  fc
    .tuple(literalSegments, mutations)
    .map(([text, mutation]) => String(change(text, { ...mutation, kind: mutation.kind % 3 }))),
)
