/**
 * The owner revokes a delegation. The service verifies the revocation, stores it, and refuses the delegation from then on.
 */
import { createAuthorizer, delegate, encodeContainer, generateSigner, invoke, uncheckedCommands } from 'procura'
import { revoke, verifyRevocation } from 'procura/revocation'
import { memoryStores } from 'procura/store/memory'

const owner = await generateSigner()
const agent = await generateSigner()
const stranger = await generateSigner()
const service = await generateSigner()

const grant = await delegate({ issuer: owner, audience: agent.did, command: '/calendar' })
const { revocations, replay } = memoryStores()
const authorizer = createAuthorizer({
  audience: service.did,
  subjects: [owner.did],
  commands: uncheckedCommands,
  revocations,
  replay,
})

async function tryCall(): Promise<string> {
  const call = await invoke({ issuer: agent, audience: service.did, command: '/calendar/read', proofs: [grant] })
  const decision = await authorizer.authorize(encodeContainer([call, grant]))
  return decision.allowed ? 'allowed' : decision.denial.code
}

async function receive(container: string): Promise<string> {
  const verdict = await verifyRevocation(container)
  if (!verdict.accepted) return `not accepted, ${verdict.denial.code}`
  await revocations.add(verdict.entry)
  return 'accepted'
}

console.log('call:', await tryCall())
const bogus = await revoke({ issuer: stranger, delegation: grant })
console.log('revocation by a stranger:', await receive(encodeContainer([bogus, grant])))
console.log('call:', await tryCall())
const genuine = await revoke({ issuer: owner, delegation: grant })
console.log('revocation by the owner:', await receive(encodeContainer([genuine, grant])))
console.log('call:', await tryCall())

// call: allowed
// revocation by a stranger: not accepted, root_not_subject
// call: allowed
// revocation by the owner: accepted
// call: revoked
