// node only: runs tests

/**
 * `npm run test:services`: looks for each server and browser that a test of this folder needs, and runs the tests whose
 * needs are met. It names the missing ones, with their installation. With `CI=true` a missing one is a failure.
 *
 * Names of tests, such as `redis` or `redis.test.ts`, run these alone. `--packages` prints the Debian packages instead,
 * and `--pypi` those of PyPI. Other arguments go to the test runner.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from '../setup/entries.ts'
import { howToGet, type Running, type Service } from './service.ts'

const folder = fileURLToPath(new URL('.', import.meta.url))
const services = await readServices()
if (process.argv.includes('--packages')) {
  console.log(services.flatMap((service) => service.apt?.split(' ') ?? []).join('\n'))
} else if (process.argv.includes('--pypi')) {
  console.log(services.flatMap((service) => service.pypi?.split(' ') ?? []).join('\n'))
} else {
  process.exitCode = await run(process.argv.slice(2))
}

async function readServices(): Promise<Service[]> {
  const files = readdirSync(folder).filter((file) => file.endsWith('.service.ts'))
  const modules = files.map((file): Promise<{ service: Service }> => import(folder + file))
  return (await Promise.all(modules)).map(({ service }) => service)
}

async function run(runnerArguments: readonly string[]): Promise<number> {
  const owned = new Set(services.flatMap((service) => service.tests))
  const orphans = readdirSync(folder).filter((file) => file.endsWith('.test.ts') && !owned.has(file))
  if (orphans.length > 0) throw new Error(`no service names these tests: ${orphans.join(', ')}`)
  const named = runnerArguments.flatMap((argument) => {
    const name = basename(argument, '.test.ts')
    return owned.has(`${name}.test.ts`) ? [{ argument, test: `${name}.test.ts` }] : []
  })
  const wanted = named.length > 0 ? new Set(named.map(({ test }) => test)) : owned
  const missing: Service[] = []
  const present: { service: Service; found: string }[] = []
  for (const service of services.filter(({ tests }) => tests.some((test) => wanted.has(test)))) {
    const found = service.find()
    if (found === undefined) missing.push(service)
    else present.push({ service, found })
  }
  const scratch = mkdtempSync(join(tmpdir(), 'procura-services-'))
  // Servers run under accounts of their own.
  chmodSync(scratch, 0o755)
  // A file of tests that is skipped or killed leaves its folders here.
  process.env['TMPDIR'] = scratch
  const running: Running[] = []
  try {
    for (const { service, found } of present) {
      console.log(`found    ${service.name}: ${found}`)
      if (service.start) running.push(await service.start(found, mkdtempSync(join(scratch, `${service.name}-`))))
    }
    for (const service of missing)
      console.log(`missing  ${service.name}: ${howToGet(service)} (for ${service.tests.join(', ')})`)
    const impossible = new Set(missing.flatMap((service) => service.tests))
    const tests = [...wanted].filter((test) => !impossible.has(test))
    const others = runnerArguments.filter((argument) => named.every((one) => one.argument !== argument))
    const failed = tests.length > 0 && !runTests(tests, running, others)
    return failed || (missing.length > 0 && process.env['CI'] === 'true') ? 1 : 0
  } finally {
    await Promise.all(running.map((service) => service.stop()))
    rmSync(scratch, { recursive: true, force: true })
    if (missing.length > 0) console.log(`not tested for want of: ${missing.map(({ name }) => name).join(', ')}`)
  }
}

function runTests(tests: readonly string[], running: readonly Running[], runnerArguments: readonly string[]): boolean {
  const environment = Object.assign({}, ...running.map((service) => service.environment)) as Record<string, string>
  const files = tests.map((file) => `test/services/${file}`)
  const { status } = spawnSync(
    process.execPath,
    [
      `${root}node_modules/vitest/vitest.mjs`,
      'run',
      '--config',
      'test/services/vitest.config.ts',
      ...runnerArguments,
      ...files,
    ],
    { cwd: root, stdio: 'inherit', env: { ...process.env, ...environment } },
  )
  return status === 0
}
