import { createNativeVerify } from './native-verify.ts'
import { cycle, load, mustBe, type Peer, type PeerChain } from './peer.ts'

interface Signer {
  did(): string
}

interface Verifier {
  readonly publicKey: Uint8Array
  verify(payload: Uint8Array, signature: Signature): boolean | Promise<boolean>
}

interface Signature {
  readonly code: number
  readonly raw: Uint8Array
}

interface VerifierModule {
  parse(did: string): Verifier
}

interface Delegation {
  archive(): Promise<{ ok?: Uint8Array; error?: Error }>
}

interface CapabilityParser {
  readonly can: string
}

interface Ucanto {
  readonly core: {
    delegate(options: Record<string, unknown>): Promise<Delegation>
  }
  readonly delegation: {
    extract(bytes: Uint8Array): Promise<{ ok?: Delegation; error?: Error }>
  }
  readonly principal: {
    readonly Signer: { generate(): Promise<Signer> }
    readonly Verifier: VerifierModule
  }
  readonly validator: {
    access(invocation: Delegation, options: Record<string, unknown>): Promise<{ ok?: object; error?: Error }>
    capability(options: Record<string, unknown>): CapabilityParser
    readonly Schema: {
      did(): unknown
      string(): unknown
      integer(): unknown
      struct(fields: Record<string, unknown>): unknown
    }
  }
}

/** How many calls are made for a chain, so that no two in a row are the same. */
const callCount = 16

/**
 * `@ucanto/core`, `principal` and `validator`: UCAN 0.9, a call and its proofs in one CAR file. It keeps nothing
 * between calls, so that warm is the same as cold.
 *
 * @param native - verify with `node:crypto` through the interface for verifiers, with kept key objects.
 */
export async function loadUcanto({ native = false }: { native?: boolean } = {}): Promise<Peer> {
  const ucanto: Ucanto = {
    core: (await load('@ucanto/core')) as Ucanto['core'],
    delegation: (await load('@ucanto/core/delegation')) as Ucanto['delegation'],
    principal: (await load('@ucanto/principal/ed25519')) as Ucanto['principal'],
    validator: (await load('@ucanto/validator')) as Ucanto['validator'],
  }
  const { Signer } = ucanto.principal
  const principal = native ? nativeVerifiers(ucanto.principal.Verifier) : ucanto.principal.Verifier
  const { did, integer, string, struct } = ucanto.validator.Schema
  const send = ucanto.validator.capability({
    can: 'mail/send',
    with: did(),
    nb: struct({ to: string(), amount: integer() }),
    derives: () => ({ ok: {} }),
  })
  const issuer = await Signer.generate()
  const audience = await Signer.generate()
  const capabilities = [{ can: 'mail/send', with: issuer.did() }]

  return {
    name: native ? 'ucanto, native verify' : 'ucanto',
    issue: () => ucanto.core.delegate({ issuer, audience, capabilities, lifetimeInSeconds: 3600 }),
    async chain(depth: number): Promise<PeerChain> {
      const signers = await Promise.all(Array.from({ length: depth + 1 }, () => Signer.generate()))
      const service = await Signer.generate()
      const subject = (signers[0] as Signer).did()
      let proofs: Delegation[] = []
      for (let i = 0; i < depth; i++) {
        proofs = [
          await ucanto.core.delegate({
            issuer: signers[i],
            audience: signers[i + 1],
            capabilities: [{ can: 'mail/send', with: subject }],
            lifetimeInSeconds: 3600,
            proofs,
          }),
        ]
      }
      const calls: Uint8Array[] = []
      for (let i = 0; i < callCount; i++) {
        const call = await ucanto.core.delegate({
          issuer: signers[depth],
          audience: service,
          capabilities: [{ can: 'mail/send', with: subject, nb: { to: 'bob@example.com', amount: 12 } }],
          lifetimeInSeconds: 3600,
          nonce: `${i}`,
          proofs,
        })
        const { ok } = await call.archive()
        calls.push(ok as Uint8Array)
      }
      const next = cycle(calls)
      const check = async (body: Uint8Array) => {
        const { ok } = await ucanto.delegation.extract(body)
        if (ok === undefined) throw new Error('ucanto could not read a call')
        const access = await ucanto.validator.access(ok, {
          capability: send,
          principal,
          authority: service,
          validateAuthorization: () => ({ ok: {} }),
        })
        mustBe(access.ok !== undefined, `ucanto (${access.error?.message})`)
      }
      const verify = () => check(next())
      const bytes = (calls[0] as Uint8Array).length
      return { cold: verify, warm: verify, bytes, service: { bodies: calls, check } }
    },
  }
}

function nativeVerifiers(verifiers: VerifierModule): VerifierModule {
  const nativeVerify = createNativeVerify()
  const edDsa = 0xd0ed
  return {
    ...verifiers,
    parse(did: string): Verifier {
      const verifier = verifiers.parse(did)
      Object.defineProperty(verifier, 'verify', {
        value: (payload: Uint8Array, { code, raw }: Signature) =>
          code === edDsa && nativeVerify(did, verifier.publicKey, payload, raw),
      })
      return verifier
    },
  }
}
