import { describe, expect, it } from 'vitest'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import type { JournalPage, ListOptions } from '../../src/core/revocation/revocation-journal.ts'
import { StoreError } from '../../src/errors.ts'
import { followRevocations } from '../../src/revocation-sources/follow-revocations.ts'
import { revocationJournalSource } from '../../src/revocation-sources/journal-source.ts'
import { cidNumber } from './sources.ts'

const expiration = 4_000_000_000

describe('RVK-32 the source that reads a journal', () => {
  it('reads everything, in parts, and then each addition', async () => {
    const journal = memoryRevocationStore()
    for (let number = 0; number < 2_500; number++) await journal.add({ ids: [cidNumber(number)], expiration })
    let wake = (): void => undefined
    const watch = (ring: () => void, { signal }: { readonly signal: AbortSignal }): Promise<void> => {
      wake = ring
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
    }
    await using followed = followRevocations({ source: revocationJournalSource({ journal, watch, pollMs: 600_000 }) })
    await followed.ready()
    expect(followed.findRevocations([cidNumber(0), cidNumber(2_499), cidNumber(2_500)])).toHaveLength(2)
    await journal.add({ ids: [cidNumber(2_500)], expiration })
    wake()
    await expect.poll(() => followed.findRevocations([cidNumber(2_500)])).toHaveLength(1)
  })

  it('reads the journal from time to time without a watch, so that the copy stays young', async () => {
    const journal = memoryRevocationStore()
    await using followed = followRevocations({ source: revocationJournalSource({ journal, pollMs: 5 }) })
    await followed.ready()
    await journal.add({ ids: [cidNumber(1)], expiration })
    await expect.poll(() => followed.findRevocations([cidNumber(1)])).toHaveLength(1)
  })

  it('continues where it was after its watch has failed, and reports that', async () => {
    const journal = memoryRevocationStore()
    const places: number[] = []
    const noting = {
      listRevocations(options: ListOptions) {
        places.push(options.after)
        return journal.listRevocations(options)
      },
    }
    await journal.add({ ids: [cidNumber(1)], expiration })
    const errors: unknown[] = []
    const watch = (): Promise<void> => Promise.reject(new Error('cut'))
    const source = revocationJournalSource({ journal: noting, watch, pollMs: 600_000 })
    await using followed = followRevocations({ source, maxRetryMs: 5, onError: (error) => errors.push(error) })
    await followed.ready()
    await journal.add({ ids: [cidNumber(2)], expiration })
    await expect.poll(() => followed.findRevocations([cidNumber(2)])).toHaveLength(1)
    await expect.poll(() => places.includes(2)).toBe(true)
    expect(places.filter((place) => place === 0)).toHaveLength(1)
    expect(errors.every((error) => error instanceof StoreError)).toBe(true)
  })

  it('reads another journal from its start, and does not believe one that lost entries', async () => {
    let page: JournalPage = { journal: 'aa', entries: [], head: 7 }
    const asked: number[] = []
    const journal = {
      listRevocations({ after }: ListOptions) {
        asked.push(after)
        return page
      },
    }
    const read = async (after: string | undefined) => {
      const { signal } = new AbortController()
      const reading = revocationJournalSource({ journal }).read({ after, signal })[Symbol.asyncIterator]()
      const { value } = await reading.next()
      await reading.return?.()
      return value
    }
    expect(await read(undefined)).toMatchObject({ cursor: 'aa:7' })
    page = { journal: 'bb', entries: [], head: 3 }
    expect(await read('aa:7')).toMatchObject({ cursor: 'bb:3' })
    expect(asked).toEqual([0, 7, 0])
    await expect(read('bb:4')).rejects.toThrow('lost entries')
  })
})
