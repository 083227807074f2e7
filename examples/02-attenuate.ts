/**
 * An agent passes a part of its delegation on to a sub-agent, offline. `attenuate` refuses to sign a delegation that is
 * broader than its proof, and a service would refuse it too.
 */
import {
  AttenuationError,
  attenuate,
  createAuthorizer,
  defineCommand,
  delegate,
  encodeContainer,
  generateSigner,
  invoke,
} from 'procura'
import { path } from 'procura/arguments'
import { like } from 'procura/policy'
import { findProofs, memoryProofStore } from 'procura/proof'
import { memoryStores } from 'procura/store/memory'

const owner = await generateSigner()
const planner = await generateSigner()
const reader = await generateSigner()
const service = await generateSigner()

const read = defineCommand({ command: '/file/read', args: { path: path() } })
const grant = await delegate({
  issuer: owner,
  audience: planner.did,
  command: '/file',
  policy: [like('.path', '/projects/*')],
})

try {
  await attenuate(grant, { issuer: planner, audience: reader.did, command: '/' })
} catch (error) {
  if (error instanceof AttenuationError) console.log('not signed:', error.message)
}

const narrow = await attenuate(grant, {
  issuer: planner,
  audience: reader.did,
  command: read,
  policy: [like('.path', '/projects/apollo/*')],
  expiresIn: 60,
})

// The sub-agent keeps its delegations in a store and looks the chain up for each call.
const held = memoryProofStore()
held.add([grant, narrow])

const authorizer = createAuthorizer({
  audience: service.did,
  subjects: [owner.did],
  commands: [read],
  ...memoryStores(),
})

for (const file of ['/projects/apollo/plan.md', '/projects/gemini/plan.md', '/projects/apollo/../gemini/plan.md']) {
  const args = { path: file }
  const proofs = (await findProofs(held, { invoker: reader.did, subject: owner.did, command: read })) ?? []
  const call = await invoke({ issuer: reader, audience: service.did, command: read, args, proofs })
  const decision = await authorizer.authorize(encodeContainer([call, ...proofs]))
  console.log(file, decision.allowed ? 'allowed' : decision.denial.code)
}

// not signed: the proof gives `/file`, which does not cover `/`; choose a command that it covers
// /projects/apollo/plan.md allowed
// /projects/gemini/plan.md policy_unsatisfied
// /projects/apollo/../gemini/plan.md arguments_invalid
