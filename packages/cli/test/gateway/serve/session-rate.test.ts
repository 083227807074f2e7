import { connect } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import { until } from '../../../../../test/support/until.ts'
import { newClients } from '../agent-side/connect/client.ts'
import { makeGatewayHome } from './gateway-home.ts'

describe('a process of the user that begins sessions without end', () => {
  it('is refused while it begins them too fast [GTW-72] [attack 81]', async () => {
    const home = await makeGatewayHome()
    const gateway = await home.open()
    const first = async (): Promise<string> => {
      let answer = ''
      const socket = connect(gateway.place, () => void socket.write('{"procura":1,"server":"mail"}\n'))
      socket.on('error', () => undefined).on('data', (chunk: Buffer) => (answer += chunk.toString()))
      await until(() => answer.includes('\n') || socket.destroyed)
      socket.destroy()
      await until(async () => (await gateway.health()).sessions < 16)
      return answer
    }
    // The time stands still, so the pace does not depend on this machine.
    const time = vi.spyOn(performance, 'now').mockReturnValue(performance.now())
    try {
      const answers: string[] = []
      for (let count = 0; count < 120; count++) answers.push(await first())
      expect(answers.map((answer) => answer.includes('"audience"'))).toEqual([
        ...[...Array<boolean>(100).fill(true), ...Array<boolean>(20).fill(false)],
      ])
      const started = (await home.records()).filter(
        ({ kind, command }) => kind === 'intent' && command === '/gateway/start/mail/0',
      )
      expect(started.length).toBeLessThanOrEqual(101)
    } finally {
      time.mockRestore()
    }
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail')
    const clients = newClients()
    const mail = await clients.open(agent.folder)
    expect((await mail.call('send', { to: 'bob@example.com' })).result?.isError).not.toBe(true)
    await clients.end()
    await home.remove()
  }, 60_000)
})
