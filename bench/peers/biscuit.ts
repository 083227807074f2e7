import { load, mustBe, type Peer, type PeerChain } from './peer.ts'

interface Biscuit {
  toBytes(): Uint8Array
  appendBlock(block: object): Biscuit
}

interface Authorizer {
  authorizeWithLimits(limits: Record<string, number>): number
}

interface AuthorizerBuilder {
  addCode(code: string): void
  buildAuthenticated(token: Biscuit): Authorizer
}

interface BlockBuilder {
  addCode(code: string): void
}

interface BiscuitModule {
  readonly Biscuit: {
    builder(): BlockBuilder & { build(key: object): Biscuit }
    block_builder(): BlockBuilder
    fromBytes(bytes: Uint8Array, root: object): Biscuit
  }
  readonly AuthorizerBuilder: new () => AuthorizerBuilder
  readonly KeyPair: new (algorithm: number) => { getPublicKey(): object; getPrivateKey(): object }
  readonly SignatureAlgorithm: { readonly Ed25519: number }
}

/** Its default is one millisecond, which the first call on a busy machine can exceed. */
const limits = { max_facts: 1000, max_iterations: 100, max_time_micro: 1_000_000 }

/**
 * `@biscuit-auth/biscuit-wasm`: one signed block a grant, Datalog as policy language, in WebAssembly. A bearer token:
 * it can be used without a key. Cold reads and verifies the token and authorizes; warm authorizes a parsed token.
 */
export async function loadBiscuit(): Promise<Peer> {
  const { AuthorizerBuilder, Biscuit, KeyPair, SignatureAlgorithm } = (await load(
    '@biscuit-auth/biscuit-wasm',
  )) as BiscuitModule
  const root = new KeyPair(SignatureAlgorithm.Ed25519)
  const check = 'check if amount($a), $a < 100; check if to($t), $t.ends_with("@example.com")'
  const issue = () => {
    const builder = Biscuit.builder()
    builder.addCode(`right("mail", "send"); ${check}`)
    return builder.build(root.getPrivateKey())
  }
  const authorize = (token: Biscuit) => {
    const builder = new AuthorizerBuilder()
    builder.addCode('amount(12); to("bob@example.com"); allow if right("mail", "send")')
    mustBe(builder.buildAuthenticated(token).authorizeWithLimits(limits) === 0, 'biscuit')
  }

  return {
    name: 'biscuit',
    issue,
    async chain(depth: number): Promise<PeerChain> {
      let token = issue()
      for (let i = 1; i < depth; i++) {
        const block = Biscuit.block_builder()
        block.addCode(check)
        token = token.appendBlock(block)
      }
      const bytes = token.toBytes()
      return {
        cold: () => authorize(Biscuit.fromBytes(bytes, root.getPublicKey())),
        warm: () => authorize(token),
        bytes: bytes.length,
      }
    },
  }
}
