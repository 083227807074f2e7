import { createAuthorizer, delegate, encodeContainer, generateSigner, invoke, uncheckedCommands } from 'procura'
import { awsKmsSigner } from 'procura/signer/aws-kms'
import { memoryStores } from 'procura/store/memory'
import { describe, expect, it } from 'vitest'
import { signAwsRequest } from '../../src/vault/stores/aws/sign-request.ts'

const endpoint = process.env['PROCURA_AWS'] ?? ''
const region = 'eu-central-1'
const keys = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }

/** Calls KMS as an operator does. */
async function manage(operation: string, body: object): Promise<{ readonly KeyMetadata: { readonly Arn: string } }> {
  const bytes = new TextEncoder().encode(JSON.stringify(body))
  const headers = new Headers({
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': `TrentService.${operation}`,
  })
  const request = { method: 'POST', url: new URL(endpoint), headers, body: bytes }
  const time = Math.floor(Date.now() / 1000)
  const signed = await signAwsRequest(request, keys, { region, service: 'kms', time })
  const response = await fetch(signed.url, { method: 'POST', headers: signed.headers, body: bytes })
  expect(response.status).toBe(200)
  const text = await response.text()
  return JSON.parse(text === '' ? '{}' : text)
}

describe('AWS KMS of moto', () => {
  it.each([
    ['ECC_NIST_P256', 'ES256'],
    ['ECC_SECG_P256K1', 'ES256K'],
  ] as const)('signs delegations with a key of the specification %s', async (KeySpec, algorithm) => {
    const { KeyMetadata } = await manage('CreateKey', { KeySpec, KeyUsage: 'SIGN_VERIFY' })
    const AliasName = `alias/${algorithm}`
    await manage('CreateAlias', { AliasName, TargetKeyId: KeyMetadata.Arn })
    for (const keyId of [KeyMetadata.Arn, AliasName]) {
      const owner = await awsKmsSigner({ region, keys, endpoint, keyId, timeoutMs: 100_000 })
      expect(owner.algorithm).toBe(algorithm)
      const [agent, audience] = [await generateSigner(), (await generateSigner()).did]
      const stores = memoryStores()
      const authorizer = createAuthorizer({ audience, subjects: [owner.did], commands: uncheckedCommands, ...stores })
      for (let i = 0; i < 10; i++) {
        const grant = await delegate({ issuer: owner, audience: agent.did, command: '/mail' })
        const call = await invoke({ issuer: agent, audience, command: '/mail/send', proofs: [grant] })
        expect((await authorizer.authorize(encodeContainer([call, grant]))).allowed).toBe(true)
      }
    }
  })

  it('explains that there is no key, and that a key cannot sign', async () => {
    const missing = awsKmsSigner({ region, keys, endpoint, keyId: 'alias/nothing', timeoutMs: 100_000 })
    await expect(missing).rejects.toThrow('there is no such key in this region; check `keyId`')
    const { KeyMetadata } = await manage('CreateKey', { KeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY' })
    const rsa = awsKmsSigner({ region, keys, endpoint, keyId: KeyMetadata.Arn, timeoutMs: 100_000 })
    await expect(rsa).rejects.toThrow('create one with the specification ECC_NIST_EDWARDS25519')
  })
})
