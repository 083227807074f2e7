import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import { openContainer } from '../../src/core/authorization/open-container.ts'
import { writeContainer } from '../reference/writer.ts'
import { cast } from './cast.ts'
import { optionsOf } from './chain-differential.ts'
import { shortRuns } from './runs.ts'
import { buildScenario, type Scenario } from './scenario.ts'
import { scenarios } from './scenario-arbitrary.ts'

const canary = 'canary-5e0c1d7b'

describe('properties of messages, logs and errors', { timeout: 120_000 }, () => {
  const { numRuns, seed, title } = shortRuns(300)

  it(`P14 messages: no argument, token or key is in a denial or an error [attack 77] (${title})`, async () => {
    let told = 0
    await fc.assert(
      fc.asyncProperty(scenarios, async (scenario) => {
        const question = buildScenario(withCanaries(scenario))
        const container = writeContainer(question.tokens)
        const errors: unknown[] = []
        const options = { ...optionsOf(question), onError: (error: unknown) => errors.push(error) }
        const decision = await createAuthorizer(options).authorize(container)
        await openContainer(container).catch((error: unknown) => errors.push(error))
        const texts = [...errors, ...(decision.allowed ? [] : [decision.denial])].flatMap(textsOf)
        told += texts.length
        const secrets = secretsOf(question.tokens)
        const found = texts
          .map((text) => text.toLowerCase())
          .filter((text) => secrets.some((secret) => text.includes(secret)))
        expect(found).toEqual([])
      }),
      { numRuns, seed },
    )
    expect(told).toBeGreaterThan(numRuns)
  })
})

// In the arguments and in the notes of every token; and a policy that looks at it and objects.
function withCanaries(scenario: Scenario): Scenario {
  const objecting = scenario.shuffle % 2 === 0 ? [['like', '.x', 'nothing*']] : []
  return {
    ...scenario,
    args: { ...scenario.args, x: canary },
    links: scenario.links.map((link) => ({ ...link, policy: [...link.policy, ...objecting], meta: { note: canary } })),
  }
}

function textsOf(thing: unknown): readonly string[] {
  const deep = inspect(thing, { depth: 10, showHidden: true })
  const plain = JSON.stringify(thing) ?? ''
  return thing instanceof Error
    ? [deep, plain, thing.message, thing.stack ?? '', ...textsOf(thing.cause)]
    : [deep, plain]
}

// Private keys, and a piece from the middle of each token, in the usual spellings.
function secretsOf(tokens: readonly Uint8Array[]): readonly string[] {
  const pieces = tokens.filter(({ length }) => length > 60).map((bytes) => bytes.slice(12, 36))
  const spelt = [...cast.map(({ secretKey }) => secretKey.slice(3, 27)), ...pieces].flatMap((bytes) => {
    const buffer = Buffer.from(bytes)
    return [
      buffer.toString('hex'),
      buffer.toString('base64').toLowerCase(),
      buffer.toString('base64url').toLowerCase(),
      [...bytes].join(', '),
    ]
  })
  return [canary, ...spelt]
}
