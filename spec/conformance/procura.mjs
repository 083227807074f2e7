/**
 * This library behind the protocol of the conformance runner, as an example of an adapter: one question per line in, one
 * answer per line out.
 *
 * @module
 */

import { createInterface } from 'node:readline'
import { CID } from 'multiformats/cid'
import { anySubject, createAuthorizer, defineCommand, never, parseDid, uncheckedCommands } from 'procura'
import { standardFormat } from 'procura/format'
import { compilePolicy, parsePolicy } from 'procura/policy'
import { memoryReplayStore, memoryRevocationStore } from 'procura/store/memory'
import { ucantoFormat } from 'procura/ucanto'

for await (const line of createInterface({ input: process.stdin })) {
  const { id, ...question } = JSON.parse(line)
  process.stdout.write(`${JSON.stringify({ id, ...(await answerTo(question)) })}\n`)
}

async function answerTo(question) {
  if (question.kind === 'policy') return decidePolicy(question)
  if (question.kind === 'call') return decideCall(question)
  return { skipped: true }
}

async function decideCall({ container, context }) {
  const authorizer = createAuthorizer(await optionsOf(context))
  for (const earlier of context.seen) await authorizer.authorize(containerOf(earlier))
  const decision = await authorizer.authorize(containerOf(container))
  return decision.allowed ? { allowed: true } : { allowed: false, code: decision.denial.code }
}

function decidePolicy({ policy, args }) {
  let compiled
  try {
    compiled = compilePolicy(parsePolicy(fromDagJson(policy)))
  } catch (error) {
    if (error.code !== 'ERR_MALFORMED') throw error
    return { allowed: false, code: 'malformed' }
  }
  const objection = compiled.evaluate(fromDagJson(args))
  return objection === undefined ? { allowed: true } : { allowed: false, code: objection.reason }
}

async function optionsOf(context) {
  const clock = { now: () => context.time }
  const revocations = memoryRevocationStore({ clock })
  for (const { id, revoker } of context.revoked) {
    await revocations.add({ ids: [id], expiration: never, ...(revoker && { revoker: parseDid(revoker) }) })
  }
  const { maxInvocationLifetime, ...options } = context.options
  return {
    audience: context.audience,
    subjects: context.subjects === 'any' ? anySubject : context.subjects,
    commands: context.commands === 'any' ? uncheckedCommands : context.commands.map(definitionOf),
    revocations: context.unavailable.includes('revocations') ? { findRevocations: down } : revocations,
    replay: context.unavailable.includes('replay') ? { claim: down } : memoryReplayStore({ clock }),
    clock,
    ...options,
    ...(maxInvocationLifetime && {
      maxInvocationLifetime: maxInvocationLifetime === 'never' ? never : maxInvocationLifetime,
    }),
    ...(context.formats && { formats: context.formats.map((format) => formatOf(format, context)) }),
  }
}

function formatOf(format, { owners, attestationAuthorities }) {
  if (format === '1.0.0') return standardFormat
  return ucantoFormat({
    ...(owners && { ownerOf: (resource) => (Object.hasOwn(owners, resource) ? owners[resource] : undefined) }),
    ...(attestationAuthorities && { attestationAuthorities }),
  })
}

function definitionOf({ command, args, idempotent = false }) {
  const schemas = Object.entries(args).map(([name, type]) => [name, schemaOf(type)])
  return defineCommand({ command, args: Object.fromEntries(schemas), idempotent })
}

/** A schema of the vectors: `text`, `integer` or `list`, with a question mark for an optional argument. */
function schemaOf(type) {
  const is = { text: (value) => typeof value === 'string', integer: Number.isSafeInteger, list: Array.isArray }
  const test = is[type.replace('?', '')]
  const validate = (value) => (test(value) ? { value } : { issues: [{ message: 'is of another type' }] })
  return {
    ...(type.endsWith('?') && { optional: true }),
    '~standard': { version: 1, vendor: 'vectors', validate },
  }
}

function containerOf(container) {
  return typeof container === 'string' ? container : new Uint8Array(Buffer.from(container.bytes, 'base64url'))
}

/** DAG-JSON: bytes and links are written as maps with the key `/`. */
function fromDagJson(value) {
  if (Array.isArray(value)) return value.map(fromDagJson)
  if (typeof value !== 'object' || value === null) return value
  const inner = value['/']
  if (typeof inner === 'string') return CID.parse(inner)
  if (typeof inner?.bytes === 'string') return new Uint8Array(Buffer.from(inner.bytes, 'base64'))
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fromDagJson(item)]))
}

function down() {
  throw new Error('the store is down')
}
