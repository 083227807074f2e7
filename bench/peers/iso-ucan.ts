import { createNativeVerify } from './native-verify.ts'
import { cycle, load, mustBe, type Peer, type PeerChain } from './peer.ts'

interface Did {
  readonly did: string
}

interface VerifyInput {
  readonly signature: Uint8Array
  readonly message: Uint8Array
  readonly did: { readonly did: string; readonly verifiableDid: { readonly publicKey: Uint8Array } }
}

type Registry = Readonly<Record<string, (input: VerifyInput) => boolean | Promise<boolean>>>

interface Token {
  readonly bytes: Uint8Array
  readonly cid: { toString(): string }
}

interface IsoUcan {
  readonly Delegation: {
    create(options: Record<string, unknown>): Promise<Token>
    from(options: Record<string, unknown>): Promise<Token>
  }
  readonly Invocation: {
    create(options: Record<string, unknown>): Promise<Token>
    from(options: Record<string, unknown>): Promise<Token>
  }
  readonly EdDSASigner: { generate(): Promise<Did> }
  readonly verifier: Registry
  readonly Resolver: new (registry: Registry, options?: { readonly cache?: boolean }) => object
}

/** How iso-ucan verifies signatures. */
export type IsoUcanVerification = 'as it comes' | 'with its memo' | 'native verify'

/** How many calls are made for a chain, so that no two in a row are the same. */
const callCount = 64

const policy = [
  ['<', '.amount', 100],
  ['like', '.to', '*@example.com'],
]

/**
 * `iso-ucan`: UCAN 1.0. Proofs are looked up one by one, by CID; cold parses each, and warm finds it parsed.
 *
 * @param verification - its own verifier; its own verifier with its memo of verified signatures, which is unbounded; or
 * `node:crypto` instead.
 */
export async function loadIsoUcan(verification: IsoUcanVerification = 'as it comes'): Promise<Peer> {
  const { Delegation } = (await load('iso-ucan/delegation')) as Pick<IsoUcan, 'Delegation'>
  const { Invocation } = (await load('iso-ucan/invocation')) as Pick<IsoUcan, 'Invocation'>
  const { EdDSASigner } = (await load('iso-signatures/signers/eddsa.js')) as Pick<IsoUcan, 'EdDSASigner'>
  const { verifier } = (await load('iso-signatures/verifiers/eddsa.js')) as Pick<IsoUcan, 'verifier'>
  const { Resolver } = (await load('iso-signatures/verifiers/resolver.js')) as Pick<IsoUcan, 'Resolver'>
  const makeResolver = () =>
    new Resolver(verification === 'native verify' ? nativeRegistry() : verifier, {
      cache: verification === 'with its memo',
    })
  const issuer = await EdDSASigner.generate()
  const audience = await EdDSASigner.generate()
  const grant = { iss: issuer, aud: audience.did, sub: issuer.did, cmd: '/mail/send', pol: policy, ttl: 3600 }

  return {
    name: verification === 'as it comes' ? 'iso-ucan' : `iso-ucan, ${verification}`,
    issue: () => Delegation.create(grant),
    async chain(depth: number): Promise<PeerChain> {
      const signers = await Promise.all(Array.from({ length: depth + 1 }, () => EdDSASigner.generate()))
      const service = await EdDSASigner.generate()
      const sub = (signers[0] as Did).did
      const prf: Token[] = []
      for (let i = 0; i < depth; i++) {
        const aud = (signers[i + 1] as Did).did
        prf.push(await Delegation.create({ iss: signers[i], aud, sub, cmd: '/mail/send', pol: policy, ttl: 3600 }))
      }
      const verifierResolver = makeResolver()
      const calls: Uint8Array[] = []
      for (let i = 0; i < callCount; i++) {
        const call = await Invocation.create({
          iss: signers[depth],
          aud: service.did,
          sub,
          cmd: '/mail/send',
          args: { to: 'bob@example.com', amount: 12 },
          prf,
          ttl: 3600,
          verifierResolver,
        })
        calls.push(call.bytes)
      }
      const next = cycle(calls)
      const bytesByCid = new Map(prf.map(({ cid, bytes }) => [cid.toString(), bytes]))
      const tokenByCid = new Map(prf.map((token) => [token.cid.toString(), token]))
      const decode = ((await load('iso-ucan/envelope')) as { decode(options: { envelope: Uint8Array }): object }).decode
      const DelegationClass = Delegation as unknown as new (envelope: object, bytes: Uint8Array, cid: object) => Token
      const check = async (body: Uint8Array) => {
        const call = await Invocation.from({
          bytes: body,
          audience: service,
          verifierResolver,
          resolveProof: (cid: Token['cid']) => tokenByCid.get(cid.toString()),
        })
        mustBe(call.bytes !== undefined, 'iso-ucan')
      }
      return {
        // Reading alone, as `Invocation.from` verifies what it is given; `Delegation.from` would verify it twice.
        cold: async () => {
          const call = await Invocation.from({
            bytes: next(),
            audience: service,
            verifierResolver: verification === 'with its memo' ? makeResolver() : verifierResolver,
            resolveProof: (cid: Token['cid']) => {
              const bytes = bytesByCid.get(cid.toString()) as Uint8Array
              return new DelegationClass(decode({ envelope: bytes }), bytes, cid)
            },
          })
          mustBe(call.bytes !== undefined, 'iso-ucan')
        },
        warm: () => check(next()),
        bytes: prf.reduce((sum, { bytes }) => sum + bytes.length, (calls[0] as Uint8Array).length),
        service: { bodies: calls, check },
      }
    },
  }
}

function nativeRegistry(): Registry {
  const verify = createNativeVerify()
  return {
    Ed25519: ({ did, message, signature }) => verify(did.did, did.verifiableDid.publicKey, message, signature),
  }
}
