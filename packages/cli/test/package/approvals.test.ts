import { approve, readApprovalRequest, refuse } from 'procura/approval'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { freePort } from '../../../../test/support/free-port.ts'
import type { AgentHome } from '../gateway/agent-side/connect/agent-home.ts'
import { connectClient } from '../gateway/agent-side/connect/client.ts'
import { approveAt } from '../gateway/serve/approvals/approver.ts'
import { atPage, type OnUrl, type SdkClient, sdkClient } from '../gateway/serve/approvals/page-world.ts'
import { callsIn, type GatewayHome, makeGatewayHome } from '../gateway/serve/gateway-home.ts'

const eve = { to: 'eve@evil.example' }

describe('a client with elicitation in the mode `url`', () => {
  let home: GatewayHome
  let agent: AgentHome
  let page: string
  let open: SdkClient[]
  let urls: string[]
  beforeEach(async () => {
    ;[open, urls] = [[], []]
    home = await makeGatewayHome()
    const address = `127.0.0.1:${await freePort()}`
    home.configure((config) => Object.assign(config, { approvals: { page: address } }))
    agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail/send', [['like', '.to', '*@example.com']])
    page = (await home.open()).approvalPage as string
  })
  afterEach(async () => {
    for (const client of open) await client.close()
    await home.remove()
  })

  async function connect(sdk: 1 | 2, onUrl: OnUrl): Promise<SdkClient> {
    const client = await sdkClient(sdk, agent.folder, (url) => {
      urls.push(url)
      return onUrl(url)
    })
    open.push(client)
    return client
  }

  /** Does with the key of the owner as the page does with the key of the browser. */
  async function answer(url: string, isYes: boolean): Promise<number> {
    const [, id] = url.split('#')
    const found = await atPage(`${page}requests/${id}?approver=${encodeURIComponent(home.owner.did)}`)
    const kept = JSON.parse(found.text) as { readonly id: string; readonly request: string }
    const reading = await readApprovalRequest(kept.request, { approver: home.owner.did })
    if (!reading.valid) throw new Error(reading.denial.message)
    const parts = { issuer: home.owner }
    const body = isYes ? (await approve(reading.request, parts)).container : await refuse(reading.request, parts)
    const headers = { origin: page.slice(0, -1) }
    return (await atPage(`${page}answers/${kept.id}`, { method: 'POST', headers, body })).status
  }

  for (const sdk of [1, 2] as const) {
    it(`APR-88 of SDK ${sdk} opens the page, and the call is made once when the person approves it there`, async () => {
      const { call } = await connect(sdk, async (url) => {
        setTimeout(() => void answer(url, true), 200)
        return 'accept'
      })
      expect(await call('send', eve)).toBe('sent to eve@evil.example')
      expect(urls).toEqual([expect.stringMatching(/^http:\/\/[a-z2-7]{16}\.localhost:\d+\/#[a-z2-7]{16}$/)])
      expect(urls[0]?.startsWith(page)).toBe(true)
      expect(await call('send', { to: 'bob@example.com' })).toBe('sent to bob@example.com')
      expect(urls).toHaveLength(1)
      // Another call is another request.
      expect(await call('send', eve)).toBe('sent to eve@evil.example')
      expect(urls).toHaveLength(2)
      expect(urls[0]).not.toBe(urls[1])
      expect(callsIn(home.folder)).toHaveLength(3)
    })

    it(`APR-88 of SDK ${sdk} is refused when its user declines, or the person refuses on the page`, async () => {
      let action: 'accept' | 'decline' | 'cancel' = 'decline'
      const { call } = await connect(sdk, async (url) => {
        if (action === 'accept') setTimeout(() => void answer(url, false), 200)
        return action
      })
      expect(await call('send', eve)).toMatch(/^Denied \(policy_unsatisfied\)/)
      action = 'cancel'
      expect(await call('send', eve)).toMatch(/^Denied \(policy_unsatisfied\)/)
      action = 'accept'
      expect(await call('send', eve)).toMatch(/The approver has refused this call/)
      expect(callsIn(home.folder)).toEqual([])
    })
  }

  it('APR-88 that cancels waits as long as one without elicitation', async () => {
    const client = await sdkClient(
      1,
      agent.folder,
      async (url) => {
        setTimeout(() => void approveAt(home.folder, [url.split('#')[1] as string]), 300)
        return 'cancel'
      },
      { approvalWait: 60 },
    )
    open.push(client)
    expect(await client.call('send', eve)).toBe('sent to eve@evil.example')
  })

  it('APR-88 takes an answer at the terminal while the client waits for its user', async () => {
    const { call } = await connect(1, (url) => {
      void approveAt(home.folder, [url.split('#')[1] as string])
      return new Promise(() => undefined)
    })
    expect(await call('send', eve)).toBe('sent to eve@evil.example')
  })

  it('APR-88 approves nothing by itself: the agent sees the address, and has no key', async () => {
    let status = 0
    const { call } = await connect(1, async (url) => {
      const id = url.split('#')[1]
      for (const body of ['yes', '{"action":"accept"}', url])
        status = (
          await atPage(`${page}answers/${id}`, { method: 'POST', headers: { origin: page.slice(0, -1) }, body })
        ).status
      return 'decline'
    })
    expect(await call('send', eve)).toMatch(/^Denied/)
    expect(status).toBe(409)
    expect(callsIn(home.folder)).toEqual([])
  })

  it('APR-88 of the protocol version 2026-07-28 is asked by a result, and waits in the repeated call', async () => {
    const raw = connectClient(agent.folder)
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': { elicitation: { url: {} } },
    }
    const call = (inputResponses?: object): Promise<{ readonly result?: object }> =>
      raw.ask('tools/call', { name: 'send', arguments: eve, _meta, ...(inputResponses && { inputResponses }) })
    const first = (await call()) as {
      result: { resultType: string; inputRequests: Record<string, { params: { url: string } }> }
    }
    expect(first.result.resultType).toBe('input_required')
    const [[name, { params }] = ['', { params: { url: '' } }]] = Object.entries(first.result.inputRequests)
    expect(await call({ [name]: { action: 'decline' } })).toMatchObject({ result: { isError: true } })
    const waiting = call({ [name]: { action: 'accept' } })
    await answer(params.url, true)
    expect(await waiting).toMatchObject({ result: { content: [{ text: 'sent to eve@evil.example' }] } })
    expect(JSON.stringify(callsIn(home.folder))).not.toContain('inputResponses')
    raw.input.destroy()
    await raw.ended
  })

  it('serves the page of the package, under a policy that lets it connect to its address alone', async () => {
    const { text } = await atPage(page)
    expect(text).toContain("default-src 'none'; connect-src 'self'; script-src 'sha256-")
    expect(text).toContain('<h1>Approve a call</h1>')
  })
})
