import { describe, expect, it } from 'vitest'
import { ArgumentError, SigningError } from '../../src/errors.ts'
import { openIndexedDbSigner, removeIndexedDbSigner } from '../../src/signers/indexed-db/indexed-db-signer.ts'

describe('a key in the IndexedDB of a browser', () => {
  it('is refused where there is none', async () => {
    for (const work of [openIndexedDbSigner, removeIndexedDbSigner]) {
      await expect(work()).rejects.toThrow(SigningError)
      await expect(work()).rejects.toThrow('there is no IndexedDB here; it is in browsers')
    }
  })

  it.each([
    [{ name: '' }, '`name`'],
    [{ database: 5 }, '`database`'],
    [{ create: 'no' }, '`create`'],
    [{ did: 'canary' }, '`did`'],
    [{ clock: {} }, '`clock`'],
  ])('is not opened with %o', async (options, name) => {
    await expect(openIndexedDbSigner(options as object)).rejects.toThrow(ArgumentError)
    await expect(openIndexedDbSigner(options as object)).rejects.toThrow(name)
  })
})
