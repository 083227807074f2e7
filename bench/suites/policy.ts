import { compilePolicy, like } from 'procura/policy'
import { type Contender, measure } from '../harness/measure.ts'
import type { Suite, SuiteOptions } from '../harness/suite.ts'
import { ratioOf, timesTable } from '../harness/table.ts'
import { load, mustBe } from '../peers/peer.ts'
import { longPolicy, policy, args as sent } from '../setup/chain.ts'

interface Cel {
  parse(expression: string): (context: object) => unknown
}

interface Cedar {
  preparsePolicySet(id: string, policies: object): { readonly type: string }
  statefulIsAuthorized(call: object): { readonly response?: { readonly decision: string } }
}

interface IsoUcanPolicy {
  validate(args: object, policy: unknown): boolean
}

/** The arguments as a decider has them: a map that inherits nothing. */
const args: typeof sent = Object.freeze(Object.assign(Object.create(null), sent))

const expression = 'amount < 100 && to.endsWith("@example.com")'
const cedarPolicy =
  'permit (principal, action, resource) when { context.amount < 100 && context.to like "*@example.com" };'

/** How often a contender evaluates in one measurement, because one evaluation is too short for the clock. */
const times = 100

/** The cost of evaluating a policy over arguments. */
export const suite: Suite = {
  name: 'policy',
  async run(options) {
    const { effort } = options
    const two = await measure(await ofTwoStatements(options), effort)
    const lengths = [2, 10, 50, 200].map((count): Contender => {
      const compiled = compilePolicy(longPolicy(count))
      return many(`${count} statements`, () => mustBe(compiled.evaluate(args) === undefined, 'a policy'))
    })
    const byLength = await measure(lengths, effort)
    const globs = await measure([globOf(1_000), globOf(8_000), globOf(64_000)], effort)
    const ours = two.find(({ name }) => name === 'compiled')
    return {
      tables: [
        timesTable('Ask a policy of two statements', two, [
          `The question is \`${expression}\`. Where a language has a form for repeated use, that form is measured.`,
        ]),
        timesTable('Ask a compiled policy, by length', byLength),
        timesTable('Match a pattern of twelve stars that nearly matches, by length of the text', globs),
      ],
      figures: {
        'policy 2, ns': (ours?.median ?? Number.NaN) * 1000,
        'policy 2 / by hand': ours?.ratio ?? Number.NaN,
        'glob growth': ratioOf(globs, '8000 characters'),
      },
    }
  },
}

async function ofTwoStatements({ peers }: SuiteOptions): Promise<readonly Contender[]> {
  const compiled = compilePolicy(policy)
  const contenders: Contender[] = [
    many('written by hand', () => mustBe(args.amount < 100 && args.to.endsWith('@example.com'), 'a condition')),
    many('compiled', () => mustBe(compiled.evaluate(args) === undefined, 'a policy')),
    many('read and compile', () => compilePolicy(policy)),
    many('read, compile and ask', () => mustBe(compilePolicy(policy).evaluate(args) === undefined, 'a policy')),
  ]
  if (peers.has('@marcbachmann/cel-js')) {
    const cel = (await load('@marcbachmann/cel-js')) as Cel
    const parsed = cel.parse(expression)
    contenders.push(many('CEL, parsed', () => mustBe(parsed({ to: args.to, amount: 12n }) === true, 'CEL')))
    contenders.push(many('CEL, parse and ask', () => cel.parse(expression)({ to: args.to, amount: 12n })))
  }
  if (peers.has('@cedar-policy/cedar-wasm')) {
    const cedar = (await load('@cedar-policy/cedar-wasm/nodejs')) as Cedar
    cedar.preparsePolicySet('two', { staticPolicies: cedarPolicy })
    const call = {
      principal: { type: 'User', id: 'agent' },
      action: { type: 'Action', id: 'send' },
      resource: { type: 'Mail', id: 'mail' },
      context: args,
      preparsedPolicySetId: 'two',
      entities: [],
    }
    const ask = () => mustBe(cedar.statefulIsAuthorized(call).response?.decision === 'allow', 'Cedar')
    contenders.push({ name: 'Cedar, parsed', run: ask })
  }
  if (peers.has('iso-ucan')) {
    const { validate } = (await load('iso-ucan/policy')) as IsoUcanPolicy
    contenders.push(many('iso-ucan', () => mustBe(validate(args, policy), 'iso-ucan')))
  }
  return contenders
}

function many(name: string, ask: () => unknown): Contender {
  return {
    name,
    operations: times,
    run: () => {
      for (let i = 0; i < times; i++) ask()
    },
  }
}

function globOf(length: number): Contender {
  const { evaluate } = compilePolicy([like('.text', `${'*a'.repeat(12)}*b*`)])
  const args = { text: 'a'.repeat(length) }
  return { name: `${length} characters`, run: () => mustBe(evaluate(args) !== undefined, 'a pattern') }
}
