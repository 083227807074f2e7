import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { authorizeMany } from '../../../src/core/authorization/authorize-many.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import { parseDidKey } from '../../../src/core/did/did-key.ts'
import { backend as node } from '../../../src/core/principal/backend/node.ts'
import {
  createDispatcher,
  type Dispatcher,
  type DispatcherOptions,
} from '../../../src/core/principal/pool/dispatcher.ts'
import { knownQuestions } from '../../../src/core/principal/pool/known-questions.ts'
import {
  createVerificationPool,
  ThreadError,
  type VerificationPool,
  type VerificationPoolOptions,
} from '../../../src/core/principal/pool/verification-pool.ts'
import { startThread } from '../../../src/core/principal/pool/verification-thread.ts'
import type { Signer } from '../../../src/core/principal/signer.ts'
import { ArgumentError, ProcuraError } from '../../../src/errors.ts'
import { inCi, shortCases } from '../../property/runs.ts'
import { actor } from '../../support/actors.ts'
import { call, chainOf, createService, verdict } from '../../support/service.ts'
import { bundlePoolScript, faultyScript, type PoolScript, sodium } from './pool-script.ts'

const [alice, bob, eve] = (await Promise.all([actor('alice'), actor('bob'), actor('eve')])) as [Signer, Signer, Signer]
const message = Uint8Array.of(1, 2, 3)
const good = await bob.sign(message)
const [right, wrong] = knownQuestions() as [ReturnType<typeof knownQuestions>[0], ReturnType<typeof knownQuestions>[0]]

let script: PoolScript

beforeAll(async () => {
  script = await bundlePoolScript()
})

afterAll(() => script.remove())

function createPool(options: VerificationPoolOptions = {}): Promise<VerificationPool> {
  return createVerificationPool({ threads: 2, script: script.url, ...options })
}

/** Asks a pool whether the good signature, and whether an invalid one, is a signature of Bob. */
async function ask(pool: VerificationPool, count = 4): Promise<readonly boolean[]> {
  const key = await pool.prepareKey(parseDidKey(bob.did))
  const forged = good.slice()
  forged[3]! ^= 1
  const asked = Array.from({ length: count }, (_, at) => (at % 2 === 0 ? good : forged))
  return Promise.all(asked.map((signature) => pool.verifyAsync?.(key, signature, message) ?? false))
}

describe('calls that are decided with a pool', () => {
  it.each(['node', 'noble', { sodium }] as const)(
    'have the decisions that they have without, with %o',
    async (backend) => {
      const mallory = { ...bob, sign: (bytes: Uint8Array) => eve.sign(bytes) } as Signer
      const proofs = await chainOf(alice, bob)
      const foreign = await chainOf(eve, bob)
      const calls = await Promise.all(
        Array.from({ length: 30 }, async (_, at) => {
          const invocation = await call({ issuer: bob, proofs: at % 5 === 4 ? foreign : proofs, args: { at } })
          const bytes = invocation.bytes.slice()
          // somewhere in the signature
          if (at % 3 === 2) bytes[20] = bytes[20]! ^ 1
          return encodeContainer([{ bytes }, ...(at % 7 === 6 ? [] : proofs)])
        }),
      )
      await expect(call({ issuer: mallory, proofs })).rejects.toThrow()
      await using pool = await createPool({ backend })
      const decisions = await authorizeMany(createService({ backend: pool }), calls)
      const expected = calls.map((container) => createService().authorizeSync(container))
      expect(decisions.map(verdict)).toEqual(expected.map(verdict))
      expect(new Set(decisions.map(verdict)).size).toBeGreaterThan(2)
    },
  )

  it('are decided at once by authorizeSync', async () => {
    await using pool = await createPool()
    const proofs = await chainOf(alice, bob)
    const container = encodeContainer([await call({ issuer: bob, proofs }), ...proofs])
    expect(verdict(createService({ backend: pool }).authorizeSync(container))).toBe('allowed')
  })
})

describe('a thread', () => {
  it('SIG-11 receives a copy of the bytes, so that later changes have no effect', async () => {
    await using pool = await createPool()
    const key = await pool.prepareKey(parseDidKey(bob.did))
    // The `slice` of a Buffer does not copy.
    const [ownSignature, ownMessage] = [Buffer.from(good), Buffer.from(message)]
    const answer = pool.verifyAsync?.(key, ownSignature, ownMessage)
    ownSignature.fill(0)
    ownMessage.fill(0)
    expect(await answer).toBe(true)
    const [badSignature, badMessage] = [good.slice(), Uint8Array.of(0, 0, 0)]
    const refusal = pool.verifyAsync?.(key, badSignature, badMessage)
    badMessage.set(message)
    expect(await refusal).toBe(false)
  })

  it('SIG-11 refuses a signature of the wrong length', async () => {
    await using pool = await createPool()
    const key = await pool.prepareKey(parseDidKey(bob.did))
    for (const length of [0, 63, 65]) {
      expect(await pool.verifyAsync?.(key, new Uint8Array(length), message)).toBe(false)
    }
  })

  it('starts without the flags of the process', async () => {
    const telling = 'data:text/javascript,throw new Error(JSON.stringify(process.execArgv))'
    await expect(createPool({ script: telling })).rejects.toMatchObject({ cause: { message: '[]' } })
  })

  it('of another program that loads the module keeps its messages', async () => {
    const other = new Worker(script.url, { workerData: { something: 'else' } })
    const said: unknown[] = []
    other.on('message', (what) => said.push(what))
    other.postMessage(new Uint8Array(4))
    expect(await new Promise((resolve) => other.once('exit', resolve))).toBe(0)
    expect(said).toEqual([])
  })

  it('SIG-13 that cannot be started, or verifies wrongly, makes no pool', async () => {
    const threads = inCi ? 2 : 1
    const start = (script: string | URL) => createPool({ script, threads }).catch((error: unknown) => error)
    const program = (text: string) => `data:text/javascript,${encodeURIComponent(text)}`
    const answering = (bytes: string) =>
      program(`import { parentPort } from 'node:worker_threads'
        parentPort.on('message', (batch) => parentPort.postMessage(Uint8Array.of(...batch.subarray(0, 4), ${bytes})))`)
    for (const text of [
      'file:///nowhere/thread.js',
      program('process.exit(0)'),
      program('throw new Error("broken")'),
      answering('0x59, 0x59'),
      answering('0x4e, 0x4e'),
      answering('0x46, 0x46'),
      answering('0x4e, 0x59'),
      answering('1, 0'),
      answering('0x59'),
    ]) {
      const error = await start(text)
      expect.soft(error, text).toBeInstanceOf(ThreadError)
      expect.soft(error, text).toMatchObject({ code: 'ERR_THREAD' })
    }
    expect(await start(answering('0x59, 0x4e'))).toMatchObject({ threads })
  })
})

describe('SIG-12 a thread that', () => {
  const misdeeds: readonly (readonly [name: string, misdeed: string])[] = [
    ['ends', 'process.exit(1)'],
    ['fails', 'throw new Error("broken")'],
    ['answers nothing', 'port.postMessage(new Uint8Array(0))'],
    ['answers another batch with yes', 'port.postMessage(answers(id + 1, ...Array(count).fill(yes)))'],
    ['answers no batch', 'port.postMessage(answers(id - 1, ...Array(count).fill(yes)))'],
    ['answers too little', 'port.postMessage(answers(id, ...Array(count - 1).fill(yes)))'],
    ['answers too much', 'port.postMessage(answers(id, ...Array(count + 1).fill(yes)))'],
    ['answers with ones', 'port.postMessage(answers(id, ...Array(count).fill(1)))'],
    ['answers with zeros', 'port.postMessage(answers(id, ...Array(count).fill(0)))'],
    ['answers in words', 'port.postMessage(true)'],
    ['answers by an object', 'port.postMessage({ id, answers: Array(count).fill(true) })'],
  ]
  const chosen = shortCases(misdeeds, ([name]) => name.split(' ', 2).join(' '))
  it.each(chosen)('%s is ended, and what it was asked is verified here', async (_, misdeed) => {
    const errors: ThreadError[] = []
    await using pool = await createPool({
      script: faultyScript(misdeed),
      maxRestarts: 0,
      onError: (error) => errors.push(error),
    })
    // one batch for each of the two threads
    expect(await ask(pool)).toEqual([true, false, true, false])
    expect(await ask(pool)).toEqual([true, false, true, false])
    expect(pool.threads).toBe(0)
    expect(errors.map(({ code }) => code)).toEqual(['ERR_THREAD', 'ERR_THREAD'])
    expect(errors.every((error) => error instanceof ProcuraError)).toBe(true)
    expect(await ask(pool)).toEqual([true, false, true, false])
  })

  it('ends while the listener for that fails changes no verdict, and leaves nothing unhandled', async () => {
    let told = 0
    await using pool = await createPool({
      script: faultyScript('process.exit(7)'),
      threads: 1,
      maxRestarts: 1,
      onError: (): never | Promise<never> => {
        told += 1
        if (told === 1) throw new Error('the log is full')
        return Promise.reject(new Error('the log is full'))
      },
    })
    while (told < 2) expect(await ask(pool)).toEqual([true, false, true, false])
    expect(pool.threads).toBe(0)
  })

  it('ends again and again changes no verdict', async () => {
    const program = `import { parentPort } from 'node:worker_threads'
      import '${script.url}'
      let batches = 0
      parentPort.on('message', () => { if (++batches === 5) process.exit(1) })`
    let ended = 0
    await using pool = await createPool({
      script: `data:text/javascript,${encodeURIComponent(program)}`,
      maxRestarts: 1000,
      onError: () => {
        ended += 1
      },
    })
    const expected = Array.from({ length: 100 }, (_, at) => at % 2 === 0)
    for (let i = 0; ended < 5; i++) expect(await ask(pool, 100), `${i}`).toEqual(expected)
  })

  it('is silent, stuck or busy is ended in time, and its signatures are verified on the calling thread', async () => {
    await Promise.all(
      [
        '',
        'for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)',
        'setInterval(() => undefined, 1)',
        // A thread that never waits takes a processor from the other tests.
        ...(inCi ? ['for (;;);'] : []),
      ].map(async (misdeed) => {
        const errors: ThreadError[] = []
        await using pool = await createPool({
          script: faultyScript(misdeed),
          threads: 1,
          maxRestarts: 0,
          answerTimeoutMs: 1_500,
          onError: (error) => errors.push(error),
        })
        expect(await ask(pool)).toEqual([true, false, true, false])
        expect(errors.map(({ message }) => message)).toEqual(['a verification thread did not answer within 1500 ms'])
        expect(pool.threads).toBe(0)
      }),
    )
  })

  it('has answered while the calling thread was busy stays', async () => {
    await using pool = await createPool({ maxRestarts: 0, answerTimeoutMs: 1_500 })
    const answers = ask(pool, 100)
    await new Promise((resolve) => setImmediate(resolve))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_000)
    expect(await answers).toEqual(Array.from({ length: 100 }, (_, at) => at % 2 === 0))
    expect(pool.threads).toBe(2)
  })

  it('failed at its questions stays, and they are verified here', async () => {
    await using pool = await createPool({
      script: faultyScript('port.postMessage(answers(id, ...Array(count).fill(failed)))'),
    })
    expect(await ask(pool)).toEqual([true, false, true, false])
    expect(pool.threads).toBe(2)
  })

  it('answers twice is ended by the second answer', async () => {
    const misdeed = 'for (let i = 0; i < 2; i++) port.postMessage(answers(id, ...Array(count).fill(no)))'
    let failures = 0
    const failed = new Promise<void>((resolve) => {
      void createPool({
        script: faultyScript(misdeed),
        threads: 1,
        maxRestarts: 0,
        onError: () => {
          failures += 1
          resolve()
        },
      }).then((pool) => ask(pool, 1))
    })
    await failed
    expect(failures).toBe(1)
  })

  it('is replaced as often as was allowed, and then no more', async () => {
    const errors: ThreadError[] = []
    await using pool = await createPool({
      script: faultyScript('process.exit(7)'),
      threads: 1,
      maxRestarts: 3,
      onError: (error) => errors.push(error),
    })
    for (let died = 1; died <= 4; died++) {
      while (pool.threads === 0) await new Promise((resolve) => setImmediate(resolve))
      expect(await ask(pool)).toEqual([true, false, true, false])
      while (errors.length < died) await new Promise((resolve) => setImmediate(resolve))
    }
    expect(errors.map(({ message }) => message)).toEqual(Array(4).fill('a verification thread ended with exit code 7'))
    for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve))
    expect(pool.threads).toBe(0)
  })
})

describe('a dispatcher', () => {
  it('SIG-14 gives the threads no more than was allowed, and verifies the rest here', async () => {
    const here: number[] = []
    const { dispatcher } = await started({ threads: 1, maxPending: 3 })
    const asked = Array.from({ length: 5 }, (_, at) =>
      dispatcher.ask(at % 2 === 0 ? right : wrong, () => {
        here.push(at)
        return at % 2 === 0
      }),
    )
    expect(await Promise.all(asked)).toEqual([true, false, true, false, true])
    expect(here).toEqual([3, 4])
    // what was answered makes room
    expect(await dispatcher.ask(right, unasked)).toBe(true)
    await dispatcher.close()
  })

  it('SIG-14 takes what threads have answered, however much is verified here', async () => {
    const { dispatcher } = await started({ threads: 1, maxPending: 1 })
    let isAnswered = false
    const answered = dispatcher.ask(right, unasked).then(() => {
      isAnswered = true
    })
    for (let here = 0; !isAnswered; ) {
      await dispatcher.ask(right, () => {
        here += 1
        return true
      })
      expect(here).toBeLessThan(1_000_000)
    }
    await answered
    await dispatcher.close()
  })

  it('sends what comes in one turn in few batches, to all threads', async () => {
    const batches: number[][] = []
    const { dispatcher } = await started({ threads: 2 }, (questions, thread) => {
      batches[thread] ??= []
      batches[thread].push(questions)
    })
    await Promise.all(Array.from({ length: 200 }, () => dispatcher.ask(right, unasked)))
    const [first = [], second = []] = batches.map((sizes) => sizes.slice(1))
    expect(first.length).toBeGreaterThan(0)
    expect(second.length).toBeGreaterThan(0)
    expect([...first, ...second].reduce((sum, size) => sum + size, 0)).toBe(200)
    expect(Math.max(...first, ...second)).toBe(32)
    expect(first.length + second.length).toBeLessThan(20)
    await dispatcher.close()
  })

  it('sends the questions of one turn in one message, whichever callbacks ask them', async () => {
    const batches: number[] = []
    const { dispatcher } = await started({ threads: 1 }, (questions) => batches.push(questions))
    const asked: Promise<boolean>[] = []
    for (let tick = 0; tick < 3; tick++) {
      asked.push(dispatcher.ask(right, unasked))
      await new Promise<void>((resolve) => process.nextTick(resolve))
    }
    expect(await Promise.all(asked)).toEqual([true, true, true])
    expect(batches.slice(1)).toEqual([3])
    await dispatcher.close()
  })

  it('has the answer of the calling thread when that fails', async () => {
    const { dispatcher } = await started({
      threads: 1,
      maxPending: 1,
      script: new URL(faultyScript('process.exit(0)')),
    })
    const refuse = () => {
      throw new Error('refused here')
    }
    const asked = [dispatcher.ask(right, refuse), dispatcher.ask(right, refuse)]
    const reasons = (await Promise.allSettled(asked)).map((result) =>
      result.status === 'rejected' ? `${result.reason}` : '',
    )
    expect(reasons).toEqual(['Error: refused here', 'Error: refused here'])
    await dispatcher.close()
  })
})

describe('closing a pool', () => {
  it('waits for the answers of the threads', async () => {
    const { dispatcher } = await started({ threads: 2 })
    let answered = 0
    for (let i = 0; i < 100; i++) {
      void dispatcher.ask(right, unasked).then((answer) => {
        if (answer) answered += 1
      })
    }
    await dispatcher.close()
    expect(answered).toBe(100)
    expect(dispatcher.threads).toBe(0)
  })

  it('leaves what is asked later to the calling thread', async () => {
    const pool = await createPool()
    const last = ask(pool)
    const closed = pool.close()
    expect(await ask(pool)).toEqual([true, false, true, false])
    expect(await last).toEqual([true, false, true, false])
    await closed
    await pool.close()
    await pool[Symbol.asyncDispose]()
    expect(pool.threads).toBe(0)
    expect(await ask(pool)).toEqual([true, false, true, false])
  })

  it('does not count as a failure of the threads', async () => {
    const errors: ThreadError[] = []
    const pool = await createPool({ onError: (error) => errors.push(error) })
    await pool.close()
    expect(errors).toEqual([])
  })
})

describe('the options of a pool', () => {
  it('are checked', async () => {
    const refused: readonly [unknown, RegExp][] = [
      [null, /options argument of createVerificationPool/],
      [4, /options argument of createVerificationPool/],
      [{ threads: 0 }, /`threads` must be an integer >= 1 and <= 256/],
      [{ threads: 257 }, /`threads`/],
      [{ threads: 1.5 }, /`threads`/],
      [{ threads: '2' }, /`threads`/],
      [{ maxPending: 0 }, /`maxPending`/],
      [{ maxRestarts: -1 }, /`maxRestarts`/],
      [{ answerTimeoutMs: 0 }, /`answerTimeoutMs`/],
      [{ answerTimeoutMs: 2 ** 31 }, /`answerTimeoutMs`/],
      [{ onError: 'log' }, /`onError`/],
      [{ script: './thread.js' }, /`script` must be a URL/],
      [{ backend: 'sodium' }, /`backend` must be `node`, `noble` or `\{ sodium/],
      [{ backend: null }, /`backend`/],
      [{ backend: {} }, /`backend`/],
      [{ backend: { sodium: 'file:///nowhere.js' } }, /`sodium` must be the URL of the package/],
      [{ backend: { sodium: 'node:fs' } }, /must be the package `sodium-native`/],
    ]
    for (const [options, text] of refused) {
      const error = await createVerificationPool(options as VerificationPoolOptions).catch((error: unknown) => error)
      expect.soft(error, JSON.stringify(options)).toBeInstanceOf(ArgumentError)
      expect.soft((error as Error).message).toMatch(text)
    }
  })

  it('have defaults that use every processor', async () => {
    await using pool = await createVerificationPool({ script: script.url })
    expect(pool.threads).toBeGreaterThan(0)
    expect(pool).toMatchObject({ name: 'node, threads' })
    expect(await pool.sha256(message)).toEqual(await node.sha256(message))
    expect(pool.sha256Key?.(message)).toEqual(node.sha256Key?.(message))
  })
})

function unasked(): never {
  throw new Error('no thread answered')
}

/** Threads at work. `onBatch` gets the size of each batch and the number of its thread. */
async function started(
  options: Partial<DispatcherOptions> & { readonly script?: URL },
  onBatch?: (questions: number, thread: number) => void,
): Promise<{ readonly dispatcher: Dispatcher }> {
  let count = 0
  const dispatcher = createDispatcher({
    threads: 1,
    maxPending: 1000,
    maxRestarts: 0,
    onError: () => undefined,
    ...options,
    startThread: () => {
      const thread = startThread({ script: options.script ?? script.url, backend: 'node', answerTimeoutMs: 10_000 })
      const number = count++
      return {
        get underWay() {
          return thread.underWay
        },
        failed: thread.failed,
        stop: thread.stop,
        ask: (questions) => {
          onBatch?.(questions.length, number)
          return thread.ask(questions)
        },
      }
    },
  })
  await dispatcher.start()
  return { dispatcher }
}
