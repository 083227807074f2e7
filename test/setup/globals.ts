/**
 * Each file of tests begins with the `Request` and `Response` of the platform. The server of Hono replaces them, and
 * files share a process.
 *
 * @module
 */

const originals = Symbol.for('procura.test.globals')
const kept = globalThis as { [originals]?: Pick<typeof globalThis, 'Request' | 'Response'> }

kept[originals] ??= { Request: globalThis.Request, Response: globalThis.Response }
for (const [name, value] of Object.entries(kept[originals])) Object.defineProperty(globalThis, name, { value })
