/**
 * `npm run bench`: what Procura costs, beside what others cost, on this machine.
 *
 * - `--suite <name>`: that suite alone; may be repeated.
 * - `--smoke`: every suite of Procura's own, hardly measured: shows that they run, in seconds. Nothing is installed.
 * - `--check`: fails when a target is not met. A run of all suites also fails when a figure of a target was not measured.
 * - `--write`: writes `bench/RESULTS.md`, `bench/tables.md` and `bench/cost-per-call.svg`, when all suites are measured.
 * - `--json <file>`: writes everything that was measured.
 *
 * A suite that fails is run once more, except with `--smoke`.
 *
 * @module
 */

import { fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { setup as build } from '../test/setup/build.ts'
import { root } from '../test/setup/entries.ts'
import type { Order, Report } from './child.ts'
import { findPace } from './harness/calm.ts'
import { installedPeers, installPeers } from './harness/installed.ts'
import { describeMachine, machineTable } from './harness/machine.ts'
import { millionTable } from './harness/million.ts'
import { drawCosts } from './harness/picture.ts'
import { writeResults } from './harness/results.ts'
import type { Effort, Table } from './harness/suite.ts'
import { number, printTable } from './harness/table.ts'
import { failedTargets, standingOf, targetsTable } from './harness/targets.ts'
import { suites } from './suites/index.ts'

/** Short turns, and many: on a machine that others use as well, most of them are then not interrupted. */
const thorough: Effort = { rounds: 75, turnMs: 5 }
const hardly: Effort = { rounds: 1, turnMs: 0.001 }

process.exitCode = await main()

function misused(message: string): number {
  console.error(message)
  return 2
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      suite: { type: 'string', multiple: true, default: Object.keys(suites) },
      smoke: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  })
  const isWhole = values.suite.length === Object.keys(suites).length && !values.smoke
  const unknown = values.suite.find((name) => !Object.hasOwn(suites, name))
  if (unknown !== undefined)
    return misused(`unknown suite "${unknown}"; the suites are ${Object.keys(suites).join(', ')}`)
  if (values.write && !isWhole) return misused('--write needs all suites; leave out --suite and --smoke')
  build()
  if (!values.smoke) installPeers()
  const peers = values.smoke ? new Map<string, string>() : installedPeers()
  const machine = describeMachine()
  const versions = machineTable(machine, peers)
  if (!values.smoke) console.log(`${printTable(versions)}\n`)
  let pace = values.smoke ? undefined : await findPace(5_000)
  const reports = new Map<string, Report>()
  const measureSuite = async (name: string): Promise<void> => {
    const start = performance.now()
    const options = { effort: values.smoke ? hardly : thorough, smoke: values.smoke, peers: [...peers.keys()] }
    // The processor may have been disturbed before.
    if (pace !== undefined) pace = Math.min(pace, await findPace(500))
    const report = await runSuite({ name, options, ...(pace !== undefined && { pace }) })
    reports.set(name, report)
    if (!values.smoke) console.log(`${report.result.tables.map(printTable).join('\n\n')}\n`)
    console.log(`${name}: ${number((performance.now() - start) / 1000)} s`)
  }
  const failed: string[] = []
  for (const name of values.suite) {
    await measureSuite(name).catch((error: unknown) => {
      if (values.smoke) throw error
      console.error(error)
      failed.push(name)
    })
  }
  // Once more, so that an hour is not lost. The second failure ends the run.
  for (const name of failed) await measureSuite(name)
  const results = values.suite.flatMap((name) => reports.get(name)?.result ?? [])
  const tables: readonly Table[] = results.flatMap((result) => result.tables)
  const figures: Readonly<Record<string, number>> = Object.assign({}, ...results.map((result) => result.figures))
  const standings = targetsTable(figures)
  if (!values.smoke && standings.rows.length > 0) console.log(printTable(standings))
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify({ machine, standings, tables, figures }))
  const million = millionTable(figures)
  if (!values.smoke && million.rows.length > 0) console.log(printTable(million))
  if (values.write) {
    writeResults(`${root}bench`, { machine, targets: standings, tables: [versions, million, ...tables] })
    writeFileSync(`${root}bench/cost-per-call.svg`, drawCosts(figures))
  }
  if (!values.check) return 0
  const missed = failedTargets(figures, isWhole)
  for (const target of missed) console.error(`${standingOf(target, figures)}: ${target.claim}`)
  return missed.length > 0 ? 1 : 0
}

/** Runs one suite in a process of its own. Rejects when it fails. */
function runSuite(order: Order): Promise<Report> {
  return new Promise((resolve, reject) => {
    const flags = suites[order.name]?.flags ?? []
    const execArgv = [...process.execArgv, '--no-warnings', '--expose-gc', ...flags]
    const child = fork(`${root}bench/child.ts`, { execArgv, serialization: 'advanced' })
    let report: Report | undefined
    child.once('message', (message: Report) => {
      report = message
    })
    child.once('error', reject)
    child.once('exit', (code) => {
      if (report !== undefined) resolve(report)
      else reject(new Error(`the suite ${order.name} ended with ${code}`))
    })
    child.send(order)
  })
}
