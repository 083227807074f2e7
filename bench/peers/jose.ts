import { cycle, load, mustBe, type Peer, type PeerChain } from './peer.ts'

interface KeyPair {
  readonly publicKey: CryptoKey
  readonly privateKey: CryptoKey
}

interface Jose {
  generateKeyPair(algorithm: string, options: { readonly crv: string }): Promise<KeyPair>
  jwtVerify(token: string, key: CryptoKey, options: Record<string, unknown>): Promise<{ readonly payload: object }>
  readonly SignJWT: new (
    claims: object,
  ) => {
    setProtectedHeader(header: { readonly alg: string }): InstanceType<Jose['SignJWT']>
    setIssuer(issuer: string): InstanceType<Jose['SignJWT']>
    setAudience(audience: string): InstanceType<Jose['SignJWT']>
    setSubject(subject: string): InstanceType<Jose['SignJWT']>
    setJti(id: string): InstanceType<Jose['SignJWT']>
    setIssuedAt(): InstanceType<Jose['SignJWT']>
    setExpirationTime(after: string): InstanceType<Jose['SignJWT']>
    sign(key: CryptoKey): Promise<string>
  }
}

/** How many tokens are made, so that no two in a row are the same. */
const callCount = 64

/**
 * `jose`: one plain JWT by one issuer whose key was imported before, without a chain. For any `depth`, this is the cost
 * of checking one signature by one issuer, as services do today.
 */
export async function loadJose(): Promise<Peer> {
  const { generateKeyPair, jwtVerify, SignJWT } = (await load('jose')) as Jose
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519' })
  const issuer = 'issuer.example'
  const audience = 'service.example'
  const issue = (id: string) =>
    new SignJWT({ command: '/mail/send', args: { to: 'bob@example.com', amount: 12 } })
      .setProtectedHeader({ alg: 'EdDSA' })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject('agent')
      .setJti(id)
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(privateKey)

  return {
    name: 'jose, one JWT',
    issue: () => issue('0'),
    async chain(): Promise<PeerChain> {
      const tokens = await Promise.all(Array.from({ length: callCount }, (_, i) => issue(`${i}`)))
      const next = cycle(tokens)
      const check = async (token: string) => {
        const { payload } = await jwtVerify(token, publicKey, { algorithms: ['EdDSA'], issuer, audience })
        mustBe(payload !== undefined, 'jose')
      }
      const verify = () => check(next())
      const bodies = tokens.map((token) => new TextEncoder().encode(token))
      const text = new TextDecoder()
      const service = { bodies, check: (body: Uint8Array) => check(text.decode(body)) }
      return { cold: verify, warm: verify, bytes: (tokens[0] as string).length, service }
    },
  }
}
