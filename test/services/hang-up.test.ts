import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { controlGateway } from '../../packages/cli/src/cli/gateway/control.ts'
import { type GatewayHome, makeGatewayHome } from '../../packages/cli/test/gateway/serve/gateway-home.ts'
import { bundledProcura } from '../support/bundled-procura.ts'
import { until } from '../support/until.ts'
import { service } from './script.service.ts'

const program = bundledProcura()
let home: GatewayHome
let terminal: ChildProcess | undefined

beforeEach(async () => {
  home = await makeGatewayHome()
})

afterEach(async () => {
  terminal?.kill('SIGKILL')
  const config = join(home.folder, 'gateway.json')
  await controlGateway(config, 'stop')
  // The shell writes this file after the gateway has ended: from then on nothing writes into the folder.
  await until(() => read('ended') !== '')
  await home.remove()
})

const read = (name: string): string => {
  try {
    return readFileSync(join(home.folder, name), 'utf8')
  } catch {
    return ''
  }
}

/** Runs `serve` at a terminal, and writes its number and the way it ended into files. Returns its process. */
async function serveAt(how: string): Promise<number> {
  const serve = `${JSON.stringify(process.execPath)} ${program()} serve --home ${home.folder}`
  // The shell outlives its terminal and sees how the gateway ends. It passes SIGHUP on, as interactive shells do.
  const command = `trap 'kill -HUP $id' HUP; ${how.replace('SERVE', serve)} & id=$!; wait $id; wait $id; echo $? > ${home.folder}/ended`
  terminal = spawn(service.find() ?? 'script', ['-qc', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'ignore'] })
  const config = join(home.folder, 'gateway.json')
  let id = 0
  await until(async () => {
    const answer = await controlGateway(config, 'status')
    if (answer.state === 'done') id = answer.data.process
    return answer.state === 'done'
  })
  return id
}

async function hangUp(): Promise<void> {
  const exit = new Promise((resolve) => terminal?.once('exit', resolve))
  terminal?.kill('SIGKILL')
  await exit
}

describe('procura serve at a terminal', () => {
  it('ends in order when the terminal is gone [CLI-32] [GTW-35]', async () => {
    await serveAt('SERVE')
    await hangUp()
    await until(() => read('ended') !== '')
    expect(read('ended')).toBe('0\n')
  })

  it('reloads at SIGHUP while the terminal is there [CLI-32] [GTW-34]', async () => {
    const id = await serveAt(`SERVE 2> ${home.folder}/said`)
    process.kill(id, 'SIGHUP')
    await until(() => read('said').includes('took the new configuration'))
    expect(await controlGateway(join(home.folder, 'gateway.json'), 'status')).toMatchObject({ data: { process: id } })
  })

  it('goes on under nohup when the terminal is gone, whose SIGHUP is a reload [CLI-32]', async () => {
    await serveAt(`nohup SERVE < /dev/null > ${home.folder}/said 2>&1`)
    await hangUp()
    await until(() => read('said').includes('took the new configuration'))
    expect(read('ended')).toBe('')
  })
})
