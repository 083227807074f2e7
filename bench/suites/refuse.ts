import { createAuthorizer, type Delegation, generateSigner, invoke } from 'procura'
import { decodeDelegation, encodeContainerBytes } from 'procura/token'
import { type Contender, measure } from '../harness/measure.ts'
import type { Suite } from '../harness/suite.ts'
import { ratioOf, timesTable } from '../harness/table.ts'
import { args, type Chain, callSeconds, makeChain, mustAllow, mustDeny, optionsFor, send } from '../setup/chain.ts'
import { makeRaw } from '../setup/raw.ts'

const depth = 3

/** The cost of a refusal: a sender of garbage must not be able to make the service work. */
export const suite: Suite = {
  name: 'refuse',
  async run({ effort }) {
    const chain = await makeChain(depth, { callCount: 1 })
    const raw = makeRaw()
    const another = await toAnother(chain)
    const contenders: Contender[] = [
      { name: 'one raw verification', run: raw.verifyOne },
      ...[2, 3, 4].map((count) => ({ name: `${count} raw verifications`, run: raw.verifyMany(count) })),
      { name: 'a byte that no container begins with', run: refuse(chain, Uint8Array.of(1, 2, 3), 'unsupported') },
      { name: 'the last byte is missing', run: refuse(chain, cut(chain), 'malformed') },
      { name: 'a proof was changed on the way', run: refuse(chain, withChangedProof(chain), 'proof_missing') },
      { name: 'addressed to another service', run: refuse(chain, another, 'audience_mismatch') },
      {
        name: 'the same, by a service that remembers delegations',
        run: refuseWarm(chain, another, 'audience_mismatch'),
      },
      {
        name: 'a copied chain, called by a stranger',
        run: refuse(chain, await byStranger(chain), 'principal_misaligned'),
      },
      { name: 'the call is falsely signed', run: refuse(chain, withFalseCall(chain), 'signature_invalid') },
    ]
    for (let at = 0; at < depth; at++) {
      const run = refuse(chain, await withFalseProof(chain, at), 'signature_invalid')
      contenders.push({ name: `proof ${at} is falsely signed`, run })
    }
    const measured = await measure(contenders, effort)
    const of = (name: string) => ratioOf(measured, name)
    // the call's signature and the proofs up to the false one were verified
    const falseProofs = [0, 1, 2].map((at) => of(`proof ${at} is falsely signed`) / of(`${at + 2} raw verifications`))
    return {
      tables: [timesTable('Refuse a call, depth 3, by a service that remembers keys and no delegations', measured)],
      figures: {
        'refuse structure': of('addressed to another service'),
        'refuse structure, warm': of('the same, by a service that remembers delegations'),
        'refuse invocation': of('the call is falsely signed'),
        'refuse proof': Math.max(...falseProofs),
      },
    }
  },
}

function refuse(chain: Chain, container: Uint8Array, code: string): () => unknown {
  const authorizer = createAuthorizer({ ...optionsFor(chain), maxCachedDelegations: 0 })
  return () => mustDeny(authorizer.authorizeSync(container), code)
}

function refuseWarm(chain: Chain, container: Uint8Array, code: string): () => unknown {
  const authorizer = createAuthorizer(optionsFor(chain))
  mustAllow(authorizer.authorizeSync(chain.containers[0] as Uint8Array))
  return () => mustDeny(authorizer.authorizeSync(container), code)
}

function cut({ containers: [container] }: Chain): Uint8Array {
  return (container as Uint8Array).slice(0, -1)
}

/** Changes the first byte of the signature: an envelope is a list of two, and its first is 64 bytes. */
function falsify(token: Uint8Array): Uint8Array {
  const copy = token.slice()
  copy[3] = (copy[3] as number) ^ 1
  return copy
}

function withChangedProof({ calls: [call], proofs }: Chain): Uint8Array {
  const changed = proofs.map(({ bytes }, at) => ({ bytes: at === 1 ? falsify(bytes) : bytes }))
  return encodeContainerBytes([call as { bytes: Uint8Array }, ...changed])
}

function withFalseCall({ calls: [call], proofs }: Chain): Uint8Array {
  return encodeContainerBytes([{ bytes: falsify((call as { bytes: Uint8Array }).bytes) }, ...proofs])
}

/** The invoker names the false proof itself, so that it is found and tried. */
async function withFalseProof(chain: Chain, at: number): Promise<Uint8Array> {
  const proofs: Delegation[] = [...chain.proofs]
  proofs[at] = await decodeDelegation(falsify((proofs[at] as Delegation).bytes))
  return callOf(chain, proofs, chain.service.did)
}

async function toAnother(chain: Chain): Promise<Uint8Array> {
  return callOf(chain, chain.proofs, (await generateSigner()).did)
}

async function byStranger({ signers: [owner], service, proofs }: Chain): Promise<Uint8Array> {
  const issuer = await generateSigner()
  const subject = owner?.did ?? ''
  const call = await invoke({
    issuer,
    subject,
    audience: service.did,
    command: send,
    args,
    proofs,
    expiresIn: callSeconds,
  })
  return encodeContainerBytes([call, ...proofs])
}

async function callOf({ signers }: Chain, proofs: readonly Delegation[], audience: string): Promise<Uint8Array> {
  const issuer = signers[depth] ?? (await generateSigner())
  const call = await invoke({ issuer, audience, command: send, args, proofs, expiresIn: callSeconds })
  return encodeContainerBytes([call, ...proofs])
}
