/**
 * An owner delegates one command to an agent, with a limit on an argument, for ten minutes. The agent calls; the
 * service decides without asking a third party.
 */
import { createAuthorizer, defineCommand, delegate, encodeContainer, generateSigner, invoke } from 'procura'
import { integer } from 'procura/arguments'
import { policyFor } from 'procura/policy'
import { memoryStores } from 'procura/store/memory'

const owner = await generateSigner()
const agent = await generateSigner()
const service = await generateSigner()

// The three share one definition of the command and its arguments.
const pay = defineCommand({ command: '/account/pay', args: { cents: integer({ min: 1 }) } })

// The builders know the arguments of the command: `.cent` or `'much'` would not compile.
const { lte } = policyFor(pay)
const grant = await delegate({
  issuer: owner,
  audience: agent.did,
  command: pay,
  policy: [lte('.cents', 5_000)],
  expiresIn: 600,
})

const authorizer = createAuthorizer({
  audience: service.did,
  subjects: [owner.did],
  commands: [pay],
  ...memoryStores(),
})

for (const cents of [4_200, 9_900]) {
  const call = await invoke({ issuer: agent, audience: service.did, command: pay, args: { cents }, proofs: [grant] })
  const decision = await authorizer.authorize(encodeContainer([call, grant]))
  console.log(cents, decision.allowed ? 'allowed' : `${decision.denial.code}: ${decision.denial.message}`)
}

// 4200 allowed
// 9900 policy_unsatisfied: delegation 1 of 1: policy statement 1: `.cents` must be a number <= 5000, found 9900
