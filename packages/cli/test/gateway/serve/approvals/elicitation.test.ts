import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  createElicitations,
  type Elicitations,
  type Elicitor,
  inputRequired,
  withoutAnswer,
} from '../../../../src/gateway/agent-side/connect/elicitations.ts'

describe('the request by which a client opens the page', () => {
  let sent: Record<string, unknown>[]
  let elicitations: Elicitations
  let end: AbortController
  const plain = { id: 1, params: { name: 'send' } }
  const waiting = { requests: [], threshold: 1, isEnrolled: true, url: 'http://127.0.0.1:7335/#k5rmbfadsxzqc2ty' }
  beforeEach(() => {
    sent = []
    end = new AbortController()
    elicitations = createElicitations(async (line) => void sent.push(JSON.parse(line)))
  })
  afterEach(() => end.abort())

  const initialize = (elicitation?: object): boolean =>
    elicitations.take({
      id: 1,
      method: 'initialize',
      params: { capabilities: { ...(elicitation && { elicitation }) } },
    })
  const open = (): Promise<boolean | undefined> => {
    initialize({ form: {}, url: {} })
    return (elicitations.current(plain) as Elicitor).open(waiting, end.signal)
  }
  const answer = (result: object | undefined): boolean =>
    elicitations.take({
      id: sent[0]?.['id'],
      ...(result === undefined ? { error: { code: -1 } } : { result }),
    } as never)

  it('APR-88 is for clients that announce the mode `url`', () => {
    for (const given of [undefined, {}, { form: {} }, { url: true }, { url: null }]) {
      expect(initialize(given as object)).toBe(false)
      expect(elicitations.current(plain)).toBeUndefined()
    }
    initialize({ url: {} })
    for (const params of [plain.params, { _meta: null }, null, undefined])
      expect(elicitations.current({ id: 1, params } as never), JSON.stringify(params)).toBeDefined()
  })

  it('APR-88 contains the address, and no argument', async () => {
    const opened = open()
    expect(sent).toEqual([
      {
        ...{ jsonrpc: '2.0', id: expect.stringMatching(/^procura-approval-/), method: 'elicitation/create' },
        params: { mode: 'url', url: waiting.url, message: expect.any(String), elicitationId: sent[0]?.['id'] },
      },
    ])
    expect(answer({ action: 'accept', content: { approved: true } })).toBe(true)
    expect(await opened).toBe(true)
    end.abort()
    expect(sent[1]).toEqual({
      ...{ jsonrpc: '2.0', method: 'notifications/elicitation/complete' },
      params: { elicitationId: sent[0]?.['id'] },
    })
  })

  it('APR-88 reports a user who declines, and a client that cannot ask', async () => {
    for (const [given, result] of [
      [{ action: 'decline' }, false],
      [{ action: 'cancel' }, undefined],
      [{ action: 'approve' }, undefined],
      [undefined, undefined],
    ] as const) {
      sent.splice(0)
      const opened = open()
      expect(answer(given)).toBe(true)
      expect(await opened).toBe(result)
      // Each request has one answer.
      expect(answer(given)).toBe(false)
    }
  })

  it('APR-88 is cancelled when its call no longer waits', async () => {
    const opened = open()
    end.abort()
    expect(await opened).toBeUndefined()
    expect(sent[1]).toMatchObject({ method: 'notifications/cancelled', params: { requestId: sent[0]?.['id'] } })
    expect(elicitations.take({ id: 'other', result: {} } as never)).toBe(false)
  })

  it('APR-88 is in the result of the call since 2026-07-28, and its answer in the next one', () => {
    const meta = (elicitation: object): object => ({
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': { elicitation },
    })
    const call = (elicitation: object, inputResponses?: object): never =>
      ({
        id: 5,
        params: { name: 'send', _meta: meta(elicitation), ...(inputResponses && { inputResponses }) },
      }) as never
    initialize({ url: {} })
    expect(elicitations.current(call({ form: {} }))).toBeUndefined()
    expect(elicitations.current(call({ url: {} }))).toEqual({ action: undefined })
    const answered = call({ url: {} }, { 'procura-approval': { action: 'accept' }, theirs: { action: 'accept' } })
    expect(elicitations.current(answered)).toEqual({ action: 'accept' })
    expect(withoutAnswer(answered).params?.inputResponses).toEqual({ theirs: { action: 'accept' } })
    expect(withoutAnswer(call({}, { 'procura-approval': {} })).params).toEqual({ name: 'send', _meta: meta({}) })
    expect(withoutAnswer(plain)).toBe(plain)
    expect(inputRequired(5, waiting)).toEqual({
      ...{ jsonrpc: '2.0', id: 5 },
      result: {
        resultType: 'input_required',
        inputRequests: {
          'procura-approval': {
            ...{ method: 'elicitation/create' },
            params: { mode: 'url', url: waiting.url, message: expect.any(String) },
          },
        },
      },
    })
    expect(sent).toEqual([])
  })
})
